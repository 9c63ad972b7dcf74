"""The screens in a real xterm: what was meant is what is seen, to the pixel, and a finger finds every key."""

from pathlib import Path

import pytest
from PIL import Image

from kiosk.screens.canvas import Frame
from kiosk.screens.palette import TRUE
from kiosk.screens.rows import rows
from kiosk.screens.samples import SAMPLES
from kiosk.screens.scene import BACK, HELP
from kiosk.screens.size import M, S, Size
from tests.screens.test_rows import cells_of
from tests.screens.xterm import Xterm

pytestmark = [pytest.mark.screen, pytest.mark.slow]
SEEN = ("account", "insert", "writing", "done", "unsure", "take_card")
SMOOTHED = 40  # of 255


def frame_of(name: str, size: Size) -> Frame:
    sample = SAMPLES[name]
    whole = sample.clock._replace(left_ms=sample.view.ends_in_ms, beat=0)
    return rows(sample.view, whole, size, TRUE)


@pytest.mark.parametrize("size", [S, M])
def test_planes_figure_and_poster_have_no_hairline(size: Size, tmp_path: Path) -> None:
    """At 14 points: every blank cell is one colour to its edges, every half block reaches its cell's foot."""
    with Xterm(size, TRUE) as xterm:
        for name in SEEN:
            xterm.show(SAMPLES[name].view)
            image = xterm.save(tmp_path / f"{name}.png")
            wrong = [
                (x, y, cell)
                for y, row in enumerate(cells_of(frame_of(name, size)))
                for x, cell in enumerate(row)
                if not painted(image, size, x, y, cell)
            ]
            # the time bar and its words count down while the picture is taken
            assert [place for place in wrong if place[1] != size.two.status] == [], name


def painted(image: Image.Image, size: Size, x: int, y: int, cell: tuple[str, tuple[str, str, bool]]) -> bool:
    """Are the four corners of a blank or half cell in their colours? Smoothing may dull an edge; a hairline is another colour."""
    char, (ink, ground, _) = cell
    if char not in " ▄":
        return True
    width, height = image.width // size.columns, image.height // size.rows
    left, top = x * width, y * height
    right, foot = left + width - 1, top + height - 1
    upper, lower = rgb(ground), rgb(ink if char == "▄" else ground)
    corners = {(left, top): upper, (right, top): upper, (left, foot): lower, (right, foot): lower}
    return all(near(image.getpixel(place), meant) for place, meant in corners.items())


def near(pixel: object, meant: tuple[int, ...]) -> bool:
    return isinstance(pixel, tuple) and all(abs(one - other) <= SMOOTHED for one, other in zip(pixel, meant, strict=True))


def rgb(token: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(str(TRUE.colours[token])[1:]))


def test_a_finger_finds_every_key() -> None:
    with Xterm(M, TRUE) as xterm:
        count = 0
        for name in ("attract", "account", "insert", "done", "unsure", "claim"):
            xterm.show(SAMPLES[name].view)
            for key in frame_of(name, M).targets:
                if key.do in {HELP, BACK}:
                    continue
                xterm.touch(key.x, key.y)
                xterm.touch(key.x + key.width - 1, key.y + key.height - 1)
                count += 2
                assert xterm.chosen(count)[-2:] == [f"{key.do} {key.arg}".strip()] * 2, (name, key)
        xterm.key("Return")
        assert xterm.chosen(count + 1)[-1] == "slip_taken"
