"""Every catalogue says today's English, all of it, with the same things put in; and what the kiosk reads is what the translators wrote."""

from pathlib import Path

import pytest
from babel.messages import Catalog

from kiosk import words
from tests.house import catalogues

FILES = list(catalogues.files().items())


@pytest.mark.parametrize(("language", "path"), FILES, ids=[language for language, _ in FILES])
def test_nothing_is_missing_stale_lost_or_invented(language: str, path: Path) -> None:
    assert list(catalogues.faults(catalogues.read(language, path))) == []


@pytest.mark.parametrize(("language", "path"), FILES, ids=[language for language, _ in FILES])
def test_a_catalogue_is_what_the_one_command_makes_of_it(language: str, path: Path) -> None:
    catalogue = catalogues.read(language, path)
    assert path.read_bytes() == catalogues.written(catalogues.brought_up(catalogue))
    assert path.with_suffix(".mo").read_bytes() == catalogues.compiled(catalogue)


def catalogue(**changed: str | None) -> Catalog:
    """English in English, with these sentences in their stead; None leaves one out."""
    made = Catalog("en", fuzzy=False)
    for key, english in words.catalogue("en").items():
        if (said := changed.get(key, english)) is not None:
            made.add(english, said, context=key)
    return made


WRONG = [
    ({"insert.first": ""}, "insert.first: missing"),
    ({"reading.first": None}, "reading.first: missing"),
    ({"insert.first": "Money is in. Put in more, or press ENTER."}, "insert.first: placeholders lost [('amount', '')], invented []"),
    ({"reading.first": "Reading card {tail}."}, "reading.first: placeholders lost [], invented [('tail', '')]"),
    ({"status.minutes": "{minutes}:{seconds}"}, "status.minutes: placeholders lost [('seconds', '02')], invented [('seconds', '')]"),
    ({"help.second": "Press ESC to go back."}, "help.second: the key CLEAR is called CLEAR"),
]


@pytest.mark.parametrize(("changed", "fault"), WRONG, ids=[fault for _, fault in WRONG])
def test_a_fault_is_found(changed: dict[str, str | None], fault: str) -> None:
    assert list(catalogues.faults(catalogue(**changed))) == [fault]


def test_a_brace_that_is_not_closed_is_found() -> None:
    (fault,) = catalogues.faults(catalogue(**{"reading.first": "Reading {tail"}))
    assert fault.startswith("reading.first: placeholders")


def test_a_sentence_of_which_the_english_has_changed_is_stale_and_not_compiled() -> None:
    changed = Catalog("en", fuzzy=False)
    for key, english in words.catalogue("en").items():
        changed.add("Read it." if key == "reading.first" else english, english, context=key)
    assert list(catalogues.faults(changed)) == ["reading.first: stale"]
    again = catalogues.brought_up(changed)
    assert list(catalogues.faults(again)) == ["reading.first: stale"]
    assert b"Reading your card. Leave it in." not in catalogues.compiled(again)


def test_an_amount_may_have_its_currency() -> None:
    assert list(catalogues.faults(catalogue(**{"still.first": "{amount} {currency} is in. More time?"}))) == []
