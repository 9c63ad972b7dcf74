"""The screen that hangs lets no cash in: it says that it is alive from its own loop, and the core misses that."""

import time

import pytest

from kiosk import app as glass
from kiosk.devices.glass import GlassWatch
from kiosk.vend.ports import DeskBusy
from kiosk.vend.seen import DeviceDown, DeviceUp, Seen
from tests.cash.desk import eventually
from tests.sale.everywhere import with_card
from tests.screens.till import Till

HUNG, WELL = DeviceDown("screen", "hung"), DeviceUp("screen")


@pytest.mark.covers("failure-32")
async def test_the_glass_says_that_it_is_alive_and_says_nothing_while_its_loop_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glass, "ALIVE_S", 0.05)
    said: list[float] = []
    app = glass.KioskApp(Till(with_card()), alive=lambda: said.append(time.monotonic()))
    async with app.run_test() as pilot:
        while len(said) < 3:
            await pilot.pause(0.05)
        before = len(said)
        time.sleep(0.5)  # noqa: ASYNC251 - the loop hangs
        assert len(said) == before
        while len(said) == before:
            await pilot.pause(0.05)


@pytest.mark.covers("failure-32")
def test_a_screen_that_hangs_is_told_once_and_once_that_it_goes_on() -> None:
    told: list[Seen] = []
    watch = GlassWatch(told.append, silent_s=0.3)
    watch.start()
    try:
        time.sleep(0.5)
        assert told == [], "a core that has no screen yet misses none"
        watch.alive()
        eventually(lambda: told == [WELL])
        eventually(lambda: told == [WELL, HUNG])
        time.sleep(0.7)
        watch.alive()
        eventually(lambda: told[:3] == [WELL, HUNG, WELL])
    finally:
        watch.stop()
    assert told[:3] == [WELL, HUNG, WELL]


def test_what_a_busy_desk_did_not_hear_is_told_again() -> None:
    told: list[Seen] = []
    busy = [True, True]

    def tell(seen: Seen) -> None:
        if busy:
            busy.pop()
            raise DeskBusy
        told.append(seen)

    watch = GlassWatch(tell, silent_s=60)
    watch.start()
    try:
        watch.alive()
        eventually(lambda: told == [WELL])
    finally:
        watch.stop()
