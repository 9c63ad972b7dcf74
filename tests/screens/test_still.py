"""Still there? Ten times more time, by touch and on the pad; if nobody answers, what is paid goes on the card, else the card comes back."""

import pytest

from kiosk.app import KioskApp
from kiosk.vend.facts import SaleClosed
from kiosk.vend.phase import MORE_TIME
from tests.sale.everywhere import insert_empty, paid, with_card
from tests.screens.till import Till, seen_by, tap

STARTS = {"account": with_card, "insert, empty": insert_empty, "insert": paid}
WAITS_MS = {"account": 45_000, "insert, empty": 45_000, "insert": 60_000}


async def wait(app: KioskApp, till: Till, ms: int) -> None:
    till.pass_ms(ms)
    await seen_by(app, till)


def bar(app: KioskApp) -> float:
    """The part of the time that is left, as it is painted in the bottom row."""
    app.board._paint()
    cells = {token: sum(len(text) for text, style in app.board._frame.rows[-1] if style[1] == token) for token in ("bar", "bar_rest")}
    return cells["bar"] / (cells["bar"] + cells["bar_rest"])


@pytest.mark.parametrize("touch", [True, False])
@pytest.mark.parametrize("start", STARTS)
async def test_ten_times_more_time_and_then_nothing_is_dropped(start: str, touch: bool) -> None:
    till = Till(STARTS[start]())
    app, phase = till.app(), start.partition(",")[0]
    async with app.run_test(size=(78, 29)):
        await seen_by(app, till)
        for time in range(MORE_TIME + 1):
            view = app.board.view
            assert (view.phase, view.span_ms, view.ends_in_ms) == (phase, WAITS_MS[start], WAITS_MS[start]), time
            assert bar(app) == 1.0
            await wait(app, till, WAITS_MS[start] // 2)
            assert bar(app) == 0.5
            await wait(app, till, WAITS_MS[start] // 2)
            view = app.board.view
            assert (view.phase, view.span_ms, view.ends_in_ms) == ("still", 20_000, 20_000), time
            assert view.figure_minor == (100_00 if start == "insert" else 0)
            await wait(app, till, 19_000)
            answers = [target for target in app.board.targets if target.do == "more_time"]
            assert len(answers) == (time < MORE_TIME), time
            for answer in answers:
                tap(app, answer, touch=touch)
                await seen_by(app, till)
        await wait(app, till, 1_000)
        kinds = till.shop.kinds()
        if start == "insert":
            assert (app.board.view.phase, app.board.view.figure_minor) == ("done", 95_00)
            (closed,) = till.shop.facts("SaleClosed")
            assert isinstance(closed, SaleClosed)
            assert (closed.outcome, closed.tender_minor) == ("landed", 100_00)
        else:
            assert app.board.view.phase == "take_card"
            assert "NoteStacked" not in kinds
            assert [fact.outcome for fact in till.shop.facts("SaleClosed") if isinstance(fact, SaleClosed)] == (
                ["cancelled"] if start == "insert, empty" else []
            )


async def test_a_note_is_an_answer_too() -> None:
    till = Till(paid())
    app = till.app()
    async with app.run_test(size=(78, 29)):
        await wait(app, till, 60_000)
        assert app.board.view.phase == "still"
        till.shop.feed(50_00)
        await wait(app, till, 0)
        assert (app.board.view.phase, app.board.view.figure_minor, app.board.view.ends_in_ms) == ("insert", 150_00, 60_000)
