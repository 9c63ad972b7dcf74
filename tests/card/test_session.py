"""One card at one session: what it costs, what is believed, and what is never sent."""

from collections.abc import Callable

import msgspec
import pytest

from kiosk.devices.card.apdu import INS_EXTERNAL_AUTHENTICATE, INS_UPDATE_BINARY, CardGone
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.card.session import CardSession, perform
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.faults import AlterPlain, At, Cut, Faults
from kiosk.devices.sim.image import blank, clone
from kiosk.devices.vault.demo import DemoVault
from kiosk.vend.card.reading import FileSpec, Record, Returned, Word
from kiosk.vend.ports import CardJob
from kiosk.vend.seen import CardBad, CardOut
from tests.card.kit import METER, PROFILE, SERIAL, Bay, read_job, reading_of, record_of, used_card, worked


def armed_and_ready(bay: Bay, amount_minor: int = 10000) -> Record:
    """Read the card and let the vault tag the next purchase."""
    reading = reading_of(perform(read_job(), bay.session))
    work = worked(perform(CardJob(2, "arm", "t", n=8, amount_minor=amount_minor), bay.session))
    assert work.done
    return record_of(reading, work.tag, amount_minor)


def write_job(record: Record, start: str = "type") -> CardJob:
    return CardJob(3, "write", "t", record=record, start=start)


# ---------------------------------------------------------------- a whole recharge


def test_a_recharge_is_read_written_and_verified_in_24_commands() -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    assert worked(perform(write_job(record), bay.session)).done
    after = reading_of(perform(read_job(4, reset=True), bay.session))
    assert PROFILE.judge(after, record, 7).word is Word.LANDED
    assert bay.wallet == (10000, 8)
    assert len(bay.contact.sent) == 24


def test_arming_costs_two_commands_more() -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    bay.card.files[5] = bytes(49)  # what another kiosk's torn commit may leave
    reading = reading_of(perform(read_job(3), bay.session))
    assert reading.returned is Returned.EMPTY
    before = len(bay.contact.sent)
    assert worked(perform(CardJob(4, "arm", "t", n=8, amount_minor=1), bay.session)).done
    assert len(bay.contact.sent) - before == 4  # the challenge and the authentication, which a recharge needs anyhow, and the update's two
    assert bay.card.files[5][:4] == bytes.fromhex("6811002b")
    assert worked(perform(write_job(record), bay.session)).done


def test_a_reading_says_who_the_card_is_and_that_it_is_genuine() -> None:
    reading = reading_of(perform(read_job(), Bay(used_card()).session))
    assert (reading.serial, reading.meter, reading.count, reading.taken) == (SERIAL.hex(), METER, 7, 7)
    assert reading.authentic
    assert reading.balance_minor == 10832


def test_every_reading_asks_with_another_challenge() -> None:
    bay = Bay(used_card())
    for number in range(3):
        reading_of(perform(read_job(number), bay.session))
    challenges = [apdu[5:13] for apdu in bay.contact.sent if apdu[:2] == b"\x04\xb0"]
    assert len(set(challenges)) == len(challenges) == 9


def test_a_salt_of_zeros_becomes_one() -> None:
    bay = Bay(used_card())
    session = CardSession(bay.contact, PROFILE, bay.vault, rng=bytes)
    reading_of(perform(read_job(), session))
    work = worked(perform(CardJob(2, "arm", "t", n=8, amount_minor=10000), session))
    assert work.tag == "0001" + DemoVault().tag(METER, 8, 10000, b"\0\1").hex()


def test_what_another_machine_left_is_finished_by_one_commit() -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    bay.card.arm(Faults(cut=Cut(update=2)))  # torn before the commit
    assert not worked(perform(write_job(record), bay.session)).done
    bay.insert(bay.card)
    left = reading_of(perform(read_job(5), bay.session))
    assert PROFILE.judge(left, None, 7).word is Word.FOREIGN
    assert worked(perform(CardJob(6, "finish", "t"), bay.session)).done
    after = reading_of(perform(read_job(7, reset=True), bay.session))
    assert PROFILE.judge(after, None, 7).word is Word.UNTAKEN


# ---------------------------------------------------------------- what is not believed


