"""What cards and readers do in a sale, with the whole core and a real pcscd: torn, swapped, forgetful, spied on, service gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kiosk.devices.sim.faults import NONE, Cut, Faults
from kiosk.devices.sim.pcscd import PORTS, READERS
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.vend import facts as f
from tests.kill.street import Corner, Household, Person, books
from tests.pcscd import Pcscd, running_pcscd

pytestmark = pytest.mark.pcsc

SERIAL_FILE = 25


@pytest.fixture(scope="module")
def daemon() -> Iterator[Pcscd]:
    with running_pcscd() as one:
        yield one


class Town:
    """Two kiosks and as many customers as the story needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.k07 = Corner(folder, VpcdSlot(PORTS[0]), READERS[0], kiosk="K07")
        self.k08 = Corner(folder, VpcdSlot(PORTS[1]), READERS[1], kiosk="K08")
        self.corners = (self.k07, self.k08)
        for corner in self.corners:
            corner.start_here()
        self._customers = 0

    def customer(self, *money: int, bought: int = 0) -> Person:
        """Someone new, at K07 with this money."""
        self._customers += 1
        home = Household(self.folder / f"home-{self._customers}", self._customers, bought)
        return Person(self.k07, home, tuple(self.k07.in_box().elements()) + money)

    def stop(self) -> None:
        for corner in self.corners:
            corner.stop()


@pytest.fixture
def town(daemon: Pcscd, tmp_path: Path) -> Iterator[Town]:  # noqa: ARG001 - it must run
    town = Town(tmp_path)
    yield town
    town.stop()


def facts_of(town: Town, kind: type[f.Fact]) -> list[f.Fact]:
    return [fact for fact in town.k07.facts() if isinstance(fact, kind)]


def arm(person: Person, faults: Faults) -> None:
    with person.corner.slot.lock:
        person.home.card.arm(faults)


# ---------------------------------------------------------------- torn


class Tear(NamedTuple):
    """Where the card leaves, and whether it comes back here or goes to the other kiosk. Four updates: arm or type, mark, load, commit."""

    cut: Cut
    elsewhere: bool
    bought: int = 0


COMMANDS = [Tear(Cut(apdu=number), elsewhere=number % 2 == 1) for number in range(10)]
ANSWERS = [Tear(Cut(apdu=number, after=True), elsewhere=number % 4 == 1) for number in (3, 5, 7, 9)]
BYTES = [
    Tear(Cut(update=update, byte=byte, rest=rest, seed=byte), elsewhere=elsewhere, bought=7)  # type: ignore[arg-type]
    for update, byte, rest, elsewhere in (
        (0, 1, "old", True),
        (0, 1, "ff", False),
        (1, 2, "old", False),
        (1, 6, "random", True),
        (1, 10, "zero", True),
        (2, 3, "old", True),
        (2, 2, "ff", False),
        (2, 7, "random", True),
        (3, 1, "old", True),
        (3, 6, "random", False),
    )
]
VERIFY = [Tear(Cut(apdu=14), elsewhere=False), Tear(Cut(apdu=14), elsewhere=True)]
QUICK = [COMMANDS[6], ANSWERS[1], BYTES[5]]
TEARS = [*COMMANDS, *ANSWERS, *BYTES, *VERIFY]


def torn_and_finished(town: Town, tear: Tear) -> int:
    """One customer whose card is torn once; what the meter credited in the end."""
    person = town.customer(50_00, bought=tear.bought)
    person.before_finish = lambda: arm(person, Faults(cut=tear.cut))
    person.until_phase("unsure", "done")
    assert person.home.card.faults == NONE, f"{tear} never came to pass"
    if not tear.elsewhere:
        person.recharge()
        return person.home.home()
    person.give_up()
    Person(town.k08, person.home, ()).show_card()
    if not person.charged:
        person.recharge()
    credited = person.home.home()
    person.show_card()  # the meter's word settles a claim that landed elsewhere
    return credited


def tears_end_well(town: Town, tears: list[Tear]) -> None:
    credited = [torn_and_finished(town, tear) for tear in tears]
    town.stop()
    total = books(*town.corners)
    assert credited == [50_00 - 5_00] * len(tears)
    assert total.credited_minor == sum(credited)
    assert total.claims_minor == 0
    assert total.sales == len(tears)


def test_a_torn_card_is_finished_where_it_is_shown_next(town: Town) -> None:
    tears_end_well(town, QUICK)


@pytest.mark.slow
def test_cards_torn_at_every_command_and_in_the_bytes_are_finished_here_or_elsewhere(town: Town) -> None:
    assert len(TEARS) >= 20
    tears_end_well(town, TEARS)
