"""The screens on a real Linux console: what was meant is what stands in its cells, character and colours."""

from functools import partial

import pytest
from msgspec.structs import replace

from kiosk.screens.console import drawn, draws, is_console
from kiosk.screens.customer import scene_of
from kiosk.screens.palette import SIXTEEN
from kiosk.screens.rows import Clock, rows
from kiosk.screens.samples import SAMPLES
from kiosk.screens.size import L, M, S, Size
from kiosk.screens.strips import strip
from kiosk.vend.view import View
from tests.screens.vt import Cell, Console

SEEN = ("attract", "account", "insert", "writing", "done", "unsure", "qr", "take_card", "amount-other", "out")


def meant(view: View, size: Size) -> list[list[Cell]]:
    """The cells as the board paints them."""
    found = []
    for row in rows(drawn(view), Clock("14:32", view.ends_in_ms), size, SIXTEEN).rows:
        cells: list[Cell] = []
        for text, style, _ in strip(row, SIXTEEN.name):
            ink, ground = (colour.number or 0 if colour else 0 for colour in (style.color, style.bgcolor)) if style else (0, 0)
            cells += [Cell(char, ink | 8 if style and style.bold else ink, ground) for char in text]
        found.append(cells)
    return found


def wrong(view: View, size: Size, cells: list[list[Cell]]) -> list[tuple[int, int, Cell, Cell]]:
    """Cells of the board, in the middle of the console, that are not what they should be: row, column, meant, found."""
    left, top = (len(cells[0]) - size.columns) // 2, (len(cells) - size.rows) // 2
    found = [row[left : left + size.columns] for row in cells[top : top + size.rows]]
    return [
        (y, x, one, other)
        for y, (line, there) in enumerate(zip(meant(view, size), found, strict=True))
        for x, (one, other) in enumerate(zip(line, there, strict=True))
        if seen(one) != seen(other)
    ]


def seen(cell: Cell) -> tuple[str, int, int]:
    """A blank has no ink to be seen, a full block no ground."""
    return (cell.char, -1 if cell.char == " " else cell.ink, -1 if cell.char == "█" else cell.ground)


@pytest.mark.vt
@pytest.mark.parametrize(("size", "columns", "lines"), [(M, 78, 29), (L, 100, 30), (S, 80, 25)])
def test_every_cell_of_the_console_is_what_was_meant(size: Size, columns: int, lines: int) -> None:
    with Console(columns, lines) as console:
        for name in SEEN:
            view = SAMPLES[name].view
            console.show(view)
            console.until(partial(wrong, view, size))


@pytest.mark.vt
def test_a_repaint_leaves_no_colour_behind() -> None:
    """Rows that change among rows that stay: bright ink is bold on this console until something says otherwise."""
    with Console(78, 29) as console:
        for figure_minor in (15000, 23450, 15000, 99999):
            view = replace(SAMPLES["insert"].view, figure_minor=figure_minor)
            console.show(view)
            console.until(partial(wrong, view, M))


@pytest.mark.vt
def test_a_language_without_glyphs_is_spoken_in_english_on_the_console() -> None:
    with Console(78, 29) as console:
        for language, said in (("zh", "150.00 is in."), ("fr", "150,00 reçus."), ("sw", "150.00 imeingia.")):
            view = replace(SAMPLES["insert"].view, language=language)
            console.show(view)
            cells = console.until(partial(wrong, view, M))
            page = "".join(cell.char for row in cells for cell in row)
            assert said in page, page
            assert "帮助" not in page


def test_the_console_draws_latin_letters_and_no_others() -> None:
    assert [language for language in ("en", "zh", "fr", "sw") if draws(language)] == ["en", "fr", "sw"]
    assert is_console({"TERM": "linux"})
    assert not is_console({"TERM": "xterm-256color"})


def test_only_languages_that_the_console_draws_are_offered_there() -> None:
    view = SAMPLES["attract"].view
    keys = {key.arg for key in scene_of(drawn(view)).keys if key.do == "language"}
    assert keys == {"en", "fr", "sw"}
    assert {key.arg for key in scene_of(view).keys if key.do == "language"} == {"en", "zh", "fr", "sw"}
    everything_else = [offer for offer in view.offers if offer.arg != "zh"]
    assert list(drawn(view).offers) == everything_else
