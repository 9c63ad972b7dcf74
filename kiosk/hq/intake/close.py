"""Period close: from then on a day's sums, and its month's, are the same for ever.

Days close in their order, each with all before it, and a month with its days. Whatever arrives later for a closed day is posted to the
first open one, counts as late there, and keeps its own date. The hash of a period's summary rows is kept, for whoever doubts.
"""

import re
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from kiosk.hq.intake.summary import KEYS, SUMS
from kiosk.hq.report.absent import keep_absent
from kiosk.hq.schema import CLOSE, DAY_HOUR, DAY_KIOSK, KIOSK, MONTH_KIOSK, PERIOD
from kiosk.hq.store import Store

PERIOD_TEXT = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")


class PeriodError(Exception):
    """This period cannot be closed; the text is one sentence."""


class Closed(msgspec.Struct, frozen=True):
    """A closed day (yyyymmdd) or month (yyyymm). `sha256`: of its summary rows, 64 hex digits."""

    period: int
    closed_ms: int
    sha256: str


def period_of(text: str) -> int:
    """`2026-11-03` as 20261103, `2026-11` as 202611. Raises PeriodError."""
    fits = PERIOD_TEXT.fullmatch(text)
    try:
        first = date(int(fits[1]), int(fits[2]), int(fits[3] or 1)) if fits else None
    except ValueError:
        first = None
    if fits is None or first is None:
        raise PeriodError(f"{text} is no day and no month; write 2026-11-03 or 2026-11.")
    month = first.year * 100 + first.month
    return month * 100 + first.day if fits[3] else month


def last_day(period: int) -> int:
    """The day itself, or the last one of a month."""
    if period > 999_999:
        return period
    year, month = divmod(period, 100)
    end = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return period * 100 + end.day


def close_period(store: Store, period: int, *, now_ms: int) -> Closed:
    """Close it, with all before it; a period that is closed already is told as it was closed. Raises PeriodError, StoreError.

    A day that is not over anywhere cannot be closed: the first zone to see its end is fourteen hours ahead of UTC.
    """

    def work(connection: Connection) -> Closed:
        through = connection.execute(select(PERIOD.c.closed_through).with_for_update()).scalar_one()
        known = connection.execute(select(CLOSE).where(CLOSE.c.period == period)).first()
        if known:
            return Closed(*known)
        if end > through:
            connection.execute(update(PERIOD).values(closed_through=end))
            keep_absent(connection, end, now_ms)
        closed = Closed(period, now_ms, digest(connection, period))
        connection.execute(insert(CLOSE), msgspec.structs.asdict(closed))
        return closed

    end = last_day(period)
    if end >= _day(now_ms + 14 * 3_600_000):
        raise PeriodError("That period is not over yet.")
    return store.transact(work)


def _day(at_ms: int) -> int:
    day = date(1970, 1, 1) + timedelta(milliseconds=at_ms)
    return day.year * 10_000 + day.month * 100 + day.day


def closed_periods(store: Store) -> list[Closed]:
    """All that were closed, days and months. Raises StoreError."""
    return store.read(lambda connection: [Closed(*row) for row in connection.execute(select(CLOSE).order_by(CLOSE.c.period))])


def changed_since(store: Store) -> list[int]:
    """Closed periods whose summary rows are not what they were: there must be none. Raises StoreError."""

    def work(connection: Connection) -> list[int]:
        found = connection.execute(select(CLOSE.c.period, CLOSE.c.sha256).order_by(CLOSE.c.period)).all()
        return [row.period for row in found if digest(connection, row.period) != row.sha256]

    return store.read(work)


def digest(connection: Connection, period: int) -> str:
    """SHA-256 over the period's summary rows as JSON, sorted lines, by kiosk id and not by number: a rebuilt store has the same."""
    names = {row.no: row.id for row in connection.execute(select(KIOSK.c.no, KIOSK.c.id))}
    told = sha256()
    lines = []
    for table, row in _rows(connection, period):
        said = {key: names[value] if key == "kiosk_no" else value for key, value in row.items()}
        lines.append(msgspec.json.encode([str(table), *said.values()]))
    for line in sorted(lines):
        told.update(line + b"\n")
    return told.hexdigest()


def _rows(connection: Connection, period: int) -> list[tuple[str, dict[str, Any]]]:
    wanted = [(MONTH_KIOSK, "month")] if period <= 999_999 else [(DAY_KIOSK, "day"), (DAY_HOUR, "day")]
    found = []
    for table, column in wanted:
        keys = KEYS[table.name][1]
        rows = connection.execute(select(*(table.c[name] for name in (*keys, *SUMS))).where(table.c[column] == period)).mappings()
        found += [(table.name, dict(row)) for row in rows]
    return found
