"""Bytes with a deadline: the one way that drivers and simulators know the wire.

A deadline is an instant of `time.monotonic()`, so that several reads can share one. A read that runs out of time returns what it has.
When the other end is gone, for good, every call raises PortLost; whoever needs the device opens a new port.
"""

import contextlib
import errno
import fcntl
import os
import random
import select
import socket
import stat
import termios
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

_CHUNK = 4096  # bytes taken from the system at once
_FLUSH_CHUNKS = 64  # the most that is taken at once from a line that babbles
_TAKEN = (errno.EBUSY, errno.EAGAIN)
_PTY_MAJORS = range(136, 144)  # Unix98 pseudo-terminals (the kernel's list of devices)
_WRITE_S = 2.0  # a device that takes no byte for this long is as good as gone


class PortLost(OSError):
    """The cable, the adapter or the peer is gone, or could not be had at all."""


def after(timeout_s: float) -> float:
    """The deadline that lies `timeout_s` ahead."""
    return time.monotonic() + timeout_s


class Port(ABC):
    """A serial line, a pty, a socket: whatever brings bytes. One thread uses it at a time; `close` may come from any."""

    def __init__(self) -> None:
        self._ahead = bytearray()  # received, not yet asked for
        self._late = 0  # chunks in a row that came behind their deadline

    @abstractmethod
    def receive(self, deadline: float) -> bytes:
        """At least one byte straight from the wire, or b"" at the deadline. Raises PortLost."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Hands over all of `data`, within two seconds. Raises PortLost."""

    @abstractmethod
    def close(self) -> None:
        """Gives the port back; safe to call twice. Every later call raises PortLost."""

    def read(self, size: int, deadline: float) -> bytes:
        """`size` bytes, or fewer when the deadline comes first. Raises PortLost."""
        while len(self._ahead) < size:
            received = self.receive(deadline)
            if not received:
                break
            self._ahead += received
        return self._take(size)

    def read_until(self, end: bytes, deadline: float, limit: int = _CHUNK) -> bytes:
        """Everything up to and with `end`; without it at the deadline or at `limit` bytes. Raises PortLost."""
        while (found := self._ahead.find(end)) < 0 and len(self._ahead) < limit:
            received = self.receive(deadline)
            if not received:
                break
            self._ahead += received
        return self._take(found + len(end) if found >= 0 else limit)

    def read_some(self, deadline: float) -> bytes:
        """Whatever is there, as soon as there is any; b"" at the deadline. Raises PortLost.

        Behind the deadline what waits already is still given, or a slow machine would be deaf; a line that babbles without end is not.
        """
        if self._ahead:
            return self._take(len(self._ahead))
        self._late = self._late + 1 if time.monotonic() >= deadline else 0
        received = self.receive(deadline) if self._late <= _FLUSH_CHUNKS else b""
        if not received:
            self._late = 0
        return received

    def flush_input(self) -> None:
        """Forgets what has come in and was not read; a line that babbles without end cannot hold it up. Raises PortLost."""
        self._ahead.clear()
        for _ in range(_FLUSH_CHUNKS):
            if not self.receive(0.0):
                return

    def _take(self, size: int) -> bytes:
        taken = bytes(self._ahead[:size])
        del self._ahead[:size]
        return taken


