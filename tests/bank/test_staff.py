"""What staff see of the bank terminal, and the end of its day at their word."""

import pytest

from kiosk.vend import handing_in, seen
from kiosk.vend.bank import PosDayEnded
from kiosk.vend.operators.tables import case_table, cases, devices
from kiosk.vend.staff import Money
from tests.bank.counter import Counter, Terminal
from tests.bank.test_paying import paying
from tests.sale.shop import Card


def code(shop: Counter) -> str:
    return {one.name: one.code for one in devices(shop.rules, shop.state)}["terminal"]


def test_the_terminal_stands_among_the_devices_with_what_is_wrong() -> None:
    shop, card = Counter(), Card()
    assert code(shop) == ""
    shop.tell(seen.DeviceDown("terminal", "offline"))
    assert code(shop) == "offline"
    shop.up()
    paying(shop, card)
    shop.terminal.script = {"pay": ["lost"], "recover": ["unknown"] * 99}
    shop.work()
    assert code(shop) == "unknown"


@pytest.mark.covers("failure-22")
def test_an_unknown_payment_is_an_open_case_until_it_is_known() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"goods": ["lost"], "recover": ["unknown"] * 99}
    shop.work()
    shop.press("cancel")
    shop.pull()
    (case,) = cases(shop.state)
    assert (case.what, case.minor, case.card) == ("payment", 100_00, "7788")
    table = case_table(shop.rules, shop.state, case.of)
    assert table
    assert Money(100_00) in [row[1] for row in table.rows]
    shop.terminal.script = {}
    shop.wait(60)
    assert cases(shop.state) == ()


def test_receipts_that_no_row_explains_are_a_case() -> None:
    shop = Counter(Terminal(receipts=40))
    shop.terminal.receipts += 3
    shop.up()
    (case,) = cases(shop.state)
    assert (case.what, case.minor) == ("book", None)
    assert case_table(shop.rules, shop.state, case.of)


def test_a_day_that_is_ended_counts_what_was_paid_since_the_last() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.work()
    shop.pull()
    assert handing_in.wanted(shop.state)
    for _ in range(24):
        shop.later(1)
        shop.work()
    (ended,) = [fact for fact in shop.facts() if isinstance(fact, PosDayEnded)]
    assert (ended.outcome, ended.payments, ended.amount_minor) == ("done", 1, 100_00)
    assert not handing_in.wanted(shop.state)


def test_a_day_end_that_is_never_answered_is_over_and_bank_cards_work_again() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.work()
    shop.pull()
    shop.terminal.script["day_end"] = ["nothing"]
    for _ in range(24):
        shop.later(1)
        shop.work()
    (ended,) = [fact for fact in shop.facts() if isinstance(fact, PosDayEnded)]
    assert (ended.outcome, ended.why) == ("unknown", "silent")
    assert shop.view.params["bank"]
