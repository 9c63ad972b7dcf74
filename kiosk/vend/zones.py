"""What a wall clock is ahead of UTC: "+0800" always so, or a name of the zone database, "Europe/Berlin", with its summer time."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIXED = re.compile(r"[+-](0\d|1[0-4])[0-5]\d")


def known(zone: str) -> bool:
    """Is it one?"""
    try:
        _clock(zone)
    except ValueError:
        return False
    return True


def ahead(zone: str, at_ms: int) -> timedelta:
    """Of UTC at that moment. ValueError for a zone that is not known."""
    return datetime.fromtimestamp(at_ms // 1000, _clock(zone)).utcoffset() or timedelta(0)


def offset(zone: str, at_ms: int) -> str:
    """The same as "+0200"."""
    minutes = ahead(zone, at_ms) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{rest:02}"


def instant_ms(zone: str, wall: datetime) -> int:
    """The moment of a wall time. Of two (in autumn) it is the first, and for none (in spring) as if the clock had not moved yet."""
    return (wall.replace(tzinfo=_clock(zone), fold=0) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def date_of(zone: str, at_ms: int) -> str:
    """The date on that clock, "2026-11-03"."""
    return datetime.fromtimestamp(at_ms // 1000, _clock(zone)).date().isoformat()


@lru_cache(maxsize=64)
def _clock(zone: str) -> tzinfo:
    """ValueError for a zone that is not known."""
    if FIXED.fullmatch(zone):
        return timezone(int(zone[0] + "1") * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:])))
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is no zone") from None
