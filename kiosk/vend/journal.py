"""The journal: facts go in, each a row of a hash chain, and come back in order. With `store` the only room with a database.

One SQLCipher file, one writer. A row is on disk (one fsync) when `append` returns for a barrier fact, otherwise after `commit`.
A new store's own name stands in its first row, StoreCreated: there it needs no table of its own, goes to HQ with the rows, and comes along
with any copy. Errors are `store`'s.
"""

import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Self

import msgspec
from sqlalchemy import Connection

from kiosk import safefile
from kiosk.vend.facts import Checkpointed, Fact, HeadSigned, Row
from kiosk.vend.rows import (
    STORE_ID_BYTES,
    Recorded,
    StoreCreated,
    Unreadable,
    columns,
    fact_of,
    head_message,
    kinds,
    line,
    link,
    origin,
)
from kiosk.vend.store import (
    APPLICATION_ID,
    SCHEMA,
    Schema,
    StoreDamaged,
    StoreRefused,
    check_file,
    check_settings,
    connect,
    sentences,
    take_lock,
)

INSERT = "INSERT INTO journal (seq,at_ms,boot,mono_ms,sale,kind,v,body,hash) VALUES (?,?,?,?,?,?,?,?,?)"
SELECT = "SELECT seq,at_ms,boot,mono_ms,sale,kind,v,body,hash FROM journal WHERE seq BETWEEN ? AND ? ORDER BY seq"
SELECT_BYTES = SELECT.replace("sale,kind", "CAST(sale AS BLOB),CAST(kind AS BLOB)")  # a changed bit need not be UTF-8
SOUGHT = SELECT.replace("seq BETWEEN ? AND ?", "sale IN (SELECT value FROM json_each(?)) OR (? AND instr(body, ?))")
OF_KIND = SELECT.replace("seq BETWEEN ? AND ?", "kind = ?")
PRUNE = "DELETE FROM checkpoint WHERE seq NOT IN (SELECT seq FROM checkpoint ORDER BY seq DESC LIMIT 2)"
LAST = 2**63 - 1


class Finding(msgspec.Struct, frozen=True):
    """What `verify` found: `bad_seq` is the first row that is not as it was written, None when all is well. signed: true head signatures.

    `forged` says that the rows agree with each other but not with the station's signature: someone with the key made the chain anew.
    """

    rows: int
    head: str
    signed: int
    bad_seq: int | None = None
    why: str = ""
    forged: bool = False


