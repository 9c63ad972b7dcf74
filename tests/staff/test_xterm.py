"""Maintenance screens in a real xterm: planes to the pixel, ink where a letter stands, and a finger finds every key."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image

from kiosk.bench.shown import at_half_past_two
from kiosk.gallery.picture import Cell, paint
from kiosk.gallery.sheets import save_small
from kiosk.screens.palette import PALETTES, TRUE
from kiosk.screens.rows import Clock
from kiosk.screens.scene import DIGIT
from kiosk.screens.size import M, Size
from kiosk.screens.staff.keys import SAY
from kiosk.screens.staff.screen import frame
from kiosk.screens.strips import strip
from kiosk.vend.view import View
from tests.screens.test_xterm import Seen
from tests.screens.xterm import Xterm
from tests.staff.shots import VIEWS

pytestmark = [pytest.mark.screen, pytest.mark.deep("screens looked at in a real xterm")]
LETTERS = "pixelsize=21"  # the deployed 15" panel's
WINDOW: Size = M._replace(columns=80, rows=24)
LOOKED_AT = ("home", "home locked", "cash", "swap", "bag", "cases", "case", "number", "pin", "test screen", "journal", "report", "closed")
SHOWN = {"home": "", "swap": "", "cases": "", "bag": "00417", "pin": "271"}  # in docs/screens, with what is typed


class Meant(Seen):
    """A maintenance screen as it has to look."""

    def __init__(self, view: View, cell: tuple[int, int], typed: str = "") -> None:
        clock = Clock("14:32", view.ends_in_ms)
        self.frame = frame(view, list(typed), clock, f"{at_half_past_two():%Y-%m-%d}", (WINDOW.columns, WINDOW.rows))
        self._cell = cell
        self._picture = paint([strip(row, TRUE.name) for row in self.frame.rows], WINDOW.columns, Cell(*cell))
        self._plain, self._letters = self._masks()


@pytest.fixture(scope="module")
def xterm() -> Iterator[Xterm]:
    with Xterm(WINDOW, TRUE, LETTERS) as found:
        yield found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_was_meant_is_what_is_seen(xterm: Xterm, language: str) -> None:
    for name in LOOKED_AT:
        view = replace(VIEWS[name], language=language)
        xterm.show(view)
        xterm.until(Meant(view, xterm.cell).wrong)


@pytest.mark.parametrize("name", ["home", "cases", "swap", "journal"])
def test_a_finger_finds_every_key_in_its_corners(xterm: Xterm, name: str) -> None:
    xterm.show(VIEWS[name])
    meant = Meant(VIEWS[name], xterm.cell)
    xterm.until(meant.wrong)
    keys = meant.keys(SAY)
    before = len(xterm.chosen(0))
    xterm.touch(place for key in keys for place in ((key.x, key.y), (key.x + key.width - 1, key.y + key.height - 1)))
    wanted = [f"{SAY} {key.arg}" for key in keys for _ in range(2)]
    assert xterm.chosen(before + len(wanted))[before:] == wanted


@pytest.mark.parametrize("name", SHOWN)
def test_digits_are_typed_by_finger(xterm: Xterm, name: str, tmp_path: Path) -> None:
    view, typed = VIEWS[name], SHOWN[name]
    meant = Meant(view, xterm.cell)
    xterm.show(VIEWS["tests"])
    xterm.show(view)
    seen = xterm.until(meant.wrong)
    for digit in typed:
        before, key = seen, next(key for key in meant.keys(DIGIT) if key.arg == digit)
        xterm.touch([(key.x + key.width // 2, key.y + key.height // 2)])
        seen = xterm.until(partial(changed, before))
    seen = xterm.until(Meant(view, xterm.cell, typed).wrong)
    save_small(seen, tmp_path / f"staff-{name}.png")  # to be looked at


def changed(before: Image.Image, now: Image.Image) -> list[str]:
    return [] if now != before else ["nothing is typed"]


@pytest.mark.parametrize("palette", ["ansi", "contrast"])
def test_other_palettes_in_a_real_terminal_have_every_key(palette: str) -> None:
    with Xterm(WINDOW, PALETTES[palette], LETTERS) as other:
        other.show(VIEWS["home"])
        meant = Meant(VIEWS["home"], other.cell)
        keys = meant.keys(SAY)
        other.until(lambda image: [] if len(image.crop((0, 0, 900, 100)).getcolors(90_000) or ()) > 3 else ["nothing is there"])
        other.touch((key.x + 1, key.y + 1) for key in keys)
        assert other.chosen(len(keys)) == [f"{SAY} {key.arg}" for key in keys]
