"""The card lets nobody do what its rights do not give: one test for each right and each status word."""

import pytest

from kiosk.devices.sim import card_files, crypto, image
from tests.seeds import Seeds
from tests.sim_card.kit import KIOSK_1, KIOSK_2, KIOSK_3, KIOSK_4, SERIAL, Terminal, card, key_of

WALLET = card_files.wallet(500_00, 2)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(card())


def test_the_serial_stands_in_the_answer_to_reset_and_is_read_in_mf(terminal: Terminal) -> None:
    atr = terminal.card.reset()
    assert atr[5:13] == SERIAL
    assert atr[1] & 0x0F == 12  # historical bytes
    assert atr[1] & 0x80 == 0  # no TD1: T=0 alone, no check byte
    assert len(atr) == 16
    assert terminal.send("00b0990108") == SERIAL.hex() + "9000"
    assert terminal.send("00b0810008") == "6a82"


def test_in_the_application_there_are_its_six_files_and_no_others(terminal: Terminal) -> None:
    for file, size in card_files.SIZES.items():
        assert terminal.send(f"00b0{0x80 | file:02x}00{min(size, 255):02x}").endswith("9000")
    assert terminal.send("00b0870001") == "6a82"
    assert terminal.send("00b0990108") == "6a82"


@pytest.mark.parametrize(
    ("apdu", "status"),
    [
        ("00a4000002df02", "6a82"),  # the water application is not on this card
        ("00a4040002df01", "6a86"),
        ("00a4000003df0100", "6700"),
        ("00b0820008", "00002710000000019000"),
        ("00b0820000", "6c08"),
        ("00b0820409", "6c04"),
        ("00b0820801", "6b00"),
        ("00b0020008", "6a86"),
        ("00b08200", "6c08"),
        ("00840000", "6700"),
        ("0084000010", "6700"),
        ("0084010008", "6a86"),
        ("00c0000008", "6985"),
        ("0088000308" + "00" * 8, "6a88"),
        ("0088000107" + "00" * 7, "6700"),
        ("0082001308" + "00" * 8, "6984"),
        ("0082000208" + "00" * 8, "6a88"),  # AUTH is no key to come in with
        ("00d682000c" + "00" * 12, "6982"),
        ("04d682000c" + "00" * 12, "6982"),
        ("04d687000c" + "00" * 12, "6a82"),
        ("04d6820004" + "00" * 4, "6700"),
        ("04b0820008" + "00" * 8, "6700"),
        ("04b0820009" + "00" * 9, "6700"),
        ("04b0820009" + "00" * 8 + "fc", "6700"),
        ("04b0820009" + "00" * 8 + "09", "6b00"),
        ("00e4000000", "6d00"),
        ("04a4000002df01", "6d00"),
        ("80b0820008", "6e00"),
        ("00b0", "6700"),
    ],
)
def test_what_is_wrong_has_its_own_status_word(terminal: Terminal, apdu: str, status: str) -> None:
    assert terminal.send(apdu) == status


@pytest.mark.parametrize("file", [1, 2, 3, 4, 5])
def test_the_kiosk_writes_files_1_to_5_when_it_has_proved_itself(terminal: Terminal, file: int) -> None:
    assert terminal.update(KIOSK_1, file, 2, b"abc") == "6982"
    assert terminal.prove(KIOSK_1) == "9000"
    assert terminal.update(KIOSK_1, file, 2, b"abc") == "9000"
    assert terminal.card.files[file][2:5] == b"abc"


def test_the_kiosk_never_writes_the_command_file(terminal: Terminal) -> None:
    terminal.prove(KIOSK_1)
    assert terminal.update(KIOSK_1, 6, 0, b"abc") == "6982"
    terminal.prove(crypto.ADMIN)
    assert terminal.update(crypto.ADMIN, 6, 0, b"abc") == "9000"


@pytest.mark.parametrize("file", [1, 2, 3, 4, 6])
def test_the_meter_writes_its_return_file_and_nothing_else(terminal: Terminal, file: int) -> None:
    assert terminal.prove(crypto.METER) == "9000"
    assert terminal.update(crypto.METER, file, 0, b"abc") == "6982"
    assert terminal.update(crypto.METER, 5, 0, b"abc") == "9000"


