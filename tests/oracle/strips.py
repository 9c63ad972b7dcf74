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
    """One paper. `amounts`: by place, that of a slip by ""; `energy`: watt-hours and the price in ten-thousandths. `whole`: it was not
    given up before its last line."""

    kiosk: str
    number: int
    slip: bool
    amounts: dict[str, int]
    energy: tuple[int, int] | None
    whole: bool


def strips(folder: Path) -> list[Strip]:
    """All receipts and slips of a folder, as they came out."""
    return [strip for path in sorted(folder.glob("*.txt")) for strip in read(path.read_text("utf-8"))]


def read(text: str) -> list[Strip]:
    """Every paper between two cuts: what was given up hangs before the next one where nothing has cut it off."""
    head = text.partition("\n")[0]  # whoever issues it, on each of them
    parts = [head + part for part in text.split(head)[1:]] if head.strip() else [text]
    return [strip for part in parts if (strip := _paper(part))]


def _paper(text: str) -> Strip | None:
    """One of them; None of another kind."""
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
    return Strip(head[1], int(head[2]), slip, amounts, energy, "\nHelp " in text)


def strip_wrong(table: Table, value: str, strip: Strip, terms: Terms) -> str:
    """The first thing on this paper that is not the books', or ""."""
    if strip.slip:
        expected = {"": table.came_in(BOOKS, value)}
    else:
        cells = {place: table.cell(BOOKS, value, place) for place in (*IN, "fees", "debt", "taxes")}
        expected = {place: minor for place, minor in cells.items() if minor} | {"cards": credited(table, value)}
    if not strip.whole:  # it says less than the books, and nothing else
        expected = {place: minor for place, minor in expected.items() if place in strip.amounts}
    if strip.amounts != expected:
        return f"{value}, paper {strip.number}: it says {strip.amounts}, the books {expected} (minor units)"
    due = (terms.energy_wh(credited(table, value)), terms.price)
    if not strip.slip and strip.energy != due and (strip.whole or strip.energy):
        return f"{value}, paper {strip.number}: it says {strip.energy} of energy and price, and by the tariff it is {due}"
    return ""
