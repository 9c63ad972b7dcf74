"""A simulation that finds nothing proves nothing: every planted bug is found, and named by its seed."""

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.run import lived
from tests.simulation.world import Platter

STEPS, WORLDS, MANY_WORLDS = 1_200, 60, 200
FOUND_AT = {  # looked at first
    "credit on escrow": 25,
    "sales unproved": 41,
    "seen before its fact": 18,
    "proof of another": 14,
    "told twice": 2,
}
RARE = ("proof by intent", "proof by absence", "blind", "repeat-new", "seen before its fact")  # two things have to meet
# found where the office's disk often fails
OF_THE_DISK = ("unproved backup", "heads for proof", "sums unproved", "sales unproved", "same epoch")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.deep("planted bugs that need many worlds")) if name in RARE else name for name in BUGS]
)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[name].patch(monkeypatch)
    worlds = MANY_WORLDS if name in RARE else WORLDS
    seeds = [seed for seed in range(worlds) if name not in OF_THE_DISK or Platter(seed).trouble > 0.02]
    seeds.sort(key=lambda seed: seed != FOUND_AT.get(name))
    found = next((wrong for seed in seeds if (wrong := lived(seed, STEPS))), "")
    assert found, f"in {worlds} worlds nobody notices that {BUGS[name].what}"
    assert f"--steps {STEPS}" in found
    assert "Error:" not in found, "it breaks the machine instead of being wrong"
