"""Pictures and contact sheets: a picture's pixels are what the rows say, and one command paints what was asked for."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from kiosk import words
from kiosk.cli import app
from kiosk.gallery import sheets
from kiosk.gallery.measures import PANELS, measures, table
from kiosk.gallery.picture import VGA, Cell, paint, screen
from kiosk.screens.palette import FIELDS, PALETTES, Colour, Palette
from kiosk.screens.rows import rows
from kiosk.screens.samples import SAMPLES
from kiosk.screens.size import SIZES, M
from kiosk.screens.strips import strip
from tests.screens.shots import cells_of

CELL = Cell(6, 12)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=list(PALETTES))
def test_every_pixel_of_a_plane_and_of_a_half_block_is_in_its_colour(palette: Palette) -> None:
    sample = SAMPLES["insert"]
    image = screen(sample, M, palette, CELL)
    assert image.size == (M.columns * CELL.width, M.rows * CELL.height)
    halves = 0
    for y, row in enumerate(rows(sample.view, sample.clock, M, palette).rows):
        for x, (char, (ink, ground, _)) in enumerate(cells_of(row)):
            colours = image.crop((x * CELL.width, y * CELL.height, (x + 1) * CELL.width, (y + 1) * CELL.height))
            upper, lower = colours.crop((0, 0, CELL.width, CELL.height // 2)), colours.crop((0, CELL.height // 2, CELL.width, CELL.height))
            if char == " ":
                assert colours.getcolors() == [(CELL.width * CELL.height, rgb(palette.colours[ground]))], (x, y)
            elif char == "▄":
                halves += 1
                half = CELL.width * CELL.height // 2
                assert upper.getcolors() == [(half, rgb(palette.colours[ground]))], (x, y)
                assert lower.getcolors() == [(half, rgb(palette.colours[ink]))], (x, y)
            elif char:
                assert len(colours.getcolors() or []) > 1, f"no ink for {char} at {x}, {y}"
    assert halves > 20


def rgb(colour: Colour) -> tuple[int, ...]:
    return tuple(VGA[3 * colour : 3 * colour + 3] if isinstance(colour, int) else bytes.fromhex(colour[1:]))


def test_a_wide_letter_fills_two_cells() -> None:
    row = (("帮", ("ink", "paper", False)), (" ", ("paper", "paper", False)))
    image = paint([strip(row, "true")], 3, CELL)
    left, right, after = (image.crop((x * CELL.width, 0, (x + 1) * CELL.width, CELL.height)).getcolors() or [] for x in range(3))
    assert len(left) > 1
    assert len(right) > 1
    assert len(after) == 1


def test_every_screen_is_on_some_sheet_at_every_size_in_every_language_and_palette() -> None:
    found = sheets.pages("", sheets.SIZES, words.languages(), PALETTES, sheets.SMALL)
    shots = [shot for page in found for shot in page.shots]
    assert len(shots) == len(set(shots)) == len(SAMPLES) * len(SIZES) * len(words.languages()) * len(PALETTES)


def test_one_command_paints_what_was_asked_for(tmp_path: Path) -> None:
    asked = ["--size", "S", "--language", "zh", "--palette", "ansi", "--only", "done"]
    done = CliRunner().invoke(app, ["screens", "sheets", "--out", str(tmp_path), *asked])
    assert done.exit_code == 0, done.output
    (name,) = done.stdout.split()
    with Image.open(name) as image:
        whole = image.convert("RGB")
    shot = sheets.Shot("done", "S", "zh", "ansi")
    first = sheets.painted(shot, sheets.SMALL)
    at = (sheets.MARGIN, sheets.MARGIN + sheets.CAPTION)
    assert whole.crop((*at, at[0] + first.width, at[1] + first.height)).tobytes() == first.tobytes()


@pytest.mark.parametrize(
    ("option", "name", "known"),
    [("--size", "XXL", "large"), ("--language", "tlh", "zh"), ("--palette", "pink", "ansi"), ("--only", "moon", "done")],
)
def test_what_is_unknown_is_said_with_what_there_is(tmp_path: Path, option: str, name: str, known: str) -> None:
    done = CliRunner().invoke(app, ["screens", "sheets", "--out", str(tmp_path), option, name])
    assert done.exit_code == 2
    assert name in done.output
    assert known in done.output


def test_the_sheet_of_the_best_names_samples_that_exist_and_is_small(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["screens", "best", str(tmp_path / "best.png")])
    assert done.exit_code == 0, done.output
    assert 20_000 < (tmp_path / "best.png").stat().st_size < 600_000
    with Image.open(tmp_path / "best.png") as small:
        kept = {bytes(colour) for _, colour in small.convert("RGB").getcolors(256) or [] if isinstance(colour, tuple)}
    assert kept >= {bytes(rgb(PALETTES["true"].colours[f"{field}.plane"])) for field in FIELDS}


def test_no_measure_is_below_what_a_finger_needs() -> None:
    """8 by 3 cells, the house's rule; 20 mm across and 14 mm down, for a thumb in a glove."""
    assert {panel.size for panel in PANELS} == set(sheets.SIZES)
    for panel in PANELS:
        for kind, (width, height) in measures(panel.size).items():
            assert width >= 8, (panel, kind)
            assert height >= 3, (panel, kind)
            assert width * panel.cell[0] * panel.pixel_mm >= 20, (panel, kind)
            assert height * panel.cell[1] * panel.pixel_mm >= 14, (panel, kind)


def test_the_measures_are_printed_as_a_table() -> None:
    done = CliRunner().invoke(app, ["screens", "measures"])
    assert done.stdout.strip() == table()
    assert all(f"| {panel.size} |" in done.stdout for panel in PANELS)
