"""A strip of thermal paper: what the print head leaves on it, as text and as a picture, dot for dot.

80 mm paper has 576 dots in a line, 58 mm has 384, eight to the millimetre; a character of font A is 12 by 24 dots.
"""

from dataclasses import dataclass, field
from functools import cache

from PIL import Image, ImageDraw, ImageFont, ImageOps

CELL, HEIGHT = 12, 24
LINE_ROWS = 30  # the usual line spacing
_EDGE = 32  # unprinted paper left and right
_HEAD, _FOOT = 40, 56  # between knife and print head
_PAPER, _INK, _TABLE = "#fcfbf7", "#1c1c22", "#d4d2cc"
_AROUND = 20

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Style:
    """How the next characters look."""

    bold: bool = False
    tall: bool = False
    wide: bool = False


@dataclass
class Strip:
    """The paper since the last cut."""

    dots: int
    texts: list[str] = field(default_factory=list)
    pieces: list[Image.Image] = field(default_factory=list)
    raw: bytearray = field(default_factory=bytearray)

    @property
    def blank(self) -> bool:
        """Nothing is on it."""
        return not self.pieces

    def print_line(self, characters: list[tuple[str, Style]], align: int) -> int:
        """One line of text, at its place; returns the rows of paper that it took."""
        rows = max([LINE_ROWS, *(HEIGHT * 2 for _, style in characters if style.tall)])
        width = sum(_width(style) for _, style in characters)
        left = (self.dots - width) * align // 2
        piece = Image.new("L", (self.dots, rows), 255)
        x = left
        for character, style in characters:
            glyph = _glyph(character, style)
            piece.paste(glyph, (x, max(HEIGHT * 2 if rows > LINE_ROWS else 0, HEIGHT) - glyph.height))
            x += glyph.width
        text = "".join(character for character, _ in characters)
        self.texts.append((" " * (left // CELL) + text).rstrip())
        self.pieces.append(piece)
        return rows

    def print_picture(self, data: bytes, width_bytes: int, rows: int, align: int) -> None:
        """A raster, one bit a dot, 1 is black."""
        picture = ImageOps.invert(Image.frombytes("1", (width_bytes * 8, rows), data).convert("L"))
        left = (self.dots - picture.width) * align // 2
        piece = Image.new("L", (self.dots, rows), 255)
        piece.paste(picture, (left, 0))
        self.pieces.append(piece)
        if not self.texts or self.texts[-1].strip() != "[picture]":
            self.texts.append(" " * max(0, (left + picture.width // 2) // CELL - 4) + "[picture]")

    def feed(self, rows: int) -> None:
        """Blank paper."""
        self.pieces.append(Image.new("L", (self.dots, rows), 255))

    def text(self) -> str:
        """Every line as it stands on the paper; a picture is `[picture]`."""
        return "\n".join(self.texts) + "\n"

    def picture(self, *, torn: bool = False) -> Image.Image:
        """The strip as it lies on a table; the knife's edge below, or the torn one where the paper ended."""
        length = sum(piece.height for piece in self.pieces) + _HEAD + _FOOT
        paper = Image.new("L", (self.dots + 2 * _EDGE, length), 255)
        y = _HEAD
        for piece in self.pieces:
            paper.paste(piece, (_EDGE, y))
            y += piece.height
        table = Image.new("RGB", (paper.width + 2 * _AROUND, paper.height + 2 * _AROUND), _TABLE)
        table.paste(ImageOps.colorize(paper, _INK, _PAPER), (_AROUND, _AROUND))
        _cut_edge(table, _AROUND + paper.height, 14 if torn else 4)
        return table


def _cut_edge(table: Image.Image, y: int, depth: int) -> None:
    """Teeth along the lower edge."""
    draw, step = ImageDraw.Draw(table), 8
    for x in range(_AROUND, table.width - _AROUND, step):
        draw.polygon(((x, y), (x + step // 2, y - depth), (x + step, y)), fill=_TABLE)


def _width(style: Style) -> int:
    return CELL * (2 if style.wide else 1)


@cache
def _glyph(character: str, style: Style) -> Image.Image:
    """A character in its cell."""
    cell = Image.new("L", (CELL, HEIGHT), 255)
    ImageDraw.Draw(cell).text((CELL / 2, HEIGHT - 5), character, fill=0, font=_font(style.bold), anchor="ms")
    return cell.resize((_width(style), HEIGHT * (2 if style.tall else 1)), Image.Resampling.BICUBIC)


@cache
def _font(bold: bool) -> Font:
    try:
        return ImageFont.truetype("DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf", 20)
    except OSError:
        return ImageFont.load_default(20)
