"""A house lives from its meter: the lamp, the trips, the way back to light, and what each kilowatt-hour costs."""

import datetime as dt

import msgspec
import pytest

from kiosk.devices.sim import meter_run
from kiosk.devices.sim.meter import MeterModel
from kiosk.devices.sim.meter_run import FLAT, RELAY_TABLE, standing
from kiosk.devices.sim.meter_state import TierSet
from tests.sim_card.kit import card, meter

YUAN = 1_000_000
NEW_YEAR = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - a meter's own local time


def house(balance_yuan: float, count: int = 1, **state: object) -> MeterModel:
    """A house with light at 1 yuan a kWh and a card that was used up to `count`."""
    defaults: dict[str, object] = {"tou": (10_000,) * 4, "tiers": TierSet((), (0,)), "standing": "normal", "tripped": ""}
    m = meter(count, balance_micro=round(balance_yuan * YUAN))
    m.state = msgspec.structs.replace(m.state, **(defaults | state))
    return m


# ---------------------------------------------------------------- the relay table


@pytest.mark.parametrize(
    ("overdraft", "alarm2", "balance", "row"),
    [
        (10, 5, 20.000001, "normal"),
        (10, 5, 20, "alarm_1"),
        (10, 5, 5.000001, "alarm_1"),
        (10, 5, 5, "alarm_2"),
        (10, 5, 0.000001, "alarm_2"),
        (10, 5, 0, "over_zero"),
        (10, 5, -9.999999, "over_zero"),
        (10, 5, -10, "overdrawn"),
        (10, 5, -10.000001, "overdrawn"),
        (0, 5, 0, "overdrawn"),
        (0, 0, 20, "alarm_1"),
        (0, 0, 0.000001, "alarm_1"),
        (0, 0, 0, "overdrawn"),
    ],
)
def test_a_balance_is_in_one_row_of_the_relay_table(overdraft: int, alarm2: int, balance: float, row: str) -> None:
    m = house(0, overdraft_minor=overdraft * 100, alarm1_minor=20_00, alarm2_minor=alarm2 * 100).state
    levels = (20 * YUAN, alarm2 * YUAN, overdraft * YUAN)
    assert [s.name for s in RELAY_TABLE if s.holds(round(balance * YUAN), *levels)] == [row]
    assert standing(m, round(balance * YUAN)).name == row


@pytest.mark.parametrize("alarms", [(20, 5), (5, 20), (0, 0), (5, 0), (0, 5)])
@pytest.mark.parametrize("overdraft", [0, 10])
def test_every_balance_has_exactly_one_row_whatever_the_alarms(alarms: tuple[int, int], overdraft: int) -> None:
    for balance in range(-12, 25):
        assert len([s for s in RELAY_TABLE if s.holds(balance, *alarms, overdraft)]) == 1


def test_alarm_1_lights_the_lamp_and_leaves_the_supply_on() -> None:
    m = house(30)
    m.advance(15, 1)
    shown = m.display()
    assert (shown["standing"], shown["buy_lamp"], shown["supply"], shown["balance_minor"]) == ("alarm_1", True, True, 15_00)


def test_alarm_2_trips_once_and_the_card_brings_the_light_back() -> None:
    m, c = house(30), card(taken=1)
    m.advance(48, 1)
    assert (m.state.closed, m.display()["off_because"], m.state.balance_micro) == (False, "alarm_2", 5 * YUAN)
    assert m.insert(c).supply
    m.advance(4, 1)
    assert (m.state.closed, m.state.balance_micro) == (True, 1 * YUAN)


def test_without_overdraft_zero_is_the_end_and_only_money_helps() -> None:
    m = house(6, alarm2_minor=0)
    m.advance(48, 1)
    assert (m.display()["off_because"], m.state.balance_micro) == ("overdrawn", 0)
    assert not m.insert(card(taken=1)).supply
    assert m.insert(card(count=2)).supply


