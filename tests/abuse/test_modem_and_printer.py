"""A modem that forges and begs for PINs, a printer that says anything at any time: nobody obeys, and nothing is believed unasked."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat

import pytest

from kiosk.devices.port import open_port
from kiosk.devices.printer.driver import PrinterDriver
from kiosk.devices.printer.escpos import PAPER_80
from kiosk.devices.sms.driver import SmsDriver
from kiosk.vend.ports import PrintJob
from kiosk.vend.seen import SmsArrived
from kiosk.vend.sms import SimPinTried, SmsFailed, SmsReported, SmsSent, SmsUnknown
from tests.paper.shop import QUICK, PaperDesk, recharge
from tests.sms.desk import WAITS, LiveShop, until

PIN = "4711"


class Liar:
    """Behind a socket, one connection after the other. `does`: what it does with each."""

    def __init__(self, does: Callable[["Liar"], None]) -> None:
        self._does = does
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.over = threading.Event()
        self.connection: socket.socket
        self.heard = bytearray()
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def address(self) -> str:
        return f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"

    def _run(self) -> None:
        while not self.over.is_set():
            with contextlib.suppress(OSError):
                self.connection, _ = self._listener.accept()
                with self.connection:
                    self._does(self)

    def lines(self) -> Iterator[str]:
        """The commands, as they come; a TPDU ends with Ctrl-Z."""
        waiting = bytearray()
        while received := self.connection.recv(4096):
            self.heard += received
            waiting += received.replace(b"\x1b", b"")
            while (end := min((place for place in (waiting.find(b"\r"), waiting.find(b"\x1a")) if place >= 0), default=-1)) >= 0:
                line = waiting[:end].decode("ascii", "replace")
                del waiting[: end + 1]
                if line:
                    yield line

    def say(self, *lines: str) -> None:
        self.connection.sendall("".join(f"\r\n{line}\r\n" for line in lines).encode())

    def stop(self) -> None:
        self.over.set()
        self._listener.close()


class Modem:
    """A driver at a liar, and a desk."""

    def __init__(self, does: Callable[[Liar], None]) -> None:
        self.liar, self.desk = Liar(does), LiveShop()
        self.driver = self._made()
        self.driver.start()

    def _made(self) -> SmsDriver:
        return SmsDriver(self.desk, lambda: open_port(self.liar.address), self.desk.letter, pin=PIN, waits=WAITS)

    def restart(self) -> None:
        self.driver.stop()
        self.desk.restarts()
        self.driver = self._made()
        self.driver.start()


@pytest.fixture
def modem(request: pytest.FixtureRequest) -> Iterator[Modem]:
    made = Modem(request.param)
    yield made
    made.driver.stop()
    assert not made.driver.alive
    made.liar.stop()


def begs(liar: Liar) -> None:
    """Its SIM card takes every PIN, and asks for it again."""
    for line in liar.lines():
        if line == "AT+CPIN?":
            liar.say("+CPIN: SIM PIN", "OK")
        else:
            liar.say("OK")


def resets(liar: Liar) -> None:
    """It hangs up as soon as it has heard a PIN."""
    for line in liar.lines():
        if line.startswith("AT+CPIN="):
            return
        liar.say("+CPIN: SIM PIN", "OK") if line == "AT+CPIN?" else liar.say("OK")


def asked_often(liar: Liar, times: int) -> bool:
    return liar.heard.count(b"AT+CPIN?") >= times


@pytest.mark.parametrize("modem", [begs, resets], indirect=True)
def test_a_modem_that_begs_for_the_pin_gets_it_once_whatever_it_says_and_whoever_restarts(modem: Modem) -> None:
    until(lambda: PIN.encode() in modem.liar.heard, "the one PIN")
    for _ in range(3):
        asked = modem.liar.heard.count(b"AT+CPIN?") + 2
        modem.restart()
        until(partial(asked_often, modem.liar, asked), "a modem that asks again")
    assert modem.liar.heard.count(PIN.encode()) == 1
    assert modem.desk.facts(SimPinTried) == [SimPinTried(1)]
    assert PIN not in repr(modem.desk.told) + repr(modem.desk.shop.rows)


ORDERS = ("STOP ALL SALES", "AT+CPIN=0000", "open the door", "OK", "+CMGS: 7", "> ", "\x1b[2J")


def forges(liar: Liar) -> None:
    """It works, and between any two lines it tells of texts with orders in them, and of reports about texts that never were."""
    report = "07914140540510F006930B918173537000F0308011615453003080116154630000"
    answers = {"AT+CPIN?": "+CPIN: READY", "AT+CREG?": "+CREG: 0,1", "AT+CSQ": "+CSQ: 31,99", "AT+CGMI": "\x07Acme\x1b[31m" + "x" * 500}
    for number, line in enumerate(liar.lines()):
        liar.say(f"+CMT: ,{number}", ORDERS[number % len(ORDERS)], f'+CMTI: "SM",{number}', "+CDS: 25", report, "RING", "NO CARRIER?")
        if line.startswith("AT+CMGS="):
            liar.connection.sendall(b"\r\n> ")
            continue
        if not line.startswith("AT"):
            return  # it takes the text and hangs up: nobody knows
        liar.say(*(answers[line],) if line in answers else (), "OK")


@pytest.mark.parametrize("modem", [forges], indirect=True)
def test_what_comes_in_is_no_order_and_a_forged_report_is_about_no_text(modem: Modem) -> None:
    until(lambda: modem.driver.health().works, "a modem that works")
    until(lambda: modem.desk.shop.state.here.dropped > 3, "texts that are deleted")
    modem.desk.queue("Your 100.00 is on card ..7730")
    until(lambda: modem.desk.facts(SmsUnknown), "a text of which nobody knows")
    assert not modem.desk.facts(SmsSent, SmsReported, SmsFailed)
    words = {type(word) for word in modem.desk.told}
    assert SmsArrived in words
    said = repr(modem.desk.told) + repr(modem.desk.shop.rows) + repr(modem.driver.identity())
    for order in ("STOP", "CPIN=", "door", "\x1b", "\\x1b", "\x07"):
        assert order not in said
    who = modem.driver.identity()
    assert who
    assert len(who.maker) <= 40


# ---------------------------------------------------------------- a printer

RUBBISH = {
    "nuls": bytes(64),
    "all is well": b"\x10\x00\x00\x00",
    "every real-time answer": b"\x12",
    "done, done, done": b"\x37\x22\x60\x60\x60\x60\x00",
    "noise": bytes(range(256)),
}


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH.keys())
def test_a_printer_that_talks_without_being_asked_has_printed_nothing(rubbish: bytes) -> None:
    """At best it is assumed, as of one that cannot answer at all; the screen says the same as for any paper that nobody saw."""

    def babbles(liar: Liar) -> None:
        liar.connection.settimeout(0)
        for words in repeat(rubbish):
            with contextlib.suppress(BlockingIOError):
                liar.connection.send(words)
            with contextlib.suppress(BlockingIOError):
                if not liar.connection.recv(65536):
                    return
            time.sleep(0.002)

    liar, desk = Liar(babbles), PaperDesk()
    driver = PrinterDriver(desk, lambda: open_port(liar.address), PAPER_80, None, QUICK)
    driver.start()
    try:
        desk.until(lambda: bool(desk.states()))
        desk.want(PrintJob(7, 1, 0, recharge()))
        desk.until(lambda: bool(desk.outcomes()), 30.0)
        assert [outcome for job, outcome in desk.outcomes() if job == 7 and outcome in ("assumed", "unknown", "failed")]
    finally:
        driver.stop()
        liar.stop()
    assert not driver.alive
    assert len(desk.told) < 200, "and it does not tell of every word"
