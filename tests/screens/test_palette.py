"""Three palettes: the one that a terminal can show, and letters that can be read in each, by the colours that are really painted."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from rich.color import Color
from rich.segment import Segment
from textual.strip import Strip

from kiosk.app import KioskApp
from kiosk.screens.canvas import width_of
from kiosk.screens.palette import FIELDS, HIGH, PALETTES, SIXTEEN, TRUE, Colour, Palette, for_terminal
from kiosk.screens.rows import rows
from kiosk.screens.samples import SAMPLES
from kiosk.screens.size import SIZES, M
from kiosk.screens.strips import segment, strip
from kiosk.vend.seen import Choice
from tests.screens.shots import cells_of

VGA = bytes.fromhex("000000aa000000aa00aa55000000aaaa00aa00aaaaaaaaaa555555ff555555ff55ffff555555ffff55ff55ffffffffff")
Rgb = tuple[int, int, int]

# ------------------------------------------------------------ which one


@pytest.mark.parametrize(
    ("environ", "wanted", "palette"),
    [
        ({"TERM": "xterm-256color"}, "auto", SIXTEEN),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "auto", TRUE),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, "auto", TRUE),
        ({"TERM": "xterm-256color", "COLORTERM": ""}, "auto", SIXTEEN),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "truecolor"}, "auto", TRUE),  # xterm in the field: it drops COLORTERM
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "auto", "COLORTERM": "truecolor"}, "auto", TRUE),
        ({"TERM": "foot", "TEXTUAL_COLOR_SYSTEM": "standard", "COLORTERM": "truecolor"}, "auto", SIXTEEN),
        ({"TERM": "xterm-256color"}, "true", TRUE),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "ansi", SIXTEEN),
        ({"TERM": "xterm-256color"}, "contrast", HIGH),
        ({"TERM": "linux"}, "auto", SIXTEEN),
        ({"TERM": "linux", "COLORTERM": "truecolor"}, "true", SIXTEEN),  # it has no more, whoever says so
        ({"TERM": "linux"}, "contrast", SIXTEEN),
        ({}, "auto", SIXTEEN),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "auto", HIGH),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "ansi", HIGH),  # Textual takes planes away where it takes the sixteen
    ],
)
def test_a_terminal_gets_what_it_can_show(environ: Mapping[str, str], wanted: str, palette: Palette) -> None:
    assert for_terminal(environ, wanted) is palette


def test_a_palette_that_nobody_knows_is_one_sentence() -> None:
    command = [sys.executable, "-m", "kiosk", "run", "--screen", "nobody", "--palette", "pink"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "pink is no palette; known are auto, true, ansi, contrast.\n"


class Silent:
    """A source that says nothing."""

    def subscribe(self, callback: object) -> None:
        """No View comes."""

    def tell(self, choice: Choice) -> None:
        """Nobody listens."""


async def test_the_configured_palette_comes_with_the_configuration_behind_the_first_paint() -> None:
    app = KioskApp(Silent(), TRUE)
    async with app.run_test(size=(78, 29)) as pilot:
        seen = []
        for palette in (TRUE, SIXTEEN, HIGH, TRUE):
            app.use(palette)
            await pilot.pause()
            seen.append(
                {style.bgcolor.name for line in app.screen._compositor.render_strips() for _, style, _ in line if style and style.bgcolor}
            )
        assert seen[0] == seen[3]
        assert "#3a3f47" in seen[0]
        assert "#3a3f47" not in seen[1] | seen[2]
        assert {"color(0)", "color(7)"} <= seen[1]
        assert seen[2] <= {"#000000", "#ffff00", "#767676"}


# ------------------------------------------------------------ can it be read


@cache
def rgb(colour: Color) -> Rgb:
    """What a terminal shows; of the sixteen, what the VGA palette has."""
    if colour.triplet:
        return colour.triplet
    assert colour.number is not None, colour
    red, green, blue = VGA[3 * colour.number : 3 * colour.number + 3]
    return red, green, blue


@cache
def contrast(one: Rgb, other: Rgb) -> float:
    """WCAG 2.2: 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Rgb) -> float:
    parts = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def ratio(painted: Segment) -> float:
    """Of a run's ink on its ground."""
    assert painted.style
    assert painted.style.color
    assert painted.style.bgcolor
    return contrast(rgb(painted.style.color), rgb(painted.style.bgcolor))


def painted(palette: Palette) -> Iterator[tuple[str, Strip]]:
    """Every row of every sample at every size, as the terminal gets it."""
    for name, sample in SAMPLES.items():
        for size in SIZES:
            for row in rows(sample.view, sample.clock, size, palette, helping=sample.helping).rows:
                yield f"{name} {size.name}", strip(row, palette.name)


@pytest.mark.parametrize(("palette", "least"), [(TRUE, 4.5), (SIXTEEN, 4.5), (HIGH, 7.0)])
def test_every_painted_letter_can_be_read(palette: Palette, least: float) -> None:
    letters = 0
    for name, line in painted(palette):
        for run in line:
            if run.text.strip(" ▀▄█"):
                letters += 1
                assert ratio(run) >= least, (name, run)
    assert letters > 1000


