"""The money field: two sentences, the figure (or a picture of one movement, or a few lines of text), and the ledger that explains it.

A field has few rows, and a language may need many: what is drawn is the first of several ways that has room for everything. The ledger
stands beside the figure, or else on the rows above it; the figure becomes smaller before anything is left out.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from kiosk.screens import figure, ledger
from kiosk.screens.canvas import Piece, plane, width_of
from kiosk.screens.flow import flow, flow_all
from kiosk.screens.movement import movement
from kiosk.screens.scene import Scene
from kiosk.screens.size import Plan, Size

PICTURE_LEAST, PICTURE_MOST = 20, 50  # columns beside a figure, and alone: a card that is smaller is taken for a digit
_HEIGHTS = (7, 5, 3)  # of the figure's alphabets
LEDGER_KEPT = 3  # lines that never give way


class _Way(NamedTuple):
    """Rows of the figure, the ledger's place, whether sentences follow each other on a row, and rows of air between figure and tab."""

    scene: Scene
    tall: int
    beside: bool
    joined: bool
    lift: int


def field(scene: Scene, size: Size, plan: Plan, beat: int, exponent: int = 2) -> list[Piece]:
    """Everything on the field above the line."""
    ground = plane(1, 0, size.columns, plan.line - 1, f"{scene.field}.plane")
    drawn = (
        _drawn(way, size, plan._replace(figure=(plan.figure[0] - way.lift, plan.figure[1])), beat, exponent)
        for way in _ways(scene, size, plan)
    )
    best, fits = next(drawn)
    return ground + (best if fits else next((pieces for pieces, fits in drawn if fits), best))


def _ways(scene: Scene, size: Size, plan: Plan) -> Iterator[_Way]:
    """Best first. In large text a large figure is worth more than a ledger beside it. A figure on the row above its tab, which has its
    colour, melts into it: it stands a row higher or is the smallest, whose last half row is air."""
    heights = [rows for rows in _HEIGHTS if rows <= plan.figure[1]] or [0]
    lifts = (1, 0) if plan.foot == plan.stations and heights[0] > _HEIGHTS[-1] else (0,)
    ways = [(tall, beside, False, lift) for tall in heights for beside in (True, False) for lift in lifts]
    if scene.figure or scene.group:
        ways = [way for way in ways if way[0] <= _HEIGHTS[-1] or way[3] == lifts[0]]
    if size.flows:
        ways += [(heights[-1], beside, True, 0) for beside in (True, False)]
    else:
        ways.sort(key=lambda way: not way[1])
    for less in _less(scene):
        yield from (_Way(less, *way) for way in ways)


def _less(scene: Scene) -> Iterator[Scene]:
    """The scene, and what gives way where there is no room for all: headings, then the ledger's end, then the second sentence."""
    lines = tuple(line for line in scene.ledger if line[1])
    ledgers = [scene.ledger, *(lines[:count] for count in range(len(lines), min(LEDGER_KEPT, len(lines)) - 1, -1))]
    for second in (scene.second, "") if scene.second else ("",):
        yield from (replace(scene, ledger=lines, second=second) for lines in ledgers)


def _drawn(way: _Way, size: Size, plan: Plan, beat: int, exponent: int) -> tuple[list[Piece], bool]:
    """A way's pieces, and whether all have room."""
    scene = way.scene
    sentences, free = _sentences(way, size, plan)
    if scene.lines:
        lines, fits = _lines(way, size, plan, free)
        return sentences + lines, fits
    pieces, width, tall = _figure(way, size, plan, beat, exponent)
    fits = tall == way.tall and plan.foot - tall >= free and width <= size.inner
    if not scene.ledger or not tall:
        return sentences + pieces, fits
    if way.beside:
        explained, room = ledger.beside(scene, size, plan.foot, (size.inner - width - size.between + 1, plan.foot - free))
    else:
        explained, room = ledger.above(scene, size, plan.foot - tall, plan.foot - tall - free)
    return sentences + pieces + explained, fits and room


