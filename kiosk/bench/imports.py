"""How fast the head office takes batches in: the whole path, against what the database does with the same rows when nothing else is asked.

The batches are made here, signed and boxed, with the rows of real facts: a sale is twelve of them. Both sides have a server, or a file, of
their own kind and the same durability; they are measured in turn.
"""

import contextlib
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.bench.postgres import server
from kiosk.bench.table import Measured
from kiosk.envelope import labelled
from kiosk.hq import kiosks
from kiosk.hq.batch_keys import KeyBox
from kiosk.hq.intake.importer import Importer, grouped
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.worker import Worker, beside
from kiosk.hq.store import Store
from kiosk.sync.batch import NO_BATCH, BatchHeader, boxed_batch, made_batch
from kiosk.vend import facts as f
from kiosk.vend import lifetime
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.rows import StoreCreated, columns, line, link, origin

DURABLE = {"max_wal_size": "4GB"}  # all else as Debian sets it up: every commit is on disk
BOX, SIGN = KeyBox(b"\3" * 32), Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
ACK = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
START_MS, SALE_MS, NOW_MS = 1_795_536_000_000, 45 * 60_000, 1_796_000_000_000
KIOSKS = 8
ROUNDS, BATCHES = 5, 5  # of each kiosk and round
SQLITE_BATCHES = 3


def import_vs_copy() -> Measured:
    """Batches of 1,000 rows: boxed files to acknowledged rows, against bare COPY of the same finished facts, one commit a batch."""
    ours, bare = _against_copy(_rounds(BATCHES, 1_000))
    return _ratio(ours, bare, "bare COPY of the same rows, rows/s")


def import_250row_batches_per_s() -> Measured:
    """Batches of 250 rows, a kiosk-day, through the whole path; beside it, what bare COPY does with their facts, one commit a batch."""
    ours, bare = _against_copy(_rounds(2 * BATCHES, 250))
    rates, others = [rate / 250 for rate in ours], [rate / 250 for rate in bare]
    return Measured(
        statistics.median(rates),
        f"{min(rates):.0f} to {max(rates):.0f}, {len(rates)} rounds",
        baseline="bare COPY of the same rows, batches/s",
        baseline_value=statistics.median(others),
    )


def import_sqlite_vs_executemany() -> Measured:
    """The same of 1,000 rows into one SQLite file, against executemany of the same finished rows by the same library, a commit a batch."""
    rounds = _rounds(SQLITE_BATCHES, 1_000)
    with tempfile.TemporaryDirectory() as folder:
        store = Store.make(Path(folder) / "hq.db", 1, now_ms=NOW_MS)
        other = Store.make(Path(folder) / "bare.db", 1, now_ms=NOW_MS)
        importer = _importer(store)
        ours, bare = _in_turn(importer, rounds, partial(_executemany, other))
        store.close()
        other.close()
    return _ratio(ours, bare, "executemany of the same rows, rows/s")


def _against_copy(rounds: list[list[bytes]]) -> tuple[list[float], list[float]]:
    """Rows a second of each round, ours and bare, in turn."""
    with server(DURABLE) as (url, _):
        store = Store.make(url, 1, now_ms=NOW_MS)
        importer = _importer(store)
        found = _in_turn(importer, rounds, partial(_copy, store))
        store.close()
    return found


def _in_turn(importer: Importer, rounds: list[list[bytes]], bare: Callable[[list[Any]], None]) -> tuple[list[float], list[float]]:
    """Rows a second of each round but the first, ours and those of `bare`, which is given the same rows finished."""
    ours, theirs = list[float](), list[float]()
    with beside(importer, [BOX]) as worker:
        for number, raws in enumerate(rounds):
            finished = [_facts(importer, raw) for raw in raws]
            began = time.perf_counter()
            rows = _take(importer, worker, raws)
            between = time.perf_counter()
            bare(finished)
            after = time.perf_counter()
            if number:
                ours.append(rows / (between - began))
                theirs.append(rows / (after - between))
    return ours, theirs


def _ratio(ours: list[float], bare: list[float], against: str) -> Measured:
    each = [one / other for one, other in zip(ours, bare, strict=True)]
    spread = f"{min(each):.2f} to {max(each):.2f}, {len(each)} rounds; ours {statistics.median(ours):,.0f} rows/s"
    return Measured(statistics.median(each), spread, baseline=against, baseline_value=statistics.median(bare))


# ---------------------------------------------------------------- the two sides


def _importer(store: Store) -> Importer:
    key = SIGN.public_key().public_bytes_raw()
    kiosks.enrolled(store, {_name(number): (key, 1) for number in range(KIOSKS)})
    return Importer(store, [BOX], lambda label, data: ACK.sign(labelled(label, data)))


def _take(importer: Importer, worker: Worker, raws: list[bytes]) -> int:
    """All of them, and an acknowledgement for each kiosk; how many rows that were."""
    rows = 0
    heard: dict[str, str] = {}
    for group in grouped(worker.shaped(raws), worker.ready):
        for taken in importer.take_all([each for _, each in group], [raw for raw, _ in group], NOW_MS):
            if taken.verdict is not Verdict.OK:
                raise AssertionError(f"{taken.verdict}: {taken.sentence}")
            rows += taken.rows
            heard[taken.kiosk] = taken.store
    for kiosk, name in heard.items():
        importer.ack(kiosk, name, NOW_MS)
    return rows


