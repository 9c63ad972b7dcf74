"""Attacks on the kiosk's half of the post: a courier that lies, keys that are none, programs that fail, months without an answer."""

import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from kiosk.envelope import EnvelopeRefused, boxed
from kiosk.sync.counter import Counter
from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.spool import KEPT_A_KIND
from kiosk.vend.sent import AckDisputed, BatchSealed
from kiosk.vend.staff import Plain, Word
from kiosk.vend.witness import Restored
from tests.sync.kit import KIOSK, Office, opened, sold
from tests.sync.test_ack import facts_of, sealed

# ---------------------------------------------------------------- a courier that lies


@pytest.mark.covers("field-45")
def test_a_courier_that_fills_the_spool_with_junk_is_read_for_a_few_files_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 2)
        mail = tmp_path / "spool" / "down" / "downlink" / KIOSK
        for number in range(1_000):
            (mail / f"ack-1-{number:08}").write_bytes(b"junk %d" % number)
        read: list[str] = []
        once = Folder.read

        def counted(self: Folder, name: str, most: int) -> bytes:
            read.append(name)
            return once(self, name, most)

        monkeypatch.setattr(Folder, "read", counted)
        kiosk.sender.work(kiosk.now_ms)
        assert len([name for name in read if name.startswith("ack-")]) == KEPT_A_KIND
        assert kiosk.spool.trouble().startswith("An acknowledgement is not believed")
        monkeypatch.undo()
        for junk in mail.glob("ack-*"):
            junk.unlink()
        kiosk.answer(office.ack(kiosk.store))
        assert (kiosk.sent.acked.batch, kiosk.sender.trouble, kiosk.spool.trouble()) == (2, "", ""), "and it has harmed nothing"


def test_a_courier_that_swaps_and_cuts_batches_makes_no_second_history(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        kiosk.seal()
        kiosk.something_happens()
        kiosk.seal()
        true, up = kiosk.up(), tmp_path / "spool" / "up"
        (up / "00000001").write_bytes(true[2])
        (up / "00000002").write_bytes(true[1][:100])
    with opened(tmp_path, office) as kiosk:
        kiosk.sender.work(kiosk.now_ms)
        kiosk.carry()
        assert sorted(office.batches) == [1, 2], "after a start each is boxed again from what the core keeps for itself"
        assert len(facts_of(kiosk, BatchSealed)) == 2


# ---------------------------------------------------------------- keys


def test_an_acknowledgement_that_came_before_its_key_is_believed_when_the_key_is_listed(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 1)
        new = office.keys
        kiosk.sender._keys = lambda: msgspec.structs.replace(new, ack=("11" * 32,))
        kiosk.answer(office.ack(kiosk.store))
        assert (kiosk.sent.acked.batch, "not believed" in kiosk.sender.trouble) == (0, True)
        kiosk.sender._keys = lambda: new
        kiosk.sender.work(kiosk.now_ms)
        assert (kiosk.sent.acked.batch, kiosk.sender.trouble) == (1, ""), "nobody had to send it again"


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31)])
def test_a_key_that_everybody_shares_boxes_nothing_and_ends_nothing(tmp_path: Path, key: bytes) -> None:
    """Points of small order: whoever listed one, by mistake or not, would have every batch boxed for the whole world."""
    with pytest.raises(EnvelopeRefused):
        boxed(b"batch", "batch", "HQ", key)
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        good = office.keys
        kiosk.sender._keys = lambda: msgspec.structs.replace(good, batch=(key.hex(),))
        kiosk.seal()
        assert "no key" in kiosk.sender.trouble
        assert kiosk.up() == {}
        kiosk.sender._keys = lambda: good
        kiosk.seal()
        kiosk.carry()
        assert sorted(office.batches) == [1]


# ---------------------------------------------------------------- a program that fails, a disk that is full


def test_sealing_that_fails_by_a_fault_of_the_program_is_said_and_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.sending.LOOK_S", 0.02)
    monkeypatch.setattr("kiosk.sending.AGAIN_S", 0.2)
    monkeypatch.setattr("kiosk.devices.supervise.PAUSE_S", 0.01)
    office, deaths = Office(), threading.Semaphore(0)

    def fails(_bag: Path) -> Iterable[str]:
        deaths.release()
        raise ZeroDivisionError

    with opened(tmp_path, office, sold()) as kiosk:
        kiosk.sender._take_in = fails
        (tmp_path / "spool" / "down" / "downlink" / "all").mkdir(parents=True)
        (tmp_path / "spool" / "down" / "downlink" / "all" / "limits-1-1").write_bytes(b"x")
        kiosk.sender.start()
        for _ in range(3):
            assert deaths.acquire(timeout=20)
        kiosk.until(lambda: "fault of the program" in kiosk.spool.trouble())
        kiosk.something_happens()
        kiosk.sender._take_in = lambda _: ()
        kiosk.sender.flush()
        kiosk.until(lambda: bool(kiosk.up()))
        kiosk.until(lambda: not kiosk.spool.trouble())
        kiosk.sender.stop()


WRITES: dict[str, Callable[[Folder, str], bool]] = {
    "what is kept": lambda folder, _: folder._name.endswith("batches"),
    "the draft": lambda folder, name: folder._name.endswith("up") and name.isdecimal() is False,
    "the spool": lambda folder, _: "/spool" in folder._name,
}


