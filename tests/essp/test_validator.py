"""The driver against the simulated validator: what the desk is told, and where the note is."""

import pytest

from kiosk.devices.sim.essp import EsspSimulator
from kiosk.vend.seen import AcceptorUp, NoteBack, NoteIn
from tests.cash.desk import eventually
from tests.essp.conftest import Bench

ALL = (100, 500, 1000, 2000, 5000, 10000)


def opened(bench: Bench, sim: EsspSimulator, since: int = 0) -> AcceptorUp:
    """The driver is up, and the stance lets everything in."""
    up = bench.desk.await_one(AcceptorUp, since)
    bench.desk.wants(notes=ALL)
    eventually(lambda: sim.do({"do": "state"})["accepting"])
    return up


def pays(bench: Bench, sim: EsspSimulator, minor: int, word: str = "stack") -> int:
    """A note is put in, and its word is given once it is held; how many things had been told before."""
    since = len(bench.desk.told)
    sim.do({"do": "insert_note", "value_minor": minor})
    held = bench.desk.await_held(since)
    assert held.denomination == minor
    bench.desk.wants(notes=ALL, escrow=word, counter=held.counter)
    return since


def box(sim: EsspSimulator) -> dict[str, int]:
    return dict(sim.do({"do": "state"})["box"])


@pytest.mark.parametrize("keyed", ["none", "optional", "required"])
def test_a_note_is_held_stacked_and_credited_in_clear_and_encrypted(bench: Bench, keyed: str) -> None:
    sim = bench.notes(keyed=keyed)
    bench.drive()
    up = opened(bench, sim)
    assert (up.serial, up.accepted, up.denominations) == ("4060504", 0, ALL)
    since = pays(bench, sim, 1000)
    credit = bench.desk.await_one(NoteIn, since)
    assert (credit.denomination, credit.accepted) == (1000, 1)
    eventually(lambda: not sim.do({"do": "state"})["repeated"])
    assert sim.do({"do": "state"})["sealed"] == (keyed != "none")
    assert box(sim) == {"1000": 1}
    since = pays(bench, sim, 2000, "return")
    bench.desk.await_one(NoteBack, since)
    since = pays(bench, sim, 5000)
    assert bench.desk.await_one(NoteIn, since).accepted == 2
    assert box(sim) == {"1000": 1, "5000": 1}
    assert len(bench.desk.heard(NoteIn)) == 2
