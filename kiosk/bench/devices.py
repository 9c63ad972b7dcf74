"""A kiosk with every device there is: what its drivers cost while nothing happens, and a customer's key while none of them answers.

The devices are `kiosk sim all` in a process of its own. Stopped by a signal it is every device at once that is plugged in and silent:
bytes go out until the line is full, and nothing comes back. The card and its reader are in the kiosk's own process.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from kiosk.bench.paint import ASKS, CLEAR, GOES_ON, IDLE_S, SETTLED_S, ask, cpu_s, until
from kiosk.bench.place import EVERY, PATIENCE_S, Line, lit
from kiosk.bench.table import Measured, NotMeasured, spread
from kiosk.bench.terminal import Terminal
from kiosk.devices.sim.control import ask as order
from kiosk.screens.finger import REST_MS

SILENT_S = 30.0
PAID_MINOR = 100_00
UP_S = 8.0  # every driver has met its device
ROLES = tuple(EVERY)
STOPPED = b"No more can go in"


def key_to_paint_all_silent_over_quiet() -> Measured:
    """A key in a sale with money in it, pressed by turns at a machine whose devices are all well and at one where all of them have fallen
    silent, for half a minute: the medians' ratio."""
    with ExitStack() as stack:
        quiet, silent = (stack.enter_context(paid()) for _ in range(2))
        silent.fleet.send_signal(signal.SIGSTOP)
        _until_stopped(silent)
        took: dict[str, list[float]] = {"quiet": [], "silent": []}
        end = time.monotonic() + SILENT_S
        while time.monotonic() < end:
            took["quiet"].append(quiet.press())
            took["silent"].append(silent.press())
            for each in (quiet, silent):
                each.terminal.drain(REST_MS / 1000)  # the same key again is meant once the finger has rested
        silent.fleet.send_signal(signal.SIGCONT)
    one, other = median(took["silent"]), median(took["quiet"])
    return Measured(one / other, spread=spread(took["silent"]), note=f"quiet: {spread(took['quiet'])}")


def idle_cpu_all_devices() -> Measured:
    """Core, screen and eight drivers in one process, waiting for a customer, every device polled at its protocol's pace."""
    shares = _idle()
    told = ", ".join(f"{role} {shares[role]:.2f}" for role in ROLES)
    return Measured(shares["all"], note=f"of one CPU, {IDLE_S} s. {told}; the rest is core and screen")


def idle_cpu_of(role: str) -> Measured:
    """One driver's threads of it."""
    return Measured(_idle()[role], note=f"of one CPU: the threads of {role} by {EVERY[role]}")


@cache
def _idle() -> dict[str, float]:
    """Percent of one processor, by role, and `all`."""
    with furnished() as here:
        until(here.line, phase="attract")
        here.terminal.drain(UP_S + SETTLED_S)
        _all_well(here)
        before, had = cpu_s(here.terminal.pid), here.line.ask("threads")
        here.terminal.drain(IDLE_S)
        used, has = cpu_s(here.terminal.pid) - before, here.line.ask("threads")
    spent = {name: seconds - had.get(name, 0.0) for name, seconds in has.items()}
    found = {role: 100 * sum(value for name, value in spent.items() if name.split()[0] == role) / IDLE_S for role in ROLES}
    return found | {"all": 100 * used / IDLE_S}


# ---------------------------------------------------------------- a machine with everything


class Furnished:
    """A kiosk on its terminal, and its devices."""

    def __init__(self, folder: Path, terminal: Terminal, line: Line, fleet: subprocess.Popen[str]) -> None:
        self.folder, self.terminal, self.line, self.fleet = folder, terminal, line, fleet
        self.goes_on, self._asking = GOES_ON, False

    def does(self, at: str, do: str, **more: object) -> bool:
        """An order for one device; did it obey?"""
        return bool(order(self.folder / "sim" / "control", {"at": at, "do": do, **more})["ok"])

    def press(self) -> float:
        """CLEAR: put it on the card, or add more? And CLEAR again: back. Seconds to the last byte of the paint."""
        self.terminal.drain(0.0)
        self.terminal.written = b""
        self._asking = not self._asking
        began = time.perf_counter()
        self.terminal.type(CLEAR)
        self.terminal.until(ASKS if self._asking else self.goes_on, PATIENCE_S)
        return time.perf_counter() - began


@contextmanager
def furnished() -> Iterator[Furnished]:
    """Everything is there and runs."""
    with TemporaryDirectory(prefix="all-") as name:
        folder = Path(name)
        with lit(folder, EVERY) as (terminal, line):
            command = [sys.executable, "-m", "kiosk", "sim", "all", "--config", str(folder / "kiosk.toml"), "--no-card"]
            fleet = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603 - this very program
            try:
                yield Furnished(folder, terminal, line, fleet)
            finally:
                fleet.kill()
                fleet.communicate()


@contextmanager
def paid() -> Iterator[Furnished]:
    """A customer has put a note in."""
    with furnished() as here:
        until(here.line, phase="attract")
        here.terminal.drain(UP_S)
        _all_well(here)
        ask(here.line, "card")
        end = time.monotonic() + PATIENCE_S
        while not here.does("notes", "insert_note", value_minor=PAID_MINOR):
            if time.monotonic() > end:
                raise NotMeasured("the validator takes no note")
            here.terminal.drain(0.1)
        until(here.line, phase="insert", figure_minor=PAID_MINOR)
        here.terminal.drain(SETTLED_S)
        yield here


def _all_well(here: Furnished) -> None:
    """A driver without its device would cost nothing."""
    bad = {role: state for role, state in here.line.ask("health").items() if state not in ("online", "degraded")}
    if bad:
        raise NotMeasured(f"not all devices came up: {bad}")


def _until_stopped(here: Furnished) -> None:
    """The machine has noticed that nothing takes money any more."""
    here.goes_on = STOPPED
    here.terminal.until(STOPPED, PATIENCE_S)
