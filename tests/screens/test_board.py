"""The board under fingers and keys: both choose the same, help stays at home, and only what changed is painted."""

import itertools
import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from msgspec.structs import replace
from textual.geometry import Region

from kiosk.app import STARTING, KioskApp
from kiosk.screens.board import Board
from kiosk.screens.canvas import Target
from kiosk.screens.palette import HIGH
from kiosk.screens.samples import SAMPLES
from kiosk.screens.scene import BACK, DIGIT, ERASE, HELP
from kiosk.vend.seen import Choice
from kiosk.vend.view import View

KEYS = {"clear": "escape", "enter": "enter"}
INSERT, CODE, OTHER = (SAMPLES[name].view for name in ("insert", "code", "amount-other"))


class Desk:
    """Publishes what it is told to, and remembers what was chosen."""

    def __init__(self, view: View) -> None:
        self.first = view
        self.chosen: list[Choice] = []
        self.subscribers: list[Callable[[View], None]] = []

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self.subscribers.append(callback)
        callback(self.first)

    def publish(self, view: View) -> None:
        for callback in self.subscribers:
            callback(view)

    def tell(self, choice: Choice) -> None:
        self.chosen.append(choice)


def glass(desk: Desk, tick_ms: int = 1000) -> KioskApp:
    """`tick_ms` passes between any two presses."""
    ticks = itertools.count(0, tick_ms).__next__
    return KioskApp(desk, now=lambda: datetime(2026, 11, 3, 14, 32), motion=False, monotonic_ms=ticks)  # noqa: DTZ001 - the wall's own time


OTHER_SIZES = [pytest.param(size, marks=pytest.mark.deep("every key at the other sizes")) for size in ((55, 17), (100, 30))]


@pytest.mark.parametrize("size", [(78, 29), *OTHER_SIZES])
async def test_touch_alone_and_keypad_alone_choose_the_same(size: tuple[int, int]) -> None:
    desk = Desk(SAMPLES["attract"].view)
    app = glass(desk)
    tried: set[Target] = set()
    async with app.run_test(size=size) as pilot:
        for sample in SAMPLES.values():
            desk.publish(sample.view)
            await pilot.pause()
            for target in app.board.targets:
                if target.do in {HELP, BACK, DIGIT, ERASE} or target in tried:
                    continue
                tried.add(target)
                desk.chosen.clear()
                await pilot.click(offset=(target.x + target.width - 1, target.y + target.height - 1))
                await pilot.press(KEYS.get(target.cap, target.cap))
                assert desk.chosen == [Choice(sample.view.rev, target.do, target.arg)] * 2, (sample.view.phase, target)
    assert {target.cap for target in tried} == {"1", "2", "3", "4", "5", "6", "clear", "enter"}


async def test_a_finger_between_keys_chooses_nothing_and_a_finger_that_slides_off_neither() -> None:
    desk = Desk(INSERT)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        inside = {(x, y) for t in app.board.targets for x in range(t.x, t.x + t.width) for y in range(t.y, t.y + t.height)}
        for place in ((0, 0), (20, 25), (40, 25), (77, 28), (40, 10)):
            assert place not in inside
            await pilot.click(offset=place)
        enter = next(target for target in app.board.targets if target.cap == "enter")
        await pilot.mouse_down(offset=(enter.x + 1, enter.y + 1))
        await pilot.mouse_up(offset=(5, 5))
        assert desk.chosen == []


async def test_keys_that_are_holes_do_nothing() -> None:
    desk = Desk(INSERT)
    async with glass(desk).run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        await pilot.press("1", "2", "3", "4", "5", "6", "7", "8", "9", "q", "tab", "f1", "ctrl+c", "ctrl+p", "ctrl+q")
        assert desk.chosen == []
        await pilot.press("backspace", "delete", "escape")
        assert [choice.do for choice in desk.chosen] == ["stop"] * 3


async def test_help_opens_on_the_screen_itself_and_money_closes_it() -> None:
    desk = Desk(INSERT)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        await pilot.press("0")
        assert "How this machine works" in shown(app.board)
        assert "Machine 150.00" in shown(app.board)
        await pilot.press("escape")
        assert "150.00 is in." in shown(app.board)
        await pilot.press("0")
        desk.publish(replace(INSERT, figure_minor=20000, rev=1))
        await pilot.pause()
        assert "200.00 is in." in shown(app.board)
        assert desk.chosen == []


