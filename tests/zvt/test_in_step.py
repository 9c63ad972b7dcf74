"""Which question an answer is about: a life before this one, or a block that was said twice, may have left another on the line."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.devices.port import Port, after
from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt.wire import NAK, Apdu, encode_block
from kiosk.vend.seen import PosAnswered, PosUp, Seen
from tests.zvt.kit import AMOUNT, BankDesk, Counter, counter, paced

QUESTIONS = {"06 00": m.registration(0, 156), "05 01": m.status_enquiry(0), "06 20": m.repeat_receipt(0)}


@pytest.fixture
def bank() -> Iterator[Counter]:
    """On a serial line: a socket is another one in each life."""
    with tempfile.TemporaryDirectory(prefix="zvt-") as place, counter(Path(place), "pty") as here:
        yield here


def dies_asking(bank: Counter, question: Apdu) -> None:
    """A kiosk that is killed between its question and the first answer, which the terminal will repeat."""
    with closing(bank.open()) as port:
        port.write(encode_block(question))
        assert port.read_until(encode_block(m.YES), after(8.0)).endswith(encode_block(m.YES))


@pytest.mark.covers("failure-22")
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_kiosk_that_died_asking_takes_no_answer_for_another_questions(bank: Counter, question: str) -> None:
    """It knows which terminal it has, and finds the payment in its book."""
    bank.simulate(ack_s=0.5)
    driver = bank.drive()
    assert bank.desk.asks("pay").outcome == "approved"
    assert bank.desk.asks("goods").outcome == "final"
    bank.desk.await_one(PosUp, len(bank.desk.told) - 1)
    driver.stop()
    bank.desk.rests()
    dies_asking(bank, QUESTIONS[question])
    since = len(bank.desk.told)
    bank.drive(up=False, pace=paced(answer_s=5.0, ack_s=5.0))
    assert bank.desk.await_one(PosUp, since) == PosUp("terminal", "29000274", (), "0001")
    found = bank.desk.asks("recover", payment="bb", before="29000274/0000")
    assert (found.outcome, found.amount_minor, found.receipt) == ("final", AMOUNT, "0001")


class AskedTwice(Port):
    """A wire on which the order of a payment has a NAK that is another block's, and the yes to it comes broken, all three times."""

    def __init__(self, port: Port) -> None:
        super().__init__()
        self._port, self._ahead_of, self._harms = port, b"", 0
        self._orders = 0

    def receive(self, deadline: float) -> bytes:
        ahead, self._ahead_of = self._ahead_of, b""
        received = ahead or self._port.receive(deadline)
        if self._harms and encode_block(m.YES) in received:
            self._harms -= 1
            return received.replace(encode_block(m.YES), encode_block(m.YES)[:-1] + b"?")
        return received

    def write(self, data: bytes) -> None:
        if data.startswith(bytes.fromhex("10020601")) and not self._orders:
            self._ahead_of, self._harms = NAK, 3
        self._orders += data.startswith(bytes.fromhex("10020601"))
        self._port.write(data)

    def close(self) -> None:
        self._port.close()


@pytest.mark.covers("failure-22")
def test_an_approval_of_a_life_before_is_never_confirmed(bank: Counter) -> None:
    """The kiosk died when it had said the order, and the terminal goes on with it: its yes is heard as the one to a registration."""
    bank.simulate(ack_s=0.5)
    driver = bank.drive()
    driver.stop()
    dies_asking(bank, m.authorisation(AMOUNT, 156, 30, 20))
    since = len(bank.desk.told)
    bank.drive(up=False, pace=paced(answer_s=5.0, ack_s=5.0))
    assert bank.desk.await_one(PosUp, since).serial == "29000274"
    assert bank.desk.asks("recover", before="29000274/0000").outcome == "none"
    assert bank.sim.book.charged_minor == 0
    assert bank.state()["approvals"] == 1


@pytest.mark.covers("failure-22")
def test_busy_is_no_answer_to_an_order_that_was_said_twice(bank: Counter) -> None:
    """The terminal works at the first of them when it refuses the second: only its book can say that nothing was taken."""
    bank.wire = AskedTwice
    bank.simulate(ack_s=0.2)
    bank.drive(pace=paced(answer_s=4.0, recover_s=20.0))
    bank.sim.do({"do": "pos", "to": "plain"})
    assert bank.desk.asks("pay").outcome == "unknown"
    assert bank.commands(0x0601) == 2
    assert bank.desk.asks("recover").outcome == "final"
    assert bank.sim.book.charged_minor == AMOUNT
    assert bank.state()["approvals"] == 1


class QuickDesk(BankDesk):
    """It has the next payment ready, and orders it in the same instant in which it is told that one has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.next = 0

    def tell(self, seen: Seen) -> None:
        super().tell(seen)
        if isinstance(seen, PosAnswered) and seen.outcome in {"final", "reversed", "declined"} and not self.next:
            self.next = self.order("pay", payment="bb")


@pytest.mark.parametrize("end", ["final", "reversed", "declined"])
def test_a_payment_ordered_in_the_instant_in_which_another_ends_is_made(bank: Counter, end: str) -> None:
    """It is told busy only while the terminal is."""
    desk = bank.desk = QuickDesk()
    bank.simulate()
    bank.drive()
    bank.sim.do({"do": "pos", "to": "decline" if end == "declined" else "approve"})
    if desk.asks("pay").outcome == "approved":
        assert desk.asks("goods" if end == "final" else "refuse").outcome == end
    assert desk.answer(desk.next).outcome == ("declined" if end == "declined" else "approved")
    assert desk.answered_once()
