"""A day or a month of the books, and how days are written. Pure.

A business day is the kiosk's own, by its own clock and zone, and stands in the tables as a number: 20261103; a month as 202611.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import msgspec

HOUR_MS = 3_600_000
AHEAD_MAX, BEHIND_MAX = 14, 12  # hours that the first and the last zone on earth are before and behind UTC
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]


class NoPeriod(ValueError):
    """It is no day and no month; the text is one sentence."""


class Period(msgspec.Struct, frozen=True):
    """From `first` to `last`, both included, yyyymmdd. `number`: the period's own, yyyymmdd or yyyymm. `name`: 2026-11-03 or 2026-11."""

    first: int
    last: int
    number: int
    name: str

    @property
    def month(self) -> bool:
        """Is it a whole month?"""
        return self.number < 1_000_000

    @property
    def shown(self) -> str:
        """`3 November 2026`, `November 2026`."""
        year, month, day = int(self.name[:4]), int(self.name[5:7]), self.name[8:]
        return f"{int(day)} {MONTHS[month - 1]} {year}" if day else f"{MONTHS[month - 1]} {year}"

    def ends_ms(self, zone: str) -> int:
        """The moment after its last one by the clock of a kiosk in that zone, "+0800"; anything else counts as the last zone on earth."""
        offset_ms = zone_ms(zone)
        return midnight_ms(self.last) + 24 * HOUR_MS - (-BEHIND_MAX * HOUR_MS if offset_ms is None else offset_ms)


def period_of(text: str) -> Period:
    """`2026-11-03` or `2026-11`. Raises NoPeriod."""
    if not re.fullmatch(r"2\d{3}-\d\d(-\d\d)?", text, re.ASCII):
        raise NoPeriod(f"{text!r} is no day and no month; write 2026-11-03 or 2026-11.")
    year, month, *day = map(int, text.split("-"))
    try:
        days = monthrange(year, month)[1]
        first, last = (date(year, month, day[0]),) * 2 if day else (date(year, month, 1), date(year, month, days))
    except ValueError:
        raise NoPeriod(f"There is no {text} in the calendar.") from None
    return Period(number(first), number(last), number(first) if day else number(first) // 100, text)


def day_period(day: int) -> Period:
    """That day, yyyymmdd."""
    return Period(day, day, day, shown_day(day))


def number(day: date) -> int:
    """yyyymmdd."""
    return day.year * 10_000 + day.month * 100 + day.day


def shown_day(day: int) -> str:
    """`2026-11-03`."""
    return f"{day // 10_000:04}-{day // 100 % 100:02}-{day % 100:02}"


def shown_moment(at_ms: int) -> str:
    """`2026-11-03 08:15 UTC`: a head office has kiosks in several zones."""
    try:
        return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"


def midnight_ms(day: int) -> int:
    """Epoch ms at which that day begins in UTC."""
    return (date(day // 10_000, day // 100 % 100, day % 100).toordinal() - date(1970, 1, 1).toordinal()) * 24 * HOUR_MS


def zone_ms(zone: str) -> int | None:
    """What a zone's clock is ahead of UTC; None where it is no zone."""
    found = re.fullmatch(r"([+-])(\d\d)([0-5]\d)", zone, re.ASCII)
    if not found:
        return None
    sign, hours, minutes = found.groups()
    ahead_ms = int(hours) * HOUR_MS + int(minutes) * 60_000
    return (ahead_ms if sign == "+" else -ahead_ms) if int(hours) <= AHEAD_MAX else None


def day_before(day: int) -> int:
    """yyyymmdd of the day before."""
    return number(date(day // 10_000, day // 100 % 100, day % 100) - timedelta(days=1))
