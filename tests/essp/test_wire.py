"""SSP packets and the encrypted layer are what the manual and a recorded session say, and nothing that comes in can upset them."""

import contextlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kiosk.devices.essp import crypto, events, questions
from kiosk.devices.essp.crypto import Exchange, Sealed, Undeciphered, is_prime, new_exchange
from kiosk.devices.essp.line import Line, Pace
from kiosk.devices.essp.wire import MAX_DATA, Decoder, Frame, crc, encode
from kiosk.devices.port import pair
from kiosk.devices.sim.essp_line import EsspLine, Layer, divide, prime
from tests.seeds import Seeds

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "essp.json").read_text())
PACKETS = [(f"{pair['name']}, {side}", bytes.fromhex(pair[side])) for pair in VECTORS["pairs"] for side in ("host", "device")]
SESSION = [(f"session {place}", bytes.fromhex(packet["bytes"])) for place, packet in enumerate(VECTORS["session"])]
EACH = pytest.mark.parametrize("raw", [raw for _, raw in PACKETS + SESSION], ids=[name for name, _ in PACKETS + SESSION])
FAST, MILLION = 20_000, 1_000_000


def host_of(pair: dict[str, str]) -> bytes:
    (frame,) = Decoder().feed(bytes.fromhex(pair["host"]))
    return frame.data


def device_of(name: str) -> bytes:
    """What the device says in the example of that name."""
    (pair,) = [pair for pair in VECTORS["pairs"] if pair["name"] == name]
    (frame,) = Decoder().feed(bytes.fromhex(pair["device"]))
    return frame.data


@EACH
def test_each_vector_is_read_and_written_byte_for_byte(raw: bytes) -> None:
    (frame,) = Decoder().feed(raw)
    assert frame.address == 0
    assert encode(frame) == raw


@EACH
def test_the_simulators_own_framing_agrees(raw: bytes, tmp_path: Path) -> None:
    line = EsspLine(tmp_path / "line", 0, lambda _command, _data: None, lambda: None, paced=False, keyed="none", fixed=0)
    (frame,) = Decoder().feed(raw)
    line._head = frame.sequence << 7
    assert line._frame(0, frame.data) == raw


@pytest.mark.parametrize("vector", VECTORS["stuffing"], ids=[vector["wire"] for vector in VECTORS["stuffing"]])
@pytest.mark.parametrize("step", [1, 2, 100])
def test_a_byte_that_is_doubled_is_data_and_one_that_stands_alone_begins_a_packet(vector: dict[str, Any], step: int) -> None:
    wire, decoder = bytes.fromhex(vector["wire"]), Decoder()
    found = [packet for start in range(0, len(wire), step) for packet in decoder.packets(wire[start : start + step])]
    assert [b"\x7f" + packet for packet in found] == [bytes.fromhex(packet) for packet in vector["packets"]]


def test_the_worked_crcs() -> None:
    assert crc(bytes([1, 2, 3, 4])) == bytes([0x17, 0x9E])
    assert divide(bytes([0x80, 0x01, 0x11])) == 0x8265


def test_the_vectors_say_what_their_sources_say() -> None:
    assert len(VECTORS["pairs"]) == 37
    assert questions.Setup.parse(device_of("SETUP REQUEST GBP 5/10/20")[1:]).values == (5, 10, 20)
    polls = {pair["name"]: [event.row.name for event in events.parse(device_of(pair["name"])[1:]).events]
             for pair in VECTORS["pairs"] if host_of(pair) in (b"\x07", b"\x56")}  # fmt: skip
    assert polls["POLL -> reset+disabled"] == ["slave reset", "disabled"]
    assert polls["POLL WITH ACK -> stacking, credit ch1"] == ["stacking", "note credit"]
    assert polls["POLL -> credit ch1 + stacked"] == ["note credit", "stacked"]
    assert all(polls.values())
    assert events.parse(device_of("POLL -> ch3 in escrow")[1:]).held == 3
    assert events.parse(device_of("POLL -> reading (ch unknown yet)")[1:]).held == 0
    cleared = events.parse(device_of("POLL -> ch2 note cleared into cashbox at power-up")[1:])
    assert [event.channel for event in cleared.credits] == [2]
    assert events.reject_word(device_of("LAST REJECT CODE -> 08 reject by host")[1]) == "host"


def body_of(name: str) -> bytes:
    """The data of an answer of another source, behind its OK."""
    return bytes.fromhex(VECTORS["bodies"][name])[1:]


@pytest.mark.parametrize("protocol", [4, 6])
def test_the_set_up_answers_of_another_source_say_the_same_values(protocol: int) -> None:
    setup = questions.Setup.parse(body_of(f"setup, protocol {protocol}"))
    assert (setup.unit, setup.firmware, setup.protocol) == (6, "0459", protocol)
    assert setup.currencies == ("USD",) * 7
    assert setup.values == (1, 2, 5, 10, 20, 50, 100)


