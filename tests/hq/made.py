"""A new store of the head office without its migrations: what they told the database the first time is told to each later empty one.

Most of the time of a test with a store of its own was spent on the same sixty tables. The statements are recorded from the product's own
`_upgrade` in this process. A store that is not empty goes through alembic, and so does every store of tests/hq/test_schema.py.
"""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

Upgrade = Callable[[Connection, int], None]
EMPTY = {
    "sqlite": "SELECT count(*) + (SELECT application_id FROM pragma_application_id) FROM sqlite_master",
    "postgresql": "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace",
}
ASKS = ("SELECT", "PRAGMA MAIN.", "PRAGMA TEMP.")


class Recorded:
    """Stands for `kiosk.hq.store._upgrade`; `really` is that."""

    def __init__(self, really: Upgrade) -> None:
        self.really = really
        self._told: dict[tuple[str, int], list[tuple[str, Any]]] = {}

    def __call__(self, connection: Connection, partitions: int) -> None:
        dialect = connection.dialect.name
        if connection.exec_driver_sql(EMPTY[dialect]).scalar():
            self.really(connection, partitions)
        elif (dialect, partitions) in self._told:
            for statement, parameters in self._told[dialect, partitions]:
                connection.exec_driver_sql(statement, parameters)
        else:
            self._told[dialect, partitions] = self._record(connection, partitions)

    def _record(self, connection: Connection, partitions: int) -> list[tuple[str, Any]]:
        told: list[tuple[str, Any]] = []

        def hear(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
            if not statement.strip().upper().startswith(ASKS) and statement != "PRAGMA application_id":
                told.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", hear)
        try:
            self.really(connection, partitions)
        finally:
            event.remove(connection, "before_cursor_execute", hear)
        return told


def pytest_collection_finish() -> None:
    """Where any test has a store."""
    store: Any = sys.modules.get("kiosk.hq.store")
    if store is not None and not isinstance(store._upgrade, Recorded):
        store._upgrade = Recorded(store._upgrade)


@pytest.fixture
def migrated(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """For a test of the migrations themselves: they are run each time. What was put in their place, unused."""
    from kiosk.hq import store  # noqa: PLC0415 - most tests have none

    module: Any = store
    recorded = module._upgrade
    assert isinstance(recorded, Recorded)
    monkeypatch.setattr(store, "_upgrade", recorded.really)
    return recorded
