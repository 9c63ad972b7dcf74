"""What the commands about the head office's store share: which one it is, and how it is opened."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from kiosk.commands import EXIT_REFUSED, ended, say

if TYPE_CHECKING:
    from pathlib import Path

    from kiosk.hq.office import Office
    from kiosk.hq.store import Store

Database = Annotated[
    str, typer.Option("--store", envvar="KIOSK_HQ_STORE", help="postgresql://user@host/name, or a file; hq.db in the office if left out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


def opened_office(folder: "Path") -> "Office":
    """Ends with one sentence where there is none."""
    from kiosk.hq.office import Office, OfficeError

    try:
        return Office(folder)
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None


def place(office: "Office", database: str) -> str:
    """Where the office's store is."""
    return database or str(office.folder / "hq.db")


def both(folder: "Path", database: str) -> "tuple[Office, Store]":
    """The office, and its store with all of its kiosks. Ends with one sentence."""
    from kiosk.hq.kiosks import enrolled
    from kiosk.hq.store import Store, StoreError

    office = opened_office(folder)
    try:
        store = Store.open(place(office, database), office.record.utility)
        enrolled(store, {name: (bytes.fromhex(each.sign), each.region) for name, each in office.record.kiosks.items()})
    except StoreError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    return office, store


def make_store(office: "Office", database: str, partitions: int = 0) -> None:
    """A new store for this office, or its own brought up to date. Ends with one sentence."""
    from kiosk.hq.store import Store, StoreError

    try:
        store = Store.make(
            place(office, database), office.record.utility, now_ms=now_ms(), epoch=office.record.epoch, partitions=partitions
        )
    except StoreError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    say(f"The store {store.name} is up to date.", err=True)
    store.close()


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
