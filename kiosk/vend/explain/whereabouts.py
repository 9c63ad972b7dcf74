"""What one machine can know of where a record is: the set of all that its rows allow, and how each row narrows or widens it.

The record is in one of five states. Writing goes from the first to the third, the meter and other machines do the rest out of sight:

    unwritten   nothing of it can be credited: the money is in the cash box
    half        marked, not released: the meter refuses it, any machine with the key finishes it
    card        released: the meter takes it next
    meter       taken
    gone        another record took the slot: this one is never credited

A reading says which states are possible at that moment (the judge's rows, read backwards). Two things make it weaker than it looks: a card
that was away may have been in its meter or in another machine, and a meter whose write is torn leaves what stood there before.
"""

from collections.abc import Mapping
from enum import StrEnum

from kiosk.vend.card.reading import Word
from kiosk.vend.facts import CardPresented, WriteStarted


class State(StrEnum):
    """Of one record."""

    UNWRITTEN = "unwritten"
    HALF = "half"
    CARD = "card"
    METER = "meter"
    GONE = "gone"


Known = frozenset[State]
UNWRITTEN, HALF, CARD, METER, GONE = (frozenset({state}) for state in State)
ALL: Known = frozenset(State)
OWED = UNWRITTEN | GONE  # in the cash box, whatever happens
GIVEN = CARD | METER  # the customer's, whatever happens
DISBELIEVED = (  # a card that was refused for this proves nothing
    "unproven", "foreign_utility", "foreign_region", "other_meter", "other_customer", "went_back",
)  # fmt: skip
_TO: Mapping[State, Known] = {
    State.UNWRITTEN: OWED,  # another purchase may take the slot
    State.HALF: ALL,  # finished by another machine, or marked over where its wallet was torn
    State.CARD: GIVEN,
    State.METER: METER,
    State.GONE: GONE,
}


def away(known: Known) -> Known:
    """The card was out of sight."""
    return frozenset().union(*(_TO[state] for state in known))


def written(known: Known, word: str, *, due: bool) -> Known:
    """What the machine itself may have done after a reading with this word; `due`: this record is the one it would write."""
    if State.HALF in known and word in (Word.RESUME, Word.FOREIGN, Word.NEVER):
        known |= UNWRITTEN | CARD
    if State.UNWRITTEN in known and due and word == Word.NEVER:
        known |= HALF | CARD
    return known


def narrowed(known: Known, allowed: Known) -> Known:
    """Both hold. Where that is impossible (two records with one tag, a replaced card) nothing is known."""
    return known & allowed or ALL


def verified(known: Known) -> Known:
    """The machine read its record back, released; a meter whose write was torn may have taken it before, one whose was not has."""
    return METER if known == METER else CARD | (known & METER)


def beside(n: int, other: int) -> Known:
    """Another record was seen released on this card in slot `other`."""
    return OWED if other == n else METER | GONE if other > n else ALL


def by_reading(seen: CardPresented, n: int, record: WriteStarted | None) -> Known:
    """The states that this reading leaves possible for a purchase in slot `n`; `record` is None as long as nothing was ever begun."""
    if not believed(seen, record):
        return ALL
    if record and seen.tag == record.tag:
        return _ours(seen, record)
    if seen.taken == n - 1 or (seen.taken is None and n == 1 and seen.word in (Word.READY, Word.NEVER)):
        return UNWRITTEN
    fits, here = seen.fits, seen.count == n
    if seen.taken is not None and seen.taken >= n:
        return GONE if here and fits else METER | GONE
    if seen.taken is None and fits:
        return OWED if here else METER | GONE if seen.count > n else ALL
    return ALL


def believed(seen: CardPresented, record: WriteStarted | None) -> bool:
    """Authentic, not refused for what it is, of the record's meter; and not a row from before readings named their tag."""
    if not seen.authentic or (seen.word == Word.REFUSED and seen.why in DISBELIEVED):
        return False
    if record and seen.meter not in ("", record.meter):
        return False
    return seen.tag is not None or seen.word not in (Word.RESUME, Word.LANDED, Word.FOREIGN)


def _ours(seen: CardPresented, record: WriteStarted) -> Known:
    whole = (seen.count, seen.amount_minor) == (record.n, record.amount_minor)
    released = seen.taken is None and seen.word in (Word.LANDED, Word.UNTAKEN)
    torn = seen.taken is None and seen.word in (Word.RESUME, Word.UNREADABLE)
    if not whole:
        return HALF if torn or seen.taken == record.n - 1 else ALL
    if seen.taken is not None and seen.taken >= record.n:
        return METER
    if released:
        return GIVEN
    return HALF | METER if torn or seen.taken == record.n - 1 else ALL
