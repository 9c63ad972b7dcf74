"""The proof of a backup: whatever is lost or changed in a store is found and named, and nothing that is as it should be is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Table, delete, func, insert, select, update

from kiosk.hq.copies import proof
from kiosk.hq.intake.close import close_period, period_of
from kiosk.hq.intake.reread import reread
from kiosk.hq.report.selling import ORPHAN
from kiosk.hq.report.tables import BOX
from kiosk.hq.schema import BATCH, CLOSE, DAY_HOUR, DAY_KIOSK, FACT, HEAD, MONTH_KIOSK, ORIGINAL, SALE
from kiosk.hq.store import IN_MEMORY, Store
from kiosk.sync.backup import BackupRefused
from kiosk.vend.rows import kinds
from tests.hq.batches import UTILITY, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.report_store import Machine, at, send


def month(name: str) -> tuple[Machine, int]:
    """Sales, claims, one settled, cash that nothing explains, boxes; and how many batches of five rows those are that come in time."""
    machine = Machine(name)
    machine.orphan(5_00)
    machine.to("2026-11-03").sale(100_00)
    claim = machine.sale(50_00, outcome="claimed")
    machine.sale(20_00, outcome="returned")
    machine.orphan(10_00).orphan(None).out(160_00)
    machine.to("2026-11-04").settle(claim, 50_00).sale(10_00, tender="bank")
    in_time = len(machine.lines) // 5
    machine.sale(70_00)
    machine.to("2026-11-03", 18).orphan(1_00).out(80_00, session=2)
    machine.to("2026-11-05").sale(30_00)
    return machine, in_time


def filled(where: str) -> Store:
    """Two kiosks' months; the fourth is closed when the rest of it comes."""
    store = Store.make(where, UTILITY, now_ms=0)
    (one, in_time), (other, _) = month("K07"), month("K08")
    send(store, one, other, rows=5, only=range(in_time))
    close_period(store, period_of("2026-11-04"), now_ms=at("2026-11-20"))
    send(store, one, other, rows=5)
    return store


@pytest.fixture(name="store")
def a_store() -> Iterator[Store]:
    store = filled(IN_MEMORY)
    yield store
    store.close()


