"""What a terminal gets: the same cells as Rich writes, in fewer bytes."""

import re
from functools import cache

import pytest
from rich.console import Console
from textual.strip import Strip

from kiosk.screens.canvas import Row
from kiosk.screens.palette import PALETTES
from kiosk.screens.size import M
from kiosk.screens.strips import bezel, strip
from tests.screens.shots import shots

CONSOLE = Console(color_system="truecolor", force_terminal=True)


@cache
def painted() -> set[Row]:
    """Each row of every sample screen."""
    return {row for language in ("en", "zh") for one in shots(language) if one.size is M for row in one.frame.rows}


def seen(written: str) -> list[tuple[str, str, str, bool]]:
    """Each character with its ink, its ground and its weight, as ECMA-48 says; of a space only the ground is seen."""
    cells = []
    ink, ground, bold = "39", "49", False
    for codes, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b]+)", written):
        for code in re.findall(r"[34]8;2;\d+;\d+;\d+|[34]8;5;\d+|\d+", codes):
            if code == "0":
                ink, ground, bold = "39", "49", False
            elif code in {"1", "22"}:
                bold = code == "1"
            elif code.startswith(("4", "10")):
                ground = code
            else:
                ink = code
        cells += [(char, ink if char != " " else "", ground, bold and char != " ") for char in text]
    assert (ink, ground, bold) == ("39", "49", False), "nothing is left set"
    return cells


@pytest.mark.parametrize("palette", PALETTES)
def test_a_row_looks_as_rich_writes_it(palette: str) -> None:
    for row in painted():
        lean = strip(row, palette, left=3, right=2)
        assert seen(lean.render(CONSOLE)) == seen(Strip(list(lean)).render(CONSOLE)), row


def test_a_screen_takes_three_tenths_fewer_bytes_than_rich_would_write() -> None:
    ours = theirs = 0
    for row in painted():
        lean = strip(row, "true")
        ours += len(lean.render(CONSOLE).encode())
        theirs += len(Strip(list(lean)).render(CONSOLE).encode())
    assert ours < theirs * 7 // 10


def test_a_row_is_told_in_the_colours_that_its_terminal_has() -> None:
    poor = Console(color_system="256", force_terminal=True)
    assert "8;2;" not in strip(next(iter(painted())), "true", left=1).render(poor)


def test_a_bezel_is_a_plane() -> None:
    assert bezel(4, "true").text == "    "
    assert bezel(0, "true").cell_length == 0