def test_no_ground_is_bright_on_a_terminal_of_sixteen_and_no_dark_letter_is_bold() -> None:
    """The Linux console has eight grounds; bold black turns grey there."""
    for name, line in painted(SIXTEEN):
        for run in line:
            assert run.style
            assert run.style.bgcolor is None or (run.style.bgcolor.number or 0) < 8, (name, run)
            assert not (run.style.bold and run.style.color and run.style.color.number == 0), (name, run)


def test_three_kinds_of_cell_paint_every_form() -> None:
    """Spaces, half blocks, and on sixteen colours full blocks: what a console's font must have."""
    drawn = {
        char for palette in PALETTES.values() for _, line in painted(palette) for run in line for char in run.text if "▀" <= char <= "▟"
    }
    assert drawn == {"▀", "▄", "█"}
    assert not {char for _, line in painted(TRUE) for run in line for char in run.text} & {"▀", "█"}


@pytest.mark.parametrize("palette", PALETTES.values(), ids=lambda palette: palette.name)
def test_each_half_of_a_cell_has_the_colour_that_was_meant(palette: Palette) -> None:
    """Where a bright plane is painted as blocks in its ink, full and half cells stand side by side in one run."""
    for name, sample in SAMPLES.items():
        for row in rows(sample.view, sample.clock, M, palette, helping=sample.helping).rows:
            meant = [halves(char, palette.colours[ink], palette.colours[ground]) for char, (ink, ground, _) in cells_of(row)]
            shown = [
                halves(char, _number(run.style.color), _number(run.style.bgcolor)) if run.style else None
                for run in strip(row, palette.name)
                for char in run.text
                for _ in range(max(width_of(char), 1))
            ]
            assert [one for one in meant if one] == [one for one in shown if one], name


def halves(char: str, ink: Colour, ground: Colour) -> tuple[Colour, Colour] | None:
    """Upper and lower colour of a cell without a letter."""
    return {" ": (ground, ground), "▄": (ground, ink), "▀": (ink, ground), "█": (ink, ink)}.get(char)


def _number(colour: Color | None) -> Colour:
    if colour is None:
        return 0
    return colour.triplet.hex.upper() if colour.triplet else colour.number or 0


def words_on(ink: str, ground: str) -> tuple[float, ...]:
    """Ratios of letters in the three palettes, as painted, to one decimal."""
    return tuple(round(ratio(segment("x", (ink, ground, False), palette.name)), 1) for palette in (TRUE, SIXTEEN, HIGH))


DESIGN = {  # the table of the screens' design
    ("you.words", "you.plane"): (13.0, 13.3, 21.0),
    ("you.figure", "you.plane"): (8.1, 12.5, 19.6),
    ("machine.words", "machine.plane"): (10.7, 21.0, 21.0),
    ("card.words", "card.plane"): (8.9, 21.0, 21.0),
    ("card.line", "card.plane"): (5.5, 15.8, 19.6),
    ("held.words", "held.plane"): (10.7, 6.4, 21.0),
    ("held.figure", "held.plane"): (6.7, 6.0, 19.6),
    ("none.words", "none.plane"): (10.6, 21.0, 21.0),
    ("ink", "paper"): (15.1, 9.0, 21.0),
    ("key_words", "key"): (13.0, 13.3, 21.0),
    ("badge_words", "badge"): (10.7, 19.7, 19.6),
    ("enter_words", "enter"): (8.9, 15.8, 21.0),
    ("side_words", "side"): (12.2, 21.0, 21.0),
}


@pytest.mark.parametrize("pair", DESIGN, ids=" on ".join)
def test_the_ratios_are_those_of_the_design(pair: tuple[str, str]) -> None:
    assert words_on(*pair) == pytest.approx(DESIGN[pair], abs=0.11)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=lambda palette: palette.name)
def test_the_line_and_the_figure_stand_out_from_their_field_and_the_unpainted_rest_from_both(palette: Palette) -> None:
    def of(one: str, other: str) -> float:
        return contrast(*(rgb(_plane(token, palette)) for token in (one, other)))

    for field in FIELDS:
        assert of(f"{field}.figure", f"{field}.plane") >= 4.5, field
        assert of(f"{field}.line", f"{field}.plane") >= 4.5, field
        assert of(f"{field}.line", f"{field}.rest") >= 1.8, field  # the tab stands where one ends
        assert of(f"{field}.rest", f"{field}.plane") >= (1.5 if palette is SIXTEEN else 3), field


def _plane(token: str, palette: Palette) -> Color:
    """The colour of a blank cell: its ground, or its ink where a block stands for it."""
    run = segment(" ", (token, token, False), palette.name)
    assert run.style
    found = run.style.color if run.text == "█" else run.style.bgcolor
    assert found
    return found
