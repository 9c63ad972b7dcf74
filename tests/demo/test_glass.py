"""The demo as a newcomer has it: in a terminal, with a bench beside the kiosk, and a code to type."""

import re
import sys
from pathlib import Path

import pytest

from kiosk.bench.terminal import Terminal
from kiosk.devices.sim.zvt_book import Book
from kiosk.screens.bench import WIDTH, panel, places

STYLE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
READ_S, REST_S = 30.0, 0.3


@pytest.mark.deep("the demo in a real terminal")
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
        terminal.drain(2 * REST_S)  # a code may begin with the digit of the key that led here, which is deaf until the finger has rested
        for digit in digits.decode():
            terminal.drain(REST_S)
            terminal.type(digit.encode())
        terminal.until(b"ENTER", READ_S)
        terminal.drain(2 * REST_S)
        terminal.type(b"\r")
        terminal.until(b"is on the card", READ_S)
        terminal.type(b"z")
        assert terminal.wait() == 0


@pytest.mark.deep("the demo in a real terminal")
def test_the_bench_says_what_the_bank_says_and_shows_the_customers_display(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "kiosk", "demo", "--stack", "in-process", "--keep", str(tmp_path))
    with Terminal(tmp_path, 106, 31, command=command, first=b"DEMO BENCH") as terminal:
        terminal.until(b"Insert card A", READ_S)
        terminal.type(b"y")
        terminal.until(b"awaits no", READ_S)
        terminal.type(b"a")
        terminal.until(b"Bank card", READ_S)
        for letter, sentence in ((b"n", b"No money was taken"), (b"y", b"is on the card")):
            terminal.drain(2 * REST_S)
            terminal.type(b"2" if letter == b"n" else b"\r")
            if letter == b"n":
                terminal.until(b"By bank card", READ_S)
                terminal.drain(2 * REST_S)
                terminal.type(b"\r")
            terminal.until(b"Follow the small screen", READ_S)
            terminal.type(letter)
            terminal.until(sentence, READ_S)
        terminal.until(b"on your card", READ_S)
        terminal.type(b"z")
        assert terminal.wait() == 0
    assert [entry.state for entry in Book(tmp_path / "kiosks" / "K07" / "terminal.jsonl").entries] == ["completed"]


def test_every_control_of_the_bench_has_a_key_of_its_own_and_a_place_of_its_own() -> None:
    controls = list(places())
    assert len({letter for *_, (letter, *_) in controls}) == len(controls)
    taken = {(y, column) for y, x, width, _ in controls for column in range(x, x + width)}
    assert len(taken) == sum(width for _, _, width, _ in controls)
    for _, _, room, (_, label, _, _) in controls:
        assert len(label) + 3 <= room
    shown = ["".join(text for text, _ in row) for row in panel(("one", "two"), ("three",), WIDTH, 24)]
    assert {row.strip() for row in shown} >= {"one", "two", "three"}, "a window of 24 rows has room for what is told"
