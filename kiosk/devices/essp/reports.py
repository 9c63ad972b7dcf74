"""What the desk was told of a validator: in order, and whether it works only when that has changed."""

import time

from kiosk.devices.contract import Health, Standing, State
from kiosk.devices.outbox import Outbox
from kiosk.vend.ports import Desk
from kiosk.vend.seen import AcceptorDown, AcceptorUp, Seen


class Reports:
    """For one driver's thread; `health` for anybody. `down` is the code that was told last, None after an AcceptorUp."""

    def __init__(self, role: str, desk: Desk) -> None:
        self._role, self._desk = role, desk
        self._standing = Standing()
        self._outbox = Outbox(role, desk.tell)
        self._news_at = 0.0
        self.down: str | None = None
        self.last: int | None = None  # the ordinal of the last AcceptorUp

    @property
    def health(self) -> Health:
        """See contract.Driver."""
        return self._standing.health

    def open(self) -> None:
        """Begins to tell."""
        self._outbox.open()

    def close(self) -> None:
        """Tells what is left, for a second, and ends."""
        self._outbox.close(1.0)

    def has_room(self) -> bool:
        """Whether all that one more poll may bring still has its place."""
        return self._outbox.has_room()

    def behind_s(self) -> float:
        """How long the desk has not listened. Raises what telling it raised."""
        return self._outbox.behind_s()

    def quiet_s(self) -> float:
        """How long there was nothing to tell."""
        return time.monotonic() - self._news_at

    def tell(self, told: list[Seen]) -> None:
        """Queues it; an AcceptorUp says that it works."""
        for seen in told:
            self._news_at = time.monotonic()
            if isinstance(seen, AcceptorUp):
                self._standing.becomes("")
                self.down, self.last = None, seen.counter
            self._outbox.put(seen)

    def is_down(self, code: str, state: State | None = None, serial: str = "") -> None:
        """It takes no money; told once. `serial`: of a device that staff may enrol."""
        self._standing.becomes(code, state)
        if code != self.down:
            self.down = code
            self._outbox.put(AcceptorDown(self._role, code, serial))

    def starts(self) -> None:
        """So that it is told again that all is well."""
        self.down = self.down or "starting"

    def given_up(self) -> None:
        """Its driver died for good: the outbox with it."""
        self._standing.becomes("driver")
        self._desk.tell(AcceptorDown(self._role, "driver"))
