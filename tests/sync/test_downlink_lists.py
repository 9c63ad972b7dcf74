"""Changes of the hotlist, places and kiosks, epochs and times; and whatever else may lie in a bag under any name."""

from pathlib import Path

import msgspec
import pytest

from kiosk import envelope
from kiosk.hq.downlink import publish
from kiosk.hq.office import OfficeError
from kiosk.sync.delta import CHANGES_MAX, DeltaBody, change, hotlisted, listed
from kiosk.sync.item import EVERYBODY, WAYS, Header, Kind, made
from kiosk.vend.pricelist import TariffInstalled
from kiosk.vend.trust import applied
from tests.keys.kit import KIOSK, REGION, UTILITY, station_of
from tests.keys.mutations import mutations
from tests.keys.test_items import DAY_MS
from tests.seeds import Seeds
from tests.sync.mail import Mail, cards


@pytest.fixture
def mail(tmp_path: Path) -> Mail:
    return Mail(tmp_path)


# ---------------------------------------------------------------- the hotlist and its changes


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
def test_no_change_to_what_was_signed_is_believed(mail: Mail, kind: Kind, seeds: Seeds) -> None:
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
    for changed in mutations(raw, 60, seeds.base(f"changed list {kind}")):
        path.write_bytes(changed)
        (line,) = [line for line in mail.take_in() if line.startswith(kind)]
        assert ": not installed. " in line
        assert mail.trust == before
    path.write_bytes(raw)
    assert any(line.startswith(kind) and ": installed." in line for line in mail.take_in())


def test_any_body_under_a_good_signature_is_installed_or_refused_in_one_sentence(mail: Mail, seeds: Seeds) -> None:
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
        for changed in (b"", b"[" * 50_000, b"null", *mutations(body, 40, seeds.base(f"body of {kind}"))):
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
