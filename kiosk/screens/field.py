"""The money field: two sentences, the figure (or a picture of one movement, or a few lines of text), and the ledger that explains it."""

from kiosk.screens import figure
from kiosk.screens.canvas import Piece, plane, width_of
from kiosk.screens.movement import movement
from kiosk.screens.scene import Scene
from kiosk.screens.size import Plan, Size

LEDGER_LEAST, LEDGER_MOST = 18, 28
_BETWEEN = {"S": 2, "M": 3, "L": 4}  # columns between figure and ledger


def field(scene: Scene, size: Size, plan: Plan, beat: int, exponent: int = 2) -> list[Piece]:
    """Everything on the field above the line. `exponent`: minor digits of the currency, which the figure draws smaller."""
    ground = f"{scene.field}.plane"
    ink = f"{scene.field}.words"
    pieces = plane(1, 0, size.columns, plan.line - 1, ground)
    pieces.append(Piece(plan.first, size.margin, scene.first, (ink, ground, True)))
    if plan.second is not None and scene.second:
        pieces.append(Piece(plan.second, size.margin, scene.second, (ink, ground, False)))
    top, rows = plan.figure
    if scene.lines:
        top = plan.first + 1 if plan.second is None else top
        lines = scene.lines[: plan.stations - top]
        return pieces + [Piece(top + row, size.margin, line, (ink, ground, False)) for row, line in enumerate(lines)]
    if not rows:
        return pieces
    drawn, width = _figure(scene, size, plan, beat, exponent)
    return pieces + drawn + _ledger(scene, size, top + rows - 1, width, rows)


def _figure(scene: Scene, size: Size, plan: Plan, beat: int, exponent: int) -> tuple[list[Piece], int]:
    """The figure or its stand-in, foot-aligned, and its width."""
    top, rows = plan.figure
    if amount := scene.figure or scene.group:
        beside = _needed(scene) + 1 if scene.ledger else LEDGER_LEAST if scene.picture else 0
        room = size.inner - beside
        drawn = figure.draw(amount, exponent, rows, room, width_of(scene.currency))
        y = top + rows - len(drawn.art)
        pieces = figure.pieces(drawn, y, size.margin, scene.field)
        if drawn.word:
            place = (y + drawn.word[0], size.margin + drawn.word[1])
            pieces.append(Piece(*place, scene.currency, (f"{scene.field}.figure", f"{scene.field}.plane", False)))
        if scene.picture:
            x = size.margin + drawn.width + _BETWEEN[size.name]
            pieces += movement(scene.picture, (top, x, min(size.columns - size.margin - x, LEDGER_MOST), rows), beat, scene.field)
        return pieces, drawn.width
    if scene.picture:
        width = min(size.inner - LEDGER_LEAST - 2, 50)
        return movement(scene.picture, (top, size.margin, width, rows), beat, scene.field), width
    return [], 0


def _needed(scene: Scene) -> int:
    """Columns without which a ledger line would run into its value."""
    return max(LEDGER_LEAST - 1, *(width_of(label) + 1 + width_of(value) for label, value in scene.ledger))


def _ledger(scene: Scene, size: Size, foot: int, figure_width: int, rows: int) -> list[Piece]:
    """Label left, value flush right, the last line on the figure's foot."""
    if not scene.ledger:
        return []
    style = (f"{scene.field}.words", f"{scene.field}.plane", False)
    room = size.inner - figure_width - 1
    width = min(max(room + 1 - _BETWEEN[size.name], _needed(scene)), max(LEDGER_MOST, _needed(scene)), room)
    right = size.columns - size.margin
    lines = [line for line in scene.ledger[-rows:] if width_of(line[0]) + width_of(line[1]) < width]
    pieces = []
    for y, (label, value) in enumerate(lines, foot - len(lines) + 1):
        pieces.append(Piece(y, right - width, label, style))
        if value:
            pieces.append(Piece(y, right - width_of(value), value, style))
    return pieces
