"""What the customer waits for, on the whole kiosk in one process: from a note, from the disk, from a key to the last byte on the terminal.

A paint ends with the synchronised update that shows the expected words, read from a drained pty of 78 by 29.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from kiosk.bench.place import FEW, PATIENCE_S, Line, furnish, lit
from kiosk.bench.table import Measured, NotMeasured, p95_ms, spread
from kiosk.bench.terminal import Terminal
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import PtyLine
from kiosk.screens.finger import REST_MS

SALES, NOTES, KEYS = 4, 49, 50  # 49 notes of 10.00 stay below a sale's limit
STARTS = 9
PACE_S = 0.05  # between two notes; people are slower
IDLE_S = 60
SETTLED_S = 3  # after a start, until nothing of it is left to do
CLEAR = b"\x7f"
ASKS, GOES_ON = b"or add more?", b"Put in more"


def note_to_paint() -> Measured:
    """From telling the desk that a note is stacked, over the fsync, to the last byte of its paint."""
    whole = [note.whole_s for note in _notes()]
    return Measured(p95_ms(whole), spread(whole))


def durable_to_paint() -> Measured:
    """From the return of that note's commit to the same last byte."""
    shown = [note.shown_s for note in _notes()]
    return Measured(p95_ms(shown), spread(shown))


def bytes_per_note() -> Measured:
    """What the terminal gets from telling the desk that a note is stacked until it is quiet: figure, tab, ledger, tile, keys. The tile that
    said `checking` while the note was held was painted before, and is told apart."""
    sizes, held = [note.size for note in _notes()], [note.held for note in _notes()]
    return Measured(
        median(sizes), f"{min(sizes)} to {max(sizes)}, n {len(sizes)}", note=f"the tile `checking` before it: {median(held):.0f}"
    )


def key_to_paint() -> Measured:
    """From a byte on the keyboard, through the desk, to the last byte of the screen that answers."""
    with waiting() as (terminal, line):
        ask(line, "card", "hold", "note")
        seconds = []
        for turn in range(KEYS * 2):
            terminal.written = b""
            began = time.perf_counter()
            terminal.type(CLEAR)
            terminal.until(GOES_ON if turn % 2 else ASKS, PATIENCE_S)
            seconds.append(time.perf_counter() - began)
            terminal.drain(2 * REST_MS / 1000)  # the same key again is meant once the finger has rested
    return Measured(p95_ms(seconds), spread(seconds))


def first_paint() -> Measured:
    """From starting `kiosk run --screen` to the last byte of its first screen; then the same for core and screen in one process."""
    screen, both = [], []
    for _ in range(STARTS + 1):
        with TemporaryDirectory() as folder:
            screen.append(_start(Path(folder), "--screen", f"{folder}/screen.sock"))
            both.append(_start(Path(folder), "--config", str(furnish(Path(folder)))))
    screen, both = screen[1:], both[1:]  # the very first start may have to compile
    return Measured(
        median(screen),
        spread=f"{min(screen):.3f} to {max(screen):.3f} s, n {STARTS}",
        note=f"core and screen in one process: {median(both):.3f} s",
    )


def idle_cpu() -> Measured:
    """Core and screen in one process, waiting for a customer, the card on the screen moving once a second; no devices."""
    with waiting() as (terminal, _):
        terminal.drain(SETTLED_S)
        before = cpu_s(terminal.pid)
        terminal.drain(IDLE_S)
        used = cpu_s(terminal.pid) - before
    return Measured(100 * used / IDLE_S, note=f"of one CPU, {IDLE_S} s, core and screen in one process")


def resident() -> Measured:
    """Core, screen and three drivers in one process, resident after a sale with a note, a coin and a receipt on paper."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        notes = NoteSimulator(folder / "notes", state=folder / "notes.json", route_s=0.3)
        coins = CoinSimulator(folder / "coins", state=folder / "coins.json")
        printer = PrinterSimulator(PtyLine(folder / "printer"), folder / "papers", line_s=0.005)
        for device in (notes, coins, printer):
            device.start()
        try:
            with lit(folder, FEW) as (terminal, line):
                until(line, phase="attract")
                ask(line, "card")
                offer(notes, line, {"do": "insert_note", "value_minor": 100_00})
                until(line, phase="insert", figure_minor=100_00)
                offer(coins, line, {"do": "insert_coin", "value_minor": 1_00})
                until(line, figure_minor=101_00)
                line.ask("choose", key="finish")
                line.ask("choose", key="receipt", arg="paper")
                until(line, receipt="printed")
                line.ask("choose", key="finish")
                until(line, phase="take_card")
                ask(line, "pull")
                terminal.drain(1)
                mib, own = (_status_mib(terminal.pid, what) for what in ("VmRSS", "RssAnon"))
        finally:
            for device in (notes, coins, printer):
                device.stop()
    return Measured(
        mib, note=f"{own:.1f} its own, the rest pages of files; the simulated card is in the same process, the other devices are not"
    )


# ------------------------------------------------------------ a kiosk to look at


@contextmanager
def waiting() -> Iterator[tuple[Terminal, Line]]:
    """Up and waiting for a customer, its devices told."""
    with TemporaryDirectory() as folder, lit(Path(folder)) as (terminal, line):
        until(line, phase="attract")
        yield terminal, line


class _Note(NamedTuple):
    """Seconds from the commit's return, and from the tell, to the last byte; the bytes of that, and those of `checking` before it."""

    shown_s: float
    whole_s: float
    size: int
    held: int


@cache
def _notes() -> tuple[_Note, ...]:
    """Every note but the first of each sale."""
    notes = []
    with waiting() as (terminal, line):
        for _ in range(SALES):
            line.ask("card")
            for count in range(1, NOTES + 1):
                terminal.written = b""
                line.ask("hold")
                terminal.drain(PACE_S)
                checking, terminal.written = len(terminal.written), b""
                line.say("note")
                terminal.until(f"Machine {count * 10}.00".encode(), PATIENCE_S)
                painted_s = time.perf_counter()
                moments = line.heard()
                terminal.drain(PACE_S)
                if count > 1:
                    took = painted_s - moments["committed_s"], painted_s - moments["told_s"]
                    notes.append(_Note(*took, len(terminal.written), checking))
            ask(line, "end")
    return tuple(notes)


def ask(line: Line, *words: str) -> None:
    """Words, each with its paint."""
    for word in words:
        line.ask(word)
        line.meanwhile(0.1)  # its paint is over


def until(line: Line, **wanted: object) -> None:
    """The screen shows these values. Raises NotMeasured when it does not in time."""
    until = time.monotonic() + PATIENCE_S
    while (shown := line.ask("view")) and any(shown[name] != value for name, value in wanted.items()):
        if time.monotonic() > until:
            raise NotMeasured(f"waited for {wanted}, but the screen shows {shown}")
        line.meanwhile(0.02)


def offer(device: NoteSimulator | CoinSimulator, line: Line, verb: dict[str, object]) -> None:
    """As people do: when the machine takes it."""
    until = time.monotonic() + PATIENCE_S
    while not device.do({"do": "state"})["accepting"]:
        if time.monotonic() > until:
            raise NotMeasured(f"the acceptor never opened for {verb}")
        line.meanwhile(0.05)
    device.do(verb)


def _start(folder: Path, *words: str) -> float:
    began = time.perf_counter()
    with TemporaryDirectory(dir=folder) as place, Terminal(Path(place), command=(sys.executable, "-m", "kiosk", "run", *words)):
        return time.perf_counter() - began


def cpu_s(pid: int) -> float:
    """User and system seconds so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_mib(pid: int, what: str) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024
