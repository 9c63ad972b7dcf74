"""HQ in the model: the same slot again, another slot on proof, money at its door, replacements, surrenders; and an HQ that forgets.

With `forget` every decision rests on any part of the rows and orders that HQ ever had, as if it had just been restored from a backup.
That contains one restore, many restores, and rows that arrive in any order. What stays is the office log: records that served as proof,
payments at the door, the register of cards, surrenders, prices sent; and `Setting.broken` takes one of them away.
"""

from collections.abc import Iterator

from tests.model.world import TORN, Card, Deed, Machines, Setting, Tag, Told, World, Wrote, with_card, with_row


def top(setting: Setting) -> int:
    """The last slot that HQ orders into: there the search ends."""
    return setting.values + 2


def owners(world: World) -> dict[Tag | None, int]:
    """Which value stands behind a tag."""
    return {row.tag: row.value for row in world.rows if isinstance(row, Wrote)}


def first_slot(world: World, value: int) -> int | None:
    """The slot of the value's own sale, by its row; of a payment at the door, by the office log, or else by its order."""
    sold = [row.n for row in world.rows if isinstance(row, Wrote) and row.value == value and isinstance(row.tag[0], int)]
    sold += [row.n for row in world.rows if isinstance(row, Deed) and row.what == "paid" and row.value == value]
    return min(sold or [slot for owed, slot in world.orders if owed == value], default=None)


def known_counts(world: World) -> set[int]:
    """Every purchase count that some evidence or some order names."""
    return {row.n for row in world.rows if isinstance(row, Told) and row.what != "clean"} | {slot for _, slot in world.orders}


def at_hq(setting: Setting, machines: Machines, world: World) -> Iterator[World]:
    """What HQ may do at any moment."""
    serials = {card.serial for card in world.cards} if setting.broken == "forgot-card" else {world.cards[-1].serial}
    for newest in serials:
        for value in world.values:
            first = first_slot(world, value)
            if first is not None:
                yield from ordered(setting, machines, world, value, first, newest)
    if setting.paid:
        yield from at_door(setting, world)
    if world.cards[-1].serial < setting.replace:
        yield from replaced(setting, machines, world)
    if setting.undo and world.cards[-1].serial == 0:
        yield from surrendered(setting, world)
    card = world.cards[-1]
    if setting.send and card.taken == card.bought and whole(card):
        yield with_row(with_card(world, card._replace(taken=None)), Deed("sent", card.bought, 0))


def ordered(setting: Setting, machines: Machines, world: World, value: int, first: int, newest: int) -> Iterator[World]:  # noqa: PLR0917
    """Ordered where the rule allows it. An HQ that remembers all owes nothing for what landed, and goes on from its last order."""
    last = max([first, *(slot for owed, slot in world.orders if owed == value)])
    if not setting.forget:
        behind = owners(world)
        told = (row for row in world.rows if isinstance(row, Told) and row.what == "verified" and row.serial == newest)
        if any(behind.get(row.tag) == value for row in told):
            return
    by = behind_all if setting.broken == "behind" else by_rule
    for n, kept in by(setting, machines, world, value, first, newest):
        if (setting.forget or n >= last) and n <= top(setting):
            after = world._replace(orders=tuple(sorted({*world.orders, (value, n)})))
            if setting.forget and setting.replace:
                after = after._replace(kept=world.kept | kept)
            if after != world:
                yield after


Ways = Iterator[tuple[int, frozenset[Told]]]


def by_rule(setting: Setting, machines: Machines, world: World, value: int, first: int, newest: int) -> Ways:  # noqa: PLR0917
    """The product's rule. With "strange" the record of a forgotten order counts as another's."""
    yield from machines.walk(world, value, first, newest)
    if setting.broken == "strange":
        forgotten = frozenset(
            row._replace(value=0) if isinstance(row, Wrote) and isinstance(row.tag[0], str) else row for row in world.rows
        )
        yield from machines.walk(world._replace(rows=forgotten), value, first, newest)


