"""A code at a machine that nobody can reach: typed or listed, once on any of them, and every answer that it can get."""

import msgspec
import pytest

from kiosk.vend import collect, sale
from kiosk.vend.codes import CodeFloat, OrderListed, TransferCodeRefused
from kiosk.vend.facts import CardVerified, ClaimSettled, SaleClosed, SaleOpened, Tender, TransferCodeAccepted, WriteStarted
from kiosk.vend.limits import Allowed
from kiosk.vend.passing import Ignored
from kiosk.vend.seen import Choice, CodeChecked, OrdersRead, Trusted
from kiosk.vend.trust import FloatGranted, HotlistInstalled, LimitsInstalled, Unlocked
from kiosk.vend.view import Offer
from tests.codes.kit import CodeShop, answered_by, code_cmac, other, proof, rows_text, tag_made, tag_on
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
    shop, card = at_account()
    for _ in range(2):
        shop.feed(50_00)
        shop.press("finish")
        shop.press("finish")
        shop.pull()
        card.into_meter()
        shop.insert(card)
    assert (shop.view.phase, shop.view.params["why"]) == ("refused", "day")
    shop.pull()
    shop.listed(shop.order(card, 4))
    shop.insert(card)
    assert shop.view.phase == "account"
    assert Offer("tender", "cash") not in shop.view.offers
    shop.press("order", "A1")
    assert shop.view.phase == "done"


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


# ---------------------------------------------------------------- every answer


def test_a_code_of_another_card_is_a_try_and_its_digits_are_nowhere() -> None:
    shop, card = at_account()
    foreign = shop.code(Card(serial="99" * 8), 2)
    shop.type(foreign)
    assert (shop.said(), shop.view.params["tries"]) == ("card", 4)
    (refused,) = [fact for fact in shop.facts() if isinstance(fact, TransferCodeRefused)]
    assert msgspec.structs.replace(refused, business_date="") == TransferCodeRefused(card.serial, "card", "")
    assert foreign[9:19] not in rows_text(shop)
    assert foreign[9:19] not in msgspec.json.encode(shop.state).decode()


def test_after_five_wrong_codes_the_card_waits_until_tomorrow() -> None:
    shop, card = at_account()
    for left in (4, 3, 2, 1):
        shop.type(other(shop.code(card, 2)))
        assert (shop.said(), shop.view.params["tries"]) == ("card", left)
    shop.type(other(shop.code(card, 2)))
    assert shop.said() == "shut"
    shop.press("cancel")
    shop.press("tender", "code")
    assert shop.said() == "shut"
    checked = shop.checked
    shop.start()
    shop.press("tender", "code")
    assert (shop.said(), shop.checked) == ("shut", checked)
    shop.pull()
    shop.later(24)
    shop.insert(card)
    shop.type(shop.code(card, 2))
    assert shop.view.phase == "done"


def test_a_wrong_check_digit_is_no_try_and_asks_no_vault() -> None:
    shop, card = at_account()
    text = shop.code(card, 2)
    shop.type(text[:19] + str((int(text[19]) + 1) % 10))
    assert (shop.view.phase, shop.said(), shop.checked) == ("code", "", 0)
    assert not shop.facts("TransferCodeRefused")


def test_after_twenty_wrong_codes_in_all_one_in_ten_minutes() -> None:
    shop = CodeShop()
    cards = [Card(serial=f"{i:016x}", meter=f"{i:012}") for i in range(1, 6)]
    for card in cards[:4]:
        shop.insert(card)
        for _ in range(5):
            shop.type(other(shop.code(card, 2)))
        shop.pull()
    shop.insert(cards[4])
    shop.press("tender", "code")
    assert shop.said() == "shut"
    shop.pull()
    shop.later(0.2)
    shop.insert(cards[4])
    shop.type(shop.code(cards[4], 2))
    assert shop.view.phase == "done"


def test_a_code_for_the_next_but_one_comes_after_the_earlier() -> None:
    shop, card = at_account()
    shop.type(shop.code(card, 3))
    assert (shop.said(), shop.view.figure_minor) == ("early", 100_00)
    shop.type(shop.code(card, 2))
    assert shop.view.phase == "done"


@pytest.mark.parametrize(("back", "said"), [(1, "done"), (-1, "done"), (2, "old"), (4, "old"), (-2, "behind"), (-5, "behind")])
def test_the_generations_before_now_and_next_are_good(back: int, said: str) -> None:
    shop, card = at_account()
    shop.type(shop.code(card, 2, back=back))
    assert said in {shop.view.phase, shop.said()}


