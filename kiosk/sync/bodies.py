"""What the bodies of items say, and the fact that each becomes. The roster's is read where operators are (`vend.operators`)."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from kiosk.sync.item import Item, ItemRefused, KeyList, Kind
from kiosk.vend import trust as t
from kiosk.vend.operators.tree import roster_of

SERIAL_BYTES = 8

_Body = TypeVar("_Body", bound=msgspec.Struct)
Minor = Annotated[int, Meta(ge=0, lt=1 << 53)]
Reader = Callable[[Item], t.Installed]
"""What an item's body says, as a fact. Raises ItemRefused, or ValueError in one sentence."""


class LimitsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of kind "limits". `restart_ms`: how long the trading keys may be kept over a restart."""

    values: dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")], Minor]
    restart: Literal["none", "finish", "trade"] = "finish"
    restart_ms: Annotated[int, Meta(ge=0, le=7 * 86_400_000)] = 3_600_000


class FloatBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of kind "float": the exact text that the vault checks by itself, and its own signature under "down"."""

    item: Annotated[str, Meta(max_length=1024)]
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z")]


class FloatText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What that text says; its number is the item's version."""

    kiosk: str
    grant: Annotated[int, Meta(ge=1, lt=1 << 53)]
    amount_minor: Annotated[int, Meta(ge=1, lt=1 << 53)]
    until_ms: Annotated[int, Meta(ge=0, lt=1 << 53)]
    v: Literal[1] = 1


def key_list(item: Item) -> KeyList:
    """Raises ItemRefused."""
    return _decoded(item, KeyList)


def _keys(item: Item) -> t.Installed:
    said = key_list(item)
    return t.KeyListInstalled(*item.header.number, said.revoked_kiosks, said.revoked_cards, said.dead)


def _limits(item: Item) -> t.Installed:
    said = _decoded(item, LimitsBody)
    return t.LimitsInstalled(*item.header.number, said.values, said.restart, said.restart_ms)


def _hotlist(item: Item) -> t.Installed:
    cards = hotlisted(item.body)
    return t.HotlistInstalled(*item.header.number, item.header.made_ms, len(cards), item.header.body.sha256)


def hotlisted(body: bytes) -> frozenset[bytes]:
    """The serials of a hotlist: 8 bytes each, one after the other, sorted. Raises ItemRefused."""
    if len(body) % SERIAL_BYTES:
        raise ItemRefused("A hotlist is whole serials of 8 bytes.")
    return frozenset(body[i : i + SERIAL_BYTES] for i in range(0, len(body), SERIAL_BYTES))


def _roster(item: Item) -> t.Installed:
    roster_of(item.body)
    return t.RosterInstalled(*item.header.number, item.header.body.sha256)


def _float(item: Item) -> t.Installed:
    header, said = item.header, _decoded(item, FloatBody)
    try:
        text = msgspec.json.decode(said.item, type=FloatText)
    except msgspec.MsgspecError:
        raise ItemRefused("It is not the text of a float.") from None
    if text.kiosk != header.to or text.grant != header.version:
        raise ItemRefused("It is the float of another kiosk or number.")
    return t.FloatGranted(text.grant, text.amount_minor, text.until_ms, header.epoch)


def _decoded(item: Item, kind: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(item.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ItemRefused("Its body is not what its kind says.") from None


READERS: dict[Kind, Reader] = {"keys": _keys, "limits": _limits, "hotlist": _hotlist, "roster": _roster, "float": _float}


def told(fact: t.Installed) -> str:
    """What it brings, in a few words."""
    match fact:
        case t.KeyListInstalled():
            revoked = len(fact.revoked_kiosks) + len(fact.revoked_cards)
            return f"The head office's keys; {revoked} kiosks and boot cards are revoked."
        case t.LimitsInstalled():
            return f"{len(fact.values)} limits; after a restart: {fact.restart}."
        case t.HotlistInstalled():
            return f"{fact.cards} cards are served no more."
        case t.RosterInstalled():
            return "Who may do what."
        case t.FloatGranted():
            return f"{fact.amount_minor} more in minor units may be sold."
    return "A trading store, which its boot card opens."
