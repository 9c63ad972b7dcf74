"""`kiosk sim all` and `kiosk run` on one kiosk.toml: two programs that know nothing of each other, and a customer between them."""

import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.config import DEVICES
from kiosk.demo.site import ProcessKiosk
from kiosk.devices.sim.control import ask
from kiosk.devices.vault.station import create_station, open_station
from kiosk.vend.facts import DeviceFault, Fact, SaleClosed
from kiosk.vend.journal import Journal
from kiosk.vend.seen import Choice
from kiosk.vend.view import Offer, View
from tests.pcscd import USER_READER, running_pcscd

PATIENCE_S = 60.0
HEAD = """[kiosk]
id = "K07"
demo = true

[store]
path = "{folder}/store.db"
station = "{folder}/station.json"

[card]
reader = "{reader}"
"""


class Machine:
    """A folder with a kiosk.toml, and the simulated machine for it in a process of its own."""

    def __init__(self, folder: Path, devices: str = DEVICES, *words: str) -> None:
        self.folder, self.control = folder, folder / "sim" / "control"
        station = create_station(folder / "station.json")
        Journal.open(folder / "store.db", station.database_key()).close()
        self.config = folder / "kiosk.toml"
        self.config.write_text((HEAD + devices).format(folder=folder, reader=USER_READER))
        command = [sys.executable, "-m", "kiosk", "sim", "all", "--config", str(self.config), *words]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def up(self) -> str:
        """What it said until it was there."""
        assert self.process.stderr
        said = ""
        for line in self.process.stderr:
            said += line
            if "is there; its control socket" in line:
                return said
        raise AssertionError(f"it ended: {said}")

    def does(self, at: str, do: str, **more: object) -> dict[str, Any]:
        """An order for one device; its state."""
        answer = ask(self.control, {"at": at, "do": do, **more})
        assert answer["ok"], answer
        state: dict[str, Any] = answer["state"]
        return state

    def end(self) -> None:
        """SIGTERM; it ends in good order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        if self.process.stderr:
            self.process.stderr.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="all-") as place:  # a unix socket's name is short
        yield Path(place)


class Glass:
    """What the core shows."""

    def __init__(self, kiosk: ProcessKiosk) -> None:
        self._kiosk, self._changed = kiosk, threading.Condition()
        self._view: View | None = None
        kiosk.subscribe(self._show)

    def _show(self, view: View) -> None:
        with self._changed:
            self._view = view
            self._changed.notify_all()

    def until(self, what: Callable[[View], object]) -> View:
        """The first View of which that is true."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self._view and what(self._view)), PATIENCE_S), self._view
            assert self._view
            return self._view

    def press(self, do: str, arg: str = "") -> None:
        """A key, as soon as it is offered."""
        view = self.until(lambda view: Offer(do, arg) in view.offers)
        self._kiosk.tell(Choice(view.rev, do, arg))


def until(what: Callable[[], bool]) -> None:
    """Looks again until it is so."""
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def feed(machine: Machine, amount_minor: int) -> None:
    """A note, as soon as the acceptor is open."""
    until(lambda: machine.does("notes", "state")["accepting"])
    machine.does("notes", "insert_note", value_minor=amount_minor)


EVERYTHING = """
[[device]]
role = "notes"
protocol = "essp"
port = "{folder}/dev/notes"
""" + "".join(
    f'\n[[device]]\nrole = "{role}"\nprotocol = "{protocol}"\nport = "{{folder}}/dev/{role}"\n'
    for role, protocol in {
        "coins": "cctalk",
        "printer": "escpos",
        "terminal": "zvt",
        "display": "cd5220",
        "board": "led8n",
        "modem": "at",
    }.items()
)


