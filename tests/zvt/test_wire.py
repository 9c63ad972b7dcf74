"""ZVT messages are what the documents and captures say, both ways, and nothing that comes in can upset the reader."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.sim.zvt_line import Unblocker, block
from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt.fields import FieldError, bcd, bitmaps, every, objects
from kiosk.devices.zvt.table import Payment, decided, heard, patience
from kiosk.devices.zvt.wire import Apdu, BlockDecoder, Sign, StreamDecoder, WireError, crc, decode, encode, encode_block
from tests.seeds import Seeds

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "zvt.json").read_text())
BLOCKS = [vector for vector in VECTORS if vector["form"] == "block"]
APDUS = [vector for vector in VECTORS if vector["form"] == "apdu"]
BEGUN = [vector for vector in VECTORS if vector["form"] == "begun"]
DIALOGUES = [vector for vector in VECTORS if vector["form"] == "dialogue"]


@pytest.mark.parametrize("vector", BLOCKS, ids=[vector["name"] for vector in BLOCKS])
def test_each_block_is_read_and_written_byte_for_byte(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["bytes"])
    (apdu,) = BlockDecoder().feed(raw)
    assert isinstance(apdu, Apdu)
    assert encode_block(apdu) == raw
    assert decode(encode(apdu)) == apdu


@pytest.mark.parametrize("vector", BLOCKS, ids=[vector["name"] for vector in BLOCKS])
def test_the_simulators_own_framing_agrees(vector: dict[str, Any]) -> None:
    raw, unblocker = bytes.fromhex(vector["bytes"]), Unblocker()
    found = [one for value in raw if (one := unblocker.byte(value))]
    assert found == [("apdu", raw[2:-4].replace(b"\x10\x10", b"\x10"))]
    assert block(found[0][1]) == raw


@pytest.mark.parametrize("vector", APDUS, ids=[vector["name"] for vector in APDUS])
def test_each_message_is_read_from_a_stream(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["bytes"])
    (apdu,) = StreamDecoder().feed(raw)
    assert encode(apdu) == raw
    if apdu.command == m.STATUS:
        info = m.status_info(apdu.data)
        assert {name: getattr(info, name) for name in vector["says"]} == vector["says"]


def test_the_vectors_are_all_there() -> None:
    assert (len(BLOCKS), len(APDUS), len(BEGUN), len(DIALOGUES), len(VECTORS)) == (16, 22, 3, 4, 46)
    assert all(vector["source"] for vector in VECTORS)
    assert crc(bytes.fromhex("800000")) == bytes.fromhex("F51F")


@pytest.mark.parametrize("vector", BEGUN, ids=[vector["name"] for vector in BEGUN])
def test_a_message_whose_end_nobody_published_is_awaited_to_its_last_byte(vector: dict[str, Any]) -> None:
    raw, decoder = bytes.fromhex(vector["bytes"]), StreamDecoder()
    missing = bytes(vector["whole"] - len(raw))
    assert decoder.feed(raw + missing[1:]) == []
    (apdu,) = decoder.feed(missing[:1])
    if "says" in vector:
        info = m.status_info(apdu.data[: apdu.data.index(b"\x8b\xf0")])
        assert {name: getattr(info, name) for name in vector["says"]} == vector["says"]
    else:
        assert m.printed(apdu)[0] == vector["line"]


@pytest.mark.parametrize("vector", DIALOGUES, ids=[vector["name"] for vector in DIALOGUES])
def test_each_dialogue_is_led_as_it_was_recorded(vector: dict[str, Any]) -> None:
    """T: the terminal says; E: what we answered. The desk's word is given where the recording has one."""
    lines = [(line[0], bytes.fromhex(line[2:])) for line in vector["lines"]]
    order = lines.pop(0)[1]
    payment, said = Payment(int(order[4:10].hex()), 978), ""
    words = [raw for side, raw in lines if side == "E"]
    for side, raw in lines:
        if side == "E":
            continue
        step = heard(payment, decode(raw))
        answer = step.answer
        if step.payment.owes:
            waits = words[0] == encode(m.GOODS_WAIT)
            step = patience(step.payment) if waits else decided(step.payment, vector["word"])
            answer = step.answer
        payment, said = step.payment, step.said or said
        if answer and words:
            assert encode(answer) == words.pop(0)
    assert not words
    assert said == vector["ends"]


def test_a_capture_that_is_no_message_is_not_taken_for_one() -> None:
    (record,) = [bytes.fromhex(vector["bytes"]) for vector in VECTORS if vector["form"] == "garbage"]
    with pytest.raises(FieldError, match="bitmap 00 is not known"):
        m.status_info(StreamDecoder().feed(record)[0].data)


