"""The kiosk's spool: the one folder that the core and the courier share. The courier sees it and the network, and nothing else.

    up/00000012               a sealed batch that the head office has not acknowledged; the core puts it there and takes it away
    down/downlink/all/        what came for everybody: KIND-EPOCH-VERSION        `down` is shaped like a mail bag (`bag`), so that the
    down/downlink/K07/        what came for this kiosk, and ack-EPOCH-SEQ        core takes in what came by wire and by stick alike
    ask/now|export|import     somebody wants something of the courier; it takes the file away when it has begun
    ask/seal                  somebody wants the newest rows to travel, however few they are: the core takes it away when they are sealed
    trouble                   one sentence: why the core cannot seal or take something in; not there while all is well
    standing.json             what the courier says of itself (`standing`)
    lock                      held by the one courier that carries

Nothing here is believed: batches are sealed before, and what came is checked by whoever takes it in. A courier that lies can only be slow.
"""

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from kiosk.envelope import KIOSK_ID, OVERHEAD
from kiosk.sync.folder import SHARED, Folder, FolderError, draft_of

SEQ_DIGITS = 8
SEQ_LAST = 10**SEQ_DIGITS - 1  # one every 15 minutes for 2,850 years
BATCH_MAX = 4 << 20  # bytes of a sealed batch: more than `batch.BODY_MAX` and two envelopes
ACK_MAX = 64 * 1024
ITEM_MAX = (16 << 20) + OVERHEAD  # the largest of `item.WAYS`: a hotlist
DOWN_MAX = 128 << 20  # bytes that may lie in one place of `down`, so that nobody's mail fills the machine's disk
KEPT_A_KIND = 32  # of each kind in each place the newest of these stay; floats all count, and come one a week
TROUBLE, TROUBLE_MAX = "trouble", 4096

_SEQ = re.compile(r"[0-9]{8}")
_LETTER = re.compile(r"([a-z]{1,16})-([1-9][0-9]{0,9})-([0-9]{1,10})")
KIOSK = re.compile(KIOSK_ID)
EVERYBODY = "all"
ACK = "ack"

SEAL = "seal"
Ask = Literal["now", "export", "import"]
ASKS: tuple[Ask, ...] = ("now", "export", "import")


class SpoolBusy(Exception):
    """Another courier carries this spool's mail."""


class Waiting(msgspec.Struct, frozen=True):
    """One batch in the spool. `mark` changes when the core puts another file under the same number."""

    seq: int
    size: int
    since_ms: int
    mark: tuple[int, int]


class _Acknowledged(msgspec.Struct, frozen=True):
    hq_epoch: Annotated[int, msgspec.Meta(ge=1, le=0xFFFFFFFF)]
    contiguous_seq: Annotated[int, msgspec.Meta(ge=0, le=SEQ_LAST)]


class Named(msgspec.Struct, frozen=True):
    """What a name in a mail bag says: kind, and (epoch, version or seq)."""

    kind: str
    number: tuple[int, int]


def seq_name(seq: int) -> str:
    """The file of a batch. ValueError above 99,999,999."""
    if not 0 < seq <= SEQ_LAST:
        raise ValueError(f"a batch has a number from 1 to {SEQ_LAST}")
    return f"{seq:0{SEQ_DIGITS}}"


def seq_of(name: str) -> int | None:
    """The batch that a file's name says; None where it says none."""
    return int(name) or None if _SEQ.fullmatch(name) else None


def letter_name(name: str) -> Named | None:
    """What a name of the downlink says; None for one that no letter has. A kind that this software does not know travels all the same."""
    fits = _LETTER.fullmatch(name)
    return Named(fits[1], (int(fits[2]), int(fits[3]))) if fits else None


def newest(names: Iterable[str]) -> list[str]:
    """Of each kind the newest that are kept, the oldest first; foreign names are left out."""
    kinds: dict[str, list[tuple[tuple[int, int], str]]] = {}
    for name in names:
        said = letter_name(name)
        if said:
            kinds.setdefault(said.kind, []).append((said.number, name))
    return [name for kind in sorted(kinds) for _, name in sorted(kinds[kind])[-KEPT_A_KIND:]]


