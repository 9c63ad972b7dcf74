"""A ZVT terminal, from "who are you" to the end of the day: one thread, which asks for each payment once.

The desk publishes what is to be done (PosJob), this tells how it ended (PosAnswered), once a job. Between an approval and the desk's word
the terminal is asked for patience. When the line is lost in the middle nothing is sent again: the answer is unknown, and the terminal's
own book is read when the desk wants to know (`book`). Nothing becomes final that nobody asked for.
"""

import contextlib
import threading
import time
from collections.abc import Callable

from kiosk.devices.contract import DeviceTimeout, Health, Identity, Refused, Standing, State
from kiosk.devices.port import Port, PortLost, after
from kiosk.devices.supervise import supervised
from kiosk.devices.zvt import duties
from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt.attempt import Attempt
from kiosk.devices.zvt.codes import TROUBLES, WAIT, Trouble, why
from kiosk.devices.zvt.link import MESSAGES_MAX, Link, Pace, SerialLink, StreamLink
from kiosk.devices.zvt.service import Service, Stopping
from kiosk.devices.zvt.table import Phase, stray
from kiosk.devices.zvt.wire import Apdu, WireError
from kiosk.vend.money import Currency
from kiosk.vend.ports import Desk, PosJob
from kiosk.vend.seen import DeviceDown, PosAnswered, PosUp

_ABOUT_PAYMENT = {"goods", "refuse", "abort"}
_REGISTRATIONS = 3  # in a row


