"""What the project's files may not say: where somebody's machine keeps them, and what should have been finished before."""

import re

import pytest

from tests.house.tree import HOUSE, tracked

ABSOLUTE = re.compile(r"(?<![\w.~$}/-])/(?:work|root|home)/\w")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
TEXT = {".py", ".md", ".toml", ".sh", ".txt", ".service", ".rules", ".json", ".css", ".tcss", ""}


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(HOUSE)}:{number}"
        for path in tracked()
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_names_a_place_on_somebodys_machine() -> None:
    assert lines_with(ABSOLUTE) == []


def test_nothing_was_put_off() -> None:
    assert lines_with(UNFINISHED) == []


@pytest.mark.parametrize("line", ["see " + "/ro" + "ot/x", '"' + "/wo" + 'rk/main"', "cp x " + "/ho" + "me/a"])
def test_such_a_place_is_found(line: str) -> None:
    assert ABSOLUTE.search(line)


@pytest.mark.parametrize("line", ["https://example.org" + "/wo" + "rk/1", "$HOME" + "/wo" + "rk/x", "a/ro" + "ot/b"])
def test_a_part_of_another_path_is_not(line: str) -> None:
    assert not ABSOLUTE.search(line)


def test_no_text_from_outside_ends_in_a_line_feed_that_its_pattern_did_not_see() -> None:
    """Python's `$` holds before a last line feed, too; msgspec's patterns are Python's."""
    assert lines_with(re.compile(r"Meta\(pattern=r\"[^\"]*\$\"")) == []
