"""The plug is pulled at any moment of a writer's life. What was promised is there; and the same test sees a disk that was not synced."""

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from kiosk.vend.journal import Journal
from kiosk.vend.store import StoreError
from tests.journal.powercut import Disk, Op, recorded
from tests.journal.shop import KEY
from tests.seeds import Seeds

WRITER = """
import pathlib, sys
from kiosk.vend.facts import DeviceFault
from kiosk.vend.journal import Journal
from tests.journal.shop import KEY, note
folder, synchronous = pathlib.Path(sys.argv[1]), sys.argv[2]
journal = Journal.open(folder / "store.db", KEY, at_ms=1)
journal._connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
journal._connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 25")  # many checkpoints in a short life
with (folder / "promises").open("wb", buffering=0) as promises:
    for counter in range(120):
        journal.append(counter, 1, counter, (DeviceFault("printer", "low"),) * (counter % 3))
        row = journal.append(counter, 1, counter, (note(counter),))[-1]
        if counter % 40 == 39:
            row = journal.checkpoint(bytes(6_000), counter, 1, counter)
        promises.write(row.seq.to_bytes(4, "big"))
journal.close()
"""

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not here to build the recorder")


def life(folder: Path, synchronous: str) -> list[Op]:
    """What a writer did to its disk, from the empty folder to a clean end."""
    shim, log, home = folder / "recorder.so", folder / "log", folder / "disk"
    home.mkdir()
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, Path(__file__).parent / "recorder.c", "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "RECORD_LOG": str(log), "RECORD_DIR": str(home)}
    subprocess.run([sys.executable, "-c", WRITER, home, synchronous], env=environment, check=True)
    return recorded(log)


def found_after(files: dict[str, bytes], promised: int, folder: Path) -> str:
    """ok, lost (a promised row is gone), or refused (the store does not open, or not with all its rows whole)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        if not name.endswith("-shm"):  # made anew from the WAL
            (folder / name).write_bytes(content)
    try:
        with Journal.open(folder / "store.db", KEY, create=promised == 0) as journal:
            if journal.verify().bad_seq is not None:
                return "refused"
            return "ok" if journal.head()[0] >= promised else "lost"
    except StoreError:
        return "refused"


def cuts(ops: list[Op], places: list[int], folder: Path, chance: random.Random) -> Counter[str]:
    """A power cut before each of the operations at `places` of the writer's life."""
    verdicts, disk, done, promised = Counter[str](), Disk(), 0, 0
    for place in sorted(places):
        for op in ops[done:place]:
            if op.name == "promises":
                promised = int.from_bytes(op.data, "big") or promised
            else:
                disk.do(op)
        done = max(done, place)
        verdicts[found_after(disk.cut(chance), promised, folder)] += 1
    return verdicts


def anywhere(ops: list[Op], count: int, chance: random.Random) -> list[int]:
    return [chance.randrange(len(ops) + 1) for _ in range(count)]


@pytest.mark.parametrize("count", [40, pytest.param(3_000, marks=pytest.mark.deep("3,000 power cuts of a store"))])
def test_after_a_power_cut_every_promised_row_is_there(tmp_path: Path, count: int, seeds: Seeds) -> None:
    chance = seeds.random(f"power cuts {count}")
    ops = life(tmp_path, "FULL")
    assert sum(op.name == "promises" and op.op == "W" for op in ops) == 120
    assert sum(op.op == "S" and op.name == "store.db" for op in ops) > 3, "no WAL checkpoint was in this life"
    assert cuts(ops, anywhere(ops, count, chance), tmp_path / "found", chance) == {"ok": count}
    making = list(range(next(place for place, op in enumerate(ops) if op.name == "promises")))
    assert cuts(ops, making, tmp_path / "found", chance) == {"ok": len(making)}, "a cut in the making of the store"


@pytest.mark.deep("3,000 power cuts of a store")
def test_the_cut_has_teeth_a_store_that_is_not_synced_loses_promised_rows(tmp_path: Path, seeds: Seeds) -> None:
    ops, chance = life(tmp_path, "NORMAL"), seeds.random("power cuts without fsync")
    assert cuts(ops, anywhere(ops, 150, chance), tmp_path / "found", chance)["lost"] > 20
