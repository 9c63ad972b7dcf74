"""Partners and their till: an order and its money are one, once for a key and once for a reference, and no code is taken back."""

from collections.abc import Callable
from functools import partial

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from kiosk.hq.orders import matching
from kiosk.hq.orders.book import OrderRefused, standing
from kiosk.hq.partners.accounts import ENTRIES_MAX, PartnerError, believed, change, listed, pay_in, rotate
from kiosk.hq.partners.tables import ENTRY, PARTNER, REQUEST
from kiosk.hq.partners.till import Named, held_orders
from kiosk.vend.money import CURRENCIES, plain
from tests.codes.kit import CodeShop
from tests.hq.partner_kit import BANK, CARD, CUSTOMER, DAY_MS, NOW_MS, Office, a_place, an_office, payment  # noqa: F401 - fixtures
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.sale.shop import METER, Card


def refused(why: str, work: Callable[[], object]) -> str:
    with pytest.raises(OrderRefused) as caught:
        work()
    assert caught.value.why == why
    assert str(caught.value).endswith(".")
    return str(caught.value)


# ---------------------------------------------------------------- tokens


def test_a_token_is_believed_until_it_is_rotated_out_and_only_its_hash_is_kept(office: Office) -> None:
    token = office.partner()
    assert believed(office.store, token, NOW_MS) == BANK
    newer = rotate(office.store, "bank", NOW_MS, overlap_ms=1000)
    assert believed(office.store, newer, NOW_MS) == believed(office.store, token, NOW_MS + 999) == BANK
    assert believed(office.store, token, NOW_MS + 1000) is None
    rotate(office.store, "bank", NOW_MS, overlap_ms=5000)
    assert believed(office.store, token, NOW_MS) is None
    rows = str(office.store.read(lambda connection: connection.execute(PARTNER.select()).all()))
    assert token.partition(".")[2] not in rows
    assert newer.partition(".")[2] not in rows


@pytest.mark.parametrize(
    "token", ["", "bank", "bank.", "bank.x", ".x", "nobody.x", "Bank.x", "bank." + "x" * 200, "bank.\0", "ba\0nk.x", "bänk.x"]
)
def test_nobodys_token_is_nobodys(office: Office, token: str) -> None:
    office.partner()
    assert believed(office.store, token, NOW_MS) is None


def test_a_closed_partner_is_nobody_and_orders_nothing_that_was_on_its_way(office: Office) -> None:
    token = office.partner()
    change(office.store, "bank", state="closed")
    assert believed(office.store, token, NOW_MS) is None
    refused("partner", lambda: office.till.order(BANK, "k", payment(), NOW_MS))
    assert office.states() == []


@pytest.mark.parametrize(
    "odd",
    [
        {"name": "Bank"}, {"name": "b" * 17}, {"name": ""}, {"currency": "ABC"}, {"acquirer": "1" * 12}, {"acquirer": "12a"},
        {"zone": "UTC"}, {"order_max_minor": -1}, {"credit_minor": 1 << 44},
    ],
)  # fmt: skip
def test_a_partner_that_cannot_be_is_refused_in_one_sentence(office: Office, odd: dict[str, object]) -> None:
    with pytest.raises(PartnerError) as caught:
        office.partner(replace(BANK, **odd))
    assert str(caught.value).count(".") == 1
    assert listed(office.store) == []


@pytest.mark.parametrize("currency", ["CNY", "KES", "UGX"])
@pytest.mark.parametrize("odd", [{"order_max_minor": 900_00}, {"order_max_minor": 500_01}, {"order_min_minor": 500_01}])
def test_no_partner_is_promised_more_than_an_order_may_be(office: Office, odd: dict[str, int], currency: str) -> None:
    most = f"{plain(500_00, CURRENCIES[currency].exponent)} {currency}"
    with pytest.raises(PartnerError, match=f"^One order is for at most {most}: no kiosk writes more on a card.$"):
        office.partner(replace(BANK, currency=currency, **odd))
    assert listed(office.store) == []
    office.partner(replace(BANK, currency=currency))
    with pytest.raises(PartnerError, match=most):
        change(office.store, "bank", **odd)
    assert listed(office.store) == [replace(BANK, currency=currency)]


def test_a_partner_with_an_older_higher_limit_orders_up_to_the_ceiling_and_can_be_closed(office: Office) -> None:
    office.partner()
    office.store.transact(lambda connection: connection.execute(PARTNER.update().values(order_max_minor=900_00)))
    bank = replace(BANK, order_max_minor=900_00)
    refused("order_max", lambda: office.till.order(bank, "k1", payment(amount_minor=500_01), NOW_MS))
    refused("order_max", lambda: office.till.quote(bank, payment("r2", amount_minor=500_01), NOW_MS))
    assert office.till.order(bank, "k3", payment("r3", amount_minor=500_00), NOW_MS).amount_minor == 500_00
    assert change(office.store, "bank", state="closed").state == "closed"


