"""The walks of docs/customer-walk.md: the page is the script, the machine is its judge. Time is the script's, devices are simulated."""

import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kiosk.demo.site import LocalKiosk, Site
from kiosk.demo.world import World
from kiosk.devices.cctalk.bus import Pace
from kiosk.screens.customer import scene_of
from kiosk.vend.rules import Now
from kiosk.vend.seen import Choice, Tick
from kiosk.vend.view import View
from tests.house.tree import HOUSE

GOAL_S = 45.0
ROW = re.compile(r"^\| (\w+) \| (.+?) \| (\d+\.\d) \|$", re.MULTILINE)
SUM = re.compile(r"\*\*(\d+\.\d) seconds, (\d+) key press(?:es)?, (\d+) screens\.\*\*")
NOTE = re.compile(r"a note of (\d+)\.00")
ROUTE_S = 0.3  # the demo's acceptor: from escrow into the box


class Row(NamedTuple):
    """A line of the script."""

    screen: str
    what: str
    seconds: float


class Walk(NamedTuple):
    """A table of the page and the sentence below it."""

    rows: tuple[Row, ...]
    seconds: float
    presses: int
    screens: int


def walks() -> dict[str, Walk]:
    """Every walk of the page by its heading."""
    found = {}
    for section in (HOUSE / "docs/customer-walk.md").read_text().split("\n## ")[1:]:
        stated = SUM.search(section)
        assert stated, section
        rows = tuple(Row(screen, what, float(seconds)) for screen, what, seconds in ROW.findall(section))
        found[section.partition("\n")[0]] = Walk(rows, float(stated[1]), int(stated[2]), int(stated[3]))
    return found


class ScriptClock:
    """The desk's time; it passes when the script says so."""

    def __init__(self) -> None:
        self.ms = 1_000_000
        self._wall_ms = time.time_ns() // 1_000_000  # what was written before the walk began is not later than it

    def now(self) -> Now:
        return Now(self._wall_ms + self.ms, self.ms, 1, secrets.token_hex(8))


class Customer:
    """Goes a walk, row by row."""

    def __init__(self, site: Site, clock: ScriptClock) -> None:
        self._site, self._clock = site, clock
        self._views: list[View] = []
        self.presses = 0
        site.subscribe(self._views.append)

    @property
    def screens(self) -> list[str]:
        """The phases seen so far, each as it came."""
        phases = [view.phase for view in self._views]
        return [phase for phase, before in zip(phases, ["", *phases], strict=False) if phase != before]

    def go(self, row: Row, card: Callable[[], None]) -> None:
        """One row: its screen is there, time passes, and what is to be done can be done."""
        passing = row.screen in ("reading", "writing")
        view = self._site.until(lambda now: row.screen in (self.screens if passing else (now.phase,)), why=row.screen)
        self._pass(row.seconds)
        if note := NOTE.fullmatch(row.what):
            self._site.feed(int(note[1]) * 100)
        elif row.what == "the card goes in":
            card()
        elif row.what == "the card comes out":
            self._site.pull()
        elif row.what.isupper():
            self._press(view, row.what)

    def _press(self, view: View, name: str) -> None:
        (key,) = (key for key in scene_of(view).keys if (key.name or key.cap) == name)
        self._site.tell(Choice(view.rev, key.do, key.arg))
        self.presses += 1

    def _pass(self, seconds: float) -> None:
        """The desk lives through it, so that a screen whose time runs out does so here."""
        self._clock.ms += round(seconds * 1000)
        running = self._site.running
        assert isinstance(running, LocalKiosk)
        running._core.desk.tell(Tick())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ScriptClock:
    script = ScriptClock()
    monkeypatch.setattr("kiosk.core.SystemClock", lambda _boot: script)
    return script


@pytest.fixture
def world(tmp_path: Path, clock: ScriptClock) -> Iterator[World]:  # noqa: ARG001 - the desk is made with it
    town = World(tmp_path, stack="in-process")
    town.start()
    yield town
    town.stop()


def left_a_claim(site: Site, world: World) -> None:
    """Another day: the card was pulled with money in and did not come back."""
    site.insert(world.cards["B"])
    site.feed(100_00)
    site.pull()
    site.press("no_card")
    site.until(lambda view: view.phase == "claim" and view.params["printed"], why="the slip")
    site.press("slip_taken")
    site.phase("attract")


@pytest.mark.parametrize("name", walks())
def test_a_walk_takes_what_the_page_says_and_less_than_is_allowed(name: str, world: World, clock: ScriptClock) -> None:
    walk, site = walks()[name], world.sites["K07"]
    if "claim" in name:
        left_a_claim(site, world)
    began_ms = clock.ms
    site.phase("attract")
    customer = Customer(site, clock)
    for row in walk.rows:
        customer.go(row, lambda: site.insert(world.cards["B"]))
    site.phase("attract")
    took_s = (clock.ms - began_ms) / 1000
    assert (round(took_s, 1), customer.presses) == (walk.seconds, walk.presses)
    assert took_s < GOAL_S
    rows = [row.screen for row in walk.rows]
    seen = [screen for screen, before in zip(rows, ["", *rows], strict=False) if screen != before]
    assert (customer.screens, len(set(seen))) == ([*seen, "attract"], walk.screens)
    bought = world.to_meter("B").credited_minor
    assert bought == {"Cash, two notes": 145_00, "Balance only": 0, "A claim is paid": 95_00}[name]


def test_a_note_takes_a_hands_time_and_the_acceptors() -> None:
    for walk in walks().values():
        for row in walk.rows:
            if NOTE.fullmatch(row.what):
                assert row.seconds == pytest.approx(4.0 + 2 * Pace().poll_s + ROUTE_S)


def test_the_whole_page_is_read() -> None:
    assert list(walks()) == ["Cash, two notes", "Balance only", "A claim is paid"]
    assert all(walk.rows for walk in walks().values())
