"""Attacks on the office's import: what a kiosk, a thief or chance may bring to it, and what an auditor would ask afterwards."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from kiosk.hq import kiosks
from kiosk.hq.intake.close import changed_since, close_period, closed_periods, period_of
from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.rules import Known
from kiosk.hq.schema import BATCH, KIOSK, PARKED, QUARANTINE, SALE, WORK
from kiosk.hq.store import Store
from kiosk.sync.batch import Made, boxed_batch
from kiosk.vend import facts as f
from kiosk.vend.till import CashBoxRemoved
from kiosk.vend.trust import HotlistInstalled
from tests.hq.batches import NOW_MS, OFFICE, UTILITY, Journaled, Street, acked, importer, shuffled
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.test_import import everything, made_anew, rows, sums, take_all
from tests.hq.test_import_hostile import AT, sold, wrote
from tests.seeds import Seeds

BLOCKED = "dead00000000beef"


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    where = str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database")
    made = Store.make(where, UTILITY, now_ms=NOW_MS)
    yield made
    made.close()


def added_up(store: Store) -> dict[str, list[Any]]:
    """Every summary, which must be what its sales add up to."""
    said = sums(store)
    anew = made_anew(store)
    assert {name: [row for row in found if any(row[4:])] for name, found in anew.items()} == said
    return said


# ---------------------------------------------------------------- a sale that ends twice


@pytest.mark.parametrize("together", [True, False])
def test_a_sale_that_ends_again_in_a_later_batch_counts_once_and_is_said(store: Store, together: bool) -> None:
    kiosk = wrote(sold(), sold(), sold(sale="00112233445566bb", number=8))
    importing = importer(store, kiosk)
    batches = kiosk.batches(2)
    assert len(batches) == 2
    verdicts = take_all(importing, batches) if together else [importing.take(raw, NOW_MS).verdict for raw in batches]
    assert verdicts == [Verdict.OK, Verdict.EXCEPTION]
    assert [row.sale for row in rows(store, SALE)] == [sold().sale, "00112233445566bb"]
    assert [(work.what, work.seq) for work in rows(store, WORK)] == [("sums", 3)]
    assert sum(row[5] for row in added_up(store)["day_kiosk"]) == 2 * sold().tender_minor


def test_two_kiosks_may_give_two_sales_one_name_and_both_count(store: Store) -> None:
    one, two = wrote(sold()), wrote(sold(), name="K08")
    assert take_all(importer(store, one, two), [*one.batches(1), *two.batches(1)]) == [Verdict.OK] * 4
    assert len(rows(store, SALE)) == 2


# ---------------------------------------------------------------- a blocked card is judged by the list that its machine had


def served(*before: f.Fact, after: tuple[f.Fact, ...] = ()) -> Journaled:
    return wrote(*before, sold(card=BLOCKED), *after)


def lists(version: int) -> HotlistInstalled:
    return HotlistInstalled(1, version, AT[0], 1, "00")


LISTS: dict[str, tuple[Journaled, dict[str, tuple[int, int]], bool]] = {
    "its list had the card": (served(), {"hotlist": (1, 4)}, True),
    "its list was newer still": (served(), {"hotlist": (2, 1)}, True),
    "its list was older: weeks without a line": (served(), {"hotlist": (1, 3)}, False),
    "it had no list at all": (served(), {}, False),
    "the list came after the sale": (served(after=(lists(4),)), {"hotlist": (1, 4)}, False),
    "the list came before the sale": (served(lists(4)), {"hotlist": (1, 4)}, True),
    "an older one before, the list after": (served(lists(3), after=(lists(4),)), {"hotlist": (1, 4)}, False),
}


@pytest.mark.parametrize("how", list(LISTS))
def test_a_card_that_was_blocked_later_was_rightly_served(store: Store, how: str) -> None:
    kiosk, applied, flagged = LISTS[how]
    importing = importer(store, kiosk, rules=Known({BLOCKED: (1, 4)}))
    verdict = importing.take(kiosk.batches(10, applied=applied)[0], NOW_MS).verdict
    assert verdict == (Verdict.EXCEPTION if flagged else Verdict.OK)


# ---------------------------------------------------------------- clocks


@pytest.mark.parametrize(
    ("date", "verdict"), [("2027-11-25", Verdict.EXCEPTION), ("2026-12-02", Verdict.EXCEPTION), ("2025-11-25", Verdict.OK)]
)
def test_a_clock_that_is_ahead_is_said_because_its_money_is_in_no_report_of_today(store: Store, date: str, verdict: Verdict) -> None:
    kiosk = wrote(sold(business_date=date))
    assert importer(store, kiosk).take(kiosk.batches(10)[0], NOW_MS).verdict == verdict
    assert [work.what for work in rows(store, WORK)] == (["date"] if verdict == Verdict.EXCEPTION else [])
    assert [row[0] for row in added_up(store)["day_kiosk"]] == [int(date.replace("-", ""))]


# ---------------------------------------------------------------- evidence


def test_a_hundred_forged_files_in_a_kiosks_name_do_not_hide_its_fork(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever knows the office's public key can send what names a kiosk; only the kiosk's key makes two histories."""
    monkeypatch.setattr("kiosk.hq.intake.writing.QUARANTINE_MAX", 5)
    kiosk, again = Street(sales=3), Street(sales=4)
    importing = importer(store, kiosk)
    importing.take(kiosk.batches(20)[0], NOW_MS)
    true = kiosk.made(20)[1]
    for number in range(8):
        forged = Made(true.header, true.signature, b"%d" % number)
        assert importing.take(boxed_batch(forged, OFFICE.box_key), NOW_MS).verdict == Verdict.TAMPER
    assert importing.take(boxed_batch(again.made(20, software="another")[0], OFFICE.box_key), NOW_MS).verdict == Verdict.FORK
    kept = [row.why for row in rows(store, QUARANTINE)]
    assert (kept.count("tamper"), kept.count("fork")) == (5, 1)
    assert "fork" in {work.what for work in rows(store, WORK)}
    assert [row.state for row in rows(store, KIOSK)] == ["frozen"]


