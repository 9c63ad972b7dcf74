"""The QR of a paper on the screen: modules of half a row on white, what it says in plain beside it, and the keys below in their places.

It is as large as a key is long: from an arm's length a telephone needs no more than to be lifted. A screen of S or large text has too few
rows for it; there the paper's numbers stand alone, and are photographed as they are.
"""

from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from kiosk.screens import figure
from kiosk.screens.canvas import Piece, mosaic
from kiosk.screens.scene import Scene
from kiosk.screens.size import Plan, Size

_QUIET = 2  # modules of white left and right; above and below what the rows leave, and at least one
_BESIDE = 26  # columns for the words
_MARGIN = 1

Modules = tuple[tuple[bool, ...], ...]


class Room(NamedTuple):
    """Where field and line stand: a plan, a size as narrow as they have it, its first column, and what stands left of it.

    `scene` has no figure where a narrow field cannot hold it: then tab and sentence say the amount.
    """

    scene: Scene
    plan: Plan
    size: Size
    x: int
    pieces: list[Piece]

    def shifted(self, pieces: list[Piece]) -> list[Piece]:
        """What was drawn for the narrow size, in its place."""
        return [piece._replace(x=piece.x + self.x) for piece in pieces] if self.x else pieces


def room(scene: Scene, size: Size, plan: Plan) -> Room:
    """What is left beside the code; the whole screen where there is none, or no room for it."""
    if scene.code:
        dark = modules(scene.code)
        bottom, height = size.three.bottom
        width, tall = len(dark) + 2 * _QUIET, 2 * (bottom - 1)
        if len(dark) + 3 <= tall and width + _BESIDE <= size.columns:
            foot = bottom - 3
            beside = size.three._replace(figure=(foot - 6, 5), stations=foot, line=foot + 1, options=(), bottom=(bottom, height))
            narrow = size._replace(columns=size.columns - width, margin=_MARGIN)
            drawn = figure.draw(scene.figure, 0, 3, narrow.inner)
            told = scene if drawn.width <= narrow.inner else replace(scene, figure="")
            return Room(told, beside, narrow, width, mosaic(_dots(dark, width, tall), 1, 0))
    return Room(scene, plan, size, 0, [])


@lru_cache(maxsize=8)
def modules(text: str) -> Modules:
    """A QR at level L in alphanumeric mode, without its quiet zone; True is dark."""
    import qrcode  # noqa: PLC0415 - it brings Pillow, and the first paint does not wait for that
    from qrcode.util import MODE_ALPHA_NUM, QRData  # noqa: PLC0415

    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L, border=0)
    code.add_data(QRData(text, mode=MODE_ALPHA_NUM))
    code.make(fit=True)
    return tuple(tuple(row) for row in code.get_matrix())


def _dots(dark: Modules, width: int, tall: int) -> list[list[str]]:
    """Modules in the middle of a white plane."""
    above, left = (tall - len(dark)) // 2, (width - len(dark)) // 2
    sheet = [["code"] * width for _ in range(tall)]
    for y, row in enumerate(dark, above):
        sheet[y][left : left + len(row)] = ["code_dark" if module else "code" for module in row]
    return sheet