def test_a_generation_that_this_machines_store_has_not_is_its_own_fault() -> None:
    shop, card = CodeShop(), Card()
    present = shop.generation
    shop.tell(Trusted(Unlocked("card", "trade", "ab" * 8, 1, 1, shop.wall_ms() + 10**9, (), codes=(present - 2, present - 1, present))))
    shop.insert(card)
    shop.type(shop.code(card, 2, back=-1))
    assert shop.said() == "behind"
    shop.type(shop.code(card, 2))
    assert shop.view.phase == "done"


def test_a_store_without_code_keys_offers_no_codes() -> None:
    shop, card = CodeShop(), Card()
    shop.tell(Trusted(Unlocked("card", "trade", "ab" * 8, 1, 1, shop.wall_ms() + 10**9, ())))
    assert Offer("tender", "code") not in shop.view.offers
    shop.insert(card)
    assert Offer("tender", "code") not in shop.view.offers


def test_a_closed_generation_is_too_old_and_the_next_is_good() -> None:
    shop, card = CodeShop(), Card()
    shop.tell(Trusted(LimitsInstalled(1, 1, {"code_generation_min": shop.generation + 1})))
    shop.insert(card)
    shop.type(shop.code(card, 2))
    assert shop.said() == "old"
    shop.type(shop.code(card, 2, back=-1))
    assert shop.view.phase == "done"


def test_a_meter_that_would_be_too_full_says_how_much_more_it_takes() -> None:
    shop, card = CodeShop(allowed=Allowed(hoard_minor=52_40)), Card()
    shop.insert(card)
    shop.type(shop.code(card, 2))
    assert (shop.said(), shop.view.params["room_minor"]) == ("room", 40_00)
    assert not collected(shop)


def test_a_passed_code_shows_the_proof_that_another_record_took_its_slot() -> None:
    shop, card = at_account()
    text = shop.code(card, 2)
    shop.feed(50_00)
    shop.press("finish")
    shop.press("finish")
    shop.pull()
    card.into_meter()
    shop.insert(card)
    shop.type(text)
    assert (shop.said(), shop.view.params["purchase"], shop.view.params["following"]) == ("passed", "2", "3")
    assert shop.view.params["proof"] == proof(card.serial, card.meter, 2, text[9:19], another=True)
    (refused,) = [fact for fact in shop.facts() if isinstance(fact, TransferCodeRefused)]
    assert (refused.why, refused.n, refused.another) == ("passed", 2, True)


def test_a_used_code_shows_the_proof_that_it_was_this_order() -> None:
    shop, card = at_account()
    text = shop.code(card, 2)
    shop.type(text)
    shop.press("finish")
    shop.pull()
    card.into_meter()
    shop.insert(card)
    shop.type(text)
    assert (shop.said(), shop.view.place) == ("used", "meter")
    assert shop.view.params["proof"] == proof(card.serial, card.meter, 2, text[9:19], another=False)


def test_a_code_far_behind_has_no_proof_to_show() -> None:
    shop, card = CodeShop(), Card(count=4)
    card.files[2] = bytes(4) + (4).to_bytes(4)
    shop.insert(card)
    shop.type(shop.code(card, 2))
    assert (shop.said(), shop.view.params["proof"]) == ("passed", "")


def test_a_count_that_the_card_never_had_is_wrong_and_asks_no_vault() -> None:
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.type(shop.code(card, 9))
    assert (shop.said(), shop.checked) == ("card", 0)


# ---------------------------------------------------------------- what codes may be worth here


def test_a_code_on_no_list_spends_its_own_float_and_no_cash_float() -> None:
    shop, card = CodeShop(), Card()
    shop.tell(Trusted(FloatGranted(1, 500_00, shop.wall_ms() + 10**9)))
    shop.listed(code_float=CodeFloat(150_00, shop.wall_ms() + 10**9))
    shop.insert(card)
    shop.type(shop.code(card, 2))
    assert shop.view.phase == "done"
    assert (shop.state.float_held.whole_minor, shop.state.codes.float_held.whole_minor) == (500_00, 50_00)
    shop.press("finish")
    shop.pull()
    card.into_meter()
    shop.insert(card)
    shop.type(shop.code(card, 3))
    assert shop.said() == "shut"
    shop.listed(code_float=CodeFloat(150_00, shop.wall_ms() + 10**9))
    assert shop.state.codes.float_held.whole_minor == 50_00
    shop.listed(code_float=CodeFloat(150_00, shop.wall_ms() + 10**9), version=2)
    shop.type(shop.code(card, 3))
    assert shop.view.phase == "done"


def test_with_an_office_and_no_float_for_codes_only_listed_ones_are_taken() -> None:
    shop, card = CodeShop(office=True), Card()
    shop.tell(Trusted(FloatGranted(1, 500_00, shop.wall_ms() + 10**9)))
    shop.tell(Trusted(HotlistInstalled(1, 1, shop.wall_ms(), 0, "ab" * 32)))
    shop.insert(card)
    shop.type(shop.code(card, 2))
    assert shop.said() == "shut"
    shop.listed(shop.order(card, 2))
    shop.press("cancel")
    shop.press("order", "A1")
    assert shop.view.phase == "done"


