"""One device on an SSP line: a packet, its answer, and what may go wrong between them.

A packet whose answer does not come is sent again as it is, with the same sequence bit: a device that did it already answers again and does
nothing. Only when that has failed may it have been done or not, and whoever asked begins anew. Source: ITL SSP Protocol Manual GA138,
"Packet sequencing", "Generic responses", "Encryption layer".
"""

import threading

import msgspec

from kiosk.devices import contract
from kiosk.devices.contract import DeviceTimeout
from kiosk.devices.essp.crypto import STEX, Sealed, Undeciphered, new_exchange
from kiosk.devices.essp.wire import Decoder, Frame, encode
from kiosk.devices.port import Port, after

SYNC, SET_GENERATOR, SET_MODULUS, KEY_EXCHANGE = 0x11, 0x4A, 0x4B, 0x4C

OK, KEY_NOT_SET = 0xF0, 0xFA
UNKNOWN_COMMAND, CANNOT, FAIL = 0xF2, 0xF5, 0xF8
_STATUSES = frozenset({OK, UNKNOWN_COMMAND, 0xF3, 0xF4, CANNOT, 0xF6, FAIL, KEY_NOT_SET})

_BYTE_S = 11 / 9600  # one byte on the wire: start, eight bits, two stop bits
_DRAIN_S = 0.3  # the longest wait for silence after a failure


class Pace(msgspec.Struct, frozen=True):
    """Every wait of an eSSP driver, in seconds, and how often a packet is sent."""

    reply_s: float = 1.0
    tries: int = 5
    quiet_s: float = 0.05  # silence that ends a broken exchange
    poll_s: float = 0.2
    reopen_s: tuple[float, ...] = (0.25, 1.0, 5.0)  # between attempts to open or to start up
    hold_s: float = 1.0  # HOLD is said this often; a device gives a note back after ten seconds without a packet
    decide_s: float = 8.0  # a note that nobody has a word for goes back
    move_s: float = 8.0  # a note that was given a word has come to rest by then
    rest_s: float = 5.0  # a device that starts up is at rest by then
    settle_s: float = 3.0  # a credit's own count may follow so much later
    check_s: float = 2.0  # between looks at inhibits and health
    fraud_s: float = 60.0  # nothing is taken for so long after a fraud
    still_s: float = 1.0  # without events, before the journal is told where the ordinal stands
    behind_s: float = 1.0  # nothing is taken when the desk has not listened for so long


class Silent(DeviceTimeout):
    """No true answer in time. What was asked may have been done."""

    maybe_done = True


class Refused(contract.Refused):
    """It answered, but not OK. `status` is the answer's first byte."""

    def __init__(self, command: int, status: int) -> None:
        super().__init__(f"the validator answers {status:02X} to command {command:02X}")
        self.status = status


class KeyLost(Refused):
    """It has no key, or no longer: negotiate."""


class Line:
    """Packets to one address, in clear until `negotiate`. Once `stopping` is set nothing is sent again."""

    def __init__(self, port: Port, address: int, pace: Pace, stopping: threading.Event | None = None) -> None:
        self._port, self._address, self._pace, self._stopping = port, address, pace, stopping or threading.Event()
        self._decoder = Decoder()
        self._sequence = True
        self._sealed: Sealed | None = None
        self._clean = False  # the last exchange ended as it should

    @property
    def encrypted(self) -> bool:
        """Whether there is a key."""
        return self._sealed is not None

    def sync(self) -> None:
        """Begins anew, in clear: the next packet's bit is 0. Raises Silent, Refused, PortLost."""
        self._sealed, self._sequence = None, True
        self.ask(bytes([SYNC]))

    def negotiate(self, fixed: int) -> None:
        """Agrees upon a key; `fixed` is its half that lies in the device. Raises Silent, Refused, PortLost, Undeciphered."""
        exchange = new_exchange()
        self.ask(bytes([SET_GENERATOR]) + exchange.generator.to_bytes(8, "little"))
        self.ask(bytes([SET_MODULUS]) + exchange.modulus.to_bytes(8, "little"))
        answer = self.ask(bytes([KEY_EXCHANGE]) + exchange.public.to_bytes(8, "little"))
        if len(answer) != 8:
            raise Undeciphered("the answer to the key exchange is not eight bytes")
        self._sealed = Sealed(exchange.key(int.from_bytes(answer, "little"), fixed))

    def ask(self, command: bytes) -> bytes:
        """What the device answers behind its OK. Raises Silent, Refused, KeyLost, PortLost.

        After Silent the sequence bit is unknown: `sync` before anything else.
        """
        request = encode(Frame(self._sequence, self._address, self._sealed.seal(command) if self._sealed else command))
        for attempt in range(self._pace.tries):
            if attempt and self._stopping.is_set():
                break
            answer = self._exchange(request)
            if answer is None:
                continue
            self._sequence = not self._sequence
            if answer[0] == OK:
                return answer[1:]
            raise (KeyLost if answer[0] == KEY_NOT_SET else Refused)(command[0], answer[0])
        raise Silent(f"the validator gives no answer to command {command[0]:02X}")

    def _exchange(self, request: bytes) -> bytes | None:
        self._settle()
        self._port.write(request)
        deadline = after(self._pace.reply_s + _BYTE_S * len(request))
        while received := self._port.read_some(deadline):
            for frame in self._decoder.feed(received):
                answer = self._answer(frame)
                if answer is not None:
                    self._clean = True
                    return answer
        return None

    def _answer(self, frame: Frame) -> bytes | None:
        """What the packet says, if it is the answer: the same bit, from the address, and sealed where the question was."""
        if (frame.sequence, frame.address) != (self._sequence, self._address):
            return None
        data = frame.data
        if self._sealed and data != bytes([KEY_NOT_SET]):
            try:
                data = self._sealed.open(data)
            except Undeciphered:
                return None
        return data if data and data[0] in _STATUSES and data[0] != STEX else None

    def _settle(self) -> None:
        """Nothing that is still under way may pass for the answer to the next packet."""
        give_up = after(_DRAIN_S)
        while not self._clean and self._port.read_some(min(after(self._pace.quiet_s), give_up)):
            continue
        self._port.flush_input()
        self._decoder.reset()
        self._clean = False
