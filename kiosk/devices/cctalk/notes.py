"""A note acceptor with escrow on ccTalk, address 40: a held note is nobody's until the journal has it and its word is given.

The word is said once (154). When its answer is lost, the event buffer tells what came of it; only a note that the device itself
still shows as held, after the time that it would have taken to move, is told again.
"""

import time
from typing import ClassVar

import msgspec

from kiosk.devices.cctalk import events
from kiosk.devices.cctalk.acceptor import Acceptor
from kiosk.devices.cctalk.bus import Bus, Refused, Silent
from kiosk.devices.cctalk.questions import optional, table
from kiosk.vend.ports import Stance
from kiosk.vend.seen import NoteBack, NoteHeld, NoteIn, NoteRejected

_TYPES = 16
_STACKER_AND_ESCROW = b"\x03"  # header 153
_ROUTE = {"return": b"\x00", "stack": b"\x01", "hold": b"\xff"}  # header 154
_ESCROW_EMPTY = b"\xfe"
_WORDS = 3  # times that one note is told before the device counts as jammed


class _Held(msgspec.Struct):
    """The note in escrow."""

    counter: int
    since: float
    said: str = ""  # stack | return, once it was said
    said_at: float = 0.0
    times: int = 0
    gone: bool = False  # the device says that its escrow is empty
    hold_at: float = 0.0  # when "hold" is due again


class NoteAcceptor(Acceptor):
    """See Acceptor for the arguments. A note of no known value is told with denomination 0 (event 21: unknown bill stacked)."""

    address: ClassVar[int] = 40
    category: ClassVar[str] = "bill"
    events_header: ClassVar[int] = 159
    _held: _Held | None = None
    _empty: int | None = None  # the counter of a held note that the device says it does not have
    _seen_at = 0.0

    def read_values(self, bus: Bus) -> dict[int, int]:
        """Bill ids (157) of our own country, times its scaling (156)."""
        scale = bus.ask(156, self.country.encode("ascii"), size=3, tries=5)
        bills = table(bus, 157, _TYPES, 7)
        if bus.ask(156, self.country.encode("ascii"), size=3, tries=5) != scale:
            raise Silent("the country scaling is not the same twice")
        scaling, decimals = int.from_bytes(scale[:2], "little"), scale[2]
        ours = {number: identity for number, identity in bills.items() if identity.startswith(self.country)}
        values = {number: events.bill_minor(identity, scaling, decimals, self.exponent) for number, identity in ours.items()}
        return {number: minor for number, minor in values.items() if minor is not None}

    def prepare(self, bus: Bus) -> None:
        """Stacker and escrow on (153)."""
        self._empty = None
        bus.ask(153, _STACKER_AND_ESCROW, size=0, tries=5)

    def settings_lost(self, bus: Bus) -> bool:
        """Without escrow a note would be money before anyone was asked (152)."""
        mode = optional(bus, 152, size=1)
        return mode is not None and mode[0] & 3 != 3

    def meaning(self, event: events.Event) -> events.Meaning:
        """See `events.bill`."""
        return events.bill(event)

    def wanted(self, stance: Stance) -> tuple[int, ...]:
        """The stance's notes."""
        return stance.notes

    def tell_event(self, event: events.Event, meaning: events.Meaning, accepted: int | None) -> None:
        """What became of a note."""
        minor = self.values.get(meaning.type, 0)
        match meaning.say:
            case events.Say.CREDIT:
                self.tell(NoteIn(self.role, self.serial, minor, event.counter, accepted))
            case events.Say.ESCROW:
                self.tell(NoteHeld(self.role, self.serial, minor, event.counter))
            case events.Say.RETURNED:
                self.tell(NoteBack(self.role, self.serial, event.counter))
            case events.Say.REJECTED:
                self.tell(NoteRejected(self.role, meaning.word))

    # ---------------------------------------------------------------- escrow

    @property
    def holding(self) -> bool:
        """Whether a note waits for its word."""
        return self._held is not None

    def polled(self, buffer: events.Buffer) -> None:
        """Whether a note is held is what the buffer says, also after a restart of ours."""
        self._seen_at = time.monotonic()
        event = events.escrowed(buffer)
        if event is None or event.counter == self._empty:
            self._held = None
        elif self._held is None or self._held.counter != event.counter:
            self._held, self._empty = _Held(event.counter, self._seen_at), None

    def escrow_on_disk(self, stance: Stance) -> int | None:
        """The note that the stance has a word for."""
        return stance.escrow_counter

    def obey_escrow(self, bus: Bus, stance: Stance) -> None:
        """The stance's word, if it is about this very note; else "hold", as often as the device needs to hear it, but not for ever.

        A desk that has no word for a note does not know of it: it takes it for gone when the device was away. So it goes back.
        """
        held = self._held
        if held is None or self.fault == "swapped":
            return
        word = stance.escrow if stance.escrow_counter == held.counter else "hold"
        now = time.monotonic()
        if word == "hold" and now - held.since > self.pace.decide_s:
            word = "return"
        if word in {"stack", "return"}:
            if held.gone and self._seen_at > held.said_at + self.pace.route_s:
                self._empty = held.counter
                self.broken("fault-254")
            elif not held.said or self._seen_at > held.said_at + self.pace.route_s:
                self._route(bus, held, word)
        elif not held.said and now >= held.hold_at:
            held.hold_at = now + self.pace.hold_s
            bus.ask(154, _ROUTE["hold"], tries=1)

    def let_go(self, bus: Bus) -> None:
        """The desk has died: a note that was not told to fall is the customer's, at once."""
        if self._held and self._held.said != "stack":
            bus.ask(154, _ROUTE["return"], tries=1)

    def _route(self, bus: Bus, held: _Held, word: str) -> None:
        held.said, held.said_at, held.times = word, time.monotonic(), held.times + 1
        if held.times > _WORDS:
            held.times = 0
            self.broken("jammed")
            return
        self.poll_now()
        try:
            held.gone = bus.ask(154, _ROUTE[word], tries=1) == _ESCROW_EMPTY
        except (Silent, Refused):
            return  # it may have been done: the next look at the buffer tells
