"""Where a simulated printer is plugged in: a pty under a name, or a TCP port. Both can be unplugged and plugged in again."""

import select
import socket
from pathlib import Path
from typing import Protocol

from kiosk.devices.port import DescriptorPort, Port
from kiosk.devices.sim.pty import Cable


class Line(Protocol):
    """One connection at a time."""

    plugged: bool

    def plug(self) -> None:
        """There it is. OSError when that cannot be."""

    def unplug(self) -> None:
        """It is gone; whoever uses it loses it. Safe to call twice."""

    def port(self) -> Port | None:
        """The peer, if there is one now."""

    def hang_up(self) -> None:
        """The peer is let go; the next one may come."""


class PtyLine:
    """A serial printer at the symlink `link`."""

    def __init__(self, link: str | Path) -> None:
        self.plugged = False
        self._cable = Cable(link)
        self._port: Port | None = None

    def plug(self) -> None:
        """See Line."""
        if not self.plugged:
            self._port = self._cable.plug()
            self.plugged = True

    def unplug(self) -> None:
        """See Line."""
        self.plugged, self._port = False, None
        self._cable.unplug()

    def port(self) -> Port | None:
        """See Line."""
        return self._port

    def hang_up(self) -> None:
        """A serial line has nobody to hang up on."""


class TcpLine:
    """A network printer. Port 0 takes a free one, and keeps it."""

    def __init__(self, host: str = "127.0.0.1", number: int = 0) -> None:
        self.plugged = False
        self.host, self.number = host, number
        self._listener: socket.socket | None = None
        self._port: Port | None = None

    @property
    def address(self) -> str:
        """As kiosk.toml writes it."""
        return f"tcp:{self.host}:{self.number}"

    def plug(self) -> None:
        """See Line."""
        if not self.plugged:
            self._listener = socket.create_server((self.host, self.number))
            self.number = self._listener.getsockname()[1]
            self.plugged = True

    def unplug(self) -> None:
        """See Line."""
        self.plugged = False
        self.hang_up()
        listener, self._listener = self._listener, None
        if listener:
            listener.close()

    def port(self) -> Port | None:
        """See Line."""
        if self._port is None and self._listener and select.select([self._listener], [], [], 0)[0]:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._port = DescriptorPort(connection.fileno(), connection.close)
        return self._port

    def hang_up(self) -> None:
        """See Line."""
        port, self._port = self._port, None
        if port:
            port.close()
