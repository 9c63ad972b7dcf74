"""ccTalk frames are what the vendors' documents and captures say, both ways, and nothing that comes in can upset the reader."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.cctalk.events import Buffer
from kiosk.devices.cctalk.wire import Decoder, Frame, Mode, encode
from kiosk.devices.sim.cctalk_bus import SlaveLine, divide
from tests.seeds import Seeds

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "cctalk.json").read_text())
EACH = pytest.mark.parametrize("vector", VECTORS, ids=[f"{v['mode']} {v['name']}" for v in VECTORS])


@EACH
def test_each_vector_is_read_and_written_byte_for_byte(vector: dict[str, str]) -> None:
    raw, mode = bytes.fromhex(vector["bytes"]), Mode(vector["mode"])
    (frame,) = Decoder(mode).feed(raw)
    source = 0 if mode is Mode.CRC else raw[2]
    assert frame == Frame(raw[0], source, raw[3], raw[4:-1])
    assert encode(frame, mode) == raw


@EACH
def test_the_simulators_own_framing_agrees(vector: dict[str, str], tmp_path: Path) -> None:
    raw, mode = bytes.fromhex(vector["bytes"]), vector["mode"]
    assert SlaveLine._true_crc(list(raw)) if mode == "crc" else SlaveLine._true_sum(list(raw))
    if raw[0] == 1:
        line = SlaveLine(tmp_path / "line", raw[2], mode, lambda _header, _data: None, lambda: None)
        assert line._frame(raw[3], raw[4:-1]) == raw


def test_the_vectors_say_what_their_sources_say() -> None:
    said = {vector["name"]: bytes.fromhex(vector["bytes"])[4:-1] for vector in VECTORS}
    assert said["equipment category id, reply"] == b"Coin Acceptor"
    assert int.from_bytes(said["serial number, reply"], "little") == 149 + 256 * 48 + 65536 * 16
    assert said["coin id 2, reply"] == b"EU050A"
    assert said["bill id EU0005A"] == b"EU0005A"
    assert Buffer.parse(said["bill events, counter 18"]) == Buffer(18, ((3, 1), (0, 1), (3, 1), (0, 0), (0, 0)))
    assert Buffer.parse(said["coin 4 inhibited"]).pairs[0] == (0, 0x83)
    assert len(VECTORS) == 72


def test_the_worked_crc_of_the_specification() -> None:
    assert divide(bytes([0x28, 0x00, 0x01])) == 0x3F46


def test_frames_are_found_one_byte_at_a_time_back_to_back_and_behind_noise() -> None:
    for mode in Mode:
        frames = [Frame(1, 0 if mode is Mode.CRC else 2, 0, bytes(range(n))) for n in (0, 11, 252)]
        raw = b"".join(encode(frame, mode) for frame in frames)
        whole, single = Decoder(mode), Decoder(mode)
        assert whole.feed(raw) == frames
        assert [frame for byte in raw for frame in single.feed(bytes([byte]))] == frames
    noisy = Decoder(Mode.CRC)
    assert noisy.feed(b"\xaa\x00\x00" + encode(Frame(1, 0, 0, b"yes"), Mode.CRC))[-1].data == b"yes"
    assert noisy.skipped == 3


def test_half_a_frame_is_forgotten_in_silence() -> None:
    decoder = Decoder(Mode.CHECKSUM)
    assert decoder.feed(b"\x01\xff\x02\x00") == []
    decoder.reset()
    assert decoder.feed(bytes([1, 0, 2, 0, 253])) == [Frame(1, 2, 0)]


def test_a_frame_that_does_not_fit_the_wire_is_refused() -> None:
    with pytest.raises(ValueError, match="252"):
        encode(Frame(2, 1, 1, bytes(253)), Mode.CHECKSUM)
    with pytest.raises(ValueError, match="256"):
        encode(Frame(256, 1, 1), Mode.CRC)


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """Vectors with bytes changed, cut, doubled and joined."""
    chance = random.Random(seed)
    raws = [bytes.fromhex(vector["bytes"]) for vector in VECTORS]
    for _ in range(count):
        raw = bytearray(chance.choice(raws))
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(raw))
            match chance.randrange(4):
                case 0:
                    raw[place] = chance.randrange(256)
                case 1:
                    raw[place] ^= 1 << chance.randrange(8)
                case 2:
                    del raw[place:][:1]
                case _:
                    raw[place:place] = chance.choice(raws)[:3]
        yield bytes(raw)


def survive(count: int, first: int) -> None:
    """Every frame that is found stands in what came in since the last silence, byte for byte, and no byte is kept for ever."""
    for seed, mode in enumerate(Mode, first):
        decoder, heard, found = Decoder(mode), bytearray(), 0
        for number, raw in enumerate(mutants(seed, count // 2)):
            heard += raw
            for frame in decoder.feed(raw):
                found += 1
                assert encode(frame, mode) in heard
            assert len(decoder._pending) < 257
            if number % 5 == 0:
                decoder.reset()
                heard.clear()
        assert 0 < found < count


def test_two_hundred_thousand_broken_inputs_do_no_harm(seeds: Seeds) -> None:
    survive(200_000, seeds.base("cctalk wire"))


@pytest.mark.deep("a million broken inputs")
def test_a_million_broken_inputs_do_no_harm(seeds: Seeds) -> None:
    survive(1_000_000, seeds.base("cctalk wire, a million"))
