"""An old debt is taken once, also where part of it went with a claim that another machine finished."""

from kiosk.vend import facts as f
from kiosk.vend.card.gdw1365 import PROFILE
from kiosk.vend.tariff import Tariff
from tests.sale.shop import CUSTOMER, Card, Shop

DEBT_MINOR = 30_00


def shop_with_a_claim(card: Card) -> Shop:
    """50.00 were paid, of which 22.50 are to go to the debt; the card did not store the record."""
    shop = Shop(tariff=Tariff(debts={CUSTOMER: DEBT_MINOR}))
    shop.insert(card)
    shop.press("tender", "cash")
    shop.feed(50_00)
    card.stores = False
    shop.press("finish")
    shop.pull()
    shop.press("no_card")
    shop.press("slip_taken")
    card.stores = True
    assert len(shop.state.claims) == 1
    return shop


def elsewhere(shop: Shop, card: Card) -> None:
    """Another machine writes the claim's record; the meter takes it."""
    (claim,) = shop.state.claims.values()
    assert claim.record
    for update in PROFILE.plan(card.read(), claim.record, "mark"):
        card.write(update)
    card.into_meter()
    assert card.credited == [claim.record.amount_minor]


def buy(shop: Shop, minor: int) -> None:
    shop.press("tender", "cash")
    shop.feed(minor)
    shop.press("finish")


def debt_taken(shop: Shop) -> int:
    ends = [fact for fact in shop.facts("SaleClosed", "ClaimSettled") if isinstance(fact, f.SaleClosed | f.ClaimSettled)]
    return sum(line.amount_minor for end in ends for line in end.lines if line.code == "old_debt")


def test_a_claim_that_is_found_landed_has_paid_its_part_before_the_next_sale_is_quoted() -> None:
    card = Card()
    shop = shop_with_a_claim(card)
    elsewhere(shop, card)
    shop.insert(card)
    assert shop.facts("ClaimSettled")
    assert shop.state.here.quote
    assert shop.state.here.quote.debt_minor == 7_50
    buy(shop, 100_00)
    assert debt_taken(shop) == DEBT_MINOR


def test_the_same_where_the_power_failed_in_between() -> None:
    card = Card()
    shop = shop_with_a_claim(card)
    elsewhere(shop, card)
    shop.start()
    shop.insert(card)
    shop.start()
    buy(shop, 100_00)
    assert debt_taken(shop) == DEBT_MINOR


def test_a_sale_on_a_new_card_of_the_meter_leaves_a_claim_its_part_of_the_debt() -> None:
    old, new = Card(), Card("1122334455667799")
    shop = shop_with_a_claim(old)
    shop.insert(new)
    assert shop.state.here.quote
    assert shop.state.here.quote.debt_minor == 7_50
    buy(shop, 100_00)
    shop.pull()
    shop.insert(old)
    assert not shop.state.claims, "the old card was found, and its record is on it"
    assert debt_taken(shop) == DEBT_MINOR
