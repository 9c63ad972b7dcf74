"""Words: every sentence is short enough, and amounts and days are written as people write them."""

import string
from datetime import datetime

import pytest

from kiosk import words
from kiosk.screens.canvas import width_of
from kiosk.screens.customer import PHASES

MOST_CELLS = 52
FILLED = {  # the widest that a placeholder holds on a kiosk that sells at most 999.99 at a time
    "amount": "999.99",
    "note": "100",
    "tail": "..7730",
    "other": "..1102",
    "when": "28 Nov 08:15",
    "time": "2:30",
    "phone": "0800 123 456",
    "low": "10",
    "high": "100",
    "keys": "1 2 3",
    "name": "A*** K***",
    "group": 5,
    "tries": 4,
    "room": "999.99",
    "purchase": "108-2",
    "seconds": 45,
    "minutes": 2,
}
SENTENCES = {*PHASES, "works", "help", "title", "status"}


def ways(language: str) -> dict[str, str]:
    """What one may pay with: all of it, what is no cash, and the longest alone."""
    names = [words.text(language, f"attract.{way}") for way in ("notes", "coins", "bank", "code")]
    between = words.text(language, "attract.between")
    return {"ways": between.join(names), "others": between.join(names[2:]), "way": max(names, key=width_of)}


@pytest.mark.parametrize("language", words.languages())
def test_no_sentence_on_a_screen_is_wider_than_the_smallest_screen(language: str) -> None:
    long = {}
    for key, sentence in words.catalogue(language).items():
        if key.split(".")[0] in SENTENCES:
            names = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
            filled = FILLED | ways(language)
            said = words.text(language, key, **{name: filled[name] for name in names})
            if width_of(said) > MOST_CELLS:
                long[key] = said
    assert not long


def test_an_amount_is_written_with_its_thousands_apart_and_all_its_cents() -> None:
    assert words.money("en", 123456789) == "1,234,567.89"
    assert words.money("en", 5) == "0.05"
    assert words.money("en", -1240) == "-12.40"
    assert words.money("en", 1500, 0) == "1,500"
    assert words.money("en", 12345, 3) == "12.345"


def test_a_note_is_called_by_its_face_and_a_half_by_its_cents() -> None:
    assert words.whole_money("en", 10000) == "100"
    assert words.whole_money("en", 50) == "0.50"


def test_energy_is_never_rounded_up() -> None:
    assert words.energy("en", 241_999) == "241.9 kWh"


def test_days_and_moments() -> None:
    assert words.moment("en", "2026-11-03 08:15") == "3 Nov 08:15"
    assert words.moment("en", "2026-10-28") == "28 Oct"
    assert words.full_day("en", datetime(2026, 11, 3)) == "3 Nov 2026"  # noqa: DTZ001 - the wall's own time
    assert {words.text("en", f"date.month.{month}") for month in range(1, 13)} > {"Jan", "Dec"}


def test_a_language_without_a_catalogue_is_spoken_in_english() -> None:
    assert words.text("xx", "reading.first") == words.text("en", "reading.first")


def test_a_missing_sentence_or_a_missing_value_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError):
        words.text("en", "no.such.sentence")
    with pytest.raises(KeyError):
        words.text("en", "insert.first", sum="150.00")
