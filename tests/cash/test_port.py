"""Bytes arrive by their deadline or not at all, and a cable that is pulled is noticed."""

import contextlib
import os
import socket
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.port import DescriptorPort, FaultyPort, Port, PortLost, after, open_port, open_serial, open_tcp, pair

Ends = tuple[Port, Port]


@pytest.fixture(params=["pair", "pty", "tcp", "split", "delay"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """A port and its far end, over each kind of wire."""
    if request.param == "pty":
        master, slave = os.openpty()
        tty.setraw(slave)
        (tmp_path / "line").symlink_to(os.ttyname(slave))
        port = open_serial(str(tmp_path / "line"))
        yield port, DescriptorPort(master, lambda: os.close(master))
        os.close(slave)
        return
    if request.param == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = open_port(f"tcp:127.0.0.1:{server.getsockname()[1]}")
            connection, _ = server.accept()
            yield port, DescriptorPort(connection.fileno(), connection.close)
        return
    near, far = pair()
    if request.param == "split":
        near = FaultyPort(near, split=True)
    if request.param == "delay":
        near = FaultyPort(near, delay_s=0.01)
    yield near, far
    near.close()
    far.close()


def test_a_read_returns_all_its_bytes_or_what_came_by_the_deadline(ends: Ends) -> None:
    port, far = ends
    far.write(b"\x00\x11\x13\r\n\x03\xff")
    assert port.read(5, after(1)) == b"\x00\x11\x13\r\n"
    assert port.read(5, after(0.05)) == b"\x03\xff"
    started = time.monotonic()
    assert port.read(1, after(0.05)) == b""
    assert time.monotonic() - started >= 0.05


def test_a_line_is_read_to_its_end_and_the_rest_waits(ends: Ends) -> None:
    port, far = ends
    far.write(b"one\r\ntwo")
    assert port.read_until(b"\r\n", after(1)) == b"one\r\n"
    assert port.read_until(b"\r\n", after(0.05)) == b"two"
    far.write(b"x" * 40)
    assert port.read_until(b"\n", after(1), limit=16) == b"x" * 16


def test_what_was_not_read_is_forgotten_by_a_flush(ends: Ends) -> None:
    port, far = ends
    far.write(b"stale")
    assert port.read(1, after(1)) == b"s"
    time.sleep(0.05)
    port.flush_input()
    far.write(b"new")
    assert port.read(3, after(1)) == b"new"


def test_a_far_end_that_closes_is_a_lost_port_and_so_is_a_closed_one(ends: Ends) -> None:
    port, far = ends
    far.close()
    with pytest.raises(PortLost):
        port.read(1, after(1))
    port.close()
    port.close()
    with pytest.raises(PortLost):
        port.write(b"x")


def test_a_large_write_waits_for_the_reader_and_a_dead_reader_is_a_lost_port() -> None:
    near, far = pair()
    data = os.urandom(2_000_000)
    received = bytearray()
    reader = threading.Thread(target=lambda: received.extend(far.read(len(data), after(10))))
    reader.start()
    near.write(data)
    reader.join()
    assert received == data


@pytest.mark.covers("failure-35")
def test_two_processes_cannot_have_one_line() -> None:
    master, slave = os.openpty()
    first = open_serial(os.ttyname(slave))
    with pytest.raises(PortLost, match="in use by another program"):
        open_serial(os.ttyname(slave))
    first.close()
    open_serial(os.ttyname(slave)).close()
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("address", ["/dev/no-such-line", "tcp:127.0.0.1:1", "tcp:nowhere", "tcp:h:99999", "/etc/hostname"])
def test_a_port_that_cannot_be_had_says_so_in_one_sentence(address: str) -> None:
    with pytest.raises(PortLost):
        open_port(address)
    with pytest.raises(PortLost):
        open_tcp("127.0.0.1", 1)


def test_the_same_seed_harms_the_same_bytes() -> None:
    def heard(seed: int) -> list[bytes]:
        near, far = pair()
        faulty = FaultyPort(near, drop=0.3, corrupt=0.3, duplicate=0.3, seed=seed)
        chunks = []
        for n in range(30):
            far.write(bytes([n, n]))
            chunks.append(faulty.read_some(after(0.001)))
        return chunks

    assert heard(7) == heard(7)
    assert b"" in heard(7)
    assert heard(7) != heard(8)


def test_a_cut_wire_stays_cut() -> None:
    near, _far = pair()
    faulty = FaultyPort(near, cut_after=2)
    faulty.write(b"1")
    faulty.write(b"2")
    with pytest.raises(PortLost):
        faulty.write(b"3")
    with pytest.raises(PortLost):
        faulty.write(b"4")


def test_a_line_that_babbles_without_end_is_not_listened_to_for_ever() -> None:
    near, far = pair()
    over = threading.Event()

    def babble() -> None:
        with contextlib.suppress(PortLost):
            while not over.is_set():
                far.write(b"x" * 512)

    talker = threading.Thread(target=babble)
    talker.start()
    try:
        for deadline in (after(0.05), 0.0):
            while near.read_some(deadline):
                continue
        assert near.read_some(after(5)), "and afterwards it is heard again"
    finally:
        over.set()
        near.close()
        talker.join()


def test_what_waits_behind_its_deadline_is_still_heard() -> None:
    near, far = pair()
    far.write(b"answer")
    assert near.read_some(time.monotonic() - 60) == b"answer"
    assert near.read_some(time.monotonic() - 60) == b""
