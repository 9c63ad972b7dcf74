"""`kiosk hq backup|drill|restore`: the office at another place, proved there, and put back in a new epoch that two people sign."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, ended, say
from kiosk.commands.hq import First, Folder, Second
from kiosk.commands.hq_money import Book
from kiosk.commands.hq_signer import two
from kiosk.commands.hq_store import AsJson, Database, both, now_ms

if TYPE_CHECKING:
    from kiosk.hq.copies.backup import Restored
    from kiosk.hq.copies.copying import Sums

Scratch = Annotated[str, typer.Option(help="A PostgreSQL server on which a scratch database may be made: postgresql://user@host/name")]


def backup(
    medium: Annotated[Path, typer.Argument(help="A folder on another medium.")],
    office: Folder,
    database: Database = "",
    *,
    off_site: Annotated[bool, typer.Option("--off-site", help="It is at another place: kiosks may forget what is in this backup.")] = False,
    keys: Annotated[Path | None, typer.Option(help="Copy new keys there, too: a place of their own, never the same medium.")] = None,
    keep: Annotated[int, typer.Option(min=1, max=10_000, help="How many of them stay there.")] = 14,
    scratch: Scratch = "",
    registry: Book = None,
    json: AsJson = False,
) -> None:
    """Copy store and office while they are in use, and prove the copy by restoring it: sums, counts, and every kiosk's chain.

    Exit codes: 0 it is proved; 1 refused; 2 wrong call.
    """
    from kiosk.hq.copies.backup import back_up, copy_keys
    from kiosk.hq.office import OfficeError
    from kiosk.hq.store import StoreError
    from kiosk.sync.backup import BackupRefused

    opened, store = both(office, database)
    try:
        if keys and keys.resolve().is_relative_to(medium.resolve()):
            raise ended("Keys do not lie on the medium of the backups: whoever finds it could sign as this office.", EXIT_REFUSED)
        made, sums, gone = back_up(opened, store, medium, now_ms=now_ms(), keep=keep, off_site=off_site, scratch=scratch, registry=registry)
        new = copy_keys(opened, keys) if keys else []
    except (BackupRefused, OfficeError, StoreError) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        store.close()
    if json:
        say(msgspec.json.encode({"backup": str(made.folder), "off_site": off_site, "gone": gone, "keys": new, **_counts(sums)}))
    else:
        durable = " Kiosks may forget what is in it." if off_site else ""
        say(f"{made.folder}: {_said(sums)}; restored and the same.{durable}")


def drill(
    folder: Annotated[Path, typer.Argument(help="The backup.")],
    *,
    scratch: Scratch = "",
    json: AsJson = False,
) -> None:
    """Restore a backup where nobody uses it, without a key, and hold it against what the office was. Nothing is left of it.

    Exit codes: 0 it holds; 1 it does not, or cannot be tried; 2 wrong call.
    """
    from kiosk.hq.copies.backup import drill as drilled
    from kiosk.sync.backup import BackupRefused

    try:
        manifest, sums = drilled(folder, scratch)
    except BackupRefused as error:
        raise ended(str(error), EXIT_REFUSED) from None
    if json:
        say(msgspec.json.encode({"backup": str(folder), "at_ms": manifest.at_ms, **_counts(sums)}))
    else:
        say(f"{folder}: {_said(sums)}; restored and the same, without a key.")


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup.")],
    office: Folder,
    *,
    keys: Annotated[Path, typer.Option(help="Where the keys were copied to.")],
    first_secret: First = None,
    second_secret: Second = None,
    database: Database = "",
    mail: Annotated[
        list[Path] | None, typer.Option(help="What kiosks sent since: mail bags or folders, read before the new epoch.")
    ] = None,
    orders: Annotated[Path | None, typer.Option(help="Where another site keeps orders: those that the store lacks are taken in.")] = None,
    orders_complete: Annotated[
        bool, typer.Option("--orders-complete", help="No order is missing then; without it the office takes no new payments yet.")
    ] = False,
    epoch: Annotated[int, typer.Option(min=0, max=0xFFFFFFFF, help="The new epoch is not below this one.")] = 0,
    json: AsJson = False,
) -> None:
    """Put an office back where there is none, and open a new epoch: kiosks send again what it has lost. Two people sign.

    Exit codes: 0 done; 1 refused; 2 wrong call.
    """
    from kiosk.hq.copies import backup as room
    from kiosk.hq.office import OfficeError
    from kiosk.hq.store import StoreError
    from kiosk.sync.backup import BackupRefused
    from kiosk.sync.folder import FolderError

    people = two(first_secret, second_secret)
    try:
        done = room.restore(
            *(folder, office, database, keys, people),
            mail=mail or (),
            orders=orders,
            complete=orders_complete,
            epoch=epoch,
            now_ms=now_ms,
        )
    except (BackupRefused, OfficeError, StoreError, FolderError) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    if json:
        told = {"office": str(office), "epoch": done.epoch, "verdicts": done.verdicts, "orders": done.orders, "short": done.short}
        say(msgspec.json.encode(told | _counts(done.sums)))
        return
    _told_restored(office, done)


def _told_restored(office: Path, done: "Restored") -> None:
    say(f"{office}: {_said(done.sums)} are back; it is epoch {done.epoch}.")
    if done.verdicts:
        say("Read before: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(done.verdicts.items())) + ".")
    if done.orders.taken:
        say(f"{done.orders.taken} orders that were made after the backup were taken in.")
    if done.orders.listed:
        say(f"{done.orders.listed} orders could not be taken in: kiosk hq work lists them.")
    if done.short:
        say("The office takes no new payments and moves no money until two people say that no order is missing: kiosk hq order complete")
    say("Publish everything again, the list of keys is out already; carry it to the kiosks, and they send what is missing.")


def _counts(sums: "Sums") -> dict[str, object]:
    return {
        "kiosks": len(sums.heads),
        "batches": sums.rows.get("batch", 0),
        "facts": sums.facts,
        "sales": sums.rows.get("sale", 0),
        "tendered_minor": sums.tendered_minor,
    }


def _said(sums: "Sums") -> str:
    money = "".join(f", {currency} {minor} in minor units" for currency, minor in sums.tendered_minor.items())
    return f"{len(sums.heads)} kiosks, {sums.rows.get('batch', 0)} batches, {sums.facts} rows, {sums.rows.get('sale', 0)} sales{money}"


def join(hq_app: typer.Typer) -> None:
    """These commands, in the group `kiosk hq`."""
    hq_app.command("backup", epilog="Example: kiosk hq backup /backup --office /srv/office --keys /safe/keys --off-site")(backup)
    hq_app.command("drill", epilog="Example: kiosk hq drill /backup/hq-1-20261103T013000Z")(drill)
    hq_app.command("restore", epilog="Example: kiosk hq restore /backup/hq-1-20261103T013000Z --office /srv/new --keys /safe/keys")(restore)
