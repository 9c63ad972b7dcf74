"""A core that comes up behind the first paint: the screen shows that it is starting while the heavy rooms are opened."""

import threading
from collections.abc import Callable
from typing import Protocol

from kiosk.vend.seen import Choice
from kiosk.vend.view import View

Death = Callable[[BaseException], None]


class Startable(Protocol):
    """A core."""

    def start(self) -> None:
        """Everything runs after this."""

    def stop(self) -> None:
        """Nothing runs after this."""

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """The newest View at once, then each new one."""

    def tell(self, choice: Choice) -> None:
        """What the customer chose."""


class LateSource:
    """A Source for the screen. `make(on_death)` opens the core on a thread of its own.

    What it raises, and what the core dies of, is `failed`.
    """

    def __init__(self, make: Callable[[Death], Startable]) -> None:
        self._make = make
        self._core: Startable | None = None
        self._callbacks: list[Callable[[View], None]] = []
        self.failed: BaseException | None = None
        self.over: Callable[[], None] = lambda: None  # called once when it has failed
        self._thread = threading.Thread(target=self._open, name="opening", daemon=True)

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """The first screen that listens is what the core is opened for."""
        self._callbacks.append(callback)
        if self._core:
            self._core.subscribe(callback)
        elif not self._thread.is_alive():
            self._thread.start()

    def tell(self, choice: Choice) -> None:
        """Nothing can be chosen before there is a core."""
        if self._core:
            self._core.tell(choice)

    def stop(self) -> None:
        """The core ends in good order, if there is one."""
        if self._thread.is_alive():
            self._thread.join()
        if self._core and not self.failed:
            self._core.stop()

    def _open(self) -> None:
        try:
            core = self._make(self._die)
            core.start()
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process, by the main thread
            self._die(error)
            return
        self._core = core
        for callback in self._callbacks:
            core.subscribe(callback)

    def _die(self, error: BaseException) -> None:
        self.failed = error
        self.over()
