"""`kiosk hq order` as people type it, from a card in the registry to a kiosk that offers the order, and back with what it wrote."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.hq import trading
from kiosk.devices.vault.keyset import first_set
from kiosk.hq.cards.registry import Binding, Registry
from kiosk.hq.office import Office as HqOffice
from kiosk.sync.install import Cupboard
from kiosk.sync.item import Me
from kiosk.sync.orders import orders_of
from kiosk.vend import seen
from kiosk.vend.evidence import RECEIPT, Evidence, encode
from kiosk.vend.trust import OrdersInstalled, Trust
from tests.codes.kit import CodeShop
from tests.hq.people.office_kit import at_work, joins
from tests.keys.kit import CHEAP, DECISION, FIRST, REGION, SECOND, UTILITY, VAULT, station_of
from tests.sale.shop import Card


class Office:
    """A folder with everything that an office has, and its command line in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.office = folder, folder / "office"
        self.now_ms = time.time_ns() // 1_000_000
        secrets = {"1": FIRST, "2": SECOND, "d": DECISION, "v": VAULT}
        for name, words in secrets.items():
            (folder / name).write_text(words + "\n")
            (folder / name).chmod(0o600)
        self.station = station_of(folder / "kiosk")
        self.vault = FileVault.create(folder / "vault.json", VAULT, UTILITY, first_set("aes128", self.now_ms - 1, 3650, 365), cost=CHEAP)
        root = self.says("init", "--utility", str(UTILITY), *self.of("first-secret", "1", "second-secret", "2", "secret-file", "d"))
        self.roots = tuple(bytes.fromhex(word.strip('"[] ')) for word in root.split("root = ")[1].strip().split(", "))
        self.says("enrol", "K07", "--sign", self.station.public_key.hex(), "--box", self.station.box_key.hex(), "--region", str(REGION))
        self.cards = 0
        self.keys = ("--vault", str(folder / "vault.json"), *self.of("secret-file", "v"))

    def of(self, *pairs: str) -> list[str]:
        return [word for name, file in zip(pairs[::2], pairs[1::2], strict=True) for word in (f"--{name}", str(self.folder / file))]

    def says(self, *words: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["hq", *words, "--office", str(self.office)])
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.output
        return done.output

    def card(self, region: int = REGION) -> Card:
        """Another customer's, bound and handed out."""
        self.cards += 1
        card = Card(serial=f"{self.cards:016x}", meter=f"{self.cards:012}")
        book = Registry(self.office / "registry.db", lambda: self.now_ms)
        book.begin(Binding(UTILITY, region, f"{self.cards:012}", card.meter, card.serial, 1, 1))
        book.issued(card.serial)
        book.close()
        return card

    def receipt(self, card: Card, n: int) -> str:
        """The code of K07's receipt for this purchase."""
        said = Evidence(RECEIPT, "K07", 1, 100_00, card.serial[-4:], card.meter, n, "01020304", self.now_ms // 1000)
        return encode(said, self.station.sign)

    def made(self, card: Card, *words: str) -> Any:
        """As a program hears it."""
        text = self.says("order", "make", "--card", card.serial, "--amount", "100.00", "--purchase", "1-3", *words, *self.keys, "--json")
        return json.loads(text)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


class AtTheKiosk(CodeShop):
    """A kiosk whose vault has the office's masters of its region."""

    def __init__(self, office: Office) -> None:
        super().__init__()
        self.ms += office.now_ms - self.wall_ms()
        self.vault = trading(office.vault, REGION, office.now_ms)


def test_from_the_counter_to_a_kiosk_that_offers_it_and_one_that_heard_of_nothing(office: Office) -> None:
    card = office.card()
    first, again = (office.made(card, "--reference", "till 7, receipt 12") for _ in range(2))
    second = office.made(card)
    assert (first["anew"], again["anew"], again["code"]) == (True, False, first["code"])
    assert second["after"] == [first["order"]["name"]]
    assert first["code"] not in office.says("order", "list")
    assert "orders." in office.says("order", "send", "K07", *office.of("decision-secret", "d"), "--code-float", "2000.00", *office.keys)
    cupboard = Cupboard(office.folder / "keys", Me("K07", UTILITY, REGION, office.roots), office.station)
    sent = [each for each in cupboard.install(office.office, Trust(), office.now_ms + 1000) if isinstance(each.fact, OrdersInstalled)]
    (outcome,) = sent
    assert outcome.item
    assert isinstance(outcome.fact, OrdersInstalled)
    told = orders_of(outcome.item.body)

    listed = AtTheKiosk(office)
    listed.tell(seen.Trusted(outcome.fact))
    listed.tell(seen.OrdersRead(told.orders, told.code_float, outcome.fact.digest))
    assert listed.state.codes.float_held.whole_minor == 2000_00
    listed.insert(card)
    listed.press("order", first["order"]["name"])
    assert listed.view.phase == "done"
    card.into_meter()

    unheard = AtTheKiosk(office)
    unheard.insert(card)
    unheard.type(str(second["code"]))
    assert unheard.view.phase == "done"
    card.into_meter()
    assert card.credited == [100_00, 100_00]


def test_a_person_reads_the_code_in_groups_and_until_when_it_is_taken(office: Office) -> None:
    card = office.card()
    words = ("--card", card.serial, "--amount", "40.00", "--purchase", "18-2")
    assert "with the code on its receipt" in office.says("order", "make", *words, *office.keys, code=1)
    said = office.says("order", "make", *words, "--receipt", office.receipt(card, 18), *office.keys)
    groups = said.splitlines()[0].split()
    assert [len(group) for group in groups] == [4] * 5
    assert f"40.00 CNY for card ..{card.serial[-4:]}, purchase 19-" in said
    assert "Machines take the code until" in said


def test_a_quote_says_what_is_collected_first_and_leaves_nothing(office: Office) -> None:
    card = office.card()
    words = ("order", "quote", "--card", card.serial, "--amount", "40.00", "--purchase", "1-3", *office.keys)
    said = office.says(*words)
    assert "40.00 CNY for card" in said
    assert "collected after" not in said
    first = office.made(card)["order"]["name"]
    assert f"It is collected after the other: {first}." in office.says(*words)
    assert json.loads(office.says(*words, "--json"))["after"] == [first]
    assert card.serial not in [each["card"] for each in json.loads(office.says("order", "list", "--json")) if each["amount_minor"] == 40_00]
    assert "with the code on its receipt" in office.says(*words[:7], "18-2", *office.keys, code=1)


def test_the_office_sets_the_least_amount_of_an_order(office: Office) -> None:
    card = office.card()
    words = ("order", "quote", "--card", card.serial, "--purchase", "1-3", *office.keys, "--amount")
    assert "at least 1.00 CNY" in office.says("order", "least")
    assert "at least 2.50 CNY" in office.says("order", "least", "2.50")
    assert "at least 250 in minor units" in office.says(*words, "2.49", code=1)
    office.says(*words, "2.50")
    assert "at least 100 UGX" in office.says("order", "least", "--currency", "UGX")
    office.says("order", "least", "0", code=2)
    office.says("order", "least", "500.01", code=1)
    office.says("order", "least", "1.00")


def test_the_code_leaves_the_counter_when_its_order_is_at_another_site(office: Office, tmp_path: Path) -> None:
    card, site = office.card(), tmp_path / "site"
    words = ("order", "make", "--card", card.serial, "--amount", "40.00", "--purchase", "1-3", "--reference", tmp_path.name, *office.keys)
    said = office.says(*words, "--off-site", str(site), code=1)
    assert "The other site does not answer" in said
    assert not re.search(r"[0-9]{4} [0-9]{4}", said)
    site.mkdir()
    made = json.loads(office.says(*words, "--off-site", str(site), "--json"))
    assert [path.name for path in site.iterdir()] == [made["order"]["name"]]
    assert "Only a PostgreSQL store has a replica" in office.says(*words, "--off-site", "replica", code=1)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"--purchase": "18-3"}, 2, "check digit"),
        ({"--purchase": "18"}, 2, "check digit"),
        ({"--purchase": "018-2"}, 2, "check digit"),
        ({"--amount": "0"}, 2, "no amount"),
        ({"--amount": "1.005"}, 2, "no amount"),
        ({"--amount": "nan"}, 2, "no amount"),
        ({"--amount": "1e400"}, 2, "no amount"),
        ({"--amount": "500.01"}, 1, "at most 50000"),
        ({"--card": "99" * 8}, 1, "was opened here"),
        ({"--currency": "GBP"}, 2, "not known here"),
    ],
)
def test_what_is_no_order_is_refused_in_one_sentence(office: Office, change: dict[str, str], code: int, says: str) -> None:
    card = office.card()
    words = {"--card": card.serial, "--amount": "100.00", "--purchase": "1-3"} | change
    said = office.says("order", "make", *(word for pair in words.items() for word in pair), *office.keys, code=code)
    assert says in said
    assert office.says("order", "list", "--card", card.serial).strip() == "0 open orders."


