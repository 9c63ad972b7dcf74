"""Orders at the office: one slot each, one reference once, durable before the code leaves, matched with what machines accepted."""

import threading
from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq.cards.registry import Binding
from kiosk.hq.intake.worklist import waiting
from kiosk.hq.orders import matching
from kiosk.hq.orders.book import Made, Order, OrderRefused, Orders, Wanted, find, standing
from kiosk.hq.orders.off_site import AWAY
from kiosk.hq.orders.proofs import Proved, prove, reissue
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.settlement.cases import Cases
from kiosk.hq.store import IN_MEMORY, Store
from kiosk.sync.item import WAYS, ItemRefused
from kiosk.sync.orders import ORDERS_MAX, OrdersBody, orders_of
from kiosk.vend import code
from tests.codes.kit import CodeShop, code_cmac, digits, proof
from tests.hq.batches import UTILITY, Journaled, importer
from tests.hq.bound import Bound
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.sale.shop import METER, Card

CARD = "1122334455667788"
BINDING = Binding(UTILITY, 1, "000098765432", METER, CARD, 1, 1, state="issued")
NOW_MS = CodeShop().wall_ms()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    where = IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database")
    made = Store.make(where, UTILITY, now_ms=NOW_MS)
    yield made
    made.close()


@pytest.fixture
def orders(store: Store) -> Orders:
    return Orders(store, DemoMasters(UTILITY), cards=Bound(BINDING))


def wanted(reference: str = "r1", *, amount_minor: int = 100_00, purchase: int = 1, source: str = "counter") -> Wanted:
    return Wanted(BINDING, amount_minor, "CNY", purchase, source, reference)


def told_by(store: Store, *shops: CodeShop) -> None:
    """What these kiosks wrote down arrives at the office."""
    journals = []
    for shop in shops:
        journal = Journaled(shop.rules.kiosk)
        for fact, row in shop.rows:
            journal.write(fact, (row.at_ms, row.boot, row.mono_ms))
        journals.append(journal)
    taking = importer(store, *journals)
    for journal in journals:
        for raw in journal.batches():
            assert str(taking.take(raw, NOW_MS).verdict) == "OK"


# ---------------------------------------------------------------- an order and its code


def test_the_offices_code_is_the_designs_and_a_kiosk_that_heard_of_nothing_takes_it(orders: Orders) -> None:
    made = orders.make(wanted(), NOW_MS)
    generation = NOW_MS // (30 * 86_400_000)
    assert made.code == digits(code_cmac(CARD, METER, 2, 100_00, generation), 2, 100_00, generation)
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.type(made.code)
    assert shop.view.phase == "done"
    card.into_meter()
    assert card.credited == [100_00]


def test_the_code_is_in_no_table(orders: Orders, store: Store) -> None:
    made = orders.make(wanted(), NOW_MS)
    rows = store.read(lambda connection: [str(tuple(row)) for row in connection.execute(ORDER.select())])
    assert made.code[9:19] not in "".join(rows)
    assert made.code not in repr(made)


def test_twice_under_one_reference_is_one_order(orders: Orders) -> None:
    first, again = orders.make(wanted(), NOW_MS), orders.make(wanted(), NOW_MS + 5_000)
    assert (first.anew, again.anew) == (True, False)
    assert (first.order, first.code) == (again.order, again.code)
    assert orders.make(wanted(source="bank"), NOW_MS).order.name != first.order.name


def test_one_reference_for_two_things_is_refused(orders: Orders) -> None:
    orders.make(wanted(), NOW_MS)
    with pytest.raises(OrderRefused, match="stands for another order"):
        orders.make(wanted(amount_minor=50_00), NOW_MS)


def test_two_new_orders_never_share_a_slot(orders: Orders) -> None:
    first, second = orders.make(wanted("a"), NOW_MS), orders.make(wanted("b"), NOW_MS)
    assert (first.order.n, second.order.n) == (2, 3)
    assert (first.after, second.after) == ((), (first.order.name,))


