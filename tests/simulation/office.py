"""The head office: the product's importer over its own SQLite store, whose disk may fail; backups, and what follows of the rows.

The store is in memory, so that a power cut is what a transaction does not survive: before it, inside it, or after it with nobody told. What
lies in a backup is on another site, and its chains were made again; a store that was put back from it begins a new epoch, with the orders
that the other site has. What else may happen to the disk is in `platter`. The office knows nothing but what is in its store.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import select, update
from sqlcipher3 import dbapi2 as sqlcipher

from kiosk import envelope
from kiosk.hq import kiosks
from kiosk.hq.copies import proof, reported
from kiosk.hq.intake.importer import Importer, Taken
from kiosk.hq.log.office import LOG
from kiosk.hq.orders import record
from kiosk.hq.report.selling import ORPHAN, UNKNOWN
from kiosk.hq.schema import FACT, HEAD, KIND, KIOSK, UTILITY
from kiosk.hq.settlement.history import Damaged, explained
from kiosk.hq.store import IN_MEMORY, Store, StoreError
from kiosk.sync.backup import BackupRefused
from kiosk.sync.item import KeyList
from kiosk.vend.explain.lookup import NoCase
from tests.simulation.books import Sums
from tests.simulation.disk import PowerCut

HEADS = "SELECT id, seq, row_seq, row_hash FROM kiosk JOIN head ON kiosk_no = no"  # asked at every letter: not made anew each time
SUMS = """
    SELECT sum(sales), sum(tender_minor), sum(credit_minor), sum(fee_minor + debt_minor), sum(claim_minor), sum(returned_minor)
    FROM day_kiosk JOIN kiosk ON kiosk_no = no WHERE id = ? AND tender NOT IN (?, ?)
"""


class BatchBox:
    """One of the head office's keys for batches."""

    def __init__(self, key: bytes) -> None:
        self._key = X25519PrivateKey.from_private_bytes(key)
        self.box_key = self._key.public_key().public_bytes_raw()

    def open_box(self, info: bytes, ciphertext: bytes) -> bytes:
        """Raises EnvelopeRefused."""
        return envelope.unbox(ciphertext, self._key, info)


class Backup(NamedTuple):
    """A copy on another site, and how far each kiosk had come in it."""

    copy: Any
    heads: dict[str, int]


