"""A desk that shows what a test wants shown, and keeps what it was told; and the patience of a test."""

import time
from collections.abc import Callable

from kiosk.devices.display.driver import Waits
from kiosk.vend.view import View
from tests.cash.desk import ListeningDesk

IMPATIENT = Waits(settle_s=0.0, look_s=0.02, again_s=0.3, retry_s=(0.02,))
PATIENCE_S = 10.0


class ShowingDesk(ListeningDesk):
    """`show` publishes a View."""

    def show(self, view: View) -> None:
        with self._changed:
            self._publish(view=view)


def until(holds: Callable[[], object], what: str = "") -> None:
    """Waits for it; fails when it does not come about."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.005)