def test_a_shim_that_alters_plain_readings_changes_nothing_that_is_believed() -> None:
    bay = Bay(used_card())
    bay.card.arm(Faults(alter_plain=AlterPlain(2, 0, "000f4240")))
    reading = reading_of(perform(read_job(), bay.session))
    assert (reading.authentic, reading.amount_minor) == (True, 5000)


def test_a_shim_that_lies_about_the_serial_makes_the_card_unproven() -> None:
    bay = Bay(used_card())
    bay.card.arm(Faults(alter_plain=AlterPlain(0x19, 1, "99")))
    reading = reading_of(perform(read_job(), bay.session))
    assert not reading.authentic
    assert worked(perform(CardJob(2, "finish", "t"), bay.session)).why == "no_key"


@pytest.mark.parametrize("fake", ["clone", "wrong_mac", "other utility"])
def test_a_card_without_the_right_keys_is_read_unproven_and_nothing_is_sent_to_it(fake: str) -> None:
    image = used_card(masters=Masters.demo(2)) if fake == "other utility" else used_card()
    bay = Bay(clone(image) if fake == "clone" else image)
    bay.card.arm(Faults(wrong_mac=fake == "wrong_mac"))
    assert not reading_of(perform(read_job(), bay.session)).authentic
    for job in (CardJob(2, "arm", "t", n=8, amount_minor=1), CardJob(3, "finish", "t")):
        assert worked(perform(job, bay.session)).why == "no_key"
    sent = {apdu[1] for apdu in bay.contact.sent}
    assert not sent & {INS_EXTERNAL_AUTHENTICATE, INS_UPDATE_BINARY}
    assert set(bay.card.tries.values()) == {10}


def test_a_locked_kiosk_reads_unproven_and_writes_nothing() -> None:
    bay = Bay(used_card(), locked=True)
    reading = reading_of(perform(read_job(), bay.session))
    assert (reading.authentic, reading.keyed, reading.balance_minor) == (False, False, 10832)
    record = Record(SERIAL.hex(), METER, 8, 10000, "00010203")
    for job in (CardJob(2, "arm", "t", n=8, amount_minor=1), write_job(record), CardJob(3, "finish", "t")):
        assert worked(perform(job, bay.session)).why == "no_key"


@pytest.mark.covers("card-8")
def test_a_card_that_was_never_issued_and_one_of_another_kind_have_their_own_words() -> None:
    blank_bay = Bay(blank(SERIAL))
    assert perform(read_job(), blank_bay.session) == CardBad("t", "unissued")
    for words in (b"\x6a\x82", b"\x6e\x00", b"\x6d\x00"):
        reader = InProcessReader()
        reader.insert(Parrot(words))
        session = CardSession(reader.open(reader.watch(None, 0)), PROFILE, DemoVault())
        assert perform(read_job(), session) == CardBad("t", "foreign")


def test_a_layout_with_another_file_length_is_foreign() -> None:
    bay = Bay(used_card())
    bay.card.files[5] = bytes(20)
    assert perform(read_job(), bay.session) == CardBad("t", "foreign")


def test_a_card_that_says_9000_and_does_not_store_is_found_by_the_reading_after_the_reset() -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    bay.card.arm(Faults(not_stored=True))
    assert worked(perform(write_job(record), bay.session)).done
    after = reading_of(perform(read_job(4, reset=True), bay.session))
    assert PROFILE.judge(after, record, 7).word is Word.NEVER


class Doubting(DemoVault):
    """A vault that believes every reading but the n-th."""

    def __init__(self, doubted: int) -> None:
        super().__init__()
        self._left = doubted

    def check_reading(self, serial: bytes, message: bytes, mac: bytes) -> bool:
        self._left -= 1
        return self._left != 0 and super().check_reading(serial, message, mac)


@pytest.mark.parametrize("doubted", [0, 1, 2])
def test_a_file_longer_than_one_answer_is_believed_only_as_a_whole(doubted: int) -> None:
    bay = Bay(used_card())
    reading_of(perform(read_job(), bay.session))
    bay.session._vault = Doubting(doubted)
    raw, proved = bay.session._read_file(SERIAL, FileSpec(3, 258))
    assert (raw, proved) == (bay.card.files[3], doubted == 0)