@pytest.mark.pcsc
@pytest.mark.parametrize(
    "devices",
    [pytest.param(DEVICES, marks=pytest.mark.deep("a smaller machine beside the largest")), EVERYTHING],
    ids=["the first machine", "every device there is"],
)
def test_the_production_program_sells_to_a_simulated_machine_in_another_process(folder: Path, devices: str) -> None:
    with running_pcscd():
        machine = Machine(folder, devices)
        machine.up()
        kiosk = ProcessKiosk(folder)
        try:
            glass = Glass(kiosk)
            glass.until(lambda view: view.phase == "attract")
            machine.does("card", "insert_card")
            glass.until(lambda view: view.phase == "account")
            feed(machine, 100_00)
            glass.until(lambda view: view.phase == "insert" and view.figure_minor == 100_00)
            glass.press("finish")
            glass.until(lambda view: view.phase == "done")
            glass.press("receipt", "paper")
            glass.press("finish")
            glass.until(lambda view: view.phase == "take_card")
            machine.does("card", "pull_card")
            glass.until(lambda view: view.phase == "attract")
            assert machine.does("notes", "state")["box_minor"] == 100_00
            until(lambda: machine.does("printer", "state")["papers"] == 1)
            if devices is EVERYTHING:
                until(lambda: "Welcome" in " ".join(machine.does("display", "state")["rows"]))
                assert {fact.device for fact in facts(folder) if isinstance(fact, DeviceFault)} == set(), "all of them came, and stayed"
            (closed,) = [fact for fact in facts(folder) if isinstance(fact, SaleClosed)]
            credited = machine.does("card", "insert_card", slot="meter")["meter"]["credited_minor"]
            assert credited == closed.credit_minor > 0
        finally:
            kiosk.stop()
            machine.end()


def facts(folder: Path) -> list[Fact]:
    """What the journal says."""
    key = open_station(folder / "station.json").database_key()
    with Journal.open(folder / "store.db", key, create=False, read_only=True) as journal:
        return [row.fact for row in journal.rows()]


def test_a_memory_that_is_none_is_said_and_nothing_stays_plugged_in(folder: Path) -> None:
    (folder / "sim").mkdir()
    (folder / "sim" / "coins.json").write_text("{")
    machine = Machine(folder, DEVICES, "--no-card")
    _, said = machine.process.communicate(timeout=PATIENCE_S)
    assert machine.process.returncode == 3
    assert "this is not the memory of a simulated device" in said
    assert not (folder / "dev" / "notes").is_symlink()


def test_what_nobody_simulates_is_said_and_the_rest_is_there(folder: Path) -> None:
    machine = Machine(folder, DEVICES + '\n[[device]]\nrole = "board"\nprotocol = "semaphore"\nport = "{folder}/dev/board"\n', "--no-card")
    try:
        assert "Nobody simulates board/semaphore" in machine.up()
        states = ask(machine.control, {"do": "state"})["state"]
        assert sorted(states) == ["coins", "notes", "printer"]
        off = ask(machine.control, {"do": "power", "to": "off"})["state"]
        assert (off["notes"]["powered"], off["coins"]["powered"], off["printer"]["power"]) == (False, False, "off")
    finally:
        machine.end()
    assert machine.process.returncode == 0


def test_a_simulated_printer_stands_at_the_network_port_that_the_file_names(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    machine = Machine(folder, f'\n[[device]]\nrole = "printer"\nprotocol = "escpos"\nport = "tcp:127.0.0.1:{number}"\n', "--no-card")
    try:
        machine.up()
        with socket.create_connection(("127.0.0.1", number), 5.0) as line:
            line.settimeout(5.0)
            line.sendall(b"\x10\x04\x01")
            assert len(line.recv(1)) == 1
    finally:
        machine.end()


@pytest.mark.parametrize("port", ["{folder}/station.json", "/dev/null", "tcp:192.0.2.1:9100"])
def test_a_simulator_is_never_put_in_the_place_of_something_real(folder: Path, port: str) -> None:
    device = '\n[[device]]\nrole = "{role}"\nprotocol = "{protocol}"\nport = "' + port + '"\n'
    machine = Machine(folder, device.replace("{role}", "printer").replace("{protocol}", "escpos"), "--no-card")
    _, said = machine.process.communicate(timeout=PATIENCE_S)
    assert machine.process.returncode == 3
    assert "cannot start" in said
    assert "Traceback" not in said


def test_a_machine_that_was_stopped_and_goes_on_ends_when_it_is_told_to(folder: Path) -> None:
    machine = Machine(folder, DEVICES, "--no-card")
    machine.up()
    machine.process.send_signal(signal.SIGSTOP)
    time.sleep(1.0)
    machine.process.send_signal(signal.SIGCONT)
    machine.end()
    assert machine.process.returncode == 0
    assert not (folder / "dev" / "notes").is_symlink()
