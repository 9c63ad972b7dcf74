"""Words of the screens and papers that the head office may put in place of the machine's own: a closed set, each of a bounded width.

They are public and small, so their fact carries them whole. A text has a word for every language, under "*", or for each by its code.
"""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from kiosk.vend.facts import RoomFact
from kiosk.vend.rules import Letterhead

EVERY_LANGUAGE = "*"
CELLS: Mapping[str, int] = {"utility": 32, "tax_number": 20, "phone": 20, "footer": 32}
"""What may be said otherwise, and in how many columns at most: the narrow roll has 32, and "Help by phone" stands before the number."""


class TextsInstalled(RoomFact, frozen=True):
    """The head office's own words: name -> language, or "*" -> text."""

    epoch: int
    version: int
    texts: dict[str, dict[str, str]]
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


def letterhead(own: Letterhead, sent: TextsInstalled | None, language: str) -> Letterhead:
    """Head and foot of a paper in that language: the head office's words, the machine's own where it sent none."""
    if sent is None:
        return own
    said = {name: _said(texts, language) for name, texts in sent.texts.items() if name in CELLS}
    return msgspec.structs.replace(own, **{name: text for name, text in said.items() if text})


def _said(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or texts.get(EVERY_LANGUAGE, "")