def test_our_own_commands_are_the_documents() -> None:
    said = {vector["name"]: bytes.fromhex(vector["bytes"]) for vector in BLOCKS}
    assert encode_block(m.repeat_receipt(123456)) == said["repeat receipt, service 03"]
    assert encode_block(m.reversal(123456, "0470")) == said["reversal of receipt 0470"]
    assert encode_block(m.end_of_day(123456)) == said["end of day"]
    assert encode_block(m.status_enquiry(123456)) == said["status enquiry"]
    assert encode_block(m.DIAGNOSIS) == said["diagnosis"]
    assert encode_block(m.ABORT) == said["abort by the kiosk"]
    assert encode_block(m.GOODS_FAILED) == said["goods failed"]
    assert encode_block(m.GOODS_WAIT) == said["please wait"]
    assert encode(m.registration(123456, 978)) == bytes.fromhex("06000E123456BE09780606 26040A0206D3".replace(" ", ""))
    assert encode(m.authorisation(110_00, 978, 30, 10)) == bytes.fromhex("06010E 04000000011000 490978 011E 020A".replace(" ", ""))


@pytest.mark.covers("field-201")
def test_an_amount_of_more_than_twelve_digits_is_no_payment() -> None:
    assert m.authorisation(m.AMOUNT_LIMIT_MINOR, 978, 30, 10).data[1:7] == bytes.fromhex("999999999999")
    with pytest.raises(ValueError, match="12 digits"):
        m.authorisation(m.AMOUNT_LIMIT_MINOR + 1, 978, 30, 10)
    with pytest.raises(ValueError, match="digits"):
        bcd(-1, 6)


def test_blocks_are_found_a_byte_at_a_time_back_to_back_and_between_signs_and_noise() -> None:
    apdus = [Apdu(0x0600, bytes(range(256)) * 3), Apdu(0x06D3, b"\x10" * 300), Apdu(0x8000), Apdu(0x061E, b"\x10")]
    raw = b"\x06".join(encode_block(apdu) for apdu in apdus) + b"\x15"
    wanted = [apdus[0], Sign.ACK, apdus[1], Sign.ACK, apdus[2], Sign.ACK, apdus[3], Sign.NAK]
    single = BlockDecoder()
    assert BlockDecoder().feed(raw) == wanted
    assert [one for value in raw for one in single.feed(bytes([value]))] == wanted
    noisy = BlockDecoder()
    assert noisy.feed(b"\xaa\x10\x99" + encode_block(Apdu(0x8000))) == [Apdu(0x8000)]
    assert noisy.skipped == 3


def test_a_broken_block_is_told_and_the_next_one_is_found() -> None:
    raw = bytearray(encode_block(Apdu(0x060F, b"\x27\x00")))
    raw[5] ^= 1
    assert BlockDecoder().feed(bytes(raw) + encode_block(Apdu(0x8000))) == [Sign.BROKEN, Apdu(0x8000)]
    begun_twice = encode_block(Apdu(0x060F, b"\x27\x00"))[:6] + encode_block(Apdu(0x8000))
    assert BlockDecoder().feed(begun_twice) == [Sign.BROKEN, Apdu(0x8000)]


def test_a_length_that_lies_is_no_block() -> None:
    body = bytes.fromhex("060F0527")
    assert BlockDecoder().feed(b"\x10\x02" + body + b"\x10\x03" + crc(body)) == [Sign.BROKEN]


def test_what_a_terminal_says_before_its_first_message_is_skipped_and_later_it_ends_the_stream() -> None:
    decoder = StreamDecoder()
    assert decoder.feed(b"\x00\x01HI\r\n" + encode(Apdu(0x8000))) == [Apdu(0x8000)]
    assert decoder.skipped == 6
    assert decoder.feed(encode(Apdu(0x061E)) + b"HI") == [Apdu(0x061E)]
    with pytest.raises(WireError, match="out of step"):
        decoder.feed(b"HI")


def test_bitmaps_that_are_unknown_twice_there_or_not_whole_are_refused_and_never_quoted() -> None:
    for data, sentence in (
        ("2700EE01", "EE is not known"),
        ("27002700", "27 is there twice"),
        ("04000000", "04 is not whole"),
        ("22F0F84111111111", "22 is not whole"),
        ("220008", "length of bitmap 22"),
        ("22FAF0", "length of bitmap 22"),
        ("3CF0", "3C is not whole"),
        ("0683", "length of a TLV"),
        ("0681", "length of a TLV"),
        ("06", "length of a TLV"),
    ):
        with pytest.raises(FieldError, match=sentence) as refused:
            bitmaps(bytes.fromhex(data))
        assert "4111" not in str(refused.value)


def test_containers_are_read_inside_and_out() -> None:
    lines = b"".join(bytes([0x07, len(line)]) + line for line in (b"one", b"two"))
    inside = bytes([0x25, len(lines)]) + lines
    data = bytes.fromhex("1F070101") + inside
    assert [one.value for one in every(objects(data), 0x07)] == [b"one", b"two"]
    block_of = Apdu(m.PRINT_BLOCK, b"\x06\x82" + len(data).to_bytes(2, "big") + data)
    assert m.printed(block_of) == ("one", "two")
    for broken in ("1F", "1F87868501", "0705", "25022503", "25" * 2, "FF" * 40):
        with pytest.raises(FieldError):
            objects(bytes.fromhex(broken))
    deep = b""
    for _ in range(8):
        deep = bytes([0x25, len(deep)]) + deep
    with pytest.raises(FieldError, match="nested"):
        objects(deep)


