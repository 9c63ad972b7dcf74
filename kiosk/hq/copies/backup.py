"""The head office's backup, the drill that proves it, and an office that is put back.

    hq-1-20261103T013000Z/
        manifest                    signed by the ACK key
        hq.db | hq.dump             the store (`copying`), without anybody's name
        registry.db                 cards, customers, meters; an office without one is neither backed up nor put back
        office.json downlink/ ...   what the office has decided and sent

No key is in it, of the office or its staff: keys are copied to a place of their own, and whoever has a backup can read, and sign nothing.
An office that is put back is given its keys in the same step that opens a new epoch, which two people sign; until then the folder is not
there. So no office ever goes on in its old epoch with what it has forgotten.
"""

import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import Connection, update

from kiosk import __version__, safefile
from kiosk.envelope import holds
from kiosk.hq import batch_keys
from kiosk.hq.cards.registry import REGISTRY
from kiosk.hq.copies import copying, logs, reported
from kiosk.hq.copies.copying import DUMP, SQLITE, Sums
from kiosk.hq.kiosks import backed_up, enrolled
from kiosk.hq.log.office import LOG
from kiosk.hq.office import FILE_MAX, Office, OfficeError
from kiosk.hq.orders.record import completed, put_back
from kiosk.hq.people.keyfile import FOLDER as PEOPLE
from kiosk.hq.people.keyfile import KEY_NAME as PERSON_KEY
from kiosk.hq.schema import UTILITY
from kiosk.hq.store import Store
from kiosk.sync.backup import LABEL, Backup, BackupRefused, Draft, Manifest, drafted, kept, prune, read, signed_by
from kiosk.sync.item import KeyList

KEEP = 14
KEYS, RECORD = "keys", "office.json"
APART = (KEYS, PEOPLE, "up")  # never in a backup: keys, the office's and its people's; what kiosks still carry, and bring again
KEY_NAME = re.compile(r"[a-z0-9-]{1,32}\.json")

COMPLETE = "said when the office was put back"

Passphrases = tuple[str, str]


class Restored(msgspec.Struct, frozen=True):
    """An office that is back: what its store adds up to, in which epoch, what became of the mail and of the other site's orders that were
    read first, and whether its record of orders may be incomplete (`orders.record`)."""

    sums: Sums
    epoch: int
    verdicts: dict[str, int]
    orders: reported.Orders
    short: bool


# ---------------------------------------------------------------- made


def back_up(
    office: Office,
    store: Store,
    medium: Path,
    *,
    now_ms: int,
    keep: int = KEEP,
    off_site: bool = False,
    scratch: str = "",
    registry: Path | None = None,
) -> tuple[Backup, Sums, list[str]]:
    """A proved backup on that medium, what it adds up to, and which older ones went.

    `off_site`: the medium is at another place; then kiosks are told, in their next acknowledgement, that they may forget what is in it.
    `scratch`: a database server for the proof, where that is not the store's own; `registry`: where the registry of cards is, if it is not
    in the office's folder. Raises BackupRefused, OfficeError, StoreError.
    """
    book = registry or office.folder / REGISTRY
    logs.usable(book)
    with drafted(medium) as draft:
        sums = copying.copied(store, draft.folder)
        _take_office(office.folder, draft, store)
        if book.absolute() != (office.folder / REGISTRY).absolute():
            (draft.folder / REGISTRY).unlink(missing_ok=True)
            copying.file_copied(book, draft.folder / REGISTRY)
        sums = logs.with_beside(sums, draft.folder)
        seen = logs.earlier(medium, store.utility, bytes.fromhex(office.record.ack), now_ms)
        said = Manifest("hq", str(store.utility), "", now_ms, f"kiosk {__version__}", msgspec.to_builtins(sums), {})
        made = draft.seal(office.signer("ack"), said)
        proved(made, scratch or store.engine.url.render_as_string(hide_password=False), seen)
        series = f"hq-{store.utility}"
        backup = kept(made, f"{series}-{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%SZ}")
    if off_site:
        backed_up(store, {kiosk: head.seq for kiosk, head in sums.heads.items() if head.seq})
    return backup, sums, prune(medium, series, keep)


