"""A driver that dies of a programmer's error is started again, three times a minute; then its device is out of service and the machine
goes on without it. The desk's death is nobody's to survive: the thread just ends, and the core with it.
"""

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable

from kiosk.vend.ports import DeskBusy, DeskDied

LIVES, WITHIN_S = 3, 60.0
PAUSE_S = 0.5
AGAIN_S = 600.0  # after three deaths in a minute, for what may not end for good


def supervised(work: Callable[[], None], stopping: threading.Event, out_of_service: Callable[[], None]) -> Callable[[], None]:
    """What a driver's thread runs instead of `work`. `out_of_service` tells the desk, once, that this device is gone for good."""

    def run() -> None:
        deaths: deque[float] = deque(maxlen=LIVES)
        while not stopping.is_set():
            try:
                work()
            except DeskDied:
                return
            except Exception:  # noqa: BLE001 - whatever it is, the other devices and the money go on
                _report()
            else:
                return
            deaths.append(time.monotonic())
            if len(deaths) == LIVES and deaths[-1] - deaths[0] < WITHIN_S:
                _told(out_of_service)
                return
            stopping.wait(PAUSE_S)

    return run


def lasting(
    work: Callable[[], None], stopping: threading.Event, failed: Callable[[], None], again_s: float = AGAIN_S
) -> Callable[[], None]:
    """The same for work without which the machine would stop weeks later, unseen: `failed` tells, and after a while it is begun anew."""

    def run() -> None:
        while not stopping.is_set():
            supervised(work, stopping, failed)()
            stopping.wait(again_s)

    return run


class Worker:
    """A thread that does whatever is wanting, every so often and at once when it is woken. It lasts; the desk's death ends it.

    `work` is given the wall clock, ms since 1970. `failed` tells that it died three times in a minute: it is begun anew after `again_s`.
    """

    def __init__(
        self, name: str, work: Callable[[int], None], every_s: float, failed: Callable[[], None], again_s: float = AGAIN_S
    ) -> None:
        self._work, self._every_s = work, every_s
        self._stopping, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lasting(self._run, self._stopping, failed, again_s), name=name, daemon=True)

    def start(self) -> None:
        """In a thread of its own."""
        self._thread.start()

    def wake(self) -> None:
        """Something is wanting now. From any thread."""
        self._woken.set()

    @property
    def stopping(self) -> bool:
        """It is to end: what need not be done now is left."""
        return self._stopping.is_set()

    def stop(self, timeout_s: float | None = None) -> None:
        """What is being done is done to its end, and waited for, at most so long."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._work(time.time_ns() // 1_000_000)
            self._woken.wait(self._every_s)
            self._woken.clear()


def within(seconds: float, work: Callable[[], object], name: str) -> bool:
    """Does `work` in a thread of its own; True when it has ended well by then. What hangs is left behind, what it raises is reported."""
    done = threading.Event()

    def run() -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - somebody else's driver: the machine goes on without it
            _report()
        else:
            done.set()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    thread.join(seconds)
    return done.is_set()


def _told(out_of_service: Callable[[], None]) -> None:
    try:
        out_of_service()
    except (DeskDied, DeskBusy):
        return
    except Exception:  # noqa: BLE001 - a driver to whom the gate is shut has nobody to tell
        _report()


def _report() -> None:
    """For whoever reads the service's log; never onto a terminal that may be the customer's glass."""
    if sys.stderr is not None and not sys.stderr.isatty():
        traceback.print_exc()
