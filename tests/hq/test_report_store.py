"""Reports of what was really imported: real journals, real importer, SQLite and PostgreSQL; closed books, late batches, who is missing."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import text, update

from kiosk.hq import kiosks
from kiosk.hq.intake.close import close_period
from kiosk.hq.report import boxes as box_rooms
from kiosk.hq.report.counts import Count
from kiosk.hq.report.grants import floats
from kiosk.hq.report.selling import sheet_of
from kiosk.hq.report.text import text_of
from kiosk.hq.schema import HEAD, MONTH_KIOSK
from kiosk.hq.store import Store
from tests.hq.batches import Street, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.report_store import (
    HOUR_MS,
    Machine,
    a_store,
    anew,
    at,
    boxes,
    counted,
    foot,
    selling,
    send,
)

__all__ = ["a_store"]

# ---------------------------------------------------------------- sums


def test_the_summaries_are_what_the_sales_add_up_to(store: Store) -> None:
    streets = [Street("K07", 24, days=2), Street("K08", 12)]
    send(store, *streets, rows=37)
    days = sorted(
        store.read(
            lambda connection: connection.execute(text("SELECT DISTINCT posted_day FROM sale WHERE posted_day <> 0")).scalars().all()
        )
    )
    assert len(days) == 2
    for period in (
        *(f"{day // 10_000}-{day // 100 % 100:02}-{day % 100:02}" for day in days),
        f"{days[0] // 10_000}-{days[0] // 100 % 100:02}",
    ):
        for by, only in (("kiosk", ""), ("kiosk", "K08"), ("hour", "")):
            report = selling(store, period, by, only)  # type: ignore[arg-type]
            assert report == anew(store, period, by, only)  # type: ignore[arg-type]
            assert report.books or only
            assert all(book.foot.difference_minor == 0 for book in report.books)


def test_a_month_is_the_sum_of_its_days_and_a_day_of_its_hours(store: Store) -> None:
    machine = Machine()
    for day in ("2026-11-01", "2026-11-02", "2026-11-30"):
        for hour in (0, 8, 23):
            machine.to(day, hour).sale(10_00 + hour)
    send(store, machine)
    month = foot(selling(store, "2026-11"))
    days = [foot(selling(store, day)) for day in ("2026-11-01", "2026-11-02", "2026-11-30")]
    assert month == {name: sum(day[name] for day in days) for name in month}
    assert foot(selling(store, "2026-11", "hour")) == month
    assert [line.of for line in selling(store, "2026-11-02", "hour").books[0].lines] == ["00", "08", "23"]


def test_tendered_is_credited_deducted_given_back_claimed_and_orphaned(store: Store) -> None:
    machine = Machine()
    machine.sale(100_00)
    machine.sale(50_00, "bank")
    claim = machine.sale(20_00, outcome="claimed")
    machine.sale(30_00, outcome="claimed")
    machine.sale(10_00, "bank", outcome="returned")
    machine.sale(0, outcome="cancelled")
    machine.orphan(5_00).orphan(None).settle(claim, 20_00)
    send(store, machine)
    report = selling(store, "2026-11-01")
    assert foot(report) == {
        "tendered_minor": 215_00, "credited_minor": 155_00, "fees_minor": 15_00, "given_back_minor": 10_00, "claims_minor": 30_00,
        "orphans_minor": 5_00, "orphans_unknown": 1,
    }  # fmt: skip
    assert report == anew(store, "2026-11-01")
    paper = text_of(sheet_of(report))
    assert "+ open claims (1 slip)" in paper
    assert "and pieces of which nobody knows the value" in paper


def test_a_claim_that_is_settled_later_takes_itself_back_on_its_own_day(store: Store) -> None:
    machine = Machine()
    claim = machine.sale(20_00, outcome="claimed")
    machine.to("2026-11-05").settle(claim, 20_00)
    send(store, machine)
    assert foot(selling(store, "2026-11-01")) == {"tendered_minor": 20_00, "claims_minor": 20_00}
    assert foot(selling(store, "2026-11-05")) == {"credited_minor": 15_00, "fees_minor": 5_00, "claims_minor": -20_00}
    assert foot(selling(store, "2026-11")) == {"tendered_minor": 20_00, "credited_minor": 15_00, "fees_minor": 5_00}


def test_orphans_before_the_first_sale_stand_in_no_sum_and_are_told(store: Store) -> None:
    machine = Machine().orphan(7_00)
    machine.sale(10_00)
    send(store, machine)
    report = selling(store, "2026-11-01")
    assert foot(report) == {"tendered_minor": 10_00, "credited_minor": 5_00, "fees_minor": 5_00}
    assert report.unposted == 1
    assert "IN NO SUM: 1 sale" in text_of(sheet_of(report))


def test_two_currencies_of_one_kiosk_are_two_books(store: Store) -> None:
    machine = Machine()
    machine.sale(100_00)
    machine.sale(5000, currency="UGX", fee=500)
    machine.orphan(20)
    send(store, machine)
    books = {book.currency: (book.exponent, book.foot.tendered_minor, book.foot.orphans_minor) for book in selling(store, "2026-11").books}
    assert books == {"CNY": (2, 100_00, 0), "UGX": (0, 5020, 20)}


def test_a_summary_that_somebody_changed_is_found(store: Store) -> None:
    machine = Machine()
    machine.sale()
    send(store, machine)
    store.transact(lambda connection: connection.execute(update(MONTH_KIOSK).values(tender_minor=1)))
    assert selling(store, "2026-11").books != anew(store, "2026-11").books
    assert foot(selling(store, "2026-11"))["difference_minor"] == 1 - 100_00


# ---------------------------------------------------------------- closed books


def everything(store: Store, period: str) -> list[bytes]:
    """Each report of the period in each form that a program or a person reads."""
    reports: list[Any] = [selling(store, period), selling(store, period, "hour"), selling(store, period, only="K07"), boxes(store, period)]
    sheets = [text_of(sheet_of(report)).encode() for report in reports[:3]] + [text_of(box_rooms.sheet_of(reports[3])).encode()]
    return [*map(msgspec.json.encode, reports), *sheets]


def test_a_closed_report_is_the_same_to_the_last_byte_whatever_comes_later(store: Store) -> None:
    late, punctual = Machine("K07"), Machine("K08")
    for machine in (late, punctual):
        machine.sale(100_00)
        machine.orphan(1_00).to("2026-11-10").out(101_00).to("2026-11-20").sale(20_00)
    importer(store, late)
    send(store, punctual, made_ms=at("2026-12-01", 12))
    counted(store, Count("K08", "notes", "1", 2, "101.00", ("1", "2")))
    close_period(store, 202611, now_ms=at("2026-12-03"))
    periods = ("2026-11", "2026-11-01", "2026-11-10", "2026-11-15", "2026-10")
    before = {period: everything(store, period) for period in periods}
    assert [one.kiosk for one in selling(store, "2026-11").absent] == ["K07"]
    late.to("2026-12-04").sale(30_00)
    send(store, late, made_ms=at("2026-12-05"))
    close_period(store, 20261101, now_ms=at("2026-12-06"))
    counted(store, Count("K08", "notes", "1", 2, "100.00", ("1", "2")), Count("K07", "notes", "1", 2, "101.00", ("3", "4")))
    importer(store, Machine("K09"))
    kiosks.changed(store, "K08", "frozen")
    assert {period: everything(store, period) for period in periods} == before


def test_what_comes_late_stands_in_the_open_period_with_its_own_date(store: Store) -> None:
    machine = Machine()
    importer(store, machine)
    close_period(store, 202611, now_ms=at("2026-12-03"))
    machine.sale(100_00)
    machine.orphan(1_00).to("2026-11-10").out(101_00).to("2026-12-04").sale(30_00)
    send(store, machine, made_ms=at("2026-12-05"))
    report = selling(store, "2026-12")
    assert [(one.day, one.posted_day, one.tender, one.tender_minor) for one in report.late] == [
        (20261101, 20261201, "cash", 100_00), (20261101, 20261201, "orphan", 1_00),
    ]  # fmt: skip
    assert selling(store, "2026-12-01").late == report.late
    assert (report.books[0].tenders[-1].late, report.books[0].tenders[-1].late_minor) == (2, 101_00)
    assert report == anew(store, "2026-12")
    paper = text_of(sheet_of(report))
    assert "LATE: came after its own day was closed" in paper
    assert "2026-11-01  2026-12-01  K07" in paper
    (box,) = boxes(store, "2026-12").boxes
    assert (box.day, box.posted_day, box.session.minor) == (20261110, 20261201, 101_00)
    assert boxes(store, "2026-11").boxes == ()


def test_a_bag_that_is_counted_after_the_close_stands_in_the_next_report(store: Store) -> None:
    machine = Machine()
    machine.sale(100_00)
    machine.to("2026-11-10").out(100_00)
    send(store, machine, made_ms=at("2026-12-01", 12))
    close_period(store, 202611, now_ms=at("2026-12-03"))
    counted(store, Count("K07", "notes", "000000000001", 1, "99.99", ("101", "102")))
    (then,), (now,) = boxes(store, "2026-11").boxes, boxes(store, "2026-12").boxes
    assert (then.findings, now.findings, now.difference_minor) == (("not counted",), ("missing",), -1)


# ---------------------------------------------------------------- who is missing


def missing(store: Store, period: str, now_ms: int = at("2026-12-24")) -> list[tuple[str, str]]:
    return [(one.kiosk, one.why) for one in selling(store, period, now_ms=now_ms).absent]


def test_whoever_was_never_heard_or_not_since_the_end_is_named(store: Store) -> None:
    machines = [Machine(f"K{number:02}") for number in range(1, 6)]
    ends_ms = at("2026-12-01", 0)
    for machine, made_ms in zip(machines, (None, ends_ms - 1, ends_ms, ends_ms + 1, ends_ms - 1), strict=True):
        machine.sale()
        if made_ms:
            send(store, machine, made_ms=made_ms)
    importer(store, machines[0])
    kiosks.changed(store, "K05", "closed")
    assert missing(store, "2026-11") == [("K01", "never"), ("K02", "behind")]
    assert missing(store, "2026-11-29") == [("K01", "never")]
    paper = text_of(sheet_of(selling(store, "2026-11")))
    assert "NOT IN YET: 2 kiosks. What was done there since is missing below." in paper
    assert "K02  is complete until 2026-11-30 15:59 UTC" in paper
    assert [one.kiosk for one in selling(store, "2026-11", only="K02").absent] == ["K02"]


@pytest.mark.parametrize(("zone", "hour_utc"), [("+0800", 16), ("-0500", 5 + 24), ("+0000", 24)])
def test_a_day_ends_by_the_kiosks_own_clock(store: Store, zone: str, hour_utc: int) -> None:
    machine = Machine(zone=zone)
    machine.sale()
    ends_ms = at("2026-11-01", 8) + hour_utc * HOUR_MS
    send(store, machine, made_ms=ends_ms - 1)
    assert missing(store, "2026-11-01") == [("K07", "behind")]
    store.transact(lambda connection: connection.execute(update(HEAD).values(made_ms=ends_ms)))
    assert missing(store, "2026-11-01") == []


def test_a_gap_a_fork_and_a_revoked_kiosk_are_told_apart(store: Store) -> None:
    machine = Machine()
    for _ in range(6):
        machine.sale()
    send(store, machine, rows=4, made_ms=at("2026-11-02"), only=range(1))
    send(store, machine, rows=4, made_ms=at("2026-11-02"), only=range(2, 3))
    assert missing(store, "2026-11") == [("K07", "gap")]
    assert "a batch in between is missing" in text_of(sheet_of(selling(store, "2026-11")))
    kiosks.changed(store, "K07", "frozen")
    assert missing(store, "2026-11") == [("K07", "frozen")]
    kiosks.changed(store, "K07", "revoked", 1)
    assert missing(store, "2026-11") == [("K07", "revoked")]


def test_while_a_period_runs_only_who_is_silent_for_a_day_is_named(store: Store) -> None:
    one, other = Machine("K01"), Machine("K02")
    one.sale()
    other.sale()
    send(store, one, made_ms=at("2026-11-10", 11))
    send(store, other, made_ms=at("2026-11-10", 13))
    now_ms = at("2026-11-11", 12)
    assert missing(store, "2026-11", now_ms) == [("K01", "behind")]
    assert selling(store, "2026-11", now_ms=now_ms).running
    assert not selling(store, "2026-11").running


def test_an_office_without_a_kiosk_has_an_empty_report(store: Store) -> None:
    report = selling(store, "2026-11")
    assert (report.books, report.absent, report.late) == ((), (), ())
    assert boxes(store, "2026-11").boxes == ()
    assert store.read(lambda connection: floats(connection, None, now_ms=5)).lines == ()
