"""The mark on another disk: durable with its folder, never lowered, and set again as soon as money has moved."""

import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.config import Config, load
from kiosk.devices.disk import LOOK_S, DiskWatch, Mark, read_mark, set_mark
from kiosk.devices.vault.station import FileStation, create_station
from kiosk.keeping import heights, mark_of
from kiosk.vend import facts as f
from kiosk.vend.journal import Journal
from kiosk.vend.ports import AcceptorMemory, Published, Stance
from kiosk.vend.sent import Sent
from kiosk.vend.trust import Trust
from kiosk.vend.view import View
from kiosk.vend.witness import Restored, found, rows

STORE = "5a" * 16


def synced(monkeypatch: pytest.MonkeyPatch, path: Path) -> list[str]:
    """What becomes of the mark's file and its folder, in order: "file" and "folder" are synced, "rename" is the file's change of name."""
    calls: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def noted(handle: int) -> None:
        of = os.fstat(handle)
        if stat.S_ISDIR(of.st_mode):
            assert os.path.samestat(of, path.parent.stat())
        calls.append("folder" if stat.S_ISDIR(of.st_mode) else "file")
        fsync(handle)

    def renamed(draft: Path, to: Path) -> Any:
        calls.append("rename")
        return rename(draft, to)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "replace", renamed)
    return calls


def test_a_mark_is_on_the_disk_with_its_name_when_it_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename that the folder has not on disk is undone by a power cut: the mark would be the one of before, or none."""
    path = tmp_path / "mark"
    calls = synced(monkeypatch, path)
    set_mark(path, Mark(STORE, 7))
    assert calls == ["file", "rename", "folder"]
    assert read_mark(path) == Mark(STORE, 7)


def test_a_mark_is_never_lowered_and_another_stores_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mark"
    set_mark(path, Mark(STORE, 7, "aa" * 32))
    set_mark(path, Mark(STORE, 6, "bb" * 32))
    assert read_mark(path) == Mark(STORE, 7, "aa" * 32)
    set_mark(path, Mark("5b" * 16, 1))
    assert read_mark(path) == Mark("5b" * 16, 1)


def test_a_mark_of_older_software_is_read(tmp_path: Path) -> None:
    (tmp_path / "mark").write_text(f'{{"v":1,"store":"{STORE}","seq":4711}}')
    assert read_mark(tmp_path / "mark") == Mark(STORE, 4711)


# ---------------------------------------------------------------- when it is set


def published(accepted: int | None, tendered_minor: int = 0, counter: int = 0) -> Published:
    """All that counts here: what an acceptor took, and what sales that ended took."""
    acceptors = {"notes": AcceptorMemory("17", counter, accepted)}
    return Published(1, View(phase="attract"), Stance(), None, None, acceptors, sent=Sent(tendered_minor=tendered_minor))


def comes(what: Callable[[], bool], within_s: float = 10.0) -> bool:
    by = time.monotonic() + within_s
    while not what() and time.monotonic() < by:
        time.sleep(0.02)
    return what()


def test_the_mark_is_set_when_money_came_in_and_when_a_sale_ended_and_not_a_minute_later(tmp_path: Path) -> None:
    path, row = tmp_path / "mark", [1]
    watch = DiskWatch(lambda _: None, tmp_path, path, lambda _before: Mark(STORE, row[0]))
    watch.changed(published(4))
    watch.start()

    def marked() -> int:
        mark = read_mark(path)
        return mark.seq if mark else 0

    assert comes(lambda: marked() == 1)
    moves = (published(5), published(5, 100_00), published(None, 100_00, counter=9), published(None, 100_00, counter=10))
    for place, moved in enumerate(moves, 2):
        row[0] = place
        time.sleep(0.1)
        assert marked() == place - 1, "nothing had moved yet"
        watch.changed(moved)
        assert comes(lambda place=place: marked() == place), LOOK_S  # type: ignore[misc]
    row[0] = 9
    watch.changed(moves[-1])
    time.sleep(1.5)
    assert marked() == 5, "the same again is no move"
    watch.stop()
    assert marked() == 9


# ---------------------------------------------------------------- a journal that went on from an older copy


class Place:
    """A store, and its mark on another disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.station: FileStation = create_station(folder / "station.json")
        lines = (f'path = "{folder}/store.db"', f'station = "{folder}/station.json"', f'mark = "{folder}/mark"')
        (folder / "kiosk.toml").write_text('[kiosk]\nid = "K07"\ndemo = true\n\n[store]\n' + "\n".join(lines) + "\n")
        self.config: Config = load(folder / "kiosk.toml")

    def sells(self, *minor: int) -> None:
        """A row for each, and the mark as a running kiosk sets it."""
        with Journal.open(self.folder / "store.db", self.station.database_key()) as journal:
            for place, amount in enumerate(minor):
                journal.append(1_000 + place, 1, place, (f.OrphanCredit("notes", "17", 1, amount, place, None),))
            mark = mark_of(journal, read_mark(self.folder / "mark"))
        if mark:
            set_mark(self.folder / "mark", mark)

    def says(self) -> Restored | None:
        """What a start finds."""
        with Journal.open(self.folder / "store.db", self.station.database_key(), create=False, read_only=True) as journal:
            return found(rows(journal.head()[0], Trust(), heights(self.config, self.station, journal)))


@pytest.mark.covers("rule-2", "abuse-29")
def test_an_older_copy_that_has_gone_on_beyond_the_mark_is_told_by_the_hash_of_the_marked_row(tmp_path: Path) -> None:
    """The disk with the mark was pulled while the copy caught up. When it is back, its mark stays as it is until a start has seen it."""
    place = Place(tmp_path)
    place.sells(1_00, 2_00)
    shutil.copy2(tmp_path / "store.db", tmp_path / "image")
    place.sells(5_00, 5_00)
    assert place.says() is None
    mark = read_mark(tmp_path / "mark")
    assert mark
    shutil.copy2(tmp_path / "image", tmp_path / "store.db")
    assert place.says() == Restored("mark", 3, mark.seq)  # behind it
    place.sells(9_00, 9_00, 9_00)
    assert place.says() == Restored("mark", mark.seq - 1, mark.seq)  # beyond it, and not over it
    assert read_mark(tmp_path / "mark") == mark
    (tmp_path / "mark").write_bytes(msgspec.json.encode(Mark(mark.store, mark.seq)))
    assert place.says() is None, "a mark without a hash is a number and no more"
    place.sells(9_00)
    assert place.says() is None
