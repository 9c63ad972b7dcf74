"""A reader in this process, for the demo without pcscd and for tests by the hundred thousand: the card is an object, the slot two calls."""

import threading
from typing import Protocol

from kiosk.devices.card.apdu import CardGone, CardMute
from kiosk.devices.card.reader import Slot, State


class Card(Protocol):
    """What stands in for a card, and the hand that holds it."""

    def insert(self) -> bytes:
        """Into the contacts -> answer to reset; empty when the card is mute."""

    def pull(self) -> None:
        """Out of them, whatever the card is doing."""

    def process(self, apdu: bytes) -> bytes:
        """Command APDU -> answer data and status word. ConnectionError when the card leaves in the middle."""

    def reset(self) -> bytes:
        """Warm reset -> answer to reset. ConnectionError when the card is out."""


class InProcessReader:
    """Implements `Reader`; `insert` and `pull` may come from any thread."""

    def __init__(self, name: str = "in-process") -> None:
        self._changed = threading.Condition()
        self._slot = Slot(State.EMPTY, name=name)
        self._card: Card | None = None

    def insert(self, card: Card) -> None:
        """Push a card in; one that is there already is pushed out."""
        with self._changed:
            if self._card:
                self._card.pull()
            atr, self._card = card.insert(), card
            self._turn(State.PRESENT if atr else State.MUTE, atr)

    def pull(self) -> None:
        """Take the card out, whatever it is doing."""
        with self._changed:
            if self._card is None:
                return
            self._card.pull()
            self._card = None
            self._turn(State.EMPTY, b"")

    def left(self, counter: int) -> None:
        """That card left by itself; another that came since stays."""
        with self._changed:
            if self._slot.counter == counter:
                self.pull()

    def watch(self, before: Slot | None, timeout_s: float) -> Slot:
        """See `Reader`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._slot.same(before), timeout_s)
            return self._slot

    def open(self, slot: Slot) -> "InProcessConnection":
        """See `Reader`."""
        connection = InProcessConnection(self, slot.counter)
        connection.check()
        if slot.state is State.MUTE:
            raise CardMute
        return connection

    def close(self) -> None:
        """Nothing to let go of."""

    def card_of(self, counter: int) -> Card:
        """The card of that presentation. Raises CardGone once anything has moved."""
        with self._changed:
            if self._card is None or self._slot.counter != counter:
                raise CardGone
            return self._card

    def _turn(self, state: State, atr: bytes) -> None:
        self._slot = Slot(state, self._slot.counter + 1, self._slot.name, atr=atr)
        self._changed.notify_all()


class InProcessConnection:
    """One presentation. Implements `Connection`."""

    def __init__(self, reader: InProcessReader, counter: int) -> None:
        self._reader = reader
        self._counter = counter

    @property
    def protocol(self) -> int:
        """T=0."""
        return 0

    def transmit(self, apdu: bytes) -> bytes:
        """See `Connection`. A card that is pulled while it works gives no answer."""
        card = self._reader.card_of(self._counter)
        try:
            answer = card.process(apdu)
            self.check()
        except ConnectionError:
            self._reader.left(self._counter)
            return b""
        except CardGone:
            return b""
        return answer

    def reset(self) -> None:
        """See `Connection`."""
        try:
            self._reader.card_of(self._counter).reset()
        except ConnectionError:
            self._reader.left(self._counter)
            raise CardGone from None

    def check(self) -> None:
        """See `Connection`."""
        self._reader.card_of(self._counter)

    def close(self) -> None:
        """Nothing to let go of."""
