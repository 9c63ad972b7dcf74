"""A customer display behind its wire: bytes in, cells out. It holds what such a device holds, and nothing when its power was off.

Written from the tables of facts/devices 4.1, apart from the driver. What it does not know it drops, and counts: a display never answers.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.devices.port import Port, PortLost, after
from kiosk.devices.sim.control import ControlRefused, ControlServer
from kiosk.devices.sim.pty import Cable

COLUMNS, ROWS, LED_DIGITS = 20, 2, 8
KINDS = ("cd5220", "epson", "led8n")
LAMPS = ("price", "total", "collect", "change")
PAGES = {0: "cp437", 2: "cp850", 16: "cp1252", 19: "cp858"}
REMEMBERED = 200  # pictures
# how many bytes follow an order, by its first bytes; a string mode line ends with CR, and is here "-1"
ESCAPED: dict[str, dict[int, int]] = {
    "cd5220": {0x40: 0, 0x11: 0, 0x12: 0, 0x13: 0, 0x2A: 1, 0x3D: 1, 0x5F: 1, 0x66: 1, 0x6C: 2, 0x51: -1},
    "epson": {0x40: 0, 0x3D: 1, 0x74: 1},
    "led8n": {0x40: 0, 0x73: 1, 0x51: -1},
}
US_ORDERS = {0x24: 2, 0x58: 1, 0x43: 1, 0x45: 1, 0x01: 0, 0x02: 0, 0x03: 0}  # of epson, behind 1F
STX_ORDERS = {0x4C: 4, 0x42: 1}  # of led8n, behind 02


class Cells:
    """The cells of one display. `feed` never raises; what it keeps is bounded, whatever comes."""

    def __init__(self, kind: str, charset: str = "cp437") -> None:
        self.kind, self._charset = kind, charset
        self.switch_on()

    def switch_on(self) -> None:
        """Power: everything is as it was made."""
        self._page = self._charset
        self._rows = [bytearray(b" " * COLUMNS) for _ in range(ROWS)]
        self.digits, self.lamps = "", dict.fromkeys(LAMPS, False)
        self.brightness, self.cursor_on, self.unknown = 4, True, 0
        self._x = self._y = 0
        self._locked = False  # string mode: only CLR and CAN lead out of it
        self._selected = True
        self._order = bytearray()

    @property
    def rows(self) -> tuple[str, ...]:
        """What stands there, as people read it."""
        if self.kind == "led8n":
            return (self.digits,)
        return tuple(bytes(row).decode(self._page, "replace") for row in self._rows)

    def state(self) -> dict[str, Any]:
        """For a control socket."""
        lit = [name for name, on in self.lamps.items() if on]
        return {
            "kind": self.kind,
            "rows": list(self.rows),
            "lamps": lit,
            "brightness": self.brightness,
            "cursor": self.cursor_on,
            "unknown": self.unknown,
        }

    def feed(self, data: bytes) -> None:
        """Bytes from the wire, in whatever pieces."""
        for byte in data:
            self._take(byte)

    def _take(self, byte: int) -> None:
        if not self._order:
            if byte == 0x1B or (byte == 0x1F and self.kind == "epson") or (byte == 0x02 and self.kind == "led8n"):
                self._order.append(byte)
            else:
                self._plain(byte)
            return
        self._order.append(byte)
        follows = self._follows()
        if follows is None:
            self.unknown += 1
            self._order.clear()
        elif follows >= 0 and len(self._order) == 2 + follows:
            self._obey(bytes(self._order))
            self._order.clear()
        elif follows < 0:
            self._string()

    def _follows(self) -> int | None:
        first, second = self._order[0], self._order[1]
        table = {0x1B: ESCAPED[self.kind], 0x1F: US_ORDERS, 0x02: STX_ORDERS}[first]
        return table.get(second)

    def _string(self) -> None:
        """ESC Q letter text CR: taken when it is whole, dropped when it is longer than its line."""
        order = self._order
        if len(order) < 3:
            return
        most = LED_DIGITS * 2 if self.kind == "led8n" else {0x41: COLUMNS, 0x42: COLUMNS, 0x44: 2 * COLUMNS}.get(order[2])
        if most is None or len(order) > 4 + most:
            self.unknown += 1
            order.clear()
        elif order[-1] == 0x0D and len(order) > 3:
            self._written(order[2], bytes(order[3:-1]))
            order.clear()

    def _written(self, letter: int, text: bytes) -> None:
        if self.kind == "led8n":
            said = text.decode("ascii", "replace")
            fits = all(sign in "0123456789.- " for sign in said) and len(said.replace(".", "")) <= LED_DIGITS
            self.digits, self.unknown = (said, self.unknown) if fits else (self.digits, self.unknown + 1)
        elif len(text) <= (COLUMNS if letter != 0x44 else 2 * COLUMNS) and self._selected:
            self._locked = True
            self._rows[1 if letter == 0x42 else 0][:] = text[:COLUMNS].ljust(COLUMNS)
        else:
            self.unknown += 1

    def _obey(self, order: bytes) -> None:
        head, rest = order[:2], order[2:]
        if head == b"\x1b@":
            unknown = self.unknown
            self.switch_on()
            self.unknown = unknown
        elif head == b"\x1b=":
            self._selected = bool(rest[0] & 2)
        elif head in (b"\x1b*", b"\x1fX"):
            self.brightness = rest[0] if 1 <= rest[0] <= 4 else self.brightness
        elif head in (b"\x1b_", b"\x1fC"):
            self.cursor_on = rest[0] == 1
        elif head in (b"\x1bl", b"\x1f$"):
            self._move(*rest)
        elif head == b"\x1bt":
            self._page = PAGES.get(rest[0], self._page)
        elif head == b"\x02L":
            self.lamps = {name: sign == 0x31 for name, sign in zip(LAMPS, rest, strict=True)}
        elif head == b"\x1bs":
            self.lamps = {name: number == rest[0] for number, name in enumerate(LAMPS, 1)}

    def _move(self, x: int, y: int) -> None:
        if 1 <= x <= COLUMNS and 1 <= y <= ROWS and not self._locked:
            self._x, self._y = x - 1, y - 1
        else:
            self.unknown += 1

    def _plain(self, byte: int) -> None:
        if byte == 0x0C:
            self._clear()
        elif byte == 0x18:
            self._locked = False
            self._rows[self._y][:] = b" " * COLUMNS
            self.digits = ""
        elif byte == 0x0B:
            self._x = self._y = 0
        elif byte in (0x0D, 0x0A):
            self._x = 0
        elif byte >= 0x20 and byte != 0x7F and self.kind != "led8n" and self._selected and not self._locked:
            self._rows[self._y][self._x] = byte
            self._x += 1
            if self._x == COLUMNS:
                self._x, self._y = 0, 1 - self._y
        else:
            self.unknown += 1

    def _clear(self) -> None:
        self._locked, self._x, self._y, self.digits = False, 0, 0, ""
        for row in self._rows:
            row[:] = b" " * COLUMNS


class DisplaySimulator:
    """A display at the end of a serial cable that is found at `link`. Orders of its control socket, each answered with its state:

    look; power to off|on; unplug; plug; stall on true|false (it takes no byte, as a display that hangs); quit
    """

    def __init__(
        self,
        link: str | Path,
        kind: str = "cd5220",
        control: str | Path | None = None,
        *,
        charset: str = "cp437",
        changed: Callable[[tuple[str, ...], list[str]], None] = lambda _rows, _lamps: None,
    ) -> None:
        self._cable, self._cells, self._changed = Cable(link), Cells(kind, charset), changed
        self._control = ControlServer(control, self.do) if control else None
        self._port: Port | None = None
        self._on, self._stalled = True, False
        self.finished = threading.Event()
        self.pictures: deque[tuple[str, ...]] = deque(maxlen=REMEMBERED)
        self._thread = threading.Thread(target=self._run, name="display-sim", daemon=True)

    def start(self) -> None:
        """Plug it in. OSError when link or socket cannot be made."""
        self._port = self._cable.plug()
        if self._control:
            self._control.start()
        self._thread.start()

    def stop(self) -> None:
        """Gone."""
        self.finished.set()
        if self._control:
            self._control.stop()
        self._thread.join(2.0)
        self._cable.unplug()

    @property
    def rows(self) -> tuple[str, ...]:
        """What stands there now; blank without power."""
        return self._cells.rows

    def do(self, order: dict[str, Any]) -> dict[str, Any]:
        """One order. Raises ControlRefused."""
        match order:
            case {"do": "look" | "state"}:
                pass
            case {"do": "power", "to": "off" | "on" as to}:
                self._on = to == "on"
                self._cells.switch_on()
            case {"do": "unplug"}:
                self._port = None
                self._cable.unplug()
            case {"do": "plug"}:
                self._port = self._cable.plug()
            case {"do": "stall", "on": bool(on)}:
                self._stalled = on
            case {"do": "quit"}:
                self.finished.set()
            case _:
                raise ControlRefused("A display knows look, power to off or on, unplug, plug, stall on, quit.")
        return self._cells.state() | {"power": self._on, "plugged": self._port is not None}

    def _run(self) -> None:
        while not self.finished.is_set():
            port = self._port
            if port is None or self._stalled:
                self.finished.wait(0.02)
                continue
            with contextlib.suppress(PortLost):
                if (data := port.read_some(after(0.05))) and self._on:
                    self._cells.feed(data)
                    self._tell()

    def _tell(self) -> None:
        rows = self._cells.rows
        if not self.pictures or self.pictures[-1] != rows:
            self.pictures.append(rows)
        self._changed(rows, self._cells.state()["lamps"])
