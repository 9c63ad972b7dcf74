"""What the head office sends about what a customer meets: believed, checked to the last character, and there is no way back."""

from pathlib import Path

import msgspec
import pytest

from kiosk import envelope
from kiosk.hq.downlink import publish, sources
from kiosk.hq.office import OfficeError
from kiosk.sync.customer import NOTICE_CELLS, NOTICES_MAX, PERIODS_MAX, PeriodBody, masks
from kiosk.sync.item import EVERYBODY
from kiosk.vend.greeting import masked, reference
from kiosk.vend.trust import NEVER, applied
from tests.keys.kit import KIOSK, REGION, UTILITY
from tests.keys.test_items import DAY_MS
from tests.sync.mail import PLACE, Mail

RTL, ZERO_WIDTH = "\u202e", "\u200b"


@pytest.fixture
def mail(tmp_path: Path) -> Mail:
    return Mail(tmp_path)


def test_every_kind_is_installed_and_its_version_reported(mail: Mail) -> None:
    mail.send("tariff", mail.prices())
    mail.send("texts", {"texts": {"phone": {"*": "0800 555 000"}}})
    mail.send("notices", {"notices": [mail.notice()]})
    mail.send("orders", b"{}", KIOSK)
    mail.send("persons", {"masks": {reference(UTILITY, "000098765432"): masked("Amina Kato")}}, KIOSK)
    mail.hq.send_limits()
    mail.hq.send_hotlist(b"\1" * 8)
    mail.hq.send_float(100_00)
    assert all(": installed." in line for line in mail.take_in() if not line.startswith("keys"))
    kinds = ("keys", "hotlist", "limits", "float", "tariff", "texts", "notices", "orders", "persons")
    assert applied(mail.trust) == dict.fromkeys(kinds, (1, 1))
    assert mail.trust.version("roster") == mail.trust.version("store") == NEVER
    told = {item.header.kind for _, item in mail.cupboard.standing()}
    assert told == set(kinds)


# ---------------------------------------------------------------- prices


@pytest.mark.covers("abuse-39", "rule-9")
def test_a_price_list_says_the_next_tariff_ahead_and_comes_once(mail: Mail) -> None:
    first = mail.period()
    mail.send("tariff", mail.prices(first, mail.period(id="home/8", from_ms=first.until_ms, until_ms=first.until_ms + DAY_MS)))
    (line,) = [line for line in mail.take_in() if line.startswith("tariff")]
    assert "home/7, home/8" in line
    assert mail.trust.tariff
    assert [one.id for one in mail.trust.tariff.periods] == ["home/7", "home/8"]
    assert "there is no way back" in next(line for line in mail.take_in() if line.startswith("tariff"))


def test_a_price_that_nobody_can_mean_is_refused_by_office_and_kiosk(mail: Mail) -> None:
    mail.send("tariff", mail.prices())
    mail.take_in()
    wrong = {
        "0.0000": "has no price",
        "-0.5800": "not what its kind says",
        "0.58": "not what its kind says",
        "5.8001": "more than 10 times",
        "0.0579": "more than 10 times",
        "NaN": "not what its kind says",
        "9999999.0000": "not what its kind says",
    }
    for price, why in wrong.items():
        assert why in mail.refused("tariff", mail.prices(mail.period(id="home/8", price=price))), price


def test_a_price_list_without_a_tariff_for_today_or_with_a_hole_is_refused(mail: Mail) -> None:
    first = mail.period()
    later = mail.period(id="home/8", from_ms=first.until_ms, until_ms=first.until_ms + DAY_MS)
    change = msgspec.structs.replace
    lists = (
        (mail.prices(later), "no tariff for the day"),
        (mail.prices(change(first, until_ms=mail.hq.now_ms)), "no tariff for the day"),
        (mail.prices(first, change(later, from_ms=first.until_ms + 1)), "hole"),
        (mail.prices(first, change(later, from_ms=first.until_ms - 1)), "overlap"),
        (mail.prices(first, change(later, id="home/7")), "same name"),
        (mail.prices(change(first, until_ms=first.from_ms)), "before it begins"),
        (mail.prices(change(first, until_ms=1 << 52)), "ten years"),
        (mail.prices(change(first, fixed_fee_minor=-1)), "not what its kind says"),
        (mail.prices(change(first, fee_share_pct=51)), "not what its kind says"),
        (mail.prices(change(first, id="HOME/7")), "not what its kind says"),
        ({"currency": "CNY", "periods": []}, "not what its kind says"),
    )
    for body, why in lists:
        assert why in mail.refused("tariff", body)


@pytest.mark.covers("field-51")
def test_a_price_list_has_twelve_tariffs_at_most(mail: Mail) -> None:
    start = mail.period().from_ms

    def step(number: int) -> PeriodBody:
        return mail.period(id=f"home/{number + 1}", from_ms=start + number * 2 * DAY_MS, until_ms=start + (number + 1) * 2 * DAY_MS)

    assert "not what its kind says" in mail.refused("tariff", mail.prices(*map(step, range(PERIODS_MAX + 1))))
    mail.send("tariff", mail.prices(*map(step, range(PERIODS_MAX))))
    assert any(line.startswith("tariff") and ": installed." in line for line in mail.take_in())


