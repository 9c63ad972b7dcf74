"""Cipher suites: who computes the card's cryptograms and MACs, and with which derived key.

`CardCrypto` is the seam. `Aes128` derives in this process; a suite for another cipher, or a security module in a slot that derives and
computes by itself, answers the same one question. Nobody outside ever gets a key.
"""

from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

PURPOSE = b"KIOSKPWR"
DERIVED_KEYS_MAX = 4096  # keyed states held at once; a kiosk meets far fewer cards in a day


class Role(IntEnum):
    """What a key is for (docs: card format, suite aes128)."""

    ADMIN = 1
    AUTH = 2
    KIOSK = 3
    METER = 4
    TAG = 5


class CardCrypto(Protocol):
    """A cipher suite with its master keys, wherever they are."""

    name: str

    def mac(self, role: Role, diversifier: bytes, message: bytes, length: int, generation: int = 0) -> bytes:
        """The first `length` bytes of the MAC of `message` under the key of `role`, diversified by 8 bytes: card serial or meter number."""


class Aes128:
    """Suite `aes128`: AES-CMAC (NIST SP 800-38B) under keys derived by AES-CMAC in the shape of AN10922."""

    name = "aes128"

    def __init__(self, masters: Mapping[Role, bytes], utility: int) -> None:
        self._masters = dict(masters)
        self._utility = utility
        self._keyed = lru_cache(maxsize=DERIVED_KEYS_MAX)(self._key)

    def mac(self, role: Role, diversifier: bytes, message: bytes, length: int, generation: int = 0) -> bytes:
        """See `CardCrypto`."""
        state = self._keyed(role_byte(role, generation), diversifier).copy()
        state.update(message)
        return state.finalize()[:length]

    def _key(self, role: int, diversifier: bytes) -> CMAC:
        return CMAC(AES(derive(self._masters[Role(role & 0x0F)], diversifier, self._utility, role)))


def role_byte(role: Role, generation: int) -> int:
    """The role as derivation and EXTERNAL AUTHENTICATE know it: a kiosk key's generation, mod 16, is the high nibble."""
    return role | (generation % 16) << 4 if role is Role.KIOSK else role


def derive(master: bytes, diversifier: bytes, utility: int, role: int) -> bytes:
    """16 bytes: the master diversified by diversifier(8) || utility(4) || role(1) || "KIOSKPWR"."""
    if len(diversifier) != 8:
        raise ValueError("a key is diversified by 8 bytes")
    return diversified(master, diversifier + utility.to_bytes(4) + bytes((role,)) + PURPOSE)


def diversified(master: bytes, data: bytes) -> bytes:
    """16 bytes: CMAC(master, 01 || data), which is AN10922's AES-128 diversification for 16 to 31 bytes of data: always two blocks."""
    return cmac(master, b"\x01" + data)


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
    if len(meter) != 12 or not meter.isdecimal():
        raise ValueError("a meter number has 12 digits")
    return bytes.fromhex(meter)
