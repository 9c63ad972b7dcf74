"""Rules 4 to 10, 18, 24 and 28: silence, lists, keys, disk and the stop, each with what a customer reads."""

import msgspec
import pytest

from kiosk.vend import risk, sale
from kiosk.vend.limits import CEILINGS, Allowed, in_force
from kiosk.vend.seen import AcceptorDown, DiskSeen, Trusted
from kiosk.vend.tariff import Tariff
from kiosk.vend.till import CashBoxInstalled, CashBoxRemoved
from kiosk.vend.trust import KeyGeneration, KeyListInstalled, Unlocked
from tests.risk.kit import DAY_MS, HOUR_MS, grant, hotlist, level, limits, office_shop, stands
from tests.sale.shop import Card, Shop

GIB = 1 << 30


def why(shop: Shop) -> object:
    return shop.view.params["why"] if shop.view.phase == "out" else ""


def bought(shop: Shop, card: Card, amount: int = 100_00) -> int:
    """What one visit with that note put on the card and into the meter."""
    before = sum(card.credited)
    shop.insert(card)
    shop.feed(amount)
    shop.press("finish")
    shop.press("receipt", "none")
    shop.press("finish")
    shop.pull()
    card.into_meter()
    return sum(card.credited) - before


@pytest.mark.covers("rule-6")
def test_silence_is_warned_of_then_less_is_sold_then_nothing_and_a_stick_ends_it() -> None:
    shop = office_shop(days=30)
    seen = []
    for hours in (23, 1, 47, 1, 95, 1):
        shop.later(hours)
        seen.append((level(shop, "offline")[0], risk.allowed(shop.rules, shop.state, shop.now()).sale_max_minor, why(shop)))
    assert seen == [
        ("ok", 500_00, ""),
        ("warn", 500_00, ""),
        ("warn", 500_00, ""),
        ("low", 250_00, ""),
        ("low", 250_00, ""),
        ("stop", 250_00, "office"),
    ]
    shop.tell(hotlist(shop, 2))
    assert (level(shop, "offline"), why(shop)) == (("ok", 0), "")


@pytest.mark.covers("rule-6", "rule-7")
def test_signed_limits_let_a_far_village_trade_for_ninety_days_and_no_signature_for_more() -> None:
    shop = office_shop(days=100)
    shop.tell(limits(1, offline_stop_h=5_000, offline_low_h=5_000, hotlist_stop_h=5_000))
    assert stands(shop, "offline").limit == stands(shop, "hotlist").limit == 90 * 24
    shop.later(89 * 24)
    assert why(shop) == ""
    shop.later(24)
    assert (why(shop), level(shop, "offline")[0]) == ("office", "stop")


@pytest.mark.covers("rule-7")
def test_an_old_hotlist_is_warned_of_then_nothing_is_sold() -> None:
    shop = office_shop(days=30)
    shop.tell(limits(1, offline_stop_h=2_000, offline_low_h=2_000))
    found = []
    for hours in (47, 1, 119, 1):
        shop.later(hours)
        found.append((level(shop, "hotlist"), why(shop)))
    assert found == [(("ok", 47), ""), (("warn", 48), ""), (("warn", 167), ""), (("stop", 168), "office")]


@pytest.mark.covers("rule-5")
def test_a_card_that_buys_again_and_again_while_nobody_is_heard_is_warned_of_then_refused() -> None:
    shop, card = office_shop(days=30), Card()
    shop.tell(limits(1, offline_stop_h=2_000, hotlist_stop_h=2_000, offline_low_h=2_000))
    for sales in range(5):
        assert level_of(shop, card) == ("warn" if sales >= 3 else "ok", sales)
        assert bought(shop, card, 20_00) > 0
        shop.later(24)
    shop.insert(card)
    assert (shop.view.phase, shop.view.params["why"]) == ("refused", "often")
    assert sale.stance(shop.rules, shop.state).notes == ()
    shop.pull()
    shop.tell(hotlist(shop, 2))
    assert bought(shop, card, 20_00) > 0


