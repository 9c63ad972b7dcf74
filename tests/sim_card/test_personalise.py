"""A blank card becomes somebody's: only the office can do it, key by key, and the maker's key is worth nothing afterwards."""

import pytest

from kiosk.devices.sim import crypto, image
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.faults import CardPulled, Cut, Faults
from tests.sim_card.kit import KIOSK_1, KIOSK_2, SERIAL, Terminal, card, key_of

ADMIN, AUTH = key_of(crypto.ADMIN), key_of(crypto.AUTH)


class Desk(Terminal):
    """The office's reader."""

    def write(self, ref: int, generation: int, value: bytes, by: bytes, *, length: int = 8, spoil: int = 0) -> str:
        """WRITE KEY under the key `by`; its status."""
        head, challenge = bytes([0x04, 0xD4, 0, ref, 22]), self.challenge(length)
        pad = crypto.Key(by).cmac(b"K" + challenge + head + generation.to_bytes(2, "big"))
        body = generation.to_bytes(2, "big") + bytes(a ^ b for a, b in zip(value, pad, strict=True))
        mac = crypto.Key(by).cmac(b"M" + challenge + head + body)[:4]
        return self.send((head + body + bytes([mac[0] ^ spoil]) + mac[1:]).hex())

    def issuer(self, value: bytes, by: bytes, tag: int = 0x42) -> str:
        """PUT DATA; its status."""
        head, challenge = bytes([0x04, 0xDA, 0, tag, 12]), self.challenge(4)
        return self.send((head + value + crypto.Key(by).cmac(b"M" + challenge + head + value)[:4]).hex())


@pytest.fixture
def blank() -> Desk:
    return Desk(CardModel(image.blank(SERIAL)))


@pytest.fixture
def admitted(blank: Desk) -> Desk:
    """The office's own key is in ADMIN's place, and has been proved."""
    assert blank.external(crypto.ADMIN, image.MAKERS_KEY) == "9000"
    assert blank.write(crypto.ADMIN, 0, ADMIN, image.MAKERS_KEY) == "9000"
    assert blank.prove(crypto.ADMIN) == "9000"
    return blank


def test_a_blank_says_its_serial_that_it_is_not_issued_and_which_keys_are_in(blank: Desk) -> None:
    assert blank.send("00b081002d") == "6b00"
    assert blank.send("04b0810009" + "00" * 8 + "2d") == "6b00"
    assert blank.send("04b0820009" + "00" * 8 + "08") == "6a88", "nothing is proved without a key"
    assert (blank.send("00ca00e000"), blank.send("00ca00e003")) == ("6c03", "01ffff9000")
    assert blank.send("00ca004200") == "6a88", "nobody has issued it"
    assert blank.external(KIOSK_1, bytes(16)) == "6a88"
    blank.card.reset()
    assert blank.send("00b0990108") == SERIAL.hex() + "9000"


def test_the_makers_key_writes_the_offices_key_and_nothing_else(blank: Desk) -> None:
    assert blank.write(crypto.ADMIN, 0, ADMIN, image.MAKERS_KEY) == "6982", "not before it was proved"
    assert blank.external(crypto.ADMIN, image.MAKERS_KEY) == "9000"
    assert blank.write(crypto.AUTH, 0, AUTH, image.MAKERS_KEY) == "6982"
    assert blank.issuer(bytes(8), image.MAKERS_KEY) == "6982"
    assert blank.update(crypto.ADMIN, 1, 0, bytes(45)) == "6982"
    assert blank.write(crypto.ADMIN, 0, ADMIN, image.MAKERS_KEY) == "9000"
    assert blank.write(crypto.AUTH, 0, AUTH, ADMIN) == "6982", "whoever was proved by the key that is gone is nobody"
    assert blank.external(crypto.ADMIN, image.MAKERS_KEY) == "63c9"


