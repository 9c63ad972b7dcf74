"""Drivers with one fault each, planted in drivers of ours: what the kit is there to find. They run in its processes, by entry points."""

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from kiosk.devices.contract import Driver, Health, Identity
from kiosk.devices.display.dialect import DIALECTS
from kiosk.devices.display.driver import DisplayDriver
from kiosk.devices.fitting import Outfit, Part
from kiosk.devices.port import DescriptorPort, Port, PortLost, open_port
from kiosk.devices.printer.driver import PrinterDriver
from kiosk.devices.printer.escpos import mark_of
from kiosk.devices.printer.link import PrinterLink
from kiosk.devices.sms import driver as sms
from kiosk.devices.zvt.attempt import Attempt
from kiosk.devices.zvt.driver import ZvtTerminal
from kiosk.devices.zvt.wire import Apdu
from kiosk.vend.ports import Desk, PosJob, PrintJob, Published
from kiosk.vend.seen import CoinIn, DeviceDown, PosAnswered, Printed, Seen, SmsAnswered
from tests.conform.planted_cash import Liar, always_open, any_word, doubles, forgets, skips


def display(part: Part, outfit: Outfit, kind: type[DisplayDriver] = DisplayDriver, opened: Callable[[], Port] | None = None) -> Driver:
    dialect = DIALECTS["epson"]
    return kind("display", outfit.desk, opened or partial(open_port, part.port), dialect, protocol=part.protocol, address=part.port)


# ---------------------------------------------------------------- every driver


def sleeps(part: Part, outfit: Outfit) -> Driver:
    class Sleeps(DisplayDriver):
        def start(self) -> None:
            time.sleep(3.0)
            super().start()

    return display(part, outfit, Sleeps)


def repeats(part: Part, outfit: Outfit) -> Driver:
    """The same trouble, whenever it is looked at."""

    class Repeats(DisplayDriver):
        def run(self) -> None:
            threading.Thread(target=self._again, daemon=True).start()
            super().run()

        def _again(self) -> None:
            while not self._stopped.wait(0.5):
                self._desk.tell(DeviceDown("display", "no_device"))

    return display(part, outfit, Repeats)


def nameless(part: Part, outfit: Outfit) -> Driver:
    class Nameless(DisplayDriver):
        def identity(self) -> Identity | None:
            return None

    return display(part, outfit, Nameless)


def chatters(part: Part, outfit: Outfit) -> Driver:
    """A display that says that a coin fell."""
    return display(part, replace(outfit, desk=Liar(outfit.desk, lambda seen: (seen, CoinIn("display", "1", 100, 1)))))


def chatters_later(part: Part, outfit: Outfit) -> Driver:
    """The same, a second after each thing that it tells."""

    def told(seen: Seen) -> tuple[Seen, ...]:
        threading.Timer(1.0, outfit.desk.tell, (CoinIn("display", "1", 100, 1),)).start()
        return (seen,)

    return display(part, replace(outfit, desk=Liar(outfit.desk, told)))


