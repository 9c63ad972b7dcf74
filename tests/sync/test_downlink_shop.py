"""What was sent, at work in the shop: the tariff of the moment, outages, words on screen and paper, the greeting; and months of silence."""

import msgspec
import pytest

from kiosk.devices.printer.layout import lay_out
from kiosk.screens.customer import scene_of
from kiosk.vend import facts as f
from kiosk.vend import proof, risk
from kiosk.vend.clock import TimeSigned
from kiosk.vend.greeting import PersonsInstalled, masked, reference
from kiosk.vend.notices import Notice, NoticesInstalled
from kiosk.vend.pricelist import Period, TariffInstalled, coming, in_force
from kiosk.vend.seen import PersonsRead, Trusted
from kiosk.vend.tariff import Tariff
from kiosk.vend.trust import FloatGranted, Unlocked
from kiosk.vend.wording import TextsInstalled
from tests.risk.kit import DAY_MS, HOUR_MS, hotlist, level, limits, office_shop
from tests.risk.test_stages import bought, why
from tests.sale.shop import CUSTOMER, Card, Shop

MINUTE_MS = 60_000


def prices(shop: Shop, version: int, changes_ms: int, *, ends_ms: int = 90 * DAY_MS) -> Trusted:
    """home/7 now, home/8 from `changes_ms` later, and then nothing."""
    now_ms = shop.wall_ms()
    first = Period("home/7", "0.5000", 0, now_ms - DAY_MS, now_ms + changes_ms)
    second = Period("home/8", "1.0000", 10_00, now_ms + changes_ms, now_ms + ends_ms, 10, 20)
    return Trusted(TariffInstalled(1, version, "CNY", (first, second)))


def closed(shop: Shop) -> f.SaleClosed:
    (fact,) = shop.facts("SaleClosed")[-1:]
    assert isinstance(fact, f.SaleClosed)
    return fact


# ---------------------------------------------------------------- the tariff of the moment


@pytest.mark.covers("rule-9")
def test_a_sale_has_the_tariff_of_the_moment_in_which_it_opened_and_names_it() -> None:
    shop = Shop()
    shop.tell(prices(shop, 1, HOUR_MS))
    bought(shop, Card())
    assert (closed(shop).tariff, closed(shop).credit_wh) == ("home/7", 200_000)
    shop.later(1)
    bought(shop, Card("1122334455667799", meter="000012345679"))
    sale = closed(shop)
    assert (sale.tariff, sale.credit_minor, sale.credit_wh) == ("home/8", 90_00, 90_000)
    assert [(line.code, line.amount_minor) for line in sale.lines if line.summed] == [("fixed_fee", 10_00), ("to_card", 90_00)]


def test_a_card_that_lay_in_the_slot_over_the_change_buys_at_the_new_tariff() -> None:
    shop = Shop()
    shop.tell(prices(shop, 1, 40_000))
    shop.insert(Card())
    assert shop.state.here.quote
    assert shop.state.here.quote.tariff == "home/7"
    shop.wait(41)
    shop.feed(100_00)
    (opened,) = shop.facts("SaleOpened")
    assert isinstance(opened, f.SaleOpened)
    assert (opened.quote.tariff, opened.quote.price, opened.quote.fee_share_pct, opened.quote.debt_share_pct) == (
        "home/8",
        "1.0000",
        10,
        20,
    )


def test_the_terms_of_an_open_sale_do_not_change_with_the_list() -> None:
    shop = Shop()
    shop.tell(prices(shop, 1, 40_000))
    shop.insert(Card())
    shop.feed(50_00)
    shop.wait(41)
    shop.tell(prices(shop, 2, MINUTE_MS))
    shop.feed(50_00)
    shop.press("finish")
    sale = closed(shop)
    assert (sale.tariff, sale.tender_minor, sale.credit_minor, sale.credit_wh) == ("home/7", 100_00, 100_00, 200_000)


def test_a_claim_is_settled_by_the_terms_that_its_sale_opened_with_though_the_list_changed() -> None:
    shop, card = Shop(), Card()
    shop.tell(prices(shop, 1, HOUR_MS))
    shop.insert(card)
    shop.feed(100_00)
    shop.pull()
    shop.wait(400)
    assert shop.state.claims
    shop.later(2)
    shop.insert(card)
    shop.press("finish")
    (settled,) = shop.facts("ClaimSettled")
    assert isinstance(settled, f.ClaimSettled)
    assert settled.credit_minor == 100_00


