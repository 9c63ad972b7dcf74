"""What a terminal tells beside its payments: that it works, what it wants of the customer, and what its own book says."""

import pytest

from kiosk.vend import seen
from kiosk.vend.bank import PosUnexplained
from tests.bank.counter import Counter, Terminal
from tests.bank.test_paying import paying
from tests.sale.shop import Card


def offered(shop: Counter) -> set[tuple[str, str]]:
    return {(offer.choice, offer.arg) for offer in shop.view.offers}


def test_without_a_terminal_no_bank_card_is_offered() -> None:
    shop = Counter()
    shop.insert(Card())
    assert ("tender", "bank") in offered(shop)
    shop.tell(seen.DeviceDown("terminal", "offline"))
    assert ("tender", "bank") not in offered(shop)
    assert shop.state.faults == {"terminal": "offline"}
    shop.up()
    assert shop.state.faults == {}
    assert ("tender", "bank") in offered(shop)


def test_a_machine_whose_cash_has_stopped_still_sells_by_bank_card() -> None:
    shop, card = Counter(), Card()
    shop.tell(seen.AcceptorDown("notes", "full"))
    shop.tell(seen.AcceptorDown("coins", "jammed"))
    assert shop.view.phase == "attract"
    shop.insert(card)
    assert ("tender", "bank") in offered(shop)
    assert not shop.view.params["balance_only"]
    shop.press("tender", "bank")
    assert ("tender", "cash") not in offered(shop)
    shop.press("finish")
    assert shop.view.phase == "done"


def test_what_the_terminal_wants_of_the_customer_is_shown_while_it_is_asked() -> None:
    shop = Counter(Terminal(silent=True))
    shop.insert(Card())
    shop.press("tender", "bank")
    shop.press("finish")
    payment = shop.state.bank.open
    assert payment
    for key in ("card", "pin", "wait", "remove"):
        shop.tell(seen.PosPrompt(payment.id, key))
        assert shop.view.params["prompt"] == key
    shop.tell(seen.PosPrompt(payment.id, "Insert 500 EUR"))
    shop.tell(seen.PosPrompt("0" * 16, "pin"))
    assert shop.view.params["prompt"] == "remove"


def test_a_job_about_a_payment_names_the_receipt_before_it() -> None:
    shop = Counter(Terminal(receipts=41))
    paying(shop, Card())
    job = shop.pos_job
    assert job
    assert (job.do, job.before) == ("pay", "SN-terminal/0041")


def test_receipts_that_no_row_explains_are_an_alarm_and_ones_own_are_not() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.work()
    shop.up()
    assert not [fact for fact in shop.facts() if isinstance(fact, PosUnexplained)]
    shop.terminal.receipts += 2
    shop.up()
    (alarm,) = [fact for fact in shop.facts() if isinstance(fact, PosUnexplained)]
    assert (alarm.receipts, alarm.receipt) == (2, 3)
    shop.up()
    assert len([fact for fact in shop.facts() if isinstance(fact, PosUnexplained)]) == 1


@pytest.mark.covers("field-202")
def test_a_terminal_that_counts_from_one_again_is_no_alarm() -> None:
    shop = Counter(Terminal(receipts=9_998))
    shop.terminal.receipts = 1
    shop.up()
    assert shop.state.bank.receipt == 1
    shop.tell(seen.PosUp("terminal", "SN-terminal", receipt="9" * 5_000))
    shop.tell(seen.PosUp("terminal", "SN-terminal", receipt="-3"))
    assert shop.state.bank.receipt == 1
    assert not [fact for fact in shop.facts() if isinstance(fact, PosUnexplained)]
