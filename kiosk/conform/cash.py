"""Trials of acceptors: the box against what was told, the stance, the word, and kill -9.

The box is the truth: what the device, or whoever plays it, says is in it. A trial plays the customer, who puts a piece in again when it
was given back.
"""

import time
from typing import Any

from kiosk.conform.bench import STOP_S, Bench
from kiosk.conform.common import stopped
from kiosk.conform.device import Unplayed
from kiosk.conform.process import DriverProcess
from kiosk.conform.relay import CLEAN, Wire
from kiosk.vend.ports import Stance
from kiosk.vend.seen import AcceptorUp, NoteHeld

OPEN_S = 20.0  # for a device to take money when the stance wants it to, over a bad wire too
SHUT_S = 3.0  # and to take none
MOVE_S = 25.0  # for a piece to come to rest
BOOKS_S = 30.0  # for what was told to be what is in the box, on a good wire
DOUBLE_S = 1.0  # after which nothing is told a second time
WIRES = (
    CLEAN,
    Wire("a byte at a time", split=True),
    Wire("delay", delay_s=0.01),
    Wire("echo", echo=True),
    Wire("loss", drop=0.15),
    Wire("damage", corrupt=0.2),
    Wire("duplication", duplicate=0.3),
    Wire("everything at once", drop=0.04, corrupt=0.06, duplicate=0.1, delay_s=0.001, split=True),
)
HARMLESS = ("clean", "a byte at a time", "delay")  # no byte is wrong: all money gets in
WIRE_S, DWELL_S = 25.0, 4.0  # for one of them; and so long beside
WORDS = ("stack", "return", "stack")


