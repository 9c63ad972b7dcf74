"""The conversation with one printer over one open port: questions, each with an end, and a running picture of its condition."""

import time
from collections.abc import Callable

import msgspec

from kiosk.devices.port import Port, after
from kiosk.devices.printer.escpos import ASK_QUEUED, CLEAR, INITIALIZE, STATUS_ON_CHANGE, PrinterProfile, ask_done, mark_of, question
from kiosk.devices.printer.status import (
    Answer,
    Cleared,
    Condition,
    Done,
    Queued,
    RealTime,
    Status,
    StatusReader,
    after_answer,
    after_status,
)

_QUESTIONS = (1, 2, 3, 4)
_CHUNK_BYTES = 256  # between two looks; a quarter of a second on the slowest line
_INBOX = 64  # answers that nobody waits for are forgotten, oldest first
_SILENCES = 3  # rounds without any answer until a printer that ought to answer counts as gone


class Waits(msgspec.Struct, frozen=True):
    """How long the printer may take, in seconds. Nothing waits without one of these."""

    answer_s: float = 0.5  # for a real-time answer
    probe_s: float = 1.0  # for the first mark
    job_s: float = 20.0  # from the last byte of a job to its end
    settle_s: float = 0.3  # between two looks that have to agree
    hear_s: float = 0.5  # between two times that unasked reports are taken in
    look_s: float = 2.0  # between two looks when nothing happens
    retry_s: float = 1.0  # between two tries to open the port


