"""An open case on the screen: the journal told whole, page by page; the first says where the money is and who must act."""

import re
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from kiosk.screens.rows import Clock
from kiosk.screens.staff.case import TURN
from kiosk.screens.staff.plan import plan_of
from kiosk.screens.staff.screen import frame
from kiosk.vend import staff as st
from kiosk.vend.explain.says import Section, masked, told
from kiosk.vend.explain.values import Story
from kiosk.vend.staff import Key, StaffView, Word
from kiosk.vend.view import View
from tests.explain import test_stories as ways
from tests.sale.shop import Shop
from tests.screens.shots import written
from tests.staff.shots import LANGUAGES, TODAY, VIEWS, WINDOWS
from tests.staff.test_board import Told, press
from tests.staff.test_board import page as shown

WAYS: tuple[Callable[[], Shop], ...] = (ways.landed, ways.claimed, ways.torn_claimed, ways.does_not_store, ways.disputed, ways.orphan)
KEYS = (Key("7", Word("reprint"), st.said(st.Do("receipt.reprint"))), Key("clear", Word("back"), st.said(st.Go("cases"))))


def case(story: Story, language: str = "en") -> View:
    staff = StaffView("case", "014", owed=None, keys=KEYS, story=masked(story, "technician"), zone="+0800")
    return replace(VIEWS["case"], staff=staff, language=language)


def pages(view: View, window: tuple[int, int]) -> Iterator[str]:
    """One after the other without head and keys, until the first comes again."""
    first, plan = "", plan_of(*window)
    assert plan
    body = slice(plan.body[0], plan.body[0] + plan.room({"7"}))
    for turned in range(30):
        painted = frame(view, [TURN] * turned, Clock("14:32", 100_000), TODAY, window)
        assert painted.lost == ()
        text = "\n".join(written(painted)[body])
        if text == first:
            return
        first = first or text
        yield text


def sections(story: Story, language: str) -> tuple[Section, ...]:
    return told(story, "technician", language, Shop().rules.local)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_case_is_told_whole_and_where_the_money_is_and_what_is_next_first(language: str, way: Callable[[], Shop]) -> None:
    story = ways.of(way())
    told_ = sections(story, language)
    for window in WINDOWS:
        read = list(pages(case(story, language), window))
        text = re.sub(r"\s", "", "".join(read))
        for section in told_:
            for line in (section.title, *section.lines):
                assert re.sub(r"\s", "", line) in text, (window, line)
        now, next_ = told_[1], told_[-1]
        assert now.title in read[0]
        assert next_.title in "".join(read[:2])


async def test_enter_turns_the_page_and_the_desk_hears_only_that_somebody_is_here() -> None:
    view = case(ways.of(ways.torn_claimed()))
    source = Told(view)
    app = source.app()
    async with app.run_test(size=(78, 24)) as pilot:
        await pilot.pause()
        first = shown(app)
        assert "Page 1 of" in first
        press(app, source, "enter")
        second = shown(app)
        assert "Page 2 of" in second
        assert source.orders() == []
        source.show(view)  # a minute later it is told again
        await pilot.pause()
        assert shown(app).split("\n")[1:] == second.split("\n")[1:]
        for _ in range(len(list(pages(view, (78, 24)))) - 1):
            press(app, source, "enter")
        assert shown(app).split("\n")[1:] == first.split("\n")[1:], "round"
        press(app, source, "clear")
        assert source.orders() == [st.Go("cases")]
