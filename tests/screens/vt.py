"""A real Linux console, one that nobody looks at: show a View on it, and read back what stands in its cells.

The kernel keeps a virtual terminal's characters in /dev/vcsu (u32 a cell) and its colours in /dev/vcsa (character and attribute a cell),
with or without a graphics card. Root only. See console_ioctl(4) and vcs(4).

    python -m tests.screens.vt FOLDER       pictures of every sample
"""

import fcntl
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec
from PIL import Image, ImageDraw, ImageFont

from kiosk.screens.samples import SAMPLES
from kiosk.vend.view import View

TIOCSWINSZ, VT_OPENQRY, VT_DISALLOCATE = 0x5414, 0x5600, 0x5608
PATIENCE_S = 10.0
VGA = bytes.fromhex("000000aa000000aa00aa55000000aaaa00aa00aaaaaaaaaa555555ff555555ff55ffff555555ffff55ff55ffffffffff")
LETTERS = ("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf", 14)
CELL = (9, 16)


class Cell(NamedTuple):
    """A character, and the numbers 0 to 15 of its colours, as terminals count them."""

    char: str
    ink: int
    ground: int


class Console:
    """A free virtual terminal with the glass on it, as a machine without a graphics server would start it."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._folder = tempfile.TemporaryDirectory(prefix="vt-")
        self._rev = 0

    def __enter__(self) -> "Console":
        folder = Path(self._folder.name)
        os.mkfifo(folder / "views")
        (folder / "choices").touch()
        self._control = os.open("/dev/tty0", os.O_RDWR | os.O_NOCTTY)
        (self._number,) = struct.unpack("i", fcntl.ioctl(self._control, VT_OPENQRY, bytes(4)))
        self._terminal = os.open(f"/dev/tty{self._number}", os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(self._terminal, TIOCSWINSZ, struct.pack("4H", self.rows, self.columns, 0, 0))
        known = {name: value for name, value in os.environ.items() if name not in ("COLORTERM", "TEXTUAL_COLOR_SYSTEM", "NO_COLOR")}
        self._glass = subprocess.Popen(
            [sys.executable, "-m", "kiosk.bench.shown", str(folder / "views"), str(folder / "choices")],
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
            env=known | {"TERM": "linux"},
            start_new_session=True,
        )
        self._views = os.open(folder / "views", os.O_WRONLY)  # waits until the glass reads
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._views)
        self._glass.terminate()
        self._glass.wait()
        os.close(self._terminal)
        with suppress(OSError):  # the kernel may not have closed it yet; then the next one takes the same
            fcntl.ioctl(self._control, VT_DISALLOCATE, self._number)
        os.close(self._control)
        self._folder.cleanup()

    def show(self, view: View) -> None:
        """Tell the glass."""
        self._rev += 1
        os.write(self._views, msgspec.json.encode(msgspec.structs.replace(view, rev=self._rev)) + b"\n")

    def cells(self) -> list[list[Cell]]:
        """What stands there now, row by row. The second cell of a wide character is empty."""
        count = self.columns * self.rows
        chars = struct.unpack(f"{count}I", Path(f"/dev/vcsu{self._number}").read_bytes())
        painted = Path(f"/dev/vcsa{self._number}").read_bytes()
        assert tuple(painted[:2]) == (self.rows, self.columns)
        found = [_cell(char, attribute) for char, attribute in zip(chars, painted[5::2], strict=True)]
        return [found[row * self.columns : (row + 1) * self.columns] for row in range(self.rows)]

    def until(self, wrong: Callable[[list[list[Cell]]], object], patience_s: float = PATIENCE_S) -> list[list[Cell]]:
        """Look again and again until nothing is `wrong` any more; what is left after a while is raised."""
        end = time.monotonic() + patience_s
        while left := wrong(cells := self.cells()):
            if time.monotonic() > end:
                raise TimeoutError(f"still wrong: {left}")
            time.sleep(0.05)
        return cells


def picture(cells: list[list[Cell]]) -> Image.Image:
    """The cells in the colours of a VGA console."""
    width, height = CELL
    image = Image.new("RGB", (len(cells[0]) * width, len(cells) * height))
    draw, font = ImageDraw.Draw(image), ImageFont.truetype(*LETTERS)
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            left, top = x * width, y * height
            middle, foot, right = top + height // 2, top + height - 1, left + width - 1
            draw.rectangle((left, top, right, foot), fill=_rgb(cell.ground))
            if cell.char in "▀▄█":
                draw.rectangle(
                    (left, middle if cell.char == "▄" else top, right, middle - 1 if cell.char == "▀" else foot), fill=_rgb(cell.ink)
                )
            elif cell.char.strip():
                draw.text((left, top - 1), cell.char, fill=_rgb(cell.ink), font=font)
    return image


def _cell(char: int, attribute: int) -> Cell:
    """Zero width stands behind a wide character. An attribute counts colours as a VGA card does: blue, green, red."""
    return Cell("" if char == 0x200B else chr(char or 0x20), _colour(attribute & 15), _colour(attribute >> 4 & 7))


def _colour(number: int) -> int:
    return number & 0b1010 | (number & 1) << 2 | number >> 2 & 1


def _rgb(colour: int) -> tuple[int, ...]:
    return tuple(VGA[3 * colour : 3 * colour + 3])


def main() -> None:
    """Every sample at M."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with Console(78, 29) as console:
        for name, sample in SAMPLES.items():
            console.show(sample.view)
            time.sleep(0.5)
            picture(console.cells()).save(folder / f"{name}.png")


if __name__ == "__main__":
    main()
