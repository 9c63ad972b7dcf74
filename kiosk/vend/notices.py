"""Planned outages: when there will be no electricity where this kiosk stands, and why, told to its customers beforehand.

Of a list for a whole utility a kiosk keeps what is about its own place in the tree, the soonest first; so the fact is small and says what
was shown. Times are the head office's, shown on the kiosk's own clock.
"""

from typing import ClassVar

import msgspec

from kiosk.vend.facts import RoomFact
from kiosk.vend.rules import EVERY_LANGUAGE

DAY_MS = 86_400_000
AHEAD_MS = 7 * DAY_MS  # nobody plans by what is further off
KEPT = 16


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No electricity below `place` ("" is everywhere) from then to then. `words`: language, or "*" -> one line more."""

    place: str
    from_ms: int
    to_ms: int
    words: dict[str, str]


class NoticesInstalled(RoomFact, frozen=True):
    """The planned outages of this kiosk's place, the soonest first."""

    epoch: int
    version: int
    notices: tuple[Notice, ...]
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


def shown(sent: NoticesInstalled | None, at_ms: int) -> Notice | None:
    """The one that is told now: it goes on, or is the next within a week."""
    for each in sent.notices if sent else ():
        if at_ms < each.to_ms and each.from_ms - at_ms <= AHEAD_MS:
            return each
    return None


def words_of(notice: Notice, language: str) -> str:
    """The line more in that language; none where there is none for it."""
    return notice.words.get(language) or notice.words.get(EVERY_LANGUAGE, "")
