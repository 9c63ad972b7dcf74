"""The store: made on PostgreSQL and SQLite, one schema, and what refuses to be opened."""

import importlib
import pkgutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text, update

import kiosk.hq
import kiosk.hq.store
from kiosk.hq import revisions
from kiosk.hq.schema import DIVIDED, PERIOD, Schema
from kiosk.hq.store import IN_MEMORY, Store, StoreError
from tests.hq.made import Recorded
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures

NOW_MS = 1_790_000_000_000
pytestmark = pytest.mark.usefixtures("migrated")
WHAT = {
    "sqlite": ["SELECT type, name, tbl_name, sql FROM sqlite_master", "PRAGMA application_id"],
    "postgresql": """
        SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public'
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        SELECT relname, relkind, pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid) FROM pg_class\
 WHERE relnamespace = 'public'::regnamespace
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        SELECT proname, '', pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    """.strip()
    .replace("\n", " ORDER BY 1, 2\n")
    .splitlines(),
}


@pytest.fixture(params=["sqlite", "postgresql", "divided"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, int]:
    """Where a store may be made, and into how many its big tables are divided."""
    if request.param == "sqlite":
        return str(tmp_path / "hq.db"), 0
    return request.getfixturevalue("database"), 2 if request.param == "divided" else 0


def made(where: tuple[str, int]) -> Store:
    return Store.make(where[0], 1, now_ms=NOW_MS, partitions=where[1])


def test_the_migrations_make_just_the_tables_that_the_schema_declares(where: tuple[str, int]) -> None:
    for module in pkgutil.walk_packages(kiosk.hq.__path__, "kiosk.hq."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)
    store = made(where)
    parts = {f"{name}_{part}" for name in DIVIDED for part in range(where[1])}

    def ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return not (kind == "table" and name in parts)

    def differences(connection: Connection) -> list[object]:
        options = {"include_object": ours, "compare_type": True}
        found: list[object] = compare_metadata(MigrationContext.configure(connection, opts=options), Schema.metadata)
        return found

    assert store.read(differences) == []
    store.close()


def whole(store: Store) -> list[list[tuple[object, ...]]]:
    """Everything that a database has of a schema, and which migrations it says it had."""

    def said(connection: Connection) -> list[list[tuple[object, ...]]]:
        asked = (*WHAT[connection.dialect.name], "SELECT version_num FROM alembic_version")
        return [sorted((tuple(row) for row in connection.exec_driver_sql(each)), key=repr) for each in asked]

    return store.read(said)


def test_the_store_that_other_tests_have_is_the_one_that_the_migrations_make(
    where: tuple[str, int], migrated: Recorded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def anew() -> None:
        if where[0].startswith("postgresql"):
            with psycopg.connect(where[0], autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        else:
            (tmp_path / "hq.db").unlink()

    seen = []
    for upgrade in (migrated.really, migrated, migrated):  # the second one may record, the third one repeats
        monkeypatch.setattr(kiosk.hq.store, "_upgrade", upgrade)
        store = made(where)
        seen.append(whole(store))
        store.close()
        anew()
    assert seen[0] == seen[1] == seen[2]
    assert all(len(rows) > 0 for rows in seen[0][:2])


def test_a_store_that_is_not_empty_goes_through_the_migrations(where: tuple[str, int], migrated: Recorded) -> None:
    store = made(where)
    store.transact(lambda connection: connection.execute(text("INSERT INTO alembic_version VALUES ('9999')")))
    with pytest.raises(StoreError, match="newer software"):
        store.transact(lambda connection: migrated(connection, where[1]))
    store.close()


def test_a_store_that_was_made_is_opened_by_its_utility_alone(where: tuple[str, int]) -> None:
    made(where).close()
    store = Store.open(where[0], 1)
    assert (store.utility, store.epoch) == (1, 1)
    store.close()
    with pytest.raises(StoreError, match="another utility"):
        Store.open(where[0], 2)


def test_making_it_again_changes_nothing(where: tuple[str, int]) -> None:
    made(where).close()
    again = Store.make(where[0], 1, now_ms=NOW_MS + 1, epoch=7)
    assert again.epoch == 1
    again.close()


def test_a_store_of_newer_or_older_software_is_not_opened(where: tuple[str, int]) -> None:
    store = made(where)
    store.transact(lambda connection: connection.execute(text("INSERT INTO alembic_version VALUES ('9999')")))
    with pytest.raises(StoreError, match="newer software"):
        Store.open(where[0])
    with pytest.raises(StoreError, match="newer software"):
        Store.make(where[0], 1, now_ms=NOW_MS)
    store.transact(lambda connection: connection.execute(text("DELETE FROM alembic_version")))
    with pytest.raises(StoreError, match="kiosk hq upgrade"):
        Store.open(where[0])
    store.close()


def test_two_who_change_one_row_at_once_both_get_through(where: tuple[str, int]) -> None:
    store = made(where)

    def raise_it() -> None:
        def once(connection: Connection) -> None:
            (number,) = connection.execute(select(PERIOD.c.closed_through).with_for_update()).one()
            connection.execute(update(PERIOD).values(closed_through=number + 1))

        for _ in range(20):
            store.transact(once)

    threads = [threading.Thread(target=raise_it) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read(lambda connection: connection.execute(select(PERIOD.c.closed_through)).scalar()) == 60
    store.close()


def test_a_deadlock_is_done_again(database: str) -> None:  # noqa: F811
    store = Store.make(database, 1, now_ms=NOW_MS)
    store.transact(lambda connection: connection.execute(text("INSERT INTO kind VALUES (101, 'a'), (102, 'b')")))
    both, tries = threading.Barrier(2, timeout=10), list[int]()
    renamed = text("UPDATE kind SET name = name || :mark WHERE no = :no")

    def crosswise(first: int, second: int) -> None:
        def work(connection: Connection) -> None:
            tries.append(first)
            connection.execute(renamed, {"mark": str(first), "no": first})
            if len(tries) <= 2:
                both.wait()
            connection.execute(renamed, {"mark": str(first), "no": second})

        store.transact(work)

    threads = [threading.Thread(target=crosswise, args=pair) for pair in ((101, 102), (102, 101))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == 3
    names = store.read(lambda connection: connection.execute(text("SELECT name FROM kind WHERE no IN (101, 102)")).scalars().all())
    assert all(len(name) == 7 for name in names)
    store.close()


def test_a_connection_that_the_server_ended_is_made_anew(database: str) -> None:  # noqa: F811
    store, other = Store.make(database, 1, now_ms=NOW_MS), Store.open(database)
    ended = list[object]()

    def work(connection: Connection) -> int:
        if not ended:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            ended.append(other.transact(lambda killer: killer.execute(text(f"SELECT pg_terminate_backend({pid})")).scalar()))
        return int(connection.execute(text("SELECT 7")).scalar_one())

    assert store.transact(work) == 7
    assert ended == [True]
    store.close()
    other.close()


def test_what_is_no_store_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="kiosk hq upgrade"):
        Store.open(tmp_path / "none.db")
    with pytest.raises(StoreError, match="no folder"):
        Store.make(tmp_path / "gone" / "hq.db", 1, now_ms=NOW_MS)
    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE x (y)")
    foreign.close()
    with pytest.raises(StoreError, match="another program"):
        Store.make(tmp_path / "foreign.db", 1, now_ms=NOW_MS)
    (tmp_path / "text.db").write_text("this is no database at all, but a text of some length\n" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        Store.open(tmp_path / "text.db")
    with pytest.raises(StoreError, match="PostgreSQL, or a file"):
        Store.open("mysql://x@y/z")
    with pytest.raises(StoreError) as told:
        Store.open(f"postgresql://somebody:secret-word@/x?host={tmp_path}")
    assert "secret-word" not in str(told.value)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    Store.make(tmp_path / "hq.db", 1, now_ms=NOW_MS).close()
    assert (tmp_path / "hq.db").stat().st_mode & 0o777 == 0o600


def test_a_store_in_memory_is_one_store_for_all_its_units() -> None:
    store = Store.make(IN_MEMORY, 1, now_ms=NOW_MS)
    store.transact(lambda connection: connection.execute(update(PERIOD).values(closed_through=5)))
    assert store.read(lambda connection: connection.execute(select(PERIOD.c.closed_through)).scalar()) == 5
    store.close()


def test_the_revisions_that_are_read_without_alembic_are_alembics_own(where: tuple[str, int]) -> None:
    script = ScriptDirectory.from_config(kiosk.hq.store._script())
    assert {one.revision: set(one._all_down_revisions) for one in script.walk_revisions()} == {
        name: set(before) for name, before in revisions.known().items()
    }
    assert set(script.get_heads()) == revisions.wanted()
    store = made(where)
    heads = store.read(lambda connection: MigrationContext.configure(connection).get_current_heads())
    assert store.read(revisions.here) == set(heads) == revisions.wanted()
    store.close()


def test_to_open_a_store_no_migration_is_loaded(tmp_path: Path) -> None:
    Store.make(tmp_path / "hq.db", 1, now_ms=NOW_MS).close()
    opens = "import sys; from kiosk.hq.store import Store; Store.open(sys.argv[1]).close(); print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", opens, str(tmp_path / "hq.db")], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
