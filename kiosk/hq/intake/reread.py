"""Rows that were kept because this software did not know them yet, read again after an update: into the columns, the sales and the sums.

What was posted stays as it is; what is new is posted like a sale that comes late. A batch is read again as long as its line `unknown`
stands in the worklist, and twice is once.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select, update

from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.rules import Flag
from kiosk.hq.intake.shape import Shaped, Shaper
from kiosk.hq.intake.summary import merged, post
from kiosk.hq.intake.writing import Flagged, closed_through, each_sale_once, posted, put, settle_claims, sums_differ, todo, worklist_lines
from kiosk.hq.report.posting import post_odd
from kiosk.hq.report.tables import BOX
from kiosk.hq.schema import BATCH, FACT, KIOSK, ORIGINAL, SALE, WORK
from kiosk.sync.batch import BatchHeader, BatchRefused, checked_batch
from kiosk.vend.lifetime import Lifetime

UNKNOWN, TOTALS, BY = "unknown", "totals", "hq reread"


class Reread(msgspec.Struct, frozen=True):
    """`rows` of so many batches are read now that were not before; in `still` batches there are others that nobody knows yet."""

    batches: int = 0
    rows: int = 0
    still: int = 0


def reread(importer: Importer, now_ms: int) -> Reread:
    """Every batch that has rows which were not known. May be killed and begun again at any moment. Raises StoreError."""
    waits = select(WORK.c.kiosk, WORK.c.seq).where(WORK.c.what == UNKNOWN, WORK.c.done_ms.is_(None)).order_by(WORK.c.kiosk, WORK.c.seq)
    done = Reread()
    for kiosk, seq in importer.store.read(lambda connection: connection.execute(waits).all()):
        rows, still = _again(importer, kiosk, seq, now_ms)
        done = Reread(done.batches + (rows > 0), done.rows + rows, done.still + still)
    return done


def _again(importer: Importer, kiosk: str, row_seq: int, now_ms: int) -> tuple[int, bool]:
    """How many rows of the batch with that row are read now; whether some still are not."""
    found = importer.store.read(lambda connection: _original(connection, kiosk, row_seq))
    shaped = _shaped(importer, *found) if found else None
    if shaped is None:  # its original is not here any more, or its kiosk is not: the line stays
        return 0, True
    still = any(flag.rule == UNKNOWN for flag in shaped.flags)

    def work(connection: Connection) -> int:
        mine = (WORK.c.kiosk == kiosk) & (WORK.c.what == UNKNOWN) & (WORK.c.seq == row_seq) & WORK.c.done_ms.is_(None)
        values = {} if still else {"done_ms": now_ms, "done_by": BY}
        if connection.execute(update(WORK).where(mine).values({"seq": row_seq, **values})).rowcount != 1:
            return 0  # somebody else was faster
        return _written(connection, shaped, now_ms)

    return importer.store.transact(work), still


def _original(connection: Connection, kiosk: str, row_seq: int) -> tuple[int, bytes] | None:
    mine = (KIOSK.c.id == kiosk) & (BATCH.c.first <= row_seq) & (BATCH.c.last >= row_seq)
    both = select(KIOSK.c.no, ORIGINAL.c.raw).join(BATCH, BATCH.c.kiosk_no == KIOSK.c.no)
    same = (ORIGINAL.c.kiosk_no == BATCH.c.kiosk_no) & (ORIGINAL.c.seq == BATCH.c.seq)
    row = connection.execute(both.join(ORIGINAL, same).where(mine)).first()
    return (row[0], bytes(row[1])) if row else None


def _shaped(importer: Importer, kiosk_no: int, raw: bytes) -> Shaped | None:
    """As this software reads it, as rows."""
    try:
        batch = checked_batch(raw, lambda kiosk: importer.kiosks[kiosk].sign if kiosk in importer.kiosks else None)
        return Shaper(importer.numbers, importer.known, copy=False).shape(kiosk_no, batch)
    except BatchRefused:
        return None


def _written(connection: Connection, shaped: Shaped, now_ms: int) -> int:
    """What was not here yet. How many rows have more in their columns now, or stand in a table where they did not."""
    closed, number = closed_through(connection, lock=True), shaped.kiosk_no
    here = {row.seq: tuple(row) for row in connection.execute(_columns(shaped))}
    facts = [(row[1], row[3], row[8], row[9]) for row in shaped.facts if not isinstance(row, int)]  # there is no COPY here: rows
    changed = [row for row in facts if here.get(row[0]) != row]
    for seq, kind, card, amount_minor in changed:
        values = {"kind": kind, "card": card, "amount_minor": amount_minor}
        connection.execute(update(FACT).where(FACT.c.kiosk_no == number, FACT.c.seq == seq).values(values))
    new = _new(connection, shaped)
    (new,) = each_sale_once(connection, [new])
    sales, sums = posted(new.sales, closed)
    if sales:
        put(connection, SALE, sales)
    flagged: Flagged = {(number, new.header.seq): [flag for flag in new.flags if flag.rule != UNKNOWN]}
    settled = settle_claims(connection, [new], closed, flagged)
    odd = post_odd(connection, [(number, each) for each in new.odd], closed)
    post(connection, merged([sums, settled, odd]))
    _totals(connection, new, flagged[number, new.header.seq], now_ms)
    todo(connection, worklist_lines(new.header.kiosk, flagged[number, new.header.seq], now_ms))
    seqs = [row[0] for row in changed] + [row.seq for row in sales] + [each.seq for each in new.settled] + [each.seq for each in new.odd]
    return len(set(seqs))


def _columns(shaped: Shaped) -> Select[Any]:
    mine = (FACT.c.kiosk_no == shaped.kiosk_no) & FACT.c.seq.between(shaped.header.first, shaped.header.last)
    return select(FACT.c.seq, FACT.c.kind, FACT.c.card, FACT.c.amount_minor).where(mine)


def _new(connection: Connection, shaped: Shaped) -> Shaped:
    """What stands in no table yet; each of its sales may have ended before."""
    first, last = shaped.header.first, shaped.header.last
    here = set[int]()
    for table in (SALE, BOX):
        mine = (table.c.kiosk_no == shaped.kiosk_no) & table.c.seq.between(first, last)
        here |= set(connection.execute(select(table.c.seq).where(mine)).scalars())
    sales = [row for row in shaped.sales if row.seq not in here]
    asked = select(SALE.c.sale).where(SALE.c.kiosk_no == shaped.kiosk_no, SALE.c.outcome == "settled")
    over = set(connection.execute(asked.where(SALE.c.sale.in_([each.sale for each in shaped.settled]))).scalars())
    settled = [each for each in shaped.settled if each.seq not in here and not (each.elsewhere and each.sale in over)]
    odd = [each for each in shaped.odd if each.seq not in here]
    carried = tuple(row.sale for row in sales)
    return msgspec.structs.replace(shaped, sales=sales, settled=settled, odd=odd, carried=carried)


def _totals(connection: Connection, shaped: Shaped, flags: list[Flag], now_ms: int) -> None:
    """Rows that were not known were missing from the sums, too: whether the kiosk's totals hold can be said only now."""
    before = select(ORIGINAL.c.raw).where(ORIGINAL.c.kiosk_no == shaped.kiosk_no, ORIGINAL.c.seq == shaped.header.seq - 1)
    raw = connection.execute(before).scalar()
    totals = msgspec.json.decode(bytes(raw).partition(b"\n")[0], type=BatchHeader).totals if raw else Lifetime()
    if flag := sums_differ(totals, shaped):
        flags.append(flag)
        return
    mine = (WORK.c.kiosk == shaped.header.kiosk) & (WORK.c.what == TOTALS) & (WORK.c.seq == shaped.header.last)
    connection.execute(update(WORK).where(mine, WORK.c.done_ms.is_(None)).values(done_ms=now_ms, done_by=BY))