def test_a_code_on_no_list_has_a_lower_cap() -> None:
    shop, card = at_account()
    shop.type(shop.code(card, 2, 250_00))
    assert shop.said() == "shut"
    shop.press("cancel")
    shop.listed(shop.order(card, 2, 250_00))
    shop.type(shop.code(card, 2, 250_00))
    assert shop.view.phase == "done"


def test_a_spent_cash_float_does_not_stop_codes() -> None:
    shop, card = CodeShop(), Card()
    shop.tell(Trusted(FloatGranted(1, 50, shop.wall_ms() + 10**9)))
    assert (shop.view.phase, Offer("tender", "code") in shop.view.offers) == ("out", True)
    shop.press("tender", "code")
    shop.insert(card)
    shop.type(shop.code(card, 2))
    assert shop.view.phase == "done"


# ---------------------------------------------------------------- fingers, pulled cards, strange input


def test_a_second_enter_while_the_vault_checks_is_ignored() -> None:
    shop, card = at_account()
    shop.press("tender", "code")
    turn, text = shop.state.here.turn, other(shop.code(card, 2))
    shop.tell(Choice(turn, "code", text))
    facts = shop.tell(Choice(turn, "code", text))
    assert [type(fact) for fact in facts] == [Ignored]
    shop.work()
    facts = shop.tell(Choice(turn, "code", text))
    assert [type(fact) for fact in facts] == [Ignored]
    assert shop.kinds().count("TransferCodeRefused") == 1


def test_a_card_pulled_while_its_code_is_checked_leaves_nothing() -> None:
    shop, card = at_account()
    shop.press("tender", "code")
    shop.press("code", shop.code(card, 2), work=False)
    job = collect.job(shop.state)
    assert job
    shop.pull()
    facts = shop.tell(answered_by(shop.vault, job))
    assert [type(fact) for fact in facts] == [Ignored]
    shop.insert(Card(serial="99" * 8, meter="000012345679"))
    facts = shop.tell(answered_by(shop.vault, job))
    assert [type(fact) for fact in facts] == [Ignored]
    assert not shop.facts("SaleOpened")


@pytest.mark.parametrize(
    "strange",
    [
        "",
        "1",
        "0" * 20,
        "7" * 21,
        "7800 1000 0528 8620 6546",
        "\u0667" * 20,
        "-7800100005288620654",
        "typed",
        "again\n",
        "9" * 60_000,
        "7.8e3",
        "\u00b2" * 20,
    ],
)
def test_strange_words_through_the_screens_socket_change_nothing(strange: str) -> None:
    shop, _ = at_account()
    shop.press("tender", "code")
    rows, view = len(shop.rows), shop.view
    facts = shop.tell(Choice(shop.state.here.turn, "code", strange))
    assert [type(fact) for fact in facts] == [Ignored]
    assert (len(shop.rows), shop.view.params, shop.view.phase) == (rows, view.params, "code")


def test_a_vault_that_gives_no_answer_takes_no_code_and_the_code_stays_good() -> None:
    shop, card = at_account()
    shop.press("tender", "code")
    shop.press("code", shop.code(card, 2), work=False)
    shop.tell(CodeChecked(shop.state.here.jobs, why="no_key"))
    assert shop.said() == "shut"
    assert not shop.facts("TransferCodeRefused")


def test_a_vault_that_hangs_is_not_waited_for() -> None:
    shop, card = at_account()
    shop.press("tender", "code")
    shop.press("code", shop.code(card, 2), work=False)
    shop.work = lambda: None  # type: ignore[method-assign]
    shop.wait(11)
    assert shop.said() == "shut"
    assert not shop.facts("SaleOpened")


def test_whoever_types_slowly_is_asked_and_goes_on() -> None:
    shop, _ = at_account()
    shop.press("tender", "code")
    shop.wait(91)
    assert shop.view.phase == "still"
    shop.press("more_time")
    assert shop.view.phase == "code"
    shop.press("cancel")
    assert shop.view.phase == "account"


def test_an_answer_that_nobody_reads_gives_the_account_back() -> None:
    shop, card = at_account()
    shop.type(other(shop.code(card, 2)))
    shop.wait(31)
    assert shop.view.phase == "account"


def test_cash_can_be_chosen_instead() -> None:
    shop, card = at_account()
    shop.type(other(shop.code(card, 2)))
    shop.press("tender", "cash")
    assert shop.view.phase == "insert"
    (opened,) = [fact for fact in shop.facts() if isinstance(fact, SaleOpened)]
    assert opened.quote.fixed_fee_minor
