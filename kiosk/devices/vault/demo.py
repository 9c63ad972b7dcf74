"""A vault of public test masters: for the demo and the tests, refused on a kiosk whose configuration does not say `demo = true`.

Anyone can compute these keys. They open simulated cards only.
"""

import hashlib
import hmac

from kiosk.devices.vault.suite import Aes128, CardCrypto, Role, bcd_meter, meter_diversifier


class DemoVault:
    """Implements `kiosk.vend.ports.Vault` over public keys of one utility and region."""

    demo = True

    def __init__(self, utility: int = 1, region: int = 1) -> None:
        self._crypto: CardCrypto = Aes128({role: demo_master(role, utility, region) for role in Role}, utility)

    def card_cryptogram(self, serial: bytes, generation: int, challenge: bytes) -> bytes:
        """8 bytes for EXTERNAL AUTHENTICATE."""
        return self._crypto.mac(Role.KIOSK, serial, b"E" + challenge, 8, generation)

    def card_mac(self, serial: bytes, generation: int, message: bytes) -> bytes:
        """4 bytes for UPDATE BINARY."""
        return self._crypto.mac(Role.KIOSK, serial, message, 4, generation)

    def check_reading(self, serial: bytes, message: bytes, mac: bytes) -> bool:
        """Did the card's own key make this MAC?"""
        return hmac.compare_digest(self._crypto.mac(Role.AUTH, serial, message, 4), mac)

    def tag(self, meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
        """2 bytes: CMAC(K_tag, "T" || meter || n || amount || salt)."""
        message = b"T" + bcd_meter(meter) + n.to_bytes(4) + amount_minor.to_bytes(4) + salt
        return self._crypto.mac(Role.TAG, meter_diversifier(meter), message, 2)


def demo_master(role: Role, utility: int, region: int) -> bytes:
    """16 bytes that anyone can compute."""
    return hashlib.sha256(b"kiosk demo master %s u%d r%d" % (role.name.lower().encode(), utility, region)).digest()[:16]
