"""A real pty with a drained screen: start the glass in it, type, show a View, and read what is painted."""

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
    """A pty of `columns` by `rows` with the glass inside. Everything that it writes is kept in `written`."""

    def __init__(self, folder: Path, columns: int = 78, rows: int = 29, palette: str = "true") -> None:
        self.choices = folder / "choices"
        self.choices.touch()
        views = folder / "views"
        os.mkfifo(views)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.written = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.screens.shown", str(views), str(self.choices), palette],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        self._views = -1
        self._path = views

    def __enter__(self) -> "Terminal":
        self.until(b"starting", 10)  # the first thing said is that the machine starts
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

    def until(self, text: bytes, seconds: float) -> bytes:
        """Read until `text` has come and its update is complete; what came."""
        end = time.monotonic() + seconds
        start = len(self.written)
        while text not in self.written[start:] or not self.written.rstrip().endswith(SYNC_END):
            left = end - time.monotonic()
            assert left > 0, f"{text!r} was not painted in {seconds} s; last: {self.written[-300:]!r}"
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
