"""Suite aes128 as the card and the meter compute it (AES-CMAC of NIST SP 800-38B, diversification shaped like NXP AN10922).

Every answer is a CMAC over a domain letter and the exact bytes: "I" internal authentication, "E" external, "M" an update, "R" a reading.
A key is derived as CMAC(master of role, 01 || identity(8) || utility(4) || role(1) || "KIOSKPWR"): the identity is a card's serial, or
00 00 and the six BCD bytes of a meter number.
"""

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

ADMIN, AUTH, KIOSK, METER, TAG = 1, 2, 3, 4, 5
CIPHERS = {"aes128": algorithms.AES, "sm4": algorithms.SM4}


class Key:
    """One key, scheduled once: the card answers tens of thousands of commands a second in the tear tests. AES-128, or SM4 in suite sm4."""

    def __init__(self, value: bytes, suite: str = "aes128") -> None:
        if len(value) != 16:
            raise ValueError(f"a card's key has 16 bytes, not {len(value)}")
        self.value = value
        self._keyed = CMAC(CIPHERS[suite](value))

    def __repr__(self) -> str:
        return "Key(hidden)"

    def cmac(self, message: bytes) -> bytes:
        """16 bytes."""
        running = self._keyed.copy()
        running.update(message)
        return running.finalize()


def kiosk_role(generation: int) -> int:
    """The role byte of a KIOSK key: 3, with the generation mod 16 in the high nibble. It is also the reference in EXTERNAL AUTHENTICATE."""
    return KIOSK | (generation % 16) << 4


def meter_identity(number: str) -> bytes:
    """12 digits -> the 8 bytes that stand in place of a serial."""
    return b"\0\0" + bytes.fromhex(number)


def derive(master: bytes, identity: bytes, utility: int, role: int) -> bytes:
    """A card's or a meter's own key, 16 bytes."""
    return Key(master).cmac(b"\x01" + identity + utility.to_bytes(4, "big") + bytes([role]) + b"KIOSKPWR")


@dataclass(frozen=True)
class Masters:
    """The master keys of one utility and region, 16 bytes each."""

    utility: int
    admin: bytes
    auth: bytes
    kiosk: bytes
    meter: bytes
    tag: bytes
    region: int = field(default=1, kw_only=True)

    def __repr__(self) -> str:
        return f"Masters(utility={self.utility}, keys hidden)"

    @staticmethod
    def demo(utility: int = 1, region: int = 1) -> "Masters":
        """Public test keys, for demonstrations only: SHA-256 of a sentence, so that anybody can make them again."""

        def master(role: str) -> bytes:
            return hashlib.sha256(f"kiosk demo master {role} u{utility} r{region}".encode()).digest()[:16]

        return Masters(utility, master("admin"), master("auth"), master("kiosk"), master("meter"), master("tag"), region=region)
