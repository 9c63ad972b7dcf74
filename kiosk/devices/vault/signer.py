"""The station's own thread for what a customer wants to photograph: each code that the desk asks for is signed once, and told.

A key may live in hardware that is slow or gone. The desk does not wait for it: a signer that dies is started again and then says that there
is no code; one that hangs is given up by the desk itself. It ends with the desk.
"""

import threading
from collections.abc import Callable

from kiosk.devices.supervise import supervised
from kiosk.vend.evidence import encode
from kiosk.vend.ports import Desk
from kiosk.vend.seen import Signed

LISTEN_S = 60.0


class Signer:
    """`sign` is Station.sign."""

    def __init__(self, desk: Desk, sign: Callable[[str, bytes], bytes]) -> None:
        self._desk, self._sign = desk, sign
        self._last: int | None = None  # the last job taken up
        self._open: int | None = None  # taken up, its end not told yet

    def start(self) -> None:
        """Runs in a thread of its own."""
        work = supervised(self.run, threading.Event(), lambda: self._end(""))
        threading.Thread(target=work, name="signer", daemon=True).start()

    def run(self) -> None:
        """The thread's work, for whoever brings the thread. Raises DeskDied at the end."""
        self._end("")
        rev = -1
        while True:
            published = self._desk.wait(rev, LISTEN_S)
            rev, job = published.rev, published.sign_job
            if job and job.id != self._last:
                self._last = self._open = job.id
                self._end(encode(job.evidence, self._sign))

    def _end(self, code: str) -> None:
        if self._open is not None:
            self._desk.tell(Signed(self._open, code))
            self._open = None
