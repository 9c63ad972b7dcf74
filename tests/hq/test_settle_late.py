"""Orders that came too late, or whose slot another record took: the same money again, once."""

from collections.abc import Iterator

import pytest

from kiosk.hq.orders.book import Wanted, find
from kiosk.hq.orders.proofs import prove, reissue
from kiosk.hq.settlement.rule import way
from tests.hq.settle_kit import CARD, Town, bought
from tests.sale.shop import Card


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


def test_an_order_that_came_too_late_is_moved_on_proof_and_one_that_ran_out_stays_in_its_slot(town: Town) -> None:
    k08, card = town.kiosk("K08"), Card()
    binding = town.binding(CARD)
    assert binding is not None
    late = town.orders.make(Wanted(binding, 70_00, "CNY", 1, "bank", "r1"), town.now_ms)
    bought(k08, card)
    town.hears(k08)
    assert town.cases.all(town.now_ms) == []  # its code may still be tried
    after = town.now_ms + 90 * 86_400_000
    (case,) = town.cases.all(after)
    assert (case.value, case.kind) == (late.order.name, "order")
    made = town.desk.decide(case.value, "anna", after).made
    assert made is not None
    assert (made.order.n, made.order.settles) == (3, late.order.name)
    assert find(town.store, made.order.name) == made.order


def test_what_a_count_proof_ordered_again_is_not_ordered_a_third_time(town: Town) -> None:
    k08, binding = town.kiosk("K08"), town.binding(CARD)
    assert binding is not None
    late = town.orders.make(Wanted(binding, 70_00, "CNY", 1, "bank", "r1"), town.now_ms)
    bought(k08, Card())
    town.hears(k08)
    another = town.orders.proofs(late.order)[1]
    again = reissue(
        town.orders, prove(town.orders, town.store, late.order.name, another, by="anna", now_ms=town.now_ms), binding, town.now_ms
    )
    (case,) = town.cases.all(town.now_ms)
    assert case.value == late.order.name
    assert way(case, town.now_ms).why == "collect"
    made = town.desk.decide(case.value, "bert", town.now_ms).made
    assert made is not None
    assert (made.order, made.code) == (again.order, again.code)
