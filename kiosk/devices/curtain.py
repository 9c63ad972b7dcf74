"""An acceptor that must take nothing is shut first; the screen that says so comes second.

A driver has done what the desk wants when it waits for something newer (`Gate.wait`). So where the stance shuts an acceptor, the new View
stays behind the curtain until that one's driver has, on its wire, what it was told; a driver that hangs is not waited for longer than
HOLD_S. Everything else is shown at once, on the desk's thread.
"""

import threading
import time
from collections.abc import Callable, Iterable

from kiosk.devices.gate import Gate
from kiosk.vend.ports import Desk, Published
from kiosk.vend.view import View

HOLD_S = 0.3


class Curtain:
    """Before all screens of one core. `changed` is for the desk's thread, the rest for any."""

    def __init__(self, desk: Desk, gates: Iterable[Gate]) -> None:
        self._desk = desk
        self._gates = {gate.role: gate for gate in gates if gate.role in ("notes", "coins")}
        self._screens: tuple[Callable[[View], None], ...] = ()
        self._shown: View | None = None
        self._open: set[str] = set()
        self._awaited: dict[str, int] = {}  # role -> the rev that its driver has still to do
        self._held: View | None = None
        self._until_s = 0.0
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="curtain", daemon=True)
        for gate in self._gates.values():
            gate.has_done = self.done

    def start(self) -> None:
        """From here on no screen waits for ever."""
        self._thread.start()

    def stop(self) -> None:
        """Nothing is held back any more."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def subscribe(self, screen: Callable[[View], None]) -> None:
        """The newest View that may be seen at once, then each that differs from the one before. `screen` must be quick."""
        with self._changed:
            self._shown = self._shown or self._desk.published().view
            screen(self._shown)
            self._screens = (*self._screens, screen)

    def changed(self, published: Published) -> None:
        """What the desk wants now: to be shown, or to be held until the acceptors that it shuts are shut."""
        wanted = {"notes": published.stance.notes, "coins": published.stance.coins}
        now_open = {role for role in self._gates if wanted[role]}
        with self._changed:
            shuts = self._open - now_open
            self._awaited = {role: rev for role, rev in self._awaited.items() if role not in now_open}
            self._awaited |= {role: published.rev for role in shuts if self._gates[role].done < published.rev}
            self._open = now_open
            if not self._awaited or self._over:
                self._show(published.view)
                return
            if self._held is None:
                self._until_s = time.monotonic() + HOLD_S
            self._held = published.view
            self._changed.notify_all()

    def done(self, role: str, rev: int) -> None:
        """The driver of that acceptor has done what the desk wanted at `rev`. Its thread has nothing to do with screens."""
        with self._changed:
            if rev >= self._awaited.get(role, rev + 1):
                del self._awaited[role]
            self._changed.notify_all()

    def _show(self, view: View) -> None:
        self._held = None
        if view != self._shown:
            self._shown = view
            for screen in self._screens:
                screen(view)

    def _run(self) -> None:
        with self._changed:
            while not self._over:
                self._changed.wait_for(lambda: self._held is not None or self._over)
                self._changed.wait_for(lambda: not self._awaited or self._over, self._until_s - time.monotonic())
                self._awaited.clear()
                if self._held is not None:
                    self._show(self._held)
