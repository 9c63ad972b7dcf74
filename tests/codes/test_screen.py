"""Typing a code at the real board: digits that wait, digits that are forgotten, and what is pasted."""

from msgspec.structs import replace
from textual.events import Paste

from kiosk.screens.samples import SAMPLES
from tests.screens.test_board import Desk, glass, shown

CODE = SAMPLES["code"].view
TWENTY = "78001000052886206546"


async def test_whoever_was_asked_for_more_time_finds_the_digits_again() -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(55, 17)) as pilot:
        await pilot.pause()
        await pilot.press(*TWENTY[:9])
        desk.publish(replace(SAMPLES["still-empty"].view, rev=1))
        await pilot.pause()
        desk.publish(replace(CODE, rev=2))
        await pilot.pause()
        assert "7800 1000 0" in shown(app.board)


async def test_when_the_card_is_pulled_the_digits_are_forgotten() -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(55, 17)) as pilot:
        await pilot.pause()
        await pilot.press(*TWENTY[:9])
        for view in (SAMPLES["attract"].view, CODE):
            desk.publish(replace(view, rev=1))
            await pilot.pause()
        assert "0 of 20" in shown(app.board)


async def test_when_an_answer_came_the_next_code_begins_with_no_digit() -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(55, 17)) as pilot:
        await pilot.pause()
        await pilot.press(*TWENTY, "enter")
        for view in (SAMPLES["code-checking"].view, SAMPLES["code-card"].view, CODE):
            desk.publish(replace(view, rev=1))
            await pilot.pause()
        assert "0 of 20" in shown(app.board)
        assert len(desk.chosen) == 1


async def test_a_wrong_check_digit_has_no_enter_and_nothing_is_sent() -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.press(*TWENTY[:19], "7", "enter", "enter")
        assert "One digit is wrong. Check the code." in shown(app.board)
        assert desk.chosen == []


async def test_what_is_pasted_and_what_is_no_digit_types_nothing() -> None:
    desk = Desk(CODE)
    app = glass(desk)
    async with app.run_test(size=(55, 17)) as pilot:
        await pilot.pause()
        app.post_message(Paste(TWENTY))
        await pilot.press("a", "minus", "space", "f1", "tab")
        await pilot.pause()
        assert "0 of 20" in shown(app.board)
        assert desk.chosen == []
