"""Paying by bank card, told as stories of a customer."""

import pytest

from kiosk.vend import sale, seen
from kiosk.vend.bank import PosDeclined, PosFinal, PosReversed
from kiosk.vend.facts import ClaimIssued, OrphanCredit, SaleClosed
from tests.bank.counter import Counter, Terminal
from tests.sale.shop import Card


def closed(shop: Counter) -> list[SaleClosed]:
    return [fact for fact in shop.facts() if isinstance(fact, SaleClosed)]


def paying(shop: Counter, card: Card, amount: int = 100_00) -> None:
    """Up to the terminal, without the terminal."""
    silent, shop.terminal.silent = shop.terminal.silent, True
    shop.insert(card)
    shop.press("tender", "bank")
    shop.press("amount", str(amount))
    shop.press("finish")
    assert shop.view.phase == "bank"
    shop.terminal.silent = silent


def test_a_customer_pays_100_by_bank_card_and_95_is_on_the_card() -> None:
    shop, card = Counter(), Card()
    shop.insert(card)
    shop.press("tender", "bank")
    assert (shop.view.phase, shop.view.figure_minor, shop.view.params["presets"]) == ("amount", 100_00, (20_00, 50_00, 100_00, 200_00))
    shop.press("amount", "5000")
    assert shop.view.figure_minor == 50_00
    shop.press("amount", "10000")
    shop.press("finish")
    assert (shop.view.phase, shop.view.figure_minor) == ("done", 95_00)
    (ended,) = closed(shop)
    assert (ended.outcome, ended.tender_minor, ended.credit_minor, ended.approval) == ("landed", 100_00, 95_00, "123456")
    assert [(t.device, t.denomination, t.pieces) for t in ended.tenders] == [("bank", 100_00, 1)]
    assert shop.terminal.taken_minor() == 100_00
    card.into_meter()
    assert card.credited == [95_00]


def test_the_payment_is_final_before_the_record_and_the_card_is_copied_and_armed_before_that() -> None:
    shop = Counter()
    shop.insert(Card())
    shop.press("tender", "bank")
    shop.press("finish")
    tail = shop.kinds()[shop.kinds().index("SaleOpened") :]
    assert tail == [
        "SaleOpened", "PosRequested", "PosApproved", "CardPresented", "ReturnFileArchived", "PosFinal", "TenderClosed", "WriteStarted",
        "CardVerified", "SaleClosed",
    ]  # fmt: skip
    assert [job.do for job in shop.terminal.told] == ["pay", "goods"]


def test_an_amount_of_ones_own_is_typed_within_what_fits() -> None:
    shop = Counter()
    shop.insert(Card())
    shop.press("tender", "bank")
    shop.press("amount", "other")
    assert (shop.view.params["typing"], shop.view.params["least_minor"], shop.view.params["most_minor"]) == (True, 10_00, 500_00)
    for wrong in ("900", "50100", "9" * 5000):
        shop.press("amount", wrong)
        assert shop.view.params.get("typing")
    shop.press("amount", "12300")
    assert (shop.view.phase, shop.view.figure_minor) == ("amount", 123_00)
    shop.press("finish")
    assert closed(shop)[0].tender_minor == 123_00


def test_a_note_on_the_amounts_screen_is_the_choice_of_cash() -> None:
    shop = Counter()
    shop.insert(Card())
    shop.press("tender", "bank")
    shop.feed(50_00)
    assert (shop.view.phase, shop.view.figure_minor) == ("insert", 50_00)
    assert shop.pos_job is None


def test_from_the_request_on_no_cash_comes_in_and_a_coin_in_fall_is_an_orphan() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    stance = sale.stance(shop.rules, shop.state)
    assert (stance.notes, stance.coins) == ((), ())
    shop.terminal.silent = True
    shop.coin()
    assert [fact.amount_minor for fact in shop.facts() if isinstance(fact, OrphanCredit)] == [1_00]
    shop.terminal.silent = False
    shop.work()
    assert closed(shop)[0].tender_minor == 100_00


