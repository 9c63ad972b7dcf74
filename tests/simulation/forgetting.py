"""An office that was put back has forgotten what came after its backup: which orders it has again, and when two people say it has all."""

from typing import TYPE_CHECKING

from kiosk.hq.orders import record
from tests.simulation.disk import PowerCut
from tests.simulation.money import terms_of
from tests.simulation.site import AWAY, BEHIND, WHOLE

if TYPE_CHECKING:
    from tests.simulation.world import World

AGAIN, AT_ONCE, LOOKS, SURE = 0.15, 0.3, 0.3, 0.5
"""How often the disk is lost once more, is lost at a power cut, people look again, and say at the restore that nothing is missing."""


def put_back(world: "World") -> str:
    """The office's disk is lost, and the newest backup put back; the other site is whole, behind or away."""
    chance = world.forgets
    how = chance.choice((WHOLE, WHOLE, BEHIND, AWAY)) if world.faults else WHOLE
    complete = how == WHOLE and chance.random() < SURE
    world.office.restore(world.site.seen(how, chance), complete=complete)
    world.office.counted[f"put back, site {how}"] += 1
    again = f"; {put_back(world)}" if world.faults and chance.random() < AGAIN else ""
    return f"epoch {world.office.epoch}, the other site is {how}{again}"


def put_back_at_once(world: "World") -> str:
    """Now and then the disk does not survive a power cut."""
    return f", and the disk is lost: {put_back(world)}" if world.faults and world.forgets.random() < AT_ONCE else ""


def taken_in(world: "World") -> str:
    """The other site's orders come to an office that lacks some; then two people say that none is missing. The power may fail in it."""
    if not world.short:
        return ""
    try:
        world.office.take_in(world.site.folder)
        if name := missing(world):
            world.wrong(f"order {name} is in the other site's folder, and the office did not take it in")
        if world.faults and world.forgets.random() < LOOKS:
            return "they look again"
        record.completed(world.office.store, world.office.now_ms(), note="all files are here")
    except PowerCut:
        world.office.started()
        return f"the power fails{put_back_at_once(world)}"
    return "none is missing"


def missing(world: "World") -> str:
    """An order whose code may have left, and that is not in the office's store, where it may have been made again; "" for none."""
    asked = "SELECT card, meter, n, amount_minor, generation, source, reference FROM transfer_order"
    here = set(world.office.raw().execute(asked))
    return next((each.name for each in world.money.orders.values() if (*terms_of(each), each.source, each.reference) not in here), "")
