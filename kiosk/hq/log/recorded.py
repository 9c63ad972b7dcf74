"""Whatever is written to a table under the log is appended to it, in the same transaction, without its writer having to ask.

The engine itself notes which rows a statement touches; when the unit of work is done and before it commits, the rows are read as they are
then and appended. So no writer can forget it, and a row that was written twice in one transaction has one entry. The head of the log is
locked last and until the commit: entries have an order, and who waits for it holds nothing that its holder still wants.

Statements that a writer spells out as text are not seen: `tests/house/test_log.py` refuses them for these tables.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BinaryExpression, BindParameter, Column, Connection, Engine, Table, and_, event, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import operators
from sqlalchemy.sql.dml import Delete, Insert, Update
from sqlalchemy.sql.elements import BooleanClauseList

from kiosk.hq.log.chain import HELD, IN_LOG, RESTORED, Head, Tables, kept, key_of, link, origin, row_of

TOUCHED = "kiosk.hq.log.touched"
AT_ONCE = 500

Touched = dict[tuple[str, tuple[Any, ...]], "_Written"]
"""(table, primary key) -> how it was written."""


class _Written(NamedTuple):
    """`row`: as an insert said it, all columns of it; "" where only reading tells. `sure`: nothing that was there stood in its way."""

    row: str
    sure: bool


READ = _Written("", sure=True)

# said to the driver: every transaction that decides asks these three
_HEAD = {
    "sqlite": "SELECT no, hash FROM office_log_head",
    "postgresql": "SELECT no, hash FROM office_log_head FOR UPDATE",
}
_ENTRY = {
    "sqlite": "INSERT INTO office_log (no, at_ms, tbl, key, row, hash) VALUES (?, ?, ?, ?, ?, ?)",
    "postgresql": "INSERT INTO office_log (no, at_ms, tbl, key, row, hash) VALUES (%s, %s, %s, %s, %s, %s)",
}
_ENDS = {
    "sqlite": "UPDATE office_log_head SET no = ?, hash = ?",
    "postgresql": "UPDATE office_log_head SET no = %s, hash = %s",
}


class LogError(Exception):
    """The log cannot be written; the text is one sentence."""


class Log:
    """One log. `of`: which one; `metadata`: with the tables that are under it."""

    def __init__(self, of: str, own: Tables) -> None:
        self.of, self.entries, self.ends, self.metadata = of, own.entries, own.head, own.entries.metadata

    def listen(self, engine: Engine) -> None:
        """From now on its connections note what is written."""
        event.listen(engine, "before_execute", _before)
        event.listen(engine, "after_execute", _after)

    @staticmethod
    @contextmanager
    def noting(connection: Connection) -> Iterator[None]:
        """For one transaction that writes; whatever becomes of it, the connection forgets what it noted."""
        info = connection.info  # a connection that broke has none any more
        info[TOUCHED] = {}
        try:
            yield
        finally:
            info.pop(TOUCHED, None)

    def begin(self, connection: Connection) -> None:
        """Make the log if there is none, and take in all rows of the tables that are not under it yet."""
        connection.info[TOUCHED] = {}
        if connection.execute(select(self.ends.c.no)).first() is None:
            connection.execute(insert(self.ends), {"one": 1, "no": 0, "hash": origin(self.of)})
        marked = set(connection.execute(select(self.entries.c.tbl).where(self.entries.c.key == "")).scalars())
        for table in kept(self.metadata):
            if table.name not in marked:
                rows = connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
                name = str(table.name)
                lines = [(name, "", ""), *((name, key_of(table, row), row_of(table, row)) for row in rows)]
                self._append(connection, lines)

    def put_back(self, connection: Connection) -> None:
        """From here on this is another life of the office than the one that went on after the backup. Raises LogError."""
        self._append(connection, [("", RESTORED, "")])

    def append(self, connection: Connection) -> None:
        """What this transaction has written so far. Raises LogError."""
        touched: Touched = connection.info.get(TOUCHED) or {}
        connection.info[TOUCHED] = {}
        lines = list[tuple[str, str, str]]()
        for name in sorted({name for name, _ in touched}):
            table = self.metadata.tables[name]
            mine = {key: written for (of, key), written in touched.items() if of == name}
            unknown = [key for key, (row, sure) in mine.items() if not (row and sure)]
            here = {key: row_of(table, row) for part in _parts(unknown) for key, row in self._rows(connection, table, part)}
            for key, written in sorted(mine.items(), key=lambda each: repr(each[0])):
                said = written.row if written.row and written.sure else here.get(key, "")
                known = msgspec.json.encode(key).decode()
                if written.sure or (written.row and said == written.row) or self._last(connection, name, known) != said:
                    lines.append((name, known, said))
        if lines:
            self._append(connection, lines)

    def head(self, connection: Connection) -> Head:
        """Where it ends. Raises LogError."""
        row = connection.execute(select(self.ends.c.no, self.ends.c.hash)).first()
        if row is None:
            raise LogError("The office's log is missing.")
        return Head(row.no, row.hash)

    def _append(self, connection: Connection, lines: Iterable[tuple[str, str, str]]) -> None:
        row = connection.exec_driver_sql(_HEAD[connection.dialect.name]).first()
        if row is None:
            raise LogError("The office's log is missing: put back a backup.")
        (no, at), now_ms = row, time.time_ns() // 1_000_000
        entries = []
        for tbl, key, said in lines:
            no += 1
            at = link(at, no, now_ms, tbl, key, said)
            entries.append((no, now_ms, tbl, key, said, at))
        connection.exec_driver_sql(_ENTRY[connection.dialect.name], entries)
        connection.exec_driver_sql(_ENDS[connection.dialect.name], (no, at))

    @staticmethod
    def _rows(connection: Connection, table: Table, keys: Sequence[tuple[Any, ...]]) -> Iterable[tuple[tuple[Any, ...], Any]]:
        columns = list(table.primary_key)
        if len(keys) == 1:
            wanted = and_(*(column == value for column, value in zip(columns, keys[0], strict=True)))
        elif len(columns) == 1:
            wanted = columns[0].in_([key[0] for key in keys])
        else:
            wanted = tuple_(*columns).in_(keys)
        for row in connection.execute(select(table).where(wanted)).mappings():
            yield tuple(row[column.name] for column in columns), row

    def _last(self, connection: Connection, tbl: str, key: str) -> str | None:
        """What the log says of a row; None where it does not know it."""
        mine = (self.entries.c.tbl == tbl) & (self.entries.c.key == key)
        return connection.execute(select(self.entries.c.row).where(mine).order_by(self.entries.c.no.desc()).limit(1)).scalar()


def _parts(keys: list[tuple[Any, ...]]) -> Iterable[list[tuple[Any, ...]]]:
    return (keys[at : at + AT_ONCE] for at in range(0, len(keys), AT_ONCE))


# ---------------------------------------------------------------- what a statement touches


def _kept(statement: Any) -> Table | None:
    """The table under the log that it writes to."""
    if not isinstance(statement, Insert | Update | Delete):
        return None
    table = statement.table
    return table if isinstance(table, Table) and table.info.get(HELD) == IN_LOG else None


def _before(connection: Connection, statement: Any, multiparams: Any, params: Any, _options: Any) -> None:
    """Of an update or a delete the rows that it will find; its conditions may be gone afterwards. One that names the whole key is looked at
    afterwards."""
    table = _kept(statement)
    if table is None:
        return
    touched: Touched | None = connection.info.get(TOUCHED)
    if touched is None:
        raise LogError(f"{table.name} is written in a transaction that only reads.")
    if isinstance(statement, Insert) or _named(statement, table):
        return
    asked = select(*table.primary_key).with_for_update()
    if statement.whereclause is not None:
        asked = asked.where(statement.whereclause)
    for given in list(multiparams) or [params or {}]:
        for row in connection.execute(asked, given):
            touched[str(table.name), tuple(row)] = READ


def _named(statement: Update | Delete, table: Table) -> tuple[Any, ...]:
    """The primary key that its conditions ask for, together with whatever else; () where they ask otherwise."""
    where = statement.whereclause
    parts = where.clauses if isinstance(where, BooleanClauseList) and where.operator is operators.and_ else [where]
    given = {
        part.left.name: part.right.value
        for part in parts
        if isinstance(part, BinaryExpression) and part.operator is operators.eq
        and isinstance(part.left, Column) and part.left.table is table
        and isinstance(part.right, BindParameter) and part.right.value is not None
    }  # fmt: skip
    key = tuple(given.get(column.name) for column in table.primary_key)
    return () if None in key else key


def _after(connection: Connection, statement: Any, _multiparams: Any, _params: Any, _options: Any, result: Any) -> None:
    """The rows that an insert brought, and the one that an update or a delete names, if it was there."""
    table = _kept(statement)
    if table is None:
        return
    touched: Touched = connection.info[TOUCHED]
    if not isinstance(statement, Insert):
        named = _named(statement, table)
        if named and result.rowcount != 0:  # with RETURNING nobody knows yet: it is compared with what the log says
            before = touched.get((str(table.name), named))
            touched[str(table.name), named] = READ if before or not statement._returning else _Written("", sure=False)  # noqa: SLF001
        return
    sure = not isinstance(statement, postgresql.Insert | sqlite.Insert)  # "on conflict" is theirs
    name, names = str(table.name), [column.name for column in table.primary_key]
    columns = [column.name for column in table.columns]
    for values in result.context.compiled_parameters:
        key = tuple(values.get(each) for each in names)
        if None in key:
            key = tuple(result.inserted_primary_key)
        row = row_of(table, values) if all(each in values for each in columns) else ""
        touched[name, key] = READ if (name, key) in touched or (sure and not row) else _Written(row, sure)
