"""A paper becomes lines of a given width: label left, value flush right, every line fits. Pure."""

import re
import unicodedata

import msgspec

from kiosk import words
from kiosk.devices.printer.cells import cells, wrapped
from kiosk.devices.printer.wording import said
from kiosk.vend.paper import values as v

_PART = "  "  # how far a part of a sum is set in
_HIDDEN = re.compile(r"\.{3,}(?=\d)")
_KEPT = "\u00a0"  # a space at which no line ends; once the line is made it is one like any other


class TextLine(msgspec.Struct, frozen=True):
    """One line, already padded to its place. `tall`: twice the height, never twice the width, so that cells stay cells."""

    text: str
    bold: bool = False
    tall: bool = False


class CodeLine(msgspec.Struct, frozen=True):
    """A QR with this text, centred."""

    text: str


PrintLine = TextLine | CodeLine


def lay_out(paper: v.Paper, width: int) -> tuple[PrintLine, ...]:
    """All lines of a paper. A code that is not signed yet leaves no line."""
    return tuple(line for row in paper.rows for line in _row(row, paper, width))


def _row(row: v.Row, paper: v.Paper, width: int) -> list[PrintLine]:
    match row:
        case v.Title(title):
            copy = words.text(paper.language, "paper.copy", copy=paper.copy) if paper.copy else ""
            heading = _lines(_centred(said(title, paper), width), bold=True)
            return [*heading, *(_lines(_centred(copy, width), bold=True, tall=True) if copy else ())]
        case v.Centred(value):
            return _lines(_centred(said(value, paper), width))
        case v.Pair(label, value, part):
            return _lines(_pair(said(label, paper), said(value, paper), width, _PART if part else ""))
        case v.Sum(label, value):
            return _lines(_pair(said(label, paper), said(value, paper), width), bold=True)
        case v.Amount(label, value):
            return _lines(_pair(said(label, paper) if label else "", said(value, paper), width), bold=True, tall=True)
        case v.Note(note):
            return _lines(wrapped(said(note, paper), width))
        case v.Gap():
            return _lines([""])
        case v.Rule(heavy):
            return _lines([("=" if heavy else "-") * width])
        case v.Code():
            return [CodeLine(paper.code)] if paper.code else []


def _lines(texts: list[str], *, bold: bool = False, tall: bool = False) -> list[PrintLine]:
    return [TextLine(unicodedata.normalize("NFC", text).replace(_KEPT, " ").rstrip(" "), bold, tall) for text in texts]


def _centred(text: str, width: int) -> list[str]:
    return [" " * ((width - cells(line)) // 2) + line for line in wrapped(text, width)]


def _pair(label: str, value: str, width: int, indent: str = "") -> list[str]:
    """Both on one line where they fit with two cells between them, if need be with fewer dots for hidden digits; else the value below."""
    for left, right in ((label, value), (_HIDDEN.sub("..", label), _HIDDEN.sub("..", value))):
        *above, last = wrapped(indent + left, width)
        if cells(last) + 2 * bool(last and right) + cells(right) <= width:
            return [*above, _flush(last, right, width)]
    return [*wrapped(indent + label, width), *(_flush("", part, width) for part in wrapped(value, width))]


def _flush(left: str, right: str, width: int) -> str:
    return left + " " * (width - cells(left) - cells(right)) + right
