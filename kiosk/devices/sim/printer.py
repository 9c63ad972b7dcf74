"""A simulated receipt printer behind a pty or a TCP socket: prints into files, reports like the real one, and fails when told.

Its control socket (one JSON object a line) knows:
    paper {"to": "out" | "near" | "ok", "after_lines": n}    out or near now, or after n more lines; ok is a new roll
    cover {"to": "open" | "closed"}    power {"to": "off" | "on"}    unplug    plug    state    quit
    fault {mute, swallow, hot, fatal, cutter: true | false, drop: chance of a lost answer, delay_ms, split}
Source: Epson's ESC/POS command reference (DLE EOT, GS a, GS r, GS ( H, DLE DC4, GS v 0, GS V).
"""

import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kiosk.devices.port import PortLost, after
from kiosk.devices.sim.control import ControlRefused, ControlServer
from kiosk.devices.sim.escpos import Command, take_command, take_real_time
from kiosk.devices.sim.paper import LINE_ROWS, Strip, Style
from kiosk.devices.sim.printer_line import Line

BOOT_S = 0.5  # deaf after power-up
Action = Callable[[bytes], None]
_USUAL = frozenset(
    (b"\r", b"\x1bt", b"\x1b{", b"\x1db", b"\x1dB", b"\x1b-", b"\x1bM")
)  # always sent with the values that a printer has anyway


@dataclass
class Faults:
    """What it does wrong. `mute`: no way back. `swallow`: takes bytes and prints nothing. `cutter`: the next cut jams."""

    mute: bool = False
    swallow: bool = False
    hot: bool = False
    fatal: bool = False
    cutter: bool = False
    drop: float = 0.0
    delay_ms: int = 0
    split: bool = False


