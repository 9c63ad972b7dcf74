"""What becomes of a tender by the tariff's terms, worked out apart from the product: the fee first, then old debt, the rest is credit.

Both shares are rounded down, so that the odd cent is the customer's. No tax is taken today.
"""

from typing import NamedTuple


class Split(NamedTuple):
    """Minor units; they add up to the tender."""

    fees: int
    debt: int
    cards: int


class Terms(NamedTuple):
    """A flat tariff as its utility has written it down. `price`: for one kWh, in ten-thousandths of the currency's major unit."""

    fee_minor: int = 5_00
    fee_pct: int = 50
    debt_pct: int = 50
    price: int = 5800
    exponent: int = 2

    def split(self, tender_minor: int, debt_minor: int = 0) -> Split:
        """Where a tender goes, of a customer who owes so much."""
        fees = min(self.fee_minor, tender_minor * self.fee_pct // 100)
        debt = min(debt_minor, (tender_minor - fees) * self.debt_pct // 100)
        return Split(fees, debt, tender_minor - fees - debt)

    def energy_wh(self, minor: int) -> int:
        """The energy of so much credit at this price, cut to hundredths of a kWh, in watt-hours."""
        major: int = 10**self.exponent
        return minor * 100 * 10_000 // (self.price * major) * 10
