"""Staff at the glass: the knock, digits that are nobody else's, help and languages, by pad and by finger."""

from collections.abc import Callable
from datetime import datetime

import pytest
from msgspec.structs import replace

from kiosk.app import KioskApp
from kiosk.screens.samples import SAMPLES
from kiosk.screens.sound import ATTENTION, DONE, STACKED, TICK, Cue
from kiosk.screens.staff.knock import KNOCK, KNOCK_MS, Knock
from kiosk.vend.seen import Choice
from kiosk.vend.staff import Enter, Go, Here, Order, Typed, order_of
from kiosk.vend.view import View
from tests.operators.kit import Pin
from tests.screens.shots import written
from tests.screens.till import KEYS, tap
from tests.staff.shots import VIEWS


class Told:
    """A source that shows what a test wants and remembers what was chosen."""

    def __init__(self, view: View) -> None:
        self.view, self.choices = view, list[Choice]()
        self._show: Callable[[View], None] = lambda _: None
        self.ms = 10_000

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self._show = callback
        callback(self.view)

    def tell(self, choice: Choice) -> None:
        self.choices.append(choice)

    def show(self, view: View) -> None:
        self.view = replace(view, rev=self.view.rev + 1)
        self._show(self.view)

    def orders(self) -> list[Order | Pin]:
        """What was told since the last look, but for keys that only the screen needed."""
        said = [
            Pin(choice.pin.decode()) if choice.pin else order_of(choice.arg) for choice in self.choices if choice.do in ("operator", "pin")
        ]
        self.choices.clear()
        return [order for order in said if order != Here()]

    def app(self) -> KioskApp:
        now = datetime(2026, 11, 24, 14, 32)  # noqa: DTZ001 - the wall's own time
        return KioskApp(self, now=lambda: now, motion=False, monotonic_ms=lambda: self.ms)


def press(app: KioskApp, told: Told, *caps: str, touch: bool = False) -> None:
    """One key after the other, each after a rest."""
    for cap in caps:
        told.ms += 1000
        if touch:
            tap(app, next(target for target in app.board.targets if target.cap == cap), touch=True)
        else:
            app.board.press(KEYS.get(cap, cap))


def page(app: KioskApp) -> str:
    return "\n".join(written(app.board._frame))


@pytest.mark.parametrize("phase", ["attract", "out"])
async def test_the_knock_is_heard_on_the_two_screens_where_nobody_has_begun(phase: str) -> None:
    told = Told(SAMPLES[phase].view)
    app = told.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for cap in KNOCK:
            told.ms += 500
            app.board.press(KEYS.get(cap, cap))
        assert told.orders() == [Enter()]
        press(app, told, *KNOCK)  # a key a second is too slow
        assert told.orders() == []


