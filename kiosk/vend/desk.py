"""The desk: one thread, one bounded inbox, one fsync. Whatever is told goes step -> journal -> fold -> published, one after the other.

    tell(seen) ---> [inbox, 1024] ---> step(state, seen, now) = facts
                                       append the lasting ones; a barrier is on disk before anything else happens
                                       fold them all, publish the new state, call the subscribers

What carries no barrier is on disk within 100 ms. The desk wakes by itself at the state's deadline (a Tick), to commit, to sign the chain's
head, to store a checkpoint. If anything here fails, the desk is dead: every waiter learns it, and the core ends; restart and replay are
the way back.
"""

import contextlib
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, Protocol, TypeVar

from kiosk.vend.facts import CardVerified, Checkpointed, ClaimIssued, ClockStepped, Fact, HeadSigned, Row
from kiosk.vend.journal import Journal
from kiosk.vend.ports import DeskBusy, DeskDied, Published, Station
from kiosk.vend.rules import Now
from kiosk.vend.seen import Seen, Tick

INBOX = 1024
BUSY_AFTER_S = 5.0
COMMIT_AFTER_MS = 90  # leaves the commit itself time within the promised 100
CLOCK_STEP_MS = 5_000
HEAD_EVERY_MS = 15 * 60 * 1000
CHECKPOINT_ROWS = 1_000
LOOK_EVERY_MS = 60_000  # an idle desk still looks at its clock
BOOKKEEPING = (HeadSigned, Checkpointed)  # nothing to show, nothing to sign again
SIGNED_AFTER = (CardVerified, ClaimIssued)

S = TypeVar("S")


class Clock(Protocol):
    """Where the desk's time comes from; tests own it."""

    def now(self) -> Now:
        """This moment: wall time, monotonic time, this boot, and fresh random."""


class SystemClock:
    """The machine's own clocks. `boot` is the journal's number of this start."""

    def __init__(self, boot: int) -> None:
        self._boot = boot

    def now(self) -> Now:
        """This moment."""
        return Now(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000, self._boot, secrets.token_hex(8))


@dataclass(frozen=True)
class Machine(Generic[S]):
    """What the desk does, as pure functions over a state that it does not know."""

    blank: S  # before the first row
    step: Callable[[S, Seen, Now], tuple[Fact, ...]]
    fold: Callable[[S, Fact, Row], S]
    publish: Callable[[S, Now, int], Published]
    deadline: Callable[[S], int | None]  # monotonic ms at which the state wants a Tick
    quiet: Callable[[S], bool]  # no open sale: a good moment for a checkpoint
    freeze: Callable[[S], bytes]
    thaw: Callable[[bytes], S | None]  # None for a state that another version of the software froze


def recover(journal: Journal, machine: Machine[S]) -> S:
    """Replay: the newest checkpoint that this software can read, and all rows since, each checked against the chain."""
    state, first = machine.blank, 1
    for seq, frozen in journal.checkpoints():
        thawed = machine.thaw(frozen)
        if thawed is not None:
            state, first = thawed, seq
            break
    for recorded in journal.tail(first):
        state = machine.fold(state, recorded.fact, recorded.row)
    return state


