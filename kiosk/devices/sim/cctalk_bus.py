"""The device's side of a ccTalk line, for the simulators: it listens, answers what is addressed to it, and fails when told.

Written from the protocol's tables, apart from the kiosk's driver: a slave sees single bytes and silence, and its CRC is the long division.
Source: ccTalk Generic Specification 4.7, parts 1 and 3.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from kiosk.devices.port import Port, PortLost, after
from kiosk.devices.sim.control import ControlRefused
from kiosk.devices.sim.pty import Cable

SILENCE_S = 0.05  # a frame that pauses for so long is given up
TICK_S = 0.01
WIRE_S = 10 / 9600  # a byte at 9600 baud, for a line that is `paced`

Answer = bytes | int | None  # data of a reply; a header without data (5 NAK, 6 BUSY); nothing at all
NAK = 5


@dataclass
class Faults:
    """What the line does wrong. `drop`, `bad_crc`, `duplicate`: chances of a reply. `lose_reply`, `lose_request`: one header, once."""

    drop: float = 0.0
    bad_crc: float = 0.0
    duplicate: float = 0.0
    delay_ms: int = 0
    split: bool = False
    echo: bool = False
    lose_reply: int = 0
    lose_request: int = 0

    def change(self, wanted: dict[str, object]) -> None:
        """Takes the named faults; ControlRefused for one that there is not."""
        known = {field.name: field.type for field in fields(self)}
        for name, value in wanted.items():
            if name not in known or not isinstance(value, bool | int | float):
                raise ControlRefused(f"There is no fault {name} = {value}; there are {', '.join(known)}.")
            setattr(self, name, value)


class SlaveLine:
    """A thread at the end of a pty. `answer(header, data)` is the device; `tick()` is called every 10 ms, its clock.

    `mode`: "checksum" or "crc". Both callbacks run under `lock`, which whoever else touches the device holds too.
    """

    def __init__(
        self,
        link: str | Path,
        address: int,
        mode: str,
        answer: Callable[[int, bytes], Answer],
        tick: Callable[[], None],
        *,
        paced: bool = False,
    ) -> None:
        self.faults = Faults()
        self.lock = threading.RLock()
        self.plugged = False
        self._cable, self._address, self._crc_mode, self._paced = Cable(link), address, mode == "crc", paced
        self._answer, self._tick = answer, tick
        self._wanted_plugged = True
        self._settled = threading.Event()
        self._ending = threading.Event()
        self._random = random.Random(7)
        self._thread = threading.Thread(target=self._run, name=f"ccTalk {address}", daemon=True)

    def start(self) -> None:
        """Plugs the cable in and listens. OSError when the link cannot be made."""
        self._port = self._cable.plug()
        self.plugged = True
        self._thread.start()

    def stop(self) -> None:
        """Ends and unplugs."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        self._cable.unplug()

    def plug(self, *, plugged: bool) -> None:
        """Pulls the cable or puts it back, and waits until that is so. Not to be called with the lock held."""
        self._settled.clear()
        self._wanted_plugged = plugged
        self._settled.wait(2.0)

    # ---------------------------------------------------------------- the wire

    def _run(self) -> None:
        heard: list[int] = []
        heard_at = 0.0
        while not self._ending.is_set():
            self._plug_as_wanted()
            with self.lock:
                self._tick()
            if not self.plugged:
                time.sleep(TICK_S)
                continue
            try:
                received = self._port.receive(after(TICK_S))
                if not received and time.monotonic() - heard_at > SILENCE_S:
                    heard.clear()
                for byte in received:
                    heard_at = time.monotonic()
                    self._hear(self._port, heard, byte)
            except PortLost:
                heard.clear()

    def _plug_as_wanted(self) -> None:
        if self.plugged and not self._wanted_plugged:
            self._cable.unplug()
        elif self._wanted_plugged and not self.plugged:
            self._port = self._cable.plug()
        self.plugged = self._wanted_plugged
        self._settled.set()

    def _hear(self, port: Port, heard: list[int], byte: int) -> None:
        """One byte more. A frame ends where its second byte says; a wrong one is forgotten without a word."""
        heard.append(byte)
        if len(heard) < 5 or len(heard) < 5 + heard[1]:
            return
        frame = heard.copy()
        heard.clear()
        if self.faults.echo:
            port.write(bytes(frame))
        if frame[0] != self._address or not (self._true_crc(frame) if self._crc_mode else self._true_sum(frame)):
            return
        header, data = frame[3], bytes(frame[4:-1])
        if header == self.faults.lose_request:
            self.faults.lose_request = 0
            return
        with self.lock:
            answer = self._answer(header, data)
        if answer is not None:
            self._reply(port, header, answer)

    def _reply(self, port: Port, header: int, answer: Answer) -> None:
        faults = self.faults
        content = (0, b"") if answer is None else (answer, b"") if isinstance(answer, int) else (0, answer)
        raw = bytearray(self._frame(*content))
        if self._paced:
            time.sleep(WIRE_S * len(raw))
        if header == faults.lose_reply:
            faults.lose_reply = 0
            return
        time.sleep(faults.delay_ms / 1000)
        if self._random.random() < faults.drop:
            return
        if self._random.random() < faults.bad_crc:
            raw[self._random.randrange(len(raw))] ^= 1 << self._random.randrange(8)
        if self._random.random() < faults.duplicate:
            raw = raw + raw
        step = 1 if faults.split else len(raw)
        for start in range(0, len(raw), step):
            port.write(bytes(raw[start : start + step]))
            if faults.split:
                time.sleep(0.0005)

    # ---------------------------------------------------------------- two ways to be sure

    def _frame(self, header: int, data: bytes) -> bytes:
        host = 1
        if self._crc_mode:
            remainder = divide(bytes([host, len(data), header]) + data)
            return bytes([host, len(data), remainder % 256, header, *data, remainder // 256])
        total = host + len(data) + self._address + header + sum(data)
        return bytes([host, len(data), self._address, header, *data, (256 - total % 256) % 256])

    @staticmethod
    def _true_sum(frame: list[int]) -> bool:
        return sum(frame) % 256 == 0

    @staticmethod
    def _true_crc(frame: list[int]) -> bool:
        return divide(bytes(frame[:2] + frame[3:-1])) == frame[2] + 256 * frame[-1]


def divide(message: bytes) -> int:
    """The remainder of message * x^16 by x^16 + x^12 + x^5 + 1 over GF(2): the CRC, as it is defined."""
    polynomial = 0x11021
    number = int.from_bytes(message, "big") << 16
    for place in range(number.bit_length() - 1, 15, -1):
        if number >> place & 1:
            number ^= polynomial << (place - 16)
    return number
