"""A port belongs to one program, and whoever comes too early, or second, gets it when it is there to be had."""

import errno
import fcntl
import os
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kiosk.devices import port as ports
from kiosk.devices.cctalk.coins import CoinAcceptor
from kiosk.devices.cctalk.notes import NoteAcceptor
from kiosk.devices.port import Port, PortLost, open_device_file, open_port, open_serial
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.pty import Cable
from kiosk.vend.seen import AcceptorDown, AcceptorUp
from tests.cash.conftest import QUICK, Bench, bench
from tests.cash.desk import eventually

__all__ = ["bench"]
TIOCGEXCL = 0x80045440
HOLD = """import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[str]:
    cable = Cable(tmp_path / "line")
    cable.plug()
    yield str(tmp_path / "line")
    cable.unplug()


@pytest.fixture
def holder() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def held(stack: ExitStack, path: str) -> subprocess.Popen[str]:
    """Another program has it, until its standard input ends."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.callback(other.wait, 20)
    stack.callback(other.kill)
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    return other


@pytest.mark.covers("failure-35")
def test_a_line_that_another_program_holds_is_refused_in_one_sentence(line: str, holder: ExitStack) -> None:
    held(holder, line)
    with pytest.raises(PortLost) as refused:
        open_serial(line)
    assert (refused.value.errno, refused.value.strerror) == (errno.EBUSY, f"{line} is in use by another program")


@pytest.mark.covers("failure-35")
def test_a_port_of_ours_is_locked_for_others_and_free_again_when_it_is_closed(line: str) -> None:
    port = open_port(line)
    with pytest.raises(PortLost, match="in use by another program"):
        open_port(line)
    port.close()
    open_port(line).close()


def test_a_real_line_is_shut_by_the_kernel_too_for_programs_that_ask_for_no_lock(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(of: Port) -> int:
        answer = fcntl.ioctl(of._descriptor, TIOCGEXCL, bytes(4))  # type: ignore[attr-defined]
        return int(struct.unpack("i", answer)[0])

    port = open_serial(line)
    assert shut(port) == 0, "a pty's far end is kept open by its simulator: the word would outlive a kiosk that was killed"
    port.close()
    monkeypatch.setattr(ports, "_PTY_MAJORS", ())
    port = open_serial(line)
    assert shut(port) == 1
    fcntl.ioctl(port._descriptor, termios.TIOCNXCL)  # type: ignore[attr-defined]
    port.close()


def test_a_device_that_is_no_line_is_locked_as_well(tmp_path: Path) -> None:
    port = open_device_file("/dev/null")
    with pytest.raises(PortLost, match="in use by another program"):
        open_device_file("/dev/null")
    port.close()
    with pytest.raises(PortLost, match="No such file"):
        open_device_file(str(tmp_path / "none"))


@pytest.mark.covers("failure-20")
def test_a_driver_that_finds_its_port_taken_has_it_as_soon_as_it_is_free(bench: Bench, holder: ExitStack) -> None:
    bench.coins()
    other = held(holder, str(bench.place / "coins"))
    driver = bench.drive("coins")
    bench.desk.await_one(AcceptorDown)
    assert (driver.health().state, driver.health().code) == ("no_device", "offline")
    assert other.stdin
    other.stdin.close()
    bench.desk.await_one(AcceptorUp)
    eventually(lambda: driver.health().state == "online")


@pytest.mark.covers("failure-20")
def test_a_node_that_is_there_before_its_permissions_is_tried_again(bench: Bench) -> None:
    bench.notes()
    tries = []

    def early() -> Port:
        tries.append(1)
        if len(tries) < 4:
            raise PortLost(errno.EACCES, os.strerror(errno.EACCES))
        return open_serial(str(bench.place / "notes"))

    driver = NoteAcceptor("notes", early, bench.desk, country="CN", pace=QUICK)
    driver.start()
    try:
        assert bench.desk.await_one(AcceptorUp).serial == "1060501"
        assert len(bench.desk.heard(AcceptorDown)) == 1
    finally:
        driver.stop()


@pytest.mark.covers("failure-20", "failure-14")
def test_another_device_behind_the_same_name_is_met_as_a_stranger_and_our_own_comes_back(bench: Bench) -> None:
    """Unplugged, another one plugged in, unplugged, ours again: each time the port is opened anew and asked who it is."""
    ours = bench.simulate(CoinSimulator(bench.place / "coins", serial=1))
    driver = CoinAcceptor("coins", lambda: open_serial(str(bench.place / "coins")), bench.desk, country="CN", pace=QUICK, at="coins")
    driver.start()
    try:
        bench.desk.await_one(AcceptorUp)
        bench.desk.enrols("coins", "1")
        identity = driver.identity()
        assert identity
        assert (identity.kind, identity.protocol, identity.serial, identity.port) == ("coins", "cctalk", "1", "coins")
        ours.line.plug(plugged=False)
        eventually(lambda: driver.health().state == "no_device")
        stranger = CoinSimulator(bench.place / "coins", serial=2)
        stranger.start()
        eventually(lambda: driver.health().code == "swapped")
        stranger.stop()
        told = len(bench.desk.told)
        ours.line.plug(plugged=True)
        assert bench.desk.await_one(AcceptorUp, told).serial == "1"
        assert driver.health().works
    finally:
        driver.stop()
