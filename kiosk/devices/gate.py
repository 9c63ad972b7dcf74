"""What a driver may tell the desk: the words of its role, within bounds. Whatever else it says never reaches the money.

A driver may be anybody's (`kiosk.drivers`), and a desk that is told nonsense dies. So each driver has the desk behind a gate of its own. A
word that does not pass raises Unheard in the driver's own thread, and the machine counts the device as broken; after three the gate stays
shut. Whoever tells more than a device can have to say waits, or every flicker of a bad cable would be a row. This is no sandbox: a driver
runs in the core's process, and whoever installs it trusts its maker with that. It is for mistakes.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterable

import msgspec

from kiosk.devices.contract import Driver
from kiosk.devices.supervise import supervised
from kiosk.vend import seen as s
from kiosk.vend.ports import Desk, DeskBusy, Published

LIVES = 3
AT_ONCE, PER_S = 256, 100  # words of any kind
STATES_AT_ONCE, STATES_PER_S = 20, 1  # of up and down among them
TEXT_MAX, ROWS_MAX = 200, 400  # letters of a text, rows of a list
NUMBER_MAX = 1 << 53  # what every reader of the journal holds exactly
DENOMINATION_MAX = 1_000_000_000  # minor units; no note of any currency is worth more
COUNTER_MAX = 255  # `Seen.counter` runs as ccTalk's

_PLAIN: tuple[type[s.Seen], ...] = (s.DeviceUp, s.DeviceDown)
_ACCEPTOR = (s.AcceptorUp, s.AcceptorReset, s.AcceptorDown, s.EventsLost)
WORDS: dict[str, tuple[type[s.Seen], ...]] = {
    "notes": (*_ACCEPTOR, s.NoteHeld, s.NoteIn, s.NoteBack, s.NoteRejected),
    "coins": (*_ACCEPTOR, s.CoinIn, s.NoteRejected),
    "printer": (s.PrinterState, s.Printed),
    "terminal": (*_PLAIN, s.PosUp, s.PosPrompt, s.PosAnswered),
    "modem": (*_PLAIN, s.SmsAnswered, s.SmsReported, s.SmsArrived, s.SimPin),
    "display": _PLAIN,
    "board": _PLAIN,
    "voice": _PLAIN,
}
"""Role -> what it may tell."""

STATES = (s.AcceptorUp, s.AcceptorReset, s.AcceptorDown, s.PrinterState, s.DeviceUp, s.DeviceDown, s.PosUp)

ONE_OF: dict[tuple[type[s.Seen], str], frozenset[str]] = {
    (s.PrinterState, "state"): frozenset({"ok", "low", "out", "cover", "error", "offline", "unknown"}),
    (s.Printed, "outcome"): frozenset({"printed", "assumed", "unknown", "failed"}),
    (s.PosPrompt, "key"): frozenset({"card", "pin", "wait", "remove"}),
    (s.PosAnswered, "outcome"): frozenset(
        {"approved", "declined", "aborted", "unknown", "busy", "final", "reversed", "none", "refused", "done"}
    ),
    (s.SmsAnswered, "outcome"): frozenset({"sent", "unknown", "failed"}),
    (s.SmsReported, "outcome"): frozenset({"delivered", "lost"}),
}
JOB_MAX = (1 << 64) - 1  # the desk's own numbers come back as they were given; a paper without one has its name of 16 hex digits
_BOUNDS = {"job": (0, JOB_MAX), "denominations": (1, DENOMINATION_MAX), "denomination": (0, DENOMINATION_MAX), "counter": (0, COUNTER_MAX)}
_CODE = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Unheard(Exception):
    """A driver told what its role does not tell, or a value that cannot be. The text names role, word and field, and no value."""


class Pace:
    """So many words at once, and so many a second afterwards: whoever has more waits."""

    def __init__(self, at_once: int, per_s: int) -> None:
        self._at_once, self._per_s = at_once, per_s
        self._left, self._at = float(at_once), time.monotonic()

    def wait_s(self) -> float:
        """Takes one word; how long it is too early."""
        now = time.monotonic()
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_s) - 1
        self._at = now
        return max(0.0, -self._left / self._per_s)


class Gate:
    """Implements `ports.Desk` for one driver. `tell` may come from any thread.

    `done`: the newest rev that the driver has done, because it waits for a newer one; `has_done` hears of it, on the driver's thread.
    """

    def __init__(self, desk: Desk, role: str) -> None:
        self._desk, self.role = desk, role
        self.done = -1
        self.has_done: Callable[[str, int], None] = lambda _role, _rev: None
        self._lives = LIVES
        self._lock = threading.Lock()
        self._words, self._states = Pace(AT_ONCE, PER_S), Pace(STATES_AT_ONCE, STATES_PER_S)

    def tell(self, seen: s.Seen) -> None:
        """See `ports.Desk`. Raises Unheard."""
        if self._lives <= 0:
            raise Unheard(f"The driver of {self.role} is not listened to any more.")
        why = wrong(self.role, seen)
        if why:
            with self._lock:
                self._lives -= 1
            self.broken()
            raise Unheard(f"The driver of {self.role} {why}.")
        with self._lock:
            early_s = max(self._words.wait_s(), self._states.wait_s() if isinstance(seen, STATES) else 0.0)
            time.sleep(early_s)
        self._desk.tell(seen)

    def published(self) -> Published:
        """See `ports.Desk`."""
        return self._desk.published()

    def wait(self, rev: int, timeout_s: float) -> Published:
        """See `ports.Desk`."""
        if rev != self.done:
            self.done = rev
            self.has_done(self.role, rev)
        return self._desk.wait(rev, timeout_s)

    def broken(self) -> None:
        """The machine goes on without this device, until its driver says that it is up."""
        match self.role:
            case "notes" | "coins":
                self._desk.tell(s.AcceptorDown(self.role, "driver"))
            case "printer":
                self._desk.tell(s.PrinterState("offline"))
            case _:
                self._desk.tell(s.DeviceDown(self.role, "driver"))


class Watch:
    """Looks whether each driver still lives: one whose thread has ended can tell nobody."""

    def __init__(self, devices: Iterable[tuple[Driver, Gate]], every_s: float = 5.0) -> None:
        self._devices, self._every_s = tuple(devices), every_s
        self._dead: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=supervised(self._run, self._stopping, lambda: None), name="drivers", daemon=True)

    def start(self) -> None:
        """In a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """No driver is missed any more."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            for driver, gate in self._devices:
                if driver.alive:
                    self._dead.discard(gate.role)
                elif gate.role not in self._dead and not self._stopping.is_set():
                    with contextlib.suppress(DeskBusy):
                        gate.broken()
                        self._dead.add(gate.role)


def wrong(role: str, seen: object) -> str:
    """Why a driver of that role cannot say it, "" where it can."""
    kind = type(seen)
    if not isinstance(seen, s.Seen) or kind not in WORDS.get(role, ()):
        return f"tells {kind.__name__}"
    try:
        msgspec.convert(msgspec.to_builtins(seen), kind)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError, RecursionError):
        return f"tells {kind.__name__} with a value of another type"
    field = next((name for name in kind.__struct_fields__ if not _fits(role, kind, name, getattr(seen, name))), "")
    return f"tells {kind.__name__} with a {field} that cannot be" if field else ""


def _fits(role: str, kind: type[s.Seen], name: str, value: object) -> bool:
    match value:
        case tuple():
            return len(value) <= ROWS_MAX and all(_fits(role, kind, name, each) for each in value)
        case str():
            return _is_said(role, kind, name, value)
        case bool() | None:
            return True
        case int():
            least, most = _BOUNDS.get(name, (0, NUMBER_MAX))
            return least <= value <= most
    return False


def _is_said(role: str, kind: type[s.Seen], name: str, value: str) -> bool:
    if (kind, name) in ONE_OF:
        return value in ONE_OF[kind, name]
    match name:
        case "device":
            return value == role
        case "code":
            return bool(_CODE.fullmatch(value))
    return len(value) <= TEXT_MAX and value.isprintable()