class Office:
    """One head office. `told` hears what happens here."""

    def __init__(self, chance: Random, now_ms: Callable[[], int], told: Callable[[str], None]) -> None:
        self.chance, self.now_ms, self.told = chance, now_ms, told
        self.store = Store.make(IN_MEMORY, 1, now_ms=now_ms())
        self._transact = self.store.transact
        self.store.transact = self._cut_at  # type: ignore[method-assign]
        self.cut, self.cut_after = "", 0  # what becomes of a transaction, and of which of the next ones
        self.ack_key = chance.randbytes(32)
        self.ack_public = Ed25519PrivateKey.from_private_bytes(self.ack_key).public_key().public_bytes_raw()
        self.boxes = [BatchBox(chance.randbytes(32))]
        self.epoch = 1
        self.list_version = 1
        self.verdicts: list[str | None] = []
        self.enrolled: dict[str, bytes] = {}
        self.backups: list[Backup] = []
        self.damaged: set[str] = set()  # kiosks of whose rows, ledger or head the disk has other than was written
        self.counted: Counter[str] = Counter()
        self.importer = self._importer()
        self.back_up()

    def _importer(self) -> Importer:
        cut, self.cut = self.cut, ""
        importer = Importer(self.store, self.boxes, partial(envelope.sign, self.ack_key))
        self.cut = cut
        return importer

    # ------------------------------------------------------------ kiosks

    def enrol(self, kiosk: str, public_key: bytes) -> None:
        """A new store's life begins."""
        self._uncut(lambda: kiosks.enrolled(self.store, {kiosk: (public_key, 1)}))
        self.enrolled[kiosk] = public_key

    def keys(self) -> KeyList:
        """The root's list."""
        return KeyList(
            decision=(self.ack_public.hex(),), ack=(self.ack_public.hex(),), batch=tuple(box.box_key.hex() for box in self.boxes[:4])
        )

    def rotate(self) -> None:
        """Batches are boxed to another key from now on; the old ones still open."""
        self.boxes.insert(0, BatchBox(self.chance.randbytes(32)))
        self.list_version += 1
        self.importer = self._importer()

    # ------------------------------------------------------------ batches

    def take(self, raw: bytes) -> Taken | None:
        """What came; None where the power failed in it, or a damaged store does not take it."""
        try:
            return self.importer.take(raw, self.now_ms())
        except PowerCut:
            self.importer = self._importer()
        except StoreError:
            if not self.damaged:
                raise
            self.counted["loud"] += 1
        return None

    def cut_here(self) -> str:
        """Whether the power fails at this moment, and how; "" where it does not."""
        if self.cut and self.cut_after:
            self.cut_after -= 1
            return ""
        cut, self.cut = self.cut, ""
        return cut

    def _cut_at(self, work: Callable[[Any], Any]) -> Any:
        cut = self.cut_here()
        if cut == "before":
            raise PowerCut

        def inside(connection: Any) -> Any:
            done = work(connection)
            if cut == "inside":
                raise PowerCut
            return done

        done = self._transact(inside if cut else work)
        if cut == "after":
            raise PowerCut
        return done

    def close(self, kiosk: str) -> None:
        """That store's life is over."""
        self._uncut(lambda: kiosks.changed(self.store, kiosk, "closed"))

    def heads(self) -> dict[str, tuple[int, int, str]]:
        """kiosk -> (batch, row, chain there), of what is in the store."""
        return {row[0]: (row[1], row[2], row[3]) for row in self.raw().execute(HEADS)}

    def sums(self, kiosk: str) -> Sums:
        """What the daily summary says of one kiosk's sales, all days together; cash that no sale explains stands apart there."""
        summed = self.raw().execute(SUMS, (kiosk, ORPHAN, UNKNOWN)).fetchone()
        sales, tendered, credited, deducted, claims, returned = (value or 0 for value in summed)
        return Sums(sales, tendered, credited, deducted, claims, returned=returned)

    def rows(self, kiosk: str, first: int) -> list[tuple[int, int, int, int, str | None, str, int, bytes]]:
        """Journal rows as they stand in the store, in the journal's own columns."""
        asked = (
            select(FACT.c.seq, FACT.c.at_ms, FACT.c.boot, FACT.c.mono_ms, FACT.c.sale, KIND.c.name, FACT.c.v, FACT.c.body)
            .join(KIND, KIND.c.no == FACT.c.kind)
            .join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
            .where(KIOSK.c.id == kiosk, FACT.c.seq >= first)
            .order_by(FACT.c.seq)
        )
        return [(*row[:7], row[7].encode()) for row in self.store.read(lambda c: c.execute(asked).all())]

    def store_of(self, kiosk: str) -> bytes:
        """Whose first row the chain begins with."""
        asked = select(HEAD.c.store).join(KIOSK, KIOSK.c.no == HEAD.c.kiosk_no).where(KIOSK.c.id == kiosk)
        return bytes.fromhex(str(self.store.read(lambda c: c.execute(asked).scalar())))

    # ------------------------------------------------------------ the disk

    def image(self) -> Any:
        """A copy of all that is on the disk."""
        copy = sqlcipher.connect(IN_MEMORY)
        self.raw().backup(copy)
        return copy

    def back_up(self) -> str:
        """A copy to another site. What is in it is durable if the product's proof holds; else why it does not, and nothing is durable."""
        try:
            self.store.read(proof.check)
        except BackupRefused as refused:
            self.counted["refused"] += 1
            return str(refused)
        heads = {kiosk: batch for kiosk, (batch, _, _) in self.heads().items()}
        self.backups = [*self.backups[-2:], Backup(self.image(), heads)]
        self._uncut(lambda: kiosks.backed_up(self.store, heads))
        return ""

    def started(self) -> None:
        """The office starts anew over what is on the disk."""
        self.importer = self._importer()

    def _uncut(self, act: Callable[[], object]) -> None:
        """The power holds."""
        cut, self.cut = self.cut, ""
        act()
        self.cut = cut

    def durable(self, kiosk: str) -> int:
        """The last batch that the newest backup has."""
        return self.backups[-1].heads.get(kiosk, 0)

    def restore(self, orders: Path | None, *, complete: bool) -> None:
        """The disk is lost; the newest copy is put back, the orders of the other site are taken in, and the root opens a new epoch.

        As `copies.backup.restore` does it. `complete`: two people say that no order is missing.
        """
        self.cut = ""
        self.backups[-1].copy.backup(self.raw())
        self._transact(LOG.put_back)
        for kiosk, public_key in self.enrolled.items():
            self.enrol(kiosk, public_key)
        if orders:
            self.take_in(orders)
        self.epoch += 1
        self._transact(self._new_epoch)
        self.store.epoch = self.epoch
        if complete:
            record.completed(self.store, self.now_ms(), note="restored")
        self.importer = self._importer()
        self.damaged.clear()

    def _new_epoch(self, connection: Any) -> None:
        connection.execute(update(UTILITY).values(epoch=self.epoch))
        record.put_back(connection, self.epoch, self.now_ms())

    def take_in(self, orders: Path) -> None:
        """The other site's orders come into the store."""
        reported.orders(self.store, orders, (self.ack_public,), self.now_ms())

    def raw(self) -> Any:
        """The connection below all others."""
        return self.store.engine.raw_connection().driver_connection

    def explains(self, cards: Iterable[str]) -> bool:
        """`kiosk hq explain` of these cards, as somebody asks it before one is replaced: the rows are those that were signed."""
        try:
            for card in cards:
                self.store.read(partial(explained, asked=card))
        except (Damaged, NoCase):
            if not self.damaged:
                raise
            self.counted["unexplained"] += 1
            return False
        return True
