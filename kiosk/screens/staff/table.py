"""A table: a muted header and no rules, numbers flush right, one plate a row. Columns are as wide as what stands in them.

Where all of it is too wide, the widest column of words flows over several rows.
"""

from itertools import count

from kiosk.screens.canvas import Piece, width_of
from kiosk.screens.flow import flow
from kiosk.screens.staff.speech import Speech
from kiosk.vend.staff import Count, Energy, Money, Plain, Status, Table, Word

PLATE = 6
GAPS = (4, 3, 2)  # columns between two, as there is room
_PLATES = {"OK": ("ok", "paper"), "LOW": ("badge_words", "badge"), "WAIT": ("badge_words", "badge")}
_BAD = ("bad_words", "bad")
_NUMBERS = (Money, Count, Energy)


def table(told: Table, say: Speech, region: tuple[int, int, int], *, headed: bool = True) -> list[Piece]:
    """Pieces of a table in (x, y, width). `headed`: its header is there."""
    left, y, room = region
    headers = [say(f"column.{name}") for name in told.columns]
    texts = [[say.cell(cell) for cell in row] for row in told.rows]
    widths, gap = _widths(told, headers, texts, room)
    numbers = [_is_number(told, column) for column in range(len(headers))]
    places = [left + sum(widths[:column]) + gap * column for column in range(len(headers))]
    pieces: list[Piece] = []
    if headed:
        page = f"{told.page}/{told.pages}" if told.pages > 1 else ""
        for x, width, text, number in zip(places, widths, headers, numbers, strict=True):
            pieces.append(Piece(y, x + (width - width_of(text)) * number, text, ("muted", "paper", False)))
        if page:
            pieces.append(Piece(y, left + room - width_of(page), page, ("muted", "paper", False)))
        y += 1
    for row, said in zip(told.rows, texts, strict=True):
        tall = 1
        for cell, text, x, width, number in zip(row, said, places, widths, numbers, strict=True):
            lines = flow(text, width) if text and not isinstance(cell, Status) else (text,)
            tall = max(tall, len(lines))
            for below, line in zip(count(y), lines):
                pieces += _plate(cell, line, (below, x)) if isinstance(cell, Status) else _written(line, (below, x), width, number=number)
        y += tall
    return pieces


def _widths(told: Table, headers: list[str], texts: list[list[str]], room: int) -> tuple[list[int], int]:
    """Of each column, and the gap between them. The widest words give way."""
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
    return widths, gap


def _is_number(told: Table, column: int) -> bool:
    """Nothing but numbers and blanks stands in it."""
    cells = [row[column] for row in told.rows if row[column] != Plain("")]
    return bool(cells) and all(isinstance(cell, _NUMBERS) for cell in cells)


def _written(text: str, at: tuple[int, int], width: int, *, number: bool) -> list[Piece]:
    y, x = at
    return [Piece(y, x + (width - width_of(text)) * number, text, ("ink", "paper", False))] if text else []


def _plate(status: Status, text: str, at: tuple[int, int]) -> list[Piece]:
    """The word in the middle of six columns."""
    y, x = at
    ink, ground = _PLATES.get(status.word, _BAD)
    blank = (PLATE - width_of(text)) // 2
    return [Piece(y, x, (" " * blank + text).ljust(PLATE - (width_of(text) - len(text))), (ink, ground, True))]
