"""A real pcscd, a virtual card behind it, and everything that happens to readers in the field."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import msgspec
import pytest

from kiosk.devices.card.apdu import CardError, CardGone, CardReset, CardTorn, Command, ReaderBusy, exchange
from kiosk.devices.card.driver import CardDriver
from kiosk.devices.card.pcsc import ERRORS, PcscReader, failure, fits
from kiosk.devices.card.reader import Slot, State
from kiosk.devices.card.session import CardSession, perform
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.faults import Cut, Faults
from kiosk.devices.sim.pcscd import Pcscd
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.vault.demo import DemoVault
from kiosk.vend.card.reading import Record, Word
from kiosk.vend.ports import CardJob
from kiosk.vend.seen import CardBad, CardIn, CardOut, CardWorked, ReaderDown, ReaderUp
from tests.card.kit import PROFILE, Counted, HandDesk, read_job, reading_of, record_of, used_card, worked
from tests.pcscd import USER_READER, running_pcscd

SERIAL_OF_CARD = Command(0x00, 0xB0, 0x99, 0x01, expected=8)
WAIT_S = 5.0


@pytest.fixture(scope="module")
def daemon() -> Iterator[Pcscd]:
    with running_pcscd() as daemon:
        yield daemon


class Slot0(VpcdSlot):
    """The hand at the user's slot, and every reader and connection that a test opens on it."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.opened = contextlib.ExitStack()

    def open(self, card: CardModel, *, exclusive: bool = True) -> tuple[PcscReader, Counted]:
        """Put the card in; a reader and a counted connection."""
        reader = PcscReader(USER_READER, exclusive=exclusive, busy_s=0.3)
        self.opened.callback(reader.close)
        self.insert(card)
        contact = Counted(reader.open(await_state(reader, State.PRESENT)))
        self.opened.callback(contact.close)
        return reader, contact


@pytest.fixture
def slot(daemon: Pcscd) -> Iterator[Slot0]:
    """The slot is empty before and after."""
    if daemon.process is None:
        daemon.start()
    hand = Slot0(daemon.user_port)
    empty(daemon)
    yield hand
    hand.opened.close()
    hand.pull()
    if daemon.process is not None:
        empty(daemon)


def empty(daemon: Pcscd) -> None:
    reader = PcscReader(daemon.user_reader)
    await_state(reader, State.EMPTY)
    reader.close()


def await_state(reader: PcscReader, state: State, before: Slot | None = None) -> Slot:
    """Watch until the slot is in that state."""
    deadline = time.monotonic() + WAIT_S
    seen = reader.watch(before, 0.5)
    while seen.state is not state or seen.same(before):
        assert time.monotonic() < deadline, seen
        seen = reader.watch(seen, 0.5)
    return seen


class Kiosk:
    """A driver over PC/SC with a desk in the test's hands."""

    def __init__(self, pattern: str = USER_READER) -> None:
        self.desk = HandDesk()
        self.driver = CardDriver(self.desk, PcscReader(pattern, busy_s=0.3), PROFILE, DemoVault(), watch_s=0.2)
        self.driver.start()

    def token(self, since: int = 0) -> str:
        return self.desk.hear_one(CardIn, since).token

    def buy(self, token: str) -> Record:
        """Read and arm: the record of a purchase of 100.00."""
        reading = reading_of(self.desk.do(read_job(1, token=token)))
        return record_of(reading, worked(self.desk.do(CardJob(2, "arm", token, n=8, amount_minor=10000))).tag)

    def land(self, token: str, record: Record, numbers: range = range(10, 20)) -> None:
        """Go on by the judge's word until the purchase has landed."""
        for number in numbers:
            reading = reading_of(self.desk.do(read_job(number * 2, reset=True, token=token)))
            verdict = PROFILE.judge(reading, record, 7)
            if verdict.word is Word.LANDED:
                return
            assert verdict.step, verdict
            self.desk.do(CardJob(number * 2 + 1, "write", token, record=record, start=verdict.step))
        pytest.fail("never landed")


@pytest.fixture
def kiosk(slot: Slot0) -> Iterator[Kiosk]:
    assert slot.card is None
    kiosk = Kiosk()
    yield kiosk
    kiosk.driver.stop()


