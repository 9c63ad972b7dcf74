"""A note validator on eSSP: open, agree on a key, identify, judge, poll, obey; and start again when any of it fails.

The trap of this protocol is the poll: the one that follows "channel n is in escrow" takes the note. So a held note hears HOLD, and no
poll, until the journal has it and the stance has a word for it; the poll itself is the word "stack". After any break the first question
is HOLD: where a note is in escrow that nobody can speak for, it goes back before anything is polled. A device that hears nothing for ten
seconds gives a held note back by itself, which is why a kiosk that dies takes nobody's money.

Inhibits follow the desk's stance, level-triggered; nothing is taken while the desk does not listen or before the counters are compared.
Source: ITL SSP Protocol Manual GA138.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Literal

from kiosk.devices.contract import Health, Identity
from kiosk.devices.essp import events, orders, questions
from kiosk.devices.essp.crypto import DEFAULT_FIXED, Undeciphered
from kiosk.devices.essp.events import Polled, Say
from kiosk.devices.essp.health import Health as Condition
from kiosk.devices.essp.line import KeyLost, Line, Pace, Refused, Silent
from kiosk.devices.essp.orders import DISABLE, EVENT_ACK, POLL, POLL_WITH_ACK, REJECT
from kiosk.devices.essp.reports import Reports
from kiosk.devices.essp.tally import Note, Tally
from kiosk.devices.port import Port, PortLost
from kiosk.devices.supervise import supervised
from kiosk.vend.ports import Desk, Published
from kiosk.vend.seen import NoteRejected

_MISSES = 3  # rounds that were refused before the device is started up anew

Encryption = Literal["auto", "on", "off"]


class StartedAgain(Exception):
    """The device is not where the last poll left it. Start up anew."""


class NoteValidator:
    """A driver (`contract.Driver`): one thread for one device, from `start()` to `stop()`, or the caller's own thread with `run()`.

    `open_port` is called again whenever the port is lost. `enrolled`: the only serial that may take money; None takes any.
    `currency`: the notes that are money here, ISO 4217; `exponent`: its digits after the point. `encryption`: auto goes on in clear with a
    device that has none; `fixed`: the half of the key that lies in the device. A note of no known value is told with denomination 0.
    """

    def __init__(
        self,
        role: str,
        open_port: Callable[[], Port],
        desk: Desk,
        *,
        currency: str,
        exponent: int = 2,
        enrolled: str | None = None,
        address: int = 0,
        encryption: Encryption = "auto",
        fixed: int = DEFAULT_FIXED,
        pace: Pace | None = None,
        at: str = "",
    ) -> None:
        self.role, self.pace = role, pace or Pace()
        self._open_port, self._desk, self._enrolled, self._at = open_port, desk, enrolled, at
        self._currency, self._exponent, self._address = currency, exponent, address
        self._encryption, self._fixed = encryption, fixed
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._reports = Reports(role, desk)
        # the device, as far as it is known
        self._who: questions.Identity | None = None
        self._tally = Tally(role)
        self._condition = Condition(self.pace.fraud_s)
        self._repeats = True  # POLL WITH ACK is known
        self._at_rest = False  # by the last poll
        # what it and the desk were told last
        self._mask: int | None = None  # None: unknown
        self._opened = False  # the counters were compared when the stance last opened it
        # when things are due, time.monotonic()
        self._poll_at = self._hold_at = self._check_at = self._rest_by = 0.0

    # ---------------------------------------------------------------- contract.Driver

    def start(self) -> None:
        """See contract.Driver."""
        work = supervised(self.run, self._stopping, self._reports.given_up)
        self._thread = threading.Thread(target=work, name=self.role, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Gives a held note back, disables the device, closes the port, and ends; waits at most `timeout_s`."""
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """See contract.Driver."""
        return bool(self._thread and self._thread.is_alive())

    def health(self) -> Health:
        """See contract.Driver."""
        return self._reports.health

    def identity(self) -> Identity | None:
        """See contract.Driver."""
        who = self._who
        if who is None:
            return None
        versions = f"{who.firmware} {who.dataset}".strip()
        return Identity(self.role, "essp", "ITL", questions.VALIDATORS.get(who.unit, ""), who.serial, versions, self._at)

    # ---------------------------------------------------------------- life

    def run(self) -> None:
        """Opens, starts up and serves until `stop()`. Only a programmer's error, or the desk's, ends it otherwise."""
        self._reports.open()
        failures = 0
        try:
            while not self._stopping.is_set():
                try:
                    with contextlib.closing(self._open_port()) as port:
                        failures = 0
                        self._hold_port(port)
                except PortLost:
                    self._reports.is_down("offline", "no_device")
                    self._pause(failures)
                    failures += 1
        finally:
            self._reports.close()

    def _hold_port(self, port: Port) -> None:
        """Start-up and service on one open port, again and again: a silent device is no reason to close it."""
        failures = 0
        while not self._stopping.is_set():
            line = Line(port, self._address, self.pace, self._stopping)
            answers = True
            try:
                self._start_up(line)
                self._serve(line)
            except StartedAgain:
                self._pause(0)
            except (Silent, Refused, Undeciphered) as failure:
                answers = not isinstance(failure, Silent)
                failures = 0 if self._tally.begun else failures + 1
                if failures or not isinstance(failure, KeyLost):  # one that lost its key has only started again
                    self._reports.is_down("offline")
                self._tally.begun = False
                self._pause(max(0, failures - 1))
            finally:
                if answers:
                    self._leave(line)

    def _leave(self, line: Line) -> None:
        """Whoever comes next finds it taking nothing and holding nothing."""
        with contextlib.suppress(Silent, Refused, Undeciphered, PortLost):
            if self._held:
                line.ask(bytes([REJECT]))
            line.ask(bytes([DISABLE]))

    def _pause(self, failures: int) -> None:
        waits = self.pace.reopen_s
        self._stopping.wait(waits[min(failures, len(waits) - 1)])

    # ---------------------------------------------------------------- start-up

    def _start_up(self, line: Line) -> None:
        """From "who are you" to polls that find it at rest; it takes no money before the counters are compared, in service."""
        self._mask, self._at_rest, self._opened = None, False, False
        line.sync()
        if self._encryption != "off":
            orders.agree_on_key(line, self._fixed, must=self._encryption == "on")
        if orders.holds(line):
            orders.softly(line, REJECT)
        orders.softly(line, DISABLE)
        questions.agree(line)
        found = questions.setup(line)
        self._who = questions.identify(line, found.unit)
        published = self._desk.published()
        values = found.minor(self._currency, self._exponent)
        self._tally.meet(self._who.serial, values, published.acceptors.get(self.role), published.stance.escrow_counter, time.monotonic())
        self._condition.started()
        self._repeats = True
        self._poll_at = self._check_at = 0.0
        self._rest_by = time.monotonic() + self.pace.rest_s
        self._reports.starts()

    # ---------------------------------------------------------------- service

    def _serve(self, line: Line) -> None:
        """Polls and obeys until `stop()`. Raises Silent, StartedAgain, KeyLost, PortLost; Refused after three refused rounds."""
        misses, rev = 0, -1
        while not self._stopping.is_set():
            published = self._next(rev)
            rev = published.rev
            try:
                self._obey_escrow(line, published)
                if self._mask and not published.stance.notes:
                    self._obey(line, published)  # shut before anything else is asked: the screen waits for it
                if self._held is None and time.monotonic() >= self._poll_at:
                    self._poll(line)
                if self._at_rest and not self._tally.settled:
                    self._settle(line)
                self._obey(line, published)
                self._catch_up(published)
                misses = 0
            except KeyLost:
                raise
            except Refused:
                self._mask = None
                misses += 1
                if misses == _MISSES:
                    raise

    def _next(self, rev: int) -> Published:
        """What the desk wants, as soon as it wants something else or something is due."""
        due = self._hold_at if self._held else self._poll_at
        published = self._desk.wait(rev, max(0.0, due - time.monotonic()))
        if published.rev == rev:
            self._stopping.wait(max(0.0, due - time.monotonic()))
        elif self._tally.may_acknowledge(published.acceptors.get(self.role)):
            self._poll_at = 0.0
        return published

    @property
    def _held(self) -> Note | None:
        """The note that waits for its word: while it does, nothing is polled."""
        note = self._tally.note
        return note if note and note.stage == "held" else None

    def _obey_escrow(self, line: Line, published: Published) -> None:
        """The stance's word, if it is about this very note; else HOLD, as often as the device needs to hear it."""
        note, now = self._held, time.monotonic()
        if note is None:
            return
        stance = published.stance
        word = stance.escrow if stance.escrow_counter == note.counter else "hold"
        if word == "stack" and not self._swapped:
            self._moves("stacking")
        elif word == "return" or self._swapped or now - note.since > self.pace.decide_s:
            orders.softly(line, REJECT)
            self._moves("returning")
        elif now >= self._hold_at:
            self._hold_at = now + self.pace.hold_s
            if not orders.holds(line):
                self._moves("lost")

    def _moves(self, stage: Literal["stacking", "returning", "lost"]) -> None:
        self._tally.moves(stage, time.monotonic())
        self._at_rest, self._poll_at = False, 0.0

    def _poll(self, line: Line) -> None:
        """One look. What it says of money is told before anything is asked again."""
        self._poll_at = time.monotonic() + self.pace.poll_s
        if not self._reports.has_room():
            return  # it repeats what is money, and gives a note back that nobody takes
        polled = events.parse(self._ask_poll(line))
        now = time.monotonic()
        if polled.has(Say.RESET):
            self._tally.restarted()
            self._moves("lost")
        told = self._tally.polled(polled, repeats=self._repeats)
        self._reports.tell(told)
        if polled.has(Say.REJECTED) and not told:
            self._reports.tell([NoteRejected(self.role, orders.why_rejected(line))])
        if channel := polled.held:
            self._read(line, channel, now)
        self._condition.polled(polled, now, repeats=self._repeats)
        self._acknowledge(line, polled)
        self._rests(polled, now)
        if polled.has(Say.SHUT) and self._mask:
            self._mask = None
        self._tell_standing()
        if polled.has(Say.RESET):
            raise StartedAgain

    def _rests(self, polled: Polled, now: float) -> None:
        """Whether it is at rest; a note that was given a word, and is not heard of any more, is lost: the counters will tell."""
        self._at_rest = polled.at_rest
        note = self._tally.note
        late = bool(note and note.stage != "held" and now - note.since > self.pace.move_s)
        if late and note and note.stage != "lost":
            self._tally.moves("lost", note.since)
        self._condition.stuck(stuck=late and not polled.at_rest)
        if not self._tally.begun and not polled.at_rest and now > self._rest_by:
            self._reports.is_down("offline")

    def _ask_poll(self, line: Line) -> bytes:
        """POLL WITH ACK, or the plain one where the device does not know it."""
        if self._repeats:
            try:
                return line.ask(bytes([POLL_WITH_ACK]))
            except KeyLost:
                if line.encrypted:
                    raise
            except Refused:
                if self._tally.begun:
                    raise
            self._repeats = False
        return line.ask(bytes([POLL]))

    def _read(self, line: Line, channel: int, now: float) -> None:
        """A note is in escrow: it is told and held, or goes back before the next poll would take it."""
        told = [] if self._swapped else self._tally.held(channel, now)
        self._reports.tell(told)
        if told:
            self._hold_at = now + self.pace.hold_s
        else:
            orders.softly(line, REJECT)

    def _acknowledge(self, line: Line, polled: Polled) -> None:
        """Nothing that is money before the journal has it; a fraud at once."""
        if not self._repeats or not polled.to_acknowledge or self._swapped:
            return
        if self._tally.waits and not self._tally.may_acknowledge(self._desk.published().acceptors.get(self.role)):
            return
        if orders.softly(line, EVENT_ACK):
            self._tally.acknowledged()
            self._condition.acknowledged()

    def _settle(self, line: Line) -> None:
        """The device is at rest: its counters judge what was seen, and the desk is told where we stand."""
        note = self._tally.note
        if self._swapped or (note and note.stage != "lost"):
            return
        again = self._reports.down is not None and not self.fault
        told = self._tally.settle(questions.stacked(line), time.monotonic(), self.pace.settle_s, again=again)
        self._reports.tell(told)
        self._tell_standing()

    def _obey(self, line: Line, published: Published) -> None:
        """Inhibits as the stance says: only what is wanted is open, and nothing while the device or the desk is not well."""
        self._tell_standing()  # staff may have enrolled it
        behind = self._reports.behind_s() > self.pace.behind_s
        if time.monotonic() >= self._check_at:
            self._check_at, self._mask = time.monotonic() + self.pace.check_s, None
        if self._tally.note:
            return  # none other can come in; and a device that is disabled may let go of what it holds
        shut = bool(self.fault) or behind or not self._tally.begun
        wanted = () if shut else published.stance.notes
        mask = sum(1 << (channel - 1) for channel, minor in self._tally.values.items() if minor in wanted)
        if mask and not self._opened:
            self._opened, self._tally.settled = True, False  # the counters come first, and then the notes
        elif mask != self._mask:
            self._set_inhibits(line, mask)

    def _set_inhibits(self, line: Line, mask: int) -> None:
        self._mask = None
        if mask:
            orders.open_to(line, mask)
            self._mask = mask
        elif orders.softly(line, DISABLE):
            self._mask, self._opened = 0, False

    # ---------------------------------------------------------------- telling

    @property
    def fault(self) -> str:
        """Why no money may come in; "" when it may."""
        return "swapped" if self._swapped else self._condition.fault(time.monotonic())

    @property
    def _swapped(self) -> bool:
        """Not the device that staff enrolled, or none that takes notes."""
        return self._is_stranger or self._is_of_another_kind

    @property
    def _is_stranger(self) -> bool:
        ours = self._desk.published().enrolled.get(self.role) or self._enrolled
        return bool(self._who and ours) and self._tally.serial != ours

    @property
    def _is_of_another_kind(self) -> bool:
        return self._who is not None and self._who.unit not in questions.VALIDATORS

    def _tell_standing(self) -> None:
        """Tells a change to not well; well again is told by the counters, at rest."""
        fault = self.fault
        if fault:
            may_be_enrolled = fault == "swapped" and not self._is_of_another_kind
            self._reports.is_down(fault, serial=self._tally.serial if may_be_enrolled else "")
        elif self._reports.down is not None:
            self._tally.settled = False

    def _catch_up(self, published: Published) -> None:
        """Notes that went back move the ordinal and no journal row does: say where it stands while all is still, or it would run away."""
        memory, tally = published.acceptors.get(self.role), self._tally
        still = tally.settled and not tally.note and not self.fault and self._reports.quiet_s() > self.pace.still_s
        if still and self._reports.down is None and memory and memory.counter != tally.last != self._reports.last:
            self._reports.tell([tally.up(tally.expected)])
