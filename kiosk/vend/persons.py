"""Who a reference is: the side table of the store's file, apart from the journal, by a connection of its own.

A row is here, or is erased: then its contents are gone, and the reference waits until the journal says so (`who.PersonErased`).
Erasing writes what stays anew: SQLite clears a page that it frees (`secure_delete`), but one that was once split may keep a copy of a row
between its cells. So every page of the table is freed, and the WAL, which holds older pages, is emptied. Errors are `store`'s.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from kiosk.vend.store import SETTINGS, StoreDamaged, check_settings, connect, sentences

HELD_UP_MS = 100
GONE_MS = 0  # `expires_ms` of an erased row, whose body says why

Details = Mapping[str, str]
"""Kind (name | phone | address; of a text message to | text) -> what was said."""


class Person(msgspec.Struct, frozen=True):
    """One row; its contents are for whoever has to reach them, and stand in no message."""

    subject: str
    expires_ms: int
    details: Details

    def __repr__(self) -> str:
        return f"Person({self.subject})"


class Persons:
    """The table. One thread at a time; the desk's own connection writes beside it."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Of a store that is there. Raises StoreError."""
        self._path = path
        with sentences(path):
            self._connection = connect(path, key, read_only=False)
            try:
                check_settings(self._connection)
            except BaseException:
                self.close()
                raise

    def keep(self, person: Person) -> None:
        """Durably; a reference that is here is not given to somebody else: ValueError."""
        row = (person.subject, person.expires_ms, msgspec.json.encode(person.details))
        with sentences(self._path):
            done = self._run("INSERT INTO person (subject,expires_ms,body) VALUES (?,?,?) ON CONFLICT DO NOTHING", row)
        if not done.rowcount:
            raise ValueError("this reference stands for somebody")

    def here(self) -> list[Person]:
        """Everybody who is not erased, by their references. Raises StoreDamaged for a row that says nothing."""
        return [Person(subject, expires_ms, self._details(body)) for subject, expires_ms, body in self._rows() if expires_ms != GONE_MS]

    def erased(self) -> dict[str, str]:
        """Whose contents are gone, and the journal may not say so yet: reference -> why."""
        return {subject: body.decode(errors="replace") for subject, expires_ms, body in self._rows() if expires_ms == GONE_MS}

    def erase(self, why: Mapping[str, str]) -> list[str]:
        """Those of these references that are here, and are so no more. Reference -> why, one word. Call `emptied` until it is true."""
        rows = self._rows()
        found = [subject for subject, expires_ms, _ in rows if subject in why and expires_ms != GONE_MS]
        if found:
            self._anew([(one, GONE_MS, why[one].encode()) if one in found else (one, until, body) for one, until, body in rows])
        return found

    def emptied(self) -> bool:
        """Put the WAL into the file and leave nothing in it; False while somebody reads an older state of the store.

        Whoever waits for readers here holds up the desk, whose customer may have a note in escrow: so it is not waited for long.
        """
        with sentences(self._path):
            self._connection.exec_driver_sql(f"PRAGMA busy_timeout = {HELD_UP_MS}")
            try:
                busy, *_ = self._connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            finally:
                self._connection.exec_driver_sql(f"PRAGMA busy_timeout = {SETTINGS['busy_timeout']}")
        return not busy

    def forget(self, subjects: Collection[str]) -> None:
        """Of erased ones the reference, too: the journal says it now."""
        marks = [(subject, GONE_MS) for subject in subjects]
        if marks:
            with sentences(self._path):
                self._run("DELETE FROM person WHERE subject = ? AND expires_ms = ?", marks)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        self._connection.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ how

    def _rows(self) -> list[tuple[str, int, bytes]]:
        with sentences(self._path):
            found = self._connection.exec_driver_sql("SELECT subject,expires_ms,body FROM person ORDER BY subject").fetchall()
        return [(subject, expires_ms, bytes(body)) for subject, expires_ms, body in found]

    def _details(self, body: bytes) -> Details:
        try:
            return msgspec.json.decode(body, type=dict[str, str])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise StoreDamaged(f"A row of the persons in {self._path} cannot be read.") from None

    def _anew(self, rows: list[tuple[str, int, bytes]]) -> None:
        """Without a condition, DELETE frees every page of the table and of its index."""
        with sentences(self._path):
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                self._connection.exec_driver_sql("DELETE FROM person")
                self._connection.exec_driver_sql("INSERT INTO person (subject,expires_ms,body) VALUES (?,?,?)", rows)
                self._connection.exec_driver_sql("COMMIT")
            except BaseException:
                self._connection.exec_driver_sql("ROLLBACK")
                raise

    def _run(self, statement: str, values: Any) -> Any:
        """One statement, committed by itself."""
        return self._connection.exec_driver_sql(statement, values)
