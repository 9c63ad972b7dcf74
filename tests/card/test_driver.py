"""The driver at a reader in this process: what it tells, what it does once, and whom it gives up."""

import sys
import threading
from collections.abc import Iterator

import pytest

from kiosk.devices.card.apdu import AccessDenied, Connection, ReaderBusy, ReaderError
from kiosk.devices.card.driver import CardDriver
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.card.pcsc import PcscReader
from kiosk.devices.card.reader import Slot
from kiosk.devices.sim.card import CardModel
from kiosk.devices.vault.demo import DemoVault
from kiosk.vend.card.reading import Word
from kiosk.vend.ports import CardJob
from kiosk.vend.seen import CardBad, CardIn, CardOut, CardWorked, ReaderDown, ReaderUp
from tests.card.kit import PROFILE, SERIAL, HandDesk, read_job, reading_of, record_of, used_card, worked


class Bench:
    """A driver, a reader in this process and a desk in the test's hands."""

    def __init__(self, reader: InProcessReader | None = None, stuck_s: float = 15.0) -> None:
        self.reader = reader or InProcessReader()
        self.desk = HandDesk()
        self.driver = CardDriver(self.desk, self.reader, PROFILE, DemoVault(), stuck_s=stuck_s, watch_s=0.05)
        self.card = CardModel(used_card())

    def start(self) -> None:
        self.driver.start()
        self.desk.hear_one(ReaderUp)

    def insert(self) -> str:
        """Put the card in; the token of its presentation."""
        since = len(self.desk.told)
        self.reader.insert(self.card)
        return self.desk.hear_one(CardIn, since).token


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.start()
    yield bench
    bench.driver.stop()


def test_a_card_comes_and_goes(bench: Bench) -> None:
    token = bench.insert()
    bench.reader.pull()
    assert bench.desk.hear_one(CardOut).token == token


@pytest.mark.covers("card-9")
def test_a_card_that_was_in_before_the_kiosk_started_is_told() -> None:
    bench = Bench()
    bench.reader.insert(bench.card)
    bench.driver.start()
    assert bench.desk.hear_one(CardIn).atr == bench.card.atr.hex()
    bench.driver.stop()


def test_a_whole_recharge_through_the_driver(bench: Bench) -> None:
    token = bench.insert()
    reading = reading_of(bench.desk.do(read_job(1, token=token)))
    assert reading.authentic
    tag = worked(bench.desk.do(CardJob(2, "arm", token, n=8, amount_minor=10000))).tag
    record = record_of(reading, tag)
    assert worked(bench.desk.do(CardJob(3, "write", token, record=record, start="type"))).done
    after = reading_of(bench.desk.do(read_job(4, reset=True, token=token)))
    assert PROFILE.judge(after, record, 7).word is Word.LANDED


@pytest.mark.covers("card-4")
def test_a_card_put_back_is_a_new_presentation_and_old_jobs_are_not_done_on_it(bench: Bench) -> None:
    old = bench.insert()
    reading_of(bench.desk.do(read_job(1, token=old)))
    bench.reader.pull()
    new = bench.insert()
    assert new != old
    told = len(bench.desk.told)
    bench.desk.publish(CardJob(2, "arm", old, n=8, amount_minor=1))
    reading_of(bench.desk.do(read_job(1, token=new)))  # the same number in another presentation is another job
    assert not [seen for seen in bench.desk.told[told:] if isinstance(seen, CardWorked)]


def test_a_job_is_done_once_however_often_it_is_published(bench: Bench) -> None:
    token = bench.insert()
    job = read_job(1, token=token)
    reading_of(bench.desk.do(job))
    told = len(bench.desk.told)
    for _ in range(20):
        bench.desk.publish(job)
    reading_of(bench.desk.do(read_job(2, token=token)))
    assert len(bench.desk.told) == told + 1


