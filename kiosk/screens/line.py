"""The money line: You, Machine, Card, Meter, painted up to where the figure's money is, and there a tab with the same amount."""

from kiosk.screens.canvas import Piece, plane, width_of
from kiosk.screens.scene import STATIONS, Scene
from kiosk.screens.size import Plan, Size

_AT = (0, 27, 64)  # per cent of the inner width; Meter is flush right
_BETWEEN = {"asking": 1, "between": 2, "moving": 2}  # the tab stands before this station and names none
MOVING_STEPS = 8  # beats from Machine to Card while a card is written


def line(scene: Scene, names: tuple[str, ...], size: Size, plan: Plan, beat: int) -> list[Piece]:
    """The row of stations and the row below it. `names` are the stations' words."""
    left, label = tab(scene, names, size, beat)
    right = left + width_of(label)
    ground, words = f"{scene.field}.plane", f"{scene.field}.words"
    painted = size.columns if scene.place == "meter" else right
    pieces = plane(plan.line, painted, size.columns - painted, 1, f"{scene.field}.rest")
    pieces += plane(plan.line, 0, painted, 1, f"{scene.field}.line")
    for name, column in _beside(scene, names, size, left, right):
        pieces.append(Piece(plan.stations, column, name, (words, ground, False)))
    pieces.append(Piece(plan.stations, left, label, (f"{scene.field}.tab_words", f"{scene.field}.tab", True)))
    return pieces


def columns(names: tuple[str, ...], size: Size) -> tuple[int, ...]:
    """Where each station's word begins when no tab reaches it: before its place, if the words behind it need that."""
    places = (*(size.margin + size.inner * part // 100 for part in _AT), size.columns)
    rooms = (sum(width_of(name) + 1 for name in names[index:]) - 1 for index in range(len(names)))
    return tuple(min(place, size.right - room) for place, room in zip(places, rooms, strict=True))


def tab(scene: Scene, names: tuple[str, ...], size: Size, beat: int) -> tuple[int, str]:
    """The tab's column and its words. In doubt, and while money moves, it stands between two stations and names none.

    It stands at its station's word, or as near as leaves room for the words on both sides.
    """
    at, (before, after) = columns(names, size), _sides(scene, names)
    figure = f"{scene.figure} ?" if scene.doubt else scene.figure
    least = size.margin + sum(width_of(name) + 1 for name in before)
    if scene.place in STATIONS:
        label = f" {names[len(before)]} {figure}".rstrip() + " "
        wanted = size.right - width_of(label) if scene.place == "meter" else at[len(before)]
    else:
        label = f" {figure} "
        free = max(least, at[len(before) - 1] + width_of(before[-1]) + 1)
        room = max(at[len(before)] - free - width_of(label) - 1, 0)
        step = beat % MOVING_STEPS if scene.place == "moving" else MOVING_STEPS // 2
        wanted = free + (room * step + MOVING_STEPS // 2) // MOVING_STEPS
    most = size.right - width_of(label) - sum(width_of(name) + 1 for name in after)
    return max(min(wanted, most), least if least <= most else 0), label


def _sides(scene: Scene, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words left and right of the tab."""
    if scene.place in STATIONS:
        own = STATIONS.index(scene.place)
        return names[:own], names[own + 1 :]
    return names[: _BETWEEN[scene.place]], names[_BETWEEN[scene.place] :]


def _beside(scene: Scene, names: tuple[str, ...], size: Size, left: int, right: int) -> list[tuple[str, int]]:
    """The other stations' words and columns: their own places, or moved on by the tab; none where the tab has left no room."""
    at, (before, after) = columns(names, size), _sides(scene, names)
    found = []
    end = left - 1
    for name, own in zip(reversed(before), reversed(at[: len(before)]), strict=True):
        end = min(own, end - width_of(name)) - 1
        found.append((name, end + 1))
    start = right + 1
    for name, own in zip(after, at[len(at) - len(after) :], strict=True):
        found.append((name, max(own, start)))
        start = max(own, start) + width_of(name) + 1
    return [(name, column) for name, column in found if column >= size.margin and column + width_of(name) <= size.right]
