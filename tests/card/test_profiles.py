"""A card profile that a package brings: kiosk.toml names it, and the kiosk's own core sells on its cards."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.config import Config, ConfigError, checked
from kiosk.core import Core, rules_of, vault_limits
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.profiles import ProfileError, every, names, profile_of
from kiosk.devices.sim.card import CardModel
from kiosk.devices.vault.purse import LAYOUTS, Layout, Limits, OverLimit, Purse
from kiosk.devices.vault.station import create_station
from kiosk.vend import facts as f
from kiosk.vend.journal import Journal
from kiosk.vend.ports import VaultError
from tests.card.kit import used_card

PACKAGE = """
from kiosk.vend.card.gdw1365 import Gdw1365


class Campus(Gdw1365):
    name = "campus"
    writes = ((2, 0, 8), (1, 5, 11), (1, 42, 2), (5, 0, 8))


class Nameless(Campus):
    name = "another"


class Walletless(Campus):
    name = "walletless"
    writes = ((1, 5, 11), (2, 0, 8))


class Writeless(Gdw1365):
    name = "writeless"


PROFILE, NAMELESS, WALLETLESS, WRITELESS = Campus(), Nameless(), Walletless(), Writeless()
"""
POINTS = {
    "campus": "PROFILE",
    "nameless": "NAMELESS",
    "walletless": "WALLETLESS",
    "writeless": "WRITELESS",
    "kind": "Campus",
    "gone": "nothing_like_it",
    "gdw1365": "PROFILE",
}


def installed(place: Path, package: str, points: dict[str, str]) -> None:
    """As an installer leaves a package: its module, and what its metadata says."""
    module = package.replace("-", "_")
    (place / f"{module}.py").write_text(PACKAGE)
    about = place / f"{module}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {module}:{attribute}\n" for name, attribute in points.items())
    (about / "entry_points.txt").write_text(f"[kiosk.card_profiles]\n{lines}")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "site-packages"
    place.mkdir()
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, "acme_campus", raising=False)
    return place


def config(folder: Path, profile: str) -> Config:
    store = {"path": folder / "store.db", "station": folder / "station.json"}
    return checked({"kiosk": {"id": "K07", "demo": True}, "store": store, "card": {"profile": profile}})


def test_a_core_sells_by_the_profile_that_its_file_names(site: Path, tmp_path: Path) -> None:
    installed(site, "acme-campus", {"campus": "PROFILE"})
    key = create_station(tmp_path / "station.json").database_key()
    Journal.open(tmp_path / "store.db", key).close()
    reader = InProcessReader()
    core = Core(config(tmp_path, "campus"), reader=reader)
    core.start()
    try:
        until(lambda: core.vault.card_mac)
        reader.insert(CardModel(used_card()))
        until(lambda: any(isinstance(fact, f.CardPresented) for fact in facts(tmp_path, key)))
    finally:
        core.stop()
    (shown,) = [fact for fact in facts(tmp_path, key) if isinstance(fact, f.CardPresented)]
    assert (shown.profile, shown.authentic, shown.word) == ("campus", True, "ready")


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def facts(folder: Path, key: bytes) -> list[object]:
    with Journal.open(folder / "store.db", key, create=False, read_only=True) as journal:
        return [row.fact for row in journal.rows()]


def test_the_vault_makes_a_mac_for_the_writes_that_the_profile_names_and_for_no_other(site: Path, tmp_path: Path) -> None:
    installed(site, "acme-campus", {"campus": "PROFILE"})
    named = config(tmp_path, "campus")
    assert rules_of(named).profile.name == "campus"
    purse = Purse(vault_limits(named))
    header = b"M" + bytes(4) + b"\x04\xd6"
    purse.spend(bytes(8), header + b"\x82\x00\x0c" + (50_00).to_bytes(4) + (8).to_bytes(4))
    assert purse.spent_minor == 50_00
    for address in (b"\x85\x00\x35" + bytes(49), b"\x81\x00\x0c" + bytes(8), b"\x82\x00\x08" + bytes(4)):
        with pytest.raises(OverLimit):
            purse.spend(bytes(8), header + address)


def test_a_brought_layout_never_stands_for_one_of_ours_and_has_a_wallet() -> None:
    wide = Layout(frozenset({(3, 0, 8)}), (3, 0, 8))
    assert Purse(Limits("gdw1365", 1, None, wide))._layout == LAYOUTS["gdw1365"]
    with pytest.raises(VaultError, match="a layout without a wallet"):
        Purse(Limits("campus", 1, None, Layout(frozenset({(3, 0, 8)}), (2, 0, 8))))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("campas", "there is no card profile campas; did you mean campus?"),
        ("xyz", "there is no card profile xyz; there is campus, gdw1365, gone, kind, nameless, walletless, writeless."),
        ("nameless", "the card profile nameless of acme-campus cannot be used: it calls itself 'another'."),
        ("walletless", "the card profile walletless of acme-campus cannot be used: the first of its writes is not the wallet of 8 bytes."),
        ("kind", "the card profile kind of acme-campus cannot be used: it is a class, not an object."),
        ("writeless", "the card profile writeless of acme-campus does not load: AttributeError: "),
        ("gone", "the card profile gone of acme-campus does not load: AttributeError: "),
    ],
)
def test_what_cannot_be_used_is_one_sentence_for_whoever_wrote_the_file(site: Path, tmp_path: Path, name: str, sentence: str) -> None:
    installed(site, "acme-campus", POINTS)
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, name)
    assert str(refused.value).startswith(f"In [card], {sentence}")
    assert len(str(refused.value).splitlines()) == 1


def test_no_package_takes_the_place_of_our_profile_and_two_with_one_name_are_both_named(site: Path) -> None:
    installed(site, "acme-campus", POINTS)
    assert type(profile_of("gdw1365")).__module__ == "kiosk.vend.card.gdw1365"
    installed(site, "zeta", {"campus": "PROFILE"})
    with pytest.raises(ProfileError, match="acme-campus and zeta both bring a card profile campus"):
        profile_of("campus")


def test_card_probe_knows_what_is_installed(site: Path) -> None:
    assert names() == ("gdw1365",)
    installed(site, "acme-campus", {"campus": "PROFILE"})
    assert [one.name for one in every()] == ["gdw1365", "campus"]
