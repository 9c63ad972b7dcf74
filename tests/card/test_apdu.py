"""61xx, 6Cxx and half answers of ISO/IEC 7816-4, with a card that answers from a list."""

from collections.abc import Sequence

import pytest

from kiosk.devices.card.apdu import ApduError, CardTorn, Command, exchange

READ = Command(0x00, 0xB0, 0x81, 0x00, expected=16)
MAC_READ = Command(0x04, 0xB0, 0x82, 0x00, b"123456789", expected=12)
SELECT = Command(0x00, 0xA4, 0x00, 0x00, b"\xdf\x01")


class Tape:
    """A contact that answers from a list and keeps what it was sent."""

    def __init__(self, answers: Sequence[str], protocol: int = 0) -> None:
        self.protocol = protocol
        self.sent: list[str] = []
        self._answers = list(answers)

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu.hex())
        return bytes.fromhex(self._answers[min(len(self.sent), len(self._answers)) - 1])

    def reset(self) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


def test_a_plain_answer_needs_one_command() -> None:
    tape = Tape(["0102039000"])
    assert exchange(tape, READ) == b"\x01\x02\x03"
    assert tape.sent == ["00b0810010"]


@pytest.mark.covers("field-10", "card-14")
def test_an_answer_in_pieces_is_fetched_whole() -> None:
    tape = Tape(["6103", "0102036102", "04059000"])
    assert exchange(tape, MAC_READ) == b"\x01\x02\x03\x04\x05"
    assert tape.sent == ["04b0820009" + b"123456789".hex(), "00c0000003", "00c0000002"]


@pytest.mark.covers("card-14")
def test_a_wrong_length_is_asked_again_with_the_right_one() -> None:
    tape = Tape(["6c08", "01020304050607089000"])
    assert len(exchange(tape, READ)) == 8
    assert tape.sent == ["00b0810010", "00b0810008"]


def test_an_answer_that_nobody_asked_for_is_left() -> None:
    tape = Tape(["6110"])
    assert exchange(tape, SELECT) == b""
    assert len(tape.sent) == 1


def test_over_t1_the_expected_length_goes_with_the_command() -> None:
    tape = Tape(["0102039000"], protocol=1)
    assert exchange(tape, MAC_READ) == b"\x01\x02\x03"
    assert tape.sent == ["04b0820009" + b"123456789".hex() + "0c"]


@pytest.mark.covers("card-14")
def test_a_card_that_says_there_is_more_for_ever_is_left() -> None:
    tape = Tape(["016101"])
    with pytest.raises(ApduError) as caught:
        exchange(tape, READ)
    assert caught.value.sw == 0x6101
    assert len(tape.sent) < 20


@pytest.mark.covers("card-14")
def test_a_wrong_class_is_an_answer_with_its_word() -> None:
    with pytest.raises(ApduError, match="6E00") as caught:
        exchange(Tape(["6e00"]), READ)
    assert caught.value.why == "refused:6E00"
    assert not caught.value.wrong_key


@pytest.mark.parametrize("sw", ["6988", "6987", "6983", "63c9", "63c0"])
def test_a_refused_mac_or_cryptogram_is_told_apart(sw: str) -> None:
    with pytest.raises(ApduError) as caught:
        exchange(Tape([sw]), READ)
    assert caught.value.wrong_key


@pytest.mark.covers("card-2")
@pytest.mark.parametrize("answer", ["", "90"])
def test_less_than_a_status_word_is_a_torn_card(answer: str) -> None:
    with pytest.raises(CardTorn):
        exchange(Tape([answer]), READ)
