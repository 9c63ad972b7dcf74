"""Another acceptor than the known one takes no money, until a technician who stands before it says that it is ours."""

import pytest

from kiosk.vend import sale, seen
from kiosk.vend import staff as st
from kiosk.vend.facts import OrphanCredit
from kiosk.vend.fold import fold
from kiosk.vend.operators.session import OperatorDid
from kiosk.vend.state import State
from kiosk.vend.till import AcceptorEnrolled
from tests.cash.conftest import Bench, bench
from tests.cash.desk import eventually
from tests.operators.kit import PLACE, Staffed
from tests.sale.shop import Card, Shop

__all__ = ["bench"]
VALUES = (10_00, 20_00, 50_00, 100_00)


def fit(shop: Staffed, serial: str, counter: int = 0) -> None:
    """Somebody has put this note acceptor in."""
    shop.counters["notes"], shop.accepted["notes"] = counter, 0
    shop.tell(seen.AcceptorUp("notes", serial, counter, 0, VALUES))


def notes_wanted(shop: Staffed) -> tuple[int, ...]:
    """What the stance opens, with a customer's card in the slot."""
    shop.insert(Card())
    try:
        return sale.stance(shop.rules, shop.state).notes
    finally:
        shop.pull()
        shop.wait(31)


@pytest.mark.covers("failure-14", "abuse-25")
def test_a_swapped_acceptor_takes_money_once_a_technician_has_enrolled_it_and_it_is_written_down_who() -> None:
    shop = Staffed()
    assert notes_wanted(shop)
    fit(shop, "SN-other", 7)
    assert shop.state.faults["notes"] == "swapped"
    assert notes_wanted(shop) == ()
    shop.enter("014")
    shop.order(st.Go("cash"))
    shop.choose("enrol.notes")
    question = shop.asked()
    assert question.journaled == "AcceptorEnrolled"
    assert st.Line("serial", st.Plain("SN-other")) in question.lines
    shop.key("enter")
    assert shop.last(AcceptorEnrolled) == AcceptorEnrolled("notes", "SN-other", ("014",))
    assert shop.last(OperatorDid) == OperatorDid("014", "", "device.enrol", PLACE, {"device": "notes", "serial": "SN-other"})
    shop.order(st.Leave())
    fit(shop, "SN-other", 7)  # its driver tells it anew
    assert "notes" not in shop.state.faults
    assert notes_wanted(shop)


def test_the_enrolled_serial_lives_in_the_journal_and_stands_above_the_files() -> None:
    shop = Staffed(acceptors={"notes": "SN-notes", "coins": ""})
    fit(shop, "SN-other")
    shop.enter("014")
    shop.order(st.Do("device.enrol", "notes"))
    shop.order(st.Yes())
    shop.order(st.Leave())
    replayed = State()
    for fact, row in shop.rows:
        replayed = fold(replayed, fact, row)
    assert replayed.till.enrolled == {"notes": "SN-other"}
    shop.start(acceptors=False)
    fit(shop, "SN-notes")
    assert shop.state.faults["notes"] == "swapped", "the old one is the stranger now"
    fit(shop, "SN-other")
    assert "notes" not in shop.state.faults


def test_whoever_has_no_right_to_devices_is_not_offered_it_and_is_refused() -> None:
    shop = Staffed()
    fit(shop, "SN-other")
    shop.enter("007")
    shop.order(st.Go("cash"))
    assert "enrol.notes" not in [key.label.key for key in shop.staff.keys]
    shop.order(st.Do("device.enrol", "notes"))
    shop.order(st.Yes())
    assert (shop.notice(), shop.facts("AcceptorEnrolled")) == ("not_allowed", [])


def test_the_known_acceptor_cannot_be_enrolled_again() -> None:
    shop = Staffed()
    shop.enter("014")
    shop.order(st.Do("device.enrol", "notes"))
    assert shop.staff.question is None
    shop.order(st.Do("device.enrol", "printer"))
    assert shop.staff.question is None


@pytest.mark.covers("field-15", "abuse-26")
def test_an_acceptor_that_counts_less_than_it_told_takes_no_more_until_a_technician_has_enrolled_it_again() -> None:
    """Credits without growth: whoever makes them may make more. Neither a restart nor its own word opens it again."""
    shop = Staffed()
    shop.tell(seen.AcceptorUp("notes", "SN-notes", 0, 5, VALUES))
    assert notes_wanted(shop)
    again = seen.AcceptorUp("notes", "SN-notes", 0, 4, VALUES)
    for _ in range(2):
        shop.tell(again)
        assert shop.state.till.doubted == ("notes",)
        assert notes_wanted(shop) == ()
    shop.tell(seen.AcceptorDown("notes", "offline"))
    shop.tell(again)
    assert notes_wanted(shop) == ()
    shop.start()
    shop.tell(again)
    assert notes_wanted(shop) == ()
    shop.enter("014")
    shop.order(st.Go("cash"))
    shop.choose("enrol.notes")
    shop.key("enter")
    assert shop.last(AcceptorEnrolled) == AcceptorEnrolled("notes", "SN-notes", ("014",))
    shop.order(st.Leave())
    assert "notes" not in shop.state.faults
    assert notes_wanted(shop)


@pytest.mark.covers("field-15")
def test_what_an_acceptor_tells_that_counts_less_than_it_told_is_no_customers_money() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.coin(1_00)
    shop.tell(seen.AcceptorUp("coins", "SN-coins", shop.counters["coins"], 0, (1_00,)))
    shop.coin(1_00)
    assert shop.state.sale
    assert shop.state.sale.tender_minor == 1_00
    (orphan,) = shop.facts("OrphanCredit")
    assert isinstance(orphan, OrphanCredit)
    assert (orphan.device, orphan.amount_minor) == ("coins", 1_00)
    shop.feed(10_00)
    assert shop.state.sale.tender_minor == 11_00, "the notes are believed as before"


def test_an_acceptor_that_was_exchanged_while_the_question_stood_is_not_enrolled() -> None:
    shop = Staffed()
    fit(shop, "SN-other")
    shop.enter("014")
    shop.order(st.Do("device.enrol", "notes"))
    fit(shop, "SN-third")
    shop.order(st.Yes())
    assert (shop.notice(), shop.facts("AcceptorEnrolled")) == ("not_there", [])


def test_a_driver_hears_that_its_device_was_enrolled_and_says_that_it_is_up(bench: Bench) -> None:
    coins = bench.coins(serial=5)
    driver = bench.drive("coins", enrolled="1060501")
    assert bench.desk.await_one(seen.AcceptorDown) == seen.AcceptorDown("coins", "swapped", "5")
    assert (driver.health().state, driver.health().code) == ("user_error", "swapped")
    bench.desk.enrols("coins", "5")
    assert bench.desk.await_one(seen.AcceptorUp).serial == "5"
    bench.desk.wants(coins=(1_00,))
    eventually(lambda: coins.memory["master"])
    assert driver.health().state == "online"


def test_a_note_acceptor_in_the_coin_acceptors_place_cannot_be_enrolled(bench: Bench) -> None:
    coins = bench.coins(serial=5)
    coins.category = "Bill Validator"
    bench.drive("coins")
    assert bench.desk.await_one(seen.AcceptorDown) == seen.AcceptorDown("coins", "swapped", "")
