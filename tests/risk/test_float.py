"""Rules 1 and 3: what the head office granted is spent down, once, and only while it is good."""

import pytest

from kiosk.vend import sale
from kiosk.vend.facts import NoteReturned, SaleClosed, SaleOpened
from kiosk.vend.limits import Float, Grant, granted, spent
from kiosk.vend.passing import NoteDeclined
from kiosk.vend.seen import NoteBack, NoteHeld, Trusted
from kiosk.vend.trust import FloatGranted
from tests.risk.kit import DAY_MS, grant, level, office_shop
from tests.sale.shop import Card, Shop


@pytest.mark.covers("rule-1")
def test_no_float_no_sale_and_a_grant_opens_the_machine() -> None:
    shop = office_shop(float_minor=0)
    assert (shop.view.phase, shop.view.params["why"]) == ("out", "sold_out")
    shop.tell(grant(shop, 1, 120_00))
    assert shop.view.phase == "attract"


@pytest.mark.covers("rule-1", "abuse-22")
def test_a_note_above_what_may_still_be_sold_goes_back_before_it_is_stacked_and_the_sale_is_finished() -> None:
    shop, card = office_shop(float_minor=120_00), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.counters["notes"] += 1
    facts = shop.tell(NoteHeld("notes", "SN-notes", 50_00, shop.counters["notes"]))
    assert [fact.why for fact in facts if isinstance(fact, NoteDeclined)] == ["limit"]
    assert sale.stance(shop.rules, shop.state).escrow == "return"
    assert shop.view.params["more_minor"] == 20_00
    shop.press("finish")
    card.into_meter()
    assert card.credited == [95_00]
    assert level(shop, "float") == ("warn", 20_00)


@pytest.mark.covers("rule-1")
def test_what_is_left_below_the_smallest_piece_ends_all_sales_and_nothing_that_is_paid() -> None:
    shop, card = office_shop(float_minor=100_00), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.press("finish")
    assert shop.view.phase == "done"
    card.into_meter()
    assert card.credited == [95_00]
    shop.pull()
    assert (shop.view.phase, shop.view.params["why"]) == ("out", "sold_out")


def test_a_closed_sale_says_what_may_still_be_sold() -> None:
    shop, card = office_shop(float_minor=120_00), Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.press("finish")
    (closed,) = shop.facts("SaleClosed")
    assert isinstance(closed, SaleClosed)
    assert (closed.outcome, closed.float_minor) == ("landed", 70_00) == ("landed", level(shop, "float")[1])
    free = Shop()
    free.insert(Card())
    free.press("cancel")
    free.insert(Card())
    free.feed(50_00)
    free.press("finish")
    (unlimited,) = free.facts("SaleClosed")
    assert isinstance(unlimited, SaleClosed)
    assert unlimited.float_minor is None


def test_a_float_that_was_reserved_and_not_used_is_there_again() -> None:
    shop = office_shop(float_minor=100_00)
    shop.insert(Card())
    shop.feed(50_00, stack=False)
    assert shop.facts("SaleOpened")
    shop.tell(_back(shop))
    assert [fact for fact in shop.facts() if isinstance(fact, NoteReturned)]
    shop.press("cancel")
    assert level(shop, "float") == ("warn", 100_00)


def _back(shop: Shop) -> NoteBack:
    shop.counters["notes"] += 1
    return NoteBack("notes", "SN-notes", shop.counters["notes"])


@pytest.mark.covers("rule-3")
def test_a_grant_is_used_once() -> None:
    shop = office_shop(float_minor=100_00)
    again = Trusted(FloatGranted(1, 100_00, shop.wall_ms() + DAY_MS))
    for _ in range(3):
        shop.tell(again)
    assert level(shop, "float")[1] == 100_00
    shop.start()
    shop.tell(again)
    assert level(shop, "float")[1] == 100_00


@pytest.mark.covers("rule-3")
def test_a_grant_that_has_ended_is_worth_nothing_and_no_sale_opens_at_it() -> None:
    shop = office_shop(float_minor=100_00)
    shop.insert(Card())
    shop.ms += 8 * DAY_MS  # the desk has not looked yet
    shop.feed(50_00)
    assert shop.state.sale is None
    assert not [fact for fact in shop.facts() if isinstance(fact, SaleOpened)]


def test_the_oldest_grant_that_holds_pays_and_what_has_ended_is_never_spent_instead() -> None:
    held = granted(granted(Float(), Grant(1, 100, 10)), Grant(2, 100, 20))
    held = spent(held, 30, 5)
    assert held.left_minor(5) == 170
    assert held.left_minor(10) == 100
    held = spent(held, 40, 10)
    assert [one.left_minor for one in held.grants] == [70, 60]
    held = spent(held, 70, 12)
    assert (held.left_minor(12), held.taken_minor) == (-10, 140)
    assert granted(held, Grant(3, 50, 30)).left_minor(25) == 40