def test_prices_in_another_currency_are_refused(mail: Mail) -> None:
    mail.send("tariff", mail.prices(currency="UGX"))
    assert "prices in UGX, and this machine takes CNY" in mail.said("tariff")
    assert mail.trust.tariff is None


def test_a_tariffs_name_and_number_never_stand_for_another_price(mail: Mail) -> None:
    def drawn(price: str) -> publish.Draft:
        body = msgspec.json.encode(mail.prices(mail.period(price=price)))
        return publish.draft(mail.hq.office, "tariff", EVERYBODY, body, now_ms=mail.hq.now_ms, days=30)

    publish.send(mail.hq.office, drawn("0.5800"), mail.hq.decision, now_ms=mail.hq.now_ms, days=30)
    with pytest.raises(OfficeError, match="home/7 was sent before with another price"):
        drawn("0.6000")
    assert "tariff 1.2" in drawn("0.5800").says[0]


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    "text",
    [
        "0800\n555",
        "0800\x1b[2J",
        f"0800 {RTL}555",
        f"08{ZERO_WIDTH}00",
        "\ufeff0800",
        "0800\t555",
        "",
        " 0800",
        "0" * 21,
        "电" * 11,
        "\ud7ff\ue000",
    ],
)
def test_a_text_that_is_no_plain_line_is_refused(mail: Mail, text: str) -> None:
    assert "Its text phone" in mail.refused("texts", {"texts": {"phone": {"en": text}}})
    assert "One of its notices" in mail.refused("notices", {"notices": [mail.notice(words={"fr": text * 2 if len(text) > 10 else text})]})


def test_only_the_words_of_the_list_may_be_replaced(mail: Mail) -> None:
    assert "not one of utility, tax_number, phone, footer" in mail.refused("texts", {"texts": {"attract.first": {"en": "Pay twice."}}})
    assert "not what its kind says" in mail.refused("texts", {"texts": {"phone": {"EN": "1"}}})
    mail.send("texts", {"texts": {"footer": {"*": "Muchas gracias", "zh": "谢谢", "sw": "Asante"}, "phone": {"fr": "0800 1"}}})
    assert mail.said("texts").endswith("The office's own words for: footer, phone.")


@pytest.mark.covers("field-52")
def test_a_notice_is_for_a_place_and_a_kiosk_keeps_the_soonest_of_its_own(mail: Mail) -> None:
    now_ms = mail.hq.now_ms
    ours = [mail.notice(from_ms=now_ms + hour * 3_600_000, to_ms=now_ms + (hour + 1) * 3_600_000) for hour in range(20, 0, -1)]
    others = [mail.notice(place=place) for place in ("u2", f"u{UTILITY}/r{REGION}/k077", f"u{UTILITY}/r{REGION + 1}")]
    over = mail.notice(from_ms=now_ms - DAY_MS, to_ms=now_ms)
    mail.send(
        "notices", {"notices": [*others, *ours, over, mail.notice(place=PLACE, from_ms=now_ms, to_ms=now_ms + 1), mail.notice(place="")]}
    )
    mail.take_in()
    assert mail.trust.notices
    kept = mail.trust.notices.notices
    assert len(kept) == 16
    assert kept[0].place == PLACE
    assert [one.from_ms for one in kept] == sorted(one.from_ms for one in kept)
    assert "not what its kind says" in mail.refused("notices", {"notices": [mail.notice()] * (NOTICES_MAX + 1)})
    assert "before it begins" in mail.refused("notices", {"notices": [mail.notice(to_ms=0)]})
    long = mail.notice(words={"*": "x" * (NOTICE_CELLS + 1)})
    assert f"more than {NOTICE_CELLS} columns" in mail.refused("notices", {"notices": [long]})


# ---------------------------------------------------------------- whom


def test_a_name_never_leaves_the_office_and_what_hides_nothing_is_no_mask(mail: Mail) -> None:
    body = sources.persons("customer,name\n000098765432,Amina Kato\n000000000001,王丽\n", UTILITY)
    assert b"Amina" not in body
    assert b"000098765432" not in body
    assert sorted(masks(body).values()) == ["A*** K***", "王***"]
    path = mail.send("persons", body, KIOSK)
    assert path.read_bytes().startswith(envelope.BOXED)
    assert "A***" not in repr(path.read_bytes())
    mail.take_in()
    assert mail.trust.persons
    assert "no mask" in mail.refused("persons", {"masks": {"0" * 16: "Amina Kato"}})
    assert "no mask" in mail.refused("persons", {"masks": {"0" * 16: f"A{RTL}***"}})
    for text in (
        "name\nx\n",
        "customer,name\n12,Amina\n",
        "customer,name\n000098765432\n",
        "customer,name\n000098765432,A,B\n",
        'customer,name\n"',
    ):
        with pytest.raises(OfficeError):
            sources.persons(text, UTILITY)
