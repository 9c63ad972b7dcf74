"""The giant figure, cut from blocks: three alphabets, and the pair of them that fits.

In the drawings `#` is a full cell, `^` its upper half, `_` its lower half. A full cell is a coloured space, because block
glyphs leave hairlines.
"""

from typing import NamedTuple

from kiosk.screens.canvas import Piece


def _alphabet(characters: str, drawing: str, width: int) -> dict[str, tuple[str, ...]]:
    """Glyphs that stand side by side in a drawing, parted by bars."""
    lines = [line.split("|") for line in drawing.strip("\n").split("\n")]
    return {char: tuple(line[index].ljust(width) for line in lines) for index, char in enumerate(characters)}


F7 = _alphabet(
    "01234",
    """
 _#####_ |  _###   | _#####_ | _#####_ |    _####
###   ###| #####   |###   ###|###   ###|   _#####
###   ###| ^^###   |      ###|      ###| _###^###
###   ###|   ###   |   _###^ |   ##### |###^  ###
###   ###|   ###   | _###^   |      ###|#########
###   ###|   ###   |###^     |###   ###|      ###
 ^#####^ |#########|#########| ^#####^ |      ###
""",
    9,
) | _alphabet(
    "56789",
    """
#########| _#####_ |#########| _#####_ | _#####_
###      |###      |      ###|###   ###|###   ###
#######_ |#######_ |     _##^|###   ###|###   ###
     ^###|###  ^###|    _##^ | ####### |###_  ###
      ###|###   ###|   _##^  |###   ###| ^#######
###   ###|###   ###|   ###   |###   ###|      ###
 ^#####^ | ^#####^ |   ###   | ^#####^ | ^#####^
""",
    9,
)
F5 = _alphabet(
    "0123456789",
    """
_#####_|__##   |_#####_|_#####_|   _###|#######|_#####_|#######|_#####_|_#####_
##   ##|^^##   |##   ##|     ##| _##^##|##     |##     |    _##|##   ##|##   ##
##   ##|  ##   |   _##^|  #### |##^  ##|######_|######_|   _##^| ##### |^######
##   ##|  ##   | _##^  |     ##|#######|__   ##|##   ##|  _##^ |##   ##|     ##
^#####^|###### |#######|^#####^|     ##|^#####^|^#####^|  ##   |^#####^|^#####^
""",
    7,
)
F3 = _alphabet(
    "0123456789",
    """
#^^#| _# |^^^#|^^^#|#  #|#^^^|#^^^|^^^#|#^^#|#^^#
#  #|  # |#^^^| ^^#|#__#|^^^#|#^^#|  #^|#^^#|^^^#
#__#| _#_|#___|___#|   #|___#|#__#|  # |#__#|___#
""",
    4,
)
_MARKS: dict[int, dict[str, tuple[str, ...]]] = {  # point, comma and minus, as tall as their alphabet
    7: {".": ("  ",) * 6 + ("##",), ",": ("  ",) * 5 + ("__", "_#"), "-": ("     ",) * 3 + ("#####",) + ("     ",) * 3},
    5: {".": (" ",) * 4 + ("_",), ",": ("  ",) * 3 + (" _", "_^"), "-": ("    ",) * 2 + ("####",) + ("    ",) * 2},
    3: {".": (" ", " ", "_"), ",": (" ", " ", "#"), "-": ("  ", "^^", "  ")},
}
_BLANK = " "
_STEPS = ((7, 5), (5, 3), (3, 3))  # rows of the whole part, rows of the minor part
_GAP = {7: 2, 5: 1, 3: 1}


class Figure(NamedTuple):
    """A drawn amount: its art, top row first; the column where the minor part begins and the row above it, for the currency's word."""

    art: tuple[str, ...]
    minor_at: int
    above_minor: int

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.art[0])


def draw(amount: str, rows: int, room: int) -> Figure:
    """The largest drawing of `1,234.50` within `rows` and `room` columns; the smallest there is where none fits."""
    fitting = [step for step in _STEPS if step[0] <= max(rows, 3)]
    drawn = [_pair(amount, *step) for step in fitting]
    return next((figure for figure in drawn if figure.width <= room), drawn[-1])


def pieces(figure: Figure, y: int, x: int, field: str) -> list[Piece]:
    """The art on its field: full cells as coloured spaces, halves as half blocks."""
    return art(figure.art, y, x, f"{field}.figure", f"{field}.plane")


def art(lines: tuple[str, ...], y: int, x: int, ink: str, ground: str) -> list[Piece]:
    """Any drawing of `#`, `^` and `_` in one ink on one plane. An upper half is the ground's lower half on ink: at the deployed size of
    14 points the lower half block reaches its cell's foot, and the upper one leaves a hairline at its top."""
    cells = {"#": (" ", (ground, ink, False)), "_": ("▄", (ink, ground, False)), "^": ("▄", (ground, ink, False))}
    found: list[Piece] = []
    for row, line in enumerate(lines, y):
        start = 0
        for column in range(1, len(line) + 1):
            if column == len(line) or line[column] != line[start]:
                if line[start] != " ":
                    char, style = cells[line[start]]
                    found.append(Piece(row, x + start, char * (column - start), style))
                start = column
    return found


def _pair(amount: str, big: int, small: int) -> Figure:
    """Whole part big; the point and the minor part a step smaller on the same base line."""
    whole, point, minor = amount.rpartition(amount[-3]) if len(amount) > 3 and amount[-3] in ".," else (amount, "", "")
    left = _word(whole, big)
    if not point:
        return Figure(tuple(left), len(left[0]), 0)
    mark, right = _MARKS[big]["."], [" " * len(_word(minor, small)[0])] * (big - small) + _word(minor, small)
    joined = tuple(f"{a} {b} {c}" for a, b, c in zip(left, mark, right, strict=True))
    return Figure(joined, len(left[0]) + len(mark[0]) + 2, max(0, big - small - 1))


def _word(text: str, rows: int) -> list[str]:
    alphabet = {7: F7, 5: F5, 3: F3}[rows]
    glyphs = [alphabet.get(char) or _MARKS[rows].get(char) or (_BLANK,) * rows for char in text]
    return [(" " * _GAP[rows]).join(glyph[row] for glyph in glyphs) for row in range(rows)]
