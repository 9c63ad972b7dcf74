"""`kiosk hq settle` and `kiosk hq explain` as people type them, over an office whose kiosks wrote what real machines write."""

import copy
import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import update

from kiosk.hq import kiosks
from kiosk.hq.cards.registry import Binding, Registry
from kiosk.hq.intake.importer import Importer
from kiosk.hq.office import Office as OfficeKeys
from kiosk.hq.schema import FACT
from kiosk.hq.store import Store
from kiosk.sync.batch import boxed_batch
from kiosk.vend.facts import Fact
from kiosk.vend.rows import link, origin
from tests.codes.test_commands import Office
from tests.hq.batches import OFFICE
from tests.hq.people.office_kit import at_work, joins, login_of
from tests.hq.settle_kit import Machine, bought, claimed, looked
from tests.keys.kit import FIRST, REGION, SECOND, UTILITY
from tests.sale.shop import CUSTOMER, METER, Card


class Desk(Office):
    """The office, what its machines did, and its command line."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        book = Registry(self.office / "registry.db", lambda: self.now_ms)
        book.begin(Binding(UTILITY, REGION, CUSTOMER, METER, Card().serial, 1, 1))
        book.issued(Card().serial)
        book.close()
        joins(self.office, OfficeKeys(self.office).signer("root-1", [FIRST, SECOND]), "014", "015", "027")

    def does(self, name: str, *words: str, code: int = 0) -> str:
        """What somebody of the staff does, under a login of their own."""
        with at_work(self.office, name) as secret:
            return self.says(*words, *secret, code=code)

    def hears(self, *machines: Machine) -> None:
        """All that they wrote, once."""
        store = Store.open(self.office / "hq.db")
        kiosks.enrolled(store, {each.name: (each.journal.public_key, REGION) for each in machines})
        importer = Importer(store, [OFFICE], OFFICE.sign)
        for machine in machines:
            for made in machine.written().made(40, utility=UTILITY):
                assert importer.take(boxed_batch(made, OFFICE.box_key), self.now_ms).verdict in ("OK", "REPLAY")
        store.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An office is made once: its keys cost seconds."""
    return Desk(tmp_path_factory.mktemp("office"))


@pytest.fixture
def desk(made: Desk, tmp_path: Path) -> Desk:
    """A copy of it."""
    here = copy.copy(made)
    here.folder = tmp_path / "copy"
    shutil.copytree(made.folder, here.folder)
    here.office = here.folder / "office"
    here.keys = ("--vault", str(here.folder / "vault.json"), *here.of("secret-file", "v"))
    return here


def test_from_the_list_to_the_code(desk: Desk) -> None:
    k11, card = Machine("K11"), Card()
    claimed(k11, card)
    desk.hears(k11)
    value = f"K11/{k11.sale_of()}"
    said = desk.says("settle", "list")
    assert value in said
    assert "100.00" in said
    assert "order it in its own slot" in said
    assert "1 cases, 100.00 CNY." in said
    (one,) = json.loads(desk.says("settle", "list", "--json"))
    assert (one["case"]["value"], one["way"]["people"]) == (value, 1)
    for asked in (value, k11.sale_of(), "K11-000001", "..7788", "K11"):
        assert f"kiosk hq settle make {value}" in desk.says("settle", "show", asked)
    code = desk.does("014", "settle", "make", value, *desk.keys)
    assert f"Order {find(code)}" in code
    assert "Order" in desk.says("settle", "show", value)
    assert "collects the code" in desk.says("settle", "list")
    assert code.splitlines()[0] == desk.does("015", "settle", "make", value, *desk.keys).splitlines()[0]
    said = desk.says("settle", "show", value, *desk.keys)
    assert f"ordered by 014 ({login_of('014')}), signed" in said


def find(said: str) -> str:
    return said.split("Order ")[1].split(":", maxsplit=1)[0]