def _facts(importer: Importer, raw: bytes) -> Any:
    """What an import makes of it for the table of facts, finished; the bare side writes it under another kiosk's number."""
    shaped: Any = importer.shaped(raw)
    number = shaped.kiosk_no
    if isinstance(shaped.facts, bytes):
        return b"\n".join(b"%d%s" % (number + 1_000, row.removeprefix(b"%d" % number)) for row in shaped.facts.split(b"\n")[:-1]) + b"\n"
    return shaped.facts


def _copy(store: Store, texts: list[bytes]) -> None:
    with contextlib.closing(store.engine.raw_connection()) as connection:
        raw: Any = connection.driver_connection
        for text in texts:
            with raw.cursor() as cursor, cursor.copy("COPY fact FROM STDIN") as copy:
                copy.write(text)
            raw.commit()


def _executemany(store: Store, parts: list[list[tuple[Any, ...]]]) -> None:
    with contextlib.closing(store.engine.raw_connection()) as connection:
        raw: Any = connection.driver_connection
        for rows in parts:
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany("INSERT INTO fact VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows)
            raw.execute("COMMIT")


# ---------------------------------------------------------------- journals


class _Journal:
    """A kiosk's rows without end, batch after batch."""

    def __init__(self, number: int) -> None:
        self.name, self.number = _name(number), number
        self.store = hashlib.sha256(self.name.encode()).digest()[:16]
        self.row = self.batch = self.sold = 0
        self.chained, self.prev, self.totals = origin(self.store), NO_BATCH, Lifetime()
        self.waiting: list[f.Fact] = [StoreCreated(self.store.hex())]

    def next(self, rows: int) -> bytes:
        """Boxed, the next so many rows."""
        first, before, lines = self.row + 1, self.chained, []
        while len(self.waiting) < rows:
            self.waiting += self._sale()
        for fact in self.waiting[:rows]:
            self.row += 1
            at_ms = START_MS + self.sold * SALE_MS // 20
            lines.append(line((self.row, at_ms, 1, self.row * 900), columns(fact)))
            self.chained, self.totals = link(self.chained, lines[-1]), lifetime.add(self.totals, fact)
        del self.waiting[:rows]
        self.batch += 1
        header = BatchHeader(
            kiosk=self.name, store=self.store.hex(), utility=1, seq=self.batch, prev=self.prev, first=first, last=self.row,
            before=before.hex(), head=self.chained.hex(), rows=rows, made_ms=NOW_MS, clock="ok", software="bench", totals=self.totals,
        )  # fmt: skip
        made = made_batch(header, lines, lambda label, data: SIGN.sign(labelled(label, data)))
        self.prev = made.hash
        return boxed_batch(made, BOX.box_key)

    def _sale(self) -> list[f.Fact]:
        """Twelve rows, all that a sale with one note and a receipt leaves."""
        self.sold += 1
        digest = hashlib.sha256(f"{self.name} {self.sold}".encode()).hexdigest()
        sale, card, tag, meter, n = digest[:16], digest[16:32], digest[32:40], f"{int(digest[40:50], 16) % 10**12:012}", self.sold % 200
        lines = (f.PriceLine("fixed_fee", 5_00, summed=True), f.PriceLine("to_card", 45_00, summed=True))
        quote = f.Quote("CNY", 2, "flat/1", "0.5800", 5_00, 0, 500_00, "sale", 999_999_99, 12_40, "2026-11-24 08:15")
        files = {"01": digest + digest[:26], "02": digest[:16], "05": digest + digest[:34]}
        day = time.strftime("%Y-%m-%d", time.gmtime((START_MS + self.sold * SALE_MS // 20) // 1000))
        closed = f.SaleClosed(
            sale=sale, outcome="landed", card=card, meter=meter, n=n, tenders=(f.Tender("notes", 50_00, 1),), tender_minor=50_00,
            approval=None, lines=lines, currency="CNY", exponent=2, credit_minor=45_00, credit_wh=77_580, claim_minor=0, tag=tag,
            tariff="flat/1", key_generation=1, float_minor=100_00, business_date=day, zone="+0000", number=self.sold, opened_ms=START_MS,
        )  # fmt: skip
        counter = self.sold % 255 + 1
        return [
            f.CardPresented(card, meter, "gdw1365", authentic=True, count=n - 1, taken=n - 1, word="ready", why=None),
            f.SaleOpened(sale, card, meter, n, quote, "en", "5432"),
            f.NoteEscrowed(sale, "notes", "SN-notes", 50_00, counter),
            f.NoteStacked(sale, "notes", "SN-notes", 50_00, counter, self.sold),
            f.TenderClosed(sale, 50_00, "customer"),
            f.ReturnFileArchived(sale, card, files),
            f.WriteStarted(sale, card, meter, n, 45_00, tag),
            f.CardVerified(sale, card, n, tag),
            closed,
            f.PrintStarted(sale, self.sold, "recharge"),
            f.ReceiptPrinted(sale, self.sold, "printed"),
            f.DeviceRecovered("printer"),
        ]


def _name(number: int) -> str:
    return f"B{number:02}"


def _rounds(batches: int, rows: int) -> list[list[bytes]]:
    """So many batches of every kiosk a round, each kiosk's in order; the first round, in which the worker starts, is not counted."""
    journals = [_Journal(number) for number in range(KIOSKS)]
    return [[journal.next(rows) for _ in range(batches) for journal in journals] for _ in range(ROUNDS + 1)]
