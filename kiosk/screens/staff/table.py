"""A table: a muted header and no rules, numbers flush right, one plate a row. Columns are as wide as what stands in them.

Where all of it is too wide, the widest column of words flows over several rows. What then has no room is said to be there.
"""

from typing import NamedTuple

from msgspec.structs import replace

from kiosk.screens.canvas import Piece, width_of
from kiosk.screens.flow import flow
from kiosk.screens.staff.speech import Speech
from kiosk.vend.staff import Count, Energy, Money, Plain, Status, Table, Word

PLATE = 6
GAPS = (4, 3, 2)  # columns between two, as there is room
_PLATES = {"OK": ("ok", "paper"), "LOW": ("badge_words", "badge"), "WAIT": ("badge_words", "badge")}
_BAD = ("bad_words", "bad")
_NUMBERS = (Money, Count, Energy)
LABELLED = ("line", "value")


class _Column(NamedTuple):
    """Where a column stands; a `number` is flush right."""

    header: str
    x: int
    width: int
    number: bool


def table(told: Table, say: Speech, region: tuple[int, int, int, int], *, headed: bool = True) -> list[Piece]:
    """Pieces of a table in (x, y, width, height). `headed`: its header is there; labels and their values need none."""
    left, y, room, height = region
    texts = [[say.cell(cell) for cell in row] for row in told.rows]
    grid = _grid(told, ["" if name in LABELLED else say(f"column.{name}") for name in told.columns], texts, left, room)
    pieces: list[Piece] = []
    foot = y + height
    if headed and told.columns != LABELLED:
        pieces += _header(told, grid, y, left + room)
        y += 1
    for row, said in zip(told.rows, texts, strict=True):
        lines = [(text,) if isinstance(cell, Status) else flow(text, each.width) for cell, text, each in zip(row, said, grid, strict=True)]
        if y + max(map(len, lines)) > foot:
            return [*(piece for piece in pieces if piece.y < foot - 1), Piece(foot - 1, left, say("more"), ("muted", "paper", False))]
        for cell, flowing, each in zip(row, lines, grid, strict=True):
            for below, line in enumerate(flowing, y):
                pieces += _plate(cell, line, below, each) if isinstance(cell, Status) else _written(line, below, each, "ink")
        y += max(map(len, lines))
    return pieces


def numbered(told: Table) -> Table:
    """The rows with the number of the key that each has."""
    rows = tuple((Plain(str(number)), *row) for number, row in enumerate(told.rows, 1))
    return replace(told, columns=("key", *told.columns), rows=rows)


def _header(told: Table, grid: list[_Column], y: int, right: int) -> list[Piece]:
    """The columns' words, and which page this is."""
    page = f"{told.page}/{told.pages}" if told.pages > 1 else ""
    pieces = [piece for each in grid for piece in _written(each.header, y, each, "muted")]
    return pieces + ([Piece(y, right - width_of(page), page, ("muted", "paper", False))] if page else [])


def _grid(told: Table, headers: list[str], texts: list[list[str]], left: int, room: int) -> list[_Column]:
    """The columns in their places. The widest words give way, down to their header."""
    widths = []
    for column, header in enumerate(headers):
        plates = any(isinstance(row[column], Status) for row in told.rows)
        widths.append(max([width_of(header), PLATE * plates, *(width_of(row[column]) for row in texts)]))
    between = len(widths) - 1
    gap = next((gap for gap in GAPS if sum(widths) + gap * between <= room), GAPS[-1])
    over = sum(widths) + gap * between - room
    wordy = [column for column in range(len(widths)) if any(isinstance(row[column], Word) for row in told.rows)]
    if over > 0 and wordy:
        widest = max(wordy, key=lambda column: widths[column])
        widths[widest] = max(widths[widest] - over, width_of(headers[widest]))
    places = [left + sum(widths[:column]) + gap * column for column in range(len(widths))]
    numbers = [_is_number(told, column) for column in range(len(widths))]
    return [_Column(*each) for each in zip(headers, places, widths, numbers, strict=True)]


def _is_number(told: Table, column: int) -> bool:
    """Numbers stand in it; beside labels a value may be anything."""
    return told.columns != LABELLED and any(isinstance(row[column], _NUMBERS) for row in told.rows)


def _written(text: str, y: int, column: _Column, ink: str) -> list[Piece]:
    blank = (column.width - width_of(text)) * column.number
    return [Piece(y, column.x + blank, text, (ink, "paper", False))] if text else []


def _plate(status: Status, text: str, y: int, column: _Column) -> list[Piece]:
    """The word in the middle of six columns."""
    ink, ground = _PLATES.get(status.word, _BAD)
    blank = (PLATE - width_of(text)) // 2
    return [Piece(y, column.x, (" " * blank + text).ljust(PLATE - (width_of(text) - len(text))), (ink, ground, True))]
