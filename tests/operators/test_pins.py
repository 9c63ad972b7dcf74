"""The PIN's own thread: it is asked for once, forgotten, and a number that nobody has costs the same; whatever goes wrong is a no."""

import threading
import time
from collections.abc import Callable

import pytest

from kiosk.devices.vault.pins import PinChecker, hashed
from kiosk.vend.operators.standing import PinJob
from kiosk.vend.ports import DeskDied, Published, Stance
from kiosk.vend.seen import PinChecked, Seen
from kiosk.vend.view import View

PIN = "271828"


class Counter:
    """A desk that publishes PIN jobs and remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[Seen] = []
        self._changed = threading.Condition()
        self._published = Published(0, View("out"), Stance(), None, None, {})
        self._over = False

    def ask(self, job: int, pin: str) -> None:
        with self._changed:
            self._published = Published(self._published.rev + 1, View("out"), Stance(), None, None, {}, pin_job=PinJob(job, pin))
            self._changed.notify_all()

    def die(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def tell(self, seen: Seen) -> None:
        self.told.append(seen)

    def published(self) -> Published:
        return self._published

    def wait(self, rev: int, timeout_s: float) -> Published:
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._published.rev != rev, timeout_s)
        if self._over:
            raise DeskDied("over")
        return self._published


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.covers("abuse-46")
def test_a_pin_serves_once_and_only_its_own_string() -> None:
    desk = Counter()
    pins = PinChecker(desk)
    pins.start()
    phc = hashed(PIN)
    asked = [
        (PIN, phc, True),
        (None, phc, False),
        ("271829", phc, False),
        (PIN, "", False),
        (PIN, hashed("271829"), False),
        (PIN, phc, True),
    ]
    for job, (held, string, right) in enumerate(asked, 1):
        if held:
            typed = bytearray(held, "ascii")
            pins.hold(typed)
            assert not any(typed)
        desk.ask(job, string)
        until(lambda job=job: len(desk.told) == job)  # type: ignore[misc]
        assert desk.told[-1] == PinChecked(job, right)
    desk.ask(len(asked), phc)
    desk.ask(len(asked) + 1, phc)
    until(lambda: len(desk.told) == len(asked) + 1)
    desk.die()


def test_a_string_that_is_no_hash_kills_the_checker_which_says_no_and_lives_again() -> None:
    desk = Counter()
    pins = PinChecker(desk)
    pins.start()
    pins.hold(bytearray(PIN, "ascii"))
    desk.ask(1, "$argon2id$nonsense")
    until(lambda: desk.told)
    assert desk.told == [PinChecked(1, right=False)]
    pins.hold(bytearray(PIN, "ascii"))
    desk.ask(2, hashed(PIN))
    until(lambda: len(desk.told) == 2)
    assert desk.told[-1] == PinChecked(2, right=True)
    desk.die()


def test_what_carries_a_pin_or_its_hash_does_not_show_it() -> None:
    assert hashed(PIN) not in repr(PinJob(1, hashed(PIN)))
    assert "argon2id" not in repr(PinJob(1, hashed(PIN)))