@pytest.mark.parametrize("size", [(55, 17), (78, 29), (100, 30)])
async def test_a_code_is_typed_by_finger_or_on_the_pad_and_chosen_once(size: tuple[int, int]) -> None:
    twenty = "78001000052886206546"
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert "enter" not in {target.cap for target in app.board.targets}
        for digit in twenty[:10]:
            await pilot.press(digit)
        for digit in twenty[10:]:
            (key,) = (target for target in app.board.targets if target.cap == digit)
            await pilot.click(offset=(key.x, key.y))
        await pilot.press("3", "7", "7")
        assert not [target for target in app.board.targets if target.do == DIGIT], "twenty are enough"
        assert "You 100.00" in shown(app.board)
        await pilot.press("enter")
        assert desk.chosen == [Choice(0, "code", twenty)]


async def test_clear_takes_one_digit_and_where_there_is_none_it_goes_back() -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        await pilot.press("7", "8", "0", "backspace")
        assert "2 of 20" in shown(app.board)
        await pilot.press("escape", "escape")
        assert "0 of 20" in shown(app.board)
        assert desk.chosen == []
        await pilot.press("escape")
        assert desk.chosen == [Choice(0, "cancel")]


async def test_digits_outlive_help_and_another_language_and_more_time_but_no_other_screen() -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        await pilot.press(*"78001")
        (question,) = (target for target in app.board.targets if target.do == HELP)
        await pilot.click(offset=(question.x, question.y))
        assert "How this machine works" in shown(app.board)
        await pilot.press("2")
        assert desk.chosen == [Choice(0, "language", "zh")]
        desk.publish(replace(CODE, language="zh", rev=1))
        await pilot.pause()
        assert "7800 1" in shown(app.board)
        desk.publish(replace(CODE, params=CODE.params | {"state": "digit"}, rev=2))
        await pilot.pause()
        assert "7800 1" in shown(app.board)
        desk.publish(replace(SAMPLES["code-card"].view, rev=3))
        await pilot.pause()
        desk.publish(replace(CODE, rev=4))
        await pilot.pause()
        assert "7800" not in shown(app.board)
        await pilot.press("1")
        for rev, view in ((5, SAMPLES["still-empty"].view), (6, CODE)):
            desk.publish(replace(view, rev=rev))
            await pilot.pause()
        assert "1 of 20" in shown(app.board)
        for rev, view in ((7, SAMPLES["still-empty"].view), (8, SAMPLES["take_card"].view), (9, CODE)):
            desk.publish(replace(view, rev=rev))
            await pilot.pause()
        assert "0 of 20" in shown(app.board)


async def test_another_amount_stays_within_what_may_be_paid() -> None:
    desk = Desk(OTHER)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        await pilot.press("0", "9", "enter")
        assert desk.chosen == [], "less than the least"
        await pilot.press("0", "0", "0")
        assert "You 900.00" in shown(app.board), "three digits at most"
        assert "At most 500.00" in shown(app.board)
        await pilot.press("enter")
        assert desk.chosen == []
        await pilot.press("escape", "enter")
        assert desk.chosen == [Choice(0, "amount", "9000")]


@pytest.mark.parametrize("share", [6, pytest.param(1, marks=pytest.mark.deep("a language chosen on each screen"))])
async def test_a_language_is_chosen_in_help_on_every_screen_and_the_one_that_is_spoken_closes_it(share: int) -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        for rev, sample in enumerate([*SAMPLES.values()][::share]):
            view = replace(sample.view, rev=rev)
            desk.publish(view)
            await pilot.pause()
            helps = [target for target in app.board.targets if target.do == HELP]
            if not helps:
                assert view.phase in {"writing", "take_card"}, "a command in large letters, and nothing to press"
                continue
            await pilot.click(offset=(helps[0].x, helps[0].y))
            desk.chosen.clear()
            await pilot.press("3")
            assert desk.chosen == [Choice(rev, "language", "fr")], view.phase
            before = shown(app.board)
            await pilot.press("1")
            assert shown(app.board) != before, view.phase
            assert desk.chosen == [Choice(rev, "language", "fr")], view.phase


