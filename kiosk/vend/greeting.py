"""By which name a customer is greeted: a mask that the head office made, found by a reference to the customer. No name, and in no fact.

The reference is the first 8 bytes of SHA-256 over a label, the utility and the customer number on the card. It keeps numbers out of the
list, not out of the reach of whoever tries them all: so the list is boxed to its kiosk, and lies on no other disk.
"""

import hashlib
from typing import ClassVar

from kiosk.vend.facts import RoomFact

MASK_CELLS = 24
HIDDEN = "*"


class PersonsInstalled(RoomFact, frozen=True):
    """Another list of masks is here. `digest`: SHA-256 of its body, hex; whom it names is in no journal."""

    epoch: int
    version: int
    digest: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


def reference(utility: int, customer: str) -> str:
    """16 hex digits for a customer number of 12 digits."""
    return hashlib.sha256(b"kvb1 subject\0" + utility.to_bytes(4) + customer.encode("ascii", "replace")).digest()[:8].hex()


def masked(name: str) -> str:
    """`Amina Kato` -> `A*** K***`: the first letter of each word, of at most three."""
    return " ".join(word[0] + HIDDEN * 3 for word in name.split()[:3])
