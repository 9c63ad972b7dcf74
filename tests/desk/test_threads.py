"""The desk on its own thread: eight drivers at once, a desk that dies, a kiosk that is killed."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.vend import facts as f
from kiosk.vend import seen as s
from kiosk.vend.desk import INBOX, Desk, SystemClock, recover
from kiosk.vend.journal import Journal
from kiosk.vend.ports import Desk as DeskPort
from kiosk.vend.ports import DeskBusy, DeskDied, Published
from tests.desk.test_desk import KEY, on_disk
from tests.desk.till import TILL, HandClock, Seal, Till, note, sat


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "store.db", KEY, at_ms=1) as opened:
        yield opened


@pytest.fixture
def desk(journal: Journal) -> Iterator[Desk[Till]]:
    running = sat(journal, SystemClock(1))
    running.record((f.Started(boot=1, kiosk="K07", software="0", demo=True),))
    running.start()
    yield running
    running.stop()


def wait_for(desk: Desk[Till], minor: int) -> Published:
    published = desk.published()
    end = time.monotonic() + 30
    while published.view.figure_minor != minor and time.monotonic() < end:
        published = desk.wait(published.rev, 1)
    return published


def notes(journal: Journal) -> list[f.NoteStacked]:
    with Journal.open(journal.path, KEY, create=False, read_only=True) as other:
        return [each.fact for each in other.tail(1) if isinstance(each.fact, f.NoteStacked)]


def test_eight_drivers_at_once_lose_nothing(desk: Desk[Till], journal: Journal) -> None:
    port: DeskPort = desk

    def feed(first: int) -> None:
        for counter in range(60):
            port.tell(note(first + counter))

    drivers = [threading.Thread(target=feed, args=(100 * each,)) for each in range(8)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    assert wait_for(desk, 480_000).view.figure_minor == 480_000
    counters = [each.counter for each in notes(journal)]
    assert sorted(counters) == [100 * each + counter for each in range(8) for counter in range(60)]
    for each in range(8):  # what one driver told stays in its order
        mine = [counter for counter in counters if counter // 100 == each]
        assert mine == sorted(mine)


def test_waiting_drivers_see_revisions_rise_and_never_a_half_state(desk: Desk[Till]) -> None:
    wrong: list[Published] = []

    def watch() -> None:
        rev = 0
        while True:
            try:
                published = desk.wait(rev, 5)
            except DeskDied:
                return
            if published.rev < rev or published.view.rev != published.rev or published.view.figure_minor % 1_000:
                wrong.append(published)
            rev = published.rev

    watchers = [threading.Thread(target=watch) for _ in range(8)]
    for watcher in watchers:
        watcher.start()
    for counter in range(200):
        desk.tell(note(counter))
    assert wait_for(desk, 200_000).view.figure_minor == 200_000
    desk.stop()
    for watcher in watchers:
        watcher.join(10)
        assert not watcher.is_alive()
    assert wrong == []


def test_without_a_barrier_the_desk_writes_by_itself(desk: Desk[Till], journal: Journal) -> None:
    desk.tell(s.PrinterState("low"))
    end = time.monotonic() + 10
    while "DeviceFault" not in on_disk(journal) and time.monotonic() < end:
        time.sleep(0.02)
    assert "DeviceFault" in on_disk(journal)


def test_a_deadline_wakes_a_sleeping_desk(desk: Desk[Till]) -> None:
    began = desk.published().rev
    desk.tell(s.Choice(1, "alarm", "30"))
    asked = desk.wait(began, 10).rev
    waited = desk.wait(asked, 10).rev if asked == began + 1 else asked
    assert waited == began + 2


def test_stop_hears_what_was_told_before(journal: Journal) -> None:
    running = sat(journal, SystemClock(1))
    for counter in range(100):
        running.tell(note(counter))
    running.tell(s.PrinterState("low"))
    running.start()
    running.stop()
    assert len(on_disk(journal)) == 102
    with pytest.raises(DeskDied):
        running.tell(note(101))


@pytest.mark.covers("field-21")
def test_the_inbox_is_bounded(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.vend.desk.BUSY_AFTER_S", 0.05)
    sleeping = sat(journal, HandClock())
    for counter in range(INBOX):
        sleeping.tell(note(counter))
    with pytest.raises(DeskBusy):
        sleeping.tell(note(INBOX))
    sleeping.run_once()
    sleeping.tell(note(INBOX))


def test_a_dead_desk_wakes_everyone_and_says_why(journal: Journal) -> None:
    deaths: list[BaseException] = []
    doomed = Desk(TILL, Till(), journal, Seal(), SystemClock(1), on_death=deaths.append)
    woken: list[str] = []

    def wait(rev: int) -> None:
        try:
            doomed.wait(rev, 60)
        except DeskDied as died:
            woken.append(str(died))

    waiters = [threading.Thread(target=wait, args=(doomed.published().rev,)) for _ in range(4)]
    for waiter in waiters:
        waiter.start()
    doomed.start()
    doomed.tell(s.PrinterState("explode"))
    for waiter in waiters:
        waiter.join(10)
    assert woken == ["the desk has ended: the till exploded"] * 4
    with pytest.raises(DeskDied):
        doomed.published()
    with pytest.raises(DeskDied):
        doomed.tell(note(1))
    doomed.stop()
    assert [type(death) for death in deaths] == [ZeroDivisionError]


def test_drivers_that_wait_at_a_full_inbox_are_let_go_when_the_desk_dies(journal: Journal) -> None:
    doomed = sat(journal, SystemClock(1))
    doomed.tell(s.PrinterState("explode"))
    for counter in range(INBOX - 1):
        doomed.tell(note(counter))
    died: list[str] = []

    def tell() -> None:
        try:
            doomed.tell(note(9_999))
        except DeskDied:
            died.append("died")

    drivers = [threading.Thread(target=tell) for _ in range(3)]
    for driver in drivers:
        driver.start()
    doomed.start()
    for driver in drivers:
        driver.join(4)
        assert not driver.is_alive()
    assert len(died) >= 2  # one of them may have got the place that the fatal word left


def test_a_failing_subscriber_ends_the_desk(journal: Journal) -> None:
    doomed = sat(journal, SystemClock(1))

    def fail(_published: Published) -> None:
        raise RuntimeError("no screen")

    doomed.subscribe(fail)
    doomed.start()
    doomed.tell(note(1))
    doomed.stop()
    with pytest.raises(DeskDied, match="no screen"):
        doomed.published()


def test_a_full_disk_ends_the_desk_before_unwritten_money_is_shown(journal: Journal) -> None:
    doomed = sat(journal, SystemClock(1))
    journal._value(f"PRAGMA max_page_count = {journal._value('PRAGMA page_count') + 2}")
    shown: list[int] = []
    doomed.subscribe(lambda published: shown.append(published.view.figure_minor))
    for counter in range(1_000):
        doomed.tell(note(counter))
    doomed.start()
    doomed.stop()
    with pytest.raises(DeskDied, match="full"):
        doomed.published()
    assert sum(each.denomination for each in notes(journal)) == shown[-1] > 0


KILLED = """
import sys, pathlib
from kiosk.vend.desk import SystemClock, recover
from kiosk.vend.ports import DeskBusy, DeskDied
from kiosk.vend.journal import Journal
from tests.desk.till import TILL, note, sat
journal = Journal.open(pathlib.Path(sys.argv[1]), bytes(range(32)))
state = recover(journal, TILL)
desk = sat(journal, SystemClock(journal.next_boot()), TILL, state)
print(state.money_minor, flush=True)
desk.subscribe(lambda published: print(published.view.figure_minor, flush=True))
desk.start()
for counter in range(100_000):  # ends by itself, whatever the test does
    desk.tell(note(counter))
"""


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.deep("25 kills of a desk that works"))])
def test_money_that_was_shown_is_there_after_a_kill(tmp_path: Path, kills: int) -> None:
    path, shown = tmp_path / "store.db", 0
    for kill in range(kills):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as kiosk:
            assert kiosk.stdout
            assert int(kiosk.stdout.readline()) >= shown
            for _ in range(30 + kill * 11):
                shown = int(kiosk.stdout.readline())
            kiosk.kill()
            shown = max([shown, *(int(line) for line in kiosk.stdout.read().split("\n")[:-1])])
    with Journal.open(path, KEY, create=False) as journal:
        assert recover(journal, TILL).money_minor >= shown > 0
