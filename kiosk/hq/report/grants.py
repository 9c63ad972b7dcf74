"""The float reconciliation out of the store."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from kiosk.hq.report.absent import absent
from kiosk.hq.report.boxes import kind_no, money_of
from kiosk.hq.report.floats import Arrived, Floats, Paid, line
from kiosk.hq.report.period import Period
from kiosk.hq.report.signed import SignedFloat
from kiosk.hq.schema import FACT, HEAD, KIOSK, SALE
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.rows import Unreadable, fact_of, kinds
from kiosk.vend.trust import FloatGranted

NOW = Period(20000101, 29991231, 0, "")
"""All time: whoever was not heard for a day may have spent more."""


def floats(connection: Connection, signed: Sequence[SignedFloat] | None, *, now_ms: int, only: str = "") -> Floats:
    """Every kiosk that has or should have a float. Reads the cash sales of each since its life began."""
    ours: dict[str, list[SignedFloat]] = {}
    for one in signed or ():
        ours.setdefault(one.kiosk, []).append(one)
    asked = select(KIOSK.c.no, KIOSK.c.id, HEAD.c.totals).outerjoin(HEAD, HEAD.c.kiosk_no == KIOSK.c.no)
    asked = asked.where(KIOSK.c.no != 0, KIOSK.c.state != "closed").order_by(KIOSK.c.id)
    if only:
        asked = asked.where(KIOSK.c.id == only)
    lines = []
    for no, name, totals in connection.execute(asked).all():
        arrived = _arrived(connection, no)
        if arrived or name in ours:
            lines.append(
                line(
                    name,
                    money_of(connection, no),
                    signed=None if signed is None else ours.get(name, []),
                    arrived=arrived,
                    paid=_paid(connection, no),
                    totals=_totals(totals),
                    said_left_minor=_said_left(connection, no),
                    at_ms=now_ms,
                )
            )
    return Floats(now_ms, absent(connection, NOW, now_ms, only), tuple(lines), only)


def _paid(connection: Connection, no: int) -> Iterator[Paid]:
    """The cash of each sale."""
    cash = select(SALE.c.seq, SALE.c.closed_ms, SALE.c.tender_minor).where(SALE.c.kiosk_no == no, SALE.c.tender == "cash")
    rows = connection.execute(cash.where(SALE.c.tender_minor != 0).order_by(SALE.c.seq))
    return (Paid(*row) for row in rows)


def _said_left(connection: Connection, no: int) -> int | None:
    """By the last sale that says it."""
    asked = select(SALE.c.float_minor).where(SALE.c.kiosk_no == no, SALE.c.float_minor.is_not(None))
    return connection.execute(asked.order_by(SALE.c.seq.desc()).limit(1)).scalar()


def _totals(said: str | None) -> Lifetime | None:
    """Of the last header; None where there is none that can be read."""
    try:
        return msgspec.json.decode(said, type=Lifetime) if said and said != "{}" else None
    except msgspec.MsgspecError:
        return None


def _arrived(connection: Connection, no: int) -> list[Arrived]:
    """A row that cannot be read is flagged where it was imported."""
    asked = select(FACT.c.seq, FACT.c.v, FACT.c.body).where(FACT.c.kiosk_no == no)
    rows: Any = connection.execute(asked.where(FACT.c.kind == kind_no("FloatGranted")).order_by(FACT.c.seq))
    found = []
    for seq, v, body in rows:
        try:
            fact = fact_of(kinds(), (None, "FloatGranted", v, body.encode()))
        except Unreadable:
            continue
        if isinstance(fact, FloatGranted):
            found.append(Arrived(seq, fact.number, fact.amount_minor, fact.until_ms))
    return found
