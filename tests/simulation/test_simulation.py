"""Worlds from many seeds, every invariant after each step, and at the end all comes to rest. SIMULATION_SEED moves them elsewhere."""

import os
from collections import Counter

import pytest

from tests.simulation.__main__ import main
from tests.simulation.planted import BUGS
from tests.simulation.run import lived

SEED = int(os.environ.get("SIMULATION_SEED", "0"))
STEPS = 6_000
HAPPENS = (
    "sales", "credits", "claims", "claims settled", "codes", "orders",
    "bank payments", "bank claims", "reversed", "moved", "restored", "damaged", "betrayed",
    "verdict OK", "verdict REPLAY", "verdict GAP", "verdict FORK", "verdict TAMPER", "verdict None",
    "office lost", "office lost whole", "office misdirected", "office refused", "office looked",
)  # fmt: skip


def test_a_few_worlds() -> None:
    for seed in range(SEED, SEED + 4):
        assert not (wrong := lived(seed, 1_500)), wrong


def test_a_seed_decides_everything() -> None:
    counted: list[Counter[str]] = [Counter(), Counter(), Counter()]
    logs: list[list[str]] = [[], [], []]
    for place, seed in enumerate((4711, 4711, 4712)):
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


@pytest.mark.deep("300,000 steps of the whole system")
def test_three_hundred_thousand_steps_and_everything_happens_in_them() -> None:
    counted: Counter[str] = Counter()
    for seed in range(SEED, SEED + 50):
        assert not (wrong := lived(seed, STEPS, counted)), wrong
    assert counted["steps"] >= 300_000
    assert all(counted[what] >= 10 for what in HAPPENS), counted
    assert counted["reissued"], "no count proof ever said that another record took a code's slot"
    assert counted["epochs"] > 50  # a world has one, and one more for each time that its office was put back
    assert counted["verdict EXCEPTION"] == 0, "an honest kiosk's batch breaks no rule"
