"""`kiosk sim display`: a display for people's eyes, at the end of a real pseudo-terminal."""

import subprocess
import sys
from pathlib import Path

from kiosk.commands.sim_display import drawing
from kiosk.devices.display.dialect import DIALECTS, Shown
from kiosk.devices.port import open_port
from kiosk.devices.sim.control import ask
from tests.display.desk import until


def test_it_draws_its_cells_whenever_they_change_and_ends_when_it_is_told(tmp_path: Path) -> None:
    link, control = tmp_path / "display", tmp_path / "control"
    command = [sys.executable, "-m", "kiosk", "sim", "display", "--link", str(link), "--control", str(control)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        until(lambda: link.is_symlink() and control.is_socket())
        port = open_port(str(link))
        port.write(DIALECTS["cd5220"].frame(Shown("150.00 yuan", "in the machine"), "cp437"))
        until(lambda: ask(control, {"do": "look"})["state"]["rows"][1].startswith("in the machine"))
        assert ask(control, {"do": "dance"})["ok"] is False
        ask(control, {"do": "quit"})
        assert simulator.wait(10) == 0
        port.close()
        assert simulator.stdout
        assert "|150.00 yuan         |\n|in the machine      |" in simulator.stdout.read()


def test_where_its_link_cannot_be_made_it_says_so_and_ends_with_3(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kiosk", "sim", "display", "--link", str(tmp_path / "no" / "such" / "place")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    assert "cannot start" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_lamps_that_are_lit_stand_below_the_digits() -> None:
    assert drawing(("150.00",), ["collect"]) == "+------+\n|150.00|\n+------+\n collect"
