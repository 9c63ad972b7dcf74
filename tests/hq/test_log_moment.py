"""The office's log and its tables are read at one moment: what others commit while they are read is nobody's fault."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, update

from kiosk.hq.cards.registry import Binding, Registry
from kiosk.hq.intake.writing import todo
from kiosk.hq.kiosks import changed, enrolled
from kiosk.hq.log import whole
from kiosk.hq.log.check import Witness, faults
from kiosk.hq.log.office import LOG
from kiosk.hq.people.tables import PASSPHRASE_TRY
from kiosk.hq.schema import WORK
from kiosk.hq.settlement.deciding import decisions
from kiosk.hq.settlement.untrue import untrue
from kiosk.hq.store import Store
from kiosk.sync.batch import boxed_batch
from tests.hq.batches import OFFICE, UTILITY, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.settle_kit import Machine, Town, bought, claimed, looked
from tests.sale.shop import CUSTOMER, METER, Card

Act = Callable[[Store], object]


@pytest.fixture(name="where", params=["sqlite", "postgresql"])
def a_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database")


@pytest.fixture(name="store")
def a_store(where: str) -> Iterator[Store]:
    with closing(Store.make(where, UTILITY, now_ms=1)) as made:
        enrolled(made, {"K90": (b"k" * 32, 1)})
        made.transact(partial(todo, lines=[("K07", "sums", 1, "Somebody looks at it.", 7)]))
        made.transact(lambda connection: connection.execute(insert(PASSPHRASE_TRY), {"id": "anna", "wrong": 1, "last_ms": 5}))
        yield made


@contextmanager
def between(store: Store, marker: str, act: Callable[[], object]) -> Iterator[list[str]]:
    """Once, just before the first statement with this text is executed, `act` is done and committed."""
    done: list[str] = []

    def before(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if marker in statement and not done:
            done.append(statement)
            act()

    event.listen(store.engine, "before_cursor_execute", before)
    try:
        yield done
    finally:
        event.remove(store.engine, "before_cursor_execute", before)


def adds(store: Store) -> None:
    store.transact(partial(todo, lines=[("K07", "sums", 99, "Somebody looks at it.", 7)]))


def changes(store: Store) -> None:
    store.transact(lambda connection: connection.execute(update(WORK).values(done_by="bob")))


def removes(store: Store) -> None:
    store.transact(lambda connection: connection.execute(WORK.delete()))


@pytest.mark.parametrize("act", [adds, changes, removes])
@pytest.mark.parametrize("marker", ["FROM work", "FROM office_log_head"])
def test_what_another_process_commits_between_the_reading_of_the_log_and_of_a_table_is_no_fault(
    store: Store, where: str, act: Act, marker: str
) -> None:
    with closing(Store.open(where)) as other, between(store, marker, lambda: act(other)) as done:
        assert store.read(lambda connection: faults(connection, LOG)) == []
        assert done
    assert store.read(lambda connection: faults(connection, LOG)) == []


def test_a_decision_and_the_checks_by_command_are_of_one_moment_too(store: Store, where: str, tmp_path: Path) -> None:
    town = Town(store)
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    case = town.case(k07)
    Registry(tmp_path / "registry.db", lambda: 1).close()
    checks: list[Callable[[], object]] = [
        lambda: store.read(lambda connection: [why for why in [untrue(connection, case, ())] if why]),
        lambda: whole.disagreements(store, tmp_path),
    ]
    for at, check in enumerate(checks):
        line = partial(todo, lines=[("K07", "sums", 200 + at, "Somebody looks at it.", 7)])
        with closing(Store.open(where)) as other, between(store, "FROM work", partial(other.transact, line)) as done:
            assert check() == []
            assert done


def test_a_kiosk_that_reports_while_its_rows_are_counted_is_not_accused(store: Store, where: str) -> None:
    """Its rows are counted before its head is read."""
    town = Town(store)
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    case = town.case(k07)
    looked(k07, Card())
    with (
        closing(Store.open(where)) as other,
        between(store, "JOIN head", lambda: imported(other, k07, town.now_ms, town.told["K07"])) as done,
    ):
        assert store.read(lambda connection: untrue(connection, case, ())) == ""
        assert done


def imported(store: Store, machine: Machine, now_ms: int, after: int = 0) -> None:
    """Its rows from there on, a batch for each, by an import of its own."""
    taking = importer(store, machine.journal)
    for batch in machine.written().made(1)[after:]:
        raw = boxed_batch(batch, OFFICE.box_key)
        (taken,) = taking.take_all([taking.shaped(raw)], [raw], now_ms)
        assert str(taken.verdict) == "OK", taken


def test_the_end_of_the_log_belongs_to_the_epoch_that_is_read_with_it(store: Store, where: str, tmp_path: Path) -> None:
    Registry(tmp_path / "registry.db", lambda: 1).close()
    before = store.read(LOG.head)
    with closing(Store.open(where)) as other, between(store, "FROM office_log_head", lambda: adds(other)) as done:
        taken = whole.heads(store, tmp_path, None, 9)
        assert done
    assert taken.logs["office"] == before
    assert store.read(lambda connection: faults(connection, LOG, [Witness(taken.logs["office"], "there")])) == []


def test_a_card_that_is_opened_while_the_registry_is_checked_is_no_fault(tmp_path: Path) -> None:
    with closing(Registry(tmp_path / "registry.db", lambda: 1)) as book, closing(Registry(tmp_path / "registry.db", lambda: 1)) as other:
        wanted = Binding(UTILITY, 1, CUSTOMER, METER, Card().serial, 1, 1)
        done = list[str]()

        def before(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "FROM binding" in statement and not done:
                done.append(statement)
                other.begin(wanted)

        event.listen(book._engine, "before_cursor_execute", before)
        assert book.faults() == []
        assert done


def test_six_officers_and_two_imports_make_one_order_and_nobody_is_accused(database: str) -> None:  # noqa: F811 - a fixture
    with closing(Store.make(database, 1, now_ms=1)) as store, closing(Store.open(database)) as second:
        town = Town(store)
        k07, others = town.kiosk("K07"), [town.kiosk("K08"), town.kiosk("K09")]
        claimed(k07, Card())
        for place, each in enumerate(others):
            bought(each, Card(f"112233445566111{place}", f"00001234111{place}"))
        town.hears(k07)
        value = town.case(k07).value
        staff = [town.crew(f"officer-{n}") for n in range(3)]

        def imports(place: int) -> list[str]:
            own = (store, second)[place]
            imported(own, others[place], town.now_ms)
            changed(own, others[place].name, "frozen")
            return own.read(lambda connection: faults(connection, LOG))

        with ThreadPoolExecutor(8) as at_once:
            importing = [at_once.submit(imports, place) for place in range(2)]
            decided = [at_once.submit(town.desk.inner.decide, value, staff[n % 3], town.now_ms) for n in range(6)]
            made = [each.result(timeout=60).made for each in decided]
            assert [each.result(timeout=60) for each in importing] == [[], []]
        assert all(made)
        assert len({each.code for each in made if each}) == 1
        assert len(town.case(k07).orders) == 1
        assert [each.no for each in decisions(store, value)] == [1, 2, 3]
        assert store.read(lambda connection: faults(connection, LOG)) == []
