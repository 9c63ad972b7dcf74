"""How large a key is under a real finger: every target of every sample screen, in cells, pixels and millimetres of the deployed panels.

A panel's font is the largest in which its size fits and whose half blocks reach their cells' feet exactly: at other sizes a line of the
ground shows through the figure. Cells are what xterm makes of it; `tests/screens/test_xterm.py` looks at both in a real xterm.
"""

import math
from typing import NamedTuple

from kiosk.gallery.sheets import SIZES
from kiosk.screens.canvas import Target
from kiosk.screens.palette import TRUE
from kiosk.screens.rows import rows
from kiosk.screens.samples import SAMPLES
from kiosk.screens.scene import DIGIT, TOUCH

CAPITAL = 0.729  # of the em, DejaVu Sans Mono
MM_PER_INCH = 25.4


class Panel(NamedTuple):
    """A screen on the wall: what runs on it, the pixels of its letters, and of a cell."""

    size: str
    inches: float
    pixels: tuple[int, int]
    font: int  # pixels to the em
    cell: tuple[int, int]

    @property
    def pixel_mm(self) -> float:
        """Millimetres from one pixel to the next."""
        return self.inches * MM_PER_INCH / math.hypot(*self.pixels)

    @property
    def capital_mm(self) -> float:
        """Height of a capital letter."""
        return CAPITAL * self.font * self.pixel_mm


PANELS = (
    Panel("S", 10.1, (1280, 800), 39, (23, 47)),
    Panel("M", 15.0, (1024, 768), 21, (13, 25)),
    Panel("large", 15.0, (1024, 768), 33, (20, 39)),
    Panel("L", 21.5, (1920, 1080), 29, (17, 34)),
)


_KINDS = {"clear": "CLEAR", "0": "0 Help", TOUCH: "0 Help", "enter": "ENTER"}


class Measure(NamedTuple):
    """The smallest key of a kind on all screens of a size, in cells."""

    width: int
    height: int


def measures(size: str) -> dict[str, Measure]:
    """By the kind of key, in the order in which a hand meets them."""
    found: dict[str, list[Target]] = {kind: [] for kind in ("1 to 6", "digit", "CLEAR", "0 Help", "ENTER")}
    for sample in SAMPLES.values():
        for target in rows(sample.view, sample.clock, SIZES[size], TRUE, helping=sample.helping).targets:
            found["digit" if target.do == DIGIT else _KINDS.get(target.cap, "1 to 6")].append(target)
    return {kind: Measure(min(key.width for key in keys), min(key.height for key in keys)) for kind, keys in found.items()}


def table() -> str:
    """Markdown: the panels, then the smallest keys on each."""
    kinds = measures(PANELS[0].size)
    head = ["| size | panel | font | cell | capital letters |", "|---|---|---|---|---|"]
    keys = [f"| size | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for panel in PANELS:
        (width, height), mm = panel.cell, panel.pixel_mm
        on = f'{panel.inches:g}" {panel.pixels[0]}x{panel.pixels[1]}'
        cell = f"{width}x{height} px, {width * mm:.1f}x{height * mm:.1f} mm"
        head.append(f"| {panel.size} | {on} | pixelsize={panel.font} | {cell} | {panel.capital_mm:.1f} mm |")
        keys.append(f"| {panel.size} | {' | '.join(_in_all_units(key, panel) for key in measures(panel.size).values())} |")
    return "\n".join([*head, "", *keys])


def _in_all_units(key: Measure, panel: Panel) -> str:
    width, height = key.width * panel.cell[0], key.height * panel.cell[1]
    return f"{key.width}x{key.height}: {width}x{height} px, {width * panel.pixel_mm:.0f}x{height * panel.pixel_mm:.0f} mm"
