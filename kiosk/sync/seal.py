"""Sealing: rows of the journal become the next batch, and a batch that was made is kept until the head office has it safe.

The bytes are kept boxed to the station's own key, so that they are no better to read than the journal itself. Should a kept file be lost or
damaged, the very same bytes are made again: the fact holds the header, the journal the rows, and the station signs alike each time.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from kiosk import envelope
from kiosk.envelope import EnvelopeRefused
from kiosk.sync.batch import BODY_MAX, NO_BATCH, ROWS_MAX, TEXT_MAX, BatchHeader, Made, made_batch, taken_apart
from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.spool import seq_name, seq_of
from kiosk.vend import lifetime
from kiosk.vend.journal import Journal
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.rows import Recorded, origin
from kiosk.vend.sent import BatchSealed, Sealed, Sent, sealed_by
from kiosk.vend.trust import Version

LABEL = "kept"
KEPT_MS = 30 * 24 * 60 * 60_000  # nothing younger is deleted, however safe the head office has it


class NotSealed(Exception):
    """This cannot be made into a batch, or not again; the text is one sentence."""


class Station(Protocol):
    """Whose batches they are."""

    @property
    def box_key(self) -> bytes:
        """32 bytes, X25519."""

    def sign(self, label: str, data: bytes) -> bytes:
        """64 bytes, Ed25519."""

    def open_box(self, info: bytes, ciphertext: bytes) -> bytes:
        """Raises EnvelopeRefused."""


class Says(msgspec.Struct, frozen=True):
    """What a header says beside the rows."""

    kiosk: str
    utility: int
    software: str
    clock: str
    applied: Mapping[str, Version]
    now_ms: int


# ---------------------------------------------------------------- made


def next_batch(journal: Journal, sent: Sent, says: Says, station: Station) -> tuple[BatchHeader, Made]:
    """Of the rows after the last batch, as many as it may have. Raises NotSealed, StoreError."""
    taken, size = list[bytes](), 0
    totals, last = sent.last.totals if sent.last else Lifetime(), None
    for exact, recorded in journal.lines(sent.row + 1, sent.row + ROWS_MAX):
        size += len(exact) + 1
        if taken and size > TEXT_MAX:
            break
        taken.append(exact)
        totals, last = lifetime.add(totals, recorded.fact), recorded.row
    if last is None:
        raise NotSealed("There is no row that is in no batch.")
    header = BatchHeader(
        kiosk=says.kiosk,
        store=journal.store_id.hex(),
        utility=says.utility,
        seq=sent.batch + 1,
        prev=sent.last.hash if sent.last else NO_BATCH,
        first=sent.row + 1,
        last=last.seq,
        before=sent.last.head if sent.last else origin(journal.store_id).hex(),
        head=last.hash,
        rows=len(taken),
        made_ms=says.now_ms,
        clock=says.clock,
        software=says.software,
        applied=dict(says.applied),
        totals=totals,
    )
    return header, _made(header, taken, station)


def made_again(journal: Journal, fact: BatchSealed, station: Station) -> Made:
    """The bytes of a batch whose kept file is gone, the same to the last one. Raises NotSealed, StoreError."""
    header = msgspec.json.decode(fact.header, type=BatchHeader)
    made = _made(header, [exact for exact, _ in journal.lines(fact.first, fact.last)], station)
    if made.header != fact.header.encode():
        raise NotSealed(f"Batch {fact.batch} is lost, and this software packs rows in another way: the office has to fetch the journal.")
    return made


def _made(header: BatchHeader, lines: list[bytes], station: Station) -> Made:
    try:
        return made_batch(header, lines, station.sign)
    except ValueError as error:
        raise NotSealed(f"Rows {header.first} to {header.last} make no batch: {error}.") from None


def sealed_in(journal: Journal) -> Iterator[tuple[Sealed, BatchSealed]]:
    """Every batch of this journal's life, in order. Reads all of it."""
    for recorded in journal.of_kind(BatchSealed.__name__):
        fact = _sealed(recorded)
        yield sealed_by(fact), fact


def _sealed(recorded: Recorded) -> BatchSealed:
    if not isinstance(recorded.fact, BatchSealed):
        raise NotSealed(f"Row {recorded.row.seq} is of newer software.")
    return recorded.fact


# ---------------------------------------------------------------- kept


class Kept:
    """The batches of this kiosk on its own disk, a file each under its number. Methods raise FolderError."""

    def __init__(self, folder: Path, kiosk: str, station: Station) -> None:
        self._path, self._kiosk, self._station = folder, kiosk, station

    def keep(self, seq: int, made: Made) -> None:
        """Durably, in place of one that was never sent."""
        raw = envelope.boxed(made.clear, LABEL, self._kiosk, self._station.box_key)
        with Folder.at(self._path, create=True) as folder:
            folder.replace(seq_name(seq), raw)

    def made(self, seq: int, header_hash: str) -> Made | None:
        """The very bytes that were made; None where there is no such file, or it is not as it was written."""
        try:
            with Folder.at(self._path) as folder:
                raw = folder.read(seq_name(seq), BODY_MAX + envelope.OVERHEAD)
            made = taken_apart(envelope.unboxed(raw, LABEL, self._kiosk, self._station, BODY_MAX))
        except (FolderError, EnvelopeRefused, ValueError):
            return None
        return made if made.hash == header_hash else None

    def forget(self, durable: int, now_ms: int) -> None:
        """What the head office has on another site, too, and is older than 30 days by the file's own time."""
        with Folder.at(self._path, create=True) as folder:
            for name in folder.names():
                seq, seen = seq_of(name), folder.stat(name)
                if seq and seen and seq <= durable and now_ms - seen.st_mtime_ns // 1_000_000 > KEPT_MS:
                    folder.remove(name)
