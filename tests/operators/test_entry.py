"""Coming in by number and PIN, from where no customer has begun anything; tries that a plug does not reset; sessions that end."""

import pytest

from kiosk.vend import seen
from kiosk.vend import staff as st
from kiosk.vend.facts import ClockStepped
from kiosk.vend.operators.entry import pin_job
from kiosk.vend.operators.session import LONG_PAUSE_MS, PAUSE_MS, TRIES, TRIES_ALL
from kiosk.vend.operators.tables import cases
from tests.operators.kit import ROSTER, Pin, Staffed
from tests.sale.shop import Card

WRONG = "000000"
MINUTE_MS = 60_000


def tries(shop: Staffed, count: int, number: str = "014") -> None:
    shop.order(st.Enter())
    for _ in range(count):
        shop.identify(number, WRONG)


def test_an_operator_comes_in_and_goes_and_both_are_facts() -> None:
    shop = Staffed()
    shop.enter("014")
    assert (shop.view.phase, shop.screen, shop.staff.operator) == ("staff", "home", "014")
    shop.key("clear")
    assert shop.view.phase == "attract"
    assert [kind for kind in shop.kinds() if kind.startswith("Operator")] == ["OperatorTried", "OperatorEntered", "OperatorLeft"]
    assert "271828" not in repr(shop.rows)


def test_before_the_pin_nothing_of_the_machine_is_shown_or_may_be_done() -> None:
    shop = Staffed()
    shop.order(st.Enter())
    assert (shop.staff.table, shop.staff.owed, shop.caps()) == (None, None, "c")
    before = len(shop.rows)
    for order in (st.Go("cash"), st.Do("service.close", "cash"), st.Yes(), st.Do("restart")):
        shop.order(order)
        assert shop.screen == "number"
    shop.fill("014")
    for typed in (st.Go("cash"), st.Do("service.close", "cash"), st.Yes(), st.Typed("1234")):
        shop.order(typed)
        assert shop.screen == "pin"
    assert len(shop.rows) == before


@pytest.mark.covers("abuse-46")
def test_five_wrong_pins_close_a_number_for_fifteen_minutes_and_then_for_an_hour() -> None:
    shop = Staffed()
    tries(shop, TRIES - 1)
    assert shop.notice() == "refused"
    shop.identify("014", WRONG)
    assert (shop.notice(), shop.minutes()) == ("paused", 15)
    shop.identify("014")
    assert shop.screen == "number", "the right one is not even looked at"
    assert len(shop.facts("OperatorTried")) == TRIES
    shop.wait_at_the_door(PAUSE_MS - MINUTE_MS)
    shop.identify("014")
    assert shop.minutes() == 1
    shop.wait_at_the_door(MINUTE_MS)
    tries(shop, TRIES)
    assert shop.minutes() == 60
    shop.wait_at_the_door(LONG_PAUSE_MS)
    shop.identify("014")
    assert shop.screen == "home"
    shop.key("clear")
    tries(shop, 1)
    assert shop.notice() == "refused", "the right one forgave the wrong ones"


@pytest.mark.covers("abuse-46")
def test_pulling_the_plug_forgets_no_try_and_shortens_no_pause() -> None:
    shop = Staffed()
    tries(shop, TRIES - 1)
    shop.start()
    shop.order(st.Enter())
    shop.identify("014", WRONG)
    assert shop.notice() == "paused"
    shop.ms += PAUSE_MS - MINUTE_MS
    shop.start()
    shop.order(st.Enter())
    shop.identify("014")
    assert shop.minutes() == 15, "a restart begins the pause anew"
    shop.wait_at_the_door(PAUSE_MS)
    shop.identify("014")
    assert shop.screen == "home"


@pytest.mark.covers("abuse-46")
def test_a_plug_that_is_pulled_before_the_answer_counts_as_a_try() -> None:
    shop = Staffed()
    for _ in range(TRIES):
        shop.order(st.Enter())
        shop.fill("014")
        shop.order(Pin(WRONG), work=False)
        assert shop.rows[-1][0].kind == "OperatorTried"
        assert shop.rows[-1][0].barrier, "on disk before anyone looks at the PIN"
        shop.start()
    shop.order(st.Enter())
    shop.fill("014")
    assert shop.notice() == "paused"


@pytest.mark.covers("abuse-46")
def test_a_clock_that_is_set_forward_shortens_no_pause() -> None:
    shop = Staffed()
    tries(shop, TRIES)
    shop._add((ClockStepped(10 * 86_400_000),))
    shop.order(st.Enter())
    shop.fill("014")
    assert shop.notice() == "paused"


