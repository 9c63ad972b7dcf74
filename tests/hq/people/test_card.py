"""Staff whose key is on a PIV card: slot 9C in a virtual reader behind the real PC/SC service."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from kiosk.devices.sim.pcscd import READERS, Pcscd
from kiosk.devices.sim.piv import PivModel
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.hq.people import card
from kiosk.hq.people.signature import holds
from kiosk.hq.people.staff import People, Staff, StaffError, granted
from kiosk.hq.store import IN_MEMORY, Store
from tests.hq.people.kit import Crew
from tests.keys.kit import PIN
from tests.pcscd import running_pcscd

pytestmark = pytest.mark.pcsc
LINE = b"what both sign"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Pcscd]:
    with running_pcscd() as daemon:
        yield daemon


@pytest.fixture
def slot(daemon: Pcscd) -> Iterator[VpcdSlot]:
    slot = VpcdSlot(daemon.sam_port)
    yield slot
    slot.pull()


@pytest.fixture
def own(slot: VpcdSlot) -> PivModel:
    """Anna's card, in the reader."""
    return put_in(slot, PivModel.issue(PIN))


def put_in(slot: VpcdSlot, model: PivModel) -> PivModel:
    slot.pull()
    slot.insert(model)
    until_s = time.monotonic() + 10
    while time.monotonic() < until_s:
        try:
            card.key_in(READERS[1])
        except StaffError:
            time.sleep(0.1)
        else:
            break
    return model


@pytest.fixture
def crew() -> Iterator[Crew]:
    with closing(Store.make(IN_MEMORY, 1, now_ms=1)) as store:
        yield Crew(store)


def joined(crew: Crew) -> Staff:
    """Anna, with the key of the card that is in the reader."""
    person = Staff("anna", "anna", card.key_in(READERS[1]), granted("anna", ["settle"], 1), 1)
    crew.people.put(crew.root, person)
    return person


def test_a_card_signs_for_its_owner_and_the_list_of_staff_knows_it(own: PivModel, crew: Crew) -> None:
    anna = joined(crew)
    assert len(anna.key) == 66
    acting = card.unlocked(anna, "anna", PIN)
    first, second = (crew.people.signed(acting, "settle.move", "deed", line) for line in (LINE, b"another line"))
    assert own.signed == 2
    assert crew.people.had_signed("anna", "deed", LINE, first)
    assert not crew.people.had_signed("anna", "deed", LINE, second)
    assert not crew.people.had_signed("anna", "refusal", LINE, first)
    assert not crew.people.had_signed("anna", "deed", LINE, first[:-2] + ("00" if first[-2:] != "00" else "01"))


def test_after_a_signature_no_other_program_finds_the_card_unlocked(own: PivModel, crew: Crew) -> None:
    acting = card.unlocked(joined(crew), "anna", PIN)
    acting.sign("deed", LINE)
    own.process(bytes.fromhex("00a4040005a00000030800"))
    assert own.process(bytes.fromhex("00200080")) == b"\x63\xc3"


def test_wrong_pins_are_counted_by_the_card_and_its_last_try_is_not_spent(own: PivModel, crew: Crew) -> None:
    anna = joined(crew)
    with pytest.raises(StaffError, match="does not take this PIN; 2 tries"):
        card.unlocked(anna, "anna", "000000")
    with pytest.raises(StaffError, match="does not take this PIN; 1 tries"):
        card.unlocked(anna, "anna", "000000")
    with pytest.raises(StaffError, match="has one try left"):
        card.unlocked(anna, "anna", PIN)
    assert own.tries == 1
    own.tries = 0
    with pytest.raises(StaffError, match="is blocked"):
        card.unlocked(anna, "anna", PIN)
    assert own.signed == 0


def test_another_card_a_pulled_card_and_no_card_sign_nothing(own: PivModel, slot: VpcdSlot, crew: Crew) -> None:
    anna = joined(crew)
    acting = card.unlocked(anna, "anna", PIN)
    other = put_in(slot, PivModel.issue(PIN))
    with pytest.raises(StaffError, match="The card of anna is in no reader"):
        card.unlocked(anna, "anna", PIN)
    with pytest.raises(StaffError, match="The card of anna is in no reader"):
        acting.sign("deed", LINE)
    slot.pull()
    with pytest.raises(StaffError, match="The card of anna is in no reader"):
        card.unlocked(anna, "anna", PIN)
    assert (own.signed, other.signed) == (0, 0)


def test_a_card_of_somebody_else_that_signs_for_anna_is_found(slot: VpcdSlot, crew: Crew) -> None:
    put_in(slot, PivModel.issue(PIN))
    anna = joined(crew)
    put_in(slot, PivModel.issue(PIN))
    mallory = Staff("anna", "anna", card.key_in(READERS[1]), anna.grants, 1)
    with pytest.raises(StaffError, match="This is not the key of anna"):
        crew.people.signed(card.unlocked(mallory, "anna", PIN), "settle.move", "deed", LINE)


@pytest.mark.usefixtures("own")
def test_two_people_never_have_one_card(crew: Crew) -> None:
    anna = joined(crew)
    with pytest.raises(StaffError, match="This is the key of anna"):
        crew.people.put(crew.root, Staff("ben", "ben", anna.key, granted("ben", ["settle"], 1), 1))


@pytest.mark.parametrize("key", ["02" + "ff" * 32, "04" + "11" * 32, "", "zz", "02" + "00" * 31])
def test_what_is_no_key_verifies_nothing(key: str) -> None:
    assert not holds(key, "deed", LINE, "11" * 64)
    assert not People.holds(Staff("x", "x", key), "deed", LINE, "")
