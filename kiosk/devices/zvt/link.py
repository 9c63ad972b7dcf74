"""The line to one terminal: whole messages in both directions, each wait with its end.

A serial line acknowledges every block and repeats what was not acknowledged (PA00P016: T1, T2, two repetitions); a socket does that by
itself. What is not ZVT on a socket ends the connection, as the transport's own rule for a time-out is to hang up and call again.
"""

import time
from abc import ABC, abstractmethod
from collections import deque

import msgspec

from kiosk.devices.contract import DeviceTimeout
from kiosk.devices.port import Port, PortLost, after
from kiosk.devices.zvt.wire import ACK, NAK, Apdu, BlockDecoder, Sign, StreamDecoder, WireError, encode, encode_block

_TRIES = 3  # a block and its two repetitions
_ANSWERS = (0x80, 0x84)  # the class of an answer, either side's
_SIGNS = 16  # acknowledgements that nobody asked for
MESSAGES_MAX = 2_000  # of one dialogue: a terminal that never ends it is one that is silent


class Pace(msgspec.Struct, frozen=True):
    """Every wait of a ZVT driver, in seconds."""

    byte_s: float = 0.2  # T1: between two bytes of a block
    ack_s: float = 5.0  # T2: for ACK or NAK
    answer_s: float = 5.0  # T3: from a command to its 80 00 00
    end_s: float = 180.0  # T4: from one message of a dialogue to the next
    hold_s: float = 1.5  # a 04 0F is left without an answer for the desk's word; well below T2 and T3
    goods_s: int = 30  # what the terminal gives for each answer to a 04 0F
    waits: int = 20  # and how often it takes "please wait" for one
    look_s: float = 0.05  # between two looks at the desk while a dialogue runs
    idle_s: float = 0.2  # and while none does
    enquiry_s: float = 60.0  # between status enquiries of an idle terminal
    busy_s: float = 2.0  # before a busy terminal is asked again
    recover_s: float = 90.0  # for the terminal's book to answer: longer than it may wait for goods that never came
    reopen_s: tuple[float, ...] = (0.25, 1.0, 5.0)  # between attempts to open or to register


class Link(ABC):
    """One open port. One thread uses it.

    `owed`: answers that are still to come, one for each time that a command was said. Below nought: one was to a question that is not
    ours, of a life before this one, and nobody can say which.
    """

    def __init__(self, port: Port) -> None:
        self._port = port
        self._inbox: deque[Apdu] = deque()
        self.owed = 0

    @abstractmethod
    def send(self, apdu: Apdu, *, once: bool = False) -> None:
        """The message is at the terminal. `once`: where nobody says that it is, it is not said again, but may be there all the same.

        Raises DeviceTimeout (it may be there), PortLost.
        """

    @abstractmethod
    def _listen(self, deadline: float) -> bool:
        """Takes in what comes; False when nothing did until the deadline."""

    def receive(self, deadline: float) -> Apdu | None:
        """The next message; None at the deadline. Raises PortLost."""
        while not self._inbox:
            if not self._listen(deadline) or (not self._inbox and time.monotonic() >= deadline):
                return None
        message = self._inbox.popleft()
        self.owed -= message.command >> 8 in _ANSWERS
        return message

    def settled(self) -> None:
        """Nothing was said for longer than anybody repeats himself: no answer is on its way any more."""
        self.owed = 0

    def _says(self, apdu: Apdu) -> None:
        if apdu.command >> 8 not in _ANSWERS:
            self.owed = max(self.owed, 0) + 1


class StreamLink(Link):
    """A terminal behind a socket."""

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        self._decoder = StreamDecoder()

    def send(self, apdu: Apdu, *, once: bool = False) -> None:  # noqa: ARG002 - a socket repeats by itself
        """See Link."""
        self._says(apdu)
        self._port.write(encode(apdu))

    def _listen(self, deadline: float) -> bool:
        received = self._port.read_some(deadline)
        try:
            self._inbox += self._decoder.feed(received)
        except WireError as error:
            raise PortLost(f"the terminal is not understood: {error}") from None
        return bool(received)


class SerialLink(Link):
    """A terminal on a serial line."""

    def __init__(self, port: Port, pace: Pace) -> None:
        super().__init__(port)
        self._decoder = BlockDecoder()
        self._signs: deque[Sign] = deque(maxlen=_SIGNS)
        self._pace = pace
        self._heard_at = 0.0  # the last byte

    def send(self, apdu: Apdu, *, once: bool = False) -> None:
        """See Link. A message that comes instead of an ACK says as much: the terminal would not speak if it had not heard us."""
        block = encode_block(apdu)
        for _ in range(_TRIES):
            self._signs.clear()
            heard = len(self._inbox)
            self._says(apdu)
            self._port.write(block)
            sign = self._sign(heard, after(self._pace.ack_s))
            if sign is Sign.ACK or (sign is None and once):
                return
        raise DeviceTimeout("the terminal does not acknowledge", maybe_done=True)

    def _sign(self, heard: int, deadline: float) -> Sign | None:
        while not self._signs:
            if len(self._inbox) > heard:
                return Sign.ACK
            if not self._listen(deadline) or time.monotonic() >= deadline:
                return None
        return self._signs.popleft()

    def _listen(self, deadline: float) -> bool:
        inside = self._decoder.inside
        quiet = self._heard_at + self._pace.byte_s if inside else deadline
        received = self._port.read_some(min(deadline, quiet))
        if received:
            self._heard_at = time.monotonic()
        elif not inside or time.monotonic() < quiet:
            return False  # of a block, the rest may still come
        else:
            self._decoder.reset()
            self._port.write(NAK)
        for token in self._decoder.feed(received):
            if isinstance(token, Apdu):
                self._port.write(ACK)
                self._inbox.append(token)
            elif token is Sign.BROKEN:
                self._port.write(NAK)
            else:
                self._signs.append(token)
        return True
