"""Words of the screens and papers that the head office may put in place of the machine's own: a closed set (`rules.CELLS`).

They are public and small, so their fact carries them whole. A text has a word for every language, under "*", or for each by its code.
"""

from typing import ClassVar

import msgspec

from kiosk.vend.facts import RoomFact
from kiosk.vend.rules import Rules


class TextsInstalled(RoomFact, frozen=True):
    """The head office's own words: name -> language, or "*" -> text."""

    epoch: int
    version: int
    texts: dict[str, dict[str, str]]
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


def worded(rules: Rules, sent: TextsInstalled | None) -> Rules:
    """The same rules under the head office's letterhead."""
    if sent is None:
        return rules
    return msgspec.structs.replace(rules, letterhead=msgspec.structs.replace(rules.letterhead, texts=sent.texts))
