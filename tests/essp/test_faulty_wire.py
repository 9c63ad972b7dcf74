"""Whatever the wire does to the bytes, what the desk was told is what is in the box, each note once."""

from typing import Any

import pytest

from kiosk.devices.sim.essp import EsspSimulator
from kiosk.vend.seen import AcceptorUp, NoteHeld, NoteIn
from tests.cash.desk import eventually
from tests.cash.wire import faulty
from tests.essp.conftest import Bench, quick
from tests.essp.desk import ALL, box
from tests.seeds import Seeds

WIRES: dict[str, dict[str, Any]] = {
    "one byte at a time": {"split": True},
    "loss": {"drop": 0.05},
    "delay": {"delay_s": 0.005},
    "duplication": {"duplicate": 0.2},
    "corruption": {"corrupt": 0.05},
    "disconnection": {"cut_after": 150},
    "all at once": {"split": True, "drop": 0.02, "corrupt": 0.02, "duplicate": 0.05, "delay_s": 0.001},
}
LINES: dict[str, dict[str, object]] = {
    "replies lost": {"drop": 0.1},
    "replies damaged": {"bad_crc": 0.1},
    "replies doubled": {"duplicate": 0.3},
    "slow replies": {"delay_ms": 20},
}
QUICK_WIRES = ("all at once", "disconnection")
CASES = [
    pytest.param(wire, keyed, marks=() if wire in QUICK_WIRES and keyed == "optional" else pytest.mark.deep("every fault on every wire"))
    for wire in (*WIRES, *LINES)
    for keyed in ("none", "optional")
]


@pytest.mark.parametrize(("wire", "keyed"), CASES)
def test_over_a_bad_wire_the_desk_is_told_of_each_note_once(bench: Bench, seeds: Seeds, wire: str, keyed: str) -> None:
    """Six notes, every second one sent back; one that the wire took from the desk is put in again, as its owner would."""
    sim = bench.notes(keyed=keyed, hold_s=60.0)
    sim.line.faults.change(dict(LINES.get(wire, {})))
    if wire in WIRES:
        bench.wire = faulty(seeds, f"essp {wire} {keyed}", WIRES[wire])
    bench.drive(pace=quick(reply_s=0.06, tries=8, decide_s=20.0, move_s=3.0))
    bench.desk.await_one(AcceptorUp, timeout_s=20)
    for turn, value in enumerate((1000, 2000, 500, 1000, 10000, 100)):
        word = "return" if turn % 2 else "stack"
        while not moved(bench, sim, value, word):
            continue
    eventually(lambda: not state(sim)["repeated"], 15)
    told = bench.desk.heard(NoteIn)
    assert [note.denomination for note in told] == sim.book.stacked, "told and fallen into the box"
    assert box(sim) == {"1000": 1, "500": 1, "10000": 1}
    assert [(note.denomination, note.accepted) for note in told] == [(1000, 1), (500, 2), (10000, 3)]


def state(sim: EsspSimulator) -> dict[str, Any]:
    """All of it at one instant: not between two steps of a note that moves."""
    return sim.do({"do": "state"})


def moved(bench: Bench, sim: EsspSimulator, value: int, word: str) -> bool:
    """One try: put in, held, given its word, gone. False when a break gave it back before it had one."""
    since, before = len(bench.desk.told), state(sim)["accepted"]
    bench.desk.wants(notes=ALL)
    eventually(lambda: state(sim)["accepting"], 20)
    sim.do({"do": "insert_note", "value_minor": value})
    eventually(lambda: bench.desk.heard(NoteHeld, since) or not state(sim)["held"], 20)
    if not bench.desk.heard(NoteHeld, since):
        return False
    bench.desk.wants(notes=ALL, escrow=word, counter=bench.desk.heard(NoteHeld, since)[0].counter)
    eventually(lambda: not state(sim)["held"], 20)
    eventually(lambda: bench.desk.published().acceptors["notes"].accepted == state(sim)["accepted"], 20)
    return word == "return" or state(sim)["accepted"] > before
