"""The modem's thread: sends what the desk publishes, each job once, and says how it ended.

    sent      the network took every part          unknown   the last byte was given, and nobody said what came of it
    failed    it was not sent, and why

A PIN is given to a SIM card once: the desk writes that down first, so that no restart gives it again. What comes in is deleted unread, and
only counted; reports of the network are told, and deleted.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise

from kiosk.devices.contract import DeviceError, DeviceTimeout, Health, Identity, NotReady, Refused, Told
from kiosk.devices.port import Port, PortLost, after
from kiosk.devices.sms.alphabet import TextTooLong
from kiosk.devices.sms.at import Line, after_colon, numbers, word
from kiosk.devices.sms.modem import SET_UP, SMS_SET_UP, Modem, NotSent, Waits
from kiosk.devices.sms.pdu import PduError, StatusReport, parsed, submits
from kiosk.devices.supervise import supervised
from kiosk.vend.ports import Desk, Published
from kiosk.vend.seen import SimPin, SmsAnswered, SmsArrived, SmsReported
from kiosk.vend.sms import Letter, SmsJob

FOUND_KEPT, FOUND_S = 16, 60.0  # reports that came before the desk knew what they are about
TAIL_DIGITS = 7  # of a number, which networks write in their own ways
PIN_WAIT_S = 5.0
_SIM = {"SIM PIN": "sim_pin", "SIM PUK": "sim_puk", "": "no_sim"}  # as +CPIN says it, and the code


class SmsDriver:
    """`letter`: number and text of a reference, None where nobody stands behind it. `pin_try`: raised by whoever corrects the PIN."""

    role = "modem"

    def __init__(
        self,
        desk: Desk,
        open_port: Callable[[], Port],
        letter: Callable[[str], Letter | None],
        *,
        pin: str = "",
        pin_try: int = 1,
        port: str = "",
        waits: Waits | None = None,
    ) -> None:
        self._desk, self._open_port, self._letter, self._port = desk, open_port, letter, port
        self._pin, self._pin_try, self._waits = pin, pin_try, waits or Waits()
        self._told = Told(self.role, desk.tell)
        self._identity: Identity | None = None
        self._stopped = threading.Event()
        self._rev, self._last, self._open_job = -1, 0, 0
        self._delivered: dict[str, frozenset[int]] = {}  # parts of texts of which others are still on their way
        self._found: deque[tuple[float, StatusReport]] = deque(maxlen=FOUND_KEPT)
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """See Driver."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """See Driver."""
        self._stopped.clear()
        work = supervised(self.run, self._stopped, self._out_of_service)
        self._thread = threading.Thread(target=work, name="modem", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """See Driver. A text that is on its way is unknown."""
        self._stopped.set()
        if self._thread:
            self._thread.join(timeout_s)

    def health(self) -> Health:
        """See Driver."""
        return self._told.health

    def identity(self) -> Identity | None:
        """See Driver."""
        return self._identity

    def run(self) -> None:
        """The thread's work, for whoever brings the thread."""
        self._end("unknown", "driver")
        while not self._stopped.is_set():
            try:
                with contextlib.closing(self._open_port()) as port:
                    self._serve(Modem(port, self._waits, self._stopped.is_set))
            except PortLost:
                self._pause("no_device")
            except DeviceTimeout:
                self._pause("offline")
            except DeviceError as error:
                self._pause(str(error))

    def _out_of_service(self) -> None:
        self._told.down("driver")

    def _pause(self, code: str) -> None:
        """Between two tries; a text that is wanted now is tried again later."""
        people = code in _SIM.values()
        self._told.down(code, "user_error" if people else None)
        deadline = after(self._waits.look_s if people else self._waits.retry_s)
        while not self._stopped.is_set() and (left := deadline - time.monotonic()) > 0:
            if job := self._next_job(min(left, self._waits.hear_s)):
                self._take(job)
                self._end("failed", code)

    # ------------------------------------------------------------ a modem that is there

    def _serve(self, modem: Modem) -> None:
        modem.wake()
        for command in SET_UP:
            modem.says(command)
        self._identity = _identity(modem, self._port)
        self._unlock(modem)
        for command in SMS_SET_UP:
            modem.ask(command)
        self._look_after_stored(modem)
        next_look = 0.0
        while not self._stopped.is_set():
            if time.monotonic() >= next_look:
                self._look(modem)
                next_look = after(self._waits.look_s)
            self._hear(modem)
            if job := self._next_job(self._waits.hear_s):
                self._take(job)
                self._send(modem, job)

    def _unlock(self, modem: Modem) -> None:
        """Raises NotReady with the code of what is wrong with the SIM card."""
        state = _sim(modem)
        if state == "SIM PIN" and self._pin and self._may_try():
            try:
                modem.ask(f'AT+CPIN="{self._pin}"', self._waits.pin_s)
            except Refused:
                raise NotReady("sim_pin") from None
            deadline = after(self._waits.pin_s)
            while (state := _sim(modem)) != "READY" and time.monotonic() < deadline and not self._stopped.is_set():
                modem.hear(self._waits.hear_s)
        if state != "READY":
            raise NotReady(_SIM.get(state, _SIM[""]))

    def _may_try(self) -> bool:
        """Once: it is on the disk that it was tried, and then it is tried."""
        if self._desk.published().sms.pin_tried >= self._pin_try:
            return False
        self._desk.tell(SimPin(self._pin_try))
        deadline, rev = after(PIN_WAIT_S), -1
        while time.monotonic() < deadline:
            published = self._desk.wait(rev, PIN_WAIT_S)
            rev = published.rev
            if published.sms.pin_tried >= self._pin_try:
                return True
        return False

    def _look(self, modem: Modem) -> None:
        """Network and signal. Without a network the modem is there, and nothing can be sent."""
        if not any(_registered(modem, name) for name in ("CREG", "CEREG")):
            self._told.down("no_network", "offline")
            _sim_is_ready(modem)
            return
        signal = next(iter(numbers(after_colon(modem.says("AT+CSQ"), "+CSQ"))), 99)
        self._told.up(self._identity.serial if self._identity else "", f"signal {signal} of 31" if signal <= 31 else "")

    # ------------------------------------------------------------ out

    def _next_job(self, seconds: float) -> SmsJob | None:
        published = self._desk.wait(self._rev, seconds)
        self._rev = published.rev
        job = published.sms_job
        return job if job and job.id != self._last else None

    def _take(self, job: SmsJob) -> None:
        self._last = self._open_job = job.id

    def _send(self, modem: Modem, job: SmsJob) -> None:
        """Every part, one after the other. What was begun and is not known is unknown, even if a part before it was taken."""
        outcome, why = "unknown", "lost"
        try:
            letter = self._letter(job.ref)
            if letter is None:
                self._end("failed", "erased", final=True)
                return
            parts = submits(letter.number, letter.text, reference=int(job.ref[-2:], 16))
        except (PduError, TextTooLong):
            self._end("failed", "number", final=True)
            return
        except OSError:
            self._end("failed", "store")
            return
        sent: list[int] = []
        try:
            sent.extend(modem.send(part) for part in parts)
        except NotSent as error:
            self._end("unknown" if sent else "failed", error.code, final=error.final)
        except (DeviceTimeout, PortLost):
            self._end(outcome, why)
            raise
        else:
            self._end("sent", mr=tuple(sent))

    def _end(self, outcome: str, why: str = "", *, mr: tuple[int, ...] = (), final: bool = False) -> None:
        if self._open_job:
            job, self._open_job = self._open_job, 0
            self._desk.tell(SmsAnswered(job, outcome, mr, why, final))

    # ------------------------------------------------------------ in

    def _hear(self, modem: Modem) -> None:
        """What the modem said by itself; reports that nobody could place yet are tried again."""
        modem.hear(0.0)
        for event in modem.events():
            self._heard(modem, event)
        published = self._desk.published()
        waiting = [one for one in self._found if time.monotonic() - one[0] < FOUND_S]
        self._found.clear()
        self._found.extend(one for one in waiting if not self._placed(published, one[1]))

    def _heard(self, modem: Modem, event: Line) -> None:
        places = numbers(event.text.partition(",")[2])
        if event.kind == "tpdu":
            self._report(event.text)
        elif event.text.startswith("+CDSI:") and places:
            self._report(_tpdu(modem.says(f"AT+CMGR={places[0]}")))
            modem.says(f"AT+CMGD={places[0]}")
        elif event.text.startswith("+CMTI:") and places:
            modem.says(f"AT+CMGD={places[0]}")
            self._desk.tell(SmsArrived(1))
        elif event.text.startswith("+CMT:"):
            self._desk.tell(SmsArrived(1))

    def _look_after_stored(self, modem: Modem) -> None:
        """What lies in the SIM card from before: reports are read, everything is deleted, or it would be full one day."""
        info, dropped = modem.says("AT+CMGL=4"), 0
        for line, following in pairwise(info):
            place = numbers(line)
            if line.startswith("+CMGL:") and place:
                dropped += not self._report(following)
                modem.says(f"AT+CMGD={place[0]}")
        if dropped:
            self._desk.tell(SmsArrived(dropped))

    def _report(self, tpdu: str) -> bool:
        """Was it a report of the network's? Of one that does not parse nothing is kept."""
        try:
            found = parsed(tpdu)
        except PduError:
            return False
        if isinstance(found, StatusReport) and found.outcome != "trying":
            self._found.append((time.monotonic(), found))
        return isinstance(found, StatusReport)

    def _placed(self, published: Published, report: StatusReport) -> bool:
        """Told, where it is about a text that waits for it: the same reference, to the same number."""
        for ref, text in published.sms.texts.items():
            if text.stage == "sent" and report.mr in text.mr and self._to(ref) == report.recipient[-TAIL_DIGITS:]:
                self._came(ref, report, text.mr)
                return True
        self._delivered = {ref: parts for ref, parts in self._delivered.items() if ref in published.sms.texts}
        return False

    def _came(self, ref: str, report: StatusReport, parts: tuple[int, ...]) -> None:
        """It has come when all of its parts have; it is lost with any of them."""
        self._delivered[ref] = self._delivered.get(ref, frozenset()) | {report.mr}
        if report.outcome == "lost" or self._delivered[ref] >= set(parts):
            del self._delivered[ref]
            self._desk.tell(SmsReported(ref, report.outcome))

    def _to(self, ref: str) -> str:
        try:
            letter = self._letter(ref)
        except OSError:
            return ""
        return letter.number[-TAIL_DIGITS:] if letter else ""


def _tpdu(info: list[str]) -> str:
    """The line after `+CMGR: ...`."""
    return next((following for line, following in pairwise(info) if line.startswith("+CMGR:")), "")


def _sim(modem: Modem) -> str:
    """As +CPIN says it: READY | SIM PIN | SIM PUK | ...; "" without a SIM card."""
    return after_colon(modem.says("AT+CPIN?"), "+CPIN")


def _sim_is_ready(modem: Modem) -> None:
    """Without a network, perhaps because the card was taken out. Raises NotReady, so that it is begun anew."""
    if _sim(modem) != "READY":
        raise NotReady("no_sim")


def _registered(modem: Modem, name: str) -> bool:
    """At home or roaming (27.007, 7.2)."""
    said = numbers(after_colon(modem.says(f"AT+{name}?"), f"+{name}"))
    return len(said) > 1 and said[1] in (1, 5)


def _identity(modem: Modem, port: str) -> Identity:
    """What it says of itself; `serial` is its IMEI."""
    maker, model, firmware, serial = (word(modem.says(f"AT+{name}"), f"+{name}") for name in ("CGMI", "CGMM", "CGMR", "CGSN"))
    return Identity("modem", "at", maker, model, serial, firmware, port)
