"""Where an order is safe when this place burns: its code leaves only then. A folder at another site, or a replica of the store.

A code that a customer has and no order stands for would be money that nobody paid: the one thing that a backup from last night cannot say.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import Connection, text

from kiosk.hq.orders.book import Order, OrderRefused
from kiosk.hq.store import Store, StoreError
from kiosk.sync.folder import Folder, FolderError

OffSite = Callable[[Order], None]

WAIT_S, ASK_S = 5.0, 0.01
AWAY = "The other site does not answer; the order is kept: ask again, under the same key."


def folder(place: Path) -> OffSite:
    """One file an order in a folder of another site that is mounted here: on its disk, or OrderRefused. The folder has to be there."""

    def keep(order: Order) -> None:
        whole = msgspec.json.encode(order)
        try:
            with Folder.at(place) as site:
                if not site.create(order.name, whole) and not _same(site.read(order.name, len(whole)), order):
                    raise OrderRefused("off_site", f"The other site has something else under {order.name}.")
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
    try:
        kept = msgspec.json.decode(raw, type=Order)
    except msgspec.MsgspecError:
        return False
    return msgspec.structs.replace(kept, state=order.state) == order
