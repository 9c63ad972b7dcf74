"""Claims of one kiosk that landed at another: posted as soon as the rows that say so are here, whichever of them came first.

Another machine may finish what a torn write began. Its row (ForeignSaleFinished) names the record by card, meter, count, tag and amount; a
claim with that very record is owed no more. The claim's own kiosk says the same when it sees the card again (ClaimSettled, `how`
landed_elsewhere), weeks later or never. Either of the two makes one and the same row beside the claim's: numbered as the claim's is, below
zero, on the claim's own day, or late where that day is closed. So a third machine, another order or a second importer change nothing.
"""

from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import Connection, insert, select

from kiosk.hq.intake.shape import FINISHED, SOUGHT, Shaped
from kiosk.hq.intake.sold import SaleRow, elsewhere_row, sums_of
from kiosk.hq.intake.summary import Added, later, summed
from kiosk.hq.schema import FACT, KIND, SALE, UTILITY
from kiosk.vend.facts import ForeignSaleFinished, SaleOpened
from kiosk.vend.rows import Unreadable, fact_of, kinds
from kiosk.vend.tariff import bill, to_card_minor

Record = tuple[str, str, int, str]
"""Card, meter, purchase count, tag."""


def one_at_a_time(connection: Connection) -> None:
    """Whoever brings a claim and whoever brings its landing must not miss each other: of such transactions one is at its end at a time."""
    connection.execute(select(UTILITY.c.utility).with_for_update())


def cards_of(group: Iterable[Shaped]) -> set[str]:
    """Cards of which this group has a claim with a record, or somebody else's record that was finished."""
    claims = {row.card for shaped in group for row in shaped.sales if row.outcome == "claimed" and row.tag}
    return claims.union(*(shaped.finished for shaped in group))


def landed_elsewhere(connection: Connection, cards: set[str], closed_through: int) -> Added:
    """Post what landed elsewhere of these cards' claims and stands nowhere yet. Under `one_at_a_time`. What it adds to the sums."""
    found = list(landed(connection, cards))
    over = select(SALE.c.kiosk_no, SALE.c.sale).where(SALE.c.sale.in_([row.sale for row in found]), SALE.c.outcome == "settled")
    done = {tuple(row) for row in connection.execute(over)} if found else set()
    rows = [row for row in found if (row.kiosk_no, row.sale) not in done]
    if rows:
        connection.execute(insert(SALE), [later(row, closed_through)._asdict() for row in rows])
    return summed(map(sums_of, rows), closed_through)


def landed(connection: Connection, cards: set[str]) -> Iterator[SaleRow]:
    """The row beside each of these cards' claims whose record another machine finished, posted on its own day."""
    amounts = _finished(connection, cards)
    if not amounts:
        return
    opened = _opened(connection, {card for card, *_ in amounts})
    mine = SALE.c.sale.in_(sorted({sale for _, sale in opened})) & (SALE.c.outcome == "claimed") & SALE.c.tag.is_not(None)
    for row in connection.execute(select(SALE).where(mine).order_by(SALE.c.kiosk_no, SALE.c.seq)):
        claim = SaleRow(*row)
        begun = opened.get((claim.kiosk_no, claim.sale))
        lines = bill(begun.quote, claim.claim_minor) if begun else ()
        if lines and to_card_minor(lines) in amounts.get((claim.card, claim.meter, claim.n, claim.tag or ""), ()):
            yield elsewhere_row(claim, lines)


def _finished(connection: Connection, cards: set[str]) -> dict[Record, set[int]]:
    """Of each record that a machine finished for another: the amounts that were found on the card."""
    asked = select(FACT.c.v, FACT.c.body).where(FACT.c.card.in_(sorted(cards)), FACT.c.kind == SOUGHT.index(FINISHED) + 1)
    found: dict[Record, set[int]] = {}
    for v, body in connection.execute(asked) if cards else ():
        said = _read(None, FINISHED, v, body)
        if isinstance(said, ForeignSaleFinished):
            found.setdefault((said.card, said.meter, said.n, said.tag), set()).add(said.amount_minor)
    return found


def _opened(connection: Connection, cards: set[str]) -> dict[tuple[int, str], SaleOpened]:
    """The terms of these cards' sales, by (kiosk number, sale)."""
    asked = select(FACT.c.kiosk_no, FACT.c.sale, FACT.c.v, FACT.c.body).join(KIND, KIND.c.no == FACT.c.kind)
    asked = asked.where(FACT.c.card.in_(sorted(cards)), KIND.c.name == SaleOpened.__name__)
    read = ((no, sale, _read(sale, SaleOpened.__name__, v, body)) for no, sale, v, body in connection.execute(asked))
    return {(no, sale): said for no, sale, said in read if isinstance(said, SaleOpened)}


def _read(sale: str | None, kind: str, v: int, body: str) -> msgspec.Struct | None:
    try:
        return fact_of(kinds(), (sale, kind, v, body.encode()))
    except Unreadable:
        return None
