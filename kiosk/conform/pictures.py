"""Trials of displays and boards: the newest picture, and a display that hangs."""

import time

from kiosk.conform.bench import LATE_S, STOP_S, Bench
from kiosk.conform.device import Unplayed
from kiosk.conform.relay import Wire
from kiosk.vend.view import View

PACED = Wire("9600 baud", baud=9600)
HUNG = Wire("a display that takes no byte", stalled=True)
SETTLE_S = 3.0
FLOOD, FLOOD_S = 400, 4.0
NEWEST_S = 6.0  # after the last change, at the line's own speed
AGAIN_S = 20.0  # after a display that hung: it may have to be opened anew
QUICK_S = 1.0  # what returns at once


def rows(bench: Bench) -> list[str]:
    """What stands on it. Raises Unplayed."""
    if bench.device is None:
        raise Unplayed("There is no device.")
    state = bench.device.do(do="state")
    return [*state["rows"], *state.get("lamps", [])]


def paying(minor: int) -> View:
    """A customer pays in."""
    return View("insert", figure_minor=minor, exponent=2, currency="CNY", language="en")


def newest(bench: Bench) -> None:
    """A flood of pictures on a slow line, and a display that hangs through some."""
    with bench.alive():
        last, other = paying(99_00), paying(11_00)
        bench.desk.wants(view=other)
        time.sleep(SETTLE_S)
        another = rows(bench)
        bench.desk.wants(view=last)
        time.sleep(SETTLE_S)
        wanted = rows(bench)
        bench.see("newest", kept=wanted != another, what="a new picture is shown" if wanted != another else f"it goes on showing {another}")
        for wire, patience_s in ((PACED, NEWEST_S), (HUNG, AGAIN_S)):
            with bench.over(wire):
                _flood(bench)
                bench.desk.wants(view=last)
                if wire is PACED:
                    _shows(bench, wanted, patience_s, f"after {FLOOD} pictures at {wire.name}")
            if wire is HUNG:
                _shows(bench, wanted, patience_s, f"after {wire.name}")


def _flood(bench: Bench) -> None:
    for turn in range(FLOOD):
        bench.desk.wants(view=paying(turn + 1))
        time.sleep(FLOOD_S / FLOOD)


def _shows(bench: Bench, wanted: list[str], patience_s: float, when: str) -> None:
    begun = time.monotonic()
    shown = bench.desk.until(lambda: rows(bench) == wanted, patience_s)
    what = f"the newest after {time.monotonic() - begun:.1f} s" if shown else f"{rows(bench)} after {patience_s:.0f} s"
    bench.see("newest", kept=shown, what=f"{when}: {what}")


def unfelt(bench: Bench) -> None:
    """It hangs, and the desk is busy besides."""
    with bench.alive() as process, bench.over(HUNG):
        _flood(bench)
        slowest = 0.0
        for turn in range(20):
            bench.desk.wants(view=paying(turn + 1))
            begun = time.monotonic()
            bench.look(process)
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.1)
        bench.see("unfelt", kept=slowest < QUICK_S, what=f"asked how it is: {'at once' if slowest < QUICK_S else f'{slowest:.1f} s'}")
        process.fill(full=True)
        done = process.stop(STOP_S, 3 * STOP_S)
        good = done is not None and not done.raised and done.seconds <= STOP_S + LATE_S
        bench.see("unfelt", kept=good, what="stopped in time beside a deaf desk" if good else "stop() does not return in time")