def test_the_counters_and_the_key_of_another_source_are_read() -> None:
    class Said(Line):
        def ask(self, command: bytes) -> bytes:
            assert command == bytes([questions.GET_COUNTERS])
            return body_of("counters")

    near, far = pair()
    with contextlib.closing(near), contextlib.closing(far):
        assert questions.stacked(Said(near, 0, Pace())) == 300
    assert int.from_bytes(body_of("key exchange"), "little") == 57803
    assert Exchange(3, 0xFFFB, 1).key(23150)[:8] == bytes.fromhex("6745230167452301")
    assert Exchange(3, 0xFFFB, 1).key(23150)[8:] == (23150).to_bytes(8, "little")


@pytest.mark.covers("field-92")
@pytest.mark.parametrize("vector", VECTORS["newer"], ids=[vector["name"] for vector in VECTORS["newer"]])
def test_an_event_of_another_protocol_ends_the_reading_and_is_no_money(vector: dict[str, str]) -> None:
    polled = events.parse(bytes.fromhex(vector["data"])[1:])
    assert polled == events.Polled((), int(vector["stops"], 16))
    assert not polled.credits
    assert not polled.at_rest


@pytest.mark.parametrize("name", [name for name in VECTORS["bodies"] if name.startswith("poll")])
def test_each_answer_to_a_poll_of_another_source_is_read_to_its_end(name: str) -> None:
    polled = events.parse(bytes.fromhex(VECTORS["bodies"][name])[1:])
    assert (len(polled.events), polled.unread) == (1, None)


@pytest.mark.covers("field-92")
def test_nothing_is_read_behind_an_unknown_event_or_one_that_is_cut_off() -> None:
    polled = events.parse(bytes.fromhex("cc b1 ee01"))
    assert ([event.row.name for event in polled.events], polled.unread) == (["stacking"], 0xB1)
    assert events.parse(b"\xee") == events.Polled((), 0xEE)
    assert not polled.at_rest


# ---------------------------------------------------------------- the encrypted layer


def test_the_key_of_the_recorded_session_is_agreed_upon() -> None:
    numbers = VECTORS["exchange"]
    device = pow(numbers["generator"], numbers["device_secret"], numbers["modulus"])
    assert device == numbers["device"]
    assert pow(numbers["host"], numbers["device_secret"], numbers["modulus"]) == numbers["shared"]
    ours = Exchange(numbers["generator"], numbers["modulus"], 4711)
    theirs = Exchange(numbers["generator"], numbers["modulus"], numbers["device_secret"])
    assert ours.key(theirs.public) == theirs.key(ours.public)
    assert theirs.key(numbers["host"]).hex() == numbers["key"]


def test_each_sealed_packet_of_the_recorded_session_is_opened_and_made_again() -> None:
    key = bytes.fromhex(VECTORS["exchange"]["key"])
    looked_at = 0
    for packet in VECTORS["session"]:
        if "count" not in packet:
            continue
        (frame,) = Decoder().feed(bytes.fromhex(packet["bytes"]))
        session = Sealed(key)
        session.count = packet["count"] - 1
        plain = session.open(frame.data)
        assert session.count == packet["count"]
        assert plain == bytes.fromhex(packet["plain"]) if "plain" in packet else plain.hex().startswith(packet["plain_begins"])
        packing = unpacked(key, frame.data)[5 + len(plain) : -2]
        again = Sealed(key, {len(packing): packing}.__getitem__)
        again.count = packet["count"]
        assert again.seal(plain) == frame.data
        looked_at += 1
    assert looked_at == 8


