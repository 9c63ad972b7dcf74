"""A payment by bank card, from the desk's order to the terminal's book, over a socket and over a serial line."""

import time

import pytest

from kiosk.vend.seen import DeviceDown, PosAnswered, PosPrompt, PosUp
from tests.cash.desk import eventually
from tests.zvt.kit import AMOUNT, Counter, paced


def test_a_terminal_says_who_it_is_and_where_its_book_ends(bank: Counter) -> None:
    bank.simulate()
    driver = bank.drive()
    assert bank.desk.heard(PosUp) == [PosUp("terminal", "29000274", (), "0000")]
    identity = driver.identity()
    assert identity
    assert (identity.kind, identity.protocol, identity.serial) == ("terminal", "zvt", "29000274")
    assert driver.health().state == "online"


def test_an_approved_payment_becomes_final_with_the_goods_and_not_before(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    approved = bank.desk.asks("pay")
    assert (approved.outcome, approved.amount_minor, approved.receipt, approved.tail) == ("approved", AMOUNT, "0001", "4771")
    time.sleep(0.3)
    assert bank.state()["open"] == 1
    assert not bank.desk.heard(DeviceDown)
    final = bank.desk.asks("goods")
    assert (final.outcome, final.amount_minor, final.receipt, final.trace, final.approval) == ("final", AMOUNT, "0001", "001001", "123456")
    assert final.lines[1] == "Amount 100.00"
    assert bank.sim.book.charged_minor == AMOUNT
    assert [prompt.key for prompt in bank.desk.heard(PosPrompt)] == ["card", "wait"]
    assert bank.commands(0x0601) == 1
    eventually(lambda: bank.desk.told[-1] == PosUp("terminal", "29000274", (), "0001"))
    assert bank.desk.answered_once()


def test_a_word_that_comes_at_once_is_the_first_answer(bank: Counter) -> None:
    bank.simulate(repeat_s=5.0)
    bank.drive(pace=paced(hold_s=0.3))
    assert bank.desk.asks("pay").outcome == "approved"
    assert bank.desk.asks("goods").outcome == "final"


@pytest.mark.covers("failure-23")
def test_a_payment_whose_card_cannot_be_written_is_taken_back_and_that_is_confirmed(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    assert bank.desk.asks("pay").outcome == "approved"
    back = bank.desk.asks("refuse")
    assert (back.outcome, back.receipt, back.amount_minor) == ("reversed", "0001", AMOUNT)
    assert bank.sim.book.charged_minor == 0
    assert bank.desk.asks("pay", payment="bb").outcome == "approved"
    assert bank.desk.asks("goods", payment="bb").outcome == "final"
    late = bank.desk.asks("reverse", payment="bb", receipt="0002")
    assert late.outcome == "reversed"
    assert bank.sim.book.charged_minor == 0
    assert bank.desk.asks("reverse", payment="bb", receipt="0002").outcome == "reversed"
    assert bank.desk.asks("reverse", payment="bb", receipt="0099").outcome == "refused"
    assert bank.desk.asks("reverse", payment="bb", receipt="x").outcome == "refused"


def test_what_the_bank_declines_and_what_the_customer_breaks_off_takes_no_money(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "pos", "to": "decline", "result": 0x71})
    assert bank.desk.asks("pay", payment="a").why == "credit"
    bank.sim.do({"do": "pos", "to": "decline", "result": 0x05})
    declined = bank.desk.asks("pay", payment="b")
    assert (declined.outcome, declined.why) == ("declined", "host-05")
    bank.sim.do({"do": "pos", "to": "abort"})
    assert bank.desk.asks("pay", payment="c").outcome == "aborted"
    bank.sim.do({"do": "pos", "to": "busy"})
    assert bank.desk.asks("pay", payment="d").outcome == "busy"
    assert bank.state()["approvals"] == 0


def test_a_customer_who_leaves_before_the_approval_calls_it_off(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "pos", "to": "hold"})
    pay = bank.desk.order("pay")
    bank.desk.await_one(PosPrompt)
    assert bank.desk.asks("abort").outcome == "aborted"
    assert bank.desk.answer(pay).outcome == "aborted"
    assert bank.state()["approvals"] == 0


def test_an_approval_that_comes_before_the_calling_off_waits_for_the_desk(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    assert bank.desk.asks("pay").outcome == "approved"
    assert bank.desk.asks("abort").outcome == "approved"
    assert bank.desk.asks("refuse").outcome == "reversed"
    assert bank.sim.book.charged_minor == 0


@pytest.mark.covers("field-205")
def test_a_desk_that_never_says_a_word_gets_its_payment_reversed(bank: Counter) -> None:
    bank.simulate()
    bank.drive(pace=paced(waits=2))
    assert bank.desk.asks("pay").outcome == "approved"
    eventually(lambda: bank.state()["reversed"] == 1)
    eventually(lambda: not bank.state()["busy"])
    assert bank.desk.asks("goods").outcome == "reversed"
    assert bank.sim.book.charged_minor == 0


def test_a_desk_that_waits_no_longer_asks_and_nothing_becomes_final(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "pos", "to": "hold"})
    pay = bank.desk.order("pay")
    bank.desk.await_one(PosPrompt)
    assert bank.desk.asks("recover").outcome == "none"
    assert bank.desk.answer(pay).outcome == "aborted"
    bank.sim.do({"do": "pos", "to": "approve"})
    assert bank.desk.asks("pay", payment="bb").outcome == "approved"
    assert bank.desk.asks("recover", payment="bb").outcome == "reversed"
    assert bank.sim.book.charged_minor == 0


