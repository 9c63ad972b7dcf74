"""kill -9 of the running kiosk at every boundary of a sale: before a row, with the row in and uncommitted, after its commit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kill.street import Corner, Household, Person, books, dies_at_each
from tests.pcscd import running_pcscd, slot_at

pytestmark = pytest.mark.pcsc

MONEY = (100_00, 1_00)
SALE = (
    "Started", "AcceptorRead", "CardPresented", "SaleOpened", "NoteEscrowed", "NoteStacked", "CoinAccepted", "TenderClosed",
    "ReturnFileArchived", "WriteStarted", "CardVerified", "SaleClosed", "HeadSigned", "PrintStarted", "ReceiptPrinted",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def pcscd() -> Iterator[None]:
    with running_pcscd(another=True):
        yield


def die_and_finish(folder: Path, place: int, death: str, *, hatched: bool = True) -> list[str]:
    """One sale at one corner with one death in it, then the meter and the books; the instants that the first process came past."""
    corner, home = Corner(folder, *slot_at(place)), Household(folder / "home")
    corner.hatched = hatched
    person = Person(corner, home, MONEY, corner.start)
    try:
        corner.start_mortal(death)
        person.recharge()
        passed = corner.trace.read_text().splitlines()
    finally:
        corner.stop()
    assert person.deaths == (death != "never"), f"it never came to {death}: {passed}"
    total = books(corner)
    assert total.sales == 1, total
    assert home.home() == total.credited_minor > 0, total
    assert home.home() == 0, "the meter credited it twice"
    return passed


@pytest.mark.parametrize("death", ["inserted NoteStacked#1", "committed WriteStarted#1", "before CardVerified#1"])
def test_a_kiosk_killed_in_a_sale_finishes_it(tmp_path: Path, death: str) -> None:
    """As in the street: each process starts from nothing."""
    die_and_finish(tmp_path, 0, death, hatched=False)


@pytest.mark.covers("card-17", "abuse-28", "rule-19")
@pytest.mark.deep("every boundary of a sale")
def test_a_kiosk_killed_at_every_boundary_of_a_sale_finishes_it(tmp_path: Path) -> None:
    instants = die_and_finish(tmp_path / "whole", 0, "never")
    kinds = {instant.split()[1].split("#")[0] for instant in instants}
    assert kinds >= set(SALE), f"the sale had no {set(SALE) - kinds}"
    deaths = instants[instants.index("before Started#1") :]
    dies_at_each(deaths, lambda place, death: die_and_finish(tmp_path / death.replace(" ", "-"), place, death))
    assert len(deaths) > 30