class PrinterLink:
    """One open port; every method may raise PortLost. `condition` is the newest that the printer said: silence changes nothing in it.

    `over`: nobody wants anything of this printer any more. Then no answer is waited for, whatever is still coming in.
    """

    def __init__(self, port: Port, profile: PrinterProfile, waits: Waits, over: Callable[[], bool] = lambda: False) -> None:
        self._port, self._profile, self._waits, self._over = port, profile, waits, over
        self._reader = StatusReader()
        self._inbox: list[Answer] = []
        self._silences = 0
        self.condition = Condition()
        self.done = "" if profile.answers else "none"  # marker | queued | drain | none, once it has been tried

    @property
    def word(self) -> str:
        """The condition as PrinterState says it. A printer without a way back is taken at its owner's word."""
        if not self._profile.answers:
            return "ok"
        return "offline" if self._silences >= _SILENCES else self.condition.word

    @property
    def ready(self) -> bool:
        """It can print, as far as anyone knows."""
        return self.word in {"ok", "low"}

    def greet(self) -> None:
        """The first words on a fresh port. Whatever is left of a paper from before is not going to be printed."""
        self.clear()
        self._port.write(INITIALIZE + (STATUS_ON_CHANGE if self._profile.reports else b""))
        self.look()

    def look(self) -> None:
        """A round of all four questions. What is not answered stays as it was; three silent rounds and the printer counts as gone."""
        if not self._profile.answers:
            return
        self._reader.forget_half()
        if not self._ask(1):
            self._silences += 1
            return
        self._silences = 0
        for n in _QUESTIONS[1:]:
            self._ask(n)

    def hear(self, seconds: float) -> None:
        """Takes in what the printer says by itself in that time."""
        deadline = after(seconds)
        while self._listen(deadline):
            pass

    def find_sign(self) -> None:
        """Learns, once, by which sign this printer tells that a job is printed. Only of use while it is ready."""
        if self.done:
            return
        self.done = "drain"
        if self._profile.done == "marker" and self._told(
            ask_done(mark_of(0)), lambda heard: heard == Done(mark_of(0)), self._waits.probe_s
        ):
            self.done = "marker"
        elif self._profile.done != "drain" and self._queued(self._waits.probe_s):
            self.done = "queued"

    def send(self, data: bytes) -> bool:
        """Hands a job over, looking in between; False when it was given up.

        Trouble: the rest would only pile up in the buffer. Silence: a printer that was switched off and on has forgotten the beginning,
        would print the rest and say that all is done.
        """
        for start in range(0, len(data), _CHUNK_BYTES):
            self._port.write(data[start : start + _CHUNK_BYTES])
            if self._profile.answers and not (self._ask(1) or self._ask(1)):
                self._silences += 1
                return False
            if not self.ready and not self.condition.passing:
                return False
        return True

    def deliver(self, data: bytes, mark: bytes) -> str:
        """A whole paper, once the printer is ready; how it ended: printed | assumed | unknown. Nothing of an unknown one prints later."""
        outcome = self.finished(mark) if self.send(data) else "unknown"
        if outcome == "unknown":
            self.clear()
        return outcome

    def finished(self, mark: bytes) -> str:
        """After a job's last byte, how it ended: printed | assumed | unknown. Ends early when the printer is in trouble and stays so."""
        if self.done == "none":
            return "assumed"
        if self.done == "drain":
            return "assumed" if self._twice_good() else "unknown"
        if self.done == "queued":
            return "printed" if self._queued(self._waits.job_s) else "unknown"
        return "printed" if self._told(ask_done(mark), lambda heard: heard == Done(mark), self._waits.job_s) else "unknown"

    def clear(self) -> None:
        """Empties the printer's buffers, so that after a refill it does not go on with half a paper.

        Not after a jammed knife: clearing would also start it again, and whose fingers are there only the staff can see.
        """
        if self._profile.answers and self._profile.clears and not (self.condition.cutter or self.condition.fatal):
            self._port.write(CLEAR)
            self._await(lambda heard: isinstance(heard, Cleared), self._waits.answer_s)

    def _queued(self, seconds: float) -> bool:
        """GS r, answered when the buffer gets there. Its answer is one byte that any babble has: one that comes unasked proves nothing."""
        self._inbox = [heard for heard in self._inbox if not _is_queued(heard)]
        unasked = self._await(_is_queued, self._waits.settle_s)
        return unasked is None and self._told(ASK_QUEUED, _is_queued, seconds)

    def _told(self, request: bytes, wanted: Callable[[Answer], bool], seconds: float) -> bool:
        """Sends a request, waits for its answer, looks in between. Trouble or silence at two looks ends the wait; a hot head does not."""
        self._inbox = [heard for heard in self._inbox if not wanted(heard)]
        self._port.write(request)
        deadline, troubles = after(seconds), 0
        while troubles < 2 and (left := deadline - time.monotonic()) > 0:
            if self._await(wanted, min(left, self._waits.settle_s)):
                return True
            self.look()
            well = self._silences == 0 and (self.ready or self.condition.passing)
            troubles = 0 if well else troubles + 1
        return self._await(wanted, 0.0) is not None

    def _twice_good(self) -> bool:
        """Two whole rounds of good answers, some time apart."""
        for _ in range(2):
            self.hear(self._waits.settle_s)
            if not (all(self._ask(n) for n in _QUESTIONS) and self.ready):
                return False
        return True

    def _ask(self, n: int) -> bool:
        """One question; True when it was answered. A real-time byte from before is no answer to it."""
        self.hear(0.0)
        self._inbox = [heard for heard in self._inbox if not isinstance(heard, RealTime)]
        self._port.write(question(n))
        heard = self._await(lambda heard: isinstance(heard, RealTime), self._waits.answer_s)
        if isinstance(heard, RealTime):
            self.condition = after_answer(self.condition, n, heard.byte)
        return heard is not None

    def _await(self, wanted: Callable[[Answer], bool], seconds: float) -> Answer | None:
        """The first wanted answer, taken out of what was heard; None when it does not come in time."""
        deadline = after(seconds)
        while True:
            for heard in self._inbox:
                if wanted(heard):
                    self._inbox.remove(heard)
                    return heard
            if not self._listen(deadline):
                return None

    def _listen(self, deadline: float) -> bool:
        """Takes in one chunk; False at the deadline, and when it is over. Status blocks become the condition, the other answers wait for
        whoever asked."""
        received = b"" if self._over() else self._port.read_some(deadline)
        if not received:
            return False
        for heard in self._reader.feed(received):
            if isinstance(heard, Status):
                self.condition = after_status(heard.block)
                self._silences = 0
            else:
                self._inbox.append(heard)
        del self._inbox[:-_INBOX]
        return True


def _is_queued(heard: Answer) -> bool:
    return isinstance(heard, Queued)