def test_a_terminal_that_knows_no_goods_has_charged_already(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "pos", "to": "plain"})
    assert bank.desk.asks("pay").outcome == "approved"
    assert bank.desk.asks("goods").outcome == "final"
    assert bank.desk.asks("pay", payment="bb").outcome == "approved"
    eventually(lambda: not bank.state()["busy"])
    assert bank.desk.asks("refuse", payment="bb").outcome == "final"
    assert bank.desk.asks("reverse", payment="bb", receipt="0002").outcome == "reversed"
    assert bank.sim.book.charged_minor == AMOUNT


def test_an_approval_of_another_amount_is_told_with_it_and_can_be_refused(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "fault", "other_amount": True})
    approved = bank.desk.asks("pay")
    assert (approved.outcome, approved.amount_minor) == ("approved", AMOUNT + 1_00)
    assert bank.desk.asks("refuse").outcome == "reversed"
    assert bank.sim.book.charged_minor == 0


def test_another_amount_that_a_terminal_has_charged_already_is_told_as_it_is(bank: Counter) -> None:
    """It knows no goods: what it says is paid, to whoever asks later, too."""
    bank.simulate()
    driver = bank.drive()
    bank.sim.do({"do": "pos", "to": "plain"})
    bank.sim.do({"do": "fault", "other_amount": True})
    assert bank.desk.asks("pay").outcome == "approved"
    eventually(lambda: not bank.state()["busy"])
    final = bank.desk.asks("refuse")
    assert (final.outcome, final.amount_minor) == ("final", AMOUNT + 1_00)
    driver.stop()
    bank.desk.rests()
    bank.drive()
    found = bank.desk.asks("recover", receipt="0001", before="29000274/0000")
    assert (found.outcome, found.amount_minor) == ("final", AMOUNT + 1_00)
    unheard = bank.desk.asks("recover", payment="bb", before="29000274/0000")
    assert unheard.outcome == "unknown", "half of a payment is one, too"


def test_an_approval_that_cannot_be_read_is_refused(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "fault", "unknown_bitmap": True})
    answered = bank.desk.asks("pay")
    assert (answered.outcome, answered.why) == ("declined", "unreadable")
    assert (bank.state()["approvals"], bank.sim.book.charged_minor) == (1, 0)


def test_an_approval_in_another_currency_is_refused_and_its_book_is_none(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "fault", "other_currency": True})
    answered = bank.desk.asks("pay")
    assert (answered.outcome, answered.why) == ("declined", "currency")
    assert bank.sim.book.charged_minor == 0
    assert bank.desk.await_one(DeviceDown).code == "book"


def test_a_terminal_whose_book_cannot_be_read_takes_no_payment_until_it_can(bank: Counter) -> None:
    """What became of one could not be found out."""
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "fault", "unknown_bitmap": True})
    assert bank.desk.asks("pay").outcome == "declined"
    assert bank.desk.await_one(DeviceDown).code == "book"
    answered = bank.desk.asks("pay", payment="b")
    assert (answered.outcome, answered.why) == ("busy", "book")
    assert bank.commands(0x0601) == 1
    since = len(bank.desk.told)
    bank.sim.do({"do": "fault", "unknown_bitmap": False})
    assert bank.desk.await_one(PosUp, since).receipt == "0001"
    assert [down.code for down in bank.desk.heard(DeviceDown)] == ["book"]


def test_an_approval_that_is_repeated_is_told_once(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "fault", "duplicate": True})
    assert bank.desk.asks("pay").outcome == "approved"
    time.sleep(0.2)
    assert bank.desk.asks("goods").outcome == "final"
    assert bank.desk.answered_once()
    assert bank.sim.book.charged_minor == AMOUNT


