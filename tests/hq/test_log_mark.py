"""The mark of an earlier check: what was right then is not replayed, and an edited row is found and named all the same."""

import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, column, event, insert, text, update
from sqlalchemy import table as unlogged

from kiosk.hq.cards.registry import Binding, Registry
from kiosk.hq.cards.tables import LOG as OF_CARDS
from kiosk.hq.intake.writing import todo
from kiosk.hq.log.chain import kept
from kiosk.hq.log.check import faults
from kiosk.hq.log.mark import APART, Mark, Marks
from kiosk.hq.log.office import LOG
from kiosk.hq.schema import WORK, Schema
from kiosk.hq.store import IN_MEMORY, Store
from tests.hq.batches import UTILITY
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.settle_kit import Town, claimed
from tests.hq.test_log import beside, filled, first, rewritten
from tests.sale.shop import CUSTOMER, METER, Card


@pytest.fixture(name="store", params=["sqlite", "postgresql"])
def a_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    where = IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database")
    with closing(Store.make(where, UTILITY, now_ms=1)) as made:
        lines(made, *range(10))
        yield made


@pytest.fixture(name="office", params=["sqlite", "postgresql"])
def an_office(request: pytest.FixtureRequest) -> Iterator[Town]:
    where = IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database")
    with closing(Store.make(where, UTILITY, now_ms=1)) as made:
        yield filled(made)


def lines(store: Store, *numbers: int) -> None:
    store.transact(partial(todo, lines=[("K07", "sums", each, "Somebody looks at it.", 7) for each in numbers]))


def run(connection: Connection, statement: Any) -> None:
    connection.execute(statement)


def entry(store: Store, seq: int) -> Any:
    """The first of that line of the worklist."""
    asked = text("SELECT no, row FROM office_log WHERE tbl = 'work' AND key = :key ORDER BY no LIMIT 1")
    return store.read(lambda connection: connection.execute(asked, {"key": f'["K07","sums",{seq}]'}).one())


def told(store: Store, marks: Marks) -> list[str]:
    return store.read(lambda connection: faults(connection, LOG, marks=marks))


def since(store: Store, marks: Marks) -> Mark | None:
    """What the short check alone says."""
    return store.read(lambda connection: marks.since(connection, LOG))


def changes(store: Store) -> Iterator[tuple[str, Any, Any, Any]]:
    """(table, how it is edited, how that is undone, what is said), for each table that has a row."""
    for table in kept(Schema.metadata):
        row = first(store, table)
        plain = [each.name for each in table.columns if not each.primary_key]
        if row is None or not plain:
            continue
        there = unlogged(table.name, *(column(each.name, each.type) for each in table.columns))
        key = [there.c[each.name] == row[each.name] for each in table.primary_key]
        before = row[plain[-1]]
        other = before + 1 if isinstance(before, int) else f"{before}x" if isinstance(before, str) else before
        if before is None:
            other = 7 if "INT" in str(table.c[plain[-1]].type).upper() else "x"
        edit, undo = (there.update().where(*key).values({plain[-1]: value}) for value in (other, before))
        yield table.name, edit, undo, f"of {table.name} was changed: {plain[-1]} is"
        yield table.name, there.delete().where(*key), there.insert().values(dict(row)), f"of {table.name} is missing"


def test_after_a_check_every_edited_or_removed_row_of_every_table_is_named_at_once(office: Town) -> None:
    marks = Marks()
    assert told(office.store, marks) == []
    assert since(office.store, marks) is not None
    for name, edit, undo, said in changes(office.store):
        office.store.transact(partial(run, statement=edit))
        assert since(office.store, marks) is None, name
        assert said in told(office.store, marks)[0]
        office.store.transact(partial(run, statement=undo))
        assert told(office.store, marks) == []


