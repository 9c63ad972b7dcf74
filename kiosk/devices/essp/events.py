"""What the answer to a poll says. Pure: bytes in, events out.

An answer carries its events one behind the other, oldest first, and only the table tells how long each is. So nothing behind a code
that is not in the table can be read: the answer ends there, and the counters say whether money was in the rest. Events of protocol 6 and
of validators that pay nothing out. Source: ITL SSP Protocol Manual GA138, "Poll", "Poll with ACK" and the pages of the events.
"""

from enum import Enum, auto

import msgspec


class Say(Enum):
    """What an event is about."""

    RESET = auto()  # it has started again
    READ = auto()  # a note is read (channel 0) or held in escrow
    MOVING = auto()  # a note is on its way; ask again
    CREDIT = auto()  # past recovery: money
    STACKED = auto()
    REJECTED = auto()  # back with the customer
    CLEARED_OUT = auto()  # at power-up: out of the front
    CLEARED_IN = auto()  # at power-up: into the cash box, money
    FAULT = auto()  # as long as it is said
    BOX = auto()  # the cash box is full or out, until it says otherwise
    BOX_BACK = auto()
    FRAUD = auto()
    SHUT = auto()  # disabled, or no channel is open
    STARTING = auto()
    NOTHING = auto()


class Row(msgspec.Struct, frozen=True):
    """One line of the table. `size`: bytes that follow the code; `ack`: repeated under POLL WITH ACK until it is acknowledged."""

    say: Say
    name: str
    size: int = 0
    word: str = ""
    ack: bool = False


TABLE: dict[int, Row] = {
    0xF1: Row(Say.RESET, "slave reset"),
    0xEF: Row(Say.READ, "read", 1),
    0xEE: Row(Say.CREDIT, "note credit", 1, ack=True),
    0xED: Row(Say.MOVING, "rejecting"),
    0xEC: Row(Say.REJECTED, "rejected"),
    0xEB: Row(Say.STACKED, "stacked"),
    0xEA: Row(Say.FAULT, "safe jam", word="jammed"),
    0xE9: Row(Say.FAULT, "unsafe jam", word="jammed"),
    0xE8: Row(Say.SHUT, "disabled"),
    0xE7: Row(Say.BOX, "stacker full", word="full"),
    0xE6: Row(Say.FRAUD, "fraud attempt", 1, "fraud-230", ack=True),
    0xE4: Row(Say.BOX_BACK, "cash box replaced"),
    0xE3: Row(Say.BOX, "cash box removed", word="removed"),
    0xE2: Row(Say.CLEARED_IN, "note cleared into cash box", 1, ack=True),
    0xE1: Row(Say.CLEARED_OUT, "note cleared from front", 1),
    0xE0: Row(Say.FAULT, "note path open", word="fault-224"),
    0xCF: Row(Say.BOX, "device full", word="full"),
    0xCC: Row(Say.MOVING, "stacking"),
    0xC9: Row(Say.NOTHING, "note transferred to stacker", 7),
    0xC8: Row(Say.NOTHING, "note float attached"),
    0xC7: Row(Say.NOTHING, "note float removed"),
    0xB6: Row(Say.STARTING, "initialising"),
    0xB5: Row(Say.SHUT, "all channels inhibited"),
}


class Event(msgspec.Struct, frozen=True):
    """One event. `channel`: of the note that it names, 0 where it names none."""

    code: int
    row: Row
    channel: int = 0

    @property
    def say(self) -> Say:
        """What it is about."""
        return self.row.say


class Polled(msgspec.Struct, frozen=True):
    """One answer to a poll. `unread`: the code at which reading had to stop, None where all was read."""

    events: tuple[Event, ...] = ()
    unread: int | None = None

    @property
    def credits(self) -> tuple[Event, ...]:
        """The events that are money."""
        return tuple(event for event in self.events if event.say in (Say.CREDIT, Say.CLEARED_IN))

    @property
    def to_acknowledge(self) -> bool:
        """Whether anything in it is repeated until it is acknowledged."""
        return any(event.row.ack for event in self.events)

    @property
    def held(self) -> int:
        """The channel of the note in escrow, 0 where there is none. The next poll would take it."""
        return next((event.channel for event in reversed(self.events) if event.say is Say.READ), 0)

    @property
    def at_rest(self) -> bool:
        """No note is under way or stuck, and it has started up."""
        under_way = (Say.READ, Say.MOVING, Say.FAULT, Say.STARTING, Say.RESET)
        return self.unread is None and not any(event.say in under_way for event in self.events)

    def has(self, *says: Say) -> bool:
        """Whether any of its events is about one of these."""
        return any(event.say in says for event in self.events)


def parse(data: bytes) -> Polled:
    """The events of an answer, without its first byte (OK). Never raises: what cannot be read is said."""
    events: list[Event] = []
    place = 0
    while place < len(data):
        code = data[place]
        row = TABLE.get(code)
        if row is None or place + 1 + row.size > len(data):
            return Polled(tuple(events), code)
        events.append(Event(code, row, data[place + 1] if row.size == 1 else 0))
        place += 1 + row.size
    return Polled(tuple(events))


REJECTS: dict[int, str] = {6: "inhibited", 7: "inhibited", 8: "host", 0x13: "host", 0x19: "barcode"}
"""Codes of LAST REJECT that are not the note's own fault (06 channel inhibited, 07 operation inhibited, 08 host, 13 no word in time)."""


def reject_word(code: int) -> str:
    """Why a note went back: host | inhibited | barcode | invalid."""
    return REJECTS.get(code, "invalid")
