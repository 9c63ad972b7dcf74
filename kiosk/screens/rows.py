"""A View becomes rows: header, field, line, hands, status. Pure: the same view, clock and size give the same rows."""

from typing import NamedTuple

from msgspec.structs import replace

from kiosk import words
from kiosk.screens import poster, qr
from kiosk.screens.canvas import Frame, Piece, compose, fitting, plane, width_of
from kiosk.screens.customer import scene_of
from kiosk.screens.field import field
from kiosk.screens.flow import flow_all
from kiosk.screens.hands import hands
from kiosk.screens.line import line
from kiosk.screens.palette import Palette
from kiosk.screens.scene import STATIONS, Scene
from kiosk.screens.size import Plan, Size
from kiosk.vend.view import View


class Clock(NamedTuple):
    """What time it is for the screen: the wall's hours and minutes, what is left of the phase, and the beat of what moves."""

    time: str
    left_ms: int | None = None
    beat: int = 0


def rows(view: View, clock: Clock, size: Size, palette: Palette, *, helping: bool = False) -> Frame:
    """The whole screen, `size.columns` wide and `size.rows` tall."""
    scene = scene_of(view, helping=helping)
    plan = plan_of(scene, size)
    if plan.options and scene.told:
        scene = replace(scene, told=flow_all(scene.told, size.inner, plan.options[0][1]))
    names = tuple(words.text(view.language, f"station.{station}") for station in STATIONS)
    room = qr.room(scene, size, plan)
    plan = room.plan
    told = field(room.scene, room.size, plan, clock.beat, view.exponent) + line(scene, names, room.size, plan, clock.beat)
    pieces = room.pieces + room.shifted(told)
    if plan.poster and scene.poster:
        top, height = plan.poster
        pieces += poster.pieces(scene.poster, (top, size.margin, size.inner, height))
    held, targets = hands(scene, size, plan, plain=palette.plain)
    pieces += held + _header(view, scene, clock, size, plan) + _status(view, scene, clock, size, plan)
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


def _header(view: View, scene: Scene, clock: Clock, size: Size, plan: Plan) -> list[Piece]:
    """Title left, kiosk and clock right; where there is no status row, its words and the time bar stand here instead of the title."""
    ground = plane(0, 0, size.columns, 1, "header")
    own, title = f"{view.kiosk}  {clock.time}".strip(), words.text(view.language, "title.kiosk")
    demo = [words.text(view.language, key) for key in ("title.demo", "title.demo_short")] if view.demo else []
    if plan.status:
        titles = tuple(f"{title}   {said}" for said in demo) or (title,)
        return ground + _ends(fitting(titles, size.columns - width_of(own) - 4), own, size.columns)
    rights = [f"{demo[1]}  {right}" if demo else right for right in (own, clock.time)]
    said, right, bar = _fitting_header(view, scene, clock, size, [(title, right) for right in rights])
    if bar:
        ground += _bar(view, clock, (0, size.columns - 1 - width_of(right) - bar, size.bar), ("header_bar", "header_bar_rest"))
    return ground + _ends(said, right, size.columns)


def _fitting_header(view: View, scene: Scene, clock: Clock, size: Size, ends: list[tuple[str, str]]) -> tuple[str, str, int]:
    """Words, right end and the bar's columns: what fits. The kiosk's name gives way first, then the bar where the words say the time."""
    status, left = _status_words(view, scene, clock)
    bar = size.bar + 2 if _timed(view, scene, clock) else 0
    ways = [(status or left or title, right, bar) for title, right in ends]
    ways += [(status, right, 0) for _, right in ends if "{time}" in scene.status]
    ways += [(left or title, right, bar) for title, right in ends]
    return next((way for way in ways if width_of(way[0] + way[1]) + way[2] + 4 <= size.columns), (*ways[-1][:2], 0))


def _ends(left: str, right: str, columns: int) -> list[Piece]:
    style = ("header_words", "header", True)
    return [Piece(0, 1, left, style), Piece(0, columns - 1 - width_of(right), right, style)]


def _status(view: View, scene: Scene, clock: Clock, size: Size, plan: Plan) -> list[Piece]:
    """Bottom row: words left, the time bar right with its words beside it."""
    if not plan.status:
        return []
    style = ("muted", "paper", False)
    status, left = _status_words(view, scene, clock)
    said, x = status or left, size.columns - 1 - size.bar
    pieces = [Piece(plan.status, 1, said, style)] if said else []
    if not _timed(view, scene, clock):
        return pieces
    beside = time_left(view.language, clock.left_ms or 0) if status and "{time}" not in scene.status else ""
    if beside and 1 + width_of(said) + 2 <= x - 2 - width_of(beside):
        pieces.append(Piece(plan.status, x - 2 - width_of(beside), beside, style))
    return pieces + _bar(view, clock, (plan.status, x, size.bar), ("bar", "bar_rest"))


def _timed(view: View, scene: Scene, clock: Clock) -> bool:
    """Is there a time to show as a bar?"""
    return scene.timed and clock.left_ms is not None and bool(view.span_ms)


def _bar(view: View, clock: Clock, place: tuple[int, int, int], tokens: tuple[str, str]) -> list[Piece]:
    """The time that is left as part of the whole, at (y, x, width)."""
    y, x, width = place
    full = max(0, min(width, -(-width * (clock.left_ms or 0) // (view.span_ms or 1))))
    return plane(y, x, full, 1, tokens[0]) + plane(y, x + full, width - full, 1, tokens[1])


def _status_words(view: View, scene: Scene, clock: Clock) -> tuple[str, str]:
    """The status with its time filled in, and the bare time left."""
    if clock.left_ms is None or not scene.timed:
        return ("" if "{time}" in scene.status else scene.status), ""
    time = time_left(view.language, clock.left_ms)
    return scene.status.replace("{time}", time), words.text(view.language, "status.time_left", time=time)
