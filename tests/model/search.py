"""Walk through every world that can be reached, and say what is wrong with the first bad one."""

from collections import deque
from typing import NamedTuple

from tests.model.moves import moves, wrong
from tests.model.world import Machines, Setting, World, beginning


class Found(NamedTuple):
    """How far the walk went. `dead`: worlds from which some paid value can never be credited any more."""

    states: int
    wrong: str
    path: tuple[World, ...]
    dead: int = 0


class CutShort(AssertionError):
    """The walk reached its limit before everything was seen: it proves nothing."""


def explore(setting: Setting, machines: Machines, *, limit: int = 5_000_000) -> Found:
    """Every interleaving, until something is wrong or nothing is new. Raises CutShort above `limit` states."""
    start = beginning(setting)
    came: dict[World, World | None] = {start: None}
    back: dict[World, list[World]] = {}
    todo = deque([start])
    while todo:
        world = todo.popleft() if setting.breadth else todo.pop()
        why = wrong(world)
        if why:
            return Found(len(came), why, path(came, world))
        for after in moves(setting, machines, world):
            if setting.live:
                back.setdefault(after, []).append(world)
            if after not in came:
                came[after] = world
                todo.append(after)
        if len(came) > limit:
            raise CutShort(f"{len(came)} states were seen, and there are more")
    return Found(len(came), "", (), dead=dead(came, back) if setting.live else 0)


def path(came: dict[World, World | None], world: World) -> tuple[World, ...]:
    """How the walk came here."""
    steps, at = [], world
    while True:
        steps.append(at)
        before = came[at]
        if before is None:
            return tuple(reversed(steps))
        at = before


def dead(came: dict[World, World | None], back: dict[World, list[World]]) -> int:
    """Worlds from which not every paid value can still be credited."""
    good = [world for world in came if set(world.values) <= {*world.credited, *world.back, *world.refunded}]
    reached = set(good)
    while good:
        for before in back.get(good.pop(), ()):
            if before not in reached:
                reached.add(before)
                good.append(before)
    return len(came) - len(reached)
