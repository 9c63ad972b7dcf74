"""An acceptor is shut first, and the screen that says so comes second: at the desk, behind the curtain, on the wires of a kiosk."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.bench.paint import ask, offer, until
from kiosk.bench.place import FEW, PATIENCE_S, lit
from kiosk.devices.curtain import HOLD_S, Curtain
from kiosk.devices.gate import Gate
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import PtyLine
from kiosk.vend.desk import Desk, SystemClock
from kiosk.vend.journal import Journal
from kiosk.vend.ports import Published, Stance
from kiosk.vend.view import View
from tests.cash.desk import ListeningDesk, eventually
from tests.desk.test_desk import KEY
from tests.desk.till import Till, note, sat

NOTES, COINS = (10_00, 20_00), (1_00,)
OPEN = Stance(notes=NOTES, coins=COINS)


class Stage:
    """A desk, the gates of two drivers that are played by the test, and a screen that remembers what it was shown."""

    def __init__(self) -> None:
        self.desk = ListeningDesk()
        self.gates = {role: Gate(self.desk, role) for role in ("notes", "coins", "printer")}
        self.curtain = Curtain(self.desk, self.gates.values())
        self.shown: list[str] = []
        self.by: list[str] = []
        self.curtain.subscribe(self.screen)
        self.curtain.start()
        self.rev = 0

    def screen(self, view: View) -> None:
        self.shown.append(view.phase)
        self.by.append(threading.current_thread().name)

    def publishes(self, phase: str, stance: Stance) -> int:
        self.rev += 1
        self.curtain.changed(Published(self.rev, View(phase, rev=self.rev), stance, None, None, {}))
        return self.rev

    def does(self, role: str, rev: int) -> None:
        """The driver has done what was wanted at `rev`: it waits for something newer."""
        self.gates[role].wait(rev, 0.0)


@pytest.fixture
def stage() -> Iterator[Stage]:
    here = Stage()
    yield here
    here.curtain.stop()


def test_what_shuts_an_acceptor_is_shown_when_its_driver_has_done_it(stage: Stage) -> None:
    stage.publishes("insert", OPEN)
    assert stage.shown == ["attract", "insert"], "what opens is shown at once"
    rev = stage.publishes("writing", Stance())
    stage.does("notes", rev)
    stage.does("coins", rev - 1)
    stage.does("printer", rev)
    assert stage.shown[-1] == "insert", "the coin acceptor is still open"
    stage.does("coins", rev)
    eventually(lambda: stage.shown[-1] == "writing")
    stage.publishes("done", Stance())
    assert stage.shown[-1] == "done"
    assert stage.by[-2:] == ["curtain", threading.current_thread().name], "no driver's thread ever draws"


def test_only_the_acceptor_that_is_shut_is_waited_for(stage: Stage) -> None:
    stage.publishes("insert", OPEN)
    rev = stage.publishes("insert-notes-jammed", Stance(coins=COINS))
    assert stage.shown[-1] == "insert"
    stage.does("notes", rev)
    eventually(lambda: stage.shown[-1] == "insert-notes-jammed")


def test_a_driver_that_was_quicker_than_the_curtain_is_not_waited_for(stage: Stage) -> None:
    stage.publishes("insert", OPEN)
    for role in ("notes", "coins"):
        stage.does(role, stage.rev + 1)
    stage.publishes("writing", Stance())
    assert stage.shown[-1] == "writing"


def test_of_what_came_meanwhile_the_newest_is_shown(stage: Stage) -> None:
    stage.publishes("insert", OPEN)
    first = stage.publishes("writing", Stance())
    stage.publishes("done", Stance())
    for role in ("notes", "coins"):
        stage.does(role, first)
    eventually(lambda: stage.shown[-1] == "done")
    assert stage.shown == ["attract", "insert", "done"]


def test_an_acceptor_that_is_opened_again_meanwhile_holds_nothing_back(stage: Stage) -> None:
    stage.publishes("insert", OPEN)
    stage.publishes("still", Stance())
    stage.publishes("insert", OPEN)
    assert stage.shown[-1] == "insert"


def test_a_driver_that_hangs_is_not_waited_for_for_ever(stage: Stage) -> None:
    stage.publishes("insert", OPEN)
    begun = time.monotonic()
    stage.publishes("out", Stance())
    assert stage.shown[-1] == "insert"
    eventually(lambda: stage.shown[-1] == "out")
    assert time.monotonic() - begun >= HOLD_S
    stage.publishes("attract", Stance())
    assert stage.shown[-1] == "attract"


def test_a_screen_that_comes_in_the_middle_sees_what_the_others_see(stage: Stage) -> None:
    stage.publishes("insert", OPEN)
    rev = stage.publishes("writing", Stance())
    late: list[str] = []
    stage.curtain.subscribe(lambda view: late.append(view.phase))
    assert late == ["insert"]
    for role in ("notes", "coins"):
        stage.does(role, rev)
    eventually(lambda: late == ["insert", "writing"])


def test_at_the_end_nothing_is_held_back(stage: Stage) -> None:
    stage.publishes("insert", OPEN)
    stage.publishes("out", Stance())
    stage.curtain.stop()
    eventually(lambda: stage.shown[-1] == "out")
    stage.publishes("insert", OPEN)
    stage.publishes("attract", Stance())
    assert stage.shown[-1] == "attract"


# ---------------------------------------------------------------- at the desk


def test_at_the_desk_whoever_shows_a_view_finds_its_stance_published_already(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "store.db", KEY, at_ms=1) as journal:
        desk: Desk[Till] = sat(journal, SystemClock(1))
        before: list[bool] = []
        desk.subscribe(
            lambda shown: before.append(desk.published().rev == shown.rev and desk.wait(shown.rev - 1, 0.0).stance == shown.stance)
        )
        for counter in range(1, 5):
            desk.tell(note(counter))
            desk.drain()
        assert before == [True] * 4


# ---------------------------------------------------------------- on the wires of a whole kiosk


class Watched(NoteSimulator):
    """A validator that remembers when it was shut."""

    shut_at = 0.0

    def _answer(self, header: int, data: bytes) -> Any:
        answer = super()._answer(header, data)
        if (header, data) == (228, b"\0") and not self.shut_at:
            self.shut_at = time.perf_counter()
        return answer


def test_over_the_pty_the_validator_is_shut_before_the_screens_last_byte(tmp_path: Path) -> None:
    """The card is pulled while money is in. The validator's wire is slow: a screen that did not wait would be far ahead."""
    notes = Watched(tmp_path / "notes", state=tmp_path / "notes.json", route_s=0.1)
    others = CoinSimulator(tmp_path / "coins"), PrinterSimulator(PtyLine(tmp_path / "printer"), tmp_path / "papers", line_s=0.005)
    for device in (notes, *others):
        device.start()
    try:
        with lit(tmp_path, FEW) as (terminal, line):
            until(line, phase="attract")
            ask(line, "card")
            offer(notes, line, {"do": "insert_note", "value_minor": 100_00})
            until(line, phase="insert", figure_minor=100_00)
            eventually(lambda: notes.do({"do": "state"})["accepting"])
            notes.line.faults.change({"delay_ms": 40})
            terminal.drain(0.3)
            notes.shut_at, terminal.written = 0.0, b""
            line.say("pull")
            terminal.until(b"SAME card", PATIENCE_S)
            painted_at = time.perf_counter()
            assert 0 < notes.shut_at < painted_at
    finally:
        for device in (notes, *others):
            device.stop()
