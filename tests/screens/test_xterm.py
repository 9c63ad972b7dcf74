"""The screens in a real xterm: what was meant is what is seen, to the pixel, and a finger finds every key."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image, ImageChops, ImageDraw

from kiosk.gallery.measures import PANELS, Panel, table
from kiosk.gallery.picture import Cell, screen
from kiosk.gallery.sheets import SIZES
from kiosk.screens.canvas import Target
from kiosk.screens.palette import TRUE
from kiosk.screens.rows import rows
from kiosk.screens.samples import SAMPLES, Sample
from kiosk.screens.scene import BACK, DIGIT, ERASE, HELP
from kiosk.screens.size import Size
from tests.screens.shots import cells_of
from tests.screens.xterm import Xterm

pytestmark = [pytest.mark.screen, pytest.mark.deep("screens looked at in a real xterm")]
SMOOTHED = 40  # of 255: what the edge of a letter or of a half block may be dulled
INKED = 100  # of 255: what a letter differs from its ground at least
ALIVE = {name: sample for name, sample in SAMPLES.items() if not sample.helping}  # help is reached by its key
SPOKEN = "en"


@pytest.fixture(scope="module", params=PANELS, ids=lambda panel: panel.size)
def deployed(request: pytest.FixtureRequest) -> Iterator[tuple[Panel, Xterm]]:
    """One xterm for all that is looked at on a panel."""
    panel: Panel = request.param
    with Xterm(SIZES[panel.size], TRUE, f"pixelsize={panel.font}") as xterm:
        yield panel, xterm


def test_a_cell_is_as_large_as_the_documents_say_and_the_size_fits_its_panel(deployed: tuple[Panel, Xterm]) -> None:
    panel, xterm = deployed
    assert xterm.cell == panel.cell
    assert SIZES[panel.size].columns * xterm.cell[0] <= panel.pixels[0]
    assert SIZES[panel.size].rows * xterm.cell[1] <= panel.pixels[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_plane_figure_or_poster_has_a_hairline_in_the_deployed_font(deployed: tuple[Panel, Xterm], language: str) -> None:
    panel, xterm = deployed
    see_all(xterm, SIZES[panel.size], language)


@pytest.mark.parametrize("name", ["S", "M"])
def test_nor_at_fourteen_points(name: str) -> None:
    with Xterm(SIZES[name], TRUE, "size=14") as xterm:
        see_all(xterm, SIZES[name], SPOKEN)


def see_all(xterm: Xterm, size: Size, language: str) -> None:
    for name in ALIVE:
        try:
            Seen(still(name, language), size, xterm.cell).appears_in(xterm)
        except TimeoutError as error:
            pytest.fail(f"{name}: {error}")


def still(name: str, language: str) -> Sample:
    """A sample as the glass shows it: without motion, and with the time that its clock says."""
    sample = ALIVE[name]
    return Sample(replace(sample.view, language=language, ends_in_ms=sample.clock.left_ms), sample.clock._replace(beat=0))


def test_a_hairline_is_found() -> None:
    """In a font whose half blocks end above their cells' feet."""
    with Xterm(SIZES["M"], TRUE, "pixelsize=22") as xterm:
        seen = Seen(still("insert", SPOKEN), SIZES["M"], xterm.cell)
        xterm.show(seen.sample.view)
        with pytest.raises(TimeoutError, match="plane at"):
            xterm.until(seen.wrong, 2)


@pytest.mark.parametrize("deployed", [panel for panel in PANELS if panel.size in {"S", "M"}], indirect=True, ids=lambda panel: panel.size)
@pytest.mark.parametrize("name", ALIVE)
def test_a_finger_finds_every_key_of_a_screen_and_of_its_help(deployed: tuple[Panel, Xterm], name: str) -> None:
    panel, xterm = deployed
    seen = Seen(still(name, SPOKEN), SIZES[panel.size], xterm.cell)
    seen.appears_in(xterm)
    touch_all(xterm, seen)
    for digit in seen.keys(DIGIT):
        typed = seen.typed(digit.arg)
        touch(xterm, digit)
        xterm.until(typed.wrong)
        touch(xterm, *typed.keys(ERASE))
    for key in seen.keys(HELP):
        helping = seen.helping()
        for way_back in (*helping.keys("language", SPOKEN), *helping.keys(BACK)):
            touch(xterm, key)
            xterm.until(helping.wrong)
            touch_all(xterm, helping)
            touch(xterm, way_back)
            xterm.until(seen.wrong)


