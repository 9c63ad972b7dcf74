"""That somebody can be reached, and that somebody was forgotten: facts that name a random reference, and never who it is.

The person stands in a side table (`persons`) under that reference. It is drawn by lot and computed from nothing, so no number that anybody
knows leads to it; when the table's row is gone the reference stands for nobody, and every hash and every sum is as before.
"""

from typing import ClassVar

from kiosk.vend.facts import Fact, RoomFact, SaleFact


class ContactLeft(SaleFact, frozen=True):
    """Whoever paid in this sale can be reached: who that is, is kept apart until `until_ms`. `subject`: 16 random hex digits."""

    subject: str
    until_ms: int


class PersonErased(Fact, frozen=True):
    """Nobody stands behind this reference here any more. `why`: expired | asked (at this machine) | office |
    texted (a text message's number, which is of no more use)."""

    subject: str
    why: str
    barrier: ClassVar[bool] = True


class ErasuresInstalled(RoomFact, frozen=True):
    """Another list of references that the head office has erased is here. `digest`: SHA-256 of its body, hex."""

    epoch: int
    version: int
    digest: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"