def test_an_order_that_settles_a_claim_keeps_its_slot(orders: Orders) -> None:
    first = orders.make(wanted("a"), NOW_MS)
    settles = orders.make(replace(wanted("b"), settles="K07-000123", slot=2), NOW_MS)
    assert first.order.n == settles.order.n == 2
    assert orders.make(wanted("c"), NOW_MS).order.n == 3


@pytest.mark.covers("field-82")
def test_more_than_five_orders_do_not_wait_for_one_card(orders: Orders) -> None:
    for reference in "abcde":
        orders.make(wanted(reference), NOW_MS)
    with pytest.raises(OrderRefused, match="collected first"):
        orders.make(wanted("f"), NOW_MS)


@pytest.mark.covers("field-81", "field-89")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount_minor": 0}, "amount"),
        ({"amount_minor": 500_01}, "order_max"),
        ({"amount_minor": -1}, "amount"),
        ({"currency": "GBP"}, "currency"),
        ({"purchase": -1}, "purchase"),
        ({"purchase": 1 << 32}, "purchase"),
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 65}, "reference"),
        ({"reference": "a\nb"}, "reference"),
        ({"slot": 5}, "settles"),
        ({"binding": replace(BINDING, state="begun")}, "card"),
        ({"binding": replace(BINDING, utility=2)}, "card"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(orders: Orders, store: Store, change: dict[str, object], why: str) -> None:
    with pytest.raises(OrderRefused) as refused:
        orders.make(replace(wanted(), **change), NOW_MS)
    assert refused.value.why == why
    assert str(refused.value).count(".") == 1
    assert standing(store) == []


def test_the_code_leaves_only_when_the_order_is_safe_at_the_other_site(store: Store) -> None:
    def away(order: Order) -> None:
        assert find(store, order.name) == order
        raise OrderRefused("off_site", "The other site does not answer; the order is kept, ask again under the same reference.")

    kept = Orders(store, DemoMasters(UTILITY), off_site=away, cards=Bound(BINDING))
    with pytest.raises(OrderRefused, match="same reference"):
        kept.make(wanted(), NOW_MS)
    again = Orders(store, DemoMasters(UTILITY), cards=Bound(BINDING)).make(wanted(), NOW_MS)
    assert not again.anew


def test_an_order_that_is_not_safe_at_the_other_site_is_on_no_machines_list_and_is_a_case_in_the_end(store: Store) -> None:
    site = [False]

    def now_and_then(_order: Order) -> None:
        if not site[0]:
            raise OrderRefused("off_site", AWAY)

    orders = Orders(store, DemoMasters(UTILITY), off_site=now_and_then, cards=Bound(BINDING))
    with pytest.raises(OrderRefused, match="does not answer"):
        orders.make(wanted(), NOW_MS)
    assert orders.listed(1, NOW_MS, 10) == ()
    late_ms = code.until_ms(code.generation_at(NOW_MS))
    (case,) = Cases(store, lambda _: [CARD], None).all(late_ms)
    assert (case.kind, case.amount_minor) == ("order", 100_00)
    site[0] = True
    again = orders.make(wanted(), NOW_MS)
    assert (again.anew, again.order.state, again.order) == (False, "open", find(store, again.order.name))
    assert [listed.order for listed in orders.listed(1, NOW_MS, 10)] == [again.order.name]


def test_many_at_once_get_a_slot_each_and_one_reference_one_order(request: pytest.FixtureRequest) -> None:
    store = Store.make(request.getfixturevalue("database"), UTILITY, now_ms=NOW_MS)
    orders, made, refused = Orders(store, DemoMasters(UTILITY), cards=Bound(BINDING)), list[Made](), list[OrderRefused]()

    def ask(reference: str) -> None:
        try:
            made.append(orders.make(wanted(reference), NOW_MS))
        except OrderRefused as error:
            refused.append(error)

    threads = [threading.Thread(target=ask, args=(reference,)) for reference in ("a", "a", "a", "b", "b", "c")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not refused
    assert len({one.order.name for one in made}) == 3
    assert sorted({one.order.n for one in made}) == [2, 3, 4]
    assert sum(one.anew for one in made) == 3
    store.close()


# ---------------------------------------------------------------- what kiosks wrote


def test_an_order_is_placed_behind_what_the_office_knows_of_the_card(orders: Orders, store: Store) -> None:
    shop, card = CodeShop(), Card()
    for _ in range(2):
        shop.insert(card)
        shop.feed(20_00)
        shop.press("finish")
        shop.pull()
        card.into_meter()
    told_by(store, shop)
    assert orders.make(wanted(purchase=1), NOW_MS).order.n == 4
    assert orders.make(wanted("b", purchase=5), NOW_MS).order.n == 6


def test_an_accepted_code_finds_its_order_once(orders: Orders, store: Store) -> None:
    made, shop, card = orders.make(wanted(), NOW_MS), CodeShop(), Card()
    shop.insert(card)
    shop.type(made.code)
    told_by(store, shop)
    first, again = matching.match(store, NOW_MS), matching.match(store, NOW_MS)
    assert (first.rows, first.again, first.without) == (1, 0, ())
    assert again.rows == 0
    order = find(store, made.order.name)
    assert order
    assert (order.state, order.done_by) == ("collected", "K07")


def test_one_order_at_two_kiosks_is_counted_once(orders: Orders, store: Store) -> None:
    made, one, two, card = orders.make(wanted(), NOW_MS), CodeShop(), CodeShop(kiosk="K08"), Card()
    one.insert(card)
    one.press("tender", "code")
    one.press("code", made.code)
    spoilt = Card()
    two.insert(spoilt)
    two.type(made.code)
    told_by(store, one, two)
    found = matching.match(store, NOW_MS)
    assert (found.rows, found.again, found.without) == (2, 1, ())
    assert {kiosk for kiosk, _ in matching.uses(store, made.order.name)} == {"K07", "K08"}


def test_a_code_without_an_order_closes_its_generation(store: Store) -> None:
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.type(shop.code(card, 2))
    told_by(store, shop)
    found = matching.match(store, NOW_MS)
    (lost,) = found.without
    assert (lost.kiosk, lost.card, lost.amount_minor, lost.generation) == ("K07", CARD, 100_00, shop.generation)
    (line,) = [line for line in waiting(store) if line.what == "code"]
    assert f"code_generation_min = {shop.generation + 1}" in line.sentence
    assert matching.match(store, NOW_MS).rows == 0
    assert len([line for line in waiting(store) if line.what == "code"]) == 1


def test_what_is_listed_is_offered_and_collected(orders: Orders) -> None:
    made = orders.make(wanted(), NOW_MS)
    listed = orders.listed(1, NOW_MS, 10)
    assert [each.order for each in listed] == [made.order.name]
    assert orders.listed(2, NOW_MS, 10) == ()
    shop, card = CodeShop(), Card()
    shop.listed(*listed)
    shop.insert(card)
    shop.press("order", made.order.name)
    assert shop.view.phase == "done"


def test_an_order_whose_generation_is_in_no_kiosk_is_listed_no_more(orders: Orders) -> None:
    made = orders.make(wanted(), NOW_MS)
    assert code.generation_at(made.order.until_ms - 1) == made.order.generation + 1
    assert orders.listed(1, made.order.until_ms - 1, 10)
    assert orders.listed(1, made.order.until_ms, 10) == ()


# ---------------------------------------------------------------- the telephone


def proofs(made: Made) -> tuple[str, str]:
    this, another = (proof(CARD, METER, made.order.n, made.code[9:19], another=each) for each in (False, True))
    return this, another


def test_the_proof_of_this_order_closes_it(orders: Orders, store: Store) -> None:
    made = orders.make(wanted(), NOW_MS)
    said = prove(orders, store, made.order.name, proofs(made)[0], by="014", now_ms=NOW_MS)
    assert (said.said, said.reissue, said.order.state) == ("this", False, "collected")


def test_the_proof_of_another_record_lets_the_same_money_be_ordered_again(orders: Orders, store: Store) -> None:
    made = orders.make(wanted(), NOW_MS)
    spoken = code.grouped(proofs(made)[1], 5)
    said = prove(orders, store, made.order.name, spoken, by="014", now_ms=NOW_MS)
    assert (said.said, said.reissue, said.order.state) == ("another", True, "passed")
    again = reissue(orders, said, BINDING, NOW_MS)
    assert (again.order.n, again.order.amount_minor, again.order.settles) == (3, 100_00, made.order.name)
    assert reissue(orders, said, BINDING, NOW_MS).order.name == again.order.name
    assert prove(orders, store, made.order.name, spoken, by="014", now_ms=NOW_MS).reissue, "its answer may have been lost"
    assert orders.make(wanted("r2"), NOW_MS).order.n == 4, "behind it"


def test_what_settles_a_claim_is_not_ordered_again_on_a_proof_alone(orders: Orders, store: Store) -> None:
    made = orders.make(replace(wanted(), settles="K07-000123", slot=2), NOW_MS)
    said = prove(orders, store, made.order.name, proofs(made)[1], by="014", now_ms=NOW_MS)
    assert (said.said, said.reissue) == ("another", False)
    with pytest.raises(OrderRefused, match="waits for the rows"):
        reissue(orders, said, BINDING, NOW_MS)


def test_nor_is_an_order_that_another_settles(orders: Orders, store: Store) -> None:
    made = orders.make(wanted(), NOW_MS)
    orders.make(replace(wanted("again"), settles=made.order.name, slot=2), NOW_MS)
    assert not prove(orders, store, made.order.name, proofs(made)[1], by="014", now_ms=NOW_MS).reissue


@pytest.mark.covers("field-88")
def test_after_five_tries_no_proof_is_heard(orders: Orders, store: Store) -> None:
    made = orders.make(wanted(), NOW_MS)

    def tried(text: str) -> Proved:
        return prove(orders, store, made.order.name, text, by="014", now_ms=NOW_MS)

    for text in ("0000000000", "x", "", "\u0661" * 10, "1" * 5_000):
        assert tried(text).said == "wrong"
    assert tried(proofs(made)[0]).said == "shut"
    order = find(store, made.order.name)
    assert order
    assert order.state == "open"


def test_the_machines_proof_is_the_one_that_the_office_knows(orders: Orders, store: Store) -> None:
    """From the order, over a machine that sold its slot for cash, to the telephone."""
    made, shop, card = orders.make(wanted(), NOW_MS), CodeShop(), Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.press("finish")
    shop.press("finish")
    shop.pull()
    card.into_meter()
    shop.insert(card)
    shop.type(made.code)
    said = prove(orders, store, made.order.name, str(shop.view.params["proof"]), by="014", now_ms=NOW_MS)
    assert (said.said, said.reissue) == ("another", True)
    shop.press("code", "again")
    shop.press("code", reissue(orders, said, BINDING, NOW_MS).code)
    assert shop.view.phase == "done"


@pytest.mark.covers("field-86")
def test_a_list_has_the_newest_orders_where_there_are_too_many(orders: Orders) -> None:
    made = [orders.make(wanted(reference), NOW_MS + at) for at, reference in enumerate("abcd")]
    assert [each.order for each in orders.listed(1, NOW_MS, 3)] == [one.order.name for one in made[1:]]
    one = orders.listed(1, NOW_MS, 1)
    whole = msgspec.json.encode(OrdersBody(one * ORDERS_MAX))
    assert len(orders_of(whole).orders) == ORDERS_MAX == 2_000
    assert len(whole) < WAYS["orders"].body_max
    with pytest.raises(ItemRefused):
        orders_of(msgspec.json.encode(OrdersBody(one * (ORDERS_MAX + 1))))


@pytest.mark.covers("field-84")
def test_after_the_last_generation_no_code_is_made(store: Store) -> None:
    last_ms = 0xFFFF * code.GENERATION_MS
    orders = Orders(store, DemoMasters(UTILITY), cards=Bound(BINDING))
    assert orders.make(wanted("last"), last_ms).order.generation == 0xFFFF
    with pytest.raises(OrderRefused, match="generation"):
        orders.make(wanted("after"), last_ms + code.GENERATION_MS)