def test_what_was_written_since_is_replayed_and_the_rest_is_not(store: Store) -> None:
    marks = Marks()
    assert told(store, marks) == []
    before = marks.mark
    lines(store, 20, 21)
    store.transact(lambda connection: connection.execute(update(WORK).where(WORK.c.seq < 5).values(done_by="bob")))
    store.transact(lambda connection: connection.execute(WORK.delete().where(WORK.c.seq.in_([3, 20]))))
    now = since(store, marks)
    assert now is not None
    assert before is not None
    assert now.head.no > before.head.no
    assert told(store, marks) == []
    assert marks.mark == now
    full = Marks()
    full._key = marks._key
    assert told(store, full) == []
    assert full.mark == now


def test_a_row_that_was_written_since_and_edited_is_named(store: Store) -> None:
    marks = Marks()
    told(store, marks)
    lines(store, 30)
    beside(store, "UPDATE work SET done_by = 'eve' WHERE seq = 30")
    assert "of work was changed: done_by" in told(store, marks)[0]


# ---------------------------------------------------------------- whoever knows this software


def test_a_row_and_its_old_entry_changed_alike_are_found(store: Store) -> None:
    """The entries before the mark are not hashed again; the rows are held against the mark, and not against them."""
    marks = Marks()
    told(store, marks)
    beside(store, "UPDATE work SET sentence = 'x' WHERE seq = 4")
    beside(store, "UPDATE office_log SET row = replace(row, 'Somebody looks at it.', 'x') WHERE no = :no", no=entry(store, 4).no)
    assert since(store, marks) is None
    assert "does not follow from those before it" in told(store, marks)[0]


def test_a_log_that_was_rewritten_with_its_row_does_not_go_through_the_mark(store: Store) -> None:
    marks = Marks()
    told(store, marks)
    beside(store, "UPDATE work SET sentence = 'x' WHERE seq = 4")
    rewritten(store, entry(store, 4).no, lambda row: row.replace("Somebody looks at it.", "x"))
    assert store.read(lambda connection: faults(connection, LOG)) == []
    (sentence,) = told(store, marks)
    assert "was rewritten" in sentence
    assert marks.where in sentence


def test_newest_entries_cut_off_with_their_rows_are_missed_by_the_mark(store: Store) -> None:
    marks = Marks()
    told(store, marks)
    before = store.read(LOG.head)
    lines(store, 40)
    assert told(store, marks) == []
    beside(store, "DELETE FROM work WHERE seq = 40")
    beside(store, "DELETE FROM office_log WHERE no > :no", no=before.no)
    beside(store, "UPDATE office_log_head SET no = :no, hash = :hash", no=before.no, hash=before.hash)
    assert store.read(lambda connection: faults(connection, LOG)) == []
    assert "the newest were taken away" in told(store, marks)[0]


def test_a_removed_row_is_not_made_up_for_by_another_that_was_deleted_in_order_and_put_back(store: Store) -> None:
    """Row 3 was deleted in order. Somebody puts it back, removes row 4, and has the old entry of row 3 say what row 4 was."""
    marks = Marks()
    told(store, marks)
    store.transact(lambda connection: connection.execute(WORK.delete().where(WORK.c.seq == 3)))
    three, four = entry(store, 3), entry(store, 4)
    there = unlogged("work", *(column(each.name, each.type) for each in WORK.columns))
    store.transact(lambda connection: connection.execute(there.insert().values(msgspec.json.decode(three.row))))
    beside(store, "DELETE FROM work WHERE seq = 4")
    beside(store, "UPDATE office_log SET row = :row WHERE no = :no", row=four.row, no=three.no)
    assert since(store, marks) is None
    assert told(store, marks) != []


# ---------------------------------------------------------------- the file


