"""kill -9 of the running kiosk at every journal step of a note by eSSP, and power cuts: credits equal the notes in the validator's box."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.sim.essp import EsspSimulator
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.vend import facts as f
from tests.kill.street import Corner, Household, Person, books, dies_at_each
from tests.pcscd import running_pcscd, slot_at

pytestmark = pytest.mark.pcsc

NOTE = ("Started", "AcceptorRead", "CardPresented", "SaleOpened", "NoteEscrowed", "NoteStacked", "TenderClosed")
MODELS: dict[str, dict[str, Any]] = {
    "sealed": {},  # POLL WITH ACK: the credit repeats until the journal has it
    "plain": {"keyed": "none", "polls_with_ack": False},  # the credit is said once, and only the counters remember
}


@pytest.fixture(scope="module", autouse=True)
def pcscd() -> Iterator[None]:
    with running_pcscd(another=True):
        yield


class EsspCorner(Corner):
    """A corner whose note acceptor speaks eSSP."""

    def __init__(self, folder: Path, slot: VpcdSlot, reader: str, **model: Any) -> None:
        super().__init__(folder, slot, reader)
        self.notes.stop()
        memory = self.place / "notes.json"
        memory.unlink(missing_ok=True)
        self.notes = EsspSimulator(self.place / "dev" / "notes", state=memory, route_s=0.3, **model)
        self.notes.start()
        config = self.place / "kiosk.toml"
        config.write_text(config.read_text().replace('role = "notes"\nprotocol = "cctalk"', 'role = "notes"\nprotocol = "essp"'))


def die_and_finish(folder: Path, place: int, death: str, model: dict[str, Any], *, power: bool = False) -> list[str]:
    """One sale of one note with one death in it, then the books; the instants that the first process came past.

    `power`: the validator loses its power, too.
    """
    corner, home = EsspCorner(folder, *slot_at(place), **model), Household(folder / "home")

    person = Person(corner, home, (100_00,), partial(corner.start_again, power=power))
    try:
        corner.start_mortal(death)
        person.recharge()
        passed = corner.trace.read_text().splitlines()
        state = corner.notes.do({"do": "state"})
    finally:
        corner.stop()
    assert person.deaths == (death != "never"), f"it never came to {death}: {passed}"
    facts = corner.facts()
    credited = [fact.denomination for fact in facts if isinstance(fact, f.NoteStacked)]
    assert state["box"] == {"10000": 1}
    assert credited == [100_00]
    assert not [fact for fact in facts if isinstance(fact, f.OrphanCredit | f.EscrowUnknown)]
    assert state["repeated"] == [], "a credit that the journal has was not acknowledged"
    total = books(corner)
    assert total.sales == 1, total
    assert home.home() == total.credited_minor > 0, total
    return passed


@pytest.mark.parametrize(
    ("model", "death"),
    [
        ("sealed", "committed NoteEscrowed#1"),
        ("sealed", "inserted NoteStacked#1"),
        ("sealed", "committed NoteStacked#1"),
        ("plain", "before NoteStacked#1"),
    ],
)
def test_a_kiosk_killed_with_an_essp_note_under_way_credits_what_is_in_the_box(tmp_path: Path, model: str, death: str) -> None:
    die_and_finish(tmp_path, 0, death, MODELS[model])


HELD, STACKED = "committed NoteEscrowed#1", "before NoteStacked#1"
CUTS = [
    (HELD, "return", "event"),  # E1
    (HELD, "return", "nothing"),
    (HELD, "stack", "event"),  # E2 and the channel
    (HELD, "stack", "unknown"),  # E2 0
    (HELD, "stack", "nothing"),  # only the counter has grown
    (STACKED, "return", "nothing"),
]


@pytest.mark.covers("failure-5")
@pytest.mark.parametrize(
    ("death", "goes", "tells"),
    [pytest.param(*cut, marks=() if cut == CUTS[3] else pytest.mark.deep("every power cut of a note in escrow")) for cut in CUTS],
)
def test_an_essp_note_in_escrow_at_a_power_cut_is_credit_if_it_is_in_the_box(tmp_path: Path, death: str, goes: str, tells: str) -> None:
    """The one that goes back is put in again, so that there is one note in the box, and one credit, in each case."""
    die_and_finish(tmp_path, 0, death, {"at_power_loss": goes, "power_up_tells": tells, "forgets": tells == "nothing"}, power=True)


@pytest.mark.deep("every boundary of a note")
@pytest.mark.parametrize("model", MODELS)
def test_a_kiosk_killed_at_every_journal_step_of_an_essp_note_credits_what_is_in_the_box(tmp_path: Path, model: str) -> None:
    instants = die_and_finish(tmp_path / "whole", 0, "never", MODELS[model])
    kinds = {instant.split()[1].split("#")[0] for instant in instants}
    assert kinds >= set(NOTE), f"the sale had no {set(NOTE) - kinds}"
    steps = instants[instants.index("before Started#1") :]
    steps_of = NOTE if model == "sealed" else ("NoteEscrowed", "NoteStacked")
    deaths = [instant for instant in steps if instant.split()[1].split("#")[0] in steps_of]
    dies_at_each(deaths, lambda place, death: die_and_finish(tmp_path / death.replace(" ", "-"), place, death, MODELS[model]))
    assert len(deaths) >= 2 * len(steps_of)
