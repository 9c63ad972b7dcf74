"""Rule 12: the clock never falls below the journal nor jumps; cards of meters that are later are a second witness."""

import pytest

from kiosk.vend import sale
from kiosk.vend.clock import Clock, fold
from kiosk.vend.facts import ClockStepped, Row
from kiosk.vend.operators.session import OperatorDid
from tests.risk.kit import DAY_MS, HOUR_MS, level, office_shop
from tests.risk.test_stages import bought, why
from tests.sale.shop import Card, Shop


@pytest.mark.covers("rule-12", "failure-30")
def test_a_clock_below_the_last_row_sells_nothing_until_it_is_above_it_again() -> None:
    shop = Shop()
    shop.later(10)
    bought(shop, Card())
    shop.moved_ms -= 9 * HOUR_MS  # while it was off
    shop.start()
    assert why(shop) == "clock"
    shop.insert(Card())
    assert sale.stance(shop.rules, shop.state).notes == ()
    shop.feed(50_00)
    assert shop.state.sale is None
    shop.pull()
    shop.moved_ms += 9 * HOUR_MS
    shop.start()
    assert why(shop) == ""


@pytest.mark.covers("rule-12", "abuse-32")
def test_no_daily_limit_begins_anew_because_somebody_moved_the_clock() -> None:
    for by_ms in (DAY_MS, -DAY_MS):
        shop, card = Shop(), Card()
        assert bought(shop, card)
        assert bought(shop, card)
        shop.set_clock(by_ms)
        assert why(shop) == "clock"
        assert not bought(shop, card)
        shop.set_clock(-by_ms)
        assert why(shop) == ""
        shop.insert(card)
        assert (shop.view.phase, shop.view.params["why"]) == ("refused", "day")


@pytest.mark.covers("rule-12", "abuse-33")
def test_a_clock_that_jumps_to_and_fro_is_told_each_time_and_sells_only_while_it_is_right() -> None:
    shop, card = office_shop(), Card()
    for _ in range(6):
        shop.set_clock(6 * 60_000)
        assert not bought(shop, card)
        shop.set_clock(-6 * 60_000)
    assert len(shop.facts("ClockStepped")) == 12
    assert bought(shop, card)
    for _ in range(6):  # small ones add up
        shop.set_clock(60_000)
    assert why(shop) == "clock"
    assert level(shop, "clock_step") == ("stop", 360_000)


@pytest.mark.covers("abuse-32")
def test_a_jump_in_mid_sale_takes_no_more_and_finishes_what_is_paid() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.set_clock(30 * DAY_MS)
    shop.feed(100_00)
    shop.press("finish")
    card.into_meter()
    assert card.credited == [45_00]


@pytest.mark.covers("abuse-32")
def test_the_floor_is_not_raised_by_a_clock_that_is_not_believed_and_a_restart_does_not_make_it_believed() -> None:
    shop = Shop()
    shop.set_clock(365 * DAY_MS)
    shop.start()
    assert why(shop) == "clock"
    shop.moved_ms -= 365 * DAY_MS
    shop.start()
    assert why(shop) == ""
    assert bought(shop, Card())


def test_a_clock_set_back_too_far_may_be_set_right_while_it_is_off() -> None:
    shop = Shop()
    shop.later(3)
    shop.set_clock(-2 * HOUR_MS)
    shop.start()
    assert why(shop) == "clock"
    shop.moved_ms += 2 * HOUR_MS
    shop.start()
    assert why(shop) == ""


@pytest.mark.covers("rule-12")
def test_two_people_set_the_clock_and_from_there_on_it_is_the_floor() -> None:
    shop = Shop()
    shop.set_clock(365 * DAY_MS)
    shop._add((OperatorDid("014", "015", "clock.set", "u1/r1/k07", {"at": "202511240800"}),))
    shop.set_clock(-365 * DAY_MS)
    assert why(shop) == ""
    assert shop.state.clock.floor_ms <= shop.wall_ms()
    shop.ms += 61_000
    shop.set_clock(HOUR_MS)
    assert why(shop) == "clock"


def behind() -> Shop:
    """Its first start is in October; the return files say 2026-11-03 08:15."""
    shop = Shop()
    shop.rows, shop.moved_ms = [], -30 * DAY_MS
    shop.start()
    return shop


@pytest.mark.covers("rule-12")
def test_three_cards_whose_meters_wrote_later_than_it_is_here_say_that_this_clock_is_behind() -> None:
    shop = behind()
    cards = [Card(serial=f"{i}{i}" * 8, meter=f"00001234567{i}") for i in range(1, 5)]
    found = []
    for card in (cards[0], cards[0], cards[1], cards[2]):
        shop.insert(card)
        shop.pull()
        found.append(level(shop, "clock_cards"))
    assert found == [("warn", 1), ("warn", 1), ("warn", 2), ("stop", 3)]
    assert why(shop) == "clock"


def test_one_card_of_a_meter_that_is_right_is_the_end_of_that_suspicion() -> None:
    shop = behind()
    shop.insert(Card())
    shop.pull()
    assert level(shop, "clock_cards") == ("warn", 1)
    shop.moved_ms = 0
    shop.start()
    shop.insert(Card(serial="22" * 8))
    assert level(shop, "clock_cards") == ("ok", 0)


def test_a_step_after_the_order_to_set_it_is_excused_once_and_in_that_boot_only() -> None:
    row = Row(1, 1_000_000, 3, 50_000, "")
    ordered = fold(Clock(), OperatorDid("014", "015", "clock.set", "", {}), row)
    later = Row(2, 9_000_000, 4, 51_000, "")
    assert fold(ordered, ClockStepped(8_000_000), later).stepped_ms == 8_000_000


def test_a_slow_clock_that_is_set_right_every_day_is_no_clock_that_jumps() -> None:
    shop = Shop()
    for _ in range(40):
        shop.later(25)
        shop.set_clock(10_000)
        assert why(shop) == ""
    assert level(shop, "clock_step") == ("ok", 10_000)
