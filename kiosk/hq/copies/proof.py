"""What a store says, held against what its kiosks signed: nothing in it is believed that cannot be made again from the originals.

Each original holds by its kiosk's signature and stands in the ledger by its header's hash; its rows are shaped once more, and are those of
`fact`, `sale` and `box`, to the last column; the three summaries are what the sales add up to; a closed period is as it was when it was
closed. Every error is one sentence of whose what is missing or changed.

Rows that this software learned to read and did not read again yet (`kiosk hq reread`) may say less in a store than they would today.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, func, select

from kiosk.hq.intake.close import digest
from kiosk.hq.intake.elsewhere import landed
from kiosk.hq.intake.reread import BY, UNKNOWN
from kiosk.hq.intake.rules import Known
from kiosk.hq.intake.shape import FINISHED, SOUGHT, Shaped, Shaper
from kiosk.hq.intake.sold import ELSEWHERE, SaleRow, elsewhere_row, settled_row
from kiosk.hq.intake.summary import KEYS, SUMS, day_after, recomputed
from kiosk.hq.intake.writing import closed_through
from kiosk.hq.report.posting import box_row, orphan_row
from kiosk.hq.report.tables import BOX
from kiosk.hq.schema import BATCH, CLOSE, FACT, HEAD, KIND, KIOSK, NOT_POSTED, ORIGINAL, SALE, WORK
from kiosk.sync.backup import BackupRefused
from kiosk.sync.batch import NO_BATCH, Batch, BatchRefused, checked_batch
from kiosk.vend.facts import OrphanCredit, PriceLine
from kiosk.vend.rows import origin
from kiosk.vend.till import CashBoxRemoved

ROWS_AT_ONCE, ORIGINALS_AT_ONCE = 5_000, 50
FACT_KIND, FACT_SEQ, FACT_CARD, FACT_AMOUNT = 3, 1, 8, 9  # places in a row of `fact`
OF_KIOSKS = (BATCH, ORIGINAL, FACT, SALE, BOX)

Count = dict[str, int]
"""Rows of each table that were held against an original."""


def check(connection: Connection) -> None:
    """Everything that came, and all that was made of it. Raises BackupRefused."""
    numbers = {row.name: row.no for row in connection.execute(select(KIND.c.no, KIND.c.name))}
    shaper, closed = Shaper(numbers, Known(), copy=False), closed_through(connection)
    seen: Count = dict.fromkeys((table.name for table in OF_KIOSKS), 0)
    unread = False
    for head in connection.execute(select(HEAD, KIOSK.c.id, KIOSK.c.sign).join(KIOSK, KIOSK.c.no == HEAD.c.kiosk_no)).all():
        if head.seq:
            journal = Journal(connection, head, shaper, closed, seen)
            _check_kiosk(journal)
            unread = unread or bool(journal.unread)
        elif any(connection.execute(select(of.c.seq).where(of.c.kiosk_no == head.kiosk_no).limit(1)).first() for of in OF_KIOSKS):
            raise BackupRefused(f"There are rows of {head.id} or their ledger, and its head says that nothing ever came.")
    seen[SALE.name] += _check_beside(connection, closed, unread=unread)
    for table in OF_KIOSKS:
        if connection.execute(select(func.count()).select_from(table)).scalar_one() != seen[table.name]:
            raise BackupRefused(f"There are rows in {table.name} that are no kiosk's.")
    check_sums(connection)


def check_sums(connection: Connection) -> None:
    """The three summaries are what the sales add up to, and closed periods as they were closed. Raises BackupRefused."""
    for name, (table, keys) in KEYS.items():
        kept, made = select(*(table.c[each] for each in keys + SUMS)), recomputed(name).order_by(None)
        if connection.execute(kept.except_(made).limit(1)).first() or connection.execute(made.except_(kept).limit(1)).first():
            raise BackupRefused(f"The sums in {name} are not what the sales add up to.")
    for row in connection.execute(select(CLOSE.c.period, CLOSE.c.sha256)).all():
        if digest(connection, row.period) != row.sha256:
            raise BackupRefused(f"The sums of {row.period} are not as they were when it was closed.")


class Journal:
    """One kiosk's share of the store, read once from its first row to its last."""

    def __init__(self, connection: Connection, head: Any, shaper: Shaper, closed: int, seen: Count) -> None:
        self.connection, self.head, self.shaper, self.closed, self.seen = connection, head, shaper, closed, seen
        self.facts, self.sales, self.boxes = (_Ahead(self._of(table)) for table in (FACT, SALE, BOX))
        self.originals = _Ahead(self._of(ORIGINAL, ORIGINALS_AT_ONCE))
        work = select(WORK.c.seq, WORK.c.done_by).where(WORK.c.kiosk == head.id, WORK.c.what == UNKNOWN)
        lines = connection.execute(work).all()
        self.reread, self.unread = bool(lines), [row.seq for row in lines if row.done_by != BY]

    def _of(self, table: Table, at_once: int = ROWS_AT_ONCE) -> Iterator[Any]:
        mine = select(table).where(table.c.kiosk_no == self.head.kiosk_no, table.c.seq > 0).order_by(table.c.seq)
        return iter(self.connection.execute(mine.execution_options(yield_per=at_once)))

    def waits(self, batch: Any) -> bool:
        """There are rows in that batch which were not read again since they can be read."""
        return any(batch.first <= seq <= batch.last for seq in self.unread)

    def refused(self, what: str) -> BackupRefused:
        """Of this kiosk."""
        return BackupRefused(what.format(self.head.id))


