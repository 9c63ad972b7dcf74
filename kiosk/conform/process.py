"""A driver in its process, from the kit's side: made, started, looked at, stopped or killed; and what it tells, as it comes."""

import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from kiosk.conform.child import Done, Look, Order
from kiosk.vend.ports import Published
from kiosk.vend.seen import Seen

MADE_S = 20.0  # to import a driver and make it, on a slow machine
LOOK_S = 5.0
TRACE = "Traceback (most recent call last):"


class CannotMake(Exception):
    """There is no such driver, or it does not take these options; one sentence."""


class DriverProcess:
    """One life of a driver. `hear` is called with everything that it tells, on a thread of this object's own, in order.

    While `deaf` is set nothing is heard: what is told waits, and is lost when the process is killed.
    """

    def __init__(self, order: Order, hear: Callable[[Seen], None], log: Path) -> None:
        self._hear, self._log = hear, log
        self._listens = threading.Event()
        self._listens.set()
        self._told: queue.SimpleQueue[Seen | None] = queue.SimpleQueue()
        self._looks: list[Look] = []
        self._dones: list[Done] = []
        self._refused: str | None = None
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        near, far = socket.socketpair()
        with far, log.open("ab") as complaints:
            command = [sys.executable, "-c", f"from kiosk.conform.child import main; main({far.fileno()})"]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                command, pass_fds=(far.fileno(),), stdin=subprocess.DEVNULL, stdout=complaints, stderr=complaints, env=environment
            )
        self._pipe = Connection(near.detach())
        self._made = self._over = False
        self._thread = threading.Thread(target=self._listen, name="driver's process", daemon=True)
        self._thread.start()
        self._send(order)
        self._await(lambda: self._made or self._refused is not None, MADE_S)
        if not self._made:
            self.kill()
            raise CannotMake(self._refused or f"The driver was not made within {MADE_S:.0f} s{self.complaint()}.")

    # ---------------------------------------------------------------- what is done to it

    def start(self, timeout_s: float) -> Done | None:
        """Its end; None when it did not come in time."""
        return self._do("start", timeout_s)

    def stop(self, timeout_s: float, patience_s: float) -> Done | None:
        """`timeout_s` is what the driver is given; its end, None when it did not come within `patience_s`."""
        return self._do("stop", patience_s, timeout_s)

    def publish(self, published: Published) -> None:
        """The desk's newest."""
        self._send(("publish", published))

    def look(self) -> Look | None:
        """How it is now; None when it does not answer: its process is over, or hangs in `health` or `identity`."""
        seen = len(self._looks)
        self._send(("look",))
        return self._looks[-1] if self._await(lambda: len(self._looks) > seen, LOOK_S) else None

    def deaf(self) -> None:
        """The desk listens no more."""
        self._listens.clear()

    def listen(self) -> None:
        """It does again."""
        self._listens.set()

    def fill(self, *, full: bool) -> None:
        """The desk's inbox is full: `tell` waits, and is busy after five seconds."""
        self._send(("fill", full))

    def kill(self) -> None:
        """kill -9. What was heard stays heard; what waited for a deaf desk is lost."""
        self._over = not self._listens.is_set()
        self._process.kill()
        self._process.wait()
        self._listens.set()
        self._thread.join(5.0)

    @property
    def dead(self) -> bool:
        """Has the process ended by itself?"""
        return self._process.poll() is not None

    def complaint(self) -> str:
        """The last line of a traceback that it wrote, as ": line"; "" without one."""
        said = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        return f": {said.rstrip().rpartition(chr(10))[2]}" if TRACE in said else ""

    # ---------------------------------------------------------------- the pipe

    def _do(self, what: str, patience_s: float, *words: float) -> Done | None:
        seen = len(self._dones)
        self._send((what, *words))
        return self._dones[-1] if self._await(lambda: len(self._dones) > seen, patience_s) else None

    def _send(self, message: Any) -> None:
        with self._sending, contextlib.suppress(OSError):
            self._pipe.send(message)

    def _await(self, holds: Callable[[], bool], timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: holds() or self._over, timeout_s) and holds()

    def _listen(self) -> None:
        hearer = threading.Thread(target=self._hearing, name="desk", daemon=True)
        hearer.start()
        try:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    self._take(self._pipe.recv())
        finally:
            self._told.put(None)
            hearer.join(5.0)
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _take(self, message: tuple[Any, ...]) -> None:
        if message[0] == "told":
            self._told.put(message[1])
            return
        with self._changed:
            match message:
                case ("made",):
                    self._made = True
                case ("refused", str(why)):
                    self._refused = why
                case ("look", Look() as look):
                    self._looks.append(look)
                case ("done", Done() as done):
                    self._dones.append(done)
            self._changed.notify_all()

    def _hearing(self) -> None:
        """The desk's own thread: what is told while it is deaf waits."""
        while (seen := self._told.get()) is not None:
            self._listens.wait()
            if self._over:
                return
            self._hear(seen)
            self._send(("heard",))
