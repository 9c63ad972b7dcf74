"""An answer is believed when it is whole, from the right device, and the answer to this question."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kiosk.devices.cctalk import questions
from kiosk.devices.cctalk.bus import Bus, Refused, Silent
from kiosk.devices.cctalk.events import Buffer
from kiosk.devices.cctalk.wire import Decoder, Frame, Mode, encode
from kiosk.devices.port import Port, PortLost, after, pair
from tests.cash.conftest import QUICK

Script = Callable[[int, bytes, Port], None]


def reply(data: bytes, *, header: int = 0, source: int = 2) -> bytes:
    return encode(Frame(1, source, header, data), Mode.CHECKSUM)


@contextmanager
def scripted(script: Script, *, wary: bool = False, echo: bool | None = None) -> Iterator[Bus]:
    """A bus whose device is `script(header, data, port)`."""
    near, far = pair()

    def listen() -> None:
        decoder = Decoder(Mode.CHECKSUM)
        try:
            while True:
                for frame in decoder.feed(far.read_some(after(10))):
                    script(frame.header, frame.data, far)
        except PortLost:
            far.close()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield Bus(near, 2, Mode.CHECKSUM, echo, QUICK, wary=wary)
    near.close()
    thread.join(1)


def test_a_late_second_answer_never_passes_for_the_next_on_a_wary_line() -> None:
    def twice(_header: int, data: bytes, port: Port) -> None:
        port.write(reply(data * 6))
        time.sleep(0.002)
        port.write(reply(data * 6))

    with scripted(twice, wary=True) as bus:
        assert [bus.ask(184, bytes([row]), size=6) for row in range(1, 9)] == [bytes([row]) * 6 for row in range(1, 9)]


def test_a_table_that_one_late_answer_has_shifted_is_not_believed() -> None:
    rows = {number: f"CN{number:03}A".encode() for number in range(1, 17)}
    late: list[bytes] = [rows[1]]

    def one_behind(_header: int, data: bytes, port: Port) -> None:
        late.append(rows[data[0]])
        port.write(reply(late.pop(0)))

    with scripted(one_behind) as bus, pytest.raises(Silent, match="not the same twice"):
        questions.table(bus, 184, 16, 6)
    with scripted(lambda _header, data, port: port.write(reply(rows[data[0]]))) as bus:
        assert questions.table(bus, 184, 16, 6)[16] == "CN016A"


def test_a_coin_that_falls_between_two_looks_does_not_part_the_counters() -> None:
    """The event counter says 1, then a coin falls, then the accept counter says 2: the pair that is told is (2, 2)."""
    looks = iter([1, 2, 2, 2])

    def device(header: int, _data: bytes, port: Port) -> None:
        port.write(reply((2).to_bytes(3, "little") if header == 225 else bytes([next(looks), 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])))

    with scripted(device) as bus:
        buffer, accepted = questions.steady_buffer(bus, 229, accept_counter=True)
    assert (buffer, accepted) == (Buffer(2, ((1, 1), (0, 0), (0, 0), (0, 0), (0, 0))), 2)


def test_a_buffer_that_never_stands_still_is_no_answer() -> None:
    looks = iter(range(1, 100))
    with scripted(lambda _header, _data, port: port.write(reply(bytes([next(looks)]) + bytes(10)))) as bus, pytest.raises(Silent):
        questions.steady_buffer(bus, 229, accept_counter=False)


def test_no_other_device_can_answer_for_this_one() -> None:
    with scripted(lambda _header, _data, port: port.write(reply(b"no", source=3))) as bus, pytest.raises(Silent):
        bus.ask(244, tries=2)


def test_nak_is_a_refusal_and_busy_is_asked_again() -> None:
    with scripted(lambda _header, _data, port: port.write(reply(b"", header=5))) as bus, pytest.raises(Refused):
        bus.ask(244)
    answers = iter([reply(b"", header=6), reply(b"", header=6), reply(b"yes")])
    with scripted(lambda _header, _data, port: port.write(next(answers))) as bus:
        assert bus.ask(244) == b"yes"


def test_an_answer_of_another_length_is_asked_again() -> None:
    answers = iter([reply(b"1234"), reply(b"123")])
    with scripted(lambda _header, _data, port: port.write(next(answers))) as bus:
        assert bus.ask(242, size=3) == b"123"


def test_a_damaged_echo_is_a_collision_and_the_request_is_sent_again() -> None:
    echoes = iter([b"\x02", b"\x02\x00\x01\xf4\x09"])

    def device(_header: int, _data: bytes, port: Port) -> None:
        port.write(next(echoes) + reply(b"yes"))

    with scripted(device, echo=True) as bus:
        assert bus.ask(244, tries=2) == b"yes"
    assert next(echoes, None) is None  # the first answer was not believed


def test_what_must_not_happen_twice_is_asked_once() -> None:
    asked: list[int] = []
    with scripted(lambda header, _data, _port: asked.append(header)) as bus:
        with pytest.raises(Silent):
            bus.ask(154, b"\x01", tries=1)
        time.sleep(0.2)
    assert asked == [154]
