"""Rows become what a terminal prints: tokens get their colours here, and nowhere else. The one cache of painted rows."""

from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from kiosk.screens.canvas import Row, Style, width_of
from kiosk.screens.palette import PALETTES, Colour, Palette

_AS_INK = {ord(" "): "█", ord("▄"): "▀"}  # a plane's cells as ink on what is their ink


@lru_cache(maxsize=512)
def strip(row: Row, palette: str) -> Strip:
    """A row in a palette's colours. Bounded: a kiosk runs for months."""
    segments = [segment(text, style, palette) for text, style in row]
    return Strip(segments, sum(width_of(text) for text, _ in row))


@lru_cache(maxsize=256)
def bezel(width: int, palette: str) -> Strip:
    """A row beside, above or below the kiosk's own."""
    return Strip([segment(" " * width, ("bezel", "bezel", False), palette)] if width else [], width)


def segment(text: str, style: Style, palette: str) -> Segment:
    """A run of letters, or of blanks and halves. A plane whose colour no terminal has as a background is painted as blocks in that ink."""
    ink, ground, bold = style
    colours = PALETTES[palette].colours
    if _only_ink(PALETTES[palette], colours[ground]):
        return Segment(text.translate(_AS_INK), _rich(colours[ground], colours[ink] if "▄" in text else 0, bold=False))
    if not text.strip():
        return Segment(text, _plane(colours[ground]))
    dark_ink = PALETTES[palette].sixteen and colours[ink] == 0
    return Segment(text, _rich(colours[ink], colours[ground], bold=bold and not dark_ink))


def _only_ink(palette: Palette, colour: Colour) -> bool:
    return palette.sixteen and isinstance(colour, int) and colour > 7


@lru_cache(maxsize=256)
def _rich(ink: Colour, ground: Colour, *, bold: bool) -> RichStyle:
    return RichStyle.from_color(_colour(ink), _colour(ground)) + RichStyle(bold=bold)


@lru_cache(maxsize=64)
def _plane(ground: Colour) -> RichStyle:
    return RichStyle.from_color(bgcolor=_colour(ground))


def _colour(colour: Colour) -> Color:
    return Color.from_ansi(colour) if isinstance(colour, int) else Color.parse(colour)
