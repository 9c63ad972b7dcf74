"""The day by which limits count: no zone, no summer time and no clock that was put forward makes more of it than one."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from kiosk.vend import zones
from kiosk.vend.facts import SaleClosed
from kiosk.vend.operators.session import OperatorDid
from kiosk.vend.totals import day_totals
from tests.codes.kit import CodeShop, other
from tests.codes.test_answers import at_account
from tests.sale.shop import Card, Shop, rules

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC)  # clocks move at 01:00 UTC
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def ms(at: datetime) -> int:
    return int(at.timestamp()) * 1000


def at(shop: Shop, moment: datetime) -> Shop:
    """The machine runs on until then."""
    shop.moved_ms += ms(moment) - shop.wall_ms()
    shop.start()
    return shop


def buys(shop: Shop, card: Card) -> str:
    """ "" for a sale of 100.00, or why there is none."""
    shop.insert(card)
    if shop.view.phase == "refused":
        why = str(shop.view.params["why"])
    else:
        why = ""
        shop.feed(100_00)
        shop.press("finish")
        assert shop.view.phase == "done"
        card.into_meter()
    shop.pull()
    shop.later(0.1)
    return why


def zoned(shop: Shop, zone: str) -> Shop:
    """Somebody edits kiosk.toml, and the machine starts again."""
    shop.rules = msgspec.structs.replace(shop.rules, zone=zone)
    shop.start()
    return shop


# ---------------------------------------------------------------- a zone that is edited


@pytest.mark.covers("rule-4", "abuse-32")
@pytest.mark.parametrize("zone", ["+1400", "-1100", "-1200", "Pacific/Kiritimati", "+0759"])
def test_a_zone_that_is_edited_gives_no_card_a_second_day(zone: str) -> None:
    shop, card = at(Shop(zone="+0800"), datetime(2026, 12, 3, 12, tzinfo=UTC)), Card()
    assert [buys(shop, card) for _ in range(3)] == ["", "", "day"]
    zoned(shop, zone)
    assert buys(shop, card) == "day"
    zoned(shop, "+0800")
    assert buys(shop, card) == "day"
    shop.later(4)  # midnight in +0800
    assert buys(shop, card) == ""


def test_changing_the_zone_every_hour_for_a_day_gives_two_sales_and_not_one_more() -> None:
    shop, card, sold = at(Shop(zone="+0800"), datetime(2026, 12, 2, 16, 1, tzinfo=UTC)), Card(), 0
    sold += buys(shop, card) == ""
    for hour in range(23):
        zoned(shop, f"{'+' if hour % 2 else '-'}{(hour * 5) % 12:02}30")
        sold += buys(shop, card) == ""
        shop.later(1 - 0.1)
    assert sold == 2


# ---------------------------------------------------------------- a clock that is put forward while the machine is off


def shut() -> tuple[CodeShop, Card]:
    """Five wrong codes on one card."""
    shop, card = at_account()
    for _ in range(5):
        shop.type(other(shop.code(card, 2)))
    assert shop.said() == "shut"
    shop.pull()
    return shop, card


def tries(shop: CodeShop, card: Card) -> str:
    shop.insert(card)
    shop.press("tender", "code")
    said = str(shop.said())
    shop.pull()
    return said


@pytest.mark.covers("field-85", "abuse-32")
def test_a_clock_put_forward_two_days_while_the_machine_was_off_opens_no_code_entry() -> None:
    shop, card = shut()
    shop.moved_ms += 2 * DAY_MS
    shop.start()
    assert tries(shop, card) == "shut"
    shop.moved_ms += 30 * DAY_MS
    shop.start()
    assert tries(shop, card) == "shut"


def test_after_a_night_in_which_the_machine_ran_they_may_be_tried_again() -> None:
    shop, card = shut()
    shop.moved_ms += 2 * DAY_MS
    shop.start()
    shop.later(5.5)
    assert tries(shop, card) == "shut"
    shop.later(0.6)
    assert tries(shop, card) != "shut"


def test_a_card_that_bought_while_the_clock_was_a_year_ahead_is_not_shut_for_a_year() -> None:
    shop, card = Shop(), Card()
    shop.moved_ms += 365 * DAY_MS  # while it was off
    shop.start()
    assert [buys(shop, card) for _ in range(3)] == ["", "", "day"]
    shop._add((OperatorDid("014", "015", "clock.set", "u1/r1/k07", {"at": "202611240800"}),))
    shop.set_clock(-365 * DAY_MS)
    assert buys(shop, card) == ""


def test_code_entry_that_was_shut_while_the_clock_was_a_year_ahead_opens_after_a_night() -> None:
    shop, card = at_account()
    shop.moved_ms += 365 * DAY_MS
    shop.start()
    shop.insert(card)
    for _ in range(5):
        shop.type(other(shop.code(card, 2)))
    shop.pull()
    shop._add((OperatorDid("014", "015", "clock.set", "u1/r1/k07", {"at": "202611240800"}),))
    shop.set_clock(-365 * DAY_MS)
    assert tries(shop, card) == "shut"
    shop.later(6.1)
    assert tries(shop, card) != "shut"


def test_hours_before_a_restart_count_and_those_of_another_start_are_not_counted_twice() -> None:
    shop, card = shut()
    for number in range(5):
        shop.later(1)
        shop.insert(Card(serial=f"{number:016x}", meter=f"{number:012}"))
        shop.pull()
        shop.start()
        shop.start()
    shop.moved_ms += DAY_MS
    shop.start()
    assert tries(shop, card) == "shut"
    shop.later(1.1)
    assert tries(shop, card) != "shut"


def test_the_same_day_stays_shut_however_long_the_machine_runs() -> None:
    shop, card = CodeShop(), Card()
    at(shop, datetime(2026, 12, 2, 16, 5, tzinfo=UTC))
    shop.insert(card)
    for _ in range(5):
        shop.type(other(shop.code(card, 2)))
    shop.pull()
    shop.later(20)
    assert tries(shop, card) == "shut"
    shop.later(4)
    assert tries(shop, card) != "shut"


# ---------------------------------------------------------------- summer time, both ways


@pytest.mark.parametrize(("night", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_a_day_in_which_the_clock_moves_is_one_day_of_sales_reports_and_papers(night: datetime, hours: int) -> None:
    rules_here = rules(zone=BERLIN)
    begins, day = rules_here.instant_ms(night.replace(tzinfo=None)), f"{night:%Y-%m-%d}"
    moments = [begins + hour * HOUR_MS for hour in range(-1, hours + 1)]
    assert [rules_here.business_date(moment) == day for moment in moments] == [False, *[True] * hours, False]
    shop, offsets = Shop(zone=BERLIN), set[str]()
    for number, moment in enumerate(moments):
        at(shop, datetime.fromtimestamp(moment / 1000, UTC))
        assert buys(shop, Card(serial=f"{number:016x}", meter=f"{number:012}")) == ""

    journal = shop.recorded()
    totals = [day_totals(journal, date, shop.rules.business_date) for date in (day_before(day), day, day_after(day))]
    assert [total.given.on_cards for total in totals] == [1, hours, 1]
    assert [total.difference_minor for total in totals] == [0, 0, 0]
    for fact, row in shop.rows:
        if isinstance(fact, SaleClosed):
            offsets.add(fact.zone)
            assert fact.business_date == zones.date_of(fact.zone, row.at_ms)
    assert offsets == {"+0100", "+0200"}


@pytest.mark.parametrize("night", [SPRING, AUTUMN])
def test_no_card_gets_more_than_its_day_around_a_change_of_the_clock(night: datetime) -> None:
    shop, card = at(Shop(zone=BERLIN), night - timedelta(days=1)), Card()
    sold = sales(shop, card, hours=49)
    for first, third in zip(sold, sold[2:], strict=False):
        assert third - first >= 22 * HOUR_MS, "two sales a day, and the day is 23 hours at least"
    assert len(sold) == 5, "the last is of the third day"


def sales(shop: Shop, card: Card, hours: int) -> list[int]:
    """When a customer who tries every hour is sold something."""
    sold = []
    for _ in range(hours):
        if buys(shop, card) == "":
            sold.append(shop.wall_ms())
        shop.later(0.9)
    return sold


@pytest.mark.parametrize(("night", "wall", "back"), [(SPRING, "02:30", "03:30"), (AUTUMN, "02:30", "02:30")])
def test_a_technician_sets_the_clock_to_an_hour_that_there_is_twice_or_never(night: datetime, wall: str, back: str) -> None:
    here = rules(zone=BERLIN)
    moment = here.instant_ms(datetime.fromisoformat(f"{night:%Y-%m-%d} {wall}"))
    assert f"{here.local(moment):%H:%M}" == back


def test_a_day_end_and_the_middle_of_a_day_are_of_the_clock_on_that_day() -> None:
    here = rules(zone=BERLIN)
    for day, hour in (("2027-03-27", 11), ("2027-03-28", 10), ("2027-10-30", 10), ("2027-10-31", 11)):
        assert here.noon_ms(day) == ms(datetime.fromisoformat(f"{day}T{hour}:00+00:00"))
    assert (here.offset(ms(SPRING)), here.offset(ms(SPRING) + HOUR_MS)) == ("+0100", "+0200")
    assert (here.offset(ms(AUTUMN)), here.offset(ms(AUTUMN) + HOUR_MS)) == ("+0200", "+0100")


# ---------------------------------------------------------------- what is no zone


@pytest.mark.parametrize("zone", ["+8", "+1500", "Europe/Nowhere", "", "../../etc/passwd", "+08:00"])
def test_what_is_no_zone_is_refused_in_a_sentence(zone: str) -> None:
    assert not zones.known(zone)


def day_before(day: str) -> str:
    return (datetime.fromisoformat(day) - timedelta(days=1)).date().isoformat()


def day_after(day: str) -> str:
    return (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
