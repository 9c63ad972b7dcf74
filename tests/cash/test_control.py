"""Whoever drives a simulator by its socket gets an answer, whatever is sent."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.sim.control import ControlRefused, ControlServer, ask


def handler(verb: dict[str, Any]) -> dict[str, Any]:
    if verb["do"] == "jam":
        raise ControlRefused("It is jammed already.")
    return {"heard": verb}


def test_an_order_is_answered_with_the_state_and_a_refusal_with_a_sentence(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "c", handler)
    server.start()
    try:
        assert ask(tmp_path / "c", {"do": "insert_note", "value_minor": 1000}) == {
            "ok": True,
            "state": {"heard": {"do": "insert_note", "value_minor": 1000}},
        }
        assert ask(tmp_path / "c", {"do": "jam"}) == {"ok": False, "error": "It is jammed already."}
    finally:
        server.stop()
    assert not (tmp_path / "c").exists()


def test_garbage_half_lines_and_many_lines_at_once_do_no_harm(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "c", handler)
    server.start()
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(tmp_path / "c"))
            line.sendall(b'\xff\n[1]\n{"do":3}\n{"do":')
            line.sendall(b'"state"}\n')
            answers = [json.loads(answer) for answer in _lines(line, 4)]
        assert [answer["ok"] for answer in answers] == [False, False, False, True]
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(tmp_path / "c"))
            assert _hung_up_on(line)  # a line without end is not kept
        assert ask(tmp_path / "c", {"do": "state"})["ok"]
    finally:
        server.stop()


def _hung_up_on(line: socket.socket) -> bool:
    try:
        for _ in range(100):
            line.send(b"x" * 60_000)
    except OSError:
        return True
    return False


def _lines(line: socket.socket, count: int) -> list[bytes]:
    received = b""
    while received.count(b"\n") < count:
        received += line.recv(65536)
    return received.splitlines()


def test_a_socket_left_by_a_killed_simulator_is_taken_over_and_a_live_one_is_not(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "c"))
    server = ControlServer(tmp_path / "c", handler)
    server.start()
    with pytest.raises(OSError, match="another simulator"):
        ControlServer(tmp_path / "c", handler).start()
    server.stop()
    server.stop()
    with pytest.raises(OSError, match="No such file"):
        ask(tmp_path / "c", {"do": "state"})
