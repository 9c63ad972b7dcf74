"""Period close: a closed day or month never changes again, whatever comes for it later and whoever imports it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from kiosk.hq.intake.close import PeriodError, changed_since, close_period, closed_periods, last_day, period_of
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.summary import day_after
from kiosk.hq.schema import SALE
from kiosk.hq.store import Store
from tests.hq.batches import NOW_MS, UTILITY, Street, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.test_import import made_anew, rows, sums, take_all

DAY, MONTH = 20261125, 202611  # on which the street's customers buy
LATER_MS = NOW_MS + 40 * 86_400_000


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    where = str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database")
    made = Store.make(where, UTILITY, now_ms=NOW_MS)
    yield made
    made.close()


def of_day(store: Store, day: int) -> dict[str, list[Any]]:
    """The summary rows of a day and of its month."""
    found = sums(store)
    return {name: [row for row in found[name] if row[0] in (day, day // 100)] for name in found}


def test_what_comes_for_a_closed_day_is_posted_to_the_first_open_one_as_late_with_its_own_date(store: Store) -> None:
    kiosk = Street(sales=12)
    importing = importer(store, kiosk)
    raws = kiosk.batches(40)
    importing.take(raws[0], NOW_MS)
    before = of_day(store, DAY)
    close_period(store, DAY, now_ms=NOW_MS)
    take_all(importing, raws[1:])
    assert of_day(store, DAY)["day_kiosk"] == before["day_kiosk"]
    assert of_day(store, DAY)["day_hour"] == before["day_hour"]
    late = [row for row in rows(store, SALE) if row.posted_day > row.day]
    assert {(row.day, row.posted_day) for row in late} == {(DAY, 20261126)}
    (next_day,) = of_day(store, 20261126)["day_kiosk"]
    assert next_day[-2:] == (len(late), sum(row.tender_minor for row in late))
    assert sums(store) == made_anew(store)
    assert changed_since(store) == []


def test_a_closed_month_closes_its_days_and_what_comes_later_stands_in_the_next_one(store: Store) -> None:
    kiosk, other = Street(sales=8), Street("K08", sales=8)
    importing = importer(store, kiosk, other)
    take_all(importing, kiosk.batches(40))
    before = sums(store)
    close_period(store, MONTH, now_ms=LATER_MS)
    assert set(take_all(importing, other.batches(40))) == {Verdict.OK}
    after = sums(store)
    for name, held in before.items():
        assert [row for row in after[name] if row[0] in (DAY, MONTH)] == held
    assert {row[0] for row in after["month_kiosk"]} == {202611, 202612}
    assert changed_since(store) == []


def test_closing_again_tells_what_was_closed_and_an_earlier_day_is_closed_with_it(store: Store) -> None:
    first = close_period(store, DAY, now_ms=NOW_MS)
    assert close_period(store, DAY, now_ms=LATER_MS) == first
    close_period(store, 20261120, now_ms=NOW_MS)
    assert [closed.period for closed in closed_periods(store)] == [20261120, DAY]
    importing = importer(store, kiosk := Street(sales=3))
    take_all(importing, kiosk.batches())
    assert {row.posted_day for row in rows(store, SALE)} == {20261126}


def test_a_period_that_is_not_over_anywhere_is_not_closed(store: Store) -> None:
    at_ms = 1_795_564_800_000  # 2026-11-25 00:00 UTC
    for period in (20261125, 202611, 20270101):
        with pytest.raises(PeriodError, match="not over"):
            close_period(store, period, now_ms=at_ms)
    close_period(store, 20261124, now_ms=at_ms + 10 * 3_600_000)  # over in the last zone, too
    assert closed_periods(store)[0].period == 20261124


def test_whoever_changes_a_closed_day_is_found(store: Store) -> None:
    importing = importer(store, kiosk := Street(sales=3))
    take_all(importing, kiosk.batches())
    close_period(store, DAY, now_ms=NOW_MS)
    close_period(store, MONTH, now_ms=LATER_MS)
    store.transact(lambda connection: connection.execute(text("UPDATE day_hour SET sales = sales + 1")))
    assert changed_since(store) == [DAY]
    store.transact(lambda connection: connection.execute(text("DELETE FROM month_kiosk")))
    assert changed_since(store) == [MONTH, DAY]


def test_an_import_that_meets_a_closing_changes_no_closed_day(store: Store) -> None:
    streets = [Street(f"K{number:02}", sales=6) for number in range(8)]
    importing = importer(store, *streets)
    failed: list[BaseException] = []

    def bring() -> None:
        try:
            for street in streets:
                for raw in street.batches(20):
                    importing.take(raw, NOW_MS)
        except BaseException as error:  # noqa: BLE001 - a thread's failure is this test's
            failed.append(error)

    thread = threading.Thread(target=bring)
    thread.start()
    for day in range(20261101, 20261126):
        close_period(store, day, now_ms=NOW_MS)
    thread.join()
    assert failed == []
    assert changed_since(store) == []
    assert sums(store) == made_anew(store)


def test_an_import_waits_for_a_closing_that_has_begun(database: str) -> None:  # noqa: F811
    closing, importing_ = Store.make(database, UTILITY, now_ms=NOW_MS), Store.open(database)
    importing = importer(importing_, kiosk := Street(sales=6))
    done: list[Verdict] = []
    thread = threading.Thread(target=lambda: done.append(importing.take(kiosk.batches(500)[0], NOW_MS).verdict))

    def work(connection: Connection) -> None:
        connection.execute(text("SELECT closed_through FROM period FOR UPDATE"))
        thread.start()
        thread.join(0.5)
        assert done == []
        connection.execute(text("UPDATE period SET closed_through = :day"), {"day": DAY})

    closing.transact(work)
    thread.join()
    assert done == [Verdict.OK]
    assert {row.posted_day for row in rows(closing, SALE)} == {20261126}
    closing.close()
    importing_.close()


def test_periods_as_people_write_them() -> None:
    assert (period_of("2026-11-03"), period_of("2026-11")) == (20261103, 202611)
    assert (last_day(202602), last_day(202612), last_day(20261103)) == (20260228, 20261231, 20261103)
    assert (day_after(20261231), day_after(20280228), day_after(0)) == (20270101, 20280229, 0)
    for wrong in ("2026-13", "2026-02-30", "November", "2026-11-03 ", "0000-01", "20261103"):
        with pytest.raises(PeriodError):
            period_of(wrong)