def test_two_partners_have_neither_a_name_nor_an_acquirers_number_in_common(office: Office) -> None:
    office.partner()
    for twin in (BANK, replace(BANK, name="other")):
        with pytest.raises(PartnerError):
            office.partner(twin)
    office.partner(replace(BANK, name="other", acquirer="777"))
    with pytest.raises(PartnerError, match="acquirer"):
        change(office.store, "other", acquirer="12345")
    assert [each.acquirer for each in listed(office.store)] == ["12345", "777"]


def test_a_payment_is_entered_once(office: Office) -> None:
    office.partner()
    assert pay_in(office.store, "bank", 1000_00, "transfer 1", NOW_MS).balance_minor == 1000_00
    assert pay_in(office.store, "bank", 5, "transfer 2", NOW_MS).balance_minor == 1000_05
    with pytest.raises(PartnerError, match="another amount"):
        pay_in(office.store, "bank", 7, "transfer 2", NOW_MS)
    for amount, name in ((0, "x"), (-1, "x"), (1 << 44, "x"), (1, ""), (1, "x" * 65), (1, "a\nb")):
        with pytest.raises(PartnerError):
            pay_in(office.store, "bank", amount, name, NOW_MS)
    assert office.adds_up()


# ---------------------------------------------------------------- what it may do


def test_a_card_is_found_by_each_of_its_numbers_and_shown_masked(office: Office) -> None:
    for named in (Named(card=CARD.upper()), Named(meter=METER), Named(customer=CUSTOMER)):
        seen = office.till.look_up(named)
        assert (seen.card, seen.meter, seen.customer, seen.waiting) == ("..7788", f"..{METER[-4:]}", "..5432", 0)
    odd = (
        Named(),
        Named(card=CARD, meter=METER),
        Named(card="00" * 8),
        Named(meter="9" * 12),
        Named(card="1" * 17),
        Named(card="\0"),
        Named(meter="١٢"),
    )
    for named in odd:
        refused("card", partial(office.till.look_up, named))
    office.blocked.add(CARD)
    assert "blocked" in refused("card", lambda: office.till.look_up(Named(card=CARD)))


def test_what_a_partner_ordered_is_collected_at_a_kiosk_that_never_heard_of_it(office: Office) -> None:
    office.partner()
    sold = office.till.order(BANK, "k1", payment(), NOW_MS)
    assert (sold.purchase, sold.amount_minor, sold.card, sold.after) == ("2-1", 100_00, "..7788", ())
    assert sold.code not in repr(sold)
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.type(sold.code)
    assert shop.view.phase == "done"
    card.into_meter()
    assert card.credited == [100_00]


def test_the_same_key_is_answered_the_same_and_for_anything_else_refused(office: Office) -> None:
    office.partner()
    first = office.till.order(BANK, "k1", payment(), NOW_MS)
    office.till.order(BANK, "k2", payment("r2"), NOW_MS + 1)
    assert office.till.order(BANK, "k1", payment(), NOW_MS + DAY_MS) == first
    for other in (payment("r3"), payment(amount_minor=1_00), payment(purchase="2-1"), replace(payment(), card="", meter=METER)):
        refused("key", partial(office.till.order, BANK, "k1", other, NOW_MS))
    assert office.stands().balance_minor == 800_00
    assert office.adds_up()


def test_a_refusal_is_kept_under_its_key_too(office: Office) -> None:
    office.partner(paid_in_minor=0)
    said = refused("float", lambda: office.till.order(BANK, "k1", payment(amount_minor=200_00), NOW_MS))
    pay_in(office.store, "bank", 1000_00, "transfer 1", NOW_MS)
    assert refused("float", lambda: office.till.order(BANK, "k1", payment(amount_minor=200_00), NOW_MS)) == said
    refused("key", lambda: office.till.order(BANK, "k1", payment(amount_minor=1_00), NOW_MS))
    assert office.till.order(BANK, "k2", payment(amount_minor=200_00), NOW_MS).amount_minor == 200_00


def test_one_reference_is_one_order_under_whatever_key(office: Office) -> None:
    office.partner()
    first, again = office.till.order(BANK, "k1", payment(), NOW_MS), office.till.order(BANK, "k2", payment(), NOW_MS + 5)
    assert first == again
    refused("reference", lambda: office.till.order(BANK, "k3", payment(amount_minor=1_00), NOW_MS))
    assert office.stands().balance_minor == 900_00


