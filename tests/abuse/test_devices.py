"""Hostile hands at the devices: a card between two readers, a run of counterfeits, an acceptor that lies, a hopper in its place."""

from collections.abc import Iterator

import pytest

from kiosk.config import ConfigError, checked
from kiosk.devices.card.driver import CardDriver
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.gate import WORDS
from kiosk.devices.registry import names
from kiosk.devices.sim.card import CardModel
from kiosk.devices.vault.demo import DemoVault
from kiosk.vend import counterfeits, outage, sale, seen
from kiosk.vend import facts as f
from kiosk.vend.fold import ORPHANS_KEPT
from kiosk.vend.frozen import freeze
from kiosk.vend.ports import CardJob, Stance
from kiosk.vend.seen import CardIn, CardOut, CardWorked, ReaderUp
from kiosk.vend.state import Wary
from kiosk.vend.texting import alarm_of
from kiosk.vend.till import CashBoxRemoved
from tests.card.kit import PROFILE, HandDesk, read_job, reading_of, record_of, used_card, worked
from tests.sale.shop import Card, Shop

# ---------------------------------------------------------------- a card between two readers


class TwoReaders:
    """Two slots, each with a driver, and one desk."""

    def __init__(self) -> None:
        self.desk = HandDesk()
        self.readers = (InProcessReader("front"), InProcessReader("side"))
        self.drivers = [CardDriver(self.desk, reader, PROFILE, DemoVault(), watch_s=0.05) for reader in self.readers]
        self.card = CardModel(used_card())
        for driver in self.drivers:
            since = len(self.desk.told)
            driver.start()
            self.desk.hear_one(ReaderUp, since)

    def moves(self, to: int) -> str:
        """Out of the one, into the other; the token of the new presentation."""
        since = len(self.desk.told)
        self.readers[1 - to].pull()
        if to or since > len(self.drivers):
            self.desk.hear_one(CardOut, since)
        self.readers[to].insert(self.card)
        return self.desk.hear_one(CardIn, since).token

    def files(self) -> str:
        return repr(self.card.image)


@pytest.fixture
def two() -> Iterator[TwoReaders]:
    made = TwoReaders()
    yield made
    for driver in made.drivers:
        driver.stop()


@pytest.mark.covers("abuse-18")
def test_a_job_for_a_card_in_one_reader_is_never_done_in_the_other(two: TwoReaders) -> None:
    first = two.moves(0)
    reading = reading_of(two.desk.do(read_job(1, token=first)))
    tag = worked(two.desk.do(CardJob(2, "arm", first, n=8, amount_minor=100_00))).tag
    second = two.moves(1)
    assert second != first
    before, told = two.files(), len(two.desk.told)
    two.desk.publish(CardJob(3, "write", first, record=record_of(reading, tag), start="type"))
    again = reading_of(two.desk.do(read_job(4, token=second)))
    assert not [word for word in two.desk.told[told:] if isinstance(word, CardWorked)]
    assert two.files() == before
    assert again.serial == reading.serial


@pytest.mark.covers("abuse-18")
def test_a_card_that_is_in_the_other_reader_before_it_left_the_first_is_written_once() -> None:
    """Two readers tell in their own order: the newer presentation is the card, and what the older one says of its job is nobody's."""
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    first = shop.state.here.token
    shop.press("finish", work=False)
    while (job := shop.job()) and job.do != "write":
        shop.do(job, card)
    assert job
    shop.insert(card)
    second = shop.state.here.token
    assert second != first
    shop.tell(seen.CardWorked(first, job.id, done=True))
    shop.tell(seen.CardOut(first))
    assert shop.state.here.token == second
    shop.work()
    assert [fact.kind for fact in shop.facts("CardVerified", "SaleClosed", "ClaimIssued")] == ["CardVerified", "SaleClosed"]
    (closed,) = shop.facts("SaleClosed")
    assert isinstance(closed, f.SaleClosed)
    card.into_meter()
    card.into_meter()
    assert card.credited == [closed.credit_minor]


