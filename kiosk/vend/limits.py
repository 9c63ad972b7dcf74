"""May I, and how much: every limit that needs no HQ, from one frozen `Allowed`; and the float that HQ granted.

Each rule carries its number in docs/failures.md "Offline rules". A hard limit is the meter's or the card's own and is never passed;
a soft one is ours: notes that would pass it go back from escrow, a coin already falling is vended.
"""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from kiosk.vend.card.reading import Reading

NINETY_DAYS_H = 90 * 24
CEILINGS = {  # no signature raises these further; above the sale's the vault makes no MAC, and money would be in that no card can take
    "offline_stop_h": NINETY_DAYS_H, "hotlist_stop_h": NINETY_DAYS_H, "sale_max_minor": 500_00, "code_max_minor": 500_00,
}  # fmt: skip
GRANTS_KEPT = 16
COINS_FALLING = 8  # more than can be in the channel when the gate shuts


class Allowed(msgspec.Struct, frozen=True):
    """What a kiosk may do by itself, minor units. What the head office signs takes its place, name by name; a config file only lowers."""

    sale_max_minor: int = 500_00  # rule 4
    day_max_minor: int = 1_000_00  # rule 4, a card and business day
    day_max_sales: int = 2  # rule 4
    hoard_minor: int = 1_000_00  # the meter refuses a card that would lift its balance above this (ERR-36)
    wallet_minor: int = 999_999_99  # the most that a purchase may carry
    code_max_minor: int = 200_00  # a transfer code that no list has; one that is listed may be as large as a sale
    code_generation_min: int = 0  # codes of older generations are worth nothing: the office closed them
    notes: tuple[int, ...] = (10_00, 20_00, 50_00, 100_00)
    coins: tuple[int, ...] = (1_00,)
    float_warn_minor: int = 5_000_00  # rule 1
    card_warn_sales: int = 3  # rule 5, a card since the head office was last heard
    card_max_sales: int = 5
    offline_warn_h: int = 24  # rule 6
    offline_low_h: int = 72
    offline_stop_h: int = 168
    hotlist_warn_h: int = 48  # rule 7
    hotlist_stop_h: int = 168
    unacked_max: int = 100_000  # rule 18, journal rows
    branch_per_mille: int = 0  # rule 27, of all sales: so many are asked to show their card at the office
    stop: int = 0  # rule 28: 1 ends all trade until a later list says 0

    @property
    def smallest(self) -> int:
        """The least money that can come in; 0 where none can."""
        return min((*self.notes, *self.coins), default=0)


def in_force(allowed: Allowed, signed: Mapping[str, int], lowers: Mapping[str, int]) -> Allowed:
    """The signed values in place of the built-in ones, under their ceilings; a name that is not known here is for newer software.

    The file's values last, each only where it is lower.
    """
    if not signed and not lowers:
        return allowed
    known = {name for name in allowed.__struct_fields__ if isinstance(getattr(allowed, name), int)}
    said = {name: min(value, CEILINGS.get(name, value)) for name, value in signed.items() if name in known}
    allowed = replace(allowed, **said)
    return replace(allowed, **{name: min(value, getattr(allowed, name)) for name, value in lowers.items() if name in known})


