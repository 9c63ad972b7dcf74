"""`kiosk hq log`: where the office's own logs end, signed, to be kept at another site; and whether they still go through all such ends.

Exit codes: 0 all agrees; 1 refused; 2 wrong call; 7 rows or a log are not what the office wrote.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, ended, say
from kiosk.commands.hq_money import Book, Folder
from kiosk.commands.hq_store import AsJson, Database, both, now_ms

if TYPE_CHECKING:
    from kiosk.hq.log.heads import Heads
    from kiosk.hq.office import Office

log_app = typer.Typer(no_args_is_help=True, help="The office's own logs: each row that it decides about money with.")

EXIT_CHANGED = 7


@log_app.command("head", epilog="Example: kiosk hq log head /mnt/other-site --office /srv/office")
def head(
    folder: Annotated[Path, typer.Argument(help="A folder at another site: a file is put there.")],
    office: Folder,
    *,
    store: Database = "",
    registry: Book = None,
) -> None:
    """Write down where the office's logs end now, signed by the ACK key. Let a timer do it."""
    from kiosk import safefile
    from kiosk.hq.cards.registry import RegistryError
    from kiosk.hq.log import heads, whole
    from kiosk.hq.office import OfficeError
    from kiosk.hq.store import StoreError

    opened, held = both(office, store)
    with closing(held):
        try:
            now = whole.heads(held, office, registry, now_ms())
            whole_file = heads.made(now, opened.signer("ack"))
            if not (folder / now.name).exists():
                safefile.write(folder / now.name, whole_file, anew=True)
        except (RegistryError, StoreError, OfficeError, ValueError) as error:
            raise ended(str(error), EXIT_REFUSED) from None
        except OSError as error:
            raise ended(f"{folder} cannot be written: {error.strerror}.", EXIT_REFUSED) from None
    say(str(folder / now.name))


@log_app.command("check", epilog="Example: kiosk hq log check --heads /mnt/other-site --backups /backup --office /srv/office")
def check(
    office: Folder,
    *,
    kept: Annotated[list[Path] | None, typer.Option("--heads", help="Folders with what `kiosk hq log head` wrote.")] = None,
    backups: Annotated[list[Path] | None, typer.Option(help="Folders of backups.")] = None,
    acks: Annotated[list[Path] | None, typer.Option(help="Acknowledgements that kiosks have, or folders of them.")] = None,
    store: Database = "",
    registry: Book = None,
    as_json: AsJson = False,
) -> None:
    """Hold all that the office wrote against its logs, and the logs against their ends that lie elsewhere."""
    from kiosk.hq.log import whole
    from kiosk.hq.store import StoreError

    opened, held = both(office, store)
    with closing(held):
        try:
            seen = [*_kept(opened, kept or []), *_backups(opened, backups or []), *_acks(opened, acks or [])]
            found = whole.disagreements(held, office, registry, seen)
        except StoreError as error:
            raise ended(str(error), EXIT_REFUSED) from None
    if as_json:
        say(msgspec.json.encode({"seen": len(seen), "faults": found}))
    else:
        say("\n".join(found) or f"All rows are what the office wrote; {len(seen)} ends of its logs that lie elsewhere agree.")
    if found:
        raise typer.Exit(EXIT_CHANGED)


def _kept(office: "Office", folders: list[Path]) -> "Iterator[tuple[Heads, str]]":
    from kiosk.hq.log.heads import FILE_MAX, HeadsRefused, read

    for path in (each for folder in folders for each in _files(folder, "log-*")):
        try:
            yield read(_bytes(path, FILE_MAX), [bytes.fromhex(office.record.ack)]), str(path)
        except HeadsRefused as error:
            raise ended(f"{path} is not this office's. {error}", EXIT_REFUSED) from None


def _backups(office: "Office", media: list[Path]) -> "Iterator[tuple[Heads, str]]":
    from kiosk.hq.copies import logs

    for medium in media:
        yield from logs.earlier(medium, office.record.utility, bytes.fromhex(office.record.ack), now_ms())


def _acks(office: "Office", paths: list[Path]) -> "Iterator[tuple[Heads, str]]":
    from kiosk.hq.log.chain import Head
    from kiosk.hq.log.heads import OFFICE, Heads
    from kiosk.sync.ack import BODY_MAX, AckRefused, read_ack

    for path in (each for given in paths for each in _files(given, "ack-*")):
        try:
            ack = read_ack(_bytes(path, BODY_MAX), [bytes.fromhex(office.record.ack)])
        except AckRefused as error:
            raise ended(f"{path} is not this office's. {error}", EXIT_REFUSED) from None
        if ack.log:
            yield Heads(office.record.utility, ack.hq_epoch, ack.at_ms, {OFFICE: Head(*ack.log)}), f"the acknowledgement {path}"


def _files(given: Path, like: str) -> list[Path]:
    return sorted(given.glob(like)) if given.is_dir() else [given]


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most * 2)
    except OSError as error:
        raise ended(f"{path} cannot be read: {error.strerror}.", EXIT_REFUSED) from None
