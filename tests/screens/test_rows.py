"""Every screen at every size in every palette: nothing cut, nothing covered, every key large enough and in its place."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from rich.cells import cell_len

from kiosk.screens.canvas import Frame, Piece, Target, compose, plane, width_of
from kiosk.screens.customer import PHASES, scene_of
from kiosk.screens.palette import FIELDS, PALETTES, TRUE, Colour, Palette
from kiosk.screens.rows import rows, time_left
from kiosk.screens.samples import SAMPLES, Sample
from kiosk.screens.scene import DIGIT
from kiosk.screens.size import L, M, S, Size, fitting
from kiosk.screens.strips import strip
from kiosk.vend.view import View

SIZES = (S, M, L)
VGA = bytes.fromhex("000000aa000000aa00aa55000000aaaa00aa00aaaaaaaaaa555555ff555555ff55ffff555555ffff55ff55ffffffffff")
LEAST_COLUMNS = {"1": 16, "2": 16, "3": 16, "4": 16, "5": 16, "6": 16, "clear": 14, "0": 14, "?": 14, "enter": 20}
LEAST_OF_A_DIGIT = 9


def frame_of(sample: Sample, size: Size, palette: Palette = TRUE) -> Frame:
    return rows(sample.view, sample.clock, size, palette, helping=sample.helping)


def every_frame() -> Iterator[tuple[str, Size, Palette, Frame]]:
    for name, sample in SAMPLES.items():
        for size in SIZES:
            for palette in PALETTES.values():
                yield f"{name} {size.name} {palette.name}", size, palette, frame_of(sample, size, palette)


def written(frame: Frame) -> list[str]:
    return ["".join(text for text, _ in row) for row in frame.rows]


def test_every_phase_has_a_sample() -> None:
    assert {sample.view.phase for sample in SAMPLES.values()} == set(PHASES)


def test_nothing_is_cut_or_covered_and_every_row_is_full() -> None:
    for name, size, _, frame in every_frame():
        assert frame.lost == (), name
        assert [cell_len(line) for line in written(frame)] == [size.columns] * size.rows, name


def test_a_text_that_is_cut_or_covered_is_found() -> None:
    style = ("ink", "paper", False)
    assert compose(8, 1, "paper", [Piece(0, 4, "too long", style)])[1] == ("too long",)
    assert compose(8, 1, "paper", [Piece(0, 0, "word", style), *plane(0, 3, 2, 1, "key")])[1] == ("d",)
    assert compose(8, 1, "paper", [Piece(1, 0, "below", style)])[1] == ("below",)


def test_every_key_is_large_enough_for_a_thumb_and_apart_from_the_next() -> None:
    for name, size, _, frame in every_frame():
        for key in frame.targets:
            assert key.width >= (LEAST_OF_A_DIGIT if key.do == DIGIT else LEAST_COLUMNS[key.cap]), (name, key)
            assert key.height >= 3, (name, key)
            assert 0 <= key.x < key.x + key.width <= size.columns, (name, key)
            assert 0 <= key.y < key.y + key.height <= size.rows, (name, key)
        for one, other in combinations(frame.targets, 2):
            assert not overlap(one, other), (name, one, other)
            assert one.y != other.y or max(one.x, other.x) - min(one.x + one.width, other.x + other.width) >= 2, (name, one, other)


def overlap(one: Target, other: Target) -> bool:
    return one.x < other.x + other.width and other.x < one.x + one.width and one.y < other.y + other.height and other.y < one.y + one.height


def test_a_key_stands_in_the_same_place_on_every_screen_that_has_it() -> None:
    for size in SIZES:
        columns: dict[str, set[tuple[int, int]]] = {}
        for sample in SAMPLES.values():
            for key in frame_of(sample, size).targets:
                columns.setdefault(key.cap + key.do * (key.do == DIGIT), set()).add((key.x, key.width))
        assert all(len(places) == 1 for places in columns.values()), columns


def test_the_label_of_a_key_ends_inside_the_key() -> None:
    for name, size, _, frame in every_frame():
        for key in frame.targets:
            cells = cells_of(frame)[key.y + key.height // 2]
            own = {plane for _, (_, plane, _) in cells[key.x : key.x + key.width]}
            assert len(own) == (1 if key.do == DIGIT else 2), (name, key, own)
            assert size.columns == len(cells)
            after = cells[key.x + key.width :][:1]
            assert all(char.strip() == "" for char, _ in after), (name, key)


def cells_of(frame: Frame) -> list[list[tuple[str, tuple[str, str, bool]]]]:
    """A cell for each column; a wide character has a second, empty one."""
    painted = []
    for row in frame.rows:
        cells = []
        for text, style in row:
            for char in text:
                cells += [(char, style)] + ([("", style)] if cell_len(char) == 2 else [])
        painted.append(cells)
    return painted


def test_the_tab_says_what_the_figure_says_and_the_first_sentences_do_not_disagree() -> None:
    for name, sample in SAMPLES.items():
        scene = scene_of(sample.view, helping=sample.helping)
        for size in SIZES:
            tab = " ".join(
                "".join(char for char, style in line if style[1] == f"{scene.field}.tab" and style[0] == f"{scene.field}.tab_words").strip()
                for line in cells_of(frame_of(sample, size))
            ).strip()
            assert (scene.figure or "") in tab, (name, size.name, tab)
            assert tab.endswith("?") == scene.doubt, (name, tab)
            assert not scene.figure or any(char.isdigit() for char in tab), name


def test_money_that_is_somewhere_else_is_never_painted_further_than_where_it_is() -> None:
    """The line is painted up to the tab's end and no cell beyond."""
    for name, sample in SAMPLES.items():
        scene = scene_of(sample.view)
        for size in SIZES:
            cells = cells_of(rows(sample.view, sample.clock, size, TRUE))
            line = next(row for row in cells if {style[1] for _, style in row} <= {f"{scene.field}.line", f"{scene.field}.rest"})
            at = cells.index(line)
            painted = sum(style[1] == f"{scene.field}.line" for _, style in line)
            tab = [x for x, (_, style) in enumerate(cells[at - 1]) if style[1] == f"{scene.field}.tab"]
            assert painted == (size.columns if scene.place == "meter" else tab[-1] + 1), (name, size.name)


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


