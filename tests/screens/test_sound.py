"""What is heard over a sale and its mishaps, with time that the test moves: the design's cues, no more of them, nothing without ears."""

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.app import STARTING
from kiosk.config import ConfigError, checked
from kiosk.link import LinkServer
from kiosk.screens import sound
from kiosk.screens.sound import ATTENTION, DONE, EVERY_MS, STACKED, TICK, TIMES, Bell, Cue, Heard
from kiosk.vend import seen
from kiosk.vend.view import View
from tests.sale.everywhere import EVERYWHERE, landed, paid, receipt_code, shop, still, with_card
from tests.sale.shop import Card, Shop
from tests.screens.till import Till, seen_by


class Ear:
    """Hears a shop's views with the shop's time, as the app does."""

    def __init__(self, here: Shop) -> None:
        self.here, self.heard = here, Heard(here.view)
        self.cues: list[tuple[int, Cue]] = []  # when, what

    def look(self) -> "Ear":
        self.heard, cues = self.heard.seen(self.here.view, self.here.ms)
        return self._play(cues)

    def wait(self, seconds: float) -> "Ear":
        """Time in steps of half a second, what is due in each."""
        for _ in range(int(seconds * 2)):
            self.here.wait(0.5)
            self.look()
            self.heard, cues = self.heard.waited(self.here.ms)
            self._play(cues)
        return self

    def _play(self, cues: tuple[Cue, ...]) -> "Ear":
        self.cues += [(self.here.ms, cue) for cue in cues]
        return self

    @property
    def names(self) -> list[str]:
        return [cue.name for _, cue in self.cues]


def test_a_whole_sale_is_heard_once_a_note_once_when_it_is_done_and_until_the_card_is_taken() -> None:
    here = shop()
    ear, card = Ear(here), Card()
    here.insert(card)
    ear.look()
    for note in (100_00, 50_00):
        here.feed(note, stack=False)
        ear.look()
        assert ear.names.count("stacked") == (note == 50_00), "a note that is only looked at is not heard"
        here.counters["notes"] += 1
        here.tell(seen.NoteIn("notes", "SN-notes", note, here.counters["notes"]))
        ear.look()
    here.press("finish", work=False)
    ear.look()
    here.work()
    ear.look()
    here.press("receipt", "paper")
    ear.look()
    here.press("finish")
    ear.look().wait(12)
    here.pull()
    ear.look().wait(120)
    assert ear.names == ["stacked", "stacked", "done", "attention", "attention", "attention"]


@pytest.mark.parametrize("where", ["take_card", "unsure", "still", "still, empty"])
def test_a_customer_who_is_wanted_is_called_every_five_seconds_at_most_six_times(where: str) -> None:
    here = EVERYWHERE[where][1]()
    ear = Ear(here)
    ear.heard = Heard(View("attract"))
    ear.look().wait(40 if where == "still" else 60)  # paid, it goes on to the end after 20 s
    calls = [at_ms for at_ms, cue in ear.cues if cue is ATTENTION]
    first = 4 if "still" in where else TIMES  # within its 20 s; and without money the card is wanted then
    assert len(calls) == (first + TIMES if where == "still, empty" else first)
    assert {after - before for before, after in pairwise(calls)} == {EVERY_MS}


@pytest.mark.parametrize("where", [name for name, (phase, _) in EVERYWHERE.items() if phase not in sound.CALLING])
def test_nobody_is_called_elsewhere(where: str) -> None:
    here = EVERYWHERE[where][1]()
    ear = Ear(here)
    ear.heard = Heard(View("attract"))
    heard, cues = ear.heard.seen(here.view, 0)
    assert ATTENTION not in cues
    assert heard.waited(10**9) == (heard, ())


def test_another_language_is_no_new_call() -> None:
    here = EVERYWHERE["unsure"][1]()
    ear = Ear(here)
    ear.heard = Heard(View("insert", figure_minor=100_00))
    ear.look().wait(40)
    here.press("language", "zh")
    ear.look().wait(20)
    assert ear.names == ["attention"] * TIMES


def test_a_screen_that_was_away_and_comes_back_has_nothing_new_to_say_of_money() -> None:
    for where in ("done", "insert", "qr, receipt"):
        assert Heard(STARTING).seen(EVERYWHERE[where][1]().view, 0)[1] == ()


def test_a_code_and_the_way_back_are_not_a_second_end() -> None:
    here = landed()
    ear = Ear(here)
    here.press("receipt", "qr")
    ear.look()
    here.press("cancel")
    ear.look()
    assert (ear.names, receipt_code().view.phase) == ([], "qr")


def test_notes_that_come_back_and_money_that_moves_on_are_silent() -> None:
    here = paid()
    ear = Ear(here)
    here.feed(100_00, stack=False)
    ear.look()
    here.counters["notes"] += 1
    here.tell(seen.NoteBack("notes", "SN-notes", here.counters["notes"]))
    ear.look()
    assert ear.names == []
    still(here)
    assert ear.look().names == ["attention"]
    here.press("more_time")
    assert ear.look().names == ["attention"]


