"""The office's log: what the office writes is in it without being asked, and whatever is written beside it is found and named."""

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Integer, Table, TableClause, column, func, insert, select, text, update
from sqlalchemy import table as unlogged

from kiosk.hq import kiosks
from kiosk.hq.intake import worklist
from kiosk.hq.intake.close import close_period, period_of
from kiosk.hq.intake.writing import todo
from kiosk.hq.kiosks import enrolled
from kiosk.hq.log.chain import Head, kept, link, origin
from kiosk.hq.log.check import Witness, faults
from kiosk.hq.log.office import LOG
from kiosk.hq.orders import matching
from kiosk.hq.orders.record import put_back
from kiosk.hq.partners import accounts
from kiosk.hq.partners.till import Till
from kiosk.hq.report.tables import BAG_COUNT
from kiosk.hq.schema import SALE, Schema
from kiosk.hq.settlement.papers import bring
from kiosk.hq.store import IN_MEMORY, Store, StoreError
from tests.hq.batches import UTILITY
from tests.hq.partner_kit import BANK, payment
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.settle_kit import Town, claimed, collected
from tests.sale.shop import Card


def filled(store: Store) -> Town:
    """An office that has done a bit of everything: each table under the log has a row."""
    town = Town(store)
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    town.hears(k07)
    bring(store, k07.slip(), "anna", town.now_ms)
    made = town.desk.decide(town.case(k07).value, "anna", town.now_ms).made
    assert made is not None
    collected(k08, card, made.code)
    town.hears(k08)
    matching.match(store, town.now_ms)
    town.taken_away("000000000009", 3)
    accounts.add(store, BANK, town.now_ms)
    accounts.pay_in(store, BANK.name, 1000_00, "transfer 1", town.now_ms)
    held = town.binding(card.serial)

    class Cards:
        def of_card(self, _card: str) -> Any:
            return held

        def standing(self, *_: object, **__: object) -> Any:
            return held

    Till(store, town.orders, Cards()).order(BANK, "k1", payment("r1"), town.now_ms)
    store.transact(lambda connection: todo(connection, [("K07", "sums", 3, "Somebody looks at it.", town.now_ms)]))
    worklist.settle(store, "K07", "sums", 3, by="anna", now_ms=town.now_ms)
    kiosks.changed(store, "K08", "frozen")
    day = store.read(lambda connection: connection.execute(select(func.max(SALE.c.day))).scalar_one())
    close_period(store, period_of(f"{day // 10_000}-{day // 100 % 100:02}-{day % 100:02}"), now_ms=town.now_ms + 3 * 86_400_000)
    store.transact(lambda connection: put_back(connection, 2, town.now_ms))
    tries = {"id": "anna", "wrong": 2, "last_ms": 5}
    store.transact(lambda connection: connection.execute(insert(Schema.metadata.tables["passphrase_try"]), tries))
    row = {"kiosk_no": 1, "device": "notes", "session": 1, "time": 1, "bag": "B1", "pieces": 1, "minor": 100_00, "people": "014 027"}
    store.transact(lambda connection: connection.execute(insert(BAG_COUNT), row | {"at_ms": town.now_ms, "closed_through": 0}))
    for table in kept(Schema.metadata):  # what nothing above has written
        if first(store, table) is None:
            row_of_it = {each.name: 1 if isinstance(each.type, Integer) else "x" for each in table.columns}
            store.transact(partial(_run, statement=insert(table).values(row_of_it)))
    return town


@pytest.fixture(name="store", params=["sqlite", "postgresql"])
def a_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    where = IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database")
    with closing(Store.make(where, UTILITY, now_ms=1)) as made:
        yield made


@pytest.fixture(name="office", params=["sqlite", "postgresql"])
def an_office(request: pytest.FixtureRequest) -> Iterator[Town]:
    where = IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database")
    with closing(Store.make(where, UTILITY, now_ms=1)) as made:
        yield filled(made)


def _run(connection: Connection, statement: Any) -> None:
    connection.execute(statement)


def told(store: Store, *witnesses: Witness) -> list[str]:
    return store.read(lambda connection: faults(connection, LOG, witnesses))


def beside(store: Store, statement: str, **values: object) -> None:
    """As whoever has the database's password and not this software."""
    assert store.transact(lambda connection: connection.execute(text(statement), values).rowcount) != 0


TABLES = kept(Schema.metadata)


def test_an_office_that_has_done_all_agrees_with_its_log(office: Town) -> None:
    assert told(office.store) == []
    counts = office.store.read(lambda c: {t.name: c.execute(select(func.count()).select_from(t)).scalar_one() for t in TABLES})
    assert {name for name, rows in counts.items() if not rows} == set()


def test_each_changed_column_of_each_table_is_named_with_its_row(office: Town) -> None:
    for table in TABLES:
        for each in table.columns:
            if each.primary_key:
                continue
            changed = _edit(office.store, table, each.name)
            if changed is None:
                continue
            key, before = changed
            (sentence,) = told(office.store)
            assert f"of {table.name} was changed: {each.name} is not what the office wrote" in sentence
            assert all(str(part) in sentence for part in key.values())
            _set(office.store, table, each.name, key, before)
    assert told(office.store) == []


