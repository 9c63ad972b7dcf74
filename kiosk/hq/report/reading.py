"""The selling report out of the store: from the summaries alone, and again from the sales, for whoever doubts them."""

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, select
from sqlmodel import col

from kiosk.hq.report.absent import absent, kept_absent
from kiosk.hq.report.period import Period
from kiosk.hq.report.selling import Book, By, Late, Line, Selling, book
from kiosk.hq.schema import (
    NOT_POSTED,
    CloseTable,
    DayHourTable,
    DayKioskTable,
    KioskTable,
    MonthKioskTable,
    SaleTable,
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
    closed_ms = connection.execute(select(CloseTable.closed_ms).where(CloseTable.period == period.number)).scalar()
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
    return dict(connection.execute(select(KioskTable.no, KioskTable.id)).tuples().all()).__getitem__


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
    table: Any = DayHourTable if by == "hour" else MonthKioskTable if period.month else DayKioskTable
    key = (table.hour if by == "hour" else table.kiosk_no, table.tender, table.currency)
    if by == "hour":
        sums = [func.sum(getattr(table, name)) for name in SUMS]
        asked: Select[Any] = select(*key, *sums).where(table.day.between(period.first, period.last)).group_by(*key)
        return [(*row[:3], *map(int, row[3:])) for row in connection.execute(asked)]
    asked = select(*key, *(getattr(table, name) for name in SUMS))
    asked = asked.where((table.month if period.month else table.day) == period.number)
    if only:
        asked = asked.where(table.kiosk_no == select(KioskTable.no).where(KioskTable.id == only).scalar_subquery())
    return connection.execute(asked).tuples()


def _again(connection: Connection, period: Period, by: By, only: str) -> Rows:
    """From the sales by the day that each is posted to."""
    table: Any = SaleTable
    key = (table.hour if by == "hour" else table.kiosk_no, table.tender, table.currency)
    late, claim = table.day != table.posted_day, table.outcome == "claimed"
    made = {
        "sales": func.sum(case((table.outcome.in_(("settled", "cancelled")), 0), else_=1)),
        "claims": func.sum(case((claim, 1), (table.outcome == "settled", -1), else_=0)),
        "late": func.sum(case((late, 1), else_=0)),
        "late_minor": func.sum(case((late, table.tender_minor), else_=0)),
    }
    sums = [made[name] if name in made else func.sum(getattr(table, name)) for name in SUMS]
    asked = select(*key, *sums).where(table.posted_day.between(period.first, period.last)).group_by(*key)
    if only:
        asked = asked.where(table.kiosk_no == select(KioskTable.no).where(KioskTable.id == only).scalar_subquery())
    return [(*row[:3], *map(int, row[3:])) for row in connection.execute(asked)]


# ---------------------------------------------------------------- what stands beside them


def _late(connection: Connection, period: Period, only: str) -> tuple[Late, ...]:
    """The summaries say where there are any."""
    table, summary = SaleTable, DayKioskTable
    days = select(summary.day, summary.kiosk_no).where(col(summary.day).between(period.first, period.last), col(summary.late) > 0)
    if period.month:  # one look at the month's rows instead of all its days'
        asked = select(MonthKioskTable.kiosk_no).where(MonthKioskTable.month == period.number, col(MonthKioskTable.late) > 0).distinct()
        numbers = list(connection.execute(asked).scalars())
        if not numbers:
            return ()
        days = days.where(col(summary.kiosk_no).in_(numbers))
    found = days.distinct().subquery()
    rows: Select[Any] = (
        select(*(getattr(table, name) for name in ("day", "posted_day")), KioskTable.id, *(getattr(table, name) for name in LATE))
        .select_from(found)
        .join(table, and_(table.posted_day == found.c.day, table.kiosk_no == found.c.kiosk_no))
        .join(KioskTable, col(KioskTable.no) == table.kiosk_no)
        .where(col(table.day) != table.posted_day)
        .order_by(table.day, KioskTable.id, table.seq)
    )
    if only:
        rows = rows.where(KioskTable.id == only)
    return tuple(Late(*row) for row in connection.execute(rows))


def _unposted(connection: Connection) -> int:
    """Sales that stand in no sum."""
    return connection.execute(select(func.count()).select_from(SaleTable).where(SaleTable.posted_day == NOT_POSTED)).scalar_one()
