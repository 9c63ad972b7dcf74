"""A PIN's short life: it is held until the desk asks whose it has to be, hashed once, forgotten, and the desk learns yes or no.

argon2id takes 0.2 s and 64 MiB, so it has a thread of its own, and the desk never waits. A number that nobody has is held against a string
of the same cost that no PIN opens. Nothing here is logged, and no fact and no job carries a PIN.
"""

import secrets
import threading

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kiosk.devices.supervise import supervised
from kiosk.vend.ports import Desk
from kiosk.vend.seen import PinChecked

LISTEN_S = 60.0
ITERATIONS, LANES, MEMORY_KIB = 3, 1, 65536  # as operators.tree.COST says


class PinChecker:
    """Ends with the desk. `hold` is for any thread, the rest is its own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held = bytearray()
        self._lock = threading.Lock()
        self._nobody = ""
        self._last: int | None = None
        self._open: int | None = None

    def hold(self, digits: str) -> None:
        """The PIN that was typed last; one before it is forgotten."""
        with self._lock:
            self._forget()
            self._held = bytearray(digits, "ascii")

    def taken(self) -> str:
        """The PIN that was typed last, for a card that checks it by itself; it is forgotten here."""
        with self._lock:
            pin = self._held.decode("ascii")
            self._forget()
        return pin

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
                right = self._opens(job.pin or self._nobody)
                self._end(right=right and bool(job.pin))

    def _opens(self, phc: str) -> bool:
        with self._lock:
            pin = bytes(self._held)
            self._forget()
        try:
            Argon2id.verify_phc_encoded(pin, phc)
        except InvalidKey:
            return False
        return True

    def _forget(self) -> None:
        self._held[:] = bytes(len(self._held))
        self._held = bytearray()

    def _end(self, *, right: bool) -> None:
        if self._open is not None:
            self._desk.tell(PinChecked(self._open, right))
            self._open = None


def hashed(pin: str) -> str:
    """A PIN as a roster has it: an argon2id string of the one cost, with 16 random bytes of salt."""
    kdf = Argon2id(salt=secrets.token_bytes(16), length=32, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(pin.encode("ascii"))
