"""A real xterm with the settings that an installed machine gives it: no chord, no click and no wheel of the terminal's own opens anything.

The control is an xterm without those settings, where the same hands open its menus.
"""

import time
from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops

from kiosk.screens.palette import TRUE
from kiosk.screens.rows import Clock, rows
from kiosk.screens.samples import SAMPLES
from kiosk.screens.size import M
from tests.screens.xterm import Xterm

pytestmark = pytest.mark.screen

SHUT = (
    "XTerm*omitTranslation: popup-menu,fullscreen,pointer,scroll-lock,shift-fonts,paging,reset",
    "XTerm*allowWindowOps: false",
    "XTerm*allowFontOps: false",
    "XTerm*allowTitleOps: false",
    "XTerm*allowTcapOps: false",
    "XTerm*allowSendEvents: false",
    "XTerm*saveLines: 0",
    "XTerm*shiftEscape: always",
)
KEYS = (
    "alt+Return", "shift+Prior", "shift+Next", "shift+Home", "shift+KP_Add", "shift+KP_Subtract", "shift+Insert", "ctrl+Insert",
    "ctrl+shift+n", "ctrl+shift+t", "ctrl+shift+v", "alt+F4", "ctrl+alt+t", "super", "Menu", "F11", "Scroll_Lock", "shift+F10", "Print",
)  # fmt: skip
HOLDS = ("ctrl", "shift", "alt", "ctrl+shift")


class Hands(Xterm):
    """With what a customer can do to a terminal. `shut`: as installed."""

    def __init__(self, *, shut: bool) -> None:
        super().__init__(M, TRUE, "pixelsize=16")
        self._shut = shut

    def _command(self) -> list[str]:
        program, *rest = super()._command()
        return [program, *(word for line in SHUT for word in ("-xrm", line)), *rest] if self._shut else [program, *rest]

    @property
    def window(self) -> str:
        """Its size and place."""
        return self._run("xdotool", "getwindowgeometry", self._window)

    def hold(self, modifiers: str, button: int, cell: tuple[int, int]) -> Image.Image:
        """What is seen while a button is held down with these keys."""
        x, y = cell[0] * self.cell[0] + 4, cell[1] * self.cell[1] + 4
        keys = modifiers.split("+")
        self._run("xdotool", "mousemove", "--window", self._window, str(x), str(y))
        self._run("xdotool", *(word for key in keys for word in ("keydown", key)), "mousedown", str(button))
        self._run("xdotool", *self._away)  # dragged across all of it, and the pointer is not in the picture
        time.sleep(0.3)
        seen = self.look()
        self._run("xdotool", "mouseup", str(button), *(word for key in keys for word in ("keyup", key)))
        return seen


def differs(one: Image.Image, other: Image.Image) -> bool:
    """In more than a handful of pixels."""
    return sum(ImageChops.difference(one, other).convert("L").point(bool).histogram()[1:]) > 50


@pytest.fixture
def shut() -> Iterator[Hands]:
    xterm = Hands(shut=True)
    with xterm:
        yield xterm


@pytest.fixture
def open_to_all() -> Iterator[Hands]:
    xterm = Hands(shut=False)
    with xterm:
        yield xterm


def shown(xterm: Hands) -> Image.Image:
    """The screen where money is put in, painted to its end."""
    xterm.show(SAMPLES["insert"].view)
    before, seen = xterm.look(), None
    while seen is None or differs(before, seen):
        before = seen or before
        time.sleep(0.5)
        seen = xterm.look()
    return seen


@pytest.mark.covers("abuse-2")
def test_no_chord_of_the_terminals_own_opens_anything(shut: Hands) -> None:
    before, window = shown(shut), shut.window
    for key in KEYS:
        shut.key(key)
        time.sleep(0.1)
        assert shut.window == window, key
        assert not differs(before, shut.look()), key
    assert shut.chosen(0) == []
    shut.key("Return")
    assert shut.chosen(1) == ["finish"], "the glass is alive, and ENTER is still ENTER"


def test_the_same_settings_leave_a_finger_its_keys(shut: Hands) -> None:
    shown(shut)
    frame = rows(SAMPLES["insert"].view, Clock("14:32"), M, TRUE)
    (enter,) = (target for target in frame.targets if target.cap == "enter")
    shut.touch([(enter.x + 3, enter.y + 1)])
    assert shut.chosen(1) == ["finish"]


@pytest.mark.covers("abuse-2", "abuse-3")
@pytest.mark.parametrize("modifiers", HOLDS)
def test_no_button_with_any_key_held_opens_a_menu_selects_or_pastes(shut: Hands, modifiers: str) -> None:
    before = shown(shut)
    for button in (1, 2, 3, 4, 5):
        assert not differs(before, shut.hold(modifiers, button, (40, 12))), f"{modifiers} and button {button}"
        assert not differs(before, shut.look()), f"{modifiers} and button {button}, afterwards"
    assert shut.chosen(0) == []


def test_as_it_comes_alt_and_the_middle_button_wipe_the_screen(open_to_all: Hands) -> None:
    before = shown(open_to_all)
    assert differs(before, open_to_all.hold("alt", 2, (20, 5)))


@pytest.mark.parametrize("button", [1, 2, 3])
def test_as_it_comes_an_xterm_shows_its_menus(open_to_all: Hands, button: int) -> None:
    before = shown(open_to_all)
    assert differs(before, open_to_all.hold("ctrl", button, (20, 5)))
