"""A real pty with a drained screen: start the glass in it, type, show a View, and read what is painted.

For the bench, and for the tests of what a terminal gets.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType

import msgspec

from kiosk.vend.view import View

ASKED, SYNC_END = b"\x1b[?2026$p", b"\x1b[?2026l"


class Terminal:
    """A pty of `columns` by `rows` with the glass inside. Everything that it writes is kept in `written`.

    `command` starts something else than the scripted glass; it inherits the file descriptors `keep`. It is up when `first` is painted.
    """

    def __init__(
        self,
        folder: Path,
        columns: int = 78,
        rows: int = 29,
        palette: str = "true",
        *,
        motion: bool = False,
        command: tuple[str, ...] = (),
        keep: tuple[int, ...] = (),
        first: bytes = b"starting",
    ) -> None:
        self.choices = folder / "choices"
        self.choices.touch()
        views = folder / "views"
        os.mkfifo(views)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.written = b""
        scripted = (sys.executable, "-m", "kiosk.bench.shown", str(views), str(self.choices), palette, "moving" if motion else "still")
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed kiosk does not compile itself at each start
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command or scripted,
            pass_fds=keep,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment,
        )
        self._views, self._first = -1, first
        self._path = None if command else views

    def __enter__(self) -> "Terminal":
        self.until(self._first, 30)  # the first thing said is that the machine starts; a loaded machine takes its time
        if self._path:
            self._views = os.open(self._path, os.O_WRONLY)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._views >= 0:
            os.close(self._views)
        os.close(self.master)
        os.close(self.slave)

    def show(self, view: View) -> None:
        """Tell the glass a View."""
        os.write(self._views, msgspec.json.encode(view) + b"\n")

    def use(self, palette: str) -> None:
        """Tell the glass other colours."""
        os.write(self._views, msgspec.json.encode(palette) + b"\n")

    def type(self, keys: bytes) -> None:
        """As the keyboard's driver would."""
        os.write(self.master, keys)

    def drain(self, seconds: float) -> bytes:
        """Read for so long; what came."""
        end = time.monotonic() + seconds
        start = len(self.written)
        while (left := end - time.monotonic()) > 0:
            self._read(left)
        return self.written[start:]

    def painted(self, began: float, quiet_s: float = 0.03) -> tuple[float, int]:
        """Seconds from `began` to the last byte of what is painted now, and its bytes; it is over when nothing comes for a while."""
        start, last = len(self.written), began
        while True:
            had = len(self.written)
            self._read(quiet_s if had > start else 5)
            if len(self.written) == had:
                return last - began, had - start
            last = time.perf_counter()

    def until(self, text: bytes, seconds: float) -> bytes:
        """Read until `text` has come and its update is complete; what came."""
        end = time.monotonic() + seconds
        start = len(self.written)
        while text not in self.written[start:] or not self.written.rstrip().endswith(SYNC_END):
            left = end - time.monotonic()
            if left <= 0:
                message = f"{text!r} was not painted in {seconds} s; last: {self.written[-300:]!r}"
                raise TimeoutError(message)
            self._read(left)
        return self.written[start:]

    def signal(self, number: signal.Signals) -> int:
        """Send it and wait for the end; the exit code."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        end = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < end:
            self._read(0.05)
        self.drain(0.1)
        return self._process.wait(1)

    @property
    def alive(self) -> bool:
        """Is it still running?"""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The glass's process."""
        return self._process.pid

    def chosen(self) -> list[str]:
        """What the customer chose so far."""
        return self.choices.read_text().split("\n")[:-1]

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            heard = os.read(self.master, 65536)
            self.written += heard
            if ASKED in heard:  # a terminal that can show an update at once says so
                os.write(self.master, b"\x1b[?2026;2$y")
