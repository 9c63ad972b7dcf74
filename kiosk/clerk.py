"""The clerk: a thread that looks things up in the journal for maintenance screens, beside the desk that writes it.

It opens the store for reading only, once a question, so that a report over years never holds the desk. What cannot be read is said.
The clock is set here, too: it is the machine's, and takes a right that the core may not have.
"""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from kiosk.devices.supervise import supervised
from kiosk.vend.journal import Journal
from kiosk.vend.operators.found import look_up
from kiosk.vend.operators.standing import Found, ReadJob
from kiosk.vend.ports import Desk
from kiosk.vend.rules import Rules
from kiosk.vend.seen import Found as Answer
from kiosk.vend.store import StoreError
from kiosk.vend.wording import worded

LISTEN_S = 60.0


class Clerk:
    """Each read job once. `open_journal` opens the store for reading; `set_clock(epoch seconds)` may raise PermissionError;
    `open_keys(operator)` says in a word what came of the boot card and of the PIN that was typed;
    `post(operation)` is the courier's counter."""

    def __init__(
        self,
        desk: Desk,
        rules: Rules,
        open_journal: Callable[[], Journal],
        set_clock: Callable[[float], None],
        open_keys: Callable[[str], str],
        *,
        post: Callable[[str], Found] | None = None,
    ) -> None:
        self._desk, self._rules, self._open_journal, self._set_clock = desk, rules, open_journal, set_clock
        self._open_keys, self._post = open_keys, post
        self._last: int | None = None
        self._open: int | None = None

    def start(self) -> None:
        """Runs in a thread of its own."""
        work = supervised(self.run, threading.Event(), lambda: self._end(Found(notice="cannot_read")))
        threading.Thread(target=work, name="clerk", daemon=True).start()

    def run(self) -> None:
        """The thread's work, for whoever brings the thread. Raises DeskDied at the end."""
        self._end(Found(notice="cannot_read"))
        rev = -1
        while True:
            published = self._desk.wait(rev, LISTEN_S)
            rev, job = published.rev, published.read_job
            if job and job.id != self._last:
                self._last = self._open = job.id
                self._end(self._answer(job))

    def _answer(self, job: ReadJob) -> Found:
        if job.what == "clock":
            return self._clock(job.of)
        if job.what == "post":
            return self._post(job.of) if self._post else Found(notice="no_office")
        if job.what == "boot":
            return Found(notice=f"boot_{self._open_keys(job.of)}")
        try:
            with closing(self._open_journal()) as journal:
                return look_up(worded(self._rules, self._desk.published().trust.texts), job, journal, time.time_ns() // 1_000_000)
        except StoreError:
            return Found(notice="cannot_read")

    def _clock(self, digits: str) -> Found:
        """Year to minute, on the kiosk's own wall."""
        wall = datetime.strptime(digits, "%Y%m%d%H%M")  # noqa: DTZ007 - the zone is the kiosk's
        try:
            self._set_clock(self._rules.instant_ms(wall) / 1000)
        except OSError:
            return Found(notice="clock_not_set")
        return Found(notice="done")

    def _end(self, found: Found) -> None:
        if self._open is not None:
            self._desk.tell(Answer(self._open, found))
            self._open = None