pytestmark = pytest.mark.pcsc


def test_a_whole_recharge_through_pcscd_is_24_commands(slot: Slot0) -> None:
    card = CardModel(used_card())
    _reader, contact = slot.open(card)
    session = CardSession(contact, PROFILE, DemoVault())
    reading = reading_of(perform(read_job(), session))
    record = record_of(reading, worked(perform(CardJob(2, "arm", "t", n=8, amount_minor=10000), session)).tag)
    assert worked(perform(CardJob(3, "write", "t", record=record, start="type"), session)).done
    after = reading_of(perform(read_job(4, reset=True), session))
    assert PROFILE.judge(after, record, 7).word is Word.LANDED
    assert len(contact.sent) == 24


@pytest.mark.covers("card-1")
@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_pcscd_dies_between_payment_and_write_and_the_purchase_lands_afterwards(
    daemon: Pcscd, slot: Slot0, kiosk: Kiosk, kill: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    card = CardModel(used_card())
    slot.insert(card)
    token = kiosk.token()
    record = kiosk.buy(token)
    told = len(kiosk.desk.told)
    daemon.stop(kill=kill)
    assert kiosk.desk.hear_one(ReaderDown, told).why == "service"
    assert kiosk.desk.hear_one(CardOut, told).token == token
    daemon.start()
    kiosk.desk.hear_one(ReaderUp, told)
    slot.insert(card)
    kiosk.land(kiosk.token(told), record)
    assert card.files[2].hex() == "0000271000000008"
    assert capfd.readouterr().err == ""


@pytest.mark.covers("card-1")
def test_pcscd_dies_in_the_middle_of_the_write(daemon: Pcscd, slot: Slot0, kiosk: Kiosk) -> None:
    card = CardModel(used_card())
    slot.insert(card)
    token = kiosk.token()
    record = kiosk.buy(token)
    told = len(kiosk.desk.told)
    with slot.lock:  # the card answers nothing while we hold it: the write hangs in pcscd
        kiosk.desk.publish(CardJob(3, "write", token, record=record, start="type"))
        time.sleep(0.1)
        daemon.stop(kill=True)
    assert not worked(kiosk.desk.hear(lambda seen: getattr(seen, "job", 0) == 3, told)).done
    daemon.start()
    slot.insert(card)
    kiosk.land(kiosk.token(told), record)


@pytest.mark.covers("card-2")
@pytest.mark.parametrize("apdu", [0, 1, 3, 5, 7])
def test_a_card_pulled_in_the_middle_of_a_command_and_put_back_lands(slot: Slot0, kiosk: Kiosk, apdu: int) -> None:
    card = CardModel(used_card())
    slot.insert(card)
    token = kiosk.token()
    record = kiosk.buy(token)
    with slot.lock:
        card.arm(Faults(cut=Cut(apdu=apdu, after=True)))
    told = len(kiosk.desk.told)
    work = worked(kiosk.desk.do(CardJob(3, "write", token, record=record, start="type")))
    assert (work.done, work.why) == (False, "torn")
    assert kiosk.desk.hear_one(CardOut, told).token == token
    slot.insert(card)
    kiosk.land(kiosk.token(told), record)


@pytest.mark.covers("card-3")
def test_a_card_pulled_and_put_back_within_one_poll_is_not_lost(slot: Slot0, kiosk: Kiosk) -> None:
    card = CardModel(used_card())
    slot.insert(card)
    token = kiosk.token()
    for round_ in range(5):
        told = len(kiosk.desk.told)
        reading_of(kiosk.desk.do(read_job(round_, token=token)))
        slot.pull()
        slot.insert(card)
        assert kiosk.desk.hear_one(CardOut, told).token == token
        token = kiosk.token(told)
    assert reading_of(kiosk.desk.do(read_job(99, token=token))).authentic


@pytest.mark.covers("card-4")
def test_an_old_connection_is_worth_nothing_after_the_card_came_back(slot: Slot0) -> None:
    card = CardModel(used_card())
    reader, contact = slot.open(card)
    first = reader.watch(None, 0)
    slot.pull()
    gone = await_state(reader, State.EMPTY, first)
    slot.insert(card)
    second = await_state(reader, State.PRESENT, gone)
    assert second.counter != first.counter
    with pytest.raises(CardGone):
        contact.check()
    with pytest.raises(CardError):
        exchange(contact, SERIAL_OF_CARD)
    contact.close()
    fresh = reader.open(second)
    assert len(exchange(fresh, SERIAL_OF_CARD)) == 8
    fresh.close()
    reader.close()


OTHER_RESETS = f"""
from smartcard.scard import *
_, context = SCardEstablishContext(SCARD_SCOPE_USER)
code, card, _ = SCardConnect(context, {USER_READER!r}, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0)
print(code & 0xFFFFFFFF)
if code == 0:
    SCardDisconnect(card, SCARD_RESET_CARD)
"""


def another_program() -> int:
    """It connects, resets the card and leaves: the code of its connecting."""
    done = subprocess.run([sys.executable, "-c", OTHER_RESETS], capture_output=True, text=True, check=True, timeout=30)
    return int(done.stdout)


@pytest.mark.covers("card-5")
def test_a_card_that_another_program_reset_is_read_again_from_the_start(slot: Slot0) -> None:
    _reader, contact = slot.open(CardModel(used_card()), exclusive=False)
    session = CardSession(contact, PROFILE, DemoVault())
    reading_of(perform(read_job(), session))
    assert another_program() == 0
    with pytest.raises(CardReset):
        exchange(contact, SERIAL_OF_CARD)
    assert worked(perform(CardJob(2, "finish", "t"), session)).why == "torn"
    assert reading_of(perform(read_job(3), session)).authentic


@pytest.mark.covers("card-5", "card-6")
def test_while_the_kiosk_holds_the_card_no_other_program_gets_at_it(slot: Slot0) -> None:
    _reader, contact = slot.open(CardModel(used_card()))
    assert another_program() == 0x8010000B
    assert len(exchange(contact, SERIAL_OF_CARD)) == 8


@pytest.mark.covers("card-6")
def test_a_card_that_another_program_holds_is_waited_for_and_then_said(slot: Slot0, kiosk: Kiosk) -> None:
    reader, contact = slot.open(CardModel(used_card()), exclusive=False)
    with pytest.raises(ReaderBusy, match="another program"):
        PcscReader(USER_READER, busy_s=0.1).open(reader.watch(None, 0))
    token = kiosk.token()
    told = len(kiosk.desk.told)
    kiosk.desk.publish(read_job(1, token=token))
    assert kiosk.desk.hear_one(ReaderDown, told).why == "busy"
    contact.close()
    kiosk.desk.hear_one(ReaderUp, told)
    assert reading_of(kiosk.desk.do(read_job(2, token=kiosk.token(told)))).authentic


@pytest.mark.covers("card-7")
def test_two_cards_with_one_atr_are_swapped_between_read_and_write(slot: Slot0, kiosk: Kiosk) -> None:
    one = CardModel(used_card())
    two = CardModel(msgspec.structs.replace(used_card(bytes.fromhex("8877665544332211")), atr=one.image().atr))
    slot.insert(one)
    token = kiosk.token()
    record = kiosk.buy(token)
    told = len(kiosk.desk.told)
    slot.insert(two)
    kiosk.desk.publish(CardJob(3, "write", token, record=record, start="type"))
    kiosk.desk.hear(lambda seen: isinstance(seen, CardWorked | CardOut), told)
    kiosk.desk.publish(read_job(4, reset=True, token=token))  # what the desk asks after a torn write
    assert kiosk.desk.hear_one(CardOut, told).token == token
    other = kiosk.token(told)
    assert reading_of(kiosk.desk.do(read_job(5, token=other))).serial == "8877665544332211"
    assert set(two.tries.values()) == {10}
    assert two.files[2] == CardModel(used_card()).files[2]
    told = len(kiosk.desk.told)
    slot.insert(one)
    kiosk.land(kiosk.token(told), record)


@pytest.mark.covers("card-8")
def test_no_card_a_garbled_answer_to_reset_and_none_at_all_are_three_things(slot: Slot0, kiosk: Kiosk) -> None:
    reader = PcscReader(USER_READER)
    with pytest.raises(CardGone):
        reader.open(reader.watch(None, 0))
    reader.close()
    garbled = CardModel(msgspec.structs.replace(used_card(), atr="deadbeef00"))
    slot.insert(CardModel(msgspec.structs.replace(used_card(), atr="")))
    time.sleep(0.5)  # longer than a poll
    slot.insert(garbled)
    kiosk.desk.publish(read_job(1, token=kiosk.token()))
    assert kiosk.desk.hear_one(CardBad).why == "unknown"


@pytest.mark.covers("card-9")
def test_a_card_that_is_in_when_the_kiosk_starts_is_told(slot: Slot0) -> None:
    card = CardModel(used_card())
    reader, contact = slot.open(card)
    contact.close()
    reader.close()
    kiosk = Kiosk()
    assert reading_of(kiosk.desk.do(read_job(1, token=kiosk.token()))).authentic
    kiosk.driver.stop()


@pytest.mark.covers("card-10")
def test_waiting_and_talking_never_block_each_other(slot: Slot0, kiosk: Kiosk) -> None:
    card = CardModel(used_card())
    slot.insert(card)
    token = kiosk.token()
    ends = threading.Event()
    others = [threading.Thread(target=keep_watching, args=(ends,)) for _ in range(3)]
    for other in others:
        other.start()
    for number in range(100):
        assert reading_of(kiosk.desk.do(read_job(number, reset=number % 10 == 0, token=token))).authentic
    ends.set()
    for other in others:
        other.join(WAIT_S)
        assert not other.is_alive()


def keep_watching(ends: threading.Event) -> None:
    reader = PcscReader(USER_READER)
    seen = None
    while not ends.is_set():
        seen = reader.watch(seen, 0.05)
    reader.close()


@pytest.mark.covers("card-12")
def test_a_reader_that_is_renamed_or_replaced_is_found_again(daemon: Pcscd, slot: Slot0, kiosk: Kiosk) -> None:
    kiosk.desk.hear_one(ReaderUp)
    told = len(kiosk.desk.told)
    [config] = daemon.readers.iterdir()
    text = config.read_text()
    daemon.stop()
    try:
        config.write_text(text.replace("Kiosk Virtual Reader", "Some Other Reader"))
        daemon.start()
        kiosk.desk.hear(lambda seen: seen == ReaderDown("reader"), told)
        daemon.stop()
    finally:
        config.write_text(text)
    daemon.start()
    kiosk.desk.hear_one(ReaderUp, told)
    slot.insert(CardModel(used_card()))
    assert reading_of(kiosk.desk.do(read_job(1, token=kiosk.token()))).authentic


@pytest.mark.covers("card-12")
def test_a_pattern_fits_a_reader_on_whatever_port() -> None:
    for name in ("ACS ACR39U 00 00", "ACS ACR39U 01 00", "acs acr39u [CCID] 02 00"):
        assert fits(name, "acr39u")
    assert fits("Kiosk Virtual Reader 00 01", "kiosk*00 01")
    assert not fits("Kiosk Virtual Reader 00 00", "kiosk*00 01")
    assert fits("anything", "")


@pytest.mark.covers("card-15")
def test_waiting_with_a_card_in_waits(slot: Slot0) -> None:
    reader, contact = slot.open(CardModel(used_card()))
    contact.close()
    seen = reader.watch(None, 0)
    seen = reader.watch(seen, 1.0)  # pcscd may still have had something to say
    before = time.monotonic()
    assert reader.watch(seen, 0.5).same(seen)
    assert time.monotonic() - before > 0.4
    reader.close()


@pytest.mark.covers("card-1", "card-2", "card-4", "card-5", "card-6", "card-8", "card-12", "card-13")
def test_every_pcsc_code_that_we_know_has_one_word() -> None:
    assert {type(failure(code - (1 << 32))) for code in ERRORS} == set(ERRORS.values())
    assert {failure(code).why for code in ERRORS} == {"service", "reader", "access", "busy", "gone", "torn", "mute", "unknown"}
    assert issubclass(CardReset, CardTorn)