@pytest.mark.parametrize("where", list(WRITES))
def test_wherever_the_disk_is_full_sales_go_on_and_every_row_travels_later_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        kiosk.sender.work(kiosk.now_ms)
        once = {name: getattr(Folder, name) for name in ("replace", "rename", "append")}

        def full(name: str) -> Callable[..., None]:
            def write(self: Folder, of: str, *more: object) -> None:
                if WRITES[where](self, of):
                    raise FolderError("No space left on device.")
                once[name](self, of, *more)

            return write

        for name in once:
            monkeypatch.setattr(Folder, name, full(name))
        kiosk.seal()
        assert "No space" in kiosk.sender.trouble
        kiosk.something_happens()
        monkeypatch.undo()
        kiosk.seal()
        kiosk.carry()
        assert kiosk.sender.trouble == ""
        rows = [seq for batch in office.batches.values() for seq in range(batch.header.first, batch.header.last + 1)]
        assert rows == list(range(1, len(rows) + 1))
        assert rows[-1] >= kiosk.sent.news


def test_without_handles_left_the_post_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_handle: int) -> int:
        raise OSError(24, "Too many open files")

    with Folder.at(tmp_path) as folder:
        monkeypatch.setattr("os.dup", none)
        with pytest.raises(FolderError, match="too many open files"):
            folder.below("up")


# ---------------------------------------------------------------- months


@pytest.mark.covers("field-44")
def test_of_very_many_batches_the_oldest_lie_in_the_spool_and_the_rest_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.sending.WINDOW", 3)
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        for _ in range(7):
            kiosk.something_happens()
            kiosk.seal()
        assert (kiosk.sent.batch, sorted(kiosk.up())) == (7, [1, 2, 3])
        for upto in (3, 6, 7):
            kiosk.carry()
            assert max(office.batches) == upto
            kiosk.answer(office.ack(kiosk.store), f"ack-1-{upto:08}")
        assert (kiosk.sent.acked.batch, kiosk.up()) == (7, {})


def test_a_head_office_that_lost_everything_costs_one_walk_over_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 6)
        kiosk.answer(office.ack(kiosk.store), "ack-1-00000006")
        before = {seq: batch.clear for seq, batch in office.batches.items()}
    office.batches, office.epoch = {}, 2
    shutil.rmtree(tmp_path / "batches")
    with opened(tmp_path, office) as kiosk:
        walks: list[int] = []
        walk = kiosk.journal.__class__.of_kind

        def counted(self: object, kind: str) -> object:
            walks.append(1)
            return walk(self, kind)  # type: ignore[arg-type]

        monkeypatch.setattr(kiosk.journal.__class__, "of_kind", counted)
        kiosk.answer(office.ack(kiosk.store, 0), "ack-2-00000000")
        assert (len(walks), sorted(kiosk.up())) == (1, list(before))
        kiosk.carry()
        assert {seq: office.batches[seq].clear for seq in before} == before


# ---------------------------------------------------------------- disks that were put back


def test_yesterdays_store_with_todays_spool_sends_no_second_batch_under_a_number_that_is_out(tmp_path: Path) -> None:
    """Only the store was put back: the batches that it forgot lie in the spool and beside it, sealed by the same key."""
    office = Office()
    (tmp_path / "kiosk").mkdir()
    with opened(tmp_path / "kiosk", office, sold()) as kiosk:
        kiosk.seal()
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        if (tmp_path / "kiosk" / name).exists():
            shutil.copy2(tmp_path / "kiosk" / name, tmp_path / name)
    with opened(tmp_path / "kiosk", office) as kiosk:
        sealed(kiosk, 1)
        assert max(office.batches) == 2
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (tmp_path / "kiosk" / name).unlink(missing_ok=True)
        if (tmp_path / name).exists():
            shutil.copy2(tmp_path / name, tmp_path / "kiosk" / name)
    with opened(tmp_path / "kiosk", office) as kiosk:
        kiosk.sender.work(kiosk.now_ms)
        assert sorted(kiosk.up()) == [1], "what this journal does not know it has sealed is not carried by it"
        kiosk.answer(office.ack(kiosk.store))
        kiosk.until(lambda: bool(facts_of(kiosk, Restored)))
        assert facts_of(kiosk, AckDisputed) == []


@pytest.mark.parametrize(
    "changes", [{"hq_epoch": 7}, {"contiguous_seq": 99_999_999}, {"durable_through": 99_999_999}, {"at_ms": (1 << 53) - 1}]
)
def test_an_absurd_acknowledgement_forgets_nothing_that_is_not_there(tmp_path: Path, changes: dict[str, object]) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 2)
        kiosk.answer(office.ack(kiosk.store, 1, **changes))
        assert kiosk.sent.acked.durable <= kiosk.sent.acked.batch <= 1
        assert set(kiosk.up()) >= {2}
        assert len(list((tmp_path / "batches").iterdir())) == 2


# ---------------------------------------------------------------- said to staff


def test_staff_see_that_the_core_cannot_do_its_half_until_it_can(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        good = office.keys

        def note() -> object:
            found = Counter(kiosk.spool, lambda ms: Plain(str(ms))).answer("").table
            assert found is not None
            return found.rows[0][3]

        kiosk.sender.work(kiosk.now_ms)
        assert note() == Plain("")
        kiosk.sender._keys = lambda: msgspec.structs.replace(good, batch=("00" * 32,))
        kiosk.seal()
        assert note() == Word("post.why.core")
        kiosk.sender._keys = lambda: good
        kiosk.seal()
        assert note() == Plain("")