@pytest.fixture(name="either", params=["sqlite", "postgresql"])
def either_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    store = filled(IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database"))
    yield store
    store.close()


def change(store: Store, statement: Any) -> None:
    assert store.transact(lambda connection: connection.execute(statement).rowcount) != 0


def refusal(store: Store) -> str:
    with pytest.raises(BackupRefused) as refused:
        store.read(proof.check)
    return str(refused.value)


def test_a_sound_store_is_proved_with_late_rows_and_closed_days(either: Store) -> None:
    late = select(func.count()).select_from(SALE).where(SALE.c.posted_day > SALE.c.day)
    assert either.read(lambda connection: connection.execute(late).scalar_one()) == 8
    assert either.read(lambda connection: connection.execute(select(func.count()).select_from(BOX)).scalar_one()) == 4
    either.read(proof.check)


LOST = [
    (ORIGINAL, "The original of batch 1 of K07 is missing"),
    (SALE, "What stands in `sale` of row"),
    (BOX, "What stands in `box` of row"),
    (FACT, "Of the rows 1 to 5 of K07 some are missing"),
    (BATCH, "Of the batches of K07 some are missing"),
    (DAY_KIOSK, "The sums in day_kiosk are not"),
    (MONTH_KIOSK, "The sums in month_kiosk are not"),
]


@pytest.mark.parametrize(("table", "said"), LOST, ids=[table.name for table, _ in LOST])
def test_whatever_is_lost_of_one_kiosk_is_named(either: Store, table: Table, said: str) -> None:
    change(either, delete(table).where(table.c.kiosk_no == 1))
    assert said in refusal(either)


@pytest.mark.parametrize("table", [ORIGINAL, SALE, BOX, FACT, BATCH], ids=lambda table: table.name)
def test_the_last_row_of_a_table_is_missed_as_the_first_is(store: Store, table: Table) -> None:
    last = select(func.max(table.c.seq)).where(table.c.kiosk_no == 2).scalar_subquery()
    change(store, delete(table).where(table.c.kiosk_no == 2, table.c.seq == last))
    assert "K08" in refusal(store)


NUMBERS = ("tender_minor", "credit_minor", "fee_minor", "claim_minor", "returned_minor", "n", "day", "hour", "closed_ms")
TEXTS = ("card", "meter", "tender", "currency", "tariff", "outcome", "zone")


@pytest.mark.parametrize("column", [*NUMBERS, *TEXTS])
def test_one_changed_column_of_one_sale_is_found(store: Store, column: str) -> None:
    mine = update(SALE).where(SALE.c.kiosk_no == 1, SALE.c.seq == 4)
    change(store, mine.values({column: SALE.c[column] + 1 if column in NUMBERS else "landed " if column == "outcome" else "KES"}))
    assert refusal(store) == "What stands in `sale` of row 4 of K07 is not what that row says."


@pytest.mark.parametrize("outcome", ["settled", ORPHAN])
def test_a_settled_claim_or_an_orphan_that_was_changed_is_found(store: Store, outcome: str) -> None:
    last = select(func.max(SALE.c.seq)).where(SALE.c.kiosk_no == 2, SALE.c.outcome == outcome).scalar_subquery()
    change(store, update(SALE).where(SALE.c.kiosk_no == 2, SALE.c.seq == last).values(tender_minor=SALE.c.tender_minor + 1))
    assert "What stands in `sale` of row" in refusal(store)


@pytest.mark.parametrize("posted", [0, 20261104, 20261106, 20261102])
def test_a_sale_that_is_posted_on_another_day_is_found(store: Store, posted: int) -> None:
    """Row 4 is of the third and came in time; only the day after the last closing would do for one that came late."""
    change(store, update(SALE).where(SALE.c.kiosk_no == 1, SALE.c.seq == 4).values(posted_day=posted))
    assert "sale" in refusal(store)


def test_a_row_of_a_sale_that_never_was_is_found(store: Store) -> None:
    row = store.read(lambda connection: connection.execute(select(SALE).where(SALE.c.kiosk_no == 1, SALE.c.seq == 4)).mappings().one())
    change(store, insert(SALE).values({**row, "seq": 1}))
    assert refusal(store) == "What stands in `sale` of row 1 of K07 is not what that row says."


@pytest.mark.parametrize("table", [SALE, ORIGINAL, FACT, BOX], ids=lambda table: table.name)
def test_rows_of_nobody_are_found(store: Store, table: Table) -> None:
    row = store.read(lambda connection: connection.execute(select(table).where(table.c.kiosk_no == 1)).mappings().first())
    assert row
    change(store, insert(table).values({**row, "kiosk_no": 77}))
    assert refusal(store) == f"There are rows in {table.name} that are no kiosk's."


def test_every_byte_of_an_original_counts(store: Store) -> None:
    """Its header, its signature and its body: each of them at a place of its own."""
    mine = (ORIGINAL.c.kiosk_no == 1) & (ORIGINAL.c.seq == 1)
    whole = bytes(store.read(lambda connection: connection.execute(select(ORIGINAL.c.raw).where(mine)).scalar_one()))
    for at_byte in range(0, len(whole), max(len(whole) // 40, 1)):
        spoilt = whole[:at_byte] + bytes([whole[at_byte] ^ 1]) + whole[at_byte + 1 :]
        change(store, update(ORIGINAL).where(mine).values(raw=spoilt))
        said = refusal(store)
        assert "batch 1 of K07" in said, (at_byte, said)
    change(store, update(ORIGINAL).where(mine).values(raw=whole))
    store.read(proof.check)


def test_another_kiosks_original_is_not_its_own(store: Store) -> None:
    raw = select(ORIGINAL.c.raw).where(ORIGINAL.c.kiosk_no == 2, ORIGINAL.c.seq == 1)
    other = store.read(lambda connection: connection.execute(raw).scalar_one())
    change(store, update(ORIGINAL).where(ORIGINAL.c.kiosk_no == 1, ORIGINAL.c.seq == 1).values(raw=other))
    assert refusal(store) == "The original of batch 1 of K07 is not as its kiosk signed it."


@pytest.mark.parametrize("column", ["card", "amount_minor", "body", "sale", "mono_ms", "kind"])
def test_every_column_of_a_row_counts(store: Store, column: str) -> None:
    values = {"card": "00000000000000ff", "amount_minor": 7, "body": "{}", "sale": "00000000000000ff", "mono_ms": 1, "kind": 1}
    change(store, update(FACT).where(FACT.c.kiosk_no == 1, FACT.c.seq == 4).values({column: values[column]}))
    assert refusal(store) == f"Row 4 of K07 in `fact` is not as it was written: {column} differs."


@pytest.mark.parametrize("column", ["made_ms", "applied", "totals", "row_seq", "row_hash", "hash", "store"])
def test_every_column_of_a_head_that_a_kiosk_signed_counts(store: Store, column: str) -> None:
    values = {"made_ms": 5, "applied": '{"x":[1,1]}', "totals": "{}", "row_seq": 3, "row_hash": "ab", "hash": "ab", "store": "ab" * 16}
    change(store, update(HEAD).where(HEAD.c.kiosk_no == 1).values({column: values[column]}))
    assert "K07" in refusal(store)


@pytest.mark.parametrize("table", [DAY_KIOSK, DAY_HOUR, MONTH_KIOSK], ids=lambda table: table.name)
@pytest.mark.parametrize("column", ["sales", "tender_minor", "late", "claims"])
def test_a_sum_that_is_a_cent_wrong_is_found(either: Store, table: Table, column: str) -> None:
    keys = [table.c[key.name] for key in table.primary_key]
    first = either.read(lambda connection: connection.execute(select(*keys)).first())
    assert first
    one = [key == value for key, value in zip(keys, first, strict=True)]
    change(either, update(table).where(*one).values({column: table.c[column] + 1}))
    assert refusal(either) == f"The sums in {table.name} are not what the sales add up to."


def test_a_closed_day_that_was_closed_with_other_sums_is_found(either: Store) -> None:
    change(either, update(CLOSE).values(sha256="0" * 64))
    assert refusal(either) == "The sums of 20261104 are not as they were when it was closed."


def test_rows_that_nobody_has_read_again_are_no_loss_until_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    store, (machine, _) = Store.make(IN_MEMORY, UTILITY, now_ms=0), month("K07")
    with monkeypatch.context() as before:  # software that has not heard of these kinds
        forgotten = ("SaleClosed", "ClaimSettled", "OrphanCredit", "CashBoxRemoved")
        known = {name: kind for name, kind in kinds().items() if name not in forgotten}
        before.setattr("kiosk.hq.intake.shape.kinds", lambda: known)
        send(store, machine, rows=5)
        store.read(proof.check)
    store.read(proof.check)
    assert reread(importer(store, machine), at("2026-12-24")).rows > 0
    store.read(proof.check)
    change(store, delete(SALE).where(SALE.c.seq == 4))
    assert refusal(store) == "What stands in `sale` of row 4 of K07 is not what that row says."


def test_a_head_that_has_forgotten_everything_is_found(store: Store) -> None:
    change(store, update(HEAD).where(HEAD.c.kiosk_no == 1).values(seq=0))
    assert "its head says that nothing ever came" in refusal(store)
