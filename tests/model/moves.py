"""What can follow in a world of the model, and what must never be."""

from collections.abc import Iterator

from tests.model.hq import at_hq, owners
from tests.model.world import (
    DOUBT,
    GARBAGE,
    IDLE,
    METER,
    Machines,
    Setting,
    Told,
    World,
    at_kiosk,
    at_meter,
    into_meter,
    with_kiosk,
)


def moves(setting: Setting, machines: Machines, world: World) -> Iterator[World]:
    """Every world that can come next."""
    if world.inside is None:
        for card in world.cards:
            replaced = card.serial != world.cards[-1].serial
            for place in (*range(setting.kiosks), METER):
                if place == METER and replaced and card.kind != 2 and world.bound == world.cards[-1].serial:
                    continue  # a lost open card, found again: left out (docs)
                yield world._replace(inside=(place, card.serial))
        if setting.hq:
            yield from at_hq(setting, machines, world)
            for i, kiosk in enumerate(world.kiosks):
                if kiosk.step == DOUBT:
                    yield with_kiosk(world, i, IDLE)  # its disk is lost
        return
    place, serial = world.inside
    card = next(c for c in world.cards if c.serial == serial)
    yield from at_meter(setting, world, card) if place == METER else at_kiosk(setting, machines, world, place, card)


def wrong(world: World) -> str:
    """What must never be: a value credited twice, or credited and paid out; garbage credited; a verified sale that the meter neither has
    nor will take next."""
    paid = [value for value in world.credited if value]
    if len(set(paid)) < len(paid) or GARBAGE in paid:
        return "credited twice, or garbage credited"
    if set(world.credited) & set(world.refunded) or len(set(world.refunded)) < len(world.refunded):
        return "credited, and paid out"
    if set(world.credited) & set(world.back):
        return "credited, and the customer's bank has the money back"
    behind, card, settled = owners(world), world.cards[-1], {*world.credited, *world.refunded}
    for row in world.rows:
        value = behind.get(row.tag, 0) if isinstance(row, Told) else 0
        if not isinstance(row, Told) or row.what != "verified" or row.serial != card.serial or not value or value in settled:
            continue
        next_in_line = card.value == value and card.bought == world.metered + 1 and card.taken is None
        if not next_in_line or into_meter(world, card).credited == world.credited:
            return f"verified but lost: {row}"
    return ""
