"""How many credits there are, and whose word a note waits for. Pure: what a poll and the counters say in, what the desk is told out.

An SSP event has no number, so that nothing in it tells a credit that is repeated from the next one. Three things do:

- Each thing that is told of a note has an ordinal, 1..255 and around, which is what the desk calls its `counter`. It goes on from the
  journal's, so that it survives every restart of anybody; the device has no part in it.
- The device's own count of stacked notes (GET COUNTERS) is what the desk calls `accepted`. `expected` is that count by what was told.
  After any break a credit is news only as far as the device counted more than was told.
- No note is stacked before its escrow is on disk, and the credit's own row closes it. So where a journal has an open escrow, the credit
  of one note is owed, whatever the counters say: they may lag behind, and some devices have none.

A credit is acknowledged only when the journal's ordinal has come to it; until then the device repeats it.
"""

from typing import Literal

import msgspec

from kiosk.devices.essp.events import Event, Polled, Say
from kiosk.vend.ports import AcceptorMemory
from kiosk.vend.seen import AcceptorUp, NoteBack, NoteHeld, NoteIn, Seen

_ROUND = 255  # ordinals


class Note(msgspec.Struct):
    """The note that was told as held. held: it waits for its word; stacking, returning: it was given one; lost: after a break."""

    counter: int
    stage: Literal["held", "stacking", "returning", "lost"]
    since: float = 0.0
    went_back: bool = False  # lost, and the device says that a note left by the front


def new_credits(seen: int, grown: int | None, *, owed: bool, repeated: int | None = None) -> int:
    """How many of `seen` credits the journal does not have, when the device is at rest.

    `grown`: its count beyond what was told, None where it has none. Then `repeated`, so many at most were told before, decides, where that
    is known: None after the kiosk's own death.
    """
    if grown is None:
        grown = 0 if repeated is None else seen - repeated
    return min(seen, max(grown, int(owed)))