def test_key_by_key_it_becomes_a_card(admitted: Desk) -> None:
    assert admitted.write(crypto.AUTH, 0, AUTH, ADMIN) == "9000"
    for ref, generation in ((KIOSK_1, 1), (KIOSK_2, 2), (0x33, 3)):
        assert admitted.write(ref, generation, key_of(ref), ADMIN) == "9000"
    assert admitted.write(crypto.METER, 0, key_of(crypto.METER), ADMIN) == "9000"
    assert admitted.issuer((7).to_bytes(4, "big") + (3).to_bytes(4, "big"), ADMIN) == "9000"
    assert admitted.send("00ca00e000") == "6c12"
    assert admitted.send("00ca00e012") == "010000" + "020000" + "130001" + "230002" + "330003" + "040000" + "9000"
    assert admitted.send("00ca004208") == "00000007" + "00000003" + "9000"
    assert [admitted.prove(ref) for ref in (KIOSK_1, KIOSK_2, 0x33, crypto.METER)] == ["9000"] * 4
    made = admitted.card.image()
    assert (made.keys, made.min_generation, made.utility, made.region) == (card().image().keys, 1, 7, 3)
    assert CardModel(made).image() == made


def test_only_the_office_writes_keys(admitted: Desk) -> None:
    admitted.write(KIOSK_1, 1, key_of(KIOSK_1), ADMIN)
    admitted.write(crypto.METER, 0, key_of(crypto.METER), ADMIN)
    for ref in (KIOSK_1, crypto.METER):
        assert admitted.prove(ref) == "9000"
        assert admitted.write(crypto.AUTH, 0, AUTH, key_of(ref)) == "6982"
        assert admitted.issuer(bytes(8), key_of(ref)) == "6982"


@pytest.mark.parametrize(("ref", "generation", "status"), [(0x06, 0, "6a88"), (0x05, 0, "6a88"), (KIOSK_2, 1, "6a88"), (0x03, 16, "9000")])
def test_a_key_goes_where_its_name_says(admitted: Desk, ref: int, generation: int, status: str) -> None:
    assert admitted.write(ref, generation, bytes(16), ADMIN) == status


def test_there_is_room_for_three_generations(admitted: Desk) -> None:
    for generation in (1, 2, 3):
        assert admitted.write(crypto.kiosk_role(generation), generation, bytes(16), ADMIN) == "9000"
    assert admitted.write(crypto.kiosk_role(4), 4, bytes(16), ADMIN) == "6a84"
    assert admitted.write(crypto.kiosk_role(3), 3, bytes(range(16)), ADMIN) == "9000", "the same place"


def test_wrong_macs_lengths_and_challenges_write_nothing(admitted: Desk) -> None:
    assert admitted.write(crypto.AUTH, 0, AUTH, ADMIN, spoil=1) == "6988"
    assert admitted.write(crypto.AUTH, 0, AUTH, ADMIN, length=4) == "6984"
    assert admitted.send("04d4000215" + "00" * 21) == "6700"
    assert admitted.send("00d4000216" + "00" * 22) == "6982"
    assert admitted.issuer(bytes(8), ADMIN, tag=0x43) == "6a88"
    assert admitted.card.tries["admin"] == image.TRIES - 1
    assert admitted.card.image().keys.auth == ""
    for _ in range(9):
        admitted.write(crypto.AUTH, 0, AUTH, ADMIN, spoil=1)
    assert admitted.write(crypto.AUTH, 0, AUTH, ADMIN) == "6983"


@pytest.mark.parametrize(("after", "there"), [(False, ""), (True, AUTH.hex())])
def test_a_key_is_written_whole_or_not_at_all(admitted: Desk, after: bool, there: str) -> None:
    admitted.card.arm(Faults(cut=Cut(apdu=1, after=after)))
    with pytest.raises(CardPulled):
        admitted.write(crypto.AUTH, 0, AUTH, ADMIN)
    assert admitted.card.image().keys.auth == there


def test_the_tries_left_can_be_asked_for_and_asking_is_not_trying(admitted: Desk) -> None:
    assert admitted.send("0082000100") == "63ca"
    assert admitted.send("00820001") == "63ca", "over T=1 there is no fifth byte"
    assert admitted.write(KIOSK_1, 1, key_of(KIOSK_1), ADMIN) == "9000", "and the office is still proved"
    assert admitted.external(KIOSK_1, bytes(16)) == "63c9"
    assert admitted.send("0082001300") == "63c9"
    assert admitted.send("0082002300") == "6a88"
    admitted.card.tries = admitted.card.tries | {"kiosk.1": 0}
    assert admitted.send("0082001300") == "6983"