def _take_office(folder: Path, draft: Draft, store: Store) -> None:
    """What was sent first, and the record of its numbers last: a number is written down before it is used."""
    here = Path(store.name).absolute() if not store.postgresql else None
    for path in sorted(folder.rglob("*")):
        steps = path.relative_to(folder).parts
        if path.is_dir() or path.is_symlink() or steps[0] in APART or any(step.startswith(".") for step in steps):
            continue
        name = "/".join(steps)
        if path.suffix == ".db":
            if path.absolute() != here:
                copying.file_copied(path, draft.folder / name)
        elif not path.name.endswith(("-wal", "-shm", "-journal", ".lock", ".mark")) and name != RECORD:
            draft.take(path, name)
    draft.take(folder / RECORD, RECORD)


def copy_keys(office: Office, to: Path) -> list[str]:
    """The office's keys and its staff's to a place of their own; which are new there. None of the office's own is ever overwritten.

    Raises BackupRefused.
    """
    return _all_keys(office.folder / KEYS, office.folder / PEOPLE, to, to / PEOPLE)


def _all_keys(office: Path, people: Path, to: Path, people_to: Path) -> list[str]:
    """The office's own keys, and those of its staff."""
    return _keys(office, to) + [f"{PEOPLE}/{name}" for name in _keys(people, people_to, PERSON_KEY)]


def _keys(source: Path, to: Path, names: re.Pattern[str] = KEY_NAME) -> list[str]:
    new = []
    try:
        safefile.folder(to)
        for path in sorted(source.glob("*.json")):
            if not names.fullmatch(path.name):
                continue
            whole = safefile.read(path, FILE_MAX)
            there = (to / path.name).exists()
            if there and safefile.read(to / path.name, FILE_MAX) == whole:
                continue
            if there and names is KEY_NAME:  # a person may make a new key at any time, the office never does
                raise BackupRefused(f"Another key lies at {to / path.name}; it is left alone.")
            safefile.write(to / path.name, whole, anew=not there)
            new.append(path.name)
    except safefile.UnsafeFile as why:
        raise BackupRefused(f"A key in {source} or {to} {why}.") from None
    except OSError as error:
        raise BackupRefused(f"The keys in {source} cannot be copied to {to}: {error.strerror}.") from None
    return new


# ---------------------------------------------------------------- proved


def drill(folder: Path, near: str = "") -> tuple[Manifest, Sums]:
    """Put a backup back where nobody uses it, without any key, and hold it against its list. Raises BackupRefused."""
    backup = read(folder, None, "hq")
    return backup.manifest, proved(backup, near, beside=True)


def proved(backup: Backup, near: str, seen: logs.Seen = (), *, beside: bool = False) -> Sums:
    """Put back into a scratch place, which is gone afterwards. `near`: a server for a scratch database; `seen`: heads of the office's logs,
    `beside`: those of the earlier backups that lie beside it. Raises BackupRefused."""
    with tempfile.TemporaryDirectory(prefix="kiosk-drill-") as scratch, _scratch_store(backup, near, Path(scratch)) as where:
        return _put_back(backup, Path(scratch) / "office", where, seen, beside=beside)


@contextmanager
def _scratch_store(backup: Backup, near: str, scratch: Path) -> Iterator[str]:
    if DUMP not in backup.manifest.files:
        yield str(scratch / "office" / SQLITE)
        return
    if "://" not in near:
        raise BackupRefused("This is the backup of a PostgreSQL store: name a server for the drill, --scratch postgresql://user@host/name")
    with copying.scratch_database(near) as url:
        yield url


def _put_back(backup: Backup, folder: Path, where: str, seen: logs.Seen = (), *, beside: bool = True) -> Sums:
    """All of it but keys, in that folder and that store, held against its list. Raises BackupRefused."""
    said = backup.manifest
    folder.mkdir(mode=0o700)
    if any(name.split("/")[0] in APART for name in said.files):
        raise BackupRefused(f"There are keys in {backup.folder}, and a backup has none.")
    try:
        sums = msgspec.convert(said.sums, Sums)
    except msgspec.ValidationError:
        raise BackupRefused(f"The list of files of {backup.folder} does not say what the store adds up to.") from None
    store = next((name for name in (SQLITE, DUMP) if name in said.files), "")
    if not store:
        raise BackupRefused(f"There is no store in {backup.folder}.")
    if REGISTRY not in said.files:
        raise BackupRefused(f"There is no registry of cards in {backup.folder}: nobody would know whose card is whose.")
    for name in said.files:
        backup.copy(name, folder / name)
    try:
        record = Office(folder).record
    except OfficeError as error:
        raise BackupRefused(str(error)) from None
    if not signed_by(backup.folder, bytes.fromhex(record.ack)) or str(record.utility) != said.of:
        raise BackupRefused(f"The list of files of {backup.folder} is not signed by that office's ACK key.")
    if beside:
        seen = logs.earlier(backup.folder.parent, record.utility, bytes.fromhex(record.ack), said.at_ms, backup.folder)
    copying.put_back(folder / store, where)
    copying.checked(where, sums, record.utility, seen)
    logs.beside_holds(folder, sums, record.utility, said.at_ms, seen)
    (folder / DUMP).unlink(missing_ok=True)
    return sums


