"""What cards and readers do in a sale, with the whole core and a real pcscd: torn, swapped, forgetful, spied on, service gone."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.faults import NONE, AlterPlain, Cut, Faults
from kiosk.devices.sim.pcscd import PORTS, READERS, Pcscd
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.vend import facts as f
from tests.kill.street import Corner, Household, Person, books
from tests.pcscd import running_pcscd

pytestmark = pytest.mark.pcsc

SERIAL_FILE, UPDATE = 25, 0xD6


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
def town(daemon: Pcscd, tmp_path: Path) -> Iterator[Town]:
    if daemon.process is None:
        daemon.start()  # a test that failed while it was dead takes no other one with it
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
    Tear(Cut(update=update, byte=byte, rest=rest, seed=byte), elsewhere=elsewhere, bought=1)  # type: ignore[arg-type]
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
QUICK = [ANSWERS[2], BYTES[5]]
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


@pytest.mark.covers("rule-20", "failure-26", "abuse-9")
def test_a_torn_card_is_finished_where_it_is_shown_next(town: Town) -> None:
    tears_end_well(town, QUICK)


@pytest.mark.deep("a card torn out at every command")
def test_cards_torn_at_every_command_and_in_the_bytes_are_finished_here_or_elsewhere(town: Town) -> None:
    assert len(TEARS) >= 20
    tears_end_well(town, TEARS)


# ---------------------------------------------------------------- pcscd is killed


@pytest.mark.deep("pcscd killed in the middle of sales")
def test_pcscd_is_killed_with_money_in_and_in_the_write_and_the_sale_finishes(daemon: Pcscd, town: Town) -> None:
    person = town.customer(50_00)
    person.before_finish = lambda: daemon.stop(kill=True)
    view = person.until_phase("unsure")
    assert (view.figure_minor, view.place, view.held) == (50_00, "between", True)
    daemon.start()
    card, before = person.home.card, person.home.card.process
    updates = []

    def die_in_the_write(apdu: bytes) -> bytes:
        updates.extend([apdu] if apdu[1] == UPDATE else [])
        if apdu[1] == UPDATE and len(updates) == 3:
            daemon.stop(kill=True)
        return before(apdu)

    with person.corner.slot.lock:
        card.process = die_in_the_write  # type: ignore[method-assign]
    person.until(lambda _: len(updates) == 3)
    view = town.k07.until(lambda view: view.phase == "unsure", why="the torn write")
    assert (view.figure_minor, view.held, view.params["why"]) == (50_00, True, "torn")
    daemon.start()
    person.recharge()
    town.stop()
    assert books(*town.corners).credited_minor == person.home.home() == 45_00
    assert facts_of(town, f.CardUnsure)
    assert len({fact.code for fact in facts_of(town, f.DeviceFault) if isinstance(fact, f.DeviceFault) and fact.device == "reader"}) == 1


# ---------------------------------------------------------------- another card


@pytest.mark.covers("abuse-10")
def test_a_card_with_the_same_answer_to_reset_is_not_taken_for_the_payers(town: Town) -> None:
    payer, other = town.customer(50_00), town.customer()
    other.home.card = CardModel(msgspec.structs.replace(other.home.card.image(), atr=payer.home.card.image().atr))
    before = other.home.card.image()
    payer.before_finish = lambda: payer.corner.slot.insert(other.home.card)  # out and in between two looks of the reader
    payer.until_phase("writing", "unsure")
    view = payer.corner.until(lambda view: view.phase == "unsure" and view.params["other_tail"], why="the other card's number")
    assert view.figure_minor == 50_00
    assert view.params["other_tail"] == before.serial[-4:]
    assert view.params["card_tail"] == payer.home.card.image().serial[-4:]
    payer.recharge()
    assert other.home.card.image() == before
    town.stop()
    assert books(*town.corners).credited_minor == payer.home.home() == 45_00
    assert other.home.home() == 0


# ---------------------------------------------------------------- cards that lie


@pytest.mark.deep("cards that lie about what they stored")
def test_a_card_that_says_9000_and_stores_nothing_leaves_the_money_in_a_claim_and_a_healed_one_gets_it(town: Town) -> None:
    person = town.customer(50_00)
    person.before_finish = lambda: arm(person, Faults(not_stored=True))
    person.until_phase("writing", "unsure")
    view = town.k07.until(lambda view: view.phase == "unsure" and view.params["why"] == "does_not_store", why="the word for it")
    assert view.figure_minor == 50_00
    person.give_up()
    assert person.home.home() == 0
    arm(person, NONE)
    person.recharge()
    town.stop()
    total = books(*town.corners)
    assert (total.claims_minor, total.credited_minor) == (0, 45_00)
    assert person.home.home() == 45_00


@pytest.mark.deep("cards that lie about what they stored")
def test_a_shim_that_alters_plain_readings_is_not_believed(town: Town) -> None:
    rich = town.customer(50_00, bought=7)
    arm(rich, Faults(alter_plain=AlterPlain(file=2, offset=0, data="00ffffff000000ff")))
    rich.recharge()
    arm(rich, NONE)  # the shim sits in the kiosk's slot, not in the meter's
    masked = town.customer(20_00)
    before = masked.home.card.image()
    arm(masked, Faults(alter_plain=AlterPlain(file=SERIAL_FILE, offset=1, data=rich.home.card.image().serial)))
    said = masked.show_card()
    assert (said.phase, said.params["why"], said.figure_minor) == ("refused", "unproven", 0)
    assert masked.home.card.image() == before
    arm(masked, Faults(wrong_mac=True))
    assert masked.show_card().phase == "refused"
    assert masked.home.card.image() == before
    town.stop()
    assert books(*town.corners).credited_minor == rich.home.home() == 45_00
    assert not [fact for fact in facts_of(town, f.CardPresented) if isinstance(fact, f.CardPresented) and fact.authentic and fact.count > 8]
