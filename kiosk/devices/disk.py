"""The store's disk, looked at once a minute: how full it is, and how far the journal is, marked in a file on another disk.

    {"v":1,"store":"<32 hex digits>","seq":4711,"head":"<64 hex digits>"}

The mark is set once a minute, when a piece of money has come in, and when a sale with money has ended; at most once a second. Only rows
that are on disk are marked, and a mark is never lowered. A journal below its mark is an older copy. A journal whose row `seq` has another
hash than `head` is an older copy that has gone on since; such a mark is left as it is. Whoever puts back both disks is not found by it; a
TPM's counter would find them, and there is none here.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from kiosk import safefile
from kiosk.devices.supervise import supervised
from kiosk.vend.ports import Published, Tell
from kiosk.vend.seen import DiskSeen

LOOK_S = 60.0
MARK_S = 1.0  # no sooner is it marked again: the other disk may be a stick
MARK_BYTES = 256


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the journal of that store was. `head`: the hash of row `seq`; "" in a mark of older software."""

    store: str
    seq: int
    head: str = ""
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
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(mark))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    safefile.synced(path.parent)  # else a power cut takes the new name back


def room(path: Path) -> DiskSeen:
    """The disk under a file. OSError."""
    found = os.statvfs(path)
    return DiskSeen(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


class DiskWatch:
    """`mark` is None where there is no other disk. `height(before)`: how far the journal on disk is. It is None where `before`, the mark
    that lies there, is of another history of this store: the next start has to find it."""

    def __init__(self, tell: Tell, store: Path, mark: Path | None, height: Callable[[Mark | None], Mark | None]) -> None:
        self._tell, self._store, self._mark, self._height = tell, store, mark, height
        self._over, self._moved = threading.Event(), threading.Event()
        self._money: object = None
        self._thread = threading.Thread(target=supervised(self.run, self._over, lambda: None), name="disk", daemon=True)

    def start(self) -> None:
        """The first look at once."""
        self._thread.start()

    def stop(self) -> None:
        """No more looks; the mark is as high as the journal."""
        self._over.set()
        self._moved.set()
        self._thread.join()
        self.look()

    def changed(self, published: Published) -> None:
        """On the desk's thread. Money came in, or a sale with money ended: the mark is due."""
        pieces = [(device, one.counter if one.accepted is None else one.accepted) for device, one in published.acceptors.items()]
        money = (pieces, published.sent.tendered_minor)
        if money != self._money:
            self._money = money
            self._moved.set()

    def run(self) -> None:
        """The thread's work. Raises DeskDied."""
        look_at = time.monotonic()
        while not self._over.is_set():
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + LOOK_S
                self._tell(room(self._store))
            self._moved.clear()
            self.look()
            if not self._over.wait(MARK_S):
                self._moved.wait(max(0.0, look_at - time.monotonic()))

    def look(self) -> None:
        """Mark it. Where that disk does not take it the mark stays lower: then it proves less, and `kiosk doctor` says so."""
        if self._mark is not None:
            with contextlib.suppress(OSError):
                here = self._height(read_mark(self._mark))
                if here is not None:
                    set_mark(self._mark, here)
