"""What a customer, and the desk for them, do with a validator."""

from kiosk.devices.sim.essp import EsspSimulator
from kiosk.vend.seen import AcceptorUp, NoteHeld
from tests.cash.desk import ListeningDesk, eventually

ALL = (100, 500, 1000, 2000, 5000, 10000)


def opened(desk: ListeningDesk, sim: EsspSimulator, since: int = 0) -> AcceptorUp:
    """The driver is up, and the stance lets everything in."""
    up = desk.await_one(AcceptorUp, since)
    desk.wants(notes=ALL)
    eventually(lambda: sim.do({"do": "state"})["accepting"])
    return up


def held(desk: ListeningDesk, sim: EsspSimulator, minor: int) -> NoteHeld:
    """A note is put in, as soon as the slot takes one, and is in escrow."""
    eventually(lambda: sim.do({"do": "state"})["accepting"])
    since = len(desk.told)
    sim.do({"do": "insert_note", "value_minor": minor})
    note = desk.await_held(since)
    assert note.denomination == minor
    return note


def pays(desk: ListeningDesk, sim: EsspSimulator, minor: int, word: str = "stack") -> int:
    """And is given its word; how many things were told before."""
    since = len(desk.told)
    desk.wants(notes=ALL, escrow=word, counter=held(desk, sim, minor).counter)
    return since


def box(sim: EsspSimulator) -> dict[str, int]:
    return dict(sim.do({"do": "state"})["box"])
