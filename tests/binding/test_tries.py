"""Wrong keys never burn a card: a thousand presentations of cards that hate us, and their counters afterwards."""

import random
from itertools import cycle

import pytest
from msgspec.structs import replace

from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.image import TRIES, clone
from kiosk.vend import facts as f
from tests.binding.kit import Kiosk, used
from tests.tears.till import Contact

PRESENTATIONS = 1000
KEPT = 3


class Lying(CardModel):
    """Genuine but for the keys that a kiosk comes in with, and it says that it has all its tries."""

    def process(self, apdu: bytes) -> bytes:
        return b"\x63\xca" if apdu[:2] == b"\x00\x82" and len(apdu) == 5 else super().process(apdu)


class Raving(CardModel):
    """Answers what comes into its mind."""

    def process(self, apdu: bytes) -> bytes:
        chance = random.Random(apdu + bytes(random.Random(len(apdu)).randbytes(1)))
        return super().process(apdu) if chance.random() < 0.8 else chance.randbytes(chance.choice((2, 2, 3, 12))) + b"\x90\x00"


def with_wrong_kiosk_keys(serial: str) -> CardModel:
    """As a desk that made a mistake personalises it: it proves itself, and takes none of our cryptograms."""
    card = used(serial, meter=serial[-12:])
    return CardModel(replace(card, keys=replace(card.keys, kiosk=dict.fromkeys(card.keys.kiosk, "00" * 16))))


def shown(contact: Contact) -> int:
    """Cryptograms that were shown to the card."""
    return sum(apdu[:2] == b"\x00\x82" and len(apdu) > 5 for apdu in contact.sent)


@pytest.mark.covers("abuse-17")
def test_a_thousand_presentations_of_hostile_and_foreign_cards_leave_every_card_its_tries() -> None:
    kiosk = Kiosk()
    proving_nothing = [
        CardModel(used("00000000000000a1", masters=Masters.demo(2))),
        CardModel(used("00000000000000a2", masters=Masters.demo(1, 9))),
        CardModel(clone(used("00000000000000a3"))),
        CardModel(used("00000000000000a4", masters=Masters.demo(3), utility=1)),
        Raving(used("00000000000000a5", masters=Masters.demo(2))),
    ]
    hostile = [with_wrong_kiosk_keys(f"0000000000000{number:03}") for number in range(1, 6)]
    for number, card in zip(range(PRESENTATIONS), cycle([*proving_nothing, *hostile])):
        contact = kiosk.visit(card, 20_00 if number % 3 else 0)
        assert shown(contact) <= (0 if card in proving_nothing else 1)
        if kiosk.state.sale:
            kiosk.give_up()
            kiosk.press("slip_taken")
    for card in proving_nothing:
        assert set(card.tries.values()) == {TRIES}
    for card in hostile:
        assert min(card.tries.values()) == KEPT
        assert {left for name, left in card.tries.items() if name != "kiosk.1"} == {TRIES}
    assert not [fact for fact in kiosk.facts() if isinstance(fact, f.CardVerified)]
    paid = sum(fact.denomination for fact in kiosk.facts() if isinstance(fact, f.NoteStacked))
    assert paid == sum(fact.amount_minor for fact in kiosk.facts() if isinstance(fact, f.ClaimIssued)), "what was paid is owed"


@pytest.mark.covers("abuse-17")
def test_a_card_that_lies_about_its_tries_is_tried_once_a_presentation_and_no_more() -> None:
    kiosk, card = Kiosk(), Lying(with_wrong_kiosk_keys("0000000000000007").image())
    contact = kiosk.put_in(card)
    kiosk.pay(20_00)
    kiosk.wait(10)
    assert shown(contact) == 1
    assert card.tries["kiosk.1"] == TRIES - 1
