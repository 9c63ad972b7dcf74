"""A person is kept beside the journal and in no fact, travels apart from every batch, and when erased is in no page, WAL or spool."""

import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from kiosk import envelope
from kiosk.control import NotKept
from kiosk.people import DAY_MS, People
from kiosk.sync.erasures import EraseBody
from kiosk.sync.persons import (
    CELLS,
    FIRST,
    LISTED_MAX,
    Letter,
    Listed,
    PersonsHeader,
    opened_letter,
)
from kiosk.sync.spool import SEQ_LAST
from kiosk.sync.standing import Carried, Standing, tell
from kiosk.vend.journal import Journal
from kiosk.vend.persons import Person, Persons
from kiosk.vend.rows import columns
from kiosk.vend.store import connect
from kiosk.vend.who import ContactLeft, PersonErased
from tests.seeds import Seeds
from tests.sync.kit import KIOSK, STATION, Kiosk, Office, opened, sold
from tests.sync.pages import lies_in, plain_pages

NAME, PHONE = "Amina Nakato-Okello", "0777 123 987"
SALE, KEY = "5f0c2a9be1d34477", STATION.database_key()
NOW_MS = 1_790_000_000_000


class Housed:
    """A kiosk that runs, and its persons."""

    def __init__(self, kiosk: Kiosk, office: Office) -> None:
        self.kiosk, self.office = kiosk, office
        self.people = self.begun()
        self.now_ms = NOW_MS

    def begun(self) -> People:
        """As a start of the core makes it."""
        kiosk = self.kiosk
        return People(kiosk.desk, STATION, kiosk.spool, kiosk.folder / "store.db", open_journal=kiosk.read, keys=lambda: self.office.keys)

    def work(self, later_ms: int = 0) -> None:
        self.now_ms += later_ms
        self.people.work(self.now_ms)
        assert not self.people.trouble

    def keep(self, days: int = 90, **details: str) -> str:
        subject = self.people.keep(SALE, details or {"name": NAME, "phone": PHONE}, self.now_ms, days)
        self.written(ContactLeft(SALE, subject, self.now_ms + days * DAY_MS))
        return subject

    def written(self, fact: object) -> None:
        self.kiosk.until(lambda: fact in self.facts())

    def facts(self) -> list[object]:
        return [recorded.fact for recorded in self.kiosk.rows()]

    def letters(self) -> dict[int, bytes]:
        return {seq: raw for seq, raw in self.kiosk.up().items() if seq >= FIRST}

    def letter(self) -> Letter:
        (raw,) = self.letters().values()
        return read(raw, self.office)


@pytest.fixture
def housed(tmp_path: Path) -> Iterator[Housed]:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        kiosk.spool.made()
        yield Housed(kiosk, office)


def read(raw: bytes, office: Office) -> Letter:
    return opened_letter(raw, office.boxes, lambda kiosk: STATION.public_key if kiosk == KIOSK else None)


