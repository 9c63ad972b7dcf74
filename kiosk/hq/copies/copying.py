"""A copy of the head office's store, of one moment, and a store made from it: SQLite by its backup API, PostgreSQL by its own programs.

hq.db      a SQLite file
hq.dump    what pg_dump makes, custom format

Both hold every table but `person`: whoever is erased must stand in no backup, so nobody's name ever does. What a store adds up to is read
by the same statements before and after; besides, everything in it is held against what kiosks signed (`proof`).
"""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import URL, Connection, Integer, LargeBinary, MetaData, Table, Text, cast, create_engine, func, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlcipher3 import dbapi2 as sqlcipher

from kiosk.hq.copies import proof
from kiosk.hq.log import whole
from kiosk.hq.log.chain import Head as LogHead
from kiosk.hq.log.office import LOG
from kiosk.hq.schema import FACT, HEAD, KIOSK, SALE, UTILITY, Big
from kiosk.hq.store import Store, StoreError
from kiosk.sync.backup import BackupRefused

SQLITE, DUMP = "hq.db", "hq.dump"
UNSAVED = "person"
PRIME = 1_000_000_007  # what is added up of each number: no sum of a table's times overflows 64 bits
JOBS = 2

Count = Annotated[int, Meta(ge=0)]


class Head(msgspec.Struct, frozen=True):
    """How far the journal of a kiosk has come in a store."""

    seq: Count
    hash: str
    row_seq: Count
    row_hash: str


class Sums(msgspec.Struct, frozen=True):
    """What a store adds up to. `rows`: of each table; `digests`: of each column, "table.column"; `tendered_minor`: by currency.
    `log`: where the office's log ends, in which epoch; `beside`: the same of logs in files of their own, where those were copied.
    """

    rows: dict[str, int]
    digests: dict[str, int]
    heads: dict[str, Head]
    tendered_minor: dict[str, int]
    epoch: int = 0
    log: LogHead | None = None
    beside: dict[str, LogHead] = {}

    @property
    def facts(self) -> int:
        """Rows of journals."""
        return self.rows.get(FACT.name, 0)


def summed(connection: Connection) -> Sums:
    """Of one moment, if the connection is in a transaction that sees one."""
    rows: dict[str, int] = {}
    digests: dict[str, int] = {}
    metadata = MetaData()
    for name in sorted(inspect(connection).get_table_names()):
        if name == UNSAVED:
            continue
        table = Table(name, metadata, autoload_with=connection, resolve_fks=False)
        columns = list(table.columns)
        found = connection.execute(select(func.count(), *(_digest(column) for column in columns)).select_from(table)).one()
        rows[name] = int(found[0])
        digests |= {f"{name}.{column.name}": int(value or 0) for column, value in zip(columns, found[1:], strict=True)}
    both = select(KIOSK.c.id, HEAD.c.seq, HEAD.c.hash, HEAD.c.row_seq, HEAD.c.row_hash).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no)
    heads = {row[0]: Head(*row[1:]) for row in connection.execute(both)}
    money = select(SALE.c.currency, func.sum(SALE.c.tender_minor)).group_by(SALE.c.currency).order_by(SALE.c.currency)
    tendered = {currency: int(minor) for currency, minor in connection.execute(money)}
    return Sums(rows, digests, heads, tendered, connection.execute(select(UTILITY.c.epoch)).scalar_one(), LOG.head(connection))


def _digest(column: Any) -> Any:
    if isinstance(column.type, Integer):
        return func.sum(cast(column, Big) % PRIME)
    return func.sum(func.length(column)) if isinstance(column.type, Text | LargeBinary) else func.count(column)


# ---------------------------------------------------------------- out


def copied(store: Store, folder: Path) -> Sums:
    """A copy in that folder, and what the living store adds up to at that moment. Raises BackupRefused, StoreError."""
    return _dumped(store, folder / DUMP) if store.postgresql else _backed_up(store, folder / SQLITE)


def _backed_up(store: Store, to: Path) -> Sums:
    def work(connection: Connection) -> Sums:
        sums = summed(connection)  # from here on this connection sees that moment
        raw: Any = connection.connection.driver_connection
        _copy(raw, to)
        return sums

    return store.read(work)


def file_copied(source: Path, to: Path) -> None:
    """The same of another SQLite file of the office's, which may be in use. Raises BackupRefused."""
    try:
        raw = sqlcipher.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None)
    except sqlcipher.Error as error:
        raise BackupRefused(f"{source} cannot be read: {error}.") from None
    try:
        _copy(raw, to)
    finally:
        raw.close()