def test_the_next_program_goes_on_from_the_file_and_one_that_cannot_be_used_costs_only_time(store: Store, tmp_path: Path) -> None:
    told(store, Marks(tmp_path))
    path = tmp_path / "office.mark"
    assert path.stat().st_mode & 0o777 == 0o600
    again = Marks(tmp_path)
    assert since(store, again) == again.mark
    assert again.mark is not None
    whole = path.read_bytes()
    for bad in (b"", b"{}", whole[:-9], whole.replace(b'"v":1', b'"w":1')):
        path.write_bytes(bad)
        broken = Marks(tmp_path)
        assert broken.mark is None
        assert told(store, broken) == []
    path.write_bytes(whole)
    path.chmod(0o644)  # others may have written it
    assert Marks(tmp_path).mark is None


def test_the_file_is_written_when_the_log_has_grown_and_a_folder_that_is_closed_stops_nobody(store: Store, tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    told(store, marks)
    written = (tmp_path / "office.mark").read_bytes()
    lines(store, 50)
    told(store, marks)
    assert (tmp_path / "office.mark").read_bytes() == written
    lines(store, *range(100, 100 + APART))
    told(store, marks)
    assert (tmp_path / "office.mark").read_bytes() != written
    gone = Marks(tmp_path / "not there")
    assert told(store, gone) == []
    assert gone.mark is not None


def test_a_mark_with_another_key_or_sum_is_worth_nothing(store: Store, tmp_path: Path) -> None:
    """A clerk who puts a file of their own there does not have the sums: the whole log is replayed."""
    told(store, Marks(tmp_path))
    path = tmp_path / "office.mark"
    said = msgspec.json.decode(path.read_bytes())
    said["key"] = os.urandom(32).hex()
    path.write_bytes(msgspec.json.encode(said))
    marks = Marks(tmp_path)
    assert marks.mark is not None
    assert since(store, marks) is None
    assert told(store, marks) == []


def test_the_registry_has_a_mark_of_its_own(tmp_path: Path) -> None:
    marks = Marks(tmp_path, OF_CARDS.of)
    with closing(Registry(tmp_path / "registry.db", lambda: 1)) as book:
        book.begin(Binding(UTILITY, 1, CUSTOMER, METER, Card().serial, 1, 1))
        assert book.faults(marks=marks) == []
        book.issued(Card().serial)
        assert book.faults(marks=Marks(tmp_path, OF_CARDS.of)) == []
        with book._session() as session:
            session.connection().exec_driver_sql("UPDATE binding SET card = '99aabbccddeeff00'")
        assert "of binding was changed: card is" in book.faults(marks=marks)[0]


def test_another_schema_has_other_sums(store: Store) -> None:
    marks = Marks()
    told(store, marks)
    assert marks.mark is not None
    marks.mark = msgspec.structs.replace(marks.mark, columns={**marks.mark.columns, "work": ["kiosk"]})
    assert since(store, marks) is None
    assert told(store, marks) == []


def test_what_comes_before_it_is_read_only_of_rows_written_since(store: Store) -> None:
    """How much is read: two statements of the log, and one for each row that was written since."""
    marks = Marks()
    told(store, marks)
    lines(store, 60)
    seen: list[str] = []

    def work(connection: Connection) -> Mark | None:
        return marks.since(connection, LOG)

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "office_log" in statement:
            seen.append(f"{statement} {parameters}")

    event.listen(store.engine, "before_cursor_execute", note)
    assert store.read(work) is not None
    event.remove(store.engine, "before_cursor_execute", note)
    assert len(seen) == 4
    assert all("WHERE" in each or "office_log_head" in each for each in seen)


def test_a_decision_goes_on_from_the_last_one(store: Store) -> None:
    town = Town(store)
    assert town.cases._marks.mark is None
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    value = town.case(k07).value
    assert town.desk.decide(value, "anna", town.now_ms).made
    assert town.cases._marks.mark is not None
    store.transact(lambda c: c.execute(insert(Schema.metadata.tables["passphrase_try"]), {"id": "anna", "wrong": 2, "last_ms": 5}))
    assert town.desk.decide(value, "ben", town.now_ms).made
    assert since(store, town.cases._marks) is not None
