"""The forms that are cut from blocks: figures that say exactly what is written, letters that all stand on one line."""

import pytest

from kiosk.screens.figure import F3, F5, F7, Figure, art, draw, split
from kiosk.screens.size import L, M, S

WRITTEN = (  # as the four languages write it, with the currency's exponent
    ("0.00", 2),
    ("999.99", 2),
    ("1,234.50", 2),
    ("-12.40", 2),
    ("99,999.99", 2),
    ("999,99", 2),
    ("99\u00a0999,99", 2),
    ("-1\u00a0234,50", 2),
    ("1,500", 0),
    ("1\u00a0500", 0),
    ("12.345", 3),
    ("1,234", 3),
)


@pytest.mark.parametrize(
    ("amount", "exponent", "parts"),
    [
        ("1,234.50", 2, ("1,234", ".", "50")),
        ("99\u00a0999,99", 2, ("99\u00a0999", ",", "99")),
        ("-0.05", 2, ("-0", ".", "05")),
        ("1,500", 0, ("1,500", "", "")),
        ("1\u00a0500", 0, ("1\u00a0500", "", "")),
        ("1,500", 3, ("1", ",", "500")),
        ("12.345", 3, ("12", ".", "345")),
        ("1234", 2, ("1234", "", "")),
        ("50", 2, ("50", "", "")),
        ("", 2, ("", "", "")),
    ],
)
def test_only_the_exponent_says_where_the_minor_part_begins(amount: str, exponent: int, parts: tuple[str, str, str]) -> None:
    assert split(amount, exponent) == parts


@pytest.mark.parametrize(("amount", "exponent"), WRITTEN)
def test_a_figure_reads_back_as_the_amount_that_is_written(amount: str, exponent: int) -> None:
    whole, mark, minor = split(amount, exponent)
    for rows, steps in ((7, ((7, 5), (5, 3), (3, 3))), (5, ((5, 3), (3, 3))), (3, ((3, 3),))):
        drawn = draw(amount, exponent, rows, 99)
        big, small = steps[0]
        assert len(drawn.art) == big
        assert {len(line) for line in drawn.art} == {drawn.width}
        assert "".join(read(drawn.art, 0, big)).startswith(digits(whole)), (amount, rows)
        if mark:
            assert "".join(read(drawn.art, big - small, small)).endswith(digits(minor)), (amount, rows)


def digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def read(lines: tuple[str, ...], top: int, rows: int) -> list[str]:
    """The digits of one alphabet that stand in a drawing, left to right."""
    alphabet = {7: F7, 5: F5, 3: F3}[rows]
    found, column = [], 0
    while column < len(lines[0]):
        for digit, glyph in alphabet.items():
            if tuple(line[column : column + len(glyph[0])] for line in lines[top:]) == glyph:
                found.append(digit)
                column += len(glyph[0]) - 1
                break
        column += 1
    return found


def test_no_two_digits_look_alike_and_all_of_an_alphabet_are_as_wide_and_as_tall() -> None:
    for alphabet, width, rows in ((F7, 9, 7), (F5, 7, 5), (F3, 4, 3)):
        assert set(alphabet) == set("0123456789")
        assert len({*alphabet.values()}) == 10
        assert {(len(line), len(glyph)) for glyph in alphabet.values() for line in glyph} == {(width, rows)}


@pytest.mark.parametrize("amount", ["999.99", "999,99"])
def test_three_digits_stand_large_beside_a_ledger_at_every_size(amount: str) -> None:
    """The design's pairs: F7 with F5 at M and L, F5 with F3 at S; 18 columns of ledger beside them."""
    for size, rows in ((S, 5), (M, 7), (L, 7)):
        assert len(draw(amount, 2, rows, size.inner - 18, 4).art) == rows, size.name


@pytest.mark.parametrize("amount", ["99,999.99", "99\u00a0999,99"])
def test_five_digits_stand_in_the_middle_alphabet_at_m(amount: str) -> None:
    assert len(draw(amount, 2, 7, M.inner - 18, 4).art) == 5


@pytest.mark.parametrize(("amount", "exponent"), WRITTEN)
def test_the_currency_stands_beside_the_figure_and_never_on_it(amount: str, exponent: int) -> None:
    for room in (20, 35, 54, 99):
        for word_columns in (2, 4, 8):
            drawn = draw(amount, exponent, 7, room, word_columns)
            if drawn.word:
                row, column = drawn.word
                assert column + word_columns <= drawn.width
                assert not drawn.art[row][column : column + word_columns].strip(), (amount, room)
            if drawn.width < room - word_columns:
                assert drawn.word, (amount, room)


def test_a_drawing_is_painted_with_spaces_and_lower_halves_only() -> None:
    drawn: Figure = draw("1,234.50", 2, 7, 99)
    for piece in art(drawn.art, 0, 0, "ink", "ground"):
        assert set(piece.text) <= {" ", "▄"}
        assert {piece.style[0], piece.style[1]} == {"ink", "ground"}
