"""Import: batches become rows once, whoever brings them how often, in whatever order; SQLite, PostgreSQL, PostgreSQL divided."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from kiosk.hq import kiosks
from kiosk.hq.intake.importer import Importer, grouped
from kiosk.hq.intake.ledger import CLOSED, OPEN, REVOKED, Verdict
from kiosk.hq.intake.summary import KEYS, SUMS, recomputed
from kiosk.hq.log.check import faults
from kiosk.hq.log.office import LOG
from kiosk.hq.schema import FACT, KIND, ORIGINAL, PARKED, QUARANTINE, SALE, WORK, Schema
from kiosk.hq.store import Store
from kiosk.sync.batch import boxed_batch, checked_batch
from kiosk.vend.rows import line, link, origin
from tests.hq.batches import NOW_MS, OFFICE, UTILITY, Journaled, Street, acked, importer, shuffled, street
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.seeds import Seeds

WAYS = ["sqlite", "postgresql", "portable", "divided"]


class Place:
    """Where an import goes, and how."""

    def __init__(self, way: str, where: str) -> None:
        self.where, self.copy = where, way != "portable"
        self.stores = [Store.make(where, UTILITY, now_ms=NOW_MS, partitions=3 if way == "divided" else 0)]

    @property
    def store(self) -> Store:
        return self.stores[0]

    def importer(self, *known: Journaled) -> Importer:
        """One with a store of its own, as another process has it."""
        self.stores.append(Store.open(self.where))
        return importer(self.stores[-1], *known, copy=self.copy)

    def all(self, table: Any) -> list[Any]:
        return rows(self.store, table)


@pytest.fixture(params=WAYS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = Place(request.param, str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database"))
    yield made
    for store in made.stores:
        store.close()


def rows(store: Store, table: Any) -> list[Any]:
    """All of a table, by its key."""
    return store.read(lambda connection: list(connection.execute(select(table).order_by(*table.primary_key))))


def everything(store: Store) -> dict[str, list[Any]]:
    """All tables but the office's log, whose entries have the times and the order in which they were written; it agrees with them."""
    assert store.read(lambda connection: faults(connection, LOG)) == []
    tables = {name: table for name, table in sorted(Schema.metadata.tables.items()) if not name.startswith("office_log")}
    return {name: [tuple(row) for row in rows(store, table)] for name, table in tables.items()}


def take_all(importing: Importer, raws: list[bytes]) -> list[Verdict]:
    """In groups, as a worker's are."""
    verdicts = []
    for group in grouped((raw, importing.shaped(raw)) for raw in raws):
        verdicts += [taken.verdict for taken in importing.take_all([each for _, each in group], [raw for raw, _ in group], NOW_MS)]
    return verdicts


# ---------------------------------------------------------------- in order


def test_every_row_is_here_and_its_exact_line_can_be_made_again(place: Place) -> None:
    kiosk = Street(sales=12)
    importing = place.importer(kiosk)
    assert {importing.take(raw, NOW_MS).verdict for raw in kiosk.batches(40)} == {Verdict.OK}
    names = {row.no: row.name for row in place.all(KIND)}
    facts = place.all(FACT)
    lines = [line((row.seq, row.at_ms, row.boot, row.mono_ms), (row.sale, names[row.kind], row.v, row.body.encode())) for row in facts]
    assert lines == kiosk.lines
    chained = origin(kiosk.store)
    for each in lines:
        chained = link(chained, each)
    (standing,) = kiosks.standings(place.store)
    assert standing.row_seq == len(lines)
    assert acked(importing.ack("K07", kiosk.store.hex(), NOW_MS)).head_hash == chained.hex()


def test_the_originals_are_kept_as_they_were_signed(place: Place) -> None:
    kiosk = Street()
    importing = place.importer(kiosk)
    take_all(importing, kiosk.batches(50))
    kept = [bytes(row.raw) for row in place.all(ORIGINAL)]
    assert kept == [made.clear for made in kiosk.made(50)]
    assert [checked_batch(raw, lambda _: kiosk.public_key).header.seq for raw in kept] == list(range(1, len(kept) + 1))


def test_an_acknowledgement_says_how_far_the_journal_has_come_and_what_a_backup_has(place: Place) -> None:
    kiosk = Street()
    importing = place.importer(kiosk)
    first, second = kiosk.batches(70)[:2]
    ack = acked(importing.take(first, NOW_MS).ack)
    assert (ack.kiosk, ack.store, ack.hq_epoch, ack.contiguous_seq, ack.durable_through) == ("K07", kiosk.store.hex(), 1, 1, 0)
    kiosks.backed_up(place.store, {"K07": 1})
    kiosks.backed_up(place.store, {"K07": 0})
    ack = acked(importing.take(second, NOW_MS).ack)
    assert (ack.contiguous_seq, ack.durable_through) == (2, 1)


def test_a_batch_may_end_inside_a_sale_which_then_counts_where_it_ends(place: Place) -> None:
    kiosk = Street(sales=3)
    importing = place.importer(kiosk)
    for raw in kiosk.batches(1):
        assert importing.take(raw, NOW_MS).verdict == Verdict.OK
    whole = sums(place.store)
    assert whole["day_kiosk"][0][4] == 3


