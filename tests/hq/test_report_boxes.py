"""Cash boxes by their rows: what fell in, what the counter says, what was counted, and who has to look at which."""

from collections.abc import Iterable

import msgspec
import pytest

from kiosk.hq.report.cashbox import Counted, Reconciled, Session, Told, records, sessions, table_of
from kiosk.hq.report.counts import BadCount, Count, counts_of
from kiosk.hq.report.sheet import Sheet
from kiosk.hq.report.text import text_of
from kiosk.vend import facts as f
from kiosk.vend.till import CashBoxInstalled, CashBoxMissing, CashBoxRemoved

SALE = "00112233445566aa"


class Life:
    """What one machine wrote down about its notes, with a counter that counts."""

    def __init__(self, accepted: int | None = 100) -> None:
        self.told: list[Told] = []
        self.accepted, self.serial, self.minor, self.session = accepted, "N1", 0, 1

    def write(self, fact: f.Fact) -> "Life":
        self.told.append(Told(len(self.told) + 1, 1_000 * len(self.told), fact))
        return self

    def count(self, pieces: int = 1) -> int | None:
        if self.accepted is not None:
            self.accepted += pieces
        return self.accepted

    def read(self) -> "Life":
        return self.write(f.AcceptorRead("notes", self.serial, 1, self.accepted))

    def note(self, denomination: int = 100_00) -> "Life":
        self.minor += denomination
        return self.write(f.NoteStacked(SALE, "notes", self.serial, denomination, 1, self.count()))

    def orphan(self, minor: int | None, pieces: int = 1) -> "Life":
        self.minor += minor or 0
        return self.write(f.OrphanCredit("notes", self.serial, pieces, minor, 1, self.count(pieces)))

    def out(self, said: int | None = None) -> "Life":
        minor = self.minor if said is None else said
        self.write(CashBoxRemoved("notes", self.session, f"B{self.session}", f"{self.session:012}", ("014", "027"), (), minor))
        self.session, self.minor = self.session + 1, 0
        return self

    def back(self, stray: int = 0) -> "Life":
        self.minor = 0
        return self.write(CashBoxInstalled("notes", self.session, f"B{self.session}", ("014", "027"), stray))

    @property
    def sessions(self) -> list[Session]:
        return list(sessions(self.told))


def reconciled(session: Session, counted: int | None = None, pieces: int = 0) -> Reconciled:
    count = None if counted is None else Counted(counted, pieces, ("101", "102"), 5)
    return Reconciled("K07", "CNY", 2, 20261103, 20261103, session, count)


def test_a_box_holds_every_piece_since_it_was_put_in() -> None:
    life = Life().read().note().note(20_00).out().back().note(50_00).note(50_00).out()
    first, second = life.sessions
    assert (first.minor, first.count, first.grew, first.bag) == (120_00, 2, 2, "000000000001")
    assert (second.minor, second.pieces, second.grew) == (100_00, (f.Tender("notes", 50_00, 2),), 2)
    assert reconciled(second, 100_00, 2).findings == ()


def test_notes_and_coins_lie_in_boxes_of_their_own() -> None:
    life = Life().note()
    life.write(f.CoinAccepted(SALE, "coins", "C1", 1_00, 1, None)).out()
    life.write(CashBoxRemoved("coins", 1, "C", "7", ("014",), (), 1_00))
    assert [(one.device, one.minor, one.grew) for one in life.sessions] == [("notes", 100_00, 1), ("coins", 1_00, None)]


def test_a_box_that_is_still_in_the_machine_is_not_told() -> None:
    assert Life().note().sessions == []


@pytest.mark.covers("abuse-57")
def test_what_was_counted_differs_to_the_cent() -> None:
    (session,) = Life().read().note().out().sessions
    assert [(reconciled(session, minor).difference_minor, reconciled(session, minor).findings) for minor in (100_00, 99_99, 100_01)] == [
        (0, ()), (-1, ("missing",)), (1, ("surplus",)),
    ]  # fmt: skip
    assert reconciled(session).findings == ("not counted",)
    assert reconciled(session).difference_minor is None


