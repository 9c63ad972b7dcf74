"""Cipher suites: who computes the card's cryptograms and MACs, and with which derived key.

A card key is CMAC(master of role, 01 || diversifier(8) || utility(4) || role(1) || "KIOSKPWR"), in the shape of NXP AN10922 for AES-128:
always two blocks. `Master` is the seam for where a master is: in this process, or in a security module that never gives it. `CardCrypto` is
the seam for the card's cipher.
"""

import hmac
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache, partial
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

PURPOSE = b"KIOSKPWR"
DIVERSIFIER_BYTES = 8
MASTERS_MAX = 256
DERIVED_KEYS_MAX = 4096  # keyed states held at once; a kiosk meets far fewer cards in a day


class Role(IntEnum):
    """What a key is for (docs: vault)."""

    ADMIN = 1
    AUTH = 2
    KIOSK = 3
    METER = 4
    TAG = 5
    CODE = 0x43  # "C": transfer codes, by generations of thirty days; on no card, and no other cipher's than AES-CMAC's


class Master(Protocol):
    """A key from which others are made by AES-CMAC (NIST SP 800-38B), wherever it is."""

    def cmacs(self, messages: Sequence[bytes]) -> list[bytes]:
        """16 bytes for each message: diversified keys, when the messages say so. They leave; this key does not."""

    def cmac_under(self, data: bytes, message: bytes) -> bytes:
        """16 bytes: the CMAC of `message` under the key CMAC(this, data), which stays where this one is. `data` has 17 to 32 bytes."""


class CardCrypto(Protocol):
    """A cipher suite with its keys, wherever they are. `diversifier` is a card's serial, or what stands for a meter number."""

    name: str

    def mac(self, role: Role, diversifier: bytes, message: bytes, length: int, generation: int = 0) -> bytes:
        """The first `length` bytes of the MAC of `message` under the key of `role`."""

    def check(self, role: Role, diversifier: bytes, message: bytes, mac: bytes) -> bool:
        """Did that key make this MAC? In constant time."""


class NoSuchKey(Exception):
    """There is no key of this role, generation or version here."""


class PlainMaster:
    """A `Master` in this process: 16, 24 or 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._base = CMAC(AES(key))
        self._keyed = lru_cache(maxsize=DERIVED_KEYS_MAX)(self._made)

    def cmacs(self, messages: Sequence[bytes]) -> list[bytes]:
        """See `Master`."""
        copy, made = self._base.copy, []
        for message in messages:
            state = copy()
            state.update(message)
            made.append(state.finalize())
        return made

    def cmac_under(self, data: bytes, message: bytes) -> bytes:
        """See `Master`."""
        state = self._keyed(data).copy()
        state.update(message)
        return state.finalize()

    def _made(self, data: bytes) -> CMAC:
        return CMAC(AES(self.cmacs((data,))[0]))


class Keyring:
    """The masters that one utility's region works with. `master_of` gives the one of a role and generation (0 but for the roles KIOSK and
    CODE).

    Raises what `master_of` raises (NoSuchKey), and ValueError for a diversifier that has not 8 bytes.
    """

    def __init__(self, utility: int, master_of: Callable[[Role, int], Master]) -> None:
        self._master_of = lru_cache(maxsize=MASTERS_MAX)(master_of)
        self._tail = lru_cache(maxsize=MASTERS_MAX)(partial(derivation_tail, utility))

    def mac(self, role: Role, generation: int, diversifier: bytes, message: bytes) -> bytes:
        """16 bytes, AES-CMAC of `message` under the card key, which stays where its master is."""
        (data,) = self._data(role, generation, (diversifier,))
        return self._master_of(role, generation).cmac_under(data, message)

    def card_keys(self, role: Role, generation: int, diversifiers: Sequence[bytes]) -> list[bytes]:
        """16 bytes each: the card keys themselves, for a cipher that no module has and for the card that is personalised."""
        return self._master_of(role, generation).cmacs(self._data(role, generation, diversifiers))

    def _data(self, role: Role, generation: int, diversifiers: Sequence[bytes]) -> list[bytes]:
        tail = self._tail(role, generation)
        if any(len(diversifier) != DIVERSIFIER_BYTES for diversifier in diversifiers):
            raise ValueError("a key is diversified by 8 bytes")
        return [b"\x01" + diversifier + tail for diversifier in diversifiers]


class Aes128:
    """Suite `aes128`: AES-CMAC (NIST SP 800-38B) under the card key, made where the masters are."""

    name = "aes128"

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def mac(self, role: Role, diversifier: bytes, message: bytes, length: int, generation: int = 0) -> bytes:
        """See `CardCrypto`."""
        return self._keyring.mac(role, generation, diversifier, message)[:length]

    def check(self, role: Role, diversifier: bytes, message: bytes, mac: bytes) -> bool:
        """See `CardCrypto`."""
        return hmac.compare_digest(self.mac(role, diversifier, message, 4), mac)


def role_byte(role: Role, generation: int) -> int:
    """The role as derivation and EXTERNAL AUTHENTICATE know it: a kiosk key's generation, mod 16, is the high nibble."""
    return role | (generation % 16) << 4 if role is Role.KIOSK else role


def derivation_tail(utility: int, role: Role, generation: int) -> bytes:
    """13 bytes behind the diversifier: utility(4) || role(1) || "KIOSKPWR"."""
    return utility.to_bytes(4) + bytes((role_byte(role, generation),)) + PURPOSE


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC, 16 bytes."""
    state = CMAC(AES(key))
    state.update(message)
    return state.finalize()


def meter_diversifier(meter: str) -> bytes:
    """8 bytes in place of a serial: 00 00 and the meter number, 12 digits as BCD."""
    return b"\0\0" + bcd_meter(meter)


def bcd_meter(meter: str) -> bytes:
    """12 digits -> 6 bytes."""
    if len(meter) != 12 or not (meter.isascii() and meter.isdecimal()):
        raise ValueError("a meter number has 12 digits")
    return bytes.fromhex(meter)
