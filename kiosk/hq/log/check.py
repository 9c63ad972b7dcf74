"""A log held against the rows that it keeps: whatever was changed, hidden, added or taken away beside it is named, a sentence each.

The chain is hashed anew from its origin; then each row of each table under the log is the last entry of its key, and each last entry has
its row. Whoever rewrites the chain from a changed row on, or cuts its end off together with the rows, makes a chain that holds by itself:
any head that was kept somewhere else notices it (`witnesses`).
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Table, select

from kiosk.hq.log.chain import AT_ONCE, Entry, Head, differing, kept, link, origin, rows_of
from kiosk.hq.log.mark import Mark, Marks, Summing, columns
from kiosk.hq.log.recorded import Log

UTILITY = "utility"  # the table that says which epoch it is
PRESENT = 1 << 32  # no earlier epoch than any
MOST = 20  # sentences; whoever changed more is known by then


class Witness(NamedTuple):
    """A head of the log that lies somewhere else, where, and in which epoch of the office it was taken."""

    head: Head
    where: str
    epoch: int = PRESENT


class _Epoch(msgspec.Struct):
    epoch: int


class _Said(NamedTuple):
    """The last entry of a row: which, and a digest of what it says; b"" where the row was deleted."""

    no: int
    digest: bytes


class _Replay:
    """What was read so far: where the log is, in which epoch, the tables under it, and the last entry of each row."""

    def __init__(self, of: str) -> None:
        self.head, self.epoch = Head(0, origin(of)), 0
        self.under: set[str] = set()
        self.said: dict[tuple[str, str], _Said] = {}
        self.sums: dict[str, str] = {}


def faults(
    connection: Connection, log: Log, witnesses: Sequence[Witness] = (), marks: Marks | None = None, *, anew: bool = False
) -> list[str]:
    """What does not agree, up to MOST sentences; nothing where all does.

    `marks`: of an earlier check that found nothing. What was right then is not read again, unless `anew` says so.
    """
    if marks and not witnesses and not anew:
        now = marks.since(connection, log)
        if now:
            marks.keep(now)
            return []
    if marks and marks.mark:
        witnesses = [*witnesses, Witness(marks.mark.head, marks.where, marks.mark.epoch)]
    found, replay = list[str](), _Replay(log.of)
    for sentence in _all(connection, log, witnesses, replay, marks):
        found.append(sentence)
        if len(found) == MOST:
            found.append("There is more; only so much is told.")
            break
    if marks and not found:
        marks.keep(Mark(replay.head, replay.epoch, columns(kept(log.metadata)), replay.sums))
    return found


def _all(connection: Connection, log: Log, witnesses: Sequence[Witness], replay: _Replay, marks: Marks | None) -> Iterator[str]:
    yield from _chain(connection, log, witnesses, replay)
    known = kept(log.metadata)
    for name in sorted({tbl for tbl, _ in replay.said} - {table.name for table in known}):
        yield f"The {log.of} log keeps a table {name} that this software does not know: update first."
    for table in known:
        if table.name in replay.under:
            summing = marks.summing(table) if marks else None
            yield from _rows(connection, log.entries, table, replay.said, summing)
            replay.sums[str(table.name)] = summing.hex() if summing else ""
        else:
            yield f"Table {table.name} is not in the {log.of} log yet: bring the store up to date with kiosk hq upgrade."


def _chain(connection: Connection, log: Log, witnesses: Iterable[Witness], replay: _Replay) -> Iterator[str]:
    """Every entry in its order."""
    wanted: dict[int, list[Witness]] = {}
    for witness in witnesses:
        wanted.setdefault(witness.head.no, []).append(witness)
    (no, at), broken, epoch = (replay.head.no, replay.head.hash), False, 0
    asked = select(log.entries).order_by(log.entries.c.no).execution_options(yield_per=AT_ONCE)
    for row in connection.execute(asked):
        entry = Entry(*row)
        if not broken and (entry.no != no + 1 or link(at, *entry[:5]) != entry.hash):
            broken = True
            about = f" It is about {entry.tbl} {entry.key}." if entry.key else ""
            yield f"Entry {entry.no} of the {log.of} log does not follow from those before it: one was changed, added or taken out.{about}"
        no, at = entry.no, entry.hash
        if not entry.tbl:
            epoch = PRESENT  # a new one is opened before the office is used again
        elif entry.tbl == UTILITY and entry.row:
            epoch = msgspec.json.decode(entry.row, type=_Epoch).epoch
        for witness in wanted.pop(no, ()):
            if witness.head.hash != at and witness.epoch >= epoch:  # what an office had done after its backup is gone with its epoch
                yield f"The {log.of} log was rewritten: its entry {no} is not the one that {witness.where} has."
        if entry.key and entry.tbl:
            replay.said[entry.tbl, entry.key] = _Said(no, _digest(entry.row.encode()))
        elif entry.tbl:
            replay.under.add(entry.tbl)
    replay.head, replay.epoch = Head(no, at), epoch
    ends = connection.execute(select(log.ends.c.no, log.ends.c.hash)).first()
    if ends is None or tuple(ends) != (no, at):
        yield f"The {log.of} log ends at entry {no}, and its head says {ends[0] if ends else 'nothing'}: entries were taken away."
    for missing, those in sorted(wanted.items()):
        now = [witness for witness in those if witness.epoch >= epoch]
        if missing and now:
            yield f"The {log.of} log ends at entry {no}, and {now[0].where} has its entry {missing}: the newest were taken away."


def _digest(row: bytes) -> bytes:
    return sha256(row).digest()[:16] if row else b""


def _rows(
    connection: Connection, entries: Table, table: Table, said: dict[tuple[str, str], _Said], summing: Summing | None
) -> Iterator[str]:
    """A table's rows against what the log says of them; takes them out of `said`."""
    name = str(table.name)
    for key, row in rows_of(connection, table):
        if summing:
            summing.add(row)
        last = said.pop((name, key), None)
        if last is None or not last.digest:
            yield f"Row {key} of {name} was added: the office never wrote it."
        elif last.digest != _digest(row):
            then: Any = connection.execute(select(entries.c.row).where(entries.c.no == last.no)).scalar_one()
            columns_of = differing(table, then, msgspec.json.decode(row, type=dict[str, Any]))
            if columns_of:
                yield f"Row {key} of {name} was changed: {', '.join(columns_of)} {_is(columns_of)} not what the office wrote."
    for (of, key), last in [each for each in said.items() if each[0][0] == name]:
        if last.digest:
            yield f"Row {key} of {of} is missing: the office wrote it, and never took it away."


def _is(columns_of: list[str]) -> str:
    return "is" if len(columns_of) == 1 else "are"