# ---------------------------------------------------------------- counterfeits


def rejects(shop: Shop, times: int, device: str = "notes", code: str = "invalid") -> None:
    for _ in range(times):
        shop.tell(seen.NoteRejected(device, code))


def takes(shop: Shop) -> tuple[tuple[int, ...], tuple[int, ...]]:
    stance = sale.stance(shop.rules, shop.state)
    return stance.notes, stance.coins


@pytest.mark.covers("abuse-24", "field-214")
def test_a_run_of_counterfeits_over_all_acceptors_shuts_the_cash_and_tells_technicians() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00)
    rejects(shop, 6, "notes")
    rejects(shop, 3, "coins")
    assert takes(shop) != ((), ())
    rejects(shop, 1, "notes")
    assert takes(shop) == ((), ())
    assert [alarm_of(fact) for fact in shop.facts("DeviceFault")] == ["fraud.notes", "fraud.coins"]
    assert shop.view.figure_minor == 50_00, "what is paid is still there"
    shop.press("finish")
    (closed,) = shop.facts("SaleClosed")
    assert isinstance(closed, f.SaleClosed)
    assert closed.tender_minor == 50_00
    shop.pull()
    shop.ms += counterfeits.SHUT_MS
    shop.tell(seen.Tick())
    assert shop.state.here.wary == Wary()
    assert "notes" not in shop.state.faults
    assert outage.works(shop.state, "notes")
    assert outage.works(shop.state, "coins")


@pytest.mark.covers("abuse-24")
@pytest.mark.parametrize("honest", ["accepted", "time", "inhibited"])
def test_worn_notes_are_no_run(honest: str) -> None:
    """Nine that go back, and something in between."""
    shop = Shop()
    shop.insert(Card())
    shop.press("tender", "cash")
    rejects(shop, counterfeits.RUN - 1)
    match honest:
        case "accepted":
            shop.feed(10_00)
        case "time":
            shop.ms += counterfeits.WITHIN_MS
        case _:
            rejects(shop, 20, code="inhibited")
            rejects(shop, 20, code="host")
            assert takes(shop) != ((), ())
            return
    rejects(shop, counterfeits.RUN - 1)
    assert not shop.facts("DeviceFault")
    rejects(shop, 1)
    assert shop.facts("DeviceFault")


def test_a_driver_that_is_up_anew_does_not_open_the_cash_that_is_shut() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.press("tender", "cash")
    rejects(shop, counterfeits.RUN)
    shop.acceptors_up()
    assert takes(shop) == ((), ())
    assert isinstance(shop.tell(seen.NoteHeld("notes", "SN-notes", 10_00, 1))[0], f.Fact)
    assert not shop.facts("NoteEscrowed"), "a note that comes all the same goes back"


# ---------------------------------------------------------------- an acceptor that lies


@pytest.mark.parametrize("lie_minor", [1, 70_00, 99_999_999, 1_000_000_000])
def test_a_note_that_no_country_prints_is_nobodys_credit(lie_minor: int) -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(10_00)
    shop.tell(seen.NoteHeld("notes", "SN-notes", lie_minor, 3))
    assert shop.state.sale
    assert shop.state.sale.escrow is None
    shop.tell(seen.NoteIn("notes", "SN-notes", lie_minor, 4, 2))
    assert shop.state.sale.tender_minor == 10_00
    (orphan,) = shop.facts("OrphanCredit")
    assert isinstance(orphan, f.OrphanCredit)
    assert orphan.amount_minor == lie_minor, "the office sees what it claims"


def test_ten_thousand_notes_that_nobody_put_in_sell_no_more_than_one_sale_may() -> None:
    """An acceptor's word is money as long as it says no more than the machine would have let in; the rest waits for the box."""
    shop = Shop()
    shop.insert(Card())
    shop.press("tender", "cash")
    for number in range(10_000):
        shop.tell(seen.NoteIn("notes", "SN-notes", 100_00, number % 255 + 1, number + 1))
    assert shop.state.sale
    assert shop.state.sale.tender_minor == shop.rules.allowed.sale_max_minor
    orphans = [fact for fact in shop.facts("OrphanCredit") if isinstance(fact, f.OrphanCredit)]
    assert sum(fact.pieces for fact in orphans) == 10_000 - 5, "and every one of them is written down"


