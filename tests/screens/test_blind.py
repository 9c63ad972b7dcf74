"""A customer who cannot see: a whole sale from what is said alone, on the real desk with simulated devices, with the keypad and two hands.

Each key is found in the sentence that names it ("ENTER: Put 95.00 on my card."). If a screen does not say what is needed, nobody presses.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from kiosk.app import KioskApp
from kiosk.demo.site import Site
from kiosk.demo.world import World
from kiosk.devices.vault.station import open_station
from kiosk.screens.customer import scene_of
from kiosk.screens.finger import REST_MS
from kiosk.screens.scene import says
from kiosk.vend.facts import Fact, PrintStarted
from kiosk.vend.journal import Journal
from kiosk.vend.view import View

PATIENCE_S = 30.0
KEYPAD = {"ENTER": "enter", "确认": "enter", "CLEAR": "escape", "清除": "escape", **{digit: digit for digit in "0123456789"}}
KEY = re.compile(r"^(\S+): (.+)\.$")


class Person:
    """Ears, and a hand on the keypad."""

    def __init__(self, app: KioskApp, pilot: Pilot[None], kiosk: Site) -> None:
        self._app, self._pilot = app, pilot
        self._views: list[View] = []
        kiosk.subscribe(self._views.append)

    def _now(self) -> tuple[str, ...]:
        """What the screen says at this moment: nothing that is only painted."""
        return says(scene_of(self._app.board.view, helping=self._app.board._helping))

    async def hears(self, *sentences: str) -> re.Match[str]:
        """Listen until one screen says all of these (patterns); the match of the first."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            said = self._now()
            matches = [next((match for line in said if (match := re.search(sentence, line))), None) for sentence in sentences]
            if matches[0] and all(matches):
                return matches[0]
            await asyncio.sleep(0.02)
        raise AssertionError(f"never said: {sentences}; said now: {self._now()}")

    def was_told(self, *sentences: str) -> bool:
        """Did any one screen so far say all of these, however short it stood?"""
        return any(all(any(sentence in line for line in says(scene_of(view))) for sentence in sentences) for view in self._views)

    async def presses(self, label: str) -> str:
        """The key that is said to do this; returns its whole label. Whoever has listened has rested the finger."""
        line = (await self.hears(rf"^\S+: .*{label}")).string
        key = KEY.match(line)
        assert key, line
        await asyncio.sleep(REST_MS / 1000)
        await self._pilot.press(KEYPAD[key[1]])
        return key[2]


@asynccontextmanager
async def at_the_kiosk(folder: Path) -> AsyncIterator[tuple[Person, Site, World]]:
    """A person before a kiosk that runs."""
    world = World(folder, stack="in-process")
    world.start()
    app = KioskApp(world.sites["K07"], motion=False)
    try:
        async with app.run_test(size=(78, 29)) as pilot:
            yield Person(app, pilot, world.sites["K07"]), world.sites["K07"], world
    finally:
        await asyncio.to_thread(world.stop)


def written(folder: Path) -> list[Fact]:
    """All facts of the day."""
    place = folder / "kiosks" / "K07"
    with Journal.open(place / "store.db", open_station(place / "station.json").database_key(), create=False, read_only=True) as journal:
        return [recorded.fact for recorded in journal.rows()]


async def hand(act: Callable[..., object], *what: object) -> None:
    """What hands do takes its time; the ears stay open."""
    await asyncio.to_thread(act, *what)


async def test_a_sale_is_done_from_what_is_said_alone(tmp_path: Path) -> None:
    async with at_the_kiosk(tmp_path) as (person, kiosk, world):
        await person.hears("Put your electricity card in the slot", "No change is given")
        await hand(kiosk.insert, world.cards["A"])
        await person.hears("Put money in", "^Card: ..0a01")
        await hand(kiosk.feed, 100_00)
        await hand(kiosk.feed, 50_00)
        await person.hears("150.00 is in", "No change", "^Fixed fee: 5.00", "^Old debt: 5.00", "^To card: 140.00", "kWh")
        assert await person.presses("on my card") == "Put 140.00 on my card"
        await person.hears("140.00 is on the card. It is not in the meter yet", "put it in the meter, wait until it says OK")
        await person.presses("Paper receipt")
        await person.hears("receipt is printed")
        await person.presses("Take my card")
        await person.hears("Take your card")
        await hand(kiosk.pull)
        await person.hears("Put your electricity card in the slot")
        assert person.was_told("Your 140.00 is going on the card", "About 3 seconds", "LEAVE THE CARD IN"), "and this card is fast"
        assert world.to_meter("A").credited_minor == 140_00


async def test_help_another_language_and_a_card_that_was_pulled_are_no_dead_end(tmp_path: Path) -> None:
    async with at_the_kiosk(tmp_path) as (person, kiosk, world):
        card = world.cards["B"]
        await person.presses("Help")
        await person.hears("How this machine works", "Put your card in the slot, gold contacts first", "There is no change")
        await person.presses("Back")
        await hand(kiosk.insert, card)
        await person.hears("Put money in")
        await person.presses("Help")
        await person.hears("Press CLEAR to take your card back: nothing is paid")
        await person.presses("中文")
        await person.hears("现在可放钱", "^清除: 退卡", "^0: 帮助")
        await hand(kiosk.feed, 100_00)
        await person.hears("机器已收到 100.00 元", "本机不找零", "^充入电卡: 95.00")
        await hand(kiosk.pull)
        safe = await person.hears(r"您的 ([\d.]+) 元是安全的。请把同一张卡插回", "^电卡: (..0b02)", "凭条", "别人拿不走")
        assert safe[1] == "100.00"
        await hand(kiosk.push, card)
        await person.hears("机器已收到 100.00 元")
        assert await person.presses("充入电卡") == "把 95.00 元充入电卡"
        await person.hears("95.00 元已在电卡上", "还没有进电表", "回家请把电卡插入电表")
        await person.presses("取回电卡")
        await person.hears("请取卡")
        await hand(kiosk.pull)
        await person.hears("请插入电卡")
        assert world.to_meter("B").credited_minor == 95_00
    assert [(fact.paper, fact.language) for fact in written(tmp_path) if isinstance(fact, PrintStarted)] == [("recharge", "zh")]


async def test_a_card_that_stays_away_is_told_as_a_slip_with_its_number(tmp_path: Path) -> None:
    async with at_the_kiosk(tmp_path) as (person, kiosk, world):
        await hand(kiosk.insert, world.cards["C"])
        await hand(kiosk.feed, 100_00)
        await person.hears("100.00 is in")
        await hand(kiosk.pull)
        await person.hears("Your 100.00 is safe. Put the SAME card back", "You get a paper slip for 100.00")
        await person.presses("No card")
        await person.hears("Your 100.00 is safe here. Keep the paper slip", "It waits for card ..0c03", r"^Slip: K07-\d{6}", r"^Check: ..")
        await person.presses("I have the slip")
        await person.hears("Put your electricity card in the slot")
        await hand(kiosk.insert, world.cards["C"])
        await person.hears("95.00 is on the card")
        await person.presses("Take my card")
        await hand(kiosk.pull)
        assert world.to_meter("C").credited_minor == 95_00
