"""A card is torn out at every command and after every byte; the same or another kiosk and the meter go on from there.

Each paid value is credited once, none is lost, and a claim is left only where another's record stands. A failure names its number:
`python -m tests.tears.run double 1234` tells it again; those that are drawn are others in each run (tests/seeds.py).
"""

from collections.abc import Callable
from itertools import islice

import pytest

from kiosk.devices.sim.faults import Cut
from tests.model.broken import RULES
from tests.seeds import Seeds
from tests.tears.histories import (
    BETWEEN,
    HOME,
    STARTS,
    A,
    B,
    Event,
    History,
    cuts_of_sale,
    double,
    fuzzed,
    live,
    singles,
    torn_homes,
    wrong,
)
from tests.tears.run import failure, run


@pytest.mark.parametrize("start", STARTS)
def test_without_a_tear_the_money_is_in_the_meter(start: str) -> None:
    town = live(History(start, (Event("A", pays=True), HOME)))
    assert not wrong(town)
    assert [credit.amount_minor for credit in town.credits] == [95_00]


def test_a_card_torn_out_anywhere_and_put_back_is_credited_once() -> None:
    for history in singles(((),)):
        town = live(history)
        assert not wrong(town), history
        paid = sum(till.kinds().count("NoteStacked") for till in town.tills)
        assert len(town.credits) == paid, history  # nothing but credit, no claim at all


@pytest.mark.parametrize("told", [double, fuzzed])
def test_a_sample_of_longer_histories(told: Callable[[int], History], seeds: Seeds) -> None:
    for seed in seeds.some(f"tears {told.__name__}", 250):
        assert not failure(told(seed)), told(seed)


def test_a_sample_of_tears_of_the_meter() -> None:
    for history in islice(torn_homes(), 0, None, 40):
        assert not failure(history), history


@pytest.mark.parametrize("name", ["commit-first", "mark-first", "blind", "trust-count", "repeat-new"])
def test_a_forgotten_rule_shows_in_the_tears_too(name: str, monkeypatch: pytest.MonkeyPatch, seeds: Seeds) -> None:
    RULES[name].patch(monkeypatch)
    assert seeds.first(f"tears, {name}", 2_000, range(2_000), lambda seed: failure(double(seed))), f"nobody notices that {RULES[name].what}"


def test_no_command_and_no_byte_is_left_out() -> None:
    cuts = cuts_of_sale(STARTS[0])
    commands = {cut.apdu for cut in cuts if cut.apdu is not None}
    assert commands == set(range(len(commands)))
    for update, length in enumerate((49, 11, 8, 8)):  # arm, mark, load, commit
        assert {cut.byte for cut in cuts if cut.update == update} == set(range(length))


@pytest.mark.deep("the whole tear matrix")
def test_every_single_tear_with_everything_in_between() -> None:
    lived, why = run("singles", 0, sum(len(cuts_of_sale(start)) for start in STARTS) * len(BETWEEN))
    assert not why, why
    assert lived > 8_000


@pytest.mark.deep("the whole tear matrix")
def test_every_tear_of_the_meters_own_write() -> None:
    lived, why = run("homes", 0, 10_000)
    assert not why, why
    assert lived > 8_000


@pytest.mark.deep("the whole tear matrix")
@pytest.mark.parametrize(("kind", "count"), [("double", 85_000), ("fuzzed", 15_000)])
def test_a_hundred_thousand_double_tears_and_fuzzed_lives(kind: str, count: int, seeds: Seeds) -> None:
    for seed in seeds.kept(f"tears {kind}"):
        assert not (why := failure((double if kind == "double" else fuzzed)(seed))), why
    lived, why = run(kind, seeds.base(f"all tears {kind}"), count)
    assert not why, why
    assert lived == count


def test_a_second_kiosk_finishes_what_the_first_left_and_the_first_learns_of_it() -> None:
    within_commit = Cut(update=2, byte=3)
    town = live(History(STARTS[2], (Event("A", pays=True, cut=within_commit), B, HOME, A)))
    assert not wrong(town)
    assert "ForeignSaleFinished" in town.tills[1].kinds()
    assert "CardVerified" in town.tills[0].kinds()