def _shared(address: str) -> Port:
    try:
        descriptor = os.open(address, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise PortLost(str(error)) from error
    return DescriptorPort(descriptor, lambda: os.close(descriptor))


def shares(part: Part, outfit: Outfit) -> Driver:
    return display(part, outfit, opened=lambda: _shared(part.port))


def lingers(part: Part, outfit: Outfit) -> Driver:
    class Lingers(DisplayDriver):
        def stop(self, timeout_s: float = 5.0) -> None:
            assert timeout_s

    return display(part, outfit, Lingers)


def gives_up(part: Part, outfit: Outfit) -> Driver:
    class GivesUp(DisplayDriver):
        def run(self) -> None:
            with contextlib.closing(self._open_port()) as port:
                try:
                    self._serve(port)
                except PortLost:
                    self._told.down("no_device")
                    self._stopped.wait()

    return display(part, outfit, GivesUp)


class Brittle(Port):
    """A byte that nobody expected ends it."""

    def __init__(self, port: Port) -> None:
        super().__init__()
        self._port = port

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def close(self) -> None:
        self._port.close()

    def receive(self, deadline: float) -> bytes:
        received = self._port.receive(deadline)
        if received:
            raise ValueError(f"a display does not say {received[:4].hex()}")
        return received


def dies_of_noise(part: Part, outfit: Outfit) -> Driver:
    return display(part, outfit, opened=lambda: Brittle(open_port(part.port)))


LEAKED: list[int] = []


def leaks(part: Part, outfit: Outfit) -> Driver:
    def opened() -> Port:
        port = open_port(part.port)
        LEAKED.append(os.open("/dev/null", os.O_RDONLY))
        return port

    return display(part, outfit, opened=opened)


# ---------------------------------------------------------------- jobs


def _sure(seen: Seen) -> tuple[Seen, ...]:
    match seen:
        case Printed(outcome="unknown"):
            return (msgspec.structs.replace(seen, outcome="printed"),)
        case SmsAnswered(outcome="unknown"):
            return (msgspec.structs.replace(seen, outcome="sent"),)
        case PosAnswered(outcome="unknown"):
            return (msgspec.structs.replace(seen, outcome="declined"),)
    return (seen,)


def printer(part: Part, desk: Desk, kind: type[PrinterDriver] = PrinterDriver) -> Driver:
    return kind(desk, partial(open_port, part.port), at=part.port)


def sure_of_paper(part: Part, outfit: Outfit) -> Driver:
    return printer(part, Liar(outfit.desk, _sure))


def prints_on(part: Part, outfit: Outfit) -> Driver:
    """What it had begun is printed by whoever comes next."""
    note = Path(f"{part.port}.begun")

    class PrintsOn(PrinterDriver):
        def _print(self, link: PrinterLink, job: PrintJob) -> None:
            note.write_bytes(self._bytes_of(job))
            super()._print(link, job)
            note.unlink()

        def _serve(self, link: PrinterLink) -> None:
            if note.exists():
                link.greet()
                link.find_sign()
                link.deliver(note.read_bytes(), mark_of(1))
                note.unlink()
            super()._serve(link)

    return printer(part, outfit.desk, PrintsOn)


def terminal(part: Part, outfit: Outfit, kind: type[ZvtTerminal] = ZvtTerminal) -> Driver:
    return kind(partial(open_port, part.port), outfit.desk, outfit.currency, blocks=True, at=part.port)


def sure_of_payment(part: Part, outfit: Outfit) -> Driver:
    return terminal(part, replace(outfit, desk=Liar(outfit.desk, _sure)))


def pays_at_once(part: Part, outfit: Outfit) -> Driver:
    """An approval is final to it, whether there are goods or not."""

    class PaysAtOnce(ZvtTerminal):
        def _ordered(self, attempt: Attempt) -> Apdu | None:
            if attempt.payment.approval and not attempt.outcome and attempt.payment.owes:
                return attempt.takes(PosJob(0, "goods", attempt.name))
            return super()._ordered(attempt)

    return terminal(part, outfit, PaysAtOnce)


def pays_soon(part: Part, outfit: Outfit) -> Driver:
    """The same, but not before the desk has had a second to ask for it."""

    class PaysSoon(ZvtTerminal):
        _pays_at = 0.0

        def _ordered(self, attempt: Attempt) -> Apdu | None:
            if attempt.payment.approval and not attempt.outcome and attempt.payment.owes:
                self._pays_at = self._pays_at or time.monotonic() + 1.0
                if time.monotonic() >= self._pays_at:
                    return attempt.takes(PosJob(0, "goods", attempt.name))
            return super()._ordered(attempt)

    return terminal(part, outfit, PaysSoon)


def modem(part: Part, outfit: Outfit, kind: type[sms.SmsDriver] = sms.SmsDriver) -> Driver:
    return kind(outfit.desk, partial(open_port, part.port, 115_200), outfit.letter, port=part.port)


def tries_again(part: Part, outfit: Outfit) -> Driver:
    """It takes silence for a no."""

    class TriesAgain(sms.SmsDriver):
        def _end(self, outcome: str, why: str = "", *, mr: tuple[int, ...] = (), final: bool = False) -> None:
            if outcome in ("unknown", "failed") and self._open_job:
                self._last = self._open_job = 0
            super()._end(outcome, why, mr=mr, final=final)

    return modem(part, outfit, TriesAgain)


def sure_of_text(part: Part, outfit: Outfit) -> Driver:
    return modem(part, replace(outfit, desk=Liar(outfit.desk, _sure)))


def new_reference(part: Part, outfit: Outfit) -> Driver:
    """Each try is another text to the telephone."""
    usual, tried = vars(sms)["submits"], itertools.count(1)

    def submits(number: str, text: str, *, reference: int) -> Any:
        return usual(number, text, reference=(reference + next(tried)) % 256)

    vars(sms)["submits"] = submits
    return modem(part, outfit)


# ---------------------------------------------------------------- displays


class Queue:
    """Everything that was ever published, in order: the newest comes when the older ones have been shown."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.tell, self.published = desk.tell, desk.published
        self._all: list[Published] = []
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        rev = -1
        while True:
            published = self._desk.wait(rev, 1.0)
            if published.rev != rev:
                self._all.append(published)
            rev = published.rev

    def wait(self, rev: int, timeout_s: float) -> Published:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self._all:
                return self._all.pop(0)
            time.sleep(0.002)
        return self._desk.published() if rev < 0 else msgspec.structs.replace(self._desk.published(), rev=rev)


def queues(part: Part, outfit: Outfit) -> Driver:
    return display(part, replace(outfit, desk=Queue(outfit.desk)))


def felt(part: Part, outfit: Outfit) -> Driver:
    """Whoever asks how it is waits until it has written."""
    lock = threading.Lock()

    class Slow(DescriptorPort):
        def write(self, data: bytes) -> None:
            with lock:
                super().write(data)

    class Felt(DisplayDriver):
        def health(self) -> Health:
            with lock:
                return super().health()

    def opened() -> Port:
        port = open_port(part.port)
        assert isinstance(port, DescriptorPort)
        return Slow(port._descriptor, port.close)

    return display(part, outfit, Felt, opened)


# ---------------------------------------------------------------- all of them

FAULTS: dict[str, tuple[str, str, str]] = {
    maker.__name__: broken
    for maker, broken in (
        (sleeps, ("display", "epson", "begins")),
        (repeats, ("display", "epson", "begins")),
        (nameless, ("display", "epson", "serves")),
        (chatters, ("display", "epson", "speaks")),
        (chatters_later, ("display", "epson", "speaks")),
        (shares, ("display", "epson", "alone")),
        (lingers, ("display", "epson", "ends")),
        (gives_up, ("display", "epson", "returns")),
        (dies_of_noise, ("display", "epson", "endures")),
        (leaks, ("display", "epson", "steady")),
        (skips, ("coins", "cctalk", "once")),
        (doubles, ("coins", "cctalk", "once")),
        (always_open, ("coins", "cctalk", "shut")),
        (any_word, ("notes", "cctalk", "word")),
        (forgets, ("coins", "cctalk", "remembers")),
        (sure_of_paper, ("printer", "escpos", "evidence")),
        (prints_on, ("printer", "escpos", "remembers")),
        (sure_of_payment, ("terminal", "zvt", "evidence")),
        (pays_at_once, ("terminal", "zvt", "remembers")),
        (pays_soon, ("terminal", "zvt", "remembers")),
        (sure_of_text, ("modem", "at", "evidence")),
        (tries_again, ("modem", "at", "maybe_done")),
        (new_reference, ("modem", "at", "same")),
        (queues, ("display", "epson", "newest")),
        (felt, ("display", "epson", "unfelt")),
    )
}
"""Of each driver: its role, the protocol that its device speaks, and the promise that it breaks."""
