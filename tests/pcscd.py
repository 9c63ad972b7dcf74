"""A real pcscd of our own, with the virtual reader of vpcd: two slots, the user's card and the SAM or boot card.

Only one pcscd can run on a machine: a lock file makes parallel test runs wait for each other.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

LOCK = Path(tempfile.gettempdir()) / "kiosk-pcscd.lock"
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PROGRAM, RUN = "/usr/sbin/pcscd", Path("/run/pcscd")
USER_PORT, SAM_PORT = 0x8D00, 0x8D01
USER_READER, SAM_READER = "Kiosk Virtual Reader 00 00", "Kiosk Virtual Reader 00 01"
START_S = 10.0
CONFIG = f"""FRIENDLYNAME "Kiosk Virtual Reader"
DEVICENAME   /dev/null:0x8D00
LIBPATH      {DRIVER}
CHANNELID    0x8D00
"""


@dataclass
class Pcscd:
    """The running daemon. `stop` and `start` again is what a crash looks like to its clients."""

    config: Path  # a folder of reader files; pcscd reads every file in it
    log: Path
    user_port: int = USER_PORT
    sam_port: int = SAM_PORT
    user_reader: str = USER_READER
    sam_reader: str = SAM_READER
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it serves its readers."""
        for left in ("pcscd.comm", "pcscd.pid"):
            (RUN / left).unlink(missing_ok=True)
        log = self.log.open("ab")
        self.process = subprocess.Popen([PROGRAM, "--foreground", "--info", "-c", str(self.config)], stdout=log, stderr=log)
        log.close()
        until = time.monotonic() + START_S
        while not _listening(self.user_port) or not (RUN / "pcscd.comm").exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("pcscd did not start: " + self.log.read_text()[-600:])
            time.sleep(0.02)

    def stop(self, kill: bool = False) -> None:
        """SIGTERM, or SIGKILL: a crash. Returns when the process has gone."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self.process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5.0)
        self.process = None


def _listening(port: int) -> bool:
    """Without connecting: a connection would be a card."""
    entry = f":{port:04X} 00000000:0000 0A"
    return entry in Path("/proc/net/tcp").read_text()


@contextlib.contextmanager
def running_pcscd() -> Iterator[Pcscd]:
    """A pcscd for the length of a test, which is marked `pcsc`."""
    if os.geteuid() != 0:
        pytest.skip("only root may make /run/pcscd")
    with LOCK.open("w") as lock, tempfile.TemporaryDirectory(prefix="kiosk-pcscd-") as place:
        fcntl.flock(lock, fcntl.LOCK_EX)
        readers = Path(place) / "readers"
        readers.mkdir()
        (readers / "kiosk").write_text(CONFIG)
        daemon = Pcscd(readers, Path(place) / "log")
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.stop()
