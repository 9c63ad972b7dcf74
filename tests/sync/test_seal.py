"""Rows become batches, batches wait until they are acknowledged, and no crash between two steps makes two of one."""

from pathlib import Path

import msgspec
import pytest

from kiosk.sync.batch import ROWS_MAX, recorded
from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.seal import made_again, sealed_in
from kiosk.vend.desk import Desk
from kiosk.vend.facts import DeviceFault, SaleClosed
from kiosk.vend.seen import BatchMade, Seen
from kiosk.vend.sent import FEW, OFFLINE_MS, ONLINE_MS, BatchAcked, BatchSealed, due
from tests.sync.kit import STATION, Kiosk, Office, opened, sold


def kinds(kiosk: Kiosk) -> list[str]:
    return [recorded.fact.kind for recorded in kiosk.rows()]


def test_everything_that_was_written_down_arrives_and_is_acknowledged(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        kiosk.seal()
        kiosk.carry()
        (batch,) = office.batches.values()
        told = list(recorded(batch))
        assert told == kiosk.rows()[: len(told)]
        assert [each.fact.tender_minor for each in told if isinstance(each.fact, SaleClosed)] == [50_00]
        assert kiosk.sent.unsent_minor == 50_00
        kiosk.answer(office.ack(kiosk.store))
        assert (kiosk.sent.acked.batch, kiosk.sent.unsent_minor, kiosk.sent.unsent_rows) == (1, 0, 0)
        assert kiosk.up() == {}
        assert kinds(kiosk)[-1] == "BatchAcked"


def test_the_header_says_the_whole_life_of_the_store(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold(sales=2)) as kiosk:
        kiosk.seal()
        kiosk.something_happens()
        kiosk.seal()
        kiosk.carry()
    first, second = (office.batches[seq].header for seq in (1, 2))
    assert (first.totals.sales, first.totals.cash_minor, first.totals.tendered_minor) == (2, 100_00, 100_00)
    assert first.totals.credited_minor + first.totals.fees_minor == 100_00
    assert second.totals == first.totals
    assert (second.first, second.before, second.prev) == (first.last + 1, first.head, office.batches[1].hash)
    assert first.applied == {"keys": (1, 1)}


def test_a_batch_is_never_more_than_a_thousand_rows(tmp_path: Path) -> None:
    office = Office()
    facts = [DeviceFault("printer", "low")] * (2 * ROWS_MAX + 5)
    with opened(tmp_path, office, facts) as kiosk:
        kiosk.sender.work(kiosk.now_ms)
        kiosk.carry()
        assert [batch.header.rows for batch in office.batches.values()] == [ROWS_MAX, ROWS_MAX]
        assert kiosk.sent.news - kiosk.sent.row < ROWS_MAX


def test_a_quarter_of_an_hour_makes_a_batch_and_a_day_where_nobody_answers(tmp_path: Path) -> None:
    with opened(tmp_path, Office(), sold()) as kiosk:
        sent = kiosk.sent
        assert not due(sent, sent.since_ms + ONLINE_MS - 1)
        assert due(sent, sent.since_ms + ONLINE_MS)
        assert due(sent, sent.since_ms - ONLINE_MS), "a clock that was set back holds nothing up"
        for _ in range(FEW):
            kiosk.something_happens()
            kiosk.seal()
        kiosk.something_happens()
        sent = kiosk.sent
        assert not due(sent, sent.since_ms + OFFLINE_MS - 1)
        assert due(sent, sent.since_ms + OFFLINE_MS)


def test_the_books_own_rows_breed_no_batch(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        for _ in range(5):
            kiosk.seal()
            kiosk.carry()
            kiosk.answer(office.ack(kiosk.store))
        kiosk.seal()
        assert (len(office.batches), kinds(kiosk).count("BatchAcked")) == (1, 1)
        kiosk.something_happens()
        kiosk.seal()
        kiosk.carry()
        told = [each.fact.kind for each in recorded(office.batches[2])]
        assert told == ["HeadSigned", "BatchSealed", "BatchAcked", "BootCardRefused"], "and ride along with the next one"


def test_a_key_that_is_changed_between_two_attempts_makes_no_fork(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        kiosk.seal()
        first = kiosk.up()[1]
        office.take(first)
        office.rotate()
        kiosk.sender.work(kiosk.now_ms)
        second = kiosk.up()[1]
        assert first != second
        assert office.take(second).clear == office.batches[1].clear
        office.boxes = office.boxes[:1]
        assert office.take(second).header.seq == 1, "the second is boxed to the new key alone"


@pytest.mark.parametrize("gone", ["spool", "batches", "both", "flipped"])
def test_a_batch_whose_files_are_gone_is_made_again_to_the_last_byte(tmp_path: Path, gone: str) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        kiosk.seal()
        kiosk.carry()
        if gone in ("spool", "both"):
            kiosk.spool.done(1)
        kept = tmp_path / "batches" / "00000001"
        if gone in ("batches", "both"):
            kept.unlink()
        if gone == "flipped":
            kiosk.spool.done(1)
            raw = bytearray(kept.read_bytes())
            raw[len(raw) // 2] ^= 1
            kept.write_bytes(raw)
        kiosk.sender.work(kiosk.now_ms)
        assert office.take(kiosk.up()[1]).clear == office.batches[1].clear
        with kiosk.read() as journal:
            ((sealed, fact),) = sealed_in(journal)
            assert made_again(journal, fact, STATION).hash == sealed.hash == office.batches[1].hash


class Crash(BaseException):
    """The power fails at this instant."""


STEPS = ("keep", "draft", "tell", "told", "release")


@pytest.mark.parametrize("step", STEPS)
def test_the_power_fails_between_two_steps_of_sealing_and_there_is_one_batch(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:

        def crash(*_: object) -> None:
            raise Crash

        place = {"keep": kiosk.sender._kept, "draft": kiosk.spool, "tell": kiosk.desk, "release": kiosk.spool}
        if step == "told":
            heard = kiosk.sender._heard
            monkeypatch.setattr(kiosk.sender, "_heard", lambda wanted: crash(heard(wanted)))
        else:
            monkeypatch.setattr(place[step], step, crash)
        with pytest.raises(Crash):
            kiosk.seal()
        monkeypatch.undo()
        kiosk.carry()  # the courier goes on meanwhile: it sees nothing whose fact is not written
        assert set(office.batches) <= ({1} if step == "release" else set())
    with opened(tmp_path, office) as kiosk:
        kiosk.something_happens()
        kiosk.seal()
        kiosk.carry()
        assert sorted(office.batches) == list(range(1, kiosk.sent.batch + 1))
        assert sum(batch.header.rows for batch in office.batches.values()) == kiosk.sent.row
        assert kinds(kiosk).count("BatchSealed") == kiosk.sent.batch


def test_a_fact_that_comes_too_late_lets_no_other_batch_out_under_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk is slow: the batch is made anew, with another time in it, and then the fact of the first one is written."""
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        held: list[Seen] = []
        monkeypatch.setattr(kiosk.desk, "tell", held.append)
        monkeypatch.setattr("kiosk.sending.HEARD_S", 0.0)
        kiosk.sender.flush()
        kiosk.sender.work(1_790_000_000_000)
        monkeypatch.undo()
        real = kiosk.desk.tell

        def late(seen: Seen) -> None:
            for each in (*held, seen):
                real(each)

        monkeypatch.setattr(kiosk.desk, "tell", late)
        kiosk.sender.work(1_790_000_000_001)
        monkeypatch.undo()
        kiosk.sender.work(1_790_000_000_002)
        kiosk.carry()
        (fact,) = [each.fact for each in kiosk.rows() if isinstance(each.fact, BatchSealed)]
        assert office.batches[1].header_bytes.decode() == fact.header
        assert office.batches[1].header.made_ms == 1_790_000_000_000


def test_a_batch_that_does_not_follow_is_not_written_down(tmp_path: Path) -> None:
    with opened(tmp_path, Office(), sold()) as kiosk:
        kiosk.seal()
        header = kiosk.sent.last
        assert header
        before = len(kiosk.rows())
        for batch, first, last in ((1, 1, 5), (3, header.last + 1, header.last + 2), (2, header.last, header.last + 1), (2, 1, 1)):
            kiosk.desk.tell(BatchMade(batch, first, last, "{}"))
        kiosk.something_happens()
        assert [kind for kind in kinds(kiosk)[before:] if kind == "BatchSealed"] == []


def test_a_full_disk_stops_no_sale_and_what_could_not_be_sealed_is_sealed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:

        def full(_folder: Folder, name: str, _raw: bytes) -> None:
            raise FolderError(f"batches does not take {name}: no space left on device.")

        monkeypatch.setattr(Folder, "replace", full)
        kiosk.seal()
        assert "no space left" in kiosk.sender.trouble
        assert kiosk.sent.batch == 0
        kiosk.something_happens()
        monkeypatch.undo()
        kiosk.seal()
        assert (kiosk.sender.trouble, kiosk.sent.batch) == ("", 1)


def test_without_a_key_of_the_head_office_nothing_is_sealed_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        with monkeypatch.context() as none:
            none.setattr(kiosk.sender, "_keys", lambda: msgspec.structs.replace(office.keys, batch=()))
            kiosk.seal()
            assert kiosk.sent.batch == 0
        kiosk.seal()
        kiosk.carry()
        assert office.batches[1].header.first == 1


def test_the_thread_seals_and_takes_in_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.sending.LOOK_S", 0.05)
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        kiosk.sender.start()
        kiosk.sender.flush()
        kiosk.until(lambda: kiosk.sent.batch == 1 and bool(kiosk.up()))
        kiosk.carry()
        kiosk.spool.came("K07", "ack-1-00000001", office.ack(kiosk.store))
        kiosk.until(lambda: kiosk.sent.acked.batch == 1 and not kiosk.up())
        kiosk.sender.stop()
        assert isinstance(kiosk.rows()[-1].fact, BatchAcked)
        assert isinstance(kiosk.desk, Desk)