def level_of(shop: Shop, card: Card) -> tuple[str, int]:
    shop.insert(card)
    found = level(shop, "card_sales")
    shop.pull()
    return found


def with_tariff(shop: Shop, days: int) -> Shop:
    shop.rules = msgspec.structs.replace(shop.rules, tariff=Tariff(until_ms=shop.wall_ms() + days * DAY_MS))
    return shop


@pytest.mark.covers("rule-9")
def test_a_tariff_that_has_ended_sells_nothing() -> None:
    shop = with_tariff(Shop(), days=8)
    found = []
    for hours in (1, 48, 6 * 24):
        shop.later(hours)
        found.append((level(shop, "tariff")[0], why(shop)))
    assert found == [("ok", ""), ("warn", ""), ("stop", "office")]


@pytest.mark.covers("rule-10")
def test_keys_that_have_ended_sell_nothing_even_where_nobody_can_be_reached() -> None:
    shop = office_shop(days=400)
    shop.tell(limits(1, offline_stop_h=2_160, hotlist_stop_h=2_160))
    shop.later(77 * 24)
    assert (level(shop, "keys")[0], why(shop)) == ("warn", "")
    shop.later(13 * 24)
    assert (level(shop, "keys")[0], why(shop)) == ("stop", "office")  # rule 6 at its latest has come with it
    assert stands(shop, "keys").value == 0


@pytest.mark.covers("rule-10", "abuse-38")
def test_a_generation_that_has_not_begun_has_ended_or_is_declared_dead_writes_no_card() -> None:
    shop = Shop()
    now = shop.wall_ms()
    generations = (KeyGeneration(3, 0, now + DAY_MS), KeyGeneration(4, now + 2 * DAY_MS, now + 4 * DAY_MS))
    shop.tell(Trusted(Unlocked("card", "trade", "00" * 8, 1, 1, now + 90 * DAY_MS, generations)))
    found = []
    for hours in (1, 24, 24):
        shop.later(hours)
        found.append((stands(shop, "generation").value, why(shop)))
    assert found == [(3, ""), (0, "keys"), (4, "")]
    shop.tell(Trusted(KeyListInstalled(1, 1, dead=(4,))))
    assert why(shop) == "keys"


@pytest.mark.covers("rule-28")
def test_a_stop_order_in_the_limits_and_a_revocation_in_the_key_list_end_all_trade() -> None:
    for order in (limits(1, stop=1), Trusted(KeyListInstalled(1, 1, revoked_kiosks=("K07",)))):
        shop, card = office_shop(), Card()
        shop.insert(card)
        shop.feed(50_00)
        shop.tell(order)
        assert sale.stance(shop.rules, shop.state).notes == ()
        shop.feed(50_00)
        shop.press("finish")
        assert shop.view.phase == "done"
        card.into_meter()
        assert card.credited == [45_00]
        shop.pull()
        assert (shop.view.phase, why(shop)) == ("out", "office")
    shop = office_shop()
    shop.tell(limits(1, stop=1))
    shop.tell(limits(2, stop=0))
    assert shop.view.phase == "attract"


@pytest.mark.covers("rule-28")
def test_a_kiosk_that_no_stop_order_reaches_dies_by_itself() -> None:
    shop = office_shop(float_minor=200_00, days=400)
    assert bought(shop, Card()) + bought(shop, Card(serial="22" * 8, meter="000012345679")) == 190_00
    assert why(shop) == "sold_out"
    shop.tell(grant(shop, 2, 1_000_00, days=400))
    shop.later(168)
    assert why(shop) == "office"


@pytest.mark.covers("rule-4", "abuse-52")
def test_signed_limits_take_the_place_of_the_built_in_ones_and_a_file_only_lowers_them() -> None:
    signed = {"day_max_minor": 5_000_00, "sale_max_minor": 800_00, "day_max_sales": 4, "notes": 1, "of_later_software": 7}
    assert (in_force(Allowed(), signed, {}).day_max_minor, in_force(Allowed(), signed, {}).sale_max_minor) == (5_000_00, 500_00)
    lower = in_force(Allowed(), signed, {"sale_max_minor": 300_00, "day_max_sales": 9})
    assert (lower.sale_max_minor, lower.day_max_sales, lower.notes) == (300_00, 4, Allowed().notes)
    assert in_force(Allowed(), dict.fromkeys(CEILINGS, 1 << 50), {}).offline_stop_h == 2_160


