"""Whether an acceptor may take money, from what its events and self-checks say. Pure: instants are given, in seconds."""

import math

from kiosk.devices.cctalk.events import Meaning, Say

_STRIKES = 3  # frauds before only a technician opens it again


class Health:
    """`fault` is the code to tell, "" when it works.

    A removed stacker is back when the device says so, whatever its self-check says; a fraud shuts for `fraud_s`, the third for good.
    """

    def __init__(self, fraud_s: float) -> None:
        self.fault = ""
        self._fraud_s = fraud_s
        self._frauds = 0
        self._shut_until = -math.inf
        self._removed = False

    def happened(self, meaning: Meaning, now: float) -> bool:
        """Takes an event. True when the device should be asked for its health at once."""
        if meaning.say is Say.FRAUD:
            self._frauds += 1
            self._shut_until = math.inf if self._frauds >= _STRIKES else now + self._fraud_s
            self.fault = meaning.word
        elif meaning.say is Say.FAULT and now >= self._shut_until:
            self.fault = meaning.word
            self._removed = meaning.word == "removed"
        elif meaning.say is Say.MENDED:
            self._removed = False
            return True
        return False

    def started(self, word: str, now: float) -> None:
        """Start-up: the device's own word stands, and only a fraud outlives it."""
        self._removed = False
        self.checked(word, now)

    def checked(self, word: str, now: float) -> None:
        """The answer of a self-check: "" or a fault's word."""
        if now >= self._shut_until and (word or not self._removed):
            self.fault = word
