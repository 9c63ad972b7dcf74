"""Maintenance screens in three palettes: every letter can be read, by the colours that are really painted."""

import pytest

from kiosk.screens.palette import HIGH, PALETTES, SIXTEEN, TRUE, Palette
from kiosk.screens.strips import segment, strip
from tests.screens.test_palette import ratio
from tests.staff.shots import LANGUAGES, shots


@pytest.mark.parametrize(("palette", "least"), [(TRUE, 4.5), (SIXTEEN, 4.5), (HIGH, 7.0)])
def test_every_painted_letter_can_be_read(palette: Palette, least: float) -> None:
    letters = 0
    for one in (shot for language in LANGUAGES for shot in shots(language)):
        for run in (run for row in one.frame.rows for run in strip(row, palette.name)):
            if run.text.strip(" ▀▄█"):
                letters += 1
                assert ratio(run) >= least, (one.name, run)
    assert letters > 10_000


def test_sixteen_colours_have_eight_grounds_and_no_bold_dark_letter() -> None:
    for one in (shot for language in LANGUAGES for shot in shots(language)):
        for run in (run for row in one.frame.rows for run in strip(row, SIXTEEN.name)):
            assert run.style
            assert run.style.bgcolor is None or (run.style.bgcolor.number or 0) < 8, (one.name, run)
            assert not (run.style.bold and run.style.color and run.style.color.number == 0), (one.name, run)


DESIGN = {("bad_words", "bad"): 8.0, ("badge_words", "badge"): 10.7, ("ok", "paper"): 7.8}


@pytest.mark.parametrize("pair", DESIGN, ids=" on ".join)
def test_plates_have_the_ratios_of_the_design(pair: tuple[str, str]) -> None:
    assert ratio(segment("x", (*pair, False), "true")) == pytest.approx(DESIGN[pair], abs=0.15)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=lambda palette: palette.name)
def test_red_is_not_yellow_and_painted_is_not_unpainted_in_any_palette(palette: Palette) -> None:
    colours = palette.colours
    assert len({colours["bad"], colours["badge"], colours["paper"]}) == 3
    assert colours["till"] != colours["till_rest"]
