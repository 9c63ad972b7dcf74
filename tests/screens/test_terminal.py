"""A real terminal: nothing gets out of the kiosk, nothing secret comes onto its glass, and the terminal is whole afterwards."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from inspect import signature
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.__main__ import OPTIONS, machine
from kiosk.bench.terminal import Terminal
from kiosk.commands.run import run
from kiosk.commands.running import be
from kiosk.screens.samples import SAMPLES

WAYS_OUT = {
    "ctrl+q": b"\x11",
    "ctrl+p": b"\x10",
    "ctrl+c": b"\x03",
    "ctrl+z": b"\x1a",
    "ctrl+backslash": b"\x1c",
    "ctrl+s": b"\x13",
    "F1": b"\x1bOP",
    "escape twice": b"\x1b\x1b",
    "tab": b"\t",
    "paste": b"\x1b[200~1\r\x1b[201~",
    "alt+q": b"\x1bq",
}
RESTORED = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1003l")


@pytest.mark.covers("abuse-1")
def test_no_key_leaves_the_kiosk_and_painting_goes_on(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.show(SAMPLES["done"].view)
        terminal.until(b"Card 140.00", 10)
        for keys in WAYS_OUT.values():
            terminal.type(keys)
            terminal.drain(0.1)
        assert terminal.alive
        terminal.show(replace(SAMPLES["insert"].view, rev=1))
        terminal.until(b"Machine 150.00", 10)
        assert terminal.chosen() == []
        terminal.type(b"\r")
        terminal.drain(0.3)
        assert terminal.chosen() == ["finish"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_orderly_end_restores_the_terminal(tmp_path: Path, number: signal.Signals) -> None:
    with Terminal(tmp_path) as terminal:
        assert termios.tcgetattr(terminal.slave) != terminal.before
        assert terminal.signal(number) == 0
        assert termios.tcgetattr(terminal.slave) == terminal.before
        assert all(code in terminal.written for code in RESTORED)


def test_a_crash_shows_neither_traceback_nor_values(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        start = len(terminal.written)
        terminal.show(replace(SAMPLES["insert"].view, phase="crash", rev=1, params={"pin": "SECRET-4711"}))
        assert terminal.wait() == 1
        after = terminal.written[start:]
        for leak in (b"SECRET", b"4711", b"Traceback", b"KeyError", b"locals", b".py"):
            assert leak not in after
        assert termios.tcgetattr(terminal.slave) == terminal.before
        assert all(code in terminal.written for code in RESTORED)


def test_a_stacked_note_takes_one_reset_a_row(tmp_path: Path) -> None:
    """Rich would write one behind every run of a colour, a hundred and more; Textual hands our own rows on as they are."""
    insert = SAMPLES["insert"].view
    with Terminal(tmp_path) as terminal:
        terminal.show(insert)
        terminal.until(b"Machine 150.00", 10)
        terminal.drain(0.3)
        terminal.written = b""
        terminal.show(replace(insert, rev=1, figure_minor=16000))
        painted = terminal.until(b"Machine 160.00", 10)
        moves = painted.count(b";1H")  # to each row, and home
        assert 1 < painted.count(b"\x1b[0m") == moves - 1


def test_the_glass_comes_up_without_the_heavy_rooms() -> None:
    done = subprocess.run([sys.executable, "-c", "import sys, kiosk.app; print(*sys.modules)"], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "textual.app" in loaded
    assert not loaded & {"sqlmodel", "sqlalchemy", "cryptography", "smartcard", "escpos", "serial", "PIL"}


def test_the_command_line_knows_its_commands_without_their_rooms() -> None:
    """What `kiosk run` does not need is not waited for, nor carried along for years."""
    done = subprocess.run([sys.executable, "-c", "import sys, kiosk.cli; print(*sys.modules)"], capture_output=True, text=True, check=True)
    heavy = ("kiosk.devices", "kiosk.hq", "kiosk.demo", "kiosk.bench", "cryptography", "pydantic", "sqlalchemy", "textual", "rich", "PIL")
    assert [name for name in done.stdout.split() if name.startswith(heavy)] == []


def test_the_machine_is_begun_without_the_command_line(tmp_path: Path) -> None:
    """It was a quarter of the time to the first paint."""
    line = "import sys; sys.argv = ['kiosk', 'run', '--screen', 'nobody', '--sound', 'loud']; import kiosk.__main__ as k\n"
    look = "try: k.main()\nexcept SystemExit as end: print(end.code, *sys.modules)"
    done = subprocess.run([sys.executable, "-c", line + look], capture_output=True, text=True, check=True, cwd=tmp_path)
    code, *loaded = done.stdout.split()
    assert (code, done.stderr) == ("2", "loud is no sound; known are auto, off and bell.\n")
    assert not {"typer", "pydantic", "kiosk.cli", "kiosk.commands.run"} & set(loaded)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("run", {}),
        ("run --config a --palette b", {"config": "a", "palette": "b"}),
        ("run --screen a --sound b", {"screen": "a", "sound": "b"}),
        ("run --core a --core b", {"core": "b"}),
    ],
)
def test_a_plain_run_is_read_by_itself(words: str, options: dict[str, str]) -> None:
    assert machine(words.split()) == options


@pytest.mark.parametrize(
    "words", ["", "run --help", "run --config", "run --config=a", "run --config --core", "run --speed 9", "run a b", "init x"]
)
def test_all_else_is_the_command_line_s(words: str) -> None:
    assert machine(words.split()) is None


def test_the_command_line_knows_the_same_options() -> None:
    assert tuple(signature(be).parameters) == tuple(signature(run).parameters) == tuple(option.removeprefix("--") for option in OPTIONS)


def test_an_impatient_hand_before_the_first_paint_sees_no_traceback(tmp_path: Path) -> None:
    """Ctrl-C comes as a signal until Textual has the terminal: while the rooms are read."""
    line = (
        "import sys, signal; sys.argv = ['kiosk', 'run', '--screen', 'nobody']; import kiosk.commands.running as r, kiosk.__main__ as k\n"
    )
    hand = "r.keep_to_itself = lambda: signal.raise_signal(signal.SIGINT)\nk.main()"
    done = subprocess.run([sys.executable, "-c", line + hand], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_terminal_that_vanishes_without_a_signal_ends_the_screen(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "kiosk", "run", "--screen", str(tmp_path / "nobody")]
    screen = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    painted = b""
    while b"No money can go in now." not in painted:
        assert select.select([ours], [], [], 20)[0], "it never painted"
        painted += os.read(ours, 65536)
    time.sleep(1.0)  # from here on only the look at the terminal can end it
    os.close(ours)
    try:
        assert screen.wait(20) == 0
    finally:
        screen.kill()


def screen_in_a_session_of_its_own(link: Path) -> tuple[int, int]:
    """Its process and our end of its terminal."""
    child, ours = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "kiosk", "run", "--screen", str(link)])  # noqa: S606 - this very program
    return child, ours


def test_a_session_whose_terminal_closes_is_over(tmp_path: Path) -> None:
    """The kernel sends SIGHUP and SIGCONT: of several glasses that lose their terminal, each ends."""
    left = set()
    for number in range(6):
        child, ours = screen_in_a_session_of_its_own(tmp_path / "nobody")
        painted = b""
        while b"No money can go in now." not in painted:
            assert select.select([ours], [], [], 30)[0], "it never painted"
            painted += os.read(ours, 65536)
        time.sleep(number * 0.05)
        os.close(ours)
        left.add(child)
    end = time.monotonic() + 30
    while left and time.monotonic() < end:
        left -= {child for child in left if os.waitpid(child, os.WNOHANG)[0]}
        time.sleep(0.05)
    for child in left:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert not left
