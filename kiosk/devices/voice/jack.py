"""Are headphones plugged in? As the kernel tells it of a sound card's jack: a switch of an input device (linux/input-event-codes.h)."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

AUTO, ALWAYS = "auto", "always"
SW_HEADPHONE_INSERT = 0x02
BITS = 8  # bytes of the switches' bitmap, more than there are
EVIOCGSW = 2 << 30 | BITS << 16 | ord("E") << 8 | 0x1B  # _IOC(_IOC_READ, 'E', 0x1b, BITS)

Ioctl = Callable[[int, int, bytearray], int]


def _ioctl(descriptor: int, request: int, buffer: bytearray) -> int:
    done: int = fcntl.ioctl(descriptor, request, buffer)
    return done


class Jack:
    """`where`: auto (every jack that this machine has), always (there is no telling, or a loudspeaker is wanted), or one jack's
    /dev/input path."""

    def __init__(
        self, where: str = AUTO, *, system: Path = Path("/sys/class/input"), devices: Path = Path("/dev/input"), ioctl: Ioctl = _ioctl
    ) -> None:
        self._where, self._system, self._devices, self._ioctl = where, system, devices, ioctl

    def plugged(self) -> bool | None:
        """None where this machine cannot tell. A jack that kiosk.toml names and that is not there has nothing plugged in."""
        if self._where == ALWAYS:
            return None
        if self._where != AUTO:
            return self._asked(Path(self._where)) or False
        told = [answer for jack in self._jacks() if (answer := self._asked(jack)) is not None]
        return any(told) if told else None

    def _jacks(self) -> list[Path]:
        """The input devices that have such a switch."""
        found = []
        for event in sorted(self._system.glob("event*")):
            try:
                words = (event / "device" / "capabilities" / "sw").read_text().split()
                switches = int(words[-1], 16) if words else 0  # the last word has the lowest bits
            except (OSError, ValueError):
                continue
            if switches >> SW_HEADPHONE_INSERT & 1:
                found.append(self._devices / event.name)
        return found

    def _asked(self, jack: Path) -> bool | None:
        bits = bytearray(BITS)
        try:
            descriptor = os.open(jack, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            self._ioctl(descriptor, EVIOCGSW, bits)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return bool(int.from_bytes(bits, "little") >> SW_HEADPHONE_INSERT & 1)
