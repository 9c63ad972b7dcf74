"""Who lives where, and what is still owed there from before the card."""

from random import Random

DEBTS = (0, 0, 7_31, 80_00, 400_00)
FIRST_METER, FIRST_CUSTOMER = 12345600, 98765400


def meter_of(place: int) -> str:
    """A home's meter."""
    return f"{FIRST_METER + place:012d}"


def customer_of(meter: str) -> str:
    """Whose it is."""
    return f"{int(meter) - FIRST_METER + FIRST_CUSTOMER:012d}"


def debts(seed: int, homes: int) -> dict[str, int]:
    """By meter, minor units; with chance of its own."""
    chance = Random(f"old debts {seed}")
    return {meter_of(place): chance.choice(DEBTS) for place in range(homes)}
