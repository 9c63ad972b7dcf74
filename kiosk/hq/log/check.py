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

from kiosk.hq.log.chain import Entry, Head, differing, kept, key_of, link, origin, row_of
from kiosk.hq.log.recorded import Log

AT_ONCE = 5_000
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


def faults(connection: Connection, log: Log, witnesses: Sequence[Witness] = ()) -> list[str]:
    """What does not agree, up to MOST sentences; nothing where all does."""
    found = list[str]()
    for sentence in _all(connection, log, witnesses):
        found.append(sentence)
        if len(found) == MOST:
            found.append("There is more; only so much is told.")
            break
    return found


def _all(connection: Connection, log: Log, witnesses: Sequence[Witness]) -> Iterator[str]:
    said: dict[tuple[str, str], _Said] = {}
    under = set[str]()
    yield from _chain(connection, log, witnesses, said, under)
    known = kept(log.metadata)
    for name in sorted({tbl for tbl, _ in said} - {table.name for table in known}):
        yield f"The {log.of} log keeps a table {name} that this software does not know: update first."
    for table in known:
        if table.name in under:
            yield from _rows(connection, log.entries, table, said)
        else:
            yield f"Table {table.name} is not in the {log.of} log yet: bring the store up to date with kiosk hq upgrade."


def _chain(
    connection: Connection, log: Log, witnesses: Iterable[Witness], said: dict[tuple[str, str], _Said], under: set[str]
) -> Iterator[str]:
    """Every entry in its order; fills `said` and `under`."""
    wanted: dict[int, list[Witness]] = {}
    for witness in witnesses:
        wanted.setdefault(witness.head.no, []).append(witness)
    no, at, broken, epoch = 0, origin(log.of), False, 0
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
            said[entry.tbl, entry.key] = _Said(no, _digest(entry.row))
        elif entry.tbl:
            under.add(entry.tbl)
    ends = connection.execute(select(log.ends.c.no, log.ends.c.hash)).first()
    if ends is None or tuple(ends) != (no, at):
        yield f"The {log.of} log ends at entry {no}, and its head says {ends[0] if ends else 'nothing'}: entries were taken away."
    for missing, those in sorted(wanted.items()):
        now = [witness for witness in those if witness.epoch >= epoch]
        if missing and now:
            yield f"The {log.of} log ends at entry {no}, and {now[0].where} has its entry {missing}: the newest were taken away."


def _digest(row: str) -> bytes:
    return sha256(row.encode()).digest()[:16] if row else b""


def _rows(connection: Connection, entries: Table, table: Table, said: dict[tuple[str, str], _Said]) -> Iterator[str]:
    """A table's rows against what the log says of them; takes them out of `said`."""
    for row in connection.execute(select(table).execution_options(yield_per=AT_ONCE)).mappings():
        key = key_of(table, row)
        last = said.pop((table.name, key), None)
        if last is None or not last.digest:
            yield f"Row {key} of {table.name} was added: the office never wrote it."
        elif last.digest != _digest(row_of(table, row)):
            then: Any = connection.execute(select(entries.c.row).where(entries.c.no == last.no)).scalar_one()
            columns = differing(table, then, row)
            if columns:
                yield f"Row {key} of {table.name} was changed: {', '.join(columns)} {_is(columns)} not what the office wrote."
    for (name, key), last in [each for each in said.items() if each[0][0] == table.name]:
        if last.digest:
            yield f"Row {key} of {name} is missing: the office wrote it, and never took it away."


def _is(columns: list[str]) -> str:
    return "is" if len(columns) == 1 else "are"