def unpacked(key: bytes, data: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305 - the protocol's own mode
    return decryptor.update(data[1:]) + decryptor.finalize()


def test_the_setup_answer_of_the_recorded_session_is_read() -> None:
    (packet,) = [packet for packet in VECTORS["session"] if "plain_begins" in packet]
    (frame,) = Decoder().feed(bytes.fromhex(packet["bytes"]))
    session = Sealed(bytes.fromhex(VECTORS["exchange"]["key"]))
    session.count = 1
    setup = questions.Setup.parse(session.open(frame.data)[1:])
    assert (setup.unit, setup.firmware, setup.protocol, setup.multiplier) == (6, "0459", 6, 100)
    assert setup.minor("USD", 2) == dict(enumerate((100, 200, 500, 1000, 2000, 5000, 10000), 1))
    assert setup.minor("CNY", 2) == {}
    assert setup.minor("USD", 0)[7] == 100  # a currency without places
    in_cents = msgspec.structs.replace(setup, values=(500, 1000), currencies=("USD",) * 2, multiplier=1)
    assert in_cents.minor("USD", 2) == {1: 500, 2: 1000}
    odd = msgspec.structs.replace(setup, multiplier=0x400000)  # as in an example of the manual
    assert odd.minor("USD", 2)[7] == 10000


@pytest.mark.covers("field-93")
def test_an_encrypted_packet_of_another_count_key_or_length_is_not_believed() -> None:
    key = bytes(range(16))
    host, device = Sealed(key), Layer(0)
    device.key = key
    assert device.opened(host.seal(b"\x07")) == b"\x07"
    answer = device.sealed(b"\xf0\xee\x01")
    assert host.open(answer) == b"\xf0\xee\x01"
    with pytest.raises(Undeciphered, match="count"):
        host.open(answer)
    with pytest.raises(Undeciphered, match="key"):
        Sealed(bytes(16)).open(device.sealed(b"\xf0"))
    for wrong in (b"", b"\x7e", b"\x7e" + bytes(15), answer[:-1], b"\xf0" + answer[1:]):
        with pytest.raises(Undeciphered):
            host.open(wrong)
    host.count = 0xFFFFFFFF
    device._count = 0xFFFFFFFF
    assert device.opened(host.seal(b"\x07")) == b"\x07"
    assert host.open(device.sealed(b"\xf0")) == b"\xf0"
    assert host.count == 0


@pytest.mark.covers("field-91")
def test_what_does_not_fit_a_packet_is_refused() -> None:
    with pytest.raises(ValueError, match="255"):
        encode(Frame(sequence=False, address=0, data=bytes(MAX_DATA + 1)))
    with pytest.raises(ValueError, match="1 to"):
        encode(Frame(sequence=False, address=0, data=b""))
    with pytest.raises(ValueError, match="125"):
        encode(Frame(sequence=False, address=126, data=b"\x07"))
    longest = Sealed(bytes(16)).seal(bytes(crypto.MAX_DATA))
    assert len(longest) == 241
    with pytest.raises(ValueError, match="232"):
        Sealed(bytes(16)).seal(bytes(crypto.MAX_DATA + 1))


def test_a_fresh_exchange_is_of_two_primes_and_a_device_of_our_own_agrees() -> None:
    for _ in range(20):
        exchange = new_exchange()
        assert prime(exchange.generator)
        assert prime(exchange.modulus)
        assert exchange.generator != exchange.modulus
        device = Layer(crypto.DEFAULT_FIXED)
        for command, number in ((0x4A, exchange.generator), (0x4B, exchange.modulus)):
            assert device.exchange(command, number.to_bytes(8, "little")) == b"\xf0"
        answer = device.exchange(0x4C, exchange.public.to_bytes(8, "little"))
        assert exchange.key(int.from_bytes(answer[1:], "little")) == device.key
        for weak in (0, 1, exchange.modulus - 1, exchange.modulus):
            with pytest.raises(Undeciphered):
                exchange.key(weak)


def test_primes_are_told_from_the_rest() -> None:
    sieve = [number for number in range(2, 5000) if all(number % divisor for divisor in range(2, int(number**0.5) + 1))]
    assert [number for number in range(5000) if is_prime(number)] == sieve
    assert is_prime(982451653)
    assert not any(is_prime(number) for number in (982451653 * 3, 25326001, 1373653))  # strong pseudoprimes, too


# ---------------------------------------------------------------- whatever comes in


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """Vectors with bytes changed, cut, doubled and joined, and noise."""
    chance = random.Random(seed)
    raws = [raw for _, raw in PACKETS + SESSION]
    for _ in range(count):
        raw = bytearray(chance.choice(raws))
        kind = chance.randrange(5)
        if kind == 0:
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        elif kind == 1:
            del raw[chance.randrange(len(raw)) :]
        elif kind == 2:
            place = chance.randrange(len(raw))
            raw[place:place] = b"\x7f" * chance.randrange(1, 4)
        elif kind == 3:
            raw += chance.choice(raws)
        else:
            raw = bytearray(chance.randbytes(chance.randrange(1, 24)))
        yield bytes(raw)


def fuzz(seed: int, count: int) -> int:
    """Feeds so many inputs to one reader and to what stands behind it; how many packets there were."""
    decoder, session, found = Decoder(), Sealed(bytes.fromhex(VECTORS["exchange"]["key"])), 0
    for raw in mutants(seed, count):
        for frame in decoder.feed(raw):
            found += 1
            polled = events.parse(frame.data[1:])
            assert len(polled.events) <= len(frame.data)
            if frame.data[0] == crypto.STEX:
                try:
                    session.open(frame.data)
                except Undeciphered:
                    session.count = frame.data[-1] & 3
        assert len(decoder._packet or b"") <= 2 * (2 + MAX_DATA + 2)
    return found


def test_inputs_of_every_sort_do_not_upset_the_reader(seeds: Seeds) -> None:
    assert fuzz(seeds.base("essp wire"), FAST) > FAST // 5


@pytest.mark.deep("a million broken inputs")
def test_a_million_inputs_do_not_upset_the_reader(seeds: Seeds) -> None:
    assert fuzz(seeds.base("essp wire, a million"), MILLION) > MILLION // 5


def test_a_setup_answer_that_is_cut_off_anywhere_is_refused_in_a_sentence() -> None:
    whole = bytes.fromhex("0630343539555344000001070102050a143264") + bytes([2] * 7) + bytes([0, 0, 100, 6]) + b"USD" * 7
    whole += b"".join(value.to_bytes(4, "little") for value in (1, 2, 5, 10, 20, 50, 100))
    assert questions.Setup.parse(whole).minor("USD", 2)[7] == 10000
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="cut off"):
            questions.Setup.parse(whole[:length])