def log_head(copy: Path) -> LogHead:
    """Where the log in a SQLite file ends, which is only read. Raises BackupRefused."""
    try:
        raw = sqlcipher.connect(f"file:{copy}?mode=ro", uri=True)
        try:
            row = raw.execute("SELECT no, hash FROM office_log_head").fetchone()
        finally:
            raw.close()
    except sqlcipher.Error:
        row = None
    if row is None:
        raise BackupRefused(f"There is no log in {copy.name}: it cannot be proved. Put back a backup of it.")
    return LogHead(*row)


def _copy(raw: Any, to: Path) -> None:
    """One file, durably, 0600."""
    try:
        os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        copy = sqlcipher.connect(str(to), isolation_level=None)
        try:
            raw.backup(copy)
            if (
                copy.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (UNSAVED,)).fetchone()
                and copy.execute("DELETE FROM person").rowcount
            ):
                copy.execute("VACUUM")
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
    except (sqlcipher.Error, OSError) as error:
        raise BackupRefused(f"{to} cannot be written: {error}.") from None


def _dumped(store: Store, to: Path) -> Sums:
    """pg_dump and the sums see the same snapshot."""
    with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        snapshot = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
        said = ["--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--exclude-table-data={UNSAVED}", "--no-owner"]
        _run("pg_dump", store.engine.url, [*said, "--no-privileges", f"--file={to}"])
        return summed(connection)


# ---------------------------------------------------------------- in


def put_back(copy: Path, where: str | Path) -> None:
    """Into an empty place, in one transaction where it is a server's. Raises BackupRefused; then the place is as empty as before."""
    if copy.name == SQLITE:
        return  # the file itself is the store
    url = make_url(str(where))
    if not empty(url):
        raise BackupRefused("There is something in that database already; a backup is put into an empty one.")
    _run("pg_restore", url, ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(copy)])


def checked(where: str | Path, said: Sums, utility: int, seen: whole.Seen = ()) -> None:
    """A store that was put back: this software opens it, it adds up to the same, and holds by itself. Raises BackupRefused.

    `seen`: heads of the office's log that lie somewhere else.
    """
    try:
        store = Store.open(where, utility)
        try:
            found = store.read(summed)
            differs = next(
                (name for name in found.digests.keys() | said.digests.keys() if found.digests.get(name) != said.digests.get(name)), ""
            )
            if found != msgspec.structs.replace(said, beside={}):
                what = differs or next((name for name in found.rows if found.rows[name] != said.rows.get(name)), "the heads of the kiosks")
                raise BackupRefused(f"The store that was put back is not the one that was backed up: {what} differs.")
            store.read(proof.check)
            faults = store.read(lambda connection: whole.of_store(connection, seen))
            if faults:
                raise BackupRefused(faults[0])
        finally:
            store.close()
    except StoreError as error:
        raise BackupRefused(f"The store that was put back cannot be used. {error}") from None


def empty(url: URL) -> bool:
    """Whether no table is in that database. Raises BackupRefused where there is none."""
    engine = create_engine(_plain(url), hide_parameters=True)
    try:
        with engine.connect() as connection:
            return not inspect(connection).get_table_names()
    except SQLAlchemyError:
        raise BackupRefused(f"There is no database {url.database} there, or it is closed to this user.") from None
    finally:
        engine.dispose()


@contextmanager
def scratch_database(near: str) -> Iterator[str]:
    """An empty database on that server, which is gone afterwards. Raises BackupRefused."""
    url, name = make_url(near), f"kiosk_drill_{secrets.token_hex(6)}"
    engine = create_engine(_plain(url), hide_parameters=True, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    except SQLAlchemyError:
        engine.dispose()
        raise BackupRefused(
            "No scratch database can be made there; name an empty one's server with --scratch, and a user who may."
        ) from None
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


def _plain(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg")


def _run(program: str, url: URL, arguments: list[str]) -> None:
    """One of PostgreSQL's own programs; a password travels in no argument, which every process could see. Raises BackupRefused."""
    password = url.password or url.query.get("password")
    said = {name: value for name, value in url.query.items() if name != "password"}
    open_part = URL.create("postgresql", url.username, None, url.host, url.port, url.database, said)
    address = open_part.render_as_string(hide_password=False)
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    whole = [_program(program), f"--dbname={address}", "--no-password", *arguments]
    done = subprocess.run(whole, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it says nothing"])[0]
        raise BackupRefused(f"{program} has failed: {why[:240].rstrip('.')}.")


def _program(name: str) -> str:
    """The newest that is here: an older one does not read a newer server."""
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int("".join(filter(str.isdigit, path.parts[4])) or 0)
    )
    return str(found[-1]) if found else name
