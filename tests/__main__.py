"""What `./run test` and `./run prove` do with pytest.

python -m tests test [pytest's own words]                 quick tests, shared by several processes
python -m tests prove [--hours H] [pytest's own words]    deep tests; until H hours are over then what chance decides, with fresh seeds
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ALONE = ("-n", "--numprocesses", "-k", "-s", "--pdb", "--collect-only", "--co", "-h", "--help")
NOTHING = 5  # pytest's, for a run that had no test to run


def places(words: Sequence[str]) -> list[str]:
    """The folders, files and tests among pytest's words."""
    return [word for word in words if Path(word.partition("::")[0]).exists()]


def shared(words: Sequence[str]) -> list[str]:
    """The options by which several processes share the tests; none where a single file, or a few tests by name, are asked for."""
    named = places(words)
    whole = not named or len(named) > 1 or Path(named[0]).is_dir()
    if not whole or any(word == option or word.startswith(f"{option}=") for word in words for option in ALONE):
        return []
    if any(word.startswith("-n") and word[2:].isdigit() for word in words):
        return ["--no-loadscope-reorder"]
    # two more than there are cores: who is at pcscd, or waits for a driver or for a painted screen, works little
    return ["-n", str(len(os.sched_getaffinity(0)) + 2), "--no-loadscope-reorder"]


def command(depth: str, words: Sequence[str]) -> list[str]:
    """One run of pytest. Where no place is named, the rules of the house are left to `./run check`."""
    rules = [] if places(words) else ["--unchecked"]
    return [sys.executable, "-m", "pytest", f"--depth={depth}", *rules, *shared(words), *words]


def prove(words: Sequence[str], hours: float) -> int:
    """The deep tests once; then those that chance decides, quick ones too, each time with a fresh seed."""
    end, ended = time.time() + hours * 3600, [subprocess.call(command("deep", words))]
    while time.time() < end and ended[-1] != NOTHING:
        ended.append(subprocess.call(command("all", [*words, "--chance", f"--until={end}"])))
    failed = [code for code in ended if code not in (0, NOTHING)]
    sys.stdout.write(f"runs: {len(ended)}, failed: {len(failed)}\n")
    return failed[0] if failed else 0


def hours_of(words: list[str]) -> tuple[float, list[str]]:
    """The hours asked for, and the other words."""
    rest, hours = [], 0.0
    given = iter(words)
    for word in given:
        name, _, value = word.partition("=")
        if name == "--hours":
            hours = float(value or next(given, ""))
        else:
            rest.append(word)
    if not 0 <= hours < 10_000:
        raise ValueError
    return hours, rest


def main(words: list[str]) -> int:
    """pytest's exit code; of several runs the first that is not 0."""
    what, *rest = words
    try:
        hours, rest = hours_of(rest) if what == "prove" else (0.0, rest)
    except ValueError:
        sys.stderr.write("--hours takes a number of hours, such as --hours 1.5\n")
        return 2
    if hours and any(word.partition("=")[0] == "--seed" for word in rest):
        sys.stderr.write("with --hours every run draws a seed of its own; --seed is for one run\n")
        return 2
    try:
        if hours:
            return prove(rest, hours)
        return subprocess.call(command("quick" if what == "test" else "deep", rest))
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
