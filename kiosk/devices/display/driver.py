"""A display's thread: the newest picture wins, and nothing that a display does or does not do is felt by anybody else.

It shows what the desk publishes and is asked for nothing. A display cannot report, so its health is its port: open is up. Its picture is
sent again now and then, because a display that lost its power for a moment comes back empty and says nothing.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kiosk.devices.contract import Health, Identity, Told
from kiosk.devices.display.dialect import Dialect
from kiosk.devices.display.showing import PLAIN, Wording, shown
from kiosk.devices.port import Port, PortLost, after
from kiosk.devices.supervise import supervised
from kiosk.vend.ports import Desk, DeskBusy
from kiosk.vend.view import View

BITS = 10  # a byte on a serial line, with its start and stop bit
SHUT = View("out")


@dataclass(frozen=True)
class Waits:
    """Seconds; a test has less patience."""

    settle_s: float = 0.2  # slow displays need it after they were cleared
    look_s: float = 1.0  # between two looks whether the cable is still there
    again_s: float = 10.0  # between two sendings of a picture that has not changed
    retry_s: tuple[float, ...] = (0.25, 1.0, 5.0)  # between tries to open the port; the last one for ever


class DisplayDriver:
    """A customer display (role display) or an LED board (role board). See `contract.Driver`."""

    def __init__(
        self,
        role: str,
        desk: Desk,
        open_port: Callable[[], Port],
        dialect: Dialect,
        wording: Wording = PLAIN,
        *,
        baud: int = 0,
        protocol: str = "",
        address: str = "",
        waits: Waits | None = None,
    ) -> None:
        self.role = role
        self._desk, self._open_port, self._dialect, self._wording = desk, open_port, dialect, wording
        self._waits = waits or Waits()
        self._bytes_s = (baud or dialect.baud) / BITS
        self._told = Told(role, desk.tell)
        self._identity = Identity(role, protocol, port=address)
        self._opened = False
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """See Driver."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """See Driver."""
        self._stopped.clear()
        work = supervised(self.run, self._stopped, lambda: self._told.down("died"))
        self._thread = threading.Thread(target=work, name=self.role, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """See Driver. The display is left with the words that this machine is out of service."""
        self._stopped.set()
        if self._thread:
            self._thread.join(timeout_s)

    def health(self) -> Health:
        """See Driver."""
        return self._told.health

    def identity(self) -> Identity | None:
        """What kiosk.toml says of it, once it was there: a display has no name of its own."""
        return self._identity if self._opened else None

    def run(self) -> None:
        """The thread's work: open, show, and begin anew when the port is lost."""
        failed = 0
        while not self._stopped.is_set():
            try:
                with contextlib.closing(self._open_port()) as port:
                    failed = 0
                    self._serve(port)
            except PortLost:
                self._tell(lambda: self._told.down("no_device"))
                self._stopped.wait(self._waits.retry_s[min(failed, len(self._waits.retry_s) - 1)])
                failed += 1

    def _serve(self, port: Port) -> None:
        """While the port is there: the newest picture, and never faster than the line carries it away."""
        port.write(self._dialect.greeting(self._wording.charset))
        self._opened = True
        self._stopped.wait(self._waits.settle_s)
        self._tell(self._told.up)
        last, again_at, rev = b"", 0.0, -1
        try:
            while not self._stopped.is_set():
                port.read_some(after(0))  # whatever it babbles is forgotten; a cable that was pulled is noticed
                published = self._desk.wait(rev, self._waits.look_s)
                rev = published.rev
                frame = self._frame(published.view)
                if frame != last or time.monotonic() >= again_at:
                    port.write(frame)
                    last, again_at = frame, after(self._waits.again_s)
                    self._stopped.wait(len(frame) / self._bytes_s)
        finally:
            with contextlib.suppress(PortLost):
                port.write(self._frame(SHUT))

    def _frame(self, view: View) -> bytes:
        return self._dialect.frame(shown(view, self._wording), self._wording.charset)

    def _tell(self, say: Callable[[], None]) -> None:
        """A desk that has no time for a display's news hears it with the next change."""
        with contextlib.suppress(DeskBusy):
            say()