class _Ahead:
    """Rows in their order, taken up to a number."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def upto(self, seq: int) -> list[Any]:
        """The next ones, as long as they are not above it."""
        found = []
        while self._next is not None and self._next.seq <= seq:
            found.append(self._next)
            self._next = next(self._rows, None)
        return found

    @property
    def over(self) -> bool:
        """There are no more."""
        return self._next is None


# ---------------------------------------------------------------- one kiosk


def _check_kiosk(journal: Journal) -> None:
    head, connection = journal.head, journal.connection
    ledger = connection.execute(select(BATCH).where(BATCH.c.kiosk_no == head.kiosk_no).order_by(BATCH.c.seq)).all()
    if [batch.seq for batch in ledger] != list(range(1, head.seq + 1)) or ledger[-1].hash != head.hash:
        raise journal.refused("Of the batches of {} some are missing.")
    before, chained, row = NO_BATCH, origin(bytes.fromhex(head.store)).hex(), 0
    for batch in ledger:
        original = _original(journal, batch)
        said = original.header
        if (said.prev, said.before, said.first) != (before, chained, row + 1):
            raise journal.refused(f"Batch {batch.seq} of {{}} does not follow the one before it.")
        before, chained, row = batch.hash, batch.row_hash, batch.last
        shaped = journal.shaper.shape(head.kiosk_no, original)
        _check_rows(journal, batch, shaped)
        _check_sold(journal, batch, shaped)
    if (row, chained) != (head.row_seq, head.row_hash) or not (journal.facts.over and journal.sales.over and journal.boxes.over):
        raise journal.refused(f"The journal of {{}} does not end at row {head.row_seq}, as its last batch does.")
    told = (said.made_ms, msgspec.json.encode(said.applied).decode(), msgspec.json.encode(said.totals).decode())
    if (head.made_ms, head.applied, head.totals) != told:
        raise journal.refused("The head of {} in `head` does not say what its last batch does.")
    if not journal.originals.over:
        raise journal.refused("There are originals of {} that are in no ledger.")
    journal.seen[BATCH.name] += len(ledger)


def _original(journal: Journal, batch: Any) -> Batch:
    """The batch as its kiosk signed it, and as the ledger has it."""
    found = journal.originals.upto(batch.seq)
    if [each.seq for each in found] != [batch.seq]:
        raise journal.refused(f"The original of batch {batch.seq} of {{}} is missing.")
    try:
        original = checked_batch(bytes(found[0].raw), lambda kiosk: bytes(journal.head.sign) if kiosk == journal.head.id else None)
    except BatchRefused:
        raise journal.refused(f"The original of batch {batch.seq} of {{}} is not as its kiosk signed it.") from None
    said = original.header
    listed = (batch.hash, batch.seq, batch.first, batch.last, batch.row_hash, batch.made_ms)
    if (original.hash, said.seq, said.first, said.last, said.head, said.made_ms) != listed or said.store != journal.head.store:
        raise journal.refused(f"The ledger has another batch {batch.seq} of {{}} than its original.")
    journal.seen[ORIGINAL.name] += 1
    return original


def _check_rows(journal: Journal, batch: Any, shaped: Shaped) -> None:
    """Every column of every row."""
    part = [tuple(row) for row in journal.facts.upto(batch.last)]
    came = [row for row in shaped.facts if not isinstance(row, int)]  # there is no COPY here: rows
    if part != came:
        if [row[FACT_SEQ] for row in part] != list(range(batch.first, batch.last + 1)):
            raise journal.refused(f"Of the rows {batch.first} to {batch.last} of {{}} some are missing.")
        if not journal.waits(batch) or list(map(_as_it_came, part)) != list(map(_as_it_came, came)):
            raise journal.refused(_differing(part, came))
    journal.seen[FACT.name] += len(part)


def _differing(part: list[tuple[Any, ...]], came: list[tuple[Any, ...]]) -> str:
    """The first row that differs, by its columns."""
    row, said = next((row, said) for row, said in zip(part, came, strict=True) if row != said)
    columns = [column.name for column, kept, made in zip(FACT.columns, row, said, strict=True) if kept != made]
    differ = "differ" if len(columns) > 1 else "differs"
    return f"Row {row[FACT_SEQ]} of {{}} in `fact` is not as it was written: {', '.join(columns)} {differ}."


def _as_it_came(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without what is only there once a row was read."""
    return *row[:FACT_KIND], *row[FACT_KIND + 1 : FACT_CARD], *row[FACT_AMOUNT + 1 :]