def test_a_reading_with_mac_proves_the_card_over_the_readers_own_challenge(terminal: Terminal) -> None:
    head = "04b0820009"
    assert terminal.send(head + "0102030405060708" + "08") == "610c"
    answer = terminal.send("00c000000c")
    mac = crypto.Key(key_of(crypto.AUTH)).cmac(b"R" + bytes.fromhex("0102030405060708" + head) + terminal.card.files[2])[:4]
    assert answer == terminal.card.files[2].hex() + mac.hex() + "9000"


@pytest.mark.covers("field-10")
def test_a_long_reading_has_251_bytes_and_its_answer_is_fetched_in_parts_too(terminal: Terminal) -> None:
    assert terminal.send("04b0840009" + "00" * 8 + "fb") == "61ff"
    assert terminal.send("00c0000000") == "6cff"
    assert terminal.send("00c0000010").endswith("61ef")
    assert terminal.send("00c00000ef").endswith("9000")
    assert terminal.send("00c00000ef") == "6985"


def test_an_answer_that_is_not_fetched_at_once_is_gone(terminal: Terminal) -> None:
    terminal.send("04b0820009" + "00" * 8 + "08")
    terminal.send("00b0820008")
    assert terminal.send("00c000000c") == "6985"


@pytest.mark.parametrize(("ref", "role"), [(1, crypto.AUTH), (4, crypto.METER)])
def test_the_card_proves_itself_to_kiosk_and_meter_with_different_keys(terminal: Terminal, ref: int, role: int) -> None:
    assert terminal.send(f"008800{ref:02x}08" + "0102030405060708") == "6108"
    proof = crypto.Key(key_of(role)).cmac(b"I" + bytes.fromhex("0102030405060708"))[:8]
    assert terminal.send("00c0000008") == proof.hex() + "9000"


def test_keys_belong_to_the_application(terminal: Terminal) -> None:
    terminal.card.reset()
    assert terminal.send("0088000108" + "00" * 8) == "6a88"
    assert terminal.prove(KIOSK_1) == "6a88"


def test_a_challenge_serves_once(terminal: Terminal) -> None:
    proof = crypto.Key(key_of(KIOSK_1)).cmac(b"E" + terminal.challenge(8))[:8].hex()
    assert terminal.send("0082001308" + proof) == "9000"
    assert terminal.send("0082001308" + proof) == "6984"


def test_a_challenge_serves_until_the_next_command_only(terminal: Terminal) -> None:
    proof = crypto.Key(key_of(KIOSK_1)).cmac(b"E" + terminal.challenge(8))[:8].hex()
    terminal.send("00b0820008")
    assert terminal.send("0082001308" + proof) == "6984"


def test_a_challenge_of_the_other_length_does_not_serve(terminal: Terminal) -> None:
    proof = crypto.Key(key_of(KIOSK_1)).cmac(b"E" + terminal.challenge(4))[:8].hex()
    assert terminal.send("0082001308" + proof) == "6984"
    terminal.prove(KIOSK_1)
    terminal.challenge(8)
    assert terminal.send("04d682000c" + "00" * 12) == "6984"
    assert terminal.card.tries["kiosk.1"] == image.TRIES


def test_an_update_cannot_be_replayed(terminal: Terminal) -> None:
    terminal.prove(KIOSK_1)
    head = bytes.fromhex("04d682000c")
    mac = crypto.Key(key_of(KIOSK_1)).cmac(b"M" + terminal.challenge(4) + head + WALLET)[:4]
    assert terminal.send((head + WALLET + mac).hex()) == "9000"
    terminal.challenge(4)
    assert terminal.send((head + WALLET + mac).hex()) == "6988"


@pytest.mark.parametrize("end", ["00a4000002df01", "00a40000023f00", "00a4000002df02", "reset"])
def test_select_and_reset_end_the_authentication(terminal: Terminal, end: str) -> None:
    terminal.prove(KIOSK_1)
    if end == "reset":
        terminal.card.reset()
    else:
        terminal.send(end)
    terminal.send("00a4000002df01")
    assert terminal.update(KIOSK_1, 2, 0, WALLET) == "6982"


