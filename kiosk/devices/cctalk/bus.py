"""One device on a ccTalk line: a request, its reply, and what may go wrong between them.

The line is one wire, so that most adapters hear themselves: the echo of a request is read back and compared. Whether there is one
is learnt from the first answer. Source: ccTalk Generic Specification 4.7, part 1, sections on echo, time-outs and retries.
"""

import threading

import msgspec

from kiosk.devices import contract
from kiosk.devices.cctalk.wire import BUSY, HOST, NAK, REPLY, Decoder, Frame, Mode, encode
from kiosk.devices.contract import DeviceTimeout
from kiosk.devices.port import Port, after

_BYTE_S = 10 / 9600  # one byte on the wire: start, eight bits, stop
_DRAIN_S = 0.3  # the longest wait for silence after a failure


class Pace(msgspec.Struct, frozen=True):
    """Every wait of a ccTalk driver, in seconds."""

    first_s: float = 1.5  # the first answer of a device that may be starting
    reply_s: float = 0.3
    quiet_s: float = 0.05  # silence that ends a broken frame
    poll_s: float = 0.15
    reopen_s: tuple[float, ...] = (0.25, 1.0, 5.0)  # between attempts to open or to start up
    hold_s: float = 2.5  # "hold longer" is said this often
    decide_s: float = 8.0  # a note that nobody has a word for goes back
    route_s: float = 2.0  # a note that was given a word has moved by then, or never heard it
    check_s: float = 2.0  # between looks at the device's settings and, while it is down, its health
    fraud_s: float = 60.0  # nothing is taken for so long after a fraud
    still_s: float = 1.0  # without events, before the journal is told where the counter stands
    behind_s: float = 1.0  # nothing is taken when the desk has not listened for so long


class Silent(DeviceTimeout):
    """No true answer in time. What was asked may have been done."""

    maybe_done = True


class Refused(contract.Refused):
    """The device answered NAK: it will not, or does not know that header."""


class Bus:
    """Requests to one address. `echo` None: find out. `wary`: wait for silence before each request, on a line that answers late.

    Once `stopping` is set nothing is asked a second time.
    """

    def __init__(
        self,
        port: Port,
        address: int,
        mode: Mode,
        echo: bool | None,
        pace: Pace,
        *,
        wary: bool = False,
        stopping: threading.Event | None = None,
    ) -> None:
        self._port, self._address, self._mode, self._pace = port, address, mode, pace
        self._stopping = stopping or threading.Event()
        self._echo, self._wary = echo, wary
        self._decoder = Decoder(mode)
        self._clean = False  # the last exchange ended as it should

    def ask(self, header: int, data: bytes = b"", *, size: int | None = None, tries: int = 3, timeout_s: float | None = None) -> bytes:
        """The data of the reply to `header`, of `size` bytes where that is known; asked up to `tries` times.

        Only what may happen twice is asked more than once. Raises Silent, Refused, PortLost.
        """
        for attempt in range(tries):
            if attempt and self._stopping.is_set():
                break
            reply = self._exchange(header, data, timeout_s or self._pace.reply_s)
            if reply is None or reply.header == BUSY:
                continue
            if reply.header == NAK:
                raise Refused(f"address {self._address} refuses header {header}")
            if size is None or len(reply.data) == size:
                return reply.data
            self._clean = False
        raise Silent(f"address {self._address} gives no answer to header {header}")

    def _exchange(self, header: int, data: bytes, timeout_s: float) -> Frame | None:
        request = encode(Frame(self._address, HOST, header, data), self._mode)
        self._settle()
        self._port.write(request)
        deadline = after(timeout_s + _BYTE_S * len(request))
        unechoed = request if self._echo is not False else b""
        while received := self._port.read_some(deadline):
            if unechoed:
                heard = min(len(unechoed), len(received))
                if received[:heard] == unechoed[:heard]:
                    received, unechoed = received[heard:], unechoed[heard:]
                    if not unechoed:
                        self._echo = True
                elif self._echo:
                    return None  # two talked at once, or the cable is bad
                else:
                    received, unechoed = request[: len(request) - len(unechoed)] + received, b""
            for frame in self._decoder.feed(received):
                if self._is_reply(frame):
                    self._echo = bool(self._echo)
                    self._clean = not self._wary
                    return frame
        return None

    def _settle(self) -> None:
        """Nothing that is still under way may pass for the answer to the next request."""
        give_up = after(_DRAIN_S)
        while not self._clean and self._port.read_some(min(after(self._pace.quiet_s), give_up)):
            continue
        self._port.flush_input()
        self._decoder.reset()
        self._clean = False

    def _is_reply(self, frame: Frame) -> bool:
        """To us, from it, and one of the three answers. In CRC mode nobody signs."""
        from_it = self._mode is Mode.CRC or frame.source == self._address
        return frame.destination == HOST and from_it and frame.header in {REPLY, NAK, BUSY}
