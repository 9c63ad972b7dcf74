"""The chain of a log: which tables it keeps, what an entry says, and how entries are linked.

    entry no     1, 2, 3 ...
    at_ms        when it was written, by this machine's clock
    tbl, key     the table, and the row's primary key as a JSON list; "" for the entry with which a table came under the log
    row          the row as it was from then on, a JSON object of its columns in their order; "" where it was deleted
    hash         SHA-256(hash of the entry before || SHA-256(00 || JSON of [no, at_ms, tbl, key, row])), hex

A table is under the log when its `info` says so (`schema.LOGGED`). Whatever is written to it through `hq.store` or the registry is appended
in the same transaction (`recorded`). A head, (no, hash), that lies somewhere else proves that the chain up to it was not rewritten.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text, select

HELD, IN_LOG = "held", "log"
"""A table's `info`: by what its rows are held."""

AT_ONCE = 5_000  # rows

RESTORED = "restored"
"""The key of an entry of no table: here the office was put back from a backup."""

Big = BigInteger().with_variant(Integer(), "sqlite")
Small = SmallInteger().with_variant(Integer(), "sqlite")


class Head(msgspec.Struct, frozen=True, array_like=True):
    """How far a log has come; 0 and its origin where nothing is in it."""

    no: Annotated[int, Meta(ge=0, lt=1 << 53)]
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Entry(NamedTuple):
    """In the order of the columns."""

    no: int
    at_ms: int
    tbl: str
    key: str
    row: str
    hash: str


class Tables(NamedTuple):
    """A log's own two tables: its entries, and one row that says where it ends, which whoever appends holds."""

    entries: Table
    head: Table


def tables(metadata: MetaData) -> Tables:
    """Declared on that metadata."""
    entries = Table(
        "office_log",
        metadata,
        Column("no", Big, primary_key=True, autoincrement=False),
        Column("at_ms", Big, nullable=False),
        *(Column(name, Text(), nullable=False) for name in ("tbl", "key", "row", "hash")),
        Index("office_log_row", "tbl", "key", "no"),
        sqlite_strict=True,
        info={HELD: "is the log itself"},
    )
    head = Table(
        "office_log_head",
        metadata,
        Column("one", Small, primary_key=True, autoincrement=False),
        Column("no", Big, nullable=False),
        Column("hash", Text(), nullable=False),
        sqlite_strict=True,
        info={HELD: "is the log itself"},
    )
    return Tables(entries, head)


def kept(metadata: MetaData) -> list[Table]:
    """The tables that are under the log, by their names."""
    return sorted((table for table in metadata.tables.values() if table.info.get(HELD) == IN_LOG), key=lambda table: table.name)


def origin(of: str) -> str:
    """The hash before the first entry. `of`: which log it is, so that no chain stands for another."""
    return sha256(f"kol1 {of}".encode()).hexdigest()


def link(before: str, no: int, at_ms: int, tbl: str, key: str, row: str) -> str:  # noqa: PLR0917 - an entry
    """The hash of an entry."""
    line = msgspec.json.encode((no, at_ms, tbl, key, row))
    return sha256(bytes.fromhex(before) + sha256(b"\0" + line).digest()).hexdigest()


def key_of(table: Table, row: Mapping[Any, Any]) -> str:
    """A row's primary key."""
    return msgspec.json.encode([row[column.name] for column in table.primary_key]).decode()


def row_of(table: Table, row: Mapping[Any, Any]) -> str:
    """A row as an entry has it."""
    return msgspec.json.encode({column.name: _plain(row[column.name]) for column in table.columns}).decode()


def _plain(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def rows_of(connection: Connection, table: Table) -> Iterator[tuple[str, bytes]]:
    """Each row of a table: its key, and the row, as an entry has them. The columns are looked up once, and not for each row."""
    names = [column.name for column in table.columns]
    keys, encode = [names.index(column.name) for column in table.primary_key], msgspec.json.encode
    for row in _values(connection, table):
        yield encode([row[at] for at in keys]).decode(), encode(dict(zip(names, row, strict=True)))


def said_of(connection: Connection, table: Table) -> Iterator[bytes]:
    """Each row of a table as an entry has it."""
    names, encode = [column.name for column in table.columns], msgspec.json.encode
    return (encode(dict(zip(names, row, strict=True))) for row in _values(connection, table))


def _values(connection: Connection, table: Table) -> Iterator[Sequence[Any]]:
    binary = any(isinstance(column.type, LargeBinary) for column in table.columns)
    for part in connection.execute(select(table).execution_options(yield_per=AT_ONCE)).partitions():
        yield from ([_plain(value) for value in row] for row in part) if binary else part


def upgraded(table: Table, said: Mapping[str, Any]) -> bytes:
    """What an entry says of a row, as the table has it now: a column that was added since has its default."""
    return msgspec.json.encode({c.name: said.get(c.name, _default(c)) for c in table.columns})


def differing(table: Table, said: str, row: Mapping[Any, Any]) -> list[str]:
    """The columns in which a row is not what the log says. One that was added to the table since has its default where nothing wrote it."""
    then = msgspec.json.decode(said, type=dict[str, Any])
    return [c.name for c in table.columns if _plain(row[c.name]) != then.get(c.name, _default(c))]


def _default(column: Column[Any]) -> Any:
    default: Any = column.default
    return default.arg if default is not None and default.is_scalar else None
