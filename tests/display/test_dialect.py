"""The displays' bytes: the reference's examples, cells read back by a display that was written apart; and hostile text."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.devices.display.dialect import CHARSETS, COLUMNS, DIALECTS, LAMPS, Shown, can_show, cells, numeric
from kiosk.devices.sim.display import KINDS, Cells
from tests.seeds import Seeds

VECTORS: list[dict[str, Any]] = json.loads(Path("tests/vectors/displays.json").read_text("utf-8"))["vectors"]
ORDERS = frozenset(b"\x02\x0a\x0b\x0c\x0d\x18\x1b\x1f\x7f")


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{vector['kind']}: {vector['says']}" for vector in VECTORS])
def test_the_reference_s_bytes_are_the_cells_that_it_names(vector: dict[str, Any]) -> None:
    for pieces in (1, 1000):
        display = Cells(vector["kind"])
        data = bytes.fromhex(vector["hex"])
        for start in range(0, len(data), pieces):
            display.feed(data[start : start + pieces])
        assert [row.rstrip() for row in display.rows] == [row.rstrip() for row in vector["rows"]]
        assert display.state()["lamps"] == vector["lamps"]


@pytest.mark.parametrize("kind", ["cd5220", "epson"])
def test_what_is_shown_stands_in_the_cells_whatever_stood_there_before(kind: str) -> None:
    display = Cells(kind)
    dialect = DIALECTS[kind]
    display.feed(dialect.greeting("cp437"))
    for upper, lower in (("01234567890123456789", "in the machine"), ("5.00 yuan", ""), ("", "à payer"), ("Welcome", "Put your card in")):
        display.feed(dialect.frame(Shown(upper, lower), "cp437"))
        assert display.rows == (upper.ljust(COLUMNS), lower.ljust(COLUMNS))
    assert display.state()["unknown"] == 0


def test_a_display_that_lost_its_power_shows_the_next_picture_without_a_greeting() -> None:
    for kind, dialect in DIALECTS.items():
        display = Cells(kind)
        display.feed(dialect.frame(Shown("150.00 yuan", "in the machine", "150.00", "collect"), "cp437"))
        assert display.rows[0].strip() == ("150.00" if kind == "led8n" else "150.00 yuan")


def test_a_numeric_display_has_the_amount_and_one_lamp() -> None:
    display = Cells("led8n")
    display.feed(DIALECTS["led8n"].greeting("ascii"))
    for lamp in LAMPS:
        display.feed(DIALECTS["led8n"].frame(Shown("150.00 yuan", "in the machine", "150.00", lamp), "ascii"))
        assert (display.rows, display.state()["lamps"]) == (("150.00",), [lamp])
    display.feed(DIALECTS["led8n"].frame(Shown("Welcome", "Put your card in"), "ascii"))
    assert (display.rows, display.state()["lamps"], display.state()["unknown"]) == (("",), [], 0)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.00", "0.00"),
        ("-12.40", "-12.40"),
        ("999999.99", "999999.99"),
        ("-99999.99", "-99999.99"),
        ("1000000.00", "1000000"),
        ("99999999.99", "99999999"),
        ("100000000.00", "--------"),
        ("-10000000.50", "--------"),
    ],
)
@pytest.mark.covers("field-171")
def test_an_amount_that_eight_digits_cannot_hold_is_never_shown_as_another(amount: str, shown: str) -> None:
    assert numeric(amount) == shown
    display = Cells("led8n")
    display.feed(DIALECTS["led8n"].frame(Shown("", "", amount), "ascii"))
    assert (display.rows, display.state()["unknown"]) == ((shown,), 0)


@pytest.mark.covers("field-172")
def test_a_line_is_twenty_cells_and_no_character_is_cut_in_half() -> None:
    assert cells("0123456789012345678901", "cp437") == b"01234567890123456789"
    assert cells("请输入转账码请输入转账码", "gb18030").decode("gb18030") == "请输入转账码请输入转"
    assert cells("a请输入转账码请输入转账码", "gb18030").decode("gb18030") == "a请输入转账码请输入 "
    assert cells("", "ascii") == b" " * COLUMNS


def test_a_letter_that_the_font_lacks_loses_its_accent_or_is_a_question_mark() -> None:
    assert cells("À payer à l'école", "ascii") == b"A payer a l'ecole   "
    assert cells("\u20ac 5 \u4e00", "cp437") == b"? 5 ?               "
    assert can_show("à payer", "ascii")
    assert can_show("Quel montant ?", "ascii")
    assert not can_show("您好", "cp437")
    assert not can_show("123456789012345678901", "cp437")


@given(
    st.text(max_size=60), st.text(max_size=60), st.text(max_size=20), st.sampled_from(sorted(CHARSETS)), st.sampled_from(sorted(DIALECTS))
)
def test_no_text_gives_a_display_an_order(upper: str, lower: str, digits: str, charset: str, kind: str) -> None:
    """Whatever a greeting or a name holds: the cells' bytes are no control codes, and what comes after them is where it should be."""
    assert not set(cells(upper, charset)) & ORDERS
    assert len(cells(upper, charset)) == COLUMNS
    if kind != "led8n":
        display = Cells(kind, charset)
        display.feed(DIALECTS[kind].greeting(charset) + DIALECTS[kind].frame(Shown(upper, lower, digits), charset))
        assert display.state()["unknown"] == 0


PIECES = (
    b"\x1bQA",
    b"\x1bQB",
    b"\x1bQD",
    b"\x1bQ",
    b"\x1b",
    b"\r",
    b"\x0c",
    b"\x18",
    b"\x1f$",
    b"\x02L",
    b"\x1bl",
    b"\x1b@",
    b"12.50",
    b"\xff" * 30,
)


@pytest.mark.deep("a million broken inputs")
@pytest.mark.parametrize("kind", KINDS)
def test_a_million_hostile_inputs_leave_a_display_alive_and_no_larger(kind: str, seeds: Seeds) -> None:
    """Whole orders, halves of them and noise, 350,000 a dialect; afterwards it still shows what it is sent."""
    chance, display = seeds.random(f"display {kind}"), Cells(kind)
    tracemalloc.start()
    try:
        for turn in range(350_000):
            if turn == 50_000:
                before = tracemalloc.get_traced_memory()[0]
            display.feed(chance.choice(PIECES) if chance.random() < 0.5 else chance.randbytes(chance.randrange(6)))
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
    assert len(display.rows) == (1 if kind == "led8n" else 2)
    assert all(len(row) <= 20 for row in display.rows)
    display.feed(b"\r" + b"\x00" * 60)  # ends an order that was begun
    display.feed(DIALECTS[kind].greeting("cp437") + DIALECTS[kind].frame(Shown("150.00", "", "150.00"), "cp437"))
    assert display.rows[0].strip() == "150.00"
