"""The head office's store: PostgreSQL, or one SQLite file where there is no server. How it is opened, and what one unit of work is.

A unit of work is one transaction, done again from its beginning when it met another one (40001, 40P01, a busy file) or lost its connection.
Whoever writes one makes it so that doing it twice is doing it once: a commit of which nobody heard may have happened.
"""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, insert, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool, StaticPool
from sqlcipher3 import dbapi2 as sqlcipher

from kiosk.hq import revisions
from kiosk.hq.log.office import LOG
from kiosk.hq.log.recorded import LogError
from kiosk.hq.schema import PERIOD, UTILITY
from kiosk.vend.store import SQLITE_LEAST

APPLICATION_ID = 0x4B485332  # "KHS2"
IN_MEMORY = ":memory:"
SETTINGS: dict[str, int | str] = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: an acknowledgement follows from it
    "foreign_keys": 1,
    "busy_timeout": 10_000,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "secure_delete": 1,  # an erased person leaves nothing in a free page
}
MET_ANOTHER = frozenset({"40001", "40P01"})  # serialization failure, deadlock
GONE = ("08", "57P")  # connection exceptions, the server shuts down
TRIES, PAUSE_S, PAUSE_MAX_S = 10, 0.01, 2.0

T = TypeVar("T")


class StoreError(Exception):
    """The store cannot be used, or not like this; the text is one sentence."""


class Store:
    """One open store. For several threads; each unit of work has a connection of its own."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name
        self.utility, self.epoch = 0, 0

    @property
    def postgresql(self) -> bool:
        """Whether the server's own fast paths are there."""
        return self.engine.dialect.name == "postgresql"

    @classmethod
    def make(cls, where: str | Path, utility: int, *, now_ms: int, epoch: int = 1, partitions: int = 0) -> Self:
        """A new store, or one that was begun; one that is there already is brought to this software's schema.

        `where`: a PostgreSQL URL, a file, or ":memory:". `partitions`: into how many the tables that grow are divided (PostgreSQL, new).
        Raises StoreError.
        """
        store = cls(_engine(where, create=True), _named(where))
        try:
            store.transact(lambda connection: _upgrade(connection, partitions))
            store.transact(lambda connection: _begin(connection, utility, epoch, now_ms))
            store._know(utility)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, where: str | Path, utility: int | None = None) -> Self:
        """A store that is there and has this software's schema; `utility`: whose it must be. Raises StoreError."""
        store = cls(_engine(where, create=False), _named(where))
        try:
            store.read(lambda connection: _check(connection, store.name))
            store._know(utility)
        except BaseException:
            store.close()
            raise
        return store

    def _know(self, utility: int | None) -> None:
        found = self.read(lambda connection: connection.execute(select(UTILITY.c.utility, UTILITY.c.epoch)).all())
        if len(found) != 1 or utility not in (None, found[0][0]):
            raise StoreError(f"The store {self.name} is another utility's.")
        self.utility, self.epoch = found[0]

    def transact(self, work: Callable[[Connection], T]) -> T:
        """One unit of work: durable when this returns. What it writes to tables under the office's log is appended to that, in the same
        transaction. Raises StoreError, and whatever `work` does."""

        def logged(connection: Connection) -> T:
            try:
                with LOG.noting(connection):
                    done = work(connection)
                    LOG.append(connection)
                    return done
            except LogError as error:
                raise StoreError(f"The store {self.name} cannot be used: {error}") from None

        return self._done(logged, self.engine.execution_options(writes=True))

    def read(self, work: Callable[[Connection], T]) -> T:
        """The same for what only reads; all of it sees the store as it was at one moment. Raises StoreError."""
        snapshot = {"isolation_level": "REPEATABLE READ"} if self.postgresql else {}  # SQLite's transactions see no other
        return self._done(work, self.engine.execution_options(**snapshot))

    def _done(self, work: Callable[[Connection], T], engine: Engine) -> T:
        pause_s = PAUSE_S
        for left in range(TRIES - 1, -1, -1):
            try:
                with engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not left or not again(error):
                    raise StoreError(f"The store {self.name} cannot be used: {_said(error)}.") from None
            time.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(2 * pause_s, PAUSE_MAX_S)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def again(error: DBAPIError) -> bool:
    """Whether the same unit of work may go well when it is done again."""
    state = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or (state and (state in MET_ANOTHER or state.startswith(GONE))):
        return True
    said = str(error.orig)
    return isinstance(error.orig, sqlcipher.OperationalError) and "locked" in said


