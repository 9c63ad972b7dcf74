"""`kiosk person` and `kiosk hq person` as people type them: from a counter to a running kiosk and back, and nobody's name in any file."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.config import load
from kiosk.core import Core
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.vault.station import FileStation, open_station
from kiosk.hq.cards.registry import Binding, Registry
from kiosk.hq.persons import register
from kiosk.hq.store import Store
from kiosk.sync import stick
from kiosk.sync.customer import masks
from kiosk.sync.install import Cupboard
from kiosk.sync.persons import FIRST, is_letter
from kiosk.sync.spool import Spool
from kiosk.vend.greeting import reference
from kiosk.vend.journal import Journal
from kiosk.vend.who import ContactLeft, ErasuresInstalled, PersonErased
from tests.hq.people.office_kit import at_work, joins
from tests.keys.kit import DECISION, KIOSK, REGION, UTILITY, HeadOffice
from tests.sync.pages import lies_in

RUN = CliRunner()
NAME, PHONE, CUSTOMER, SALE = "Amina Nakato-Okello", "0777 123 987", "000098765432", "5f0c2a9be1d34477"
WHY = ("--why", "claim K07-000123")
SHOWS_A_KEY = ("add", "show", "erase")


class Street:
    """A head office with its store and registry, and a kiosk of it that runs, without devices."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hq, self.home = folder, HeadOffice(folder), folder / KIOSK
        Store.make(self.hq.bag / "hq.db", UTILITY, now_ms=1).close()
        joins(self.hq.bag, self.hq.root, "anna", may=("person",))
        joins(self.hq.bag, self.hq.root, "ben", may=("person.show",))
        self.decision = ("--secret-file", self.file("decision", DECISION))
        self.kiosk("init", str(self.home), "--id", KIOSK)
        root = ", ".join(f'"{key}"' for key in self.hq.office.record.roots)
        self.config = self.home / "kiosk.toml"
        store = f'[store]\npath = "{self.home}/store.db"\nstation = "{self.home}/station.json"\n'
        self.config.write_text(f'[kiosk]\nid = "{KIOSK}"\nregion = {REGION}\n{store}[keys]\nroot = [{root}]\n')
        self.station: FileStation = open_station(self.home / "station.json")
        self.hq.know(self.station)
        self.core = Core(load(self.config), reader=InProcessReader())
        self.core.start()
        self.kiosk("sync", "import", str(self.hq.bag), "--config", str(self.config))

    def file(self, name: str, words: str) -> str:
        path = self.folder / name
        path.write_text(words + "\n")
        path.chmod(0o600)
        return str(path)

    def kiosk(self, *words: str, code: int = 0) -> str:
        done = RUN.invoke(app, list(words))
        assert done.exit_code == code, (words, done.output)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.output

    def at_kiosk(self, *words: str, code: int = 0) -> str:
        return self.kiosk("person", *words, "--config", str(self.config), code=code)

    def at_office(self, *words: str, code: int = 0, who: str = "anna") -> str:
        with at_work(self.hq.bag, who) as secret:
            key = secret if words[0] in SHOWS_A_KEY else []
            return self.kiosk("hq", "person", *words, *key, "--office", str(self.hq.bag), code=code)

    def facts(self) -> list[object]:
        with Journal.open(self.home / "store.db", self.station.database_key(), create=False, read_only=True) as journal:
            assert journal.verify().why == ""
            return [recorded.fact for recorded in journal.rows()]

    def until(self, true: Callable[[], bool]) -> None:
        for _ in range(400):
            if true():
                return
            self.core.people.work(time.time_ns() // 1_000_000)
            time.sleep(0.02)
        raise AssertionError("it never came")

    def lies(self, text: str) -> bool:
        """In any file of either, or in a page of the kiosk's store."""
        files = [path for folder in (self.home, self.hq.bag, self.folder / "stick") for path in folder.rglob("*") if path.is_file()]
        whole = any(text.encode() in path.read_bytes() for path in files)
        return whole or lies_in(self.home / "store.db", self.station.database_key(), text)


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    made = Street(tmp_path)
    yield made
    made.core.stop()


def test_somebody_is_kept_at_a_kiosk_known_at_the_office_and_forgotten_at_both_by_one_word(street: Street) -> None:
    said = street.file("person.toml", f'name = "{NAME}"\nphone = "{PHONE}"')
    subject = street.at_kiosk("keep", SALE, "--file", said).strip()
    Path(said).unlink()
    street.until(lambda: any(isinstance(fact, ContactLeft) and fact.subject == subject for fact in street.facts()))
    spool, bag = Spool(street.home / "spool", KIOSK), street.folder / "stick"
    (bag / "downlink").mkdir(parents=True)
    street.until(lambda: any(one.seq >= FIRST for one in spool.waiting()))
    street.core.sender.flush()  # type: ignore[union-attr]
    street.until(lambda: len(spool.waiting()) == 2)
    assert stick.export(spool, bag).ok
    assert street.lies(NAME)
    street.kiosk("hq", "import", str(bag), "--office", str(street.hq.bag))
    assert not any(is_letter(path.read_bytes()) for path in (bag / "up" / KIOSK).iterdir())
    assert f"name     {NAME}" in street.at_office("show", subject, *WHY)
    assert "anna: claim K07-000123" in street.at_office("audit", subject)
    told = street.at_office("erase", subject, *WHY, *street.decision)
    assert "2 things were known" in told
    assert NAME not in told
    assert "Nobody stands behind it" in street.at_office("show", subject, *WHY)
    assert "installed. Which persons are erased." in street.kiosk("sync", "import", str(street.hq.bag), "--config", str(street.config))
    street.until(lambda: PersonErased(subject, "office") in street.facts())
    assert any(isinstance(fact, ErasuresInstalled) for fact in street.facts())
    street.until(lambda: not any(one.seq >= FIRST for one in spool.waiting()))
    for text in (NAME, PHONE):
        assert not street.lies(text)
    street.core.sender.flush()  # type: ignore[union-attr]
    street.until(lambda: len(spool.waiting()) == 2)
    assert stick.export(spool, bag).ok
    assert "OK" in street.kiosk("hq", "import", str(bag), "--office", str(street.hq.bag))
    assert "0 things" in street.at_office("tidy")


def test_somebody_is_forgotten_where_they_stand(street: Street) -> None:
    said = street.file("person.toml", f'phone = "{PHONE}"')
    subject = street.at_kiosk("keep", SALE, "--file", said, "--days", "5").strip()
    Path(said).unlink()
    assert "any more" in street.at_kiosk("forget", subject)
    street.until(lambda: PersonErased(subject, "asked") in street.facts())
    assert not street.lies(PHONE)
    assert "Nobody stands behind it here." in street.at_kiosk("forget", subject)


def test_what_is_no_person_is_refused_at_the_counter_and_never_repeated(street: Street) -> None:
    for words, code in (
        ('name = "Amina \\u202e"', 1), ('pin = "4829"', 1), ("", 1), ("name = 7", 2), ("[", 2), (f'name = "{"Nakato" * 90}"', 2),
    ):  # fmt: skip
        told = street.at_kiosk("keep", SALE, "--file", street.file("person.toml", words), code=code)
        assert "Amina" not in told
        assert "4829" not in told
        assert "Nakato" not in told
        assert "Traceback" not in told
    street.at_kiosk("keep", "K07-000123", "--file", street.file("person.toml", 'name = "A"'), code=2)
    street.at_kiosk("forget", "Amina", code=2)
    street.at_kiosk("keep", SALE, "--file", str(street.folder / "none.toml"), code=2)
    street.at_office("show", "Amina", *WHY, code=2)
    street.at_office("show", CUSTOMER, *WHY, code=1)
    street.at_office("show", "ab" * 8, "--why", " ", code=1)
    assert not any(isinstance(fact, ContactLeft) for fact in street.facts())


def test_who_looks_is_the_key_that_was_shown_and_nobody_does_what_they_may_not(street: Street) -> None:
    said = street.file("person.toml", f'name = "{NAME}"')
    refused = (("add", "ab" * 8, *WHY, "--file", said), ("erase", "ab" * 8, *WHY, *street.decision))
    for words in refused:
        assert f"ben has no right to person.{'keep' if words[0] == 'add' else 'erase'}" in street.at_office(*words, who="ben", code=1)
    assert "nobody's of the staff" in street.at_office("show", "ab" * 8, *WHY, who="mallory", code=1)
    assert "No such option" in street.at_office("show", "ab" * 8, *WHY, "--by", "anna", code=2)
    assert "Nobody stands behind it" in street.at_office("show", "ab" * 8, *WHY, who="ben")
    assert "ben: claim K07-000123" in street.at_office("audit", "ab" * 8)


def test_a_customers_name_is_apart_from_the_binding_and_greets_as_a_mask(street: Street) -> None:
    book = Registry(street.hq.bag / "registry.db", lambda: 1)
    for number, customer in enumerate((CUSTOMER, "000000000009")):
        book.begin(Binding(UTILITY, REGION, customer, f"{number:012}", f"{number:016x}", 1, 1))
        book.issued(f"{number:016x}")
    subject = book.of_card("00" * 8).subject  # type: ignore[union-attr]
    said = street.file("person.toml", f'name = "{NAME}"')
    street.at_office("add", CUSTOMER, *WHY, "--file", said)
    Path(said).unlink()
    assert msgspec.json.decode(street.at_office("show", CUSTOMER, *WHY, "--json"))[0]["value"] == NAME
    assert NAME.encode() not in (street.hq.bag / "registry.db").read_bytes()
    street.at_office("greet", KIOSK, *street.decision)
    street.kiosk("sync", "import", str(street.hq.bag), "--config", str(street.config))
    cupboard = Cupboard(street.home / "keys", street.hq.me(), street.station)
    item = cupboard.kept("persons")
    assert item
    assert masks(item.body) == {reference(UTILITY, CUSTOMER): "A*** N***"}
    told = street.at_office("erase", CUSTOMER, *WHY, *street.decision)
    assert f"kiosk hq person greet: {KIOSK}" in told.replace("\n", " ")
    assert not street.lies(NAME)
    assert book.of_card("00" * 8).subject == subject  # type: ignore[union-attr]
    book.close()
    street.at_office("greet", KIOSK, *street.decision)
    street.kiosk("sync", "import", str(street.hq.bag), "--config", str(street.config))
    item = cupboard.kept("persons")
    assert item
    assert masks(item.body) == {}


def test_a_store_that_was_put_back_forgets_again_by_the_word_that_lies_in_the_bag(street: Street) -> None:
    subject = "ab" * 8
    before = {path: path.read_bytes() for path in street.hq.bag.glob("hq.db*")}
    street.at_office("erase", subject, *WHY, *street.decision)
    for path in street.hq.bag.glob("hq.db*"):
        path.unlink()
    for path, data in before.items():
        path.write_bytes(data)
    store = Store.open(street.hq.bag / "hq.db")
    until_ms = time.time_ns() // 1_000_000 + 86_400_000
    register.put(store, subject, {"name": NAME}, until_ms=until_ms, who="B", why="before", now_ms=2)
    store.close()
    street.at_office("tidy")
    assert "Nobody stands behind it" in street.at_office("show", subject, *WHY)
    assert not street.lies(NAME)
