"""A code at a machine that nobody can reach: typed or listed, and once on any of them."""

import pytest

from kiosk.vend import collect, sale
from kiosk.vend.codes import CodeFloat, OrderListed
from kiosk.vend.facts import CardVerified, ClaimSettled, OrphanCredit, SaleClosed, Tender, TransferCodeAccepted, WriteStarted
from kiosk.vend.passing import Ignored
from kiosk.vend.seen import OrdersRead
from kiosk.vend.view import Offer
from tests.codes.kit import CodeShop, answered_by, code_cmac, rows_text, tag_made, tag_on
from tests.sale.shop import Card


def collected(shop: CodeShop) -> list[SaleClosed]:
    return [fact for fact in shop.facts() if isinstance(fact, SaleClosed) and any(one.device == "codes" for one in fact.tenders)]


def at_account(**changes: object) -> tuple[CodeShop, Card]:
    shop, card = CodeShop(**changes), Card()
    shop.insert(card)
    return shop, card


def test_a_code_puts_just_its_amount_on_the_card_without_fee_or_debt() -> None:
    shop, card = at_account()
    shop.press("tender", "code")
    assert (shop.view.phase, shop.view.offers) == ("code", (Offer("code", "typed"), Offer("cancel")))
    shop.press("code", shop.code(card, 2))
    assert (shop.view.phase, shop.view.figure_minor, shop.view.place) == ("done", 100_00, "card")
    (sale,) = collected(shop)
    assert (sale.outcome, sale.tender_minor, sale.credit_minor, sale.n) == ("landed", 100_00, 100_00, 2)
    assert sale.tenders == (Tender("codes", 100_00, 1),)
    assert [line.code for line in sale.lines if line.summed] == ["to_card"]
    card.into_meter()
    assert card.credited == [100_00]


def test_the_journal_has_acceptance_before_anything_is_written() -> None:
    shop, card = at_account()
    shop.type(shop.code(card, 2))
    tail = shop.kinds()[shop.kinds().index("CardPresented") + 1 :]
    assert tail == [
        "SaleOpened",
        "TransferCodeAccepted",
        "TenderClosed",
        "ReturnFileArchived",
        "WriteStarted",
        "CardVerified",
        "SaleClosed",
    ]
    assert TransferCodeAccepted.barrier


def test_the_tags_salt_is_the_codes() -> None:
    shop, card = at_account()
    shop.type(shop.code(card, 2))
    salt = code_cmac(card.serial, card.meter, 2, 100_00, shop.generation)[8:10]
    assert tag_on(card) == tag_made(card, 2, 100_00, salt)


def test_chosen_before_the_card_the_digits_are_asked_for_as_soon_as_it_is_read() -> None:
    shop, card = CodeShop(), Card()
    shop.press("tender", "code")
    assert (shop.view.phase, shop.view.params["asked"]) == ("attract", "code")
    shop.insert(card)
    assert shop.view.phase == "code"
    shop.press("code", shop.code(card, 2))
    assert shop.view.phase == "done"


# ---------------------------------------------------------------- the waiting order


def test_a_waiting_order_is_the_first_offer_and_is_collected_with_one_key() -> None:
    shop, card = CodeShop(), Card()
    shop.listed(shop.order(card, 2, 50_00, name="A7"))
    shop.insert(card)
    assert shop.view.offers[0] == Offer("order", "A7")
    assert shop.view.params["order_minor"] == 50_00
    shop.press("order", "A7")
    assert (shop.view.phase, shop.view.figure_minor) == ("done", 50_00)
    (taken,) = [fact for fact in shop.facts() if isinstance(fact, TransferCodeAccepted)]
    assert (taken.order, taken.n, taken.amount_minor) == ("A7", 2, 50_00)


def test_an_order_and_its_code_are_one_record() -> None:
    """Collected here with a key, there with twenty digits: the same tag."""
    listed, typed, card, twin = CodeShop(), CodeShop(), Card(), Card()
    listed.listed(listed.order(card, 2))
    listed.insert(card)
    listed.press("order", "A1")
    typed.insert(twin)
    typed.type(typed.code(twin, 2))
    assert tag_on(card) == tag_on(twin)
    assert [f.tag for f in listed.facts() if isinstance(f, CardVerified)] == [f.tag for f in typed.facts() if isinstance(f, CardVerified)]


def test_an_order_for_another_slot_or_card_is_not_offered() -> None:
    shop, card = CodeShop(), Card()
    shop.listed(shop.order(card, 3), shop.order(Card(serial="99" * 8), 2, name="A2"), shop.order(card, 1, name="A3"))
    shop.insert(card)
    assert "order" not in {offer.choice for offer in shop.view.offers}
    assert shop.view.params["order_minor"] == 0


