"""What a terminal's own book says about a payment of which we do not know the end. Pure.

A terminal remembers its last transaction and says it again (06 20). As long as one of ours is unknown no other is begun, so that it is
either the last one or was never made. The number of the receipt before it decides where the amount alone would not: somebody else may
have paid the same just now.
"""

import msgspec

from kiosk.devices.zvt.codes import APPROVED
from kiosk.devices.zvt.messages import StatusInfo

EMPTY = "0000"  # in place of a receipt number: the book has none


class Sought(msgspec.Struct, frozen=True):
    """A payment in doubt. `receipt`: its own number, where the terminal had said one; `before`: the number before it, "" where nobody
    knows."""

    amount_minor: int
    receipt: str = ""
    before: str = ""


def found(sought: Sought, last: StatusInfo | None) -> str:
    """final | reversed | none | unknown. `last`: the book's last transaction; None: the book is empty."""
    gone = "reversed" if sought.receipt else "none"
    if last is None:
        return gone if sought.before == EMPTY else "unknown"
    if sought.before and last.receipt == sought.before:
        return gone
    if last.original:  # a reversal with a number of its own: of ours, unless it is older than ours
        return "reversed" if last.amount_minor == sought.amount_minor and sought.before else "unknown"
    if sought.receipt and last.receipt != sought.receipt:
        return "unknown"
    if last.result != APPROVED:
        return gone
    if sought.receipt:
        return "final"  # whatever its amount
    return "final" if last.receipt and sought.before and last.amount_minor == sought.amount_minor else "unknown"
