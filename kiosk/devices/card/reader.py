"""What a driver needs of a reader, whatever is behind it: the PC/SC service or a card in this process."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kiosk.devices.card.apdu import Connection


class State(StrEnum):
    """What the slot is like."""

    EMPTY = "empty"
    PRESENT = "present"
    MUTE = "mute"  # something is in the slot and does not answer to reset
    DOWN = "down"  # no service, no reader, no access


@dataclass(frozen=True, slots=True)
class Slot:
    """One look at the slot. Two that differ in state, counter, name or why are two situations, though both may show a card."""

    state: State
    counter: int = 0  # insertions and removals, as the reader counts them: two cards with one ATR differ here
    name: str = ""
    why: str = ""  # DOWN: service | reader | access
    atr: bytes = b""

    def same(self, other: "Slot | None") -> bool:
        """Nothing moved between the two looks."""
        return other is not None and (self.state, self.counter, self.name, self.why) == (other.state, other.counter, other.name, other.why)


class Reader(Protocol):
    """One slot. `watch` and `close` belong to one thread; each connection to the thread that opened it."""

    def watch(self, before: Slot | None, timeout_s: float) -> Slot:
        """The slot, as soon as it is no longer as `before`, or after the timeout. Never raises CardError."""

    def open(self, slot: Slot) -> Connection:
        """Connect to the card of that look. Raises CardError; CardGone when the slot has changed since."""

    def close(self) -> None:
        """Let go of what watching needs."""