class ZvtTerminal:
    """A driver; see `contract.CardTerminal`.

    `blocks`: it speaks in blocks, over a serial line; otherwise it is a socket. `password`: the terminal's, six digits.
    `enrolled`: the only terminal id that may take payments; "" takes any. `at`: where it is, for whoever asks who it is.
    """

    role = "terminal"

    def __init__(
        self,
        open_port: Callable[[], Port],
        desk: Desk,
        currency: Currency,
        *,
        blocks: bool,
        password: int = 0,
        enrolled: str = "",
        at: str = "",
        pace: Pace | None = None,
    ) -> None:
        self._open_port, self._desk, self._currency, self._blocks = open_port, desk, currency, blocks
        self._password, self._enrolled, self._at, self._pace = password, enrolled, at, pace or Pace()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._standing = Standing()
        self._identity: Identity | None = None
        self._trouble: Trouble | None = None
        self._book = duties.Book()  # the terminal's, as it was read last
        self._attempt: Attempt | None = None  # the last payment of this life
        self._rev = -1
        self._taken: int | None = None  # the last job that was taken up
        self._asked_at: tuple[int, float] = (0, 0.0)  # a recover job that waits for the terminal, and since when

    # ---------------------------------------------------------------- life

    def start(self) -> None:
        """Runs in a thread of its own."""
        work = supervised(self.run, self._stopping, lambda: self._down("driver"))
        self._thread = threading.Thread(target=work, name=self.role, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ends, in the middle of a payment too: the next start finds out what became of it."""
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether its own thread runs."""
        return bool(self._thread and self._thread.is_alive())

    def health(self) -> Health:
        """The newest."""
        return self._standing.health

    def identity(self) -> Identity | None:
        """The terminal that answered last."""
        return self._identity

    def run(self) -> None:
        """The thread's work, until `stop()`."""
        if self._attempt:  # of a life that ended in the middle
            self._attempt.lost()
        failures = 0
        while not self._stopping.is_set():
            opened = False
            try:
                with contextlib.closing(self._open_port()) as port:
                    opened = True
                    link = SerialLink(port, self._pace) if self._blocks else StreamLink(port)
                    self._start_up(link)
                    failures = 0
                    self._serve(link)
            except Stopping:
                return
            except (PortLost, DeviceTimeout):
                self._down("offline", None if opened else "no_device")
            except Refused as refused:
                self._down(str(refused))
            self._rest(failures)
            failures += 1

    def _rest(self, failures: int) -> None:
        """Between two attempts; whatever is wanted meanwhile has its answer."""
        waits = self._pace.reopen_s
        until = after(waits[min(failures, len(waits) - 1)])
        while not self._stopping.is_set() and time.monotonic() < until:
            job = self._wanted(min(self._pace.idle_s, waits[0]))
            if job and not (job.do == "recover" and self._can_wait(job)):
                self._without_terminal(self._take(job))

    # ---------------------------------------------------------------- start-up

    def _start_up(self, link: Link) -> None:
        service = self._service(link)
        self._recognise(self._registered(service))
        self._enquire(service)
        self._look_up(service)

    def _registered(self, service: Service) -> Apdu:
        """The end of a registration. A terminal repeats what a life before this one has not acknowledged, and it is heard first: an end
        with a transaction in it, or without a terminal's number, may be another dialogue's. Raises Refused."""
        for _ in range(_REGISTRATIONS):
            ended = service.run(m.registration(self._password, self._currency.numeric), strange=m.TRANSACTION)
            if ended.unreadable:
                continue
            if not ended.done or ended.end is None:
                raise Refused("offline" if ended.code == WAIT else why(ended.code) or "refused")
            if _named(ended.end)[0]:
                break
        if ended.unreadable or ended.end is None:
            raise Refused("offline")
        return ended.end

    def _recognise(self, end: Apdu) -> None:
        """Who it is. Raises Refused for one that must not take payments here."""
        serial, currency = _named(end)
        self._identity = Identity(self.role, "zvt", serial=serial, port=self._at)
        if self._enrolled and serial != self._enrolled:
            raise Refused("swapped")
        if currency not in {None, self._currency.numeric}:
            raise Refused("currency")

    def _enquire(self, service: Service) -> None:
        """How it is. A full or untested terminal stays so until its day is ended, whatever it says of itself."""
        code = duties.standing(service, self._password)
        if code in TROUBLES:
            self._has(code)
        elif code == 0 and self._trouble and self._trouble.cure == "people":
            self._trouble = None

    def _look_up(self, service: Service) -> None:
        """The terminal's last receipt, which the desk is to know before the next payment."""
        self._book = duties.read_book(service, self._password, self._currency.numeric)
        self._up()

    # ---------------------------------------------------------------- service

    def _serve(self, link: Link) -> None:
        service = self._service(link)
        enquiry_at = self._next_enquiry()
        while not self._stopping.is_set():
            job = self._wanted(self._pace.idle_s)
            self._hear_strays(link)
            if job:
                self._do(link, service, self._take(job))
                enquiry_at = self._next_enquiry()
            if time.monotonic() >= enquiry_at:
                link.settled()
                self._enquire(service)
                self._look_up(service)
                enquiry_at = self._next_enquiry()

    def _hear_strays(self, link: Link) -> None:
        """Whatever is there before anything is asked is about nothing that is asked."""
        heard = 0
        while message := link.receive(0.0):
            heard += 1
            if heard > MESSAGES_MAX:
                raise DeviceTimeout("the terminal comes to no end", maybe_done=True)
            answer = stray(message, self._final)
            if answer:
                link.send(answer)

    def _next_enquiry(self) -> float:
        return after(self._pace.enquiry_s if self._book.before else self._pace.busy_s)

    def _do(self, link: Link, service: Service, job: PosJob) -> None:
        if job.do == "pay" and not self._trouble:
            self._pay(link, job)
            if self._attempt and self._attempt.outcome not in {"", "busy"}:
                self._look_up(service)
        elif job.do == "recover":
            self._recover(service, job)
        elif job.do == "reverse":
            self._reverse(service, job)
        elif job.do == "day_end" and not self._open:
            self._day_end(service, job)
        else:
            self._without_terminal(job)

    def _pay(self, link: Link, job: PosJob) -> None:
        """One payment, to whatever end. Its 06 01 is said once, and only after a receipt that is known: it could not be found again."""
        if not self._book.before:
            self._desk.tell(PosAnswered(job.id, "busy", why="book"))
            return
        last, ours = self._book.last, bool(self._book.last and self._final(self._book.last))
        attempt = self._attempt = Attempt(job, self._currency.numeric, self._book.before, self._desk.tell, last, last_final=ours)
        try:
            order = m.authorisation(job.amount_minor, self._currency.numeric, self._pace.goods_s, self._pace.waits)
        except ValueError:
            self._attempt = None
            self._desk.tell(PosAnswered(job.id, "busy", why="amount"))
            return
        try:
            link.send(order, once=True)
            self._talk(link, attempt)
        except (PortLost, DeviceTimeout):
            attempt.lost()
            raise
        self._has(attempt.result)

    def _talk(self, link: Link, attempt: Attempt) -> None:
        """Until the terminal is through with it."""
        deadline, hold, heard = after(self._pace.answer_s), 0.0, 0
        while not attempt.payment.over:
            if self._stopping.is_set():
                raise Stopping
            owed = attempt.payment.owes
            message = link.receive(min(deadline, after(self._pace.look_s)))
            heard += message is not None
            answers = [attempt.heard(message, link.owed)] if message else []
            if message and attempt.payment.phase is not Phase.ASKED:
                deadline = after(self._pace.end_s)
            elif time.monotonic() >= deadline:
                raise DeviceTimeout("the terminal has fallen silent", maybe_done=True)
            if heard > MESSAGES_MAX:
                raise DeviceTimeout("the terminal comes to no end", maybe_done=True)
            if attempt.payment.owes and (message or not owed):
                hold = after(self._pace.hold_s)
            if not attempt.payment.over:  # what the desk wants once it is told of the end is the next thing
                answers.append(self._ordered(attempt))
            if attempt.payment.owes and time.monotonic() >= hold:
                answers.append(attempt.patience())
            for answer in filter(None, answers):
                link.send(answer)
        attempt.closed()

    def _ordered(self, attempt: Attempt) -> Apdu | None:
        """What the desk wants of the running payment. A question what became of it means that the desk waits no longer."""
        job = self._wanted(0.0)
        if job is None:
            return None
        if job.payment == attempt.name and job.do == "recover":
            return attempt.give_up()
        if job.payment == attempt.name and job.do in _ABOUT_PAYMENT:
            return attempt.takes(self._take(job))
        self._without_terminal(self._take(job))
        return None

    def _recover(self, service: Service, job: PosJob) -> None:
        """By what we know, or else by the terminal's book."""
        attempt = self._attempt if self._attempt and self._attempt.name == job.payment else None
        if attempt and attempt.outcome:
            self._without_terminal(job)
            return
        self._taken = None  # until it is answered: should the line break, it is asked again
        until = after(self._pace.recover_s)
        while (book := duties.read_book(service, self._password, self._currency.numeric)).busy and time.monotonic() < until:
            if self._stopping.wait(self._pace.busy_s):
                raise Stopping
        terminal, _, before = job.before.partition("/")
        if attempt:
            before = attempt.before
        elif terminal and terminal != (self._identity.serial if self._identity else ""):
            book = duties.Book()  # another terminal's knows nothing of it
        answer = duties.recovered(book, job, before)
        if attempt and answer.outcome != "unknown":
            attempt.outcome = answer.outcome
        self._taken = job.id
        self._desk.tell(answer)
        if answer.outcome != "unknown":
            self._book = book
            self._up()

    def _reverse(self, service: Service, job: PosJob) -> None:
        try:
            answer = duties.reverse(service, self._password, job)
        except (PortLost, DeviceTimeout):
            self._desk.tell(PosAnswered(job.id, "unknown", why="silent"))
            raise
        self._desk.tell(answer)
        self._look_up(service)

    def _day_end(self, service: Service, job: PosJob) -> None:
        try:
            ended = duties.end_of_day(service, self._password, self._trouble)
        except (PortLost, DeviceTimeout):
            self._desk.tell(PosAnswered(job.id, "unknown", why="silent"))
            raise
        if ended.done:
            self._trouble = None
        self._desk.tell(duties.day_ended(job, ended))
        self._enquire(service)
        self._look_up(service)

    # ---------------------------------------------------------------- jobs that need no terminal, or have none

    def _without_terminal(self, job: PosJob) -> None:
        """The answer to a job for which nothing is sent."""
        attempt = self._attempt if self._attempt and self._attempt.name == job.payment else None
        code = self._trouble.code if self._trouble else self._standing.health.code
        if job.do == "pay":
            self._desk.tell(PosAnswered(job.id, "busy", why=code))
        elif job.do == "day_end":
            self._desk.tell(PosAnswered(job.id, "refused", why="unknown_payment" if self._open else code))
        elif attempt and job.do in _ABOUT_PAYMENT:
            attempt.takes(job)
        elif attempt and attempt.outcome and job.do == "recover":
            known = attempt.outcome if attempt.outcome in {"final", "reversed"} else "none"
            self._desk.tell(attempt.answer(job.id, known))
        else:
            self._desk.tell(PosAnswered(job.id, "unknown", why=code))

    def _can_wait(self, job: PosJob) -> bool:
        """A question about the past waits for a terminal that may be back in a moment."""
        if self._attempt and self._attempt.name == job.payment and self._attempt.outcome:
            return False
        if self._asked_at[0] != job.id:
            self._asked_at = job.id, time.monotonic()
        return time.monotonic() < self._asked_at[1] + self._pace.recover_s

    def _wanted(self, timeout_s: float) -> PosJob | None:
        """The desk's job, if it is a fresh one, as soon as there is one."""
        published = self._desk.wait(self._rev, timeout_s) if timeout_s else self._desk.published()
        self._rev = published.rev
        job = published.pos_job
        return job if job and job.id != self._taken else None

    def _take(self, job: PosJob) -> PosJob:
        self._taken = job.id
        return job

    # ---------------------------------------------------------------- what is known, and told

    @property
    def _open(self) -> Attempt | None:
        """A payment of this life whose end nobody knows."""
        return self._attempt if self._attempt and not self._attempt.outcome else None

    def _final(self, info: m.StatusInfo) -> bool:
        attempt = self._attempt
        return bool(attempt and attempt.outcome == "final" and attempt.payment.approval and attempt.payment.approval.name == info.name)

    def _service(self, link: Link) -> Service:
        return Service(link, self._pace, self._stopping, self._final)

    def _has(self, code: int | None) -> None:
        """A result that may stand for a trouble of the terminal's own."""
        if code in TROUBLES and TROUBLES[code] != self._trouble:
            self._trouble = TROUBLES[code]
            self._down(self._trouble.code)

    def _up(self) -> None:
        """It answers. With a trouble that people mend, or a book that cannot be read, it is none the better for that."""
        code = self._trouble.code if self._trouble else "" if self._book.before else "book"
        if not code or (self._trouble and self._trouble.cure != "people"):
            serial = self._identity.serial if self._identity else ""
            self._desk.tell(PosUp(self.role, serial, (self._open.name,) if self._open else (), self._book.receipt))
        if code:
            self._down(code)
        else:
            self._standing.becomes("")

    def _down(self, code: str, state: State | None = None) -> None:
        if self._standing.becomes(code, state):
            self._desk.tell(DeviceDown(self.role, code))


def _named(end: Apdu) -> tuple[str, int | None]:
    """The terminal's id and its currency in the end of a registration; "" and None where it says none that can be read."""
    try:
        return m.terminal_of(end), m.currency_of(end)
    except WireError:
        return "", None
