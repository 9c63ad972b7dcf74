"""What it takes to have an office back: a million sales on a real PostgreSQL, dumped, put back into an empty database and proved.

Each sale is a row of its kiosk's journal, in a batch that this kiosk signed; all else is what the import made of it.
"""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.bench.postgres import server
from kiosk.bench.table import Measured
from kiosk.envelope import body_of, labelled, sealed
from kiosk.hq import kiosks
from kiosk.hq.cards.registry import REGISTRY, Registry
from kiosk.hq.copies.backup import back_up, drill
from kiosk.hq.copies.copying import Sums
from kiosk.hq.intake.importer import Importer, grouped
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.office import Office
from kiosk.hq.store import Store
from kiosk.sync.batch import LABEL, NO_BATCH, Batch, BatchHeader, checked_batch
from kiosk.vend import facts as f
from kiosk.vend import lifetime
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.rows import columns, line, link, origin

SALES, KIOSKS, DAYS, BATCH_ROWS = 1_000_000, 100, 30, 1_000
NOW_MS, FIRST_MS, BOOT = 1_800_000_000_000, 1_782_864_000_000, 1
SIGN = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
PACK = zstandard.ZstdCompressor(level=1, write_content_size=True, write_checksum=False)
QUICK = 1 << 10
PHRASES = ("the first person's phrase", "the second person's phrase"), "the decision's phrase"


def restore_1m_sales_s() -> Measured:
    """From a backup's folder to an office that was proved: put back, counted, every row, sale and sum held against the originals."""
    restored_s, made_s, _ = _measured()
    return Measured(restored_s, note=f"{SALES} sales of {KIOSKS} kiosks; the backup, proved by the same, took {made_s:.1f} s")


def restore_lost_rows() -> Measured:
    """Of the rows that were written, how many are not in what was put back."""
    _, _, sums = _measured()
    return Measured(float(2 * SALES - sums.facts - sums.rows["sale"]), note="journal rows and sales, against those that were written")


@cache
def _measured() -> tuple[float, float, Sums]:
    with server({"max_wal_size": "4GB"}) as (url, _), tempfile.TemporaryDirectory(prefix="kiosk-bench-") as place:
        folder = Path(place)
        office = Office.create(folder / "office", 1, *PHRASES, now_ms=NOW_MS, cost=QUICK)
        Registry(office.folder / REGISTRY, lambda: NOW_MS).close()
        (folder / "medium").mkdir()
        store = Store.make(url, 1, now_ms=NOW_MS)
        try:
            _fill(store)
            began = time.perf_counter()
            made, _, _ = back_up(office, store, folder / "medium", now_ms=NOW_MS)
            between = time.perf_counter()
            _, sums = drill(made.folder, url)
            return time.perf_counter() - between, between - began, sums
        finally:
            store.close()


def _fill(store: Store) -> None:
    """By the product's own import, of batches that each kiosk signed; they are packed quickly, which nobody reads them any slower for."""
    key = SIGN.public_key().public_bytes_raw()
    kiosks.enrolled(store, {f"K{number:04}": (key, 1) for number in range(1, KIOSKS + 1)})
    importer = Importer(store, (), lambda _label, _data: bytes(64))
    for kiosk in sorted(importer.kiosks):
        for batches in grouped((clear, importer.shaper.shape(importer.kiosks[kiosk].no, batch)) for clear, batch in _batches(kiosk, key)):
            for taken in importer.take_all([shaped for _, shaped in batches], [clear for clear, _ in batches], NOW_MS):
                if taken.verdict is not Verdict.OK:
                    raise AssertionError(f"{taken.verdict}: {taken.sentence}")
    with contextlib.closing(store.engine.raw_connection()) as connection:
        raw: Any = connection.driver_connection
        raw.set_autocommit(True)
        raw.execute("VACUUM (ANALYZE)")


def _batches(kiosk: str, key: bytes) -> Iterator[tuple[bytes, Batch]]:
    """All of one kiosk's journal: a sale a row."""
    name = hashlib.sha256(kiosk.encode()).digest()[:16]
    chained, prev, totals = origin(name), NO_BATCH, Lifetime()
    for seq, first in enumerate(range(1, SALES // KIOSKS + 1, BATCH_ROWS), 1):
        before, lines = chained, list[bytes]()
        for row in range(first, min(first + BATCH_ROWS, SALES // KIOSKS + 1)):
            fact = _sold(kiosk, row)
            lines.append(line((row, FIRST_MS + row * 1000, BOOT, row * 1000), columns(fact)))
            chained, totals = link(chained, lines[-1]), lifetime.add(totals, fact)
        body = PACK.compress(b"".join(each + b"\n" for each in lines))
        header = BatchHeader(
            kiosk=kiosk, store=name.hex(), utility=1, seq=seq, prev=prev, first=first, last=first + len(lines) - 1, before=before.hex(),
            head=chained.hex(), rows=len(lines), made_ms=NOW_MS, clock="ok", software="bench", totals=totals, body=body_of(body),
        )  # fmt: skip
        clear = sealed(lambda label, data: SIGN.sign(labelled(label, data)), LABEL, msgspec.json.encode(header), body)
        batch = checked_batch(clear, lambda _: key)
        prev = batch.hash
        yield clear, batch


def _sold(kiosk: str, number: int) -> f.SaleClosed:
    minor, card = 1000 * (1 + number % 10), int(kiosk[1:]) * SALES + number
    return f.SaleClosed(
        sale=f"{card:016x}", outcome="landed", card=f"{card:016x}", meter=f"{card:012}", n=2, tenders=(f.Tender("notes", minor, 1),),
        tender_minor=minor, approval=None,
        lines=(f.PriceLine("fixed_fee", 100, summed=True), f.PriceLine("to_card", minor - 100, summed=True)), currency="CNY", exponent=2,
        credit_minor=minor - 100, credit_wh=0, claim_minor=0, tag=f"{card % (1 << 32):08x}", tariff="flat/1", key_generation=1,
        float_minor=None, business_date=f"2026-07-{1 + number % DAYS:02}", zone="+0800", number=number, opened_ms=FIRST_MS + number * 1000,
    )  # fmt: skip
