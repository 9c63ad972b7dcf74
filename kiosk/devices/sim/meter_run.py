"""The meter between two cards: the relay table (facts, meter and card, 3.5) and the price of each watt-second, on simulated time.

Unit price = TOU price of the running segment + adder of the tier reached by the energy since the last settlement. Everything is an
integer; a part of 10^-6 yuan is carried, so that a month in one step costs what it costs in minutes.
"""

import calendar
import datetime as dt
from collections.abc import Callable, Iterator
from typing import NamedTuple

from kiosk.devices.sim.card_files import NONE_TIME
from kiosk.devices.sim.meter_state import MICRO_PER_MINOR, MeterState, TierSet

FLAT = 3  # the rate that runs when the rate number is invalid
RATES = (1, 2, 3, 4)
WS_PER_LIMIT_UNIT = 36_000  # 0.01 kWh
REST_UNITS = 36_000  # price units x watt-seconds in 10^-6 yuan


class Standing(NamedTuple):
    """A row of the relay table: R remaining, A1, A2 alarms, T overdraft limit, all in 10^-6 yuan."""

    name: str
    holds: Callable[[int, int, int, int], bool]
    trips: bool  # supply goes off on entering
    insertion_closes: bool


RELAY_TABLE = (
    Standing("overdrawn", lambda r, _a1, _a2, t: r <= -t if t > 0 else r <= 0, trips=True, insertion_closes=False),
    Standing("over_zero", lambda r, _a1, _a2, t: t > 0 and -t < r <= 0, trips=True, insertion_closes=True),
    Standing("alarm_2", lambda r, _a1, a2, _t: 0 < r <= a2, trips=True, insertion_closes=True),
    Standing("alarm_1", lambda r, a1, a2, _t: max(0, a2) < r <= a1, trips=False, insertion_closes=True),
    Standing("normal", lambda r, a1, a2, _t: r > max(0, a1, a2), trips=False, insertion_closes=True),
)


def standing(m: MeterState, balance_micro: int) -> Standing:
    """The one row that a balance is in."""
    levels = (m.alarm1_minor * MICRO_PER_MINOR, m.alarm2_minor * MICRO_PER_MINOR, m.overdraft_minor * MICRO_PER_MINOR)
    return next(s for s in RELAY_TABLE if s.holds(balance_micro, *levels))


def settle_relay(m: MeterState, inserted: bool = False, recharged: bool = False) -> None:
    """Open or close after the balance moved or a card was in. Out of overdrawn leads only a recharge to above the close-allowed amount."""
    now = standing(m, m.balance_micro)
    if now.name != m.standing and now.trips:
        m.tripped = "overdrawn" if m.tripped == "overdrawn" else now.name
    m.standing = now.name
    if not inserted:
        return
    m.load_trip = False
    if m.tripped == "overdrawn":
        if recharged and m.balance_micro > m.close_allowed_minor * MICRO_PER_MINOR:
            m.tripped = ""
    elif now.insertion_closes:
        m.tripped = ""


# ---------------------------------------------------------------- time


def advance(m: MeterState, seconds: int, load_w: int) -> None:
    """Let time pass under a constant load. A load above the limit opens the relay at once."""
    end = m.clock + dt.timedelta(seconds=seconds)
    settle_relay(m)
    if m.load_limit_w and load_w > m.load_limit_w and m.closed:
        m.load_trip = True
    while m.clock < end:
        _switch_sets(m)
        settlement = _next_settlement(m.tiers, m.clock)
        stop = min(t for t in (end, settlement, _next_segment(m), _time(m.tou_switch), _time(m.tier_switch)) if t and t > m.clock)
        _consume(m, int((stop - m.clock).total_seconds()), load_w)
        m.clock = stop
        if stop == settlement:
            m.tier_ws = 0
    _switch_sets(m)


def _consume(m: MeterState, seconds: int, load_w: int) -> None:
    """One stretch at one TOU price, second by second where the balance changes its row."""
    price = tou_price(m)
    while seconds > 0 and load_w > 0 and m.closed:
        part = _until_change(m, seconds, load_w, price)
        energy_ws = part * load_w
        m.balance_micro, m.cost_rest = _after(m, energy_ws, price)
        m.energy_ws += energy_ws
        m.tier_ws += energy_ws
        seconds -= part
        settle_relay(m)


