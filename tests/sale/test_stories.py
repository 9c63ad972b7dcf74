"""One recharge and everything that can come between, told as stories of a customer."""

from typing import get_args

import pytest

from kiosk.link import WORDS
from kiosk.vend import seen
from kiosk.vend.facts import ClaimIssued, ClaimSettled, PrintStarted, SaleClosed
from kiosk.vend.limits import Allowed
from tests.sale.shop import CUSTOMER, Card, Shop, torn


def closed(shop: Shop) -> list[SaleClosed]:
    return [fact for fact in shop.facts() if isinstance(fact, SaleClosed)]


def test_a_customer_pays_150_and_140_is_on_the_card() -> None:
    shop, card = Shop(), Card()
    assert shop.view.phase == "attract"
    shop.insert(card)
    assert (shop.view.phase, shop.view.figure_minor) == ("account", 12_40)
    shop.feed(100_00)
    shop.feed(50_00)
    assert (shop.view.phase, shop.view.figure_minor, shop.view.place) == ("insert", 150_00, "machine")
    shop.press("finish")
    assert (shop.view.phase, shop.view.place, shop.view.figure_minor) == ("done", "card", 145_00)
    (sale,) = closed(shop)
    assert (sale.outcome, sale.tender_minor, sale.credit_minor, sale.n) == ("landed", 150_00, 145_00, 2)
    assert sum(line.amount_minor for line in sale.lines if line.summed) == 150_00
    shop.press("receipt", "paper")
    shop.press("finish")
    assert shop.view.phase == "take_card"
    shop.pull()
    assert shop.view.phase == "attract"
    card.into_meter()
    assert card.credited == [145_00]


def test_the_journal_of_a_sale_has_the_facts_in_their_order() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00)
    shop.press("finish")
    tail = shop.kinds()[shop.kinds().index("CardPresented") :]
    assert tail == [
        "CardPresented",
        "SaleOpened",
        "NoteEscrowed",
        "NoteStacked",
        "TenderClosed",
        "ReturnFileArchived",
        "WriteStarted",
        "CardVerified",
        "SaleClosed",
    ]


@pytest.mark.covers("rule-13")
def test_a_card_whose_last_purchase_was_not_taken_is_refused_before_money() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.press("finish")
    shop.pull()
    shop.insert(card)
    assert (shop.view.phase, shop.view.params["why"], shop.view.place) == ("refused", "untaken", "card")
    shop.feed(50_00)
    assert len(closed(shop)) == 1
    assert shop.state.sale is None


@pytest.mark.covers("failure-26", "abuse-9")
def test_a_card_pulled_during_the_write_is_finished_when_it_comes_back() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.press("finish", work=False)
    job = shop.job()
    assert job
    assert job.do == "arm"
    shop.do(job, card)
    job = shop.job()
    assert job
    assert job.do == "write"
    for update in shop.updates(job, card)[:-1]:
        card.write(update)
    shop.pull()
    assert (shop.view.phase, shop.view.place, shop.view.held, shop.view.figure_minor) == ("unsure", "between", True, 100_00)
    other = Card(serial="99" * 8, meter="000012345679")
    shop.insert(other)
    assert (shop.view.phase, shop.view.params["other_tail"]) == ("unsure", "9999")
    shop.pull()
    shop.insert(card)
    assert shop.view.phase == "done"
    card.into_meter()
    assert card.credited == [95_00]


@pytest.mark.parametrize("told", ["slot", "reader", "job"])
def test_a_card_that_is_lost_in_the_write_is_torn_whoever_tells_it_first(told: str) -> None:
    """The slot's thread and the writing one race; the customer is told the same."""
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.press("finish", work=False)
    job = shop.job()
    assert job
    shop.do(job, card)
    job = shop.job()
    assert job
    out, down = seen.CardOut(job.token), seen.ReaderDown("no_service")
    broken = seen.CardWorked(job.token, job.id, done=False, why="torn")
    first = {"slot": out, "reader": down, "job": broken}[told]
    for each in (first, out, down, broken):
        shop.tell(each)
    assert (shop.view.phase, shop.view.params["why"]) == ("unsure", "torn")
    assert shop.kinds().count("CardUnsure") == 1


@pytest.mark.covers("rule-20")
def test_a_card_that_stays_away_gives_a_slip_and_is_paid_first_when_it_comes_back() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.pull()
    assert shop.view.phase == "unsure"
    shop.wait(181)
    assert (shop.view.phase, shop.view.figure_minor, shop.view.params["printed"]) == ("claim", 100_00, True)
    shop.press("slip_taken")
    assert shop.view.phase == "attract"
    shop.insert(card)
    assert shop.view.phase == "done"
    assert shop.kinds().count("ClaimSettled") == 1
    card.into_meter()
    assert card.credited == [95_00]


def test_a_claim_whose_slot_was_taken_leaves_the_card_free_to_buy() -> None:
    shop, elsewhere, card = Shop(), Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.pull()
    shop.wait(181)
    shop.press("slip_taken")
    elsewhere.insert(card)
    elsewhere.feed(50_00)
    elsewhere.press("finish")
    card.into_meter()
    shop.insert(card)
    assert (shop.view.phase, card.credited) == ("account", [45_00])
    assert len(shop.state.claims) == 1


def test_another_machines_torn_purchase_is_finished_without_asking() -> None:
    first, second, card = Shop(), Shop(), Card()
    torn(first, card)
    second.insert(card)
    assert (second.view.phase, second.view.figure_minor, second.view.params["foreign"]) == ("done", 95_00, True)
    assert not second.facts("SaleOpened")
    card.into_meter()
    assert card.credited == [95_00]
    first.insert(card)
    assert first.view.phase == "done"
    assert [fact.outcome for fact in closed(first)] == ["landed"]