def test_over_zero_trips_and_the_card_opens_the_overdraft_until_it_is_spent() -> None:
    m, c = house(6, overdraft_minor=10_00), card(taken=1)
    m.insert(c)
    m.advance(1, 1)
    assert m.display()["off_because"] == "alarm_2"
    m.insert(c)
    m.advance(48, 1)
    assert (m.display()["off_because"], m.state.balance_micro) == ("over_zero", 0)
    assert m.insert(c).supply
    m.advance(48, 1)
    assert (m.display()["off_because"], m.state.balance_micro) == ("overdrawn", -10 * YUAN)
    assert not m.insert(c).supply


def test_out_of_overdrawn_the_balance_must_exceed_the_close_allowed_amount() -> None:
    m = house(-10, overdraft_minor=10_00, close_allowed_minor=20_00)
    m.advance(0)
    assert not m.insert(card(count=2, amount_minor=30_00)).supply  # 20.00 is not above 20.00
    assert not m.insert(card(count=2, taken=2)).supply
    assert m.insert(card(count=3, amount_minor=1)).supply


def test_a_recharge_that_ends_between_zero_and_the_close_allowed_amount_leaves_the_house_dark() -> None:
    m, c = house(-10, overdraft_minor=10_00, close_allowed_minor=20_00), card(count=2, amount_minor=13_00)
    m.advance(0)
    assert not m.insert(c).supply  # 3.00: an alarm 2 now, but the trip was the overdraft's
    assert (m.display()["standing"], m.display()["off_because"]) == ("alarm_2", "overdrawn")
    assert not m.insert(c).supply
    m.state.close_allowed_minor = 0
    assert not m.insert(c).supply  # only a recharge leads out
    assert m.insert(card(count=3, amount_minor=1)).supply


def test_a_refused_card_brings_no_light() -> None:
    m = house(30)
    m.advance(48, 1)
    assert not m.insert(card(count=9)).supply
    assert not m.insert(card(customer="000000000009", taken=1)).supply


def test_a_load_trip_is_told_apart_from_a_balance_trip() -> None:
    m = house(100, load_limit_w=3000)
    m.advance(1, 3.0)
    assert m.state.closed
    m.advance(1, 3.001)
    assert (m.state.closed, m.display()["off_because"], m.state.tripped) == (False, "load", "")
    assert m.state.balance_micro == 97 * YUAN
    assert m.insert(card(taken=1)).supply


def test_a_card_clears_a_load_trip_but_not_an_empty_meter() -> None:
    m = house(-1, load_limit_w=3000, load_trip=True)
    m.advance(0)
    assert not m.insert(card(taken=1)).supply
    assert m.display()["off_because"] == "overdrawn"


def test_a_house_without_light_spends_nothing_and_time_goes_on() -> None:
    m = house(30)
    m.advance(48, 1)
    spent, clock = m.state.energy_ws, m.state.clock
    m.advance(24, 1)
    assert (m.state.energy_ws, m.state.clock - clock) == (spent, dt.timedelta(hours=24))


# ---------------------------------------------------------------- prices

ZHEJIANG = TierSet((2760_00, 4800_00), (0, 500, 3000))
FLAT_538, PEAK_VALLEY = (5380,) * 4, (7000, 5680, 5680, 2880)


def test_t26_peak_and_valley_across_the_first_yearly_limit() -> None:
    m = house(10_000, tou=PEAK_VALLEY, tiers=ZHEJIANG, tier_ws=2700 * 3_600_000, clock=dt.datetime(2026, 7, 1, 8))  # noqa: DTZ001
    m.advance(10, 20)  # 200 kWh in the peak hours
    m.advance(4, 0)
    m.advance(10, 10)  # 100 kWh in the valley
    assert 10_000 * YUAN - m.state.balance_micro == 154_400_000


@pytest.mark.parametrize(("kwh", "cost_minor"), [(3000, 1626_00), (5000, 2852_00)])
@pytest.mark.parametrize("steps", [1, 8])
def test_t28_flat_price_with_yearly_tiers(kwh: int, cost_minor: int, steps: int) -> None:
    m = house(10_000, tou=FLAT_538, tiers=ZHEJIANG, clock=NEW_YEAR)
    for _ in range(steps):
        m.advance(kwh / steps / 5, 5)
    assert 10_000 * YUAN - m.state.balance_micro == cost_minor * 10_000


