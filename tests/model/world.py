"""The world that a purchase lives in, small enough to be walked through whole: cards, one meter, kiosks that cannot talk, HQ, tears.

Only what is *not* ours is decided here: the meter (its decision table), hands, tears, lost disks. What a kiosk makes of a card and
what HQ may do come from the product's own code (`machines`). A value is a number that stands for a customer's money; in the wallet it
is a ghost, kept to see where the money went: all amounts are equal, the worst case. HQ is in `hq`, what can follow in `moves`.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

LOW, HIGH = -1, 99  # counts that a torn wallet may show
GARBAGE = -1  # the ghost of a torn amount
TORN = -7  # a return file torn in its write: neither empty nor a frame
METER = -1  # the place that is no kiosk
IDLE_STEP, DOUBT = "", "doubt"

Name = int | str  # a record: the number of a cash sale, or "order 1"
Tag = tuple[Name, int]  # (record, slot): the CMAC covers the slot


class Card(NamedTuple):
    """A user card: type 1 open, 2 purchase, 3 replacement; wallet (`bought`, `value`); `taken`: count in the return file or None."""

    serial: int
    kind: int
    bought: int
    value: int
    tag: Tag | None
    taken: int | None


class Kiosk(NamedTuple):
    """What a kiosk is at: a write step, in doubt of its record, or nothing ("")."""

    step: str = IDLE_STEP
    n: int = 0
    value: int = 0
    tag: Tag | None = None
    serial: int = 0
    fresh: bool = False  # with surrenders: the record was never in doubt


IDLE = Kiosk()


class Wrote(NamedTuple):
    """WriteStarted, as HQ will learn of it."""

    tag: Tag
    n: int
    value: int


class Told(NamedTuple):
    """A row about a record on a card: "verified"; "read", an authenticated reading with r >= w; "clean", verified in the visit in which
    it was written, whose kiosk therefore never comes back to it."""

    what: str
    tag: Tag | None
    n: int
    serial: int


class Deed(NamedTuple):
    """A line of HQ's own log: "paid" at its door for slot n; "spent", surrendered, so that nothing of slot n is in the meter; "sent",
    prices without a purchase."""

    what: str
    n: int
    value: int


Row = Wrote | Told | Deed


class World(NamedTuple):
    """One state of everything. `inside`: (place, serial) of the card that is in a kiosk or in the meter."""

    cards: tuple[Card, ...]
    inside: tuple[int, int] | None
    kiosks: tuple[Kiosk, ...]
    metered: int  # the meter's count
    opened: bool
    bound: int | None  # the card serial that the meter knows
    credited: tuple[int, ...] = ()
    values: tuple[int, ...] = ()  # paid so far
    orders: tuple[tuple[int, int], ...] = ()  # HQ's promises: (value, slot), never taken back
    rows: frozenset[Row] = frozenset()
    back: tuple[int, ...] = ()  # values that a bank card was not charged for in the end
    kept: frozenset[Told] = frozenset()  # verified records that served HQ as proof
    refunded: tuple[int, ...] = ()  # values that were paid out
    issued: Tag | None = None  # by the register: what the newest card was issued with; kept only while it may be replaced


class Setting(NamedTuple):
    """How large the world is, and what may happen in it."""

    values: int = 2
    kiosks: int = 2
    first: bool = False  # begin with an open card that never met its meter
    torn: bool = False  # writes may tear in the middle, not only before or after
    replace: int = 0  # replacement cards that HQ may issue, one after the other
    hq: bool = True  # orders, lost disks
    forget: bool = False  # HQ acts on any part of its rows and orders, as if it had been restored just before
    paid: bool = False  # money is taken at HQ's door, for a slot that its payer names
    undo: bool = False  # a purchase that was not taken is surrendered and paid out
    send: bool = False  # HQ sends prices without a purchase: it clears the return file of a card whose purchase was taken
    broken: str = ""  # a rule of HQ's memory that is left out: `broken.MEMORY`
    breadth: bool = False  # search order
    live: bool = False

    @property
    def sales(self) -> int:
        """Cash sales that may be begun."""
        return self.values + 1


class Machines(Protocol):
    """The product's decisions, asked for one abstract situation at a time."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The write steps in their order."""

    def own(self, card: Card, kiosk: Kiosk) -> tuple[str, int, str]:
        """(word, slot, step to go on from) for a record in doubt."""

    def offer(self, card: Card) -> tuple[str, int]:
        """(word, slot) for a card that no record of this kiosk is about."""

    def written(self, card: Card, kiosk: Kiosk) -> Card:
        """The card after the kiosk's present step."""

    def finished(self, card: Card) -> Card:
        """The card after the commit of another's purchase."""

    def walk(self, world: World, value: int, first: int, newest: int) -> tuple[tuple[int, frozenset[Told]], ...]:
        """(slot, verified records that prove it) for each slot that HQ may order this value into, by any part of the rows. `newest`: the
        serial that HQ takes for the newest card."""

    def carried(self, world: World) -> tuple[tuple[int, int, Tag | None], ...]:
        """(slot, value, tag) that a replacement card may carry, if every row is here."""


def beginning(setting: Setting) -> World:
    """A card in use, or an open card before its first recharge."""
    card = Card(0, 1, 0, 0, None, None) if setting.first else Card(0, 1, 1, 0, None, 1)
    fresh = World((card,), None, (IDLE,) * max(setting.kiosks, 2), 0, opened=False, bound=None)
    return fresh if setting.first else fresh._replace(metered=1, opened=True, bound=0)


def with_card(world: World, card: Card) -> World:
    """The world with this card in place of the one of its serial."""
    return world._replace(cards=tuple(card if old.serial == card.serial else old for old in world.cards))


