"""Faults of money planted in the product: the table of all money that ends each history of tears finds those that its kiosks can meet."""

import pytest

from tests.oracle.planted import FAULTS
from tests.tears.till import USED, Town

FOUND = {  # what the table says of it
    "note x10": "notes: the books have 1000, the product says 10000",
    "coins swapped": "coins: the books have 100, the product says 50",
    "no fee": "fees: the books have 500, the product says 0",
    "debt twice": "debt: the books have 0, the product says 300",
    "price": "energy: the price is 0.5900, and the tariff's 5800",
    "receipt": "'cards': 6700}, the books",
    "signed code": "its code says 6700, the books 6600",
    "day report": "K01, day reports, fees: the books have 1000, the report says 0",
}


def two_purchases() -> str:
    """A customer who owes 30.00 buys twice, each time with a coin and a note; what the table says at the end."""
    town = Town(USED, owed_minor=30_00)
    kiosk = town.tills[0]
    for minor in (100_00, 10_00):
        kiosk.put_in(town.card)
        kiosk.press("tender", "cash")
        kiosk.coin()
        kiosk.feed(minor)
        kiosk.press("finish")
        kiosk.take_out()
        town.home()
    return town.table_wrong()


def test_without_a_fault_nothing_is_found() -> None:
    assert two_purchases() == ""


@pytest.mark.parametrize("name", FOUND)
def test_the_table_of_the_tears_finds_a_planted_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name].patch(monkeypatch)
    assert FOUND[name] in two_purchases(), f"it says something else of this: {FAULTS[name].what}"
