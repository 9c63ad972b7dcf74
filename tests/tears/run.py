"""Many histories on all cores, and one again by hand:

python -m tests.tears.run fuzzed 4711
"""

import os
import sys
from collections.abc import Callable
from itertools import islice
from multiprocessing import get_context

from tests.tears import histories
from tests.tears.histories import History, live, wrong

SHARD = 500

KINDS: dict[str, Callable[[int, int], list[History]]] = {
    "singles": lambda first, count: list(islice(histories.singles(), first, first + count)),
    "homes": lambda first, count: list(islice(histories.torn_homes(), first, first + count)),
    "double": lambda first, count: [histories.double(seed) for seed in range(first, first + count)],
    "fuzzed": lambda first, count: [histories.fuzzed(seed) for seed in range(first, first + count)],
}


def shard(work: tuple[str, int]) -> tuple[int, str]:
    """Live through one shard: (how many, the first that went wrong with all that is needed to tell it again)."""
    kind, first = work
    told = KINDS[kind](first, SHARD)
    for number, history in enumerate(told, first):
        why = failure(history)
        if why:
            return number - first, f"python -m tests.tears.run {kind} {number}: {why}\n{history}"
    return len(told), ""


def failure(history: History) -> str:
    """What went wrong, also when a kiosk could not go on at all."""
    try:
        return wrong(live(history))
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to this history
        return f"{type(error).__name__}: {error}"


def run(kind: str, first: int, count: int) -> tuple[int, str]:
    """(how many were lived through, the first failure or "")."""
    total, work = 0, [(kind, at) for at in range(first, first + count, SHARD)]
    with get_context("fork").Pool(os.cpu_count()) as pool:
        for lived, why in pool.imap_unordered(shard, work):
            total += lived
            if why:
                return total, why
    return total, ""


if __name__ == "__main__":
    for again in KINDS[sys.argv[1]](int(sys.argv[2]), 1):
        print(again, failure(again) or "all is well", sep="\n")  # noqa: T201
