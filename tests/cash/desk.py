"""A desk that writes nothing down: a stance that a test sets, and a list of what it was told."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from kiosk.vend.ports import AcceptorMemory, Published, Stance
from kiosk.vend.seen import AcceptorUp, CoinIn, NoteHeld, NoteIn, Seen
from kiosk.vend.view import View

S = TypeVar("S", bound=Seen)


class ListeningDesk:
    """`remember`: keep the acceptors' counters as a journal would. `block()` makes `tell` wait, as a full inbox does."""

    def __init__(self, *, remember: bool = True) -> None:
        self.told: list[Seen] = []
        self._remember = remember
        self._changed = threading.Condition()
        self._published = Published(0, View("attract"), Stance(), None, None, {})
        self._open = threading.Event()
        self._open.set()

    # ---------------------------------------------------------------- the desk

    def tell(self, seen: Seen) -> None:
        self._open.wait()
        with self._changed:
            self.told.append(seen)
            if self._remember and isinstance(seen, AcceptorUp | CoinIn | NoteIn):
                accepted = seen.accepted
                self.knows(seen.device, AcceptorMemory(seen.serial, seen.counter, accepted))
            self._changed.notify_all()

    def published(self) -> Published:
        return self._published

    def wait(self, rev: int, timeout_s: float) -> Published:
        with self._changed:
            self._changed.wait_for(lambda: self._published.rev != rev, timeout_s)
            return self._published

    # ---------------------------------------------------------------- the test's hand

    def wants(self, *, notes: tuple[int, ...] = (), coins: tuple[int, ...] = (), escrow: str = "hold", counter: int | None = None) -> None:
        with self._changed:
            self._publish(stance=Stance(notes, coins, escrow, counter))

    def knows(self, role: str, memory: AcceptorMemory) -> None:
        with self._changed:
            self._publish(acceptors={**self._published.acceptors, role: memory})

    def enrols(self, role: str, serial: str) -> None:
        with self._changed:
            self._publish(enrolled={**self._published.enrolled, role: serial})

    def _publish(self, **changes: object) -> None:
        self._published = msgspec.structs.replace(self._published, rev=self._published.rev + 1, **changes)
        self._changed.notify_all()

    def block(self) -> None:
        self._open.clear()

    def unblock(self) -> None:
        self._open.set()

    def heard(self, kind: type[S], since: int = 0) -> list[S]:
        return [seen for seen in self.told[since:] if isinstance(seen, kind)]

    def await_one(self, kind: type[S], since: int = 0, timeout_s: float = 8.0) -> S:
        """The first such thing told after `since` others."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.heard(kind, since), timeout_s):
                raise AssertionError(f"no {kind.__name__} was told: {self.told[since:]}")
            return self.heard(kind, since)[0]

    def await_held(self, since: int = 0) -> NoteHeld:
        return self.await_one(NoteHeld, since)


def eventually(holds: Callable[[], object], timeout_s: float = 8.0) -> None:
    """Waits until `holds()` is true; fails when it never is."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)
