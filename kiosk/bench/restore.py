"""What it takes to have an office back: a million sales on a real PostgreSQL, dumped, put back into an empty database and proved.

Each sale is its row, its journal row in its kiosk's chain, and its part of a batch's original; the sums are there, too.
"""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from functools import cache, reduce
from pathlib import Path
from typing import Any

from kiosk.bench.postgres import server
from kiosk.bench.reports import FILL, KIOSK, PLACES, SUMMARY
from kiosk.bench.table import Measured
from kiosk.hq.copies.backup import back_up, drill
from kiosk.hq.copies.copying import Sums
from kiosk.hq.intake.summary import KEYS
from kiosk.hq.kiosks import numbered
from kiosk.hq.office import Office
from kiosk.hq.store import Store
from kiosk.vend.rows import line, link, origin

SALES, KIOSKS, DAYS, BATCH_ROWS = 1_000_000, 100, 30, 1_000
ORIGINAL_BYTES = 32 * BATCH_ROWS
NOW_MS, BOOT = 1_800_000_000_000, 1
BODY = (
    b'{"outcome":"landed","tender_minor":%d,"credited_minor":%d,"claim_minor":0,"card":"%016x","meter":"%012d","n":%d,'
    b'"lines":[["fixed_fee",100,true],["to_card",%d,true]],"tenders":[["notes",%d,1]],"tariff":"flat/1","zone":"+0800","day":20260704}'
)
QUICK = 1 << 10
PHRASES = ("the first person's phrase", "the second person's phrase"), "the decision's phrase"


def restore_1m_sales_s() -> Measured:
    """From a backup's folder to an office that was held against it: copied, put back, counted, added up, every chain made again."""
    restored_s, made_s, _ = _measured()
    return Measured(restored_s, note=f"{SALES} sales of {KIOSKS} kiosks; the backup, which is proved by the same, took {made_s:.1f} s")


def restore_lost_rows() -> Measured:
    """Of the rows that were written, how many are not in what was put back."""
    _, _, sums = _measured()
    return Measured(float(2 * SALES - sums.facts - sums.rows["sale"]), note="journal rows and sales, against those that were written")


@cache
def _measured() -> tuple[float, float, Sums]:
    with server({"max_wal_size": "4GB"}) as (url, _), tempfile.TemporaryDirectory(prefix="kiosk-bench-") as place:
        folder = Path(place)
        office = Office.create(folder / "office", 1, *PHRASES, now_ms=NOW_MS, cost=QUICK)
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
    kind = numbered(store)["SaleClosed"]
    with contextlib.closing(store.engine.raw_connection()) as connection:
        raw: Any = connection.driver_connection
        raw.execute(KIOSK.format(kiosks=KIOSKS))
        raw.execute(FILL.format(kiosks=KIOSKS, days=DAYS, sales=SALES).encode())
        for name, (_, keys) in KEYS.items():
            places = [PLACES.get(key, key) for key in keys]
            raw.execute(SUMMARY.format(table=name, keys=", ".join(places), first=places[0]).encode())
        for kiosk_no in range(1, KIOSKS + 1):
            _journal(raw, kiosk_no, kind)
        raw.commit()
        raw.set_autocommit(True)
        raw.execute("VACUUM (ANALYZE)")


def _journal(raw: Any, kiosk_no: int, kind: int) -> None:
    """One kiosk's rows, its batches, and its head."""
    store = hashlib.sha256(b"%d" % kiosk_no).digest()[:16]
    chained, header = origin(store), ""
    for batch, first in enumerate(range(1, SALES // KIOSKS + 1, BATCH_ROWS), 1):
        rows = list(_rows(kiosk_no, first))
        chained = reduce(link, (line((seq, at_ms, BOOT, at_ms), (sale, "SaleClosed", 1, body)) for seq, at_ms, sale, body in rows), chained)
        header = hashlib.sha256(chained).hexdigest()
        last = first + BATCH_ROWS - 1
        with raw.cursor() as cursor:
            with cursor.copy("COPY fact (kiosk_no,seq,at_ms,kind,v,boot,mono_ms,sale,card,amount_minor,body) FROM STDIN") as copy:
                for seq, at_ms, sale, body in rows:
                    copy.write_row((kiosk_no, seq, at_ms, kind, 1, BOOT, at_ms, sale, sale, seq, body.decode()))
            cursor.execute(
                "INSERT INTO batch (kiosk_no,seq,hash,first,last,row_hash,made_ms,taken_ms,flagged) VALUES (%s,%s,%s,%s,%s,%s,%s,%s,0)",
                (kiosk_no, batch, header, first, last, chained.hex(), NOW_MS, NOW_MS),
            )
            cursor.execute("INSERT INTO original (kiosk_no,seq,raw) VALUES (%s,%s,%s)", (kiosk_no, batch, os.urandom(ORIGINAL_BYTES)))
    head = (kiosk_no, store.hex(), batch, header, last, chained.hex(), NOW_MS, NOW_MS)
    raw.execute("INSERT INTO head VALUES (%s,%s,%s,%s,%s,%s,%s,%s,'ok','','{}','{}')", head)


def _rows(kiosk_no: int, first: int) -> Iterator[tuple[int, int, str, bytes]]:
    for seq in range(first, first + BATCH_ROWS):
        card, minor = kiosk_no * SALES + seq, 1000 * (1 + seq % 10)
        yield seq, NOW_MS + seq, f"{card:016x}", BODY % (minor, minor - 100, card, card, seq, minor - 100, minor)
