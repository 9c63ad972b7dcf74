"""The money line: You, Machine, Card, Meter, painted up to where the figure's money is, and there a tab with the same amount."""

from kiosk.screens.canvas import Piece, plane, width_of
from kiosk.screens.scene import Scene
from kiosk.screens.size import Plan, Size

STATIONS = ("you", "machine", "card", "meter")
_AT = (0, 27, 64)  # per cent of the inner width; Meter is flush right
MOVING_STEPS = 8  # beats from Machine to Card while a card is written


def line(scene: Scene, names: tuple[str, ...], size: Size, plan: Plan, beat: int) -> list[Piece]:
    """The row of stations and the row below it. `names` are the stations' words."""
    left, label = tab(scene, names, size, beat)
    right = left + width_of(label)
    ground, words = f"{scene.field}.plane", f"{scene.field}.words"
    painted = size.columns if scene.place == "meter" else right
    pieces = plane(plan.line, painted, size.columns - painted, 1, f"{scene.field}.rest")
    pieces += plane(plan.line, 0, painted, 1, f"{scene.field}.line")
    for name, column, station in zip(names, columns(names, size), STATIONS, strict=True):
        covered = column < right + 1 and column + width_of(name) > left - 1
        if station != scene.place and not covered:
            pieces.append(Piece(plan.stations, column, name, (words, ground, False)))
    pieces.append(Piece(plan.stations, left, label, (f"{scene.field}.tab_words", f"{scene.field}.tab", True)))
    return pieces


def columns(names: tuple[str, ...], size: Size) -> tuple[int, ...]:
    """Where each station's word begins."""
    return (*(size.margin + size.inner * part // 100 for part in _AT), size.columns - size.margin - width_of(names[3]))


def tab(scene: Scene, names: tuple[str, ...], size: Size, beat: int) -> tuple[int, str]:
    """The tab's column and its words. In doubt, and while money moves, it stands between two stations and names none."""
    at = columns(names, size)
    if scene.place in STATIONS:
        station = STATIONS.index(scene.place)
        label = f" {names[station]} {scene.figure} " if scene.figure else f" {names[station]} "
        return (size.columns - size.margin - width_of(label) if scene.place == "meter" else at[station]), label
    label = f" {scene.figure} ? " if scene.doubt else f" {scene.figure} "
    before = 0 if scene.place == "asking" else 1
    free = at[before] + width_of(names[before]) + 1
    room = max(at[before + 1] - free - width_of(label) - 1, 0)
    step = beat % MOVING_STEPS if scene.place == "moving" else MOVING_STEPS // 2
    return free + (room * step + MOVING_STEPS // 2) // MOVING_STEPS, label
