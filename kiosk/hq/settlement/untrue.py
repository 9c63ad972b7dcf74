"""Before money moves: whether what a decision rests on is what kiosks signed and what the office wrote.

The settlement finds rows by columns (`fact.card`, `fact.kind`, `fact.sale`), and whoever edits a column hides a row from it. So before a
decision about one value

- every row anywhere whose body names one of the meter's cards, the rows of its sale, and, where the office pays on what a kiosk may have
  sold unreported, all rows of that kiosk from its last sale on are held against what was signed, their columns too (`chain`);
- each kiosk has as many rows and batches as the head of its journal says;
- the office's own tables are what its log says.

What it costs: the body of each row is searched once for the meter's cards, each batch that has such a row is hashed, the rows of the
office's own tables are added up, and of its log what was written since the last check is replayed (`log.mark`). What it does not see is a
row whose text was changed, with its batch's original, in a batch that names the card nowhere else: the proof of a backup does
(`copies.proof`), and `kiosk hq report check`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select

from kiosk.hq.log.check import faults
from kiosk.hq.log.mark import Marks
from kiosk.hq.log.office import LOG
from kiosk.hq.schema import BATCH, FACT, HEAD, KIND, KIOSK
from kiosk.hq.settlement.chain import Chains
from kiosk.hq.settlement.rule import Case

TO_THE_END = ("slip", "open")
"""Kinds of cases for which the last rows of a kiosk count, and not its sale's alone."""


def untrue(connection: Connection, case: Case, cards: Sequence[str], marks: Marks | None = None) -> str:
    """The first thing that is not as it was written; "" where all is. `cards`: the meter's serials; `marks`: of the office's log."""
    return next(_all(connection, case, cards, marks), "")


def _all(connection: Connection, case: Case, cards: Sequence[str], marks: Marks | None) -> Iterator[str]:
    yield from faults(connection, LOG, marks=marks)
    yield from _missing(connection)
    chains = Chains(connection)
    for kiosk, seq in (*_naming(connection, cards), *_own(connection, case)):
        why = chains.damage(kiosk, seq)
        if why:
            yield why


def _missing(connection: Connection) -> Iterator[str]:
    """Counted by the primary keys alone."""
    rows, batches = ({row[0]: row[1] for row in connection.execute(_counted(of))} for of in (FACT, BATCH))
    heads = select(KIOSK.c.no, KIOSK.c.id, HEAD.c.seq, HEAD.c.row_seq).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no)
    for no, kiosk, seq, row_seq in connection.execute(heads.order_by(KIOSK.c.id)):
        if rows.get(no, 0) != row_seq:
            yield f"Table fact has {rows.get(no, 0)} rows of {kiosk}, and its journal came up to row {row_seq}."
        if batches.get(no, 0) != seq:
            yield f"Table batch has {batches.get(no, 0)} batches of {kiosk}, and {seq} came."


def _counted(table: Table) -> Select[Any]:
    return select(table.c.kiosk_no, func.count()).group_by(table.c.kiosk_no)


def _naming(connection: Connection, cards: Sequence[str]) -> Iterator[tuple[str, int]]:
    """(kiosk, row) of every row whose text names one of these cards, whatever its columns say."""
    for card in cards:
        asked = select(KIOSK.c.id, FACT.c.seq).join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        yield from _rows(connection, asked.where(FACT.c.body.contains(card, autoescape=True)))


def _own(connection: Connection, case: Case) -> Iterator[tuple[str, int]]:
    """The rows of the case's own sale, or of its orphan; and those after it where they count."""
    kiosk, slash, sale = case.value.partition("/")
    if not slash:
        kiosk, mark, row = case.value.partition("#")
        if mark and row.isdecimal():
            yield kiosk, int(row)
        return
    asked = select(KIOSK.c.id, FACT.c.seq).join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no).where(KIOSK.c.id == kiosk)
    yield from _rows(connection, asked.where(FACT.c.sale == sale))
    if case.kind in TO_THE_END:
        last = select(func.max(FACT.c.seq)).join(KIND, KIND.c.no == FACT.c.kind).join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        since = connection.execute(last.where(KIOSK.c.id == kiosk, KIND.c.name == "SaleClosed")).scalar() or 0
        yield from _rows(connection, asked.where(FACT.c.seq >= since))


def _rows(connection: Connection, asked: Select[Any]) -> list[tuple[str, int]]:
    return [(row[0], row[1]) for row in connection.execute(asked)]
