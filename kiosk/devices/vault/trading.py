"""The trading keys' answers: what `kiosk.vend.ports.Vault` asks, over one or more key sets of a utility.

Cards of an older set are served beside those of the newest. Which set a card belongs to is written nowhere on it: the set whose AUTH key
made the MACs of its reading is the one, and no try of the card is spent on finding out.
"""

from collections.abc import Sequence

from kiosk.devices.vault.suite import CardCrypto, Role, bcd_meter, meter_diversifier

CRYPTOGRAM_BYTES, MAC_BYTES, TAG_BYTES = 8, 4, 2


class TradingVault:
    """Implements `kiosk.vend.ports.Vault`. `suites`: one for each accepted key set, newest first. Not thread-safe."""

    demo = False

    def __init__(self, suites: Sequence[CardCrypto]) -> None:
        if not suites:
            raise ValueError("a vault has at least one key set")
        self._suites = tuple(suites)
        self._proved = b"", self._suites[0]  # the last serial that proved itself, and by which set

    def card_cryptogram(self, serial: bytes, generation: int, challenge: bytes) -> bytes:
        """8 bytes for EXTERNAL AUTHENTICATE."""
        return self._suite_of(serial).mac(Role.KIOSK, serial, b"E" + challenge, CRYPTOGRAM_BYTES, generation)

    def card_mac(self, serial: bytes, generation: int, message: bytes) -> bytes:
        """4 bytes for UPDATE BINARY."""
        return self._suite_of(serial).mac(Role.KIOSK, serial, message, MAC_BYTES, generation)

    def check_reading(self, serial: bytes, message: bytes, mac: bytes) -> bool:
        """Did the card's own key make this MAC?"""
        for suite in self._suites:
            if suite.check(Role.AUTH, serial, message, mac):
                self._proved = serial, suite
                return True
        return False

    def tag(self, meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
        """2 bytes: CMAC(K_tag, "T" || meter || n || amount || salt), of the set that the last proved card belongs to."""
        message = b"T" + bcd_meter(meter) + n.to_bytes(4) + amount_minor.to_bytes(4) + salt
        return self._proved[1].mac(Role.TAG, meter_diversifier(meter), message, TAG_BYTES)

    def _suite_of(self, serial: bytes) -> CardCrypto:
        proved, suite = self._proved
        return suite if proved == serial else self._suites[0]
