"""Rows become what a terminal prints: tokens get their colours here, and nowhere else. The one cache of painted rows."""

from functools import lru_cache

from rich.color import Color, ColorSystem
from rich.console import COLOR_SYSTEMS, Console
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from kiosk.screens.canvas import Row, Style, width_of
from kiosk.screens.palette import PALETTES, Colour, Palette

_AS_INK = {ord(" "): "█", ord("▄"): "▀"}  # a plane's cells as ink on what is their ink
_BEZEL: Style = ("bezel", "bezel", False)


class Lean(Strip):
    """A strip that says each colour once, where Rich resets behind every run: three tenths fewer bytes a paint.

    A terminal keeps ink, plane and weight until they are told anew; what is not seen, the ink of spaces, is not told.
    """

    def render(self, console: Console) -> str:
        """What the terminal gets; as it began, nothing is set when it ends."""
        if self._render_cache is None:
            system = COLOR_SYSTEMS[console.color_system or "truecolor"]
            told: dict[str, tuple[str, ...]] = {}
            self._render_cache = "".join(_said(text, style or RichStyle.null(), told, system) for text, style, _ in self) + "\x1b[0m"
        return self._render_cache


def _said(text: str, style: RichStyle, told: dict[str, tuple[str, ...]], system: ColorSystem) -> str:
    """A run, after what differs from what the terminal has been `told`. Weight comes with each ink: on the Linux console a bright ink is
    bold from there on, and black behind it would be grey."""
    wanted = {"ground": _codes(style.bgcolor, system, ink=False)}
    if text.strip():
        wanted["ink"] = ("1" if style.bold else "22", *_codes(style.color, system, ink=True))
    new = [code for name, codes in wanted.items() if told.get(name) != codes for code in codes]
    told.update(wanted)
    return f"\x1b[{';'.join(new)}m{text}" if new else text


@lru_cache(maxsize=256)
def _codes(colour: Color | None, system: ColorSystem, *, ink: bool) -> tuple[str, ...]:
    """A colour's parameters of SGR (ECMA-48, 8.3.117)."""
    return (colour or Color.default()).downgrade(system).get_ansi_codes(foreground=ink)


@lru_cache(maxsize=512)
def strip(row: Row, palette: str, left: int = 0, right: int = 0) -> Strip:
    """A row in a palette's colours, and so many columns of bezel beside it. Bounded: a kiosk runs for months."""
    runs = [(" " * left, _BEZEL), *row, (" " * right, _BEZEL)]
    return Lean([segment(text, style, palette) for text, style in runs if text], sum(width_of(text) for text, _ in runs))


def bezel(width: int, palette: str) -> Strip:
    """A row above or below the kiosk's own."""
    return strip((), palette, left=width)


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
