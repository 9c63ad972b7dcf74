"""A conversation with a modem: one command in flight, every wait bounded, whatever comes between is kept for whoever looks.

The commands stand below with their waits. A TPDU is given at the prompt alone; from its last byte on nobody knows whether it was sent until
the modem says so.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from kiosk.devices.contract import DeviceError, DeviceTimeout, Refused
from kiosk.devices.port import Port, after
from kiosk.devices.sms.at import Line, Lines, numbers
from kiosk.devices.sms.pdu import Submit

CTRL_Z, ESC = b"\x1a", b"\x1b"
EVENTS_KEPT = 64
BABBLE_MAX = 200  # lines of no meaning in one answer
FINAL = frozenset({1, 8, 10, 21, 28, 29, 30, 50, 69, 304, 305})
"""+CMS ERROR values (27.005, 3.2.5) that the same text would get again: unassigned, barred, rejected, unknown, not a PDU."""

SET_UP = ("ATE0", "AT+CMEE=1")
SMS_SET_UP = ("AT+CMGF=0", 'AT+CPMS="SM","SM","SM"', "AT+CNMI=2,1,0,1,0")


@dataclass(frozen=True)
class Waits:
    """Seconds. `sent_s`: 27.005 leaves it to the network, which may take two minutes."""

    answer_s: float = 5.0
    pin_s: float = 20.0
    prompt_s: float = 5.0
    sent_s: float = 120.0
    look_s: float = 30.0
    hear_s: float = 0.5
    retry_s: float = 2.0
    tries: int = 3


class NotSent(DeviceError):
    """The modem said so. `code`: `cms-38`, or a word; `final`: it would say so again."""

    def __init__(self, code: str) -> None:
        super().__init__(f"The modem did not send it: {code}.")
        self.code = code
        self.final = code.startswith("cms-") and int(code[4:]) in FINAL


class Modem:
    """Over one open port. `stopping`: ends every wait."""

    def __init__(self, port: Port, waits: Waits, stopping: Callable[[], bool] = lambda: False) -> None:
        self._port, self._waits, self._stopping = port, waits, stopping
        self._lines = Lines()
        self._inbox: deque[Line] = deque()
        self._events: deque[Line] = deque(maxlen=EVENTS_KEPT)

    def wake(self) -> None:
        """Whatever it was in the middle of is given up, and it answers. Raises DeviceTimeout, PortLost."""
        for _ in range(self._waits.tries):
            self._port.write(ESC + b"\r")
            self.hear(0.05)
            self._inbox.clear()
            try:
                self.ask("AT")
            except (DeviceTimeout, Refused):
                continue
            return
        raise DeviceTimeout("Nothing at this port answers AT.")

    def ask(self, command: str, wait_s: float | None = None) -> list[str]:
        """The lines of its answer. Raises Refused (`str` of it is the code), DeviceTimeout, PortLost."""
        self._inbox.clear()
        self._port.write(command.encode("ascii") + b"\r")
        info: list[str] = []
        deadline = after(wait_s or self._waits.answer_s)
        while (line := self._next(deadline)) is not None and len(info) < BABBLE_MAX:
            if line.kind == "ok":
                return info
            if line.kind == "error":
                raise Refused(line.text)
            if line.kind == "info":
                info.append(line.text)
        raise DeviceTimeout("The modem did not answer in time.")

    def says(self, command: str) -> list[str]:
        """The same, for what a modem need not know: nothing where it refuses. Raises DeviceTimeout, PortLost."""
        try:
            return self.ask(command)
        except Refused:
            return []

    def send(self, part: Submit) -> int:
        """The message reference that the network's reports will carry. Raises NotSent; DeviceTimeout where nobody can say; PortLost."""
        self._inbox.clear()
        self._port.write(f"AT+CMGS={part.octets}\r".encode("ascii"))
        self._await_prompt()
        self._port.write(part.hex.encode("ascii") + CTRL_Z)
        deadline, reference = after(self._waits.sent_s), None
        while not self._stopping() and (left := deadline - time.monotonic()) > 0:
            line = self._next(after(min(left, self._waits.hear_s)))
            if line is None:
                continue
            if line.kind == "info" and line.text.startswith("+CMGS:"):
                reference = next(iter(numbers(line.text)), 0) & 0xFF
            if line.kind == "ok" and reference is not None:
                return reference
            if line.kind == "error":
                raise NotSent(line.text)
        raise DeviceTimeout("The modem does not say whether it was sent.", maybe_done=True)

    def _await_prompt(self) -> None:
        """Without it nothing was given to the modem, and nothing was sent."""
        deadline = after(self._waits.prompt_s)
        while (line := self._next(deadline)) is not None:
            if line.kind == "prompt":
                return
            if line.kind == "error":
                raise NotSent(line.text)
        self._port.write(ESC)
        raise NotSent("no_prompt")

    def events(self) -> list[Line]:
        """What it said by itself since the last look."""
        found = list(self._events)
        self._events.clear()
        return found

    def hear(self, seconds: float) -> None:
        """Listens for so long."""
        deadline = after(seconds)
        while self._listen(deadline):
            pass

    def _next(self, deadline: float) -> Line | None:
        while not self._inbox:
            heard = self._listen(min(deadline, after(self._waits.hear_s)))
            if self._stopping() or (not heard and time.monotonic() >= deadline):
                return None
        return self._inbox.popleft()

    def _listen(self, deadline: float) -> bool:
        received = self._port.read_some(deadline)
        for line in self._lines.feed(received):
            if line.kind in ("event", "tpdu"):
                self._events.append(line)
            elif len(self._inbox) < BABBLE_MAX:
                self._inbox.append(line)
        return bool(received)
