"""Worlds from fresh seeds, every invariant after each step, and at the end all comes to rest (tests/seeds.py)."""

from collections import Counter

import pytest

from tests.seeds import Seeds
from tests.simulation.__main__ import main
from tests.simulation.planted import BUGS
from tests.simulation.run import lived

STEPS = 6_000
WORLDS, MOST_WORLDS = 50, 100
HAPPENS = (
    "sales", "credits", "claims", "claims settled", "codes", "orders",
    "bank payments", "bank claims", "reversed", "moved", "restored", "damaged", "betrayed",
    "verdict OK", "verdict REPLAY", "verdict GAP", "verdict FORK", "verdict TAMPER", "verdict None",
    "office lost", "office lost whole", "office misdirected", "office refused", "office looked",
)  # fmt: skip


def test_a_few_worlds(seeds: Seeds) -> None:
    for seed in seeds.some("simulation, few worlds", 4):
        assert not (wrong := lived(seed, 1_500)), wrong


def test_a_seed_decides_everything(seeds: Seeds) -> None:
    counted: list[Counter[str]] = [Counter(), Counter(), Counter()]
    logs: list[list[str]] = [[], [], []]
    first = seeds.base("simulation, the same world")
    for place, seed in enumerate((first, first, first + 1)):
        assert not (wrong := lived(seed, 1_200, counted[place], logs[place].append)), wrong
    assert logs[0] == logs[1]
    assert counted[0] == counted[1]
    assert logs[0] != logs[2]


def test_a_failure_says_by_which_command_it_is_seen_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    BUGS["growth ignored"].patch(monkeypatch)
    wrong = next(wrong for seed in range(20) if (wrong := lived(seed, 300)))
    first, command = wrong.splitlines()
    assert command.startswith("python -m tests.simulation ")
    assert main(command.split()[3:]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [first, command]


def missing(counted: Counter[str]) -> list[str]:
    """What has not happened often enough in the worlds that were counted."""
    enough = {what: counted[what] >= 10 for what in HAPPENS}
    # a world has one epoch, and one more for each time that its office was put back
    enough |= {"reissued": counted["reissued"] > 0, "epochs": counted["epochs"] > counted["worlds"]}
    return [what for what, well in enough.items() if not well]


@pytest.mark.deep("300,000 steps of the whole system")
def test_three_hundred_thousand_steps_and_everything_happens_in_them(seeds: Seeds) -> None:
    """What is rare and did not happen in fifty worlds happens in the next ones, which are as many at most."""
    counted: Counter[str] = Counter()
    for seed in seeds.some("simulation", MOST_WORLDS):
        if counted["worlds"] >= WORLDS and not missing(counted):
            break
        assert not (wrong := lived(seed, STEPS, counted)), wrong
        counted["worlds"] += 1
    assert counted["steps"] >= 300_000
    assert not missing(counted), counted
    assert counted["verdict EXCEPTION"] == 0, "an honest kiosk's batch breaks no rule"