class Journal:
    """One open store. Not for several threads at once: the desk's thread owns it."""

    def __init__(self, path: Path, connection: Connection, lock: int | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self._pending = False
        self._failed = False
        self._head = (0, b"")
        self._known = kinds()
        self.store_id = b""

    # ------------------------------------------------------------ opening

    @classmethod
    def open(cls, path: Path, key: bytes, *, create: bool = True, read_only: bool = False, at_ms: int | None = None) -> Self:
        """Open the store at `path` with the station's 32-byte database key; make it when it is missing and `create` is true.

        `at_ms` dates a new store's first row. `read_only` takes no lock and changes nothing: for reports beside a running kiosk.
        """
        if len(key) != 32:
            raise ValueError("the database key has 32 bytes")
        check_file(path, create and not read_only)
        lock = None if read_only else take_lock(path)
        connection = None
        try:
            with sentences(path):
                connection = connect(path, key, read_only)
                check_settings(connection)
                journal = cls(path, connection, lock)
                journal._begin_life(int(time.time() * 1000) if at_ms is None else at_ms, create and not read_only)
        except BaseException:
            if connection is not None:
                connection.engine.dispose()
            if lock is not None:
                os.close(lock)
            raise
        return journal

    def _begin_life(self, at_ms: int, create: bool) -> None:
        if self._value("SELECT 1 FROM sqlite_master") is None:
            if not create:
                raise StoreRefused(
                    f"The store {self.path} is empty. It was never set up, or it was lost: start it anew under a new kiosk id."
                )
            self._create(at_ms)
        application, schema = self._value("PRAGMA application_id"), self._value("PRAGMA user_version")
        if application != APPLICATION_ID:
            raise StoreRefused(f"{self.path} is not a kiosk's store.")
        if schema > SCHEMA:
            raise StoreRefused(
                f"The store {self.path} was written by newer software (schema {schema}, this one knows {SCHEMA}). Update first."
            )
        first = next(self.rows(1, 1), None)
        if first is None or not isinstance(first.fact, StoreCreated):
            raise StoreDamaged(f"The journal in {self.path} has lost its first row.", 1)
        self.store_id = bytes.fromhex(first.fact.store)
        self._head = (self._value("SELECT max(seq) FROM journal"), self._value("SELECT hash FROM journal ORDER BY seq DESC LIMIT 1"))

    def _create(self, at_ms: int) -> None:
        """Tables, marks and first row in one transaction: a power cut leaves an empty file or a whole store."""
        self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        Schema.metadata.create_all(self._connection)
        self._connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA}")
        self._pending = True
        store_id = secrets.token_bytes(STORE_ID_BYTES)
        self._head = (0, origin(store_id))
        self.append(at_ms, 0, 0, (StoreCreated(store_id.hex()),))
        self.commit()
        safefile.synced(self.path.parent)

    # ------------------------------------------------------------ writing

    def append(self, at_ms: int, boot: int, mono_ms: int, facts: Sequence[Fact]) -> tuple[Row, ...]:
        """Write facts down, in order, in one transaction. With a barrier among them they are on disk on return; else `pending`."""
        seq, chained = self._head
        written, values, barrier = [], [], False
        for fact in facts:
            seq += 1
            stamp, says = (seq, at_ms, boot, mono_ms), columns(fact)
            chained = link(chained, line(stamp, says))
            values.append((*stamp, *says, chained))
            written.append(Row(seq, at_ms, boot, mono_ms, chained.hex()))
            barrier = barrier or fact.barrier
        if not values:
            return ()
        self._write(INSERT, values)
        self._head = (seq, chained)
        if barrier:
            self.commit()
        return tuple(written)

    def commit(self) -> None:
        """Everything appended so far is on disk on return."""
        if self._pending:
            self._write("COMMIT")
            self._pending = False

    def checkpoint(self, state: bytes, at_ms: int, boot: int, mono_ms: int) -> Row:
        """Store the state that all rows so far add up to, beside a Checkpointed row, durably. The last two are kept."""
        (row,) = self.append(at_ms, boot, mono_ms, (Checkpointed(sha256(state).hexdigest()),))
        self._write("INSERT INTO checkpoint (seq,state) VALUES (?,?)", [(row.seq, state)])
        self._write(PRUNE)
        self.commit()
        return row

    def _write(self, statement: str, values: list[tuple[Any, ...]] | None = None) -> None:
        """One statement in the transaction, which the first one opens. After a failure nothing more is written: the chain would lie."""
        if self._failed:
            raise StoreDamaged(f"The store {self.path} failed before; start the kiosk again.")
        try:
            with sentences(self.path):
                if not self._pending:
                    self._connection.exec_driver_sql("BEGIN IMMEDIATE")
                    self._pending = True
                if values is None or len(values) > 1:
                    self._connection.exec_driver_sql(statement, values)
                else:
                    self._connection.exec_driver_sql(statement, values[0])
        except BaseException:
            self._failed = True
            raise

    # ------------------------------------------------------------ reading

    def pending(self) -> bool:
        """Some rows are not on disk yet."""
        return self._pending

    def head(self) -> tuple[int, bytes]:
        """(seq, hash) of the last row, on disk or not."""
        return self._head

    def head_message(self) -> bytes:
        """What the station signs for HeadSigned, label "head"."""
        return head_message(self.store_id, *self._head)

    def next_boot(self) -> int:
        """One more than the last row's boot: the number of this start of the core."""
        return int(self._value("SELECT boot FROM journal ORDER BY seq DESC LIMIT 1")) + 1

    def checkpoints(self) -> list[tuple[int, bytes]]:
        """(seq, state), newest first; each state is what its Checkpointed row says it is, or StoreDamaged."""
        with sentences(self.path):
            stored = self._connection.exec_driver_sql("SELECT seq,state FROM checkpoint ORDER BY seq DESC").fetchall()
        for seq, state in stored:
            row = next(self.rows(seq, seq), None)
            if row is None or row.fact != Checkpointed(sha256(state).hexdigest()):
                raise StoreDamaged(f"The state stored in {self.path} at row {seq} is not the one that was stored.", seq)
        return [(seq, bytes(state)) for seq, state in stored]

    def checkpointed(self) -> int:
        """The seq of the newest checkpoint, 0 without one."""
        return int(self._value("SELECT max(seq) FROM checkpoint") or 0)

    def tail(self, first: int) -> Iterator[Recorded]:
        """The rows from `first` on, each checked against the chain before it is given out. Raises StoreDamaged at the first bad one."""
        return (self._recorded(values) for values in self._checked(first, LAST))

    def lines(self, first: int, last: int) -> Iterator[tuple[bytes, Recorded]]:
        """The same up to `last`, each with the very bytes that were hashed: what a batch carries."""
        for values in self._checked(first, last):
            seq, at_ms, boot, mono_ms, sale, kind, v, body, _ = values
            yield line((seq, at_ms, boot, mono_ms), (_text(sale), _text(kind), v, body)), self._recorded(values)

    def _checked(self, first: int, last: int) -> Iterator[Sequence[Any]]:
        previous = self._link_before(first)
        for values in chain.from_iterable(self._batches(SELECT_BYTES, first, last)):
            why, previous = _check_row(first, previous, values)
            if why:
                raise StoreDamaged(f"Row {first} of the journal in {self.path} is not as it was written: {why}.", first)
            yield values
            first += 1
        if first <= min(last, self._head[0]):  # a reader beside the desk may find more rows than when it came, and never fewer
            raise StoreDamaged(f"Row {first} of the journal in {self.path} is missing.", first)

    def rows(self, first: int = 1, last: int = LAST) -> Iterator[Recorded]:
        """The rows from `first` to `last`, both included, as they are stored; for reports."""
        for values in chain.from_iterable(self._batches(SELECT, first, last)):
            yield self._recorded(values)

    def of_kind(self, kind: str) -> Iterator[Recorded]:
        """All rows of one kind, in order. Reads the whole journal, like `sought`."""
        for values in chain.from_iterable(self._batches(OF_KIND, kind)):
            yield self._recorded(values)

    def sought(self, text: str = "", sales: Collection[str] = ()) -> Iterator[Recorded]:
        """The rows of these sales, and the rows whose body says `text`, in order.

        Reads the whole journal, 1.2 s a million rows: an index would cost a page with every row that is written.
        """
        asked = (msgspec.json.encode(list(sales)).decode(), bool(text), text.encode())
        for values in chain.from_iterable(self._batches(SOUGHT, *asked)):
            yield self._recorded(values)

    def verify(self, signed_by: Callable[[bytes, bytes], bool] | None = None, progress: Callable[[int], None] | None = None) -> Finding:
        """Read every page and row again. `signed_by(message, signature)` proves the head signatures; `progress` is told how far it is."""
        seq, chained, signed = 0, origin(self.store_id), 0
        try:
            for batch in self._batches(SELECT_BYTES, 1, LAST):
                for values in batch:
                    seq += 1
                    why, chained = _check_row(seq, chained, values)
                    if why:
                        return Finding(seq - 1, "", signed, seq, why)
                    if values[5] == b"HeadSigned" and signed_by is not None:
                        if not self._head_holds(self._recorded(values).fact, signed_by):
                            return Finding(seq, "", signed, seq, "the signature of the chain is not the station's", forged=True)
                        signed += 1
                if progress is not None:
                    progress(seq)
            if seq < self._head[0]:
                return Finding(seq, "", signed, seq + 1, "the row is missing")
            if trouble := self._trouble_outside_rows():
                return Finding(seq, chained.hex(), signed, seq + 1, f"outside the rows: {trouble}")
        except StoreDamaged as damage:
            return Finding(seq, "", signed, seq + 1, str(damage))
        return Finding(seq, chained.hex(), signed)

    def _head_holds(self, fact: Fact, signed_by: Callable[[bytes, bytes], bool]) -> bool:
        if not isinstance(fact, HeadSigned):
            return False
        head = self._value("SELECT hash FROM journal WHERE seq = ?", fact.at_seq)
        if head is None or head.hex() != fact.head:
            return False
        return signed_by(head_message(self.store_id, fact.at_seq, head), bytes.fromhex(fact.signature))

    def _trouble_outside_rows(self) -> str:
        """The first thing wrong with any page that the store uses, and where the file alone is the store, with any page of the file.

        While there is a WAL, the file itself may rightly hold pages that a power cut tore in a WAL checkpoint: the WAL has them whole.
        """
        wal = self.path.with_name(self.path.name + "-wal")
        alone = not wal.exists() or wal.stat().st_size == 0
        with sentences(self.path):
            (used,) = self._connection.exec_driver_sql("PRAGMA quick_check(1)").fetchone() or ("no answer",)
            stored = self._connection.exec_driver_sql("PRAGMA cipher_integrity_check").fetchone() if alone else None
        return stored[0] if stored else "" if used == "ok" else str(used)

    def _link_before(self, first: int) -> bytes:
        if first == 1:
            return origin(self.store_id)
        found: bytes | None = self._value("SELECT hash FROM journal WHERE seq = ?", first - 1)
        if found is None:
            raise StoreDamaged(f"Row {first - 1} of the journal in {self.path} is missing.", first - 1)
        return found

    def _recorded(self, values: Sequence[Any]) -> Recorded:
        seq, at_ms, boot, mono_ms, sale, kind, v, body, stored = values
        sale = _text(sale)
        try:
            return Recorded(Row(seq, at_ms, boot, mono_ms, stored.hex()), fact_of(self._known, (sale, _text(kind), v, body)), sale)
        except Unreadable as error:
            raise StoreDamaged(f"Row {seq} of the journal in {self.path} cannot be read: {error}.", seq) from None

    def _batches(self, statement: str, *values: object) -> Iterator[Sequence[Sequence[Any]]]:
        with sentences(self.path):
            yield from self._connection.exec_driver_sql(statement, values).partitions(1000)

    def _value(self, statement: str, *values: int) -> Any:
        """The first column of the first row, None without one."""
        with sentences(self.path):
            return self._connection.exec_driver_sql(statement, values).scalar()

    def close(self) -> None:
        """Commit what is pending and let go of the file and the lock."""
        if not self._failed:
            self.commit()
        self._connection.close()
        self._connection.engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_row(expected: int, previous: bytes, values: Sequence[Any]) -> tuple[str, bytes]:
    """(what is wrong with the row, its true hash). Sale and kind come as bytes: a changed bit need not be UTF-8."""
    seq, at_ms, boot, mono_ms, sale, kind, v, body, stored = values
    if seq != expected:
        return "the row is missing", previous
    chained = link(previous, line((seq, at_ms, boot, mono_ms), (_text(sale), _text(kind), v, body)))
    return ("" if chained == stored else "its hash does not fit what it says"), chained


def _text(value: str | bytes | None) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
