"""Faults of money planted in the product: the table that ends each kill test finds those that a sale meets, by what they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.sim.pcscd import PORTS, READERS
from kiosk.devices.sim.vpcd import VpcdSlot
from tests.kill.street import Corner, Household, Person, table_wrong
from tests.oracle.planted import FAULTS
from tests.pcscd import running_pcscd

pytestmark = pytest.mark.pcsc
FOUND = {  # what the table says of it
    "note x10": "notes: the books have 1000, the product says 10000",
    "coins swapped": "coins: the books have 100, the product says 50",
    "no fee": "fees: the books have 500, the product says 0",
    "price": "energy: the price is 0.5900, and the tariff's 5800",
    "receipt": "'cards': 700}, the books",
    "day report": "K07, day reports, fees: the books have 500, the report says 0",
    "selling report": "K07, selling report, cards: the books have 600, the report says 0",
}
QUICK = "note x10"


@pytest.fixture(scope="module", autouse=True)
def pcscd() -> Iterator[None]:
    with running_pcscd():
        yield


def one_purchase(folder: Path) -> str:
    """A note and a coin, and a receipt on paper; what the table says of it."""
    corner, home = Corner(folder, VpcdSlot(PORTS[0]), READERS[0]), Household(folder / "home")
    try:
        corner.start_here()
        Person(corner, home, (10_00, 1_00)).recharge()
        corner.phase("attract")
    finally:
        corner.stop()
    home.home()
    return table_wrong(corner)


def test_without_a_fault_nothing_is_found(tmp_path: Path) -> None:
    assert one_purchase(tmp_path) == ""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == QUICK else pytest.mark.deep("a sale for each planted fault")) for name in FOUND]
)
def test_the_table_of_the_kill_tests_finds_a_planted_fault(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name].patch(monkeypatch)
    assert FOUND[name] in one_purchase(tmp_path), f"it says something else of this: {FAULTS[name].what}"