def test_a_note_that_the_counter_saw_and_no_row_names_is_found() -> None:
    life = Life().read().note()
    life.count()
    (session,) = life.read().out().sessions
    assert (session.count, session.grew) == (1, 2)
    assert reconciled(session, 100_00).findings == ("counter",)


def test_a_note_that_no_counter_saw_is_found() -> None:
    life = Life().read().note()
    life.write(f.NoteStacked(SALE, "notes", "N1", 100_00, 9, life.accepted)).read()
    life.minor += 100_00
    (session,) = life.out().sessions
    assert (session.count, session.grew) == (2, 1)
    assert "counter" in reconciled(session, 200_00).findings


def test_a_note_that_fell_while_the_power_was_off_is_counted_once() -> None:
    life = Life().read().note()
    life.count()
    life.write(f.AcceptorRead("notes", "N1", 1, life.accepted))  # at the start the counter is read first, and then the note is told
    life.write(f.NoteStacked(SALE, "notes", "N1", 100_00, 2, life.accepted, recovered=True)).read()
    life.minor += 100_00
    (session,) = life.out().sessions
    assert (session.count, session.grew) == (2, 2)


@pytest.mark.parametrize("change", ["serial", "back", "none"])
def test_a_counter_that_was_changed_went_back_or_is_none_proves_nothing(change: str) -> None:
    life = Life().read().note()
    if change == "serial":
        life.serial = "N2"
    life.accepted = {"serial": 3_000, "back": 5, "none": None}[change]
    (session,) = life.read().note().out().sessions
    assert session.grew is None
    assert reconciled(session, 200_00).findings == ()


def test_after_a_change_the_next_box_has_its_counter_again() -> None:
    life = Life().read().note()
    life.serial, life.accepted = "N2", 7
    assert [one.grew for one in life.read().note().out().back().note().out().sessions] == [None, 1]


def test_growth_while_no_piece_was_told_is_the_next_boxs() -> None:
    life = Life().read().note().out().back()
    life.count(3)
    (_, second) = life.read().note().out().sessions
    assert (second.count, second.grew) == (1, 4)


def test_pieces_without_a_value_and_notes_in_doubt_explain_a_surplus_and_never_a_loss() -> None:
    unknown = Life().read().note().orphan(None, 2).out().sessions[0]
    assert (unknown.minor, unknown.unknown, unknown.count, unknown.grew) == (100_00, 2, 3, 3)
    assert reconciled(unknown, 130_00).findings == ()
    assert reconciled(unknown, 99_00).findings == ("missing",)
    doubt = Life().note().write(f.EscrowUnknown(SALE, "notes", 50_00)).out().sessions[0]
    assert [reconciled(doubt, minor).findings for minor in (100_00, 150_00, 140_00)] == [(), (), ("surplus",)]


def test_an_orphan_of_known_value_lies_in_the_box() -> None:
    (session,) = Life().orphan(20_00).out().sessions
    assert (session.minor, session.orphans_minor, session.said_minor) == (20_00, 20_00, 20_00)


def test_the_kiosks_own_sum_is_held_against_its_rows() -> None:
    (session,) = Life().note().out(said=90_00).sessions
    assert reconciled(session, 100_00).findings == ("kiosk's sum",)


def test_stray_pieces_and_a_box_that_left_by_itself_are_told() -> None:
    life = Life().note().out().note().back(stray=1).note(20_00)
    life.write(CashBoxMissing("notes", 2, 20_00))
    _, second = life.out().sessions
    assert (second.minor, second.stray, second.alarms) == (20_00, 1, 1)
    assert reconciled(second, 20_00).findings == ("left by itself", "stray")


