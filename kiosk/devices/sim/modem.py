"""A GSM modem behind a serial line: AT commands in PDU mode, a SIM card with a PIN, a network, and what goes wrong with them.

Its control socket (one JSON object a line) knows:
    sms {"from": "+2547...", "text": "..."}     somebody writes to it       network {"to": "home"|"roaming"|"searching"|"denied"|"none"}
    sim {"to": "in"|"out"}                      pin {"set": "1234"|""}      report {"mr": n, "status": 0}     by hand; or by itself: reports
    reports {"to": "cds"|"cdsi"|"off"}          power {"to": "off"|"on"}    unplug    plug    state    quit
    fault {"lose_cmgs": n, "cms": [38, 38], "silent", "garbage", "split", "interleave": true | false, "no_prompt": n, "delay_ms": n}
What telephones have got, the SIM card's messages and its tries are its memory, and survive the power. Written apart from the driver.
"""

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kiosk.devices.port import PortLost, after
from kiosk.devices.sim.control import ControlRefused, ControlServer
from kiosk.devices.sim.modem_air import Air, Malformed, deliver, submitted
from kiosk.devices.sim.printer_line import Line

REGISTERED = {"none": 0, "home": 1, "searching": 2, "denied": 3, "roaming": 5}
SLOTS = 20
BOOT_S = 0.2
COMMAND_MAX = 1000


@dataclass
class Faults:
    """What it does wrong. `lose_cmgs`: that many messages are sent, and nothing is said; `cms`: what the next sends are answered."""

    lose_cmgs: int = 0
    cms: list[int] = field(default_factory=list)
    silent: bool = False
    garbage: bool = False
    no_prompt: int = 0
    split: bool = False
    delay_ms: int = 0
    interleave: bool = False  # lines of its own between any two


