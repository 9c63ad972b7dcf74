"""How fast the simulation goes: the product's own desk, step, judge, cards, batches and import, with every invariant after each step.

It lives with the tests, so where only the kiosk is installed there is nothing to measure.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from kiosk.bench.table import Measured, NotMeasured

ROOT = Path(__file__).parents[2]
ROUNDS, WORLDS, STEPS = 3, 4, 6_000
PATIENCE_S = 600


def simulation_steps_per_s() -> Measured:
    """Steps a second of one core's time, worlds made and brought to rest included; the median of three runs."""
    rates = sorted(_rate(1 + number * WORLDS) for number in range(ROUNDS))
    return Measured(median(rates), spread=f"{rates[0]:.0f} to {rates[-1]:.0f}, n {ROUNDS}", note=f"{WORLDS} worlds of {STEPS} steps a run")


def _rate(seed: int) -> float:
    if not (ROOT / "tests" / "simulation" / "__main__.py").is_file():
        raise NotMeasured("the simulation stands with the tests, and they are not here")
    command = [sys.executable, "-m", "tests.simulation", str(seed), "--steps", str(STEPS), "--worlds", str(WORLDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S)  # noqa: S603 - our own tests
    if done.returncode:
        said = (done.stdout or done.stderr).strip().splitlines()
        raise NotMeasured(f"the simulation found something: {said[0] if said else 'it ended'}")
    told = json.loads(done.stdout.splitlines()[-1])
    return float(told["steps"] / told["cpu_s"])
