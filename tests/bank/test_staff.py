"""What staff see of the bank terminal, and the end of its day at their word."""

import pytest

from kiosk.vend import handing_in, seen
from kiosk.vend import staff as st
from kiosk.vend.bank import PosDayEnded, PosDeclined
from kiosk.vend.operators.session import OperatorDid
from kiosk.vend.operators.tables import case_table, cases, devices
from kiosk.vend.staff import Money
from tests.bank.counter import Counter, Terminal
from tests.bank.test_paying import paying
from tests.operators.kit import PLACE, Staffed
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


class StaffedCounter(Staffed, Counter):
    """A bank terminal, and a roster."""


def lost(shop: Counter, card: Card) -> None:
    """Paid for, nobody knows whether; the customer has gone, and the terminal will never say a word again."""
    paying(shop, card)
    shop.terminal.script = {"pay": ["lost"], "recover": ["unknown"] * 999}
    shop.work()
    shop.press("cancel")
    shop.pull()
    shop.tell(seen.DeviceDown("terminal", "offline"))


@pytest.mark.covers("failure-22")
def test_two_people_close_a_payment_that_no_terminal_can_tell_of_by_the_banks_word() -> None:
    shop, card = StaffedCounter(), Card()
    lost(shop, card)
    payment = shop.state.bank.open
    assert payment
    shop.tell(seen.PosUp("terminal", "SN-another", receipt="0007"))
    assert not shop.view.params["bank"], "another terminal, and it is unknown as before"
    shop.enter("014")
    shop.choose("cases")
    shop.key("1")
    shop.choose("settle")
    assert shop.asked().lines[-1].value == Money(100_00)
    shop.key("enter")
    assert (shop.screen, shop.facts("PosDeclined")) == ("second", [])
    shop.identify("021")
    (nothing,) = shop.facts("PosDeclined")
    assert nothing == PosDeclined(payment.sale, payment.id, "people")
    assert shop.last(OperatorDid) == OperatorDid("014", "021", "terminal.settle", PLACE, {"payment": payment.id, "amount": "10000"})
    assert (shop.screen, cases(shop.state)) == ("cases", ())
    shop.order(st.Leave())
    shop.tell(seen.PosUp("terminal", "SN-another", receipt="0007"))
    assert shop.view.params["bank"]
    shop.terminal.script = {}
    paying(shop, card)
    shop.work()
    assert shop.view.phase == "done"


def test_what_the_terminal_says_meanwhile_is_not_closed_and_nothing_is_closed_that_is_not_open() -> None:
    shop, card = StaffedCounter(), Card()
    shop.enter("014")
    shop.order(st.Do("terminal.settle"))
    assert shop.staff.question is None
    shop.order(st.Leave())
    lost(shop, card)
    shop.enter("014")
    shop.order(st.Do("terminal.settle"))
    shop.key("enter")
    shop.terminal.script = {}
    shop.up()
    shop.ms += 2_000
    shop.tell(seen.Tick())
    shop.work()
    assert shop.state.bank.open is None
    shop.identify("021")
    assert (shop.facts("PosDeclined"), len(shop.facts("PosReversed"))) == ([], 1)