# ---------------------------------------------------------------- the plug


class Plug(BaseException):
    """The importer's process is gone at this statement."""


def told(kiosk: Street) -> list[bytes]:
    """Batches with everything that writes to a table of its own: sales, claims, orphans, a box, a flagged row, a kind never heard of."""
    kiosk.write(f.OrphanCredit("notes", "N1", 1, 20_00, 7, 3), AT)
    kiosk.write(CashBoxRemoved("notes", 1, "BOX1", "BAG1", ("anna",), (), 0), AT)
    kiosk.write(sold(business_date="2027-01-01"), AT)
    kiosk.raw_row(b'1795536000000,1,1000,null,"Unheard",1,{}')
    return kiosk.batches(16)


def test_an_import_that_dies_at_any_statement_is_begun_again_and_ends_the_same(store: Store) -> None:
    kiosk = Street(sales=3)
    batches = told(kiosk)
    importing = importer(store, kiosk)
    at, left = 0, 0

    def pull(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Plug

    event.listen(store.engine, "before_cursor_execute", pull)
    waits = [batches[2], batches[0], batches[1], *batches[3:]]
    while True:
        at += 1
        left = at
        try:
            take_all(Importer(store, importing.boxes, OFFICE.sign), waits)
        except Plug:
            continue
        break
    left = -1
    assert at > 15, "it died at each statement in turn"
    whole = everything(store)
    event.remove(store.engine, "before_cursor_execute", pull)
    added_up(store)
    assert len(rows(store, BATCH)) == len(batches)
    clean = Store.make(":memory:", UTILITY, now_ms=NOW_MS)
    assert Verdict.GAP in take_all(importer(clean, kiosk), waits)
    same = everything(clean)
    clean.close()
    for name in ("batch", "fact", "sale", "day_kiosk", "day_hour", "month_kiosk", "original", "parked", "work", "head", "kiosk"):
        assert whole[name] == same[name], name


def test_a_head_that_somebody_moved_back_is_a_fork_and_not_a_second_import(store: Store) -> None:
    """An office's row put back by hand, or by a backup of one table: the ledger still knows the batch."""
    kiosk = Street(sales=4)
    importing = importer(store, kiosk)
    batches = kiosk.batches(20)
    take_all(importing, batches)
    before = everything(store)["sale"]
    store.transact(lambda connection: connection.execute(text("UPDATE head SET seq = 1, hash = 'ab'")))
    assert set(take_all(Importer(store, importing.boxes, OFFICE.sign), batches)) <= {Verdict.REPLAY, Verdict.FORK}
    assert everything(store)["sale"] == before


def test_a_kiosk_that_is_enrolled_anew_under_another_id_leaves_the_old_ones_history_alone(store: Store) -> None:
    old, new = Street("K07", sales=4), Street("K17", sales=3, life=2)
    importing = importer(store, old, new)
    take_all(importing, old.batches(20))
    before = [row for row in everything(store)["sale"] if row[0] == 1]
    kiosks.changed(store, "K07", "closed")
    assert set(take_all(importing, new.batches(20))) == {Verdict.OK}
    assert [row for row in everything(store)["sale"] if row[0] == 1] == before
    late = Street("K07", sales=6).batches(20)
    assert take_all(importing, late[-1:]) == [Verdict.FORK]


# ---------------------------------------------------------------- everybody at once


def test_two_importers_and_one_who_closes_day_after_day_leave_every_closed_day_as_it_was_closed(store: Store, seeds: Seeds) -> None:
    several = [Street("K07", sales=9, days=3), Street("K08", sales=6, days=3)]
    importing = importer(store, *several)
    days = sorted({fact.business_date for kiosk in several for fact in kiosk.facts if isinstance(fact, f.SaleClosed)})
    first = seeds.base("two importers")
    ways = [shuffled([kiosk.batches(20) for kiosk in several], seed) for seed in (first, first + 1)]
    failed: list[BaseException] = []

    def brings(raws: list[bytes]) -> None:
        for raw in raws:
            Importer(store, importing.boxes, OFFICE.sign).take(raw, NOW_MS)

    def closes() -> None:
        for day in days:
            close_period(store, period_of(day), now_ms=NOW_MS)

    def told_of(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - a thread's error fails the test
                failed.append(error)

        return run

    threads = [threading.Thread(target=told_of(work)) for work in (partial(brings, ways[0]), closes, partial(brings, ways[1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    for raw in ways[0]:  # what came in a bad order waits for nothing any more
        importing.take(raw, NOW_MS)
    assert changed_since(store) == []
    assert len(closed_periods(store)) == len(days)
    assert sum(row[5] for row in added_up(store)["day_kiosk"]) == sum(
        fact.tender_minor for kiosk in several for fact in kiosk.facts if isinstance(fact, f.SaleClosed)
    )
    assert rows(store, PARKED) == []


def test_a_month_in_two_currencies_is_two_sums_and_a_claim_is_settled_in_its_own(store: Store) -> None:
    lines = (f.PriceLine("to_card", 50_00, summed=True),)
    claim = sold(outcome="claimed", lines=(), credit_minor=0, claim_minor=50_00)
    shillings = sold(sale="00112233445566bb", currency="KES", number=8)
    kiosk = wrote(claim, shillings, f.ClaimSettled(claim.sale, "landed", 50_00, lines))
    assert importer(store, kiosk).take(kiosk.batches(10)[0], NOW_MS).verdict == Verdict.OK
    month = {row[3]: row[4:] for row in added_up(store)["month_kiosk"]}
    assert {currency: (said[1], said[2], said[8]) for currency, said in month.items()} == {
        "CNY": (50_00, 50_00, 0),
        "KES": (50_00, 45_00, 0),
    }
    assert [row.currency for row in rows(store, SALE)] == ["CNY", "KES", "CNY"]


# ---------------------------------------------------------------- an office that was put back


def test_an_office_of_yesterday_is_brought_all_again_and_ends_the_same(store: Store) -> None:
    """Its backup knows two batches of five; the kiosk sends what it kept, the very same bytes."""
    kiosk = Street(sales=6)
    batches = kiosk.batches(20)
    importing = importer(store, kiosk)
    yesterday = Store.make(":memory:", UTILITY, now_ms=NOW_MS, epoch=2)
    take_all(importing, batches)
    behind = importer(yesterday, kiosk)
    take_all(behind, batches[:2])
    said = acked(behind.ack("K07", kiosk.store.hex(), NOW_MS))
    assert (said.hq_epoch, said.contiguous_seq) == (2, 2)
    assert set(take_all(behind, batches)) == {Verdict.OK, Verdict.REPLAY}
    here, there = everything(store), everything(yesterday)
    for name in ("fact", "sale", "day_kiosk", "day_hour", "month_kiosk", "batch"):
        assert here[name] == there[name], name
    yesterday.close()
