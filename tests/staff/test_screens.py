"""Every maintenance screen in every window and language: nothing cut, nothing covered, all of it said, every key large and in its place."""

import re
import string
from itertools import combinations

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from kiosk import words
from kiosk.screens.canvas import width_of
from kiosk.screens.rows import Clock
from kiosk.screens.scene import DIGIT
from kiosk.screens.size import L, M
from kiosk.screens.staff.keys import SAY
from kiosk.screens.staff.plan import plan_of
from kiosk.screens.staff.screen import frame
from kiosk.screens.staff.speech import Speech
from kiosk.vend.staff import Leave, Plain, Status, Table, Word, order_of, said
from kiosk.vend.view import View
from tests.screens.shots import cells_of, written
from tests.staff.shots import LANGUAGES, TODAY, VIEWS, WINDOWS, Shot, large, shot, shots

every_language = pytest.mark.parametrize("language", LANGUAGES)


@every_language
def test_nothing_is_cut_or_covered_and_every_row_is_full(language: str) -> None:
    for one in shots(language):
        assert one.frame.lost == (), one.name
        assert len({cell_len(line) for line in written(one.frame)}) == 1, one.name


@every_language
def test_nor_on_a_machine_with_much_money_and_long_days(language: str) -> None:
    for name, view in large(language):
        for window in WINDOWS:
            one = shot(name, view, window)
            assert one.frame.lost == (), one.name
            assert all(text in page(one) for text in table_texts(one)), one.name


def page(one: Shot) -> str:
    return re.sub(r"\s", "", "".join(written(one.frame)))


def table_texts(one: Shot) -> list[str]:
    """What the rows of its table say, without spaces; a text may flow over rows, between other columns."""
    rows = one.staff.table.rows if one.staff.table and not one.staff.question else ()
    say = Speech(one.view, TODAY)
    parts = [part for row in rows for cell in row for part in (say.cell(cell).split(" ") if isinstance(cell, Word) else [say.cell(cell)])]
    return [re.sub(r"\s", "", part) for part in parts]


@every_language
def test_all_that_the_desk_shows_is_painted(language: str) -> None:
    for one in shots(language):
        if one.name.endswith("help"):
            continue
        say, text = Speech(one.view, TODAY), page(one)
        told = table_texts(one) if one.staff.look != "grid" else []
        told += [say.word("notice", one.staff.notice)] if one.staff.notice else []
        told += [say.word("question", one.staff.question.what)] if one.staff.question else []
        told += [one.staff.question.journaled] if one.staff.question else []
        told += [say.word("field", one.staff.field.name)] if one.staff.field else []
        told += [say.word("key", key.label) for key in one.staff.keys if not (one.staff.field and key.cap == "clear")]
        for part in told:
            assert re.sub(r"\s", "", part) in text, (one.name, part)


@every_language
def test_a_key_is_24_columns_by_3_rows_a_digit_13_by_3_and_they_stand_apart(language: str) -> None:
    for one in shots(language):
        for key in one.frame.targets:
            assert key.width >= (13 if key.do == DIGIT else 24), (one.name, key)
            assert key.height == 3, (one.name, key)
        for key, other in combinations(one.frame.targets, 2):
            across = max(key.x, other.x) - min(key.x + key.width, other.x + other.width)
            down = max(key.y, other.y) - min(key.y + key.height, other.y + other.height)
            assert across >= 2 or down >= 0, (one.name, key, other)


def test_a_key_stands_in_the_same_place_on_every_screen() -> None:
    places: dict[tuple[str, str], set[tuple[int, ...]]] = {}
    for language in LANGUAGES:
        for one in shots(language):
            window = one.name.split(" ")[one.name.split(" ").index(language) + 1]
            for key in one.frame.targets:
                places.setdefault((window, key.cap + key.do * (key.do == DIGIT)), set()).add((key.x, key.y, key.width, key.height))
    assert len(places) > 5 * 10
    assert all(len(found) == 1 for found in places.values()), places