def behind_all(setting: Setting, machines: Machines, world: World, value: int, first: int, newest: int) -> Ways:  # noqa: PLR0917
    """The rule before: by proof, behind everything that is known of the meter. An HQ that forgets knows any part of it."""
    mine = [first, *(slot for owed, slot in world.orders if owed == value)]
    for n in mine if setting.forget else [max(mine)]:
        yield n, frozenset()
        if len(machines.walk(world, value, n, newest)) > 1:
            known = {n} | {count for count in known_counts(world) if count > n}
            yield from ((last + 1, frozenset()) for last in (known if setting.forget else {max(known)}))


def at_door(setting: Setting, world: World) -> Iterator[World]:
    """A payment at a bank, an app, the counter, for the number that its payer names: it may be stale, or a slot ahead."""
    ahead = {last + 1 for last in {world.cards[-1].bought} | known_counts(world) if 0 < last + 1 < top(setting)}
    if len(world.values) < setting.values:
        value = len(world.values) + 1
        for n in ahead:
            after = world._replace(values=(*world.values, value), orders=tuple(sorted({*world.orders, (value, n)})))
            yield with_row(after, Deed("paid", n, value))
    if setting.forget and setting.broken == "retry":  # the payer's program asks again, and HQ does not know its reference any more
        for value in {row.value for row in world.rows if isinstance(row, Deed) and row.what == "paid"}:
            for n in ahead:
                if (value, n) not in world.orders:
                    yield world._replace(orders=tuple(sorted((*world.orders, (value, n)))))


def replaced(setting: Setting, machines: Machines, world: World) -> Iterator[World]:
    """A new card for a lost one, by any part of the verified rows. The log keeps proofs; the register, what each card was issued with."""
    kept = frozenset[Told]() if setting.broken == "forgot-proof" else world.kept
    may = set[tuple[int, int, Tag | None]]()
    for rows in parts(setting, world):
        may.update(machines.carried(world._replace(rows=rows, kept=kept)) or {(1, 0, None)})
    for n, value, tag in may:
        serial = world.cards[-1].serial + 1
        after = world._replace(cards=(*world.cards, Card(serial, 1 if n == 1 else 3, n, value, tag, None)))
        yield after._replace(issued=tag) if serial < setting.replace else after


def parts(setting: Setting, world: World) -> Iterator[frozenset[Wrote | Told | Deed]]:
    """The rows; for an HQ that forgets, none and each of the verified ones alone with the writes."""
    verified = [row for row in world.rows if isinstance(row, Told) and row.what == "verified"]
    yield world.rows
    if setting.forget:
        yield world.rows.difference(verified)
        yield from (world.rows.difference(verified) | {row} for row in verified)


def whole(card: Card) -> bool:
    """The tag speaks of what is in the wallet."""
    return card.tag is not None and card.tag[1] == card.bought and card.value > 0


def surrendered(setting: Setting, world: World) -> Iterator[World]:
    """A purchase that was not taken is given back: its card is destroyed, a new one carries a purchase of nothing in its slot, and the
    money is paid out.

    An empty return file does not show that it was not taken: a kiosk in doubt clears one that the meter tore after it took, and HQ clears
    one to send prices. So: a sale, not an order, verified in the visit in which it was written.
    """
    card = world.cards[-1]
    value = owners(world).get(card.tag, 0)
    clean = Told("clean", card.tag, card.bought, card.serial) in world.rows or setting.broken == "by-sight"
    sent = any(isinstance(row, Deed) and row.what == "sent" and row.n >= card.bought for row in world.rows) and setting.broken != "sent"
    if card.taken is None and card.taken != TORN and whole(card) and value and clean and not sent and value not in world.refunded:
        kept = world.cards if setting.broken == "kept-card" else ()
        n = card.bought - 1 if setting.broken == "free-slot" else card.bought
        fresh = Card(1, 1 if card.bought == 1 else 3, n, 0, None, None)
        after = world._replace(cards=(*kept, fresh), refunded=(*world.refunded, value))
        yield with_row(after, Deed("spent", card.bought, value))
