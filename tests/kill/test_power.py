"""The power fails for kiosk and acceptors together, 50 in the box and 100 in escrow or just stacked: only evidence makes credit of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kiosk.devices.sim.pcscd import PORTS, READERS
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.vend import facts as f
from tests.kill.street import Corner, Household, Person, books
from tests.pcscd import running_pcscd

pytestmark = pytest.mark.pcsc

HELD, STACKED = "committed NoteEscrowed#2", "before NoteStacked#2"


class Cut(NamedTuple):
    """When, what the note acceptor is like, and what must come of the 100."""

    death: str
    at_power_loss: str
    power_up_tells: str
    accept_counter: bool
    end: str  # credit | back | unknown


CUTS = [
    Cut(HELD, "return", "event", accept_counter=True, end="back"),
    Cut(HELD, "return", "nothing", accept_counter=True, end="back"),
    Cut(HELD, "return", "event", accept_counter=False, end="back"),
    Cut(HELD, "return", "nothing", accept_counter=False, end="unknown"),
    Cut(HELD, "stack", "event", accept_counter=True, end="credit"),
    Cut(HELD, "stack", "unknown", accept_counter=True, end="credit"),
    Cut(HELD, "stack", "nothing", accept_counter=True, end="credit"),
    Cut(HELD, "stack", "event", accept_counter=False, end="credit"),
    Cut(HELD, "stack", "unknown", accept_counter=False, end="credit"),
    Cut(HELD, "stack", "nothing", accept_counter=False, end="unknown"),
    Cut(STACKED, "return", "event", accept_counter=True, end="credit"),
    Cut(STACKED, "return", "event", accept_counter=False, end="unknown"),
]
QUICK = CUTS[5]


@pytest.fixture(scope="module", autouse=True)
def pcscd() -> Iterator[None]:
    with running_pcscd():
        yield


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(cut, marks=[] if cut is QUICK else pytest.mark.deep("every power cut of a note in escrow"), id="-".join(map(str, cut)))
        for cut in CUTS
    ],
)
def test_a_note_in_escrow_at_a_power_cut_is_credit_only_by_evidence(tmp_path: Path, cut: Cut) -> None:
    corner = Corner(
        tmp_path,
        VpcdSlot(PORTS[0]),
        READERS[0],
        at_power_loss=cut.at_power_loss,
        power_up_tells=cut.power_up_tells,
        accept_counter=cut.accept_counter,
    )

    def power_comes_back() -> None:
        corner.power("off")
        corner.power("on")
        corner.start()

    home = Household(tmp_path / "home")
    person = Person(corner, home, (50_00, 100_00), power_comes_back)
    try:
        corner.start_mortal(cut.death)
        person.recharge()
    finally:
        corner.stop()
    stacked = cut.at_power_loss == "stack" or cut.death == STACKED
    assert person.hand()[100_00] == (not stacked)
    total = books(corner, unknown_minor=100_00 if stacked and cut.end == "unknown" else 0)
    told = [type(fact) for fact in corner.facts() if isinstance(fact, f.NoteStacked | f.NoteReturned | f.EscrowUnknown)]
    assert told[1:] == [{"credit": f.NoteStacked, "back": f.NoteReturned, "unknown": f.EscrowUnknown}[cut.end]]
    assert total.tendered_minor == (150_00 if cut.end == "credit" else 50_00)
    assert home.home() == total.credited_minor == total.tendered_minor - total.deductions_minor
    assert home.home() == 0
