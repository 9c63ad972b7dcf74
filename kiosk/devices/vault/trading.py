"""The trading keys' answers: what `kiosk.vend.ports.Vault` asks, over one or more key sets of a utility.

Cards of an older set are served beside those of the newest. Which set a card belongs to is written nowhere on it: the set whose AUTH key
made the MACs of its reading is the one, and no try of the card is spent on finding out.

A code's CMAC never leaves: whoever has taken over the machine could sell by it without an office. What is asked is whether ten digits are
right, and what is answered is two bytes that the card will show to anybody.
"""

import hmac
from collections.abc import Sequence

from kiosk.devices.vault.suite import CardCrypto, Keyring, NoSuchKey, Role, bcd_meter, meter_diversifier
from kiosk.vend import code
from kiosk.vend.code import Terms

CRYPTOGRAM_BYTES, MAC_BYTES, TAG_BYTES = 8, 4, 2


class TradingVault:
    """Implements `kiosk.vend.ports.Vault`. `suites`: one for each accepted key set, newest first; `codes`: what makes the keys of transfer
    codes in the same order, nothing where the masters lie in a module that has none. Not thread-safe."""

    demo = False

    def __init__(self, suites: Sequence[CardCrypto], codes: Sequence[Keyring] = ()) -> None:
        if not suites:
            raise ValueError("a vault has at least one key set")
        self._suites, self._codes = tuple(suites), tuple(codes)
        self._proved = b"", 0  # the last serial that proved itself, and by which set

    def card_cryptogram(self, serial: bytes, generation: int, challenge: bytes) -> bytes:
        """8 bytes for EXTERNAL AUTHENTICATE."""
        return self._suites[self._set_of(serial)].mac(Role.KIOSK, serial, b"E" + challenge, CRYPTOGRAM_BYTES, generation)

    def card_mac(self, serial: bytes, generation: int, message: bytes) -> bytes:
        """4 bytes for UPDATE BINARY."""
        return self._suites[self._set_of(serial)].mac(Role.KIOSK, serial, message, MAC_BYTES, generation)

    def check_reading(self, serial: bytes, message: bytes, mac: bytes) -> bool:
        """Did the card's own key make this MAC?"""
        for place, suite in enumerate(self._suites):
            if suite.check(Role.AUTH, serial, message, mac):
                self._proved = serial, place
                return True
        return False

    def tag(self, meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
        """2 bytes: CMAC(K_tag, "T" || meter || n || amount || salt), of the set that the last proved card belongs to."""
        message = b"T" + bcd_meter(meter) + n.to_bytes(4) + amount_minor.to_bytes(4) + salt
        return self._suites[self._proved[1]].mac(Role.TAG, meter_diversifier(meter), message, TAG_BYTES)

    def check_code(self, terms: Terms, mac: int) -> bytes:
        """2 bytes: the salt of the record, where these are the ten digits of that code; b"" where not. In constant time."""
        cmac = self._code_mac(terms, code.message(terms))
        right = hmac.compare_digest(code.ten_digits(cmac).to_bytes(8), mac.to_bytes(8))
        return code.salt(cmac) if right else b""

    def count_proof(self, terms: Terms, mac: int, *, another: bool) -> int:
        """Ten digits for the office's telephone: which record took the slot of this code. Raises NoSuchKey for a code that is not right."""
        if not self.check_code(terms, mac):
            raise NoSuchKey("a count proof is made for a code that is right")
        return code.ten_digits(self._code_mac(terms, code.proof_message(terms, mac, another=another)))

    def _code_mac(self, terms: Terms, message: bytes) -> bytes:
        serial = bytes.fromhex(terms.serial)
        if not self._codes:
            raise NoSuchKey("this vault has no keys of transfer codes")
        return self._codes[self._set_of(serial)].mac(Role.CODE, terms.generation, serial, message)

    def _set_of(self, serial: bytes) -> int:
        proved, place = self._proved
        return place if proved == serial else 0
