"""The store's disk, looked at once a minute: how full it is, and how far the journal is, marked in a file on another disk.

    {"v":1,"store":"<32 hex digits>","seq":4711}

Only rows that are on disk are marked, and a mark is never lowered: a journal below its mark is an older copy. Whoever puts back both disks
is not found out by it; a TPM's counter would find them, and there is none here.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from kiosk.devices.supervise import supervised
from kiosk.vend.ports import Tell
from kiosk.vend.seen import DiskSeen

LOOK_S = 60.0
MARK_BYTES = 256


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the journal of that store was."""

    store: str
    seq: int
    v: Literal[1] = 1


def read_mark(path: Path) -> Mark | None:
    """What is marked; None where there is nothing that is a mark."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MARK_BYTES), type=Mark)
    except (OSError, msgspec.MsgspecError):
        return None


def set_mark(path: Path, mark: Mark) -> None:
    """Durably, unless the same store's mark is higher already. OSError."""
    before = read_mark(path)
    if before and before.store == mark.store and before.seq >= mark.seq:
        return
    draft = path.with_name(f".{path.name}")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(mark))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def room(path: Path) -> DiskSeen:
    """The disk under a file. OSError."""
    found = os.statvfs(path)
    return DiskSeen(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


class DiskWatch:
    """`height()` says how far the journal on disk is; `mark` is None where there is no other disk."""

    def __init__(self, tell: Tell, store: Path, mark: Path | None, height: Callable[[], Mark]) -> None:
        self._tell, self._store, self._mark, self._height = tell, store, mark, height
        self._over = threading.Event()
        self._thread = threading.Thread(target=supervised(self.run, self._over, lambda: None), name="disk", daemon=True)

    def start(self) -> None:
        """The first look at once."""
        self._thread.start()

    def stop(self) -> None:
        """No more looks; the mark is as high as the journal."""
        self._over.set()
        self._thread.join()
        self.look()

    def run(self) -> None:
        """The thread's work. Raises DeskDied."""
        while not self._over.is_set():
            self._tell(room(self._store))
            self.look()
            self._over.wait(LOOK_S)

    def look(self) -> None:
        """Mark it. Where that disk does not take it the mark stays lower: then it proves less, and `kiosk doctor` says so."""
        if self._mark is not None:
            with contextlib.suppress(OSError):
                set_mark(self._mark, self._height())
