"""The trading store: one boot card opens it, at one kiosk, by one PIN; anything else leaves it shut in one sentence."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from kiosk.devices.card.inprocess import Card
from kiosk.devices.sim.piv import PivModel
from kiosk.devices.vault import store, warm
from kiosk.devices.vault.hq import trading
from kiosk.devices.vault.store import BootRefused
from kiosk.devices.vault.suite import Role
from tests.keys.kit import KIOSK, PIN, REGION, HeadOffice, in_reader, opened, station_of

SERIAL, METER = bytes.fromhex("1122334455667788"), "000012345678"
WARM_KEY = hashlib.sha256(b"warm").digest()


class Delivery:
    """A store on its kiosk, and the card that opens it."""

    def __init__(self, folder: Path) -> None:
        self.hq = HeadOffice(folder)
        self.card = PivModel.issue(PIN)
        self.folder = folder / "keys"
        self.hq.know(station_of(folder / "kiosk"))
        self.delivered = self.hq.store_for(self.card)
        store.install(self.folder, self.delivered, self.statement().store)

    def statement(self) -> store.Statement:
        return msgspec.json.decode(self.delivered.file.statement, type=store.Statement)

    def refusal(self, card: Card | None = None, pin: str = PIN, **changes: Any) -> BootRefused:
        before = (self.folder / "trading.json").read_bytes()
        with pytest.raises(BootRefused) as said:
            opened(self.folder, self.hq.expected(**changes), card or self.card, pin)
        assert (self.folder / "trading.json").read_bytes() == before
        assert str(said.value).endswith(".")
        return said.value


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


def test_what_the_card_opens_answers_as_the_head_offices_own_vault_does(delivery: Delivery) -> None:
    said, masters = opened(delivery.folder, delivery.hq.expected(), delivery.card)
    kiosk, office = store.vault_of(said, masters, delivery.hq.now_ms), trading(delivery.hq.vault, REGION, delivery.hq.now_ms)
    for generation in (2, 3):
        assert kiosk.card_cryptogram(SERIAL, generation, bytes(8)) == office.card_cryptogram(SERIAL, generation, bytes(8))
    assert kiosk.tag(METER, 8, 10_000, b"\1\2") == office.tag(METER, 8, 10_000, b"\1\2")
    assert not kiosk.check_reading(SERIAL, b"R", bytes(4))
    assert delivery.hq.left[0].what == "store"
    assert delivery.hq.left[0].kiosk == KIOSK


def test_a_kiosk_has_the_generation_that_is_written_now_and_the_next_and_neither_admin_nor_meter(delivery: Delivery) -> None:
    _, masters = opened(delivery.folder, delivery.hq.expected(), delivery.card)
    held = {name for name in masters.by_name if "/code/" not in name}
    assert held == {"1/auth/0", "1/tag/0", "1/kiosk/2", "1/kiosk/3"}
    assert Role.ADMIN.name.lower() not in str(masters.by_name)


def test_every_unlock_wraps_the_store_anew_and_what_was_agreed_before_opens_it_no_more(delivery: Delivery) -> None:
    old = store.read_store(delivery.folder)
    agreed = delivery.card._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(old.point)))
    opened(delivery.folder, delivery.hq.expected(), delivery.card)
    new = store.read_store(delivery.folder)
    assert new.point != old.point
    assert not set(new.wrapped.values()) & set(old.wrapped.values())

    class Recorded:
        def certificate(self) -> bytes:
            return delivery.card.certificate

        def agree(self, point: bytes) -> bytes:
            assert len(point) == 65
            return agreed

    with pytest.raises(BootRefused, match="not the boot card"):
        store.unlocked(delivery.folder, delivery.hq.expected(), Recorded())
    opened(delivery.folder, delivery.hq.expected(), delivery.card)


@pytest.mark.covers("abuse-34")
def test_a_stolen_boot_card_opens_no_other_kiosk(delivery: Delivery, tmp_path: Path) -> None:
    assert delivery.refusal(kiosk="K08").why == "wrong_kiosk"
    delivery.hq.know(station_of(tmp_path / "other"), "K08")
    other = delivery.hq.store_for(PivModel.issue("111111"), "K08")
    store.install(tmp_path / "k08", other, msgspec.json.decode(other.file.statement, type=store.Statement).store)
    with pytest.raises(BootRefused) as said:
        opened(tmp_path / "k08", delivery.hq.expected("K08"), delivery.card)
    assert said.value.why == "wrong_card"
    assert delivery.card.tries == 3, "the PIN is not shown for a store that the card cannot open"
    assert delivery.card.agreed == 0


@pytest.mark.covers("abuse-35")
def test_a_wrong_pin_is_counted_by_the_card_and_the_last_try_is_never_burnt_by_the_kiosk(delivery: Delivery) -> None:
    first, second, third = (delivery.refusal(pin=pin) for pin in ("000000", "123456", PIN))
    assert (first.why, first.left) == ("pin", 2)
    assert (second.why, second.left) == ("pin", 1)
    assert (third.why, third.left) == ("last_try", 1), "not even the right one is tried"
    assert delivery.card.tries == 1
    opened(delivery.folder, delivery.hq.expected(), delivery.card, last_try=True)
    assert delivery.card.tries == 3
    for pin in ("", "12345", "123456789", "12a456", "١٢٣٤٥٦"):
        assert delivery.refusal(pin=pin).why == "pin"
    assert delivery.card.tries == 3, "what cannot be a PIN costs no try"


@pytest.mark.covers("abuse-35")
def test_the_last_try_that_is_wrong_blocks_the_card_and_a_blocked_card_stays_shut(delivery: Delivery) -> None:
    delivery.card.tries = 1
    with pytest.raises(BootRefused) as said:
        opened(delivery.folder, delivery.hq.expected(), delivery.card, "999999", last_try=True)
    assert said.value.why == "blocked"
    assert delivery.refusal().why == "blocked"


def test_the_card_forgets_the_pin_when_the_kiosk_is_done_with_it(delivery: Delivery) -> None:
    opened(delivery.folder, delivery.hq.expected(), delivery.card)
    assert not delivery.card._right


@pytest.mark.covers("abuse-38")
def test_a_store_of_another_time_is_refused(delivery: Delivery) -> None:
    now_ms = delivery.hq.now_ms
    assert delivery.refusal(least=(1, 2)).why == "older"
    assert delivery.refusal(now_ms=now_ms - 1).why == "not_yet"
    assert delivery.refusal(now_ms=delivery.statement().until_ms).why == "expired"
    assert delivery.refusal(revoked=frozenset({store.digest(delivery.card.certificate)})).why == "revoked"
    assert delivery.refusal(signers=(bytes(32),)).why == "damaged"
    assert delivery.refusal(utility=2).why == "wrong_kiosk"
    assert delivery.refusal(region=4).why == "wrong_kiosk"


def test_masters_that_somebody_else_wrapped_for_the_right_card_are_not_the_head_offices(delivery: Delivery) -> None:
    """Whoever has the share and the card's certificate can wrap keys that they know; the signed check values say no."""
    said = delivery.statement()
    share = store.share_path(delivery.folder, said.store).read_bytes()
    known = store.Masters(dict.fromkeys(delivery.delivered.file.wrapped, bytes(16)))
    forged = store.wrapped_anew(delivery.delivered.file, said, known, share, store.public_key(delivery.card.certificate))
    store.write_store(delivery.folder, forged)
    assert delivery.refusal().why == "damaged"


