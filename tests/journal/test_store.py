"""The store's file: keyed, set as asked, refused when it is not, noticed when it changes."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from kiosk.vend import store
from kiosk.vend.journal import Journal
from kiosk.vend.store import StoreDamaged, StoreError, StoreFull, StoreRefused
from tests.journal.shop import KEY, day, made, note
from tests.seeds import Seeds


def opened(path: Path, key: bytes = KEY) -> sqlcipher.Connection:
    """The store as someone with its key and a shell sees it."""
    connection = sqlcipher.connect(str(path), isolation_level=None)
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    return connection


def test_a_new_store_is_encrypted_and_only_its_user_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Journal.open(path, KEY, at_ms=1) as journal:
        journal.append(1, 1, 1, (note(1),))
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file
            assert b"NoteStacked" not in file.read_bytes()
            assert not file.read_bytes().startswith(b"SQLite format 3")


def test_a_plain_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    plain = sqlcipher.connect(str(path))
    plain.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY)")
    plain.close()
    with pytest.raises(StoreRefused, match="plain database"):
        Journal.open(path, KEY)


def test_a_wrong_key_is_one_sentence_and_nothing_on_the_screen(tmp_path: Path) -> None:
    path = made(tmp_path / "store.db")
    program = (
        "import sys, pathlib\nfrom kiosk.vend.journal import Journal\nfrom kiosk.vend.store import StoreError\n"
        "try: Journal.open(pathlib.Path(sys.argv[1]), bytes(32))\nexcept StoreError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert "does not open with this station's key" in done.stdout
    assert "00000000" not in done.stdout


def test_a_missing_directory_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="No such file"):
        Journal.open(tmp_path / "gone" / "store.db", KEY)


def test_a_lost_store_is_not_silently_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with pytest.raises(StoreRefused, match="No such file"):
        Journal.open(path, KEY, create=False)
    path.touch()
    with pytest.raises(StoreRefused, match="was lost"):
        Journal.open(path, KEY, create=False)


@pytest.mark.parametrize(("pragma", "named"), [("synchronous = NORMAL", "synchronous"), ("journal_mode = DELETE", "journal_mode")])
def test_a_setting_that_is_not_as_asked_means_no_sale(tmp_path: Path, pragma: str, named: str) -> None:
    connection = store.connect(made(tmp_path / "store.db"), KEY, read_only=False)
    store.check_settings(connection)
    connection.exec_driver_sql(f"PRAGMA {pragma}")
    with pytest.raises(StoreRefused, match=named):
        store.check_settings(connection)
    connection.engine.dispose()


@pytest.mark.parametrize("name", list(store.SETTINGS))
def test_every_setting_is_read_back(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = store.connect(made(tmp_path / "store.db"), KEY, read_only=False)
    monkeypatch.setitem(store.SETTINGS, name, "something else")
    with pytest.raises(StoreRefused, match=name):
        store.check_settings(connection)
    connection.engine.dispose()


def test_a_journal_mode_changed_behind_its_back_is_put_right_at_start(tmp_path: Path) -> None:
    path = made(tmp_path / "store.db")
    raw = opened(path)
    assert raw.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    raw.close()
    Journal.open(path, KEY).close()
    raw = opened(path)
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_old_library_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlcipher, "sqlite_version_info", (3, 40, 1))
    with pytest.raises(StoreRefused, match=r"3\.51\.3 or newer"):
        Journal.open(tmp_path / "store.db", KEY)


def test_a_store_of_newer_software_or_of_something_else_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "store.db")
    raw = opened(path)
    raw.execute("PRAGMA user_version = 2")
    raw.close()
    with pytest.raises(StoreRefused, match="newer software"):
        Journal.open(path, KEY)
    raw = opened(path)
    raw.execute("PRAGMA application_id = 7")
    raw.close()
    with pytest.raises(StoreRefused, match="not a kiosk's store"):
        Journal.open(path, KEY)


def test_a_second_kiosk_on_one_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Journal.open(path, KEY) as first:
        program = "import sys, pathlib\nfrom kiosk.vend.journal import Journal\nJournal.open(pathlib.Path(sys.argv[1]), bytes(range(32)))"
        second = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
        assert second.returncode != 0
        assert "StoreRefused: Another process has the store" in second.stderr
        first.append(1, 1, 1, (note(1),))
    Journal.open(path, KEY).close()  # and it is free again


def test_a_refused_store_is_let_go(tmp_path: Path) -> None:
    path = made(tmp_path / "store.db")
    with pytest.raises(StoreDamaged):
        Journal.open(path, bytes(32))
    with (tmp_path / "store.db.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_report_reads_beside_a_running_kiosk_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Journal.open(path, KEY) as running:
        day(running)
        with Journal.open(path, KEY, create=False, read_only=True) as report:
            assert report.verify().bad_seq is None
            assert report.head() == running.head()
            with pytest.raises(StoreError):
                report.append(1, 1, 1, (note(99),))
        running.append(1, 1, 1, (note(31),))


@pytest.mark.parametrize("flips", [200, pytest.param(1_500, marks=pytest.mark.deep("1,500 changed bytes of a store"))])
def test_any_changed_byte_of_the_file_is_noticed(tmp_path: Path, flips: int, seeds: Seeds) -> None:
    whole = made(tmp_path / "whole.db", notes=60)
    size, chance, missed = whole.stat().st_size, seeds.random(f"changed bytes {flips}"), []
    path = tmp_path / "store.db"
    for place in [0, 15, 16, size - 1, *(chance.randrange(size) for _ in range(flips))]:
        shutil.copyfile(whole, path)
        with path.open("r+b") as file:
            file.seek(place)
            before = file.read(1)[0]
            file.seek(place)
            file.write(bytes([before ^ (1 << chance.randrange(8))]))
        try:
            with Journal.open(path, KEY, create=False, read_only=True) as journal:
                if journal.verify().bad_seq is None:
                    missed.append(place)
        except StoreDamaged:
            pass
    assert size >= 8 * 4096
    assert missed == []


def fill(journal: Journal) -> int:
    """Write until the disk has no room; the last row that was promised."""
    journal._value(f"PRAGMA max_page_count = {journal._value('PRAGMA page_count') + 2}")
    for counter in range(1_000):
        try:
            promised = journal.append(1, 1, 1, (note(counter),))[-1].seq
        except StoreFull:
            return promised
    raise AssertionError("the disk never filled")


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "store.db", KEY) as journal:
        fill(journal)
        with pytest.raises(StoreError, match="failed before"):
            journal.append(1, 1, 1, (note(1),))


def test_after_a_full_disk_every_row_that_was_promised_is_there(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Journal.open(path, KEY) as journal:
        promised = fill(journal)
    with Journal.open(path, KEY) as journal:
        assert journal.head()[0] == promised > 1
        assert journal.verify().bad_seq is None


def test_a_cut_in_the_making_leaves_nothing_or_all(tmp_path: Path) -> None:
    empty = tmp_path / "store.db"
    empty.touch(0o600)
    assert os.stat(empty).st_size == 0  # noqa: PTH116
    with Journal.open(empty, KEY) as journal:
        assert journal.head()[0] == 1
