"""What `kiosk explain` tells of a payment by bank card, to three readers."""

import pytest

from kiosk.vend.explain.says import AUDIENCES, told
from kiosk.vend.explain.telling import story
from kiosk.vend.explain.values import Place, Story
from kiosk.vend.facts import SaleOpened
from kiosk.vend.rows import Recorded
from tests.bank.counter import Counter
from tests.bank.test_paying import paying
from tests.sale.shop import Card


def of(shop: Counter, number: int = 0) -> Story:
    rows = [Recorded(row, fact, getattr(fact, "sale", None)) for fact, row in shop.rows]
    opened = [fact for fact, _ in shop.rows if isinstance(fact, SaleOpened)]
    found = story(rows, opened[number].sale, "K07")
    assert found
    for audience in AUDIENCES:
        for language in ("en", "fr", "sw", "zh"):
            text = "\n".join(line for section in told(found, audience, language, shop.rules.local) for line in section.lines)
            assert "bank_" not in text
            assert "{" not in text
    return found


def held(found: Story) -> list[tuple[Place, int, str]]:
    return [(each.place, each.amount_minor, each.key) for each in found.holdings]


def test_a_payment_that_landed_is_on_the_card_and_its_steps_are_told() -> None:
    shop = Counter()
    paying(shop, Card())
    shop.work()
    found = of(shop)
    assert held(found) == [(Place.CARD, 95_00, "card"), (Place.UTILITY, 5_00, "utility")]
    keys = [each.key for each in found.episodes]
    assert [key for key in keys if key.startswith("bank")] == ["bank_asked", "bank_approved", "bank_final"]
    assert [step.who for step in found.next] == ["customer"]


@pytest.mark.covers("failure-22")
def test_an_unknown_payment_is_with_the_customer_or_charged_until_the_terminal_says() -> None:
    shop = Counter()
    paying(shop, Card())
    shop.terminal.script = {"pay": ["lost"], "recover": ["unknown"] * 9}
    shop.work()
    found = of(shop)
    (open_one,) = found.holdings
    assert (open_one.place, open_one.may_be, open_one.amount_minor) == (Place.UNKNOWN, (Place.YOU, Place.UTILITY), 100_00)
    assert ("machine", "asks_bank") in {(step.who, step.key) for step in found.next}
    assert found.open
    shop.wait(60)
    assert held(of(shop)) == [(Place.RETURNED, 100_00, "bank_back")]


@pytest.mark.covers("failure-23")
def test_a_payment_that_was_taken_back_is_the_customers() -> None:
    shop = Counter()
    paying(shop, Card())
    shop.press("cancel", work=False)
    shop.terminal.script["abort"] = ["approved"]
    shop.work()
    found = of(shop)
    assert held(found) == [(Place.RETURNED, 100_00, "bank_back")]
    assert [each.key for each in found.episodes if each.key.startswith("bank")] == ["bank_asked", "bank_approved", "bank_reversed"]


def test_a_payment_that_could_not_go_back_is_told_in_both_sales() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"goods": ["lost"], "recover": ["unknown"], "reverse": ["refused"]}
    shop.work()
    shop.press("cancel")
    shop.pull()
    shop.wait(30)
    first, second = of(shop), of(shop, 1)
    assert first.episodes[-1].key == "bank_kept"
    assert not first.open
    assert held(second) == [(Place.CLAIM, 100_00, "claim_bank")]


@pytest.mark.covers("failure-24")
def test_goods_that_were_paid_by_the_book_say_so() -> None:
    shop = Counter()
    paying(shop, Card())
    shop.terminal.script["goods"] = ["lost"]
    shop.work()
    shop.wait(3)
    keys = [each.key for each in of(shop).episodes if each.key.startswith("bank")]
    assert keys == ["bank_asked", "bank_approved", "bank_unknown", "bank_final_late"]


@pytest.mark.covers("failure-25")
def test_a_full_terminal_is_told_as_nothing_taken() -> None:
    shop = Counter()
    paying(shop, Card())
    shop.terminal.script, shop.terminal.decline = {"pay": ["declined"]}, "full"
    shop.work()
    shop.press("cancel")
    assert held(of(shop)) == [(Place.YOU, 0, "none")]
