"""May I, and how much: every limit that needs no HQ, from one frozen `Allowed`.

Each rule carries its number in docs/failures.md "Offline risk rules". A hard limit is the meter's or the card's own and is never passed;
a soft one is ours: notes that would pass it go back from escrow, a coin already falling is vended.
"""

import msgspec

from kiosk.vend.card.reading import Reading


class Allowed(msgspec.Struct, frozen=True):
    """What a kiosk may do by itself, minor units. A config file only lowers it."""

    sale_max_minor: int = 500_00  # rule 4
    day_max_minor: int = 1_000_00  # rule 4, a card and business day
    day_max_sales: int = 2  # rule 4
    hoard_minor: int = 1_000_00  # the meter refuses a card that would lift its balance above this (ERR-36)
    wallet_minor: int = 999_999_99  # the most that a purchase may carry
    notes: tuple[int, ...] = (10_00, 20_00, 50_00, 100_00)
    coins: tuple[int, ...] = (1_00,)


class DayOfCard(msgspec.Struct, frozen=True):
    """What this kiosk sold to one card on one business day."""

    date: str = ""
    sales: int = 0
    tender_minor: int = 0


class Room(msgspec.Struct, frozen=True):
    """How much money a sale may take in: the tightest limit and its name, and the hard limit."""

    minor: int
    rule: str  # sale | day | hoard | wallet
    hard_minor: int


def room(allowed: Allowed, reading: Reading, day: DayOfCard, date: str) -> Room:
    """The room of a new sale on this card today. All of a tender is counted as if it went to the meter: fees only make it safer."""
    today = day.tender_minor if day.date == date else 0
    hard = {"hoard": allowed.hoard_minor - (reading.balance_minor or 0), "wallet": allowed.wallet_minor}
    soft = {"sale": allowed.sale_max_minor, "day": allowed.day_max_minor - today}
    rule, minor = min({**soft, **hard}.items(), key=lambda item: item[1])
    return Room(max(minor, 0), rule, max(min(hard.values()), 0))


def refusal(allowed: Allowed, reading: Reading, day: DayOfCard, date: str) -> str | None:
    """Why no sale may open on this card today, or None: day | hoard."""
    if day.date == date and day.sales >= allowed.day_max_sales:
        return "day"
    space = room(allowed, reading, day, date)
    smallest = min((*allowed.notes, *allowed.coins), default=0)
    if space.minor < smallest or not smallest:
        return "hoard" if space.rule in ("hoard", "wallet") else "day"
    return None


def notes_that_fit(allowed: Allowed, left_minor: int) -> tuple[int, ...]:
    """Denominations that may still come in."""
    return tuple(note for note in allowed.notes if note <= left_minor)


def coins_that_fit(allowed: Allowed, left_minor: int, hard_left_minor: int) -> tuple[int, ...]:
    """Coins stop three largest coins before the hard limit: that many may be falling when the gate shuts."""
    if hard_left_minor < 3 * max(allowed.coins, default=0):
        return ()
    return tuple(coin for coin in allowed.coins if coin <= left_minor)
