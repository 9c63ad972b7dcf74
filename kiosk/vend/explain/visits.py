"""A card in the slot and no sale: what it was told, and that no money was taken. Pure."""

from collections.abc import Iterable, Iterator

from kiosk.vend import facts as f
from kiosk.vend.explain.values import Params, Visit
from kiosk.vend.rows import Recorded


def visits(rows: Iterable[Recorded], card: str) -> tuple[Visit, ...]:
    """Newest first. A reading that a sale of the card followed from, or that was made while one was open, belongs to that sale."""
    return tuple(reversed(list(_visits(rows, card))))


def _visits(rows: Iterable[Recorded], card: str) -> Iterator[Visit]:
    waiting: Visit | None = None
    open_sale = ""
    for recorded in rows:
        fact, row = recorded.fact, recorded.row
        match fact:
            case f.SaleOpened(card=opened) if opened == card:
                waiting, open_sale = None, fact.sale
            case f.SaleClosed(sale=closed) if closed == open_sale:
                open_sale = ""
            case f.CardPresented(card=shown) if shown == card:
                if waiting:
                    yield waiting
                said: Params = {"word": fact.word, "why": fact.why or "-"}
                waiting = None if open_sale else Visit(row.seq, row.at_ms, row.hash, fact.kind, fact.word, said)
            case f.ForeignSaleFinished(card=finished) if finished == card:
                waiting = None
                said_of: Params = {"purchase": fact.n, "their_minor": fact.amount_minor, "their_tag": fact.tag}
                yield Visit(row.seq, row.at_ms, row.hash, fact.kind, "finished", said_of)
    if waiting:
        yield waiting