def _said(error: DBAPIError) -> str:
    """The first line of what the database says; never a value."""
    return (str(error.orig).strip().splitlines() or ["it says nothing"])[0].rstrip(".")


def _named(where: str | Path) -> str:
    """For a sentence: without a password."""
    text = str(where)
    return make_url(text).render_as_string(hide_password=True) if "://" in text else text


# ---------------------------------------------------------------- opening


def _engine(where: str | Path, *, create: bool) -> Engine:
    text = str(where)
    if "://" not in text:
        return _sqlite(text, create)
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreError("This is no address of a database; write postgresql://user@host/name, or the path of a file.") from None
    if url.get_backend_name() != "postgresql":
        raise StoreError("The store is PostgreSQL, or a file: write postgresql://user@host/name, or a path.")
    engine = create_engine(url.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_size=8)
    LOG.listen(engine)
    return engine


def _sqlite(path: str, create: bool) -> Engine:
    """One file, 0600. Plain, but by the library that has no WAL-reset bug: two importers may write at once."""
    if sqlcipher.sqlite_version_info < SQLITE_LEAST:
        raise StoreError(f"SQLite {sqlcipher.sqlite_version} may corrupt a store; {'.'.join(map(str, SQLITE_LEAST))} or newer is needed.")
    if path != IN_MEMORY:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600))
        except FileNotFoundError:
            hint = "there is no folder for it" if create else "make it with: kiosk hq upgrade"
            raise StoreError(f"There is no store {path}; {hint}.") from None
        except OSError as error:
            raise StoreError(f"The store {path} cannot be opened: {error.strerror}.") from None

    def dial() -> Any:
        raw = sqlcipher.connect(path, isolation_level=None, check_same_thread=False)
        raw.execute("PRAGMA cipher_log_level = NONE")
        for name, value in SETTINGS.items():
            raw.execute(f"PRAGMA {name} = {value}")
        return raw

    pool = StaticPool if path == IN_MEMORY else QueuePool
    engine = create_engine("sqlite://", module=sqlcipher, creator=dial, poolclass=pool, hide_parameters=True)
    event.listen(engine, "begin", _begin_sqlite)
    LOG.listen(engine)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    """A writer says so at once: a reader that turns writer is refused where it met another."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _begin(connection: Connection, utility: int, epoch: int, now_ms: int) -> None:
    if connection.execute(select(UTILITY.c.utility)).first() is None:
        connection.execute(insert(UTILITY), {"utility": utility, "epoch": epoch, "made_ms": now_ms})
        connection.execute(insert(PERIOD), {"one": 1, "closed_through": 0})
    LOG.begin(connection)


# ---------------------------------------------------------------- the schema's versions


def _script() -> Any:
    from alembic.config import Config  # noqa: PLC0415 - a quarter of a second that only an upgrade costs

    config = Config()
    config.set_main_option("script_location", str(revisions.MIGRATIONS))
    return config


def _upgrade(connection: Connection, partitions: int) -> None:
    """Every migration that is not here yet, in this one transaction."""
    from alembic import command  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    _ours(connection)
    config = _script()
    config.attributes["connection"], config.attributes["partitions"] = connection, partitions
    try:
        command.upgrade(config, "heads")
    except CommandError:
        raise StoreError("This store was written by newer software. Update first.") from None


def _check(connection: Connection, name: str) -> None:
    _ours(connection)
    here = revisions.here(connection)
    if here == revisions.wanted():
        return
    if here - set(revisions.known()):
        raise StoreError(f"The store {name} was written by newer software. Update first.")
    raise StoreError(f"The store {name} has an older schema, or none. Bring it up to date with: kiosk hq upgrade")


def _ours(connection: Connection) -> None:
    """A SQLite file of another program is left alone."""
    if connection.dialect.name != "sqlite":
        return
    marked = connection.exec_driver_sql("PRAGMA application_id").scalar()
    empty = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
    if marked != APPLICATION_ID and not (marked == 0 and empty):
        raise StoreError("This file is a database of another program.")
    if empty:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