@pytest.mark.parametrize(("said", "state"), [("declined", "declined"), ("aborted", "aborted"), ("busy", "busy")])
def test_a_payment_that_came_to_nothing_leaves_every_way_open(said: str, state: str) -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script["pay"] = [said]
    shop.work()
    assert (shop.view.phase, shop.view.params["state"], shop.view.place) == ("bank", state, "you")
    assert {(offer.choice, offer.arg) for offer in shop.view.offers} == {("tender", "cash"), ("tender", "bank"), ("cancel", "")}
    shop.press("tender", "bank")
    assert shop.view.phase == "done"
    assert len(closed(shop)) == 1


def test_after_a_declined_card_the_same_sale_is_paid_in_cash() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script["pay"] = ["declined"]
    shop.work()
    shop.press("tender", "cash")
    assert shop.view.phase == "insert"
    shop.feed(50_00)
    shop.press("finish")
    (ended,) = closed(shop)
    assert (ended.outcome, ended.tender_minor, ended.approval) == ("landed", 50_00, None)


def test_after_a_declined_card_nobody_does_anything_and_the_card_is_given_back() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script["pay"] = ["declined"]
    shop.work()
    shop.wait(31)
    assert shop.view.phase == "take_card"
    assert [ended.outcome for ended in closed(shop)] == ["cancelled"]


def test_the_customer_calls_it_off() -> None:
    shop, card = Counter(), Card()
    shop.terminal.silent = True
    paying(shop, card)
    shop.press("cancel")
    assert shop.view.params["state"] == "off"
    assert shop.view.offers == ()
    shop.terminal.silent = False
    shop.work()
    assert shop.view.params["state"] == "aborted"
    assert [job.do for job in shop.terminal.told] == ["abort"]
    assert shop.terminal.taken_minor() == 0


def test_the_bank_was_quicker_than_the_customer_who_called_it_off_and_it_is_given_back() -> None:
    shop, card = Counter(), Card()
    shop.terminal.silent = True
    paying(shop, card)
    shop.press("cancel")
    shop.terminal.silent, shop.terminal.script["abort"] = False, ["approved"]
    shop.work()
    assert [job.do for job in shop.terminal.told] == ["abort", "refuse"]
    assert (shop.view.params["state"], shop.terminal.taken_minor()) == ("reversed", 0)
    assert [fact.why for fact in shop.facts() if isinstance(fact, PosReversed)] == ["refused"]


@pytest.mark.covers("failure-23")
def test_a_card_that_is_pulled_while_the_bank_says_yes_gets_its_payment_back() -> None:
    shop, card = Counter(), Card()
    shop.terminal.silent = True
    paying(shop, card)
    job = shop.pos_job
    assert job
    shop.pull()
    shop.terminal.silent = False
    answer = shop.terminal.answer(job)
    assert answer
    shop.tell(answer)
    shop.work()
    assert (shop.view.phase, shop.terminal.taken_minor()) == ("attract", 0)
    assert [ended.outcome for ended in closed(shop)] == ["cancelled"]


@pytest.mark.covers("failure-23")
def test_a_card_that_cannot_be_armed_takes_the_payment_back() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    job = shop.pos_job
    assert job
    answer = shop.terminal.answer(job)
    assert answer
    shop.tell(answer)
    read = shop.job()
    assert read
    assert read.do == "read"
    shop.do(read, card)
    arm = shop.job()
    assert arm
    assert arm.do == "arm"
    shop.tell(seen.CardWorked(arm.token, arm.id, done=False, why="no_key"))
    shop.work()
    assert (shop.view.phase, shop.view.params["state"], shop.terminal.taken_minor()) == ("bank", "reversed", 0)
    assert "WriteStarted" not in shop.kinds()


