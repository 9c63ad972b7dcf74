"""Words so large that nobody needs to read the rest: half-block bitmaps, two alphabets, made when first asked for.

`#` is one dot: a column wide and half a row tall, so a dot is nearly square. Full cells become coloured spaces (figure.art).
"""

from functools import cache

LETTERS = "ACDEHIKLNORTUVY"


def _alphabet(drawing: str) -> dict[str, tuple[str, ...]]:
    rows = [line.split("|") for line in drawing.strip("\n").split("\n")]
    return {char: tuple(row[index].ljust(len(rows[0][index])) for row in rows) for index, char in enumerate(LETTERS)}


BIG = _alphabet("""
 #### | #### |##### |######|##  ##|##|##  ##|##    |##  ##| #### |##### |######|##  ##|##  ##|##  ##
######|######|######|######|##  ##|##|##  ##|##    |### ##|######|######|######|##  ##|##  ##|##  ##
##  ##|##  ##|##  ##|##    |##  ##|##|## ## |##    |### ##|##  ##|##  ##|  ##  |##  ##|##  ##|##  ##
##  ##|##    |##  ##|##### |######|##|####  |##    |######|##  ##|##  ##|  ##  |##  ##|##  ##| ####
######|##    |##  ##|##### |######|##|###   |##    |######|##  ##|######|  ##  |##  ##|##  ##| ####
######|##    |##  ##|##    |##  ##|##|####  |##    |## ###|##  ##|##### |  ##  |##  ##|##  ##|  ##
##  ##|##  ##|##  ##|##    |##  ##|##|## ## |##    |## ###|##  ##|## ## |  ##  |##  ##| #### |  ##
##  ##|######|######|######|##  ##|##|##  ##|######|##  ##|######|##  ##|  ##  |######| #### |  ##
##  ##| #### |##### |######|##  ##|##|##  ##|######|##  ##| #### |##  ##|  ##  | #### |  ##  |  ##
""")
SMALL = _alphabet("""
 ### | ####|#### |#####|## ##|##|## ##|##   |##  ##| ### |#### |######|## ##|## ##|##  ##
## ##|##   |## ##|##   |## ##|##|## ##|##   |### ##|## ##|## ##|  ##  |## ##|## ##|##  ##
## ##|##   |## ##|##   |## ##|##|#### |##   |### ##|## ##|## ##|  ##  |## ##|## ##| ####
#####|##   |## ##|#### |#####|##|###  |##   |######|## ##|#### |  ##  |## ##|## ##|  ##
## ##|##   |## ##|##   |## ##|##|#### |##   |## ###|## ##|#### |  ##  |## ##| ### |  ##
## ##|##   |## ##|##   |## ##|##|## ##|##   |## ###|## ##|## ##|  ##  |## ##| ### |  ##
## ##| ####|#### |#####|## ##|##|## ##|#####|##  ##| ### |## ##|  ##  | ### |  #  |  ##
""")


@cache
def poster(words: str, width: int, rows: int) -> tuple[str, ...]:
    """The words in at most two lines, centred, in the larger alphabet that fits: `rows` lines of `width` of figure.art's drawing."""
    for alphabet in (BIG, SMALL):
        tall = len(alphabet["A"])
        lines = [_line(part, alphabet) for part in _halves(words)]
        needed = len(lines) * tall + (len(lines) - 1) * 2
        if max(len(line[0]) for line in lines) <= width and needed <= rows * 2:
            break
    dots = [""] * ((rows * 2 - needed) // 2)
    for line in lines:
        dots += [*(row.center(width) for row in line), "", ""]
    padded: list[str] = [row.ljust(width) for row in dots] + [" " * width] * (rows * 2)
    return tuple(_pair(padded[row], padded[row + 1]) for row in range(0, rows * 2, 2))


def _halves(words: str) -> list[str]:
    """Where to break: the two halves as equal as words allow."""
    parts = words.split(" ")
    if len(parts) == 1:
        return parts
    cuts = [[" ".join(parts[:cut]), " ".join(parts[cut:])] for cut in range(1, len(parts))]
    return min(cuts, key=lambda halves: (max(len(half) for half in halves), -len(halves[0])))


def _line(words: str, alphabet: dict[str, tuple[str, ...]]) -> list[str]:
    tall = len(alphabet["A"])
    space = (" " * (len(alphabet["A"][0]) - 4),) * tall
    glyphs = [alphabet.get(char, space) for char in words]
    return [" ".join(glyph[row] for glyph in glyphs) for row in range(tall)]


def _pair(upper: str, lower: str) -> str:
    """Two rows of dots are one row of cells."""
    cells = {"##": "#", "# ": "^", " #": "_", "  ": " "}
    return "".join(cells[top + foot] for top, foot in zip(upper, lower, strict=True))
