"""What the monthly report costs at the head office: ten million sales of 5,000 kiosks over a year, on a real PostgreSQL of our own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from statistics import median

from kiosk.bench.postgres import server
from kiosk.bench.table import Measured, NotMeasured, in_turn, spread
from kiosk.hq.intake.summary import KEYS
from kiosk.hq.report.period import Period, period_of
from kiosk.hq.report.reading import recomputed, selling
from kiosk.hq.report.selling import Selling, sheet_of
from kiosk.hq.report.text import text_of
from kiosk.hq.store import Store

SALES, KIOSKS, DAYS = 10_000_000, 5_000, 365
BYTES_A_SALE = 900  # row, four indexes, and what building them needs
MONTH, NOW_MS = "2026-07", 1_800_000_000_000
ROUNDS = 15

FILL = """
INSERT INTO sale
SELECT kiosk_no, seq, lpad(to_hex(i), 16, '0'), CASE WHEN i % 97 = 0 THEN 'claimed' ELSE 'landed' END,
  CASE WHEN i % 20 = 7 THEN 'code' WHEN i % 4 = 1 THEN 'bank' ELSE 'cash' END,
  lpad(to_hex(i % 1000003), 16, '0'), lpad((i % 1000003)::text, 12, '0'), seq, NULL, seq, 'CNY', 2, minor,
  CASE WHEN i % 97 = 0 THEN 0 ELSE minor - 100 END, 0, CASE WHEN i % 97 = 0 THEN 0 ELSE 100 END, 0, 0,
  CASE WHEN i % 97 = 0 THEN minor ELSE 0 END, NULL, 'flat/1', at_ms, at_ms, '+0800', day, 6 + i % 17, day
FROM (
  SELECT i, 1 + (i * 7919 + i / {kiosks}) % {kiosks} AS kiosk_no, 1 + i / {kiosks} AS seq, 1000 * (1 + i % 10) AS minor,
    to_char(date '2026-01-01' + (i * {days} / {sales})::int, 'YYYYMMDD')::int AS day, 1767225600000 + i * 3 AS at_ms
  FROM generate_series(0, {sales}::bigint - 1) AS i
) AS sold
"""
KIOSK = "INSERT INTO kiosk SELECT i, 'K' || lpad(i::text, 4, '0'), '', 1, 'open', NULL, 0 FROM generate_series(1, {kiosks}) AS i"
HEAD = "INSERT INTO head SELECT no, '', 1, '', 1, '', {now}, {now}, 'ok', '', '{{}}', '{{}}' FROM kiosk"
SUMMARY = """
INSERT INTO {table} SELECT {keys}, count(*), sum(tender_minor), sum(credit_minor), sum(credit_wh), sum(fee_minor), sum(debt_minor),
  sum(returned_minor), sum((outcome = 'claimed')::int), sum(claim_minor), 0, 0
FROM sale GROUP BY {keys} ORDER BY {first}, md5(concat({keys}))
"""
PLACES = {"day": "posted_day", "month": "posted_day / 100"}
COVERING = (
    "CREATE INDEX best ON sale (posted_day) INCLUDE (kiosk_no, tender, currency, outcome, day, tender_minor, credit_minor, credit_wh, "
    "fee_minor, debt_minor, returned_minor, claim_minor)"
)


def monthly_report_10m_ms() -> Measured:
    """One month of all kiosks by tender, from the question to the values: 15,000 lines, their sums, the foot, who is missing."""
    ours, _, note, _ = _measured()
    return Measured(median(ours) * 1e3, spread(ours), note=note)


def monthly_report_vs_recompute() -> Measured:
    """The same report against its sums made anew from the sales by an index that covers them, all rows fetched, into the same values."""
    ours, anew, note, _ = _measured()
    return Measured(
        median(anew) / median(ours),
        f"summaries {spread(ours)}; anew {spread(anew)}",
        note=note,
        baseline="the sales of the month added up by a covering index, ms",
        baseline_value=median(anew) * 1e3,
    )


@cache
def _measured() -> tuple[list[float], list[float], str, Selling]:
    """Both sides in turn, on one office."""
    period = period_of(MONTH)
    with _office() as (store, sales):
        report = store.read(lambda connection: selling(connection, period, now_ms=NOW_MS))
        anew = store.read(lambda connection: recomputed(connection, period, now_ms=NOW_MS))
        if report != anew or not report.books:
            raise AssertionError("the summaries are not what the sales add up to")
        ours, theirs = in_turn(lambda: _read(store, period), lambda: _again(store, period), ROUNDS)
        printed, _ = in_turn(lambda: _print(report), lambda: None, 3, warm=1)
    lines = sum(len(book.lines) for book in report.books)
    fewer = "" if sales == SALES else f"; only {sales} sales, for want of disk"
    return ours, theirs, f"{lines} lines; {median(printed) * 1e3:.0f} ms more for its text{fewer}", report


def _read(store: Store, period: Period) -> None:
    store.read(lambda connection: selling(connection, period, now_ms=NOW_MS))


def _again(store: Store, period: Period) -> None:
    store.read(lambda connection: recomputed(connection, period, now_ms=NOW_MS))


def _print(report: Selling) -> None:
    text_of(sheet_of(report))


@contextmanager
def _office() -> Iterator[tuple[Store, int]]:
    """A year of sales and their summaries, as the importer leaves them: the rows of a month beside each other."""
    with server({"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB", "shared_buffers": "512MB"}) as (url, folder):
        sales = min(SALES, shutil.disk_usage(folder).free * 2 // 3 // BYTES_A_SALE)
        if sales < SALES // 100:
            raise NotMeasured(f"there is no room for {SALES} sales in {folder}")
        store = Store.make(url, 1, now_ms=0)
        try:
            _fill(store, sales)
            yield store, sales
        finally:
            store.close()


def _fill(store: Store, sales: int) -> None:
    """By the server itself; the indexes are built when the rows are there."""
    others = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'sale' AND indexname <> 'sale_pkey'"
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        run = connection.exec_driver_sql
        run("SET maintenance_work_mem = '256MB'")
        run("SET work_mem = '128MB'")
        run(KIOSK.format(kiosks=KIOSKS))
        run(HEAD.format(now=NOW_MS))
        indexes = run(others).all()
        for name, _ in indexes:
            run(f"DROP INDEX {name}")
        run("ALTER TABLE sale DROP CONSTRAINT sale_pkey")
        run(FILL.format(kiosks=KIOSKS, days=DAYS, sales=sales).replace("%", "%%"))
        run("ALTER TABLE sale ADD PRIMARY KEY (kiosk_no, seq)")
        for _, made in indexes:
            run(made)
        run(COVERING)
        for name, (_, keys) in KEYS.items():
            places = [PLACES.get(key, key) for key in keys]
            run(SUMMARY.format(table=name, keys=", ".join(places), first=places[0]))
        run("VACUUM (ANALYZE, FREEZE)")
