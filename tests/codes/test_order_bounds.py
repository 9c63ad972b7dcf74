"""How far an order may bar its card from codes: purchase numbers far ahead, orders that ran out, orders of almost nothing."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq.orders.book import OrderRefused, Orders, Wanted
from kiosk.hq.orders.slots import AHEAD
from kiosk.hq.store import IN_MEMORY, Store
from tests.codes.kit import CodeShop
from tests.codes.test_orders import BINDING, NOW_MS, told_by
from tests.hq.batches import UTILITY
from tests.hq.bound import Bound
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.sale.shop import Card


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    where = IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database")
    made = Store.make(where, UTILITY, now_ms=NOW_MS)
    yield made
    made.close()


@pytest.fixture
def orders(store: Store) -> Orders:
    return Orders(store, DemoMasters(UTILITY), cards=Bound(BINDING))


def wanted(reference: str = "r1", *, amount_minor: int = 100_00, purchase: int = 1) -> Wanted:
    return Wanted(BINDING, amount_minor, "CNY", purchase, "counter", reference)


def refused(orders: Orders, asked: Wanted, now_ms: int = NOW_MS) -> str:
    with pytest.raises(OrderRefused) as caught:
        orders.make(asked, now_ms)
    assert str(caught.value).endswith(".")
    return caught.value.why


def test_a_purchase_number_far_above_the_count_known_is_refused(orders: Orders) -> None:
    assert refused(orders, wanted(purchase=900_000_000)) == "receipt"
    assert refused(orders, wanted(purchase=AHEAD + 1)) == "receipt"
    assert orders.make(wanted("honest"), NOW_MS).order.n == 2


def test_an_order_that_ran_out_bars_no_slot(orders: Orders) -> None:
    mistyped = orders.make(wanted(purchase=AHEAD), NOW_MS).order
    assert mistyped.n == AHEAD + 1
    assert orders.make(wanted("next"), mistyped.until_ms).order.n == 2


def test_an_order_as_far_ahead_as_it_may_be_does_not_bar_the_nearer_slots(orders: Orders) -> None:
    ahead = orders.make(wanted("ahead", purchase=AHEAD), NOW_MS).order
    near = [orders.make(wanted(f"near {number}", purchase=0), NOW_MS).order.n for number in range(AHEAD)]
    assert near == [1, 2, 3, 4, 5]
    assert ahead.n == AHEAD + 1
    assert refused(orders, wanted("one more", purchase=0)) == "waiting"


def test_orders_of_almost_nothing_are_refused(orders: Orders) -> None:
    for number in range(AHEAD):
        assert refused(orders, wanted(f"r{number}", amount_minor=1)) == "order_min"
    assert refused(orders, wanted("r", amount_minor=99)) == "order_min"
    assert orders.make(wanted("honest", amount_minor=1_00), NOW_MS).order.n == 2
    assert orders.make(replace(wanted("claim", amount_minor=1), settles="K07/1", slot=3), NOW_MS).order.amount_minor == 1, (
        "all that is owed"
    )


def test_what_the_rows_of_a_card_show_lets_its_number_be_higher(orders: Orders, store: Store) -> None:
    shop, card = CodeShop(), Card()
    for _ in range(2):
        shop.insert(card)
        shop.feed(20_00)
        shop.press("finish")
        shop.pull()
        card.into_meter()
    told_by(store, shop)
    assert orders.make(wanted(purchase=3 + AHEAD), NOW_MS).order.n == 4 + AHEAD
    assert refused(orders, wanted("b", purchase=4 + AHEAD)) == "receipt"
