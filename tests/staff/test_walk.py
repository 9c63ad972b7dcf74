"""A technician at a whole machine: the real desk, journal and roster, simulated devices, and nothing but the pad or a finger."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from textual.pilot import Pilot

from kiosk import words
from kiosk.app import KioskApp
from kiosk.demo.site import Site
from kiosk.demo.world import World
from kiosk.devices.vault.demo_roster import COLLECTOR, TECHNICIAN
from kiosk.devices.vault.station import open_station
from kiosk.screens.palette import TRUE
from kiosk.screens.scene import DIGIT
from kiosk.screens.staff.knock import KNOCK
from kiosk.vend.facts import Fact, PrintStarted
from kiosk.vend.journal import Journal
from kiosk.vend.operators.session import OperatorDid, OperatorEntered, OperatorLeft
from kiosk.vend.till import CashBoxInstalled, CashBoxRemoved
from tests.screens.shots import written
from tests.screens.till import KEYS

pytestmark = pytest.mark.deep("every walk of an operator through the staff screens")
PATIENCE_S = 20.0
T = TypeVar("T", bound=Fact)
REST_S = 0.42  # what a finger rests between two keys


class Technician:
    """Someone who reads the screen, presses a key, and waits for what comes of it."""

    def __init__(self, app: KioskApp, pilot: Pilot[None], *, touch: bool) -> None:
        self._app, self._pilot, self._touch = app, pilot, touch

    async def press(self, *caps: str) -> None:
        for cap in caps:
            await asyncio.sleep(REST_S)
            if self._touch:
                target = next(target for target in self._app.board.targets if target.cap == cap)
                await self._pilot.click(self._app.board, (target.x + target.width // 2, target.y + target.height // 2))
            else:
                await self._pilot.press(KEYS.get(cap, cap))

    async def type(self, digits: str) -> None:
        """Digits and ENTER, as fast as one can."""
        for digit in digits:
            if self._touch:
                target = next(target for target in self._app.board.targets if target.cap == digit and target.do == DIGIT)
                await self._pilot.click(self._app.board, (target.x + 1, target.y + 1))
            else:
                await self._pilot.press(digit)
        await self.press("enter")

    async def reads(self, *texts: str) -> str:
        """Until all of these stand on the screen."""
        end = time.monotonic() + PATIENCE_S
        while not all(text in self.page for text in texts):
            assert time.monotonic() < end, f"{texts} never came:\n{self.page}"
            await asyncio.sleep(0.02)
        return self.page

    @property
    def page(self) -> str:
        return "\n".join(written(self._app.board._frame))

    async def enters(self, who: tuple[str, str], shown: str = "Put your electricity card in the slot.") -> None:
        """The knock has no targets: it is the pad's, also where all else is touched."""
        await self.reads(shown)
        for cap in KNOCK:
            await self._pilot.press(KEYS.get(cap, cap))
        await self.reads("This is for staff only", "Your operator number")
        await self.type(who[0])
        await self.reads("Your PIN")
        await self.type(who[1])
        await self.reads(f"operator {who[0]}", "Costs the customer")


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[World]:
    """A kiosk that has sold once: 50.00 by a note, with its receipt."""
    world = World(tmp_path, stack="in-process")
    world.start()
    await asyncio.to_thread(buy, world)
    yield world
    await asyncio.to_thread(world.stop)


def buy(world: World) -> None:
    site: Site = world.sites["K07"]
    site.phase("attract")
    site.insert(world.cards["A"])
    site.phase("account")
    site.feed(50_00)
    site.press("finish")
    site.phase("done", timeout_s=40)
    site.press("receipt", "paper")
    site.until(lambda view: view.phase != "done" or view.params["receipt"] in ("printed", "assumed"), why="the receipt")
    if site.phase("done", "take_card").phase == "done":
        site.press("finish")
    site.phase("take_card")
    site.pull()
    site.phase("attract")


def facts(world: World) -> list[Fact]:
    folder = world.folder / "kiosks" / "K07"
    journal = Journal.open(folder / "store.db", open_station(folder / "station.json").database_key(), create=False, read_only=True)
    try:
        return [recorded.fact for recorded in journal.rows()]
    finally:
        journal.close()


def papers(world: World) -> list[str]:
    return [path.read_text() for path in sorted((world.folder / "receipts").glob("*.txt"))]


