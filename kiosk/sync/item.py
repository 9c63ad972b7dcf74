"""What the head office sends a kiosk: one item in one envelope, and whether it may be believed.

    {"kind":"limits","to":"*","utility":1,"epoch":1,"version":4,"made_ms":..,"not_before_ms":..,"not_after_ms":..,"body":{..},"v":1}

`to` is one kiosk, a place in the tree ("u1/r2") for all that stand below it, or "*" for all of a utility. What is one kiosk's is boxed to
it, everything else is in the clear. The root signs the list of keys, the DECISION key signs everything else. Versions compare as (epoch,
version); only the root opens an epoch. What is signed was signed at `made_ms`: so it is at least that late, whatever a clock says.
"""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from kiosk import envelope
from kiosk.envelope import KIOSK_ID, Body, Box, EnvelopeRefused
from kiosk.vend.operators.tree import covers
from kiosk.vend.trust import Trust, Version

Kind = Literal[
    "keys", "limits", "hotlist", "delta", "roster", "float", "store", "tariff", "texts", "notices", "orders", "persons",
    "erase",
]  # fmt: skip
Number = Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
Moment = Annotated[int, Meta(ge=0, lt=1 << 53)]
Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]

EVERYBODY = "*"

_Body = TypeVar("_Body", bound=msgspec.Struct)


class Way(msgspec.Struct, frozen=True):
    """How a kind travels. `boxed`: it is always one kiosk's; of the others a kiosk's own are boxed, too. `every`: each one counts, the
    oldest first; of all others the newest that holds."""

    label: str
    boxed: bool
    body_max: int
    every: bool = False


WAYS: dict[Kind, Way] = {
    "keys": Way("keys", boxed=False, body_max=64 * 1024),
    "limits": Way("down", boxed=False, body_max=64 * 1024),
    "hotlist": Way("down", boxed=False, body_max=16 << 20),
    "delta": Way("down", boxed=False, body_max=1 << 20),
    "tariff": Way("down", boxed=False, body_max=64 * 1024),
    "texts": Way("down", boxed=False, body_max=64 * 1024),
    "notices": Way("down", boxed=False, body_max=512 * 1024),
    "roster": Way("down", boxed=True, body_max=256 * 1024),
    "float": Way("down", boxed=True, body_max=4096, every=True),
    "store": Way("down", boxed=True, body_max=64 * 1024),
    "orders": Way("down", boxed=True, body_max=1 << 20),
    "persons": Way("down", boxed=True, body_max=2 << 20),
    "erase": Way("down", boxed=False, body_max=1 << 20),
}
"""In the order in which they are installed: who signs comes first, a list before its changes."""


def series(kind: Kind) -> Kind:
    """Whose numbers a kind counts by: a change of the hotlist makes the next hotlist."""
    return "hotlist" if kind == "delta" else kind


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of every item."""

    kind: Kind
    to: Annotated[str, Meta(pattern=rf"^({KIOSK_ID}|\*|[a-z][a-z0-9./]{{0,63}})\Z")]
    utility: Number
    epoch: Number
    version: Number
    made_ms: Moment
    not_before_ms: Moment
    not_after_ms: Moment
    body: Body = Body(0, "")
    v: Literal[1] = 1

    @property
    def number(self) -> Version:
        """(epoch, version)."""
        return self.epoch, self.version


class KeyList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who signs for the head office, and what of it is revoked. The body of kind "keys"."""

    decision: Annotated[tuple[Key, ...], Meta(min_length=1, max_length=4)]
    ack: Annotated[tuple[Key, ...], Meta(max_length=4)] = ()
    revoked_kiosks: tuple[Annotated[str, Meta(max_length=8)], ...] = ()
    revoked_cards: tuple[Key, ...] = ()  # SHA-256 of certificates
    dead: tuple[Annotated[int, Meta(ge=1, le=0xFFFF)], ...] = ()  # generations of the KIOSK key
    batch: Annotated[tuple[Key, ...], Meta(max_length=4)] = ()  # X25519, what batches are boxed to, the newest first


class Me(msgspec.Struct, frozen=True):
    """Who reads: this kiosk, and the roots that it was given when it was set up (Ed25519). `place`: where it stands in the tree of places;
    `currency`: ISO 4217, "" takes any."""

    kiosk: str
    utility: int
    region: int
    roots: tuple[bytes, ...]
    place: str = ""
    currency: str = ""


class Item(msgspec.Struct, frozen=True):
    """Believed: the header's own words, the body, and who read it."""

    header: Header
    body: bytes
    me: Me


class ItemRefused(Exception):
    """This item is not installed; the text is one sentence."""


def read(raw: bytes, kind: Kind, me: Me, box: Box, decision: tuple[bytes, ...]) -> Item:
    """Unbox and check who signed it, of what kind it is and for whom. Raises ItemRefused."""
    way, boxed = WAYS[kind], envelope.is_boxed(raw)
    if boxed < way.boxed or (boxed and kind == "keys"):
        raise ItemRefused(f"It is {'' if boxed else 'not '}boxed, and a {kind} {'never' if boxed else 'always'} is.")
    try:
        clear = envelope.unboxed(raw, way.label, me.kiosk, box, way.body_max) if boxed else raw
        opened = envelope.opened(clear, way.label, me.roots if kind == "keys" else decision, way.body_max)
        header = msgspec.json.decode(opened.header, type=Header)
    except EnvelopeRefused as error:
        raise ItemRefused(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ItemRefused("Its header is not that of an item.") from None
    if header.kind != kind:
        raise ItemRefused(f"It is a {header.kind} under the name of a {kind}.")
    if header.utility != me.utility or not _meant(header.to, me, boxed=boxed):
        raise ItemRefused("It is for another kiosk.")
    return Item(header, opened.body, me)


def _meant(to: str, me: Me, *, boxed: bool) -> bool:
    """One kiosk's is boxed, and what is boxed is one kiosk's; else it is everybody's, or that of a place where this kiosk stands."""
    return to == me.kiosk if boxed else to == EVERYBODY or (to[0].islower() and covers(to, me.place, "/"))


def fresh(item: Item, trust: Trust, now_ms: int) -> None:
    """May it take the place of what is here? It is no earlier than when the item was made. Raises ItemRefused."""
    header = item.header
    here, at_ms = trust.version(series(header.kind)), max(now_ms, header.made_ms)
    if header.number <= here:
        raise ItemRefused(f"It is {_named(header.number)}, and {_named(here)} is here already: there is no way back.")
    known_epoch = trust.keys.epoch if trust.keys else 0
    if header.kind != "keys" and header.epoch != known_epoch:
        raise ItemRefused(f"It is of epoch {header.epoch}, and the root's list of keys is of epoch {known_epoch}.")
    if at_ms < header.not_before_ms:
        raise ItemRefused("It is not valid yet.")
    if at_ms >= header.not_after_ms:
        raise ItemRefused("It is valid no more.")


def decoded(body: bytes, kind: type[_Body]) -> _Body:
    """What a body says. Raises ItemRefused."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ItemRefused("Its body is not what its kind says.") from None


def _named(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def made(header: Header, body: bytes, signer: Callable[[str, bytes], bytes]) -> bytes:
    """The clear envelope of an item; what the header says of the body is filled in. `signer`: label, header -> 64 bytes."""
    whole = msgspec.structs.replace(header, body=envelope.body_of(body))
    return envelope.sealed(signer, WAYS[header.kind].label, msgspec.json.encode(whole), body)