class ModemSimulator:
    """The device. `pin`: of its SIM card; `memory`: a file that outlives the power."""

    def __init__(self, line: Line, control: str | Path | None = None, memory: str | Path | None = None, *, pin: str = "") -> None:
        self.line = line
        self._control = ControlServer(control, self.do) if control else None
        self._memory = Path(memory) if memory else None
        self.finished, self._ending = threading.Event(), threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="modem simulator", daemon=True)
        self._random = random.Random(11)
        self.faults, self.air = Faults(), Air()
        self.pin, self.tries, self.sim, self.network, self.reports = pin, 3, True, "home", "cds"
        self.stored: dict[int, tuple[int, str]] = {}  # in the SIM card: slot -> octets, hex
        self.pins_given: list[str] = []
        self._powered, self._deaf_until = True, 0.0
        self._switch_on()
        self._recall()

    def _switch_on(self) -> None:
        self._unlocked, self._echo, self._numeric = not self.pin, True, False
        self._pdu_mode, self._told, self._command, self._awaiting = False, (0, 0), bytearray(), 0

    def start(self) -> None:
        """Plugs in. OSError when port or control socket cannot be made."""
        self.line.plug()
        if self._control:
            self._control.start()
        self._thread.start()

    def stop(self) -> None:
        """Unplugs."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        if self._control:
            self._control.stop()
        self.line.unplug()

    # ---------------------------------------------------------------- orders of whoever plays the world

    def do(self, verb: dict[str, Any]) -> dict[str, Any]:
        """Does one order and returns the state. Raises ControlRefused."""
        with self._lock:
            try:
                self._order(verb)
            except (KeyError, TypeError, ValueError):
                raise ControlRefused(f"A modem does not understand this {verb.get('do')}: see the head of its file.") from None
            self._remember()
            return self._state()

    def _order(self, verb: dict[str, Any]) -> None:
        match verb:
            case {"do": "sms", "from": str(sender), "text": str(text)}:
                self._store(*deliver(sender, text), "+CMTI")
            case {"do": "network", "to": to} if to in REGISTERED:
                self.network = to
            case {"do": "sim", "to": "in" | "out" as to}:
                self.sim, self._unlocked = to == "in", not self.pin
            case {"do": "pin", "set": str(pin)}:
                self.pin, self.tries, self._unlocked = pin, 3, not pin
            case {"do": "report", "mr": int(mr), "status": int(status)}:
                self._report(mr, status)
            case {"do": "reports", "to": "cds" | "cdsi" | "off" as to}:
                self.reports = to
            case {"do": "fault"}:
                for name, value in verb.items():
                    if name != "do":
                        setattr(self.faults, name, type(getattr(self.faults, name))(value))
            case {"do": "power", "to": "off" | "on" as to}:
                self._powered, self._deaf_until = to == "on", time.monotonic() + BOOT_S
                self._switch_on()
            case {"do": "plug" | "unplug" as how}:
                (self.line.plug if how == "plug" else self.line.unplug)()
            case {"do": "quit" | "state" as what}:
                self.finished.set() if what == "quit" else None
            case _:
                raise ControlRefused(f"A modem does not know {verb.get('do')}: see the head of its file.")

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "sim": self.sim,
            "tries": self.tries,
            "locked": not self._unlocked,
            "plugged": self.line.plugged,
            "power": self._powered,
            "stored": len(self.stored),
            "messages": self.air.shown(),
            "parts": len(self.air.parts),
            "references": sorted({part["reference"] for part in self.air.parts if part["whole"] > 1}),
        }

    def _remember(self) -> None:
        if self._memory:
            said = {"mr": self.air.mr, "parts": self.air.parts, "tries": self.tries, "pin": self.pin, "stored": list(self.stored.items())}
            fresh = self._memory.with_suffix(".new")
            fresh.write_text(json.dumps(said), "utf-8")
            fresh.replace(self._memory)

    def _recall(self) -> None:
        if self._memory and self._memory.exists():
            said = json.loads(self._memory.read_text("utf-8"))
            self.air = Air(said["mr"], said["parts"])
            self.tries, self.pin = said["tries"], said["pin"]
            self.stored = {slot: (octets, line) for slot, (octets, line) in said["stored"]}
            self._unlocked = not self.pin

    # ---------------------------------------------------------------- the wire

    def _run(self) -> None:
        while not self._ending.is_set():
            port = self.line.port()
            if port is None:
                self._ending.wait(0.02)
                continue
            try:
                received = port.read_some(after(0.05))
            except PortLost:
                self.line.hang_up()
                self._ending.wait(0.02)
                continue
            with self._lock:
                if received and self._powered and not self.faults.silent and time.monotonic() >= self._deaf_until:
                    for byte in received:
                        self._byte(byte)

    def _byte(self, byte: int) -> None:
        """One from the driver: a command ends with CR, a TPDU with Ctrl-Z, and ESC gives either up."""
        if byte == 0x1B:
            waited, self._awaiting = self._awaiting, 0
            self._command.clear()
            if waited:
                self._say("OK")
        elif self._awaiting:
            if byte == 0x1A:
                self._send(self._command.decode("ascii", "replace").strip())
            elif len(self._command) < COMMAND_MAX:
                self._command.append(byte)
        elif byte == 0x0D:
            command = self._command.decode("ascii", "replace").strip()
            self._command.clear()
            if command:
                self._obey(command)
        elif byte != 0x0A and len(self._command) < COMMAND_MAX:
            self._command.append(byte)

    def _say(self, *lines: str) -> None:
        for line in lines:
            if self.faults.interleave:
                self._out(b"\r\nRING\r\n")
            self._out(f"\r\n{line}\r\n".encode("ascii", "replace"))

    def _out(self, data: bytes) -> None:
        port = self.line.port()
        if port is None or not self._powered:
            return
        time.sleep(self.faults.delay_ms / 1000)
        if self.faults.garbage:
            data = self._random.randbytes(self._random.randrange(1, 40)) + data
        with contextlib.suppress(PortLost):
            for at in range(0, len(data), 1 if self.faults.split else len(data)):
                port.write(data[at : at + (1 if self.faults.split else len(data))])

    def _error(self, kind: str, number: int) -> None:
        self._say(f"+{kind} ERROR: {number}" if self._numeric else "ERROR")

    # ---------------------------------------------------------------- commands

    def _obey(self, command: str) -> None:
        if self._echo:
            self._out(command.encode("ascii", "replace") + b"\r")
        name, _, value = command.upper().partition("=")
        plain: dict[str, Callable[[], None]] = {
            "AT": lambda: self._say("OK"),
            "ATE0": lambda: self._set_echo(on=False),
            "ATE1": lambda: self._set_echo(on=True),
            "AT+CGMI": lambda: self._say("KIOSK SIMULATED", "OK"),
            "AT+CGMM": lambda: self._say('+CGMM: "SIM-M1"', "OK"),
            "AT+CGMR": lambda: self._say("+CGMR: 1.0", "OK"),
            "AT+CGSN": lambda: self._say("356938035643809", "OK"),
            "AT+CPIN?": self._pin_state,
            "AT+CREG?": lambda: self._say(f"+CREG: 0,{REGISTERED[self.network]}", "OK"),
            "AT+CEREG?": lambda: self._error("CME", 4),
            "AT+CSQ": lambda: self._say("+CSQ: 17,99" if self.network in ("home", "roaming") else "+CSQ: 99,99", "OK"),
        }
        asked = plain.get(name if not value else "")
        if asked:
            asked()
        elif name == "AT+CMEE":
            self._numeric = value == "1"
            self._say("OK")
        elif name == "AT+CPIN":
            self._pin_given(value.strip('"'))
        elif not self.sim or not self._unlocked:
            self._error("CMS", 310 if not self.sim else 316 if not self.tries else 311)
        else:
            self._message_command(name, value)

    def _message_command(self, name: str, value: str) -> None:
        numbers = [int(one) for one in value.replace('"', "").split(",") if one.strip().isdecimal()]
        if name == "AT+CMGF":
            self._pdu_mode = value == "0"
            self._say("OK")
        elif name == "AT+CPMS":
            used = f"{len(self.stored)},{SLOTS}"
            self._say(f"+CPMS: {used},{used},{used}", "OK")
        elif name == "AT+CNMI" and len(numbers) == 5:
            self._told = (numbers[1], numbers[3])
            self._say("OK")
        elif name == "AT+CMGL":
            listed = [line for slot, (octets, tpdu) in sorted(self.stored.items()) for line in (f"+CMGL: {slot},1,,{octets}", tpdu)]
            self._say(*listed, "OK")
        elif name == "AT+CMGR" and numbers and numbers[0] in self.stored:
            octets, tpdu = self.stored[numbers[0]]
            self._say(f"+CMGR: 0,,{octets}", tpdu, "OK")
        elif name == "AT+CMGD" and numbers:
            self.stored.pop(numbers[0], None)
            self._remember()
            self._say("OK")
        elif name == "AT+CMGS" and numbers and self._pdu_mode:
            if self.faults.no_prompt:
                self.faults.no_prompt -= 1
                return
            self._awaiting = numbers[0]
            self._out(b"\r\n> ")
        else:
            self._error("CMS", 321 if name == "AT+CMGR" else 303)

    def _set_echo(self, *, on: bool) -> None:
        self._echo = on
        self._say("OK")

    def _pin_state(self) -> None:
        if not self.sim:
            self._error("CME", 10)
        else:
            self._say(f"+CPIN: {'READY' if self._unlocked else 'SIM PIN' if self.tries else 'SIM PUK'}", "OK")

    def _pin_given(self, pin: str) -> None:
        self.pins_given.append(pin)
        if self.tries and pin == self.pin:
            self.tries, self._unlocked = 3, True
            self._say("OK")
        else:
            self.tries = max(self.tries - 1, 0)
            self._error("CME", 16 if self.tries else 12)
        self._remember()

    def _send(self, line: str) -> None:
        """What was typed at the prompt."""
        octets, self._awaiting = self._awaiting, 0
        self._command.clear()
        if self.network not in ("home", "roaming"):
            self._error("CMS", 331)
            return
        if self.faults.cms:
            self._error("CMS", self.faults.cms.pop(0))
            return
        try:
            part = submitted(octets, line)
        except Malformed:
            self._error("CMS", 304)
            return
        mr = self.air.take(part)
        self._remember()
        if self.faults.lose_cmgs:
            self.faults.lose_cmgs -= 1
            return
        self._say(f"+CMGS: {mr}", "OK")
        if part.report and self._told[1] and self.reports != "off":
            self._report(mr, 0)

    # ---------------------------------------------------------------- by itself

    def _report(self, mr: int, status: int) -> None:
        octets, tpdu = self.air.report(mr, status)
        if self.reports == "cdsi":
            self._store(octets, tpdu, "+CDSI")
        else:
            self._out(f"\r\n+CDS: {octets}\r\n{tpdu}\r\n".encode("ascii"))

    def _store(self, octets: int, tpdu: str, said: str) -> None:
        slot = next((slot for slot in range(1, SLOTS + 1) if slot not in self.stored), None)
        if slot is None:
            return  # full: the network keeps it
        self.stored[slot] = (octets, tpdu)
        if self._told[0]:
            self._out(f'\r\n{said}: "SM",{slot}\r\n'.encode("ascii"))
