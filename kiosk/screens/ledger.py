"""The ledger that explains a figure: beside it, label left and value flush right; or in flowing rows, where columns are few."""

from kiosk.screens.canvas import Piece, width_of
from kiosk.screens.scene import Scene
from kiosk.screens.size import Size

LEAST, MOST = 17, 28  # columns of a ledger in its own place
_PARTED = 3  # columns between two lines on one row


def needed(scene: Scene) -> int:
    """Columns without which a line would run into its value."""
    return max(LEAST, *(width_of(label) + 1 + width_of(value) for label, value in scene.ledger))


def beside(scene: Scene, size: Size, foot: int, room: tuple[int, int]) -> tuple[list[Piece], bool]:
    """Flush right, the last line above row `foot`. `room`: (columns, rows). True: all of it has room."""
    least, (columns, rows) = needed(scene), room
    width = min(max(columns + 1 - size.between, least), max(MOST, least), columns)
    style = (f"{scene.field}.words", f"{scene.field}.plane", False)
    pieces = []
    for y, (label, value) in enumerate(scene.ledger, foot - len(scene.ledger)):
        pieces.append(Piece(y, size.right - width, label, style))
        if value:
            pieces.append(Piece(y, size.right - width_of(value), value, style))
    return pieces, least <= columns and len(scene.ledger) <= rows


def above(scene: Scene, size: Size, foot: int, rows: int) -> tuple[list[Piece], bool]:
    """One line behind the other, the last above row `foot`, values bold. True: `rows` are enough."""
    style = (f"{scene.field}.words", f"{scene.field}.plane")
    placed: list[tuple[int, int, str, bool]] = []
    row, column = 0, 0
    for label, value in scene.ledger:
        width = width_of(f"{label} {value}")
        if column and column + _PARTED + width > size.inner:
            row, column = row + 1, 0
        column += _PARTED if column else 0
        placed += [(row, column, label, False), (row, column + width_of(label) + 1, value, True)]
        column += width
    pieces = [Piece(foot - row - 1 + y, size.margin + x, text, (*style, bold)) for y, x, text, bold in placed if text]
    return pieces, row < rows and all(piece.x + width_of(piece.text) <= size.right for piece in pieces)
