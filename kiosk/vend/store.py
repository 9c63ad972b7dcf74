"""The store's file: its tables, its lock, its key, and what is asked of SQLite and read back before it is trusted.

StoreError              every error of this room; its text is one sentence for whoever runs the kiosk
  StoreRefused          nothing is broken, but this store must not be used like this: wrong library, pragma, file, or a second writer
  StoreDamaged          the file, the key or the chain is not what it was; `seq` names the row where that is known
  StoreFull             the disk is full
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, LargeBinary, Text, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import registry
from sqlalchemy.pool import StaticPool
from sqlcipher3 import dbapi2 as sqlcipher
from sqlmodel import Field, SQLModel

APPLICATION_ID = 0x4B4A3031  # "KJ01"
SCHEMA = 1
SQLITE_LEAST = (3, 51, 3)  # before: the WAL-reset bug may corrupt a store

SETTINGS: dict[str, int | str] = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: the WAL is synced at each commit
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "temp_store": 2,  # MEMORY: nothing of the store in a plain temporary file
    "mmap_size": 0,
    "secure_delete": 1,  # an erased person leaves nothing in a free page
}


class StoreError(Exception):
    """The root; see the module."""


class StoreRefused(StoreError):
    """This store must not be used like this."""


class StoreDamaged(StoreError):
    """The store is not what it was."""

    def __init__(self, text: str, seq: int | None = None) -> None:
        super().__init__(text)
        self.seq = seq


class StoreFull(StoreError):
    """No room on the disk."""


class Schema(SQLModel, registry=registry()):
    """The kiosk's tables, apart from HQ's."""


class JournalTable(Schema, table=True):
    """One row a fact; the columns are those of the line, and the chain's hash."""

    __tablename__ = "journal"
    __table_args__ = {"sqlite_strict": True}
    seq: int = Field(primary_key=True)
    at_ms: int
    boot: int
    mono_ms: int
    sale: str | None = Field(default=None, sa_type=Text)
    kind: str = Field(sa_type=Text)
    v: int
    body: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class CheckpointTable(Schema, table=True):
    """The state up to the row before the Checkpointed row `seq`."""

    __tablename__ = "checkpoint"
    __table_args__ = {"sqlite_strict": True}
    seq: int = Field(primary_key=True)
    state: bytes = Field(sa_type=LargeBinary)


class PersonTable(Schema, table=True):
    """Who a subject reference is, until `expires_ms`. Erasing one changes no hash."""

    __tablename__ = "person"
    __table_args__ = {"sqlite_strict": True}
    subject: str = Field(primary_key=True, sa_type=Text)
    expires_ms: int
    body: bytes = Field(sa_type=LargeBinary)


def check_settings(connection: Connection) -> None:
    """Read back the library's version, the encryption and every pragma. Raises StoreRefused with the first that is not as asked."""
    if sqlcipher.sqlite_version_info < SQLITE_LEAST:
        raise StoreRefused(f"SQLite {sqlcipher.sqlite_version} may corrupt a store; {'.'.join(map(str, SQLITE_LEAST))} or newer is needed.")
    asked: dict[str, int | str] = {"cipher_status": "1", **SETTINGS}
    for name, wanted in asked.items():
        found = connection.exec_driver_sql(f"PRAGMA {name}").fetchone()
        if found is None or found[0] != wanted:
            raise StoreRefused(f"The store's setting {name} is {found[0] if found else 'missing'}, not {wanted}; no sale without it.")


def connect(path: Path, key: bytes, read_only: bool) -> Connection:
    """Keyed, set, not yet checked. The key stands in one statement that no error repeats; SQLCipher's own log would write on the screen."""

    def dial() -> Any:
        address = f"file:{quote(str(path.absolute()))}?mode={'ro' if read_only else 'rw'}"
        raw = sqlcipher.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        raw.execute("PRAGMA cipher_log_level = NONE")
        raw.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        for name, value in SETTINGS.items():
            raw.execute(f"PRAGMA {name} = {value}")
        return raw

    engine = create_engine("sqlite://", module=sqlcipher, creator=dial, poolclass=StaticPool, hide_parameters=True)
    return engine.connect()


def check_file(path: Path, create: bool) -> None:
    """There is a file that may be a store, 0600 when it is new; opened and closed before SQLite takes its own locks on it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC if create else os.O_RDONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise StoreRefused(f"Cannot open the store {path}: {error.strerror}.") from None
    if start == b"SQLite format 3\0":
        raise StoreRefused(f"{path} is a plain database, not an encrypted store; it was not written by a kiosk.")


def take_lock(path: Path) -> int:
    """A file handle that holds `path`.lock until it is closed or the process ends. Raises StoreRefused when another holds it."""
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreRefused(f"Another process has the store {path} open. Only one kiosk may write to it.") from None
    return handle


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """SQLite's operating errors as this room's; programmer errors go through."""
    try:
        yield
    except (DBAPIError, sqlcipher.DatabaseError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code == sqlcipher.SQLITE_FULL:
            raise StoreFull(f"The disk under {path} is full.") from None
        if code == sqlcipher.SQLITE_NOTADB:
            raise StoreDamaged(
                f"The store {path} does not open with this station's key: it belongs to another, or its first page is damaged."
            ) from None
        if code in {sqlcipher.SQLITE_CORRUPT, sqlcipher.SQLITE_IOERR, sqlcipher.SQLITE_CANTOPEN, sqlcipher.SQLITE_READONLY}:
            raise StoreDamaged(f"The store {path} cannot be read or written: {cause}.") from None
        if code == sqlcipher.SQLITE_BUSY:
            raise StoreRefused(f"Another process is using the store {path}.") from None
        raise