def test_a_claim_that_another_machine_landed_is_settled_and_the_card_may_buy() -> None:
    shop, elsewhere, card = Shop(), Shop(), Card()
    torn(shop, card)
    shop.press("no_card")
    shop.press("slip_taken")
    elsewhere.insert(card)
    elsewhere.pull()
    shop.insert(card)
    assert (shop.view.phase, shop.view.params["why"]) == ("refused", "untaken")
    assert [x.how for x in shop.facts() if isinstance(x, ClaimSettled)] == ["landed_elsewhere"]
    shop.pull()
    card.into_meter()
    shop.insert(card)
    assert (shop.view.phase, card.credited) == ("account", [95_00])


@pytest.mark.covers("abuse-13")
def test_a_card_that_says_9000_and_does_not_store_is_written_twice_and_then_unsure() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    card.stores = False
    shop.feed(100_00)
    shop.press("finish")
    assert (shop.view.phase, shop.view.params["why"]) == ("unsure", "does_not_store")
    shop.press("no_card")
    assert [x.why for x in shop.facts() if isinstance(x, ClaimIssued)] == ["does_not_store"]


@pytest.mark.covers("failure-33")
def test_nobody_presses_anything_with_money_in() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(20_00)
    shop.wait(61)
    assert shop.view.phase == "still"
    shop.wait(21)
    assert shop.view.phase == "done"
    shop.wait(31)
    assert shop.view.phase == "take_card"
    assert shop.kinds().count("PrintStarted") == 1


def test_a_choice_made_on_an_older_screen_is_ignored_and_counted() -> None:
    shop = Shop()
    shop.insert(Card())
    turn = shop.state.here.turn
    shop.feed(50_00)
    before = shop.state.here.ignored
    shop.tell(seen.Choice(turn, "cancel"))
    assert shop.view.phase == "insert"
    assert shop.state.here.ignored == before + 1


def test_cancel_without_money_closes_and_gives_the_card_back() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.press("tender", "cash")
    assert (shop.view.phase, shop.view.figure_minor) == ("insert", 0)
    shop.press("cancel")
    assert shop.view.phase == "take_card"
    assert [x.outcome for x in closed(shop)] == ["cancelled"]


def test_replay_gives_the_same_state_but_for_what_stands_here() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.press("finish")
    before = shop.state
    shop.start()
    for name in ("sale", "claims", "acceptors", "boxes", "cards", "debts_paid", "orphans", "number"):
        assert getattr(shop.state, name) == getattr(before, name), name


@pytest.mark.covers("failure-17")
def test_a_receipt_of_which_nobody_knows_is_printed_again_whole_as_a_copy_with_its_number() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00)
    shop.press("finish")
    shop.outcome = "unknown"
    shop.press("receipt", "paper")
    assert shop.view.params["receipt"] == "unknown"
    shop.outcome = "printed"
    shop.press("receipt", "paper")
    papers = [x for x in shop.facts() if isinstance(x, PrintStarted)]
    assert [(x.number, x.copy) for x in papers] == [(1, 0), (1, 1)]
    shop.press("receipt", "paper")
    assert len([x for x in shop.facts() if isinstance(x, PrintStarted)]) == 2


@pytest.mark.covers("rule-4", "abuse-16")
def test_a_card_that_bought_twice_today_or_whose_meter_is_full_is_refused_before_money() -> None:
    shop, card = Shop(), Card()
    for _ in range(2):
        shop.insert(card)
        shop.feed(20_00)
        shop.press("finish")
        shop.pull()
        card.into_meter()
    shop.insert(card)
    assert (shop.view.phase, shop.view.params["why"]) == ("refused", "day")
    full = Shop(allowed=Allowed(hoard_minor=12_50))
    full.insert(Card())
    assert (full.view.phase, full.view.params["why"]) == ("refused", "hoard")


@pytest.mark.covers("abuse-54")
def test_the_next_customer_sees_nothing_of_the_one_before() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.pull()
    shop.press("no_card")
    shop.press("slip_taken")
    shown = repr(shop.view)
    assert shop.view.phase == "attract"
    assert not any(word in shown for word in (card.serial[-4:], card.meter[-4:], CUSTOMER[-4:]))
    shop.start()
    assert not any(word in repr(shop.view) for word in (card.serial[-4:], card.meter[-4:]))


@pytest.mark.covers("rule-21", "rule-23")
def test_no_word_of_the_screen_gives_money_out_or_takes_a_finished_sale_back() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(50_00)
    for word in get_args(WORDS):
        if word not in ("finish", "stop", "add_more"):
            shop.press(word)
    assert (shop.view.phase, shop.view.figure_minor) == ("insert", 50_00)
    shop.press("finish")
    before = shop.kinds()
    for word in get_args(WORDS):
        if word not in ("receipt", "finish"):
            shop.press(word)
    assert shop.kinds() == before


@pytest.mark.covers("abuse-12")
def test_an_old_purchase_copied_back_onto_the_card_is_worth_nothing() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.press("finish")
    shop.pull()
    before = dict(card.files)
    card.into_meter()
    card.files = before
    shop.insert(card)
    assert (shop.view.phase, shop.view.params["why"]) == ("refused", "untaken")
    card.into_meter()
    assert card.credited == [95_00]


def test_while_the_card_of_paid_money_is_read_again_nothing_cancels() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.pull()
    shop.tell(seen.CardIn("again", "3b00"))
    assert (shop.view.phase, shop.view.offers) == ("reading", ())
