"""The other site where orders are kept: a real folder with the files that the product signs.

An office that was put back finds it whole; behind, where the newest files have not come over yet; or not at all for now. It comes whole in
the end: without it nobody could ever say that no order is missing.
"""

import shutil
import tempfile
import weakref
from pathlib import Path
from random import Random

from kiosk.hq.orders import off_site
from kiosk.hq.orders.book import Order

QUICK = Path("/dev/shm")  # noqa: S108 - a world has nothing to hide, and needs no disk
WHOLE, BEHIND, AWAY = "whole", "behind", "away"
LATE = 4  # files at most that a site which is behind has not got


class Site:
    """`folder`: all files. It is gone with this object."""

    def __init__(self, utility: int, sign: off_site.Signer) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="kiosk-simulation-", dir=QUICK if QUICK.is_dir() else None))
        weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)
        self.folder, self._copy = self.root / "site", self.root / "behind"
        self.folder.mkdir()
        self._put = off_site.folder(self.folder, utility, sign)
        self._names: list[str] = []  # in the order in which they came

    def keep(self, order: Order) -> None:
        """It is safe there when this returns."""
        self._put(order)
        if order.name not in self._names:
            self._names.append(order.name)

    def seen(self, how: str, chance: Random) -> Path | None:
        """What an office that was put back sees of it."""
        if how == AWAY:
            return None
        if how == WHOLE:
            return self.folder
        shutil.rmtree(self._copy, ignore_errors=True)
        self._copy.mkdir()
        for name in self._names[: len(self._names) - chance.randint(1, LATE)]:
            shutil.copyfile(self.folder / name, self._copy / name)
        return self._copy
