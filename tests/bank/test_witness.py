"""The bank terminal's book as a second witness: a disk that was put back knows nothing of the payments of its other life."""

import pytest

from kiosk.vend import facts as f
from kiosk.vend import seen
from kiosk.vend.bank import PosFinal, PosReversed, PosUnexplained
from kiosk.vend.witness import Restored
from tests.bank.counter import Counter, Terminal
from tests.bank.test_paying import paying
from tests.sale.shop import Card

OTHERS = [("22" * 8, "000012345679"), ("33" * 8, "000012345670"), ("44" * 8, "000012345671")]


def bought(shop: Counter, card: Card) -> None:
    paying(shop, card)
    shop.work()
    shop.press("finish")
    shop.pull()
    shop.up()


def others(shop: Counter, count: int) -> None:
    for serial, meter in OTHERS[:count]:
        bought(shop, Card(serial=serial, meter=meter))


def yesterday(shop: Counter, image: list[tuple[f.Fact, f.Row]]) -> None:
    """The disk as it was; terminal, acceptors and the world go on."""
    shop.rows = list(image)
    shop.start()
    shop.work()


def put_back(shop: Counter) -> list[Restored]:
    return [fact for fact in shop.facts() if isinstance(fact, Restored)]


@pytest.mark.covers("rule-2", "abuse-29")
def test_yesterdays_disk_is_noticed_by_the_terminals_receipts_and_takes_no_money() -> None:
    shop = Counter()
    bought(shop, Card())
    image = list(shop.rows)
    others(shop, 2)
    yesterday(shop, image)
    (fact,) = put_back(shop)
    assert (fact.witness, fact.here, fact.there) == ("terminal", 1, 3)
    assert not [fact for fact in shop.facts() if isinstance(fact, PosUnexplained)]  # they are another life's
    assert (shop.view.phase, shop.view.params["why"]) == ("out", "restored")
    shop.insert(Card(serial="55" * 8, meter="000012345672"))
    assert ("tender", "bank") not in {(offer.choice, offer.arg) for offer in shop.view.offers}
    shop.pull()
    shop.up()
    shop.start()
    assert len(put_back(shop)) == 1


@pytest.mark.covers("rule-2", "abuse-29")
@pytest.mark.parametrize("reached", ["PosRequested", "PosApproved", "PosFinal"])
def test_a_payment_that_yesterdays_disk_holds_open_is_neither_given_back_nor_written_again(reached: str) -> None:
    """In truth its record is on the card. Asked by its old image, the terminal would have taken the money back."""
    shop, card = Counter(Terminal(receipts=40)), Card()
    paying(shop, card)
    shop.work()
    upto = shop.kinds().index(reached) + 1
    image = list(shop.rows[:upto])
    shop.press("finish")
    shop.pull()
    shop.up()
    others(shop, 2)
    card.into_meter()
    assert card.credited == [95_00]
    shop.card = card
    yesterday(shop, image)
    shop.wait(700)
    assert [fact.witness for fact in put_back(shop)] == ["terminal"]
    assert shop.terminal.taken_minor() == 300_00
    assert not [fact for fact in shop.facts() if isinstance(fact, PosReversed)]
    shop.pull()
    card.into_meter()
    assert card.credited == [95_00]
    assert sum(isinstance(fact, PosFinal) for fact in shop.facts()) == (reached == "PosFinal")


@pytest.mark.covers("rule-2")
def test_what_one_power_cut_takes_away_is_no_disk_that_was_put_back() -> None:
    """The payment that was asked for, and its reversal, whose row had not been written."""
    shop = Counter(Terminal(receipts=40))
    paying(shop, Card())
    shop.pay()
    assert shop.terminal.receipts == 41
    shop.terminal.receipts = 42
    shop.terminal.book[0].state = "reversed"
    shop.start()
    shop.wait(20)
    assert not put_back(shop)
    assert shop.state.bank.open is None


def test_a_terminal_that_took_a_payment_back_by_itself_under_a_number_of_its_own_is_no_alarm() -> None:
    shop = Counter(Terminal(receipts=40))
    paying(shop, Card())
    shop.terminal.script = {"pay": ["unknown"]}
    shop.terminal.receipts = 42  # approved, and reversed when nobody gave goods
    shop.work()
    shop.wait(20)
    shop.up()
    assert (shop.state.bank.open, shop.state.bank.receipt) == (None, 42)
    assert [type(fact) for fact in shop.facts() if isinstance(fact, PosUnexplained | Restored)] == []


@pytest.mark.covers("rule-2")
def test_receipts_of_somebody_else_are_an_alarm_while_the_machine_runs_and_at_a_start_but_for_one_a_witness() -> None:
    shop = Counter(Terminal(receipts=40))
    shop.terminal.receipts += 5
    shop.up()
    shop.terminal.receipts += 1
    shop.start()
    assert [fact.receipts for fact in shop.facts() if isinstance(fact, PosUnexplained)] == [5, 1]
    assert not put_back(shop)
    shop.terminal.receipts += 2
    shop.start()
    assert [(fact.here, fact.there) for fact in put_back(shop)] == [(46, 48)]


@pytest.mark.covers("rule-2")
def test_another_terminal_and_one_that_counts_from_one_again_are_no_witnesses() -> None:
    shop = Counter(Terminal(receipts=40))
    shop.terminal.receipts = 3
    shop.start()
    assert shop.state.bank.receipt == 3
    shop.tell(seen.PosUp("terminal", "SN-another", receipt="7000"))
    assert (shop.state.bank.serial, shop.state.bank.receipt) == ("SN-another", 7000)
    assert not put_back(shop)


@pytest.mark.covers("rule-2")
def test_a_book_that_the_end_of_the_day_has_emptied_is_no_witness_until_it_has_a_number_again() -> None:
    """The numbers go on behind it."""
    shop = Counter(Terminal(receipts=40))
    shop.terminal.receipts = 0
    shop.up()
    shop.terminal.receipts = 41
    shop.start()
    assert (shop.state.bank.receipt, put_back(shop)) == (41, [])
    assert not [fact for fact in shop.facts() if isinstance(fact, PosUnexplained)]


@pytest.mark.covers("rule-2")
def test_payments_that_were_declined_give_a_disk_that_was_put_back_no_room() -> None:
    """They were asked for and have no receipt: the next reading says so."""
    shop = Counter(Terminal(script={"pay": ["declined"] * 5}))
    shop.insert(Card())
    shop.press("tender", "bank")
    shop.press("finish")
    for _ in range(4):
        shop.press("tender", "bank")
    shop.up()
    assert (shop.state.bank.receipt, shop.state.bank.asked) == (0, 0)
