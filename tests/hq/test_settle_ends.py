"""Where the numbers of settlement end: names, counts, how far back a sale is looked for."""

from collections.abc import Iterator

import pytest

from kiosk.hq.people.staff import StaffError
from kiosk.hq.settlement import seeds, told
from kiosk.hq.settlement.alarms import watch
from kiosk.hq.settlement.burned import burned
from kiosk.hq.settlement.deciding import NotSettled
from kiosk.hq.settlement.rule import Doubt, way
from kiosk.vend import facts as f
from kiosk.vend.bank import PosFinal
from tests.hq.settle_kit import CARD, Town, claimed
from tests.sale.shop import METER, Card


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


@pytest.mark.covers("field-161")
def test_names_and_notes_have_an_end(town: Town) -> None:
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    value = town.case(k07).value
    for who in ("x" * 65, "", "a\nb", "../anna", ".anna"):
        with pytest.raises(StaffError, match="is named"):
            town.desk.decide(value, who, town.now_ms)
    for note in ("x" * 513, "\x1b[2J"):
        with pytest.raises(NotSettled, match="note"):
            town.desk.decide(value, "anna", town.now_ms, note=note)
    assert town.desk.decide(value, "x" * 64, town.now_ms, note="x" * 512).made is not None


def test_rows_that_say_anything_break_nothing_and_reach_no_terminal(town: Town) -> None:
    """Well signed, by a machine in other hands."""
    k07, k09, evil = town.kiosk("K07"), town.kiosk("K09"), "\x1b[2Jrm\n"
    claimed(k07, Card())
    town.hears(k07)
    k09.rows.clear()
    huge = (1 << 53) - 1
    for fact in (
        f.ClaimIssued("00000000000000aa", 1, CARD, evil, 2, 100_00, evil, evil),
        f.ClaimIssued("00000000000000ab", -1, CARD, METER, huge, -huge, evil, evil),
        f.WriteStarted("00000000000000ac", CARD, METER, 2, 100_00, evil),
        f.CardVerified("00000000000000ac", CARD, 2, evil),
        f.ForeignSaleFinished(CARD, METER, 2, -5, evil),
        f.CardPresented(CARD, METER, evil, authentic=True, count=-7, taken=huge, word=evil, why=evil, tag=evil, fits=True),
        f.TransferCodeAccepted("00000000000000ad", CARD, METER, -1, huge, -1, evil, evil),
        f.OrphanCredit(evil, evil, -huge, huge, 0, 0),
        f.AcceptorRead(evil, evil, -1, -1),
        f.PrintStarted("00000000000000ae", huge, evil),
    ):
        k09.journal.write(fact, (huge, 0, 0))
    town.hears(k09)
    known = town.cases.known(METER)
    for case in town.cases.all(town.now_ms):
        chosen = way(case, town.now_ms)
        said = [told.line(case, chosen, town.now_ms), *told.shown(case, chosen, known, town.now_ms)]
        assert all(each.isprintable() for each in said), said
    assert all(alarm.sentence.isprintable() for alarm in watch(town.store, town.now_ms))
    report = burned(town.store, town.cases, "K09", {}, town.now_ms)
    assert all(each.isprintable() for each in told.gone(report))


@pytest.mark.covers("field-162")
def test_behind_the_last_purchase_count_no_order_is_made(town: Town) -> None:
    k07, k09 = town.kiosk("K07"), town.kiosk("K09")
    claimed(k07, Card())
    k09._add((f.CardPresented(CARD, METER, "gdw1365", authentic=True, count=0xFFFFFFFF, taken=0xFFFFFFFF, word="ready", why=None),))
    town.hears(k07, k09)
    value = town.case(k07).value
    with pytest.raises(NotSettled, match="No card has a purchase 4294967296"):
        town.desk.decide(value, "anna", town.now_ms)


@pytest.mark.covers("field-164")
def test_a_sale_that_never_ended_is_looked_for_among_the_last_rows(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    k07 = town.kiosk("K07")
    k07.insert(Card())
    k07.feed(100_00)
    town.hears(k07)
    town.state(k07, "closed")
    assert len(town.cases.all(town.now_ms)) == 1
    monkeypatch.setattr(seeds, "OPEN_ROWS", 1)
    assert town.cases.all(town.now_ms) == []


def test_what_a_bank_card_paid_into_a_sale_that_never_ended_is_owed_too(town: Town) -> None:
    k07 = town.kiosk("K07")
    k07.insert(Card())
    k07.press("tender", "cash")
    (opened,) = k07.facts("SaleOpened")
    assert isinstance(opened, f.SaleOpened)
    k07._add((PosFinal(opened.sale, "00000000000000aa", 70_00, "0042", "001042", "123456", "4771"),))
    town.hears(k07)
    town.state(k07, "closed")
    (case,) = town.cases.all(town.now_ms)
    assert (case.kind, case.amount_minor, case.doubts) == ("open", 70_00, (Doubt.OPEN,))
