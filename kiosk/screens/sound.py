"""What is heard: a cue for a press and for what a new View has changed. Always beside something that is seen; no device, no clock.

Whoever has a device gives the app `Ears`; without them nothing is ever played.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from kiosk.vend.view import View


class Cue(NamedTuple):
    """A few tones one after the other, (hertz, milliseconds). `rings`: worth the bell of a terminal, which has but one tone."""

    name: str
    tones: tuple[tuple[int, int], ...]
    rings: bool = True


TICK = Cue("tick", ((1800, 12),), rings=False)
STACKED = Cue("stacked", ((880, 90), (1175, 140)))
DONE = Cue("done", ((784, 110), (988, 110), (1319, 220)))
ATTENTION = Cue("attention", ((330, 180), (262, 240)))

CALLING = ("take_card", "unsure", "still")  # the customer is wanted
EVERY_MS, TIMES = 5_000, 6  # how often they are called, and no more
PAYING = ("insert", "still", "unsure", "interrupted")  # the figure is what was paid in
_BEFORE_DONE = (*PAYING, "reading", "account", "writing", "claim")  # a screen that only came back has nothing new to say


class Ears(Protocol):
    """A device that is heard."""

    def play(self, cue: Cue) -> None:
        """Begin to play it; never waits."""


class Bell:
    """The terminal's own bell, the least of devices: it rings for money and for calls, not for keys."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring

    def play(self, cue: Cue) -> None:
        """See Ears."""
        if cue.rings:
            self._ring()


class Heard(msgspec.Struct, frozen=True):
    """The View that was last heard of, how often its customer was called, and when next."""

    view: View
    called: int = 0
    due_ms: int | None = None

    def seen(self, view: View, now_ms: int) -> tuple["Heard", tuple[Cue, ...]]:
        """Another View: what has happened, and the first call of a screen that calls."""
        cues = _changed(self.view, view)
        if view.phase == self.view.phase:
            return msgspec.structs.replace(self, view=view), cues
        if view.phase in CALLING:
            return Heard(view, 1, now_ms + EVERY_MS), (*cues, ATTENTION)
        return Heard(view), cues

    def waited(self, now_ms: int) -> tuple["Heard", tuple[Cue, ...]]:
        """Time has passed: perhaps the next call."""
        if self.due_ms is None or now_ms < self.due_ms:
            return self, ()
        called = self.called + 1
        return Heard(self.view, called, now_ms + EVERY_MS if called < TIMES else None), (ATTENTION,)


def _changed(before: View, after: View) -> tuple[Cue, ...]:
    if after.staff:
        tested, was = after.staff.look == "sound", before.staff is not None and before.staff.look == "sound"
        return (STACKED, DONE, ATTENTION) if tested and not was else ()
    if after.phase == "done" and before.phase in _BEFORE_DONE:
        return (DONE,)
    if after.phase not in PAYING or before.phase not in (*PAYING, "account"):
        return ()
    paid = before.figure_minor if before.phase in PAYING else 0
    return (STACKED,) if after.figure_minor > paid else ()
