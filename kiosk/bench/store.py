"""What the journal costs over the bare library, and what a start costs after years."""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from kiosk.bench.table import Measured, in_turn, spread
from kiosk.vend.facts import DeviceFault, Fact, NoteStacked
from kiosk.vend.journal import INSERT, Journal
from kiosk.vend.rows import columns
from kiosk.vend.store import connect

KEY = bytes(range(32))
SALE = "00112233445566aa"
COMMITS = 2_000
WARM = 100
STARTS = 41
TAIL = 500
CHUNK = 1_000


def commit_vs_raw_sqlite() -> Measured:
    """A durable fact, encoded, hashed and chained, against the bare insert of the same row: same library, key, pragmas, same disk."""
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "store.db", KEY) as journal:
        raw_path = Path(folder) / "raw.db"
        Journal.open(raw_path, KEY).close()  # the same tables
        engine = connect(raw_path, KEY, read_only=False).engine
        raw: Any = engine.raw_connection().driver_connection
        facts = iter([_note(counter) for counter in range(COMMITS + WARM)])
        rows = iter([(seq, 1_700_000_000_000, 1, seq, *columns(_note(seq)), KEY) for seq in range(2, COMMITS + WARM + 2)])

        def durable_fact() -> None:
            journal.append(1_700_000_000_000, 1, 1, (next(facts),))

        def bare_insert() -> None:
            raw.execute("BEGIN IMMEDIATE")
            raw.execute(INSERT, next(rows))
            raw.execute("COMMIT")

        ours, bare = in_turn(durable_fact, bare_insert, COMMITS, warm=WARM)
        engine.dispose()
    return Measured(
        median(bare) / median(ours),
        f"ours {spread(ours)}; bare {spread(bare)}",
        baseline="the same row through sqlcipher3 alone, ms",
        baseline_value=median(bare) * 1e3,
    )


def startup_1m_over_10k() -> Measured:
    """Open the store, check the tail's chain and read it: at a million rows and at ten thousand, both with 500 rows to replay."""
    with tempfile.TemporaryDirectory() as folder:
        young = _aged(Path(folder) / "10k.db", 10_000)
        old = _aged(Path(folder) / "1m.db", 1_000_000)
        aged, fresh = in_turn(lambda: _start(old), lambda: _start(young), STARTS)
    return Measured(
        median(aged) / median(fresh),
        f"old {spread(aged)}; young {spread(fresh)}",
        baseline="a store of 10,000 rows, ms",
        baseline_value=median(fresh) * 1e3,
    )


def _aged(path: Path, rows: int) -> Path:
    """A closed store of `rows` rows with its checkpoint before the last TAIL."""
    with Journal.open(path, KEY) as journal:
        waiting: tuple[Fact, ...] = tuple(DeviceFault("printer", "low") for _ in range(CHUNK))
        while (short := rows - TAIL - 1 - journal.head()[0]) > 0:
            journal.append(1_700_000_000_000, 1, 1, waiting[:short])
            journal.commit()
        journal.checkpoint(bytes(4_000), 1_700_000_000_000, 1, 1)
        for counter in range(TAIL):
            journal.append(1_700_000_000_000, 1, 1, (_note(counter),))
    return path


def _start(path: Path) -> None:
    with Journal.open(path, KEY, create=False) as journal:
        ((first, _), *_) = journal.checkpoints()
        replayed = sum(1 for _ in journal.tail(first))
        if replayed != TAIL + 1:
            raise AssertionError(f"{replayed} rows were replayed, not {TAIL + 1}")


def _note(counter: int) -> NoteStacked:
    return NoteStacked(SALE, "notes", "N0012345", 10_000, counter % 256, counter)
