"""The price list that the head office sent: which tariff is in force when. It begins with today's and says the next ones ahead.

A sale keeps the tariff of the moment in which it opened: its terms are frozen in the quote. When the last tariff of the list has ended,
nothing is sold (rule 9); the file's own tariff serves only where there never was a list.
"""

from decimal import Decimal
from itertools import pairwise
from typing import ClassVar

import msgspec

from kiosk.vend.facts import RoomFact
from kiosk.vend.tariff import Tariff

LEAP = 10  # a price that becomes so many times as much, or as little, at once is a slip of somebody's finger


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tariff and its time, from `from_ms` until just before `until_ms`. `id`: a name and its number, "home/7"; it never gets other
    terms. `price`: major units per kWh, 4 places; shares in whole per cent."""

    id: str
    price: str
    fixed_fee_minor: int
    from_ms: int
    until_ms: int
    fee_share_pct: int = 50
    debt_share_pct: int = 50


class TariffInstalled(RoomFact, frozen=True):
    """The price list from here on, whole, because money depends on it; its periods follow each other without a hole."""

    epoch: int
    version: int
    currency: str
    periods: tuple[Period, ...]
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


def in_force(own: Tariff, sent: TariffInstalled | None, at_ms: int) -> Tariff:
    """The tariff of that moment; `until_ms` is the end of the whole list. After the end it is the last one: nothing is sold at it."""
    if sent is None:
        return own
    now = next((each for each in sent.periods if at_ms < each.until_ms), sent.periods[-1])
    return msgspec.structs.replace(
        own,
        id=now.id,
        price=now.price,
        fixed_fee_minor=now.fixed_fee_minor,
        fee_share_pct=now.fee_share_pct,
        debt_share_pct=now.debt_share_pct,
        until_ms=sent.periods[-1].until_ms,
    )


def coming(sent: TariffInstalled | None, at_ms: int) -> Period | None:
    """The next tariff that is known ahead."""
    return next((each for each in sent.periods if each.from_ms > at_ms), None) if sent else None


def leap(before: TariffInstalled | None, after: TariffInstalled) -> tuple[str, str] | None:
    """Two prices, one after the other, of which no one can be meant; the first list is measured by itself alone."""
    prices = [each.price for each in (*(before.periods[-1:] if before and before.currency == after.currency else ()), *after.periods)]
    for one, other in pairwise(prices):
        low, high = sorted((Decimal(one), Decimal(other)))
        if high > LEAP * low:
            return one, other
    return None
