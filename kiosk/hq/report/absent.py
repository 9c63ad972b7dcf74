"""Whose data is missing in a period: an accountant's first question.

A kiosk's data is complete until the moment at which its last batch in unbroken order was made. It is missing in a period that ended later,
by the kiosk's own clock and zone: nobody here can tell whether it was silent or there was nothing to tell. In a period that is still
running every kiosk would be missing; there it is one that was not heard for a day.

A closed period is asked as it was: the closing wrote down who was missing then, for all the days that it closed.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select

from kiosk.hq.report.period import HOUR_MS, Period, day_period
from kiosk.hq.report.selling import Absent
from kiosk.hq.report.tables import ABSENT, CLOSING
from kiosk.hq.schema import HEAD, KIOSK, PARKED, SALE

SILENT_MS = 24 * HOUR_MS
OVER = ("closed",)  # a kiosk whose life is over has told all that it will ever tell


class Standing(msgspec.Struct, frozen=True):
    """Whether a period is closed, since when, and who is missing in it."""

    closed_ms: int | None
    absent: tuple[Absent, ...]


class _Silent(NamedTuple):
    no: int
    kiosk: str
    why: str
    heard_ms: int | None
    zone: str

    def misses(self, period: Period) -> bool:
        return self.heard_ms is None or self.heard_ms < period.ends_ms(self.zone)


def standing(connection: Connection, period: Period, now_ms: int, only: str = "") -> Standing:
    """Of all kiosks, by name, or of `only`."""
    asked = select(CLOSING.c.through, CLOSING.c.closed_ms).where(CLOSING.c.through >= period.last).order_by(CLOSING.c.through).limit(1)
    closing = connection.execute(asked).first()
    if closing is None:
        return Standing(None, absent(connection, period, now_ms, only))
    kept = select(KIOSK.c.no, KIOSK.c.id, ABSENT.c.why, ABSENT.c.heard_ms, ABSENT.c.zone).join(KIOSK, KIOSK.c.no == ABSENT.c.kiosk_no)
    kept = kept.where(ABSENT.c.through == closing.through).order_by(KIOSK.c.id)
    rows = [_Silent(*row) for row in connection.execute(kept.where(KIOSK.c.id == only) if only else kept)]
    return Standing(closing.closed_ms, tuple(Absent(row.kiosk, row.why, row.heard_ms) for row in rows if row.misses(period)))


def absent(connection: Connection, period: Period, now_ms: int, only: str = "") -> tuple[Absent, ...]:
    """As things are now, by name."""
    recently_ms = now_ms - SILENT_MS
    rows = _silent(connection, min(period.ends_ms(""), recently_ms), only)
    missing = (row for row in rows if row.heard_ms is None or (row.misses(period) and row.heard_ms < recently_ms))
    return tuple(Absent(row.kiosk, row.why, row.heard_ms) for row in missing)


def keep_absent(connection: Connection, through: int, now_ms: int) -> None:
    """In the transaction that closes all days up to this one: who is missing is a part of their reports from now on."""
    period = day_period(through)
    connection.execute(insert(CLOSING), {"through": through, "closed_ms": now_ms})
    rows = [row for row in _silent(connection, period.ends_ms("")) if row.misses(period)]
    if rows:
        kept = [{"through": through, "kiosk_no": row.no, "why": row.why, "heard_ms": row.heard_ms, "zone": row.zone} for row in rows]
        connection.execute(insert(ABSENT), kept)


def is_known(connection: Connection, kiosk: str) -> bool:
    """Was there ever one of that name?"""
    return connection.execute(select(KIOSK.c.no).where(KIOSK.c.id == kiosk)).first() is not None


def _silent(connection: Connection, since_ms: int, only: str = "") -> Iterator[_Silent]:
    """Every kiosk that told nothing after that moment."""
    asked = select(KIOSK.c.no, KIOSK.c.id, KIOSK.c.state, HEAD.c.made_ms).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no)  # each has one
    asked = asked.where(KIOSK.c.no != 0, KIOSK.c.state.not_in(OVER), HEAD.c.made_ms < since_ms).order_by(KIOSK.c.id)
    rows = connection.execute(asked.where(KIOSK.c.id == only) if only else asked).all()
    parked = set(connection.execute(select(PARKED.c.kiosk_no).distinct()).scalars()) if rows else set()
    for no, name, state, made_ms in rows:
        zone = select(SALE.c.zone).where(SALE.c.kiosk_no == no).order_by(SALE.c.seq.desc()).limit(1)
        yield _Silent(no, name, _why(state, made_ms, gap=no in parked), made_ms or None, connection.execute(zone).scalar() or "")


def _why(state: str, made_ms: int | None, *, gap: bool) -> str:
    if not made_ms:
        return "never"
    if state in ("frozen", "revoked"):
        return state
    return "gap" if gap else "behind"
