"""Is the clock to be believed? Prices, limits, lists and keys rest on it, and whoever can set it could reset them all.

The floor is the latest time that the journal holds; a signed time only raises it. The running clock tells how far the wall clock was moved:
more than five minutes, and no money is taken until it is moved back, or two people set it. Return files are a second witness: meters
that wrote later than it is here, on several cards, say that this clock is behind.
"""

import msgspec
from msgspec.structs import replace

from kiosk.vend.facts import CardPresented, ClockStepped, Fact, Row, Started
from kiosk.vend.operators.session import OperatorDid
from kiosk.vend.trust import HotlistInstalled

STEP_MS = 5 * 60_000
DAY_MS = 24 * 60 * 60_000
SLEW_MS = 5_000  # the desk calls nothing below it a step
EXCUSED_MS = 60_000  # so soon after two people ordered it the clock is set
AHEAD_MS = 60 * 60_000  # a meter's own clock may be wrong by so much
CARDS_KEPT = 8


class TimeSigned(Fact, frozen=True):
    """The head office signed something at that time: it is no earlier now. Written only where it raises the floor."""

    at_ms: int


class Clock(msgspec.Struct, frozen=True):
    """`stepped_ms`: by how much it has been moved since it was last believed; `ahead`: cards whose meters say that it is later."""

    floor_ms: int = 0
    last_ms: int = 0
    stepped_ms: int = 0
    ahead: tuple[str, ...] = ()
    step_mono_ms: int = 0  # when it was last moved, on the running clock
    excused_ms: int = 0  # until then, on the running clock, a step is an order's
    boot: int = 0
    ran_ms: int = 0  # how long the machine has run in its life, by its rows; what nobody can set forward
    ran_to: tuple[int, int] = (0, 0)  # the boot and the running clock of the last row

    def ran_at_ms(self, boot: int, mono_ms: int) -> int:
        """How long it has run at a moment of the running clock."""
        return self.ran_ms + (max(mono_ms - self.ran_to[1], 0) if boot == self.ran_to[0] else 0)

    def behind_ms(self, at_ms: int) -> int:
        """How much earlier than the floor it is."""
        return max(self.floor_ms - at_ms, 0)


def word(clock: Clock, at_ms: int) -> str:
    """How the clock stands, for whoever reads its times later: ok | behind | stepped | doubted (by cards)."""
    if clock.behind_ms(at_ms) > SLEW_MS:
        return "behind"
    return "stepped" if abs(clock.stepped_ms) > STEP_MS else "doubted" if clock.ahead else "ok"


def fold(clock: Clock, fact: Fact, row: Row) -> Clock:
    """Every row tells the time; some say more of it."""
    clock = replace(clock, ran_ms=clock.ran_at_ms(row.boot, row.mono_ms), ran_to=(row.boot, row.mono_ms))
    match fact:
        case ClockStepped():
            clock = _stepped(clock, fact.by_ms, row)
        case Started():
            clock = replace(clock, stepped_ms=_over_a_restart(clock, row.at_ms), boot=row.boot, excused_ms=0)
        case CardPresented():
            clock = replace(clock, ahead=_said(clock, fact))
        case OperatorDid() if fact.operation == "clock.set":
            clock = _believed(clock, row, excused_ms=row.mono_ms + EXCUSED_MS)
        case HotlistInstalled() | TimeSigned():
            clock = replace(clock, floor_ms=max(clock.floor_ms, fact.at_ms))
    believed = abs(clock.stepped_ms) <= STEP_MS
    return replace(clock, last_ms=row.at_ms, floor_ms=max(clock.floor_ms, row.at_ms) if believed else clock.floor_ms)


def _believed(clock: Clock, row: Row, excused_ms: int = 0) -> Clock:
    """Two people say that it is right now."""
    return Clock(row.at_ms, row.at_ms, excused_ms=excused_ms, boot=row.boot, ran_ms=clock.ran_ms, ran_to=clock.ran_to)


def _stepped(clock: Clock, by_ms: int, row: Row) -> Clock:
    if row.mono_ms <= clock.excused_ms and row.boot == clock.boot:
        return _believed(clock, row)
    before_ms = clock.stepped_ms
    if abs(before_ms) <= STEP_MS:  # it was right until then; and what a slow clock is set by on one day is not held against it on another
        clock = replace(clock, floor_ms=max(clock.floor_ms, row.at_ms - by_ms))
        before_ms = before_ms if row.mono_ms - clock.step_mono_ms < DAY_MS else 0
    return replace(clock, stepped_ms=before_ms + by_ms, step_mono_ms=row.mono_ms)


def _over_a_restart(clock: Clock, at_ms: int) -> int:
    """Nobody knows how long it was off. Earlier than before: set back by that much at least. Not below the floor: it may be right."""
    if abs(clock.stepped_ms) <= STEP_MS:
        return 0
    if clock.stepped_ms > 0:
        return max(clock.stepped_ms - max(clock.last_ms - at_ms, 0), 0)
    return 0 if at_ms >= clock.floor_ms else clock.stepped_ms


def _said(clock: Clock, fact: CardPresented) -> tuple[str, ...]:
    """The cards that say so, each once; one that the meter wrote at a time that can be is the end of it."""
    if not fact.authentic or fact.ahead_ms is None:
        return clock.ahead
    if fact.ahead_ms <= AHEAD_MS:
        return ()
    return (*(card for card in clock.ahead if card != fact.card), fact.card)[-CARDS_KEPT:]