def test_an_approval_that_nobody_asked_for_is_never_confirmed(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    eventually(lambda: not bank.state()["busy"])
    bank.sim.do({"do": "unasked", "amount_minor": 7_00})
    eventually(lambda: bank.state()["reversed"] == 1)
    assert not bank.desk.heard(PosAnswered)
    assert bank.sim.book.charged_minor == 0


@pytest.mark.covers("failure-24")
def test_goods_whose_acknowledgement_is_lost_are_told_again_and_paid_once(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    assert bank.desk.asks("pay").outcome == "approved"
    bank.sim.do({"do": "fault", "mute_acks": 2})
    assert bank.desk.asks("goods").outcome == "final"
    assert bank.sim.book.charged_minor == AMOUNT
    assert bank.state()["approvals"] == 1


@pytest.mark.covers("failure-25")
@pytest.mark.parametrize("trouble", ["full", "diagnosis"])
def test_a_terminal_that_is_full_or_wants_a_diagnosis_is_off_until_its_day_is_ended(bank: Counter, trouble: str) -> None:
    bank.simulate()
    driver = bank.drive()
    bank.sim.do({"do": "pos", "to": trouble})
    first = bank.desk.asks("pay", payment="a")
    assert (first.outcome, first.why) == ("declined", trouble)
    assert bank.desk.await_one(DeviceDown).code == trouble
    again = bank.desk.asks("pay", payment="b")
    assert (again.outcome, again.why) == ("busy", trouble)
    assert bank.commands(0x0601) == 1
    assert driver.health().code == trouble
    assert bank.desk.asks("day_end", payment="", amount_minor=0).outcome == "done"
    assert bank.state()["day_ends"] == 1
    assert bank.commands(0x0670) == (trouble == "diagnosis")
    assert bank.desk.asks("pay", payment="c").outcome == "approved"
    assert bank.desk.asks("refuse", payment="c").outcome == "reversed"


def test_a_trouble_that_people_mend_is_told_once_and_is_over_when_the_terminal_says_so(bank: Counter) -> None:
    bank.simulate()
    driver = bank.drive(pace=paced(enquiry_s=0.05))
    bank.sim.do({"do": "pos", "to": "jammed"})
    assert bank.desk.await_one(DeviceDown).code == "jammed"
    since, enquiries = len(bank.desk.told), bank.commands(0x0501)
    eventually(lambda: bank.commands(0x0501) >= enquiries + 5)
    assert bank.desk.told[since:] == [], "each would be a row"
    assert driver.health().state == "hardware_error"
    assert bank.desk.asks("pay").why == "jammed"
    bank.sim.do({"do": "pos", "to": "approve"})
    assert bank.desk.await_one(PosUp, since)
    assert bank.desk.asks("pay", payment="b").outcome == "approved"


def test_a_trouble_outlives_the_driver(bank: Counter) -> None:
    bank.simulate()
    bank.sim.do({"do": "pos", "to": "full"})
    bank.drive()
    assert bank.desk.await_one(DeviceDown).code == "full"


def test_no_day_is_ended_while_a_payment_is_unknown(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "pos", "to": "silent"})
    since = len(bank.desk.told)
    assert bank.desk.asks("pay").outcome == "unknown"
    bank.sim.do({"do": "pos", "to": "approve"})
    assert bank.desk.await_one(PosUp, since).open_payments, "it is back, and could be asked"
    refused = bank.desk.asks("day_end", payment="", amount_minor=0)
    assert (refused.outcome, refused.why) == ("refused", "unknown_payment")
    assert bank.commands(0x0650) == 0
    assert bank.desk.asks("recover").outcome == "none"
    assert bank.desk.asks("day_end", payment="", amount_minor=0).outcome == "done"


def test_a_terminal_with_another_number_takes_no_payment(bank: Counter) -> None:
    bank.simulate()
    driver = bank.drive(up=False, enrolled="11111111")
    assert bank.desk.await_one(DeviceDown).code == "swapped"
    assert driver.health().state == "user_error"
    assert bank.desk.asks("pay").outcome == "busy"
    assert bank.commands(0x0601) == 0


def test_a_terminal_that_is_not_there_keeps_nobody_waiting_but_a_question_about_money(bank: Counter) -> None:
    driver = bank.drive(up=False)
    assert bank.desk.await_one(DeviceDown).code == "offline"
    assert driver.health().state == "no_device"
    assert bank.desk.asks("pay").outcome == "busy"
    assert bank.desk.asks("goods").outcome == "unknown"
    assert bank.desk.asks("reverse", receipt="0001").outcome == "unknown"
    assert bank.desk.asks("day_end").outcome == "refused"
    question = bank.desk.order("recover", before="29000274/0000")
    time.sleep(0.1)
    assert not bank.desk.answers(question)
    bank.simulate()
    assert bank.desk.answer(question).outcome == "none"


@pytest.mark.covers("failure-22")
def test_another_terminals_book_says_nothing_of_a_payment(bank: Counter) -> None:
    """Neither that it was made nor that it was not, whatever stands in it."""
    bank.simulate()
    bank.drive()
    assert bank.desk.asks("recover", before="11111111/0041").outcome == "unknown"
    assert bank.desk.asks("recover", before="29000274/0000").outcome == "none"
    assert bank.desk.asks("pay").outcome == "approved"
    assert bank.desk.asks("goods").outcome == "final"
    assert bank.desk.asks("recover", payment="bb", before="11111111/0041").outcome == "unknown"
    assert bank.desk.asks("recover", payment="bb", before="29000274/0000").outcome == "final"


def test_a_payment_that_no_field_holds_is_not_begun(bank: Counter) -> None:
    bank.simulate()
    bank.drive()
    answer = bank.desk.asks("pay", amount_minor=10**12)
    assert (answer.outcome, answer.why) == ("busy", "amount")
    assert bank.commands(0x0601) == 0
