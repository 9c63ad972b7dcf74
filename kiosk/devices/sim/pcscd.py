"""A pcscd of our own for simulated machines and tests: the real daemon with the virtual reader of vpcd, two slots.

Only one pcscd can run on a machine. A lock file makes whoever comes second wait, or do without.
"""

import fcntl
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

LOCK = Path(tempfile.gettempdir()) / "kiosk-pcscd.lock"
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PROGRAM, RUN = "/usr/sbin/pcscd", Path("/run/pcscd")
PORTS = (0x8D00, 0x8D01)
READERS = ("Kiosk Virtual Reader 00 00", "Kiosk Virtual Reader 00 01")
START_S, STOP_S = 10.0, 5.0
LINGER_S, TAKEN = 65.0, "Address already in use"  # TIME_WAIT of a port whose daemon went first: 60 s; vpcd does not ask for its reuse
CONFIG = f"""FRIENDLYNAME "Kiosk Virtual Reader"
DEVICENAME   /dev/null:0x8D00
LIBPATH      {DRIVER}
CHANNELID    0x8D00
"""


def possible() -> bool:
    """Root, the daemon, the driver and the binding are here."""
    try:
        import smartcard.scard  # noqa: F401, PLC0415
    except ImportError:
        return False
    return os.geteuid() == 0 and Path(PROGRAM).exists() and DRIVER.exists()


def serving() -> bool:
    """Does a pcscd with these readers run, whoever started it?"""
    return _listening(PORTS[0])


class Pcscd:
    """The daemon. `stop` and `start` again is what a crash looks like to its clients."""

    user_port, sam_port = PORTS
    user_reader, sam_reader = READERS

    def __init__(self, folder: Path) -> None:
        self.readers, self.log = folder / "readers", folder / "pcscd.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def take(self, *, wait: bool = True) -> bool:
        """The machine's one place for a pcscd. False when somebody has it and we do not wait, or when a foreign daemon runs."""
        self._lock = LOCK.open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            self._lock.close()
            return False
        return True

    def start(self) -> None:
        """Start it and wait until it serves its readers. RuntimeError when it does not."""
        if _listening(PORTS[0]):
            raise RuntimeError("A pcscd that nobody owns serves these readers: an earlier run was killed. End it first.")
        self.readers.mkdir(parents=True, exist_ok=True)
        if not any(self.readers.iterdir()):
            (self.readers / "kiosk").write_text(CONFIG)
        for left in ("pcscd.comm", "pcscd.pid"):
            (RUN / left).unlink(missing_ok=True)
        until = time.monotonic() + LINGER_S
        while not self._serves():
            self.stop(kill=True)
            if TAKEN not in self.log.read_text() or time.monotonic() > until:
                raise RuntimeError("pcscd did not start: " + self.log.read_text()[-600:])
            time.sleep(1.0)

    def _serves(self) -> bool:
        """One try. False when it ended, did not serve in time, or found its ports still lingering from a card that it was cut off from."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([PROGRAM, "--foreground", "--info", "-c", str(self.readers)], stdout=log, stderr=log)  # noqa: S603
        until = time.monotonic() + START_S
        while not _listening(PORTS[0]) or not (RUN / "pcscd.comm").exists():
            if self.process.poll() is not None or time.monotonic() > until or TAKEN in self.log.read_text()[begin:]:
                return False
            time.sleep(0.02)
        return True

    def stop(self, *, kill: bool = False) -> None:
        """SIGTERM, or SIGKILL: a crash. Returns when the process has gone."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S)
        self.process = None

    def give(self) -> None:
        """Stop, and let others have the place."""
        self.stop()
        if self._lock:
            self._lock.close()


def _listening(port: int) -> bool:
    """Without connecting: a connection would be a card."""
    return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()
