"""Money of orders that stands in the sums more than once; a use that is marked is taken out of the reports again.

again      several machines landed one order, each in a sale of its own: the first that landed it counts. Or the order stands for money that
           had been put on a card, and the card was lost before the meter took it: that first sale counts
settles    the order stands for a claim: its money was tendered where the claim was left, and that claim is owed no more

A kiosk's own lines stay what its own reports say. A mark is made when all that it is about is here, once, and is posted like a sale that
comes late: a closed period never changes. Which of two machines is marked may hang on what came first; what the marks add up to does not.
"""

from collections import defaultdict
from collections.abc import Iterable
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
    def money(self) -> tuple[str, int, str]:
        """What it stands for, and how much of it."""
        return self.settles, self.amount_minor, self.currency

    @property
    def rank(self) -> tuple[object, ...]:
        """The first one counts: what was said to settle a claim, then what landed, then the earliest."""
        return self.what != SETTLES, self.outcome != "landed", self.at_ms, self.kiosk_no, self.seq


def mark(connection: Connection) -> None:
    """Whatever can be said now. Safe at any time, and by two at once."""
    one_at_a_time(connection)
    closed = closed_through(connection, lock=True)
    uses = [use for use in _uses(connection) if use.what != AGAIN]
    by_order: defaultdict[str, list[_Use]] = defaultdict(list)
    for use in uses:
        by_order[use.name].append(use)
    ranked = [sorted(each, key=lambda use: use.rank) for each in by_order.values()]
    _write(connection, [(use, AGAIN) for _, *others in ranked for use in others], closed)
    settled = {use.money for use in uses if use.what == SETTLES}
    for first, *_ in sorted(ranked, key=lambda each: each[0].rank):
        if first.what is None and first.outcome == "landed" and first.settles:
            what = AGAIN if first.money in settled else _stands(connection, first)
            _write(connection, [(first, what)] if what else [], closed)
            settled |= {first.money} if what == SETTLES else set()


def _write(connection: Connection, marks: Iterable[tuple[_Use, str]], closed: int) -> None:
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


def _stands(connection: Connection, use: _Use) -> str:
    """How the money that this order settles stands in the sums already, as large as the order; "" where it does not.

    It is an open claim of which its own kiosk says nothing else. Or it was put on a card, in its sale or later: the order was made because
    that card was lost.
    """
    kiosk, slash, sale = use.settles.partition("/")
    asked = select(SALE.c.outcome, SALE.c.claim_minor, SALE.c.credit_minor, SALE.c.currency).where(SALE.c.posted_day != NOT_POSTED)
    if slash:
        asked = asked.join(KIOSK, KIOSK.c.no == SALE.c.kiosk_no).where(KIOSK.c.id == kiosk, SALE.c.sale == sale)
    else:  # money that was paid elsewhere: the sale in which its code was used
        asked = (
            asked.join(FACT, and_(FACT.c.kiosk_no == SALE.c.kiosk_no, FACT.c.sale == SALE.c.sale))
            .join(ORDER_USE, and_(ORDER_USE.c.kiosk_no == FACT.c.kiosk_no, ORDER_USE.c.seq == FACT.c.seq))
            .outerjoin(ORDER_TWICE, and_(ORDER_TWICE.c.kiosk_no == ORDER_USE.c.kiosk_no, ORDER_TWICE.c.seq == ORDER_USE.c.seq))
            .where(ORDER_USE.c.name == use.settles, ORDER_TWICE.c.what.is_distinct_from(AGAIN))
        )
    found = [tuple(row) for row in connection.execute(asked)]
    if found == [("claimed", use.amount_minor, 0, use.currency)]:
        return SETTLES
    credited = [(credit, currency) for outcome, _, credit, currency in found if outcome in ("landed", "settled")]
    claims = sum(outcome == "claimed" for outcome, *_ in found)
    return AGAIN if credited == [(use.amount_minor, use.currency)] and len(found) == 1 + claims and claims <= 1 else ""