def test_a_list_is_written_down_once_and_read_again_after_a_restart() -> None:
    shop, card = CodeShop(), Card()
    order = shop.order(card, 2)
    shop.listed(order)
    shop.listed(order)
    assert [fact.order for fact in shop.facts() if isinstance(fact, OrderListed)] == ["A1"]
    assert str(order.mac) not in rows_text(shop)
    shop.start()
    assert not shop.state.here.orders
    shop.listed(order)
    assert list(shop.state.here.orders) == ["A1"]


def test_a_list_that_the_journal_does_not_name_is_not_taken() -> None:
    shop, card = CodeShop(), Card()
    facts = shop.tell(OrdersRead((shop.order(card, 2),), CodeFloat(), "ab" * 32))
    assert [type(fact) for fact in facts] == [Ignored]
    assert not shop.state.here.orders


def test_an_order_is_offered_even_to_a_card_that_had_its_cash_sales_today() -> None:
    shop, _ = bought_twice()
    assert Offer("tender", "cash") not in shop.view.offers
    shop.press("order", "A1")
    assert shop.view.phase == "done"


def bought_twice() -> tuple[CodeShop, Card]:
    """A card that had its two sales of today lies in the slot again, and an order waits for its next purchase."""
    shop, card = at_account()
    for _ in range(2):
        shop.feed(50_00)
        shop.press("finish")
        shop.pull()
        card.into_meter()
        shop.insert(card)
    assert (shop.view.phase, shop.view.params["why"]) == ("refused", "day")
    shop.pull()
    shop.listed(shop.order(card, 4))
    shop.insert(card)
    assert shop.view.phase == "account"
    return shop, card


def test_a_card_that_had_its_sales_today_gets_its_notes_back_while_an_order_waits_for_it() -> None:
    """Found by the simulation with the limits on (seed 17): an order kept the account screen up, and the acceptors stayed open with it."""
    shop, _ = bought_twice()
    stance = sale.stance(shop.rules, shop.state)
    assert (stance.notes, stance.coins) == ((), ())
    shop.feed(50_00)
    assert shop.state.sale is None
    assert shop.accepted["notes"] == 2


def test_a_coin_that_falls_all_the_same_begins_no_sale() -> None:
    shop, _ = bought_twice()
    shop.coin()
    assert shop.state.sale is None
    assert [fact.amount_minor for fact in shop.facts() if isinstance(fact, OrphanCredit)] == [1_00]


def test_nobody_is_asked_to_go_on_and_pays_then() -> None:
    """The screen that asks whether somebody is still there comes after the account's time is over."""
    shop, _ = bought_twice()
    while shop.view.phase == "account":
        shop.wait(1)
    assert shop.view.phase == "still"
    assert sale.stance(shop.rules, shop.state).notes == ()
    shop.feed(20_00)
    assert shop.state.sale is None


def test_the_order_of_such_a_card_is_collected_all_the_same() -> None:
    shop, card = bought_twice()
    shop.feed(50_00)
    shop.press("order", "A1")
    assert shop.view.phase == "done"
    card.into_meter()
    assert card.credited[-1] == 100_00


# ---------------------------------------------------------------- exactly once, on any machine


def torn_at(shop: CodeShop, card: Card, whole: int, upto: int) -> None:
    """Acceptance, `whole` of the record's writes and `upto` bytes of the next; and then the card is out."""
    shop.press("tender", "code")
    shop.press("code", shop.code(card, 2), work=False)
    job = collect.job(shop.state)
    assert job
    shop.tell(answered_by(shop.vault, job))
    arm = shop.job()
    assert arm
    shop.do(arm, card)
    write = shop.job()
    assert write
    updates = shop.updates(write, card)
    for update in updates[:whole]:
        card.write(update)
    if whole < len(updates):
        card.write(updates[whole], upto)
    shop.pull()


TEARS = [*((0, upto) for upto in range(11)), *((1, upto) for upto in range(8)), *((2, upto) for upto in range(8)), (3, 0)]
"""Of mark, load and commit, before each byte; and after the last."""


@pytest.mark.parametrize("first_back", [False, True])
@pytest.mark.parametrize(("whole", "upto"), TEARS)
def test_torn_in_one_machine_and_typed_in_another_it_is_credited_once(whole: int, upto: int, first_back: bool) -> None:
    one, two, card = CodeShop(), CodeShop(), Card()
    one.insert(card)
    torn_at(one, card, whole, upto)
    two.insert(card)
    if two.view.phase == "account":
        two.type(two.code(card, 2))
    assert two.view.phase in {"done", "refused"}
    two.pull()
    if first_back:
        one.insert(card)
        one.pull()
    card.into_meter()
    assert card.credited == [100_00]
    for shop in (one, two):
        shop.insert(card)
        shop.pull()
        card.into_meter()
    assert card.credited == [100_00]
    tags = {fact.tag for shop in (one, two) for fact in shop.facts() if isinstance(fact, WriteStarted)}
    assert tags == {tag_made(card, 2, 100_00, code_cmac(card.serial, card.meter, 2, 100_00, one.generation)[8:10])}


