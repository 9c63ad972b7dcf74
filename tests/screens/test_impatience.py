"""An impatient finger, twenty taps a second on every key of every screen, by touch and on the pad: what it meant once happens once."""

import pytest

from kiosk.app import KioskApp
from kiosk.screens.canvas import Target
from kiosk.screens.finger import REST_MS, Finger
from kiosk.vend.view import View
from tests.sale.everywhere import EVERYWHERE
from tests.screens.till import Till, seen_by, tap, timeless

TAP_MS, TAPS = 50, 15
Outcome = tuple[list[str], View, bool]


async def outcome(till: Till, app: KioskApp, where: str, target: Target, taps: int, *, touch: bool) -> Outcome:
    """Come to a screen, tap a target so often, always within the same time: the facts' kinds, the view, whether help is open."""
    till.stand(EVERYWHERE[where][1]())
    app.board._finger = Finger()
    await seen_by(app, till)
    for number in range(TAPS):
        if number < taps:
            tap(app, target, touch=touch)
            await seen_by(app, till)
        till.pass_ms(TAP_MS)
        await seen_by(app, till)
    till.hear()
    till.pass_ms(TAP_MS)
    await seen_by(app, till)
    return till.shop.kinds(), timeless(till.shop.view), app.board._helping


WAYS = ((0, False), (0, True), (3, False))  # how late the screen follows, and by touch or on the pad
DEEP = pytest.mark.deep("every key of every screen, in each way")
# Among the quick ones each screen has one way.
CASES = [
    pytest.param(*way, where, marks=() if number % len(WAYS) == place else DEEP)
    for place, way in enumerate(WAYS)
    for number, where in enumerate(EVERYWHERE)
]


@pytest.mark.parametrize(("lag", "touch", "where"), CASES)
async def test_twenty_taps_a_second_do_what_one_does(where: str, lag: int, touch: bool) -> None:
    till = Till(EVERYWHERE[where][1](), lag)
    app = till.app()
    async with app.run_test(size=(78, 29)):
        await seen_by(app, till)
        for target in app.board.targets:
            once = await outcome(till, app, where, target, 1, touch=touch)
            often = await outcome(till, app, where, target, TAPS, touch=touch)
            assert often == once, (target.do, target.arg)


def test_the_finger_that_has_rested_and_another_one_are_heard() -> None:
    here, there = (View("still"), False), (View("insert"), False)
    finger, meant = Finger().presses("enter", here, 10_000)
    assert meant
    for at_ms in range(10_050, 12_000, 50):
        finger, meant = finger.presses("enter", there, at_ms)
        assert not meant
    assert finger.presses("clear", there, at_ms + 50)[1]
    assert not finger.presses("3", there, at_ms + REST_MS - 1, there=True)[1], "another key, where the first one was"
    assert finger.presses("enter", there, at_ms + REST_MS)[1]


def test_digits_may_be_typed_as_fast_as_anyone_can() -> None:
    here, finger = (View("code"), False), Finger()
    for at_ms in range(0, 1000, 50):
        finger, meant = finger.presses("7", here, at_ms)
        assert meant


async def test_more_time_is_not_at_once_the_end() -> None:
    """The dearest double tap there is: on the screen after "yes, more time" the same key puts the money on the card."""
    till = Till(EVERYWHERE["still"][1]())
    app = till.app()
    async with app.run_test(size=(78, 29)):
        await seen_by(app, till)
        for _ in range(TAPS):
            app.board.press("enter")
            till.pass_ms(TAP_MS)
            await seen_by(app, till)
        assert (till.shop.view.phase, till.shop.view.figure_minor) == ("insert", 100_00)
        till.pass_ms(REST_MS)
        await seen_by(app, till)
        app.board.press("enter")
        till.pass_ms(TAP_MS)
        assert till.shop.view.phase == "done"
