"""Pieces of text laid on rows of planes. Everything here is a value: no terminal, no colour, only tokens.

A style is (ink token, plane token, bold); a run is text in one style; a row is a tuple of runs, hashable, so that rows can be
compared and cached.
A wide character fills two cells: its own and an empty one behind it.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len

Style = tuple[str, str, bool]
Run = tuple[str, Style]
Row = tuple[Run, ...]


class Piece(NamedTuple):
    """Text at a row and column. Its plane comes with it."""

    y: int
    x: int
    text: str
    style: Style


class Target(NamedTuple):
    """Where a finger may land, what that chooses, and the key that chooses the same."""

    x: int
    y: int
    width: int
    height: int
    cap: str
    do: str
    arg: str

    def holds(self, x: int, y: int) -> bool:
        """Is this cell inside?"""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


class Frame(NamedTuple):
    """A whole screen. `lost`: texts that ran over an edge or were covered; a test keeps it empty."""

    rows: tuple[Row, ...]
    targets: tuple[Target, ...]
    lost: tuple[str, ...]


def width_of(text: str) -> int:
    """Columns that a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def plane(y: int, x: int, width: int, height: int, token: str) -> list[Piece]:
    """A rectangle of coloured spaces."""
    return [Piece(row, x, " " * width, (token, token, False)) for row in range(y, y + height)] if width > 0 else []


def mosaic(dots: Sequence[Sequence[str]], y: int, x: int) -> list[Piece]:
    """Tokens as dots, two above each other in a cell: a dot is a column wide and half a row tall. An even number of rows of dots.

    Only the lower half block is used: at the deployed size of 14 points it reaches its cell's foot, and the upper one leaves a hairline.
    """
    pieces: list[Piece] = []
    for row, (upper, lower) in enumerate(zip(dots[::2], dots[1::2], strict=True), y):
        column = x
        for (above, below), cells in groupby(zip(upper, lower, strict=True)):
            width = len(list(cells))
            pieces.append(Piece(row, column, (" " if above == below else "▄") * width, (below, above, False)))
            column += width
    return pieces


def fitting(texts: tuple[str, ...], room: int) -> str:
    """The first that fits; the last if none does."""
    return next((text for text in texts if width_of(text) <= room), texts[-1])


def compose(width: int, height: int, base: str, pieces: list[Piece]) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Lay the pieces in order on a sheet of `base`. Returns the rows and the texts that were lost."""
    blank = (base, base, False)
    chars = [[" "] * width for _ in range(height)]
    styles = [[blank] * width for _ in range(height)]
    lost: list[str] = []
    for piece in pieces:
        if 0 <= piece.y < height and 0 <= piece.x < width:
            lost += _lay(piece, chars[piece.y], styles[piece.y])
        else:
            lost.append(piece.text)
    return tuple(_runs(*row) for row in zip(chars, styles, strict=True)), tuple(lost)


def _lay(piece: Piece, chars: list[str], styles: list[Style]) -> list[str]:
    """Put one piece on its row; what it covers, or does not fit, is returned."""
    cells = list(piece.text) if piece.text.isascii() else _cells(piece.text)
    left, right = piece.x, min(piece.x + len(cells), len(chars))
    halved = chars[left : left + 1] == [""]  # a wide character that would keep its first cell only
    lost = [text] if (text := "".join(chars[left - halved : right]).strip()) else []
    if len(cells) > right - left:
        lost.append(piece.text)
    chars[left:right] = cells[: right - left]
    styles[left:right] = [piece.style] * (right - left)
    return lost


def _cells(text: str) -> list[str]:
    found: list[str] = []
    for char in text:
        found.append(char)
        if cell_len(char) == 2:
            found.append("")
    return found


def _runs(chars: list[str], styles: list[Style]) -> Row:
    runs: list[Run] = []
    start = 0
    for style, cells in groupby(styles):
        end = start + len(list(cells))
        runs.append(("".join(chars[start:end]), style))
        start = end
    return tuple(runs)
