"""Each numbered failure, abuse, rule and finite field has a test that carries its number, or a written reason why not yet."""

import re

from tests.house.numbers import covering, rows

LATER = re.compile(r"comes with (?:Screens|Keys|Sync|Devices|Appliance): \S+( \S+){2,}")
LENGTHS = {"failure": 35, "card": 17, "abuse": 60, "rule": 28}


def test_the_lists_are_whole_and_every_number_stands_once() -> None:
    numbers = [number for number, _ in rows()]
    assert len(numbers) == len(set(numbers))
    for kind, length in LENGTHS.items():
        assert [number for number in numbers if number.startswith(f"{kind}-")] == [f"{kind}-{i}" for i in range(1, length + 1)]


def test_no_test_carries_a_number_that_no_table_has() -> None:
    known = {number for number, _ in rows()}
    assert {number: places for number, places in covering().items() if number not in known} == {}


def test_every_number_has_a_test_or_a_reason() -> None:
    covered = covering()
    assert [number for number, proof in rows() if number not in covered and not LATER.fullmatch(proof)] == []


def test_no_row_waits_for_a_test_that_is_there() -> None:
    tested = [(number, proof) for number, proof in rows() if number in covering()]
    assert [number for number, proof in tested if proof.split(";")[0] != "tests"] == []


def test_every_row_that_is_not_only_tests_says_why() -> None:
    proofs = [(number, proof.removeprefix("tests; the rest ")) for number, proof in rows() if proof != "tests"]
    assert [number for number, proof in proofs if not LATER.fullmatch(proof)] == []