def test_a_tier_runs_up_to_its_limit_inclusive_and_the_next_watt_second_costs_more() -> None:
    m = house(10_000, tou=FLAT_538, tiers=ZHEJIANG, tier_ws=2759 * 3_600_000)
    m.advance(1, 1)
    assert m.state.balance_micro == 10_000 * YUAN - 538_000
    m.advance(1, 1)
    assert m.state.balance_micro == 10_000 * YUAN - 538_000 - 588_000


def test_many_small_steps_cost_what_one_large_step_costs() -> None:
    one, many = (house(10_000, tou=PEAK_VALLEY, tiers=ZHEJIANG, tier_ws=2759 * 3_600_000) for _ in range(2))
    one.advance(30, 0.777)
    for _ in range(30 * 60):
        many.advance(1 / 60, 0.777)
    assert many.state == one.state


@pytest.mark.parametrize(
    ("clock", "price"),
    [("00:00", 2880), ("07:59", 2880), ("08:00", 5680), ("21:59", 5680), ("22:00", 2880), ("23:59", 2880)],
)
def test_the_running_segment_names_the_price_also_past_midnight(clock: str, price: int) -> None:
    m = house(1, tou=PEAK_VALLEY, clock=dt.datetime.fromisoformat(f"2026-07-01 {clock}"))
    assert meter_run.tou_price(m.state) == price


def test_an_invalid_rate_number_runs_at_the_flat_rate() -> None:
    m = house(1, tou=(1, 2, 3, 4), day=((0, 9),))
    assert meter_run.tou_price(m.state) == (1, 2, 3, 4)[FLAT - 1]


@pytest.mark.parametrize("tiers", [TierSet((2760_00, 100_00), (9, 9, 9)), TierSet((0, 5), (9, 9, 9)), TierSet((5, 6, 7), (9, 9, 9))])
def test_corrupt_tiers_charge_no_adder(tiers: TierSet) -> None:
    m = house(10, tou=FLAT_538, tiers=tiers)
    m.advance(1, 1)
    assert m.state.balance_micro == 10 * YUAN - 538_000


@pytest.mark.parametrize(
    ("settlements", "start", "hours", "left_kwh"),
    [
        (("010100",), "2026-12-31 23:00", 2, 1),  # the year
        (("010100",), "2026-07-31 23:00", 2, 2),
        (("ff0100",), "2026-07-31 23:00", 2, 1),  # every month
        (("ff3106",), "2026-02-28 05:00", 3, 2),  # a month without a 31st ends on its last day
        (("010100", "070100", "ffffff"), "2026-06-30 23:00", 2, 1),  # half a year
        (("ffffff",), "2026-07-31 23:00", 2, 1),  # unused digits of monthly mode: the first, 00:00
        ((), "2026-12-31 23:00", 2, 2),
    ],
)
def test_at_a_settlement_the_tiers_begin_again(settlements: tuple[str, ...], start: str, hours: int, left_kwh: int) -> None:
    tiers = msgspec.structs.replace(ZHEJIANG, settlements=settlements)
    m = house(1000, tiers=tiers, clock=dt.datetime.fromisoformat(start))
    m.advance(hours, 1)
    assert m.state.tier_ws == left_kwh * 3_600_000


def test_standby_sets_take_over_at_their_own_times_and_once() -> None:
    m = house(
        1000,
        clock=dt.datetime.fromisoformat("2026-07-01 00:00"),
        tou_standby=(20_000,) * 4,
        tou_switch="2607010100",
        tiers_standby=TierSet((), (5000,)),
        tier_switch="2607010200",
    )
    m.advance(4, 1)
    assert 1000 * YUAN - m.state.balance_micro == (1 + 2 + 2.5 + 2.5) * YUAN
    assert m.state.tou_switch == m.state.tier_switch == "0000000000"


@pytest.mark.parametrize("none", ["0000000000", "9999999999", "2613010000"])
def test_a_switch_time_that_is_none_never_comes(none: str) -> None:
    m = house(1000, tou_standby=(20_000,) * 4, tou_switch=none)
    m.advance(24 * 400, 0.001)
    assert m.state.tou == (10_000,) * 4
