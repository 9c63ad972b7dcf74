"""Every screen at every size in every language: nothing cut, nothing covered, nothing left out, every key large enough and in its place."""

import re
from itertools import combinations
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from kiosk import words
from kiosk.screens.canvas import Piece, Target, compose, plane, width_of
from kiosk.screens.customer import PHASES, scene_of
from kiosk.screens.palette import PALETTES, TRUE, Palette
from kiosk.screens.rows import plan_of, rows, time_left
from kiosk.screens.samples import SAMPLES
from kiosk.screens.scene import DIGIT, Scene
from kiosk.screens.size import LARGE, SIZES, Size, fitting
from kiosk.vend.view import View
from tests.screens.shots import LANGUAGES, Shot, cells_of, shot, shots, written

OPTIONS, BOTTOM, DIGITS = 16, 14, 9  # columns: a key 1 to 6, CLEAR and 0, a digit
LEAST = {"clear": BOTTOM, "0": BOTTOM, "?": BOTTOM, "enter": 20}
LEAST_LARGE = {"clear": BOTTOM, "0": 10, "?": 10, "enter": 19}  # of wider columns
DOCS = Path(__file__).parents[2] / "docs" / "screens.md"


def test_every_phase_has_a_sample() -> None:
    assert {sample.view.phase for sample in SAMPLES.values()} == set(PHASES)


# ------------------------------------------------------------ nothing is cut


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_or_covered_and_every_row_is_full(language: str) -> None:
    for name, _, size, _, frame in shots(language):
        assert frame.lost == (), name
        assert [cell_len(line) for line in written(frame)] == [size.columns] * size.rows, name


def test_a_text_that_is_cut_or_covered_is_found() -> None:
    style = ("ink", "paper", False)
    assert compose(8, 1, "paper", [Piece(0, 4, "too long", style)])[1] == ("too long",)
    assert compose(8, 1, "paper", [Piece(0, 0, "word", style), *plane(0, 3, 2, 1, "key")])[1] == ("d",)
    assert compose(8, 1, "paper", [Piece(1, 0, "below", style)])[1] == ("below",)
    assert compose(8, 1, "paper", [Piece(0, 7, "字", style)])[1] == ("字",)


@pytest.mark.parametrize("covered", [0, 1])
def test_half_of_a_wide_character_that_is_covered_is_found(covered: int) -> None:
    pieces = [Piece(0, 2, "字", ("ink", "paper", False)), *plane(0, 2 + covered, 1, 1, "key")]
    assert compose(8, 1, "paper", pieces)[1] == ("字",)


@pytest.mark.parametrize("palette", [palette for palette in PALETTES.values() if palette is not TRUE])
def test_a_palette_changes_colours_and_tiles_and_no_other_cell(palette: Palette) -> None:
    for one in shots("en"):
        if not one.scene.tray:
            other = rows(one.sample.view, one.sample.clock, one.size, palette, helping=one.sample.helping)
            assert other == one.frame, (one.name, palette.name)


# ------------------------------------------------------------ nothing is left out


def shown(one: Shot) -> str:
    """All that is written, without the spaces, and the code beside it: a sentence may flow over rows."""
    return re.sub(r"[\s▄]", "", "".join(written(one.frame)))


def left_out(one: Shot) -> set[str]:
    """What a scene says and the screen does not."""
    scene, page = one.scene, shown(one)
    told = () if scene.rows_of_options or scene.tray else scene.told
    said = {scene.first, scene.second, scene.tray_note, *scene.lines, *told, *(label + value for label, value in scene.ledger)}
    return {text for text in said if re.sub(r"\s", "", text) not in page}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_and_every_line_of_the_ledger_is_painted(language: str) -> None:
    for one in shots(language):
        assert left_out(one) <= gives_way(one), one.name


