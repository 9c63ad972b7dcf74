"""The printer's thread: one paper at a time, whole, and an honest word about its end.

    printed   the printer itself said that everything up to the cut is on paper
    assumed   it took every byte and is content, but cannot say more
    unknown   something went wrong after the first byte: paper may or may not have come out
    failed    not a byte was sent

A paper is never continued. After `unknown` the desk decides; a reprint is the whole paper again, marked COPY, under the same number.
What an abandoned paper has left in the printer is cut off as soon as it can print again, and before the next one.
"""

import contextlib
import threading
import time
from collections.abc import Callable

import msgspec

from kiosk.devices.contract import Health, Identity, Standing, State
from kiosk.devices.port import Port, PortLost, after
from kiosk.devices.printer.escpos import CUT, INITIALIZE, PAPER_80, PrinterProfile, can_print, job_bytes, mark_of
from kiosk.devices.printer.layout import lay_out
from kiosk.devices.printer.link import PrinterLink, Waits
from kiosk.devices.supervise import supervised
from kiosk.vend.paper.values import Paper, signed
from kiosk.vend.ports import Desk, PrintJob
from kiosk.vend.seen import Printed, PrinterState

Sign = Callable[[str, bytes], bytes]


class PrinterDriver:
    """Prints what the desk publishes, each job id once.

    `run` works until `stop`; it may be run again after it died, and then says `unknown` of a paper that it had begun.
    `sign` is Station.sign: the paper gets its signed code here, at the last moment. Without it papers have no code.
    `at`: the port's name, for whoever asks.
    """

    role = "printer"

    def __init__(
        self,
        desk: Desk,
        open_port: Callable[[], Port],
        profile: PrinterProfile = PAPER_80,
        sign: Sign | None = None,
        waits: Waits | None = None,
        *,
        at: str = "",
    ) -> None:
        self._at, self._met, self._standing = at, False, Standing()
        self._desk, self._open_port, self._profile, self._sign = desk, open_port, profile, sign
        self._waits = waits or Waits()
        self._stopped = threading.Event()
        self._told_state = ""
        self._rev = -1
        self._last: int | None = None  # the last job taken up
        self._open_job: int | None = None  # taken up, its end not told yet
        self._uncut: bool | None = None  # a paper was begun, and nobody knows that it was cut; None: this driver has printed nothing yet
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Runs in a thread of its own."""
        self._stopped.clear()
        work = supervised(self.run, self._stopped, self._given_up)
        self._thread = threading.Thread(target=work, name="printer", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Ends after the paper that is in work; waits for that, but not long."""
        self._stopped.set()
        if self._thread:
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """See contract.Driver."""
        return bool(self._thread and self._thread.is_alive())

    def health(self) -> Health:
        """See contract.Driver."""
        return self._standing.health

    def identity(self) -> Identity | None:
        """See contract.Driver. ESC/POS printers name themselves so differently (GS I) that only the port tells one from another."""
        return Identity(self.role, "escpos", port=self._at) if self._met else None

    def run(self) -> None:
        """The thread's work, for whoever brings the thread."""
        if self._open_job is not None:
            self._end("unknown")
        while not self._stopped.is_set():
            try:
                with contextlib.closing(self._open_port()) as port:
                    self._serve(PrinterLink(port, self._profile, self._waits, self._over))
            except PortLost:
                self._say("offline", "no_device")
                self._without_port()

    def _serve(self, link: PrinterLink) -> None:
        """While the port is there: print what comes, look now and then, tell every change."""
        link.greet()
        next_look = after(self._waits.look_s)
        while not self._stopped.is_set():
            link.hear(0.0)
            self._say(link.word)
            if self._uncut and link.ready:
                self._cut_rest(link)
            if job := self._next_job(self._waits.hear_s):
                self._print(link, job)
            elif time.monotonic() >= next_look:
                link.look()
                next_look = after(self._waits.look_s)

    def _over(self) -> bool:
        """It is stopped, and no paper is in work."""
        return self._stopped.is_set() and self._open_job is None

    def _without_port(self) -> None:
        """Between two tries to open: a paper that is wanted now is not going to come."""
        if self._next_job(self._waits.retry_s):
            self._end("failed")

    def _next_job(self, seconds: float) -> PrintJob | None:
        """A job that was not taken up before, as soon as there is one; it is taken up by this."""
        published = self._desk.wait(self._rev, seconds)
        self._rev = published.rev
        job = published.print_job
        if job is None or job.id == self._last:
            return None
        self._last = self._open_job = job.id
        return job

    def _print(self, link: PrinterLink, job: PrintJob) -> None:
        """One job. Whatever happens in it, its end is told."""
        outcome = "failed"
        try:
            data = self._bytes_of(job)
            link.look()
            self._say(link.word)
            if link.ready:
                link.find_sign()
            if link.ready:
                outcome = "unknown"
                if self._uncut or (self._uncut is None and job.copy):  # a copy: a life of this kiosk before this one had begun it
                    self._cut_rest(link)
                self._uncut = True
                outcome = link.deliver(data, mark_of(job.id))
                self._uncut = outcome == "unknown"
        finally:
            self._end(outcome)

    def _cut_rest(self, link: PrinterLink) -> None:
        self._uncut = not link.send(INITIALIZE + CUT)

    def _bytes_of(self, job: PrintJob) -> bytes:
        paper = msgspec.structs.replace(job.paper, copy=job.copy)
        if self._sign and not paper.code:
            paper = signed(paper, self._sign)
        return bytes_of(paper, self._profile)

    def _end(self, outcome: str) -> None:
        if self._open_job is not None:
            self._desk.tell(Printed(self._open_job, outcome))
            self._open_job = None

    def _given_up(self) -> None:
        self._standing.becomes("driver")
        self._desk.tell(PrinterState("offline"))

    def _say(self, word: str, state: State | None = None) -> None:
        self._standing.becomes("" if word == "ok" else word, state)
        self._met = self._met or self._standing.health.works
        if word != self._told_state:
            self._told_state = word
            self._desk.tell(PrinterState(word))


def bytes_of(paper: Paper, profile: PrinterProfile) -> bytes:
    """All of a paper for this printer; in English where this machine has no font for the paper's own language."""
    lines = lay_out(paper, profile.columns)
    return job_bytes(lines if can_print(lines) else lay_out(msgspec.structs.replace(paper, language="en"), profile.columns), profile)


def print_once(port: Port, profile: PrinterProfile, paper: Paper, waits: Waits | None = None) -> str:
    """For a command: one paper, without a desk; the outcome as above. Raises PortLost when the port is gone before the first byte."""
    data = bytes_of(paper, profile)
    link = PrinterLink(port, profile, waits or Waits())
    link.greet()
    if link.ready:
        link.find_sign()
    if not link.ready:
        return "failed"
    try:
        return link.deliver(data, mark_of(1))
    except PortLost:
        return "unknown"
