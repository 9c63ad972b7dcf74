"""A driver that dies does not take the machine with it."""

import itertools
import queue
import threading

import pytest

from kiosk.devices import supervise
from kiosk.devices.supervise import LIVES, Worker, supervised
from kiosk.vend.ports import DeskDied


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "PAUSE_S", 0.0)


def test_a_driver_that_dies_once_is_started_again() -> None:
    lives, gone = [], []

    def work() -> None:
        lives.append(1)
        if len(lives) == 1:
            raise KeyError("a programmer's error")

    supervised(work, threading.Event(), lambda: gone.append(1))()
    assert (len(lives), gone) == (2, [])


def test_a_driver_that_dies_three_times_a_minute_is_out_of_service_and_said_to_be_so_once() -> None:
    lives, gone = [], []

    def work() -> None:
        lives.append(1)
        raise KeyError("a programmer's error")

    supervised(work, threading.Event(), lambda: gone.append(1))()
    assert (len(lives), gone) == (LIVES, [1])


def test_the_desks_death_ends_a_driver_without_a_word() -> None:
    lives, gone = [], []

    def work() -> None:
        lives.append(1)
        raise DeskDied("over")

    supervised(work, threading.Event(), lambda: gone.append(1))()
    assert (lives, gone) == ([1], [])


def test_a_worker_looks_at_once_when_it_is_woken_and_begins_again_after_it_failed() -> None:
    looked, gone = queue.Queue[int](), threading.Event()
    lives = itertools.count(1)

    def work(now_ms: int) -> None:
        looked.put(now_ms)
        if next(lives) <= LIVES:
            raise KeyError("a programmer's error")

    worker = Worker("looks", work, 600.0, gone.set, again_s=0.0)
    worker.start()
    assert gone.wait(10.0)
    while looked.qsize() <= LIVES:
        threading.Event().wait(0.01)
    worker.wake()
    times = [looked.get(timeout=10.0) for _ in range(LIVES + 2)]
    assert times == sorted(times)
    assert not worker.stopping
    worker.stop(10.0)
    assert worker.stopping
    assert looked.empty()
