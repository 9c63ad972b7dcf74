"""What the real screen tells a voice: its keys, help, the digits that customers type; of staff, nothing."""

from collections.abc import Callable

from textual.pilot import Pilot

from kiosk.app import KioskApp
from kiosk.screens.samples import SAMPLES
from kiosk.screens.staff_samples import staff_views
from kiosk.vend.seen import Choice
from kiosk.vend.view import View


class Desk:
    """A Source that shows what a test wants."""

    def __init__(self, view: View) -> None:
        self.view, self.told = view, list[Choice]()
        self.show: Callable[[View], None] = lambda _: None

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self.show = callback
        callback(self.view)

    def tell(self, choice: Choice) -> None:
        self.told.append(choice)


async def presses(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await pilot.pause()


async def test_its_own_keys_help_and_typed_digits_are_told_each_once() -> None:
    desk, words = Desk(SAMPLES["insert"].view), list[str]()
    app = KioskApp(desk, motion=False, speak=words.append)
    async with app.run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        await presses(pilot, "asterisk", "plus", "minus")
        assert words == ["again", "louder", "softer"]
        await presses(pilot, "0", "escape")
        assert words[3:] == ["help", "screen"]
        desk.show(SAMPLES["code"].view)
        await presses(pilot, "7", "8", "0", "escape")
        assert words[5:] == ["7", "78", "780", "78"]
        desk.show(SAMPLES["attract"].view)
        await pilot.pause()
        assert words[9:] == [], "the voice knows that digits go with their screen"
        await presses(pilot, "0")
        assert words[9:] == ["help"]
    assert desk.told == [], "none of it is a choice"


async def test_digits_that_wait_behind_a_question_are_told_again() -> None:
    desk, words = Desk(SAMPLES["code"].view), list[str]()
    async with KioskApp(desk, motion=False, speak=words.append).run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        await presses(pilot, "7", "8")
        for name in ("still-empty", "code"):
            desk.show(SAMPLES[name].view)
            await pilot.pause()
    assert words[:2] == ["7", "78"]
    assert words[-1] == "78"


async def test_a_pin_and_whatever_else_staff_type_is_told_to_nobody() -> None:
    views, words = staff_views(), list[str]()
    desk = Desk(views["pin"])
    async with KioskApp(desk, motion=False, speak=words.append).run_test(size=(78, 29)) as pilot:
        await pilot.pause()
        await presses(pilot, *"314159", "asterisk", "plus", "0")
        desk.show(views["number"])
        await presses(pilot, *"014", "minus")
    assert words == []
