"""The slot (meter, n): who may move a paid value out of it, and what a replacement card carries.

The slot is the lock that all offline machines share: whoever lands first wins, the others can never credit, so landing a value in its own
slot again is always safe. Moving it to another slot is safe only when a *different, known* record took its slot. Nothing that is missing
proves anything: not a row, not a card, not a machine. Therefore whoever holds only a part of the evidence can be slow, never wrong.

A value goes up from its first slot, one slot at a time, past each that is proved to be another's, and is ordered in the first that is
not (`home`). Where it comes to follows from the evidence alone. So an office that was restored and has forgotten its order makes it again
in the same slot, or in a lower one that is taken; it never makes a second one in a slot beyond.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from kiosk.vend.card.reading import Reading


class Slot(msgspec.Struct, frozen=True):
    """A meter's number and a purchase count."""

    meter: str
    n: int


class Entry(msgspec.Struct, frozen=True):
    """A record that was, or may have been, marked on a card (WriteStarted, or an order's own tag). `value` names the money behind it."""

    value: str
    meter: str
    n: int
    amount_minor: int
    tag: str


class Verified(msgspec.Struct, frozen=True):
    """A record that a machine saw ready for the meter on this card: CardVerified, ForeignSaleFinished or a signed receipt."""

    card: str
    meter: str
    n: int
    amount_minor: int
    tag: str


class Shown(msgspec.Struct, frozen=True):
    """What an authenticated reading showed."""

    card: str
    meter: str
    count: int
    amount_minor: int
    taken: int | None
    tag: str | None
    fits: bool


class Removed(msgspec.Struct, frozen=True):
    """The meter was taken away with this as its last purchase count: it can credit nothing any more."""

    meter: str
    count: int


Evidence = Verified | Shown | Removed


def shown(reading: Reading) -> Shown | None:
    """The reading as evidence; one that is not authenticated is none."""
    if not reading.authentic:
        return None
    return Shown(
        reading.serial, reading.meter, reading.count, reading.amount_minor, reading.taken, reading.tag, reading.fits and reading.agrees
    )


class Home(msgspec.Struct, frozen=True):
    """The slot that a value is ordered in. `proofs`: for each slot before it, in order, what shows that another record took it.

    `removed`: the meter was taken away before it took purchase n, so that the value has no slot in it at all.
    """

    n: int
    proofs: tuple[Verified | Shown, ...] = ()
    removed: Removed | None = None


def home(
    value: str, first: Slot, entries: Sequence[Entry], evidence: Iterable[Evidence], newest_card: str, *, kept: Collection[Verified] = ()
) -> Home:
    """Where the rule puts `value`, whose own sale or payment has the slot `first`. See `may_move` for the arguments."""
    told = list(evidence)
    n, proofs = first.n, list[Verified | Shown]()
    while proof := may_move(value, Slot(first.meter, n), entries, told, newest_card, kept=kept):
        if isinstance(proof, Removed):
            return Home(n, tuple(proofs), proof)
        proofs.append(proof)
        n += 1
    return Home(n, tuple(proofs))


def may_move(
    value: str, slot: Slot, entries: Sequence[Entry], evidence: Iterable[Evidence], newest_card: str, *, kept: Collection[Verified] = ()
) -> Evidence | None:
    """The proof that the slot can never credit `value`, or None while there is none.

    `entries` are all records known for this meter, `newest_card` its newest card's serial, `kept` the verified records that have served as
    proof. More evidence can only add a proof.
    """
    for item in evidence:
        if item.meter == slot.meter and proves(item, value, slot, entries, newest_card, kept=kept):
            return item
    return None


def proves(item: Evidence, value: str, slot: Slot, entries: Sequence[Entry], newest_card: str, *, kept: Collection[Verified] = ()) -> bool:
    """Does this one piece about the slot's meter say that another known record took the slot?

    A verified record on a card that has been replaced may never have met the meter; the replacement may bring another in its slot. One that
    has served as proof goes on proving, because every replacement since then carries a record of that slot or a later one (`carried`).
    A reading may show a count of the meter above the card's own: the card is a replacement, and the meter had gone on before. The record
    that it carries was taken all the same, because no card since the one on which it was verified was issued with an earlier record.
    """
    if isinstance(item, Removed):
        return item.count < slot.n
    if isinstance(item, Verified):
        holds = item.card == newest_card or item in kept
        return item.n == slot.n and holds and of_another(item.tag, item.amount_minor, value, slot, entries)
    return item.count == slot.n and names_taken(item) and of_another(item.tag, item.amount_minor, value, slot, entries)


def names_taken(item: Shown) -> bool:
    """The meter has taken what stands in the wallet, and the tag speaks of just that: a tag that does not fit is a later sale's mark."""
    return item.taken is not None and item.taken >= item.count and item.fits


def of_another(tag: str | None, amount_minor: int, value: str, slot: Slot, entries: Sequence[Entry]) -> bool:
    """The tag is of one known record in this slot, and that is not of `value`. Two values with one tag prove nothing for either."""
    wanted = (slot.meter, slot.n, tag, amount_minor)
    owners = {entry.value for entry in entries if (entry.meter, entry.n, entry.tag, entry.amount_minor) == wanted}
    return len(owners) == 1 and value not in owners


def carried(
    meter: str, card: str, issued: Verified | None, evidence: Iterable[Evidence], *, kept: Collection[Verified] = ()
) -> tuple[Verified, ...]:
    """What the replacement of `card`, the newest of `meter`, carries, in its own slot and with its own tag: any one of these.

    They are the verified records of the highest slot on `card` itself, those that have served as proof (`kept`) among them. Where there is
    none: the record that `card` was issued with. None: a purchase of nothing in slot 1, so that the new card meets its meter before anyone
    sells.

    Never a record that was verified on an older card and became known later. `card` was issued without it, so another record may have taken
    its slot since. The replacement would show the meter's count beside it, as if the meter had taken it.
    """
    told = [item for item in (*evidence, *kept) if isinstance(item, Verified) and (item.meter, item.card) == (meter, card)]
    last = max((item.n for item in told), default=0)
    return tuple(dict.fromkeys(item for item in told if item.n == last)) or ((issued,) if issued else ())
