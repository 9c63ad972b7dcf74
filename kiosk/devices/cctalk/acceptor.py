"""What a coin and a note acceptor have in common: open, identify, replay, poll, obey; and start again when any of it fails.

The journal's counter decides what is news. The device's inhibits follow the desk's stance, level-triggered: they are set again every
few seconds and after anything that looks odd, and nothing is taken while the desk does not listen. Header numbers are those of the
ccTalk Generic Specification 4.7, part 2.
"""

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from kiosk.devices import contract
from kiosk.devices.cctalk import questions
from kiosk.devices.cctalk.bus import Bus, Pace, Refused, Silent
from kiosk.devices.cctalk.events import Buffer, Event, Meaning, Say, news
from kiosk.devices.cctalk.health import Health
from kiosk.devices.cctalk.wire import Mode
from kiosk.devices.contract import Standing
from kiosk.devices.outbox import Outbox
from kiosk.devices.port import Port, PortLost
from kiosk.devices.supervise import supervised
from kiosk.vend.ports import AcceptorMemory, Desk, DeskDied, Published, Stance
from kiosk.vend.seen import AcceptorDown, AcceptorReset, AcceptorUp, EventsLost, Seen

_MISSES = 3  # polls without an answer before a device counts as gone
_TRIES = 5  # for what start-up cannot do without


class StartedAgain(Exception):
    """The device is not where the last poll left it: reset, exchanged, or too much happened at once. Start up anew."""


