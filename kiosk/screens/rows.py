"""A View becomes rows: header, field, line, hands, status. Pure: the same view, clock and size give the same rows."""

from typing import NamedTuple

from kiosk import words
from kiosk.screens import poster
from kiosk.screens.canvas import Frame, Piece, compose, fitting, plane, width_of
from kiosk.screens.customer import scene_of
from kiosk.screens.field import field
from kiosk.screens.hands import hands
from kiosk.screens.line import STATIONS, line
from kiosk.screens.palette import Palette
from kiosk.screens.scene import Scene
from kiosk.screens.size import Plan, Size
from kiosk.vend.view import View

BAR = {"S": 8, "M": 12, "L": 16}


class Clock(NamedTuple):
    """What time it is for the screen: the wall's hours and minutes, what is left of the phase, and the beat of what moves."""

    time: str
    left_ms: int | None = None
    beat: int = 0


def rows(view: View, clock: Clock, size: Size, palette: Palette, *, helping: bool = False) -> Frame:
    """The whole screen, `size.columns` wide and `size.rows` tall."""
    scene = scene_of(view, helping=helping)
    plan = plan_of(scene, size)
    names = tuple(words.text(view.language, f"station.{station}") for station in STATIONS)
    pieces = field(scene, size, plan, clock.beat, view.exponent) + line(scene, names, size, plan, clock.beat)
    if plan.poster and scene.poster:
        top, height = plan.poster
        pieces += poster.pieces(scene.poster, (top, size.margin, size.inner, height))
    held, targets = hands(scene, size, plan, plain=palette.plain)
    pieces += held + _header(view, scene, clock, size) + _status(view, scene, clock, size, plan)
    painted, lost = compose(size.columns, size.rows, "paper", pieces)
    return Frame(painted, tuple(targets), lost)


def plan_of(scene: Scene, size: Size) -> Plan:
    """Which of the size's three layouts a scene needs."""
    if scene.poster:
        return size.poster
    return size.three if scene.rows_of_options == 2 else size.two


def time_left(language: str, left_ms: int) -> str:
    """`45 s`, or `2:30` from a minute and a half on. Rounded up: at 0 it is over."""
    seconds = -(-left_ms // 1000)
    if seconds < 90:
        return words.text(language, "status.seconds", seconds=seconds)
    return words.text(language, "status.minutes", minutes=seconds // 60, seconds=seconds % 60)


def too_small(language: str, columns: int, count: int) -> Frame:
    """A plain sentence for a window in which nothing else can be read."""
    lines = [words.text(language, key)[:columns] for key in ("title.small", "title.small_next")][:count]
    pieces = [Piece(y, 0, text, ("header_words", "bezel", False)) for y, text in enumerate(lines)]
    painted, lost = compose(columns, count, "bezel", pieces)
    return Frame(painted, (), lost)


def _header(view: View, scene: Scene, clock: Clock, size: Size) -> list[Piece]:
    """Title left, kiosk and clock right; at S status and time bar stand here too, instead of the title."""
    style = ("header_words", "header", True)
    title, right = words.text(view.language, "title.kiosk"), f"{view.kiosk}  {clock.time}".strip()
    pieces = plane(0, 0, size.columns, 1, "header")
    if size.name != "S":
        title += "   " + words.text(view.language, "title.demo") if view.demo else ""
        return [*pieces, Piece(0, 1, title, style), Piece(0, size.columns - 1 - width_of(right), right, style)]
    right = words.text(view.language, "title.demo_short") + "  " + right if view.demo else right
    x = size.columns - 1 - width_of(right)
    status, left = _status_words(view, scene, clock)
    said = fitting((status or left or title, left or title), x - 3)
    bar_x = x - 2 - BAR["S"]
    bar = _bar(view, scene, clock, (0, bar_x, BAR["S"]), ("header_bar", "header_bar_rest")) if width_of(said) + 3 < bar_x else []
    return [*pieces, Piece(0, 1, said, style), Piece(0, x, right, style), *bar]


def _status(view: View, scene: Scene, clock: Clock, size: Size, plan: Plan) -> list[Piece]:
    """Bottom row: words left, the time bar right with its words beside it."""
    if plan.status == 0:
        return []
    style = ("muted", "paper", False)
    status, left = _status_words(view, scene, clock)
    pieces = [Piece(plan.status, 1, status or left, style)] if status or left else []
    x = size.columns - 1 - BAR[size.name]
    bar = _bar(view, scene, clock, (plan.status, x, BAR[size.name]), ("bar", "bar_rest"))
    if bar and status and "{time}" not in scene.status and clock.left_ms is not None:
        short = time_left(view.language, clock.left_ms)
        pieces.append(Piece(plan.status, x - 2 - width_of(short), short, style))
    return pieces + bar


def _bar(view: View, scene: Scene, clock: Clock, place: tuple[int, int, int], tokens: tuple[str, str]) -> list[Piece]:
    """The time that is left as part of the whole, at (y, x, width)."""
    if clock.left_ms is None or not view.span_ms or not scene.timed:
        return []
    y, x, width = place
    full = max(0, min(width, -(-width * clock.left_ms // view.span_ms)))
    return plane(y, x, full, 1, tokens[0]) + plane(y, x + full, width - full, 1, tokens[1])


def _status_words(view: View, scene: Scene, clock: Clock) -> tuple[str, str]:
    """The status with its time filled in, and the bare time left."""
    if clock.left_ms is None or not scene.timed:
        return ("" if "{time}" in scene.status else scene.status), ""
    time = time_left(view.language, clock.left_ms)
    return scene.status.replace("{time}", time), words.text(view.language, "status.time_left", time=time)
