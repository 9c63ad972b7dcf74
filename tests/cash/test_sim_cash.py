"""The simulators by hand: on the command line, through their sockets, and across a kill."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.port import PortLost, after, open_serial
from kiosk.devices.sim.cash import CashSimulator
from kiosk.devices.sim.control import ControlRefused, ask
from kiosk.devices.sim.essp import EsspSimulator
from kiosk.devices.sim.notes import NoteSimulator
from tests.cash.conftest import Bench
from tests.cash.desk import eventually

PLAY = """
import typer
from kiosk.commands import sim_cash
app = typer.Typer()
app.command()(sim_cash.coins)
app.command()(sim_cash.notes)
app()
"""


def _answers(place: Path) -> bool:
    try:
        return bool(ask(place / "control", {"do": "state"})["ok"])
    except OSError:
        return False


@contextmanager
def played(place: Path, kind: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`kiosk sim KIND` in a process of its own, ready."""
    where = ["--link", str(place / "line"), "--control", str(place / "control"), "--state", str(place / "state")]
    with subprocess.Popen([sys.executable, "-c", PLAY, kind, *where, *options], stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: _answers(place) or process.poll() is not None, 20)
            yield process
        finally:
            process.kill()


def test_a_simulator_that_is_killed_remembers_and_one_that_is_asked_to_quit_tidies_up(tmp_path: Path) -> None:
    with played(tmp_path, "coins") as process:
        line = open_serial(str(tmp_path / "line"))
        line.write(bytes([2, 0, 1, 254, 255]))
        assert line.read(5, after(5)) == bytes([1, 0, 2, 0, 253])
        assert ask(tmp_path / "control", {"do": "insert_coin", "value_minor": 100, "falling": True})["state"]["box_minor"] == 100
        process.send_signal(signal.SIGKILL)
        process.wait(5)
        with pytest.raises(PortLost):
            line.read(1, after(5))
    with played(tmp_path, "coins") as process:
        state = ask(tmp_path / "control", {"do": "state"})["state"]
        assert (state["counter"], state["accepted"], state["box"]) == (1, 1, {"100": 1})
        ask(tmp_path / "control", {"do": "quit"})
        assert process.wait(5) == 0
        assert not (tmp_path / "line").is_symlink()
        assert not (tmp_path / "control").exists()


def test_a_place_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    with played(tmp_path, "notes", "--crc"), played(tmp_path, "notes") as second:
        assert second.wait(20) == 3
        assert second.stderr is not None
        said = second.stderr.read()
        assert "another simulator answers" in said
        assert "Traceback" not in said
        open_serial(str(tmp_path / "line")).close()  # the first one's line is still there


def test_a_wrong_order_is_refused_with_a_sentence_and_changes_nothing(bench: Bench) -> None:
    notes = bench.notes()
    before = notes.do({"do": "state"})
    for order in (
        {"do": "insert_note"},
        {"do": "insert_note", "value_minor": "ten"},
        {"do": "insert_note", "value_minor": -5},
        {"do": "stacker", "to": "moon"},
        {"do": "power", "to": 1},
        {"do": "event", "a": 0, "b": 999},
        {"do": "fault", "gremlins": 1},
        {"do": "dance"},
    ):
        with pytest.raises(ControlRefused):
            notes.do(order)
    assert notes.do({"do": "state"}) == before


def test_a_note_is_never_in_two_places(bench: Bench) -> None:
    """Every piece that went in is in the box, with the customer or in escrow, whatever is done to the device."""
    notes = bench.notes(hold_s=60.0, at_power_loss="stack")
    notes.memory |= {"mask": 0xFFFF, "operating": 3}
    notes.do({"do": "insert_note", "value_minor": 1000})
    with pytest.raises(ControlRefused, match="in the way"):
        notes.do({"do": "insert_note", "value_minor": 2000})
    notes.do({"do": "power", "to": "off"})
    with pytest.raises(ControlRefused, match="no power"):
        notes.do({"do": "insert_note", "value_minor": 2000})
    state = notes.do({"do": "power", "to": "on"})
    assert (state["box_minor"], state["held_minor"], state["counter"], state["mask"]) == (1000, None, 1, 0)
    assert notes.do({"do": "stacker", "to": "out"})["collected"] == [{"1000": 1}]


def test_the_state_file_is_whole_after_every_order(bench: Bench) -> None:
    notes = bench.notes()
    for order in ({"do": "jam"}, {"do": "clear"}, {"do": "stacker", "to": "out"}, {"do": "stacker", "to": "in"}):
        notes.do(order)
        assert json.loads((bench.place / "notes.json").read_text()) == notes.memory


def test_a_socket_path_that_is_too_long_is_an_error_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="AF_UNIX path too long"):
        NoteSimulator(tmp_path / "line", tmp_path / ("x" * 120)).start()


class Looked(dict[str, Any]):
    """A device's memory; somebody looks at it after each change, as another thread may."""

    def __init__(self, memory: dict[str, Any]) -> None:
        super().__init__(memory)
        self.seen: list[tuple[object, int, int]] = []

    def __setitem__(self, name: str, value: object) -> None:
        self |= {name: value}

    def __ior__(self, changes: Any) -> "Looked":  # type: ignore[override,misc]
        super().update(changes)
        self.seen.append((self["held"], self["accepted"], self["rejected"]))
        return self


@pytest.mark.parametrize("model", [NoteSimulator, EsspSimulator])
@pytest.mark.parametrize("end", ["stacked", "returned", "stacked without power", "returned without power"])
def test_whoever_looks_at_a_note_that_moves_never_finds_it_nowhere(tmp_path: Path, model: type[CashSimulator], end: str) -> None:
    """It is held until it is counted: a customer who believed otherwise would put in a second one."""
    options: dict[str, Any] = {"at_power_loss": "stack" if end.startswith("stacked") else "return"}
    sim = model(tmp_path / "notes", state=tmp_path / "notes.json", **options)
    sim.memory = looked = Looked(sim.memory | {"held": 3})
    if "power" in end:
        sim.do({"do": "power", "to": "off"})
        sim.do({"do": "power", "to": "on"})
    else:
        sim.do({"do": "clear", "note": end.removesuffix("ed")})
    assert sim.memory["held"] is None
    assert sim.memory["accepted"] == len(sim.book.stacked) == end.startswith("stacked")
    gone = [(accepted, rejected) for held, accepted, rejected in looked.seen if held is None]
    assert gone
    assert set(gone) == {(sim.memory["accepted"], sim.memory["rejected"])}, "a note that nobody holds was counted already"
