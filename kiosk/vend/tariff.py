"""Price lines: ordered, rounded by rule, and on a money card summing to the tender exactly.

The order of deductions is fee, old debt, then what goes to the card. Every percentage is rounded down, so that the odd cent is the
customer's. Neither fee nor debt ever takes everything: each tender, however small, puts something on the card, and no coin is stuck.
"""

from decimal import Decimal

import msgspec

from kiosk.vend.facts import PriceLine, Quote
from kiosk.vend.money import energy_wh, plain, share


class Tariff(msgspec.Struct, frozen=True):
    """A flat tariff. `debts` is HQ's list of what customers still owe, by customer number."""

    id: str = "flat/1"
    price: str = "0.5800"  # major units per kWh
    fixed_fee_minor: int = 5_00
    fee_share_pct: int = 50  # the most of a tender that the fee may take
    debt_share_pct: int = 50  # the most of what is left that old debt may take
    debts: dict[str, int] = {}
    until_ms: int = 0  # rule 9: from then on nothing is sold at it; 0 where it has no end


def bill(quote: Quote, tender_minor: int) -> tuple[PriceLine, ...]:
    """The lines of a sale at this tender, by the terms that it opened with. Lines that would be zero are left out, except TO CARD."""
    fee = min(quote.fixed_fee_minor, share(tender_minor, quote.fee_share_pct))
    debt = min(quote.debt_minor, share(tender_minor - fee, quote.debt_share_pct))
    to_card = tender_minor - fee - debt
    lines = (
        PriceLine("fixed_fee", fee, summed=True, basis=tender_minor, rate=plain(quote.fixed_fee_minor, quote.exponent)),
        PriceLine("old_debt", debt, summed=True, basis=quote.debt_minor, rate="1", left_minor=quote.debt_minor - debt),
    )
    wh = energy_wh(to_card, Decimal(quote.price), quote.exponent)
    return (
        *(line for line in lines if line.amount_minor),
        PriceLine("to_card", to_card, summed=True, basis=tender_minor, rate="1"),
        PriceLine("energy", to_card, summed=False, basis=wh, rate=quote.price),
    )


def amount_of(lines: tuple[PriceLine, ...], code: str) -> int:
    """The amount of the line with this code, 0 where there is none."""
    return next((line.amount_minor for line in lines if line.code == code), 0)


def to_card_minor(lines: tuple[PriceLine, ...]) -> int:
    """What is written into the wallet."""
    return amount_of(lines, "to_card")
