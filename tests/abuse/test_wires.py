"""Whatever stands behind the wire, babbling, flooding, lying or deaf: its driver tells no money, keeps no memory, and ends when told.

Every driver of ours meets the same babble, through its maker and behind its gate, as in a machine.
"""

import contextlib
import itertools
import os
import random
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.config import DevicePart
from kiosk.devices.fitting import Outfit
from kiosk.devices.gate import Gate
from kiosk.devices.port import PortLost, after, open_port
from kiosk.devices.registry import driver_of
from kiosk.vend import seen
from tests.cash.desk import ListeningDesk, eventually
from tests.essp.test_wire import VECTORS as ESSP

DRIVERS = ("notes/cctalk", "notes/essp", "coins/cctalk", "printer/escpos", "modem/at", "terminal/zvt", "display/cd5220", "board/led8n")
MONEY = (seen.NoteIn, seen.NoteHeld, seen.CoinIn, seen.PosAnswered, seen.Printed, seen.SmsAnswered, seen.SmsReported)
LONG = 10_000_000  # bytes without a line end
RISE = 4_000_000  # bytes of memory: buffers of every layer, and what Python keeps of them


def babble(seed: int = 7) -> Iterator[bytes]:
    """Ten megabytes without a line end, then everything else, for ever."""
    yield from itertools.repeat(b"A" * 50_000, LONG // 50_000)
    dice = random.Random(seed)
    paid = b"".join(bytes.fromhex(pair["device"]) for pair in ESSP["pairs"])
    status = bytes.fromhex("040f0c27000400000000100087000142")
    kinds = (
        bytes(4096),
        b"\xff" * 4096,
        b"\r\n" * 2048,
        b"\x06" * 4096,
        b"\x10\x02" * 2048,
        b"\x10\x00\x00\x00\x18\x00\x0f\x00" * 512,
        bytes((1, 11, 2, 0, 7, 2, 1, 1, 3, 2, 1, 3, 2, 3, 2, 215)) * 256,
        paid * 8,
        status * 256,
        b"\x06\xd1\x20\x00" + b"x" * 31,
        b"\r\n+CMT: ,25\r\nAT+CPIN=1234\r\nOK\r\n+CMGS: 1\r\n> \r\n+CPIN: SIM PIN\r\n" * 64,
        dice.randbytes(4096),
    )
    while True:
        yield dice.choice(kinds)


class Babbler:
    """Behind a socket: says all that to whoever connects, and hears nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.said = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                with connection:
                    connection.settimeout(1.0)
                    for words in babble():
                        connection.sendall(words)
                        self.said += len(words)
                        if self._over.is_set():
                            break

    def stop(self) -> None:
        self._over.set()
        self._listener.close()


@pytest.fixture
def babbler() -> Iterator[Babbler]:
    made = Babbler()
    yield made
    made.stop()


DEEP = pytest.mark.deep("a device that babbles to a driver which reads every byte")


@pytest.mark.parametrize("name", [pytest.param(name, marks=DEEP if name in ("printer/escpos", "terminal/zvt") else ()) for name in DRIVERS])
def test_a_device_that_babbles_without_end_is_no_money_no_memory_and_no_hindrance(name: str, babbler: Babbler) -> None:
    role, _, protocol = name.partition("/")
    desk = ListeningDesk()
    part = DevicePart(role=role, protocol=protocol, port=babbler.address)  # type: ignore[arg-type]
    driver = driver_of(part, Outfit(Gate(desk, role)))
    tracemalloc.start()
    driver.start()
    writes_only = role in ("display", "board")
    eventually(lambda: babbler.said > (0 if writes_only else LONG), 60.0)
    time.sleep(1.0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert driver.alive
    began = time.monotonic()
    driver.stop()
    assert not driver.alive, f"{time.monotonic() - began:.1f} s"
    assert most < RISE
    assert not [word for word in desk.told if isinstance(word, MONEY)]
    assert not [word for word in desk.told if isinstance(word, seen.AcceptorUp)]


@pytest.mark.parametrize("name", DRIVERS)
def test_a_device_that_takes_no_byte_holds_up_nobody(name: str) -> None:
    """A socket that is never read, and a driver that has to write: it is told to be gone, and ends when it shall."""
    role, _, protocol = name.partition("/")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        desk = ListeningDesk()
        part = DevicePart(role=role, protocol=protocol, port=f"tcp:127.0.0.1:{listener.getsockname()[1]}")  # type: ignore[arg-type]
        driver = driver_of(part, Outfit(Gate(desk, role)))
        driver.start()
        connection, _ = listener.accept()
        time.sleep(0.5)
        assert driver.alive
        driver.stop()
        assert not driver.alive
        connection.close()


# ---------------------------------------------------------------- a path that is something else


def things(place: Path) -> dict[str, Path]:
    """What a hand can put where a device was."""
    (place / "secrets").write_bytes(b"station key")
    os.mkfifo(place / "fifo")
    (place / "folder").mkdir()
    (place / "link").symlink_to(place / "secrets")
    (place / "loop").symlink_to(place / "loop")
    (place / "nowhere").symlink_to(place / "not-there")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "socket"))
    return {name: place / name for name in ("secrets", "fifo", "folder", "link", "loop", "nowhere", "socket")}


@pytest.mark.parametrize("name", ["secrets", "fifo", "folder", "link", "loop", "nowhere", "socket"])
def test_a_path_that_is_no_line_is_refused_at_once_and_nothing_is_written_to_it(name: str, tmp_path: Path) -> None:
    path = things(tmp_path)[name]
    began = time.monotonic()
    with pytest.raises(PortLost) as lost:
        open_port(str(path))
    assert "\n" not in str(lost.value)
    assert str(path) in str(lost.value)
    assert time.monotonic() < after(0) + began + 60, "and nobody waits for a reader of a pipe"
    assert (tmp_path / "secrets").read_bytes() == b"station key"


@pytest.mark.parametrize("name", ["secrets", "fifo", "link", "loop"])
def test_a_driver_whose_path_becomes_something_else_says_that_there_is_no_device(name: str, tmp_path: Path) -> None:
    path = things(tmp_path)[name]
    desk = ListeningDesk()
    driver = driver_of(DevicePart(role="notes", protocol="essp", port=str(path)), Outfit(Gate(desk, "notes")))
    driver.start()
    try:
        assert desk.await_one(seen.AcceptorDown).code == "offline"
        assert driver.health().state == "no_device"
    finally:
        driver.stop()
    assert (tmp_path / "secrets").read_bytes() == b"station key"
