"""`kiosk detect`: every simulated device is known by its answer, an assigned port is left alone, and silence is said."""

import json
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.commands import detect as command
from kiosk.config import checked
from kiosk.devices.detect import PROBES, detect
from kiosk.devices.port import PortLost, after, open_serial
from kiosk.devices.registry import names
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import PtyLine, TcpLine
from kiosk.devices.sim.pty import Cable

HEAD = '[kiosk]\nid = "K07"\ndemo = true\n'


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as all_of_them:
        yield all_of_them


def plugged(stack: ExitStack, simulator: Any) -> Any:
    simulator.start()
    stack.callback(simulator.stop)
    return simulator


def told(*words: str) -> tuple[int, list[dict[str, Any]]]:
    result = CliRunner().invoke(app, ["detect", "--json", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def scripted(stack: ExitStack, link: Path, answer: Callable[[bytes], bytes]) -> list[bytes]:
    """A device on a pty that says what `answer` makes of all that it has heard; what it heard."""
    cable = Cable(link)
    port = cable.plug()
    heard = [b""]

    def serve() -> None:
        try:
            while True:
                heard[0] += port.receive(after(60))
                if said := answer(heard[0]):
                    port.write(said)
        except PortLost:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    stack.callback(cable.unplug)
    return heard


def test_each_simulated_device_is_known_and_its_lines_are_those_of_kiosk_toml(tmp_path: Path, stack: ExitStack) -> None:
    plugged(stack, NoteSimulator(tmp_path / "a", serial=77, echo=True))
    plugged(stack, CoinSimulator(tmp_path / "b", serial=78))
    plugged(stack, PrinterSimulator(PtyLine(tmp_path / "c"), tmp_path / "papers"))
    code, lines = told(*(str(tmp_path / name) for name in "abc"))
    assert code == 0
    assert [(line["role"], line["protocol"], line["serial"]) for line in lines] == [
        ("notes", "cctalk", "77"),
        ("coins", "cctalk", "78"),
        ("printer", "escpos", ""),
    ]
    plain = CliRunner().invoke(app, ["detect", *(str(tmp_path / name) for name in "abc")]).stdout
    assert "Without it: No notes can go in." in plain
    toml = HEAD + "".join(command.Line(**line).part() for line in lines)
    path = tmp_path / "kiosk.toml"
    path.write_text(toml)
    assert [part.role for part in checked(command_config(path)).device] == ["notes", "coins", "printer"]


def command_config(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def test_a_printer_prints_nothing_of_what_it_was_asked(tmp_path: Path, stack: ExitStack) -> None:
    printer = plugged(stack, PrinterSimulator(PtyLine(tmp_path / "p"), tmp_path / "papers"))
    assert detect(str(tmp_path / "p"))
    port = open_serial(str(tmp_path / "p"))
    port.write(b"RECEIPT\n\x1dV\x00")
    until_papers(printer, 1)
    port.close()
    (paper,) = (tmp_path / "papers").glob("*.txt")
    assert paper.read_text().split() == ["RECEIPT"]


def until_papers(printer: PrinterSimulator, papers: int) -> None:
    end = time.monotonic() + 20
    while printer.do({"do": "state"})["papers"] < papers:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_network_printer_is_known_by_the_same_question(tmp_path: Path, stack: ExitStack) -> None:
    line = TcpLine()
    plugged(stack, PrinterSimulator(line, tmp_path / "papers"))
    code, (found,) = told(line.address)
    assert (code, found["role"], found["port"]) == (0, "printer", line.address)


@pytest.mark.parametrize(
    ("asks", "answers", "role"),
    [
        (b"\x7f\x80\x01\x11\x65\x82", b"\x7f\x80\x01\xf0\x23\x80", "notes"),
        (b"AT\r", b"AT\r\r\nOK\r\n", "modem"),
        (b"\x10\x02\x05\x01\x03", b"\x06\x10\x02\x80\x00\x00\x10\x03\xf5\x1f", "terminal"),
    ],
    ids=["a validator by SSP", "a modem that echoes", "a bank terminal"],
)
def test_a_device_is_known_by_the_manuals_own_answer(tmp_path: Path, stack: ExitStack, asks: bytes, answers: bytes, role: str) -> None:
    once = [answers]
    scripted(stack, tmp_path / "it", lambda heard: once.pop() if asks in heard and once else b"")
    met = detect(str(tmp_path / "it"))
    assert met
    assert met.role == role


def test_nobody_on_a_line_that_only_echoes_and_every_question_in_its_order(tmp_path: Path, stack: ExitStack) -> None:
    said = [0]

    def echo(heard: bytes) -> bytes:
        fresh, said[0] = heard[said[0] :], len(heard)
        return fresh

    heard = scripted(stack, tmp_path / "echo", echo)
    code, (line,) = told(str(tmp_path / "echo"))
    assert (code, line["role"], line["says"]) == (3, "", "Nobody answers. A display never does: it is named by hand.")
    places = [heard[0].find(probe.asks) for probe in PROBES if probe.at != "network"]
    assert places == sorted(places)
    assert min(places) == 0


def test_a_port_of_kiosk_toml_is_never_asked(tmp_path: Path, stack: ExitStack) -> None:
    heard = scripted(stack, tmp_path / "notes", lambda _heard: b"")
    config = tmp_path / "kiosk.toml"
    (tmp_path / "another").symlink_to(tmp_path / "notes")
    config.write_text(HEAD + f'[[device]]\nrole = "notes"\nprotocol = "cctalk"\nport = "{tmp_path / "notes"}"\n')
    result = CliRunner().invoke(app, ["detect", str(tmp_path / "another"), "--config", str(config)])
    assert (result.exit_code, heard) == (2, [b""])
    assert "belongs to the notes of kiosk.toml" in result.stderr


def test_without_a_word_all_lasting_names_are_asked_but_those_of_kiosk_toml(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_path = tmp_path / "by-path"
    by_path.mkdir()
    for name, number in (("a", 5), ("b", 6)):
        plugged(stack, CoinSimulator(tmp_path / name, serial=number))
        (by_path / f"pci-{name}").symlink_to(tmp_path / name)
    monkeypatch.setattr(command, "BY_NAME", (by_path, tmp_path / "by-id"))
    config = tmp_path / "kiosk.toml"
    config.write_text(HEAD + f'[[device]]\nrole = "coins"\nprotocol = "cctalk"\nport = "{tmp_path / "a"}"\n')
    code, (line,) = told("--config", str(config))
    assert (code, line["port"], line["serial"]) == (0, str(by_path / "pci-b"), "6")


def test_a_port_that_another_program_holds_or_that_is_not_there_is_said_in_a_sentence(tmp_path: Path, stack: ExitStack) -> None:
    scripted(stack, tmp_path / "held", lambda _heard: b"")
    stack.callback(open_serial(str(tmp_path / "held")).close)
    code, lines = told(str(tmp_path / "held"), str(tmp_path / "none"), "tcp:127.0.0.1:1", "tcp:nowhere")
    assert code == 3
    assert "is in use by another program" in lines[0]["says"]
    assert all(line["says"].startswith("It cannot be asked: ") for line in lines)


def test_whoever_is_found_has_a_driver() -> None:
    assert {f"{probe.role}/{probe.protocol}" for probe in PROBES} <= set(names()) | {"modem/at"}
