"""The three summaries: kept in the transaction that brings the rows, and the same sums made anew from the sales, for whoever checks.

    day_kiosk    (day, kiosk, tender, currency)        the daily report
    day_hour     (day, hour, tender, currency)         when people come
    month_kiosk  (month, kiosk, tender, currency)      the monthly report

A sale is posted on its own business date, or, where that day is closed already, on the first day that is not: then it counts as late there.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from operator import add
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, case, func, select
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.hq.schema import DAY_HOUR, DAY_KIOSK, MONTH_KIOSK, NOT_POSTED, SALE

SUMS = (
    "sales", "tender_minor", "credit_minor", "credit_wh", "fee_minor", "debt_minor", "returned_minor", "claims", "claim_minor", "late",
    "late_minor",
)  # fmt: skip
KEYS = {
    "day_kiosk": (DAY_KIOSK, ("day", "kiosk_no", "tender", "currency")),
    "day_hour": (DAY_HOUR, ("day", "hour", "tender", "currency")),
    "month_kiosk": (MONTH_KIOSK, ("month", "kiosk_no", "tender", "currency")),
}
INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}

Key = tuple[Any, ...]
Added = dict[str, dict[Key, tuple[int, ...]]]
"""Of each summary: key -> what is added to each of SUMS."""


class SaleSums(NamedTuple):
    """What one row of `sale` adds to the first nine of SUMS, and where; posted_day before any closing."""

    day: int
    hour: int
    kiosk_no: int
    tender: str
    currency: str
    posted_day: int
    values: tuple[int, ...]


def summed(rows: Iterable[SaleSums], closed_through: int) -> Added:
    """What these rows add, the days up to that one being closed."""
    open_day = day_after(closed_through)
    finest: dict[Key, tuple[int, ...]] = {}
    for row in rows:
        if row.posted_day == NOT_POSTED:
            continue
        late = row.posted_day <= closed_through
        key = open_day if late else row.posted_day, row.hour, row.kiosk_no, row.tender, row.currency
        _add(finest, key, (*row.values, int(late), row.values[1] if late else 0))
    added: Added = {name: {} for name in KEYS}
    for (day, hour, kiosk_no, tender, currency), values in finest.items():
        _add(added["day_kiosk"], (day, kiosk_no, tender, currency), values)
        _add(added["day_hour"], (day, hour, tender, currency), values)
        _add(added["month_kiosk"], (day // 100, kiosk_no, tender, currency), values)
    return added


def _add(sums: dict[Key, tuple[int, ...]], key: Key, values: tuple[int, ...]) -> None:
    had = sums.get(key)
    sums[key] = values if had is None else tuple(map(add, had, values))


def merged(parts: Iterable[Added]) -> Added:
    """Several, as one."""
    whole: Added = {name: {} for name in KEYS}
    for part in parts:
        for name, sums in part.items():
            for key, values in sums.items():
                _add(whole[name], key, values)
    return whole


def later(row: Any, closed_through: int) -> Any:
    """A row of `sale` on the day on which it is posted while the days up to that one are closed."""
    if row.posted_day == NOT_POSTED or row.posted_day > closed_through:
        return row
    return row._replace(posted_day=day_after(closed_through))


def day_after(day: int) -> int:
    """yyyymmdd of the next day; 0, before any closing, is followed by 0."""
    if not day:
        return 0
    following = date(day // 10_000, day // 100 % 100, day % 100) + timedelta(days=1)
    return following.year * 10_000 + following.month * 100 + following.day


def post(connection: Connection, added: Added) -> None:
    """Add it to the summaries, the keys in order: two who write the same rows meet at the first of them, never crosswise."""
    for name, (table, keys) in KEYS.items():
        sums = added.get(name)
        if not sums:
            continue
        rows = [key + sums[key] for key in sorted(sums)]
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(_from_arrays(name), tuple(map(list, zip(*rows, strict=True))))
            continue
        statement = INSERT[connection.dialect.name](table)
        grown = {column: table.c[column] + statement.excluded[column] for column in SUMS}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=grown)
        columns = keys + SUMS
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])


@cache
def _from_arrays(name: str) -> str:
    """One statement for all rows, a column an array, in their order: a tenth of what a statement a row costs on both sides."""
    table, keys = KEYS[name]
    columns = keys + SUMS
    types = [table.c[column].type.compile(postgresql.dialect()) for column in columns]  # type: ignore[no-untyped-call]
    arrays = ", ".join(f"%s::{each}[]" for each in types)
    grown = ", ".join(f"{column} = {name}.{column} + excluded.{column}" for column in SUMS)
    return (
        f"INSERT INTO {name} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) "  # noqa: S608 - names of our own tables
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {grown}"
    )


def recomputed(name: str) -> Select[Any]:
    """A summary made anew from the sales: its key, and SUMS, ordered by key."""
    _, keys = KEYS[name]
    late = SALE.c.day < SALE.c.posted_day
    places = {"day": SALE.c.posted_day, "month": SALE.c.posted_day // 100, "hour": SALE.c.hour}
    columns = [(places[key] if key in places else SALE.c[key]).label(key) for key in keys]
    values = {
        "sales": case((SALE.c.outcome.in_(("cancelled", "settled")), 0), else_=1),
        "claims": case((SALE.c.outcome == "claimed", 1), (SALE.c.outcome == "settled", -1), else_=0),
        "late": case((late, 1), else_=0),
        "late_minor": case((late, SALE.c.tender_minor), else_=0),
    }
    sums = [func.sum(values[each] if each in values else SALE.c[each]).label(each) for each in SUMS]
    return select(*columns, *sums).where(SALE.c.posted_day != NOT_POSTED).group_by(*columns).order_by(*columns)
