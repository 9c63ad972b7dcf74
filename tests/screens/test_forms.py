"""The forms that are cut from blocks: figures that say exactly what is written, letters that all stand on one line."""

import string

import pytest

from kiosk import words
from kiosk.screens import poster
from kiosk.screens.figure import F3, F5, F7, LOW, Figure, art, draw, split
from kiosk.screens.letters import ALPHABETS
from kiosk.screens.movement import STEPS, movement
from kiosk.screens.size import L, M, S
from tests.house import posters

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
        large = {7: F7, 5: F5, 3: LOW}[big]
        assert "".join(read(drawn.art, 0, large)).startswith(digits(whole)), (amount, rows)
        if mark:
            behind = large if small == big else {5: F5, 3: F3}[small]
            assert "".join(read(drawn.art, big - small, behind)).endswith(digits(minor)), (amount, rows)


def digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def read(lines: tuple[str, ...], top: int, alphabet: dict[str, tuple[str, ...]]) -> list[str]:
    """The digits of one alphabet that stand in a drawing, left to right."""
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
    for alphabet, width, rows in ((F7, 9, 7), (F5, 7, 5), (F3, 4, 3), (LOW, 4, 3)):
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


# ------------------------------------------------------------ posters


def test_each_alphabet_has_every_letter_as_tall_as_the_others_and_unlike_them() -> None:
    for alphabet in ALPHABETS:
        assert set(alphabet) == set(string.ascii_uppercase)
        assert len({*alphabet.values()}) == 26
        assert len({len(glyph) for glyph in alphabet.values()}) == 1
        for letter, glyph in alphabet.items():
            assert len({len(row) for row in glyph}) == 1, letter
            assert {*"".join(glyph)} <= {"#", " "}, letter


@pytest.mark.parametrize("text", ["LEAVE THE CARD IN", "LAISSEZ LA CARTE", "PRENEZ VOTRE CARTE", "ACHA KADI NDANI", "CHUKUA KADI YAKO"])
def test_a_poster_reads_back_as_its_words(text: str) -> None:
    for width, tall in posters.boxes():
        dots = poster.drawn(text, width, tall)
        assert any(spelt(dots, alphabet) == text.replace(" ", "") for alphabet in ALPHABETS), (text, width, tall)


def spelt(dots: poster.Dots, alphabet: dict[str, poster.Dots]) -> str:
    """The letters that stand in a drawing, line by line."""
    tall, found, row = len(alphabet["I"]), "", 0
    while row <= len(dots) - tall:
        line, column = dots[row : row + tall], 0
        while column < len(line[0]):
            here = [letter for letter, glyph in alphabet.items() if stands(glyph, line, column)]
            found += here[0] if here else ""
            column += len(alphabet[here[0]][0]) if here else 1
        row += tall if any(char == "#" for char in line[0]) else 1
    return found


def stands(glyph: poster.Dots, line: poster.Dots, column: int) -> bool:
    """This letter, with a gap at both sides."""
    width = len(glyph[0])
    edges = (row[max(column - 1, 0) : column] + row[column + width : column + width + 1] for row in line)
    return tuple(row[column : column + width] for row in line) == glyph and not "".join(edges).strip()


def test_the_largest_letters_that_fit_are_taken() -> None:
    assert len(poster.drawn("LEAVE THE CARD IN", M.inner - 2, 22)) == 9 + 9 + 2
    assert len(poster.drawn("LEAVE THE CARD IN", S.inner - 2, 18)) == 7 + 7 + 1
    assert len(poster.drawn("PRENEZ VOTRE CARTE", S.inner - 2, 18)) == 5 * 3 + 2
    assert poster.drawn("ANTICONSTITUTIONNELLEMENT", S.inner - 2, 18) == ()


@pytest.mark.parametrize("language", words.languages())
def test_every_catalogue_has_its_posters_at_every_size(language: str) -> None:
    """What `python -m tests.house.posters` made is what the catalogue says today, no word more and no word less."""
    path = words.LOCALE / language / poster.FILE
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    made = {line.removeprefix(poster.WORD) for line in lines if line.startswith(poster.WORD)}
    assert made == set(posters.needed(language)), "run: python -m tests.house.posters"
    for key, text in words.catalogue(language).items():
        if key.endswith(".poster"):
            assert all(poster.drawn(text, width, tall) for width, tall in posters.boxes()), (language, text)