def test_two_people_at_two_times(desk: Desk) -> None:
    k11, k12, k13, card = Machine("K11"), Machine("K12"), Machine("K13"), Card()
    claimed(k11, card)
    bought(k12, card)
    looked(k13, card)
    desk.hears(k11, k13)
    said = desk.says("settle", "show", "K11-000001", *desk.keys)
    assert "nothing here proves by whose record" in said
    make = ("settle", "make", "K11-000001", "--note", "seen the card", *desk.keys)
    assert "another person releases it: kiosk hq approve show 1" in desk.does("014", *make, code=8)
    assert "another person" in desk.does("014", *make, code=8)
    assert json.loads(desk.does("014", *make, "--json", code=8).splitlines()[0])["proposal"] == 1
    assert "Another person releases it" in desk.does("014", "approve", "release", "1", *desk.keys, code=1)
    assert "another person" in desk.does("027", *make, code=8)
    assert "settle.move" in desk.says("approve", "list")
    assert "nothing here proves by whose record" in desk.says("approve", "show", "1")
    assert "purchase 3-" in desk.does("027", "approve", "release", "1", *desk.keys)
    assert "0 proposals" in desk.says("approve", "list")
    (told,) = json.loads(desk.says("approve", "list", "--all", "--json"))
    assert (told["state"], told["first"], told["second"]) == ("released", "014", "027")
    said = desk.says("settle", "show", "K11-000001", *desk.keys)
    assert f"proposed by 014 ({login_of('014')}), signed" in said
    assert f"released by 027 ({login_of('027')}), signed" in said
    assert "seen the card" in said


def test_the_code_leaves_when_its_order_is_at_another_site(desk: Desk, tmp_path: Path) -> None:
    k11, site = Machine("K11"), tmp_path / "site"
    claimed(k11, Card())
    desk.hears(k11)
    words = ("014", "settle", "make", "K11-000001", "--off-site", str(site), *desk.keys)
    assert "The other site does not answer" in desk.does(*words, code=1)
    site.mkdir()
    assert find(desk.does(*words)) in [path.name for path in site.iterdir()]


def test_a_slip_at_the_counter(desk: Desk) -> None:
    k11 = Machine("K11")
    desk.hears(k11)
    claimed(k11, Card())
    said = desk.does("014", "settle", "paper", k11.slip())
    assert "Genuine: K11-000001." in said
    assert "It was here before." in desk.does("014", "settle", "paper", k11.slip())
    assert json.loads(desk.does("014", "settle", "paper", k11.slip(), "--json"))["value"] == f"K11/{k11.sale_of()}"
    said = desk.says("settle", "list")
    assert "slip alone" in said
    assert "(two people)" in said  # no float of its own: nothing bounds what it may have sold
    for bad in ("K1:AAAA", "hello", k11.slip(kiosk="K98"), k11.slip()[:-8]):
        assert "Genuine" not in desk.does("014", "settle", "paper", bad, code=1)


def test_a_meter_that_was_taken_away(desk: Desk) -> None:
    k11 = Machine("K11")
    claimed(k11, Card())
    desk.hears(k11)
    assert "for two people" in desk.does("014", "settle", "removed", METER, "--count", "1", code=8)
    assert "the meter was taken away" not in desk.says("settle", "list")
    assert "Another person releases it" in desk.does("014", "approve", "release", "1", code=1)
    assert "count 1" in desk.does("027", "approve", "release", "1")
    assert "the meter was taken away" in desk.says("settle", "list")
    assert "was released by 027" in desk.does("027", "approve", "release", "1", code=1)
    assert "12 digits" in desk.does("014", "settle", "removed", "12", "--count", "1", code=1)


def test_what_is_not_owed_is_said_in_a_sentence(desk: Desk) -> None:
    k11, card = Machine("K11"), Card()
    bought(k11, card)
    desk.hears(k11)
    assert "Nothing that is owed" in desk.says("settle", "show", "K11-000777", code=1)
    assert "0 cases, nothing." in desk.says("settle", "list")
    assert "Nothing that is owed" in desk.does("014", "settle", "make", "'; drop table fact; --", *desk.keys, code=1)
    assert "Nothing is owed" in desk.does("014", "settle", "close", "K11#3", "--note", "x", code=1)


# ---------------------------------------------------------------- explain


