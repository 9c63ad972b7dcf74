"""What the bodies of items say, and the fact that each becomes. Those about what a customer meets are read in `customer`, a change of the
hotlist in `delta`, the roster where operators are (`vend.operators`)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.sync import customer
from kiosk.sync.delta import hotlisted
from kiosk.sync.erasures import erasures
from kiosk.sync.item import Item, ItemRefused, KeyList, Kind, decoded
from kiosk.sync.orders import orders_of
from kiosk.vend import trust as t
from kiosk.vend.greeting import PersonsInstalled
from kiosk.vend.notices import NoticesInstalled
from kiosk.vend.operators.tree import roster_of
from kiosk.vend.pricelist import TariffInstalled
from kiosk.vend.who import ErasuresInstalled
from kiosk.vend.wording import TextsInstalled

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
    return decoded(item.body, KeyList)


def _keys(item: Item) -> t.Installed:
    said = key_list(item)
    return t.KeyListInstalled(*item.header.number, said.revoked_kiosks, said.revoked_cards, said.dead)


def _limits(item: Item) -> t.Installed:
    said = decoded(item.body, LimitsBody)
    return t.LimitsInstalled(*item.header.number, said.values, said.restart, said.restart_ms)


def _hotlist(item: Item) -> t.Installed:
    cards = hotlisted(item.body)
    return t.HotlistInstalled(*item.header.number, item.header.made_ms, len(cards), item.header.body.sha256)


def _roster(item: Item) -> t.Installed:
    roster_of(item.body)
    return t.RosterInstalled(*item.header.number, item.header.body.sha256)


def _float(item: Item) -> t.Installed:
    header, said = item.header, decoded(item.body, FloatBody)
    try:
        text = msgspec.json.decode(said.item, type=FloatText)
    except msgspec.MsgspecError:
        raise ItemRefused("It is not the text of a float.") from None
    if text.kiosk != header.to or text.grant != header.version:
        raise ItemRefused("It is the float of another kiosk or number.")
    return t.FloatGranted(text.grant, text.amount_minor, text.until_ms, header.epoch)


def _orders(item: Item) -> t.Installed:
    orders_of(item.body)
    return t.OrdersInstalled(*item.header.number, item.header.body.sha256)


READERS: dict[Kind, Reader] = {
    "keys": _keys,
    "limits": _limits,
    "hotlist": _hotlist,
    "tariff": customer.tariff,
    "texts": customer.texts,
    "notices": customer.notices,
    "roster": _roster,
    "float": _float,
    "orders": _orders,
    "persons": customer.persons,
    "erase": erasures,
}


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
        case TariffInstalled():
            return f"{len(fact.periods)} tariffs, until {_day(fact.periods[-1].until_ms)}: {', '.join(one.id for one in fact.periods)}."
        case TextsInstalled():
            return f"The office's own words for: {', '.join(sorted(fact.texts)) or 'nothing'}."
        case NoticesInstalled():
            return f"{len(fact.notices)} planned outages here."
        case t.OrdersInstalled():
            return "Orders that wait for their cards."
        case PersonsInstalled():
            return "By which names customers are greeted."
        case ErasuresInstalled():
            return "Which persons are erased."
    return "A trading store, which its boot card opens."


def _day(at_ms: int) -> str:
    """In UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).date().isoformat()
