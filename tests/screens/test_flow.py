"""Sentences on rows: nothing is lost, an amount stays whole, and a row never begins with what ends a sentence."""

import pytest

from kiosk import words
from kiosk.screens.canvas import width_of
from kiosk.screens.flow import flow, flow_all


def test_a_sentence_that_fits_stays_on_its_row() -> None:
    assert flow("Put your electricity card in the slot.", 48) == ("Put your electricity card in the slot.",)
    assert flow("", 48) == ("",)


def test_a_longer_one_is_broken_between_words_and_evenly() -> None:
    said = "140.00 is on the card. It is not in the meter yet."
    assert flow(said, 48) == ("140.00 is on the card. It", "is not in the meter yet.")


def test_an_amount_that_is_written_with_a_space_stays_whole() -> None:
    assert flow("Il y a 99 999,99 dans la borne.", 14) == ("Il y a", "99 999,99 dans", "la borne.")


def test_chinese_is_broken_between_characters_but_not_before_a_comma_nor_within_a_number() -> None:
    assert flow("机器已收到 150.00 元。可继续放入、", 16) == ("机器已收到", "150.00 元。", "可继续放入、")
    assert flow("放入卡、", 6) == ("放入", "卡、")


@pytest.mark.parametrize("language", words.languages())
@pytest.mark.parametrize("width", [28, 48])
def test_no_word_of_a_catalogue_is_lost_and_no_row_is_too_long(language: str, width: int) -> None:
    for key, sentence in words.catalogue(language).items():
        if not key.startswith("paper."):
            rows = flow(sentence, width)
            assert "".join(rows).replace(" ", "") == sentence.replace(" ", ""), key
            assert max(map(width_of, rows)) <= width, key
            assert all(row == row.strip() for row in rows), key


def test_lines_become_a_paragraph_where_there_are_too_few_rows() -> None:
    lines = ("one two three", "four", "five")
    assert flow_all(lines, 13, 3) == lines
    assert flow_all(lines, 13, 2) == ("one two three", "four five")


def test_what_is_too_long_for_all_rows_stands_out_over_the_last() -> None:
    assert flow_all(("one two", "three four", "five six"), 8, 2) == ("one two", "three four five six")


def test_an_amount_and_its_currency_stay_on_one_row() -> None:
    rows = [flow("您的 150.00 元安全地存在这里", width) for width in range(9, 28)]
    assert all(any("150.00 元" in row for row in found) for found in rows)