def test_the_first_list_takes_the_place_of_the_files_tariff_for_good() -> None:
    own, shop = Tariff(), Shop()
    sent = prices(shop, 1, HOUR_MS).fact
    assert isinstance(sent, TariffInstalled)
    now_ms = shop.wall_ms()
    assert in_force(own, None, now_ms) is own
    last = in_force(own, sent, now_ms + 1000 * DAY_MS)
    assert (in_force(own, sent, now_ms).id, last.id, last.until_ms) == ("home/7", "home/8", now_ms + 90 * DAY_MS)
    assert in_force(own, sent, sent.periods[0].until_ms - 1).id == "home/7"
    assert in_force(own, sent, sent.periods[0].until_ms).id == "home/8"
    assert in_force(msgspec.structs.replace(own, debts={"1": 5}), sent, now_ms).debts == {"1": 5}
    following = coming(sent, now_ms)
    assert following
    assert following.id == "home/8"
    assert coming(sent, following.from_ms) is None


@pytest.mark.covers("rule-9")
def test_the_end_of_the_last_tariff_is_warned_of_then_nothing_is_sold_until_a_new_list_comes() -> None:
    shop = Shop()
    shop.tell(prices(shop, 1, HOUR_MS, ends_ms=8 * DAY_MS))
    found = []
    for hours in (2, 24, 7 * 24):
        shop.later(hours)
        found.append((level(shop, "tariff")[0], why(shop)))
    assert found == [("ok", ""), ("warn", ""), ("stop", "office")]
    assert not bought(shop, Card())
    shop.tell(prices(shop, 1, HOUR_MS))
    assert why(shop) == "office", "the same version is not heard twice"
    shop.tell(prices(shop, 2, HOUR_MS))
    assert bought(shop, Card()) > 0


# ---------------------------------------------------------------- outages


def test_an_outage_is_told_from_a_week_before_until_it_is_over_in_the_customers_language() -> None:
    shop = Shop(languages=("en", "fr"))
    begins_ms = shop.wall_ms() + 8 * DAY_MS
    words = {"fr": "Travaux de ligne.", "*": "Line repair."}
    shop.tell(Trusted(NoticesInstalled(1, 1, (Notice("u1", begins_ms, begins_ms + 3 * HOUR_MS, words),))))
    assert "outage_from" not in shop.view.params
    shop.later(24)
    assert shop.view.params["outage_from"] == f"{shop.rules.local(begins_ms):%Y-%m-%d %H:%M}"
    shop.insert(Card())
    ledger = dict(scene_of(shop.view, helping=False).ledger)
    assert "No power" in ledger
    assert scene_of(shop.view, helping=False).status == "Line repair."
    shop.press("language", "fr")
    assert scene_of(shop.view, helping=False).status == "Travaux de ligne."
    shop.pull()
    shop.later(7 * 24 + 2)
    assert "outage_from" in shop.view.params, "it goes on"
    shop.later(1)
    assert "outage_from" not in shop.view.params


# ---------------------------------------------------------------- words


def test_the_offices_words_stand_on_screen_and_paper_in_the_papers_language() -> None:
    shop = Shop(languages=("en", "fr"))
    texts = {"phone": {"*": "0800 555 000"}, "footer": {"fr": "Merci", "en": "Thank you"}, "utility": {"*": "RIVER POWER"}}
    shop.tell(Trusted(TextsInstalled(1, 1, texts)))
    assert shop.view.params["phone"] == "0800 555 000"
    papers: list[str] = []
    for language in ("en", "fr"):
        card = Card(f"112233445566770{len(papers)}", meter=f"00001234567{len(papers)}")
        shop.insert(card)
        shop.press("language", language)
        shop.feed(20_00)
        shop.press("finish")
        shop.press("receipt", "paper", work=False)
        job = proof.print_job(shop.rules, shop.state)
        assert job
        papers.append("\n".join(getattr(line, "text", "") for line in lay_out(job.paper, 48)))
        shop.work()
        shop.pull()
    english, french = papers
    assert all("RIVER POWER" in paper and "0800 555 000" in paper for paper in papers)
    assert "Thank you" in english
    assert "Merci" in french
    assert "Thank you" not in french


# ---------------------------------------------------------------- the greeting