class Tally:
    """The books of one validator, for one thread. Every method that returns Seen returns them in the order in which they are told."""

    def __init__(self, role: str) -> None:
        self._role = role
        self.serial = ""
        self.values: dict[int, int] = {}  # channel -> minor units
        self.last = 0  # the newest ordinal
        self.expected: int | None = None  # the device's count by what was told
        self.note: Note | None = None
        self.begun = False  # credits were compared since the last break
        self.settled = False  # and since the last thing that happened
        self._known = False  # by the journal
        self._pending: list[Event] = []  # credits that were not judged yet
        self._told = 0  # credits that were, and that the device repeats
        self._told_before: int | None = None  # the same since the counters were last compared; None: another process knew
        self._repeats = True
        self._mark = 0  # the ordinal that the journal has to reach before they are acknowledged
        self._reset = False
        self._short_since: float | None = None

    def meet(self, serial: str, values: dict[int, int], memory: AcceptorMemory | None, escrow: int | None, now: float) -> None:
        """A start-up. `memory`: the journal's, of whichever device; `escrow`: the ordinal of the note that it has as held."""
        self.values = values
        self.begun = self.settled = False
        if self._told_before is not None:
            self._told_before += self._told
        self._told, self._short_since = 0, None
        if serial != self.serial:
            self._told_before = None
            self.serial, self.last, self.expected, self.note, self._pending = serial, 0, None, None, []
            self._known = self._reset = False
        if not self._known and memory and memory.serial == serial:
            self._known = True
            self.last, self.expected = memory.counter, memory.accepted
            self.note = Note(escrow, "lost") if escrow is not None else None
        if self.note:
            self.note.stage, self.note.since = "lost", now

    def restarted(self) -> None:
        """The device says that it has started again."""
        self._reset = True

    # ---------------------------------------------------------------- the note in escrow

    def held(self, channel: int, now: float) -> list[Seen]:
        """A note is in escrow. Nothing is told, and it is to go back, while another one's credit is not done with."""
        if self.note or self._told or self._pending or not self.begun:
            return []
        self.note = Note(self._next(), "held", now)
        return [NoteHeld(self._role, self.serial, self.values.get(channel, 0), self.note.counter)]

    def moves(self, stage: Literal["stacking", "returning", "lost"], now: float) -> None:
        """The held note was given a word, or is not there any more."""
        if self.note:
            self.note.stage, self.note.since = stage, now
            self.settled = False

    # ---------------------------------------------------------------- a poll

    def polled(self, polled: Polled, *, repeats: bool) -> list[Seen]:
        """What a poll says of money. `repeats`: the device repeats a credit until it is acknowledged."""
        seen, self._repeats = polled.credits, repeats
        if repeats:
            self._told = min(self._told, len(seen))
            self._pending = list(seen[self._told :])
        else:
            self._pending += seen
        if self._pending:
            self.settled = False
        told: list[Seen] = []
        if self.begun and self.note and self.note.stage in ("stacking", "returning") and len(self._pending) == 1:
            told += self._credit(1)
        if self.note and polled.has(Say.REJECTED, Say.CLEARED_OUT):
            if self.note.stage == "lost":
                self.note.went_back = True
            else:
                told.append(self._back())
        return told

    def may_acknowledge(self, memory: AcceptorMemory | None) -> bool:
        """Whether all credits that the last poll repeated are in the journal."""
        if self._pending or not self._told or memory is None or memory.serial != self.serial:
            return False
        return (memory.counter - self._mark) % _ROUND <= _ROUND // 2

    @property
    def waits(self) -> bool:
        """Whether a credit is not done with: to be judged, or to be acknowledged."""
        return bool(self._pending or self._told)

    def acknowledged(self) -> None:
        """The device repeats them no longer."""
        self._told = 0
        self.settled = False

    # ---------------------------------------------------------------- the counters

    def settle(self, counted: int | None, now: float, settle_s: float, *, again: bool = False) -> list[Seen]:
        """The device is at rest, and this is its count, None where it has none: judge what is open and say where we stand.

        A count below what was told is waited for, `settle_s` long. So is one that does not have a lost note yet, of a device that repeats
        no credit: the credit may have been heard by a process that died, and the count may be late. `again`: say it even where nothing
        has changed.
        """
        told: list[Seen] = []
        first = not self.begun
        if self._pending:
            grown = None if counted is None or self.expected is None else counted - self.expected
            before = self._told_before if self._repeats else 0
            new = new_credits(len(self._pending), grown, owed=self.note is not None, repeated=before)
            told += self._credit(new if self._known else 0)
        if counted is not None and self.expected is not None and counted < self.expected:
            self._short_since = now if self._short_since is None else self._short_since
            if now - self._short_since < settle_s:
                return told
        self._short_since = None
        if self._may_be_late(counted) and self.note and now - self.note.since < settle_s:
            return told
        if counted is None and self.note and self.note.went_back:
            told.append(self._back())
        if first or again or self._reset or self.note or counted != self.expected:
            told.append(self.up(counted, lost=self.note is not None))
            self.note = None
        self.expected, self.begun, self.settled, self._told_before = counted, True, True, 0
        return told

    def _may_be_late(self, counted: int | None) -> bool:
        """Whether a lost note may be in the box, and only a later count will say so. A note that went back since may have been another."""
        return self.note is not None and not self._repeats and counted is not None and counted == self.expected

    def up(self, counted: int | None, *, lost: bool = False) -> AcceptorUp:
        """Where we stand. `lost`: it may have let go of the note that the journal has as held."""
        denominations = tuple(sorted(set(self.values.values())))
        reset, self._reset = self._reset or lost, False
        self._known = True
        return AcceptorUp(self._role, self.serial, self.last, counted, denominations, reset)

    # ---------------------------------------------------------------- what is told

    def _credit(self, new: int) -> list[Seen]:
        """The newest `new` of the pending credits are money; the others the journal has."""
        told: list[Seen] = []
        for event in self._pending[len(self._pending) - new :]:
            self.expected = None if self.expected is None else self.expected + 1
            self.note = None
            told.append(NoteIn(self._role, self.serial, self.values.get(event.channel, 0), self._next(), self.expected))
        self._told += len(self._pending) if self._repeats else 0
        self._pending, self._mark, self.settled, self._short_since = [], self.last, False, None
        return told

    def _back(self) -> NoteBack:
        self.note, self.settled = None, False
        return NoteBack(self._role, self.serial, self._next())

    def _next(self) -> int:
        self.last = self.last % _ROUND + 1
        return self.last
