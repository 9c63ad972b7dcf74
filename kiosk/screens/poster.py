"""Words so large that nobody needs to read the rest: letters drawn by hand, or bitmaps that were made from a font with the catalogue.

A bitmap is of dots, `#`: a column wide and half a row tall, so a dot is nearly square. `locale/<language>/posters.txt` holds those of the
words that have other letters than ours, each in several sizes; `python -m tests.house.posters` makes it.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain, combinations, pairwise

from kiosk import words
from kiosk.screens import figure
from kiosk.screens.canvas import Piece, plane, width_of
from kiosk.screens.letters import ALPHABETS

Dots = tuple[str, ...]  # top row first, all as wide as the first
FILE, WORD = "posters.txt", "= "  # a line that begins with WORD says what the dots below it say


def pieces(text: str, region: tuple[int, int, int, int]) -> list[Piece]:
    """The words in a region (y, x, width, rows), on a plane of their own; as a plain sentence where they cannot be drawn."""
    y, x, width, rows = region
    ground = plane(y, x, width, rows, "poster")
    if art := poster(text, width - 2, rows):
        return ground + figure.art(art, y, x + 1, "poster_words", "poster")
    return [*ground, Piece(y + rows // 2, x + (width - width_of(text)) // 2, text, ("poster_words", "poster", True))]


@cache
def poster(text: str, width: int, rows: int) -> tuple[str, ...]:
    """The words as large as `width` columns and `rows` rows hold, centred: `rows` lines of figure.art's drawing; none if nothing fits."""
    dots = drawn(text, width, rows * 2)
    if not dots:
        return ()
    above = (rows * 2 - len(dots)) // 2
    lines = [line.center(width) for line in (*[""] * above, *dots, *[""] * (rows * 2 - above - len(dots)))]
    return tuple(_pair(lines[row], lines[row + 1]) for row in range(0, rows * 2, 2))


def drawn(text: str, width: int, tall: int) -> Dots:
    """The largest dots of the words within `width` by `tall`; none where nothing fits."""
    sizes = _sizes(text, tall) if by_hand(text) else bitmaps().get(text, ())
    return next((dots for dots in sizes if len(dots[0]) <= width and len(dots) <= tall), ())


def by_hand(text: str) -> bool:
    """Do the drawn alphabets have all of its letters?"""
    return all(char == " " or char in ALPHABETS[0] for char in text)


@cache
def bitmaps() -> Mapping[str, tuple[Dots, ...]]:
    """What was made from a font, of all catalogues: each word's sizes, the widest first."""
    found: dict[str, list[list[str]]] = {}
    for path in sorted(words.LOCALE.glob(f"*/{FILE}")):
        dots: list[str] = []
        for line in path.read_text("utf-8").splitlines():
            if line.startswith(WORD):
                dots = []
                found.setdefault(line.removeprefix(WORD), []).append(dots)
            elif line and not line.startswith("/"):
                dots.append(line.replace(".", " "))
    return {text: tuple(sorted(map(tuple, sizes), key=lambda dots: -len(dots[0]))) for text, sizes in found.items()}


def _sizes(text: str, tall: int) -> Iterator[Dots]:
    """Drawn by hand, in the largest alphabet first; in two lines, in three, in one."""
    parts = text.split()
    for alphabet in ALPHABETS:
        for count in (2, 3, 1):
            cuts = combinations(range(1, len(parts)), count - 1)
            broken = [_lines([parts[start:end] for start, end in pairwise((0, *cut, len(parts)))], alphabet) for cut in cuts]
            if broken:
                yield _stacked(min(broken, key=lambda lines: max(len(line[0]) for line in lines)), tall)


def _lines(lines: list[list[str]], alphabet: Mapping[str, Dots]) -> list[Dots]:
    """Each line of words in dots."""
    return [_line(" ".join(line), alphabet) for line in lines]


def _line(text: str, alphabet: Mapping[str, Dots]) -> Dots:
    tall = len(alphabet["I"])
    glyphs = [alphabet.get(char, ("  ",) * tall) for char in text]
    return tuple(" ".join(glyph[row] for glyph in glyphs) for row in range(tall))


def _stacked(lines: list[Dots], tall: int) -> Dots:
    """One above the other, centred on the widest, with as much between as around them, and at least a stroke."""
    width, height = max(len(line[0]) for line in lines), len(lines[0])
    between = max((tall - len(lines) * height) // (len(lines) + 1), height // 4)
    blank = (" " * width,) * between
    rows = [blank + tuple(row.center(width) for row in line) for line in lines]
    return tuple(chain.from_iterable(rows))[between:]


def _pair(upper: str, lower: str) -> str:
    """Two rows of dots are one row of cells."""
    cells = {"##": "#", "# ": "^", " #": "_", "  ": " "}
    return "".join(cells[top + foot] for top, foot in zip(upper, lower, strict=True))
