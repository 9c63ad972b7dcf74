"""The head office's disk: it has not what it had said that it has, or has it in another's place; and who looks notices.

What was acknowledged may be gone as a whole, so that the store is only older; or in part: rows, their line in the ledger, the head, the
original, the sales that follow of them, or what these added to a sum. And any of it of one kiosk may stand where another's was. Nobody is
told of it but by what the product finds.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from kiosk.hq import kiosks
from kiosk.hq.intake.ledger import CLOSED
from kiosk.hq.schema import BATCH, DAY_HOUR, DAY_KIOSK, FACT, HEAD, MONTH_KIOSK, ORIGINAL, SALE
from tests.simulation import errands

if TYPE_CHECKING:
    from tests.simulation.office import Office
    from tests.simulation.world import World

WHOLE: tuple[Table, ...] = ()
SUMS = (DAY_KIOSK, DAY_HOUR, MONTH_KIOSK)
LOST: Sequence[tuple[Table, ...]] = (
    *(WHOLE, WHOLE, WHOLE, (FACT,), (BATCH,), (HEAD,), (FACT, BATCH), (FACT, HEAD), (BATCH, HEAD)),
    *((ORIGINAL,), (SALE,), SUMS, (SALE, *SUMS), (SALE, *SUMS), (SALE, *SUMS), *((one,) for one in SUMS)),
)
MISDIRECTED = (FACT, FACT, BATCH, HEAD, ORIGINAL, SALE, DAY_KIOSK, MONTH_KIOSK)


def fails(world: "World") -> str:
    """What the disk does in this step, "" for nothing."""
    chance, trouble = world.platter.chance, world.platter.trouble
    if not world.faults or not trouble:
        return ""
    if chance.random() < trouble:
        return lost(world) if chance.random() < 0.8 else misdirected(world)
    return looked_at(world) if chance.random() < 0.015 else ""


def lost(world: "World") -> str:
    """A letter comes, is imported and acknowledged, and of what was committed something is not on the disk; then the power fails."""
    office, chance = world.office, world.platter.chance
    heads = office.heads()
    lying = [letter for kiosk in world.senders() for letter in errands.waiting(kiosk) if letter.name == f"{heads[kiosk.id][0] + 1}"]
    following = [letter for letter in lying if letter.kiosk not in office.damaged]
    if not following:
        return ""  # nothing is on its way that the disk could say it has
    letter = chance.choice(following)
    kiosk, before = letter.kiosk, office.image()
    said = errands.delivered(world, letter)
    if office.heads()[kiosk][0] == heads[kiosk][0]:
        return said
    tables = chance.choice(LOST)
    if tables == WHOLE:
        before.backup(office.raw())
    elif sum(_old(office, before, table, kiosk) for table in tables):  # each of them
        office.damaged.add(kiosk)
    else:
        return said  # nothing of that letter went there
    office.started()
    office.counted["lost" if tables else "lost whole"] += 1
    return f"{said}, and it is lost: {', '.join(table.name for table in tables) or 'all of it'}"


def _old(office: "Office", before: Any, table: Table, kiosk: str) -> bool:
    """This table has of this kiosk what it had before; is that something else? What is nobody's own is all as it was."""
    mine, values = (" WHERE kiosk_no = ?", (_number(office, kiosk),)) if "kiosk_no" in table.c else ("", ())
    asked = f"SELECT * FROM {table.name}{mine} ORDER BY {', '.join(_keys(table))}"  # noqa: S608 - our own names
    old, new = (raw.execute(asked, values).fetchall() for raw in (before, office.raw()))
    if old == new:
        return False
    office.raw().execute(f"DELETE FROM {table.name}{mine}", values)  # noqa: S608
    office.raw().executemany(f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.c))})", old)  # noqa: S608
    return True


def misdirected(world: "World") -> str:
    """What belongs to one kiosk stands in another's place."""
    office, chance = world.office, world.platter.chance
    filled = [kiosk for kiosk, (batch, _, _) in sorted(office.heads().items()) if batch and kiosk not in office.damaged]
    if len(filled) < 2:
        return ""
    to, source = chance.sample(filled, 2)
    table = chance.choice(MISDIRECTED)
    names = [column.name for column in table.columns if column.name not in _keys(table)]
    places = [_place(office, table, kiosk, chance.random()) for kiosk in (to, source)]
    if not all(places):
        return ""
    where = " AND ".join(f"{name} = ?" for name in _keys(table))
    asked = f"SELECT {', '.join(names)} FROM {table.name} WHERE {where}"  # noqa: S608 - our own names
    old, new = (office.raw().execute(asked, place).fetchone() for place in places)
    if old == new:
        return ""
    change = f"UPDATE {table.name} SET {', '.join(f'{name} = ?' for name in names)} WHERE {where}"  # noqa: S608
    office.raw().execute(change, (*new, *places[0]))
    office.damaged.add(to)
    office.counted["misdirected"] += 1
    return f"{table.name} {places[1]} of {source} is written to {places[0]} of {to}"


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def _place(office: "Office", table: Table, kiosk: str, part: float) -> tuple[Any, ...]:
    """The key of one of its rows; of none where it has none."""
    keys = ", ".join(_keys(table))
    asked = f"SELECT {keys} FROM {table.name} WHERE kiosk_no = ? ORDER BY {keys}"  # noqa: S608 - our own names
    found = office.raw().execute(asked, (_number(office, kiosk),)).fetchall()
    return tuple(found[int(part * len(found))]) if found else ()


def _number(office: "Office", kiosk: str) -> int:
    (number,) = office.raw().execute("SELECT no FROM kiosk WHERE id = ?", (kiosk,)).fetchone()
    return int(number)


# ---------------------------------------------------------------- who notices


def looked_at(world: "World") -> str:
    """Somebody reads how the kiosks stand: where batches wait for the same one as the last time, the last backup is put back."""
    found = waiting(world)
    still = [kiosk for kiosk, batch in found.items() if world.platter.looked.get(kiosk) == batch]
    world.platter.looked = {} if still else found
    if not still:
        return ""
    world.office.counted["looked"] += 1
    return f"batches of {', '.join(still)} wait in vain: {errands.restore(world)}"


def waiting(world: "World") -> dict[str, int]:
    """Kiosks of which batches wait for one that is missing, and which came last, as `kiosk hq status` says it."""
    return {each.kiosk: each.seq for each in kiosks.standings(world.office.store) if each.parked and each.state != CLOSED}


def behind(world: "World") -> str:
    """Whether a kiosk was told in this epoch that the office has more than it has: `kiosk sync status` there, `kiosk hq kiosks` here."""
    heads, epoch = world.office.heads(), world.office.epoch
    told = {kiosk.id: kiosk.state.sent.acked for kiosk in world.kiosks if kiosk.on}
    less = [name for name, acked in told.items() if acked.hq_epoch == epoch and acked.batch > heads.get(name, (0, 0, ""))[0]]
    return f"of {', '.join(less)} something is lost" if less else ""
