"""A bank terminal that lies: it approves twice, prints without end, never comes to an end, or says that it charged more than there is.

Written apart from the driver and from the simulator: bytes by hand, as PA00P015 13.08 has them.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from kiosk.devices.gate import Gate
from kiosk.devices.port import open_port
from kiosk.devices.zvt.driver import ZvtTerminal
from kiosk.vend import seen
from kiosk.vend.bank import PosFinal, PosUnknown
from kiosk.vend.facts import ClaimIssued, WriteStarted
from kiosk.vend.money import CNY
from tests.bank.counter import Counter
from tests.cash.desk import eventually
from tests.sale.shop import Card
from tests.zvt.kit import NAME, PACE, BankDesk

YES, END = bytes.fromhex("800000"), bytes.fromhex("060f00")
REGISTERED = bytes.fromhex("060f08" + "2929000274" + "490156")
EMPTY_BOOK = bytes.fromhex("061e0164")
PRINTS = bytes.fromhex("06d109") + b"@RIEDG 50"
WAITS = bytes.fromhex("04ff010e")


def approval(amount: str = "000000010000", receipt: str = "0001") -> bytes:
    data = bytes.fromhex(f"2700 04{amount} 490156 87{receipt} 0b000042 2929000274")
    return bytes((0x04, 0x0F, len(data))) + data


Script = Callable[["Rogue", bytes], None]


class Rogue:
    """Behind a socket: well behaved but for what `paid` does at 06 01 and `asked` at any other command."""

    def __init__(self, paid: Script, asked: Script | None = None) -> None:
        self._paid, self._asked = paid, asked
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.heard: list[bytes] = []
        self._connection: socket.socket
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def address(self) -> str:
        return f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"

    def say(self, *messages: bytes) -> None:
        self._connection.sendall(b"".join(messages))

    def hears(self) -> bytes:
        """The next message of the till's."""
        head = self._take(3)
        message = head + self._take(head[2])
        self.heard.append(message)
        return message

    def for_ever(self, *messages: bytes) -> None:
        """Each ten times, and its answers thrown away."""
        self._connection.settimeout(0)
        while not self._over.is_set():
            with contextlib.suppress(BlockingIOError):
                self._connection.send(b"".join(messages) * 10)
            with contextlib.suppress(BlockingIOError):
                if not self._connection.recv(65536):
                    return

    def stop(self) -> None:
        self._over.set()
        self._listener.close()

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            if not (got := self._connection.recv(size - len(taken))):
                raise ConnectionError
            taken += got
        return taken

    def _run(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                self._connection, _ = self._listener.accept()
                while True:
                    self._answer(self.hears())

    def _answer(self, message: bytes) -> None:
        match message[:2].hex():
            case "0601":
                self._paid(self, message)
            case "8000" | "8400" | "8466" | "849c":
                return
            case _ if self._asked:
                self._asked(self, message)
            case "0600":
                self.say(YES, REGISTERED)
            case "0620":
                self.say(YES, EMPTY_BOOK)
            case _:
                self.say(YES, END)


class Till:
    """The driver at it, behind its gate."""

    def __init__(self, rogue: Rogue) -> None:
        self.rogue, self.desk = rogue, BankDesk()
        self.driver = ZvtTerminal(lambda: open_port(rogue.address), Gate(self.desk, "terminal"), CNY, blocks=False, pace=PACE)
        self.driver.start()


@pytest.fixture
def till(request: pytest.FixtureRequest) -> Iterator[Till]:
    rogue = Rogue(*request.param)
    made = Till(rogue)
    yield made
    made.driver.stop()
    assert not made.driver.alive
    rogue.stop()


def approves_twice(rogue: Rogue, _order: bytes) -> None:
    """And wants the goods for a second payment, too."""
    rogue.say(YES, approval())
    while rogue.hears()[:2].hex() == "849c":
        rogue.say(approval())
    rogue.say(approval(receipt="0002"))
    rogue.hears()
    rogue.say(approval(receipt="0003", amount="000000999900"))
    rogue.hears()
    rogue.say(END)


@pytest.mark.parametrize("till", [(approves_twice,)], indirect=True)
def test_a_terminal_that_approves_three_times_is_given_goods_once(till: Till) -> None:
    till.desk.await_one(seen.PosUp)
    approved = till.desk.asks("pay")
    assert (approved.outcome, approved.amount_minor, approved.receipt) == ("approved", 100_00, "0001")
    assert till.desk.asks("goods").outcome == "final"
    words = [message.hex() for message in till.rogue.heard if message[:2].hex() in ("8000", "8466")]
    first = words.index("846600")
    assert words[first - 1 : first + 2] == ["800000", "846600", "846600"], "goods for its first, and for no other"
    assert words.count("846600") == 2
    assert till.desk.answered_once()


def prints_for_ever(rogue: Rogue, _order: bytes) -> None:
    rogue.say(YES)
    rogue.for_ever(PRINTS)


def waits_for_ever(rogue: Rogue, _order: bytes) -> None:
    rogue.say(YES)
    rogue.for_ever(WAITS)


@pytest.mark.covers("field-213")
@pytest.mark.parametrize("till", [(prints_for_ever,), (waits_for_ever,)], indirect=True, ids=["prints", "waits"])
def test_a_payment_that_never_ends_is_unknown_and_asked_for_in_the_book(till: Till) -> None:
    till.desk.await_one(seen.PosUp)
    told = till.desk.asks("pay")
    assert (told.outcome, told.amount_minor, told.lines) == ("unknown", 0, ())
    assert till.desk.asks("recover").outcome in ("none", "unknown")
    assert till.desk.answered_once()
    orders = [message for message in till.rogue.heard if message[:2].hex() == "0601"]
    assert len(orders) == 1, "and never asked for a second time"


def no_end(rogue: Rogue, _order: bytes) -> None:
    rogue.say(YES)
    rogue.for_ever(WAITS)


@pytest.mark.parametrize("till", [(approves_twice, no_end)], indirect=True)
def test_a_registration_that_never_ends_is_a_terminal_that_is_not_there(till: Till) -> None:
    assert till.desk.await_one(seen.DeviceDown, timeout_s=20.0).code == "offline"
    job = till.desk.order("pay", NAME)
    assert till.desk.answer(job).outcome == "busy", "nothing was begun, and nobody waits for it"
    eventually(lambda: till.driver.alive)


@pytest.mark.parametrize("charged_minor", [1, 500_00, 999_999_999_999])
def test_whatever_a_terminal_says_it_charged_no_more_than_a_sale_may_be_goes_on_a_card(charged_minor: int) -> None:
    """What it says is written down and owed, for the office to hold against the bank's own books; the card gets what the vault allows."""
    shop, card = Counter(), Card()
    shop.insert(card)
    shop.press("tender", "bank", work=False)
    shop.press("finish", work=False)
    job = shop.pos_job
    assert job
    shop.tell(seen.PosAnswered(job.id, "approved", job.amount_minor, "0001", "000042", "123456", "1234"))
    while (job := shop.pos_job) is None or job.do != "goods":
        card_job = shop.job()
        assert card_job
        shop.do(card_job, card)
    shop.tell(seen.PosAnswered(job.id, "final", charged_minor, "0001", "000042", "123456", "1234"))
    finals = [fact.amount_minor for fact in shop.facts() if isinstance(fact, PosFinal)]
    assert finals == [charged_minor]
    shop.work()
    written = [fact.amount_minor for fact in shop.facts() if isinstance(fact, WriteStarted)]
    claimed = [fact for fact in shop.facts() if isinstance(fact, ClaimIssued)]
    assert all(credit <= shop.rules.allowed.sale_max_minor for credit in written)
    assert written or claimed
    assert not [fact for fact in shop.facts() if isinstance(fact, PosUnknown)]
