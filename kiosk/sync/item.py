"""What the head office sends a kiosk: one item in one envelope, and whether it may be believed.

    {"kind":"limits","to":"*","utility":1,"epoch":1,"version":4,"made_ms":..,"not_before_ms":..,"not_after_ms":..,"body":{..},"v":1}

`to` is one kiosk, or "*" for all of a utility. What is everybody's is in the clear, what is one kiosk's is boxed to it. The root signs the
list of keys, the DECISION key signs everything else. Versions compare as (epoch, version); only the root opens an epoch.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk import envelope
from kiosk.envelope import Body, Box, EnvelopeRefused
from kiosk.vend.trust import Trust, Version

Kind = Literal["keys", "limits", "hotlist", "roster", "float", "store"]
Number = Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
Moment = Annotated[int, Meta(ge=0, lt=1 << 53)]
Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]

EVERYBODY = "*"


class Way(msgspec.Struct, frozen=True):
    """How a kind travels."""

    label: str
    boxed: bool
    body_max: int


WAYS: dict[Kind, Way] = {
    "keys": Way("keys", boxed=False, body_max=64 * 1024),
    "limits": Way("down", boxed=False, body_max=64 * 1024),
    "hotlist": Way("down", boxed=False, body_max=16 << 20),
    "roster": Way("down", boxed=True, body_max=256 * 1024),
    "float": Way("down", boxed=True, body_max=4096),
    "store": Way("down", boxed=True, body_max=64 * 1024),
}
"""In the order in which they are installed: who signs comes first."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of every item."""

    kind: Kind
    to: Annotated[str, Meta(pattern=r"^([A-Z0-9.]{1,8}|\*)\Z")]
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


class Me(msgspec.Struct, frozen=True):
    """Who reads: this kiosk, and the roots that it was given when it was set up (Ed25519)."""

    kiosk: str
    utility: int
    region: int
    roots: tuple[bytes, ...]


class Item(msgspec.Struct, frozen=True):
    """Believed: the header's own words, and the body."""

    header: Header
    body: bytes


class ItemRefused(Exception):
    batch: Annotated[tuple[Key, ...], Meta(max_length=4)] = ()  # X25519, what batches are boxed to, the newest first
    """This item is not installed; the text is one sentence."""


def read(raw: bytes, kind: Kind, me: Me, box: Box, decision: tuple[bytes, ...]) -> Item:
    """Unbox and check who signed it, of what kind it is and for whom. Raises ItemRefused."""
    way = WAYS[kind]
    try:
        if way.boxed != envelope.is_boxed(raw):
            raise ItemRefused(f"It is {'not ' if way.boxed else ''}boxed, and a {kind} {'always' if way.boxed else 'never'} is.")
        clear = envelope.unboxed(raw, way.label, me.kiosk, box, way.body_max) if way.boxed else raw
        opened = envelope.opened(clear, way.label, me.roots if kind == "keys" else decision, way.body_max)
        header = msgspec.json.decode(opened.header, type=Header)
    except EnvelopeRefused as error:
        raise ItemRefused(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ItemRefused("Its header is not that of an item.") from None
    if header.kind != kind:
        raise ItemRefused(f"It is a {header.kind} under the name of a {kind}.")
    if header.to != (me.kiosk if way.boxed else EVERYBODY) or header.utility != me.utility:
        raise ItemRefused("It is for another kiosk.")
    return Item(header, opened.body)


def fresh(item: Item, trust: Trust, now_ms: int) -> None:
    """May it take the place of what is here? Raises ItemRefused."""
    header = item.header
    here = trust.version(header.kind)
    if header.number <= here:
        raise ItemRefused(f"It is {_named(header.number)}, and {_named(here)} is here already: there is no way back.")
    known_epoch = trust.keys.epoch if trust.keys else 0
    if header.kind != "keys" and header.epoch != known_epoch:
        raise ItemRefused(f"It is of epoch {header.epoch}, and the root's list of keys is of epoch {known_epoch}.")
    if now_ms < header.not_before_ms:
        raise ItemRefused("It is not valid yet.")
    if now_ms >= header.not_after_ms:
        raise ItemRefused("It is valid no more.")


def _named(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def made(header: Header, body: bytes, signer: Callable[[str, bytes], bytes]) -> bytes:
    """The clear envelope of an item; what the header says of the body is filled in. `signer`: label, header -> 64 bytes."""
    whole = msgspec.structs.replace(header, body=envelope.body_of(body))
    return envelope.sealed(signer, WAYS[header.kind].label, msgspec.json.encode(whole), body)
