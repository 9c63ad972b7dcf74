"""Who a reference is, at the head office: apart from every fact, shown to whoever says why, erased for good; SQLite and PostgreSQL."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, func, select, text

from kiosk import envelope
from kiosk.hq import kiosks
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.letters import take
from kiosk.hq.intake.mail import letters, taken
from kiosk.hq.persons import register
from kiosk.hq.persons.register import PersonError
from kiosk.hq.persons.tables import PERSON, PERSON_AUDIT
from kiosk.hq.schema import FACT, QUARANTINE
from kiosk.hq.store import SETTINGS, StoreError
from kiosk.sync.carrier import Memory, exchange
from kiosk.sync.https import https
from kiosk.sync.persons import FIRST, LABEL, LISTED_MAX, TO, Listed, PersonsHeader
from kiosk.sync.sftp import sftp
from kiosk.sync.spool import Spool, seq_name
from kiosk.vend.who import ContactLeft, PersonErased
from tests.hq.batches import NOW_MS, OFFICE, Journaled, acked
from tests.hq.persons_kit import BY, DAY_MS, NAME, OTHER, PHONE, SECOND, SUBJECT, House, somebody
from tests.hq.postgres import BIN, database, postgres_url  # noqa: F401 - fixtures
from tests.sync.wires import authority, served, sftp_served, ssh_keys


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    folder = tmp_path / "office"
    folder.mkdir()
    made = House(str(folder / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database"), folder)
    yield made
    made.store.close()


# ---------------------------------------------------------------- known


def test_what_a_kiosk_tells_stands_in_a_table_of_its_own_and_is_answered_with_an_acknowledgement(house: House) -> None:
    for raw in house.street.batches(100):
        house.take(raw)
    answer = take(house.importer, house.letter(somebody()), NOW_MS)
    assert (answer.verdict, answer.kiosk, answer.seq) == (Verdict.OK, "K07", FIRST + 7)
    assert acked(answer.ack).contiguous_seq == len(house.street.batches(100))
    assert house.known() == {"name": NAME, "phone": PHONE}
    assert house.known(SECOND) == {}


def test_nothing_is_shown_before_it_is_written_down_who_looked_and_why(house: House) -> None:
    house.take(house.letter(somebody()))
    for who, why in (("", "claim"), ("B. Oduya", " ")):
        with pytest.raises(PersonError, match="their own name, and why"):
            register.shown(house.store, SUBJECT, who=who, why=why, now_ms=NOW_MS)
    assert register.audit(house.store, SUBJECT) == []
    house.known()
    house.known(SECOND)
    (line_,) = register.audit(house.store, SUBJECT)
    assert (line_.what, line_.who, line_.why) == ("shown", "B. Oduya", "claim K07-000123")
    assert len(register.audit(house.store, SECOND)) == 1  # in vain, too
    house.store.transact(lambda connection: connection.execute(text("DROP TABLE person_audit")))
    with pytest.raises(StoreError):
        house.known()


@pytest.mark.covers("field-114")
@pytest.mark.parametrize(("who", "why"), [("x" * 65, "why"), ("who", "x" * 257), ("who\nwho", "why"), ("who", "\x1b[2J")])
def test_a_name_or_a_reason_that_nobody_can_read_is_refused_and_nothing_is_done(house: House, who: str, why: str) -> None:
    house.take(house.letter(somebody()))
    for do in (register.shown, register.erase):
        with pytest.raises(PersonError, match="at most 64 characters and a reason at most 256"):
            do(house.store, SUBJECT, who=who, why=why, now_ms=NOW_MS)
    with pytest.raises(PersonError, match="at most 64"):
        register.put(house.store, SECOND, {"name": NAME}, until_ms=NOW_MS + 1, who=who, why=why, now_ms=NOW_MS)
    assert register.audit(house.store, SUBJECT) == []
    assert register.shown(house.store, SUBJECT, who="w" * 64, why="y" * 256, now_ms=NOW_MS)


def test_the_office_puts_what_it_knows_and_takes_no_reference_twice(house: House) -> None:
    told = {"until_ms": NOW_MS + DAY_MS, "now_ms": NOW_MS, **BY}
    register.put(house.store, SECOND, {"name": OTHER}, **told)  # type: ignore[arg-type]
    register.put(house.store, SECOND, {"phone": PHONE}, **told)  # type: ignore[arg-type]
    assert house.known(SECOND) == {"name": OTHER, "phone": PHONE}
    house.take(house.letter(somebody()))
    with pytest.raises(PersonError, match="A kiosk has told"):
        register.put(house.store, SUBJECT, {"name": OTHER}, **told)  # type: ignore[arg-type]
    with pytest.raises(PersonError, match="no letter, figure or mark") as refused:
        register.put(house.store, SECOND, {"name": f"{NAME}\x1b"}, **told)  # type: ignore[arg-type]
    assert NAME not in str(refused.value)


def test_an_older_letter_changes_nothing_and_a_later_one_takes_its_place(house: House) -> None:
    house.take(house.letter(somebody(OTHER), later_ms=60_000))
    house.take(house.letter(somebody(NAME)))
    assert house.known()["name"] == OTHER
    house.take(house.letter(Listed(SUBJECT, NOW_MS + DAY_MS, {"phone": "0777 000 000"}), later_ms=120_000))
    assert house.known() == {"phone": "0777 000 000"}


def test_whose_time_is_over_is_neither_shown_nor_taken_and_is_swept_out(house: House) -> None:
    house.take(house.letter(somebody(days=3), somebody(OTHER, SECOND)))
    assert house.known(now_ms=NOW_MS + 3 * DAY_MS) == {}
    assert register.tidied(house.store, NOW_MS + 3 * DAY_MS) == 2
    assert not house.lies(NAME)
    assert house.lies(OTHER)
    house.take(house.letter(somebody(days=3)), NOW_MS + 4 * DAY_MS)
    assert not house.lies(NAME)


# ---------------------------------------------------------------- erased


def test_an_erased_person_is_in_no_file_dump_page_or_original_and_chains_and_sums_are_as_before(house: House) -> None:
    house.street.write(ContactLeft("5f0c2a9be1d34477", SUBJECT, NOW_MS + 90 * DAY_MS), (NOW_MS, 9, 9))
    for kiosk in (house.street, house.other):
        for raw in kiosk.batches(60):
            assert house.take(raw) in (Verdict.OK, Verdict.EXCEPTION)
    house.take(house.letter(somebody(), somebody(OTHER, SECOND)))
    for name in (NAME, OTHER, PHONE):
        assert house.lies(name)
    sums, facts = house.sums(), house.store.read(lambda connection: connection.execute(select(func.count()).select_from(FACT)).scalar())
    assert sums
    assert house.holds()
    assert register.erase(house.store, SUBJECT, **BY, now_ms=NOW_MS) == 2
    assert house.known() == {}
    assert not house.lies(NAME)
    assert house.lies(OTHER)
    assert house.lies(SUBJECT)  # the reference stays, and stands for nobody
    assert house.holds()
    assert house.sums() == sums
    assert house.store.read(lambda connection: connection.execute(select(func.count()).select_from(FACT)).scalar()) == facts
    assert [one.what for one in register.audit(house.store, SUBJECT)][-1] in ("shown", "erased")


def test_a_letter_that_comes_again_brings_nobody_back(house: House) -> None:
    early, late = house.letter(somebody()), house.letter(somebody(), later_ms=DAY_MS)
    house.take(early)
    register.erase(house.store, SUBJECT, **BY, now_ms=NOW_MS)
    for raw in (early, late, early):
        assert house.take(raw, NOW_MS + 2 * DAY_MS) is Verdict.OK
        assert house.known() == {}
    assert not house.lies(NAME)
    with pytest.raises(PersonError, match="never used again"):
        register.put(house.store, SUBJECT, {"name": NAME}, until_ms=NOW_MS + DAY_MS, now_ms=NOW_MS, **BY)
    register.erase(house.store, SUBJECT, **BY, now_ms=NOW_MS)  # once more does no harm


def test_a_letter_that_is_being_taken_in_while_somebody_is_erased_brings_nobody_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, begun = register._erased, list[threading.Thread]()

    def erasing(connection: Connection, subjects: Iterable[str]) -> set[str]:
        """Between looking who is erased and writing who is not, another program erases."""
        found = looked(connection, subjects)
        other = threading.Thread(target=lambda: register.erase(house.store, SUBJECT, **BY, now_ms=NOW_MS))
        begun.append(other)
        other.start()
        other.join(0.3)  # it has to wait until the letter is in; without that it is through before
        return found

    monkeypatch.setattr(register, "_erased", erasing)
    house.take(house.letter(somebody()))
    begun[0].join()
    assert house.known() == {}
    assert not house.lies(NAME)


def test_erasing_before_the_letter_comes_is_erasing(house: House) -> None:
    register.erase(house.store, SUBJECT, **BY, now_ms=NOW_MS)
    house.take(house.letter(somebody()))
    assert house.known() == {}
    assert register.listed_erased(house.store, NOW_MS) == (SUBJECT,)


def test_what_a_kiosks_journal_says_to_be_erased_is_erased_here_and_only_whom_that_kiosk_told_of(house: House) -> None:
    letter = house.letter(somebody())
    house.take(letter)
    register.put(house.store, SECOND, {"name": OTHER}, until_ms=NOW_MS + DAY_MS, now_ms=NOW_MS, **BY)
    house.other.write(PersonErased(SUBJECT, "asked"), (NOW_MS, 9, 9))
    house.other.write(PersonErased(SECOND, "asked"), (NOW_MS, 9, 9))
    for raw in house.other.batches(200):
        house.take(raw)
    register.tidied(house.store, NOW_MS)
    assert house.known() == {"name": NAME, "phone": PHONE}
    assert house.known(SECOND) == {"name": OTHER}
    house.street.write(PersonErased(SUBJECT, "asked"), (NOW_MS, 9, 9))
    for raw in house.street.batches(200):
        house.take(raw)
    register.tidied(house.store, NOW_MS)
    assert house.known() == {}
    assert not house.lies(NAME)
    house.take(letter)
    assert house.known() == {}
    assert register.tidied(house.store, NOW_MS) == 0


def test_a_word_that_was_sent_erases_again_in_a_store_that_was_put_back(house: House) -> None:
    house.take(house.letter(somebody(), somebody(OTHER, SECOND)))
    register.erased_again(house.store, [SUBJECT, "ab" * 8], NOW_MS)
    register.tidied(house.store, NOW_MS, clean=True)
    assert house.known() == {}
    assert house.known(SECOND)
    assert not house.lies(NAME)


def test_while_somebody_reads_an_older_state_erasing_says_that_it_is_not_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "busy_timeout", 50)
    house = House(str(tmp_path / "hq.db"), tmp_path)
    house.take(house.letter(somebody()))
    with house.store.engine.connect() as reader:
        reader.execute(select(PERSON)).all()
        with pytest.raises(StoreError, match="kiosk hq person tidy"):
            register.erase(house.store, SUBJECT, **BY, now_ms=NOW_MS)
    assert house.known() == {}
    register.tidied(house.store, NOW_MS, clean=True)
    assert not house.lies(NAME)
    house.store.close()


def test_no_copy_is_left_by_many_who_come_and_go(house: House) -> None:
    for turn in range(4):
        many = [somebody(f"Nakato {turn} {number:03} Okello", f"{turn:04x}{number:012x}") for number in range(300)]
        house.take(house.letter(*many, later_ms=turn))
    gone = [f"{turn:04x}{number:012x}" for turn in range(4) for number in range(0, 300, 100)]
    for subject in gone:
        register.erase(house.store, subject, **BY, now_ms=NOW_MS)
    for subject in gone:
        assert not house.lies(f"Nakato {int(subject[:4])} {int(subject[4:], 16):03} Okello")
    assert house.lies("Nakato 3 299 Okello")


# ---------------------------------------------------------------- hostile


def test_a_kiosk_tells_of_nobody_of_whom_another_or_the_office_has_told(house: House) -> None:
    house.take(house.letter(somebody()))
    register.put(house.store, SECOND, {"name": OTHER}, until_ms=NOW_MS + DAY_MS, now_ms=NOW_MS, **BY)
    liar = [somebody("Someone Else"), somebody("Someone Else", SECOND), somebody("Third Person", "cc" * 8)]
    assert house.take(house.letter(*liar, of=house.other, later_ms=DAY_MS)) is Verdict.OK
    assert (house.known()["name"], house.known(SECOND)["name"], house.known("cc" * 8)["name"]) == (NAME, OTHER, "Third Person")


def test_what_nobody_may_believe_is_refused_and_kept_nowhere(house: House) -> None:
    body = msgspec.json.encode([somebody()])
    header = msgspec.json.encode(PersonsHeader("K07", house.street.store.hex(), FIRST + 7, NOW_MS, envelope.body_of(body)))
    forged = envelope.boxed(envelope.sealed(house.other.sign, LABEL, header, body), LABEL, TO, OFFICE.box_key)
    good = house.letter(somebody())
    hostile = [
        forged,
        good[:-1],
        good[: len(good) // 2],
        good.partition(b"\n")[0],
        good + b"\0" * (4 << 20),
        house.letter(somebody(), of=Journaled("K09")),
        house.letter(somebody(), store="ab" * 16),
    ]
    for raw in house.street.batches(200):
        house.take(raw)
    for raw in hostile:
        answer = take(house.importer, raw, NOW_MS)
        assert (answer.verdict, answer.ack) == (Verdict.TAMPER, None)
        assert answer.sentence.endswith(".")
        assert NAME not in answer.sentence
    assert house.known() == {}
    assert house.store.read(lambda connection: connection.execute(select(func.count()).select_from(QUARANTINE)).scalar()) == 0


@pytest.mark.parametrize("state", ["frozen", "closed", "revoked"])
def test_a_kiosk_that_is_not_open_tells_of_nobody(tmp_path: Path, state: str) -> None:
    house = House(str(tmp_path / "hq.db"), tmp_path)
    kiosks.changed(house.store, "K07", state, 1 if state == "revoked" else None)
    assert house.take(house.letter(somebody())) is Verdict.TAMPER
    assert house.known() == {}
    house.store.close()


def test_a_thousand_persons_come_in_one_letter(house: House) -> None:
    many = [somebody(f"Nakato {number}", f"{number:016x}") for number in range(LISTED_MAX)]
    assert house.take(house.letter(*many)) is Verdict.OK
    assert house.store.read(lambda connection: connection.execute(select(func.count()).select_from(PERSON)).scalar()) == 2 * LISTED_MAX
    assert house.store.read(lambda connection: connection.execute(select(func.count()).select_from(PERSON_AUDIT)).scalar()) == 0


# ---------------------------------------------------------------- on their way


def test_a_letter_in_a_mail_bag_is_deleted_when_it_has_come_and_batches_stay(house: House) -> None:
    up = house.folder / "bag/up/K07"
    up.mkdir(parents=True)
    for seq, raw in enumerate(house.street.batches(100), 1):
        (up / seq_name(seq)).write_bytes(raw)
    before = sorted(up.iterdir())
    (up / seq_name(FIRST + 7)).write_bytes(house.letter(somebody()))
    forged = up / seq_name(FIRST + 8)
    forged.write_bytes(house.letter(somebody(OTHER, SECOND))[:-1])
    found = [one for one in taken(house.importer, [], letters(house.folder / "bag"), lambda: NOW_MS) if not isinstance(one[1], str)]
    assert [answer.verdict for _, answer in found if not isinstance(answer, str)][-2:] == [Verdict.OK, Verdict.TAMPER]
    assert sorted(up.iterdir()) == [*before, forged]
    assert house.known() == {"name": NAME, "phone": PHONE}


async def test_a_letter_goes_by_wire_beside_the_batches_and_the_courier_knows_no_difference(house: House, tmp_path: Path) -> None:
    spool, bag = Spool(tmp_path / "spool", "K07").made(), house.folder / "bag"
    (bag / "downlink/all").mkdir(parents=True)
    for seq, raw in enumerate(house.street.batches(100), 1):
        spool.put(seq, raw)
    spool.put(FIRST + 7, house.letter(somebody()))
    memory = Memory()
    with served(lambda raw: take(house.importer, raw, NOW_MS), bag, authority(tmp_path / "tls")) as plan:
        async with https(plan, "K07") as carrier:
            await exchange(spool, carrier, "https", memory)
    assert memory.batches[FIRST + 7].state == "sent"
    assert acked(spool.acks()[0]).contiguous_seq == len(house.street.batches(100))
    assert house.known() == {"name": NAME, "phone": PHONE}
    with sftp_served(bag, ssh_keys(tmp_path / "ssh")) as other_plan:
        async with sftp(other_plan, "K07") as other_carrier:
            await exchange(spool, other_carrier, "sftp", Memory())
    assert (bag / "up/K07" / seq_name(FIRST + 7)).exists()
    assert [one for _, one in taken(house.importer, [], letters(bag), lambda: NOW_MS) if isinstance(one, str)] == []
    assert not (bag / "up/K07" / seq_name(FIRST + 7)).exists()