@pytest.mark.covers("rule-18", "failure-31")
def test_a_disk_that_fills_is_warned_of_then_no_money_comes_in() -> None:
    shop, card = Shop(), Card()
    shop.tell(DiskSeen(1_900 << 20, 20 * GIB))
    assert (level(shop, "disk")[0], why(shop)) == ("warn", "")
    shop.insert(card)
    shop.feed(50_00)
    shop.tell(DiskSeen(1_000 << 20, 20 * GIB))
    shop.feed(50_00)
    shop.press("finish")
    card.into_meter()
    assert card.credited == [45_00]
    shop.pull()
    assert why(shop) == "journal"
    shop.tell(DiskSeen(199 << 20, 1 * GIB))
    assert level(shop, "disk") == ("stop", 199)
    shop.tell(DiskSeen(300 << 20, 1 * GIB))
    assert why(shop) == ""


@pytest.mark.covers("rule-18")
def test_rows_that_nobody_acknowledges_stop_the_sale_before_the_disk_is_full() -> None:
    shop = office_shop(days=400)
    shop.tell(limits(1, unacked_max=len(shop.rows) + 400))
    card, levels = Card(), list[str]()
    while not why(shop):
        levels.append(level(shop, "unacked")[0])
        assert bought(shop, card, 10_00)
        shop.ms += DAY_MS
        shop.tell(hotlist(shop, shop.state.trust.hotlist.version + 1 if shop.state.trust.hotlist else 1))
        assert len(shop.rows) < 500
    assert (why(shop), levels[0], levels[-1]) == ("office", "ok", "warn")


@pytest.mark.covers("rule-24")
def test_pieces_that_no_sale_explains_are_said_until_the_box_is_counted() -> None:
    shop = Shop()
    assert level(shop, "cash_box") == ("ok", 0)
    shop.coin()
    assert level(shop, "cash_box") == ("warn", 1)
    shop.tell(AcceptorDown("coins", "removed"))
    assert shop.facts("CashBoxMissing")
    shop.acceptors_up()
    assert level(shop, "cash_box")[0] == "warn", "nobody has counted it"
    shop._add((CashBoxRemoved("coins", 1, "", "000000000011", ("101", "102"), (), 0),))
    shop._add((CashBoxInstalled("coins", 2, "", ("101", "102")),))
    assert level(shop, "cash_box") == ("ok", 0)


def test_without_a_head_office_nothing_that_only_it_can_say_is_asked_for() -> None:
    shop = Shop()
    shop.later(10_000)
    found = {one.name: one.level for one in risk.standing(shop.rules, shop.state, shop.now())}
    assert set(found.values()) == {"ok"}
    assert not {"float", "grant", "hotlist", "tariff", "unacked"} & set(found)
    assert bought(shop, Card())


def test_the_worst_stands_first_in_what_is_said_and_every_rule_has_its_number() -> None:
    shop = office_shop(float_minor=0)
    shop.later(200)
    found = risk.standing(shop.rules, shop.state, shop.now())
    assert risk.worst(found) == "stop"
    assert shop.state.here.stop == "float"
    assert [one.number for one in found] == sorted(one.number for one in found)
    assert HOUR_MS * stands(shop, "offline").value == 200 * HOUR_MS


@pytest.mark.covers("abuse-39")
def test_a_list_that_is_not_newer_changes_nothing() -> None:
    shop = office_shop()
    shop.tell(limits(2, sale_max_minor=100_00))
    for version in (1, 2):
        assert [fact.kind for fact in shop.tell(limits(version, sale_max_minor=400_00))] == ["Ignored"]
    assert risk.signed(shop.rules, shop.state).sale_max_minor == 100_00
