"""Pictures of the screens as PNG files, painted from the same strips that the terminal gets.

python -m kiosk.demo.picture OUTDIR [--size S|M|L] [--palette true|ansi|contrast]
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.color import Color, ColorType
from rich.style import Style
from textual.strip import Strip

from kiosk.screens.canvas import width_of
from kiosk.screens.palette import PALETTES, Palette
from kiosk.screens.rows import Clock, rows
from kiosk.screens.samples import SAMPLES
from kiosk.screens.size import L, M, S, Size
from kiosk.screens.strips import strip
from kiosk.vend.view import View

CELL = (9, 18)
SIZES = {size.name: size for size in (S, M, L)}
_VGA = bytes.fromhex("000000aa000000aa00aa55000000aaaa00aa00aaaaaaaaaa555555ff555555ff55ffff555555ffff55ff55ffffffffff")
_FONTS = (
    ("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf", 15),
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 15),
)


def picture(view: View, clock: Clock, size: Size, palette: Palette, path: Path, *, helping: bool = False) -> None:
    """One screen as a PNG."""
    frame = rows(view, clock, size, palette, helping=helping)
    paint((strip(row, palette.name) for row in frame.rows), size.columns, size.rows, path)


def paint(strips: Iterable[Strip], columns: int, count: int, path: Path) -> None:
    """Any strips, the Linux console's sixteen colours included."""
    image = Image.new("RGB", (columns * CELL[0], count * CELL[1]))
    brush = ImageDraw.Draw(image)
    for y, one in enumerate(strips):
        x = 0
        for text, style, _ in one:
            x = _run(brush, x, y, text, style or Style.null())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def _run(brush: ImageDraw.ImageDraw, x: int, y: int, text: str, style: Style) -> int:
    ink, ground = _rgb(style.color), _rgb(style.bgcolor)
    width, height = CELL
    for char in text:
        cells = width_of(char)
        left, top = x * width, y * height
        right, foot = left + cells * width - 1, top + height - 1
        brush.rectangle((left, top, right, foot), fill=ground)
        block = {"█": (top, foot), "▀": (top, top + height // 2 - 1), "▄": (top + height // 2, foot)}.get(char)
        if block:
            brush.rectangle((left, block[0], right, block[1]), fill=ink)
        elif char != " ":
            brush.text((left, top + 13), char, fill=ink, font=_font(cells == 2, bold=bool(style.bold)), anchor="ls")
        x += cells
    return x


_LOADED: dict[tuple[bool, bool], ImageFont.FreeTypeFont | ImageFont.ImageFont] = {}


def _font(wide: bool, *, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    if (wide, bold) not in _LOADED:
        regular, heavy, points = _FONTS[wide]
        path = Path(heavy if bold else regular)
        _LOADED[wide, bold] = ImageFont.truetype(str(path), points) if path.exists() else ImageFont.load_default()
    return _LOADED[wide, bold]


def _rgb(colour: Color | None) -> tuple[int, int, int]:
    if colour is None:
        return (0, 0, 0)
    if colour.type is ColorType.TRUECOLOR:
        red, green, blue = colour.get_truecolor()
    else:
        at = 3 * (colour.number or 0)
        red, green, blue = _VGA[at : at + 3]
    return red, green, blue


def main() -> None:
    """All sample screens into a folder."""
    parser = argparse.ArgumentParser(description="Paint every customer screen.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SIZES, default="M")
    parser.add_argument("--palette", choices=PALETTES, default="true")
    asked = parser.parse_args()
    for name, (view, clock, helping) in SAMPLES.items():
        size, palette = SIZES[asked.size], PALETTES[asked.palette]
        picture(view, clock, size, palette, asked.folder / f"{name}-{size.name.lower()}-{palette.name}.png", helping=helping)


if __name__ == "__main__":
    main()