def test_rows_that_begin_in_the_middle_tell_no_half_box() -> None:
    life = Life().read().note().out().back().note().out()
    assert [one.session for one in sessions(life.told[1:], whole=False)] == [2]
    assert [one.grew for one in sessions(life.told[1:], whole=False)] == [1]


def test_a_device_that_has_no_box_is_no_box() -> None:
    life = Life().write(CashBoxRemoved("printer", 1, "", "", (), (), 0)).write(f.DeviceFault("notes", "jam"))
    assert life.sessions == []


# ---------------------------------------------------------------- on paper


def test_whoever_has_to_look_learns_at_what() -> None:
    good = reconciled(Life().read().note().out().sessions[0], 100_00, 1)
    bad = msgspec.structs.replace(
        reconciled(Life().note().orphan(None).out(said=0).sessions[0], 90_00, 1), kiosk="K08", posted_day=20261201
    )
    text = text_of(Sheet("CASH BOXES", "", "", "", table_of([good, bad])))
    assert "SOMEBODY HAS TO LOOK AT 1 OF 2" in text
    told = " ".join(text.split())
    assert (
        "K08 notes 1 missing, kiosk's sum; the counter says 2 pieces, the journal 2; taken out on 2026-11-03; the kiosk said 0.00;" in told
    )
    assert "1 pieces of unknown value" in told
    assert [line.split() for line in text.splitlines() if line.startswith("all")] == [["all", "3", "200.00", "190.00", "-10.00"]]
    assert max(map(len, text.splitlines())) <= 80
    assert "All of them agree." in text_of(Sheet("", "", "", "", table_of([good])))
    assert "No box was taken out." in text_of(Sheet("", "", "", "", table_of([])))


def test_boxes_of_two_currencies_stand_in_two_tables() -> None:
    one = reconciled(Life().note().out().sessions[0], 100_00)
    text = text_of(Sheet("", "", "", "", table_of([one, msgspec.structs.replace(one, currency="UGX", exponent=0)])))
    assert text.count("all  ") == 2
    assert "10 000" in text
    assert "200.00" not in text


def test_a_record_has_every_figure() -> None:
    (record,) = records([reconciled(Life().read().note().out().sessions[0], 99_00, 1)])
    assert record[4:8] == ("000000000001", "2026-11-03", "2026-11-03", "1970-01-01 00:00 UTC")
    assert record[-1] == "missing"


# ---------------------------------------------------------------- the counting room

HEADS = "kiosk,device,bag,pieces,amount\n"


def test_counts_are_read_from_a_file() -> None:
    text = "\ufeff" + HEADS + 'K07,notes,000123,12,"1234.50"\n\nK08,coins,7,0,0.00\n'
    assert counts_of(text) == (Count("K07", "notes", "000123", 12, "1234.50"), Count("K08", "coins", "7", 0, "0.00"))


BAD: Iterable[tuple[str, str]] = [
    ("", "first line"),
    ("kiosk;device\n", "first line"),
    (HEADS + "K07,notes,1,2\n", "4 cells"),
    (HEADS + "K07,printer,1,2,3.00\n", "notes or coins"),
    (HEADS + "K07,notes,1,-2,3.00\n", "whole number"),
    (HEADS + "K07,notes,1,9999999999,3.00\n", "whole number"),
    (HEADS + "K07,notes,1,2,3.00,101 102\n", "6 cells"),
    ("kiosk,device,bag,pieces,amount,people\nK07,notes,1,2,3.00,101 102\n", "sign with their staff keys"),
    (HEADS + 'K07,notes,"1,2,3.00\n', "CSV"),
    (HEADS + "K07,notes," + "1" * 200_000 + ",2,3.00\n", "CSV"),
]


@pytest.mark.covers("field-72")
@pytest.mark.parametrize(("text", "why"), BAD)
def test_a_count_that_is_none_is_refused_in_one_sentence(text: str, why: str) -> None:
    with pytest.raises(BadCount, match=why) as refused:
        counts_of(text)
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 200