def _until_change(m: MeterState, seconds: int, load_w: int, price: int) -> int:
    """Seconds to the first one that ends in another row of the relay table; all of them when none does."""

    def changed(s: int) -> bool:
        return standing(m, _after(m, s * load_w, price)[0]).name != m.standing

    if not changed(seconds):
        return seconds
    low, high = 0, seconds
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if changed(middle) else (middle, high)
    return high


def _after(m: MeterState, energy_ws: int, price: int) -> tuple[int, int]:
    """Balance and carried rest after some energy at a TOU price, each watt-second in its own tier."""
    cost, at, end = m.cost_rest, m.tier_ws, m.tier_ws + energy_ws
    for limit_ws, adder in _tiers(m.tiers):
        upto = end if limit_ws is None else min(end, limit_ws)
        if upto > at:
            cost += (upto - at) * (price + adder)
            at = upto
    micro, rest = divmod(cost, REST_UNITS)
    return m.balance_micro - micro, rest


def _tiers(tiers: TierSet) -> Iterator[tuple[int | None, int]]:
    """(upper limit in watt-seconds, adder) in order. Corrupt parameters: no adder is charged."""
    limits = tiers.limits
    if list(limits) != sorted(set(limits)) or 0 in limits or len(tiers.adders) <= len(limits):
        yield None, 0
        return
    for limit, adder in zip(limits, tiers.adders, strict=False):
        yield limit * WS_PER_LIMIT_UNIT, adder
    yield None, tiers.adders[len(limits)]


def tou_price(m: MeterState) -> int:
    """The price of the running segment, 10^-4 yuan a kWh, without the tier."""
    minute = m.clock.hour * 60 + m.clock.minute
    rate = next((r for start, r in reversed(m.day) if start <= minute), m.day[-1][1] if m.day else FLAT)
    return m.tou[(rate if rate in RATES else FLAT) - 1]


def _next_segment(m: MeterState) -> dt.datetime:
    midnight = m.clock.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = (midnight + dt.timedelta(minutes=start) for start, _ in m.day)
    return min((s for s in starts if s > m.clock), default=midnight + dt.timedelta(days=1))


def _next_settlement(tiers: TierSet, after: dt.datetime) -> dt.datetime | None:
    """Yearly mode: the dates of each year. Monthly mode (month ff in the first): its day and hour of each month."""
    first = tiers.settlements[0] if tiers.settlements else ""
    if first[:2] == "ff":
        months = [(after.year + (after.month + k - 1) // 12, (after.month + k - 1) % 12 + 1) for k in range(3)]
        dates = [_date(y, mth, first[2:]) for y, mth in months]
    else:
        dates = [_date(y, int(s[:2]), s[2:]) for y in (after.year, after.year + 1) for s in tiers.settlements if s[:2].isdigit()]
    return min((d for d in dates if d and d > after), default=None)


def _date(year: int, month: int, day_hour: str) -> dt.datetime | None:
    if not 1 <= month <= 12:
        return None
    day = int(day_hour[:2]) if day_hour[:2].isdigit() else 1
    hour = int(day_hour[2:]) if day_hour[2:].isdigit() else 0
    return dt.datetime(year, month, min(max(1, day), calendar.monthrange(year, month)[1]), min(hour, 23))  # noqa: DTZ001 - the meter's own local time


def _switch_sets(m: MeterState) -> None:
    """At its switch time the standby set becomes the current one, and the time is spent."""
    if (at := _time(m.tou_switch)) and at <= m.clock:
        m.tou, m.tou_standby, m.tou_switch = m.tou_standby, m.tou, NONE_TIME
    if (at := _time(m.tier_switch)) and at <= m.clock:
        m.tiers, m.tiers_standby, m.tier_switch = m.tiers_standby, m.tiers, NONE_TIME


def _time(bcd: str) -> dt.datetime | None:
    """YYMMDDhhmm; all 0, all 9 and what is no date mean none."""
    try:
        return dt.datetime.strptime("20" + bcd, "%Y%m%d%H%M")  # noqa: DTZ007 - the meter's own local time
    except ValueError:
        return None