def test_two_partners_may_use_the_same_key_and_reference_and_see_nothing_of_each_other(office: Office) -> None:
    shop = replace(BANK, name="shop", acquirer="")
    office.partner()
    office.partner(shop)
    one, two = (office.till.order(each, "k1", payment(), NOW_MS) for each in (BANK, shop))
    assert one.order != two.order
    assert two.after == (one.order,)
    refused("order", lambda: office.till.state(BANK, two.order, now_ms=NOW_MS))
    refused("order", lambda: office.till.cancel(shop, one.order, NOW_MS))
    assert office.till.state(shop, reference="r1", now_ms=NOW_MS).order == two.order


@pytest.mark.parametrize(
    ("limits", "why"),
    [({"order_max_minor": 99_99}, "order_max"), ({"day_max_minor": 99_99}, "day_max"), ({"credit_minor": 99_99}, "float")],
)
def test_each_limit_holds_to_the_cent_and_a_refused_order_leaves_nothing(office: Office, limits: dict[str, int], why: str) -> None:
    bank = replace(BANK, **limits)
    office.partner(bank, paid_in_minor=0)
    refused(why, lambda: office.till.order(bank, "k1", payment(), NOW_MS))
    refused(why, lambda: office.till.quote(bank, payment(), NOW_MS))
    assert (office.states(), office.stands(bank).balance_minor) == ([], 0)
    office.till.order(bank, "k2", payment("r2", amount_minor=99_99), NOW_MS)
    assert office.stands(bank).balance_minor == -99_99


def test_the_days_room_is_back_on_the_partners_next_day_and_a_clock_that_was_set_back_opens_none(office: Office) -> None:
    bank = replace(BANK, day_max_minor=100_00)
    office.partner(bank)
    office.till.order(bank, "k1", payment(), NOW_MS)
    refused("day_max", lambda: office.till.order(bank, "k2", payment("r2"), NOW_MS))
    office.till.order(bank, "k3", payment("r3"), NOW_MS + DAY_MS)
    refused("day_max", lambda: office.till.order(bank, "k4", payment("r4"), NOW_MS))
    assert office.adds_up(bank)


