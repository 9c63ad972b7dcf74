"""Receipts and slips as the simulated printer has printed them, in English: read line by line, and held against the books."""

import re
from pathlib import Path
from typing import NamedTuple

from tests.oracle.papers import credited
from tests.oracle.table import BOOKS, IN, Table
from tests.oracle.terms import Terms

PLACES = (  # how a line begins -> the place of its amount
    ("Notes ", "notes"),
    ("Coins ", "coins"),
    ("Bank card", "bank"),
    ("Transfer code", "partner"),
    ("Fixed fee", "fees"),
    ("Old debt", "debt"),
    ("TO CARD", "cards"),
    ("Meter ", ""),  # what the meter will show
)
NUMBER = re.compile(r"^(?:Receipt|Slip) +(K\d+)-(\d{6})", re.MULTILINE)
AMOUNT = re.compile(r"^(.*?) *(-?\d+\.\d\d)$")
ENERGY = re.compile(r"^About (\d+)\.(\d\d) kWh at (\d+)\.(\d{4})$", re.MULTILINE)


class Strip(NamedTuple):
    """One paper. `amounts`: by place, that of a slip by ""; `energy`: watt-hours and the price in ten-thousandths."""

    kiosk: str
    number: int
    slip: bool
    amounts: dict[str, int]
    energy: tuple[int, int] | None


def strips(folder: Path) -> list[Strip]:
    """All receipts and slips of a folder, as they came out."""
    return [strip for path in sorted(folder.glob("*.txt")) if (strip := read(path.read_text("utf-8")))]


def read(text: str) -> Strip | None:
    """One paper; None of another kind."""
    head = NUMBER.search(text)
    if head is None:
        return None
    slip, amounts, before = "CLAIM SLIP" in text, dict[str, int](), ""
    for line in text.partition("\nHelp ")[0].splitlines():  # below it stands what a bank terminal says itself
        if found := AMOUNT.match(line):
            label = found[1].strip() or before  # a long list of pieces has the line above to itself
            place = "" if slip else next((place for begins, place in PLACES if label.startswith(begins)), "taxes")
            if place or slip:
                amounts[place] = amounts.get(place, 0) + int(found[2].replace(".", ""))
        before = line.strip()
    said = ENERGY.search(text)
    energy = (int(said[1] + said[2]) * 10, int(said[3] + said[4])) if said else None
    return Strip(head[1], int(head[2]), slip, amounts, energy)


def strip_wrong(table: Table, value: str, strip: Strip, terms: Terms) -> str:
    """The first thing on this paper that is not the books', or ""."""
    if strip.slip:
        expected = {"": table.came_in(BOOKS, value)}
    else:
        cells = {place: table.cell(BOOKS, value, place) for place in (*IN, "fees", "debt", "taxes")}
        expected = {place: minor for place, minor in cells.items() if minor} | {"cards": credited(table, value)}
    if strip.amounts != expected:
        return f"{value}, paper {strip.number}: it says {strip.amounts}, the books {expected} (minor units)"
    due = (terms.energy_wh(credited(table, value)), terms.price)
    if not strip.slip and strip.energy != due:
        return f"{value}, paper {strip.number}: it says {strip.energy} of energy and price, and by the tariff it is {due}"
    return ""