def test_every_key_of_the_desk_says_its_order_by_pad_and_by_finger() -> None:
    for name, view in VIEWS.items():
        assert view.staff
        targets = {target.cap: target for target in shot(name, view, (80, 24)).frame.targets}
        for key in view.staff.keys:
            assert (targets[key.cap].do, targets[key.cap].arg) == (SAY, key.told), name
            assert order_of(key.told), name


@every_language
def test_a_word_on_a_key_has_room_and_a_status_its_plate(language: str) -> None:
    widest = {"cases": 99, "n": 9, "minutes": 60, "number": "014", "columns": 78, "rows": 24, "time": "2:00"}
    wide = {}
    for key, sentence in words.catalogue(language).items():
        room = {"key": 20, "status": 6, "notice": 74}.get(key.split(".")[1]) if key.startswith("staff.") else None
        names = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
        if room and width_of(sentence.format(**{name: widest.get(name, "50.00") for name in names})) > room:
            wide[key] = sentence
    assert wide == {}


def test_a_table_has_the_worst_first_numbers_flush_right_and_one_plate_a_row() -> None:
    home = shot("home", VIEWS["home"], (80, 24))
    rows = [cells_of(row) for row in home.frame.rows]
    jam = next(row for row in rows if "J" in {char for char, (_, ground, _) in row if ground == "bad"})
    assert sum(ground == "bad" for _, (_, ground, _) in jam) == 6
    low = next(row for row in rows[4:11] if any(ground == "badge" for _, (_, ground, _) in row))
    assert rows.index(jam) < rows.index(low)
    cash = written(shot("cash", VIEWS["cash"], (80, 24)).frame)
    ends = {line.rindex(number) + len(number) for line, number in ((cash[3], "Sum"), (cash[4], "4,320.00"), (cash[5], "0.00"))}
    assert len(ends) == 1, cash


def test_a_case_has_the_number_of_its_key() -> None:
    lines = written(shot("cases", VIEWS["cases"], (80, 24)).frame)
    assert [line.split()[:2] for line in lines[4:7]] == [["1", "K07-000123"], ["2", "412"], ["3", "398"]]
    assert "Case 3" in "".join(lines)


def test_what_has_no_room_is_said_to_be_there() -> None:
    case = VIEWS["case"]
    assert case.staff
    rows = tuple((Word("line.card"), Plain(str(number))) for number in range(20))
    lines = written(shot("long", replace(case, staff=replace(case.staff, table=Table(("line", "value"), rows))), (80, 24)).frame)
    assert [line.split()[-1] for line in lines[3:16]] == [str(number) for number in range(13)]
    assert "larger window" in lines[16]
    assert "Print as COPY" in lines[19]


def test_what_is_too_wide_flows_and_is_whole() -> None:
    told = Word("hint.reports")
    table = Table(("line", "value"), ((Word("line.next"), told), (Word("line.trading"), Status("BAD")), (Word("line.card"), Plain("7730"))))
    view = replace(VIEWS["case"], staff=replace(VIEWS["case"].staff, table=table))  # type: ignore[type-var]
    one = shot("long", view, (78, 24))
    lines = written(one.frame)
    words_ = Speech(view, TODAY).cell(told).split()
    assert all(word in " ".join(lines) for word in words_)
    assert next(y for y, line in enumerate(lines) if "BAD" in line) == 5, "below both rows of what flows"


@pytest.mark.parametrize("name", ["number", "pin", "second", "second pin"])
def test_a_persons_number_and_pin_are_dots(name: str) -> None:
    view = VIEWS[name]
    assert view.staff
    assert view.staff.field
    one = shot(name, view, (80, 24), "271828"[: view.staff.field.most])
    text = "\n".join(written(one.frame))
    assert "* * *" in text
    assert "2 7 1" not in text
    assert "271" not in repr(one.frame), "nor in what may be pressed"
    assert "0 0 4 1 7" in "\n".join(written(shot("bag", VIEWS["bag"], (80, 24), "00417").frame)), "a bag's number can be read"


