"""Whatever the wire does to the bytes, what the desk was told is what is in the box, each piece once."""

from typing import Any

import pytest

from kiosk.devices.cctalk.wire import Mode
from kiosk.devices.sim.cash import CashSimulator
from kiosk.vend.seen import AcceptorReset, AcceptorUp, CoinIn, EventsLost, NoteHeld, NoteIn
from tests.cash.conftest import Bench
from tests.cash.desk import S, eventually
from tests.cash.wire import faulty
from tests.seeds import Seeds

WIRES: dict[str, dict[str, Any]] = {
    "clean": {},
    "one byte at a time": {"split": True},
    "loss": {"drop": 0.03},
    "delay": {"delay_s": 0.005},
    "duplication": {"duplicate": 0.1},
    "corruption": {"corrupt": 0.03},
    "disconnection": {"cut_after": 250},
    "all at once": {"split": True, "drop": 0.01, "corrupt": 0.01, "duplicate": 0.03, "delay_s": 0.001},
}
LINES: dict[str, dict[str, float]] = {
    "replies lost": {"drop": 0.05},
    "replies damaged": {"bad_crc": 0.05},
    "replies doubled": {"duplicate": 0.2},
    "slow replies": {"delay_ms": 20},
    "replies in bytes": {"split": True},
}

# The inner loop takes the two worst wires, notes in one mode and coins in the other.
QUICK_WIRES = ("all at once", "disconnection")


def over_each_wire(inner_loop_mode: Mode) -> pytest.MarkDecorator:
    pairs = [(wire, mode) for wire in WIRES for mode in Mode]
    quick = [(wire, inner_loop_mode) for wire in QUICK_WIRES]
    return pytest.mark.parametrize(
        ("wire", "mode"), [pytest.param(*p, marks=() if p in quick else pytest.mark.deep("every fault on every wire")) for p in pairs]
    )


def feed_notes(bench: Bench, mode: Mode, faults: dict[str, float]) -> None:
    """Six notes, every second one sent back; then the books are compared with the box."""
    notes = bench.notes(mode=str(mode), echo=True, hold_s=60.0)
    notes.line.faults.change(dict(faults))
    bench.drive("notes", mode=mode)
    words = {"stack": 0, "return": 0}
    for turn, value in enumerate((1000, 2000, 500, 1000, 10000, 100)):
        word = "return" if turn % 2 else "stack"
        bench.desk.wants(notes=(100, 500, 1000, 2000, 10000))
        held = _insert(bench, notes, {"do": "insert_note", "value_minor": value}, NoteHeld)
        assert held.denomination == value
        bench.desk.wants(escrow=word, counter=held.counter)
        eventually(lambda: notes.do({"do": "state"})["held"] is None, 15)
        eventually(lambda: bench.desk.published().acceptors["notes"].accepted == notes.do({"do": "state"})["accepted"], 15)
        words[word] += value
    told = bench.desk.heard(NoteIn)
    assert [note.denomination for note in told] == notes.book.stacked, "told and fallen into the box"
    assert sum(note.denomination for note in told) == words["stack"] == sum(int(minor) * n for minor, n in notes.memory["box"].items())
    assert [note.accepted for note in told] == [1, 2, 3]
    assert not bench.desk.heard(EventsLost)
    assert not bench.desk.heard(AcceptorReset)


def feed_coins(bench: Bench, mode: Mode, faults: dict[str, float]) -> None:
    """A dozen coins; then the books are compared with the box."""
    coins = bench.coins(mode=str(mode), echo=False)
    coins.line.faults.change(dict(faults))
    bench.drive("coins", mode=mode)
    bench.desk.wants(coins=(10, 50, 100))
    for value in (10, 50, 100) * 4:
        coin = _insert(bench, coins, {"do": "insert_coin", "value_minor": value}, CoinIn)
        assert coin.denomination == value
    told = bench.desk.heard(CoinIn)
    assert [coin.denomination for coin in told] == coins.book.stacked, "told and fallen into the box"
    assert [coin.accepted for coin in told] == list(range(1, 13))
    assert sum(coin.denomination for coin in told) == 640 == sum(int(minor) * n for minor, n in coins.memory["box"].items())
    assert not bench.desk.heard(EventsLost)
    assert not bench.desk.heard(AcceptorReset)


def _insert(bench: Bench, simulator: CashSimulator, order: dict[str, Any], kind: type[S]) -> S:
    """Pushes as a customer does: when the slot is lit, and again when it gave the piece back."""
    since = len(bench.desk.told)
    for _ in range(400):
        state = simulator.do({"do": "state"})
        if state["accepting"] and simulator.do(order)["rejected"] == state["rejected"]:
            return bench.desk.await_one(kind, since, 15.0)
        bench.desk.wait(bench.desk.published().rev, 0.05)
    raise AssertionError("the slot never opened")


@pytest.mark.covers("abuse-26")
@over_each_wire(Mode.CRC)
def test_notes_over_a_bad_cable(bench: Bench, seeds: Seeds, wire: str, mode: Mode) -> None:
    bench.wire = faulty(seeds, f"notes {wire} {mode}", WIRES[wire])
    feed_notes(bench, mode, {})


@over_each_wire(Mode.CHECKSUM)
def test_coins_over_a_bad_cable(bench: Bench, seeds: Seeds, wire: str, mode: Mode) -> None:
    bench.wire = faulty(seeds, f"coins {wire} {mode}", WIRES[wire])
    feed_coins(bench, mode, {})


@pytest.mark.deep("every fault on every wire")
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("line", LINES)
def test_a_device_that_answers_badly(bench: Bench, line: str, mode: Mode) -> None:
    feed_notes(bench, mode, LINES[line])
    feed_coins(bench, mode, LINES[line])


@pytest.mark.covers("failure-11")
def test_an_event_that_is_seen_again_and_again_is_told_once(bench: Bench) -> None:
    """Every poll shows the last five events; every reply comes twice."""
    coins = bench.coins()
    coins.do({"do": "fault", "duplicate": 1.0})
    bench.drive("coins")
    bench.desk.wants(coins=(100,))
    eventually(lambda: coins.memory["mask"] and coins.memory["master"])
    coins.do({"do": "insert_coin", "value_minor": 100})
    bench.desk.await_one(CoinIn)
    bench.desk.wait(bench.desk.published().rev, 0.5)
    assert len(bench.desk.heard(CoinIn)) == 1
    assert bench.desk.heard(AcceptorUp)
