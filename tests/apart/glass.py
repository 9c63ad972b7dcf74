"""`kiosk run --screen` in a terminal, as a user of its own, and what its cells show: killed, started again, pressed."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.screens.canvas import width_of
from kiosk.screens.palette import SIXTEEN
from kiosk.screens.rows import Clock, rows
from kiosk.screens.size import M
from kiosk.vend.view import View
from tests.apart.users import User

COLUMNS, ROWS = 78, 29
PATIENCE_S = 60.0  # a busy machine may take that long to start a screen
STEP = re.compile(
    rb"\x1b\[([0-9;?<>]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\|\x1b[=>78()].?|[^\x1b]+|\x1b", re.DOTALL
)
BEATS = 8  # of what moves
WORD = re.compile(r"[A-Za-z]{3,}")


class Glass:
    """One screen process after the other in one terminal, all of the same user."""

    def __init__(self, link: Path, user: User) -> None:
        self._link, self._user = link, user
        self._ours, self._theirs = os.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.written = b""
        self._start = 0  # of what the present process wrote
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """A new process on a blank terminal."""
        self._start = len(self.written)
        where = {"stdin": self._theirs, "stdout": self._theirs, "stderr": self._theirs}
        words = ("-m", "kiosk", "run", "--screen", str(self._link), "--palette", "ansi")
        self._process = self._user.start(*words, start_new_session=True, **where)

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process
        return self._process.pid

    def kill(self) -> None:
        """kill -9: no word of farewell."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.drain(0.05)

    def close(self) -> None:
        """The end of terminal and process."""
        if self._process and self._process.poll() is None:
            self.kill()
        os.close(self._ours)
        os.close(self._theirs)

    def type(self, keys: bytes) -> None:
        """On the keypad."""
        os.write(self._ours, keys)

    def drain(self, seconds: float) -> None:
        """Read what is painted."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._ours], [], [], left)[0]:
                self.written += os.read(self._ours, 65536)

    def until(self, what: Callable[[set[str]], object]) -> set[str]:
        """The words of the first painting of which `what` is true."""
        end = time.monotonic() + PATIENCE_S
        while not what(shown := self.words()):
            assert time.monotonic() < end, self.text()
            assert self._process is None or self._process.poll() is None, self.written[-400:]
            self.drain(0.05)
        return shown

    def says(self, text: str) -> None:
        """Wait until that stands in one row."""
        self.until(lambda _: text in self.text())

    def text(self) -> str:
        """What stands in the terminal's cells now."""
        return "\n".join(row.rstrip() for row in cells(self.written[self._start :]))

    def words(self) -> set[str]:
        """Every word of it."""
        return set(WORD.findall(self.text()))


def cells(written: bytes) -> list[str]:
    """What a terminal of this size shows after these bytes: places and letters, no colours."""
    grid = [[" "] * COLUMNS for _ in range(ROWS)]
    x = y = 0
    for step in STEP.finditer(written):
        if step[2] == b"H":
            place = [int(part) if part.isdigit() else 1 for part in ([*step[1].split(b";"), b"1"])[:2]]
            y, x = place[0] - 1, place[1] - 1
        elif not step[0].startswith(b"\x1b"):
            for letter in step[0].decode("utf-8", "replace"):
                if letter == "\n":
                    y, x = y + 1, 0
                elif letter >= " ":
                    if y < ROWS and x < COLUMNS:
                        grid[y][x] = letter
                    x += width_of(letter)
    return ["".join(row) for row in grid]


def words_of(view: View) -> set[str]:
    """The words that a View must show, whatever time it is."""
    return _words(view, Clock("14:32"))


def words_in_time(view: View) -> set[str]:
    """All that it may show, while its time goes by and what moves moves."""
    clocks = (Clock("14:32", left_ms, beat) for left_ms in (view.ends_in_ms, None) for beat in range(BEATS))
    return set().union(*(_words(view, clock) for clock in clocks))


def _words(view: View, clock: Clock) -> set[str]:
    frame = rows(view, clock, M, SIXTEEN)
    return {word for row in frame.rows for word in WORD.findall("".join(text for text, _ in row))}
