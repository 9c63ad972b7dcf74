"""What a card is asked of its keys before any key is shown to it: whether ours is there, and how many tries are left."""

import msgspec
import pytest

from kiosk.devices.card.session import perform
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.crypto import Masters
from tests.card.kit import Bay, read_job, reading_of, record_of, used_card, worked
from tests.card.test_session import armed_and_ready, write_job


def test_a_machine_that_is_behind_is_told_by_the_card_which_keys_it_knows_now() -> None:
    bay = Bay(msgspec.structs.replace(used_card(), min_generation=3))
    assert reading_of(perform(read_job(), bay.session)).key == "ahead"
    assert set(bay.card.tries.values()) == {10}


@pytest.mark.covers("field-11", "abuse-17")
@pytest.mark.parametrize(("left", "key"), [(10, ""), (4, ""), (3, "blocked"), (0, "blocked")])
def test_at_three_tries_or_fewer_no_key_is_shown_to_the_card(left: int, key: str) -> None:
    bay = Bay(used_card())
    bay.card.tries = bay.card.tries | {"kiosk.1": left}
    reading = reading_of(perform(read_job(), bay.session))
    assert reading.key == key
    worked(perform(write_job(record_of(reading, "12345678")), bay.session))
    shown = [apdu for apdu in bay.contact.sent if apdu[:2] == b"\x00\x82" and len(apdu) > 5]
    assert len(shown) == (0 if key else 1)
    assert bay.card.tries["kiosk.1"] == (left if key else 10)


def test_a_card_that_does_not_know_the_question_is_served() -> None:
    class Plain(CardModel):
        def process(self, apdu: bytes) -> bytes:
            return b"\x67\x00" if apdu[:2] == b"\x00\x82" and len(apdu) == 5 else super().process(apdu)

    bay = Bay(used_card())
    bay.insert(Plain(used_card()))
    assert worked(perform(write_job(armed_and_ready(bay)), bay.session)).done


def test_a_card_that_proves_nothing_may_still_say_whose_it_is() -> None:
    strange = Bay(used_card(masters=Masters.demo(7, 3)))
    reading = reading_of(perform(read_job(), strange.session))
    assert (reading.authentic, reading.issuer, reading.key) == (False, (7, 3), "")
    assert reading_of(perform(read_job(), Bay(used_card()).session)).issuer is None
