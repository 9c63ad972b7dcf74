"""Money in: notes, coins, limits, power cuts and acceptors that were away, told as stories of a customer."""

import pytest

from kiosk.vend import seen
from kiosk.vend.facts import NoteStacked, OrphanCredit, SaleClosed
from tests.sale.shop import Card, Shop


def closed(shop: Shop) -> list[SaleClosed]:
    return [fact for fact in shop.facts() if isinstance(fact, SaleClosed)]


def test_a_power_cut_with_money_in_ends_with_the_money_on_the_card() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.start()
    assert shop.view.phase == "done"
    card.into_meter()
    assert card.credited == [95_00]


def test_a_power_cut_with_a_note_in_escrow_is_resolved_by_the_acceptors_counter() -> None:
    for grown in (0, 1):
        shop, card = Shop(), Card()
        shop.insert(card)
        shop.feed(50_00)
        shop.feed(100_00, stack=False)
        assert shop.view.params["checking"] == 100_00
        shop.accepted["notes"] = (shop.accepted["notes"] or 0) + grown
        shop.counters["notes"] = 0
        shop.start(acceptors=False)
        assert shop.view.phase == "interrupted"
        shop.tell(seen.AcceptorReset("notes", "SN-notes"))
        shop.acceptors_up(reset=True)
        shop.work()
        (sale,) = closed(shop)
        assert sale.tender_minor == 50_00 + 100_00 * grown
        assert [x.recovered for x in shop.facts() if isinstance(x, NoteStacked)] == [False] + [True] * grown


@pytest.mark.covers("rule-4", "rule-21")
def test_a_note_over_the_limit_goes_back_and_nothing_is_lost() -> None:
    shop = Shop()
    shop.insert(Card())
    for _ in range(5):
        shop.feed(100_00)
    shop.feed(10_00)
    assert shop.view.figure_minor == 500_00
    assert shop.view.params["refused"] is True


@pytest.mark.covers("abuse-20")
def test_the_same_event_told_twice_is_one_credit() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00)
    shop.tell(seen.NoteIn("notes", "SN-notes", 50_00, shop.counters["notes"], 1))
    shop.coin()
    shop.tell(seen.CoinIn("coins", "SN-coins", 1_00, shop.counters["coins"], 1))
    assert shop.view.figure_minor == 51_00


def test_growth_that_nobody_explains_is_an_orphan() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00)
    shop.accepted["notes"] = 3
    shop.acceptors_up()
    (orphan,) = [x for x in shop.facts() if isinstance(x, OrphanCredit)]
    assert (orphan.pieces, orphan.amount_minor) == (2, None)


def test_a_coin_that_falls_after_the_amount_is_bound_is_an_orphan_of_known_value() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00)
    shop.press("finish", work=False)
    shop.counters["coins"] += 1
    shop.tell(seen.CoinIn("coins", "SN-coins", 1_00, shop.counters["coins"], None))
    assert [x.amount_minor for x in shop.facts() if isinstance(x, OrphanCredit)] == [1_00]


def test_a_note_that_neither_arrives_nor_returns_never_holds_the_customer_for_ever() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00, stack=False)
    shop.wait(61)
    assert shop.facts("EscrowUnknown")
    shop.press("cancel")
    assert (shop.view.phase, shop.view.params["disputed_minor"]) == ("claim", 100_00)
    shop.pull()
    shop.press("slip_taken")
    shop.insert(card)
    assert shop.view.phase == "account"
    shop.feed(50_00)
    shop.press("finish")
    assert shop.view.phase == "done"


def test_an_acceptor_that_was_away_and_has_not_grown_gave_the_note_back() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(100_00, stack=False)
    shop.tell(seen.AcceptorDown("notes", "offline"))
    shop.acceptors_up()
    assert (shop.view.phase, shop.view.figure_minor, shop.view.params["checking"]) == ("insert", 0, None)
    assert len(shop.facts("NoteReturned")) == 1


def test_a_piece_of_no_named_value_waits_for_the_box_count() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(100_00, stack=False)
    shop.tell(seen.NoteIn("notes", "SN-notes", 0, 2, 1))
    assert shop.view.figure_minor == 100_00
    shop.tell(seen.NoteIn("notes", "SN-notes", 0, 3, 2))
    shop.tell(seen.CoinIn("coins", "SN-coins", 0, 1, 1))
    assert [x.amount_minor for x in shop.facts() if isinstance(x, OrphanCredit)] == [None, None]


def test_a_sale_that_ended_in_the_instant_of_a_power_cut_is_told_and_receipted_when_the_card_is_read_again() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.press("finish")
    shop.start()
    assert (shop.view.phase, shop.view.figure_minor) == ("done", 95_00)
    shop.press("receipt", "paper")
    assert shop.kinds().count("PrintStarted") == 1
    shop.start()
    assert (shop.view.phase, shop.view.params["why"]) == ("refused", "untaken")


def test_whoever_takes_the_card_without_choosing_still_gets_the_receipt() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(100_00)
    shop.press("finish")
    shop.pull()
    shop.work()
    assert shop.kinds()[-2:] == ["PrintStarted", "ReceiptPrinted"]
    assert shop.view.phase == "attract"
