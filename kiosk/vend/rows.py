"""The bytes of a journal row: one line, one leaf, one link of the chain; and the way back from bytes to a fact. Pure: no file, no clock.

    line   = the exact UTF-8 bytes of [seq,at_ms,boot,mono_ms,sale,kind,v,body], no spaces
    leaf   = SHA-256(00 || line)
    hash_n = SHA-256(hash_(n-1) || leaf_n),  hash_0 = SHA-256("kj1" || store id)

The stored bytes are the truth and are never migrated: an older version of a kind is raised on reading (`UPCASTERS`), a kind or a version
that this software does not know is kept as `Unknown` and folds to nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

import kiosk.vend.fold  # noqa: F401 - whoever adds the facts up knows every room that declares some
from kiosk.vend.facts import Fact, Row

STORE_ID_BYTES = 16

Columns = tuple[str | None, str, int, bytes]
"""(sale, kind, v, body): what a row says."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}
"""(kind, v) -> the body of v + 1. Empty as long as no kind has changed its meaning."""


class StoreCreated(Fact, frozen=True):
    """The first row of every journal: this store's own name, 32 random hex digits. A clone or a restored copy carries it along."""

    store: str


class Unknown(Fact, frozen=True):
    """A row of a kind or version that this software does not know. It is read, kept and passed on, never written."""

    named: str
    version: int
    sale: str | None
    body: bytes

    @property
    def kind(self) -> str:
        """The name that the row carries."""
        return self.named


class Recorded(msgspec.Struct, frozen=True):
    """A row and what it says."""

    row: Row
    fact: Fact
    sale: str | None


class Unreadable(ValueError):
    """A row of a known kind and version whose body does not say what that kind says."""


_encode = msgspec.json.Encoder().encode


def columns(fact: Fact) -> Columns:
    """What a fact says, for the row: a sale fact's `sale` is a column of its own and does not stand in the body."""
    if isinstance(fact, Unknown) or fact.passing:
        raise TypeError(f"{fact.kind} is never written down")
    fields = msgspec.structs.asdict(fact)
    return fields.pop("sale", None), type(fact).__name__, fact.v, _encode(fields)


def line(stamp: tuple[int, int, int, int], says: Columns) -> bytes:
    """The row's exact bytes, as they are hashed and as they travel. `stamp` is (seq, at_ms, boot, mono_ms)."""
    return _encode((*stamp, *says[:3], msgspec.Raw(says[3])))


def origin(store_id: bytes) -> bytes:
    """hash_0."""
    return sha256(b"kj1" + store_id).digest()


def link(previous: bytes, row_line: bytes) -> bytes:
    """hash_n from hash_(n-1) and the line of row n."""
    return sha256(previous + sha256(b"\0" + row_line).digest()).digest()


def linked(previous: bytes, row_lines: Iterable[bytes]) -> bytes:
    """The same over several rows, one after the other: a million of them at the head office."""
    for each in row_lines:
        previous = sha256(previous + sha256(b"\0" + each).digest()).digest()
    return previous


def head_message(store_id: bytes, seq: int, head: bytes) -> bytes:
    """What the station signs with label "head": store id (16) || seq (8, big-endian) || hash (32)."""
    return store_id + seq.to_bytes(8, "big") + head


def fact_of(known: Mapping[str, type[Fact]], says: Columns, upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS) -> Fact:
    """The fact that a row states; `known` is `kinds()`.

    Raises Unreadable when a known kind does not parse: money must not fold to nothing unnoticed.
    """
    sale, kind, v, body = says
    form = known.get(kind)
    if form is None or v > form.v:
        return Unknown(kind, v, sale, body)
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
        for version in range(v, form.v):
            fields = upcasters[kind, version](fields)
        if sale is not None:
            fields["sale"] = sale
        return msgspec.convert(fields, form)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError) as error:
        raise Unreadable(f"{kind} v{v}: {error}") from None


def kinds() -> dict[str, type[Fact]]:
    """Every fact that is written down, by its name in the journal: whatever has been declared as a Fact and is not passing."""
    found: dict[str, type[Fact]] = {}
    waiting = list(Fact.__subclasses__())
    while waiting:
        each = waiting.pop()
        waiting += each.__subclasses__()
        if not each.passing and each is not Unknown:
            found[each.__name__] = each
    return found
