"""The demo as a newcomer has it: in a terminal, with a bench beside the kiosk, and a code to type."""

import re
import sys
from pathlib import Path

import pytest

from kiosk.bench.terminal import Terminal

STYLE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
READ_S, REST_S = 30.0, 0.3


@pytest.mark.slow
def test_a_code_from_the_bench_is_typed_at_the_kiosk_and_is_on_the_card(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "kiosk", "demo", "--stack", "in-process", "--keep", str(tmp_path))
    with Terminal(tmp_path, 106, 31, command=command, first=b"DEMO BENCH") as terminal:
        terminal.until(b"Insert card A", READ_S)
        terminal.type(b"a")
        terminal.until(b"Transfer code", READ_S)
        terminal.type(b"k")
        terminal.until(b"Code ", READ_S)
        terminal.drain(REST_S)
        painted = STYLE.sub(b"", terminal.written)
        code = b"".join(re.findall(rb"Code (\d{4} \d{4} \d{4})", painted)[-1:] + re.findall(rb" {5}(\d{4} \d{4})", painted)[-1:])
        digits = code.replace(b" ", b"")
        assert len(digits) == 20
        terminal.type(b"3")
        terminal.until(b"Digits", READ_S)
        for digit in digits.decode():
            terminal.drain(REST_S)
            terminal.type(digit.encode())
        terminal.until(b"ENTER", READ_S)
        terminal.drain(2 * REST_S)
        terminal.type(b"\r")
        terminal.until(b"is on the card", READ_S)
        terminal.type(b"z")
        assert terminal.wait() == 0
