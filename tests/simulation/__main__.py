"""Any seed again, by one command; with --worlds so many from there on, and how fast:

python -m tests.simulation 4711 --steps 4000 --trace
python -m tests.simulation 1 --steps 4000 --worlds 10
"""

import argparse
import json
import sys
import time
from collections import Counter

from tests.simulation.run import lived


def main(words: list[str]) -> int:
    """1 when something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Live through worlds that a seed decides.")
    parser.add_argument("seed", type=int)
    parser.add_argument("--steps", type=int, default=4_000)
    parser.add_argument("--worlds", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="say what happened, step by step")
    asked = parser.parse_args(words)
    counted: Counter[str] = Counter()
    told = (lambda what: sys.stdout.write(f"{what}\n")) if asked.trace else None
    began = time.process_time()
    for seed in range(asked.seed, asked.seed + asked.worlds):
        if wrong := lived(seed, asked.steps, counted, told):
            sys.stdout.write(f"{wrong}\n")
            return 1
    seconds = time.process_time() - began
    sys.stdout.write(json.dumps({"steps": counted["steps"], "cpu_s": seconds, "counted": counted}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
