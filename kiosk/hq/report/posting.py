"""What is posted beside the sales, in the transaction that brings the rows: cash that no sale explains, and boxes that were taken out.

Neither says its money or its day. Both are taken from the kiosk's last sale before that row, whoever imports, in whatever groups. An orphan
stands in `sale` under a tender of its own, so that the summaries carry it: `orphan`, or `unknown` where the device named no value.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select

from kiosk.hq.intake.sold import Odd, SaleRow, local, sums_of
from kiosk.hq.intake.summary import Added, day_after, later, summed
from kiosk.hq.report.selling import ORPHAN, UNKNOWN
from kiosk.hq.report.tables import BOX
from kiosk.hq.schema import NOT_POSTED, SALE
from kiosk.vend.facts import OrphanCredit
from kiosk.vend.till import CashBoxRemoved

NOWHERE = ("", 0, "+0000")  # before the kiosk's first sale


def post_odd(connection: Connection, came: Iterable[tuple[int, Odd]], closed_through: int) -> Added:
    """`came`: (kiosk number, row), rare rows of this transaction, whose sales are written already. What they add to the sums."""
    orphans, boxes = list[SaleRow](), list[tuple[Any, ...]]()
    for kiosk_no, odd in came:
        match odd.fact:
            case OrphanCredit() as orphan:
                orphans.append(orphan_row(connection, kiosk_no, odd, orphan))
            case CashBoxRemoved() as box:
                boxes.append(box_row(connection, kiosk_no, odd, box))
    if boxes:
        names = [column.name for column in BOX.columns]
        late = [(*row[:-1], row[-1] if row[-1] > closed_through else day_after(closed_through)) for row in boxes]
        connection.execute(insert(BOX), [dict(zip(names, row, strict=True)) for row in late])
    if orphans:
        connection.execute(insert(SALE), [later(row, closed_through)._asdict() for row in orphans])
    return summed(map(sums_of, orphans), closed_through)


def box_row(connection: Connection, kiosk_no: int, odd: Odd, fact: CashBoxRemoved) -> tuple[Any, ...]:
    """A CashBoxRemoved as its row of `box`, in the order of the columns, posted on its own day."""
    _, _, zone = _before(connection, kiosk_no, odd.seq)
    day, _ = local(zone, odd.at_ms) or (0, 0)
    return kiosk_no, odd.seq, fact.device, fact.session, fact.bag, day, day


def orphan_row(connection: Connection, kiosk_no: int, odd: Odd, fact: OrphanCredit) -> SaleRow:
    """An OrphanCredit as its row of `sale`, posted on its own day. A piece of known value is tendered, and nothing became of it."""
    currency, exponent, zone = _before(connection, kiosk_no, odd.seq)
    day, hour = local(zone, odd.at_ms) or (0, 0)
    known = fact.amount_minor is not None and fact.pieces == 1
    return SaleRow(
        kiosk_no=kiosk_no,
        seq=odd.seq,
        sale="",
        outcome=ORPHAN,
        tender=ORPHAN if known else UNKNOWN,
        card="",
        meter="",
        n=0,
        tag=None,
        number=None,
        currency=currency,
        exponent=exponent,
        tender_minor=fact.amount_minor or 0 if known else 0,
        credit_minor=0,
        credit_wh=0,
        fee_minor=0,
        debt_minor=0,
        returned_minor=0,
        claim_minor=0,
        float_minor=None,
        tariff="",
        opened_ms=odd.at_ms,
        closed_ms=odd.at_ms,
        zone=zone,
        day=day,
        hour=hour,
        posted_day=day if currency and day else NOT_POSTED,
    )


def _before(connection: Connection, kiosk_no: int, seq: int) -> tuple[str, int, str]:
    """Currency, exponent and zone of the last sale before that row."""
    sold = (SALE.c.kiosk_no == kiosk_no) & SALE.c.seq.between(1, seq - 1) & (SALE.c.posted_day != NOT_POSTED)
    asked = select(SALE.c.currency, SALE.c.exponent, SALE.c.zone).where(sold).order_by(SALE.c.seq.desc()).limit(1)
    row = connection.execute(asked).first()
    return (row[0], row[1], row[2]) if row else NOWHERE
