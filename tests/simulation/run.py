"""Worlds lived through one after the other; what went wrong says how to live through it again."""

from collections import Counter
from collections.abc import Callable

from tests.simulation.disk import PowerCut
from tests.simulation.world import World, Wrong

COMMAND = "python -m tests.simulation {seed} --steps {steps} --trace"


def lived(seed: int, steps: int, counted: Counter[str] | None = None, told: Callable[[str], object] | None = None) -> str:
    """What went wrong in one world, also when a machine could not go on at all; "" when all was well to its end.

    `counted` is added to; `told` hears what happened, each step.
    """
    world = World(seed)
    world.hears = told
    try:
        world.run(steps)
        world.settle()
    except Wrong as wrong:
        return f"{wrong}\n{COMMAND.format(seed=seed, steps=steps)}"
    except (Exception, PowerCut) as error:  # noqa: BLE001 - whatever it is belongs to this world
        return f"seed {seed}, step {world.steps}: {type(error).__name__}: {error}\n{COMMAND.format(seed=seed, steps=steps)}"
    if counted is not None:
        counted["steps"] += world.steps
        counted.update(world.told_of())
    return ""