@pytest.mark.covers("failure-23")
def test_after_the_mark_the_payment_stays_and_the_same_card_finishes_it() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    while "WriteStarted" not in shop.kinds():
        job = shop.job()
        if job:
            shop.do(job, card)
        else:
            assert shop.pay()
    write = shop.job()
    assert write
    for update in shop.updates(write, card)[:-1]:
        card.write(update)
    shop.pull()
    assert (shop.view.phase, shop.view.held, shop.view.figure_minor) == ("unsure", True, 100_00)
    shop.wait(181)
    (claim,) = [fact for fact in shop.facts() if isinstance(fact, ClaimIssued)]
    assert (claim.amount_minor, shop.terminal.taken_minor()) == (100_00, 100_00)
    shop.press("slip_taken")
    shop.insert(card)
    assert shop.view.phase == "done"
    card.into_meter()
    assert card.credited == [95_00]


def test_what_was_armed_for_a_payment_that_went_back_is_cleared_again() -> None:
    shop, card = Counter(), Card(count=0)
    body = card.files[1][1:42] + b"\x01"
    card.files[1] = b"\x68" + body + bytes((sum(body) & 255, 0x16))
    card.files[2], card.files[5] = bytes(8), bytes(49)
    shop.insert(card)
    assert shop.view.phase == "account", shop.view
    shop.terminal.script["goods"] = ["lost_reversed"]
    shop.press("tender", "bank")
    shop.press("finish")
    shop.wait(3)
    assert (shop.view.params["state"], card.files[5][0]) == ("reversed", 0x68)
    shop.press("cancel")
    shop.work()
    assert shop.view.phase == "take_card"
    assert card.files[5][:8] == bytes(8)


@pytest.mark.covers("failure-25")
def test_a_full_terminal_takes_no_more_until_its_day_is_ended_at_night() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script, shop.terminal.decline = {"pay": ["declined"]}, "full"
    shop.work()
    assert shop.view.params["state"] == "busy"
    assert ("tender", "bank") not in {(offer.choice, offer.arg) for offer in shop.view.offers}
    assert shop.state.faults["terminal"] == "full"
    shop.press("cancel")
    shop.pull()
    shop.up()  # it may come and go: full it stays
    assert not shop.view.params["bank"]
    for _ in range(24):
        shop.later(1)
        shop.work()
    assert "terminal" not in shop.state.faults
    assert [job.do for job in shop.terminal.told] == ["pay", "day_end"]
    assert shop.view.params["bank"]


@pytest.mark.covers("field-204")
def test_of_a_terminals_receipt_no_more_is_kept_than_a_paper_holds() -> None:
    shop, card = Counter(Terminal(lines=("x" * 900,) * 900)), Card()
    paying(shop, card)
    shop.work()
    (paid,) = [fact for fact in shop.facts() if isinstance(fact, PosFinal)]
    assert paid.lines == ("x" * 64,) * 60


def test_declined_is_not_reversed() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script["pay"] = ["declined"]
    shop.work()
    assert [fact.why for fact in shop.facts() if isinstance(fact, PosDeclined)] == ["declined"]
    assert not [fact for fact in shop.facts() if isinstance(fact, PosReversed)]


@pytest.mark.parametrize("word", ["reversed", "final"])
def test_an_approval_of_another_amount_is_refused_and_what_was_charged_all_the_same_is_credited(word: str) -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    job = shop.pos_job
    assert job
    shop.tell(seen.PosAnswered(job.id, "approved", 60_00, "0001", "000042", "123456", "1234"))
    job = shop.pos_job
    assert job
    assert job.do == "refuse"
    shop.tell(seen.PosAnswered(job.id, word, 60_00, "0001", "000042", "123456", "1234"))
    shop.work()
    paid = [fact.amount_minor for fact in shop.facts() if isinstance(fact, PosFinal)]
    assert paid == ([60_00] if word == "final" else [])
    assert [ended.credit_minor for ended in closed(shop)] == ([55_00] if word == "final" else [])
    card.into_meter()
    assert card.credited == ([55_00] if word == "final" else [])