class Desk(Generic[S]):
    """Implements `ports.Desk`. tell, published, wait and subscribe are for any thread; the rest is the desk's thread alone."""

    def __init__(
        self,
        machine: Machine[S],
        state: S,
        journal: Journal,
        station: Station,
        clock: Clock,
        *,
        on_death: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._machine, self._state, self._journal, self._station, self._clock = machine, state, journal, station, clock
        self._on_death = on_death
        self._inbox: queue.Queue[Seen | None] = queue.Queue(INBOX)
        self._changed = threading.Condition()
        self._subscribers: tuple[Callable[[Published], None], ...] = ()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self._stopping = False
        self._over: BaseException | None = None
        now = clock.now()
        self._lead_ms = now.at_ms - now.mono_ms  # wall over monotonic
        self._commit_at: int | None = None
        self._ticked: int | None = None  # the deadline that was ticked in vain
        self._head_at = now.mono_ms + HEAD_EVERY_MS
        self._head_wanted = False
        self._unsigned = 0
        self._checkpointed = journal.checkpointed()
        self._published = machine.publish(state, now, 1)

    # ------------------------------------------------------------ for any thread

    def tell(self, seen: Seen) -> None:
        """Into the inbox. Waits up to 5 s when it is full, then DeskBusy; DeskDied when nobody will hear it.

        Told is not yet on disk: a device's own counters bring back what a crash forgot.
        """
        self._check_alive()
        try:
            self._inbox.put(seen, timeout=BUSY_AFTER_S)
        except queue.Full:
            self._check_alive()
            raise DeskBusy("the desk has not listened for five seconds") from None
        self._check_alive()

    def published(self) -> Published:
        """The newest; never blocks. Raises DeskDied."""
        self._check_alive()
        return self._published

    def wait(self, rev: int, timeout_s: float) -> Published:
        """The newest, as soon as its rev is not `rev`, or after the timeout. Raises DeskDied, at once when that happens."""
        with self._changed:
            self._changed.wait_for(lambda: self._over is not None or self._published.rev != rev, timeout_s)
        return self.published()

    def subscribe(self, callback: Callable[[Published], None]) -> None:
        """Called on the desk's thread with everything published from now on. It must be quick; what it raises ends the desk."""
        with self._changed:
            self._subscribers = (*self._subscribers, callback)

    def start(self) -> None:
        """Begin to listen, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End in good order: what was told is heard, everything is committed, waiters get DeskDied. Not from the desk's thread."""
        self._stopping = True
        with contextlib.suppress(queue.Full):  # a full inbox wakes it as well
            self._inbox.put_nowait(None)
        self._thread.join()

    def _check_alive(self) -> None:
        if self._over is not None:
            raise DeskDied(f"the desk has ended: {self._over}") from self._over

    # ------------------------------------------------------------ the desk's thread

    def _run(self) -> None:
        try:
            while not (self._stopping and self._inbox.empty()):
                if not self.run_once():
                    self._take_next(self._idle_s())
            self._journal.commit()
        except BaseException as error:  # noqa: BLE001 - whatever it was, the desk is dead and everyone must learn it
            self._end(error)
            if self._on_death is not None:
                self._on_death(error)
        else:
            self._end(DeskDied("it was stopped"))

    def _end(self, why: BaseException) -> None:
        with self._changed:
            self._over = why
            self._changed.notify_all()
        while not self._inbox.empty():  # lets go whoever waits to be heard
            self._inbox.get_nowait()

    def run_once(self) -> bool:
        """Do one thing that is due, else hear one thing that was told; False when there is neither. Never waits."""
        return self._do_due(self._clock.now()) or self._take_next(0)

    def drain(self) -> None:
        """Until nothing is due and nothing is in the inbox: for whoever runs the desk without its thread."""
        while self.run_once():
            pass

    def record(self, facts: Iterable[Fact]) -> None:
        """What happened without anyone telling: a boot's first facts, before `start`."""
        self._record(tuple(facts), self._clock.now())

    def _take_next(self, timeout_s: float) -> bool:
        try:
            seen = self._inbox.get(timeout=timeout_s) if timeout_s > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return False
        if seen is not None:
            now = self._clock.now()
            self._record(self._machine.step(self._state, seen, now), now)
        return True

    def _record(self, facts: tuple[Fact, ...], now: Now) -> None:
        """Write down, then fold, then publish: nothing follows from a fact that is not where it has to be."""
        if not facts:
            return
        lasting = [fact for fact in facts if not fact.passing]
        if lasting and self._head_wanted:
            signed = self._signed_head(now)
            facts, lasting = (signed, *facts), [signed, *lasting]
        seq, head = self._journal.head()
        here = Row(seq, now.at_ms, now.boot, now.mono_ms, head.hex())
        rows = iter(self._journal.append(now.at_ms, now.boot, now.mono_ms, lasting))
        for fact in facts:
            here = here if fact.passing else next(rows)
            self._state = self._machine.fold(self._state, fact, here)
        self._unsigned += sum(not isinstance(fact, BOOKKEEPING) for fact in lasting)
        self._head_wanted = self._head_wanted or any(isinstance(fact, SIGNED_AFTER) for fact in lasting)
        self._commit_at = (self._commit_at or now.mono_ms + COMMIT_AFTER_MS) if self._journal.pending() else None
        self._ticked = None
        if not all(isinstance(fact, BOOKKEEPING) for fact in facts):
            self._publish(now)

    def _publish(self, now: Now) -> None:
        published = self._machine.publish(self._state, now, self._published.rev + 1)
        with self._changed:
            self._published = published
            self._changed.notify_all()
        for callback in self._subscribers:
            callback(published)

    # ------------------------------------------------------------ what is due by itself

    def _do_due(self, now: Now) -> bool:
        if (stepped_ms := self._clock_stepped(now)) != 0:
            self._record((ClockStepped(stepped_ms),), now)
        elif self._commit_at is not None and now.mono_ms >= self._commit_at:
            self._commit_at = None
            self._journal.commit()
        elif (due := self._deadline()) is not None and now.mono_ms >= due:
            self._ticked = due  # a Tick that changes nothing is not repeated
            self._record(self._machine.step(self._state, Tick(), now), now)
        elif self._unsigned and now.mono_ms >= self._head_at:
            self._record((self._signed_head(now),), now)
        elif self._inbox.empty() and self._journal.head()[0] - self._checkpointed >= CHECKPOINT_ROWS and self._machine.quiet(self._state):
            self._checkpoint(now)
        else:
            return False
        return True

    def _deadline(self) -> int | None:
        due = self._machine.deadline(self._state)
        return None if due == self._ticked else due

    def _idle_s(self) -> float:
        """How long nothing will be due. Rounded up, or the desk would wake a moment before the time and find nothing to do."""
        moments = (self._commit_at, self._deadline(), self._head_at if self._unsigned else None)
        now_ms = self._clock.now().mono_ms
        waits_ms = [moment - now_ms for moment in moments if moment is not None]
        return max(1, min([LOOK_EVERY_MS, *waits_ms])) / 1000

    def _clock_stepped(self, now: Now) -> int:
        """By how much the wall clock left the monotonic one since the last look; slow drift is no step."""
        stepped_ms = now.at_ms - now.mono_ms - self._lead_ms
        self._lead_ms += stepped_ms
        return stepped_ms if abs(stepped_ms) > CLOCK_STEP_MS else 0

    def _signed_head(self, now: Now) -> HeadSigned:
        self._head_wanted, self._unsigned, self._head_at = False, 0, now.mono_ms + HEAD_EVERY_MS
        seq, head = self._journal.head()
        return HeadSigned(seq, head.hex(), self._station.sign("head", self._journal.head_message()).hex())

    def _checkpoint(self, now: Now) -> None:
        frozen = self._machine.freeze(self._state)
        row = self._journal.checkpoint(frozen, now.at_ms, now.boot, now.mono_ms)
        self._checkpointed, self._commit_at = row.seq, None
        self._state = self._machine.fold(self._state, Checkpointed(sha256(frozen).hexdigest()), row)
