"""Three palettes as data: token -> colour. Swapping one is a single repaint.

A colour is `#RRGGBB`, or 0..15 for the terminal's own sixteen. A bright one (8..15) is never a background: the Linux console has only the
first eight there, so a plane of it is painted as full blocks in that ink (see `strips`). Ratios: design of the screens, section 1.
"""

from collections.abc import Mapping
from typing import NamedTuple

Colour = str | int

FIELDS = ("you", "machine", "card", "held", "none")
PARTS = ("plane", "words", "figure", "line", "rest", "tab", "tab_words")


class Palette(NamedTuple):
    """`plain`: tiles and planes on paper cannot be told apart by colour, so they are written in parentheses."""

    name: str
    colours: Mapping[str, Colour]
    plain: bool
    sixteen: bool


INK, YELLOW, WHITE, NAVY, GREEN = "#0E1B2E", "#FFC22E", "#FFFFFF", "#16305C", "#07552F"
BLACK_16, RED_16, GREEN_16, BLUE_16, MAGENTA_16, CYAN_16, GREY_16 = 0, 1, 2, 4, 5, 6, 7
BRIGHT_GREEN_16, BRIGHT_YELLOW_16, BRIGHT_WHITE_16 = 10, 11, 15


def _fields(table: Mapping[str, tuple[Colour, ...]]) -> dict[str, Colour]:
    return {f"{field}.{part}": colour for field, row in table.items() for part, colour in zip(PARTS, row, strict=True)}


TRUE = Palette(
    "true",
    _fields(
        {
            "you": (NAVY, WHITE, YELLOW, YELLOW, "#6E86B4", YELLOW, INK),
            "machine": (YELLOW, INK, INK, INK, "#8A6100", INK, YELLOW),
            "card": (GREEN, WHITE, WHITE, YELLOW, "#5FA583", YELLOW, INK),
            "held": ("#56267A", WHITE, YELLOW, YELLOW, "#A683C4", YELLOW, INK),
            "none": ("#3A3F47", WHITE, WHITE, YELLOW, "#8B919B", YELLOW, INK),
        }
    )
    | {
        "header": INK,
        "header_words": WHITE,
        "header_bar": "#8B919B",
        "header_bar_rest": "#3A3F47",
        "bezel": INK,
        "paper": "#F4EFE2",
        "ink": INK,
        "muted": "#5B5A52",
        "tile": "#E0D8C4",
        "bar": "#5B5A52",
        "bar_rest": "#D3CAB2",
        "key": NAVY,
        "key_words": WHITE,
        "badge": YELLOW,
        "badge_words": INK,
        "enter": GREEN,
        "enter_words": WHITE,
        "enter_badge": WHITE,
        "enter_badge_words": GREEN,
        "side": "#E0D8C4",
        "side_words": INK,
        "side_badge": INK,
        "side_badge_words": WHITE,
        "poster": INK,
        "poster_words": YELLOW,
        "code": WHITE,
        "code_dark": "#000000",
        "till": YELLOW,
        "till_words": INK,
        "till_rest": "#6E86B4",
        "till_rest_words": INK,
        "bad": "#A01420",
        "bad_words": WHITE,
        "ok": GREEN,
    },
    plain=False,
    sixteen=False,
)