@pytest.mark.parametrize("amount_minor", [0, 5, 99, 100, 1240, 99999, 123456, 999999, 9999999, -1240])
def test_any_amount_is_drawn_at_every_size_without_running_into_the_ledger(amount_minor: int) -> None:
    for name in ("insert", "account", "done", "unsure"):
        sample = SAMPLES[name]
        for size in SIZES:
            view = View(**{field: getattr(sample.view, field) for field in View.__struct_fields__} | {"figure_minor": amount_minor})
            assert rows(view, sample.clock, size, TRUE).lost == (), (name, size.name)


def test_words_can_be_read_on_their_planes() -> None:
    """WCAG contrast of every painted letter: 4.5 and more, in every palette."""
    for name, _, palette, frame in every_frame():
        for row in cells_of(frame):
            for char, (ink, ground, _) in row:
                if char.strip() and char not in "▀▄":
                    ratio = contrast(palette.colours[ink], palette.colours[ground])
                    assert ratio >= 4.5, (name, char, ink, ground, ratio)


def test_the_line_can_be_told_from_its_field_and_the_painted_from_the_unpainted() -> None:
    for palette in PALETTES.values():
        for field in FIELDS:
            ground, line, rest = (palette.colours[f"{field}.{part}"] for part in ("plane", "line", "rest"))
            assert contrast(line, ground) >= 4.5, (palette.name, field)
            assert contrast(line, rest) >= 1.8, (palette.name, field)  # the tab stands where one ends
            assert contrast(rest, ground) >= (1.5 if palette.sixteen else 3), (palette.name, field)


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Colour) -> float:
    raw = VGA[3 * colour : 3 * colour + 3] if isinstance(colour, int) else bytes.fromhex(colour[1:])
    parts = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in raw]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_no_background_is_bright_on_a_terminal_of_sixteen_colours() -> None:
    """The Linux console blinks instead: bright planes are full blocks in bright ink."""
    for sample in SAMPLES.values():
        for row in frame_of(sample, M, PALETTES["ansi"]).rows:
            for segment in strip(row, "ansi"):
                ground = segment.style.bgcolor if segment.style else None
                assert ground is None or (ground.number or 0) < 8


@pytest.mark.parametrize(
    ("window", "name"),
    [
        ((54, 17), ""),
        ((55, 16), ""),
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
