"""A line of text that somebody else wrote and a customer will read: letters, figures, marks and plain spaces, in bounded columns.

Whatever could move a cursor, turn the order of what stands beside it (Unicode's bidirectional controls), hide, or pile up on a letter is no
text here. The kinds are Unicode's general categories (UAX #44), the columns those of East Asian width (UAX #11).
"""

import unicodedata

_KINDS = ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sc", "Sm")
MARKS_MAX = 2  # on one letter


def fault(text: str, cells: int) -> str:
    """What is wrong with it, as the end of a sentence about it; "" where nothing is."""
    if not text or text != text.strip() or "  " in text:
        return "is empty, or has spaces where none belong"
    if any(sign != " " and unicodedata.category(sign) not in _KINDS for sign in text):
        return "has a character that is no letter, figure or mark"
    if unicodedata.normalize("NFC", text) != text or _piled(text):
        return "has marks that do not belong to a letter"
    if columns(text) > cells:
        return f"has more than {cells} columns"
    return ""


def columns(text: str) -> int:
    """In how many columns of a terminal or a paper it stands."""
    return sum(0 if unicodedata.category(sign) == "Mn" else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _piled(text: str) -> bool:
    run = 0
    for place, sign in enumerate(text):
        run = run + 1 if unicodedata.category(sign) == "Mn" else 0
        if run > MARKS_MAX or (run and not place):
            return True
    return False
