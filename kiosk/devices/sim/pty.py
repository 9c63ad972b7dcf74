"""A serial cable that ends in a simulator: a pseudo-terminal under a stable name, which can be unplugged and plugged in again."""

import os
import tty
from pathlib import Path

from kiosk.devices.port import DescriptorPort, Port


class Cable:
    """A pty whose slave is found at the symlink `link`. The simulator's end is the port that `plug` returns.

    Both ends are raw, or the terminal would answer and translate bytes; the slave is kept open here too, or the simulator would read
    an error whenever the kiosk is not there.
    """

    def __init__(self, link: str | Path) -> None:
        self._link = Path(link)
        self._port: Port | None = None

    def plug(self) -> Port:
        """Makes a new pty and points the link at it, in one step. OSError when the link cannot be made."""
        self.unplug()
        master, slave = os.openpty()
        tty.setraw(master)
        tty.setraw(slave)

        def close() -> None:
            os.close(master)
            os.close(slave)

        self._port = DescriptorPort(master, close)
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(self._link)
        return self._port

    def unplug(self) -> None:
        """The name is gone, and whoever has the line open loses it. Safe to call twice."""
        port, self._port = self._port, None
        if port:
            self._link.unlink(missing_ok=True)
            port.close()
