"""What stands at the far end of the cable: a simulator of ours, somebody's own behind a control socket, or a device that nobody plays."""

import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from kiosk.devices.port import Port, open_port
from kiosk.devices.sim.control import ControlRefused, ask
from kiosk.devices.sim.fleet import SIMULATORS, Seat, Simulator

STOP_BITS = {"notes/essp": 2, "terminal/zvt": 2}


class Unplayed(Exception):
    """Nobody can do that to this device now: there is no hand, or it refuses; one sentence."""


class Device(Protocol):
    """`says`: for the certificate; `played`: can `do` be called?"""

    says: str
    played: bool

    def start(self) -> None:
        """It is there."""

    def stop(self) -> None:
        """It is gone."""

    def open(self) -> Port:
        """Its port, for the relay. Raises PortLost."""

    def do(self, **verb: Any) -> dict[str, Any]:
        """An order of its control socket, and the state afterwards. Raises Unplayed."""


class Simulated:
    """One of the kiosk's own simulators, with a memory in `folder`."""

    played = True

    def __init__(self, name: str, folder: Path, options: Mapping[str, str | int | bool]) -> None:
        role, _, protocol = name.partition("/")
        self._name, self._link, self._folder = name, folder / "device", folder / "memory"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._seat = Seat(role, protocol, str(self._link), self._folder, options=options)
        self.says = f"the simulated {self._name}"
        self._device: Simulator | None = None

    def start(self) -> None:
        """See Device. OSError when its line cannot be made."""
        self._device = SIMULATORS[self._name](self._seat)
        self._device.start()

    def stop(self) -> None:
        """See Device."""
        device, self._device = self._device, None
        if device:
            device.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self) -> Port:
        """See Device."""
        return open_port(str(self._link))

    def do(self, **verb: Any) -> dict[str, Any]:
        """See Device."""
        if self._device is None:
            raise Unplayed("The device is not there.")
        try:
            return self._device.do(verb)
        except ControlRefused as refused:
            raise Unplayed(str(refused)) from None


class Real:
    """At a port of this machine. `hand`: the control socket of whoever plays it, with the verbs of our simulators; None: nobody does."""

    def __init__(self, name: str, port: str, hand: Path | None, baud: int) -> None:
        self.says, self.played = port, hand is not None
        self._port, self._hand = port, hand
        self._open: Callable[[], Port] = lambda: open_port(port, baud, stop_bits=STOP_BITS.get(name, 1))
        self._one = threading.Lock()

    def start(self) -> None:
        """It is there already."""

    def stop(self) -> None:
        """It stays."""

    def open(self) -> Port:
        """See Device."""
        return self._open()

    def do(self, **verb: Any) -> dict[str, Any]:
        """See Device."""
        if self._hand is None:
            raise Unplayed("Nobody plays this device: --hand names a control socket.")
        try:
            with self._one:
                answer = ask(self._hand, verb)
        except (OSError, ValueError) as error:
            raise Unplayed(f"Nobody answers at {self._hand}: {error}.") from None
        if not answer.get("ok"):
            raise Unplayed(str(answer.get("error")))
        state: dict[str, Any] = answer["state"]
        return state
