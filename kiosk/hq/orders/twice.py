"""Money of orders that stands in the sums more than once; a use that is marked is taken out of the reports again.

again      several machines landed one order, each in a sale of its own: the first that landed it counts
settles    the order stands for a claim: its money was tendered where the claim was left, and that claim is owed no more

A kiosk's own lines stay what its own reports say. A mark is made when all that it is about is here, once, and is posted like a sale that
comes late: a closed period never changes. Which of two machines is marked may hang on what came first; what the marks add up to does not.
"""

from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, insert, select

from kiosk.hq.intake.elsewhere import one_at_a_time
from kiosk.hq.intake.summary import day_after
from kiosk.hq.intake.writing import closed_through
from kiosk.hq.orders.tables import ORDER, ORDER_TWICE, ORDER_USE
from kiosk.hq.schema import FACT, KIOSK, NOT_POSTED, SALE

AGAIN, SETTLES = "again", "settles"


class _Use(NamedTuple):
    """An accepted code whose sale has ended. `what`: how it is marked already, None where it is not."""

    name: str
    settles: str
    amount_minor: int
    kiosk_no: int
    seq: int
    at_ms: int
    sale: str
    outcome: str
    currency: str
    posted_day: int
    what: str | None

    @property
    def rank(self) -> tuple[object, ...]:
        """The first one counts: what was said to settle a claim, then what landed, then the earliest."""
        return self.what != SETTLES, self.outcome != "landed", self.at_ms, self.kiosk_no, self.seq


def mark(connection: Connection) -> None:
    """Whatever can be said now. Safe at any time, and by two at once."""
    one_at_a_time(connection)
    closed = closed_through(connection, lock=True)
    by_order: defaultdict[str, list[_Use]] = defaultdict(list)
    for use in _uses(connection):
        if use.what != AGAIN:
            by_order[use.name].append(use)
    marks = []
    for uses in by_order.values():
        first, *others = sorted(uses, key=lambda use: use.rank)
        marks += [(use, AGAIN) for use in others]
        if first.what is None and first.outcome == "landed" and first.settles and _left_open(connection, first):
            marks.append((first, SETTLES))
    rows = [
        {
            "kiosk_no": use.kiosk_no, "seq": use.seq, "name": use.name, "sale": use.sale, "what": what, "amount_minor": use.amount_minor,
            "currency": use.currency, "posted_day": max(use.posted_day, day_after(closed)),
        }
        for use, what in marks
    ]  # fmt: skip
    if rows:
        connection.execute(insert(ORDER_TWICE), rows)


def _uses(connection: Connection) -> list[_Use]:
    """Of orders that several rows collected, or that settle a claim: each use whose sale has ended and stands in the sums."""
    several = select(ORDER_USE.c.name).where(ORDER_USE.c.name != "").group_by(ORDER_USE.c.name).having(func.count() > 1)
    asked = (
        select(
            ORDER.c.name, ORDER.c.settles, ORDER.c.amount_minor, ORDER_USE.c.kiosk_no, ORDER_USE.c.seq, ORDER_USE.c.at_ms, SALE.c.sale,
            SALE.c.outcome, SALE.c.currency, SALE.c.posted_day, ORDER_TWICE.c.what,
        )
        .join(ORDER, ORDER.c.name == ORDER_USE.c.name)
        .join(FACT, and_(FACT.c.kiosk_no == ORDER_USE.c.kiosk_no, FACT.c.seq == ORDER_USE.c.seq))
        .join(SALE, and_(SALE.c.kiosk_no == FACT.c.kiosk_no, SALE.c.sale == FACT.c.sale))
        .outerjoin(ORDER_TWICE, and_(ORDER_TWICE.c.kiosk_no == ORDER_USE.c.kiosk_no, ORDER_TWICE.c.seq == ORDER_USE.c.seq))
        .where(SALE.c.outcome != "settled", SALE.c.tender_minor != 0, SALE.c.posted_day != NOT_POSTED)
        .where(ORDER.c.name.in_(several.union(select(ORDER.c.name).where(ORDER.c.settles != ""))))
    )  # fmt: skip
    return [_Use(*row) for row in connection.execute(asked)]


def _left_open(connection: Connection, use: _Use) -> bool:
    """Whether the claim that it settles stands in the sums, as large as the order, and its own kiosk says nothing else."""
    kiosk, _, sale = use.settles.partition("/")
    asked = select(SALE.c.outcome, SALE.c.claim_minor, SALE.c.currency).join(KIOSK, KIOSK.c.no == SALE.c.kiosk_no)
    asked = asked.where(KIOSK.c.id == kiosk, SALE.c.sale == sale, SALE.c.posted_day != NOT_POSTED)
    return [tuple(row) for row in connection.execute(asked)] == [("claimed", use.amount_minor, use.currency)]
