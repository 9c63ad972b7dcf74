"""A real xterm on a real X screen (Xvfb): show a View in it, take its picture, put a finger on it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import msgspec
from PIL import Image

from kiosk.screens.palette import TRUE, Palette
from kiosk.screens.samples import SAMPLES
from kiosk.screens.size import M, S, Size
from kiosk.vend.view import View

FONT = "DejaVu Sans Mono"
WIDE_FONT = "Noto Sans Mono CJK SC"


def picture(view: View, size: Size, palette: Palette, path: Path, *, points: int = 14) -> None:
    """One View in a real xterm, as a PNG."""
    with Xterm(size, palette, points=points) as xterm:
        xterm.show(view)
        xterm.save(path)


class Xterm:
    """An xterm as the touch profile starts it, with the glass inside, alone on its X screen. Nothing in it moves by itself."""

    def __init__(self, size: Size, palette: Palette, *, points: int = 14) -> None:
        self._size, self._palette, self._points = size, palette, points
        self._folder = Path(tempfile.mkdtemp(prefix="xterm-"))
        self.choices = self._folder / "choices"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._views = -1
        self._rev = 0

    def __enter__(self) -> "Xterm":
        self.choices.touch()
        os.mkfifo(self._folder / "views")
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
        self._processes.append(subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL))
        os.close(write)
        with os.fdopen(read) as answer:
            self._display = f":{answer.readline().strip()}"
        self._env = {**os.environ, "DISPLAY": self._display}
        self._processes.append(subprocess.Popen(self._command(), env=self._env, stderr=subprocess.DEVNULL))
        self._window = self._run("xdotool", "search", "--sync", "--onlyvisible", "--class", "xterm").split()[0]
        self._views = os.open(self._folder / "views", os.O_WRONLY)  # waits until the glass reads
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._views >= 0:
            os.close(self._views)
        for process in reversed(self._processes):
            process.terminate()
            process.wait()
        shutil.rmtree(self._folder)

    def show(self, view: View) -> None:
        """Tell the glass, and wait until the picture has changed and come to rest."""
        self._rev += 1
        before = self._pixels()
        os.write(self._views, msgspec.json.encode(msgspec.structs.replace(view, rev=self._rev)) + b"\n")
        self.settle(before)

    def save(self, path: Path) -> Image.Image:
        """The window as it is."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._run("import", "-window", self._window, str(path))
        return Image.open(path).convert("RGB")

    def touch(self, x: int, y: int) -> None:
        """Put a finger on a cell."""
        left, top, width, height = self.geometry()
        across, down = width / self._size.columns, height / self._size.rows
        place = (str(int(left + (x + 0.5) * across)), str(int(top + (y + 0.5) * down)))
        self._run("xdotool", "mousemove", "--window", self._window, *place, "click", "1")

    def key(self, name: str) -> None:
        """Press a key of the keyboard."""
        self._run("xdotool", "mousemove", "--window", self._window, "5", "5", "key", name)

    def chosen(self, count: int) -> list[str]:
        """What was chosen, as soon as there are so many, or after two seconds."""
        end = time.monotonic() + 2
        while len(lines := self.choices.read_text().split("\n")[:-1]) < count and time.monotonic() < end:
            time.sleep(0.02)
        return lines

    def geometry(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the cells inside the window, in pixels."""
        said = self._run("xdotool", "getwindowgeometry", "--shell", self._window)
        known = dict(line.split("=") for line in said.split())
        return 0, 0, int(known["WIDTH"]), int(known["HEIGHT"])

    def _command(self) -> list[str]:
        colours = "" if self._palette.sixteen else "truecolor"  # said inside: xterm does not hand its own down
        glass = [str(self._folder / "views"), str(self.choices), self._palette.name]
        inside = ["env", f"COLORTERM={colours}", sys.executable, "-m", "kiosk.bench.shown", *glass]
        font = ["-fa", FONT, "-fd", WIDE_FONT, "-fs", str(self._points)]
        look = ["-b", "0", "+sb", "-bw", "0", "-u8", "-bg", "black", "-fg", "white", "-tn", "xterm-256color"]
        return ["xterm", *font, *look, "-geometry", f"{self._size.columns}x{self._size.rows}+0+0", "-e", *inside]

    def settle(self, before: bytes = b"") -> None:
        """Wait for two pictures alike, and unlike the one before."""
        end, last = time.monotonic() + 15, b""
        while time.monotonic() < end:
            time.sleep(0.1)
            now = self._pixels()
            if now != before and now == last:
                return
            last = now
        message = "the xterm did not come to rest"
        raise TimeoutError(message)

    def _pixels(self) -> bytes:
        return subprocess.run(["import", "-window", self._window, "rgb:-"], env=self._env, capture_output=True, check=True).stdout

    def _run(self, *command: str) -> str:
        return subprocess.run(command, env=self._env, capture_output=True, text=True, check=True, timeout=20).stdout


def main() -> None:
    """Every sample at M, and one of each phase at S, into a folder: the pictures of docs/screens."""
    folder = Path(sys.argv[1])
    first = {sample.view.phase: name for name, sample in reversed([*SAMPLES.items()])}
    for size, names in ((M, tuple(SAMPLES)), (S, tuple(first.values()))):
        with Xterm(size, TRUE) as xterm:
            for name in names:
                if not SAMPLES[name].helping:
                    xterm.show(SAMPLES[name].view)
                    path = folder / f"{name}-{size.name.lower()}.png"
                    xterm.save(path).quantize(64).save(path, optimize=True)
                if name == "insert":
                    xterm.key("0")
                    xterm.settle()
                    path = folder / f"help-{size.name.lower()}.png"
                    xterm.save(path).quantize(64).save(path, optimize=True)


if __name__ == "__main__":
    main()