def with_kiosk(world: World, i: int, kiosk: Kiosk) -> World:
    """The world with this kiosk at place i."""
    return world._replace(kiosks=(*world.kiosks[:i], kiosk, *world.kiosks[i + 1 :]))


def with_row(world: World, row: Row) -> World:
    """The world with one row more."""
    return world if row in world.rows else world._replace(rows=world.rows | {row})


# ---------------------------------------------------------------- the meter


def into_meter(world: World, card: Card) -> World:
    """The decision table, line by line; what is refused without a word changes nothing."""
    ahead = card.bought - world.metered
    if world.opened and card.kind == 2 and card.serial != world.bound:
        return world  # ERR-33
    if not world.opened and card.kind != 1:
        return world  # ERR-34
    if card.kind == 1 and card.bought > 1:
        return world  # ERR-34
    if ahead == 1 and card.taken is None:
        credited = (*world.credited, card.value)
        world = world._replace(metered=card.bought, opened=True, bound=card.serial, credited=credited)
        return with_card(world, card._replace(taken=card.bought))
    if ahead == 0 and card.taken is not None and card.kind != 2 and card.serial != world.bound:
        return world  # ERR-33
    if ahead <= 0 and card.kind != 2:
        world = world._replace(opened=True, bound=card.serial)
    return with_card(world, card._replace(taken=world.metered))


def at_meter(setting: Setting, world: World, card: Card) -> Iterator[World]:
    """In and out; or pulled while the meter writes the return file."""
    after = into_meter(world, card)
    yield after._replace(inside=None)
    if setting.torn and after is not world:
        written = next(c for c in after.cards if c.serial == card.serial)
        yield with_card(after, written._replace(taken=TORN))._replace(inside=None)


# ---------------------------------------------------------------- a kiosk


def at_kiosk(setting: Setting, machines: Machines, world: World, i: int, card: Card) -> Iterator[World]:
    """Everything that can follow when this card is in kiosk i."""
    kiosk = world.kiosks[i]
    if kiosk.step not in (IDLE_STEP, DOUBT):
        yield from writing(setting, machines, world, i, card)
        return
    if card.tag and card.taken not in (None, TORN) and card.taken is not None and card.taken >= card.bought:
        world = with_row(world, Told("read", card.tag, card.bought, card.serial))
    yield world._replace(inside=None)  # the customer leaves
    if kiosk.step == DOUBT:
        if card.serial == kiosk.serial:
            yield from in_doubt(machines, world, i, card)
        return
    yield from buying(setting, machines, world, i, card)


def in_doubt(machines: Machines, world: World, i: int, card: Card) -> Iterator[World]:
    """The card of a doubtful record is back."""
    kiosk = world.kiosks[i]
    word, n, step = machines.own(card, kiosk)
    if word == "landed":
        yield with_row(with_kiosk(world, i, IDLE), Told("verified", kiosk.tag, kiosk.n, card.serial))
    elif word == "foreign":
        yield finish(machines, world, card)
    elif word == "spent":
        yield with_kiosk(world, i, IDLE)  # a claim, HQ's to settle
    elif word in ("resume", "never"):
        assert kiosk.tag is not None
        yield with_kiosk(world, i, kiosk._replace(step=step, n=n, tag=(kiosk.tag[0], n)))


def finish(machines: Machines, world: World, card: Card) -> World:
    """Another machine's purchase is committed without being asked."""
    return with_row(with_card(world, machines.finished(card)), Told("verified", card.tag, card.bought, card.serial))


def buying(setting: Setting, machines: Machines, world: World, i: int, card: Card) -> Iterator[World]:
    """A customer with money, or with an order."""
    word, n = machines.offer(card)
    if word == "foreign":
        yield finish(machines, world, card)
    if word != "ready":
        return

    def begin(paid: World, value: int, name: Name) -> World:
        first = machines.steps[0]
        return with_row(with_kiosk(paid, i, Kiosk(first, n, value, (name, n), card.serial, setting.undo)), Wrote((name, n), n, value))

    begun = len({row.tag for row in world.rows if isinstance(row, Wrote) and isinstance(row.tag[0], int)})
    if len(world.values) < setting.values and begun < setting.sales:
        value = len(world.values) + 1
        yield begin(world._replace(values=(*world.values, value)), value, begun + 1)
    for value, slot in world.orders:
        if slot == n:
            yield begin(world, value, f"order {value}")


def writing(setting: Setting, machines: Machines, world: World, i: int, card: Card) -> Iterator[World]:
    """The write in hand: done, torn before its effect, after it, or within."""
    kiosk = world.kiosks[i]
    after = machines.written(card, kiosk)
    doubt = with_kiosk(world, i, kiosk._replace(step=DOUBT, fresh=False))._replace(inside=None)
    following = machines.steps[machines.steps.index(kiosk.step) + 1 :]
    done = with_card(world, after)
    if following:
        yield with_kiosk(done, i, kiosk._replace(step=following[0]))
    else:
        verified = with_row(with_kiosk(done, i, IDLE), Told("verified", kiosk.tag, kiosk.n, card.serial))
        clean = kiosk.fresh and kiosk.tag and isinstance(kiosk.tag[0], int)
        yield with_row(verified, Told("clean", kiosk.tag, kiosk.n, card.serial)) if clean else verified
    yield doubt
    yield with_card(doubt, after)
    if setting.torn and (after.bought, after.value) != (card.bought, card.value):
        for bought in (LOW, 0, HIGH, kiosk.n):
            yield with_card(doubt, after._replace(bought=bought, value=GARBAGE))
    if setting.torn and after.taken != card.taken:
        yield with_card(doubt, after._replace(taken=TORN))
