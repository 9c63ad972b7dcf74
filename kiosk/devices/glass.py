"""The screen, as the money sees it: while its own loop does not go round, nobody sees what becomes of a note, and no cash goes in.

The glass says every second that it is alive; from its own loop, so that one that hangs says nothing. A core that has not heard it yet
misses none: its screen is still to come.
"""

import contextlib
import time

from kiosk.devices.supervise import Worker
from kiosk.vend.ports import DeskBusy, Tell
from kiosk.vend.seen import DeviceDown, DeviceUp

DEVICE = "screen"
SILENT_S = 5.0
LOOK_S = 0.5


class GlassWatch:
    """Tells the desk that the screen hangs, once, and once that it goes on. `alive` may come from any thread."""

    def __init__(self, tell: Tell, silent_s: float = SILENT_S) -> None:
        self._tell, self._silent_s = tell, silent_s
        self._heard_at: float | None = None
        self._told: bool | None = None  # that it is well
        self._worker = Worker("glass", self._look, LOOK_S, lambda: None)

    def start(self) -> None:
        """In a thread of its own."""
        self._worker.start()

    def stop(self) -> None:
        """The screen is missed no longer."""
        self._worker.stop()

    def alive(self) -> None:
        """The screen's loop has gone round."""
        self._heard_at = time.monotonic()
        if not self._told:
            self._worker.wake()

    def _look(self, _now_ms: int) -> None:
        if self._heard_at is None:
            return
        well = time.monotonic() - self._heard_at < self._silent_s
        if well == self._told:
            return
        with contextlib.suppress(DeskBusy):  # told at the next look
            self._tell(DeviceUp(DEVICE) if well else DeviceDown(DEVICE, "hung"))
            self._told = well