def test_a_quote_says_just_what_ordering_says_and_leaves_nothing(office: Office) -> None:
    office.partner()
    quote = office.till.quote(BANK, payment(), NOW_MS)
    assert (office.states(), office.stands().lines) == ([], 1)
    sold = office.till.order(BANK, "k1", payment(), NOW_MS)
    assert (quote.purchase, quote.until_ms, quote.amount_minor) == (sold.purchase, sold.until_ms, sold.amount_minor)


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"purchase": "1-4"}, "purchase"), ({"purchase": "x"}, "purchase"), ({"currency": "EUR"}, "currency"),
        ({"amount_minor": 0}, "amount"), ({"amount_minor": 500_01}, "order_max"), ({"amount_minor": 1 << 70}, "order_max"),
        ({"reference": ""}, "reference"),
        ({"reference": "a\0"}, "reference"), ({"reference": "x" * 65}, "reference"), ({"card": "00" * 8}, "card"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_is_refused_and_costs_nothing(office: Office, odd: dict[str, object], why: str) -> None:
    office.partner()
    refused(why, lambda: office.till.order(BANK, "k1", replace(payment(), **odd), NOW_MS))
    assert (office.states(), office.stands().balance_minor) == ([], 1000_00)


@pytest.mark.covers("field-121")
@pytest.mark.parametrize("key", ["", "x" * 65, "a\n", "\0", "é"])
def test_a_key_is_printed_letters(office: Office, key: str) -> None:
    office.partner()
    refused("key", lambda: office.till.order(BANK, key, payment(), NOW_MS))


# ---------------------------------------------------------------- held, and taken back


def test_no_code_leaves_and_no_list_has_it_before_the_order_is_at_the_other_site(office: Office) -> None:
    office.partner()
    office.away = True
    refused("off_site", lambda: office.till.order(BANK, "k1", payment(), NOW_MS))
    assert office.states() == ["held"]
    assert standing(office.store) == []
    assert office.orders.listed(1, NOW_MS, 100) == ()
    assert office.till.state(BANK, reference="r1", now_ms=NOW_MS).state == "held"
    (held,) = held_orders(office.store, BANK)
    office.away = False
    sold = office.till.order(BANK, "k1", payment(), NOW_MS)
    assert office.seen_there == [sold.order] == [held]
    assert held_orders(office.store, BANK) == []
    assert (office.states(), office.stands().balance_minor) == (["open"], 900_00)


def test_a_held_order_is_cancelled_its_money_is_back_and_its_place_is_free(office: Office) -> None:
    office.partner()
    office.away = True
    refused("off_site", lambda: office.till.order(BANK, "k1", payment(), NOW_MS))
    name = office.till.state(BANK, reference="r1", now_ms=NOW_MS).order
    assert [office.till.cancel(BANK, name, NOW_MS).state for _ in range(2)] == ["cancelled"] * 2
    assert (office.stands().balance_minor, office.stands().spent_minor) == (1000_00, 0)
    office.away = False
    refused("cancelled", lambda: office.till.order(BANK, "k1", payment(), NOW_MS))
    refused("cancelled", lambda: office.till.order(BANK, "k2", payment(), NOW_MS))
    assert office.till.order(BANK, "k3", payment("r2"), NOW_MS).purchase == "2-1"
    assert office.adds_up()


def test_an_order_whose_code_left_is_not_taken_back(office: Office) -> None:
    office.partner()
    sold = office.till.order(BANK, "k1", payment(), NOW_MS)
    refused("given", lambda: office.till.cancel(BANK, sold.order, NOW_MS))
    refused("given", lambda: office.till.reverse(BANK, "k1", "r1", NOW_MS))
    assert (office.states(), office.stands().balance_minor) == (["open"], 900_00)
    assert office.till.order(BANK, "k1", payment(), NOW_MS) == sold


def test_what_was_reversed_before_it_came_is_refused_when_it_comes(office: Office) -> None:
    office.partner()
    for _ in range(2):
        office.till.reverse(BANK, "k1", "r1", NOW_MS)
    refused("cancelled", lambda: office.till.order(BANK, "k1", payment(), NOW_MS))
    assert (office.states(), office.stands().balance_minor) == ([], 1000_00)


def test_a_held_order_that_no_machine_would_take_any_more_is_not_given_out(office: Office) -> None:
    office.partner()
    office.away = True
    refused("off_site", lambda: office.till.order(BANK, "k1", payment(), NOW_MS))
    office.away = False
    name = office.till.state(BANK, reference="r1", now_ms=NOW_MS).order
    office.age(name, NOW_MS + 10)
    refused("late", lambda: office.till.order(BANK, "k1", payment(), NOW_MS + 10))
    assert office.till.cancel(BANK, name, NOW_MS + 10).state == "cancelled"


def test_a_partner_sees_when_and_where_its_order_was_collected(office: Office) -> None:
    from tests.codes.test_orders import told_by  # noqa: PLC0415

    office.partner()
    sold = office.till.order(BANK, "k1", payment(), NOW_MS)
    assert office.till.state(BANK, sold.order, now_ms=NOW_MS).state == "made"
    assert office.till.state(BANK, sold.order, now_ms=sold.until_ms).state == "expired"
    shop = CodeShop()
    shop.insert(Card())
    shop.type(sold.code)
    told_by(office.store, shop)
    matching.match(office.store, NOW_MS)
    seen = office.till.state(BANK, sold.order, now_ms=sold.until_ms)
    assert (seen.state, seen.kiosk) == ("collected", shop.rules.kiosk)
    assert seen.collected_ms is not None
    assert seen.collected_ms >= NOW_MS


@pytest.mark.covers("field-127")
def test_an_account_that_is_full_takes_neither_an_order_nor_a_payment(office: Office) -> None:
    for name, last in (("lines", {"no": ENTRIES_MAX, "balance_minor": 1000_00}), ("sums", {"no": 2, "balance_minor": (1 << 62) - 1})):
        partner = replace(BANK, name=name, acquirer="")
        office.partner(partner)
        row = {"partner": name, "at_ms": NOW_MS, "day": 20000101, "what": "deposit", "name": "all before", "amount_minor": 0} | last
        office.store.transact(partial(Connection.execute, statement=ENTRY.insert().values(**row)))
        refused("full", partial(pay_in, office.store, name, 1, "one more", NOW_MS))
    refused("full", lambda: office.till.order(replace(BANK, name="lines", acquirer=""), "k1", payment(), NOW_MS))
    assert office.states() == []


def test_a_table_of_requests_holds_no_code(office: Office) -> None:
    office.partner()
    sold = office.till.order(BANK, "k1", payment(), NOW_MS)
    rows = str(office.store.read(lambda connection: connection.execute(REQUEST.select()).all()))
    assert sold.order in rows
    assert sold.code not in rows
    assert CARD not in rows


def test_a_partner_is_listed_with_its_limits(office: Office) -> None:
    office.partner()
    assert change(office.store, "bank", order_max_minor=5) == replace(BANK, order_max_minor=5)
    assert listed(office.store) == [replace(BANK, order_max_minor=5)]
    for work in (
        lambda: change(office.store, "x", state="closed"),
        lambda: rotate(office.store, "x", 0, 0),
        lambda: pay_in(office.store, "x", 1, "p", 0),
    ):
        with pytest.raises(PartnerError, match="no partner x"):
            work()