def _sentences(way: _Way, size: Size, plan: Plan) -> tuple[list[Piece], int]:
    """The first sentence bold, the second behind it, and the row below them."""
    scene = way.scene
    if way.joined:
        return _joined(scene, size, plan)
    first, second = flow(scene.first, size.inner), flow(scene.second, size.inner) if scene.second else ()
    below = max(plan.second, plan.first + len(first))
    rows = [*enumerate(first, plan.first), *enumerate(second, below)]
    style = (f"{scene.field}.words", f"{scene.field}.plane")
    return [Piece(y, size.margin, row, (*style, y < below)) for y, row in rows], below + len(second)


def _joined(scene: Scene, size: Size, plan: Plan) -> tuple[list[Piece], int]:
    """Both as one paragraph: what is left where two sentences begin a row each and there are too few."""
    style = (f"{scene.field}.words", f"{scene.field}.plane")
    text = f"{scene.first} {scene.second}".strip()
    rows = flow(text, size.inner)
    pieces, at = [], 0
    for y, row in enumerate(rows, plan.first):
        at = text.index(row, at)
        bold = max(0, len(scene.first) - at)
        pieces.append(Piece(y, size.margin, row[:bold], (*style, True)))
        pieces.append(Piece(y, size.margin + width_of(row[:bold]), row[bold:], (*style, False)))
    return [piece for piece in pieces if piece.text], plan.first + len(rows)


def _lines(way: _Way, size: Size, plan: Plan, free: int) -> tuple[list[Piece], bool]:
    """Text in the figure's place, from as far up as it needs."""
    rows = flow_all(way.scene.lines, size.inner, plan.foot - free if way.joined else 99)
    top = max(free, min(plan.figure[0], plan.foot - len(rows)))
    style = (f"{way.scene.field}.words", f"{way.scene.field}.plane", False)
    fits = top + len(rows) <= plan.foot and width_of(rows[-1]) <= size.inner
    return [Piece(y, size.margin, row, style) for y, row in enumerate(rows, top)], fits


def _figure(way: _Way, size: Size, plan: Plan, beat: int, exponent: int) -> tuple[list[Piece], int, int]:
    """The figure, or the digits that are typed, or the picture in their stead, foot-aligned; its columns and its rows."""
    scene, top = way.scene, plan.foot - way.tall
    room = size.inner - (ledger.needed(scene) + size.between - 1 if scene.ledger and way.beside else 0)
    if (scene.figure or scene.group) and way.tall:
        drawn = _digits(scene, exponent, way.tall, room)
        y = plan.foot - len(drawn.art)
        pieces = figure.pieces(drawn, y, size.margin, scene.field)
        if drawn.word:
            place = (y + drawn.word[0], size.margin + drawn.word[1])
            pieces.append(Piece(*place, scene.currency, (f"{scene.field}.figure", f"{scene.field}.plane", False)))
        x = size.margin + drawn.width + size.between
        if scene.picture and size.right - x >= PICTURE_LEAST:
            columns = size.right - x - size.between
            region = (top, size.right - columns, columns, way.tall)  # apart, so that a card is no last digit
            pieces += movement(scene.picture, region, beat, scene.field)
        return pieces, drawn.width, len(drawn.art)
    if scene.picture and way.tall:
        width = min(room - 1, PICTURE_MOST)
        return movement(scene.picture, (top, size.margin, width, way.tall), beat, scene.field), width, way.tall
    return [], 0, way.tall


def _digits(scene: Scene, exponent: int, tall: int, room: int) -> figure.Figure:
    """An amount with its currency, or a group of digits, which is no amount."""
    if scene.figure:
        return figure.draw(scene.figure, exponent, tall, room, width_of(scene.currency))
    return figure.draw(scene.group, 0, tall, room)