def gives_way(one: Shot) -> set[str]:
    """Above two rows of options at S and in large text: a heading, then what is behind three lines of the ledger; and the second sentence
    of the help, which says what its key says."""
    valued = [label + value for label, value in one.scene.ledger if value]
    headings = {label for label, value in one.scene.ledger if not value}
    return headings | set(valued[3:]) | ({one.scene.second} if one.sample.helping else set()) if one.low else set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_slip_a_fee_a_debt_and_the_telephone_are_told_at_every_size(language: str) -> None:
    for one in shots(language):
        page = shown(one)
        if one.sample.view.phase == "claim" and not one.sample.helping:
            assert "K07-000123" in page, one.name
            assert "9F" in page, one.name
        needed = {words.text(language, f"ledger.{key}") for key in ("fixed_fee", "old_debt", "to_card", "purchase_no", "check", "slip")}
        for label, value in one.scene.ledger:
            assert label not in needed or (label + value).replace(" ", "") in page, (one.name, label)
        if one.sample.view.phase in {"attract", "out"} or one.sample.helping:
            assert "0800123456" in page, one.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_clock_and_the_time_that_is_left_are_on_every_screen(language: str) -> None:
    for one in shots(language):
        edges = (one.frame.rows[0], one.frame.rows[-1])
        assert "14:32" in written(one.frame)[0], one.name
        left = one.sample.clock.left_ms
        if left is not None and one.scene.timed:
            bar = sum(len(text) for row in edges for text, (_, ground, _) in row if ground.startswith(("bar", "header_bar")))
            assert bar in {0, one.size.bar}, one.name
            assert bar or time_left(language, left) in "".join(text for text, _ in edges[0]), one.name


