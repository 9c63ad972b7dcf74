"""Money: integers of the minor unit, and the few ways they are split and shown.

No float ever holds money. Energy is a `Decimal` of kWh with two places.
"""

from decimal import ROUND_DOWN, Decimal

import msgspec


class Currency(msgspec.Struct, frozen=True):
    """An ISO 4217 currency: alphabetic code, numeric code, digits after the point."""

    code: str
    numeric: int
    exponent: int = 2


CNY = Currency("CNY", 156, 2)
CURRENCIES = {
    currency.code: currency
    for currency in (
        CNY,
        Currency("EUR", 978, 2),
        Currency("KES", 404, 2),
        Currency("TZS", 834, 2),
        Currency("UGX", 800, 0),
        Currency("XAF", 950, 0),
    )
}


def plain(amount_minor: int, exponent: int = 2) -> str:
    """`15000` -> `150.00`: digits, a point, no grouping and no symbol (receipts, logs)."""
    sign, digits = ("-" if amount_minor < 0 else ""), str(abs(amount_minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else sign + digits


def share(amount_minor: int, percent: int) -> int:
    """`percent` of an amount, rounded down to the minor unit: a deduction never takes the odd cent."""
    return amount_minor * percent // 100


def energy_wh(amount_minor: int, price: Decimal, exponent: int = 2) -> int:
    """What an amount buys at `price` (major units per kWh), in watt-hours, truncated to 0.01 kWh (facts/tariffs 4.1, 10)."""
    kwh = Decimal(amount_minor).scaleb(-exponent) / price
    return int(kwh.quantize(Decimal("0.01"), ROUND_DOWN).scaleb(3))
