"""A simulation that finds nothing proves nothing: every planted bug is found, and named by its seed.

It is looked for in fresh worlds first. Where chance meets it in none of them, it is found in a known one, and the run says so.
"""

import pytest

from tests.seeds import Seeds
from tests.simulation.planted import BUGS
from tests.simulation.run import lived
from tests.simulation.world import Platter

STEPS, FRESH, MANY_FRESH, KNOWN = 1_200, 20, 60, range(200)
FOUND_AT = {
    "credit on escrow": 25,
    "sales unproved": 41,
    "seen before its fact": 18,
    "proof of another": 14,
    "told twice": 2,
}  # of the known
# chance meets them in fewer than one world of three, or two things have to meet
RARE = (
    "proof by intent", "proof by absence", "proof of another", "blind", "repeat-new", "seen before its fact",
    "unknown is nothing", "sums unproved", "heads for proof", "sales unproved",
)  # fmt: skip
# found where the office's disk often fails, which is in one world of four
OF_THE_DISK = ("unproved backup", "heads for proof", "sums unproved", "sales unproved", "same epoch")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.deep("planted bugs that need many worlds")) if name in RARE else name for name in BUGS]
)
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch, seeds: Seeds) -> None:
    BUGS[name].patch(monkeypatch)

    def wrong(seed: int) -> str:
        return "" if name in OF_THE_DISK and Platter(seed).trouble < 0.02 else lived(seed, STEPS)

    known = sorted(KNOWN, key=lambda seed: seed != FOUND_AT.get(name))
    found = seeds.first(f"planted, {name}", MANY_FRESH if name in RARE else FRESH, known, wrong)
    assert found, f"neither in fresh worlds nor in known ones anybody notices that {BUGS[name].what}"
    assert f"--steps {STEPS}" in found
    refused = name in OF_THE_DISK and "StoreError: " in found  # what a bad disk left of a table breaks its constraints
    assert refused or "Error:" not in found, "it breaks the machine instead of being wrong"
