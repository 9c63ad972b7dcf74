"""The post on the maintenance screens: the queue with its reasons, and what staff ask of the courier."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.clerk import Clerk
from kiosk.sync.counter import Counter
from kiosk.sync.spool import Ask, Spool
from kiosk.sync.standing import Carried, Standing, Stick, Way, tell
from kiosk.vend import seen
from kiosk.vend.operators.session import OperatorDid
from kiosk.vend.operators.standing import ReadJob
from kiosk.vend.staff import Do, Go, Plain, Status, Word
from tests.operators.kit import Staffed
from tests.sync.wires import KIOSK, mail


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", KIOSK).made()


def counter(spool: Spool) -> Counter:
    return Counter(spool, lambda at_ms: Plain(str(at_ms)), seal_s=0.2, trip_s=20.0)


@contextmanager
def courier(spool: Spool, answers: Callable[[tuple[Ask, ...]], Standing]) -> Iterator[None]:
    """Whoever answers at the spool's other end."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            if asked := spool.asked():
                tell(spool, answers(asked))
            time.sleep(0.01)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_the_queue_stands_there_with_the_oldest_first_and_a_reason_for_each(spool: Spool) -> None:
    for seq in (4, 5, 6):
        spool.put(seq, mail(seq))
    since = {one.seq: one.since_ms for one in spool.waiting()}
    later = now_ms() + 1000
    batches = {"4": Carried("refused", "https", later, "No."), "5": Carried("sent", "https", later)}
    tell(spool, Standing(later, {"https": Way(7, 8, 9, 2, "The line broke.", "broken"), "sftp": Way(6, 6, 9)}, batches))
    found = counter(spool).answer("").table
    assert found is not None
    assert [row[0] for row in found.rows] == [
        Word("post.queue"), Word("post.https"), Word("post.sftp"), Plain("00000004"), Plain("00000005"), Plain("00000006"),
    ]  # fmt: skip
    assert found.rows[0][2] == Plain(str(since[4]))
    assert [row[1] for row in found.rows[1:]] == [Status("BAD"), Status("OK"), Status("BAD"), Status("OK"), Status("WAIT")]
    assert [row[3] for row in found.rows[1:]] == [
        Word("post.why.broken"), Plain(""), Word("post.refused"), Word("post.sent"), Word("post.waiting"),
    ]  # fmt: skip


@pytest.mark.parametrize(("operation", "ok", "notice"), [
    ("sync.now", True, "post_now"), ("sync.now", False, "post_not_now"), ("sync.export", True, "post_export"),
    ("sync.export", False, "post_not_export"), ("sync.import", True, "post_import"), ("sync.import", False, "post_not_import"),
])  # fmt: skip
def test_what_came_of_it_is_said(operation: str, ok: bool, notice: str, spool: Spool) -> None:
    def answers(asked: tuple[Ask, ...]) -> Standing:
        at_ms = now_ms()
        way = Way(at_ms, at_ms, at_ms, 0 if ok else 1, "" if ok else "No.", "" if ok else "silent")
        trip = None if asked == ("now",) else Stick(asked[0], at_ms, at_ms, ok)  # type: ignore[arg-type]
        return Standing(at_ms, {"https": way}, {}, trip)

    with courier(spool, answers):
        assert counter(spool).answer(operation).notice == notice


def test_a_courier_that_is_dead_keeps_staff_only_for_a_while_and_is_said(spool: Spool) -> None:
    found = Counter(spool, lambda _: Plain(""), seal_s=0.05, trip_s=0.05).answer("sync.export")
    assert found.notice == "post_no_courier"
    assert found.table is not None
    assert spool.asked() == ("export",)  # it will do it when it lives again


def test_a_spool_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert counter(Spool(tmp_path / "gone", KIOSK)).answer("").notice == "post_disk"


def test_a_machine_without_a_head_office_says_so() -> None:
    clerk = Clerk(None, None, None, None, None)  # type: ignore[arg-type]
    assert clerk._answer(ReadJob(1, "post", "")).notice == "no_office"


# ---------------------------------------------------------------- at the machine


class Posted(Staffed):
    """A shop with a counter."""

    counter: Counter

    def work(self) -> None:
        read = self.state.here.staff.read
        if read and read.what == "post":
            self.tell(seen.Found(read.id, self.counter.answer(read.of)))
        super().work()


def test_staff_see_the_post_and_each_thing_they_ask_is_written_down(spool: Spool) -> None:
    shop = Posted()
    shop.counter = Counter(spool, lambda _: Plain(""), seal_s=0.01, trip_s=0.01)
    shop.enter()
    shop.choose("post")
    assert shop.screen == "post"
    assert shop.shown()[0][0] == Word("post.queue")
    for what in ("now", "export", "import"):
        shop.choose(f"sync_{what}")
        assert shop.last(OperatorDid).operation == f"sync.{what}"
        assert (shop.screen, shop.notice()) == ("post", "post_no_courier")
    assert spool.asked() == ("now", "export", "import")


def test_who_has_no_right_to_the_post_neither_sees_nor_asks_it(spool: Spool) -> None:
    shop = Posted()
    shop.counter = counter(spool)
    shop.enter("007")
    shop.order(Go("post"))
    assert shop.notice() == "not_allowed"
    shop.order(Do("sync.now"))
    assert shop.notice() == "not_allowed"
    assert spool.asked() == ()
