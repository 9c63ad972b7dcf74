"""A real xterm on a real X screen (Xvfb): show a View in it, look at it, put a finger on it."""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import msgspec
from PIL import Image

from kiosk.screens.palette import Palette
from kiosk.screens.size import Size
from kiosk.vend.view import View

FONT = "DejaVu Sans Mono"
WIDE_FONT = "Noto Sans Mono CJK SC"
SCREEN = 1920, 1080
PATIENCE_S = 10.0


class Xterm:
    """An xterm as the touch profile starts it, with the glass inside, alone on its X screen. Nothing in it moves by itself.

    `letters` is how large they are, as fontconfig says it: `pixelsize=21`, `size=14`.
    """

    def __init__(self, size: Size, palette: Palette, letters: str) -> None:
        self._size, self._palette = size, palette
        self._font = ("-fa", f"{FONT}:{letters}", "-fd", f"{WIDE_FONT}:{letters}", "-xrm", "XTerm*faceSize: 0")
        self._folder = Path(tempfile.mkdtemp(prefix="xterm-"))
        self.choices = self._folder / "choices"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._away = ("mousemove", *(str(pixels - 1) for pixels in SCREEN))  # the pointer is not in the picture
        self._views = -1
        self._rev = 0

    def __enter__(self) -> "Xterm":
        self.choices.touch()
        os.mkfifo(self._folder / "views")
        read, write = os.pipe()
        screen = f"{SCREEN[0]}x{SCREEN[1]}x24"
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", screen, "-nolisten", "tcp", "-fbdir", str(self._folder)]
        self._processes.append(subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL))
        os.close(write)
        with os.fdopen(read) as answer:
            self._env = {**os.environ, "DISPLAY": f":{answer.readline().strip()}"}
        self._processes.append(subprocess.Popen(self._command(), env=self._env, stderr=subprocess.DEVNULL))
        self._window = self._run("xdotool", "search", "--sync", "--onlyvisible", "--class", "xterm").split()[0]
        said = dict(line.split("=") for line in self._run("xdotool", "getwindowgeometry", "--shell", self._window).split())
        self.cell = int(said["WIDTH"]) // self._size.columns, int(said["HEIGHT"]) // self._size.rows
        self._views = os.open(self._folder / "views", os.O_WRONLY)  # waits until the glass reads
        self._run("xdotool", *self._away)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._views >= 0:
            os.close(self._views)
        for process in reversed(self._processes):
            process.terminate()
            process.wait()
        shutil.rmtree(self._folder)

    def show(self, view: View) -> None:
        """Tell the glass."""
        self._rev += 1
        os.write(self._views, msgspec.json.encode(msgspec.structs.replace(view, rev=self._rev)) + b"\n")

    def look(self) -> Image.Image:
        """The window as it is, read from the X screen's own memory."""
        width, height = self.cell[0] * self._size.columns, self.cell[1] * self._size.rows
        with (self._folder / "Xvfb_screen0").open("rb") as dump:  # an X window dump: its header, its colours, lines of BGRX
            header, *_, line, _, _, _, _, _, _, colours = struct.unpack(">20I", dump.read(80))
            dump.seek(header + 12 * colours)
            return Image.frombytes("RGB", (width, height), dump.read(height * line), "raw", "BGRX", line, 1)

    def until(self, found: Callable[[Image.Image], object], patience_s: float = PATIENCE_S) -> Image.Image:
        """Look again and again until nothing is `found` any more; what is left after a while is raised."""
        end = time.monotonic() + patience_s
        while left := found(image := self.look()):
            if time.monotonic() > end:
                raise TimeoutError(f"still wrong: {left}")
            time.sleep(0.02)
        return image

    def touch(self, cells: Iterable[tuple[int, int]]) -> None:
        """A finger on one cell after the other."""
        across, down = self.cell
        command = ["xdotool"]
        for x, y in cells:
            command += ["mousemove", "--window", self._window, str(int((x + 0.5) * across)), str(int((y + 0.5) * down))]
            command += ["click", "--delay", "0", "1"]
        self._run(*command, *self._away)

    def key(self, name: str) -> None:
        """Press a key of the keyboard."""
        self._run("xdotool", "mousemove", "--window", self._window, "5", "5", "key", name, *self._away)

    def chosen(self, count: int) -> list[str]:
        """What was chosen, as soon as there are so many, or after a while."""
        end = time.monotonic() + PATIENCE_S
        while len(lines := self.choices.read_text().split("\n")[:-1]) < count and time.monotonic() < end:
            time.sleep(0.01)
        return lines

    def _command(self) -> list[str]:
        colours = "" if self._palette.sixteen else "truecolor"  # said inside: xterm does not hand its own down
        glass = [str(self._folder / "views"), str(self.choices), self._palette.name]
        inside = ["env", f"COLORTERM={colours}", sys.executable, "-m", "kiosk.bench.shown", *glass]
        look = ["-b", "0", "+sb", "-bw", "0", "-u8", "-bg", "black", "-fg", "white", "-tn", "xterm-256color"]
        return ["xterm", *self._font, *look, "-geometry", f"{self._size.columns}x{self._size.rows}+0+0", "-e", *inside]

    def _run(self, *command: str) -> str:
        return subprocess.run(command, env=self._env, capture_output=True, text=True, check=True, timeout=20).stdout
