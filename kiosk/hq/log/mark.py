"""A mark: up to where a log was held against its rows, and what all those rows added up to. What was right then is not read again.

Before a decision about money the office looks whether somebody edited a row. Replaying the whole log for that takes longer each year. So
a check that found nothing leaves a mark: the end of the log, and for each table the sum of a keyed hash of each row (BLAKE2b, modulo
2 ** 256). The next check hashes the entries after the mark only, and adds up the rows of the tables. Each sum must be that of the mark,
plus the rows that the new entries say, less the rows that stood in their place. An edited, added or removed row changes a sum, and
nobody who does not have the key can find other rows with the same one.

What it trusts: the file of the mark, 0600 in the office's folder, beside the ACK key, and the random key in it. It does not trust the
database: of the entries before the mark it uses only those of rows that were written since, and a wrong one makes a wrong sum. Where
anything differs, the whole log is replayed, and that says what is wrong. So a mark alone never accuses anybody. The replay takes it as one
more end of the log that lies elsewhere.
"""

import contextlib
import secrets
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, Table, select

from kiosk import safefile
from kiosk.hq.log.chain import Entry, Head, kept, key_of, link, said_of, upgraded
from kiosk.hq.log.recorded import Log

FILE = "{}.mark"  # of a log's name
FILE_MAX, KEY_BYTES, SUM_BYTES = 1 << 20, 32, 32
MODULUS = 1 << 8 * SUM_BYTES
APART = 1_000
"""The file is written again when the log has grown by so many entries."""

Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`epoch`: the office's, as the log says it. `columns`, `sums`: by table; another schema has other sums."""

    head: Head
    epoch: int
    columns: dict[str, list[str]]
    sums: dict[str, Hex]


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds."""

    key: Hex
    mark: Mark
    v: int = 1


class Marks:
    """The mark of one log, in this process and, if there is a file for it, for the next ones."""

    def __init__(self, folder: Path | None = None, of: str = "office") -> None:
        self._path = folder / FILE.format(of) if folder else None
        self._key = secrets.token_bytes(KEY_BYTES)
        self.mark: Mark | None = None
        self._written = -APART
        if self._path:
            with contextlib.suppress(FileNotFoundError, safefile.UnsafeFile, msgspec.MsgspecError, UnicodeDecodeError):
                known = msgspec.json.decode(safefile.read(self._path, FILE_MAX), type=_Kept)
                self._key, self.mark, self._written = bytes.fromhex(known.key), known.mark, known.mark.head.no

    @property
    def where(self) -> str:
        """For a sentence."""
        return str(self._path) if self._path else "this program's last check"

    def keep(self, mark: Mark) -> None:
        """From here on this is what was right. A folder that cannot be written costs the next program its time only."""
        self.mark = mark
        if self._path and abs(mark.head.no - self._written) >= APART:
            with contextlib.suppress(OSError):
                safefile.write(self._path, msgspec.json.encode(_Kept(self._key.hex(), mark)))
                self._written = mark.head.no

    def summing(self, table: Table) -> "Summing":
        """Of a table's rows."""
        return Summing(blake2b(str(table.name).encode(), key=self._key).digest())

    def since(self, connection: Connection, log: Log) -> Mark | None:
        """The mark of now, where everything since the last one agrees; None where the whole log has to be replayed."""
        mark, known = self.mark, kept(log.metadata)
        if mark is None or mark.columns != columns(known):
            return None
        read = _after(connection, log, mark.head)
        if read is None:
            return None
        head, written = read
        sums = {}
        for table in known:
            now, wanted = self.summing(table), self.summing(table)
            for row in said_of(connection, table):
                now.add(row)
            wanted.total = int(mark.sums[table.name], 16)
            for key, said in written.pop(str(table.name), {}).items():
                before = _before(connection, log, table, key, mark.head.no)
                if before is None:
                    return None
                wanted.take(before)
                wanted.add(said.encode())
            if now.hex() != wanted.hex():
                return None
            sums[str(table.name)] = now.hex()
        return None if written else Mark(head, mark.epoch, mark.columns, sums)


class Summing:
    """A sum of rows; in which order they come does not matter."""

    def __init__(self, key: bytes) -> None:
        self._key, self.total = key, 0

    def add(self, row: bytes) -> None:
        """A row as an entry has it; b"" is none."""
        if row:
            self.total += int.from_bytes(blake2b(row, digest_size=SUM_BYTES, key=self._key).digest(), "big")

    def take(self, row: bytes) -> None:
        """Away again."""
        if row:
            self.total -= int.from_bytes(blake2b(row, digest_size=SUM_BYTES, key=self._key).digest(), "big")

    def hex(self) -> str:
        """64 digits."""
        return f"{self.total % MODULUS:064x}"


def columns(tables: list[Table]) -> dict[str, list[str]]:
    """As a mark has them."""
    return {str(table.name): [column.name for column in table.columns] for table in tables}


def _after(connection: Connection, log: Log, head: Head) -> tuple[Head, dict[str, dict[str, str]]] | None:
    """Where the log ends, and table -> key -> the row as its last entry after that head says it. None where it does not go on from there,
    a table came under it, or the office was put back."""
    if head.no and connection.execute(select(log.entries.c.hash).where(log.entries.c.no == head.no)).scalar() != head.hash:
        return None
    written: dict[str, dict[str, str]] = {}
    no, at = head.no, head.hash
    for entry in _entries(connection, log, head.no):
        if entry.no != no + 1 or link(at, *entry[:5]) != entry.hash or not entry.tbl or not entry.key or entry.tbl == "utility":
            return None
        no, at = entry.no, entry.hash
        written.setdefault(entry.tbl, {})[entry.key] = entry.row
    ends = connection.execute(select(log.ends.c.no, log.ends.c.hash)).first()
    return (Head(no, at), written) if ends is not None and tuple(ends) == (no, at) else None


def _entries(connection: Connection, log: Log, after: int) -> Iterator[Entry]:
    asked = select(log.entries).where(log.entries.c.no > after).order_by(log.entries.c.no)
    return (Entry(*row) for row in connection.execute(asked.execution_options(yield_per=5_000)))


def _before(connection: Connection, log: Log, table: Table, key: str, upto: int) -> bytes | None:
    """The row that stood there at the mark, as this schema would write it; b"" where none did. None where an entry is of another row."""
    entries = log.entries.c
    mine = (entries.tbl == str(table.name)) & (entries.key == key) & (entries.no <= upto)
    said = connection.execute(select(entries.row).where(mine).order_by(entries.no.desc()).limit(1)).scalar()
    if not said:
        return b""
    try:
        row: dict[str, Any] = msgspec.json.decode(said, type=dict[str, Any])
        return upgraded(table, row) if key_of(table, row) == key else None
    except (msgspec.MsgspecError, KeyError):
        return None