# ---------------------------------------------------------------- what follows of its rows


def _check_sold(journal: Journal, batch: Any, shaped: Shaped) -> None:
    """Sales, settled claims, orphans and boxes are those that these rows make."""
    sales = {row.seq: SaleRow(*row) for row in journal.sales.upto(batch.last)}
    boxes = {row.seq: tuple(row) for row in journal.boxes.upto(batch.last)}
    journal.seen[SALE.name] += len(sales)
    journal.seen[BOX.name] += len(boxes)
    made, taken = _made(journal, shaped)
    for seq in made.keys() | sales.keys():
        if not _same(journal, made.get(seq), sales.get(seq), batch):
            raise journal.refused(f"What stands in `sale` of row {seq} of {{}} is not what that row says.")
    for seq in taken.keys() | boxes.keys():
        if not _same_box(journal, taken.get(seq), boxes.get(seq), batch):
            raise journal.refused(f"What stands in `box` of row {seq} of {{}} is not what that row says.")


def _made(journal: Journal, shaped: Shaped) -> tuple[dict[int, SaleRow], dict[int, tuple[Any, ...]]]:
    """What these rows make in `sale` and in `box`, each on its own day."""
    connection, number = journal.connection, shaped.kiosk_no
    made = {row.seq: row for row in shaped.sales}
    for settled in shaped.settled:
        if claim := _claim(journal, settled.sale):  # of one that landed elsewhere this row, or that beside the claim (`_check_beside`)
            made[settled.seq] = settled_row(msgspec.structs.replace(settled, elsewhere=False), claim)
    taken: dict[int, tuple[Any, ...]] = {}
    for each in shaped.odd:
        match each.fact:
            case OrphanCredit() as orphan:
                made[each.seq] = orphan_row(connection, number, each, orphan)
            case CashBoxRemoved() as box:
                taken[each.seq] = box_row(connection, number, each, box)
    return made, taken


def _claim(journal: Journal, sale: str) -> SaleRow | None:
    mine = (SALE.c.kiosk_no == journal.head.kiosk_no) & (SALE.c.sale == sale) & (SALE.c.outcome == "claimed")
    row = journal.connection.execute(select(SALE).where(mine)).first()
    return SaleRow(*row) if row else None


