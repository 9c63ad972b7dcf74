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
        counted.update(happened(world))
    return ""


def happened(world: World) -> Counter[str]:
    """How often what happened: a simulation in which nothing happens finds nothing."""
    counted = Counter(f"verdict {verdict}" for verdict in world.office.verdicts)
    for kiosk in (*world.past, *world.kiosks):
        counted["stores"] += 1
        counted["rows"] += kiosk.journal.written
        counted["sales"] += sum(closed.outcome == "landed" for closed in kiosk.books.ended.values())
        counted["claims"] += len(kiosk.books.claims)
        counted["claims settled"] += len(kiosk.books.settled)
        counted["restored"] += kiosk.books.restored
        counted["damaged"] += kiosk.damaged
        counted["betrayed"] += kiosk.betrayed
        counted["codes"] += len(kiosk.books.codes)
        counted["bank payments"] += len(kiosk.books.paid)
        counted["bank claims"] += sum(claim in kiosk.books.paid_for for claim in kiosk.books.claims)
    for kiosk in world.kiosks:
        counted["reversed"] += sum(entry.state == "reversed" for entry in kiosk.terminal.book)
    counted["credits"] += sum(len(home.credits) for home in world.homes)
    counted["cards"] += sum(len(home.cards) for home in world.homes)
    counter, settling = world.counter, world.settling
    counted.update({"moved": world.money.moved, "orders": len(world.money.orders), "reissued": counter.reissued})
    counted.update({"decided": settling.decided, "proposed": settling.proposed, "asked again": counter.twice})
    counted["epochs"] = world.office.epoch
    counted.update({f"office {what}": often for what, often in world.office.counted.items()})
    return counted
