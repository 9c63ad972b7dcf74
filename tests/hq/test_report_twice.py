"""Orders whose money stands in the sums twice: reports name them, and their account is true to the cent; closed ones stay as they were."""

from itertools import permutations

import pytest
from sqlalchemy import insert

from kiosk.hq.intake.close import close_period, period_of
from kiosk.hq.orders.matching import match
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.report.selling import Selling, records, sheet_of
from kiosk.hq.report.text import text_of
from kiosk.hq.store import IN_MEMORY, Store
from kiosk.vend import facts as f
from tests.hq.batches import UTILITY
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.report_store import Machine, a_store, anew, at, selling, send  # noqa: F401 - a fixture

CARD, METER, PAID, NOW_MS = "1122334455667788", "000012345678", 80_00, at("2026-12-20")


def ordered(store: Store, name: str = "O1", *, n: int = 1, settles: str = "") -> None:
    row = {
        "name": name, "region": 1, "version": 0, "card": CARD, "meter": METER, "n": n, "amount_minor": PAID, "currency": "CNY",
        "generation": 3, "made_ms": 1, "until_ms": NOW_MS * 2, "source": "counter", "reference": name, "settles": settles,
    }  # fmt: skip
    store.transact(lambda connection: connection.execute(insert(ORDER), row))


def collected(name: str, outcome: str = "landed", day: str = "2026-11-03", *, n: int = 1, fee: int = 5_00) -> Machine:
    """A kiosk at which the code of the order was typed as its first sale, and how that ended."""
    machine = Machine(name).to(day)
    machine.fact(f.TransferCodeAccepted("0000000000000001", CARD, METER, n, PAID, 3, "a1b2"))
    machine.sale(PAID, tender="codes", outcome=outcome, fee=fee)
    return machine


def told(store: Store, month: str = "2026-11") -> Selling:
    report = selling(store, month)
    assert report == anew(store, month)
    return report


def account(report: Selling) -> tuple[int, int, int, int, int, int]:
    """Tendered, on cards, fees, open claims, difference; and what was counted before."""
    (book,) = report.books
    foot = book.foot
    return foot.tendered_minor, foot.credited_minor, foot.fees_minor, foot.claims_minor, foot.difference_minor, foot.twice_minor


def test_an_order_that_two_kiosks_landed_is_money_once(store: Store) -> None:
    ordered(store)
    send(store, collected("K07"), collected("K08", day="2026-11-04"))
    match(store, NOW_MS)
    report = told(store)
    assert [line.tender_minor for line in report.books[0].lines] == [PAID, PAID]  # what each kiosk says itself
    assert account(report) == (PAID, PAID - 5_00, 5_00, 0, 0, PAID)
    assert [(each.kiosk, each.order, each.why) for each in report.twice] == [("K08", "O1", "again")]
    page = text_of(sheet_of(report))
    assert "COUNTED BEFORE" in page
    assert max(map(len, page.splitlines())) <= 80
    (row,) = [row for row in records(report) if row[0] == "twice"]
    assert len(row) == len(next(row for row in records(report) if row[0] == "sold"))
    match(store, NOW_MS)
    assert told(store) == report


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_several_what_landed_counts_whatever_came_first(order: tuple[int, int, int]) -> None:
    """One could not write the card and left a claim: nobody is owed it."""
    store = Store.make(IN_MEMORY, UTILITY, now_ms=0)
    ordered(store)
    machines = collected("K07", "claimed"), collected("K08", day="2026-11-04"), collected("K09", "claimed", day="2026-11-05")
    for place in order:
        send(store, machines[place])
        match(store, NOW_MS)
    assert account(told(store)) == (PAID, PAID - 5_00, 5_00, 0, 0, 2 * PAID)
    assert {each.kiosk for each in told(store).twice} == {"K07", "K09"}
    store.close()


def test_a_code_whose_sale_has_not_ended_here_is_looked_at_again_when_it_has(store: Store) -> None:
    ordered(store)
    late = collected("K08")
    send(store, collected("K07"))
    send(store, late, rows=2, only=range(1))  # up to the code
    assert match(store, NOW_MS).rows == 2
    assert told(store).twice == ()
    send(store, late, rows=2)
    assert match(store, NOW_MS).rows == 0
    assert account(told(store))[0] == PAID


