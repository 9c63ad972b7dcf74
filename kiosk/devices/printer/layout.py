"""A paper becomes lines of a given width: label left, value flush right, every line fits. Pure.

Widths are cells of font A: 48 on 80 mm paper, 32 on 58 mm. A Chinese character takes two.
"""

import textwrap
import unicodedata
from datetime import UTC, datetime

import msgspec

from kiosk import words
from kiosk.vend import receipt as r
from kiosk.vend.money import plain


class TextLine(msgspec.Struct, frozen=True):
    """One line, already padded to its place. `tall`: twice the height, never twice the width, so that cells stay cells."""

    text: str
    bold: bool = False
    tall: bool = False


class CodeLine(msgspec.Struct, frozen=True):
    """A QR with this text, centred."""

    text: str


PrintLine = TextLine | CodeLine


def lay_out(paper: r.Paper, width: int) -> tuple[PrintLine, ...]:
    """All lines of a paper. A code that is not signed yet leaves no line."""
    return tuple(line for row in paper.rows for line in _row(row, paper, width))


def cells(text: str) -> int:
    """How many cells a text takes: wide and full-width characters two, combining marks none."""
    return sum(0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _row(row: r.Row, paper: r.Paper, width: int) -> list[PrintLine]:
    match row:
        case r.Title(said):
            title: list[PrintLine] = [TextLine(line, bold=True) for line in _centred(_text(said, paper), width)]
            if paper.copy:
                copy = words.text(paper.language, "paper.copy", copy=paper.copy)
                title += [TextLine(line, bold=True, tall=True) for line in _centred(copy, width)]
            return title
        case r.Centred(value):
            return [TextLine(line) for line in _centred(_text(value, paper), width)]
        case r.Pair(label, value):
            return [TextLine(line) for line in _pair(_text(label, paper), _text(value, paper), width)]
        case r.Amount(label, value):
            lines = _pair(_text(label, paper) if label else "", _text(value, paper), width)
            return [TextLine(line, bold=True, tall=True) for line in lines]
        case r.Note(said):
            return [TextLine(line) for line in _wrapped(_text(said, paper), width)]
        case r.Rule(heavy):
            return [TextLine(("=" if heavy else "-") * width)]
        case r.Code():
            return [CodeLine(paper.code)] if paper.code else []


def _text(value: r.Value, paper: r.Paper) -> str:
    """A value in the paper's language, currency and zone."""
    match value:
        case str() | int():
            return str(value)
        case r.Said(key, params):
            return words.text(paper.language, key, **{name: _text(inner, paper) for name, inner in params.items()})
        case r.Money(minor):
            return plain(minor, paper.exponent)
        case r.Energy(wh):
            return plain(wh // 10, 2)
        case r.Pieces(items):
            return " + ".join(_pieces(denomination, pieces, paper.exponent) for denomination, pieces in items)
        case r.Tail(digits, dots):
            return "." * dots + digits
        case r.Day(at_ms):
            return words.full_day(paper.language, _local(at_ms, paper.zone))
        case r.Clock(at_ms):
            return f"{words.clock(_local(at_ms, paper.zone))} {paper.zone}"
        case r.PaperNumber():
            return f"{paper.kiosk}-{paper.number:06d}" + (f"-{paper.check}" if paper.check else "")


def _pieces(denomination: int, pieces: int, exponent: int) -> str:
    whole, part = divmod(denomination, 10**exponent)
    face = plain(denomination, exponent) if part else str(whole)
    return face if pieces == 1 else f"{face} x {pieces}"


def _local(at_ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(datetime.strptime(zone, "%z").tzinfo)


def _centred(text: str, width: int) -> list[str]:
    return [" " * ((width - cells(line)) // 2) + line for line in _wrapped(text, width)]


def _pair(label: str, value: str, width: int) -> list[str]:
    """Both on one line where they fit with two cells between them; otherwise the value behind the label's end, or below it."""
    *above, last = _wrapped(label, width) or [""]
    if cells(last) + 2 * bool(last and value) + cells(value) <= width:
        return [*above, _flush(last, value, width)]
    return [*above, last, *(_flush("", part, width) for part in _wrapped(value, width))]


def _flush(left: str, right: str, width: int) -> str:
    return (left + " " * (width - cells(left) - cells(right)) + right).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    """The sentence's own lines, each broken at spaces, or within a word where there are none; what was indented stays so."""
    lines: list[str] = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        if cells(line) <= width:
            lines.append(line)
        elif cells(line) == len(line):
            lines += textwrap.wrap(line, width, subsequent_indent=indent)
        else:
            lines += _by_cells(line, width)
    return lines


def _by_cells(line: str, width: int) -> list[str]:
    """Scripts without spaces: broken before the first character that does not fit."""
    lines = [""]
    for character in line:
        if cells(lines[-1]) + cells(character) > width:
            lines.append("")
        lines[-1] += character
    return lines