@pytest.mark.parametrize("doubted", [1, 2, 3])
def test_one_doubtful_file_makes_the_whole_reading_unproven(doubted: int) -> None:
    assert not reading_of(perform(read_job(), Bay(used_card(), Doubting(doubted)).session)).authentic


# ---------------------------------------------------------------- the try counter


class WrongVault(DemoVault):
    """A vault whose kiosk keys are not those of the card."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def card_cryptogram(self, serial: bytes, generation: int, challenge: bytes) -> bytes:
        return bytes(8) if self._what == "cryptogram" else super().card_cryptogram(serial, generation, challenge)

    def card_mac(self, serial: bytes, generation: int, message: bytes) -> bytes:
        return bytes(4) if self._what == "mac" else super().card_mac(serial, generation, message)


@pytest.mark.parametrize(("what", "word"), [("cryptogram", "refused:63C9"), ("mac", "refused:6988")])
def test_one_refused_proof_costs_one_try_however_often_the_desk_asks(what: str, word: str) -> None:
    bay = Bay(used_card(), WrongVault(what))
    record = armed_and_ready(bay)
    for number in range(5):
        assert worked(perform(write_job(record), bay.session)).why == word
        reading_of(perform(read_job(number, reset=True), bay.session))
    assert bay.card.tries["kiosk.1"] == 9
    assert bay.wallet == (5000, 7)


def test_a_generation_that_the_card_does_not_have_is_said_and_costs_no_try() -> None:
    bay = Bay(used_card())
    bay.session = CardSession(bay.contact, PROFILE, bay.vault, generation=5)
    reading = reading_of(perform(read_job(), bay.session))
    assert (reading.authentic, reading.key) == (True, "dead")
    assert worked(perform(write_job(record_of(reading, "12345678")), bay.session)).why == "no_key"
    assert set(bay.card.tries.values()) == {10}


def test_the_next_generation_writes_and_raises_the_cards_minimum() -> None:
    bay = Bay(used_card())
    bay.session = CardSession(bay.contact, PROFILE, bay.vault, generation=2)
    assert worked(perform(write_job(armed_and_ready(bay)), bay.session)).done
    assert bay.card.min_generation == 2


# ---------------------------------------------------------------- pulled, swapped, torn


@pytest.mark.covers("card-7")
def test_a_card_swapped_for_one_with_the_same_atr_between_read_and_write_gets_nothing() -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    other = CardModel(msgspec.structs.replace(used_card(bytes.fromhex("8877665544332211")), atr=bay.card.image().atr))
    bay.reader.insert(other)
    sent = len(bay.contact.sent)
    assert worked(perform(write_job(record), bay.session)).why == "gone"
    assert len(bay.contact.sent) == sent
    assert set(other.tries.values()) == {10}


@pytest.mark.covers("card-7")
@pytest.mark.parametrize("moment", range(8))
def test_a_swap_in_the_middle_of_the_write_never_costs_the_other_card_a_try(moment: int) -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    other = CardModel(msgspec.structs.replace(used_card(bytes.fromhex("8877665544332211")), atr=bay.card.image().atr))
    start = len(bay.contact.sent)
    bay.contact.before = lambda _: bay.reader.insert(other) if len(bay.contact.sent) == start + moment else None
    work = worked(perform(write_job(record), bay.session))
    assert (work.done, work.why) == (False, "gone")
    assert set(other.tries.values()) == {10}
    assert other.files == CardModel(used_card(bytes.fromhex("8877665544332211"))).files


@pytest.mark.covers("card-7")
def test_the_event_counter_alone_stops_a_write_before_each_proof_is_sent() -> None:
    for looks in range(6):  # two looks at each proof: before its challenge, before it is sent
        bay = Bay(used_card())
        record = armed_and_ready(bay)
        start, seen = len(bay.contact.sent), iter([True] * looks + [False])
        bay.contact.checked = lambda seen=seen: fail_unless(next(seen))  # type: ignore[misc]
        assert worked(perform(write_job(record), bay.session)).why == "gone"
        proofs = [apdu for apdu in bay.contact.sent[start:] if apdu[1] in {INS_EXTERNAL_AUTHENTICATE, INS_UPDATE_BINARY}]
        assert len(proofs) <= looks // 2


def fail_unless(same: bool) -> None:
    if not same:
        raise CardGone


@pytest.mark.covers("card-7")
def test_a_swap_that_the_reader_never_sees_is_found_by_the_serial_and_gets_nothing() -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    other = CardModel(used_card(bytes.fromhex("8877665544332211")))
    bay.card.arm(Faults(lose_answer=At(0)))  # the swap tears one answer; the reader's counter stands still
    assert worked(perform(write_job(record), bay.session)).why == "torn"
    bay.reader._card = other
    assert perform(read_job(4, reset=True), bay.session) == CardOut("t")
    assert bay.session.swapped
    assert worked(perform(write_job(record), bay.session)).why == "gone"
    assert other.files == CardModel(used_card(bytes.fromhex("8877665544332211"))).files
    assert set(other.tries.values()) == {10}


def test_a_record_of_another_card_is_not_written_on_this_one() -> None:
    bay = Bay(used_card())
    record = msgspec.structs.replace(armed_and_ready(bay), card="8877665544332211")
    assert worked(perform(write_job(record), bay.session)).why == "gone"
    assert bay.wallet == (5000, 7)


@pytest.mark.covers("card-2")
@pytest.mark.parametrize("apdu", range(8))
@pytest.mark.parametrize("after", [False, True])
def test_a_card_pulled_in_any_command_of_the_write_is_finished_when_it_comes_back(apdu: int, after: bool) -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    bay.card.arm(Faults(cut=Cut(apdu=apdu, after=after)))
    work = worked(perform(write_job(record), bay.session))
    assert (work.done, work.why) == (False, "torn")
    bay.insert(bay.card)
    finish(bay, record)


@pytest.mark.covers("card-2")
@pytest.mark.parametrize("lost", range(8))
def test_a_lost_answer_is_no_answer_and_the_next_reading_decides(lost: int) -> None:
    bay = Bay(used_card())
    record = armed_and_ready(bay)
    bay.card.arm(Faults(lose_answer=At(lost)))
    assert worked(perform(write_job(record), bay.session)).why == "torn"
    finish(bay, record)


def finish(bay: Bay, record: Record) -> None:
    """Read after a reset and go on by the judge's word until the purchase has landed: once."""
    for number in range(10, 14):
        reading = reading_of(perform(read_job(number, reset=True), bay.session))
        verdict = PROFILE.judge(reading, record, 7)
        if verdict.word is Word.LANDED:
            assert bay.wallet == (10000, 8)
            return
        assert verdict.word in {Word.NEVER, Word.RESUME}
        assert verdict.step
        assert worked(perform(write_job(record, verdict.step), bay.session)).done
    pytest.fail("never landed")


