"""All money of a demo's day in one table: what its devices, meters and bank have written down, beside journals, papers and reports."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kiosk.demo.world import CUSTOMERS
from kiosk.devices.sim import meter_state
from kiosk.devices.sim.card import CardModel
from tests.oracle.sites import Home, Sites

DEBTS = {CUSTOMERS["A"][1]: 5_00}  # by meter, as the kiosks' configuration has it by customer


def day_wrong(folder: Path, reports: Iterable[str], paid: Mapping[str, Sequence[int]] | None = None) -> str:
    """What is not zero in the folder of a day that is over, or "". `paid`: by card, what was paid at the bank."""
    cards, meters = folder / "cards", folder / "meters"
    homes = [Home(CardModel.open(cards / f"{name}.json"), meter_state.load(meters / f"{name}.json")) for name in CUSTOMERS]
    papers = [folder / "receipts", *sorted((folder / "kiosks").glob("*/receipts"))]
    return Sites(folder / "kiosks", homes, papers, debts=DEBTS, paid=paid).wrong(list(reports))