def first(store: Store, table: Table) -> Any:
    asked = select(table).order_by(*table.primary_key).limit(1)
    return store.read(lambda connection: connection.execute(asked).mappings().first())


def _edit(store: Store, table: Table, name: str) -> tuple[dict[str, Any], Any] | None:
    row = first(store, table)
    if row is None:
        return None
    key, before = {each.name: row[each.name] for each in table.primary_key}, row[name]
    after = (
        before + b"x" if isinstance(before, bytes) else before + 1 if isinstance(before, int) else f"{before}x" if before is not None else 7
    )
    if before is None and name.startswith(("done_by", "zone")):
        after = "x"
    _set(store, table, name, key, after)
    return key, before


def _set(store: Store, table: Table, column: str, key: dict[str, Any], value: Any) -> None:
    there = bare(table)
    wrote(store, there.update().where(*(there.c[name] == each for name, each in key.items())).values({column: value}))


def bare(table: Table) -> TableClause:
    """The same table, as the store's log does not know it."""
    return unlogged(table.name, *(column(each.name, each.type) for each in table.columns))


def wrote(store: Store, statement: Any) -> None:
    assert store.transact(lambda connection: connection.execute(statement).rowcount) != 0


def test_a_row_that_was_taken_away_is_named_and_so_is_one_that_was_put_in(office: Town) -> None:
    for table in TABLES:
        row, there = first(office.store, table), bare(table)
        if row is None:
            continue
        names = [each.name for each in table.primary_key]
        wrote(office.store, there.delete().where(*(there.c[name] == row[name] for name in names)))
        (gone,) = told(office.store)
        assert f"of {table.name} is missing" in gone
        wrote(office.store, there.insert().values(dict(row)))
        assert told(office.store) == []
        if table.name in ("utility", "period"):
            continue
        other = dict(row) | {names[-1]: row[names[-1]] + 77 if isinstance(row[names[-1]], int) else f"{row[names[-1]]}77"}
        other |= {name: f"{other[name]}77" for name in ("id", "reference", "acquirer", "line_sha256") if name in other}
        other |= {"n": 77} if table.name == "transfer_order" else {"name": "another"} if table.name == "partner_entry" else {}
        wrote(office.store, there.insert().values(other))
        (added,) = told(office.store)
        assert f"of {table.name} was added" in added
        wrote(office.store, there.delete().where(*(there.c[name] == other[name] for name in names)))


# ---------------------------------------------------------------- the chain itself


def head(store: Store) -> Head:
    return store.read(LOG.head)


def rewritten(store: Store, no: int, change: Any) -> None:
    """As whoever knows this software: the entry says what the edited row says, and every hash from it on is made anew."""

    def work(connection: Connection) -> None:
        rows = connection.execute(text("SELECT no, at_ms, tbl, key, row, hash FROM office_log ORDER BY no")).all()
        at = origin("office")
        for row in rows:
            entry = list(row)
            if entry[0] == no:
                entry[4] = change(entry[4])
            at = link(at, *entry[:5])
            connection.execute(
                text("UPDATE office_log SET row = :row, hash = :hash WHERE no = :no"), {"row": entry[4], "hash": at, "no": entry[0]}
            )
        connection.execute(text("UPDATE office_log_head SET hash = :hash"), {"hash": at})

    store.transact(work)


def test_an_entry_that_was_changed_with_its_row_breaks_the_chain(office: Town) -> None:
    store = office.store
    no = store.read(lambda c: c.execute(text("SELECT max(no) FROM office_log WHERE tbl = 'settlement'")).scalar_one())
    beside(store, "UPDATE settlement SET amount_minor = 9 ")
    was, now = '"amount_minor":10000', '"amount_minor":9'
    beside(store, "UPDATE office_log SET row = replace(row, :was, :now) WHERE no = :no", was=was, now=now, no=no)
    (sentence,) = told(store)
    assert f"Entry {no} of the office log does not follow" in sentence
    assert "settlement" in sentence


def test_a_chain_that_was_rewritten_from_the_changed_row_on_is_noticed_by_a_head_that_lies_elsewhere(office: Town) -> None:
    store, kept_head = office.store, head(office.store)
    no = store.read(lambda c: c.execute(text("SELECT max(no) FROM office_log WHERE tbl = 'settlement'")).scalar_one())
    beside(store, "UPDATE settlement SET amount_minor = 9")
    rewritten(store, no, lambda row: row.replace('"amount_minor":10000', '"amount_minor":9'))
    assert told(store) == []
    (sentence,) = told(store, Witness(kept_head, "the backup of 3 November"))
    assert sentence == f"The office log was rewritten: its entry {kept_head.no} is not the one that the backup of 3 November has."