def test_a_reading_disturbed_once_is_made_again_after_a_reset() -> None:
    bay = Bay(used_card())
    bay.card.arm(Faults(lose_answer=At(4)))
    assert reading_of(perform(read_job(), bay.session)).authentic


class Pushed(CardModel):
    """A card that is pushed out by another while it works, and notices only then."""

    by: Callable[[], None]

    def process(self, apdu: bytes) -> bytes:
        self.by()
        return super().process(apdu)


def test_the_late_end_of_one_card_does_not_pull_the_next() -> None:
    bay, other, pushed = Bay(used_card()), CardModel(used_card()), Pushed(used_card())
    bay.insert(pushed)
    pushed.by = lambda: bay.reader.insert(other)
    assert perform(read_job(), bay.session) == CardOut("t")
    assert other.present


def test_a_card_pulled_while_it_is_read_has_left() -> None:
    bay = Bay(used_card())
    bay.card.arm(Faults(cut=Cut(apdu=4)))
    assert perform(read_job(), bay.session) == CardOut("t")


class Parrot:
    """A card of another kind: one status word for everything."""

    def __init__(self, words: bytes) -> None:
        self._words = words

    def insert(self) -> bytes:
        return b"\x3b\x00"

    def reset(self) -> bytes:
        return b"\x3b\x00"

    def pull(self) -> None: ...

    def process(self, _apdu: bytes) -> bytes:
        return self._words
