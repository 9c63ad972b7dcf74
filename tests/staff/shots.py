"""Every maintenance screen as it is painted, in every window, language and palette that it has: what these tests walk."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from msgspec.structs import replace

from kiosk import words
from kiosk.screens.canvas import Frame
from kiosk.screens.rows import Clock
from kiosk.screens.staff.screen import frame
from kiosk.screens.staff_samples import staff_views
from kiosk.vend.staff import Cell, Count, Energy, Moment, Money, Owed, StaffView
from kiosk.vend.view import View

WINDOWS = ((78, 24), (80, 24), (78, 29), (100, 30), (250, 70))
LANGUAGES = words.languages()
VIEWS = {name: view for name, view in staff_views().items() if view.staff}
TODAY = "2026-11-24"


class Shot(NamedTuple):
    """One screen as it is painted."""

    name: str
    view: View
    staff: StaffView
    frame: Frame


def shot(name: str, view: View, window: tuple[int, int], typed: str = "", *, helping: bool = False) -> Shot:
    assert view.staff
    called = f"{name} {view.language} {window[0]}x{window[1]} {typed}{' help' * helping}"
    return Shot(called, view, view.staff, frame(view, list(typed), Clock("14:32", view.ends_in_ms), TODAY, window, helping=helping))


@cache
def shots(language: str) -> tuple[Shot, ...]:
    """Each screen as it comes, a field half filled and full, and its help."""
    found = []
    for name, sample in VIEWS.items():
        view = replace(sample, language=language)
        assert view.staff
        field = view.staff.field
        for window in WINDOWS:
            found.append(shot(name, view, window))
            if field:
                found += [shot(name, view, window, "1234567890123"[:typed]) for typed in (1, field.least, field.most)]
            else:
                found.append(shot(name, view, window, helping=True))
    return tuple(found)


def large(language: str) -> Iterator[tuple[str, View]]:
    """The same with as much money, time and days as a kiosk ever has."""
    for name, view in VIEWS.items():
        assert view.staff
        staff = view.staff
        if staff.table:
            table = replace(staff.table, rows=tuple(tuple(_large(cell) for cell in row) for row in staff.table.rows))
            staff = replace(staff, table=table)
        if staff.question:
            lines = tuple(replace(line, value=_large(line.value)) for line in staff.question.lines)
            staff = replace(staff, question=replace(staff.question, lines=lines))
        if staff.owed:
            staff = replace(staff, owed=Owed(99_999_99, 9_999_99, 99_999_99, 120, 99_999_99, 99_999), service="maintenance")
        yield name, replace(view, language=language, staff=staff, ends_in_ms=120_000)


def _large(cell: Cell) -> Cell:
    match cell:
        case Money():
            return Money(99_999_99)
        case Count():
            return Count(99_999)
        case Energy():
            return Energy(999_999_900)
        case Moment():
            return Moment("2026-09-28 23:59")
    return cell
