"""A number is typed: its field where 1 2 3 stand, ten digits below. Who it is and the PIN are dots, a bag or a receipt can be read."""

from kiosk.screens.canvas import Piece, Target, plane, width_of
from kiosk.screens.hands import digit_pieces
from kiosk.screens.scene import DIGIT, PAD, Key
from kiosk.screens.staff.plan import Plan
from kiosk.screens.staff.speech import Speech
from kiosk.vend.staff import Field

HIDDEN = ("operator", "second")  # numbers of people: nobody reads them over a shoulder
DOT, BLANK = "*", "_"
MOST_BLANKS = 12  # more would say how long a number may be, and not how long it is


def hidden(field: Field) -> bool:
    """Are dots shown?"""
    return field.secret or field.name.key in HIDDEN


def entry(field: Field, typed: int, digits: str, say: Speech, plan: Plan) -> tuple[list[Piece], list[Target]]:
    """The field with its `typed` digits, which are `digits` unless they are hidden, and what may be typed now."""
    size, top = plan.size, plan.options[0]
    shown = DOT * typed if hidden(field) else digits
    blanks = min(field.most, max(field.least, MOST_BLANKS)) - typed
    text = " ".join(shown + BLANK * max(blanks, 0))
    label = say.word("field", field.name)
    pieces = plane(top, size.margin, size.inner, 3, "tile")
    pieces.append(Piece(top + 1, size.margin + 2, label, ("ink", "tile", False)))
    x = max(size.margin + 2 + width_of(label) + 3, size.columns // 2 - width_of(text) // 2)
    pieces.append(Piece(top + 1, x, text, ("ink", "tile", True)))
    if typed == field.most:
        return pieces, []
    pad, targets = pad_of(plan, PAD)
    return pieces + pad, targets


def pad_of(plan: Plan, digits: str) -> tuple[list[Piece], list[Target]]:
    """These digits in their places."""
    pieces: list[Piece] = []
    targets = []
    for digit, place in zip(PAD, plan.digits(), strict=True):
        if digit in digits:
            pieces += digit_pieces(Key(digit, (digit,), DIGIT, digit), plan.size, place)
            targets.append(Target(*place, digit, DIGIT, digit))
    return pieces, targets
