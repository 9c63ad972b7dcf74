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


def digit(digits: str) -> str:
    """The check digit over decimal digits; of digits with a true check digit behind them it is "0"."""
    interim = 0
    for character in digits:
        interim = int(_QUASIGROUP[interim][int(character)])
    return str(interim)


def purchase_number(n: int) -> str:
    """A purchase count as people see it: `18-2`."""
    return f"{n}-{digit(str(n))}"
