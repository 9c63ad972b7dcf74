"""The demo's office and its bank: what they say when something is wrong, and when the two sides agree."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.demo.account import BankCards, Hq, Side
from kiosk.demo.bank import Bank
from kiosk.demo.door import Door
from kiosk.demo.glass import SAID, code_lines
from kiosk.demo.office import HeadOffice, open_cards
from kiosk.demo.site import DemoError
from kiosk.demo.world import CUSTOMERS

CARD = CUSTOMERS["A"][0]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """At a real door, over TLS."""
    town = tmp_path_factory.mktemp("town")
    open_cards(town, CUSTOMERS)
    with closing(HeadOffice(town)) as office:
        door = Door(town / "door", office.for_partners())
        door.open()
        with closing(door), closing(Bank(door.url, door.ca, office.token())) as opened:
            yield opened


def test_two_payments_for_one_card_are_two_codes_for_two_purchases(bank: Bank) -> None:
    one, two = (bank.pays(CARD, 50_00, "0-0") for _ in range(2))
    assert (len(one), one[1], two[1]) == (20, "1", "2")
    assert one[2:9] == two[2:9] == "0005000"
    assert bank.stands(bank.orders[0]) == ("made", "")


@pytest.mark.parametrize(
    ("card", "amount_minor", "number"),
    [(CARD, 50_00, "1-9"), (CARD, 0, "0-0"), (CARD, 501_00, "0-0"), ("00" * 8, 50_00, "0-0")],
    ids=["mistyped number", "nothing", "above the bank's limit", "no card of ours"],
)
def test_what_the_office_refuses_is_one_sentence_and_no_order(bank: Bank, card: str, amount_minor: int, number: str) -> None:
    before = list(bank.orders)
    with pytest.raises(DemoError, match=r"The office makes no order for the bank\. \S.*\.$"):
        bank.pays(card, amount_minor, number)
    assert bank.orders == before


def test_a_town_that_is_kept_has_its_office_again_and_the_bank_a_new_token(tmp_path: Path) -> None:
    open_cards(tmp_path, CUSTOMERS)
    tokens, roots = set(), set()
    for _ in range(2):
        with closing(HeadOffice(tmp_path)) as office:
            tokens.add(office.token())
            roots.add(office.roots)
    assert (len(tokens), len(roots)) == (2, 1)


def test_a_code_fits_beside_the_kiosk_in_the_groups_in_which_it_is_typed() -> None:
    assert code_lines("21000500043633673077") == ("Code 2100 0500 0436", "     3367 3077")
    assert code_lines("") == ()
    assert max(map(len, code_lines("2" * 20))) <= SAID


SIDE = Side(tendered_minor=641_00, credited_minor=506_00, fees_minor=30_00, debt_minor=5_00, claims_minor=100_00)
GOOD = Hq(2, 123, {"OK": 2}, {"K07": 1}, {"K07": SIDE}, {"K07": SIDE}, recomputed=True)


def test_two_sides_agree_when_they_are_the_same_and_every_cent_is_somewhere() -> None:
    assert GOOD.agrees


@pytest.mark.parametrize(
    "other",
    [
        *({"office": {"K07": replace(SIDE, **{name: getattr(SIDE, name) + 1})}} for name in Side.__struct_fields__),
        {"kiosks": {"K07": replace(SIDE, fees_minor=0)}, "office": {"K07": replace(SIDE, fees_minor=0)}},
        {"office": {}},
        {"office": {"K07": SIDE, "K09": SIDE}},
        {"verdicts": {"OK": 1, "TAMPER": 1}},
        {"verdicts": {"OK": 1, "EXCEPTION": 1}},
        {"acknowledged": {"K07": 0}},
        {"acknowledged": {}},
        {"recomputed": False},
        {"bank_cards": {"K07": BankCards(1, 0, 0)}},
        {"bank_cards": {"K07": BankCards(0, 1, 0)}},
        {"bank_cards": {"K07": BankCards(0, 0, 1)}},
    ],
    ids=str,
)
def test_any_difference_is_one(other: dict[str, object]) -> None:
    assert not replace(GOOD, **other).agrees


def test_a_folder_too_deep_for_a_socket_is_refused_in_one_sentence_and_not_made(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80)
    said = CliRunner().invoke(app, ["demo", "--script", "--keep", str(deep)])
    assert said.exit_code == 2
    assert "too long for the sockets" in said.output
    assert not deep.exists()
