"""The mark on another disk: durable with its folder, never lowered, and set again as soon as money has moved."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices import disk
from kiosk.devices.disk import Mark, read_mark, set_mark

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
