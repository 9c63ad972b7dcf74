"""What the head office sends about what a customer meets: believed, checked to the last character, and there is no way back."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk import envelope
from kiosk.hq import publish, sources
from kiosk.hq.office import OfficeError
from kiosk.sync.customer import NOTICE_CELLS, NOTICES_MAX, PERIODS_MAX, NoticeBody, PeriodBody, masks
from kiosk.sync.delta import CHANGES_MAX, DeltaBody, change, hotlisted, listed
from kiosk.sync.item import EVERYBODY, WAYS, Header, Kind, Me, made
from kiosk.vend.greeting import masked, reference
from kiosk.vend.pricelist import TariffInstalled
from kiosk.vend.trust import NEVER, applied
from tests.keys.kit import KIOSK, REGION, UTILITY, station_of
from tests.keys.mutations import mutations
from tests.keys.test_items import DAY_MS, Post

PLACE = f"u{UTILITY}/r{REGION}/k07"
RTL, ZERO_WIDTH = "\u202e", "\u200b"


class Mail(Post):
    """The same head office and kiosk, which knows where it stands and what it takes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.me = Me(KIOSK, UTILITY, REGION, self.hq.roots, PLACE, "CNY")
        self.cupboard = type(self.cupboard)(self.folder, self.me, self.station)
        self.take_in()

    def send(self, kind: Kind, body: object, to: str = EVERYBODY) -> Path:
        """Signed as it is, whatever a kiosk says of it."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.hq.office.publish(kind, to, raw, self.hq.decision, days=30, now_ms=self.hq.now_ms)

    def said(self, kind: Kind, now_ms: int | None = None) -> str:
        """What comes of the newest of a kind."""
        return next(line for line in self.take_in(now_ms) if line.startswith(f"{kind}-"))

    def refused(self, kind: Kind, body: object) -> str:
        """One sentence, the same to whoever is about to sign it; and nothing has changed."""
        before, raw = self.trust, body if isinstance(body, bytes) else msgspec.json.encode(body)
        to = KIOSK if WAYS[kind].boxed else EVERYBODY
        with pytest.raises(OfficeError) as said:
            publish.draft(self.hq.office, kind, to, raw, now_ms=self.hq.now_ms, days=30)
        self.send(kind, raw, to)
        line = self.said(kind)
        assert ": not installed. " in line
        assert "\n" not in line
        assert "\n" not in str(said.value)
        assert self.trust == before
        return line

    def period(self, **changes: Any) -> PeriodBody:
        now_ms = self.hq.now_ms
        return msgspec.structs.replace(PeriodBody("home/7", "0.5800", 500, now_ms - DAY_MS, now_ms + 30 * DAY_MS), **changes)

    def prices(self, *periods: PeriodBody, currency: str = "CNY") -> dict[str, object]:
        return {"currency": currency, "periods": periods or (self.period(),)}

    def notice(self, **changes: Any) -> NoticeBody:
        now_ms = self.hq.now_ms
        return msgspec.structs.replace(NoticeBody(f"u{UTILITY}", now_ms + DAY_MS, now_ms + 2 * DAY_MS), **changes)


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


@pytest.mark.covers("rule-9")
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


# ---------------------------------------------------------------- the hotlist and its changes


def cards(*numbers: int) -> frozenset[bytes]:
    return frozenset(number.to_bytes(8) for number in numbers)


def test_a_change_makes_the_next_list_of_the_one_that_it_names(mail: Mail) -> None:
    mail.hq.send_hotlist(*cards(1, 2, 3, 4))
    mail.take_in()
    mail.send("delta", publish.changed(mail.hq.office, EVERYBODY, cards(2, 3, 4, 5)))
    mail.send("delta", publish.changed(mail.hq.office, EVERYBODY, cards(2, 3, 4, 5, 6)))  # the second is of the same whole list
    assert [line.split(":")[0] for line in mail.take_in() if ": installed." in line] == ["delta-1-3"]
    assert mail.trust.hotlist
    assert (mail.trust.hotlist.version, mail.trust.hotlist.cards) == (3, 5)
    bodies = {item.header.number: hotlisted(item.body) for fact, item in mail.cupboard.standing() if item.header.kind == "hotlist"}
    assert bodies == {(1, 1): cards(1, 2, 3, 4), (1, 3): cards(2, 3, 4, 5, 6)}, "found again at every start"
    assert mail.trust.hotlist.digest == envelope.body_of(listed(cards(2, 3, 4, 5, 6))).sha256


def test_a_bag_with_the_list_and_its_change_is_installed_in_one_go(mail: Mail) -> None:
    mail.hq.send_hotlist(*cards(1, 2, 3))
    mail.send("delta", publish.changed(mail.hq.office, EVERYBODY, cards(2, 3, 9)))
    assert [line.split(":")[0] for line in mail.take_in() if ": installed." in line] == ["hotlist-1-1", "delta-1-2"]
    mail.hq.send_hotlist(*cards(7))
    mail.take_in()
    assert mail.trust.hotlist
    assert (mail.trust.hotlist.version, mail.trust.hotlist.cards) == (3, 1)
    assert [item.header.number for _, item in mail.cupboard.standing() if item.header.kind == "hotlist"] == [(1, 3)]


def test_a_change_of_another_list_waits_for_a_whole_one(mail: Mail) -> None:
    mail.hq.send_hotlist(*cards(1, 2, 3))
    mail.hq.send_hotlist(*cards(1, 2, 3, 4))
    late = publish.changed(mail.hq.office, EVERYBODY, cards(1, 2, 3, 4, 5))
    (mail.hq.bag / "downlink/all/hotlist-1-2").rename(mail.folder / "lost")
    mail.send("delta", late)
    said = mail.take_in()
    assert any(
        "delta-1-3: not installed. It changes hotlist 1.2, which is not the one that is here: it waits for a whole one." in line
        for line in said
    )
    assert mail.trust.hotlist
    assert mail.trust.hotlist.version == 1, "what was here still holds"
    (mail.folder / "lost").rename(mail.hq.bag / "downlink/all/hotlist-1-2")
    assert {line.split(":")[0] for line in mail.take_in() if ": installed." in line} == {"hotlist-1-2", "delta-1-3"}


def test_a_change_that_lies_is_refused_and_nothing_is_unlisted(mail: Mail) -> None:
    base = listed(cards(1, 2, 3, 4))
    mail.hq.send_hotlist(*cards(1, 2, 3, 4))
    mail.take_in()
    right = change(1, 1, base, listed(cards(1, 2, 3, 5)))
    replace = msgspec.structs.replace
    everything = tuple(card.hex() for card in sorted(cards(1, 2, 3, 4)))
    wrong: tuple[tuple[DeltaBody, str], ...] = (
        (replace(right, go=everything, come=(), makes=envelope.body_of(b"").sha256), "more than half"),
        (replace(right, go=everything[:3], makes=envelope.body_of(listed(cards(4))).sha256, come=()), "more than half"),
        (replace(right, base="00" * 32), "waits for a whole one"),
        (replace(right, version=9), "waits for a whole one"),
        (replace(right, makes="00" * 32), "not the list that was meant"),
        (replace(right, go=("00000000000000ff",)), "takes off one that is not"),
        (replace(right, come=(everything[0],)), "adds a card that is listed"),
        (replace(right, come=("zz",)), "not what its kind says"),
    )
    for body, why in wrong:
        assert why in mail.refused("delta", body)
    mail.send("delta", right)
    assert any(line.startswith("delta") and ": installed." in line for line in mail.take_in())
    with pytest.raises(OfficeError, match="more than half"):
        publish.changed(mail.hq.office, EVERYBODY, cards(1))


@pytest.mark.covers("field-53")
def test_a_change_names_twenty_thousand_cards_each_way_at_most(mail: Mail) -> None:
    mail.hq.send_hotlist()
    some = frozenset(number.to_bytes(8) for number in range(CHANGES_MAX))
    assert len(publish.changed(mail.hq.office, EVERYBODY, some)) <= WAYS["delta"].body_max
    with pytest.raises(OfficeError, match="send a whole list"):
        publish.changed(mail.hq.office, EVERYBODY, some | {b"\xff" * 8})


# ---------------------------------------------------------------- for whom


def test_an_item_for_a_place_lies_with_each_kiosk_below_it_and_nowhere_else(mail: Mail, tmp_path: Path) -> None:
    mail.hq.know(station_of(tmp_path / "k08"), "K08")
    mail.send("tariff", mail.prices(), f"u{UTILITY}/r{REGION}")
    bag = mail.hq.bag / "downlink"
    assert (bag / "K07/tariff-1-1").read_bytes() == (bag / "K08/tariff-1-1").read_bytes()
    assert not (bag / "all/tariff-1-1").exists()
    assert ": installed." in mail.said("tariff")
    mail.hq.know(station_of(tmp_path / "k09"), "K09")
    assert (bag / "K09/tariff-1-1").exists(), "a kiosk that comes later finds it, too"
    for place in ("u1/r9", "K10", "nowhere"):
        with pytest.raises(OfficeError, match="There is no kiosk"):
            mail.send("tariff", mail.prices(), place)
    header = mail.hq.office.header("tariff", "u1/r9", now_ms=mail.hq.now_ms, days=9)
    mail.put("tariff-1-2", made(header, msgspec.json.encode(mail.prices()), mail.hq.decision))
    assert "It is for another kiosk." in mail.said("tariff")


def test_numbers_are_one_series_for_all_so_that_the_last_word_counts_everywhere(mail: Mail) -> None:
    mail.hq.send_limits(sale_max_minor=100_00)
    boxed = mail.send("limits", {"values": {"stop": 1}}, KIOSK)
    assert boxed.name == "limits-1-2"
    assert envelope.is_boxed(boxed.read_bytes()), "what is one kiosk's is boxed"
    mail.take_in()
    assert mail.trust.limits
    assert mail.trust.limits.values == {"stop": 1}
    body = msgspec.json.encode({"values": {"sale_max_minor": 200_00}})
    drawn = publish.draft(mail.hq.office, "limits", EVERYBODY, body, now_ms=mail.hq.now_ms, days=9)
    assert drawn.says[1:] == (f"It takes the place of what was sent to {KIOSK} (1.2).",)
    mail.send("limits", body)
    mail.take_in()
    assert mail.trust.version("limits") == (1, 3)


def test_a_signed_time_is_as_late_as_it_says_whatever_the_clock_shows(mail: Mail) -> None:
    mail.send("texts", {"texts": {}})
    assert any("texts-1-1: installed." in line for line in mail.take_in(mail.hq.now_ms - 40 * DAY_MS))
    ends_ms = mail.hq.now_ms
    header = Header("texts", EVERYBODY, UTILITY, 1, 2, ends_ms + DAY_MS, 0, ends_ms)
    mail.put("texts-1-2", made(header, b'{"texts":{}}', mail.hq.decision))
    assert "It is valid no more." in mail.said("texts", mail.hq.now_ms - 40 * DAY_MS)


def test_a_restored_office_begins_a_new_epoch_and_nothing_older_is_taken(mail: Mail) -> None:
    mail.hq.send_limits(sale_max_minor=100_00)
    mail.send("tariff", mail.prices())
    mail.take_in()
    old = (mail.hq.bag / "downlink/all/tariff-1-1").read_bytes()
    mail.hq.office.open_epoch(mail.hq.root, now_ms=mail.hq.now_ms, epoch=4)
    mail.send("tariff", mail.prices(mail.period(id="home/8")))
    assert [line.split(":")[0] for line in mail.take_in() if ": installed." in line] == ["keys-4-1", "tariff-4-1"]
    assert applied(mail.trust) == {"keys": (4, 1), "limits": (1, 1), "tariff": (4, 1)}, "what came before still holds"
    mail.put("tariff-9-9", old)
    assert any("tariff-9-9: not installed. It is 1.1, and 4.1 is here already" in line for line in mail.take_in())
    with pytest.raises(OfficeError, match="the next is above it"):
        mail.hq.office.open_epoch(mail.hq.root, now_ms=0, epoch=4)


# ---------------------------------------------------------------- anything at all


@pytest.mark.covers("abuse-41")
@pytest.mark.parametrize("kind", ["tariff", "texts", "notices", "delta", "persons", "orders"])
def test_no_change_to_what_was_signed_is_believed(mail: Mail, kind: Kind) -> None:
    mail.hq.send_hotlist(*cards(1, 2))
    mail.take_in()
    bodies: dict[str, object] = {
        "tariff": mail.prices(),
        "texts": {"texts": {"phone": {"*": "0800"}}},
        "notices": {"notices": [mail.notice()]},
        "delta": publish.changed(mail.hq.office, EVERYBODY, cards(1, 2, 3)),
        "persons": {"masks": {"0" * 16: "A***"}},
        "orders": b"{}",
    }
    path = mail.send(kind, bodies[kind], KIOSK if WAYS[kind].boxed else EVERYBODY)
    raw, before = path.read_bytes(), mail.trust
    for changed in mutations(raw, 60):
        path.write_bytes(changed)
        (line,) = [line for line in mail.take_in() if line.startswith(kind)]
        assert ": not installed. " in line
        assert mail.trust == before
    path.write_bytes(raw)
    assert any(line.startswith(kind) and ": installed." in line for line in mail.take_in())


def test_any_body_under_a_good_signature_is_installed_or_refused_in_one_sentence(mail: Mail) -> None:
    mail.hq.send_hotlist(*cards(1, 2))
    mail.take_in()
    bodies: dict[Kind, bytes] = {
        "tariff": msgspec.json.encode(mail.prices()),
        "texts": b'{"texts":{"phone":{"*":"0800"}}}',
        "notices": msgspec.json.encode({"notices": [mail.notice(words={"en": "Switch off."})]}),
        "delta": publish.changed(mail.hq.office, EVERYBODY, cards(1, 2, 3)),
        "persons": b'{"masks":{"0000000000000000":"A***"}}',
    }
    outcomes = set()
    for kind, body in bodies.items():
        to = KIOSK if WAYS[kind].boxed else EVERYBODY
        for changed in (b"", b"[" * 50_000, b"null", *mutations(body, 40)):
            path = mail.send(kind, changed, to)
            (line,) = [line for line in mail.take_in() if line.startswith(f"{path.name}:")]
            outcomes.add(line.split(": ")[1].split(".")[0])
            path.unlink()
    assert outcomes == {"installed", "not installed"}


def test_many_names_in_a_folder_hide_nothing(mail: Mail) -> None:
    mail.hq.send_limits(sale_max_minor=1_00)
    for number in range(1200):
        mail.put(f"hotlist-1-{number + 1}", b"x")
    said = mail.take_in()
    assert any("limits-1-1: installed." in line for line in said)
    assert sum(line.startswith("hotlist") for line in said) == 64


def test_what_the_journal_does_not_know_yet_is_told_again_from_the_disk(mail: Mail) -> None:
    mail.send("tariff", mail.prices())
    mail.take_in()
    (again,) = [fact for fact, _ in mail.cupboard.standing() if isinstance(fact, TariffInstalled)]
    assert again == mail.trust.tariff
    path = mail.folder / "installed/tariff"
    path.write_bytes(path.read_bytes().replace(b"0.5800", b"0.0800"))
    assert not [fact for fact, _ in mail.cupboard.standing() if isinstance(fact, TariffInstalled)]