def test_a_customer_is_greeted_by_the_mask_of_the_list_that_the_journal_knows_and_no_fact_names_them() -> None:
    shop = Shop()
    masks = {reference(1, CUSTOMER): masked("Amina Kato")}
    shop.tell(PersonsRead(masks, "ab" * 32))
    shop.insert(Card())
    assert shop.view.params["name"] == "", "of a list that the journal does not know nothing is believed"
    shop.pull()
    shop.tell(Trusted(PersonsInstalled(1, 1, "ab" * 32)))
    shop.tell(PersonsRead(masks, "ab" * 32))
    shop.insert(Card())
    assert "A*** K***" in scene_of(shop.view, helping=False).first
    assert "A***" not in repr(shop.rows)
    assert "A***" not in repr(PersonsRead(masks, "ab" * 32))
    shop.pull()
    shop.tell(Trusted(PersonsInstalled(1, 2, "cd" * 32)))
    shop.tell(PersonsRead({}, "cd" * 32))
    shop.insert(Card())
    assert shop.view.params["name"] == "", "whoever was erased is greeted by the card's own digits"


# ---------------------------------------------------------------- the clock


@pytest.mark.covers("rule-12")
def test_a_signed_time_raises_the_floor_and_never_lowers_it() -> None:
    shop = Shop()
    floor_ms = shop.state.clock.floor_ms
    shop.tell(Trusted(TimeSigned(floor_ms - DAY_MS)))
    assert not shop.facts("TimeSigned")
    assert why(shop) == ""
    shop.tell(Trusted(TimeSigned(shop.wall_ms() + HOUR_MS)))
    assert shop.state.clock.floor_ms == shop.wall_ms() + HOUR_MS
    assert why(shop) == "clock", "this clock is slow: nothing is sold before it is right"
    shop.tell(Trusted(TimeSigned(shop.wall_ms())))
    assert len(shop.facts("TimeSigned")) == 1
    shop.later(2)
    assert why(shop) == ""


# ---------------------------------------------------------------- silence


@pytest.mark.covers("rule-1", "rule-3", "rule-6", "rule-7", "rule-9", "rule-10", "rule-28")
def test_a_kiosk_that_nobody_reaches_any_more_dies_by_each_of_its_own_rules_and_what_is_owed_stays_good() -> None:
    """Every signed allowance at its widest, then silence: no order, no revocation, no list ever comes."""
    shop, owed = office_shop(float_minor=0), Card("1122334455667711", meter="000012345611")
    shop.tell(Trusted(Unlocked("card", "trade", "00" * 8, 1, 2, shop.wall_ms() + 150 * DAY_MS, ())))
    shop.tell(Trusted(FloatGranted(1, 50_000_00, shop.wall_ms() + 120 * DAY_MS)))
    shop.tell(prices(shop, 1, DAY_MS, ends_ms=100 * DAY_MS))
    shop.tell(hotlist(shop, 2))
    shop.tell(limits(1, offline_warn_h=30 * 24, offline_low_h=60 * 24, offline_stop_h=999_999, hotlist_warn_h=48, hotlist_stop_h=999_999))
    shop.insert(owed)
    shop.feed(50_00)
    shop.pull()
    shop.wait(400)
    assert shop.state.claims
    told, sold, offline = [], [], []
    for day in range(1, 161):
        shop.later(24)
        offline.append((level(shop, "offline")[0], risk.allowed(shop.rules, shop.state, shop.now()).sale_max_minor))
        stands = {one.name: one.level for one in risk.standing(shop.rules, shop.state, shop.now())}
        told.append({name for name, worst in stands.items() if worst == "stop"})
        card = Card(f"11223344556{day:05}", meter=f"0000123{day:05}")
        sold.append(bought(shop, card, 20_00))
    days = {name: next(day for day, names in enumerate(told, 1) if name in names) for name in set().union(*told)}
    assert {name: days[name] for name in ("offline", "hotlist", "tariff", "grant", "keys")} == {
        "offline": 90, "hotlist": 90, "tariff": 100, "grant": 120, "keys": 150,
    }  # fmt: skip
    steps = [day for day in range(1, 160) if offline[day] != offline[day - 1]]
    assert [(day + 1, offline[day]) for day in steps] == [(30, ("warn", 500_00)), (60, ("low", 250_00)), (90, ("stop", 250_00))]
    assert all(sold[:89])
    assert not any(sold[89:])
    assert shop.view.phase == "out"
    assert told[-1] >= {"offline", "hotlist", "tariff", "grant", "keys"}
    before = sum(owed.credited)
    shop.insert(owed)
    shop.pull()
    owed.into_meter()
    assert sum(owed.credited) - before == 50_00, "what was paid before lands all the same"
