"""Whatever the wire, the plug or the kiosk's own death does to a payment: what the desk is told in the end is what the book says."""

import itertools
import time
from typing import Any

import pytest

from kiosk.devices.sim.zvt_book import Book
from kiosk.vend.seen import PosAnswered, PosUp
from tests.cash.desk import eventually
from tests.cash.wire import faulty
from tests.seeds import Seeds
from tests.zvt.kit import AMOUNT, NAME, Counter, paced

ENDS = {"final", "reversed", "none", "declined", "aborted", "busy"}
SERIAL: dict[str, dict[str, Any]] = {
    "one byte at a time": {"split": True},
    "delay": {"delay_s": 0.01},
    "loss": {"drop": 0.05},
    "duplication": {"duplicate": 0.1},
    "corruption": {"corrupt": 0.1},
    "disconnection": {"cut_after": 25},
    "all at once": {"split": True, "drop": 0.02, "corrupt": 0.02, "duplicate": 0.05, "delay_s": 0.001},
}
SOCKET = ("one byte at a time", "delay", "disconnection")  # it brings what was sent, or breaks
CASES = [("pty", name) for name in SERIAL] + [("tcp", name) for name in SOCKET]
KNOWN_S = 60.0
QUICK_ONES = {("pty", "all at once"), ("tcp", "disconnection")}


def ended(bank: Counter, last: PosAnswered, **about: Any) -> PosAnswered:
    """As the desk does it: while nobody knows, the terminal's book is asked."""
    deadline = time.monotonic() + KNOWN_S
    while last.outcome == "unknown":
        assert time.monotonic() < deadline, "it stays unknown"
        time.sleep(0.02)
        last = bank.desk.asks("recover", **about)
    return last


@pytest.mark.parametrize(
    ("bank", "wire"),
    [pytest.param(*case, marks=() if case in QUICK_ONES else pytest.mark.deep("every fault on every wire")) for case in CASES],
    indirect=["bank"],
)
def test_over_a_bad_wire_each_payment_is_told_as_the_book_has_it(bank: Counter, wire: str, seeds: Seeds) -> None:
    """Six payments; every third one is refused by the desk."""
    bank.wire = faulty(seeds, f"zvt {bank.kind} {wire}", SERIAL[wire])
    bank.simulate(ack_s=0.3)
    bank.drive(up=False, pace=paced(ack_s=0.3))
    bank.desk.await_one(PosUp, timeout_s=30)
    charged = 0
    for number in range(6):
        name = f"{number:016x}"
        last = bank.desk.asks("pay", payment=name)
        known = last.receipt
        if last.outcome == "approved":
            last = bank.desk.asks("refuse" if number % 3 == 2 else "goods", payment=name)
        last = ended(bank, last, payment=name, receipt=known)
        assert last.outcome in ENDS
        if bank.kind == "tcp":  # on a serial line a yes that is said twice may count for the next question
            assert number % 3 != 2 or last.outcome != "final"
        charged += AMOUNT if last.outcome == "final" else 0
        assert bank.sim.book.charged_minor == charged
    assert bank.desk.answered_once()
    assert NAME not in repr(bank.desk.told)


# ---------------------------------------------------------------- the plug, at every message


MESSAGES = 26  # of a payment with its goods and its receipt, in both directions
WAYS = list(itertools.product(("line", "power"), (False, True), (False, True)))  # what is cut; the terminal keeps; the driver dies, too
CUTS = [(at, after, *WAYS[(2 * at + after) * 5 % len(WAYS)]) for at in range(MESSAGES) for after in (False, True)]


def cut_at(bank: Counter, at: int, what: str, *, after: bool, keep: bool, dies: bool) -> None:
    """A payment that is cut at this message, and what the desk knows of it in the end. `dies`: the driver, too; the next knows nothing."""
    bank.simulate(keep=keep)
    driver = bank.drive()
    eventually(lambda: not bank.state()["busy"])
    bank.sim.do({"do": "fault", "cut": {"at": at, "after": after, "what": what, "back_s": 0.1}})
    last = bank.desk.asks("pay")
    known = last.receipt
    if last.outcome == "approved":
        last = bank.desk.asks("goods")
    said = last.outcome
    if dies and said != "final":
        driver.stop()
        bank.desk.rests()
        bank.drive(up=False)
        last = bank.desk.asks("recover", receipt=known, before="29000274/0000")
    last = ended(bank, last, receipt=known, before="29000274/0000")
    eventually(lambda: not bank.sim.book.open())
    assert last.outcome in ENDS
    assert bank.sim.book.charged_minor == (AMOUNT if last.outcome == "final" else 0), (said, last)
    assert bank.sim.book.charged_minor == Book(bank.place / "book").charged_minor
    assert bank.state()["approvals"] <= 1, "it was asked for twice"
    assert bank.desk.answered_once()


@pytest.mark.covers("failure-22", "failure-24")
@pytest.mark.parametrize(("at", "after", "what"), [(3, True, "power"), (7, False, "line"), (11, True, "power")])
def test_a_payment_that_is_cut_is_told_as_the_book_has_it(bank: Counter, at: int, what: str, *, after: bool) -> None:
    cut_at(bank, at, what, after=after, keep=bank.kind == "tcp", dies=what == "power")


@pytest.mark.deep("a bank payment cut at every message")
@pytest.mark.covers("failure-22", "failure-24")
@pytest.mark.parametrize(("at", "after", "what", "keep", "dies"), CUTS)
def test_a_payment_that_is_cut_at_any_message_is_told_as_the_book_has_it(
    bank: Counter, at: int, what: str, *, after: bool, keep: bool, dies: bool
) -> None:
    cut_at(bank, at, what, after=after, keep=keep, dies=dies)


@pytest.mark.covers("failure-22")
@pytest.mark.parametrize(("keep", "outcome"), [(False, "none"), (True, "final")])
def test_a_terminal_that_is_silent_after_its_approval_is_asked_and_its_book_decides(bank: Counter, outcome: str, *, keep: bool) -> None:
    bank.simulate(keep=keep)
    bank.drive()
    bank.sim.do({"do": "pos", "to": "silent"})
    assert bank.desk.asks("pay").outcome == "unknown"
    bank.sim.do({"do": "pos", "to": "approve"})
    assert bank.desk.asks("recover").outcome == outcome
    assert bank.sim.book.charged_minor == (AMOUNT if keep else 0)
    assert bank.commands(0x0601) == 1


def test_a_reversal_whose_answer_is_lost_is_found_in_the_book_and_not_made_twice(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    assert bank.desk.asks("pay").outcome == "approved"
    assert bank.desk.asks("goods").outcome == "final"
    eventually(lambda: bank.commands(0x0620) == 2 and not bank.state()["busy"])
    bank.sim.do({"do": "fault", "cut": {"at": 2, "after": False, "what": "line", "back_s": 0.1}})
    since = len(bank.desk.told)
    assert bank.desk.asks("reverse", receipt="0001").outcome == "unknown"
    assert bank.sim.book.charged_minor == 0
    bank.desk.await_one(PosUp, since)
    assert bank.desk.asks("reverse", receipt="0001").outcome == "reversed"
    assert sum(bool(entry.of) for entry in bank.sim.book.entries) == 1
