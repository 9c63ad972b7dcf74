"""A case, told from the journal: where the money is and who must act, then how that came about and what proves it. ENTER turns the page."""

from datetime import datetime, tzinfo
from functools import partial

from kiosk import words
from kiosk.screens.canvas import Piece
from kiosk.screens.flow import flow
from kiosk.screens.scene import DIGIT, Key
from kiosk.screens.staff.speech import Speech
from kiosk.vend.explain.says import told
from kiosk.vend.explain.values import Story

TURN = "+"  # what a turned page leaves among what is typed
_FIRST = 2  # head and "now", before what is next
_HANGING = "  "
_Line = tuple[str, str, bool]  # text, ink, bold


def pages(story: Story, zone: str, say: Speech, width: int, height: int) -> list[list[_Line]]:
    """The case in so many rows a page; no line is parted, and no heading from its first line."""
    local = partial(_local, datetime.strptime(zone, "%z").tzinfo)
    sections = told(story, "technician", say.language, local)
    found: list[list[_Line]] = [[]]
    for section in (*sections[:_FIRST], *sections[_FIRST:][-1:], *sections[_FIRST:-1]):
        heading: list[_Line] = [(section.title, "muted", False)] if section.title else []
        for line in section.lines:
            rows = heading + _flowing(line, width, bold=not section.title)
            heading = []
            if len(found[-1]) + len(rows) > height:
                found.append([])
            found[-1] += rows
    return found


def _flowing(line: str, width: int, *, bold: bool) -> list[_Line]:
    """A line that needs more rows stands out over its second."""
    first, *rest = flow(line, width - len(_HANGING))
    return [(first, "ink", bold), *((_HANGING + row, "ink", bold) for row in rest)]


def page(lines: list[_Line], x: int, y: int) -> list[Piece]:
    """One page."""
    return [Piece(row, x, text, (ink, "paper", bold)) for row, (text, ink, bold) in enumerate(lines, y) if text]


def turn(number: int, count: int, say: Speech) -> list[Key]:
    """ENTER, where there is more than one page; they go round."""
    label, name = say("key.page", page=number + 1, pages=count), words.text(say.language, "key.enter")
    return [Key("enter", (label,), DIGIT, TURN, name)] if count > 1 else []


def _local(zone: tzinfo | None, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, zone)