def test_every_cue_has_the_shape_of_the_design() -> None:
    hertz = {cue.name: [hz for hz, _ in cue.tones] for cue in (TICK, STACKED, DONE, ATTENTION)}
    assert [len(hertz[name]) for name in ("tick", "stacked", "done", "attention")] == [1, 2, 3, 2]
    assert hertz["stacked"] == sorted(hertz["stacked"])
    assert hertz["done"] == sorted(hertz["done"])
    assert max(hertz["attention"]) < min(hertz["stacked"] + hertz["done"]), "two low"
    assert all(sum(ms for _, ms in cue.tones) <= 500 for cue in (TICK, STACKED, DONE, ATTENTION))


def test_a_bell_rings_for_money_and_for_calls_and_not_for_keys() -> None:
    rung: list[str] = []
    bell = Bell(lambda: rung.append("bell"))
    for cue in (TICK, STACKED, TICK, DONE, ATTENTION):
        bell.play(cue)
    assert rung == ["bell"] * 3


# ---------------------------------------------------------------- through the app


class Loudspeaker:
    def __init__(self) -> None:
        self.played: list[str] = []

    def play(self, cue: Cue) -> None:
        self.played.append(cue.name)


async def test_the_app_ticks_for_keys_that_are_there_and_plays_what_the_desk_says() -> None:
    till, ears = Till(with_card()), Loudspeaker()
    app = till.app(ears)
    async with app.run_test(size=(78, 29)):
        await seen_by(app, till)
        for key in ("2", "enter", "9"):
            app.board.press(key)
        assert ears.played == [], "a hole is not heard"
        till.shop.feed(100_00)
        till.publish()
        await seen_by(app, till)
        app.board.press("0")
        app.board.press("escape")
        app.board.press("enter")
        till.pass_ms(1000)
        await seen_by(app, till)
        assert ears.played == ["stacked", "tick", "tick", "tick", "done"]
        till.pass_ms(1000)
        app.board.press("enter")
        await seen_by(app, till)
        app.board.press("enter")
        assert ears.played[5:] == ["tick", "attention"], "a tap too many is not heard either"


async def test_the_app_goes_on_calling_until_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "EVERY_MS", 20)
    till, ears = Till(EVERYWHERE["take_card"][1]()), Loudspeaker()
    app = till.app(ears)
    async with app.run_test(size=(78, 29)):
        await asyncio.sleep(1)
        assert ears.played == ["attention"] * TIMES
        till.stand(EVERYWHERE["unsure"][1]())
        await seen_by(app, till)
        till.stand(shop())
        await seen_by(app, till)
        await asyncio.sleep(0.5)
        assert ears.played == ["attention"] * (TIMES + 1), "whoever came is not called any more"


async def test_without_a_device_nothing_is_played_and_nothing_waits_to_be() -> None:
    till = Till(EVERYWHERE["unsure"][1]())
    app = till.app()
    async with app.run_test(size=(78, 29)):
        await seen_by(app, till)
        app.board.press("escape")
        till.pass_ms(1000)
        await seen_by(app, till)
        assert app.ears is None
        assert till.shop.view.phase == "claim"


def test_what_is_heard_is_always_seen() -> None:
    """No cue without a View that differs, but the calls of a screen that stands."""
    views = [replace(come().view, rev=0) for _, come in EVERYWHERE.values()]
    for view in views:
        assert Heard(view).seen(view, 0)[1] == ()
        assert Heard(view).seen(replace(view, rev=9, ends_in_ms=1, language="fr"), 0)[1] == ()


class Core:
    """The other end of a screen's socket."""

    def __init__(self) -> None:
        self.show: Callable[[View], None] = lambda _: None

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self.show = callback
        callback(EVERYWHERE["account"][1]().view)

    def tell(self, choice: seen.Choice) -> None:
        assert choice.do == "alive", choice


@pytest.mark.parametrize(("sound", "rings"), [("bell", 1), ("off", 0), ("auto", 0)])
def test_a_real_terminal_rings_where_it_is_told_to(tmp_path: Path, sound: str, rings: int) -> None:
    core = Core()
    server = LinkServer(tmp_path / "core", core)
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "kiosk", "run", "--screen", str(tmp_path / "core"), "--sound", sound]
    screen = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    try:
        until(ours, b"This was left in your meter.")
        core.show(replace(EVERYWHERE["take_card"][1]().view, rev=99))
        painted = until(ours, b"Take your card.")
        core.show(replace(EVERYWHERE["attract"][1]().view, rev=100))
        painted += until(ours, b"Put your electricity card")
        assert painted.count(b"\a") == rings
    finally:
        screen.kill()
        screen.wait()
        server.close()
        os.close(ours)
        os.close(theirs)


def until(terminal: int, text: bytes) -> bytes:
    """Everything that is painted until a text is."""
    painted = b""
    while text not in painted:
        assert select.select([terminal], [], [], 20)[0], "it never painted"
        painted += os.read(terminal, 65536)
    return painted


def test_a_configuration_says_what_is_heard_and_no_other_word_is_one() -> None:
    kiosk = {"id": "K07", "demo": True}
    assert checked({"kiosk": kiosk}).screen.sound == "off"
    assert checked({"kiosk": kiosk, "screen": {"sound": "bell"}}).screen.sound == "bell"
    with pytest.raises(ConfigError, match=r"screen\.sound"):
        checked({"kiosk": kiosk, "screen": {"sound": "trumpet"}})