def test_used_at_one_machine_it_does_nothing_at_the_next() -> None:
    one, two, card = CodeShop(), CodeShop(), Card()
    text = one.code(card, 2)
    one.insert(card)
    one.type(text)
    one.pull()
    card.into_meter()
    two.insert(card)
    two.type(text)
    assert two.said() == "used"
    assert not collected(two)


def test_before_its_meter_the_card_is_refused_as_always() -> None:
    one, two, card = CodeShop(), CodeShop(), Card()
    one.insert(card)
    one.type(one.code(card, 2))
    one.pull()
    two.insert(card)
    assert (two.view.phase, two.view.params["why"]) == ("refused", "untaken")


@pytest.mark.parametrize("after", ["TransferCodeAccepted", "TenderClosed", "ReturnFileArchived", "WriteStarted"])
def test_power_that_fails_after_acceptance_costs_nothing(after: str) -> None:
    shop, card = at_account()
    shop.type(shop.code(card, 2))
    cut = shop.kinds().index(after) + 1
    replayed, blank = CodeShop(), Card()
    replayed.rows, replayed.boot = shop.rows[:cut], shop.boot
    replayed.card = blank
    replayed.start()
    assert replayed.view.phase == "done"
    assert tag_on(blank) == tag_on(card)
    blank.into_meter()
    assert blank.credited == [100_00]


def test_a_card_pulled_after_acceptance_gives_a_slip_and_lands_later() -> None:
    shop, card = at_account()
    shop.press("tender", "code")
    shop.press("code", shop.code(card, 2), work=False)
    job = collect.job(shop.state)
    assert job
    shop.tell(answered_by(shop.vault, job))
    shop.pull()
    assert shop.view.phase == "unsure"
    shop.wait(181)
    assert (shop.view.phase, shop.view.figure_minor) == ("claim", 100_00)
    shop.press("slip_taken")
    shop.insert(card)
    assert shop.view.phase == "done"
    assert any(isinstance(fact, ClaimSettled) for fact in shop.facts())
    card.into_meter()
    assert card.credited == [100_00]


def test_no_note_or_coin_comes_into_a_codes_sale() -> None:
    shop, card = at_account()
    shop.press("tender", "code")
    shop.press("code", shop.code(card, 2), work=False)
    job = collect.job(shop.state)
    assert job
    shop.tell(answered_by(shop.vault, job))
    assert sale.stance(shop.rules, shop.state).notes == ()
    shop.coin()
    assert shop.kinds()[-1] != "CoinAccepted"
    assert "OrphanCredit" in shop.kinds()
    (closed,) = collected(shop)
    assert closed.tender_minor == closed.credit_minor == 100_00


@pytest.mark.parametrize("at_home", [False, True])
@pytest.mark.parametrize("claimed", [False, True])
def test_accepted_here_and_collected_there_it_is_found_landed_here(claimed: bool, at_home: bool) -> None:
    """No slip for money that is on the card already."""
    one, two, card = CodeShop(), CodeShop(), Card()
    one.insert(card)
    one.press("tender", "code")
    one.press("code", one.code(card, 2), work=False)
    job = collect.job(one.state)
    assert job
    one.tell(answered_by(one.vault, job))
    one.pull()
    if claimed:
        one.wait(181)
        one.press("slip_taken")
    two.insert(card)
    two.type(two.code(card, 2))
    two.pull()
    if at_home:
        card.into_meter()
    one.insert(card)
    ends = [
        fact.how if isinstance(fact, ClaimSettled) else fact.outcome for fact in one.facts() if isinstance(fact, ClaimSettled | SaleClosed)
    ]
    assert ends == (["claimed", "landed_elsewhere"] if claimed else ["landed"])
    assert not one.state.claims
    assert not any(isinstance(fact, WriteStarted) for fact in one.facts())
    one.pull()
    card.into_meter()
    assert card.credited == [100_00]


def test_another_record_in_the_codes_slot_is_not_taken_for_it() -> None:
    one, two, card = CodeShop(), CodeShop(), Card()
    one.insert(card)
    one.press("tender", "code")
    one.press("code", one.code(card, 2), work=False)
    job = collect.job(one.state)
    assert job
    one.tell(answered_by(one.vault, job))
    one.pull()
    two.insert(card)
    two.feed(100_00)
    two.press("finish")
    two.pull()
    one.insert(card)
    (closed,) = collected(one)
    assert (closed.outcome, closed.claim_minor) == ("claimed", 100_00)
