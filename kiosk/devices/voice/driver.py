"""The voice's thread: it reads the present screen aloud, and nobody waits for it.

Headphones first: where this machine can tell that none are plugged in, it is silent; whoever plugs some in hears the present screen from
its beginning. The volume is the usual one again for the next customer. Maintenance screens are never read, and a PIN is on none.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kiosk.devices.contract import Health, Identity, Told
from kiosk.devices.supervise import supervised
from kiosk.devices.voice import speech
from kiosk.devices.voice.jack import Jack
from kiosk.devices.voice.program import Program
from kiosk.devices.voice.speech import Local, Screen
from kiosk.vend.ports import Desk, DeskBusy
from kiosk.vend.view import View

Says = Callable[[View], Sequence[str]]
WAITING = 16  # words from the screen; of more, the newest


@dataclass(frozen=True)
class Waits:
    """Seconds."""

    listen_s: float = 0.1  # until a key of the screen is heard, while somebody listens
    rest_s: float = 0.5  # until headphones are noticed
    again_s: float = 30.0  # until a program that is not there is looked for again


class VoiceDriver:
    """Role voice. See `contract.Driver`; `hear` is for the screen's own words."""

    role = "voice"

    def __init__(
        self,
        desk: Desk,
        says: Says,
        program: Program,
        jack: Jack,
        *,
        protocol: str = "espeak",
        address: str = "",
        waits: Waits | None = None,
    ) -> None:
        self._desk, self._says, self._program, self._jack, self._waits = desk, says, program, jack, waits or Waits()
        self._told = Told(self.role, desk.tell)
        self._protocol, self._address = protocol, address
        self._identity: Identity | None = None
        self._words: deque[str] = deque(maxlen=WAITING)
        self._view, self._local = View(""), Local()
        self._looked: tuple[View, Local] | None = None
        self._said: Screen | None = None  # what was said of it last; None: it is said from the beginning
        self._level, self._listened = speech.USUAL, False
        self._looked_at, self._asked_at, self._plugged = float("-inf"), float("-inf"), False
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
        """See Driver. Silence."""
        self._stopped.set()
        if self._thread:
            self._thread.join(timeout_s)

    def health(self) -> Health:
        """See Driver."""
        return self._told.health

    def identity(self) -> Identity | None:
        """The program's own version."""
        return self._identity

    def hear(self, word: str) -> None:
        """From any thread: again | louder | softer | help | screen | the digits that are typed on it. Never waits."""
        self._words.append(word)

    def run(self) -> None:
        """The thread's work."""
        rev = -1
        try:
            while not self._stopped.is_set():
                published = self._desk.wait(rev, self._waits.listen_s if self._listened else self._waits.rest_s)
                rev = published.rev
                self._look_for_program()
                self._turn(published.view)
        finally:
            self._program.hush()

    def _turn(self, view: View) -> None:
        """One look at everything: what is to be said now, if anything."""
        self._follow(view)
        words = self._heard()
        if (ended := self._program.ended()) is not None:
            self._tell(self._told.up if ended == "" else lambda: self._told.down(ended, "offline"))
        if not self._somebody_listens() or self._identity is None:
            return
        if words:
            self._said = None
        looked, self._looked = self._looked, (view, self._local)
        if self._said is not None and looked == self._looked:
            return  # the very same, ten times a second
        seen = self._local.over(view)
        now = Screen(view.phase, view.language, self._local.helping, tuple(self._says(seen)))
        lines = speech.news(self._said, now, cut=self._program.busy)
        self._said = now
        if lines and not self._program.say(speech.aloud(lines), view.language, self._level):
            self._gone()

    def _follow(self, view: View) -> None:
        """The desk's newest View; a screen at rest is the next customer's."""
        self._local = self._local.after(self._view, view)
        if view.phase != self._view.phase and view.phase in ("attract", "out"):
            self._level = speech.USUAL
        self._view = view

    def _heard(self) -> bool:
        """Words from the screen. True when the whole of it is to be said again."""
        again = False
        while self._words:
            word = self._words.popleft()
            self._local = speech.heard(word, self._local)
            self._level = speech.volume(word, self._level)
            again = again or word in (speech.AGAIN, speech.LOUDER, speech.SOFTER)
        return again

    def _somebody_listens(self) -> bool:
        """Headphones are plugged in, or there is no telling. Without any nothing is said, and what was said is forgotten."""
        now = time.monotonic()
        if now >= self._looked_at + self._waits.rest_s:
            self._looked_at, self._plugged = now, self._jack.plugged() is not False
        if not self._plugged:
            self._program.hush()
            self._said, self._level = None, speech.USUAL
        self._listened = self._plugged and not self._view.staff
        return self._plugged

    def _look_for_program(self) -> None:
        """Now and then, as long as there is none."""
        if self._identity or time.monotonic() < self._asked_at + self._waits.again_s:
            return
        self._asked_at = time.monotonic()
        version = self._program.version()
        if version is None:
            self._gone()
            return
        self._identity = Identity(self.role, self._protocol, firmware=version, port=self._address)
        self._tell(lambda: self._told.up(detail=version))

    def _gone(self) -> None:
        self._identity = None
        self._tell(lambda: self._told.down("no_device"))

    def _tell(self, say: Callable[[], None]) -> None:
        with contextlib.suppress(DeskBusy):
            say()