def test_the_newest_entries_cut_off_with_their_rows_are_missed_by_a_head_that_lies_elsewhere(office: Town) -> None:
    store, before = office.store, head(office.store)
    worklist_line = ("K07", "sums", 99, "Somebody looks at it.", 7)
    store.transact(partial(todo, lines=[worklist_line]))
    after = head(store)
    assert after.no == before.no + 1
    beside(store, "DELETE FROM work WHERE seq = 99")
    beside(store, "DELETE FROM office_log WHERE no > :no", no=before.no)
    assert "ends at entry" in told(store)[0]
    beside(store, "UPDATE office_log_head SET no = :no, hash = :hash", no=before.no, hash=before.hash)
    assert told(store) == []
    (sentence,) = told(store, Witness(before, "an older backup"), Witness(after, "the acknowledgement of K07"))
    assert (
        sentence
        == f"The office log ends at entry {before.no}, and the acknowledgement of K07 has its entry {after.no}: the newest were taken away."
    )


@pytest.mark.parametrize("how", ["swapped", "taken out", "put in"])
def test_entries_that_were_moved_taken_out_or_put_in_are_noticed(office: Town, how: str) -> None:
    last = head(office.store).no
    if how == "taken out":
        beside(office.store, "DELETE FROM office_log WHERE no = 5")
    elif how == "put in":
        beside(office.store, "INSERT INTO office_log SELECT :no, at_ms, tbl, key, row, hash FROM office_log WHERE no = 7", no=last + 1)
    else:
        for pair in ((5, -5), (6, 5), (-5, 6)):
            beside(office.store, "UPDATE office_log SET no = :to WHERE no = :of", of=pair[0], to=pair[1])
    assert any("does not follow" in sentence for sentence in told(office.store))


# ---------------------------------------------------------------- how it is written


def test_an_entry_comes_with_its_row_or_neither_does(store: Store) -> None:
    before = head(store)

    def work(connection: Connection) -> None:
        todo(connection, [("K07", "sums", 3, "Somebody looks at it.", 7)])
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        store.transact(work)
    assert head(store) == before
    assert told(store) == []


def test_a_row_that_stood_there_already_is_no_entry(store: Store) -> None:
    line = ("K07", "sums", 3, "Somebody looks at it.", 7)
    store.transact(lambda connection: todo(connection, [line]))
    before = head(store)
    store.transact(lambda connection: todo(connection, [(*line[:4], 8), ("K07", "sums", 4, "So does this.", 8)]))
    assert head(store).no == before.no + 1
    assert told(store) == []


def test_a_row_that_was_written_twice_in_one_transaction_has_one_entry(store: Store) -> None:
    before = head(store)

    def work(connection: Connection) -> None:
        todo(connection, [("K07", "sums", 3, "Somebody looks at it.", 7)])
        for by in ("anna", "bob"):
            connection.execute(update(Schema.metadata.tables["work"]).values(done_by=by))

    store.transact(work)
    assert head(store).no == before.no + 1
    assert told(store) == []


def test_deleted_rows_are_entries_too_and_whoever_only_reads_writes_nothing(store: Store) -> None:
    work = Schema.metadata.tables["work"]
    store.transact(lambda connection: todo(connection, [("K07", "sums", no, "Somebody looks at it.", 7) for no in range(3)]))
    store.transact(lambda connection: connection.execute(work.delete().where(work.c.seq > 0)))
    assert told(store) == []
    with pytest.raises(Exception, match="only reads"):
        store.read(lambda connection: todo(connection, [("K07", "sums", 9, "", 7)]))


def test_what_a_store_had_before_it_had_a_log_is_taken_in(tmp_path: Path) -> None:
    where = str(tmp_path / "hq.db")
    with closing(Store.make(where, UTILITY, now_ms=1)) as store:
        enrolled(store, {"K07": (b"k" * 32, 1)})
        for name in ("office_log", "office_log_head"):
            store.transact(partial(_run, statement=text(f"DROP TABLE {name}")))
        store.transact(lambda connection: connection.execute(text("DELETE FROM alembic_version WHERE version_num = 'log1'")))
    with pytest.raises(StoreError, match="kiosk hq upgrade"):
        Store.open(where, UTILITY)
    with closing(Store.make(where, UTILITY, now_ms=1)) as store:
        assert told(store) == []
        beside(store, "UPDATE kiosk SET region = 9")
        assert "kiosk was changed: region" in told(store)[0]


def test_a_log_that_was_taken_away_stops_whoever_decides(store: Store) -> None:
    beside(store, "DELETE FROM office_log_head")
    with pytest.raises(StoreError, match="log is missing"):
        enrolled(store, {"K07": (b"k" * 32, 1)})
    assert "its head says nothing" in told(store)[0]


def test_many_at_once_make_one_chain(request: pytest.FixtureRequest) -> None:
    with closing(Store.make(request.getfixturevalue("database"), UTILITY, now_ms=1)) as store:
        lines = [[("K07", "sums", who * 100 + no, "Somebody looks at it.", 7) for no in range(10)] for who in range(6)]
        threads = [
            threading.Thread(target=lambda mine: [store.transact(partial(todo, lines=[one])) for one in mine], args=(mine,))
            for mine in lines
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert told(store) == []
