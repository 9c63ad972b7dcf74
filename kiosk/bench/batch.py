"""What a batch of a thousand rows weighs and costs: rows of the product's own core, which sells to one card after the other."""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from kiosk.bench.place import dark
from kiosk.bench.table import Measured, NotMeasured, spread
from kiosk.devices.vault.station import FileStation, open_station
from kiosk.sync.batch import LEVEL, NO_BATCH, ROWS_MAX, BatchHeader, Made, boxed_batch, made_batch, opened_batch
from kiosk.vend.journal import Journal
from kiosk.vend.rows import origin

SALES = 100
ROUNDS = 41
AFTER_MS = 200  # what may wait is on disk
STATION = FileStation(bytes(range(32)), bytes(range(32, 64)), bytes(32))
OFFICE = FileStation(bytes(range(1, 33)), bytes(range(33, 65)), bytes(32))


def batch_bytes_per_row() -> Measured:
    """The sealed file, header, signature and box included, over its rows."""
    header, lines = _thousand()
    size = len(boxed_batch(_made(), OFFICE.box_key))
    text = sum(map(len, lines))
    return Measured(size / header.rows, note=f"zstd level {LEVEL}; the lines themselves have {text / header.rows:.0f} bytes a row")


def batch_encode_1000_ms() -> Measured:
    """Lines to a sealed file: packed, signed, boxed. Beside the desk, never on its thread."""
    header, lines = _thousand()
    return _timed(lambda: boxed_batch(made_batch(header, lines, STATION.sign), OFFICE.box_key), ROUNDS // 4)


def batch_decode_1000_ms() -> Measured:
    """A sealed file to rows: unboxed, signature and hashes found true, unpacked, every line the journal's own, the chain counted again."""
    raw = boxed_batch(_made(), OFFICE.box_key)
    return _timed(lambda: opened_batch(raw, [OFFICE], lambda _: STATION.public_key), ROUNDS)


def _timed(work: Callable[[], object], rounds: int) -> Measured:
    work()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return Measured(median(seconds) * 1e3, spread=spread(seconds))


@cache
def _made() -> Made:
    header, lines = _thousand()
    return made_batch(header, lines, STATION.sign)


@cache
def _thousand() -> tuple[BatchHeader, list[bytes]]:
    """The first thousand rows of a new machine that sells, a note and a receipt each time."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with dark(folder=folder) as line:
            for _ in range(SALES):
                line.ask("sale")
            time.sleep(AFTER_MS / 1e3)
        with Journal.open(folder / "store.db", open_station(folder / "station.json").database_key(), read_only=True) as journal:
            found = list(journal.lines(1, ROWS_MAX))
            before = origin(journal.store_id).hex()
            store = journal.store_id.hex()
    if len(found) < ROWS_MAX:
        raise NotMeasured(f"the machine wrote only {len(found)} rows")
    header = BatchHeader(
        kiosk="K07", store=store, utility=1, seq=1, prev=NO_BATCH, first=1, last=ROWS_MAX, before=before, head=found[-1][1].row.hash,
        rows=ROWS_MAX, made_ms=found[-1][1].row.at_ms, clock="ok", software="kiosk",
    )  # fmt: skip
    return header, [exact for exact, _ in found]
