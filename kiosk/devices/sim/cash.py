"""What the simulated coin and note acceptors share: identity, inhibits, event memory, lifetime counters, a box, and power.

All that the device is lives in one JSON object, so that a simulator that is killed goes on where it was. "Power off" is the device's own
power cut: what it then forgets (counter, events, inhibits) and keeps (counters of its life, box, faults) is what devices do.
"""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.devices.sim.cash_book import CashBook
from kiosk.devices.sim.cctalk_bus import NAK, Answer, SlaveLine
from kiosk.devices.sim.control import ControlRefused, ControlServer

ACK = b""
Orders = dict[str, Callable[[dict[str, Any]], None]]
EMPTY = [[0, 0]] * 5
RESTART_S = 0.1  # deaf after power-up and reset


class CashSimulator:
    """A ccTalk device behind a pty at `link`, with a control socket at `control` and its memory in the file `state`, its book beside it.

    `mode`: "checksum" | "crc". `accept_counter`: whether it knows header 225. `nak_unknown`: whether it answers what it does not know.
    """

    address = 0
    category = ""
    product = ""
    events_header = 0

    def __init__(
        self,
        link: str | Path,
        control: str | Path | None = None,
        state: str | Path | None = None,
        *,
        serial: int = 1060501,
        mode: str = "checksum",
        echo: bool = False,
        accept_counter: bool = True,
        nak_unknown: bool = True,
        paced: bool = False,
    ) -> None:
        self._serial, self._accept_counter, self._nak_unknown = serial, accept_counter, nak_unknown
        self._path = Path(state) if state else None
        self.book = CashBook(self._path.with_suffix(".book") if self._path else None)
        self.line = self.wire(link, mode, paced=paced)
        self.line.faults.echo = echo
        self._control = ControlServer(control, self.do) if control else None
        self.finished = threading.Event()  # "quit" was said
        self._deaf_until = 0.0
        self.memory: dict[str, Any] = self.factory()
        if self._path and self._path.exists():
            self.memory |= json.loads(self._path.read_text())
        common: Orders = {"power": self._power, "fault": self._fault, "event": self._event, "state": self._nothing}
        self._orders = self.orders() | common

    def start(self) -> None:
        """Plugs in. OSError when link or control socket cannot be made."""
        with self.line.lock:  # no order is answered before the line is there
            if self._control:
                self._control.start()  # first: where another simulator answers, its line is left alone
            try:
                self.line.start()
            except OSError:
                if self._control:
                    self._control.stop()
                raise

    def stop(self) -> None:
        """Unplugs; the device's memory stays in its file."""
        if self._control:
            self._control.stop()
        self.line.stop()

    def wire(self, link: str | Path, mode: str, *, paced: bool) -> SlaveLine:
        """Its end of the line."""
        return SlaveLine(link, self.address, mode, self._answer, self._tick, paced=paced)

    # ---------------------------------------------------------------- orders of whoever plays the world

    def orders(self) -> Orders:
        """What can be done to this device, by verb."""
        raise NotImplementedError

    def do(self, verb: dict[str, Any]) -> dict[str, Any]:
        """Does one order and returns the state. Raises ControlRefused."""
        name = verb["do"]
        if name in {"plug", "unplug"}:
            self.line.plug(plugged=name == "plug")
        elif name == "quit":
            self.finished.set()
        elif name not in self._orders:
            raise ControlRefused(f"There is no {name} here; there are plug, unplug, quit, {', '.join(self._orders)}.")
        else:
            with self.line.lock:
                self._orders[name](verb)
                self.save()
        with self.line.lock:
            return self.shown()

    def shown(self) -> dict[str, Any]:
        """The state as the control socket shows it."""
        total = sum(int(minor) * pieces for minor, pieces in self.memory["box"].items())
        accepting = self.memory["powered"] and self.memory["master"] and self.memory["mask"] and not self.memory["fault"]
        return {**self.memory, "serial": self._serial, "plugged": self.line.plugged, "accepting": bool(accepting), "box_minor": total}

    def _nothing(self, _verb: dict[str, Any]) -> None:
        """Only the answer is wanted."""

    def _fault(self, verb: dict[str, Any]) -> None:
        self.line.faults.change({name: value for name, value in verb.items() if name != "do"})

    def _event(self, verb: dict[str, Any]) -> None:
        """Any event of the tables, as if it had happened."""
        self.remember(_byte(verb, "a"), _byte(verb, "b"))

    def _power(self, verb: dict[str, Any]) -> None:
        if verb.get("to") == "off":
            self.memory["powered"] = False
        elif verb.get("to") == "on":
            if not self.memory["powered"]:
                self.power_up()
        else:
            raise ControlRefused('Power is switched with "to": "off" or "on".')

    # ---------------------------------------------------------------- the device

    def factory(self) -> dict[str, Any]:
        """A new device."""
        counters = dict.fromkeys(("inserted", "accepted", "rejected", "frauds"), 0)
        return {"powered": True, "counter": 0, "events": EMPTY, "mask": 0, "master": 1, "fault": 0, "box": {}, **counters}

    def power_up(self) -> None:
        """What a device forgets with its power."""
        self.memory |= {"powered": True, "counter": 0, "events": EMPTY, "mask": 0, "master": 1}
        self._deaf_until = time.monotonic() + RESTART_S

    def work(self) -> None:
        """The device's clock, every 10 ms while it has power."""

    def remember(self, a: int, b: int) -> None:
        """An event: newest first, five deep, counted 1..255 and 1 again."""
        self.memory["counter"] = self.memory["counter"] % 255 + 1
        self.memory["events"] = [[a, b], *self.memory["events"][:4]]
        if a == 0 and b in self.frauds:
            self.memory["frauds"] += 1

    frauds: frozenset[int] = frozenset()

    def put_in_box(self, minor: int) -> None:
        """A piece past recovery."""
        self.book.write("stacked", minor)
        self.memory["box"][str(minor)] = self.memory["box"].get(str(minor), 0) + 1
        self.memory["accepted"] += 1

    def open_to(self, place: int) -> str:
        """ "" when a piece of that position may come in, else "master" or "inhibited"."""
        if not self.memory["master"]:
            return "master"
        return "" if self.memory["mask"] >> (place - 1) & 1 else "inhibited"

    def needs_power(self) -> None:
        """ControlRefused for a device that cannot notice what is done to it."""
        if not self.memory["powered"]:
            raise ControlRefused("The device has no power.")

    def answer_more(self, header: int, data: bytes) -> Answer:
        """Headers of this kind of device only; NAK for the rest."""
        raise NotImplementedError

    def _answer(self, header: int, data: bytes) -> Answer:
        if not self.memory["powered"] or time.monotonic() < self._deaf_until:
            return None
        before = json.dumps(self.memory)
        answer = self._common(header, data)
        if json.dumps(self.memory) != before:
            self.save()
        return None if answer == NAK and not self._nak_unknown else answer

    def _common(self, header: int, data: bytes) -> Answer:
        memory = self.memory
        counted = {226: "inserted", 194: "rejected", 193: "frauds"} | ({225: "accepted"} if self._accept_counter else {})
        named = {246: "SIM", 245: self.category, 244: self.product, 241: "1.0", 192: "S01"}
        if header in named:
            return named[header].encode()
        if header in counted:
            return int(memory[counted[header]]).to_bytes(3, "little")
        if header == 231 and len(data) == 2:
            memory["mask"] = data[0] + 256 * data[1]
            return ACK
        if header == 228 and len(data) == 1:
            memory["master"] = data[0] & 1
            return ACK
        if header == self.events_header:
            return bytes([memory["counter"], *(byte for pair in memory["events"] for byte in pair)])
        if header == 1:
            self.power_up()
            return ACK
        told = {254: ACK, 242: self._serial.to_bytes(3, "little"), 4: bytes([1, 4, 7]), 249: bytes([2, 20]), 243: b"\0"}
        told |= {232: bytes([memory["fault"]]), 230: memory["mask"].to_bytes(2, "little"), 227: bytes([memory["master"]])}
        return told[header] if header in told else self.answer_more(header, data)

    def _tick(self) -> None:
        if self.memory["powered"]:
            self.work()

    def save(self) -> None:
        """Writes the memory down; whoever is killed meanwhile leaves the old one."""
        if self._path:
            fresh = self._path.with_name(self._path.name + ".new")
            fresh.write_text(json.dumps(self.memory))
            fresh.replace(self._path)


def value_minor(verb: dict[str, Any]) -> int:
    """The order's `value_minor`. Raises ControlRefused."""
    value = verb.get("value_minor")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ControlRefused('Say which: "value_minor", a whole number above zero.')
    return value


def _byte(verb: dict[str, Any], name: str) -> int:
    value = verb.get(name)
    if not isinstance(value, int) or not 0 <= value <= 255:
        raise ControlRefused(f'Say "{name}", 0 to 255.')
    return value
