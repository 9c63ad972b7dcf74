"""A mail bag: the directory or stick that carries what the head office sends. A kiosk reads its own, and what is everybody's.

    downlink/all/    keys-1-1  limits-1-3  hotlist-1-17       KIND-EPOCH-VERSION
    downlink/K07/    roster-1-5  float-1-12  store-1-2

Nothing in it is believed for where it lies: a name only says in which order to look. Links, directories, foreign names, and files that are
larger than their kind may be are left alone, and said.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from kiosk.envelope import OVERHEAD
from kiosk.sync.item import WAYS, ItemRefused, Kind

NAME = re.compile(r"(keys|limits|hotlist|roster|float|store)-([1-9][0-9]{0,9})-([1-9][0-9]{0,9})")
FILES_MAX = 1000


class Letter(msgspec.Struct, frozen=True):
    """One file whose name fits."""

    kind: Kind
    epoch: int
    version: int
    path: Path

    @property
    def name(self) -> str:
        """For whoever carries the bag."""
        return self.path.name


def letters(bag: Path, kiosk: str) -> list[Letter]:
    """What lies there for this kiosk: by kind as they are installed, the newest first; floats, which all count, the oldest first."""
    found = [letter for folder in (bag / "downlink" / "all", bag / "downlink" / kiosk) for letter in _in(folder)]
    order = list(WAYS)

    def place(letter: Letter) -> tuple[int, int, int]:
        way = 1 if letter.kind == "float" else -1
        return order.index(letter.kind), way * letter.epoch, way * letter.version

    return sorted(found, key=place)


def _in(folder: Path) -> Iterator[Letter]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))[:FILES_MAX]
    except OSError:
        return
    for name in names:
        fits = NAME.fullmatch(name)
        if fits:
            kind: Kind = msgspec.convert(fits[1], Kind)
            yield Letter(kind, int(fits[2]), int(fits[3]), folder / name)


def contents(letter: Letter) -> bytes:
    """Its bytes, no more than its kind may have. Raises ItemRefused."""
    most = WAYS[letter.kind].body_max + OVERHEAD
    try:
        handle = os.open(letter.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        raise ItemRefused("It is a link, or cannot be read.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ItemRefused("It is no regular file.")
    with os.fdopen(handle, "rb") as file:
        try:
            raw = file.read(most + 1)
        except OSError:
            raise ItemRefused("It cannot be read to its end.") from None
    if len(raw) > most:
        raise ItemRefused(f"It has more than {most} bytes.")
    return raw