def lowered(allowed: Allowed) -> Allowed:
    """What is left of it where the head office has been silent for long (rule 6): half the money, one sale."""
    return replace(allowed, sale_max_minor=allowed.sale_max_minor // 2, day_max_minor=allowed.day_max_minor // 2, day_max_sales=1)


def written_max_minor() -> int:
    """The most that any sale's record carries, and any vault makes a MAC for: what the head office allows, not what this machine's file
    lowers it to, because an older claim may be larger; and coins that were falling already."""
    allowed = Allowed()
    return allowed.sale_max_minor + COINS_FALLING * max(allowed.coins)


def drawn(sale: str, per_mille: int) -> bool:
    """Is it this one that is asked to the office? A sale's name is random, so nobody knows before, and every replay draws the same."""
    return int(sale, 16) % 1000 < per_mille


# ---------------------------------------------------------------- a card


class DayOfCard(msgspec.Struct, frozen=True):
    """What this kiosk sold to one card on one day of limits (`risk.day`)."""

    date: str = ""
    sales: int = 0
    tender_minor: int = 0


class Room(msgspec.Struct, frozen=True):
    """How much money a sale may take in: the tightest limit and its name, and the hard limit."""

    minor: int
    rule: str  # sale | day | hoard | wallet | float
    hard_minor: int


def room(allowed: Allowed, reading: Reading, day: DayOfCard, date: str, float_minor: int | None = None) -> Room:
    """The room of a new sale on this card today. All of a tender is counted as if it went to the meter: fees only make it safer.

    `float_minor`: what may still be sold in all (rule 1), None where there is no such limit.
    """
    today = day.tender_minor if day.date == date else 0
    hard = {"hoard": allowed.hoard_minor - (reading.balance_minor or 0), "wallet": allowed.wallet_minor}
    soft = {"sale": allowed.sale_max_minor, "day": allowed.day_max_minor - today}
    if float_minor is not None:
        soft["float"] = float_minor
    rule, minor = min({**soft, **hard}.items(), key=lambda item: item[1])
    return Room(max(minor, 0), rule, max(min(hard.values()), 0))


def refusal(allowed: Allowed, space: Room, day: DayOfCard, date: str, sales_since_heard: int) -> str | None:
    """Why no sale may open on this card today, or None: day | hoard | float | often."""
    if day.date == date and day.sales >= allowed.day_max_sales:
        return "day"
    if sales_since_heard >= allowed.card_max_sales:
        return "often"
    if space.minor < allowed.smallest or not allowed.smallest:
        return {"wallet": "hoard", "sale": "day"}.get(space.rule, space.rule)
    return None


def notes_that_fit(allowed: Allowed, left_minor: int) -> tuple[int, ...]:
    """Denominations that may still come in."""
    return tuple(note for note in allowed.notes if note <= left_minor)


def coins_that_fit(allowed: Allowed, left_minor: int, hard_left_minor: int) -> tuple[int, ...]:
    """Coins stop three largest coins before the hard limit: that many may be falling when the gate shuts."""
    if hard_left_minor < 3 * max(allowed.coins, default=0):
        return ()
    return tuple(coin for coin in allowed.coins if coin <= left_minor)


# ---------------------------------------------------------------- the float


class Grant(msgspec.Struct, frozen=True):
    """One signed grant; `left_minor` below 0 where a coin fell that it no longer had room for."""

    number: int
    left_minor: int
    until_ms: int


class Float(msgspec.Struct, frozen=True):
    """All money that ever came in through sales, and what is left of the grants, oldest first. Before the first one nothing is spent."""

    taken_minor: int = 0
    grants: tuple[Grant, ...] = ()

    @property
    def whole_minor(self) -> int | None:
        """What is left of all grants, ended or not; None where there never was one."""
        return sum(one.left_minor for one in self.grants) if self.grants else None

    def left_minor(self, at_ms: int) -> int:
        """What may still be sold at that time: a grant that has ended is worth nothing, a debt on one remains."""
        return sum(min(one.left_minor, 0) if one.until_ms <= at_ms else one.left_minor for one in self.grants)


def granted(held: Float, grant: Grant) -> Float:
    """One more grant; what is spent or has the newest sixteen after it is forgotten."""
    worth = tuple(one for one in held.grants if one.left_minor)
    return replace(held, grants=(*worth, grant)[-GRANTS_KEPT:])


def spent(held: Float, amount_minor: int, at_ms: int) -> Float:
    """Money came in: the oldest grant that holds pays first, and the newest for what none has."""
    left, grants = amount_minor, list(held.grants)
    for place, one in enumerate(grants):
        last = place == len(grants) - 1
        part = left if last else max(min(left, one.left_minor), 0) if one.until_ms > at_ms else 0
        grants[place] = replace(one, left_minor=one.left_minor - part)
        left -= part
    return Float(held.taken_minor + amount_minor, tuple(grants))
