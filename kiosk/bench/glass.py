"""How fast the glass is: from a key or a View to the last byte painted in a drained pty of 78 by 29; its start and its rest."""

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from kiosk.bench.table import Figure, spread
from kiosk.bench.terminal import Terminal
from kiosk.screens.samples import SAMPLES
from kiosk.vend.view import View

ROUNDS, WARM = 200, 10
IDLE_S = 60
STILL = replace(SAMPLES["insert"].view, ends_in_ms=None, span_ms=None)
SWITCHES = ("account", "insert-stop", "done", "unsure", "claim", "refused")


def key_to_paint_p95_ms() -> Figure:
    """A key whose answer is a whole other screen: help, and back."""
    with _glass() as terminal:
        terminal.show(STILL)
        terminal.drain(0.5)
        keys = itertools.cycle((b"0", b"\x7f"))
        times, _ = _timed(terminal, lambda _: terminal.type(next(keys)))
    return _p95("key_to_paint_p95_ms", times, 5)


def durable_to_paint_p95_ms() -> Figure:
    """A stacked note's View, told by another process: figure, tab, sentence, split, tile and key change."""
    with _glass() as terminal:
        times, sizes = _timed(terminal, lambda turn: terminal.show(_note(turn)))
    return replace(_p95("durable_to_paint_p95_ms", times, 5), note=f"{median(sizes):.0f} bytes a note")


def paint_bytes_per_note() -> Figure:
    """What the terminal gets for it."""
    with _glass() as terminal:
        _, sizes = _timed(terminal, lambda turn: terminal.show(_note(turn)))
    return Figure("paint_bytes_per_note", median(sizes), "bytes", 6500, "lower")


def screen_switch_p95_ms() -> Figure:
    """Another phase's View."""
    views = [replace(SAMPLES[name].view, ends_in_ms=None, span_ms=None) for name in SWITCHES]
    with _glass() as terminal:
        times, _ = _timed(terminal, lambda turn: terminal.show(replace(views[turn % len(views)], rev=turn)))
    return _p95("screen_switch_p95_ms", times, 8)


def first_paint_s() -> Figure:
    """From starting the process to the last byte of its first screen; the median of seven."""
    times = []
    for _ in range(7):
        began = time.perf_counter()
        with _glass():
            times.append(time.perf_counter() - began)
    return Figure("first_paint_s", median(times), "s", 0.35, "lower", spread=f"{min(times):.3f} to {max(times):.3f} s, n {len(times)}")


def idle_cpu_pct() -> Figure:
    """Waiting for a customer, its card moving once a second."""
    with _glass(motion=True) as terminal:
        terminal.show(SAMPLES["attract"].view)
        terminal.drain(2)
        before = _cpu_s(terminal.pid)
        terminal.drain(IDLE_S)
        used = _cpu_s(terminal.pid) - before
    return Figure("idle_cpu_pct", 100 * used / IDLE_S, "%", 0.3, "lower", note=f"screen alone, {IDLE_S} s")


def _note(turn: int) -> View:
    """One more note than before."""
    paid = 1000 * (turn % 90 + 1)
    params = STILL.params | {"to_card_minor": paid - 1000, "more_minor": 100_000 - paid, "tiles": (paid, 1000)}
    return replace(STILL, figure_minor=paid, rev=turn, params=params)


@contextmanager
def _glass(*, motion: bool = False) -> Iterator[Terminal]:
    with tempfile.TemporaryDirectory() as folder, Terminal(Path(folder), motion=motion) as terminal:
        yield terminal


def _timed(terminal: Terminal, act: Callable[[int], None]) -> tuple[list[float], list[int]]:
    """Seconds and bytes of each paint that `act(turn)` brings about."""
    times, sizes = [], []
    for turn in range(1, WARM + ROUNDS + 1):
        began = time.perf_counter()
        act(turn)
        seconds, size = terminal.painted(began)
        times.append(seconds)
        sizes.append(size)
    return times[WARM:], sizes[WARM:]


def _p95(name: str, seconds: list[float], aim_ms: float) -> Figure:
    return Figure(name, sorted(seconds)[len(seconds) * 95 // 100] * 1e3, "ms", aim_ms, "lower", spread=spread(seconds))


def _cpu_s(pid: int) -> float:
    """User and system seconds so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
