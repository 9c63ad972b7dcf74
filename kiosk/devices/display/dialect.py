"""The wire codec of customer displays: two lines, a number and a lamp to the bytes of one of three dialects. Pure; nothing comes back.

    cd5220   string mode (ESC Q A, ESC Q B), 9600 baud: most poles and boards of 2 x 20 cells can do it
    epson    ESC/POS line displays (DM-D and what looks like it), 9600 baud
    led8n    eight digits of seven segments and four lamps, 2400 baud: digits, point and minus, no letter

Source: the CD5220 and LED8N command references and Epson's line display commands (facts/devices 4.1). A display cannot report, so there is
no answer to wait for and nothing that it could say is believed.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple, Protocol

COLUMNS, ROWS = 20, 2
DIGITS = 8  # of a numeric display; a point stands beside a digit and needs none of its own
CHARSETS: Mapping[str, int | None] = {  # what a display's font holds, and the number by which Epson's dialect selects it
    "ascii": 0, "cp437": 0, "cp850": 2, "cp858": 19, "cp1252": 16, "gb18030": None,
}  # fmt: skip
LAMPS = ("price", "total", "collect", "change")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Shown(NamedTuple):
    """What a display shows: two lines of text; for one that has only digits, an amount (`150.00`, "" for none) and the lamp beside it."""

    upper: str
    lower: str
    digits: str = ""
    lamp: str = ""  # of LAMPS, "" for none


class Dialect(Protocol):
    """One way to speak to a display."""

    baud: int
    text: bool  # it has letters

    def greeting(self, charset: str) -> bytes:
        """After the port was opened: whatever was shown and set before is gone. Then it needs a moment."""

    def frame(self, shown: Shown, charset: str) -> bytes:
        """The whole picture; the same bytes again change nothing."""


class Cd5220:
    """String mode: each line comes whole and ends with CR, so that half a line is never left standing."""

    baud, text = 9600, True

    def greeting(self, charset: str) -> bytes:  # noqa: ARG002 - this dialect cannot choose a font
        """Initialise, clear, no cursor."""
        return b"\x1b@\x0c\x1b_\x00"

    def frame(self, shown: Shown, charset: str) -> bytes:
        """Upper and lower line."""
        return b"\x1bQA" + cells(shown.upper, charset) + b"\r\x1bQB" + cells(shown.lower, charset) + b"\r"


class Epson:
    """Each line is written over the old one from its first cell on: nothing is cleared, so nothing flickers."""

    baud, text = 9600, True

    def greeting(self, charset: str) -> bytes:
        """Select the display, initialise, clear, overwrite mode, no cursor, the font's page."""
        page = CHARSETS[charset]
        return b"\x1b=\x02\x1b@\x0c\x1f\x01\x1fC\x00" + (b"" if page is None else b"\x1bt" + bytes((page,)))

    def frame(self, shown: Shown, charset: str) -> bytes:
        """Move to the first cell of each line, and its twenty."""
        return b"\x1f$\x01\x01" + cells(shown.upper, charset) + b"\x1f$\x01\x02" + cells(shown.lower, charset)


class Led8n:
    """Digits, and lamps that say of which amount they are."""

    baud, text = 2400, False

    def greeting(self, charset: str) -> bytes:  # noqa: ARG002 - digits are the same everywhere
        """Initialise, clear."""
        return b"\x1b@\x0c"

    def frame(self, shown: Shown, charset: str) -> bytes:  # noqa: ARG002
        """The number, or an empty display, and the lamps."""
        lamps = b"".join(b"1" if shown.lamp == lamp else b"0" for lamp in LAMPS)
        return b"\x1bQA" + numeric(shown.digits).encode() + b"\r\x02L" + lamps


DIALECTS: Mapping[str, Dialect] = {"cd5220": Cd5220(), "epson": Epson(), "led8n": Led8n()}


def numeric(amount: str) -> str:
    """What eight digits can show of `1234.50`. Its minor part goes before a leading digit does; an amount that does not even fit whole is
    eight minus signs, because a part of it would be another amount."""
    for written in (amount, amount.partition(".")[0]):
        if len(written.replace(".", "")) <= DIGITS:
            return written
    return "-" * DIGITS


def cells(line: str, charset: str) -> bytes:
    """Exactly twenty cells: a letter that the font lacks loses its accent or becomes `?`, what is too long is cut, the rest is blank.

    A Chinese character takes two cells and two bytes, and is never cut in the middle. No byte is one that a display takes for an order.
    """
    out = bytearray()
    for letter in _CONTROL.sub(" ", line):
        code = _encoded(letter, charset)
        if len(out) + len(code) > COLUMNS:
            break
        out += code
    return bytes(out.ljust(COLUMNS))


def can_show(line: str, charset: str) -> bool:
    """Has the font every letter of it, accents apart, and do they fit?"""
    codes = [_encoded(letter, charset) for letter in line]
    return sum(map(len, codes)) <= COLUMNS and all(code != b"?" or letter == "?" for code, letter in zip(codes, line, strict=True))


def _encoded(letter: str, charset: str) -> bytes:
    """One letter, in one byte, or two where the font is Chinese; without its accent where the font lacks that."""
    for tried in (letter, unicodedata.normalize("NFKD", letter)[:1]):
        try:
            code = tried.encode(charset)
        except UnicodeEncodeError:
            continue
        if len(code) <= 2 and code:
            return code
    return b"?"