class DescriptorPort(Port):
    """A port over any non-blocking file descriptor that can be polled; `on_close` gives it back."""

    def __init__(self, descriptor: int, on_close: Callable[[], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._on_close: Callable[[], None] | None = on_close
        os.set_blocking(descriptor, False)

    def receive(self, deadline: float) -> bytes:
        """See Port."""
        if not self._ready(select.POLLIN, deadline):
            return b""
        try:
            received = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortLost(error.errno, f"the port is gone: {error.strerror}") from error
        if not received:
            raise PortLost("the other end hung up")
        return received

    def write(self, data: bytes) -> None:
        """See Port."""
        rest = memoryview(data)
        while rest:
            if not self._ready(select.POLLOUT, after(_WRITE_S)):
                raise PortLost("the device takes no more bytes")
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise PortLost(error.errno, f"the port is gone: {error.strerror}") from error

    def close(self) -> None:
        """See Port."""
        on_close, self._on_close = self._on_close, None
        if on_close:
            on_close()

    def _ready(self, event: int, deadline: float) -> bool:
        """Waits for the descriptor; hang-up counts as ready, so that the read or write itself says what happened."""
        if self._on_close is None:
            raise PortLost("the port is closed")
        poll = select.poll()
        try:
            poll.register(self._descriptor, event)
            return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
        except (OSError, ValueError) as error:
            raise PortLost(f"the port is gone: {error}") from error


def open_serial(path: str, baud: int = 9600, *, parity: str = "N", stop_bits: int = 1) -> Port:
    """A serial line or pty, 8 data bits, for this process alone, modem lines left as they are. Raises PortLost."""
    import serial  # noqa: PLC0415 - the one import that a machine without a serial device can spare

    try:
        line = serial.Serial(path, baud, parity=parity, stopbits=stop_bits, timeout=0, write_timeout=0, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        if getattr(error, "errno", None) in _TAKEN or "exclusively lock" in str(error):
            raise PortLost(errno.EBUSY, f"{path} is in use by another program") from error
        raise PortLost(f"cannot open {path}: {error}") from error
    try:
        _keep_others_out(line.fileno(), path)
    except OSError:
        line.close()
        raise
    return DescriptorPort(line.fileno(), line.close)


def _keep_others_out(descriptor: int, path: str) -> None:
    """A lock for programs that ask for one, and the kernel's own word to those that do not. Raises PortLost.

    A pty has no such word: its simulator keeps the far end open, so that it would outlive a kiosk that was killed.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.isatty(descriptor) and os.major(os.fstat(descriptor).st_rdev) not in _PTY_MAJORS:
            fcntl.ioctl(descriptor, termios.TIOCEXCL)
    except BlockingIOError as error:
        raise PortLost(errno.EBUSY, f"{path} is in use by another program") from error


def open_tcp(host: str, port: int, timeout_s: float = 3.0) -> Port:
    """A device behind a network socket. Raises PortLost."""
    try:
        connection = socket.create_connection((host, port), timeout_s)
    except OSError as error:
        raise PortLost(f"cannot reach {host}:{port}: {error}") from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return DescriptorPort(connection.fileno(), connection.close)


def open_device_file(path: str) -> Port:
    """A character device that is no terminal, /dev/usb/lp0 for one. Raises PortLost."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _TAKEN:
            raise PortLost(errno.EBUSY, f"{path} is in use by another program") from error
        raise PortLost(error.errno, f"cannot open {path}: {error.strerror}") from error
    try:
        _keep_others_out(descriptor, path)
    except OSError:
        os.close(descriptor)
        raise
    return DescriptorPort(descriptor, lambda: os.close(descriptor))


def open_port(address: str, baud: int = 9600, *, stop_bits: int = 1) -> Port:
    """What kiosk.toml writes as `port`: "tcp:HOST:PORT", or the path of a serial line or another character device. Raises PortLost."""
    if address.startswith("tcp:"):
        host, _, port = address.removeprefix("tcp:").rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise PortLost(f"{address} is no address: tcp:HOST:PORT is")
        return open_tcp(host.strip("[]"), int(port))
    with contextlib.suppress(OSError):
        if stat.S_ISCHR(Path(address).stat().st_mode) and not _is_terminal(address):
            return open_device_file(address)
    return open_serial(address, baud, stop_bits=stop_bits)


def _is_terminal(path: str) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def pair() -> tuple[Port, Port]:
    """Two ports of this process, each the other's far end."""
    near, far = socket.socketpair()
    return DescriptorPort(near.fileno(), near.close), DescriptorPort(far.fileno(), far.close)


class FaultyPort(Port):
    """A port whose wire misbehaves, the same way for the same `seed`. Chances are per chunk, in each direction.

    `split`: one byte a read. `delay_s`: everything comes that much later. `cut_after`: the wire is cut after so many writes.
    """

    def __init__(
        self,
        port: Port,
        *,
        split: bool = False,
        drop: float = 0.0,
        corrupt: float = 0.0,
        duplicate: float = 0.0,
        delay_s: float = 0.0,
        cut_after: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._port = port
        self._split, self._drop, self._corrupt, self._duplicate, self._delay_s = split, drop, corrupt, duplicate, delay_s
        self._writes_left = cut_after
        self._random = random.Random(seed)
        self._wire = bytearray()

    def receive(self, deadline: float) -> bytes:
        """See Port."""
        while not self._wire:
            received = self._port.receive(deadline)
            if not received:
                return b""
            time.sleep(self._delay_s)
            self._wire += self._harm(received)
        taken = bytes(self._wire[: 1 if self._split else len(self._wire)])
        del self._wire[: len(taken)]
        return taken

    def write(self, data: bytes) -> None:
        """See Port."""
        if self._writes_left is not None:
            if self._writes_left == 0:
                self.close()
            self._writes_left -= 1
        self._port.write(self._harm(data))

    def close(self) -> None:
        """See Port."""
        self._port.close()

    def _harm(self, data: bytes) -> bytes:
        if self._random.random() < self._drop:
            return b""
        if self._random.random() < self._corrupt:
            place = self._random.randrange(len(data))
            data = data[:place] + bytes([data[place] ^ 1 << self._random.randrange(8)]) + data[place + 1 :]
        return data * 2 if self._random.random() < self._duplicate else data