def lies(folder: Path, text: str) -> bool:
    """In any file as it lies, or in a page of the store."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return any(text.encode() in path.read_bytes() for path in files) or lies_in(folder / "store.db", KEY, text)


@contextmanager
def held_open(store: Path) -> Iterator[None]:
    """A report that is not at its end: it holds its state of the store."""
    connection = connect(store, KEY, read_only=True)
    connection.exec_driver_sql("BEGIN")
    connection.exec_driver_sql("SELECT count(*) FROM journal").one()
    try:
        yield
    finally:
        connection.exec_driver_sql("COMMIT")
        connection.close()
        connection.engine.dispose()


# ---------------------------------------------------------------- kept


def test_a_fact_says_that_somebody_can_be_reached_and_names_a_reference_drawn_by_lot(housed: Housed) -> None:
    subjects = {housed.keep() for _ in range(20)}
    assert len(subjects) == 20  # the same person, the same sale, the same moment: twenty references, so nothing leads to one
    lines = b"".join(bytes(columns(recorded.fact)[3]) for recorded in housed.kiosk.rows())
    assert NAME.encode() not in lines
    assert PHONE.encode() not in lines
    assert lies_in(housed.kiosk.folder / "store.db", KEY, NAME)


@pytest.mark.parametrize(
    ("details", "says"),
    [
        ({}, "Nothing is said"),
        ({"name": ""}, "is empty"),
        ({"phone": "0777\x1b[2J"}, "no letter, figure or mark"),
        ({"pin": "1234"}, "there are name, phone, address"),
        ({"name": "a" * (CELLS["name"] + 1)}, "more than 80 columns"),
        ({"name": "Amina \u202eotakaN"}, "no letter, figure or mark"),
    ],
)
@pytest.mark.covers("field-110")
def test_what_is_no_text_about_a_person_is_not_kept_and_not_repeated(housed: Housed, details: dict[str, str], says: str) -> None:
    with pytest.raises(NotKept, match=says) as told:
        housed.people.keep(SALE, details, housed.now_ms)
    assert not any(text and text in str(told.value) for text in details.values())
    assert not any(isinstance(fact, ContactLeft) for fact in housed.facts())


@pytest.mark.covers("field-111")
def test_a_kiosk_keeps_a_thousand_persons_and_then_says_so(housed: Housed) -> None:
    with Persons(housed.kiosk.folder / "store.db", KEY) as persons:
        for number in range(LISTED_MAX):
            persons.keep(Person(f"{number:016x}", NOW_MS + DAY_MS, {"name": NAME}))
    with pytest.raises(NotKept, match="1000 persons"):
        housed.people.keep(SALE, {"name": NAME}, housed.now_ms)
    with pytest.raises(NotKept, match="366 days"):
        housed.people.keep(SALE, {"name": NAME}, housed.now_ms, days=367)


def test_no_message_of_ours_shows_who_it_is_about() -> None:
    held = [Person("00" * 8, 1, {"name": NAME}), Listed("00" * 8, 1, {"name": NAME})]
    assert NAME not in repr(held)
    assert NAME not in repr(Letter(PersonsHeader(KIOSK, "ab" * 16, FIRST, 1), (held[1],)))  # type: ignore[arg-type]


# ---------------------------------------------------------------- erased


def test_an_erased_person_is_in_no_page_of_the_store_no_wal_and_no_spool_and_the_chain_holds(housed: Housed) -> None:
    other = housed.keep(name="Kofi Mensah-Asante")
    subject = housed.keep()
    housed.kiosk.seal()
    housed.work()
    folder = housed.kiosk.folder
    assert lies(folder, NAME)
    before = housed.kiosk.sent.tendered_minor
    assert housed.people.forget(subject, housed.now_ms)
    housed.written(PersonErased(subject, "asked"))
    housed.work()
    assert not lies(folder, NAME)
    assert not lies(folder, PHONE)
    assert lies(folder, "Kofi Mensah-Asante")
    with housed.kiosk.read() as journal:
        assert journal.verify().why == ""
    assert housed.kiosk.sent.tendered_minor == before == 50_00
    assert [one.subject for one in housed.letter().listed] == [other]
    assert not housed.people.forget(subject, housed.now_ms)
    with Persons(folder / "store.db", KEY) as persons:
        assert persons.erased() == {}


def test_no_copy_is_left_by_pages_that_were_split_many_times(tmp_path: Path, seeds: Seeds) -> None:
    """Measured with plain SQL: with `secure_delete` alone 6 of 12,000 rows left a piece of themselves in a page that was split."""
    chance, store, left, gone = seeds.random("split pages"), tmp_path / "store.db", dict[str, str](), list[str]()
    Journal.open(store, KEY).close()
    with Persons(store, KEY) as persons:
        persons._connection.exec_driver_sql("PRAGMA synchronous = OFF")  # the test's only
        for _ in range(250):
            subject, text = f"{chance.getrandbits(64):016x}", "".join(chance.choices(string.ascii_letters, k=chance.randint(20, 900)))
            left[subject] = text
            persons.keep(Person(subject, NOW_MS, {"address": text}))
            if chance.random() < 0.5:
                subject = chance.choice(sorted(left))
                gone.append(left.pop(subject))
                assert persons.erase({subject: "asked"}) == [subject]
        assert persons.emptied()
        assert {one.subject: one.details["address"] for one in persons.here()} == left
    whole = b"".join(plain_pages(store, KEY))
    assert all(text.encode() in whole or len(text) > 500 for text in left.values())  # longer ones go on in another page
    pieces = (text[at : at + 16].encode() for text in gone for at in range(0, len(text) - 16, 8))
    assert [piece for piece in pieces if piece in whole] == []


def test_whose_time_is_over_is_forgotten_without_anybody_asking(housed: Housed) -> None:
    subject = housed.keep(days=3)
    housed.work(2 * DAY_MS)
    assert len(housed.letter().listed) == 1
    housed.work(DAY_MS)
    housed.written(PersonErased(subject, "expired"))
    assert not lies(housed.kiosk.folder, NAME)
    assert housed.letters() == {}


def test_whom_the_office_erased_is_forgotten_here_and_the_journal_says_so_once(housed: Housed) -> None:
    subject, other = housed.keep(), housed.keep(name="Kofi Mensah-Asante")
    housed.people.use_erasures(msgspec.json.encode(EraseBody((subject, "00" * 8))))
    housed.work()
    housed.written(PersonErased(subject, "office"))
    for _ in range(3):
        housed.work(DAY_MS)
    assert housed.facts().count(PersonErased(subject, "office")) == 1
    assert not any(isinstance(fact, PersonErased) and fact.subject != subject for fact in housed.facts())
    assert not lies(housed.kiosk.folder, NAME)
    assert [one.subject for one in housed.letter().listed] == [other]


def test_a_crash_between_erasing_and_its_fact_leaves_the_fact_wanting(housed: Housed) -> None:
    subject = housed.keep()
    with Persons(housed.kiosk.folder / "store.db", KEY) as persons:
        persons.erase({subject: "asked"})  # and here the plug is pulled
    assert not any(isinstance(fact, PersonErased) for fact in housed.facts())
    housed.people = housed.begun()
    housed.work()
    housed.written(PersonErased(subject, "asked"))
    housed.people = housed.begun()
    housed.work()
    with Persons(housed.kiosk.folder / "store.db", KEY) as persons:
        assert persons.erased() == {}
    assert housed.facts().count(PersonErased(subject, "asked")) == 1


def test_while_somebody_reads_an_older_state_nothing_is_said_to_be_erased(housed: Housed) -> None:
    subject = housed.keep()
    with held_open(housed.kiosk.folder / "store.db"):
        housed.people.forget(subject, housed.now_ms)
        housed.kiosk.something_happens()  # what was told before is written before
        assert not any(isinstance(fact, PersonErased) for fact in housed.facts())
        assert housed.people.trouble
    housed.work()
    housed.written(PersonErased(subject, "asked"))
    assert not lies(housed.kiosk.folder, NAME)


def test_the_desk_writes_on_while_erasing_waits_for_a_reader(housed: Housed) -> None:
    subject = housed.keep()
    with held_open(housed.kiosk.folder / "store.db"), Persons(housed.kiosk.folder / "store.db", KEY) as persons:
        assert persons.erase({subject: "asked"}) == [subject]
        for _ in range(5):
            assert not persons.emptied()
            housed.kiosk.something_happens()
    housed.work()
    housed.written(PersonErased(subject, "asked"))
    assert not lies(housed.kiosk.folder, NAME)


# ---------------------------------------------------------------- sent


def test_a_letter_is_made_anew_each_day_and_whenever_somebody_comes_or_goes(housed: Housed) -> None:
    housed.work()
    assert housed.letters() == {}
    housed.keep()
    housed.work()
    first = housed.letters()
    housed.work(60_000)
    assert housed.letters() == first
    housed.work(DAY_MS)
    second = housed.letters()
    assert len(second) == 1
    assert set(second).isdisjoint(first)
    housed.keep(name="Kofi Mensah-Asante")
    housed.work()
    assert len(housed.letter().listed) == 2
    housed.office.rotate()
    housed.work()
    (raw,) = housed.letters().values()
    assert envelope.key_name(housed.office.boxes[0].box_key).encode() in raw


def test_a_letter_that_was_carried_lies_in_the_spool_no_more(housed: Housed) -> None:
    housed.keep()
    housed.work()
    (seq,) = housed.letters()
    tell(housed.kiosk.spool, Standing(housed.now_ms, batches={str(seq): Carried("sent", "https", housed.now_ms)}))
    housed.work(60_000)
    assert housed.letters() == {}
    housed.work(DAY_MS)
    assert len(housed.letters()) == 1


def test_batches_and_letters_share_the_spool_and_no_batch_knows_of_a_letter(housed: Housed) -> None:
    housed.keep()
    housed.work()
    housed.kiosk.seal()
    assert len(housed.letters()) == 1  # the batches' own order takes none away
    (batch,) = (raw for seq, raw in housed.kiosk.up().items() if seq < FIRST)
    taken = housed.office.take(batch)
    (letter,) = housed.letters().values()
    assert NAME.encode() not in taken.text
    assert envelope.body_of(letter).sha256.encode() not in taken.clear + taken.text
    housed.kiosk.answer(housed.office.ack(housed.kiosk.store))
    assert list(housed.kiosk.up()) == list(housed.letters())


@pytest.mark.covers("field-112")
def test_the_numbers_of_letters_begin_again_above_every_batch(housed: Housed) -> None:
    housed.keep(days=366)
    for at_ms in (60_000 * (SEQ_LAST - FIRST) - 1, 60_000 * (SEQ_LAST - FIRST)):
        people = housed.begun()
        people.work(at_ms)
        (seq,) = housed.letters()
        assert FIRST <= seq <= SEQ_LAST
        housed.kiosk.spool.done(seq)
