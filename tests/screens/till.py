"""A shop behind the glass, and time that a test moves for both: a press is told to the real `step`, and what it makes of it is shown."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace
from textual import events

from kiosk.app import STARTING, KioskApp
from kiosk.screens.canvas import Target
from kiosk.screens.sound import Ears
from kiosk.vend import seen
from kiosk.vend.seen import Choice
from kiosk.vend.view import View
from tests.sale.shop import Shop

KEYS = {"clear": "escape", "enter": "enter"}


class Till:
    """The glass's Source over a Shop. `lag`: so many choices are told before the desk hears the first of them."""

    def __init__(self, shop: Shop, lag: int = 0) -> None:
        self.shop, self._lag = shop, lag
        self._waiting: deque[Choice] = deque()
        self._show: Callable[[View], None] = lambda _: None
        self.shown = shop.view

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self._show = callback
        self.publish()

    def tell(self, choice: Choice) -> None:
        self._waiting.append(choice)
        if len(self._waiting) > self._lag:
            self.hear()

    def hear(self) -> None:
        """The desk hears what was told, one after the other."""
        while self._waiting:
            self.shop.tell(self._waiting.popleft())
        self.publish()

    def stand(self, shop: Shop) -> None:
        """Another machine in this one's place."""
        self._show(STARTING)
        self.shop = shop
        self._waiting.clear()
        self.publish()

    def publish(self) -> None:
        self.shown = self.shop.view
        self._show(self.shown)

    def pass_ms(self, ms: int) -> None:
        """Time goes by: devices finish what they do, the desk does what is due."""
        self.shop.work()
        self.shop.ms += ms
        self.shop.tell(seen.Tick())
        self.shop.work()
        self.publish()

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.pass_ms(500)

    def app(self, ears: Ears | None = None) -> KioskApp:
        """The glass, on the shop's time."""
        now = datetime(2026, 11, 24, 14, 32)  # noqa: DTZ001 - the wall's own time
        return KioskApp(self, now=lambda: now, motion=False, monotonic_ms=lambda: self.shop.ms, ears=ears)


def timeless(view: View) -> View:
    """All that a view says but how long it will say so."""
    return replace(view, rev=0, ends_in_ms=None)


async def seen_by(app: KioskApp, till: Till) -> None:
    """Until the glass shows what was published last."""
    while app.board.view is not till.shown:  # noqa: ASYNC110 - the glass tells nobody that it has painted
        await asyncio.sleep(0)


def tap(app: KioskApp, target: Target, *, touch: bool) -> None:
    """A finger in the middle of a target, or its key on the pad, without the rests that a pilot makes."""
    if touch:
        x, y = target.x + target.width // 2, target.y + target.height // 2
        app.board.on_mouse_down(events.MouseDown(app.board, x, y, 0, 0, 1, shift=False, meta=False, ctrl=False))
        app.board.on_mouse_up(events.MouseUp(app.board, x, y, 0, 0, 1, shift=False, meta=False, ctrl=False))
    else:
        app.board.press(KEYS.get(target.cap, target.cap))
