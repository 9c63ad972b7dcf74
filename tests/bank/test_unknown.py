"""A payment by bank card of which nobody knows the end, told as stories: the terminal's own book decides, and nothing is paid twice."""

import pytest

from kiosk.vend import seen
from kiosk.vend.bank import PosFinal, PosReversed, PosUnknown
from kiosk.vend.facts import ClaimIssued
from kiosk.vend.phase import deadline_ms
from tests.bank.counter import Counter, Terminal
from tests.bank.test_paying import closed, paying
from tests.sale.shop import Card


@pytest.mark.covers("failure-22")
def test_an_approval_whose_answer_is_lost_is_asked_for_and_never_paid_twice() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"pay": ["lost"], "recover": ["unknown", "unknown"]}
    shop.work()
    assert (shop.view.phase, shop.view.params["state"], shop.view.place, shop.view.held) == ("bank", "silent", "between", True)
    assert ("tender", "bank") not in {(offer.choice, offer.arg) for offer in shop.view.offers}
    shop.wait(20)
    assert [job.do for job in shop.terminal.told] == ["pay", "recover", "recover", "recover"]
    assert (shop.view.params["state"], shop.terminal.taken_minor()) == ("reversed", 0)
    assert [fact.why for fact in shop.facts() if isinstance(fact, PosUnknown)] == ["silent"]


@pytest.mark.covers("failure-24")
def test_goods_whose_answer_is_lost_are_paid_by_the_terminals_own_book_and_the_sale_goes_on() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"goods": ["lost"], "recover": ["unknown"]}
    shop.work()
    assert shop.view.params["state"] == "silent"
    assert "WriteStarted" not in shop.kinds()
    shop.wait(6)
    assert shop.view.phase == "done"
    (paid,) = [fact for fact in shop.facts() if isinstance(fact, PosFinal)]
    assert (paid.recovered, shop.terminal.taken_minor()) == (True, 100_00)
    assert shop.kinds().index("PosFinal") < shop.kinds().index("WriteStarted")


@pytest.mark.covers("failure-22")
def test_a_payment_found_after_its_sale_is_over_goes_back() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"goods": ["lost"], "recover": ["unknown"] * 60}
    shop.work()
    shop.press("cancel")
    shop.pull()
    assert shop.view.phase == "attract"
    shop.wait(5)
    assert not shop.view.params["bank"]
    shop.terminal.script = {}
    shop.wait(600)
    assert shop.terminal.taken_minor() == 0
    assert [fact.why for fact in shop.facts() if isinstance(fact, PosReversed)] == ["asked"]
    assert [ended.outcome for ended in closed(shop)] == ["cancelled"]
    assert shop.view.params["bank"]


def test_a_payment_that_cannot_go_back_is_a_claim_that_its_card_collects() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"goods": ["lost"], "recover": ["unknown"], "reverse": ["refused"]}
    shop.work()
    shop.press("cancel")
    shop.pull()
    shop.wait(30)
    (claim,) = [fact for fact in shop.facts() if isinstance(fact, ClaimIssued)]
    assert (claim.why, claim.amount_minor, claim.n) == ("not_reversed", 100_00, 2)
    assert [ended.outcome for ended in closed(shop)] == ["cancelled", "claimed"]
    assert shop.view.phase == "attract"
    shop.insert(card)
    assert (shop.view.phase, shop.view.figure_minor) == ("done", 95_00)
    assert shop.terminal.taken_minor() == 100_00


def test_an_unknown_payment_bars_bank_cards_and_never_cash() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"goods": ["lost"], "recover": ["unknown"] * 3}
    shop.work()
    shop.press("tender", "cash")
    assert shop.view.phase == "insert"
    shop.feed(20_00)
    shop.wait(30)  # the terminal is not asked while somebody pays
    shop.press("finish")
    assert shop.view.phase == "done"
    shop.wait(700)
    assert shop.terminal.taken_minor() == 0
    card.into_meter()
    assert card.credited == [15_00]


def test_a_customer_who_waits_for_the_bank_is_not_held_for_ever() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"pay": ["lost"], "recover": ["unknown"] * 400}
    shop.work()
    shop.wait(181)
    assert shop.view.phase == "take_card"
    assert shop.state.bank.open


def wakes_by_itself(shop: Counter, minutes: int) -> None:
    """Time passes as for a desk to which nobody tells anything: it ticks when its state wants it, and each such moment once."""
    ticked = None
    for _ in range(minutes * 60):
        shop.ms += 1_000
        if (due := deadline_ms(shop.state)) != ticked and due <= shop.ms:
            ticked = due
            shop.tell(seen.Tick())
            shop.work()


@pytest.mark.parametrize("away", ["never", "for a moment", "over a restart"])
def test_the_desk_wakes_by_itself_to_ask_about_an_unknown_payment(away: str) -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"pay": ["lost"], "recover": ["unknown"] * 3}
    shop.work()
    if away == "for a moment":
        shop.tell(seen.DeviceDown("terminal", "offline"))
        wakes_by_itself(shop, 1)
        shop.up()
    elif away == "over a restart":
        shop.start()
    wakes_by_itself(shop, 2)
    assert [job.do for job in shop.terminal.told] == ["pay", *["recover"] * 4]
    assert shop.state.bank.open is None


def test_a_terminal_that_never_answers_is_unknown_after_its_time() -> None:
    shop, card = Counter(Terminal(silent=True)), Card()
    paying(shop, card)
    shop.wait(242)
    assert shop.view.params["state"] == "silent"
    assert [fact.why for fact in shop.facts() if isinstance(fact, PosUnknown)] == ["silent"]


@pytest.mark.covers("failure-22", "failure-25")
def test_a_full_terminal_is_still_asked_about_an_unknown_payment() -> None:
    """Its day cannot end while one is unknown: were it not asked, both would stay so for ever."""
    shop, card = Counter(), Card()
    paying(shop, card)
    shop.terminal.script = {"pay": ["lost"]}
    shop.pay()
    shop.tell(seen.DeviceDown("terminal", "full"))
    shop.up()
    shop.wait(20)
    assert shop.state.bank.open is None
    assert (shop.view.params["state"], shop.terminal.taken_minor()) == ("reversed", 0)
    shop.press("cancel")
    shop.pull()
    for _ in range(24):
        shop.later(1)
        shop.work()
    assert shop.view.params["bank"]


def test_no_day_ends_while_a_payment_is_unknown() -> None:
    shop, card = Counter(), Card()
    shop.insert(card)
    shop.press("tender", "bank")
    shop.press("finish")
    shop.press("finish")
    shop.pull()
    card.into_meter()
    paying(shop, card)
    shop.terminal.script = {"pay": ["lost"], "recover": ["unknown"] * 4000}
    shop.work()
    shop.press("cancel")
    shop.pull()
    for _ in range(48):
        shop.later(1)
        shop.work()
    assert "day_end" not in [job.do for job in shop.terminal.told]
    shop.terminal.script = {}
    for _ in range(24):
        shop.later(1)
        shop.work()
    assert [job.do for job in shop.terminal.told].count("day_end") == 1
