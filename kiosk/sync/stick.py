"""A stick, or any directory: a mail bag that somebody carries. What waits is copied onto it, what lies on it for this kiosk is copied off.

    up/K07/00000012           create-new only: what lies there under that number is the head office's, or another machine's, and stays
    downlink/all, downlink/K07

A kiosk reads and writes its own folders alone. Links, directories and foreign names are left alone; so is another kiosk's mail. When a
sentence says that a batch is on the stick it is there, and the stick may be pulled.
"""

from pathlib import Path

import msgspec

from kiosk.sync.bag import ENTRIES_MAX
from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.spool import ACK, ACK_MAX, EVERYBODY, ITEM_MAX, Spool, newest, seq_name

FAILS_MAX = 3  # a stick that is full or pulled need not be asked once for every batch


class Done(msgspec.Struct, frozen=True):
    """A sentence a file; `ok`: nothing stood in the way. `count`: how many are over there."""

    ok: bool
    count: int
    says: tuple[str, ...]


def export(spool: Spool, stick: Path) -> Done:
    """Every batch that waits, onto the stick. It goes on waiting, for its acknowledgement."""
    try:
        waiting = spool.waiting()
        if not waiting:
            return Done(ok=True, count=0, says=("There is nothing to carry: no batch waits.",))
        with Folder.at(stick) as root, root.below("up", spool.kiosk, create=True) as folder:
            return _copied(spool, folder, [one.seq for one in waiting])
    except FolderError as error:
        return Done(ok=False, count=0, says=(str(error),))


def _copied(spool: Spool, folder: Folder, seqs: list[int]) -> Done:
    says, count, failed = [], 0, 0
    for seq in seqs:
        name = seq_name(seq)
        try:
            lies = folder.create(name, spool.sealed(seq))
        except FolderError as error:
            says.append(f"{name}: not copied. {error}")
            failed += 1
            if failed == FAILS_MAX:
                says.append(f"{len(seqs) - count - failed} more were not tried.")
                break
            continue
        count += lies
        says.append(f"{name}: on the stick." if lies else f"{name}: not copied. Another file of that number lies there, and stays.")
    return Done(count == len(seqs), count, tuple(says))


def bring(spool: Spool, stick: Path, *, acks_only: bool = False) -> Done:
    """Off the stick: acknowledgements and letters for this kiosk and for everybody, into the spool, for the core to look at."""
    says, count, found = [], 0, 0
    try:
        with Folder.at(stick) as root, root.below("downlink"):
            for place in (EVERYBODY, spool.kiosk):
                for sentence in _brought(spool, root, place, acks_only=acks_only):
                    found += 1
                    count += sentence.endswith(": here.")
                    says.append(sentence)
    except FolderError as error:
        return Done(ok=False, count=count, says=(*says, str(error)))
    return Done(count == found, count, tuple(says) or ("There is nothing for this kiosk on it.",))


def _brought(spool: Spool, root: Folder, place: str, *, acks_only: bool) -> list[str]:
    with root.below("downlink") as downlink:
        if not downlink.has(place):
            return []
    says = []
    with root.below("downlink", place) as folder:
        for name in newest(folder.names(ENTRIES_MAX)):
            is_ack = name.startswith(f"{ACK}-")
            if acks_only and not is_ack:
                continue
            try:
                spool.came(place, name, folder.read(name, ACK_MAX if is_ack else ITEM_MAX))
                says.append(f"{name}: here.")
            except FolderError as error:
                says.append(f"{name}: not read. {error}")
    return says
