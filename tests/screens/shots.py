"""Every sample screen as it is painted, at every size in every language: what the tests of the screens walk."""

from functools import cache
from typing import NamedTuple

from msgspec.structs import replace
from rich.cells import cell_len

from kiosk import words
from kiosk.screens.canvas import Frame, Row, Style
from kiosk.screens.customer import scene_of
from kiosk.screens.palette import HIGH, TRUE, Palette
from kiosk.screens.rows import plan_of, rows
from kiosk.screens.samples import SAMPLES, Sample
from kiosk.screens.scene import Scene
from kiosk.screens.size import LARGE, SIZES, S, Size

LANGUAGES = words.languages()


class Shot(NamedTuple):
    """One screen as it is painted."""

    name: str
    sample: Sample
    size: Size
    scene: Scene
    frame: Frame

    @property
    def low(self) -> bool:
        """Two rows of options leave few rows to the field."""
        return plan_of(self.scene, self.size) is self.size.three and self.size in {S, LARGE}


def shot(name: str, sample: Sample, size: Size, palette: Palette = TRUE) -> Shot:
    called = f"{name} {size.name} {sample.view.language} {palette.name}"
    frame = rows(sample.view, sample.clock, size, palette, helping=sample.helping)
    return Shot(called, sample, size, scene_of(sample.view, helping=sample.helping), frame)


@cache
def shots(language: str) -> tuple[Shot, ...]:
    """Every sample at every size. Only tiles are painted otherwise where a palette is plain."""
    said = [(name, sample._replace(view=replace(sample.view, language=language))) for name, sample in SAMPLES.items()]
    return tuple(
        shot(name, sample, size, palette)
        for name, sample in said
        for size in SIZES
        for palette in ((TRUE, HIGH) if scene_of(sample.view).tray else (TRUE,))
    )


def written(frame: Frame) -> list[str]:
    """The text of each row."""
    return ["".join(text for text, _ in row) for row in frame.rows]


def cells_of(row: Row) -> list[tuple[str, Style]]:
    """A cell for each column; a wide character has a second, empty one."""
    cells: list[tuple[str, Style]] = []
    for text, style in row:
        for char in text:
            cells += [(char, style), ("", style)] if cell_len(char) == 2 else [(char, style)]
    return cells
