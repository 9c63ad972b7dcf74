"""A PIN's short life: held until the desk asks whose it has to be, given to a process that ends with it; the desk learns yes or no.

argon2id takes 0.2 s and 64 MiB, so this has a thread of its own, and the desk never waits. A number that nobody has is held against a
string of the same cost that no PIN opens. Nothing here is logged, no fact and no job carries a PIN, and no copy stays in this process.
"""

import os
import secrets
import subprocess
import sys
import threading

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kiosk.devices.supervise import supervised
from kiosk.secret import moved, wipe
from kiosk.vend.ports import Desk
from kiosk.vend.seen import PinChecked

LISTEN_S = 60.0
CHECK_S = 30.0  # of a process that takes 0.3 s on an idle machine
ITERATIONS, LANES, MEMORY_KIB = 3, 1, 65536  # as operators.tree.COST says
PROGRAM = (sys.executable, "-I", "-m", "kiosk.pin")
EXIT_RIGHT, EXIT_WRONG = 64, 65  # no crash ends like these
ASKED_MAX = 512  # an argon2id string has 97 characters


class PinChecker:
    """Ends with the desk. `hold` is for any thread, the rest is its own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held = bytearray()
        self._lock = threading.Lock()
        self._nobody = ""
        self._last: int | None = None
        self._open: int | None = None

    def hold(self, digits: bytearray) -> None:
        """The PIN that was typed last: it is here now and no longer in that buffer. One before it is forgotten."""
        with self._lock:
            wipe(self._held)
            self._held = moved(digits)

    def taken(self) -> bytearray:
        """The PIN that was typed last, for whoever checks and wipes it; it is forgotten here."""
        with self._lock:
            held, self._held = self._held, bytearray()
        return held

    def start(self) -> None:
        """Runs in a thread of its own."""
        work = supervised(self.run, threading.Event(), lambda: self._end(right=False))
        threading.Thread(target=work, name="pins", daemon=True).start()

    def run(self) -> None:
        """The thread's work, for whoever brings the thread. Raises DeskDied at the end."""
        self._end(right=False)
        self._nobody = self._nobody or hashed(secrets.token_hex(16))
        rev = -1
        while True:
            published = self._desk.wait(rev, LISTEN_S)
            rev, job = published.rev, published.pin_job
            if job and job.id != self._last:
                self._last = self._open = job.id
                right = opens(self.taken(), job.pin or self._nobody)
                self._end(right=right and bool(job.pin))

    def _end(self, *, right: bool) -> None:
        if self._open is not None:
            self._desk.tell(PinChecked(self._open, right))
            self._open = None


def opens(pin: bytearray, phc: str) -> bool:
    """Is it the PIN of this argon2id string? A process of its own looks; `pin` is wiped. OSError when there can be no such process."""
    try:
        with subprocess.Popen(  # noqa: S603 - our own program
            PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if os.isatty(2) else None,  # a terminal may be the customer's glass
            env={},
            cwd="/",
            bufsize=0,  # a buffer would be a copy
        ) as process:
            try:
                _asked(process, pin, phc)
                return process.wait(CHECK_S) == EXIT_RIGHT
            except (subprocess.TimeoutExpired, BrokenPipeError):
                process.kill()
                return False
    finally:
        wipe(pin)


def _asked(process: "subprocess.Popen[bytes]", pin: bytearray, phc: str) -> None:
    """The whole question fits into a pipe, so that no write is cut short."""
    if process.stdin:
        process.stdin.write(phc.encode() + b"\n")
        process.stdin.write(pin)
        process.stdin.close()


def hashed(pin: str) -> str:
    """A PIN as a roster has it: an argon2id string of the one cost, with 16 random bytes of salt."""
    kdf = Argon2id(salt=secrets.token_bytes(16), length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(pin.encode("ascii"))
