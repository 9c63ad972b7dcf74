"""A clerk with a slip in the hand, and a tester with a printer that is not there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from kiosk.commands.receipt import verify
from kiosk.commands.receipt_samples import HEAD, METER, PUBLIC_KEY
from kiosk.commands.sim_printer import printer
from kiosk.devices.port import after, open_port
from kiosk.devices.sim.control import ask
from kiosk.devices.vault.station import create_station
from kiosk.vend.paper import values
from tests.paper.shop import claim, recharge, sign

clerk = typer.Typer()
clerk.command()(verify)


def test_a_genuine_slip_is_told_in_words_and_in_json() -> None:
    code = values.signed(claim(), sign).code
    said = CliRunner().invoke(clerk, [code, "--key", PUBLIC_KEY.hex()])
    assert said.exit_code == 0
    assert said.stdout.startswith(f"Genuine slip K07-000123: 150.00\ncard ..7730, meter {METER}, purchase 18-2, tag a1b2c3d4")
    piped = CliRunner().invoke(clerk, ["-", "--key", PUBLIC_KEY.hex(), "--json"], input=code + "\n")
    found = json.loads(piped.stdout)
    assert (found["genuine"], found["amount_minor"], found["head"]) == (True, 15000, HEAD[:16])


SPOILT: dict[str, Callable[[str], str]] = {
    "one letter": lambda code: code[:50] + ("A" if code[50] != "A" else "B") + code[51:],
    "cut short": lambda code: code[:-5],
    "something else": lambda _: "hello",
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_code_that_is_not_genuine_gives_one_sentence_and_code_1(how: str) -> None:
    code = SPOILT[how](values.signed(recharge(), sign).code)
    said = CliRunner().invoke(clerk, [code, "--key", PUBLIC_KEY.hex()])
    assert said.exit_code == 1
    assert said.stderr.count("\n") == 1
    as_json = CliRunner().invoke(clerk, [code, "--key", PUBLIC_KEY.hex(), "--json"])
    assert (as_json.exit_code, json.loads(as_json.stdout)["genuine"]) == (1, False)


def test_the_station_that_printed_it_knows_its_own_papers(tmp_path: Path) -> None:
    station = create_station(tmp_path / "station")
    code = values.signed(claim(), station.sign).code
    assert CliRunner().invoke(clerk, [code, "--station", str(tmp_path / "station")]).exit_code == 0
    assert CliRunner().invoke(clerk, [code, "--key", PUBLIC_KEY.hex()]).exit_code == 1
    assert CliRunner().invoke(clerk, [code, "--station", str(tmp_path / "no")]).exit_code == 3


@pytest.mark.parametrize("wrong", [[], ["--key", "12"], ["--key", "x" * 64], ["--key", PUBLIC_KEY.hex(), "--station", "s"]])
def test_a_wrong_call_is_said_and_is_code_2(wrong: list[str]) -> None:
    said = CliRunner().invoke(clerk, ["K1:AA", *wrong])
    assert said.exit_code == 2
    assert said.stderr.count("\n") == 1


def test_the_printer_stands_alone_answers_prints_and_quits(tmp_path: Path) -> None:
    program = "import typer; from kiosk.commands.sim_printer import printer; typer.run(printer)"
    link, control, out = tmp_path / "printer", tmp_path / "control", tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", program, "--link", link, "--control", control, "--out", out]) as alone:
        try:
            give_up = time.monotonic() + 20
            while not control.exists():
                assert time.monotonic() < give_up
                time.sleep(0.02)
            port = open_port(str(link), 115200)
            port.write(b"\x1b@HELLO\n\x1dVB\x00\x10\x04\x01")
            assert port.read(1, after(5)) == b"\x12"
            while ask(control, {"do": "state"})["state"]["papers"] != 1:
                assert time.monotonic() < give_up
            assert (out / "001.txt").read_text() == "HELLO\n"
            assert ask(control, {"do": "dance"})["ok"] is False
            assert ask(control, {"do": "paper", "to": "gone"})["ok"] is False
            port.close()
            os.kill(alone.pid, signal.SIGTERM)
            assert alone.wait(10) == 0
        finally:
            alone.kill()
    assert not control.exists()


def test_a_printer_without_a_place_says_so(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(printer)
    both = ["--control", str(tmp_path / "c"), "--out", str(tmp_path / "o")]
    assert CliRunner().invoke(app, both).exit_code == 2
    assert CliRunner().invoke(app, [*both, "--link", str(tmp_path / "none" / "p")]).exit_code == 3
