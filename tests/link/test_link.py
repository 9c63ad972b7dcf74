"""Core and screen over a unix socket: a closed set of words, the newest View, and nothing that a hostile peer says gets further."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.link import LENGTH, LIMIT, LinkClient, LinkServer, Peer
from kiosk.vend.seen import Choice
from kiosk.vend.view import View


class Core:
    """A Source whose Views are the test's."""

    def __init__(self) -> None:
        self.told: list[Choice] = []
        self.callbacks: list[Callable[[View], None]] = []

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self.callbacks.append(callback)
        callback(View("attract", rev=1))

    def tell(self, choice: Choice) -> None:
        self.told.append(choice)

    def show(self, view: View) -> None:
        for callback in self.callbacks:
            callback(view)


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def server(core: Core, tmp_path: Path) -> Iterator[LinkServer]:
    served = LinkServer(tmp_path / "screen.sock", core)
    yield served
    served.close()


def soon(what: Callable[[], object]) -> None:
    until = time.monotonic() + 10
    while not what():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.01)


@pytest.mark.usefixtures("server")
def test_a_screen_sees_the_newest_view_and_is_heard(core: Core, tmp_path: Path) -> None:
    client = LinkClient(tmp_path / "screen.sock")
    soon(lambda: client.view and client.view.phase == "attract")
    for number in range(200):
        core.show(View("insert", rev=number, figure_minor=number))
    soon(lambda: client.view and client.view.figure_minor == 199)
    client.tell(Choice(199, "finish"))
    soon(lambda: core.told == [Choice(199, "finish")])
    client.close()


@pytest.mark.usefixtures("server")
def test_a_screen_that_comes_back_takes_the_place_of_the_old_one(core: Core, tmp_path: Path) -> None:
    first = LinkClient(tmp_path / "screen.sock")
    soon(lambda: first.view)
    first.close()
    second = LinkClient(tmp_path / "screen.sock")
    soon(lambda: second.view)
    second.tell(Choice(1, "cancel"))
    soon(lambda: core.told)
    second.close()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "said",
    [
        b'{"t":"choice","rev":1,"do":"note_stacked","arg":"10000"}',
        b'{"t":"note","rev":1,"do":"finish"}',
        b'{"t":"choice","rev":"x","do":"finish"}',
        b'{"t":"choice","rev":1,"do":"finish","amount_minor":10000}',
        b"\xff\xfe not json",
        b"[" * 60_000,
    ],
)
def test_a_word_outside_the_set_closes_the_connection_and_is_not_heard(core: Core, tmp_path: Path, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(tmp_path / "screen.sock"))
        peer.settimeout(10)
        peer.sendall(LENGTH.pack(len(said)) + said)
        while peer.recv(65536):
            pass
    assert core.told == []


@pytest.mark.usefixtures("server")
def test_a_length_above_the_limit_is_never_read(core: Core, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(tmp_path / "screen.sock"))
        peer.settimeout(10)
        peer.sendall(LENGTH.pack(LIMIT + 1))
        while peer.recv(65536):
            pass
    assert core.told == []


def test_another_users_process_is_shut_out(core: Core, tmp_path: Path) -> None:
    served = LinkServer(tmp_path / "other.sock", core, user=Peer(os.geteuid() + 1, os.getegid()))
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(tmp_path / "other.sock"))
        peer.settimeout(10)
        assert peer.recv(1) == b""
    served.close()
    assert core.told == []
