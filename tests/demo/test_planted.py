"""Faults of money planted in the product: the table of all money finds each in a short day of the demo, by what it is."""

from functools import partial
from pathlib import Path

import pytest

from kiosk.demo.books import books
from kiosk.demo.post import by_wire
from kiosk.demo.site import Site
from kiosk.demo.world import World
from kiosk.vend.view import View
from tests.demo.whole import day_wrong
from tests.oracle.planted import FAULTS

pytestmark = pytest.mark.deep("a short day of the demo for each planted fault")
FOUND = {  # what the table says of it
    "note x10": "notes: the books have 11000, the product says 20000",
    "coins swapped": "coins: the books have 100, the product says 50",
    "no fee": "fees: the books have 500, the product says 0",
    "debt twice": "debt: the books have 0, the product says 500",
    "price": "energy: the price is 0.5900, and the tariff's 5800",
    "receipt": "'cards': 10200}, the books",
    "day report": "K07, day reports, fees: the books have 1000, the report says 0",
    "selling report": "K07, selling report, cards: the books have 11600, the report says 0",
}


def short_day(folder: Path) -> str:
    """A customer who owes 5.00 buys twice, and the office hears of it; what the table says in the evening."""
    world = World(folder, ("K07",), stack="in-process", office=True)
    try:
        assert world.office
        world.start()
        buys(world, world.sites["K07"], "paper", 100_00, 10_00, 1_00)
        buys(world, world.sites["K07"], "none", 20_00)
        by_wire(world.sites["K07"])
        _, report = books(folder / "kiosks", world.office, folder, ())
    finally:
        world.stop()
    return day_wrong(folder, [report])


def buys(world: World, site: Site, receipt: str, *pieces: int) -> None:
    """Card A, and home to its meter."""
    site.phase("attract")
    site.insert(world.cards["A"])
    site.phase("account")
    paid = 0
    for minor in pieces:
        device, do = (site.notes, "insert_note") if minor >= 10_00 else (site.coins, "insert_coin")
        site._offer(device, {"do": do, "value_minor": minor})
        paid = site.until(partial(more_is_in, paid)).figure_minor or 0
    site.press("finish")
    site.press("receipt", receipt)
    site.until(lambda view: view.phase != "done" or view.params["receipt"] in ("printed", "none"))
    site.press("finish")
    site.phase("take_card")
    site.pull()
    site.phase("attract")
    world.to_meter("A")


def more_is_in(before_minor: int, view: View) -> bool:
    """Is the piece credited?"""
    return view.params.get("checking", 1) is None and (view.figure_minor or 0) > before_minor


def test_without_a_fault_nothing_is_found(tmp_path: Path) -> None:
    assert short_day(tmp_path) == ""


@pytest.mark.parametrize("name", FOUND)
def test_the_table_of_the_day_finds_a_planted_fault(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name].patch(monkeypatch)
    assert FOUND[name] in short_day(tmp_path), f"it says something else of this: {FAULTS[name].what}"
