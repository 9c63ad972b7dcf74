"""The selling report out of the store: from the summaries alone, and again from the sales, for whoever doubts them."""

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Select, Text, and_, case, cast, func, literal, select

from kiosk.hq.orders.tables import ORDER_TWICE
from kiosk.hq.report.absent import standing
from kiosk.hq.report.period import Period
from kiosk.hq.report.selling import By, Late, Parts, Row, Selling, Twice, books, parted
from kiosk.hq.report.tables import IN_NO_SUM
from kiosk.hq.schema import (
    DAY_HOUR,
    DAY_KIOSK,
    KIOSK,
    MONTH_KIOSK,
    NOT_POSTED,
    SALE,
    Sums,
)
from kiosk.vend.money import CURRENCIES

SUMS = tuple(Sums.model_fields)
"""In the order of the columns, which is Line's."""

LATE = ("tender", "currency", "number", "outcome", "tender_minor", "credit_minor", "claim_minor")


def selling(connection: Connection, period: Period, *, now_ms: int, by: By = "kiosk", only: str = "") -> Selling:
    """`only`: one kiosk alone, which hours do not have."""
    return _report(connection, period, _summed(connection, period, by, only), now_ms=now_ms, by=by, only=only)


def recomputed(connection: Connection, period: Period, *, now_ms: int, by: By = "kiosk", only: str = "") -> Selling:
    """The same report with every sum made anew from the sales: the two are equal, or a summary is wrong."""
    return _report(connection, period, _again(connection, period, by, only), now_ms=now_ms, by=by, only=only)


def _report(connection: Connection, period: Period, parts: Parts, *, now_ms: int, by: By, only: str) -> Selling:
    stands = standing(connection, period, now_ms, only)
    twice = _twice(connection, period, only)
    sold = books(parts, exponent, twice)
    return Selling(
        period=period,
        by=by,
        closed_ms=stands.closed_ms,
        running=stands.closed_ms is None and now_ms < period.ends_ms(""),
        absent=stands.absent,
        books=sold,
        late=_late(connection, period, only) if any(book.tenders[-1].late for book in sold) else (),
        unposted=0 if stands.closed_ms is not None else _unposted(connection),
        only=only,
        twice=twice,
    )


def exponent(currency: str) -> int:
    """The digits after the point. The importer posts no sale in a currency that is not listed."""
    return CURRENCIES[currency].exponent if currency in CURRENCIES else 0


# ---------------------------------------------------------------- the summaries


def _summed(connection: Connection, period: Period, by: By, only: str) -> Parts:
    """One indexed range of one table; only hours of a month are added up, 24 rows a day and tender."""
    if by == "hour":
        sums = [func.sum(DAY_HOUR.c[name]) for name in SUMS]
        hours = (DAY_HOUR.c.hour, DAY_HOUR.c.tender, DAY_HOUR.c.currency)
        asked = select(*hours, *sums).where(DAY_HOUR.c.day.between(period.first, period.last)).group_by(*hours)
        return parted(_hours(connection, asked))
    table, place = (MONTH_KIOSK, "month") if period.month else (DAY_KIOSK, "day")
    key = (table.c.currency, table.c.tender)
    columns = [func.aggregate_strings(each, ",") for each in (KIOSK.c.id, *(cast(table.c[name], Text) for name in SUMS))]
    found = select(*key, *columns).join(KIOSK, KIOSK.c.no == table.c.kiosk_no).where(table.c[place] == period.number).group_by(*key)
    rows = connection.execute(found.where(KIOSK.c.id == only) if only else found)
    return {(row[0], row[1]): (row[2].split(","), [_numbers(f"[{column}]") for column in row[3:]]) for row in rows}


_numbers = msgspec.json.Decoder(list[int]).decode