# ---------------------------------------------------------------- a card number stays inside


PAN = "4111111111111111"


def test_of_a_card_number_only_the_last_four_digits_come_out() -> None:
    apdu = Apdu(m.STATUS, bytes.fromhex("2700 04000000010000 22F0F8" + PAN + "23F1F4" + PAN + "D25121011234"))
    info = m.status_info(apdu.data)
    assert info.tail == "1111"
    assert PAN not in repr(info) + repr(apdu) + str(info)
    assert m.status_info(bytes.fromhex("270022F0F1EE")).tail == ""
    assert m.status_info(bytes.fromhex("270022F0F9" + PAN + "1F")).tail == "1111"
    tlv = objects(bytes.fromhex("4508" + PAN))
    assert PAN not in repr(tlv)


@pytest.mark.covers("field-204")
def test_of_a_text_block_two_hundred_lines_are_read() -> None:
    lines = bytes.fromhex("070178") * 900
    container = b"\x25\x82" + len(lines).to_bytes(2, "big") + lines
    told = Apdu(m.PRINT_BLOCK, b"\x06\x82" + len(container).to_bytes(2, "big") + container)
    assert m.printed(told) == ("x",) * m.LINES_LIMIT


def test_a_card_number_that_is_printed_is_masked() -> None:
    for text in (PAN, "4111 1111 1111 1111", "4111-1111-1111-1111", "PAN " + PAN + " 12/27", "Karte 411111xxxxxx1111"):
        (line,) = m.printed(Apdu(m.PRINT_LINE, b"\0" + text.encode()))
        assert "1 12/27" in line or line.endswith("1111")
        assert sum(letter == "1" for letter in line.split(" 12/")[0]) <= 4
    (line,) = m.printed(Apdu(m.PRINT_LINE, b"\x40Gesamt 1.234,00 \x1b[31m\x07"))
    assert line == "Gesamt 1.234,00  [31m"
    assert m.printed(Apdu(m.PRINT_BLOCK, b"\xff\xff")) == ()
    assert m.printed(Apdu(m.PRINT_LINE)) == ("",)


# ---------------------------------------------------------------- whatever comes in


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """Vectors with bytes changed, cut, doubled and joined."""
    chance = random.Random(seed)
    raws = [bytes.fromhex(vector["bytes"]) for vector in VECTORS if "bytes" in vector]
    for _ in range(count):
        raw = bytearray(chance.choice(raws))
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(raw) or 1)
            match chance.randrange(4):
                case 0 if raw:
                    raw[place] = chance.randrange(256)
                case 1 if raw:
                    raw[place] ^= 1 << chance.randrange(8)
                case 2:
                    del raw[place:][:1], raw[place : place + 1]
                case _:
                    raw[place:place] = chance.choice(raws)[:3]
        yield bytes(raw)


def survive(count: int, seed: int) -> None:
    """Nothing but its own error, no hang, and no more memory than one block; what is found stands in what came in."""
    blocks, stream, found, refused, hung_up = BlockDecoder(), StreamDecoder(), 0, 0, 0
    heard = bytearray()
    for number, raw in enumerate(mutants(seed, count)):
        heard += raw
        apdus = [one for one in blocks.feed(raw) if isinstance(one, Apdu)]
        for apdu in apdus:
            assert encode_block(apdu) in heard
        try:
            apdus += stream.feed(raw)
        except WireError:
            stream, hung_up = StreamDecoder(), hung_up + 1
        for apdu in apdus:
            found += 1
            m.printed(apdu)
            m.result_of(apdu)
            try:
                m.status_info(apdu.data)
                objects(apdu.data)
            except FieldError:
                refused += 1
        assert len(blocks._pending) < 4096
        assert len(stream._pending) < 70_000
        if number % 4 == 0:
            blocks.reset()
            heard.clear()
    assert found > count // 20
    assert refused > count // 20
    assert hung_up > count // 100


def test_a_hundred_thousand_broken_inputs_do_no_harm(seeds: Seeds) -> None:
    survive(100_000, seeds.base("zvt wire"))


@pytest.mark.deep("a million broken inputs")
def test_a_million_broken_inputs_do_no_harm(seeds: Seeds) -> None:
    survive(1_000_000, seeds.base("zvt wire, a million"))


@pytest.mark.covers("field-203")
def test_a_message_holds_65535_bytes_and_no_more() -> None:
    longest = Apdu(0x06D3, bytes(0xFFFF))
    assert StreamDecoder().feed(encode(longest)) == [longest]
    assert BlockDecoder().feed(encode_block(longest)) == [longest]
    for encoded in (encode, encode_block):
        with pytest.raises(ValueError, match="65535"):
            encoded(Apdu(0x06D3, bytes(0x10000)))


@pytest.mark.covers("field-203")
def test_an_endless_block_is_given_up() -> None:
    decoder = BlockDecoder()
    told = [one for _ in range(80) for one in decoder.feed((b"\x10\x02" if not decoder.inside else b"") + b"\x55" * 4096)]
    assert Sign.BROKEN in told
    assert len(decoder._pending) <= 2 * 65540 + 6 + 4096
