"""The giant figure, cut from blocks: four alphabets, and the pair of them that fits.

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
LOW = _alphabet(  # five half rows: the air below it parts a figure from the tab that stands on the next row
    "0123456789",
    """
#^^#| ^# |^^^#|^^^#|#  #|#^^^|#^^^|^^^#|#^^#|#^^#
#  #|  # |#^^^| ^^#|^^^#|^^^#|#^^#|  #^|#^^#|^^^#
^^^^| ^^^|^^^^|^^^^|   ^|^^^^|^^^^|  ^ |^^^^|^^^^
""",
    4,
)
_MARKS: dict[int, dict[str, tuple[str, ...]]] = {  # point, comma and minus, as tall as their alphabet
    7: {
        ".": ("   ",) * 5 + ("___", "###"),
        ",": ("   ",) * 5 + ("###", "_#^"),
        "-": ("     ",) * 3 + ("#####",) + ("     ",) * 3,
        "_": (" " * 9,) * 6 + ("_" * 9,),  # a digit that is still to be typed
    },
    5: {
        ".": ("  ",) * 4 + ("##",),
        ",": ("  ",) * 3 + ("__", "_^"),
        "-": ("    ",) * 2 + ("####",) + ("    ",) * 2,
        "_": (" " * 7,) * 4 + ("_" * 7,),
    },
    3: {".": (" ", " ", "^"), ",": (" ", "_", "^"), "-": ("  ", "^^", "  "), "_": ("    ", "    ", "^^^^")},
}
# between F5 and F3, so that 999.99 stands beside a ledger at S
_SLIM: dict[str, tuple[str, ...]] = {".": (" ",) * 4 + ("_",), ",": (" ",) * 3 + ("_", "#")}
_BLANK = " "
_STEPS = ((7, 5), (5, 3), (3, 3))  # rows of the whole part, rows of the minor part
_ALPHABETS = {7: F7, 5: F5, 3: LOW}  # of the whole part; F3 stands behind F5
_GAP = {7: 2, 5: 1, 3: 1}


class Figure(NamedTuple):
    """A drawn amount: its art, top row first, its columns, and the (row, column) of the currency's word where that has room."""

    art: tuple[str, ...]
    width: int
    word: tuple[int, int] | None


def draw(amount: str, exponent: int, rows: int, room: int, word_columns: int = 0) -> Figure:
    """The largest drawing of an amount within `rows` and `room` columns; the smallest there is where none fits.

    `amount` is written as its language writes it, with as many minor digits as `exponent` says: `1,234.50`, `99 999,99`, `1,500`.
    """
    parts = split(amount, exponent)
    drawn = [_pair(parts, step, room, word_columns) for step in _STEPS if step[0] <= max(rows, 3)]
    return next((figure for figure in drawn if figure.width <= room), drawn[-1])


def split(amount: str, exponent: int) -> tuple[str, str, str]:
    """Whole part, decimal mark, minor part. Only the exponent tells `1,500` from `1,50`; what has no mark there is whole, like a code."""
    at = len(amount) - exponent - 1
    if exponent and at > 0 and not amount[at].isdigit() and amount[at + 1 :].isdigit():
        return amount[:at], amount[at], amount[at + 1 :]
    return amount, "", ""


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


def _pair(parts: tuple[str, str, str], step: tuple[int, int], room: int, word_columns: int) -> Figure:
    """Whole part big; the mark and the minor part a step smaller on the same base line; the word above that, or else behind."""
    (whole, mark, minor), (big, small) = parts, step
    lines = _word(whole, big, _ALPHABETS[big])
    above = None
    if minor:
        point = _SLIM[mark] if (big, small) == (5, 3) and mark in _SLIM else _glyph(mark, big, _ALPHABETS[big])
        low = _word(minor, small, F3 if big > small == 3 else _ALPHABETS[small])
        right = [" " * len(low[0])] * (big - small) + low
        above = (big - small - 1, len(lines[0]) + len(point[0]) + 2) if word_columns <= len(right[0]) and big > small else None
        lines = [f"{a} {b} {c}" for a, b, c in zip(lines, point, right, strict=True)]
    width = len(lines[0])
    if above or not word_columns or width + 1 + word_columns > room:
        return Figure(tuple(lines), width, above if word_columns else None)
    return Figure(tuple(lines), width + 1 + word_columns, (big - 1, width + 1))


def _word(text: str, rows: int, alphabet: dict[str, tuple[str, ...]]) -> list[str]:
    glyphs = [_glyph(char, rows, alphabet) for char in text]
    return [(" " * _GAP[rows]).join(glyph[row] for glyph in glyphs) for row in range(rows)]


def _glyph(char: str, rows: int, alphabet: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """A digit or a mark; anything else, like the space between groups, is a blank column."""
    return alphabet.get(char) or _MARKS[rows].get(char) or (_BLANK,) * rows
