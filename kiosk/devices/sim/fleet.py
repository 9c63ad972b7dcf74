"""A whole machine's simulated devices in one process: for each `[[device]]` the simulator that stands behind its port.

A new simulator is a line in the table. Everything that a device remembers is kept in the fleet's folder, so that it outlives its process
as it outlives a power cut. One control socket serves all: `{"at": "notes", "do": "insert_note", ...}`; without "at", every device.
"""

import errno
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.control import ControlRefused, ControlServer
from kiosk.devices.sim.display import DisplaySimulator
from kiosk.devices.sim.essp import EsspSimulator
from kiosk.devices.sim.modem import ModemSimulator
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import Line, PtyLine, TcpLine
from kiosk.devices.sim.vpcd import Hand
from kiosk.devices.sim.zvt import TerminalSimulator

Kind = TypeVar("Kind", str, int, bool)


class Simulator(Protocol):
    """What every simulator is."""

    def start(self) -> None:
        """Plugs in. OSError when its port cannot be made."""

    def stop(self) -> None:
        """Unplugs."""

    def do(self, verb: dict[str, Any]) -> dict[str, Any]:
        """Does one order and returns the state. Raises ControlRefused."""


class Seat(msgspec.Struct, frozen=True):
    """A `[[device]]` as kiosk.toml has it, and the folder that keeps what its simulator remembers."""

    role: str
    protocol: str
    port: str
    folder: Path
    serial: str = ""
    options: Mapping[str, str | int | bool] = {}

    @property
    def name(self) -> str:
        """ROLE/PROTOCOL."""
        return f"{self.role}/{self.protocol}"

    @property
    def link(self) -> Path:
        """Where its pseudo-terminal is found. OSError where it is a network port, or something else stands there."""
        path = Path(self.port)
        if self.listen:
            raise OSError(errno.EINVAL, "this simulator has no network port", self.port)
        if path.exists() and not path.is_symlink():
            raise OSError(errno.EEXIST, "a real device is there, or a file", self.port)
        if path.is_symlink() and path.exists() and stat.S_ISCHR(path.stat().st_mode) and not str(path.resolve()).startswith("/dev/pts/"):
            raise OSError(errno.EEXIST, "a real device is there", self.port)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def listen(self) -> tuple[str, int] | None:
        """Host and port of tcp:HOST:PORT; None for a path. OSError where it is neither, or not on this machine."""
        if not self.port.startswith("tcp:"):
            return None
        host, _, number = self.port.removeprefix("tcp:").rpartition(":")
        if host not in ("127.0.0.1", "localhost", "[::1]") or not number.isdecimal() or not 0 < int(number) < 65536:
            raise OSError(errno.EADDRNOTAVAIL, "a simulator listens on this machine only, at tcp:127.0.0.1:PORT", self.port)
        return host.strip("[]"), int(number)

    @property
    def memory(self) -> Path:
        """The file that is the device's memory."""
        return self.folder / f"{self.role}.json"

    def number(self, usual: int) -> int:
        """Its serial as a number: the enrolled one, or the usual."""
        return int(self.serial) if self.serial.isdecimal() else usual

    def option(self, name: str, usual: Kind) -> Kind:
        """One of its options, or the usual."""
        value = self.options.get(name, usual)
        return value if isinstance(value, type(usual)) else usual


def _line(seat: Seat) -> Line:
    return TcpLine(*seat.listen) if seat.listen else PtyLine(seat.link)


def _display(seat: Seat) -> Simulator:
    return DisplaySimulator(seat.link, seat.protocol, charset=seat.option("charset", "cp437"))


SIMULATORS: dict[str, Callable[[Seat], Simulator]] = {
    "notes/cctalk": lambda seat: NoteSimulator(
        seat.link, None, seat.memory, serial=seat.number(2060502), mode=seat.option("mode", "checksum"), paced=True, route_s=0.5
    ),
    "notes/essp": lambda seat: EsspSimulator(seat.link, None, seat.memory, serial=seat.number(4060504), paced=True, route_s=0.5),
    "coins/cctalk": lambda seat: CoinSimulator(
        seat.link, None, seat.memory, serial=seat.number(1060501), mode=seat.option("mode", "checksum"), paced=True
    ),
    "printer/escpos": lambda seat: PrinterSimulator(
        _line(seat), seat.folder / "papers", columns=32 if seat.option("profile", "80mm").startswith("58") else 48, line_s=0.02
    ),
    "terminal/zvt": lambda seat: TerminalSimulator(
        _line(seat), seat.memory, blocks=seat.listen is None, number=seat.number(29_000_274), card_s=2.0
    ),
    "modem/at": lambda seat: ModemSimulator(_line(seat), None, seat.memory, pin=str(seat.option("pin", ""))),
    "display/cd5220": _display,
    "display/epson": _display,
    "display/led8n": _display,
    "board/cd5220": _display,
    "board/epson": _display,
    "board/led8n": _display,
}
"""ROLE/PROTOCOL -> its simulator."""


class Fleet:
    """The devices of `seats`, and a hand with a card if there is one. `without`: the ROLE/PROTOCOLs that nobody simulates."""

    def __init__(self, seats: tuple[Seat, ...], control: Path, hand: Hand | None = None) -> None:
        self.without = tuple(seat.name for seat in seats if seat.name not in SIMULATORS)
        self._seats = tuple(seat for seat in seats if seat.name in SIMULATORS)
        self._hand = hand
        self._devices: dict[str, Simulator] = {}
        self._control = ControlServer(control, self.do)
        self.finished = threading.Event()

    def start(self) -> None:
        """Plugs all of them in. OSError when a port or the control socket cannot be made; then nothing stays plugged in."""
        self._control.start()
        try:
            for seat in self._seats:
                device = SIMULATORS[seat.name](seat)
                device.start()
                self._devices[seat.role] = device
        except ValueError:
            self.stop()
            raise OSError(errno.EINVAL, "this is not the memory of a simulated device", str(seat.memory)) from None
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Unplugs all; the card is in the hand."""
        self._control.stop()
        if self._hand:
            self._hand.pull()
        for device in self._devices.values():
            device.stop()
        self._devices.clear()

    def do(self, verb: dict[str, Any]) -> dict[str, Any]:
        """An order for the device that "at" names, or for all. Raises ControlRefused."""
        order = {name: value for name, value in verb.items() if name != "at"}
        at = verb.get("at")
        if at is not None:
            return self._at(at)(order)
        if verb["do"] == "quit":
            self.finished.set()
        elif verb["do"] == "power":
            return self._power(order)
        elif verb["do"] != "state":
            raise ControlRefused(f'Say at which device, "at": {" or ".join(self._places())}; all of them know power, state and quit.')
        return {place: self._at(place)({"do": "state"}) for place in self._places()}

    def _power(self, order: dict[str, Any]) -> dict[str, Any]:
        """For all that can lose it, so that the machine's own power can be cut."""
        states = {}
        for role, device in self._devices.items():
            try:
                states[role] = device.do(dict(order))
            except ControlRefused as refused:
                states[role] = {"refused": str(refused)}
        return states

    def _places(self) -> list[str]:
        return [*self._devices, *(["card"] if self._hand else [])]

    def _at(self, place: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
        if place == "card" and self._hand:
            return self._hand.handle
        if isinstance(place, str) and place in self._devices:
            return self._devices[place].do
        raise ControlRefused(f"There is no {place} here; there are {', '.join(self._places())}.")
