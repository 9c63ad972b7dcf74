"""Whether a validator may take money, from what its polls say. Pure: instants are given, in seconds."""

import math

from kiosk.devices.essp.events import Polled, Say

_STRIKES = 3  # frauds before only a technician opens it again


class Health:
    """`fault` is the code to tell, "" when it works.

    A jam is over when it is no longer said. A box that is out or full is so until the device says that it is back; a fraud shuts for
    `fraud_s`, the third for good.
    """

    def __init__(self, fraud_s: float) -> None:
        self._fraud_s = fraud_s
        self._now = ""
        self._box = ""
        self._fraud, self._frauds, self._shut_until = "", 0, -math.inf
        self._fraud_said = False
        self._stuck = False

    def started(self) -> None:
        """It says anew how its box is; only a fraud outlives a start-up."""
        self._now = self._box = ""
        self._stuck = self._fraud_said = False

    def polled(self, polled: Polled, now: float, *, repeats: bool) -> None:
        """What a poll says. `repeats`: a fraud is said until it is acknowledged."""
        self._now = next((event.row.word for event in polled.events if event.say is Say.FAULT), "")
        if polled.unread is not None:
            self._now = self._now or f"fault-{polled.unread}"
        for event in polled.events:
            if event.say is Say.BOX:
                self._box = event.row.word
            elif event.say is Say.BOX_BACK:
                self._box = ""
        said = next((event.row.word for event in polled.events if event.say is Say.FRAUD), "")
        if said and not self._fraud_said:
            self._fraud, self._frauds = said, self._frauds + 1
            self._shut_until = math.inf if self._frauds >= _STRIKES else now + self._fraud_s
        self._fraud_said = bool(said) and repeats

    def acknowledged(self) -> None:
        """The next fraud that is said is another one."""
        self._fraud_said = False

    def stuck(self, *, stuck: bool) -> None:
        """A note does not come to rest."""
        self._stuck = stuck

    def fault(self, now: float) -> str:
        """Why no money may come in; "" when it may."""
        if now < self._shut_until:
            return self._fraud
        return self._now or self._box or ("jammed" if self._stuck else "")
