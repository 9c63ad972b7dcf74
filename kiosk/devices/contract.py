"""What every driver is, so that the core, `kiosk doctor` and whoever writes one need to know nothing else of it.

A driver is one object for one `[[device]]` of kiosk.toml, with a thread of its own from `start()` to `stop()`. It opens its port, asks who
is there, recovers what was under way, serves, and begins anew when any of it fails, for ever. It takes its orders from what the desk
publishes and tells the desk what happened (`vend.seen`); nobody calls it about its work. Waiting for something newer than a `rev`, it says
that it has done what was wanted at that one: screens wait for an acceptor that has to shut (`curtain`). The states are XFS4IoT's
(Common.Status, device status), in lower case.
"""

import re
import time
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from kiosk.vend.ports import Tell
from kiosk.vend.seen import DeviceDown, DeviceUp

Role = Literal["notes", "coins", "printer", "terminal", "display", "board", "modem", "voice"]
State = Literal["starting", "online", "busy", "degraded", "offline", "no_device", "hardware_error", "user_error", "fraud"]


class Health(msgspec.Struct, frozen=True):
    """How a device is. `code`: the word for it, "" while all is well; `since_ms`: Unix time of the change into it.

    starting        not yet known                                   hardware_error  broken: jammed, fault-38, its driver died
    online, busy    it works                                        user_error      people must do something: out, cover, full, swapped
    degraded        it works, and something is to be done: low      fraud           somebody tried
    offline         the port is there, and nobody answers           no_device       not even the port is there
    """

    state: State = "starting"
    code: str = ""
    since_ms: int = 0

    @property
    def works(self) -> bool:
        """May it be counted on?"""
        return self.state in ("online", "busy", "degraded")


class Identity(msgspec.Struct, frozen=True):
    """Who answered. What a device does not say is ""; `serial` as kiosk.toml and the journal write it; `port`: where it was met."""

    kind: str  # the role
    protocol: str
    maker: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    port: str = ""


class Driver(Protocol):
    """One device. Every method returns at once, but for `stop`, and may be called from any thread."""

    @property
    def role(self) -> str:
        """What it is for: a word of `Role`."""

    @property
    def alive(self) -> bool:
        """Does its thread run?"""

    def start(self) -> None:
        """Begins, in a thread of its own. Never raises because of a device: one that is not there is told to be down."""

    def stop(self, timeout_s: float = 5.0) -> None:
        """Leaves the device taking nothing, closes the port and ends; waits at most `timeout_s`. Safe to call twice, or never started."""

    def health(self) -> Health:
        """The newest. The desk was told of it when it changed."""

    def identity(self) -> Identity | None:
        """Who answered last; None before anybody did."""


class CardTerminal(Driver, Protocol):
    """One for bank cards, whatever it speaks. It watches `Published.pos_job` and tells the desk what comes of it (PosUp, PosAnswered).

    An approval that was told waits inside for goods or refuse; one that nobody asked for is never confirmed. A payment that may have
    reached the bank is never sent a second time: its answer is unknown, and the terminal's own book is asked (recover). What was being
    paid when it is stopped stays for the next start to find out.
    """


# ---------------------------------------------------------------- what can go wrong


class DeviceError(Exception):
    """Anything that a device can do wrong. The text is one sentence.

        DeviceError
          Lost            the cable, the adapter or the peer is gone (a port itself says `port.PortLost`)
          DeviceTimeout   no true answer in time
          ProtocolError   an answer that the protocol does not know
          Refused         it answered: no
          NotReady        it cannot now; its health says why
          Jam, Full, Removed, Fraud

    `maybe_done`: what was asked of it may have happened. A driver never asks for such a thing again: it finds out, or says unknown.
    """

    maybe_done: bool = False

    def __init__(self, sentence: str, *, maybe_done: bool | None = None) -> None:
        super().__init__(sentence)
        if maybe_done is not None:
            self.maybe_done = maybe_done


class Lost(DeviceError):
    """The cable, the adapter or the peer is gone."""


class DeviceTimeout(DeviceError):
    """No true answer in time."""


class ProtocolError(DeviceError):
    """An answer that the protocol does not know."""


class Refused(DeviceError):
    """It answered: no."""


class NotReady(DeviceError):
    """It cannot now; its health says why."""


class Jam(DeviceError):
    """Something is stuck in it."""


class Full(DeviceError):
    """Its box, or its memory, takes no more."""


class Removed(DeviceError):
    """A part that belongs into it is out: the cash box, the paper."""


class Fraud(DeviceError):
    """Somebody tried."""


# ---------------------------------------------------------------- health, pushed

_STATES: dict[str, State] = {
    "": "online",
    "ok": "online",
    "starting": "starting",
    "unknown": "starting",
    "busy": "busy",
    "low": "degraded",
    "offline": "offline",
    "no_device": "no_device",
    "out": "user_error",
    "cover": "user_error",
    "full": "user_error",
    "removed": "user_error",
    "swapped": "user_error",
    "fraud": "fraud",
}


def state_of(code: str) -> State:
    """The state that a device's code stands for: `fraud-20` is fraud, whatever is not in the table is broken."""
    return _STATES.get(re.sub(r"-\d+$", "", code), "hardware_error")


class Standing:
    """A driver's health, kept for whoever asks. `now_s` is the wall clock, for `since_ms` alone."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._health = Health(since_ms=int(now_s() * 1000))

    @property
    def health(self) -> Health:
        """The newest."""
        return self._health

    def becomes(self, code: str, state: State | None = None) -> bool:
        """The device's newest word, in the state that it stands for unless another is named. True when that is a change."""
        fresh = Health(state or state_of(code), code, int(self._now_s() * 1000))
        changed = (fresh.state, fresh.code) != (self._health.state, self._health.code)
        if changed:
            self._health = fresh
        return changed


class Told(Standing):
    """The same for a device that the sale can do without: what changes is told the desk as DeviceUp and DeviceDown. One thread tells."""

    def __init__(self, role: str, tell: Tell, now_s: Callable[[], float] = time.time) -> None:
        super().__init__(now_s)
        self._role, self._tell = role, tell

    def up(self, serial: str = "", detail: str = "", code: str = "") -> None:
        """It works; `code` where something is to be done all the same."""
        if self.becomes(code):
            self._tell(DeviceUp(self._role, serial, detail))

    def down(self, code: str, state: State | None = None) -> None:
        """It does not work."""
        if self.becomes(code, state):
            self._tell(DeviceDown(self._role, code))
