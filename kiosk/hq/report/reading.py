"""The selling report out of the store: from the summaries alone, and again from the sales, for whoever doubts them."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, select

from kiosk.hq.report.absent import absent, kept_absent
from kiosk.hq.report.period import Period
from kiosk.hq.report.selling import Book, By, Late, Line, Selling, book
from kiosk.hq.schema import (
    CLOSE,
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

Rows = Iterable[tuple[Any, ...]]
"""(kiosk number or hour, tender, currency, *SUMS)"""
LATE = ("tender", "currency", "number", "outcome", "tender_minor", "credit_minor", "claim_minor")


def selling(connection: Connection, period: Period, *, now_ms: int, by: By = "kiosk", only: str = "") -> Selling:
    """`only`: one kiosk alone, which hours do not have."""
    return _report(connection, period, _summed(connection, period, by, only), now_ms=now_ms, by=by, only=only)


def recomputed(connection: Connection, period: Period, *, now_ms: int, by: By = "kiosk", only: str = "") -> Selling:
    """The same report with every sum made anew from the sales: the two are equal, or a summary is wrong."""
    return _report(connection, period, _again(connection, period, by, only), now_ms=now_ms, by=by, only=only)


def _report(connection: Connection, period: Period, rows: Rows, *, now_ms: int, by: By, only: str) -> Selling:
    closed_ms = connection.execute(select(CLOSE.c.closed_ms).where(CLOSE.c.period == period.number)).scalar()
    named = _hour if by == "hour" else _kiosks(connection)
    return Selling(
        period=period,
        by=by,
        closed_ms=closed_ms,
        running=closed_ms is None and now_ms < period.ends_ms(""),
        absent=absent(connection, period, now_ms, only) if closed_ms is None else kept_absent(connection, period, only),
        books=_books(rows, named),
        late=_late(connection, period, only),
        unposted=0 if closed_ms is not None else _unposted(connection),
        only=only,
    )


def _hour(hour: int) -> str:
    return f"{hour:02}"


def _kiosks(connection: Connection) -> Callable[[int], str]:
    return dict(connection.execute(select(KIOSK.c.no, KIOSK.c.id)).tuples().all()).__getitem__


def _books(rows: Rows, named: Callable[[int], str]) -> tuple[Book, ...]:
    lines: dict[str, list[Line]] = {}
    for of, tender, currency, *sums in rows:
        lines.setdefault(currency, []).append(Line(named(of), tender, *sums))
    return tuple(book(currency, exponent(currency), lines[currency]) for currency in sorted(lines))


def exponent(currency: str) -> int:
    """The digits after the point. The importer posts no sale in a currency that is not listed."""
    return CURRENCIES[currency].exponent if currency in CURRENCIES else 0


# ---------------------------------------------------------------- the summaries


def _summed(connection: Connection, period: Period, by: By, only: str) -> Rows:
    """One indexed range of one table; only hours of a month are added up, 24 rows a day and tender."""
    table: Any = DAY_HOUR if by == "hour" else MONTH_KIOSK if period.month else DAY_KIOSK
    key = (table.c.hour if by == "hour" else table.c.kiosk_no, table.c.tender, table.c.currency)
    if by == "hour":
        sums = [func.sum(table.c[name]) for name in SUMS]
        asked: Select[Any] = select(*key, *sums).where(table.c.day.between(period.first, period.last)).group_by(*key)
        return [(*row[:3], *map(int, row[3:])) for row in connection.execute(asked)]
    asked = select(*key, *(table.c[name] for name in SUMS))
    asked = asked.where((table.c.month if period.month else table.c.day) == period.number)
    if only:
        asked = asked.where(table.c.kiosk_no == select(KIOSK.c.no).where(KIOSK.c.id == only).scalar_subquery())
    return connection.execute(asked).tuples()


def _again(connection: Connection, period: Period, by: By, only: str) -> Rows:
    """From the sales by the day that each is posted to."""
    table: Any = SALE
    key = (table.c.hour if by == "hour" else table.c.kiosk_no, table.c.tender, table.c.currency)
    late, claim = table.c.day != table.c.posted_day, table.c.outcome == "claimed"
    made = {
        "sales": func.sum(case((table.c.outcome.in_(("settled", "cancelled")), 0), else_=1)),
        "claims": func.sum(case((claim, 1), (table.c.outcome == "settled", -1), else_=0)),
        "late": func.sum(case((late, 1), else_=0)),
        "late_minor": func.sum(case((late, table.c.tender_minor), else_=0)),
    }
    sums = [made[name] if name in made else func.sum(table.c[name]) for name in SUMS]
    asked = select(*key, *sums).where(table.c.posted_day.between(period.first, period.last)).group_by(*key)
    if only:
        asked = asked.where(table.c.kiosk_no == select(KIOSK.c.no).where(KIOSK.c.id == only).scalar_subquery())
    return [(*row[:3], *map(int, row[3:])) for row in connection.execute(asked)]


# ---------------------------------------------------------------- what stands beside them


def _late(connection: Connection, period: Period, only: str) -> tuple[Late, ...]:
    """The summaries say where there are any."""
    table, summary = SALE, DAY_KIOSK
    days = select(summary.c.day, summary.c.kiosk_no).where(summary.c.day.between(period.first, period.last), summary.c.late > 0)
    if period.month:  # one look at the month's rows instead of all its days'
        asked = select(MONTH_KIOSK.c.kiosk_no).where(MONTH_KIOSK.c.month == period.number, MONTH_KIOSK.c.late > 0).distinct()
        numbers = list(connection.execute(asked).scalars())
        if not numbers:
            return ()
        days = days.where(summary.c.kiosk_no.in_(numbers))
    found = days.distinct().subquery()
    rows: Select[Any] = (
        select(*(table.c[name] for name in ("day", "posted_day")), KIOSK.c.id, *(table.c[name] for name in LATE))
        .select_from(found)
        .join(table, and_(table.c.posted_day == found.c.day, table.c.kiosk_no == found.c.kiosk_no))
        .join(KIOSK, KIOSK.c.no == table.c.kiosk_no)
        .where(table.c.day != table.c.posted_day)
        .order_by(table.c.day, KIOSK.c.id, table.c.seq)
    )
    if only:
        rows = rows.where(KIOSK.c.id == only)
    return tuple(Late(*row) for row in connection.execute(rows))


def _unposted(connection: Connection) -> int:
    """Sales that stand in no sum."""
    return connection.execute(select(func.count()).select_from(SALE).where(SALE.c.posted_day == NOT_POSTED)).scalar_one()