@pytest.mark.covers("card-7")
def test_a_swap_faster_than_anyone_looks_ends_one_presentation_and_begins_another(bench: Bench) -> None:
    first = bench.insert()
    told = len(bench.desk.told)
    bench.reader.insert(CardModel(used_card(bytes.fromhex("8877665544332211"))))
    assert bench.desk.hear_one(CardOut, told).token == first
    second = bench.desk.hear_one(CardIn, told).token
    assert reading_of(bench.desk.do(read_job(1, token=second))).serial != SERIAL.hex()


class Stubborn(CardModel):
    """A card that answers nothing while `held`, as a wedged reader does."""

    def __init__(self) -> None:
        super().__init__(used_card())
        self.held = threading.Event()
        self.entered = threading.Event()

    def process(self, apdu: bytes) -> bytes:
        if not self.held.is_set():
            self.entered.set()
            self.held.wait(30)
        return super().process(apdu)


@pytest.mark.covers("card-11", "card-14")
def test_a_card_that_never_answers_is_given_up_and_the_next_one_works() -> None:
    bench = Bench(stuck_s=0.0)
    stubborn = Stubborn()
    bench.card = stubborn
    bench.start()
    token = bench.insert()
    bench.desk.publish(read_job(1, token=token))
    assert bench.desk.hear_one(ReaderDown).why == "stuck"
    assert bench.desk.hear_one(CardOut).token == token
    bench.driver._stuck_s = 15.0
    told = len(bench.desk.told)
    bench.card = CardModel(used_card())
    after = bench.insert()
    bench.desk.hear_one(ReaderUp, told)
    stubborn.held.set()  # now the late answer comes: nobody may hear it
    assert reading_of(bench.desk.do(read_job(2, token=after))).authentic
    assert not [seen for seen in bench.desk.told[told:] if getattr(seen, "token", after) != token != after and getattr(seen, "job", 2) == 1]
    bench.driver.stop()


class Mute(CardModel):
    """A card put in upside down."""

    def insert(self) -> bytes:
        return b""


@pytest.mark.covers("card-8", "card-14")
def test_a_card_put_in_upside_down_is_mute(bench: Bench) -> None:
    bench.card = Mute(used_card())
    token = bench.insert()
    assert bench.desk.hear_one(CardBad) == CardBad(token, "mute")
    bench.desk.publish(read_job(1, token=token))
    bench.desk.hear(lambda seen: seen == CardBad(token, "mute"), since=len(bench.desk.told) - 1)


class Refusing(InProcessReader):
    """A reader that cannot be opened until `allowed`."""

    def __init__(self, error: type[ReaderError]) -> None:
        super().__init__()
        self.allowed = threading.Event()
        self._error = error

    def open(self, slot: Slot) -> Connection:  # type: ignore[override]
        if not self.allowed.is_set():
            raise self._error
        return super().open(slot)


@pytest.mark.covers("card-6", "card-13")
@pytest.mark.parametrize("error", [ReaderBusy, AccessDenied])
def test_a_reader_that_others_hold_is_out_of_service_until_it_is_free(error: type[ReaderError]) -> None:
    reader = Refusing(error)
    bench = Bench(reader)
    bench.start()
    token = bench.insert()
    bench.desk.publish(read_job(1, token=token))
    assert bench.desk.hear_one(ReaderDown).why == error.why
    assert bench.desk.hear_one(CardOut).token == token
    told = len(bench.desk.told)
    reader.allowed.set()
    bench.desk.hear_one(ReaderUp, told)
    again = bench.desk.hear_one(CardIn, told).token
    assert again != token
    assert reading_of(bench.desk.do(read_job(2, token=again))).authentic
    bench.driver.stop()


def test_stop_ends_both_threads(bench: Bench) -> None:
    bench.insert()
    bench.driver.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("card-") and thread.is_alive()]


def test_without_pyscard_the_kiosk_starts_and_says_that_there_is_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    desk = HandDesk()
    driver = CardDriver(desk, PcscReader("any"), PROFILE, DemoVault(), watch_s=0.05)
    driver.start()
    assert desk.hear_one(ReaderDown).why == "reader"
    driver.stop()