# ---------------------------------------------------------------- again, in other orders, at once


@pytest.mark.covers("abuse-43")
def test_the_same_batches_three_times_in_other_orders_by_two_importers_at_once_are_the_same_tables(
    place: Place, tmp_path: Path, seeds: Seeds
) -> None:
    several = street(["K07", "K08", "K09"], sales=14)
    batches = [kiosk.batches(40) for kiosk in several]
    calm = Store.make(tmp_path / "calm.db", UTILITY, now_ms=NOW_MS)
    take_all(importer(calm, *several), [raw for each in batches for raw in each])
    failed: list[BaseException] = []
    first = seeds.base("batches in other orders")

    def bring(importing: Importer, seed: int) -> None:
        try:
            for round_ in range(3):
                order = shuffled(batches, seed + round_)
                if round_ == 1:
                    take_all(importing, order)
                else:
                    for raw in order:
                        importing.take(raw, NOW_MS)
        except BaseException as error:  # noqa: BLE001 - a thread's failure is this test's
            failed.append(error)

    both = [threading.Thread(target=bring, args=(place.importer(*several), seed)) for seed in (first, first + 50)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert failed == []
    here, there = everything(place.store), everything(calm)
    assert {name: len(found) for name, found in here.items()} == {name: len(found) for name, found in there.items()}
    assert here == there
    assert here["parked"] == here["work"] == []
    assert len(here["sale"]) > 30
    calm.close()


def test_a_group_that_is_brought_again_is_replayed_whole(place: Place) -> None:
    kiosk = Street()
    importing = place.importer(kiosk)
    raws = kiosk.batches(40)
    assert set(take_all(importing, raws)) == {Verdict.OK}
    before = everything(place.store)
    assert set(take_all(importing, raws)) == {Verdict.REPLAY}
    assert everything(place.store) == before


def test_a_batch_boxed_to_another_key_is_the_same_batch(place: Place) -> None:
    kiosk = Street()
    importing = place.importer(kiosk)
    made = kiosk.made(100)[0]
    acks = [importing.take(boxed_batch(made, OFFICE.box_key), NOW_MS) for _ in range(2)]
    assert [taken.verdict for taken in acks] == [Verdict.OK, Verdict.REPLAY]
    assert acks[0].ack == acks[1].ack


# ---------------------------------------------------------------- gaps


def test_what_comes_before_its_turn_waits_and_is_taken_when_the_gap_closes(place: Place) -> None:
    kiosk = Street()
    importing = place.importer(kiosk)
    one, two, three, four = kiosk.batches(30)[:4]
    early = importing.take(three, NOW_MS)
    assert early.verdict == Verdict.GAP
    assert acked(early.ack).contiguous_seq == 0
    assert acked(early.ack).parked == (3,)
    assert importing.take(one, NOW_MS).verdict == Verdict.OK
    again = importing.take(four, NOW_MS)
    assert (again.verdict, again.sentence) == (Verdict.GAP, "Batch 2 is missing; this one waits for it.")
    closing = importing.take(two, NOW_MS)
    assert (closing.verdict, closing.more) == (Verdict.OK, 2)
    assert (acked(closing.ack).contiguous_seq, acked(closing.ack).parked) == (4, ())
    assert place.all(PARKED) == []


def test_of_two_that_wait_under_one_number_one_is_taken_and_the_other_is_a_fork(place: Place) -> None:
    kiosk, other = Street(), Street(sales=13)
    importing = place.importer(kiosk)
    for raw in (kiosk.batches(30)[1], other.batches(30, prev="ab" * 32)[1], kiosk.batches(30)[0]):
        importing.take(raw, NOW_MS)
    (standing,) = kiosks.standings(place.store)
    assert standing.state == "frozen"
    assert standing.parked == ()
    assert len(place.all(QUARANTINE)) == 1
    assert standing.work == 1


@pytest.mark.covers("field-61")
def test_so_many_wait_and_no_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.hq.intake.writing.PARKED_MAX", 2)
    kiosk = Street()
    importing = place.importer(kiosk)
    raws = kiosk.batches(20)
    told = [importing.take(raw, NOW_MS) for raw in raws[1:5]]
    assert [taken.verdict for taken in told] == [Verdict.GAP] * 4
    assert "sends it again" in told[2].sentence
    assert len(place.all(PARKED)) == 2
    assert importing.take(raws[0], NOW_MS).more == 2


# ---------------------------------------------------------------- two histories


def forks(kiosk: Street) -> dict[str, bytes]:
    """The second batch of this kiosk, wrong in one way."""
    other, restored = Street(sales=13), Street(life=2)
    return {
        "another batch under its number": boxed_batch(other.made(31)[0], OFFICE.box_key),
        "another one before it": kiosk.batches(30, prev="ab" * 32)[1],
        "another store": restored.batches(30)[0],
    }


@pytest.mark.covers("abuse-37")
@pytest.mark.parametrize("how", list(forks(Street())))
def test_a_second_history_freezes_the_kiosk_and_both_files_are_kept(place: Place, how: str) -> None:
    kiosk = Street()
    importing = place.importer(kiosk)
    first, second = kiosk.batches(30)[:2]
    importing.take(first, NOW_MS)
    before = everything(place.store)
    taken = importing.take(forks(kiosk)[how], NOW_MS)
    assert (taken.verdict, taken.ack) == (Verdict.FORK, None)
    after = everything(place.store)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"kiosk", "quarantine", "work"}
    assert len(after["original"]) == 1
    (work,) = place.all(WORK)
    assert (work.kiosk, work.what, work.sentence) == ("K07", "fork", taken.sentence)
    assert importing.take(second, NOW_MS).verdict == Verdict.FORK
    assert importing.take(first, NOW_MS).verdict == Verdict.REPLAY
    kiosks.changed(place.store, "K07", OPEN)
    assert importing.take(second, NOW_MS).verdict == Verdict.OK