def ack_name(raw: bytes) -> str | None:
    """What an acknowledgement is called in a mail bag, by its own words, which the courier cannot check; None where it is none."""
    try:
        said = msgspec.json.decode(raw.split(b"\n", 2)[2], type=_Acknowledged)
    except (IndexError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return f"{ACK}-{said.hq_epoch}-{said.contiguous_seq:0{SEQ_DIGITS}}"


def is_kiosk(name: str) -> bool:
    """May a folder of mail be called so? No name leads anywhere else."""
    return KIOSK.fullmatch(name) is not None


class Spool:
    """`folder` is made where it is not. Methods raise FolderError; any thread and either process may call them."""

    def __init__(self, folder: Path, kiosk: str) -> None:
        """ValueError for a kiosk id that cannot be a folder's name."""
        if not is_kiosk(kiosk):
            raise ValueError(f"{kiosk!r} is no kiosk id")
        self.path, self.kiosk = folder, kiosk

    def made(self) -> "Spool":
        """With all its folders."""
        with Folder.at(self.path, create=True, mode=SHARED) as root:
            for way in (("up",), ("ask",), ("down", "downlink", EVERYBODY), ("down", "downlink", self.kiosk)):
                root.below(*way, create=True).close()
        return self

    @property
    def bag(self) -> Path:
        """What came, shaped like a mail bag: for `Cupboard.install`."""
        return self.path / "down"

    @contextmanager
    def open(self, *names: str) -> Iterator[Folder]:
        """One of its folders."""
        with Folder.at(self.path) as root, root.below(*names) as folder:
            yield folder

    # ------------------------------------------------------------ up: the core's

    def draft(self, seq: int, raw: bytes) -> None:
        """Keep a sealed batch durably where no courier sees it yet: the fact that it is sealed comes before `release`."""
        with self.open("up") as up:
            up.replace(draft_of(seq_name(seq)), raw)

    def release(self, seq: int) -> None:
        """From here on it may be carried. Once more does no harm."""
        name = seq_name(seq)
        with self.open("up") as up:
            if up.has(draft_of(name)) or not up.has(name):
                up.rename(draft_of(name), name)

    def put(self, seq: int, raw: bytes) -> None:
        """Both at once: for a batch whose fact is in the journal, and that is sealed again. Replaces the one before."""
        with self.open("up") as up:
            up.replace(seq_name(seq), raw)

    def waiting(self) -> list[Waiting]:
        """The batches that may be carried, the lowest first."""
        with self.open("up") as up:
            found = [(seq, up.stat(name)) for name in up.names() if (seq := seq_of(name))]
        return [Waiting(seq, seen.st_size, seen.st_mtime_ns // 1_000_000, (seen.st_ino, seen.st_mtime_ns)) for seq, seen in found if seen]

    def sealed(self, seq: int) -> bytes:
        """The bytes of one."""
        with self.open("up") as up:
            return up.read(seq_name(seq), BATCH_MAX)

    def done(self, seq: int) -> None:
        """The head office has it, and said so: it need not wait any more."""
        with self.open("up") as up:
            up.remove(seq_name(seq))

    def acks(self) -> list[bytes]:
        """The acknowledgements that came, the newest first, no more than are kept, whatever else a courier puts there; what cannot be read
        is left out."""
        found = []
        with self.open("down", "downlink", self.kiosk) as folder:
            names = [(said.number, name) for name in folder.names() if (said := letter_name(name)) and said.kind == ACK]
            for _, name in sorted(names, reverse=True)[:KEPT_A_KIND]:
                try:
                    found.append(folder.read(name, ACK_MAX))
                except FolderError:
                    continue
        return found

    # ------------------------------------------------------------ down: the courier's

    def came(self, place: str, name: str, raw: bytes) -> bool:
        """Keep what came for a place (this kiosk, or "all"); False where exactly that is here. Of each kind the newest stay."""
        with self.open("down", "downlink", place) as folder:
            seen = folder.stat(name)
            if seen and seen.st_size == len(raw) and folder.read(name, len(raw)) == raw:
                return False
            _has_room(folder, len(raw))
            folder.replace(name, raw)
            self._prune(folder)
        return True

    def here(self, place: str, name: str, size: int) -> bool:
        """Is a letter of that name and length here already?"""
        with self.open("down", "downlink", place) as folder:
            seen = folder.stat(name)
        return seen is not None and seen.st_size == size

    def part(self, place: str, name: str, most: int) -> bytes:
        """What came of it before it was cut; nothing where that is more than all of it."""
        with self.open("down", "downlink", place) as folder:
            try:
                return folder.read(draft_of(name), most)
            except FolderError:
                return b""

    def more(self, place: str, name: str, offset: int, raw: bytes) -> None:
        """The next part of it."""
        with self.open("down", "downlink", place) as folder:
            _has_room(folder, len(raw))
            folder.append(draft_of(name), offset, raw)

    def forget(self, place: str, name: str) -> None:
        """What came of it is worth nothing."""
        with self.open("down", "downlink", place) as folder:
            folder.remove(draft_of(name))

    def _prune(self, folder: Folder) -> None:
        names = [name for name in folder.names() if letter_name(name)]
        for name in set(names) - set(newest(names)):
            folder.remove(name)

    # ------------------------------------------------------------ asked

    def ask(self, what: Ask) -> None:
        """Want something of the courier."""
        with self.open("ask") as folder:
            folder.replace(what, b"")

    def asked(self) -> tuple[Ask, ...]:
        """What is wanted, taken: each is answered once."""
        with self.open("ask") as folder:
            return tuple(what for what in ASKS if folder.has(what) and folder.remove(what))

    def ask_to_seal(self) -> None:
        """Want the newest rows of the core."""
        with self.open("ask") as folder:
            folder.replace(SEAL, b"")

    def wants_seal(self) -> bool:
        """Does somebody?"""
        try:
            with self.open("ask") as folder:
                return folder.has(SEAL)
        except FolderError:
            return False

    def seal_done(self) -> None:
        """They are sealed."""
        with self.open("ask") as folder:
            folder.remove(SEAL)

    def troubled(self, sentence: str) -> None:
        """The core says why it cannot do its half of the post; "" when it can."""
        with self.open() as folder:
            if sentence:
                folder.replace(TROUBLE, sentence.encode()[:TROUBLE_MAX])
            else:
                folder.remove(TROUBLE)

    def trouble(self) -> str:
        """What it said last."""
        try:
            with self.open() as folder:
                return folder.read(TROUBLE, TROUBLE_MAX).decode(errors="replace")
        except FolderError:
            return ""

    @contextmanager
    def carrying(self) -> Iterator[None]:
        """Be the one who carries; the system lets go when the process dies, however it dies. Raises SpoolBusy."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
            with suppress(PermissionError):  # the other one made it
                os.fchmod(handle, 0o660)
        except OSError as error:
            raise FolderError(f"{self.path} cannot be used: {(error.strerror or 'it failed').lower()}.") from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SpoolBusy("Another courier carries this kiosk's mail just now.") from None
            yield
        finally:
            os.close(handle)


def _has_room(folder: Folder, more: int) -> None:
    held = sum(seen.st_size for name in folder.names() if (seen := folder.stat(name)))
    if held + more > DOWN_MAX:
        raise FolderError(f"More than {DOWN_MAX >> 20} MiB of mail lie here already.")