@pytest.mark.covers("abuse-46")
def test_a_number_that_nobody_has_is_asked_checked_refused_and_paused_as_any_other() -> None:
    known, nobody, screens = Staffed(), Staffed(), []
    for shop, number in ((known, "014"), (nobody, "555")):
        shown = []
        shop.order(st.Enter())
        for _ in range(TRIES + 1):
            shop.fill(number)
            shown.append(shop.staff)
            shop.order(Pin(WRONG), work=False)
            shown.append(shop.staff)
            shop.work()
            shown.append(shop.staff)
        screens.append(shown)
    assert screens[0] == screens[1]
    assert nobody.why("OperatorRefused") == "unknown"
    nobody.wait_at_the_door(PAUSE_MS)
    nobody.fill("555")
    nobody.order(Pin(WRONG), work=False)
    job = pin_job(nobody.state, nobody.now().at_ms)
    assert job is not None, "its PIN is looked at, too"
    assert job.pin == ""


@pytest.mark.covers("abuse-46")
def test_whoever_goes_through_the_numbers_meets_a_pause_for_all_of_them() -> None:
    shop = Staffed()
    shop.order(st.Enter())
    for number in range(TRIES_ALL):
        shop.identify(f"{number + 500}", WRONG)
    shop.fill("014")
    assert shop.notice() == "paused"


def test_a_right_pin_lets_nobody_in_who_may_do_nothing_here() -> None:
    shop = Staffed()
    shop.enter("099")
    assert (shop.screen, shop.notice()) == ("number", "refused")
    assert shop.why("OperatorRefused") == "no_grant"


def test_without_a_roster_that_the_journal_names_nobody_comes_in() -> None:
    shop = Staffed(roster=None)
    shop.tell(seen.RosterRead(ROSTER, "aa"))
    shop.enter("014")
    assert shop.why("OperatorRefused") == "no_roster"
    other = Staffed()
    other.start()
    other.tell(seen.RosterRead(ROSTER, "bb"))
    assert other.state.here.ignored == 1, "an older one on the disk is none"


@pytest.mark.covers("abuse-50")
def test_a_session_that_is_left_open_ends_by_itself_after_two_minutes_without_a_key() -> None:
    shop = Staffed()
    shop.enter()
    shop.wait(119)
    shop.order(st.Here())
    assert shop.screen == "home"
    shop.wait(119)
    shop.key("2")
    shop.wait(119)
    assert shop.screen == "cash"
    shop.wait(2)
    assert shop.view.phase == "attract"
    assert shop.why("OperatorLeft") == "time"
    shop.order(st.Go("cash"))
    assert shop.view.phase == "attract"


@pytest.mark.covers("abuse-50")
def test_what_a_device_says_is_nobodys_key() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("device.test", "notes"))
    shop.wait(100)
    shop.tell(seen.NoteHeld("notes", "SN-notes", 50_00, 7))
    shop.wait(21)
    assert shop.view.phase == "attract"


@pytest.mark.covers("abuse-50")
def test_a_question_that_is_left_is_never_answered_by_whoever_comes_next() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("service.close", "maintenance"))
    assert shop.staff.question
    shop.wait(121)
    shop.order(st.Yes())
    shop.enter("007")
    shop.order(st.Yes())
    assert not shop.facts("ServiceClosed")


def test_a_restart_ends_the_session_and_says_so() -> None:
    shop = Staffed()
    shop.enter()
    shop.start()
    assert shop.view.phase == "attract"
    assert shop.why("OperatorLeft") == "restart"
    assert shop.state.operators.operator == ""


def test_a_customers_card_ends_the_session_and_is_served() -> None:
    shop = Staffed()
    shop.enter()
    shop.insert(Card())
    assert shop.view.phase == "account"
    assert shop.why("OperatorLeft") == "card"


@pytest.mark.parametrize("when", ["card", "paid", "unsure", "claim"])
def test_nobody_comes_in_while_a_customer_has_begun(when: str) -> None:
    shop = Staffed()
    shop.insert(Card())
    if when != "card":
        shop.feed(50_00)
    if when in ("unsure", "claim"):
        shop.pull()
    if when == "claim":
        shop.press("no_card")
    phase = shop.view.phase
    shop.order(st.Enter())
    assert (shop.view.phase, shop.view.staff) == (phase, None)


def test_money_that_falls_while_staff_are_there_is_nobodys_and_known() -> None:
    shop = Staffed()
    shop.enter()
    shop.coin()
    assert shop.state.sale is None
    assert shop.staff.owed
    assert shop.staff.owed.box_minor == 1_00
    assert [case.what for case in cases(shop.state)] == ["orphan"]