def test_words_that_nobody_can_draw_are_a_sentence_on_the_same_plane() -> None:
    region = (4, 1, 53, 9)
    *ground, sentence = poster.pieces("ካርድወን ይውሰዱ", region)
    assert len(ground) == 9
    assert sentence.text == "ካርድወን ይውሰዱ"
    assert (sentence.y, sentence.style) == (8, ("poster_words", "poster", True))


@pytest.mark.screen
def test_ideographs_are_made_from_the_font_and_stand_apart() -> None:
    font = posters.font_for("卡取", [posters.NOTO])
    for width, tall in posters.boxes():
        dots = posters.rendered("取卡", width, tall, font)
        assert len(dots) <= tall
        assert {len(row) for row in dots} == {len(dots[0])}
        assert len(dots[0]) <= width
        gaps = [column for column in range(len(dots[0])) if not any(row[column] == "#" for row in dots)]
        assert any(len(dots[0]) // 3 < column < len(dots[0]) * 2 // 3 for column in gaps)


@pytest.mark.screen
def test_a_letter_that_no_font_has_is_said_and_not_made_up() -> None:
    with pytest.raises(posters.NoFont, match="fonts-noto-cjk"):
        posters.font_for("ካ", [posters.NOTO])


# ------------------------------------------------------------ pictures of one movement


REGIONS = ((4, 3, 50, 7), (4, 1, 33, 5), (3, 1, 33, 3), (5, 40, 18, 5))


def seen(name: str, region: tuple[int, int, int, int], beat: int) -> list[list[str]]:
    """The picture as tokens, two rows of dots a row of cells."""
    y, x, width, rows = region
    dots = [["outside"] * width for _ in range(rows * 2)]
    for piece in movement(name, region, beat, "you"):
        for column in range(piece.x - x, piece.x - x + len(piece.text)):
            assert 0 <= column < width
            assert y <= piece.y < y + rows
            lower, upper, _ = piece.style
            dots[2 * (piece.y - y)][column] = upper
            dots[2 * (piece.y - y) + 1][column] = lower
    return dots


def leftmost(dots: list[list[str]], token: str) -> int:
    return min(row.index(token) for row in dots if token in row)


@pytest.mark.parametrize("region", REGIONS)
def test_a_card_that_goes_in_goes_to_the_right_and_one_that_comes_out_to_the_left(region: tuple[int, int, int, int]) -> None:
    into = [leftmost(seen("card_in", region, beat), "you.line") for beat in range(1, STEPS + 2)]
    out = [leftmost(seen("card_out", region, beat), "you.line") for beat in range(1, STEPS + 2)]
    assert into == sorted(into)
    assert into[0] < into[-1]
    assert out == into[::-1]
    held = {leftmost(seen("card_held", region, beat), "you.line") for beat in range(STEPS + 2)}
    assert held == {into[-1]}
    nearer = [leftmost(seen("reader", region, beat), "you.line") for beat in range(1, STEPS + 2)]
    assert nearer == sorted(nearer)


@pytest.mark.parametrize("region", [region for region in REGIONS if region[3] > 3])
def test_without_motion_the_arrow_still_says_which_way(region: tuple[int, int, int, int]) -> None:
    """At beat 0 the movement is over, and its arrow has one dot at its point, and three at its other end."""
    for name, ends in (("card_in", (3, 1)), ("card_out", (1, 3))):
        assert seen(name, region, 0) == seen(name, region, STEPS + 1)
        arrow = [row[:7] for row in seen(name, region, 0)]
        heights = [height for column in zip(*arrow, strict=True) if (height := column.count("you.words"))]
        assert (heights[0], heights[-1]) == ends, name


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", ["card_in", "card_held", "card_out", "reader"])
def test_a_picture_fills_its_region_and_no_cell_beside_it(name: str, region: tuple[int, int, int, int]) -> None:
    for beat in range(STEPS + 3):
        assert not any("outside" in row for row in seen(name, region, beat))
