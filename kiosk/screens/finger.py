"""An impatient finger: what it taps again and again is meant once.

A key that leads to another screen has another meaning there, at the same place. Whoever taps twice, or leans on it, has not read that
screen. So a key that was pressed is deaf on whatever came of it until the finger has rested. Another key is heard at once.
"""

import msgspec

from kiosk.vend.view import View

REST_MS = 400  # longer than between the two taps of a double tap, shorter than reading one word


class Finger(msgspec.Struct, frozen=True):
    """The last press: of which cap, when, and on what."""

    cap: str = ""
    at_ms: int = 0
    on: tuple[View, bool] | None = None  # a view without its time, and whether help lay over it; None once a press was not meant

    def presses(self, cap: str, on: tuple[View, bool], now_ms: int, *, there: bool = False) -> tuple["Finger", bool]:
        """Is this press meant? Also one on a hole has to be told. `there`: on the glass, where the last one was."""
        again = (there or cap == self.cap) and now_ms - self.at_ms < REST_MS
        if again and on != self.on:
            return Finger(cap, now_ms), False
        return Finger(cap, now_ms, on), True
