"""Does a day add up? Rule 25: two sides of each sum, from different rows; they are the same, or someone has to look. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from kiosk.vend import facts as f
from kiosk.vend.bank import PosFinal
from kiosk.vend.rows import Recorded


class Pair(msgspec.Struct, frozen=True):
    """Two sides of one sum: minor units, or a count of sales.

    tendered: pieces, codes and bank cards as they came in | what the sales that ended say they took
    given: what was taken | credit, fees, debt and claims
    writes: sales that say they landed | readings that proved it
    papers: sales that landed or are owed | their numbers (the last one may still be about to be chosen)
    """

    name: str
    one: int
    other: int

    @property
    def difference(self) -> int:
        """0, or someone has to look."""
        return self.one - self.other


@dataclass
class _Books:
    came_in: dict[str, int] = field(default_factory=dict)  # sale -> minor
    ended: dict[str, f.SaleClosed] = field(default_factory=dict)
    verified: set[str] = field(default_factory=set)
    numbered: set[str] = field(default_factory=set)


def reconciled(rows: Iterable[Recorded], date: str) -> tuple[Pair, ...]:
    """The whole journal's rows, and the business day whose sales are looked at."""
    books = _Books()
    for recorded in rows:
        match recorded.fact:
            case f.NoteStacked() | f.CoinAccepted() as piece:
                books.came_in[piece.sale] = books.came_in.get(piece.sale, 0) + piece.denomination
            case f.TransferCodeAccepted() | PosFinal() as paid:
                books.came_in[paid.sale] = paid.amount_minor
            case f.SaleClosed() as closed if closed.business_date == date:
                books.ended[closed.sale] = closed
            case f.CardVerified(sale=sale):
                books.verified.add(sale)
            case f.PrintStarted(sale=sale) | f.ReceiptOffered(sale=sale) | f.ClaimIssued(sale=sale):
                books.numbered.add(sale)
    return _pairs(books)


def _pairs(books: _Books) -> tuple[Pair, ...]:
    sales = tuple(books.ended.values())
    landed = [closed.sale for closed in sales if closed.outcome == "landed"]
    papers = [closed.sale for closed in sales if closed.outcome != "cancelled"]
    awaited = papers[-1:] if papers and papers[-1] not in books.numbered else []
    taken = sum(closed.tender_minor for closed in sales)
    given = sum(line.amount_minor for closed in sales for line in closed.lines if line.summed)
    return (
        Pair("tendered", sum(books.came_in.get(closed.sale, 0) for closed in sales), taken),
        Pair("given", taken, given + sum(closed.claim_minor for closed in sales)),
        Pair("writes", len(landed), len(books.verified.intersection(landed))),
        Pair("papers", len(papers) - len(awaited), len(books.numbered.intersection(papers))),
    )