def test_a_kiosk_whose_life_is_over_brings_nothing_new(place: Place) -> None:
    kiosk = Street()
    importing = place.importer(kiosk)
    first, second = kiosk.batches(30)[:2]
    importing.take(first, NOW_MS)
    kiosks.changed(place.store, "K07", CLOSED)
    assert importing.take(second, NOW_MS).verdict == Verdict.FORK
    assert importing.take(first, NOW_MS).verdict == Verdict.REPLAY


def test_of_a_revoked_kiosk_nothing_is_believed_above_the_last_accepted_batch(place: Place) -> None:
    kiosk = Street()
    importing = place.importer(kiosk)
    first, second, third = kiosk.batches(30)[:3]
    kiosks.changed(place.store, "K07", REVOKED, accepted_seq=2)
    assert [importing.take(raw, NOW_MS).verdict for raw in (third, first, second, third)] == [
        Verdict.TAMPER, Verdict.OK, Verdict.OK, Verdict.TAMPER,
    ]  # fmt: skip
    with pytest.raises(kiosks.NoSuchKiosk):
        kiosks.changed(place.store, "K99", CLOSED)


# ---------------------------------------------------------------- what it adds up to


def sums(store: Store) -> dict[str, list[Any]]:
    return {name: [tuple(row[key] for key in (*keys, *SUMS)) for row in mapped(store, table)] for name, (table, keys) in KEYS.items()}


def mapped(store: Store, table: Any) -> list[Any]:
    return store.read(lambda connection: list(connection.execute(select(table).order_by(*table.primary_key)).mappings()))


def made_anew(store: Store) -> dict[str, list[Any]]:
    def work(connection: Connection) -> dict[str, list[Any]]:
        return {name: [tuple(row) for row in connection.execute(recomputed(name))] for name in KEYS}

    return store.read(work)


def test_every_summary_is_what_its_sales_add_up_to(place: Place, seeds: Seeds) -> None:
    several = [Street("K07", sales=24, days=3), Street("K08", sales=9), Street("K10", sales=30, days=2)]
    importing = place.importer(*several)
    take_all(importing, shuffled([kiosk.batches(60) for kiosk in several], seeds.base("batches of three kiosks")))
    kept = sums(place.store)
    assert kept == made_anew(place.store)
    assert {row.outcome for row in place.all(SALE)} == {"landed", "claimed", "settled"}
    for name, (_, keys) in KEYS.items():
        where = {each: len(keys) + place_ for place_, each in enumerate(SUMS)}
        for row in kept[name]:
            parts = ("credit_minor", "fee_minor", "debt_minor", "returned_minor", "claim_minor")
            assert row[where["tender_minor"]] == sum(row[where[part]] for part in parts)
    totals = [kiosk_.totals for kiosk_ in kiosks.standings(place.store)]
    tendered = sum(row[5] for row in kept["day_kiosk"])
    assert tendered == sum(each["tendered_minor"] for each in totals)


def test_a_wrong_sum_is_seen(place: Place) -> None:
    kiosk = Street()
    take_all(place.importer(kiosk), kiosk.batches())
    place.store.transact(lambda connection: connection.execute(text("UPDATE day_kiosk SET tender_minor = tender_minor + 1")))
    assert sums(place.store) != made_anew(place.store)


def test_how_a_kiosk_stands_is_told(place: Place) -> None:
    kiosk, silent = Street(), Street("K08")
    importing = place.importer(kiosk, silent)
    raws = kiosk.batches(30)
    take_all(importing, [raws[0], raws[2]])
    here, other = kiosks.standings(place.store)
    assert (here.kiosk, here.seq, here.row_seq, here.parked, here.seen_ms, here.made_ms) == ("K07", 1, 30, (3,), NOW_MS, NOW_MS)
    assert (here.software, here.clock, here.applied) == ("kiosk 0.1.0", "ok", {"limits": (1, 3)})
    assert here.totals["cash_minor"] > 0
    assert (other.kiosk, other.seq, other.seen_ms, other.store) == ("K08", 0, 0, "")
