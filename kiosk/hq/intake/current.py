"""The importer of a door that stays open for months: what the office changes meanwhile, its keys, kiosks, lists and prices, holds at once.

Whatever the office decides is written down in its one file, so that file's stamp says whether anything is to be read again.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.known import known
from kiosk.hq.kiosks import enrolled
from kiosk.hq.office import Office, OfficeError
from kiosk.hq.store import Store

SETTLED_S = 60.0  # a number is written down before the item that has it: so once more a while after every change

Stamp = tuple[int, int]


class Current:
    """`importer` is called by one thread at a time. `clock`: seconds that only go forward."""

    def __init__(self, folder: Path, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises OfficeError, StoreError."""
        self._folder, self._store, self._clock = folder, store, clock
        self._stamp = self._seen()
        self._again_s: float | None = None
        self._importer = self._made()

    def importer(self) -> Importer:
        """As the office is now; as it was where its file cannot be read just now. Raises StoreError."""
        stamp, now_s = self._seen(), self._clock()
        changed = stamp != self._stamp
        if changed or (self._again_s is not None and now_s >= self._again_s):
            with contextlib.suppress(OfficeError):
                self._importer = self._made()
                self._stamp, self._again_s = stamp, now_s + SETTLED_S if changed else None
        return self._importer

    def _made(self) -> Importer:
        office = Office(self._folder)
        enrolled(self._store, {name: (bytes.fromhex(each.sign), each.region) for name, each in office.record.kiosks.items()})
        return Importer(self._store, office.batch_boxes(), office.signer("ack"), known(office))

    def _seen(self) -> Stamp:
        try:
            found = (self._folder / "office.json").stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns
