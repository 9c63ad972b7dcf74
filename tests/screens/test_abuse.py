"""What nobody foresaw: odd fingers, ten thousand random presses, a megabyte of paste, a window made tiny in the middle of a sale."""

import asyncio
import random
from pathlib import Path

import pytest
from textual import events

from kiosk.bench.terminal import Terminal
from kiosk.screens.board import CAPS
from kiosk.screens.customer import PHASES
from kiosk.screens.samples import SAMPLES
from kiosk.vend.facts import NoteStacked, SaleClosed
from kiosk.vend.limits import Allowed
from tests.sale.everywhere import LANGUAGES, paid
from tests.sale.shop import Card, Shop
from tests.screens.till import Till, seen_by
from tests.seeds import Seeds

KEYS = (*CAPS, "a", "f1", "tab", "ctrl+q", "up", "7", "space", "?", "中")


@pytest.mark.covers("abuse-3")
async def test_only_a_finger_that_lands_and_leaves_on_one_key_presses_it() -> None:
    till = Till(paid())
    app = till.app()
    async with app.run_test(size=(78, 29)):
        await seen_by(app, till)
        board, before = app.board, till.shop.state
        inside = [(target.x + 1, target.y + 1) for target in board.targets]

        def mouse(kind: type[events.MouseEvent], place: tuple[int, int], button: int = 1) -> events.MouseEvent:
            return kind(board, *place, 0, 0, button, shift=False, meta=False, ctrl=False)

        for first in inside:
            for second in ((0, 0), (40, 8), (77, 28), *inside):
                if first == second:
                    continue
                for kind, place in ((events.MouseDown, first), (events.MouseMove, second), (events.MouseUp, second)):
                    app.post_message(mouse(kind, place))  # slid off
                for kind, place in (
                    (events.MouseDown, first),
                    (events.MouseDown, second),
                    (events.MouseUp, first),
                    (events.MouseUp, second),
                ):
                    app.post_message(mouse(kind, place))  # two fingers
            for wheel in (events.MouseScrollDown, events.MouseScrollUp):
                app.post_message(mouse(wheel, first))
            app.post_message(mouse(events.MouseUp, first))  # one that never landed
        await asyncio.sleep(0.5)
        assert till.shop.state == before
        for kind in (events.MouseDown, events.MouseUp):
            app.post_message(mouse(kind, inside[0]))
        await asyncio.sleep(0.5)
        assert till.shop.state.here.asked == "stop", "one finger on one key is heard all the same"


class Street:
    """Everything that can happen before the glass, drawn by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.shop = Shop(languages=LANGUAGES, allowed=Allowed(day_max_sales=10_000, day_max_minor=100_000_000))
        self.till = Till(self.shop)
        self.cards = [Card(), Card(serial="99" * 8, meter="000012345679")]

    def happens(self) -> None:
        """One thing of the world."""
        shop, chance = self.shop, self.chance
        match chance.randrange(8):
            case 0 | 6 if not shop.card:
                card = chance.choice(self.cards)
                card.into_meter()
                shop.insert(card)
            case 1 if shop.card:
                shop.pull()
            case 0 | 2 | 3 if shop.card:
                shop.feed(chance.choice((10_00, 50_00, 100_00)))
            case 4:
                shop.signs = chance.random() < 0.8
                shop.outcome = chance.choice(("printed", "unknown", "assumed"))
            case 5:
                shop.wait(chance.choice((5, 30, 70)))
            case 7 if chance.random() < 0.2:
                shop.start()
                self.till.stand(shop)


MORE = pytest.mark.deep("more random keys and touches of the same kind")


@pytest.mark.covers("abuse-4")
@pytest.mark.parametrize("seed", [pytest.param(seed, marks=MORE if seed else ()) for seed in range(5)])
async def test_two_thousand_random_keys_and_touches_find_no_crash_and_no_other_screen(seed: int, seeds: Seeds) -> None:
    street = Street(seeds.base("keys and touches") + seed)
    till, app = street.till, street.till.app()
    seen: set[str] = set()
    async with app.run_test(size=(78, 29)):
        for _ in range(2_000):
            if street.chance.random() < 0.5:
                app.board.press(street.chance.choice(KEYS))
            else:
                place = (street.chance.randrange(78), street.chance.randrange(29))
                for act, kind in ((app.board.on_mouse_down, events.MouseDown), (app.board.on_mouse_up, events.MouseUp)):
                    act(kind(app.board, *place, 0, 0, 1, shift=False, meta=False, ctrl=False))  # type: ignore[arg-type]
            if street.chance.random() < 0.4:
                street.happens()
            till.pass_ms(street.chance.choice((50, 500)))
            await seen_by(app, till)
            seen.add(app.board.view.phase)
    assert seen <= set(PHASES)
    assert {"attract", "account", "insert", "done", "unsure", "take_card"} <= seen, "chance has been around"
    ended = [fact for fact in till.shop.facts() if isinstance(fact, SaleClosed)]
    held = till.shop.state.sale.tender_minor if till.shop.state.sale else 0
    stacked = sum(fact.denomination for fact in till.shop.facts() if isinstance(fact, NoteStacked))
    assert sum(fact.tender_minor for fact in ended) + held == stacked > 0


KEYBOARD = (
    b"\x1b[I\x1b[O",
    b"\x1b[5~\x1b[6~",
    b"\x1b[1;5P",
    b"\x1b[12;40R",
    b"\x1b[<35;2;2M\x1b[<64;5;5M",
    b"\x1b[999;999H",
    b"\xff\xfe\x80",
    b"\x00\x15",
)


@pytest.mark.covers("abuse-5")
def test_a_megabyte_of_paste_strange_keyboards_and_broken_bytes_press_nothing_and_the_next_key_is_heard(tmp_path: Path) -> None:
    noise = random.Random(5)
    with Terminal(tmp_path) as terminal:
        terminal.show(SAMPLES["insert"].view)
        terminal.until(b"Machine 150.00", 10)
        for _ in range(256):
            terminal.type(b"\x1b[200~" + b"1\r2\r0\t\x08" * 512 + b"\x1b[201~")
            terminal.drain(0.01)
        for odd in (*KEYBOARD, *(bytes(noise.choices(range(128, 256), k=2048)) for _ in range(10))):
            terminal.type(odd)
            terminal.drain(0.1)
        assert terminal.alive
        assert terminal.chosen() == []
        terminal.type(b"\r")
        terminal.drain(0.5)
        assert terminal.chosen() == ["finish"]


@pytest.mark.covers("abuse-6")
async def test_a_window_made_tiny_and_large_again_in_mid_sale_loses_nothing() -> None:
    till = Till(paid())
    app = till.app()
    chance = random.Random(6)
    async with app.run_test(size=(78, 29)) as pilot:
        for width, height in (
            (20, 5),
            (1, 1),
            (55, 17),
            (200, 60),
            (54, 17),
            *((chance.randint(1, 140), chance.randint(1, 45)) for _ in range(20)),
        ):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert app.board.size == (width, height)
        await pilot.resize_terminal(20, 5)
        till.shop.feed(50_00)
        till.publish()
        await pilot.resize_terminal(78, 29)
        await seen_by(app, till)
        await pilot.pause()
        shown = "\n".join(app.board.render_line(y).text for y in range(29))
        assert "150.00 is in." in shown
        await pilot.press("enter")
        till.pass_ms(1_000)
        assert (till.shop.view.phase, till.shop.view.figure_minor) == ("done", 145_00)
