"""A kiosk's journal, desk and sender without its devices, and a head office that is two keys and a number."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from kiosk.core import machine_of
from kiosk.devices.vault.station import FileStation
from kiosk.sending import Sender
from kiosk.sync.ack import Ack, made_ack
from kiosk.sync.batch import NO_BATCH, Batch, opened_batch
from kiosk.sync.item import KeyList
from kiosk.sync.spool import Spool
from kiosk.vend import seen
from kiosk.vend.desk import Desk, SystemClock, recover
from kiosk.vend.facts import Fact
from kiosk.vend.journal import Journal
from kiosk.vend.rows import Recorded
from kiosk.vend.sent import Sent
from kiosk.vend.state import State
from kiosk.vend.trust import BootCardRefused, KeyListInstalled
from tests.sale.shop import Card, Shop, rules

KIOSK, UTILITY, SOFTWARE = "K07", 1, "kiosk 0.1.0"
STATION = FileStation(bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96)))
HOUR_MS = 3_600_000


def sold(notes: tuple[int, ...] = (50_00,), sales: int = 1) -> list[Fact]:
    """What a machine writes down while so many customers pay so much."""
    shop, card = Shop(), Card()
    for _ in range(sales):
        shop.insert(card)
        for note in notes:
            shop.feed(note)
        shop.press("finish")
        shop.pull()
        card.into_meter()
        shop.later(30)
    return shop.facts()


class Office:
    """Whoever reads the batches: its keys, and how far it has come. `epoch` and `durable` are a test's to say."""

    def __init__(self) -> None:
        self.ack_key = FileStation(b"\1" * 32, b"\2" * 32, bytes(32))
        self.boxes = [FileStation(b"\1" * 32, bytes([number]) * 32, bytes(32)) for number in (3,)]
        self.epoch, self.durable, self.batches = 1, 0, dict[int, Batch]()

    def rotate(self) -> None:
        """A new key for batches; the old one is kept."""
        self.boxes.insert(0, FileStation(b"\1" * 32, bytes([len(self.boxes) + 3]) * 32, bytes(32)))

    @property
    def keys(self) -> KeyList:
        batch = tuple(box.box_key.hex() for box in self.boxes[:4])
        return KeyList(("00" * 32,), (self.ack_key.public_key.hex(),), batch=batch)

    def take(self, raw: bytes) -> Batch:
        """Opened, in its place, and fitting the one before it."""
        batch = opened_batch(raw, self.boxes, lambda kiosk: STATION.public_key if kiosk == KIOSK else None)
        before = self.batches.get(batch.header.seq - 1)
        assert batch.header.prev == (before.hash if before else NO_BATCH)
        assert self.batches.get(batch.header.seq, batch).hash == batch.hash, "a fork"
        self.batches[batch.header.seq] = batch
        return batch

    def ack(self, of: str, seq: int | None = None, **changes: object) -> bytes:
        """For all up to `seq`, or for all that came."""
        seq = max(self.batches, default=0) if seq is None else seq
        head = self.batches[seq].header.head if seq else NO_BATCH
        said = Ack(KIOSK, of, self.epoch, seq, head, min(self.durable, seq), 1_790_000_000_000)
        return made_ack(msgspec.structs.replace(said, **changes), self.ack_key.sign)


class Kiosk:
    """One opened store; `again` is what a restart opens."""

    def __init__(self, folder: Path, office: Office) -> None:
        self.folder, self.office = folder, office
        self.spool = Spool(folder / "spool", KIOSK)
        self.journal = Journal.open(folder / "store.db", STATION.database_key())
        self.store = self.journal.store_id.hex()
        machine = machine_of(rules())
        self.desk: Desk[State] = Desk(machine, recover(self.journal, machine), self.journal, STATION, SystemClock(self.journal.next_boot()))
        self.sender = Sender(
            self.desk,
            STATION,
            self.spool,
            folder / "batches",
            kiosk=KIOSK,
            utility=UTILITY,
            software=SOFTWARE,
            open_journal=self.read,
            keys=lambda: office.keys,
            take_in=lambda _: (),
        )

    def read(self) -> Journal:
        return Journal.open(self.folder / "store.db", STATION.database_key(), create=False, read_only=True)

    def rows(self) -> list[Recorded]:
        with self.read() as journal:
            return list(journal.rows())

    @property
    def sent(self) -> Sent:
        return self.desk.published().sent

    @property
    def now_ms(self) -> int:
        return self.sent.since_ms or time.time_ns() // 1_000_000

    def something_happens(self, times: int = 1) -> None:
        """A row that is news, each time, and on the disk: a reader sees what is committed, at the latest after a tenth of a second."""
        for _ in range(times):
            before = self.sent.news
            self.desk.tell(seen.Trusted(BootCardRefused("pin")))
            self.until(lambda: self.sent.news > before)  # noqa: B023 - awaited at once
        self.until(lambda: self._newest() >= self.sent.news)

    def _newest(self) -> int:
        with self.read() as journal:
            return journal.head()[0]

    @staticmethod
    def until(true: Callable[[], bool]) -> None:
        for _ in range(500):
            if true():
                return
            time.sleep(0.01)
        raise AssertionError("it never came")

    def seal(self) -> None:
        """What is due by a flush."""
        self.sender.flush()
        self.sender.work(self.now_ms)

    def up(self) -> dict[int, bytes]:
        """What a courier would carry."""
        return {waiting.seq: self.spool.sealed(waiting.seq) for waiting in self.spool.waiting()}

    def carry(self) -> None:
        for raw in self.up().values():
            self.office.take(raw)

    def answer(self, raw: bytes, name: str = "ack-1-00000001") -> None:
        """An acknowledgement comes, and is taken in."""
        self.spool.came(KIOSK, name, raw)
        self.sender.work(self.now_ms)

    def close(self) -> None:
        self.desk.stop()
        self.journal.close()


@contextmanager
def opened(folder: Path, office: Office, facts: Sequence[Fact] | None = None) -> Iterator[Kiosk]:
    """A kiosk that runs; `facts` are written down first, after the root's list of keys."""
    kiosk = Kiosk(folder, office)
    kiosk.desk.record((KeyListInstalled(office.epoch, 1), *(facts or ())))
    kiosk.desk.start()
    try:
        yield kiosk
    finally:
        kiosk.close()
