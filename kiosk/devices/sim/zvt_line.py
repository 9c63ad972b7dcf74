"""The terminal's end of a ZVT line, written from the tables and apart from the driver: blocks with DLE, ACK and NAK, or a bare stream."""

import threading
import time
from collections import deque

from kiosk.devices.port import PortLost, after
from kiosk.devices.sim.printer_line import Line

ACK, NAK = 0x06, 0x15
_DLE, _STX, _ETX = 0x10, 0x02, 0x03
_LOOK_S = 0.05


def check(covered: list[int]) -> int:
    """The CRC, bit by bit, least significant first: x^16 + x^12 + x^5 + 1, which 8408 is the other way round."""
    rest = 0
    for value in covered:
        rest ^= value
        for _ in range(8):
            rest = rest >> 1 ^ (0x8408 if rest & 1 else 0)
    return rest


def block(apdu: bytes) -> bytes:
    """As a serial line carries it."""
    wire = [_DLE, _STX]
    for value in apdu:
        wire += [value, value] if value == _DLE else [value]
    rest = check([*apdu, _ETX])
    return bytes([*wire, _DLE, _ETX, rest & 0xFF, rest >> 8])


def length(apdu: bytes) -> int | None:
    """How long the message that begins so is."""
    if len(apdu) >= 5 and apdu[2] == 0xFF:
        return 5 + apdu[3] + 256 * apdu[4]
    return 3 + apdu[2] if len(apdu) >= 3 and apdu[2] != 0xFF else None


class Unblocker:
    """One byte at a time: where in a block are we?"""

    def __init__(self) -> None:
        self._state, self._body, self._rest = "out", list[int](), list[int]()

    def byte(self, value: int) -> tuple[str, bytes] | None:
        """("apdu", message), ("bad", ""), ("ack", "") or ("nak", ""), when this byte completes one."""
        match self._state:
            case "out" if value == _DLE:
                self._state = "start"
            case "out" if value in (ACK, NAK):
                return "ack" if value == ACK else "nak", b""
            case "start":
                self._state, self._body, self._rest = ("in" if value == _STX else "out"), [], []
            case "in" if value == _DLE:
                self._state = "escape"
            case "in":
                self._body.append(value)
            case "escape" if value == _DLE:
                self._body.append(value)
                self._state = "in"
            case "escape" if value == _ETX:
                self._state = "check"
            case "escape":
                self._state = "out"
                return "bad", b""
            case "check":
                self._rest.append(value)
                if len(self._rest) == 2:
                    self._state = "out"
                    true = self._rest[0] + 256 * self._rest[1] == check([*self._body, _ETX])
                    return ("apdu", bytes(self._body)) if true and length(bytes(self._body)) == len(self._body) else ("bad", b"")
        return None


class TerminalLine:
    """Whole messages over a line that can be unplugged. `blocks`: a serial line; otherwise a socket. `ack_s`: T2; once `ending` is set
    nothing is awaited any more."""

    def __init__(self, line: Line, *, blocks: bool, ack_s: float, ending: threading.Event) -> None:
        self.line, self._blocks, self._ack_s, self._ending = line, blocks, ack_s, ending
        self.split, self.deaf_to_acks, self.mute_acks = False, 0, 0
        self._waiting: deque[bytes] = deque()
        self._signs: deque[str] = deque()
        self._unblocker, self._stream = Unblocker(), b""

    def forget(self) -> None:
        """The line is another one now, or the terminal has started again."""
        self._waiting.clear()
        self._signs.clear()
        self._unblocker, self._stream = Unblocker(), b""

    def receive(self, wait_s: float) -> bytes | None:
        """The next message, or None after that time."""
        deadline = after(wait_s)
        while not self._waiting and self._listen(deadline):
            pass
        return self._waiting.popleft() if self._waiting else None

    def send(self, apdu: bytes) -> bool:
        """False when the other end has not taken it."""
        if not self._blocks:
            return self._write(apdu)
        for _ in range(3):
            self._signs.clear()
            if self._ending.is_set() or not self._write(block(apdu)):
                return False
            deadline = after(self._ack_s)
            while not self._signs and time.monotonic() < deadline and self.line.port() and not self._ending.is_set():
                self._listen(min(deadline, after(_LOOK_S)))
            if self._signs and self._signs.popleft() == "ack":
                if not self.deaf_to_acks:
                    return True
                self.deaf_to_acks -= 1
        return False

    def _write(self, data: bytes) -> bool:
        port = self.line.port()
        try:
            for part in [bytes([value]) for value in data] if self.split else [data]:
                if port is None:
                    return False
                port.write(part)
        except PortLost:
            self.hang_up()
            return False
        return True

    def hang_up(self) -> None:
        """The peer is gone."""
        self.line.hang_up()
        self.forget()

    def _listen(self, deadline: float) -> bool:
        port = self.line.port()
        if port is None:
            time.sleep(max(0.0, min(0.005, deadline - time.monotonic())))
            return time.monotonic() < deadline
        try:
            received = port.receive(deadline)
        except PortLost:
            self.hang_up()
            return False
        if self._blocks:
            for value in received:
                self._one(self._unblocker.byte(value))
        else:
            self._stream += received
            while (size := length(self._stream)) is not None and len(self._stream) >= size:
                self._waiting.append(self._stream[:size])
                self._stream = self._stream[size:]
        return bool(received)

    def _one(self, found: tuple[str, bytes] | None) -> None:
        if found is None:
            return
        kind, apdu = found
        if kind in ("ack", "nak"):
            self._signs.append(kind)
        elif kind == "bad":
            self._write(bytes([NAK]))
        else:
            self._waiting.append(apdu)
            if self.mute_acks:
                self.mute_acks -= 1
            else:
                self._write(bytes([ACK]))