SIXTEEN = Palette(
    "ansi",
    _fields(
        {
            "you": (BLUE_16, BRIGHT_WHITE_16, BRIGHT_YELLOW_16, BRIGHT_YELLOW_16, BLACK_16, GREY_16, BLACK_16),
            "machine": (BLACK_16, BRIGHT_WHITE_16, BRIGHT_YELLOW_16, BRIGHT_YELLOW_16, CYAN_16, GREY_16, BLACK_16),
            "card": (BLACK_16, BRIGHT_WHITE_16, BRIGHT_GREEN_16, BRIGHT_GREEN_16, CYAN_16, GREY_16, BLACK_16),
            "held": (MAGENTA_16, BRIGHT_WHITE_16, BRIGHT_YELLOW_16, BRIGHT_YELLOW_16, BLACK_16, GREY_16, BLACK_16),
            "none": (BLACK_16, BRIGHT_WHITE_16, BRIGHT_WHITE_16, BRIGHT_WHITE_16, CYAN_16, GREY_16, BLACK_16),
        }
    )
    | {
        "header": BLACK_16,
        "header_words": BRIGHT_WHITE_16,
        "header_bar": CYAN_16,
        "header_bar_rest": BLACK_16,
        "bezel": BLACK_16,
        "paper": GREY_16,
        "ink": BLACK_16,
        "muted": BLACK_16,
        "tile": GREY_16,
        "bar": BLACK_16,
        "bar_rest": CYAN_16,
        "key": BLUE_16,
        "key_words": BRIGHT_WHITE_16,
        "badge": BLACK_16,
        "badge_words": BRIGHT_YELLOW_16,
        "enter": BLACK_16,
        "enter_words": BRIGHT_GREEN_16,
        "enter_badge": GREEN_16,
        "enter_badge_words": BLACK_16,
        "side": BLACK_16,
        "side_words": BRIGHT_WHITE_16,
        "side_badge": BLACK_16,
        "side_badge_words": BRIGHT_YELLOW_16,
        "poster": BLACK_16,
        "poster_words": BRIGHT_YELLOW_16,
        "code": BRIGHT_WHITE_16,
        "code_dark": BLACK_16,
        "till": CYAN_16,
        "till_words": BLACK_16,
        "till_rest": BLACK_16,
        "till_rest_words": BRIGHT_WHITE_16,
        "bad": RED_16,
        "bad_words": BRIGHT_WHITE_16,
        "ok": BLACK_16,
    },
    plain=True,
    sixteen=True,
)

_HIGH, _BLACK = "#FFFF00", "#000000"
_LAMPS = ("badge", "enter_badge", "side_badge", "bar", "header_bar", "till")
_DARK = ("header", "bezel", "paper", "tile", "key", "enter", "side", "poster", "till_rest")

HIGH = Palette(
    "contrast",
    _fields(dict.fromkeys(FIELDS, (_BLACK, WHITE, _HIGH, _HIGH, "#767676", _HIGH, _BLACK)))
    | dict.fromkeys(_DARK, _BLACK)
    | dict.fromkeys(_LAMPS, _HIGH)
    | dict.fromkeys(("header_words", "ink", "muted", "key_words", "enter_words", "side_words", "till_rest_words", "ok"), WHITE)
    | dict.fromkeys(("badge_words", "enter_badge_words", "side_badge_words", "till_words", "bad_words"), _BLACK)
    | {"bar_rest": "#767676", "header_bar_rest": "#767676", "poster_words": _HIGH, "code": WHITE, "code_dark": _BLACK, "bad": WHITE},
    plain=True,
    sixteen=False,
)

_SIXTEEN_ONLY = {"linux", "dumb", ""}

PALETTES: Mapping[str, Palette] = {palette.name: palette for palette in (TRUE, SIXTEEN, HIGH)}


def for_terminal(environ: Mapping[str, str], wanted: str = "auto") -> Palette:
    """The palette that is wanted, where the terminal has its colours; `auto`: the richest that the terminal says it has.

    The Linux console has sixteen, and shows any other colour as it likes. xterm drops COLORTERM, so its profile says what it can in
    TEXTUAL_COLOR_SYSTEM. Under NO_COLOR Textual takes the sixteen away, and the planes with them, and leaves others their light and dark.
    """
    if "NO_COLOR" in environ:
        return HIGH
    if environ.get("TERM", "") in _SIXTEEN_ONLY:
        return SIXTEEN
    if wanted in PALETTES:
        return PALETTES[wanted]
    said = environ.get("TEXTUAL_COLOR_SYSTEM", "auto")
    rich = said == "truecolor" if said != "auto" else environ.get("COLORTERM") in {"truecolor", "24bit"}
    return TRUE if rich else SIXTEEN
