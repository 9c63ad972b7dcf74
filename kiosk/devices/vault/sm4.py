"""Suite `sm4`: SM4 (GB/T 32907-2016) in CMAC mode under card keys that are derived as those of every suite, by AES-CMAC.

Security modules outside of China rarely have SM4, so the card key comes out of the module and the MAC is made in this process.
"""

import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.cmac import CMAC

from kiosk.devices.vault.suite import DERIVED_KEYS_MAX, Keyring, Role


class Sm4:
    """Implements `CardCrypto`."""

    name = "sm4"

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._keyed = lru_cache(maxsize=DERIVED_KEYS_MAX)(self._card_state)

    def mac(self, role: Role, diversifier: bytes, message: bytes, length: int, generation: int = 0) -> bytes:
        """See `CardCrypto`."""
        state = self._keyed(role, generation, diversifier).copy()
        state.update(message)
        return state.finalize()[:length]

    def check(self, role: Role, diversifier: bytes, message: bytes, mac: bytes) -> bool:
        """See `CardCrypto`."""
        return hmac.compare_digest(self.mac(role, diversifier, message, 4), mac)

    def _card_state(self, role: Role, generation: int, diversifier: bytes) -> CMAC:
        return CMAC(SM4(self._keyring.card_keys(role, generation, (diversifier,))[0]))
