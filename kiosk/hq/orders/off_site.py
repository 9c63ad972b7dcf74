"""Where an order is safe when this place burns: its code leaves only then. A folder at another site, or a replica of the store.

A code that a customer has and no order stands for would be money that nobody paid: the one thing that a backup from last night cannot say.
A file of the folder is signed by the office's ACK key, so that an office that is put back can take the order in:

    7KQ2M4XDR3          {"name":"7KQ2M4XDR3","utility":1,"body":{...}} \\n signature \\n the order, JSON
    7KQ2M4XDR3.void     the same order, cancelled before its code left
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Connection, text

from kiosk.envelope import OVERHEAD, Body, EnvelopeRefused, body_of, opened, sealed
from kiosk.hq.orders.book import Order, OrderRefused
from kiosk.hq.store import Store, StoreError
from kiosk.sync.folder import Folder, FolderError

OffSite = Callable[[Order], None]
Signer = Callable[[str, bytes], bytes]

WAIT_S, ASK_S = 5.0, 0.01
AWAY = "The other site does not answer; the order is kept: ask again, under the same key."
LABEL, ORDER_MAX, VOID = "order", 4096, ".void"
FILE_MAX = ORDER_MAX + OVERHEAD


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    utility: int
    body: Body


def signed(order: Order, utility: int, sign: Signer) -> bytes:
    """The file of an order."""
    body = msgspec.json.encode(order)
    return sealed(sign, LABEL, msgspec.json.encode(_Header(order.name, utility, body_of(body))), body)


def believed(raw: bytes, name: str, utility: int, keys: Sequence[bytes]) -> Order | None:
    """The order of the file of that name, if one of these keys signed it for this utility; None for everything else."""
    try:
        envelope = opened(raw, LABEL, keys, ORDER_MAX)
        said = msgspec.json.decode(envelope.header, type=_Header)
        order = msgspec.json.decode(envelope.body, type=Order)
    except (EnvelopeRefused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return order if (said.name, said.utility, file_of(order)) == (order.name, utility, name) else None


def unsigned(raw: bytes, name: str) -> Order | None:
    """The order of a file as they were before they were signed; None for everything else. Nothing proves it."""
    try:
        order = msgspec.json.decode(raw, type=Order)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return order if order.name == name else None


def file_of(order: Order) -> str:
    """What its file is called."""
    return order.name + (VOID if order.state == "void" else "")


def folder(place: Path, utility: int, sign: Signer) -> OffSite:
    """One file an order in a folder of another site that is mounted here: on its disk, or OrderRefused. The folder has to be there."""

    def keep(order: Order) -> None:
        whole, name = signed(order, utility, sign), file_of(order)
        try:
            with Folder.at(place) as site:
                if not site.create(name, whole) and not _same(site.read(name, FILE_MAX), order):
                    raise OrderRefused("off_site", f"The other site has something else under {name}.")
        except (FolderError, OSError):
            raise OrderRefused("off_site", AWAY) from None

    return keep


def replica(store: Store, wait_s: float = WAIT_S) -> OffSite:
    """A PostgreSQL server that follows this one, asynchronous or not: what is here now is on its disk, or OrderRefused. Raises StoreError.

    Whoever asks has to be in the role pg_read_all_stats.
    """
    if not store.postgresql:
        raise StoreError("Only a PostgreSQL store has a replica; name a folder at another site.")

    def follows(_order: Order) -> None:
        here = str(store.read(lambda connection: _one(connection, "SELECT pg_current_wal_insert_lsn()")))
        ends_s = time.monotonic() + wait_s
        asked = "SELECT count(*) FROM pg_stat_replication WHERE flush_lsn >= CAST(:here AS pg_lsn)"
        while not store.read(lambda connection: _one(connection, asked, here=here)):
            if time.monotonic() >= ends_s:
                raise OrderRefused("off_site", AWAY)
            time.sleep(ASK_S)

    return follows


def _one(connection: Connection, asked: str, **values: str) -> object:
    return connection.execute(text(asked), values).scalar()


def _same(raw: bytes, order: Order) -> bool:
    """It is this order's file, from an earlier try: what an order becomes later does not count."""
    *_, body = raw.split(b"\n", 2)  # unsigned ones are a body alone
    try:
        kept = msgspec.json.decode(body, type=Order)
    except msgspec.MsgspecError:
        return False
    later = ("state", "proof_tries", "done_ms", "done_by")
    return msgspec.structs.replace(kept, **{name: getattr(order, name) for name in later}) == order
