"""Every answer that a code can get, what codes may be worth here, and fingers, pulled cards and strange words."""

import msgspec
import pytest

from kiosk.vend import collect
from kiosk.vend.codes import LISTED_KEPT, CodeFloat, Codes, OrderListed, TransferCodeRefused, fold
from kiosk.vend.facts import Row, SaleClosed, SaleOpened
from kiosk.vend.limits import Allowed
from kiosk.vend.passing import Ignored
from kiosk.vend.seen import Choice, CodeChecked, Trusted
from kiosk.vend.trust import FloatGranted, HotlistInstalled, LimitsInstalled, Unlocked
from kiosk.vend.view import Offer
from tests.codes.kit import CodeShop, answered_by, other, proof, rows_text
from tests.sale.shop import Card


def collected(shop: CodeShop) -> list[SaleClosed]:
    return [fact for fact in shop.facts() if isinstance(fact, SaleClosed) and any(one.device == "codes" for one in fact.tenders)]


def at_account(**changes: object) -> tuple[CodeShop, Card]:
    shop, card = CodeShop(**changes), Card()
    shop.insert(card)
    return shop, card


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


@pytest.mark.covers("field-85")
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


@pytest.mark.covers("field-85")
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


@pytest.mark.covers("field-83")
@pytest.mark.parametrize(
    ("back", "said"), [(1, "done"), (-1, "done"), (2, "old"), (4, "old"), (-2, "behind"), (-5, "behind"), (5, "behind")]
)
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


@pytest.mark.covers("field-82")
def test_a_code_five_counts_old_is_wrong_for_this_card() -> None:
    shop, card = CodeShop(), Card(count=6)
    card.files[2] = bytes(4) + (6).to_bytes(4)
    shop.insert(card)
    shop.type(shop.code(card, 3))
    assert shop.said() == "passed"
    shop.type(shop.code(card, 2))
    assert shop.said() == "card"


@pytest.mark.covers("field-87")
def test_of_more_listed_orders_than_are_remembered_the_oldest_is_written_down_again() -> None:
    codes, row = Codes(), Row(1, 0, 1, 0, "00" * 32)
    for number in range(LISTED_KEPT + 1):
        codes = fold(codes, OrderListed(f"A{number}", "11" * 8, "0" * 12, 2, 1, 690), row)
    assert len(codes.listed) == LISTED_KEPT
    assert "A0" not in codes.listed
