"""A claim of one kiosk that landed at another is in the books as what it is, whoever says so first; SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from kiosk.hq.copies import proof
from kiosk.hq.intake import writing
from kiosk.hq.intake.close import close_period, period_of
from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.reread import reread
from kiosk.hq.schema import SALE
from kiosk.hq.store import IN_MEMORY, Store
from kiosk.sync.backup import BackupRefused
from kiosk.vend import facts as f
from kiosk.vend.rows import kinds
from kiosk.vend.tariff import bill
from tests.hq.batches import UTILITY, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.report_store import Machine, anew, at, selling
from tests.hq.test_import import everything

CARD, METER, N, TAG = "1122334455667788", "000012345678", 7, "a1b2c3d4"
QUOTE = f.Quote("CNY", 2, "flat/1", "0.5800", 5_00, 3_00, 500_00, "sale", 999_999_99, None, None)
PAID = 50_00
LINES = bill(QUOTE, PAID)
SALE_ID = "00000000000000c1"


def claimed() -> Machine:
    """K07: paid, the card was torn out, a claim with its record; and on the next day another sale."""
    machine = Machine("K07").to("2026-11-03")
    machine.fact(f.SaleOpened(SALE_ID, CARD, METER, N, QUOTE, "en", "5432"))
    machine.fact(f.WriteStarted(SALE_ID, CARD, METER, N, 42_00, TAG))
    machine.fact(f.ClaimIssued(SALE_ID, 1, CARD, METER, N, PAID, TAG, "torn"))
    machine.fact(
        f.SaleClosed(
            sale=SALE_ID, outcome="claimed", card=CARD, meter=METER, n=N, tenders=(f.Tender("bank", PAID, 1),), tender_minor=PAID,
            approval=None, lines=(), currency="CNY", exponent=2, credit_minor=0, credit_wh=0, claim_minor=PAID, tag=TAG,
            tariff="flat/1", key_generation=1,
            float_minor=None, business_date="2026-11-03", zone="+0800", number=1, opened_ms=machine.now_ms,
        )
    )  # fmt: skip
    machine.to("2026-11-04").sale(20_00, tender="bank")
    return machine


def told(machine: Machine, day: str = "2026-11-09") -> Machine:
    """Its own kiosk sees the card again, and what is on it."""
    machine.to(day).fact(f.CardVerified(SALE_ID, CARD, N, TAG))
    return machine.fact(f.ClaimSettled(SALE_ID, "landed_elsewhere", 42_00, LINES))


def finished(name: str = "K08", *, amount_minor: int = 42_00, tag: str = TAG, day: str = "2026-11-06") -> Machine:
    """Another kiosk finishes what stands half on the card."""
    machine = Machine(name).to(day)
    machine.fact(f.ForeignSaleFinished(CARD, METER, N, amount_minor, tag))
    machine.sale(30_00, tender="bank")
    return machine


@pytest.fixture(name="store", params=["sqlite", "postgresql"])
def a_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = fresh(str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database"))
    yield made
    made.close()


def fresh(where: str = IN_MEMORY) -> Store:
    return Store.make(where, UTILITY, now_ms=0)


def brought(store: Store, *machines: Machine, rows: int = 1000) -> None:
    office = importer(store, *machines)
    for machine in machines:
        for raw in machine.batches(rows):
            office.take(raw, at("2026-12-20"))


def of_claim(store: Store) -> list[Any]:
    asked = select(SALE).where(SALE.c.sale == SALE_ID).order_by(SALE.c.seq)
    return store.read(lambda connection: list(connection.execute(asked).all()))


def foot(store: Store, month: str = "2026-11") -> tuple[int, int, int, int, int]:
    """Tendered, on cards, deducted, open claims, difference; the sums made anew must be the same."""
    report = selling(store, month)
    assert report == anew(store, month)
    (book,) = report.books
    foot = book.foot
    return foot.tendered_minor, foot.credited_minor, foot.fees_minor + foot.debt_minor, foot.claims_minor, foot.difference_minor


def test_it_is_no_open_claim_as_soon_as_the_other_machine_s_row_is_here(store: Store) -> None:
    k07, k08 = claimed(), finished()
    brought(store, k07)
    assert foot(store) == (70_00, 15_00, 5_00, PAID, 0)
    brought(store, k08)
    assert foot(store) == (100_00, 15_00 + 42_00 + 25_00, 5_00 + 8_00 + 5_00, 0, 0)
    beside, claim = of_claim(store)
    assert (beside.kiosk_no, beside.seq, beside.outcome, beside.day) == (claim.kiosk_no, -claim.seq, "settled", claim.day)
    store.read(proof.check)
    brought(store, told(k07), k08)
    assert of_claim(store) == [beside, claim]
    assert foot(store)[3:] == (0, 0)
    store.read(proof.check)


@pytest.mark.covers("abuse-43")
def test_in_any_order_and_by_two_importers_at_once_the_tables_are_the_same(store: Store) -> None:
    machines = told(claimed()), finished(), finished("K09", day="2026-11-05")  # the third one says it, too
    raws = [raw for machine in machines for raw in machine.batches(3)]
    assert len(raws) == 5
    calm = fresh()
    brought(calm, *machines, rows=3)
    assert len(of_claim(calm)) == 2
    for order in list(permutations(raws))[::10]:
        other = fresh()
        office = importer(other, *machines)
        for raw in order:
            office.take(raw, at("2026-12-20"))
        assert everything(other) == everything(calm)
        other.close()
    failed: list[BaseException] = []
    start = threading.Barrier(2)

    def bring(office: Importer, mine: list[bytes]) -> None:
        try:
            start.wait(10)
            for raw in mine:
                office.take(raw, at("2026-12-20"))
        except BaseException as error:  # noqa: BLE001 - a thread's failure is this test's
            failed.append(error)

    threads = [threading.Thread(target=bring, args=(importer(store, *machines), part)) for part in (raws[:3], raws[3:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert everything(store) == everything(calm)
    calm.close()


@pytest.mark.parametrize("other", [finished(amount_minor=42_01), finished(tag="a1b2c3d5")], ids=["another amount", "another tag"])
def test_another_record_settles_nothing(other: Machine) -> None:
    store = fresh()
    brought(store, claimed(), other)
    assert foot(store)[3] == PAID
    store.read(proof.check)
    store.close()


def test_where_its_day_is_closed_it_is_late_and_the_closed_one_stays_as_it_was(store: Store) -> None:
    brought(store, claimed())
    close_period(store, period_of("2026-11"), now_ms=at("2026-12-10"))
    before = selling(store, "2026-11")
    brought(store, finished(day="2026-12-05"))
    assert selling(store, "2026-11") == before
    assert foot(store, "2026-12") == (30_00, 42_00 + 25_00, 8_00 + 5_00, -PAID, 0)
    (late,) = selling(store, "2026-12").late
    assert (late.day, late.kiosk, late.outcome, late.claim_minor) == (20261103, "K07", "settled", -PAID)
    store.read(proof.check)


@pytest.mark.parametrize("unknown", ["ForeignSaleFinished", "ClaimSettled"])
def test_a_row_that_is_read_later_posts_it_once(unknown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer software at a kiosk than here: its row was kept, and is read again after an update, and again."""
    calm, store = fresh(), fresh()
    machines = (told(claimed()), finished()) if unknown == "ForeignSaleFinished" else (told(claimed()),)
    brought(calm, *machines)
    newer = {name: kind for name, kind in kinds().items() if name != unknown}
    with monkeypatch.context() as older:
        older.setattr("kiosk.hq.intake.shape.kinds", lambda: newer)
        older.setattr("kiosk.hq.intake.elsewhere.kinds", lambda: newer)
        brought(store, *machines)
    office = importer(store, *machines)
    assert reread(office, at("2026-12-21")).still == 0
    assert (of_claim(store), foot(store)) == (of_claim(calm), foot(calm))
    again = everything(store)
    assert reread(office, at("2026-12-22")).batches == 0
    assert everything(store) == again
    store.read(proof.check)