def touch_all(xterm: Xterm, seen: "Seen") -> None:
    """Every key whose choice is not the board's own, in its first cell and in its last."""
    own = {*seen.keys(HELP, BACK, DIGIT, ERASE), *(seen.keys("language", SPOKEN) if seen.sample.helping else ())}
    keys = [key for key in seen.frame.targets if key not in own]
    before = len(xterm.chosen(0))
    xterm.touch(place for key in keys for place in ((key.x, key.y), (key.x + key.width - 1, key.y + key.height - 1)))
    wanted = [choice for key in keys for choice in [f"{key.do} {key.arg}".strip()] * 2]
    assert xterm.chosen(before + len(wanted))[before:] == wanted


def touch(xterm: Xterm, key: Target) -> None:
    xterm.touch([(key.x + key.width // 2, key.y + key.height // 2)])


class Seen:
    """A sample as it has to look in an xterm: planes and half blocks to the pixel, and ink wherever a letter stands."""

    def __init__(self, sample: Sample, size: Size, cell: tuple[int, int]) -> None:
        self.sample, self._size, self._cell = sample, size, cell
        self.frame = rows(sample.view, sample.clock, size, TRUE, helping=sample.helping)
        self._picture = screen(sample, size, TRUE, Cell(*cell))
        self._plain, self._letters = self._masks()

    def keys(self, *what: str) -> tuple[Target, ...]:
        """Those that choose one of these, or its argument."""
        return tuple(key for key in self.frame.targets if key.do in what and (key.do != "language" or key.arg in what))

    def helping(self) -> "Seen":
        """Its help."""
        return Seen(self.sample._replace(helping=True), self._size, self._cell)

    def typed(self, digit: str) -> "Seen":
        """After a digit."""
        view = self.sample.view
        return Seen(self.sample._replace(view=replace(view, params=view.params | {"typed": digit})), self._size, self._cell)

    def appears_in(self, xterm: Xterm) -> None:
        """Show it and look."""
        xterm.show(self.sample.view)
        xterm.until(self.wrong)

    def wrong(self, image: Image.Image) -> list[str]:
        """The first few cells that are not as they were meant."""
        red, green, blue = ImageChops.difference(image, self._picture).split()
        apart = ImageChops.lighter(ImageChops.lighter(red, green), blue).point([0] * SMOOTHED + [255] * (256 - SMOOTHED))
        if box := ImageChops.multiply(apart, self._plain).getbbox():
            return [f"plane at {box[0] // self._cell[0]}, {box[1] // self._cell[1]}: pixels {box}"]
        return [f"no ink at {x}, {y}" for x, y, cells in self._letters if not self._ink(image, x, y, cells)][:3]

    def _ink(self, image: Image.Image, x: int, y: int, cells: int) -> bool:
        width, height = self._cell
        bands = image.crop((x * width, y * height, (x + cells) * width, (y + 1) * height)).getextrema()
        return any(isinstance(band, tuple) and band[1] - band[0] >= INKED for band in bands)

    def _masks(self) -> tuple[Image.Image, list[tuple[int, int, int]]]:
        """Where a picture has to be right to the pixel, and the cells with a letter, each with how many cells it is wide."""
        width, height = self._cell
        mask = Image.new("L", self._picture.size)
        brush = ImageDraw.Draw(mask)
        letters = []
        for y, row in enumerate(map(cells_of, self.frame.rows)):
            beside = [" ", *(char for char, _ in row), " "]
            for x, (char, _) in enumerate(row):
                left, top, right, foot = x * width, y * height, (x + 1) * width - 1, (y + 1) * height - 1
                if char == " ":
                    # a letter or half block may reach a pixel into the next cell: in its own ink, so that no line can be seen
                    left, right = left + (beside[x] != " "), right - (beside[x + 2] != " ")
                    brush.rectangle((left, top, right, foot), fill=255)
                elif char == "▄":
                    middle = top + height // 2
                    brush.rectangle((left, top, right, middle - 2), fill=255)
                    brush.rectangle((left, middle + 2, right, foot), fill=255)
                elif char:
                    letters.append((x, y, 2 if beside[x + 2] == "" else 1))
        return mask, letters


def test_the_measures_in_the_documents_are_those_of_today() -> None:
    document = (Path(__file__).parents[2] / "docs" / "screens.md").read_text("utf-8")
    found = re.search(r"<!-- kiosk screens measures -->\n(.*?)\n<!-- end -->", document, re.DOTALL)
    assert found is not None
    assert found[1].strip() == table(), "run: kiosk screens measures, and put it there"