# ---------------------------------------------------------------- put back


def restore(
    folder: Path,
    to: Path,
    where: str,
    keys: Path,
    root: Passphrases,
    *,
    mail: Sequence[Path] = (),
    orders: Path | None = None,
    complete: bool = False,
    epoch: int = 0,
    now_ms: Callable[[], int],
) -> Restored:
    """An office where there is none, from a backup and the keys' own place. `where`: an empty database, "" for a file in the folder.

    What kiosks sent meanwhile is read first, so far as `mail` has it, and the orders that another site keeps; then a new epoch is opened,
    above every one that a kiosk has reported and not below `epoch`. The folder comes whole, at the end.
    `complete`: the two people who sign say that the store and `orders` have every order that was ever made; without it the office is short.

    Raises BackupRefused, OfficeError, StoreError, FolderError.
    """
    backup = read(folder, None, "hq")
    if (to / RECORD).exists() or (to.exists() and any(to.iterdir())):
        raise BackupRefused(
            f"There is something in {to} already; an office is put back where there is none, and a living one never goes back."
        )
    draft = to.with_name(f".{to.name}.restore-{secrets.token_hex(4)}")
    file = "://" not in where
    try:
        _can_sign(backup, keys, draft, root)
        sums = _put_back(backup, draft, str(draft / SQLITE) if file else where)
        _all_keys(keys, keys / PEOPLE, draft / KEYS, draft / PEOPLE)
        office = Office(draft)
        store = Store.open(str(draft / SQLITE) if file else where, office.record.utility)
        try:
            store.transact(LOG.put_back)
            enrolled(store, {name: (bytes.fromhex(each.sign), each.region) for name, each in office.record.kiosks.items()})
            verdicts, read_in = reported.mail(office, store, mail, now_ms), reported.Orders()
            if orders:
                read_in = reported.orders(store, orders, (bytes.fromhex(office.record.ack),), now_ms())
            opened = _open_epoch(office, store, root, epoch, now_ms())
            if complete:
                completed(store, now_ms(), note=COMPLETE)
        finally:
            store.close()
        if to.exists():
            to.rmdir()
        draft.rename(to)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Restored(sums, opened, verdicts, read_in, not complete)


def _can_sign(backup: Backup, keys: Path, draft: Path, root: Passphrases) -> None:
    """Before anything is put back: these are this office's keys, and these two people open the root. Raises BackupRefused, OfficeError."""
    with tempfile.TemporaryDirectory(prefix="kiosk-keys-") as scratch:
        office_folder = Path(scratch) / "office"
        if RECORD not in backup.manifest.files:
            raise BackupRefused(f"There is no {RECORD} in {backup.folder}.")
        backup.copy(RECORD, office_folder / RECORD)
        _keys(keys, office_folder / KEYS)
        office = Office(office_folder)
        for name, public in (("ack", office.record.ack), ("root-1", office.record.roots[0])):
            signer = office.signer(name, root if name.startswith("root") else ())
            if not holds(bytes.fromhex(public), LABEL, b"", signer(LABEL, b"")):
                raise BackupRefused(f"The key {name} in {keys} is another office's.")
        if draft.exists():
            raise BackupRefused(f"There is something at {draft} already.")


def _open_epoch(office: Office, store: Store, root: Passphrases, at_least: int, now_ms: int) -> int:
    """Above all that any kiosk has heard of; the list of keys names the batch keys that are here. Raises OfficeError, StoreError."""
    heard = max([store.epoch, office.record.epoch, *store.read(reported.epochs)])
    opened = max(heard + 1, at_least)
    listed = office.record.keys or KeyList((office.record.decision,), (office.record.ack,))
    try:
        listed = msgspec.structs.replace(listed, batch=batch_keys.listed(office.folder))
    except batch_keys.BatchKeyError as error:
        raise OfficeError(str(error)) from None
    office.open_epoch(office.signer("root-1", root), now_ms=now_ms, keys=listed, epoch=opened)

    def begin(connection: Connection) -> None:
        connection.execute(update(UTILITY).values(epoch=opened))
        put_back(connection, opened, now_ms)

    store.transact(begin)
    return opened