@pytest.mark.covers("field-215")
def test_what_an_acceptor_makes_up_costs_no_memory_and_goes_with_its_box() -> None:
    shop = Shop()
    for number in range(2 * ORPHANS_KEPT):
        shop.tell(seen.NoteIn("notes", "SN-notes", 10_00, number % 255 + 1, number + 1))
        shop.tell(seen.EventsLost("notes", number + 1))
        if number == ORPHANS_KEPT:
            before = len(freeze(shop.state))
    assert len(freeze(shop.state)) < before * 1.05
    assert len(shop.facts("OrphanCredit")) == 2 * ORPHANS_KEPT
    shop._add((CashBoxRemoved("notes", 0, "B1", "000000000012", ("014",), (), 0),))
    assert shop.state.orphans == ()


@pytest.mark.parametrize(("accepted", "orphans", "faults"), [(1_002, [1_000], []), (0, [], ["counter-back"])], ids=["more", "less"])
def test_an_acceptor_that_is_swapped_in_the_middle_by_one_of_the_same_serial_brings_no_credit(
    accepted: int, orphans: list[int], faults: list[str]
) -> None:
    """A clone with another life behind it: what its counter has more is nobody's until the box is counted, and less is a fault."""
    shop = Shop()
    shop.insert(Card())
    shop.feed(10_00)
    shop.feed(20_00)
    shop.tell(seen.AcceptorDown("notes", "offline"))
    shop.tell(seen.AcceptorUp("notes", "SN-notes", 200, accepted, (10_00, 20_00, 50_00, 100_00)))
    assert shop.state.sale
    assert shop.state.sale.tender_minor == 30_00
    found = [fact for fact in shop.facts("OrphanCredit") if isinstance(fact, f.OrphanCredit)]
    assert [(fact.pieces, fact.amount_minor) for fact in found] == [(pieces, None) for pieces in orphans]
    codes = [fact.code for fact in shop.facts("DeviceFault") if isinstance(fact, f.DeviceFault)]
    assert [code for code in codes if code != "offline"] == faults
    shop.press("finish")
    (closed,) = shop.facts("SaleClosed")
    assert isinstance(closed, f.SaleClosed)
    assert closed.tender_minor == 30_00


@pytest.mark.covers("abuse-20")
def test_counters_that_go_back_bring_no_second_credit() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(10_00)
    shop.feed(20_00)
    for counter in (4, 3, 2, 1):
        shop.tell(seen.NoteIn("notes", "SN-notes", 20_00, counter, 2))
    assert shop.state.sale
    assert shop.state.sale.tender_minor == 30_00
    shop.tell(seen.AcceptorUp("notes", "SN-notes", 4, 1, (10_00, 20_00)))
    assert [fact.code for fact in shop.facts("DeviceFault") if isinstance(fact, f.DeviceFault)] == ["counter-back"]
    assert shop.state.sale.tender_minor == 30_00


# ---------------------------------------------------------------- a hopper


@pytest.mark.covers("abuse-27")
def test_nothing_in_the_machine_can_pay_out() -> None:
    """No role for it, no driver, no order in what drivers are told, and a file that names one is refused."""
    roles = {name.partition("/")[0] for name in names()} | set(WORDS)
    assert roles == {"notes", "coins", "printer", "terminal", "modem", "display", "board", "voice"}
    with pytest.raises(ConfigError, match="role"):
        checked({"kiosk": {"id": "K07"}, "device": [{"role": "hopper", "protocol": "cctalk", "port": "/dev/null"}]})
    assert set(Stance.__struct_fields__) == {"notes", "coins", "escrow", "escrow_counter", "lamps"}
