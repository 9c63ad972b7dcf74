"""The Damm check digit: finds every single wrong digit and every two neighbours that changed places.

Source: H. M. Damm, "Total anti-symmetrische Quasigruppen" (2004); the usual quasigroup of order 10.
It guards the numbers that people read to each other: the purchase number on receipts, the transfer code.
"""

_QUASIGROUP = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)

LONGEST = 10  # digits of a purchase count: four bytes


def digit(digits: str) -> str:
    """The check digit over decimal digits; of digits with a true check digit behind them it is "0"."""
    interim = 0
    for character in digits:
        interim = int(_QUASIGROUP[interim][int(character)])
    return str(interim)


def purchase_number(n: int) -> str:
    """A purchase count as people see it: `18-2`."""
    return f"{n}-{digit(str(n))}"


def purchase_of(said: str) -> int | None:
    """The count of a purchase number, `18-2`; None for a wrong check digit and for what is none."""
    count, dash, check = said.strip().partition("-")
    if not dash or not 1 <= len(count) <= LONGEST or not (count.isascii() and count.isdecimal() and check.isascii() and check.isdecimal()):
        return None
    return int(count) if digit(count) == check and str(int(count)) == count else None