def test_a_count_proof_is_heard_over_the_telephone_and_the_money_ordered_again(office: Office) -> None:
    card = office.card()
    made, shop = office.made(card), AtTheKiosk(office)
    shop.insert(card)
    shop.feed(50_00)
    shop.press("finish")
    shop.press("finish")
    shop.pull()
    card.into_meter()
    shop.insert(card)
    shop.type(str(made["code"]))
    digits = str(shop.view.params["proof"])
    name = made["order"]["name"]
    assert "nobody's of the staff" in office.says("order", "proof", name, digits[:5], digits[5:], *office.keys, code=1)
    joins(office.office, HqOffice(office.office).signer("root-1", [FIRST, SECOND]), "014", may=("order.proof",))
    with at_work(office.office, "014") as secret:
        assert "no proof" in office.says("order", "proof", name, "12345", "67890", *secret, *office.keys, code=6)
        said = office.says("order", "proof", name, digits[:5], digits[5:], *secret, "--again", "--json", *office.keys)
    again = json.loads(said[said.index("{") :])
    shop.press("code", "again")
    shop.press("code", again["code"])
    assert shop.view.phase == "done"
    assert "passed" in office.says("order", "show", name)
    assert "no order" in office.says("order", "show", "NOSUCH", code=1)


def test_match_says_that_nothing_is_to_be_looked_at(office: Office) -> None:
    assert "0 accepted codes; 0 of orders that were collected before; 0 without an order." in office.says("order", "match")


def test_an_order_of_another_region_is_on_no_list(office: Office) -> None:
    def listed() -> str:
        return office.says("order", "send", "K07", *office.of("decision-secret", "d"), *office.keys).split(": ")[1]

    before = listed()
    office.made(office.card(REGION + 1))
    assert listed() == before
    office.made(office.card())
    assert listed() != before