def _again(connection: Connection, period: Period, by: By, only: str) -> Parts:
    """From the sales by the day that each is posted to."""
    late = SALE.c.day != SALE.c.posted_day
    made = {
        "sales": func.sum(case((SALE.c.outcome.in_(("settled", "cancelled")), 0), else_=1)),
        "claims": func.sum(case((SALE.c.outcome == "claimed", 1), (SALE.c.outcome == "settled", -1), else_=0)),
        "late": func.sum(case((late, 1), else_=0)),
        "late_minor": func.sum(case((late, SALE.c.tender_minor), else_=0)),
    }
    key = (SALE.c.hour if by == "hour" else SALE.c.kiosk_no, SALE.c.tender, SALE.c.currency)
    sums = [(made[name] if name in made else func.sum(SALE.c[name])).label(name) for name in SUMS]
    asked: Select[Any] = select(*key, *sums).where(SALE.c.posted_day.between(period.first, period.last)).group_by(*key)
    if by == "hour":
        return parted(_hours(connection, asked))
    sold = asked.subquery()
    whole = select(KIOSK.c.id, sold.c.tender, sold.c.currency, *(cast(sold.c[name], BigInteger) for name in SUMS))
    whole = whole.join(KIOSK, KIOSK.c.no == sold.c.kiosk_no)
    return parted(_fetched(connection, whole.where(KIOSK.c.id == only) if only else whole))


def _hours(connection: Connection, asked: Select[Any]) -> list[Row]:
    """A sum may come as a decimal."""
    return [(f"{row[0]:02}", row[1], row[2], *map(int, row[3:])) for row in connection.execute(asked)]


def _fetched(connection: Connection, asked: Select[Any]) -> list[Row]:
    """As the driver has them: plain tuples of texts and whole numbers want nothing of what a Row offers, and there are many."""
    cursor: Any = connection.execute(asked).cursor
    rows: list[Row] = cursor.fetchall()
    return rows


# ---------------------------------------------------------------- what stands beside them


def _late(connection: Connection, period: Period, only: str) -> tuple[Late, ...]:
    """Asked only where the sums say that there are some."""
    days = select(DAY_KIOSK.c.day, DAY_KIOSK.c.kiosk_no).where(DAY_KIOSK.c.day.between(period.first, period.last), DAY_KIOSK.c.late > 0)
    if period.month:  # one look at the month's rows instead of all its days'
        asked = select(MONTH_KIOSK.c.kiosk_no).where(MONTH_KIOSK.c.month == period.number, MONTH_KIOSK.c.late > 0).distinct()
        days = days.where(DAY_KIOSK.c.kiosk_no.in_(list(connection.execute(asked).scalars())))
    found = days.distinct().subquery()
    rows: Select[Any] = (
        select(SALE.c.day, SALE.c.posted_day, KIOSK.c.id, *(SALE.c[name] for name in LATE))
        .select_from(found)
        .join(SALE, and_(SALE.c.posted_day == found.c.day, SALE.c.kiosk_no == found.c.kiosk_no))
        .join(KIOSK, KIOSK.c.no == SALE.c.kiosk_no)
        .where(SALE.c.day != SALE.c.posted_day)
        .order_by(SALE.c.day, KIOSK.c.id, SALE.c.seq)
    )
    if only:
        rows = rows.where(KIOSK.c.id == only)
    return tuple(Late(*row) for row in connection.execute(rows))


def _twice(connection: Connection, period: Period, only: str) -> tuple[Twice, ...]:
    """What orders brought a second time: all rows of a sale that does not count, and the claim that an order stands for."""
    use, amount, nothing = ORDER_TWICE.c, ORDER_TWICE.c.amount_minor, literal(0)
    if connection.execute(select(use.seq).limit(1)).first() is None:  # as nearly always
        return ()
    head = (KIOSK.c.id, use.name, use.what, use.currency)
    became = ("tender_minor", "credit_minor", "fee_minor", "debt_minor", "returned_minor", "claim_minor")
    day = case((use.posted_day > SALE.c.posted_day, use.posted_day), else_=SALE.c.posted_day)
    again = select(*head, *(SALE.c[name] for name in became)).join(KIOSK, KIOSK.c.no == use.kiosk_no)
    again = again.join(SALE, and_(SALE.c.kiosk_no == use.kiosk_no, SALE.c.sale == use.sale))
    again = again.where(use.what == "again", SALE.c.posted_day != NOT_POSTED, day.between(period.first, period.last))
    settles = select(*head, amount, nothing, nothing, nothing, nothing, amount).join(KIOSK, KIOSK.c.no == use.kiosk_no)
    settles = settles.where(use.what == "settles", use.posted_day.between(period.first, period.last))
    found = [row for asked in (again, settles) for row in connection.execute(asked.where(KIOSK.c.id == only) if only else asked)]
    return tuple(sorted((Twice(*row) for row in found), key=msgspec.structs.astuple))


def _unposted(connection: Connection) -> int:
    """Sales that stand in no sum."""
    return connection.execute(select(func.count()).select_from(SALE).where(IN_NO_SUM)).scalar_one()