def test_the_knock_is_these_keys_in_time_and_nothing_else() -> None:
    def met(keys: tuple[str, ...], phase: str = "attract", step_ms: int = 100) -> bool:
        knock, found = Knock(), False
        for at, key in enumerate(keys):
            knock, found = knock.press(key, phase, at * step_ms)
        return found

    assert met(KNOCK)
    assert met(("clear", "9", *KNOCK))
    assert not met(KNOCK, "account")
    assert not met((*KNOCK[:-1], "7"))
    assert not met(KNOCK[1:])
    assert not met(KNOCK, step_ms=KNOCK_MS // 5)
    assert not met((*KNOCK, "clear")), "once"


@pytest.mark.parametrize("touch", [False, True])
async def test_a_number_and_a_pin_are_typed_and_said_once_and_are_gone(touch: bool) -> None:
    told = Told(VIEWS["number"])
    app = told.app()
    async with app.run_test(size=(78, 24)) as pilot:
        await pilot.pause()
        press(app, told, "0", "1", "5", "clear", "4", touch=touch)
        assert len(told.choices) == 5, "each key says that somebody is here"
        assert told.orders() == []
        press(app, told, "enter", touch=touch)
        assert told.orders() == [Typed("014")]
        told.show(VIEWS["pin"])
        await pilot.pause()
        press(app, told, "2", "7", "1", "8", "2", touch=touch)
        assert "* * * * * _" in page(app)
        assert "enter" not in {target.cap for target in app.board.targets}
        press(app, told, "8", touch=touch)
        assert {target.cap for target in app.board.targets} == {"clear", "enter"}, "six are all there are"
        press(app, told, "enter", touch=touch)
        assert told.orders() == [Pin("271828")]
        assert (app.board._typed, app.board._secret) == ([], bytearray(8))
        assert "_ _ _ _ _ _" in page(app)
        told.show(VIEWS["pin refused"])
        await pilot.pause()
        assert "wrong" in page(app)


async def test_clear_takes_back_digits_and_then_leaves_and_another_screen_begins_empty() -> None:
    told = Told(VIEWS["bag"])
    app = told.app()
    async with app.run_test(size=(78, 24)) as pilot:
        await pilot.pause()
        press(app, told, "0", "0")
        told.show(VIEWS["bag"])  # the same screen again: somebody stacked nothing, only time has gone
        await pilot.pause()
        assert "0 0 _" in page(app)
        press(app, told, "4")
        told.show(VIEWS["bag again"])
        await pilot.pause()
        assert "0 0 4" not in page(app)
        press(app, told, "7", "clear")
        assert told.orders() == []
        press(app, told, "clear")
        assert told.orders() == [Go("home")]


async def test_no_key_of_the_pad_does_anything_that_is_not_on_the_screen() -> None:
    for name, view in VIEWS.items():
        told = Told(view)
        app = told.app()
        async with app.run_test(size=(78, 24)) as pilot:
            await pilot.pause()
            shown = {target.cap for target in app.board.targets}
            press(app, told, *({*"0123456789", "clear", "enter"} - shown))
            assert told.choices == [], name


async def test_help_has_the_languages_and_a_technician_goes_on_in_chinese() -> None:
    told = Told(VIEWS["home"])
    app = told.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        press(app, told, "0")
        assert "two minutes" in page(app)
        press(app, told, "clear")
        assert "Costs the customer" in page(app)
        press(app, told, "0", "2")
        assert [(choice.do, choice.arg) for choice in told.choices if choice.do != "operator"] == [("language", "zh")]
        told.show(replace(VIEWS["home"], language="zh"))
        await pilot.pause()
        assert "对顾客的影响" in page(app)
        assert len(told.orders()) == 0


async def test_the_screen_under_test_loses_each_digit_that_is_pressed() -> None:
    told = Told(VIEWS["test screen"])
    app = told.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for number, digit in enumerate("0123456789"):
            press(app, told, digit, touch=number % 2 == 0)
        assert {target.cap for target in app.board.targets} == {"clear", "enter"}
        told.show(VIEWS["tests"])
        await pilot.pause()
        told.show(VIEWS["test screen"])
        await pilot.pause()
        assert len(app.board.targets) == 12


async def test_a_sound_test_is_heard_once() -> None:
    class Ears:
        def __init__(self) -> None:
            self.cues: list[Cue] = []

        def play(self, cue: Cue) -> None:
            self.cues.append(cue)

    told, ears = Told(VIEWS["tests"]), Ears()
    app = told.app()
    app.ears = ears
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for _ in range(2):
            told.show(VIEWS["test sound"])
            await pilot.pause()
        assert [cue for cue in ears.cues if cue != TICK] == [STACKED, DONE, ATTENTION]


async def test_the_time_that_is_left_is_shown_as_it_goes() -> None:
    told = Told(VIEWS["home"])
    app = told.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "leaves in 1:42" in page(app)
        told.ms += 60_000
        app.board._step()
        assert "leaves in 42 s" in page(app)


async def test_nothing_is_spoken_of_staff_and_a_tiny_window_lets_them_go() -> None:
    told = Told(VIEWS["home"])
    app = told.app()
    async with app.run_test(size=(55, 17)) as pilot:
        await pilot.pause()
        assert app.board.said == ()
        assert "78 columns" in page(app)
        await pilot.resize_terminal(78, 24)
        await pilot.pause()
        assert "Costs the customer" in page(app)