class Acceptor(ABC):
    """A driver: one thread for one device, from `start()` to `stop()`, or the caller's own thread with `run()`.

    `open_port` is called again whenever the port is lost. `enrolled`: the only serial that may take money; None takes any.
    `country`: the first two letters of the coin and bill ids that are money here ("CN"); `exponent`: the currency's digits after the point.
    `at`: the port's name, for whoever asks.
    """

    address: ClassVar[int]
    category: ClassVar[str]  # how the answer to 245 begins, in lower case
    events_header: ClassVar[int]

    def __init__(
        self,
        role: str,
        open_port: Callable[[], Port],
        desk: Desk,
        *,
        country: str,
        exponent: int = 2,
        enrolled: str | None = None,
        address: int | None = None,
        mode: Mode = Mode.CHECKSUM,
        echo: bool | None = None,
        pace: Pace | None = None,
        at: str = "",
    ) -> None:
        self.role, self.country, self.exponent, self.pace = role, country, exponent, pace or Pace()
        self._open_port, self._desk, self._enrolled = open_port, desk, enrolled
        self._address, self._mode, self._echo, self._at = address or self.address, mode, echo, at
        self._standing = Standing()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._outbox = Outbox(role, desk.tell)
        # the device, as far as it is known
        self._who: questions.Identity | None = None
        self.values: dict[int, int] = {}  # coin position or bill type -> minor units
        self._has_accept_counter = False
        self._accepted: int | None = None
        self._last: int | None = None  # the counter of the last event that was told
        self._before: Buffer | None = None
        self._reset = False  # since the last AcceptorUp
        self._health = Health(self.pace.fraud_s)
        # what it and the desk were told last
        self._mask: int | None = None  # None: unknown
        self._told_down: str | None = None
        self._told_counter: int | None = None
        # when things are due, time.monotonic()
        self._poll_s = self.pace.poll_s
        self._poll_at = self._check_at = self._news_at = 0.0

    # ---------------------------------------------------------------- what coins and notes do differently

    @abstractmethod
    def read_values(self, bus: Bus) -> dict[int, int]:
        """Minor units by coin position or bill type, as the device itself names them."""

    @abstractmethod
    def meaning(self, event: Event) -> Meaning:
        """The event in words."""

    @abstractmethod
    def wanted(self, stance: Stance) -> tuple[int, ...]:
        """The denominations that may come in now."""

    @abstractmethod
    def tell_event(self, event: Event, meaning: Meaning, accepted: int | None) -> None:
        """Tells the desk a credit, an escrow, a return or a rejection."""

    def prepare(self, bus: Bus) -> None:  # noqa: B027 - coins have none
        """Makes the settings that a device loses with its power."""

    def settings_lost(self, bus: Bus) -> bool:  # noqa: ARG002 - for those that have none
        """Whether those settings are gone."""
        return False

    def polled(self, buffer: Buffer) -> None:  # noqa: B027 - coins have none
        """A buffer was read and its news told."""

    def escrow_on_disk(self, stance: Stance) -> int | None:  # noqa: ARG002 - coins are never held
        """The counter of the held note that the journal knows of."""
        return None

    def obey_escrow(self, bus: Bus, stance: Stance) -> None:  # noqa: B027 - coins have none
        """Gives a held note its word."""

    def let_go(self, bus: Bus) -> None:  # noqa: B027 - coins have none
        """The desk has died: gives back what is held."""

    @property
    def holding(self) -> bool:
        """Whether a note waits for its word."""
        return False

    # ---------------------------------------------------------------- life

    def start(self) -> None:
        """Runs in a thread of its own."""
        work = supervised(self.run, self._stopping, self._given_up)
        self._thread = threading.Thread(target=work, name=self.role, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Inhibits the device, closes the port, and ends; waits at most `timeout_s`."""
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether its own thread runs."""
        return bool(self._thread and self._thread.is_alive())

    def health(self) -> contract.Health:
        """See contract.Driver."""
        return self._standing.health

    def identity(self) -> contract.Identity | None:
        """See contract.Driver."""
        who = self._who
        if who is None:
            return None
        return contract.Identity(self.role, "cctalk", who.manufacturer, who.product, who.serial, who.software, self._at)

    def run(self) -> None:
        """Opens, starts up and serves until `stop()`. Only a programmer's error, or the desk's, ends it otherwise."""
        self._outbox.open()
        failures = 0
        try:
            while not self._stopping.is_set():
                try:
                    with contextlib.closing(self._open_port()) as port:
                        failures = 0
                        self._hold_port(port)
                except PortLost:
                    self._down("offline", "no_device")
                    self._pause(failures)
                    failures += 1
        finally:
            self._outbox.close(1.0)

    def _hold_port(self, port: Port) -> None:
        """Start-up and service on one open port, again and again: a silent device is no reason to close it."""
        failures = 0
        while not self._stopping.is_set():
            bus = Bus(port, self._address, self._mode, self._echo, self.pace, wary=failures > 0, stopping=self._stopping)
            try:
                self._start_up(bus)
                failures = 0
                self._serve(bus)
            except StartedAgain:
                continue
            except (Silent, Refused):
                self._down("offline")
                self._pause(failures)
                failures += 1
            except DeskDied:
                with contextlib.suppress(Silent, Refused, PortLost):
                    self.let_go(bus)
                raise
            finally:
                with contextlib.suppress(Silent, Refused, PortLost):
                    bus.ask(228, b"\0", size=0)

    def _pause(self, failures: int) -> None:
        waits = self.pace.reopen_s
        self._stopping.wait(waits[min(failures, len(waits) - 1)])

    # ---------------------------------------------------------------- start-up

    def _start_up(self, bus: Bus) -> None:
        """From "who are you" to "this is where we stand"; the device takes no money meanwhile."""
        bus.ask(254, size=0, tries=_TRIES, timeout_s=self.pace.first_s)
        bus.ask(228, b"\0", size=0, tries=_TRIES)
        bus.ask(231, b"\0\0", size=0, tries=_TRIES)
        self._mask = 0
        memory = self._recognise(bus)
        self._poll_s = min(self.pace.poll_s, questions.polling_interval_s(bus))
        self.values = self.read_values(bus)
        self.prepare(bus)
        self._has_accept_counter = questions.has_accept_counter(bus, must=memory is not None and memory.accepted is not None)
        self._take(*self._look(bus), self.escrow_on_disk(self._desk.published().stance))
        self._health.started(questions.self_check(bus), time.monotonic())
        self._check_at = time.monotonic() + self.pace.check_s
        self._told_down = self._told_down or "starting"  # so that it is told again that all is well
        self._tell_standing()

    def _recognise(self, bus: Bus) -> AcceptorMemory | None:
        """Who it is, and what the journal knows of this very device."""
        known, self._who = self._who, questions.identify(bus)
        if known and known.serial != self._who.serial:
            self._last = self._before = None
            self._reset = False
        memory = self._desk.published().acceptors.get(self.role)
        if memory is None or memory.serial != self._who.serial:
            return None
        if self._last is None:
            self._last = memory.counter
        return memory

    # ---------------------------------------------------------------- service

    def _serve(self, bus: Bus) -> None:
        """Polls and obeys until `stop()`. Raises Silent after three rounds without an answer, StartedAgain, PortLost."""
        misses, rev = 0, -1
        while not self._stopping.is_set():
            published = self._next(rev)
            rev = published.rev
            try:
                if self._mask and not self.wanted(published.stance):
                    self._obey(bus, published)  # shut before anything else is asked: the screen waits for it
                if time.monotonic() >= self._poll_at:
                    self._poll(bus)
                if time.monotonic() >= self._check_at:
                    self._check(bus)
                self._obey(bus, published)
                misses = 0
            except (Silent, Refused):
                self._mask, self._check_at = None, 0.0  # it may have started again: its settings come before any money
                misses += 1
                if misses == _MISSES:
                    raise

    def _next(self, rev: int) -> Published:
        """What the desk wants, as soon as it wants something else or a poll is due."""
        due = min(self._poll_at, time.monotonic() + self._poll_s)
        published = self._desk.wait(rev, max(0.0, due - time.monotonic()))
        if published.rev == rev:
            self._stopping.wait(max(0.0, due - time.monotonic()))
        return published

    def _obey(self, bus: Bus, published: Published) -> None:
        """Inhibits as the stance says: only what is wanted is open, and nothing while the device or the desk is not well."""
        self._tell_standing()  # staff may have enrolled it
        shut = bool(self.fault) or self._outbox.behind_s() > self.pace.behind_s
        wanted = () if shut else self.wanted(published.stance)
        mask = sum(1 << (position - 1) for position, minor in self.values.items() if minor in wanted)
        if mask != self._mask:
            self._mask = None
            if mask:
                bus.ask(231, mask.to_bytes(2, "little"), size=0)
            bus.ask(228, bytes([bool(mask)]), size=0)
            self._mask = mask
        self.obey_escrow(bus, published.stance)
        self._catch_up(published)

    def _poll(self, bus: Bus) -> None:
        self._poll_at = time.monotonic() + self._poll_s
        if not self._outbox.has_room():
            return  # the device remembers five events, and says when it forgot one
        buffer = Buffer.parse(bus.ask(self.events_header, size=11, tries=1))
        if buffer != self._before:
            buffer, accepted = self._look(bus)
            found = news(self._last, buffer, self._before)
            if found.reset or found.lost:
                raise StartedAgain
            self._take(buffer, accepted)
            self._tell_standing()
        else:
            self.polled(buffer)

    def _look(self, bus: Bus) -> tuple[Buffer, int | None]:
        return questions.steady_buffer(bus, self.events_header, accept_counter=self._has_accept_counter)

    def _take(self, buffer: Buffer, accepted: int | None, escrow: int | None = None) -> None:
        """Tells what is new, oldest first, each event with the counters that it made."""
        found = news(self._last, buffer, self._before, escrow)
        if found.reset:
            self._reset = True
            self.tell(AcceptorReset(self.role, self.serial))
        if found.lost:
            self.tell(EventsLost(self.role, found.lost))
        meanings = [self.meaning(event) for event in found.events]
        for place, (event, meaning) in enumerate(zip(found.events, meanings, strict=True)):
            later = sum(following.say is Say.CREDIT for following in meanings[place + 1 :])
            self.tell_event(event, meaning, None if accepted is None else accepted - later)
            if self._health.happened(meaning, time.monotonic()):
                self._check_at = 0.0
        if self._last != buffer.counter:
            self._news_at = time.monotonic()
        self._last, self._before, self._accepted = buffer.counter, buffer, accepted
        self.polled(buffer)

    def poll_now(self) -> None:
        """Something was asked of the device: look at once."""
        self._poll_at = 0.0

    def broken(self, code: str) -> None:
        """It does not do what it was told: out of service until its next self-check."""
        self._health.fault = code
        self._check_at = time.monotonic() + self.pace.check_s
        self._tell_standing()

    def _check(self, bus: Bus) -> None:
        """Now and then: is it still as we set it, and is a broken one well again?"""
        self._check_at = time.monotonic() + self.pace.check_s
        if self.settings_lost(bus):
            raise StartedAgain
        if self._health.fault:
            self._health.checked(questions.self_check(bus), time.monotonic())
            self._tell_standing()
        self._mask = None

    # ---------------------------------------------------------------- telling

    @property
    def serial(self) -> str:
        """The device's own; "" before it was ever met."""
        return self._who.serial if self._who else ""

    def tell(self, seen: Seen) -> None:
        """Queues it for the desk."""
        self._outbox.put(seen)

    @property
    def fault(self) -> str:
        """Why no money may come in; "" when it may."""
        return "swapped" if self._is_stranger or self._is_of_another_kind else self._health.fault

    @property
    def _is_stranger(self) -> bool:
        ours = self._desk.published().enrolled.get(self.role) or self._enrolled
        return bool(self._who and ours) and self.serial != ours

    @property
    def _is_of_another_kind(self) -> bool:
        return self._who is not None and not self._who.category.lower().startswith(self.category)

    def _given_up(self) -> None:
        self._standing.becomes("driver")
        self._desk.tell(AcceptorDown(self.role, "driver"))

    def _down(self, code: str, state: contract.State | None = None) -> None:
        self._standing.becomes(code, state)
        if code != self._told_down:
            self._told_down = code
            may_be_enrolled = code == "swapped" and not self._is_of_another_kind
            self.tell(AcceptorDown(self.role, code, self.serial if may_be_enrolled else ""))

    def _tell_standing(self) -> None:
        """Tells a change between well and not well."""
        if self.fault:
            self._down(self.fault)
        elif self._told_down is not None:
            self._tell_up()

    def _tell_up(self) -> None:
        self._standing.becomes("")
        denominations = tuple(sorted(set(self.values.values())))
        self.tell(AcceptorUp(self.role, self.serial, self._last or 0, self._accepted, denominations, self._reset))
        self._told_down, self._told_counter, self._reset = None, self._last, False

    def _catch_up(self, published: Published) -> None:
        """Rejected coins move the counter and no journal row does: say where it stands while all is still, or a restart would miss them."""
        memory = published.acceptors.get(self.role)
        still = self._mask == 0 and not self.holding and time.monotonic() - self._news_at > self.pace.still_s
        if still and not self.fault and memory and memory.counter != self._last != self._told_counter:
            self._tell_up()
