"""The kit's desk: it writes down what a driver tells as the kiosk's journal would, and publishes what a trial wants.

It outlives its drivers, as a journal outlives a kiosk: what was heard is on disk, what was not heard never was. An event that it has is
known by its counter, as `vend.cash` knows it; growth of an acceptor's own count that no event explains is credit of unknown value.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from kiosk.devices.gate import wrong
from kiosk.vend.cash import is_news
from kiosk.vend.ports import AcceptorMemory, Published, Stance
from kiosk.vend.seen import (
    AcceptorDown,
    AcceptorReset,
    AcceptorUp,
    CoinIn,
    DeviceDown,
    DeviceUp,
    EventsLost,
    NoteBack,
    NoteHeld,
    NoteIn,
    PosUp,
    PrinterState,
    Seen,
)
from kiosk.vend.state import State
from kiosk.vend.view import View

S = TypeVar("S", bound=Seen)


class Told(msgspec.Struct, frozen=True):
    """What was told, when (`time.monotonic()`), and in which life of the driver."""

    seen: Seen
    at_s: float
    life: int


class Credit(msgspec.Struct, frozen=True):
    """`minor` of `pieces`; 0 where the device counted them and nobody saw which."""

    minor: int
    pieces: int = 1


class Ledger:
    """Thread-safe. `changed(published)` is called with everything that is published."""

    def __init__(self, role: str, changed: Callable[[Published], None]) -> None:
        self.role = role
        self._changed = changed
        self._heard = threading.Condition(threading.RLock())
        self.told: list[Told] = []
        self.wrong: list[str] = []  # what no driver of this role tells
        self.credits: list[Credit] = []
        self._was_down = False
        self.lost = 0  # events that the driver said were lost
        self.life = 0
        self.held: NoteHeld | None = None
        self.word = "hold"  # for whatever note is held
        self.published = Published(1, View("attract"), Stance(), None, None, {})

    # ---------------------------------------------------------------- what the trial wants

    def wants(self, **changes: Any) -> None:
        """Publishes."""
        with self._heard:
            self.published = msgspec.structs.replace(self.published, rev=self.published.rev + 1, **changes)
            self._changed(self.published)

    def opens(self, minor: tuple[int, ...], word: str = "hold") -> None:
        """These pieces may come in; `word`: for a note that is held."""
        with self._heard:
            self.word = word
            notes, coins = (minor, ()) if self.role == "notes" else ((), minor)
            self._publish_stance(notes, coins)

    def _publish_stance(self, notes: tuple[int, ...], coins: tuple[int, ...]) -> None:
        held = self.held
        self.wants(stance=Stance(notes, coins, self.word if held else "hold", held.counter if held else None))

    def again(self) -> None:
        """A new life: a note that an old one held goes back, as after any restart."""
        with self._heard:
            self.life += 1
            self.word = "return"
            self._publish_stance((), ())

    # ---------------------------------------------------------------- what the driver tells

    def hear(self, seen: Seen) -> None:
        """One thing more, on the disk."""
        with self._heard:
            self.told.append(Told(seen, time.monotonic(), self.life))
            why = wrong(self.role, seen)
            if why:
                self.wrong.append(why)
            else:
                self._book(seen)
            self._heard.notify_all()

    def _book(self, seen: Seen) -> None:
        match seen:
            case NoteIn() | CoinIn() if self._news(seen.serial, seen.counter):
                minor = seen.denomination or (self.held.denomination if self.held and isinstance(seen, NoteIn) else 0)
                self.credits.append(Credit(minor))
                accepted = self._accepted
                self._remember(seen.serial, seen.counter, seen.accepted if accepted is None else accepted + 1)
            case NoteHeld() if self.held is None:
                self._remember(seen.serial, seen.counter, self._accepted, seen)
            case NoteBack() if self._news(seen.serial, seen.counter):
                self._remember(seen.serial, seen.counter, self._accepted)
            case AcceptorReset():
                self._remember(seen.serial, 0, self._accepted, self.held)
            case AcceptorUp():
                self._compare(seen)
            case EventsLost():
                self.lost += seen.events
            case AcceptorDown():
                self._was_down = True

    def _compare(self, seen: AcceptorUp) -> None:
        """Growth of the device's own count: first the held note's, the rest of unknown value."""
        memory = self.published.acceptors.get(self.role)
        held = self.held
        same = memory is not None and memory.serial == seen.serial
        if memory and same and memory.accepted is not None and seen.accepted is not None:
            grown = seen.accepted - memory.accepted
            if grown > 0 and held:
                self.credits.append(Credit(held.denomination))
                grown -= 1
            if grown > 0:
                self.credits.append(Credit(0, grown))
        if self._was_down or seen.reset or (memory and seen.accepted != memory.accepted):
            held = None  # it may have let go of the note while it was away
        self._was_down = False
        self._remember(seen.serial, seen.counter, seen.accepted, held)

    def _news(self, serial: str, counter: int) -> bool:
        return is_news(State(acceptors=self.published.acceptors), self.role, serial, counter)

    @property
    def _accepted(self) -> int | None:
        memory = self.published.acceptors.get(self.role)
        return memory.accepted if memory else None

    def _remember(self, serial: str, counter: int, accepted: int | None, held: NoteHeld | None = None) -> None:
        self.held = held
        acceptors = {**self.published.acceptors, self.role: AcceptorMemory(serial, counter, accepted)}
        stance = self.published.stance
        word = self.word if held else "hold"
        fresh = Stance(stance.notes, stance.coins, word, held.counter if held else None)
        self.wants(acceptors=acceptors, stance=fresh)

    # ---------------------------------------------------------------- what was heard

    @property
    def mark(self) -> int:
        """For `since`: how much has been told."""
        return len(self.told)

    def heard(self, kind: type[S], since: int = 0) -> list[S]:
        """All of a kind."""
        with self._heard:
            return [told.seen for told in self.told[since:] if isinstance(told.seen, kind)]

    def until(self, holds: Callable[[], Any], timeout_s: float) -> bool:
        """As soon as it holds; it is looked at whenever something was told, and now and then."""
        end = time.monotonic() + timeout_s
        with self._heard:
            while not holds():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._heard.wait(min(left, 0.05))
            return True

    def ups(self, since: int = 0) -> int:
        """How often it was said to be up."""
        return sum(up_or_down(told.seen) is True for told in self.told[since:])

    def downs(self, since: int = 0) -> list[Seen]:
        """What was said of its being down."""
        with self._heard:
            return [told.seen for told in self.told[since:] if up_or_down(told.seen) is False]

    @property
    def credited(self) -> tuple[int, int]:
        """(minor units, pieces)."""
        with self._heard:
            return sum(credit.minor for credit in self.credits), sum(credit.pieces for credit in self.credits)


def up_or_down(seen: Seen) -> bool | None:
    """Does it say that the device works, that it does not, or neither?"""
    match seen:
        case AcceptorUp() | DeviceUp() | PosUp():
            return True
        case PrinterState():
            return seen.state in ("ok", "low")
        case AcceptorDown() | DeviceDown():
            return False
    return None