def test_a_wrong_proof_ends_what_was_proved_before(terminal: Terminal) -> None:
    terminal.prove(KIOSK_1)
    assert terminal.external(KIOSK_1, bytes(16)) == "63c9"
    assert terminal.update(KIOSK_1, 2, 0, WALLET) == "6982"


@pytest.mark.covers("field-11")
def test_ten_wrong_cryptograms_block_a_key_and_no_other(terminal: Terminal) -> None:
    for left in range(9, -1, -1):
        assert terminal.external(KIOSK_1, bytes(16)) == f"63c{left:x}"
    assert terminal.prove(KIOSK_1) == "6983"
    assert terminal.prove(KIOSK_2) == "9000"
    assert terminal.prove(crypto.METER) == "9000"


def test_ten_wrong_macs_block_the_key_in_the_middle_of_a_session(terminal: Terminal) -> None:
    terminal.prove(KIOSK_1)
    for _ in range(10):
        assert terminal.update(KIOSK_1, 2, 0, WALLET, spoil=True) == "6988"
    assert terminal.update(KIOSK_1, 2, 0, WALLET) == "6983"
    assert terminal.prove(KIOSK_1) == "6983"
    assert terminal.card.files[2] == card_files.wallet(100_00, 1)


def test_a_right_proof_gives_a_key_its_ten_tries_back(terminal: Terminal) -> None:
    for _ in range(9):
        terminal.external(KIOSK_1, bytes(16))
    assert terminal.card.tries["kiosk.1"] == 1
    assert terminal.prove(KIOSK_1) == "9000"
    assert terminal.card.tries["kiosk.1"] == image.TRIES


def test_a_mac_of_another_key_is_wrong(terminal: Terminal) -> None:
    terminal.prove(KIOSK_1)
    assert terminal.update(KIOSK_2, 2, 0, WALLET) == "6988"


def test_a_write_beyond_the_end_of_a_file_writes_nothing(terminal: Terminal) -> None:
    terminal.prove(KIOSK_1)
    assert terminal.update(KIOSK_1, 2, 4, WALLET) == "6b00"


def test_the_first_write_under_a_newer_key_ends_the_older_one_for_good(terminal: Terminal) -> None:
    assert terminal.prove(KIOSK_2) == "9000"
    assert terminal.prove(KIOSK_1) == "9000"  # to prove is not to write
    terminal.prove(KIOSK_2)
    terminal.update(KIOSK_2, 2, 0, WALLET)
    assert terminal.card.min_generation == 2
    assert terminal.prove(KIOSK_1) == "6a88"
    assert terminal.prove(KIOSK_3) == "9000"
    assert terminal.prove(KIOSK_4) == "6a88"


def test_writes_of_admin_and_meter_leave_the_generation_alone(terminal: Terminal) -> None:
    for ref in (crypto.ADMIN, crypto.METER):
        terminal.prove(ref)
        assert terminal.update(ref, 5, 0, b"abc") == "9000"
    assert terminal.card.min_generation == 1


def test_whatever_is_sent_the_card_answers_with_a_status_word_and_keeps_its_files(seeds: Seeds) -> None:
    terminal, chance = Terminal(card()), seeds.random("commands to a card")
    before = terminal.card.image().files
    starts = ["00a40000", "00b08200", "04b08200", "00840000", "00880001", "00820013", "04d68200", "00c00000"]
    for _ in range(50_000):
        apdu = bytearray(bytes.fromhex(chance.choice(starts)) + chance.randbytes(chance.choice((0, 1, 2, 6, 10, 13, 14))))
        if chance.random() < 0.5 and len(apdu) > 5:
            apdu[4] = len(apdu) - 5
        if chance.random() < 0.3:
            apdu[chance.randrange(len(apdu))] = chance.randrange(256)
        answer = terminal.card.process(bytes(apdu[: chance.choice((len(apdu), chance.randrange(len(apdu) + 1)))]))
        assert 2 <= len(answer) <= 258
        assert answer[-2] & 0xF0 in {0x60, 0x90}
    assert terminal.card.image().files == before
