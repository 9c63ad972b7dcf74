"""The bench measures what it says: rows of the documented shape, fsyncs really counted, nothing made up."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from kiosk.bench import store, table
from kiosk.bench.fsyncs import NotCounted, Tally
from kiosk.bench.rows import ROWS

PROGRAM = """
import pathlib, sys
from kiosk.vend.facts import DeviceFault, NoteStacked
from kiosk.vend.journal import Journal
journal = Journal.open(pathlib.Path(sys.argv[1]), bytes(32))
print("open", flush=True)
for line in sys.stdin:
    if line == "barrier\\n":
        journal.append(1, 1, 1, (DeviceFault("printer", "low"), NoteStacked("00112233445566aa", "notes", "N1", 1000, 1, 1)))
    else:
        journal.append(1, 1, 1, (DeviceFault("printer", "low"),))
    print("done", flush=True)
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not here to build the counter")
def test_a_barrier_costs_one_fsync_and_what_can_wait_none(tmp_path: Path) -> None:
    tally = Tally(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "store.db")],
        env=tally.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as kiosk:
        assert kiosk.stdin
        assert kiosk.stdout
        assert kiosk.stdout.readline() == "open\n"
        assert tally.count() > 0
        kiosk.stdin.write("barrier\n")  # the first commit after opening may have to begin a new WAL
        kiosk.stdin.flush()
        kiosk.stdout.readline()
        for word, cost in [("barrier", 1), ("wait", 0), ("wait", 0), ("barrier", 1)]:
            before = tally.count()
            kiosk.stdin.write(word + "\n")
            kiosk.stdin.flush()
            assert kiosk.stdout.readline() == "done\n"
            assert tally.count() - before == cost, word
        kiosk.stdin.close()


def test_without_a_compiler_the_count_is_refused_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotCounted, match="no C compiler"):
        Tally(tmp_path)


def test_a_figure_has_the_documented_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "COMMITS", 50)
    monkeypatch.setattr(store, "WARM", 5)
    (figure,) = table.run(ROWS, only="commit_vs_raw_sqlite")
    named = ["name", "value", "unit", "aim", "better", "baseline", "baseline_value", "spread", "note", "machine"]
    assert list(msgspec.to_builtins(figure)) == named
    assert figure.value is not None
    assert figure.value > 0
    assert figure.machine


def test_a_start_replays_the_same_tail_at_any_age(tmp_path: Path) -> None:
    store._start(store._aged(tmp_path / "young.db", 1_000))
    store._start(store._aged(tmp_path / "old.db", 5_000))


@pytest.mark.parametrize(
    ("value", "better", "met", "mark"),
    [(0.8, "higher", True, ""), (0.6, "higher", False, "MISSED"), (0.6, "lower", True, ""), (None, "lower", None, "NOT MEASURED")],
)
def test_a_missed_aim_is_seen_in_the_table(value: float | None, better: str, met: bool | None, mark: str) -> None:
    figure = table.Figure("x", value, "ms", 0.7, better)
    assert figure.met is met
    assert table.as_table([figure]).endswith(mark)
