"""The process that a driver is tried in: it has a desk that is only a pipe, so that ending it is what kill -9 does to a kiosk.

Over a socket come an Order and then words, as `process.DriverProcess` sends them.
"""

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from kiosk.devices.contract import Driver, Health, Identity
from kiosk.devices.fitting import Outfit, PartError
from kiosk.devices.registry import driver_of
from kiosk.screens.speech import spoken
from kiosk.vend.money import CURRENCIES
from kiosk.vend.ports import DeskBusy, Published
from kiosk.vend.seen import Seen
from kiosk.vend.sms import Letter

INBOX = 64  # told and not yet heard, as a desk's inbox holds
BUSY_AFTER_S = 5.0
PAGE = os.sysconf("SC_PAGE_SIZE")


class Order(msgspec.Struct, frozen=True):
    """What is to be made: a `[[device]]` as `fitting.Part` has it, and the letters that an outbox would give out."""

    role: str
    protocol: str
    port: str
    published: Published
    serial: str = ""
    options: Mapping[str, str | int | bool] = {}
    letters: Mapping[str, tuple[str, str]] = {}
    currency: str = "CNY"


class Look(msgspec.Struct, frozen=True):
    """A driver and its process, as they are now. `memory`: bytes that are resident."""

    health: Health
    identity: Identity | None
    alive: bool
    threads: int
    files: int
    memory: int


class Done(msgspec.Struct, frozen=True):
    """The end of start or stop: how long it took, and what it raised."""

    what: str
    seconds: float
    raised: str = ""


class PipeDesk:
    """`tell` waits while the inbox is full, and is busy after five seconds, as the kiosk's desk is."""

    def __init__(self, pipe: Connection, published: Published) -> None:
        self._pipe, self._published = pipe, published
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._room = threading.BoundedSemaphore(INBOX)
        self._open = threading.Event()
        self._open.set()

    def tell(self, seen: Seen) -> None:
        """See ports.Desk."""
        end = time.monotonic() + BUSY_AFTER_S
        if not self._open.wait(BUSY_AFTER_S) or not self._room.acquire(timeout=max(0.0, end - time.monotonic())):
            raise DeskBusy("the desk has not listened for five seconds")
        self.send(("told", seen))

    def heard(self) -> None:
        """One of those that were told has been heard."""
        self._room.release()

    def fill(self, *, full: bool) -> None:
        """As if the inbox were full."""
        (self._open.clear if full else self._open.set)()

    def published(self) -> Published:
        """See ports.Desk."""
        return self._published

    def wait(self, rev: int, timeout_s: float) -> Published:
        """See ports.Desk."""
        with self._changed:
            self._changed.wait_for(lambda: self._published.rev != rev, timeout_s)
            return self._published

    def publish(self, published: Published) -> None:
        """The newest."""
        with self._changed:
            self._published = published
            self._changed.notify_all()

    def send(self, message: tuple[Any, ...]) -> None:
        """To the kit."""
        with self._sending:
            self._pipe.send(message)


def serve(pipe: Connection) -> None:
    """Until the kit hangs up."""
    order: Order = pipe.recv()
    desk = PipeDesk(pipe, order.published)
    letters = {ref: Letter(*letter) for ref, letter in order.letters.items()}
    try:
        outfit = Outfit(desk, lambda _label, _data: bytes(64), CURRENCIES[order.currency], spoken, letter=letters.get)
        driver = driver_of(order, outfit)
    except PartError as error:
        desk.send(("refused", str(error)))
        return
    desk.send(("made",))
    while True:
        match pipe.recv():
            case ("publish", published):
                desk.publish(published)
            case ("heard",):
                desk.heard()
            case ("fill", bool(full)):
                desk.fill(full=full)
            case ("look",):
                desk.send(("look", look(driver)))
            case ("start",):
                _apart(desk, "start", driver.start)
            case ("stop", float(timeout_s)):
                _apart(desk, "stop", lambda timeout_s=timeout_s: driver.stop(timeout_s))


def _apart(desk: PipeDesk, what: str, work: Any) -> None:
    """In a thread of its own: the desk goes on meanwhile."""

    def run() -> None:
        begun, raised = time.monotonic(), ""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - somebody else's driver may raise anything; that is what is looked at
            raised = f"{type(error).__name__}: {error}"
        desk.send(("done", Done(what, time.monotonic() - begun, raised)))

    threading.Thread(target=run, name=f"kit {what}", daemon=True).start()


def look(driver: Driver) -> Look:
    """At a driver, and at this process."""
    kit = sum(thread.name.startswith("kit ") for thread in threading.enumerate())
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    files = len(list(Path("/proc/self/fd").iterdir()))
    return Look(driver.health(), driver.identity(), driver.alive, threading.active_count() - kit, files, resident)


def main(descriptor: int) -> None:
    """The process's work."""
    with contextlib.suppress(EOFError, ConnectionError):
        serve(Connection(descriptor))
    os._exit(0)  # the kit is through with it, whatever the driver's threads think
