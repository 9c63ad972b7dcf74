"""The money line in every language: the tab says the figure, nothing is painted further, and the four stations keep their words."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from kiosk import words
from kiosk.screens.canvas import Style, width_of
from kiosk.screens.line import MOVING_STEPS
from kiosk.screens.samples import SAMPLES
from kiosk.screens.scene import STATIONS
from kiosk.screens.size import LARGE, SIZES, M, S
from tests.screens.shots import LANGUAGES, Shot, cells_of, shot, shots

AMOUNTS = [0, 5, 99, 100, 1240, 99999, 123456, 999999, 9999999, -1240]


def row_of_tab(one: Shot) -> int:
    return next(y for y, row in enumerate(one.frame.rows) if any(ground == f"{one.scene.field}.tab" for _, (_, ground, _) in row))


def stations(one: Shot) -> list[tuple[str, Style]]:
    return cells_of(one.frame.rows[row_of_tab(one)])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tab_says_what_the_figure_says(language: str) -> None:
    for one in shots(language):
        label = "".join(char for char, style in stations(one) if style[1].endswith(".tab")).strip()
        assert one.scene.figure in label, (one.name, label)
        assert label.endswith("?") == one.scene.doubt, (one.name, label)


@pytest.mark.parametrize("language", LANGUAGES)
def test_money_is_never_painted_further_than_where_it_is(language: str) -> None:
    """The line is painted up to the tab's end and no cell beyond; all of it when the money is in the meter."""
    for one in shots(language):
        tab = [x for x, (_, style) in enumerate(stations(one)) if style[1] == f"{one.scene.field}.tab"]
        below = [style[1] for _, style in cells_of(one.frame.rows[row_of_tab(one) + 1])]
        line = [x for x, ground in enumerate(below) if ground == f"{one.scene.field}.line"]
        rest = [x for x, ground in enumerate(below) if ground == f"{one.scene.field}.rest"]
        assert line == list(range(line[0], line[-1] + 1)), one.name
        if one.scene.place == "meter":
            assert rest == [], one.name
        else:
            assert line[-1] == tab[-1], one.name
            assert rest[0] == tab[-1] + 1, one.name


def named(one: Shot) -> list[tuple[int, int, str]]:
    """(first column, column behind, word) of each station whose word is painted, from the left."""
    places = [(x, char) for x, (char, _) in enumerate(stations(one)) if char]
    row = "".join(char for _, char in places)
    said = [words.text(one.sample.view.language, f"station.{station}") for station in STATIONS]
    found = [(places[row.index(name)][0], name) for name in said if name in row]
    return [(x, x + width_of(name), name) for x, name in found]


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_every_screen_all_four_stations_are_named_and_stand_apart(language: str) -> None:
    for one in shots(language):
        beside_code = one.sample.view.phase == "qr" and one.size is M  # a third of the columns: the tab's own word and the next
        assert len(named(one)) >= (2 if beside_code else len(STATIONS)), one.name
        assert all(after[0] - before[1] >= 1 for before, after in pairwise(named(one))), one.name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("amount_minor", AMOUNTS)
def test_any_amount_leaves_the_stations_their_words_and_the_field_its_text(language: str, amount_minor: int) -> None:
    for name in ("insert", "account", "done", "unsure", "claim", "writing", "amount", "bank-silent"):
        view = replace(SAMPLES[name].view, figure_minor=amount_minor, language=language)
        for size in SIZES:
            one = shot(name, SAMPLES[name]._replace(view=view), size)
            assert one.frame.lost == (), one.name
            assert len(named(one)) == len(STATIONS), one.name
            assert all(after[0] - before[1] >= 1 for before, after in pairwise(named(one))), one.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_while_a_card_is_written_the_tab_moves_on_between_machine_and_card(language: str) -> None:
    """At S and in large text it may have no room to move in; it never moves back but to begin again."""
    sample = SAMPLES["writing"]._replace(view=replace(SAMPLES["writing"].view, language=language))
    for size in SIZES:
        painted = [shot("writing", sample._replace(clock=sample.clock._replace(beat=beat)), size) for beat in range(MOVING_STEPS)]
        ends = [next(x for x, (_, style) in enumerate(stations(one)) if style[1].endswith(".tab")) for one in painted]
        assert ends == sorted(ends), (size.name, ends)
        assert ends[-1] > ends[0] or size in {S, LARGE}, (size.name, ends)
        assert all(len(named(one)) == len(STATIONS) for one in painted), size.name
