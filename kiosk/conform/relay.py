"""The cable between driver and device, which the kit owns: bytes pass through it, and it does to them what bad cables do.

The driver's end is a pseudo-terminal under a stable name, or a network port where the device has one. Chances are of one seed.
"""

import contextlib
import os
import random
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from kiosk.devices.port import Port, PortLost, after
from kiosk.devices.sim.printer_line import Line, PtyLine, TcpLine

LOOK_S = 0.02
BABBLE_S = 0.02
AGAIN_S = 0.1
BITS = 10  # a byte on a serial line, with its start and stop bit
BYTE_S = 0.0005  # between two bytes that come alone


class Wire(msgspec.Struct, frozen=True):
    """What it does. Chances are per chunk, in each direction. `split`: a byte at a time. `echo`: the driver hears itself, as on one wire.

    `silent`: nothing of the device's arrives; `stalled`: no byte is taken from the driver; `babble`: noise without end towards the driver.
    `upward`: only the device's bytes are harmed; `baud`: the driver's are taken no faster.
    """

    name: str = "clean"
    drop: float = 0.0
    corrupt: float = 0.0
    duplicate: float = 0.0
    delay_s: float = 0.0
    split: bool = False
    echo: bool = False
    silent: bool = False
    stalled: bool = False
    babble: bool = False
    upward: bool = False
    baud: int = 0


CLEAN = Wire()


class Relay:
    """`address`: what kiosk.toml would name. `open_far` is called again whenever the device is lost; then the driver's end is pulled."""

    def __init__(self, link: Path, open_far: Callable[[], Port], *, network: bool, seed: int) -> None:
        self._tcp = TcpLine() if network else None
        self._near: Line = self._tcp or PtyLine(link)
        self._link, self._open_far, self._random = link, open_far, random.Random(seed)
        self.wire = CLEAN
        self.carried = 0  # bytes from the driver
        self._plugged, self._stopped = True, False
        self._settled, self._ending = threading.Event(), threading.Event()
        self._lock = threading.Lock()  # the near end is not closed while it is written to
        self._near_port: Port | None = None
        self._far: Port | None = None
        self._babble_at, self._clogged = 0.0, False
        self._down = threading.Thread(target=self._from_driver, name="relay down", daemon=True)
        self._up = threading.Thread(target=self._from_device, name="relay up", daemon=True)

    @property
    def address(self) -> str:
        """Where the driver finds its device."""
        return self._tcp.address if self._tcp else str(self._link)

    @property
    def network(self) -> bool:
        """A socket belongs to whoever connected it; a line has to be kept."""
        return self._tcp is not None

    def start(self) -> None:
        """Raises PortLost when the device's own port cannot be had, OSError when the driver's end cannot be made."""
        self._far = self._open_far()
        self._near.plug()
        self._down.start()
        self._up.start()

    def stop(self) -> None:
        """Both ends are given back."""
        self._ending.set()
        for thread in (self._down, self._up):
            if thread.is_alive():
                thread.join(5.0)
        self._near.unplug()
        if self._far:
            self._far.close()

    def plug(self, *, plugged: bool) -> None:
        """Pulls the driver's end or puts it back, and waits until that is so."""
        self._settled.clear()
        self._plugged = plugged
        self._settled.wait(5.0)

    # ---------------------------------------------------------------- from the driver to the device

    def _from_driver(self) -> None:
        while not self._ending.is_set():
            self._as_wanted()
            port = self._near_port = self._near.port()
            if port is None or self.wire.stalled:
                self._ending.wait(LOOK_S)
                continue
            try:
                received = port.receive(after(LOOK_S))
            except PortLost:
                self._hang_up()
                continue
            self._clogged = self._clogged and not received
            self.carried += len(received)
            if received and self.wire.echo:
                self._to_driver(received)
            if received:
                self._pass(received, self._to_device, harms=not self.wire.upward)
            elif self.wire.babble:
                self._babble()

    def _as_wanted(self) -> None:
        wanted = self._plugged and self._far is not None
        with self._lock, contextlib.suppress(OSError):
            if wanted and not self._near.plugged:
                self._near.plug()
                self._stopped = False
            elif not wanted and self._near.plugged:
                self._near.unplug()
                self._near_port = None
            if self._near.plugged and self._tcp is None and self._stopped != self.wire.stalled:
                self._stopped = self.wire.stalled
                flow(self.address, stopped=self._stopped)
        if self._near.plugged == self._plugged:
            self._settled.set()

    def _hang_up(self) -> None:
        """A driver that hung up: a device at a network port has to notice, too."""
        with self._lock:
            self._near.hang_up()
            self._near_port = None
        if self._tcp and self._far:
            self._far.close()
        self._ending.wait(LOOK_S)

    def _babble(self) -> None:
        if time.monotonic() >= self._babble_at:
            self._babble_at = time.monotonic() + BABBLE_S
            self._to_driver(self._random.randbytes(self._random.randrange(1, 40)))

    def _to_device(self, data: bytes) -> None:
        far = self._far
        with contextlib.suppress(PortLost):
            if far:
                far.write(data)

    # ---------------------------------------------------------------- from the device to the driver

    def _from_device(self) -> None:
        while not self._ending.is_set():
            far = self._far
            if far is None:
                self._look_for_device()
                continue
            try:
                received = far.receive(after(LOOK_S))
            except PortLost:
                far.close()
                self._far = None
                continue
            if received and not self.wire.silent:
                self._pass(received, self._to_driver, harms=True)

    def _look_for_device(self) -> None:
        try:
            self._far = self._open_far()
        except PortLost:
            self._ending.wait(AGAIN_S)

    def _to_driver(self, data: bytes) -> None:
        with self._lock, contextlib.suppress(PortLost):
            port = None if self._clogged else self._near_port
            if port:
                self._clogged = True  # nobody reads there: what comes is lost, until the driver speaks again
                port.write(data)
                self._clogged = False

    def _pass(self, data: bytes, onward: Callable[[bytes], None], *, harms: bool) -> None:
        wire = self.wire if harms else CLEAN
        self._ending.wait(wire.delay_s + (len(data) * BITS / wire.baud if wire.baud and onward == self._to_device else 0.0))
        if self._random.random() < wire.drop:
            return
        if self._random.random() < wire.corrupt:
            place = self._random.randrange(len(data))
            data = data[:place] + bytes([data[place] ^ 1 << self._random.randrange(8)]) + data[place + 1 :]
        data = data * 2 if self._random.random() < wire.duplicate else data
        if not wire.split:
            onward(data)
            return
        for byte in data:
            onward(bytes([byte]))
            self._ending.wait(BYTE_S)


def flow(line: str, *, stopped: bool) -> None:
    """Of what is written to a pseudo-terminal: the buffers behind it hold more than a trial can wait for. Raises OSError."""
    descriptor = os.open(line, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        termios.tcflow(descriptor, termios.TCOOFF if stopped else termios.TCOON)
    except termios.error as error:
        raise OSError(*error.args) from error
    finally:
        os.close(descriptor)