@pytest.mark.parametrize("touch", [False, True], ids=["by pad", "by finger"])
async def test_a_technician_swaps_the_note_box_and_prints_a_copy(town: World, touch: bool) -> None:
    app = KioskApp(town.sites["K07"], TRUE, motion=False)
    async with app.run_test(size=(78, 24)) as pilot:
        staff = Technician(app, pilot, touch=touch)
        await staff.enters(TECHNICIAN)
        assert re.search(r"50\.00 +0\.00 +0\.00", await staff.reads("In the cash boxes")), staff.page
        await staff.press("2")
        await staff.reads("Session", "Swap the note box")
        await staff.press("1")
        await staff.reads("Number of the sealed bag")
        await staff.type("00417")
        await staff.reads("The bag's number again")
        await staff.type("00471")
        await staff.reads("The two numbers differ", "Number of the sealed bag")
        await staff.type("00417")
        await staff.reads("The bag's number again")
        await staff.type("00417")
        page = await staff.reads("Take this box out now", "ENTER writes CashBoxRemoved")
        assert re.search(r"Pieces +1 +\n", page)
        assert re.search(r"Sum +50\.00", page)
        assert not any(isinstance(fact, CashBoxRemoved) for fact in facts(town)), "nothing is written before ENTER"
        await staff.press("enter")
        await staff.reads("Number of the next box")
        await staff.type("1207")
        await staff.reads("Is the next box in its place?", "ENTER writes CashBoxInstalled", "1207")
        await staff.press("enter")
        await staff.reads("Done, and written to the journal.", "Swap the note box")
        (removed,), (installed,) = (of_kind(town, CashBoxRemoved), of_kind(town, CashBoxInstalled))
        assert (removed.bag, removed.minor, removed.session) == ("00417", 50_00, 1)
        assert (installed.box, installed.session) == ("1207", 2)
        slip = next(paper for paper in papers(town) if "00417" in paper)
        assert "50.00" in slip

        await staff.press("clear")
        await staff.reads("Costs the customer")
        await staff.press("5")
        await staff.reads("Receipt number")
        await staff.type("999")
        await staff.reads("There is no such receipt.")
        await staff.type("1")
        await staff.reads("K07-000001", "Print as COPY")
        await staff.press("7")
        await staff.reads("Print it once more, marked COPY?", "ENTER writes PrintStarted")
        await staff.press("enter")
        await staff.reads("It is being printed.")
        await comes(lambda: any("COPY" in paper for paper in papers(town)))
        assert [fact.copy for fact in of_kind(town, PrintStarted) if fact.number == 1] == [0, 1]
        await staff.press("clear", "clear")
        await staff.reads("Put your electricity card in the slot.")
        did = [(fact.operator, fact.operation) for fact in of_kind(town, OperatorDid)]
        assert did == [("014", "cash.box.swap"), ("014", "cash.box.install"), ("014", "receipt.reprint")]
        await comes(lambda: [fact.why for fact in of_kind(town, OperatorLeft)] == ["leave"])  # it is no barrier: on disk within 100 ms


def of_kind(world: World, kind: type[T]) -> list[T]:
    return [fact for fact in facts(world) if isinstance(fact, kind)]


async def comes(found: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def test_every_screen_of_a_technician_can_be_reached_and_read_in_chinese(town: World) -> None:
    app = KioskApp(town.sites["K07"], TRUE, motion=False)
    async with app.run_test(size=(80, 24)) as pilot:
        staff = Technician(app, pilot, touch=False)
        await staff.enters(TECHNICIAN)
        await staff.press("0", "2")
        await staff.reads(words.text("zh", "staff.column.costs"))
        for keys, word in (
            (("1",), "key.test.reader"),
            (("6",), "column.since_reset"),
            (("clear", "clear", "2"), "key.swap.notes"),
            (("clear", "4"), "none"),
            (("clear", "5"), "field.receipt"),
            (("clear", "6"), "key.last_month"),
            (("1",), "report.on_cards"),
            (("clear", "5"), "key.filter.staff"),
            (("clear", "clear", "7"), "line.store"),
            (("2",), "rule.clock_floor"),
            (("clear", "1"), "field.boot_pin"),
            (("1", "2", "3", "4", "5", "6", "7", "enter"), "notice.boot_no_store"),
            (("clear", "9"), "key.close.cash"),
            (("1",), "question.service_close"),
            (("enter",), "head.closed"),
            (("1", "enter"), "head.open"),
            (("clear", "3"), "question.paper_change"),
        ):
            await staff.press(*keys)
            await staff.reads(words.text("zh", f"staff.{word}"))
            assert app.board._frame.lost == (), word
        await staff.press("clear", "clear")
        await staff.reads(words.text("zh", "attract.first"))


async def test_a_claim_is_told_from_the_journal_and_its_slip_printed_again(town: World) -> None:
    await asyncio.to_thread(claim, town)
    app = KioskApp(town.sites["K07"], TRUE, motion=False)
    async with app.run_test(size=(80, 24)) as pilot:
        staff = Technician(app, pilot, touch=False)
        await staff.enters(TECHNICIAN)
        await staff.reads("Owed as claims", "20.00  slips 1")
        await staff.press("4")
        await staff.reads("1      K07-000002", "claim")
        await staff.press("1")
        await staff.reads("WHERE THE MONEY IS", "20.00  owed by slip", "WHAT NEXT, AND BY WHOM", "Page 1 of")
        await staff.press("enter")
        await staff.reads("Page 2 of")
        await staff.press("7")
        await staff.reads("Print it once more, marked COPY?")
        await staff.press("enter")
        await comes(lambda: any("COPY" in paper and "K07-000002" in paper for paper in papers(town)))


def claim(world: World) -> None:
    """20.00 is in, and its card is gone."""
    site: Site = world.sites["K07"]
    site.insert(world.cards["B"])
    site.phase("account")
    site.feed(20_00)
    site.pull()
    site.phase("unsure", timeout_s=40)
    site.press("no_card")
    site.until(lambda view: view.phase == "claim" and view.params["printed"], why="the claim slip")
    site.press("slip_taken")
    site.phase("attract")


async def test_a_collector_is_offered_the_cash_boxes_and_not_the_sums_and_the_session_ends_by_itself(town: World) -> None:
    app = KioskApp(town.sites["K07"], TRUE, motion=False)
    async with app.run_test(size=(80, 24)) as pilot:
        staff = Technician(app, pilot, touch=False)
        await staff.enters(COLLECTOR)
        assert "not shown" in staff.page
        assert [fact.operator for fact in of_kind(town, OperatorEntered)] == ["007"]
        await staff.press("2")
        await staff.reads("Swap the note box")
        row = next(line for line in staff.page.split("\n") if line.startswith(" Notes"))
        assert row.split() == ["Notes", "OK", "1"], "neither pieces nor their sum"
        left = app.board.view.ends_in_ms
        assert left is not None
        assert 110_000 < left <= 120_000
