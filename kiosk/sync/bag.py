"""A mail bag: the directory or stick that carries what the head office sends. A kiosk reads its own, and what is everybody's.

    downlink/all/    keys-1-1  limits-1-3  hotlist-1-17  delta-1-18  tariff-1-4       KIND-EPOCH-VERSION
    downlink/K07/    roster-1-5  float-1-12  store-1-2; and what is for the places where K07 stands

Nothing in it is believed for where it lies: a name only says in which order to look. Links, directories, foreign names, and files that are
larger than their kind may be are left alone, and said.
"""

import os
import re
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from kiosk.envelope import OVERHEAD
from kiosk.sync.item import WAYS, ItemRefused, Kind

NAME = re.compile(rf"({'|'.join(WAYS)})-([1-9][0-9]{{0,9}})-([1-9][0-9]{{0,9}})")
ENTRIES_MAX = 100_000  # names that are looked at in one folder
KEPT_A_KIND = 64  # of each kind in each folder the newest are looked into; a float with 64 newer ones is worth nothing any more


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
    """What lies there for this kiosk: by kind as they are installed, the newest first; where every one counts, the oldest first."""
    found = [letter for folder in (bag / "downlink" / "all", bag / "downlink" / kiosk) for letter in _in(folder)]
    order = list(WAYS)

    def place(letter: Letter) -> tuple[int, int, int]:
        way = 1 if WAYS[letter.kind].every else -1
        return order.index(letter.kind), way * letter.epoch, way * letter.version

    return sorted(found, key=place)


def _in(folder: Path) -> Iterator[Letter]:
    """The newest of each kind, however many lie there."""
    kinds: dict[Kind, list[Letter]] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, ENTRIES_MAX):
                fits = NAME.fullmatch(entry.name)
                if fits:
                    kind: Kind = msgspec.convert(fits[1], Kind)
                    kinds.setdefault(kind, []).append(Letter(kind, int(fits[2]), int(fits[3]), folder / entry.name))
    except OSError:
        return
    for found in kinds.values():
        yield from sorted(found, key=lambda letter: (letter.epoch, letter.version))[-KEPT_A_KIND:]


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
