"""What a driver has to tell, in order, so that a desk that is slow to listen never stops the polling of money."""

import threading
import time
from collections import deque

from kiosk.vend.ports import Tell
from kiosk.vend.seen import Seen

_CAPACITY = 64
_SPARE = 16  # what one look at a device can add at most


class Outbox:
    """A short queue and the thread that empties it into `tell`. One thread puts."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._tell = tell
        self._waiting: deque[tuple[float, Seen]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._name = name

    def open(self) -> None:
        """Begins to tell; again after a `close`, with what was not told then."""
        self._closed, self._failure = False, None
        self._thread = threading.Thread(target=self._empty, name=f"{self._name} outbox", daemon=True)
        self._thread.start()

    def put(self, seen: Seen) -> None:
        """Queues it. Never waits: ask `has_room` before looking at the device."""
        with self._changed:
            self._waiting.append((time.monotonic(), seen))
            self._changed.notify_all()

    def has_room(self) -> bool:
        """Whether all that one more look at the device may bring still has its place."""
        return len(self._waiting) <= _CAPACITY - _SPARE

    def behind_s(self) -> float:
        """How long the oldest has waited. Raises what `tell` raised, if it did."""
        with self._changed:
            if self._failure is not None:
                raise self._failure
            return time.monotonic() - self._waiting[0][0] if self._waiting else 0.0

    def close(self, timeout_s: float) -> None:
        """Tells what is left, as far as `timeout_s` allows, and ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(timeout_s)

    def _empty(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return
                    self._changed.wait()
                seen = self._waiting[0][1]
            try:
                self._tell(seen)
            except BaseException as failure:  # noqa: BLE001 - it is raised again in the driver's own thread
                with self._changed:
                    self._failure = failure
                return
            with self._changed:
                self._waiting.popleft()
