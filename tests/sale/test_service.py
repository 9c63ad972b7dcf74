"""A machine that staff closed takes no money; what is under way is finished, and a restart changes nothing of it."""

from kiosk.vend import sale
from kiosk.vend.service import ServiceClosed, ServiceOpened
from tests.sale.shop import Card, Shop


def test_a_closed_machine_says_so_takes_nothing_and_opens_again_after_a_restart() -> None:
    shop = Shop()
    shop._add((ServiceClosed("014", "maintenance"),))
    shop.start()
    assert (shop.view.phase, shop.view.params["why"]) == ("out", "service")
    shop.insert(Card())
    assert shop.view.phase == "account"
    assert [offer.choice for offer in shop.view.offers] == ["cancel"]
    assert sale.stance(shop.rules, shop.state).notes == ()
    shop.feed(50_00)
    assert shop.state.sale is None
    shop._add((ServiceOpened("014"),))
    shop.feed(50_00)
    assert shop.state.sale is not None


def test_a_sale_that_holds_money_is_finished_though_the_machine_was_closed() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop._add((ServiceClosed("014", "order"),))
    shop.press("finish")
    card.into_meter()
    assert card.credited == [95_00]


def test_a_machine_that_is_closed_in_the_middle_of_a_sale_takes_no_more_and_says_so() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.press("tender", "cash")
    shop._add((ServiceClosed("014", "order"),))
    assert shop.view.params["stopped"] == "cash"
    assert sale.stance(shop.rules, shop.state).notes == ()
    shop._add((ServiceOpened("014"),))
    shop.feed(100_00)
    shop._add((ServiceClosed("014", "order"),))
    assert (shop.view.params["stopped"], shop.view.params["more_minor"]) == ("", 0), "no more fits; ENTER puts it on the card"
    assert sale.stance(shop.rules, shop.state).coins == ()
    shop.press("finish")
    card.into_meter()
    assert card.credited == [95_00]
