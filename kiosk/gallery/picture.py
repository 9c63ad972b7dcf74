"""Pictures of the screens, painted from the same strips that the terminal gets.

A full cell is a rectangle and a half block an exact half, so that a hairline in a picture is a hairline of ours. Letters come from the
fonts of the deployed machine; a machine without them gets Pillow's own.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont
from rich.color import Color, ColorType
from rich.style import Style
from textual.strip import Strip

from kiosk.screens.canvas import Row, width_of
from kiosk.screens.palette import Palette
from kiosk.screens.rows import Clock, rows
from kiosk.screens.samples import Sample
from kiosk.screens.size import Size
from kiosk.screens.strips import strip
from kiosk.vend.view import View

Rgb = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

VGA = bytes.fromhex("000000aa000000aa00aa55000000aaaa00aa00aaaaaaaaaa555555ff555555ff55ffff555555ffff55ff55ffffffffff")
_FONTS = {  # by cells of a character and boldness
    (1, False): "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    (1, True): "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf",
    (2, False): "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    (2, True): "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
}


class Cell(NamedTuple):
    """Pixels of one cell, and of the letters in it."""

    width: int = 9
    height: int = 18

    @property
    def letters(self) -> int:
        """Pixels to the em: DejaVu Sans Mono is 0.602 em wide and 1.164 em tall, its foot 0.236 em below the base line."""
        return min(round(self.width / 0.602), int(self.height / 1.164))

    @property
    def base(self) -> int:
        """Pixels from the cell's top to the letters' base line."""
        return self.height - round((self.height - 1.164 * self.letters) / 2 + 0.236 * self.letters)


CELL = Cell()


def picture(view: View, clock: Clock, size: Size, palette: Palette, path: Path) -> None:
    """One screen as a PNG."""
    image = screen(Sample(view, clock), size, palette)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def screen(sample: Sample, size: Size, palette: Palette, cell: Cell = CELL) -> Image.Image:
    """One screen."""
    painted = rows(sample.view, sample.clock, size, palette, helping=sample.helping).rows
    image = Image.new("RGB", (size.columns * cell.width, len(painted) * cell.height))
    for y, row in enumerate(painted):
        image.paste(_row(row, palette.name, cell), (0, y * cell.height))
    return image


@lru_cache(maxsize=4096)
def _row(row: Row, palette: str, cell: Cell) -> Image.Image:
    """Many screens share a row."""
    return paint([strip(row, palette)], sum(width_of(text) for text, _ in row), cell)


def paint(strips: Iterable[Strip], columns: int, cell: Cell = CELL) -> Image.Image:
    """Any strips, of a terminal with all colours or of the Linux console with its sixteen."""
    lines = list(strips)
    image = Image.new("RGB", (columns * cell.width, len(lines) * cell.height))
    for y, line in enumerate(lines):
        x = 0
        for text, style, _ in line:
            x = _run(image, (x * cell.width, y * cell.height), text, style or Style.null(), cell) // cell.width
    return image


def _run(image: Image.Image, at: tuple[int, int], text: str, style: Style, cell: Cell) -> int:
    """Text in one style, from a pixel on; the pixel where it ends."""
    ink, ground = rgb(style.color), rgb(style.bgcolor)
    brush = ImageDraw.Draw(image)
    (left, top), right = at, at[0] + width_of(text) * cell.width
    brush.rectangle((left, top, right - 1, top + cell.height - 1), fill=ground)
    for char in text:
        cells = width_of(char)
        if block := {"█": (0, cell.height), "▀": (0, cell.height // 2), "▄": (cell.height // 2, cell.height)}.get(char):
            brush.rectangle((left, top + block[0], left + cell.width - 1, top + block[1] - 1), fill=ink)
        elif char != " ":
            image.paste(ink, (left, top), _glyph(char, cells, cell, bold=bool(style.bold)))
        left += cells * cell.width
    return right


@lru_cache(maxsize=4096)
def _glyph(char: str, cells: int, cell: Cell, *, bold: bool) -> Image.Image:
    """A letter as a mask, in its one or two cells."""
    mask = Image.new("L", (cells * cell.width, cell.height))
    ImageDraw.Draw(mask).text((mask.width // 2, cell.base), char, fill=255, font=font(cell.letters, cells, bold=bold), anchor="ms")
    return mask


@lru_cache(maxsize=64)
def font(pixels: int, cells: int = 1, *, bold: bool = False) -> Font:
    """Letters one or two cells wide."""
    path = Path(_FONTS[cells, bold])
    return ImageFont.truetype(str(path), pixels) if path.exists() else ImageFont.load_default(pixels)


def rgb(colour: Color | None) -> Rgb:
    """What a terminal makes of a colour: the sixteen are the Linux console's."""
    if colour is None:
        return (0, 0, 0)
    if colour.type is ColorType.TRUECOLOR:
        red, green, blue = colour.get_truecolor()
    else:
        at = 3 * (colour.number or 0)
        red, green, blue = VGA[at : at + 3]
    return red, green, blue
