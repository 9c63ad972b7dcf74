"""How staff come in: seven keys of the pad, in this order and within five seconds, on the two screens where none of them does anything.

A finger cannot meet them, for a hole has no target; ten thousand random keys of a pad of twelve meet them once in three thousand times.
It is no secret and opens nothing: behind it a number and a PIN are asked for.
"""

from typing import NamedTuple

from kiosk.vend.staff import Enter, said

KNOCK = ("clear", "enter", "clear", "enter", "9", "7", "9")
KNOCK_MS = 5_000
ON = ("attract", "out")
KNOCKED = said(Enter())


class Knock(NamedTuple):
    """The last keys and when each was pressed, on the monotonic clock; `last` is what a board keeps."""

    last: tuple[tuple[str, int], ...] = ()

    def press(self, cap: str, phase: str, at_ms: int) -> tuple["Knock", bool]:
        """One key more; True: that was the knock, and the next one begins anew."""
        if phase not in ON:
            return Knock(), False
        heard = (*self.last, (cap, at_ms))[-len(KNOCK) :]
        if tuple(key for key, _ in heard) == KNOCK and at_ms - heard[0][1] <= KNOCK_MS:
            return Knock(), True
        return Knock(heard), False
