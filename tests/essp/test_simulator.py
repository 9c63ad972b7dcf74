"""The simulated validator as any host meets it: raw packets on its line, answered byte for byte as the manual has it."""

import json
from pathlib import Path

import pytest

from kiosk.devices.essp.line import Line
from kiosk.devices.essp.wire import Decoder, Frame, encode
from kiosk.devices.port import Port, after, open_serial
from kiosk.devices.sim.control import ControlRefused, ask
from kiosk.devices.sim.essp import EsspSimulator
from tests.cash.desk import eventually
from tests.cash.test_sim_cash import played
from tests.essp.conftest import QUICK, Bench
from tests.seeds import Seeds

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "essp.json").read_text())
SYNC = encode(Frame(sequence=True, address=0, data=b"\x11"))
ANSWERED_ALIKE = (
    "SYNC", "RESET", "HOST PROTOCOL VERSION 8 (accepted)", "HOST PROTOCOL VERSION 9 (refused: FAIL)", "DISABLE", "ENABLE",
    "SET INHIBITS ch1-3 on", "SET INHIBITS all on", "HOLD (no note)", "CONFIGURE BEZEL red,EEPROM", "RESET COUNTERS",
    "SET GENERATOR 982451653", "SET MODULUS 1287821", "SET BAUD 38400 volatile",
)  # fmt: skip


def open_line(bench: Bench) -> Port:
    return open_serial(str(bench.place / "notes"), stop_bits=2)


def talk(port: Port, packet: bytes) -> bytes:
    """The bytes that come back, b"" for none."""
    port.write(packet)
    received = port.read_some(after(0.3))
    while received and (more := port.read_some(after(0.02))):
        received += more
    return received


@pytest.mark.parametrize("name", ANSWERED_ALIKE)
def test_it_answers_the_manuals_examples_byte_for_byte(bench: Bench, name: str) -> None:
    bench.notes()
    (pair,) = [pair for pair in VECTORS["pairs"] if pair["name"] == name]
    assert talk(open_line(bench), bytes.fromhex(pair["host"])).hex() == pair["device"]


def test_after_power_up_a_poll_says_reset_and_disabled_as_in_the_manual(bench: Bench) -> None:
    sim = bench.notes()
    sim.do({"do": "power", "to": "off"})
    port = open_line(bench)
    assert talk(port, SYNC) == b""
    sim.do({"do": "power", "to": "on"})
    (pair,) = [pair for pair in VECTORS["pairs"] if pair["name"] == "POLL -> reset+disabled"]
    eventually(lambda: talk(port, SYNC))
    assert talk(port, bytes.fromhex(pair["host"])).hex() == pair["device"]


def test_a_packet_with_the_same_bit_is_answered_again_and_not_done_again(bench: Bench) -> None:
    sim = bench.notes(keyed="none")
    sim.memory |= {"held": 3, "announced": True}
    port = open_line(bench)
    talk(port, SYNC)
    poll = encode(Frame(sequence=False, address=0, data=b"\x18"))
    first = talk(port, poll)
    sim.memory["held"] = None
    assert talk(port, poll) == first
    (answer,) = Decoder().feed(talk(port, encode(Frame(sequence=True, address=0, data=b"\x18"))))
    assert answer == Frame(sequence=True, address=0, data=b"\xf5")


def test_after_sync_the_next_packet_is_new_whichever_bit_sync_had(bench: Bench) -> None:
    sim = bench.notes()
    port = open_line(bench)
    talk(port, encode(Frame(sequence=False, address=0, data=b"\x11")))
    talk(port, encode(Frame(sequence=False, address=0, data=b"\x06\x06")))
    assert sim.memory["protocol"] == 6


def test_a_plain_poll_takes_the_note_that_the_poll_before_announced(bench: Bench) -> None:
    sim = bench.notes(keyed="none")
    sim.memory |= {"master": 1, "mask": 63}
    line = Line(open_line(bench), 0, QUICK)
    line.sync()
    sim.do({"do": "insert_note", "value_minor": 1000})
    assert line.ask(b"\x07") == b"\xef\x03"
    assert line.ask(b"\x18") == b""
    assert line.ask(b"\x07") == b"\xcc"
    eventually(lambda: sim.memory["accepted"] == 1)
    assert line.ask(b"\x07") == b"\xee\x03\xeb", "the credit first, as in the manual"
    assert line.ask(b"\x07") == b""


def test_a_held_note_that_hears_no_packet_goes_back(bench: Bench) -> None:
    sim = bench.notes(hold_s=0.1)
    sim.memory |= {"master": 1, "mask": 63}
    sim.do({"do": "insert_note", "value_minor": 1000})
    eventually(lambda: not sim.memory["held"])
    assert (sim.memory["accepted"], sim.memory["reject_code"]) == (0, 0x13)


def test_counters_box_and_credits_survive_its_process(bench: Bench) -> None:
    first = bench.notes()
    with first.line.lock:
        first.put_in_box(2000)
        first.memory["repeated"].append([0xEE, 4])
        first.save()
    first.stop()
    second = EsspSimulator(bench.place / "notes", bench.place / "control", bench.place / "notes.json")
    second.start()
    try:
        state = ask(bench.place / "control", {"do": "state"})["state"]
        assert (state["box"], state["accepted"], state["repeated"]) == ({"2000": 1}, 1, [[0xEE, 4]])
        assert ask(bench.place / "control", {"do": "say", "codes": "xy"})["ok"] is False
        assert ask(bench.place / "control", {"do": "fraud", "channel": 99})["ok"] is False
    finally:
        second.stop()


def test_orders_that_cannot_be_are_refused_in_a_sentence(bench: Bench) -> None:
    sim = bench.notes()
    for order in ({"do": "stacker"}, {"do": "insert_note"}, {"do": "fly"}, {"do": "fault", "moon": 1}):
        with pytest.raises(ControlRefused):
            sim.do(order)


def test_noise_and_packets_for_others_are_answered_by_nothing_and_upset_nothing(bench: Bench, seeds: Seeds) -> None:
    bench.notes()
    port, chance = open_line(bench), seeds.random("essp noise")
    for _ in range(300):
        port.write(chance.randbytes(chance.randrange(1, 40)))
    port.flush_input()
    assert talk(port, encode(Frame(sequence=True, address=16, data=b"\x11"))) == b""
    eventually(lambda: talk(port, SYNC).endswith(bytes.fromhex("7f8001f02380")))


def test_the_command_plays_one_that_remembers_across_a_kill(tmp_path: Path) -> None:
    with played(tmp_path, "notes", "--protocol", "essp", "--keys", "none") as process:
        line = Line(open_serial(str(tmp_path / "line"), stop_bits=2), 0, QUICK)
        line.sync()
        line.ask(b"\x02\x3f\x00")
        line.ask(b"\x0a")
        assert ask(tmp_path / "control", {"do": "insert_note", "value_minor": 1000})["state"]["held_minor"] == 1000
        assert line.ask(b"\x56") == b"\xef\x03"
        line.ask(b"\x56")
        eventually(lambda: ask(tmp_path / "control", {"do": "state"})["state"]["accepted"])
        process.kill()
        process.wait(5)
    with played(tmp_path, "notes", "--protocol", "essp"):
        state = ask(tmp_path / "control", {"do": "state"})["state"]
        assert (state["box"], state["repeated"]) == ({"1000": 1}, [[0xEE, 3]])
