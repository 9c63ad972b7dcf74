"""The card driver: one thread watches the slot, another works on the card, and the desk hears of both.

The watching thread tells ReaderUp, ReaderDown, CardIn, CardOut and CardBad. The working thread waits for the desk's card job, does each job
id once, and only for the presentation that it names. A card or reader that answers nothing for too long is given up: a fresh working thread
takes over and the late answer of the old one is thrown away.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kiosk.devices.card.apdu import CardError, CardGone, ReaderError
from kiosk.devices.card.reader import Reader, Slot, State
from kiosk.devices.card.session import CardSession, perform, word_for_card, word_for_work
from kiosk.devices.supervise import supervised
from kiosk.vend.card.reading import Profile
from kiosk.vend.ports import CardJob, Desk, Vault
from kiosk.vend.seen import CardBad, CardIn, CardOut, CardWorked, ReaderDown, ReaderUp, Seen

WATCH_S = 1.0  # longest wait for the slot; also how soon a stop is obeyed
JOB_WAIT_S = 0.5  # longest wait for a job; also how soon a card that left is let go
STUCK_S = 15.0  # a job takes well under a second; a reader's own time-outs are a few

JobKey = tuple[str, int]  # a job: presentation and id


@dataclass(frozen=True, slots=True)
class Presentation:
    """One card, from going in to coming out."""

    token: str
    slot: Slot


class CardDriver:
    """Runs from `start` to `stop`. `vault` is None on a locked kiosk; `generation` says which kiosk key is written with now."""

    def __init__(
        self,
        desk: Desk,
        reader: Reader,
        profile: Profile,
        vault: Vault | None,
        *,
        generation: Callable[[], int] = lambda: 1,
        stuck_s: float = STUCK_S,
        watch_s: float = WATCH_S,
    ) -> None:
        self._desk = desk
        self._reader = reader
        self._profile = profile
        self._vault = vault
        self.generation = generation
        self._stuck_s = stuck_s
        self._watch_s = watch_s
        self._stop = threading.Event()
        self._lock = threading.RLock()  # over what stands in the slot and what the desk was told of it
        self._present: Presentation | None = None
        self._slot: Slot | None = None
        self._told: str | None = None  # None nothing yet, "" the reader is up, otherwise why it is down
        self._worker: _Worker | None = None
        self._watcher = threading.Thread(target=supervised(self._watch, self._stop, self.broken), name="card-watch", daemon=True)

    def start(self) -> None:
        """Start both threads."""
        self._hire()
        self._watcher.start()

    def stop(self) -> None:
        """End both, the card left powered. Returns within two seconds, even from a stuck reader."""
        self._stop.set()
        self._watcher.join(self._watch_s + 1)
        if self._worker:
            self._worker.thread.join(JOB_WAIT_S + 0.5)

    # ------------------------------------------------------------ the slot

    def _watch(self) -> None:
        while not self._stop.is_set():
            slot = self._reader.watch(self._slot, self._watch_s)
            if not slot.same(self._slot):
                self._turned(slot)
            self._look_after_worker()
        self._reader.close()

    def _turned(self, slot: Slot) -> None:
        """The slot is another than before."""
        with self._lock:
            self._slot = slot
            self._leave()
            if slot.state is State.DOWN:
                self._tell_down(slot.why)
                return
            self._tell_up(slot.name)
            if slot.state is not State.EMPTY:
                self._enter(slot)

    def _enter(self, slot: Slot) -> None:
        self._present = Presentation(secrets.token_hex(4), slot)
        self._desk.tell(CardIn(self._present.token, slot.atr.hex()))
        if slot.state is State.MUTE:
            self._desk.tell(CardBad(self._present.token, "mute"))

    def _leave(self) -> None:
        if self._present:
            self._desk.tell(CardOut(self._present.token))
            self._present = None

    def _tell_down(self, why: str) -> None:
        if self._told != why:
            self._told = why
            self._desk.tell(ReaderDown(why))

    def _tell_up(self, name: str) -> None:
        if self._told != "":
            self._told = ""
            self._desk.tell(ReaderUp(name))

    def broken(self) -> None:
        """A thread of ours is dead for good."""
        self._tell_down("driver")

    # ------------------------------------------------------------ what the worker asks and says

    def present(self) -> Presentation | None:
        """What stands in the slot now."""
        with self._lock:
            return self._present

    def lost(self, presentation: Presentation, why: str) -> None:
        """The card is in, but the reader is not ours to use: busy, access, stuck."""
        with self._lock:
            if self._present is presentation:
                self._leave()
                self._tell_down(why)

    def swapped(self, presentation: Presentation) -> None:
        """Another card lies in the slot than the one that came, though the reader never saw it move."""
        with self._lock:
            if self._present is presentation:
                self._leave()
                self._enter(presentation.slot)

    def regained(self, slot: Slot) -> None:
        """The reader can be used again, for the card that is still in: a new presentation."""
        with self._lock:
            if self._present is None and slot.same(self._slot):
                self._tell_up(slot.name)
                self._enter(slot)

    def answer(self, worker: "_Worker", seen: Seen) -> None:
        """An answer to a job, unless its worker was given up."""
        with self._lock:
            if worker is self._worker:
                self._desk.tell(seen)

    def employs(self, worker: "_Worker") -> bool:
        """False once that worker was given up."""
        return worker is self._worker

    def session(self, slot: Slot) -> CardSession:
        """A new session with the card of that look. Raises CardError."""
        return CardSession(self._reader.open(slot), self._profile, self._vault, generation=self.generation())

    # ------------------------------------------------------------ the worker's life

    def _hire(self, done: JobKey | None = None) -> None:
        self._worker = _Worker(self, self._desk, self._stop, done)
        self._worker.thread.start()

    def _look_after_worker(self) -> None:
        """Give up a worker whose card or reader does not answer any more."""
        worker = self._worker
        if worker is None:
            return
        busy = worker.busy
        if busy is None or time.monotonic() - busy.since_s < self._stuck_s:
            return
        with self._lock:
            self.answer(worker, failed(busy.job, CardGone("no answer in time")))
            self._hire((busy.job.token, busy.job.id))
            self.lost(busy.presentation, "stuck")


@dataclass(frozen=True, slots=True)
class _Busy:
    job: CardJob
    presentation: Presentation
    since_s: float


class _Worker:
    """The thread that talks to the card. It owns every session that it opens."""

    def __init__(self, driver: CardDriver, desk: Desk, stop: threading.Event, done: JobKey | None) -> None:
        self._driver = driver
        self._desk = desk
        self._stop = stop
        self._done = done  # the last job that was taken
        self._session: CardSession | None = None
        self._held: Presentation | None = None  # what the session belongs to
        self._refused: Presentation | None = None  # a card that we may not use for now
        self.busy: _Busy | None = None
        self.thread = threading.Thread(target=supervised(self._run, stop, driver.broken), name="card-work", daemon=True)

    def _run(self) -> None:
        rev = -1
        while not self._stop.is_set() and self._driver.employs(self):
            published = self._desk.wait(rev, JOB_WAIT_S)
            rev = published.rev
            present = self._driver.present()
            if self._held is not present:
                self._let_go()
            if self._refused:
                self._ask_again(self._refused)
            job = published.card_job
            if job and present and job.token == present.token and (job.token, job.id) != self._done:
                self._done = (job.token, job.id)
                self._do(job, present)
        self._let_go()

    def _do(self, job: CardJob, present: Presentation) -> None:
        self.busy = _Busy(job, present, time.monotonic())
        try:
            if self._session is None:
                self._session, self._held = self._driver.session(present.slot), present
            self._session.generation = self._driver.generation()  # keys may come while a card lies there
            seen = perform(job, self._session)
        except ReaderError as error:
            self._refused = present
            self._driver.lost(present, error.why)
            return
        except CardError as error:
            seen = failed(job, error)
        finally:
            self.busy = None
        self._driver.answer(self, seen)
        if self._session and self._session.swapped:
            self._let_go()
            self._driver.swapped(present)

    def _ask_again(self, refused: Presentation) -> None:
        """Another program held the card, or the system refused us: try until it works or the slot changes."""
        try:
            self._driver.session(refused.slot).close()
        except ReaderError:
            return
        except CardError:
            self._refused = None
            return
        self._refused = None
        self._driver.regained(refused.slot)

    def _let_go(self) -> None:
        if self._session:
            self._session.close()
        self._session = self._held = None


def failed(job: CardJob, error: CardError) -> Seen:
    """The answer to a job that never reached the card."""
    if job.do != "read":
        return CardWorked(job.token, job.id, done=False, why=word_for_work(error))
    return CardOut(job.token) if isinstance(error, CardGone) else CardBad(job.token, word_for_card(error))
