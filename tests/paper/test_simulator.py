"""The simulated printer hears as a printer hears: by its own tables, whatever sends."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.devices.port import Port, after, open_tcp
from kiosk.devices.sim.escpos import take_command, take_real_time
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import TcpLine

CLEAR = bytes.fromhex("10140801031401060208")


def test_orders_in_real_time_are_found_wherever_they_stand_and_however_they_are_cut() -> None:
    stream = b"A\x10\x04\x01B" + CLEAR + b"C\x10\x05\x02\x10D"
    for cut in range(len(stream) + 1):
        plain, orders, rest = take_real_time(stream[:cut])
        more, others, half = take_real_time(rest + stream[cut:])
        assert (plain + more, orders + others, half) == (b"ABC\x10D", [b"\x10\x04\x01", CLEAR, b"\x10\x05\x02"], b"")


COMMANDS = [b"\x1b@", b"\x1bE\x01", b"\x1b!\x30", b"HELLO", b"\n", b"\x1dVB\x00", b"\x1dV\x01", b"\x1d(H\x06\x0000abcd", b"\x1dr\x01"]
RASTER = b"\x1dv0\x00\x02\x00\x03\x00\x01\x02\x03\x1b\x05\x06"


@given(st.lists(st.sampled_from([*COMMANDS, RASTER]), max_size=8))
def test_commands_are_taken_one_whole_one_at_a_time(commands: list[bytes]) -> None:
    buffer, taken = b"".join(commands), b""
    count = 0
    while command := take_command(buffer):
        taken += command.raw
        buffer = buffer[len(command.raw) :]
        count += 1
    assert (taken, buffer) == (b"".join(commands), b"")
    texts = sum(1 for at, raw in enumerate(commands) if raw == b"HELLO" and commands[at - 1 : at] != [b"HELLO"])
    assert count == len(commands) - commands.count(b"HELLO") + texts


@pytest.mark.parametrize("raw", [*COMMANDS[1:3], *COMMANDS[5:], RASTER])
def test_half_a_command_waits_for_the_rest(raw: bytes) -> None:
    assert all(take_command(raw[:length]) is None for length in range(1, len(raw)))


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_waited_for_and_never_lost(noise: bytes) -> None:
    buffer, taken = noise, b""
    while command := take_command(buffer):
        assert command.raw
        taken += command.raw
        buffer = buffer[len(command.raw) :]
    assert taken + buffer == noise


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[tuple[PrinterSimulator, Port]]:
    line = TcpLine()
    simulator = PrinterSimulator(line, tmp_path)
    simulator.start()
    port = open_tcp(line.host, line.number)
    yield simulator, port
    port.close()
    simulator.stop()


@pytest.mark.parametrize(
    ("order", "question", "answer"),
    [
        ({"do": "state"}, 1, 0x12),
        ({"do": "cover", "to": "open"}, 1, 0x1A),
        ({"do": "cover", "to": "open"}, 2, 0x16),
        ({"do": "paper", "to": "out"}, 2, 0x32),
        ({"do": "paper", "to": "near"}, 4, 0x1E),
        ({"do": "paper", "to": "out"}, 4, 0x7E),
        ({"do": "fault", "fatal": True}, 3, 0x32),
        ({"do": "fault", "hot": True}, 3, 0x52),
    ],
)
def test_a_question_is_answered_with_the_manuals_byte(
    wire: tuple[PrinterSimulator, Port], order: dict[str, object], question: int, answer: int
) -> None:
    simulator, port = wire
    simulator.do(order)
    port.write(bytes((0x10, 0x04, question)))
    assert port.read(1, after(2)) == bytes([answer])


def test_a_printer_that_does_not_know_a_command_prints_it(tmp_path: Path, wire: tuple[PrinterSimulator, Port]) -> None:
    simulator, port = wire
    port.write(b"\x1b@\x1d(E\x03\x00abc\n\x1dV\x00\x10\x04\x01")
    assert port.read(1, after(2)) == b"\x12"
    assert simulator.do({"do": "state"})["unheard"].startswith("1d2845")
    assert (tmp_path / "001.txt").read_text() == "(Eabc\n"
