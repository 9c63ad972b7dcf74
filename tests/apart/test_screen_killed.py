"""kill -9 of the screen, wherever the machine stands: the core has lost nothing, and the next screen shows what the last one showed."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.link import LinkServer
from kiosk.screens.customer import PHASES
from kiosk.vend.seen import Choice
from kiosk.vend.view import View
from tests.apart.glass import Glass, words_in_time, words_of
from tests.apart.users import APART, SCREEN, uid_of
from tests.sale.everywhere import EVERYWHERE, shop
from tests.sale.shop import Shop


class Stand:
    """A core whose shop the test puts somewhere else. Revs go on rising, as a desk's do."""

    def __init__(self) -> None:
        self.shop = shop()
        self._show: Callable[[View], None] = lambda _: None
        self._rev = 0

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self._show = callback
        self.publish()

    def tell(self, choice: Choice) -> None:
        if choice.do == "alive":
            return  # no desk's business
        self.shop.tell(replace(choice, rev=self.shop.view.rev))
        self.shop.work()
        self.publish()

    def move(self, there: Shop) -> None:
        self.shop = there
        self.publish()

    def publish(self) -> None:
        self._rev += 1
        self._show(replace(self.shop.view, rev=self._rev))


@pytest.fixture(scope="module")
def street() -> Iterator[tuple[Stand, Glass]]:
    """A core in this process, and a screen in its own: as another user where the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="apart-") as place:
        Path(place).chmod(0o711)
        stand = Stand()
        server = LinkServer(Path(place) / "screen", stand, user=SCREEN.peer)
        glass = Glass(Path(place) / "screen", SCREEN)
        glass.start()
        yield stand, glass
        glass.close()
        server.close()


@pytest.mark.covers("abuse-7", "failure-32")
@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_screen_killed_anywhere_comes_back_to_the_same_screen_and_the_core_has_lost_nothing(
    street: tuple[Stand, Glass], name: str
) -> None:
    stand, glass = street
    stand.move(EVERYWHERE[name][1]())
    before, facts, expected = stand.shop.state, stand.shop.facts(), words_of(stand.shop.view)
    assert expected
    glass.until(expected.issubset)
    old = glass.pid
    glass.kill()
    glass.start()
    shown = glass.until(expected.issubset)
    assert glass.pid != old
    assert (stand.shop.state, stand.shop.facts()) == (before, facts)
    assert shown <= words_in_time(stand.shop.view), "and no word of another screen"


def test_it_is_every_phase_of_a_sale() -> None:
    assert {phase for phase, _ in EVERYWHERE.values()} == set(PHASES)


def test_the_next_screen_is_the_one_that_is_heard(street: tuple[Stand, Glass]) -> None:
    stand, glass = street
    stand.move(EVERYWHERE["insert"][1]())
    glass.kill()
    glass.start()
    glass.until(words_of(stand.shop.view).issubset)
    glass.type(b"\r")
    glass.until(lambda _: stand.shop.view.phase == "done")
    glass.until(words_of(stand.shop.view).issubset)


@pytest.mark.covers("failure-32")
def test_a_screen_that_hangs_holds_nobody_up_and_sees_the_newest_when_it_goes_on(street: tuple[Stand, Glass]) -> None:
    stand, glass = street
    os.kill(glass.pid, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(2_000):
        stand.publish()
    assert time.monotonic() - began < 10, "more than a socket holds was shown, and nobody waited"
    stand.move(EVERYWHERE["unsure"][1]())
    os.kill(glass.pid, signal.SIGCONT)
    glass.until(words_of(stand.shop.view).issubset)
    os.kill(glass.pid, signal.SIGSTOP)
    stand.move(EVERYWHERE["take_card"][1]())
    glass.kill()
    glass.start()
    glass.until(words_of(stand.shop.view).issubset)


def test_this_screen_was_another_user_or_it_is_said_why_not(street: tuple[Stand, Glass]) -> None:
    _, glass = street
    assert uid_of(glass.pid) == SCREEN.peer.uid
    assert (SCREEN.peer.uid != os.geteuid()) == APART