def test_an_order_that_settles_a_claim_is_that_claim_s_money(store: Store) -> None:
    k07 = Machine("K07").to("2026-11-02")
    sale = k07.sale(PAID, tender="bank", outcome="claimed")
    ordered(store, settles=f"K07/{sale}")
    send(store, k07)
    assert account(told(store)) == (PAID, 0, 0, PAID, 0, 0)
    send(store, collected("K08"))
    assert account(told(store))[:1] == (2 * PAID,)
    match(store, NOW_MS)
    assert account(told(store)) == (PAID, PAID - 5_00, 5_00, 0, 0, PAID)
    assert [(each.kiosk, each.why) for each in told(store).twice] == [("K08", "settles")]


def test_an_order_for_a_purchase_on_a_card_that_was_lost_is_that_purchase_s_money(store: Store) -> None:
    k07 = Machine("K07").to("2026-11-02")
    sale = k07.sale(PAID + 5_00)
    ordered(store, settles=f"K07/{sale}")
    send(store, k07, collected("K08", fee=0))
    match(store, NOW_MS)
    assert account(told(store)) == (PAID + 5_00, PAID, 5_00, 0, 0, PAID)
    assert [(each.kiosk, each.why) for each in told(store).twice] == [("K08", "again")]
    match(store, NOW_MS)
    assert account(told(store)) == (PAID + 5_00, PAID, 5_00, 0, 0, PAID)


def test_an_order_for_a_claim_that_landed_on_a_card_that_was_lost_is_that_claim_s_money(store: Store) -> None:
    k07 = Machine("K07").to("2026-11-02")
    sale = k07.sale(PAID + 5_00, outcome="claimed")
    lines = (f.PriceLine("fixed_fee", 5_00, summed=True), f.PriceLine("to_card", PAID, summed=True))
    k07.fact(f.ClaimSettled(sale, "landed", PAID, lines))
    ordered(store, settles=f"K07/{sale}")
    send(store, k07, collected("K08", fee=0))
    match(store, NOW_MS)
    assert account(told(store)) == (PAID + 5_00, PAID, 5_00, 0, 0, PAID)
    assert [(each.kiosk, each.why) for each in told(store).twice] == [("K08", "again")]


@pytest.mark.parametrize("outcome", ["landed", "claimed"])
def test_an_order_that_settles_another_order_is_that_order_s_money(store: Store, outcome: str) -> None:
    """A code was used: its money was put on a card that was lost, or a claim was left."""
    ordered(store)
    ordered(store, "O2", n=2, settles="O1")
    send(store, collected("K07", outcome, fee=0), collected("K08", n=2, fee=0))
    match(store, NOW_MS)
    assert account(told(store)) == (PAID, PAID, 0, 0, 0, PAID)
    assert [(each.kiosk, each.order) for each in told(store).twice] == [("K08", "O2")]


def test_of_two_orders_for_one_claim_whose_first_card_was_lost_the_second_is_counted_before(store: Store) -> None:
    k07 = Machine("K07").to("2026-11-02")
    sale = k07.sale(PAID, tender="bank", outcome="claimed")
    ordered(store, settles=f"K07/{sale}")
    ordered(store, "O2", n=2, settles=f"K07/{sale}")
    send(store, k07, collected("K08", fee=0))
    match(store, NOW_MS)
    send(store, collected("K09", day="2026-11-05", n=2, fee=0))
    match(store, NOW_MS)
    assert account(told(store)) == (PAID, PAID, 0, 0, 0, 2 * PAID)
    assert [(each.kiosk, each.why) for each in told(store).twice] == [("K08", "settles"), ("K09", "again")]


def test_an_order_of_another_amount_than_what_it_settles_stays_in_the_sums(store: Store) -> None:
    """Nothing is taken out by a guess: the sums differ, and somebody looks."""
    k07 = Machine("K07").to("2026-11-02")
    sale = k07.sale(PAID + 6_00)
    ordered(store, settles=f"K07/{sale}")
    send(store, k07, collected("K08", fee=0))
    match(store, NOW_MS)
    assert told(store).twice == ()


def test_a_closed_report_stays_as_it_was_and_the_open_one_takes_it_out(store: Store) -> None:
    ordered(store)
    send(store, collected("K07"))
    match(store, NOW_MS)
    send(store, collected("K08"))
    close_period(store, period_of("2026-11"), now_ms=at("2026-12-10"))
    before = told(store)
    match(store, NOW_MS)
    assert told(store) == before
    assert account(told(store, "2026-12")) == (-PAID, -(PAID - 5_00), -5_00, 0, 0, PAID)
    december = Machine("K09").to("2026-12-05")
    december.sale(30_00, tender="bank")
    send(store, december)
    assert account(told(store, "2026-12")) == (30_00 - PAID, 25_00 - (PAID - 5_00), 0, 0, 0, PAID)