def longer(said: str, most: int = 52) -> str:
    """A text that needs a third more room, as translations do, and no more than it may have."""
    room = min(width_of(said) * 27 // 20, most) - width_of(said)
    return said + (" ndefu" * 3)[: max(room, 0)].replace(" ", "u" if room < 3 else " ") if said else ""


def test_a_language_that_needs_a_third_more_room_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def stretched(view: View, *, helping: bool) -> Scene:
        scene = scene_of(view, helping=helping)
        return replace(
            scene,
            first=longer(scene.first),
            second=longer(scene.second),
            lines=tuple(map(longer, scene.lines)),
            told=tuple(map(longer, scene.told)),
            ledger=tuple((longer(label, 12), value) for label, value in scene.ledger),
            status=longer(scene.status),
            tray_note=longer(scene.tray_note),
        )

    monkeypatch.setattr("kiosk.screens.rows.scene_of", stretched)
    for name, sample in SAMPLES.items():
        for size in SIZES:
            one = shot(name, sample, size)._replace(scene=stretched(sample.view, helping=sample.helping))
            assert one.frame.lost == (), one.name
            assert left_out(one) <= gives_way(one), one.name


def test_no_figure_stands_on_its_tab() -> None:
    """It has the tab's colour: half a row of air at least, but for a comma's tail."""
    for language in LANGUAGES:
        for one in shots(language):
            if one.sample.view.phase == "qr" or not (one.scene.figure or one.scene.group) or one.scene.poster:
                continue
            ink = f"{one.scene.field}.figure"
            above = cells_of(one.frame.rows[plan_of(one.scene, one.size).stations - 1])
            assert not [style for _, style in above if style[1] == ink and style[0] == ink], one.name
            assert not [char for char, style in above if char == " " and style[1] == ink], one.name
            assert not [char for char, style in above if char == "▄" and style[0] == ink], one.name


# ------------------------------------------------------------ keys


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_is_large_enough_for_a_thumb_and_apart_from_the_next(language: str) -> None:
    for name, _, size, _, frame in shots(language):
        for key in frame.targets:
            assert key.width >= least_columns(key, size), (name, key)
            assert key.height >= 3, (name, key)
            assert 0 <= key.x < key.x + key.width <= size.columns, (name, key)
            assert 0 <= key.y < key.y + key.height <= size.rows, (name, key)
        for one, other in combinations(frame.targets, 2):
            assert not overlap(one, other), (name, one, other)
            assert one.y != other.y or max(one.x, other.x) - min(one.x + one.width, other.x + other.width) >= 2, (name, one, other)


def least_columns(key: Target, size: Size) -> int:
    """The design's least; large text has columns half as wide again."""
    if key.do == DIGIT:
        return 8 if size is LARGE else DIGITS
    return (LEAST_LARGE if size is LARGE else LEAST).get(key.cap, BOTTOM if size is LARGE else OPTIONS)


def overlap(one: Target, other: Target) -> bool:
    return one.x < other.x + other.width and other.x < one.x + one.width and one.y < other.y + other.height and other.y < one.y + one.height


def test_a_key_stands_in_the_same_place_on_every_screen_that_has_it() -> None:
    places: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for language in LANGUAGES:
        for one in shots(language):
            for key in one.frame.targets:
                places.setdefault((one.size.name, key.cap + key.do * (key.do == DIGIT)), set()).add((key.x, key.width))
    assert all(len(found) == 1 for found in places.values()), places


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_label_of_a_key_ends_inside_the_key(language: str) -> None:
    for name, _, _, _, frame in shots(language):
        painted = {key.y: cells_of(frame.rows[key.y + key.height // 2]) for key in frame.targets}
        for key in frame.targets:
            own = {ground for _, (_, ground, _) in painted[key.y][key.x : key.x + key.width]}
            assert len(own) == (1 if key.do == DIGIT else 2), (name, key, own)
            outside = {ground for _, (_, ground, _) in painted[key.y][key.x + key.width : key.x + key.width + 2]}
            assert outside <= {"paper"}, (name, key, outside)


def test_the_smallest_keys_are_as_large_as_the_documentation_says() -> None:
    """Columns and rows, and millimetres: a column is 3.9 mm wide and a row 7.7 mm tall at the least capital letter of 4.8 mm, on any panel;
    large text is for capitals of 7.3 mm."""
    for size in SIZES:
        keys = [key for one in shots("en") if one.size == size for key in one.frame.targets]
        said = [smallest([key for key in keys if (key.do == DIGIT) == digits], size) for digits in (False, True)]
        assert f"| {size.name} | {size.columns}x{size.rows} | {said[0]} | {said[1]} |" in DOCS.read_text("utf-8"), said


def smallest(keys: list[Target], size: Size) -> str:
    width, height = min(key.width for key in keys), min(key.height for key in keys)
    column, row = (5.9, 11.7) if size is LARGE else (3.9, 7.7)
    return f"{width}x{height}, {width * column:.0f}x{height * row:.0f} mm"


# ------------------------------------------------------------ what the desk says little of


def test_what_the_desk_does_not_offer_is_a_hole() -> None:
    for phase in PHASES:
        bare = View(phase, figure_minor=15000)
        assert {key.do for key in scene_of(bare).keys} <= {"help"}, phase


def test_no_screen_is_wordless_when_the_desk_says_little() -> None:
    for phase in PHASES:
        for size in SIZES:
            frame = rows(View(phase), SAMPLES["reading"].clock, size, TRUE)
            assert frame.lost == (), phase
            assert "".join(written(frame)).strip(), phase


# ------------------------------------------------------------ windows and time


@pytest.mark.parametrize(
    ("window", "name"),
    [
        ((49, 18), ""),
        ((54, 17), ""),
        ((55, 16), ""),
        ((50, 18), "large"),
        ((52, 20), "large"),
        ((54, 40), "large"),
        ((55, 17), "S"),
        ((80, 24), "S"),
        ((78, 29), "M"),
        ((96, 29), "M"),
        ((100, 30), "L"),
        ((250, 60), "L"),
    ],
)
def test_the_largest_size_that_fits_is_taken(window: tuple[int, int], name: str) -> None:
    size = fitting(*window)
    assert (size.name if size else "") == name


def test_a_time_that_runs_is_rounded_up() -> None:
    assert [time_left("en", ms) for ms in (0, 1, 45_000, 89_001, 150_000)] == ["0 s", "1 s", "45 s", "1:30", "2:30"]
    assert width_of(time_left("en", 600_000)) == 5
