"""A simulation that finds nothing proves nothing: every planted bug is found, and named by its seed."""

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.run import lived

STEPS, WORLDS = 1_200, 30


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[name].patch(monkeypatch)
    found = next((wrong for seed in range(WORLDS) if (wrong := lived(seed, STEPS))), "")
    assert found, f"in {WORLDS} worlds nobody notices that {BUGS[name].what}"
    assert f"--steps {STEPS}" in found