class Till:
    """The device's side of the money, from where it stood when the trial began; and the customer's hand."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._before = self._box()
        self._ups = bench.desk.heard(AcceptorUp)[-1:]

    @property
    def values(self) -> tuple[int, ...]:
        """What it takes, minor units."""
        return self._ups[0].denominations if self._ups else ()

    def state(self) -> dict[str, Any]:
        """As its control socket says. Raises Unplayed."""
        device = self.bench.device
        if device is None or not device.played:
            raise Unplayed("Nobody plays this device: --hand names a control socket.")
        return device.do(do="state")

    def _box(self) -> tuple[int, int]:
        box = self.state()["box"]
        return sum(int(minor) * pieces for minor, pieces in box.items()), sum(box.values())

    @property
    def boxed(self) -> tuple[int, int]:
        """(minor units, pieces) that came into the box meanwhile."""
        (minor, pieces), (minor_before, before) = self._box(), self._before
        return minor - minor_before, pieces - before

    @property
    def takes(self) -> bool:
        """Would it take a piece now? None can come in behind a note that is held."""
        return bool(self.state()["accepting"]) and not self.held

    @property
    def held(self) -> bool:
        """Is a note in escrow, or on its way?"""
        state = self.state()
        return bool(state.get("held_minor") or state.get("moving"))

    def put(self, minor: int) -> bool:
        """Into the slot. False when it did not go in."""
        device, before = self.bench.device, self.state()["rejected"]
        try:
            return device is not None and bool(device.do(do=f"insert_{self.bench.role[:-1]}", value_minor=minor)["rejected"] == before)
        except Unplayed:
            return False

    def balanced(self) -> bool:
        """Is what was told what is in the box? Pieces that were only counted have no value of their own."""
        (told, pieces), (minor, boxed) = self.bench.desk.credited, self.boxed
        counted = any(not credit.minor for credit in self.bench.desk.credits)
        return pieces == boxed and (told == minor or (counted and told < minor))

    def says(self) -> str:
        """Both sides."""
        (told, pieces), (minor, boxed) = self.bench.desk.credited, self.boxed
        counted = sum(credit.pieces for credit in self.bench.desk.credits if not credit.minor)
        known = f", {counted} by count alone" if counted else ""
        return f"{boxed} pieces of {minor} in the box, {pieces} of {told} told{known}"


def settled(bench: Bench, till: Till, promise: str, when: str) -> None:
    """On a good wire, after a while, the two are the same, and stay so."""
    same = bench.desk.until(lambda: not till.held and till.balanced(), BOOKS_S)
    if same:
        time.sleep(DOUBLE_S)
    bench.see(promise, kept=till.balanced() and not till.held, what=f"{when}: {till.says()}{'; a note is still held' if till.held else ''}")


def fed(bench: Bench, till: Till, minor: int, word: str, until_s: float) -> bool:
    """One piece in, and at rest: until it is, or the time is over."""
    while time.monotonic() < until_s:
        bench.desk.opens(till.values, word)
        if not bench.desk.until(lambda: till.takes, min(OPEN_S, max(0.0, until_s - time.monotonic()))) or not till.put(minor):
            continue
        before = till.boxed
        bench.desk.until(lambda: not till.held and (bench.role == "coins" or till.balanced()), MOVE_S)
        if bench.role == "coins" or word == "return" or till.boxed != before:
            return True
    return False


def once(bench: Bench) -> None:
    """Over every wire, one after the other, and over a cable that is pulled in the middle."""
    with bench.alive():
        till = Till(bench)
        for wire in WIRES:
            until_s, pieces = time.monotonic() + WIRE_S, 0
            with bench.over(wire):
                for turn, word in enumerate(WORDS):
                    pieces += fed(bench, till, till.values[turn % len(till.values)], word, until_s)
                if wire.name not in HARMLESS:
                    time.sleep(DWELL_S)  # a bad wire has its time, too, while nothing is put in
            if wire.name in HARMLESS and pieces < len(WORDS):
                bench.see("once", kept=False, what=f"over {wire.name}: only {pieces} of {len(WORDS)} went in within {WIRE_S:.0f} s")
            settled(bench, till, "once", f"over {wire.name}")
            if bench.seen.broken("once"):
                return
        for after_s in (-0.2, 0.0, 0.3, 0.8):
            if not bench.seen.broken("once"):
                _pulled(bench, till, after_s)


def _pulled(bench: Bench, till: Till, after_s: float) -> None:
    """The cable, so long after a piece; or before it, and the acceptor is open still."""
    bench.desk.opens(till.values, "stack")
    if not bench.desk.until(lambda: till.takes, OPEN_S):
        bench.see("once", kept=False, what=f"not open in {OPEN_S:.0f} s on a good wire")
        return
    if after_s >= 0 and till.put(till.values[0]):
        bench.desk.until(lambda: bench.desk.held or bench.role == "coins", 2.0)
        time.sleep(after_s)
    bench.plug(plugged=False)
    if after_s < 0:
        till.put(till.values[0])
    time.sleep(0.7)
    bench.plug(plugged=True)
    settled(bench, till, "once", f"the cable is pulled {abs(after_s)} s {'after' if after_s >= 0 else 'before'} the piece")


def shut(bench: Bench) -> None:
    """Closed, half open, a desk that does not listen, and after stop()."""
    with bench.alive() as process:
        till = Till(bench)
        bench.desk.opens(())
        _takes_none(bench, till, "nothing is wanted")
        bench.desk.opens(till.values, "return")
        opened = bench.desk.until(lambda: till.takes, OPEN_S)
        bench.see("shut", kept=opened, what="opens when the stance does" if opened else f"wanted, and not open in {OPEN_S:.0f} s")
        bench.desk.opens(till.values[:1], "return")
        time.sleep(SHUT_S)
        came = till.put(till.values[-1])
        bench.see("shut", kept=not came, what=f"{till.values[-1]} {'came in' if came else 'is refused'} where {till.values[0]} is wanted")
        if bench.role == "notes":
            bench.desk.until(lambda: not till.held, MOVE_S)
        bench.desk.opens(till.values, "stack")
        bench.desk.until(lambda: till.takes, OPEN_S)
        process.fill(full=True)
        till.put(till.values[0])
        _takes_none(bench, till, "the desk does not listen")
        process.fill(full=False)
        settled(bench, till, "shut", "the desk listens again")
        bench.desk.opens(till.values)
        bench.desk.until(lambda: till.takes, OPEN_S)
        process.stop(STOP_S, 2 * STOP_S)
        _takes_none(bench, till, "after stop()")


def _takes_none(bench: Bench, till: Till, when: str) -> None:
    """Within its time, and then for a while."""
    closed = bench.desk.until(lambda: not till.takes, SHUT_S)
    for _ in range(5):
        time.sleep(0.1)
        closed = closed and not till.takes
    bench.see("shut", kept=closed, what=f"{when}: {'shut' if closed else f'still open after {SHUT_S:.0f} s'}")


def word(bench: Bench) -> None:
    """Another note's word is nobody's; then its own, either way."""
    with bench.alive():
        till = Till(bench)
        for says in ("return", "stack"):
            since, before = bench.desk.mark, till.boxed
            bench.desk.opens(till.values)
            bench.desk.until(lambda: till.takes, OPEN_S)
            till.put(till.values[0])
            if not bench.desk.until(lambda since=since: bench.desk.heard(NoteHeld, since), MOVE_S):  # type: ignore[misc]
                bench.see("word", kept=False, what="a note in escrow is not told")
                return
            held = bench.desk.heard(NoteHeld, since)[0]
            bench.desk.wants(stance=Stance(till.values, (), "stack", held.counter % 255 + 7))
            time.sleep(1.5)
            stayed = till.held and till.boxed == before
            bench.see("word", kept=stayed, what="another note's word is not obeyed" if stayed else "it moved at another note's word")
            bench.desk.opens(till.values, says)
            bench.desk.until(lambda: not till.held, MOVE_S)
            grown = till.boxed[1] - before[1]
            bench.see("word", kept=not till.held and grown == (says == "stack"), what=f"{says}: {grown} in the box")
        settled(bench, till, "word", "at the end")


def stops_at_work(bench: Bench) -> None:
    """stop() with a note in escrow, or a coin just fallen: what is told is what is in the box, by the next life at the latest."""
    with bench.alive() as process:
        till = Till(bench)
        bench.desk.opens(till.values)
        bench.desk.until(lambda: till.takes, OPEN_S)
        till.put(till.values[0])
        bench.desk.until(lambda: bench.desk.held or bench.role == "coins", MOVE_S)
        stopped(bench, process, "with a note in escrow" if bench.role == "notes" else "when a coin has fallen")
    bench.desk.again()
    with bench.alive():
        settled(bench, till, "ends", "the next life")


def remembers(bench: Bench) -> None:
    """Killed with a piece told and written, told and not written, and with a note at each place of its way."""
    first: Till | None = None
    for when in ("held", "word", "moving", "unheard") if bench.role == "notes" else ("heard", "unheard"):
        with bench.alive() as process:
            till = first = first or Till(bench)
            _dies(bench, till, process, when)
        bench.desk.again()
        with bench.alive():
            settled(bench, till, "remembers", f"killed {KILLED[when]}")


KILLED = {
    "held": "with a note in escrow",
    "word": "at the word for it",
    "moving": "while it moves",
    "heard": "when the journal has it",
    "unheard": "when the box has it and the journal has not",
}


def _dies(bench: Bench, till: Till, process: DriverProcess, when: str) -> None:
    """kill -9 at that moment."""
    bench.desk.opens(till.values, "stack" if when != "held" else "hold")
    bench.desk.until(lambda: till.takes, OPEN_S)
    before, mark = till.boxed, bench.desk.mark
    if bench.role == "coins" and when == "unheard":
        process.deaf()
    till.put(till.values[0])
    if bench.role == "coins":
        bench.desk.until(lambda: till.boxed != before if when == "unheard" else bench.desk.mark > mark, MOVE_S)
        time.sleep(0.5 if when == "unheard" else 0.0)
    else:
        bench.desk.until(lambda: bench.desk.held, MOVE_S)
        if when == "unheard":
            process.deaf()
            bench.desk.until(lambda: till.boxed != before, MOVE_S)
        time.sleep({"moving": 0.3, "unheard": 0.5}.get(when, 0.0))
    process.kill()