def test_without_the_share_card_and_pin_open_nothing(delivery: Delivery) -> None:
    path = store.share_path(delivery.folder, delivery.statement().store)
    path.write_bytes(bytes(32))
    assert delivery.refusal().why == "wrong_card"
    path.write_bytes(bytes(31))
    assert delivery.refusal().why == "damaged"
    path.unlink()
    assert delivery.refusal().why == "no_store"


def test_a_twin_card_with_the_same_certificate_and_another_key_opens_nothing(delivery: Delivery) -> None:
    twin = PivModel(ec.generate_private_key(ec.SECP256R1()), delivery.card.certificate, PIN)
    assert delivery.refusal(twin).why == "wrong_card"


def test_another_store_takes_the_place_of_the_first_and_the_first_share_is_gone(delivery: Delivery) -> None:
    other = PivModel.issue(PIN)
    delivered = delivery.hq.store_for(other)
    said = msgspec.json.decode(delivered.file.statement, type=store.Statement)
    store.install(delivery.folder, delivered, said.store)
    assert [path.name for path in delivery.folder.glob("*.share")] == [f"{said.store}.share"]
    assert delivery.refusal().why == "wrong_card"
    opened(delivery.folder, delivery.hq.expected(), other)


def test_after_a_tamper_nothing_is_left(delivery: Delivery) -> None:
    _, masters = opened(delivery.folder, delivery.hq.expected(), delivery.card)
    warm.keep(delivery.folder, store.read_store(delivery.folder), masters, WARM_KEY)
    store.erase(delivery.folder)
    assert list(delivery.folder.iterdir()) == []
    with pytest.raises(BootRefused, match="no trading store"):
        opened(delivery.folder, delivery.hq.expected(), delivery.card)


def test_what_is_kept_warm_opens_without_a_card_and_by_the_same_checks(delivery: Delivery) -> None:
    said, masters = opened(delivery.folder, delivery.hq.expected(), delivery.card)
    warm.keep(delivery.folder, store.read_store(delivery.folder), masters, WARM_KEY)
    assert warm.opened(delivery.folder, delivery.hq.expected(), WARM_KEY) == (said, masters)
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"least": (1, 2)}, "older"),
        ({"now_ms": said.until_ms}, "expired"),
        ({"kiosk": "K08"}, "wrong_kiosk"),
    )
    for changes, why in cases:
        with pytest.raises(BootRefused) as refused:
            warm.opened(delivery.folder, delivery.hq.expected(**changes), WARM_KEY)
        assert refused.value.why == why
    with pytest.raises(BootRefused, match="damaged"):
        warm.opened(delivery.folder, delivery.hq.expected(), bytes(32))


def test_no_error_and_no_repr_shows_a_key(delivery: Delivery) -> None:
    _, masters = opened(delivery.folder, delivery.hq.expected(), delivery.card)
    shown = repr((masters, delivery.delivered, delivery.delivered.file, delivery.card, in_reader(delivery.card)))
    secrets = [*masters.by_name.values(), bytes.fromhex(delivery.delivered.share)]
    assert not any(secret.hex() in shown or repr(secret)[2:-1] in shown for secret in secrets)
    assert PIN not in shown
    written = b"".join(path.read_bytes() for path in delivery.folder.iterdir() if path.suffix == ".json")
    assert not any(secret in written or secret.hex().encode() in written for secret in secrets)
