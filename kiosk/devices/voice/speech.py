"""What is said next: pure. A new screen is said whole; of one that has only changed, what is new is said.

`says` gives a screen's sentences (see `screens.speech`). What is being said when the screen changes is cut off, because it is no longer
true; then the rest of it was never heard, and the whole screen is said.
"""

import re
from typing import NamedTuple

from msgspec.structs import replace

from kiosk.vend.view import View

VOICES = {"en": "en", "zh": "cmn", "fr": "fr", "sw": "sw"}  # the speech program's names; another language is called by its own
VOLUMES = (15, 30, 55, 85, 120)  # as espeak-ng counts them, where 200 is the most and above 126 the loudest sounds are cut flat
USUAL = 2
AGAIN, LOUDER, SOFTER, HELP, SCREEN = "again", "louder", "softer", "help", "screen"
MOST = 300  # letters of a sentence; a screen's have at most 52
LINES = 40
_TAIL = re.compile(r"\.\.(\w{1,12})")
_MARKS = re.compile(r"[\x00-\x1f\x7f-\x9f\[\]<>]")  # the speech program takes [[ ]] for phonemes


class Screen(NamedTuple):
    """A screen by ear: what it is, and its sentences in order."""

    phase: str
    language: str
    helping: bool
    lines: tuple[str, ...]

    @property
    def what(self) -> tuple[str, str, bool]:
        """Another one of these is another screen."""
        return self.phase, self.language, self.helping


class Local(NamedTuple):
    """What the screen knows and the desk does not: help is over it, digits are typed. It lasts as long as the screen would keep it."""

    helping: bool = False
    typed: str = ""

    def over(self, view: View) -> View:
        """The View with it, as `screens.speech` reads it."""
        return replace(view, params=view.params | {"helping": self.helping, "typed": self.typed}) if any(self) else view

    def after(self, before: View, now: View) -> "Local":
        """Another View: help ends with anything but the time, digits with their screen."""
        if now.phase != before.phase:
            return Local()
        return self if timeless(before) == timeless(now) else Local(typed=self.typed)


def timeless(view: View) -> View:
    """All that a View says but how long it will say so."""
    return replace(view, rev=0, ends_in_ms=None, span_ms=None)


def heard(word: str, local: Local) -> Local:
    """A word from the screen about itself: help | screen | the digits that are typed. Any other changes nothing."""
    if word in (HELP, SCREEN):
        return Local(helping=word == HELP)
    return Local(typed=word) if word.isascii() and word.isdigit() else local


def news(before: Screen | None, now: Screen, *, cut: bool) -> tuple[str, ...]:
    """What has to be said. `cut`: what is being said now would be cut off by it."""
    if before is None or before.what != now.what or (cut and before != now):
        return now.lines
    return tuple(line for line in now.lines if line not in before.lines)


def volume(word: str, level: int) -> int:
    """One step louder or softer, and no further than there is."""
    return min(max(level + {LOUDER: 1, SOFTER: -1}.get(word, 0), 0), len(VOLUMES) - 1)


def aloud(lines: tuple[str, ...]) -> str:
    """Sentences as the speech program takes them: a pause after each, a card's tail digit by digit, nothing that it would obey."""
    spelt = (_TAIL.sub(lambda tail: " ".join(tail[1]), _MARKS.sub(" ", line[:MOST])) for line in lines[:LINES])
    return "\n\n".join(spelt) + "\n"