def test_two_who_bring_the_two_rows_at_the_same_moment_do_not_miss_each_other(database: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811 - a fixture
    """Neither sees what the other has not committed yet: so the second one waits before it looks."""
    store, machines = fresh(database), (claimed(), finished())
    meeting, ledger = threading.Barrier(2), writing._ledger

    def met(*arguments: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            meeting.wait(1)
        ledger(*arguments)

    monkeypatch.setattr(writing, "_ledger", met)
    office = importer(store, *machines)
    raws = [machine.batches()[0] for machine in machines]
    with ThreadPoolExecutor(2) as both:
        taken = list(both.map(lambda raw: office.take(raw, at("2026-12-20")).verdict, raws))
    assert taken == ["OK", "OK"]
    assert meeting.broken  # they were never there together
    assert foot(store)[3:] == (0, 0)
    store.close()


WRONG = {
    "changed": update(SALE).where(SALE.c.seq < 0).values(credit_minor=SALE.c.credit_minor - 1, fee_minor=SALE.c.fee_minor + 1),
    "another's": update(SALE).where(SALE.c.seq < 0).values(seq=-6),
    "gone": delete(SALE).where(SALE.c.seq < 0),
}


@pytest.mark.parametrize("how", WRONG)
def test_the_proof_of_a_backup_sees_a_row_beside_a_claim_that_is_not_what_the_kiosks_said(how: str) -> None:
    store = fresh()
    brought(store, claimed(), finished())
    store.read(proof.check)
    assert store.transact(lambda connection: connection.execute(WRONG[how]).rowcount) == 1
    with pytest.raises(BackupRefused, match="claim"):
        store.read(proof.check)
    store.close()