def test_the_line_is_unpainted_only_where_the_head_office_has_not_got_the_money() -> None:
    def rest(view: View) -> int:
        return sum(ground == "till_rest" for _, (_, ground, _) in cells_of(shot("home", view, (80, 24)).frame.rows[2]))

    home = VIEWS["home"]
    assert home.staff
    assert home.staff.owed
    amounts = written(shot("home", home, (80, 24)).frame)[2]
    assert [text.strip() for text in amounts.split("  ") if text.strip()] == [
        "4,350.00",
        "0.00",
        "150.00",
        "slips 1",
        "2,310.00",
        "facts 12",
    ]
    assert 80 - amounts.index("2,310.00") + 1 == rest(home)
    assert rest(replace(home, staff=replace(home.staff, owed=replace(home.staff.owed, unsent_minor=0, unsent_rows=0)))) == 0


def test_who_may_not_know_what_is_in_the_boxes_is_not_told() -> None:
    home = VIEWS["home"]
    assert home.staff
    assert home.staff.owed
    blind = replace(home, staff=replace(home.staff, owed=replace(home.staff.owed, box_minor=None)))
    assert written(shot("home", blind, (80, 24)).frame)[2].split()[:3] == ["not", "shown", "0.00"]


def test_nobody_sees_money_before_a_pin_was_right() -> None:
    assert VIEWS["pin"].staff
    assert VIEWS["pin"].staff.owed is None
    assert not re.search(r"\d\.\d\d", "".join(written(shot("pin", VIEWS["pin"], (80, 24)).frame)))


def test_a_moment_says_as_much_as_tells_it_from_now() -> None:
    say = Speech(VIEWS["home"], TODAY)
    assert [say.moment(at) for at in ("2026-11-24 06:00", "2026-11-20 15:02", "2027-01-31 00:00")] == [
        "06:00",
        "20 Nov 15:02",
        "31 Jan 2027",
    ]


@every_language
@pytest.mark.parametrize("window", [(55, 17), (77, 24), (78, 23), (50, 18), (20, 5), (1, 1)])
def test_a_window_that_is_too_small_says_so_and_lets_go(language: str, window: tuple[int, int]) -> None:
    one = shot("home", replace(VIEWS["home"], language=language), window)
    assert plan_of(*window) is None
    if window >= (50, 17):
        assert one.frame.lost == ()
        assert "78" in "".join(written(one.frame))
        assert [(key.cap, key.do, key.arg) for key in one.frame.targets] == [("clear", SAY, said(Leave()))]
    assert all(len(line) <= window[0] for line in written(one.frame))


def test_larger_windows_get_air_and_then_longer_tables() -> None:
    plans = [plan_of(78, rows) for rows in range(24, 40)]
    rows = [plan.body[1] for plan in plans if plan]
    assert min(rows) == rows[0] == 9
    assert max(rows) == rows[-1] == 16
    for plan in filter(None, plans):
        assert plan.body[0] + plan.body[1] <= plan.options[0]
        assert plan.bottom + 3 == plan.size.rows
    assert plan_of(M.columns, M.rows)
    assert plan_of(L.columns, L.rows)


def test_an_empty_table_says_so_and_a_view_that_says_little_is_not_wordless() -> None:
    cases = VIEWS["cases"]
    assert cases.staff
    assert cases.staff.table
    empty = replace(cases, staff=replace(cases.staff, table=replace(cases.staff.table, rows=())))
    assert words.text("en", "staff.none") in "\n".join(written(shot("none", empty, (80, 24)).frame))
    bare = frame(View("staff", staff=cases.staff), [], Clock("14:32"), TODAY, (80, 24))
    assert bare.lost == ()