def _same(journal: Journal, made: SaleRow | None, kept: SaleRow | None, batch: Any) -> bool:
    """`made` from the row, on its own day; `kept` in the table, later where that day was closed when it came."""
    if made is None:
        return False
    if kept is None:
        return journal.waits(batch) or _ended_elsewhere(journal, made)
    if made == kept or (made._replace(posted_day=kept.posted_day) == kept and _posted(journal.closed, made.posted_day, kept.posted_day)):
        return True
    return journal.reread and not made.sale and made.tender_minor == kept.tender_minor  # the sale before it was read later than it was


def _ended_elsewhere(journal: Journal, made: SaleRow) -> bool:
    """A sale ends once: what says so a second time stands in no sum, nor does what settles a claim that is there only after it."""
    if not made.sale:
        return False
    again = SALE.c.outcome == "settled" if made.outcome == "settled" else SALE.c.outcome != "settled"
    mine = (SALE.c.kiosk_no == made.kiosk_no) & (SALE.c.sale == made.sale) & (SALE.c.seq != made.seq) & again
    if journal.connection.execute(select(SALE.c.seq).where(mine)).first():
        return True
    claim = _claim(journal, made.sale) if made.outcome == "settled" else None
    return claim is not None and claim.seq > made.seq


def _same_box(journal: Journal, made: tuple[Any, ...] | None, kept: tuple[Any, ...] | None, batch: Any) -> bool:
    if made is None:
        return False
    if kept is None:
        return journal.waits(batch)
    *said, own = made
    *stands, posted = kept
    day = len(said) - 1
    alike = said == stands or (journal.reread and said[:day] == stands[:day])
    return alike and (own == posted or _later(journal.closed, stands[day], posted))


def _posted(closed: int, own: int, posted: int) -> bool:
    return own == posted or (own != NOT_POSTED and _later(closed, own, posted))


def _later(closed: int, own: int, posted: int) -> bool:
    """On a day after one that is closed."""
    return own < posted <= day_after(closed)


# ---------------------------------------------------------------- what follows of two kiosks' rows


def _check_beside(connection: Connection, closed: int, *, unread: bool) -> int:
    """Every row beside a claim is what its own kiosk or another one says of it, and none is missing. How many those are.

    `unread`: there are rows that were not read again since they can be read.
    """
    asked = select(SALE).where(SALE.c.seq < 0).order_by(SALE.c.kiosk_no, SALE.c.seq)
    kept = [SaleRow(*row) for row in connection.execute(asked)]
    finished = select(FACT.c.card).where(FACT.c.kind == SOUGHT.index(FINISHED) + 1, FACT.c.card.is_not(None))
    told = list(landed(connection, set(connection.execute(finished).scalars())))
    said = [*told, *_said_by_their_own(connection, kept)]
    for row in kept:
        if not any(made._replace(posted_day=row.posted_day) == row and _posted(closed, made.posted_day, row.posted_day) for made in said):
            raise BackupRefused(f"What stands in `sale` beside the claim of sale {row.sale} is what no kiosk says.")
    over = select(SALE.c.kiosk_no, SALE.c.sale).where(SALE.c.outcome == "settled", SALE.c.sale.in_([row.sale for row in told]))
    if {(row.kiosk_no, row.sale) for row in told} - {tuple(row) for row in connection.execute(over)} and not unread:
        raise BackupRefused("A claim that landed at another kiosk stands in no sum as landed.")
    return len(kept)


def _said_by_their_own(connection: Connection, kept: list[SaleRow]) -> Iterator[SaleRow]:
    for row in kept:
        claim = connection.execute(select(SALE).where(SALE.c.kiosk_no == row.kiosk_no, SALE.c.seq == -row.seq)).first()
        mine = (FACT.c.kiosk_no == row.kiosk_no) & (FACT.c.sale == row.sale) & (FACT.c.kind == SOUGHT.index("ClaimSettled") + 1)
        for body in connection.execute(select(FACT.c.body).where(mine)).scalars() if claim else ():
            said = msgspec.json.decode(body, type=_Settled)
            if claim and claim.outcome == "claimed" and said.how == ELSEWHERE:
                yield elsewhere_row(SaleRow(*claim), said.lines)


class _Settled(msgspec.Struct, frozen=True):
    how: str
    lines: tuple[PriceLine, ...]
