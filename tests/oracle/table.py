"""One double-entry table of money, by value: what the simulators' own books say, and beside it what the product says.

    table = Table()
    table.book("K1/5f", "notes", 10_00)     # the acceptor's own book: a note of 10.00 is in its box
    table.say("K1/5f", "notes", 10_00)      # the journal's row of it
    table.book("K1/5f", "held", 10_00)
    table.say("K1/5f", "held", 10_00)
    assert not table.wrong()

A row is a value: `KIOSK/SALE`, or an order's name. A column is a place where money can be. All amounts are minor units of one currency.
Three sums are zero, or `wrong` names value, place and amounts:

- on each side of a row, what came in less what became of it;
- in each cell, the books' amount less the product's;
- in each column, the rows' amounts less a total that was told apart from them (`total`): a box that was counted, a line of a report.

The product cannot see a meter. What it says is on a card, the books may have in the meter (`SEEN_AS`).

A difference that is expected has a bound in minor units (`allow`). `allowed_minor` says how much of the bounds was used.
This module is pure, and imports nothing of the product.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

IN = ("notes", "coins", "bank", "partner", "till")
OUT = ("meters", "cards", "claims", "orders", "refunds", "fees", "debt", "taxes", "back", "orphans", "held")
PLACES = frozenset((*IN, *OUT))
SEEN_AS: Mapping[str, str] = {"meters": "cards"}
BOOKS, SAID = 0, 1
SIDES = ("the books", "the product")
CURRENCY = "CNY"


class Difference(NamedTuple):
    """What is not zero."""

    value: str
    place: str
    currency: str
    books_minor: int
    said_minor: int
    what: str = ""

    def __str__(self) -> str:
        told = self.what or f"the books have {self.books_minor}, the product says {self.said_minor}"
        return f"{self.value}, {self.place}: {told} (minor units, {self.currency})"


Cells = dict[str, int]
Key = tuple[str, str]  # (value, currency)


class Table:
    """Rows of two sides. What was posted since the last look is looked at by `wrong`; with `every=True` all rows are."""

    def __init__(self, seen_as: Mapping[str, str] = SEEN_AS) -> None:
        self.seen_as = seen_as
        self.rows: dict[Key, tuple[Cells, Cells]] = {}
        self.bounds: dict[tuple[str, str, str], int] = {}  # (value, place, currency) -> minor units
        self.used: dict[tuple[str, str, str], int] = {}
        self._new: dict[Key, None] = {}

    # ------------------------------------------------------------ posting

    def book(self, value: str, place: str, minor: int, currency: str = CURRENCY) -> None:
        """A simulator's own book says so."""
        self._post(BOOKS, value, place, minor, currency)

    def say(self, value: str, place: str, minor: int, currency: str = CURRENCY) -> None:
        """The product says so."""
        self._post(SAID, value, place, minor, currency)

    def _post(self, side: int, value: str, place: str, minor: int, currency: str) -> None:
        if place not in PLACES:
            raise ValueError(f"{place!r} is no place where money can be")
        key = value, currency
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = ({}, {})
        cells = row[side]
        cells[place] = cells.get(place, 0) + minor
        self._new[key] = None

    def move(self, side: int, value: str, source: str, place: str, minor: int, *, currency: str = CURRENCY) -> None:
        """Money of a row is in another place now."""
        self._post(side, value, source, -minor, currency)
        self._post(side, value, place, minor, currency)

    def drop(self, value: str) -> None:
        """All of this row is taken out: journal rows about it were lost, and those that are left are posted anew."""
        for key in [key for key in self.rows if key[0] == value]:
            del self.rows[key]
            self._new.pop(key, None)

    def allow(self, value: str, place: str, bound_minor: int, currency: str = CURRENCY) -> None:
        """This cell may differ by so much, and no more."""
        self.bounds[value, place, currency] = bound_minor

    # ------------------------------------------------------------ asking

    def cell(self, side: int, value: str, place: str, currency: str = CURRENCY) -> int:
        """One amount."""
        row = self.rows.get((value, currency))
        return row[side].get(place, 0) if row else 0

    def came_in(self, side: int, value: str, currency: str = CURRENCY) -> int:
        """All that came in for one value."""
        row = self.rows.get((value, currency))
        return sum(row[side].get(place, 0) for place in IN) if row else 0

    def column(self, side: int, place: str, scope: str = "", currency: str = CURRENCY) -> int:
        """The sum of a place over the rows whose value begins with `scope`."""
        rows = self.rows.items()
        return sum(cells[side].get(place, 0) for (value, of), cells in rows if of == currency and value.startswith(scope))

    def total(self, side: int, place: str, minor: int, scope: str = "", currency: str = CURRENCY) -> str:
        """A total that was told apart from the rows: what is wrong with it against that side's column, or ""."""
        summed = self.column(side, place, scope, currency)
        if summed == minor:
            return ""
        told = f"{SIDES[side]} add up to {summed}, and {minor} was counted"
        return str(Difference(f"{scope or 'all'}", place, currency, summed, minor, told))

    @property
    def allowed_minor(self) -> int:
        """How much of what differs was within its bound."""
        return sum(self.used.values())

    # ------------------------------------------------------------ the three sums

    def wrong(self, *, every: bool = False) -> str:
        """The first difference as a sentence, or "". Rows that were not posted to since the last look are looked at with `every`."""
        keys = list(self.rows) if every else list(self._new)
        for key in keys:
            if found := next(self._differences(key), None):
                return str(found)
            self._new.pop(key, None)
        return ""

    def differences(self) -> list[Difference]:
        """All of them."""
        return [found for key in self.rows for found in self._differences(key)]

    def _differences(self, key: Key) -> Iterator[Difference]:
        value, currency = key
        books, said = self.rows[key]
        pairs = self._paired(books, said).items()
        beyond = [(place, *pair) for place, pair in pairs if self._beyond((value, place, currency), pair[0] - pair[1])]
        for place, one, other in sorted(beyond, key=lambda each: each[0] not in IN):  # what came in comes before what became of it
            yield Difference(value, place, currency, one, other)
        for side, cells in enumerate((books, said)):
            came, went = (sum(cells.get(place, 0) for place in places) for places in (IN, OUT))
            if came != went:
                told = f"for {SIDES[side]} {came} came in, and {went} is somewhere: {shown(cells)}"
                yield Difference(value, "row", currency, came, went, told)

    def _beyond(self, cell: tuple[str, str, str], minor: int) -> bool:
        """Is this more than may be? What is within a bound is counted."""
        if not self.bounds:
            return minor != 0
        self.used.pop(cell, None)
        if not minor or abs(minor) > self.bounds.get(cell, 0):
            return minor != 0
        self.used[cell] = abs(minor)
        return False

    def _paired(self, books: Cells, said: Cells) -> dict[str, tuple[int, int]]:
        """Each place on both sides, as far as the product can tell them apart."""
        paired = dict.fromkeys((self.seen_as.get(place, place) for place in (*books, *said)), (0, 0))
        for side, cells in enumerate((books, said)):
            for place, minor in cells.items():
                seen = self.seen_as.get(place, place)
                one, other = paired[seen]
                paired[seen] = (one + minor, other) if side == BOOKS else (one, other + minor)
        return paired


def shown(cells: Cells) -> str:
    """`notes 1000, held 1000`."""
    return ", ".join(f"{place} {minor}" for place, minor in cells.items() if minor) or "nothing"
