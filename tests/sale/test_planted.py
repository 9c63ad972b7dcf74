"""Faults of money planted in the product: the sale machine's table finds each that its world can meet, by what it is."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.oracle.planted import FAULTS
from tests.sale.test_machine import Machine

FOUND = {  # what the table says of it
    "note x10": "notes: the books have 1000, the product says 10000",
    "coins swapped": "coins: the books have 100, the product says 50",
    "no fee": "fees: the books have 500, the product says 0",
    "debt twice": "debt: the books have 0, the product says 2250",
    "price": "energy: the price is 0.5900, and the tariff's 5800",
    "receipt": "'cards': 7750}, the books",
    "signed code": "its code says 7750, the books 7650",
    "day report": "K01, day reports, fees: the books have 1000, the report says 0",
}


def two_purchases() -> None:
    """A customer who owes 30.00 buys twice, with every kind of money, and takes a receipt on paper and one as a code."""
    machine = Machine()
    machine.begin(owed_minor=30_00)
    coins = (partial(machine.coin, 0, 1_00), partial(machine.coin, 0, 50))
    lives(machine, "paper", partial(machine.feed, 10_00, stack=True), partial(machine.feed, 100_00, stack=True), *coins)
    lives(machine, "qr", partial(machine.feed, 50_00, stack=True))
    machine.teardown()


def lives(machine: Machine, receipt: str, *pays: Callable[[], None]) -> None:
    """One purchase, and the card into its meter; the table is looked at after each step."""
    proves = partial(machine.prove, 0, receipt, "printed", signs=True)
    steps: tuple[Callable[[], None], ...] = (partial(machine.insert, 0), *pays, partial(machine.press, "finish"), proves, machine.pull)
    for step in (*steps, machine.meter):
        step()
        machine.every_cent_is_somewhere()


def test_without_a_fault_nothing_is_found() -> None:
    two_purchases()


@pytest.mark.parametrize("name", FOUND)
def test_the_sale_machine_finds_a_planted_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name].patch(monkeypatch)
    with pytest.raises(AssertionError) as found:
        two_purchases()
    assert FOUND[name] in str(found.value), f"it says something else of this: {FAULTS[name].what}"
