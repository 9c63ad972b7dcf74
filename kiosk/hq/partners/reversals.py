"""Payments that were reversed before they came: whatever key or trace number they come under, they are refused.

A payment is known by its partner, its reference and the local day on which the customer paid. A switch may use a reference again on another
day. Where a message does not say the local day, the days around its own moment are taken: a payment is rather refused than made after its
reversal.
"""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.hq.partners.tables import REVERSED

Days = frozenset[int]
"""yyyymmdd each."""


def around(day: date) -> Days:
    """The local days that it may be anywhere when it is this day in UTC."""
    return frozenset(number(day + timedelta(days=step)) for step in (-1, 0, 1))


def around_now(now_ms: int) -> Days:
    """For a door that tells no day."""
    return around(datetime.fromtimestamp(now_ms / 1000, UTC).date())


def number(day: date) -> int:
    """20261203."""
    return day.year * 10_000 + day.month * 100 + day.day


def bar(connection: Connection, partner: str, reference: str, days: Days) -> None:
    """From now on; the partner's row is held."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [{"partner": partner, "reference": reference, "day": day} for day in sorted(days)]
    connection.execute(make(REVERSED).on_conflict_do_nothing(), rows)


def barred(connection: Connection, partner: str, reference: str, days: Days) -> bool:
    """Whether its reversal came before it; the partner's row is held."""
    same = (REVERSED.c.partner == partner, REVERSED.c.reference == reference, REVERSED.c.day.in_(sorted(days)))
    return connection.execute(select(REVERSED.c.day).where(*same)).first() is not None
