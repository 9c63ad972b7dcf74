"""A change of the hotlist: the cards that came and went since one whole list, which it names by number and hash.

It is always against a whole list, never against another change: a kiosk that missed one misses nothing, and keeps the newest alone. On any
other list than its own it is not applied: the kiosk waits for a whole one.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk import envelope
from kiosk.sync.item import Item, ItemRefused, decoded

SERIAL_BYTES = 8
CHANGES_MAX = 20_000
GOES_MAX_PCT = 50  # of the list: whoever takes more cards off it sends a whole one

Serials = Annotated[tuple[Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")], ...], Meta(max_length=CHANGES_MAX)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Number = Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]


class DeltaBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of kind "delta". `epoch`, `version`, `base`: number and hash of the list that it changes; `makes`: that of the new."""

    epoch: Number
    version: Number
    base: Sha256
    makes: Sha256
    come: Serials = ()
    go: Serials = ()


def hotlisted(body: bytes) -> frozenset[bytes]:
    """The serials of a hotlist: 8 bytes each, one after the other, sorted. Raises ItemRefused."""
    if len(body) % SERIAL_BYTES:
        raise ItemRefused("A hotlist is whole serials of 8 bytes.")
    return frozenset(body[i : i + SERIAL_BYTES] for i in range(0, len(body), SERIAL_BYTES))


def listed(cards: frozenset[bytes]) -> bytes:
    """The body of a hotlist."""
    return b"".join(sorted(cards))


def change(epoch: int, version: int, base: bytes, whole: bytes) -> DeltaBody:
    """What makes the list `whole` of the list `base`, which has that number. Raises ItemRefused where no kiosk would take it."""
    before, after = hotlisted(base), hotlisted(whole)
    come, go = (tuple(sorted(card.hex() for card in cards)) for cards in (after - before, before - after))
    if max(len(come), len(go)) > CHANGES_MAX:
        raise ItemRefused(f"It changes more than {CHANGES_MAX} cards: send a whole list.")
    _few(len(go), len(before))
    return DeltaBody(epoch, version, envelope.body_of(base).sha256, envelope.body_of(whole).sha256, come, go)


def whole(item: Item, base: Item | None) -> Item:
    """The change, made: the hotlist that it is, under its own number. Raises ItemRefused."""
    said = decoded(item.body, DeltaBody)
    if base is None or (base.header.number, base.header.body.sha256) != ((said.epoch, said.version), said.base):
        raise ItemRefused(f"It changes hotlist {said.epoch}.{said.version}, which is not the one that is here: it waits for a whole one.")
    before = hotlisted(base.body)
    come, go = (frozenset(bytes.fromhex(card) for card in cards) for cards in (said.come, said.go))
    if come & before or not go <= before:
        raise ItemRefused("It adds a card that is listed, or takes off one that is not.")
    _few(len(go), len(before))
    body = listed((before | come) - go)
    made = envelope.body_of(body)
    if made.sha256 != said.makes:
        raise ItemRefused("What comes of it is not the list that was meant.")
    return msgspec.structs.replace(item, header=msgspec.structs.replace(item.header, kind="hotlist", body=made), body=body)


def _few(go: int, of: int) -> None:
    if go * 100 > of * GOES_MAX_PCT:
        raise ItemRefused("It takes more than half of the cards off the list: only a whole list does that.")
