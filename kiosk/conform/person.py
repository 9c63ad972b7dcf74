"""Trials of a real device, with a person before it: what a simulator's hand and box say, they are asked.

They put in what they are told to, and count at the end. The cable does what it does beside a simulator; kill -9 comes when they have put
a piece in.
"""

import time
from collections.abc import Callable
from functools import partial

from kiosk.conform import jobs
from kiosk.conform.bench import STOP_S, Bench
from kiosk.conform.cash import WIRES
from kiosk.vend.seen import AcceptorUp, Printed

Ask = Callable[[str], str]
Trial = Callable[[Bench], None]

REST_S = 5.0  # for what is under way to come to rest
YES = ("y", "yes")


def trials_of(role: str, ask: Ask) -> tuple[tuple[Trial, tuple[str, ...]], ...]:
    """Those that a person can play, with the promises that they look at; none for most roles."""
    if role in ("notes", "coins"):
        return ((partial(cash, ask), ("once", "shut", "remembers")),)
    if role == "printer":
        return ((partial(papers, ask), ("evidence", "maybe_done")),)
    return ()


def cash(ask: Ask, bench: Bench) -> None:
    """Pieces over each wire, one that is not wanted, and kill -9; the box is counted now and then."""
    piece = bench.role[:-1]
    ask(f"Empty its box, and have ten {piece}s of several kinds at hand. ENTER")
    with bench.alive() as process:
        values = bench.desk.heard(AcceptorUp)[-1].denominations if bench.desk.heard(AcceptorUp) else ()
        for wire in WIRES:
            with bench.over(wire):
                bench.desk.opens(values, "stack")
                ask(f"Put in one {piece}; again if it comes back. ENTER when it is in, or after the third try")
            time.sleep(REST_S)
        _counted(ask, bench, "once", "over eight wires")
        bench.desk.opens(())
        time.sleep(REST_S)
        _refused(ask, bench, "nothing is wanted")
        bench.desk.opens(values, "stack")
        ask(f"Put in one {piece}. ENTER at once when it is in")
        process.kill()
    bench.desk.again()
    with bench.alive() as process:
        time.sleep(REST_S)
        _counted(ask, bench, "remembers", f"killed after a {piece}")
        bench.desk.opens(values)
        process.stop(STOP_S, 2 * STOP_S)
        _refused(ask, bench, "after stop()")


def _counted(ask: Ask, bench: Bench, promise: str, when: str) -> None:
    """What they say of the box, against what was told."""
    said = ask(f"How much lies in its box, in minor units? {when}")
    told = bench.desk.credited[0]
    bench.see(promise, kept=said.strip() == str(told), what=f"{when}: {said.strip() or 'nothing'} in the box, {told} told")


def _refused(ask: Ask, bench: Bench, when: str) -> None:
    went = ask(f"Try to put in one {bench.role[:-1]}. Did it stay in? y or n").strip().lower() in YES
    bench.see("shut", kept=not went, what=f"{when}: {'it went in' if went else 'it did not go in'}")


def papers(ask: Ask, bench: Bench) -> None:
    """One, one without paper, and one afterwards."""
    numbers = []
    with bench.alive():
        for when, before in (
            ("a paper", ""),
            ("no paper", "Take the paper out of the printer, and close it. ENTER"),
            ("the next", "Put the paper in again. ENTER"),
        ):
            if before:
                ask(before)
                time.sleep(REST_S)
            numbers.append(jobs.prints(bench))
            outcome = jobs.answered(bench, Printed, numbers[-1])
            whole = ask("Did one whole paper come out, to its last line? y or n").strip().lower() in YES
            good = whole if outcome in ("printed", "assumed") else outcome != "failed" or not whole
            bench.see("evidence", kept=good, what=f"{when}: told {outcome}, {'a whole one' if whole else 'none'} came out")
        jobs.one_answer(bench, Printed, numbers)
