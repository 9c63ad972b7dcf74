"""The head office's side of a vault: what leaves it, for whom, and who wrote that down.

Masters never leave. A card's own keys leave once, for that card on the personalisation desk; a meter's key for the meter that is mounted;
a region's working masters only wrapped for a kiosk's trading store. Each of them is told to a witness first, who writes it down; if the
witness fails, nothing leaves.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from kiosk.devices.vault.keyset import GENERATIONS_ON_CARD, KeySet, accepted, find
from kiosk.devices.vault.sm4 import Sm4
from kiosk.devices.vault.suite import DIVERSIFIER_BYTES, Aes128, CardCrypto, Keyring, NoSuchKey, Role, meter_diversifier
from kiosk.devices.vault.trading import TradingVault

KEK_BYTES = 32


class MasterVault(Protocol):
    """A utility's masters, in a file or in a security module."""

    utility: int
    sets: tuple[KeySet, ...]

    def keyring(self, version: int, region: int) -> Keyring:
        """What makes the card keys of a region under a key set. Raises NoSuchKey."""

    def wrap_working_master(self, version: int, region: int, role: Role, generation: int, kek: bytes) -> bytes:
        """24 bytes: a region's master of that role, wrapped under the 32 bytes `kek` (RFC 3394)."""


class Left(msgspec.Struct, frozen=True):
    """What leaves a vault, as its witness writes it down: never a key."""

    what: str  # card | meter | store | codes
    utility: int
    region: int
    version: int
    serial: str = ""  # 16 hex digits
    meter: str = ""  # 12 digits
    kiosk: str = ""
    generations: tuple[int, ...] = ()


class CardKeys(msgspec.Struct, frozen=True):
    """One card's own keys, 16 bytes each, `kiosk` by generation."""

    admin: bytes
    auth: bytes
    kiosk: dict[int, bytes]
    meterkey: bytes

    def __repr__(self) -> str:
        return "CardKeys(hidden)"


class WorkingMaster(msgspec.Struct, frozen=True):
    """A region's master for a trading store, wrapped."""

    role: Role
    generation: int
    wrapped: bytes


Witness = Callable[[Left], None]


def export_card_keys_for_personalisation(
    vault: MasterVault, witness: Witness, *, region: int, serial: bytes, meter: str, generation: int, now_ms: int, version: int
) -> CardKeys:
    """The keys of one card, bound to one meter, with three KIOSK generations from `generation` on: they are written on it and forgotten.

    Raises NoSuchKey for a set that issues no cards now and for generations that it has not, ValueError for a wrong serial or meter.
    """
    public = find(vault.sets, version)
    if not public.not_before_ms <= now_ms < public.issued_until_ms:
        raise NoSuchKey(f"key set {version} issues no cards now")
    if len(serial) != DIVERSIFIER_BYTES:
        raise ValueError("a card's serial has 8 bytes")
    numbers = tuple(public.generation(generation + i).number for i in range(GENERATIONS_ON_CARD))
    of_meter = meter_diversifier(meter)
    witness(Left("card", vault.utility, region, version, serial.hex(), meter, generations=numbers))
    keyring = vault.keyring(version, region)
    return CardKeys(
        admin=keyring.card_keys(Role.ADMIN, 0, (serial,))[0],
        auth=keyring.card_keys(Role.AUTH, 0, (serial,))[0],
        kiosk={number: keyring.card_keys(Role.KIOSK, number, (serial,))[0] for number in numbers},
        meterkey=keyring.card_keys(Role.METER, 0, (of_meter,))[0],
    )


def export_meter_key_for_mounting(vault: MasterVault, witness: Witness, *, region: int, meter: str, version: int) -> bytes:
    """16 bytes: METERKEY, for the meter of this number."""
    diversifier = meter_diversifier(meter)
    witness(Left("meter", vault.utility, region, version, meter=meter))
    return vault.keyring(version, region).card_keys(Role.METER, 0, (diversifier,))[0]


def wrap_trading_masters(
    vault: MasterVault,
    witness: Witness,
    *,
    region: int,
    version: int,
    generations: tuple[int, ...],
    kiosk: str,
    kek: bytes,
    codes: tuple[int, ...] = (),
) -> tuple[WorkingMaster, ...]:
    """What a kiosk's trading store holds of a key set: AUTH, TAG, these KIOSK and CODE generations, never ADMIN or METER."""
    if len(kek) != KEK_BYTES:
        raise ValueError("a trading store is wrapped under 32 bytes")
    public = find(vault.sets, version)
    kiosk_keys = ((Role.KIOSK, public.generation(number).number) for number in generations)
    wanted = [(Role.AUTH, 0), (Role.TAG, 0), *kiosk_keys, *((Role.CODE, number) for number in codes)]
    witness(Left("store", vault.utility, region, version, kiosk=kiosk, generations=generations))
    if codes:
        witness(Left("codes", vault.utility, region, version, kiosk=kiosk, generations=codes))
    return tuple(
        WorkingMaster(role, generation, vault.wrap_working_master(version, region, role, generation, kek)) for role, generation in wanted
    )


def trading(vault: MasterVault, region: int, now_ms: int) -> TradingVault:
    """A region's trading keys straight from the masters: for the office's own reader, and a kiosk with a vault of its own.

    Every set that is accepted now, newest first. Raises NoSuchKey when none is.
    """
    sets = accepted(vault.sets, now_ms)
    if not sets:
        raise NoSuchKey("no key set is valid now")
    keyrings = [vault.keyring(public.version, region) for public in sets]
    return TradingVault([suite_of(public, keys) for public, keys in zip(sets, keyrings, strict=True)], keyrings)


def suite_of(public: KeySet, keyring: Keyring) -> CardCrypto:
    """The cipher that a set's cards have."""
    return Sm4(keyring) if public.suite == "sm4" else Aes128(keyring)