class PrinterSimulator:
    """The device. Papers go to `out` as NNN.bin (the bytes), NNN.txt and NNN.png.

    `columns` 48 (80 mm) or 32 (58 mm). `knows`: which of "marker" (GS ( H) and "queued" (GS r) it answers; a printer that does not know
    them prints their bytes. `line_s`: seconds a line takes.
    """

    def __init__(
        self,
        line: Line,
        out: str | Path,
        control: str | Path | None = None,
        *,
        columns: int = 48,
        knows: frozenset[str] = frozenset({"marker", "queued"}),
        line_s: float = 0.0,
    ) -> None:
        self.line, self._out, self._columns, self._knows, self._line_s = line, Path(out), columns, knows, line_s
        self._control = ControlServer(control, self.do) if control else None
        self.finished = threading.Event()
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._random = random.Random(7)
        self._thread = threading.Thread(target=self._run, name="printer simulator", daemon=True)
        self._cut_off: queue.Queue[tuple[Path, Strip, bool] | None] = queue.Queue()
        self._painter = threading.Thread(target=self._paint, name="printer simulator's papers", daemon=True)
        self.faults = Faults()
        self._powered, self._cover, self._jammed = True, False, False
        self._paper, self._rows_left, self._then = "ok", 0, ""  # in so many rows the paper is _then
        self._papers, self._last_text, self._unheard = len(list(self._out.glob("*.bin"))), "", ""
        self._strip = Strip(columns * 12)
        self._buffer, self._half = bytearray(), b""
        self._pending: list[tuple[str, Style]] = []
        self._style, self._align, self._reports = Style(), 0, False
        self._busy_until = self._deaf_until = 0.0
        self._actions = self._known_actions()

    def start(self) -> None:
        """Plugs in. OSError when port, control socket or folder cannot be made."""
        self._out.mkdir(parents=True, exist_ok=True)
        self.line.plug()
        if self._control:
            self._control.start()
        self._thread.start()
        self._painter.start()

    def stop(self) -> None:
        """Unplugs; the papers that were cut are all in their folder."""
        self._ending.set()
        self._cut_off.put(None)
        for thread, wait_s in ((self._thread, 2.0), (self._painter, 30.0)):  # to paint takes its time on a busy machine
            if thread.is_alive():
                thread.join(wait_s)
        if self._control:
            self._control.stop()
        self.line.unplug()

    # ---------------------------------------------------------------- orders of whoever plays the world

    def do(self, verb: dict[str, Any]) -> dict[str, Any]:
        """Does one order and returns the state. Raises ControlRefused."""
        orders: dict[str, Callable[[dict[str, Any]], object]] = {
            "paper": self._turn_paper,
            "cover": self._turn_cover,
            "power": self._turn_power,
            "fault": self._turn_fault,
            "plug": lambda _: self.line.plug(),
            "unplug": lambda _: self.line.unplug(),
            "quit": lambda _: self.finished.set(),
            "state": lambda _: None,
        }
        order = orders.get(verb["do"])
        if order is None:
            raise ControlRefused(f"There is no {verb['do']} here; there are {', '.join(orders)}.")
        with self._lock:
            before = self._status()
            order(verb)
            self._report_change(before)
        self._cut_off.join()  # every paper that is counted lies in its folder
        with self._lock:
            return {
                "paper": self._paper,
                "cover": "open" if self._cover else "closed",
                "power": "on" if self._powered else "off",
                "plugged": self.line.plugged,
                "online": not self._offline,
                "jammed": self._jammed,
                "waiting_bytes": len(self._buffer),
                "papers": self._papers,
                "text": self._last_text,
                "unheard": self._unheard,
            }

    def _turn_paper(self, verb: dict[str, Any]) -> None:
        to, lines = verb.get("to"), verb.get("after_lines", 0)
        if to not in {"out", "near", "ok"} or not isinstance(lines, int) or lines < 0:
            raise ControlRefused('Paper goes "to": "out", "near" or "ok", out and near perhaps "after_lines": a number.')
        if to != "ok" and lines:
            self._rows_left, self._then = lines * LINE_ROWS, str(to)
            return
        if to == "ok" and self._paper == "out" and not self._strip.blank:
            self._deliver(torn=True)
        self._paper, self._then = str(to), ""

    def _turn_cover(self, verb: dict[str, Any]) -> None:
        if verb.get("to") not in {"open", "closed"}:
            raise ControlRefused('The cover goes "to": "open" or "closed".')
        self._cover = verb["to"] == "open"

    def _turn_power(self, verb: dict[str, Any]) -> None:
        if verb.get("to") not in {"off", "on"}:
            raise ControlRefused('Power is switched with "to": "off" or "on".')
        if verb["to"] == "on" and not self._powered:
            self._deaf_until = time.monotonic() + BOOT_S
        self._powered = verb["to"] == "on"
        self._jammed = False
        self._reset()
        if not self._powered:
            self.line.hang_up()

    def _turn_fault(self, verb: dict[str, Any]) -> None:
        known = {fault.name for fault in fields(Faults)}
        for name, value in verb.items():
            if name == "do":
                continue
            if name not in known or not isinstance(value, bool | int | float):
                raise ControlRefused(f"There is no fault {name} = {value}; there are {', '.join(sorted(known))}.")
            setattr(self.faults, name, value)

    # ---------------------------------------------------------------- the wire

    def _run(self) -> None:
        while not self._ending.is_set():
            with self._lock:
                if not self._powered:
                    self.line.hang_up()
                port = self.line.port()
            received = b""
            try:
                if port:
                    received = port.receive(after(0.01))
                else:
                    time.sleep(0.01)
            except PortLost:
                self.line.hang_up()
            with self._lock:
                if self._powered and time.monotonic() >= self._deaf_until:
                    self._take(received)
                    self._work()

    def _take(self, received: bytes) -> None:
        """Real-time orders are obeyed at once, the rest goes into the buffer."""
        plain, orders, self._half = take_real_time(self._half + received)
        self._buffer += plain
        for order in orders:
            before = self._status()
            if order[1] == 0x04:
                self._answer(self._real_time(order[2]))
            elif order[1] == 0x14 or order[2] == 2:
                self._buffer.clear()
                self._pending.clear()
                self._jammed = False
                if order[1] == 0x14:
                    self._answer(b"\x37\x25\x00")
            self._report_change(before)

    def _answer(self, data: bytes) -> None:
        port = self.line.port()
        if port is None or self.faults.mute or self._random.random() < self.faults.drop:
            return
        time.sleep(self.faults.delay_ms / 1000)
        try:
            for start in range(0, len(data), 1 if self.faults.split else len(data)):
                port.write(data[start : start + 1] if self.faults.split else data)
        except PortLost:
            self.line.hang_up()

    # ---------------------------------------------------------------- what it reports

    @property
    def _offline(self) -> bool:
        return self._cover or self._paper == "out" or self._jammed or self.faults.hot or self.faults.fatal

    def _errors(self) -> int:
        return (0x08 if self._jammed else 0) | (0x20 if self.faults.fatal else 0) | (0x40 if self.faults.hot else 0)

    def _real_time(self, n: int) -> bytes:
        bits = {
            1: 0x08 if self._offline else 0,
            2: (0x04 if self._cover else 0) | (0x20 if self._paper == "out" else 0) | (0x40 if self._errors() else 0),
            3: self._errors(),
            4: {"ok": 0, "near": 0x0C, "out": 0x6C}[self._paper],
        }
        return bytes([0x12 | bits[n]])

    def _status(self) -> bytes:
        first = 0x10 | (0x08 if self._offline else 0) | (0x20 if self._cover else 0)
        return bytes([first, self._errors(), {"ok": 0, "near": 0x03, "out": 0x0F}[self._paper], 0])

    def _report_change(self, before: bytes) -> None:
        if self._reports and self._powered and self._status() != before:
            self._answer(self._status())

    # ---------------------------------------------------------------- the mechanism

    def _reset(self) -> None:
        """What a printer forgets with its power."""
        self._buffer.clear()
        self._half = b""
        self._initialize()

    def _initialize(self) -> None:
        self._pending.clear()
        self._style, self._align, self._reports = Style(), 0, False

    def _work(self) -> None:
        """Takes commands from the buffer for as long as it may print."""
        while not self._offline and time.monotonic() >= self._busy_until:
            command = take_command(bytes(self._buffer))
            if command is None:
                return
            del self._buffer[: len(command.raw)]
            self._strip.raw += command.raw
            before = self._status()
            if not self.faults.swallow:
                self._obey(command)
            self._report_change(before)

    def _obey(self, command: Command) -> None:
        action = self._actions.get(command.name)
        if action:
            action(command.data)
        elif command.name not in _USUAL:
            self._unheard = command.raw[:16].hex()
            self._type("".join(chr(byte) for byte in command.raw if 0x20 <= byte < 0x7F))

    def _known_actions(self) -> dict[bytes, Action]:
        actions: dict[bytes, Action] = {
            b"": lambda data: self._type(data.decode("cp437")),
            b"\n": lambda _: self._print_line(),
            b"\x1b@": lambda _: self._initialize(),
            b"\x1b!": self._set_style,
            b"\x1bE": lambda data: setattr(self, "_style", replace(self._style, bold=bool(data[0] & 1))),
            b"\x1ba": lambda data: setattr(self, "_align", data[0] & 0x03),
            b"\x1bd": lambda data: self._advance(data[0] * LINE_ROWS),
            b"\x1bJ": lambda data: self._advance(data[0]),
            b"\x1da": self._set_reports,
            b"\x1dv": self._print_raster,
            b"\x1dV": lambda _: self._cut(),
        }
        if "queued" in self._knows:
            actions[b"\x1dr"] = lambda _: self._answer(bytes([0x03 if self._paper == "near" else 0]))
        if "marker" in self._knows:
            actions[b"\x1d(H"] = lambda data: self._answer(b"\x37\x22" + data[4:8] + b"\x00")
        return actions

    def _set_style(self, data: bytes) -> None:
        self._style = Style(bool(data[0] & 0x08), bool(data[0] & 0x10), bool(data[0] & 0x20))

    def _set_reports(self, data: bytes) -> None:
        self._reports = data[0] != 0
        if self._reports:
            self._answer(self._status())

    def _type(self, text: str) -> None:
        for character in text:
            taken = sum(2 if style.wide else 1 for _, style in self._pending) + (2 if self._style.wide else 1)
            if taken > self._columns:
                self._print_line()
            self._pending.append((character, self._style))

    def _print_line(self) -> None:
        rows = self._strip.print_line(self._pending, self._align)
        self._pending.clear()
        self._moved(rows)

    def _print_raster(self, data: bytes) -> None:
        """GS v 0, row by row as far as the paper goes."""
        width_bytes, rows = int.from_bytes(data[2:4], "little"), int.from_bytes(data[4:6], "little")
        printed = min(rows, self._rows_left) if self._then == "out" else rows
        self._strip.print_picture(data[6 : 6 + printed * width_bytes], width_bytes, printed, self._align)
        self._moved(rows)

    def _advance(self, rows: int) -> None:
        if self._pending:
            self._print_line()
        self._strip.feed(rows)
        self._moved(rows)

    def _moved(self, rows: int) -> None:
        """Paper went by: time, and perhaps the end of the roll."""
        self._busy_until = time.monotonic() + self._line_s * rows / LINE_ROWS
        if self._then:
            self._rows_left -= rows
            if self._rows_left <= 0:
                self._paper, self._then = self._then, ""

    def _cut(self) -> None:
        if self.faults.cutter:
            self.faults.cutter = False
            self._jammed = True
        elif self._strip.blank:
            self._strip = Strip(self._columns * 12)  # a scrap with nothing on it is no paper
        else:
            self._deliver()

    def _deliver(self, *, torn: bool = False) -> None:
        """The paper falls into the customer's hand. Painting takes longer than a printer may take to answer: another thread does it."""
        self._papers += 1
        self._last_text = self._strip.text()
        self._cut_off.put((self._out / f"{self._papers:03d}", self._strip, torn))
        self._strip = Strip(self._columns * 12)

    def _paint(self) -> None:
        while True:
            cut_off = self._cut_off.get()
            if cut_off is None:
                self._cut_off.task_done()
                return
            place, strip, torn = cut_off
            place.with_suffix(".bin").write_bytes(bytes(strip.raw))
            place.with_suffix(".txt").write_text(strip.text(), "utf-8")
            strip.picture(torn=torn).save(place.with_suffix(".png"))
            self._cut_off.task_done()
