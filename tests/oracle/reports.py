"""What reports add up to, line by line as they are printed: the kiosk's day reports and the office's selling report, against the books."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from kiosk.vend.paper.day import day_report
from kiosk.vend.paper.values import Money, Pair, Paper, Said
from kiosk.vend.rows import Recorded
from kiosk.vend.totals import day_totals
from tests.oracle.kiosks import UNKNOWN, UNSAID
from tests.oracle.table import BOOKS, Table

PLACE_OF = {  # the sentence of a line of the day report -> where its amount is
    "paper.day.notes": "notes",
    "paper.day.coins": "coins",
    "paper.day.bank": "bank",
    "paper.day.codes": "partner",
    "paper.day.on_cards": "cards",
    "paper.day.fees": "fees",
    "paper.line.old_debt": "debt",
    "paper.open_claims": "claims",
    "paper.day.earlier": "claims",
}
MINOR = r"-?\d{1,3}(?: ?\d{3})*\.\d\d"  # `1 300.00`; columns are two blanks apart
COLUMNS = ("tendered", "cards", "deducted", "back", "claims")
LINE = re.compile(r"(?P<kiosk>\S+) +(?P<tender>[a-z]+) +\d+" + "".join(f" {{2,}}(?P<{column}>{MINOR})" for column in COLUMNS) + "$")
FEET = {"  on cards": "cards", "+ fees": "fees", "+ old debt": "debt"}
FOOT = re.compile(rf"({'|'.join(map(re.escape, FEET))}) {{2,}}({MINOR})$")
TENDERS = {"cash": "cash", "orphan": "cash", "bank": "bank", "code": "partner"}


def by_the_books(table: Table, kiosk: str) -> Counter[str]:
    """A kiosk's columns, but for orphans and for pieces of which no row speaks; what is in a meter was put on a card."""
    cells: Counter[str] = Counter()
    for place in ("notes", "coins", "bank", "partner", "fees", "debt", "claims", "cards", "meters"):
        cells["cards" if place == "meters" else place] += table.column(BOOKS, place, f"{kiosk}/")
    for device in ("notes", "coins"):
        apart = (f"{device} ", f"{UNKNOWN}{device} ", f"{device}{UNSAID}")
        cells[device] -= sum(table.column(BOOKS, device, f"{kiosk}/{start}") for start in apart)
    return cells


def days_wrong(table: Table, kiosk: str, rows: Iterable[Recorded], day_of: Callable[[int], str]) -> str:
    """The lines of all day reports of a kiosk that is at rest, added up, against the books; what is wrong, or ""."""
    journal, told = list(rows), Counter[str]()
    for date in sorted({day_of(recorded.row.at_ms) for recorded in journal}):
        totals = day_totals(journal, date, day_of)
        told.update(_lines(day_report(totals, kiosk=kiosk, day_ms=0, printed_ms=0, zone="+0800", exponent=2, language="en")))
    return _differs(f"{kiosk}, day reports", by_the_books(table, kiosk), told)


def _lines(paper: Paper) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in paper.rows:
        if isinstance(row, Pair) and isinstance(row.label, Said) and isinstance(row.value, Money) and row.label.key in PLACE_OF:
            found[PLACE_OF[row.label.key]] += row.value.minor
    return found


def sold_wrong(table: Table, kiosks: Iterable[str], texts: Iterable[str]) -> str:
    """The lines of the office's selling reports as people read them, added up, against the books; what is wrong, or ""."""
    told, feet = {name: Counter[str]() for name in kiosks}, Counter[str]()
    for line in (line for text in texts for line in text.splitlines()):
        if (sold := LINE.match(line)) and sold["kiosk"] != "all":
            cells, tender = told.setdefault(sold["kiosk"], Counter()), minor_of(sold["tendered"])
            cells[TENDERS.get(sold["tender"], "cash")] += tender
            cells["orphans"] += tender if sold["tender"] == "orphan" else 0
            cells.update({place: minor_of(sold[place]) for place in ("cards", "deducted", "claims")})
        elif foot := FOOT.match(line):
            feet[FEET[foot[1]]] += minor_of(foot[2])
    whole = Counter[str]()
    for kiosk, cells in told.items():
        if found := _differs(f"{kiosk}, selling report", as_sold(table, kiosk), cells):
            return found
        whole.update(by_the_books(table, kiosk))
    return _differs("the selling report's account", {place: whole[place] for place in FEET.values()}, feet)


def as_sold(table: Table, kiosk: str) -> Counter[str]:
    """A kiosk's columns as the report has them: all cash is one tender, and what is deducted is one sum."""
    cells = by_the_books(table, kiosk)
    orphans = sum(table.column(BOOKS, "orphans", f"{kiosk}/{device} ") for device in ("notes", "coins"))
    cash, deducted = cells["notes"] + cells["coins"] + orphans, cells["fees"] + cells["debt"]
    kept = {place: cells[place] for place in ("bank", "partner", "cards", "claims")}
    return Counter({**kept, "cash": cash, "deducted": deducted, "orphans": orphans})


def minor_of(amount: str) -> int:
    """`-1 234.50` in minor units."""
    return int(amount.translate({ord("."): None, ord(" "): None}))


def _differs(whose: str, books: Mapping[str, int], told: Mapping[str, int]) -> str:
    for place in dict.fromkeys((*books, *told)):
        if books.get(place, 0) != told.get(place, 0):
            return f"{whose}, {place}: the books have {books.get(place, 0)}, the report says {told.get(place, 0)} (minor units)"
    return ""
