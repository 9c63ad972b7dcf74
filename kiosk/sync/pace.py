"""When a way to the head office is tried again: at its interval while it works, later and later while it does not. Pure.

A thousand kiosks that lost the same mast come back spread out: each wait is drawn between half of it and all of it.
"""

import msgspec

FIRST_S = 5.0
LONGEST_S = 3600.0


class Pace(msgspec.Struct, frozen=True):
    """`due_s`: on the monotonic clock; `failures`: in a row."""

    due_s: float = 0.0
    failures: int = 0

    def worked(self, now_s: float, interval_s: float) -> "Pace":
        """The next turn is an interval away."""
        return Pace(now_s + interval_s)

    def failed(self, now_s: float, draw: float) -> "Pace":
        """`draw`: anywhere from 0 to 1."""
        return Pace(now_s + wait_s(self.failures) * (0.5 + draw / 2), self.failures + 1)

    def hurried(self, now_s: float) -> "Pace":
        """Somebody wants it now, or there is something new to carry: a way that works is tried at once."""
        return Pace(min(self.due_s, now_s), self.failures)


def wait_s(failures: int) -> float:
    """The longest wait after so many failures before this one: 5, 10, 20 seconds, and so on to an hour."""
    return min(LONGEST_S, FIRST_S * 2.0 ** min(failures, 16))
