"""What a display shows is a function of the View: money first, in every language, and nothing that is not for these eyes."""

import pytest
from msgspec.structs import replace

from kiosk import words
from kiosk.devices.display.dialect import COLUMNS, LAMPS, Shown, can_show, cells
from kiosk.devices.display.showing import Wording, shown
from kiosk.screens.customer import scene_of
from kiosk.screens.samples import SAMPLES
from kiosk.screens.staff_samples import STAFF
from kiosk.vend.view import View
from tests.sale.everywhere import EVERYWHERE

VIEWS = {name: sample.view for name, sample in SAMPLES.items() if not sample.helping}
CHINESE = Wording("gb18030")


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("language", words.languages())
def test_each_screen_has_its_two_lines_in_each_language(name: str, language: str) -> None:
    view = replace(VIEWS[name], language=language)
    for wording in (Wording(), Wording("ascii"), CHINESE):
        picture = shown(view, wording)
        for line in picture[:2]:
            assert can_show(line, wording.charset), line
            assert line.isascii() or wording.charset != "ascii" or can_show(line, "ascii")
        assert picture.upper
        assert picture.lamp in {*LAMPS, ""}


@pytest.mark.parametrize("name", VIEWS)
def test_an_amount_on_the_display_is_the_amount_on_the_screen(name: str) -> None:
    """Never another one, and never one where the screen has none."""
    view = VIEWS[name]
    picture, scene = shown(view), scene_of(view)
    if picture.digits:
        written = scene.figure or words.money(view.language, view.figure_minor, view.exponent)
        assert picture.upper.startswith(written)
        assert picture.digits == written.replace(",", "")
        assert picture.lower


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("attract", Shown("Welcome", "Put your card in")),
        ("account", Shown("12.40 yuan", "in your meter", "12.40")),
        ("insert-empty", Shown("Put your money in", "")),
        ("insert", Shown("150.00 yuan", "in the machine", "150.00", "collect")),
        ("writing", Shown("140.00 yuan", "Leave the card in", "140.00", "collect")),
        ("done", Shown("140.00 yuan", "on your card", "140.00", "total")),
        ("unsure", Shown("150.00 yuan", "safe: same card back", "150.00")),
        ("claim", Shown("150.00 yuan", "safe: keep the slip", "150.00")),
        ("claim-no-paper", Shown("150.00 yuan", "is safe", "150.00")),
        ("still", Shown("150.00 yuan", "in the machine", "150.00", "collect")),
        ("bank-declined", Shown("No money was taken", "")),
        *((f"bank-{state}", Shown("No money was taken", "")) for state in ("none", "aborted", "busy", "reversed")),
        ("take_card", Shown("Take your card", "")),
        ("account-unproven", Shown("In use", "")),
        ("out", Shown("OUT OF SERVICE", "Use another machine")),
    ],
)
def test_money_first_then_where_it_is(name: str, picture: Shown) -> None:
    assert shown(VIEWS[name]) == picture


@pytest.mark.parametrize("name", EVERYWHERE)
def test_what_the_desk_itself_publishes_is_shown(name: str) -> None:
    """Every state of the shop that the tests of the sale know."""
    view = EVERYWHERE[name][1]().view
    picture = shown(view)
    assert picture.upper
    assert all(len(cells(line, "cp437")) == COLUMNS for line in picture[:2])


def test_a_phase_that_this_room_does_not_know_sends_people_to_the_screen() -> None:
    assert shown(View("phone")) == Shown("See the screen", "")
    assert shown(View("phone", figure_minor=500, place="card")) == Shown("5.00 yuan", "on your card", "5.00", "total")


def test_nothing_of_a_maintenance_screen_is_shown() -> None:
    for staff in STAFF.values():
        assert shown(View("staff", figure_minor=500, staff=staff)) == Shown("OUT OF SERVICE", "Use another machine")


def test_chinese_is_chinese_where_the_font_is_and_english_where_it_is_not() -> None:
    view = replace(VIEWS["insert"], language="zh")
    assert shown(view, CHINESE) == Shown("150.00 元", "在机器里", "150.00", "collect")
    assert shown(view, Wording("cp437")) == Shown("150.00 yuan", "in the machine", "150.00", "collect")
    assert shown(replace(view, language="fr"), Wording("cp437")).lower == "dans la machine"


def test_a_currency_whose_sign_the_font_lacks_is_written_by_its_code_and_left_out_where_there_is_no_room() -> None:
    euro = replace(VIEWS["insert"], currency="EUR")
    assert shown(euro, Wording("ascii")).upper == "150.00 euro"
    assert shown(replace(euro, currency="GBP"), Wording("ascii")).upper == "150.00 GBP"
    assert shown(replace(euro, currency="GBP"), Wording("cp437")).upper == "150.00 £"
    assert shown(replace(euro, figure_minor=123_456_789_012_34), Wording("ascii")).upper == "123,456,789,012.34"


def test_a_board_does_not_tell_the_queue_what_is_left_in_a_meter() -> None:
    board = Wording(public=True)
    assert shown(VIEWS["account"], board) == Shown("In use", "")
    assert shown(VIEWS["insert"], board) == shown(VIEWS["insert"])


def test_at_rest_the_utility_s_own_words_are_shown() -> None:
    assert shown(VIEWS["attract"], Wording(greeting="Umeme wa Taifa")).upper == "Umeme wa Taifa"


@pytest.mark.parametrize(
    ("minor", "exponent", "digits"), [(5, 2, "0.05"), (-5, 2, "-0.05"), (120, 0, "120"), (-1240, 2, "-12.40"), (7, 3, "0.007")]
)
def test_digits_are_exact(minor: int, exponent: int, digits: str) -> None:
    view = View("insert", figure_minor=minor, exponent=exponent, place="machine")
    assert shown(view).digits == digits