def test_explain_tells_a_sale_a_slip_a_receipt_and_a_card_from_the_imported_rows(desk: Desk) -> None:
    k11, k12, card = Machine("K11"), Machine("K12"), Card()
    claimed(k11, card)
    bought(k12, card)
    looked(k11, card)
    desk.hears(k11, k12)
    sale = k11.sale_of()
    by_sale = desk.says("explain", sale)
    check = next(hash_ for fact, hash_ in hashes(k11) if fact.kind == "ClaimIssued")[:2].upper()
    for asked in (f"K11-000001-{check}", "K11-000001", k11.slip(head="")):
        assert desk.says("explain", asked) == by_sale
    assert "The office" in by_sale
    assert f"kiosk hq settle make K11/{sale}" in by_sale
    by_card = desk.says("explain", card.serial)
    assert by_card.startswith("K11")
    assert "\nK12\n" in by_card
    assert desk.says("explain", "..7788").count("K12") >= 1
    said = json.loads(desk.says("explain", card.serial, "--for", "auditor", "--json"))
    assert [each["kiosk"] for each in said["kiosks"]] == ["K11", "K12"]
    known = {row for _, row in hashes(k11)}
    assert {episode["hash"] for story in said["kiosks"][0]["stories"] for episode in story["episodes"]} <= known


def hashes(machine: Machine) -> list[tuple[Fact, str]]:
    journal, at, found = machine.written(), origin(machine.journal.store), []
    for fact, each in zip(journal.facts, journal.lines, strict=True):
        at = link(at, each)
        found.append((fact, at.hex()))
    return found


def test_a_customer_is_told_no_more_at_the_office_than_at_the_machine(desk: Desk) -> None:
    k11, card = Machine("K11"), Card()
    claimed(k11, card)
    desk.hears(k11)
    said = desk.says("explain", "K11-000001", "--for", "customer")
    assert card.serial not in said
    assert str(k11.facts("WriteStarted")[-1].tag) not in said  # type: ignore[attr-defined]
    assert "\nThe office\n" not in said


def test_what_cannot_be_explained_is_said_in_a_sentence(desk: Desk) -> None:
    k11 = Machine("K11")
    claimed(k11, Card())
    desk.hears(k11)
    wrong = next(check for check in ("00", "01") if check != next(h for fact, h in hashes(k11) if fact.kind == "ClaimIssued")[:2])
    for asked in (f"K11-000001-{wrong}", "K11-000999", "K77-000001", "f" * 16, "..ffff", "K1:AAAA", "", "%", "' or 1=1", "K1:" + "A" * 300):
        assert "Traceback" not in desk.says("explain", asked, code=1)
    desk.says("explain", "K11-000001", "--for", "thief", code=2)
    desk.says("explain", "K11-000001", "--language", "xx", code=2)


def test_rows_that_are_not_the_signed_ones_explain_nothing(desk: Desk) -> None:
    k11 = Machine("K11")
    claimed(k11, Card())
    desk.hears(k11)
    store = Store.open(desk.office / "hq.db")
    store.transact(lambda connection: connection.execute(update(FACT).where(FACT.c.seq == 4).values(at_ms=5)))
    store.close()
    assert "not the ones that it signed" in desk.says("explain", "K11-000001", code=4)


# ---------------------------------------------------------------- alarms, and a kiosk that is gone


def test_alarms_are_told_once_and_stand_on_the_worklist(desk: Desk) -> None:
    k11, k12, card = Machine("K11"), Machine("K12"), Card()
    bought(k11, card)
    bought(k12, card)
    bought(k11, card)
    desk.hears(k11)
    assert "Purchase 3" in desk.says("settle", "alarms", code=1)
    assert "Nothing new." in desk.says("settle", "alarms")
    assert json.loads(desk.says("settle", "alarms", "--json")) == []
    assert "gap" in desk.says("work")


def test_a_kiosk_that_is_gone(desk: Desk) -> None:
    k11 = Machine("K11")
    bought(k11, Card())
    desk.hears(k11)
    said = desk.says("settle", "burned", "K11", "--box", "notes=80.00:2", "--box", "coins=0:0", "--counter", "notes=2")
    assert "Explained by nothing: 30.00 CNY." in said
    assert "pieces by the acceptor: 1, by the box: 1" in said
    told = json.loads(desk.says("settle", "burned", "K11", "--box", "notes=80.00:2", "--box", "coins=0.00:0", "--json"))
    assert told["unexplained_minor"] == 30_00
    for bad in ("notes", "notes=1.234:5", "notes=-1:5", "gold=1:1", "notes=1e99:1", "notes=NaN:1"):
        assert "is not like" in desk.says("settle", "burned", "K11", "--box", bad, code=2)
    assert "There is no kiosk" in desk.says("settle", "burned", "K99", code=1)