async def test_what_is_typed_and_what_is_left_of_the_time_are_heard() -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        assert app.board.said[0] == "Type the 20 digits of your code."
        assert not [line for line in app.board.said if line.startswith("ENTER")], "a hole is silent"
        await pilot.press(*"78001")
        assert {"Type group 2 of 5 of your code.", "7800 1.", "Digits: 5 of 20.", "CLEAR: Erase."} <= {*app.board.said}
        desk.publish(replace(SAMPLES["done"].view, rev=1))
        await pilot.pause()
        assert any(line.startswith("Paper receipt in ") and line.endswith(" s if you do nothing") for line in app.board.said)
        await pilot.press("0")
        assert app.board.said[0] == "How this machine works."


async def test_without_motion_a_time_that_runs_moves_no_picture() -> None:
    app = glass(Desk(SAMPLES["account-first"].view))  # a card in the slot, and a time-out
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        for _ in range(3):
            app.board._step()
        assert app.board._beat == 0


def targets(board: Board) -> tuple[Target, ...]:
    return board.targets


def shown(board: Board) -> str:
    return "\n".join(board.render_line(y).text for y in range(board.size.height))


async def test_a_stacked_note_repaints_only_the_rows_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    timeless = replace(INSERT, ends_in_ms=None)  # no second passes in the status
    desk = Desk(timeless)
    app = glass(desk, tick_ms=0)
    painted: list[Region] = []
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        refresh = app.board.refresh

        def watched(*regions: Region) -> object:
            painted.extend(regions)
            return refresh(*regions)

        monkeypatch.setattr(app.board, "refresh", watched)
        desk.publish(replace(timeless, figure_minor=16000, rev=1))
        await pilot.pause()
        rows = {region.y for region in painted}
        assert 2 in rows, "the sentence"
        assert 14 in rows, "the tab"
        assert not rows & {0, 1, 3, 4, 17, 18, 22, 28}, "header, air and keys stay"


async def test_a_view_that_comes_late_is_not_shown() -> None:
    desk = Desk(replace(INSERT, rev=5))
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        desk.publish(replace(SAMPLES["attract"].view, rev=4))
        await pilot.pause()
        assert app.board.view.rev == 5


async def test_after_a_lost_core_the_new_ones_views_are_shown_again() -> None:
    desk = Desk(replace(INSERT, rev=500))
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        desk.publish(STARTING)
        desk.publish(replace(INSERT, rev=3))
        await pilot.pause()
        assert app.board.view.rev == 3


async def test_a_window_too_small_says_so_and_a_large_one_gets_a_bezel() -> None:
    desk = Desk(INSERT)
    app = glass(desk)
    async with app.run_test(size=(50, 16)) as pilot:
        await pilot.pause()
        assert "too small" in shown(app.board)
        assert app.board.targets == ()
        await pilot.resize_terminal(130, 40)
        await pilot.pause()
        assert shown(app.board).startswith("\n".join([" " * 130] * 5))
        (enter,) = (target for target in targets(app.board) if target.cap == "enter")
        await pilot.click(offset=(enter.x, enter.y))
        assert [choice.do for choice in desk.chosen] == ["finish"]


async def test_a_screen_of_wide_characters_fills_its_window() -> None:
    desk = Desk(replace(INSERT, language="zh"))
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        lines = app.board.render_lines(app.board.size.region)
        assert lines[0].text.startswith(" 电卡充值")
        assert lines[0].text.endswith("14:32 ")
        assert {line.cell_length for line in lines} == {78}
        assert min(target.x for target in app.board.targets) == 3


async def test_other_colours_come_with_one_repaint_and_the_same_keys() -> None:
    desk = Desk(INSERT)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        before = app.board.targets
        app.board.use(HIGH)
        await pilot.pause()
        assert app.board.targets == before
        assert app.board.render_line(0)._segments[0].style is not None
        assert str(app.board.render_line(0)._segments[0].style).endswith("on #000000")


async def test_eight_threads_hammer_the_crossing_and_the_newest_view_stays() -> None:
    desk = Desk(INSERT)
    app = glass(desk)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        samples = [sample.view for sample in SAMPLES.values()]

        def hammer(thread: int) -> None:
            for turn in range(250):
                desk.publish(replace(samples[(turn + thread) % len(samples)], rev=1 + turn * 8 + thread))

        threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            await pilot.pause(0.01)
        await pilot.pause(0.1)
        assert app.board.view.rev == 2000
        assert app.board.view.phase == samples[(249 + 7) % len(samples)].phase
