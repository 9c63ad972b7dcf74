"""The kiosk's backup, and a store that is put back: each is proved by restoring before anybody is told that it is done.

A copy is made beside the running desk, of one moment, under the same key, without any name. It is put back into a scratch place, where
every page, row and head signature is checked, and its sums are held against those of the living store. The station store is not in it:
whoever finds the medium can neither read the journal nor sign as this machine.

A store that was put back begins with the fact Restored: it takes no money and writes no card, and its id is never used for a new one.

Composed here, because it joins the journal, the station's keys and the spool.
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from kiosk import safefile
from kiosk.config import Config
from kiosk.core import SOFTWARE, machine_of, rules_of
from kiosk.devices.vault.station import FileStation
from kiosk.envelope import holds
from kiosk.sending import spool_folder
from kiosk.sync.backup import Backup, BackupRefused, Manifest, drafted, kept, prune, read
from kiosk.sync.folder import FolderError
from kiosk.sync.spool import Spool
from kiosk.vend import lifetime
from kiosk.vend.copying import copy_store
from kiosk.vend.desk import recover
from kiosk.vend.journal import Journal
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.store import StoreDamaged, StoreError, take_lock
from kiosk.vend.witness import Restored

STORE = "store.db"
KEEP = 7
DAMAGED = "damaged"
SCRATCH = "kiosk-restore-"


class Sums(msgspec.Struct, frozen=True):
    """What a journal adds up to, from its first row to row `rows`: the chain there, and all money of its life."""

    rows: int
    head: str
    boots: int
    totals: Lifetime


class Standing(msgspec.Struct, frozen=True):
    """The store that is where a backup is to go. `word`: what has to be typed so that it is put aside; it fits this very store alone."""

    rows: int
    word: str


# ---------------------------------------------------------------- made


def back_up(config: Config, station: FileStation, medium: Path, *, now_ms: int, keep: int = KEEP) -> tuple[Backup, Sums, list[str]]:
    """A proved backup on that medium, its sums, and which older ones went. The kiosk may be running. Raises BackupRefused, StoreError."""
    key = station.database_key()
    with drafted(medium) as draft:
        rows = copy_store(config.store.path, key, draft.folder / STORE)
        with Journal.open(config.store.path, key, create=False, read_only=True) as living:
            sums, store = summed(living, rows), living.store_id.hex()
        said = msgspec.to_builtins(sums)
        made = draft.seal(station.sign, Manifest("kiosk", config.kiosk.id, store, now_ms, SOFTWARE, said, {}))
        proved(made, config, station)
        series = f"{config.kiosk.id}-{store[:8]}"
        name = f"{series}-{rows:010d}"
        if (medium / name).exists():
            _same(medium / name, config, station)
            return Backup(medium / name, made.manifest), sums, []
        backup = kept(made, name)
    return backup, sums, prune(medium, series, keep)


def _same(folder: Path, config: Config, station: FileStation) -> None:
    """Nothing was written since: the backup that is there is proved again. One that does not hold any more is put aside."""
    try:
        proved(read(folder, [station.public_key], "kiosk"), config, station)
    except BackupRefused as refused:
        raise BackupRefused(f"{refused} Take it away; the next backup will be a new one.") from None


def summed(journal: Journal, rows: int) -> Sums:
    """Of the rows up to that one, each checked against the chain. Raises StoreDamaged."""
    totals, head, boots = Lifetime(), "", 0
    for _, recorded in journal.lines(1, rows):
        totals, head, boots = lifetime.add(totals, recorded.fact), recorded.row.hash, max(boots, recorded.row.boot)
    return Sums(rows, head, boots, totals)


# ---------------------------------------------------------------- proved


def proved(backup: Backup, config: Config, station: FileStation) -> Sums:
    """Put back into a scratch place, opened, read to its last page and replayed; its sums are those of the list. Raises BackupRefused."""
    with _scratch(config.store.path.parent) as scratch:
        return _restored(backup, config, station, scratch / STORE)


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A folder beside the store, gone afterwards; whatever a killed command left there goes, too: nobody holds it any more."""
    for left in [path for path in beside.glob(f"{SCRATCH}*") if path.is_dir() and not path.is_symlink()]:
        handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        os.close(handle)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=beside, ignore_cleanup_errors=True) as scratch:
        handle = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(scratch)
        finally:
            os.close(handle)


def _restored(backup: Backup, config: Config, station: FileStation, to: Path) -> Sums:
    if STORE not in backup.manifest.files:
        raise BackupRefused(f"There is no store in {backup.folder}.")
    backup.copy(STORE, to)
    try:
        with Journal.open(to, station.database_key(), create=False) as journal:
            finding = journal.verify(lambda message, signature: holds(station.public_key, "head", message, signature))
            if finding.bad_seq is not None:
                raise BackupRefused(f"The store in {backup.folder} is damaged at row {finding.bad_seq}: {finding.why}.")
            sums = summed(journal, journal.head()[0])
            state = recover(journal, machine_of(rules_of(config)))
            store = journal.store_id.hex()
    except StoreError as error:
        raise BackupRefused(f"The store in {backup.folder} does not open. {error}") from None
    said = backup.manifest
    if (msgspec.to_builtins(sums), store, state.seq) != (said.sums, said.store, sums.rows):
        raise BackupRefused(f"The store in {backup.folder} does not add up to what the living one did: this is no backup.")
    return sums


# ---------------------------------------------------------------- put back


def standing(config: Config, station: FileStation) -> Standing | None:
    """The store that is there now; None where there is none. One that cannot be opened is one, too."""
    path = config.store.path
    if not path.exists():
        return None
    with suppress(StoreDamaged):
        with Journal.open(path, station.database_key(), create=False, read_only=True) as journal:
            rows, head = journal.head()
        return Standing(rows, f"{rows}-{head.hex()[:8]}")
    return Standing(0, f"{DAMAGED}-{path.stat().st_size}")


def restore(config: Config, station: FileStation, folder: Path, *, over: str, now_ms: int) -> tuple[Sums, Path | None, int]:
    """Put a backup in the store's place: its sums, where the store that was there is now, and how many batches were saved beside it.

    `over`: the word of the store that is there, "" for none. Raises BackupRefused, StoreError; then nothing has changed.
    """
    backup = read(folder, [station.public_key], "kiosk")
    said, path = backup.manifest, config.store.path
    if said.of != config.kiosk.id:
        raise BackupRefused(f"This is the backup of {said.of}, and this kiosk is {config.kiosk.id}.")
    safefile.folder(path.parent)
    lock = take_lock(path)
    try:
        there = standing(config, station)
        with _scratch(path.parent) as scratch:
            sums = _restored(backup, config, station, scratch / STORE)
            if there and over != there.word:
                raise BackupRefused(_asks(there, sums, folder))
            _marked(scratch / STORE, config, station, there, now_ms)
            saved = _mail_saved(config, path.with_name(f"{path.name}.mail"))
            aside = _put_aside(path)
            (scratch / STORE).replace(path)
            safefile.synced(path.parent)
    finally:
        os.close(lock)
    return sums, aside if there else None, saved


def _asks(there: Standing, sums: Sums, folder: Path) -> str:
    if there.word.startswith(DAMAGED):
        says = "There is a store here, which does not open"
    elif there.rows > sums.rows:
        says = f"The store here has {there.rows} rows, and the backup {sums.rows}: the last {there.rows - sums.rows} would be missing"
    else:
        says = f"There is a store of {there.rows} rows here, and the backup has {sums.rows}"
    return f"{says}. To put it aside all the same: kiosk restore {folder} --over {there.word}"


def _marked(path: Path, config: Config, station: FileStation, there: Standing | None, now_ms: int) -> None:
    """Its first row from now on says that it was put back: it takes no money, whatever any other witness knows."""
    with Journal.open(path, station.database_key(), create=False) as journal:
        if recover(journal, machine_of(rules_of(config))).witness.restored is None:
            here = journal.head()[0]
            journal.append(now_ms, journal.next_boot(), 0, (Restored("backup", here, max(here, there.rows if there else 0)),))
            journal.commit()


def _mail_saved(config: Config, bag: Path) -> int:
    """Batches that wait in the spool may be of rows that the backup lacks: into a mail bag of their own, for the head office."""
    if not (spool_folder(config) / "up").is_dir():
        return 0
    try:
        spool = Spool(spool_folder(config), config.kiosk.id)
        waiting = [waiting.seq for waiting in spool.waiting()]
        up = bag / "up" / config.kiosk.id
        for seq in waiting:
            safefile.folder(up)
            to = up / f"{seq:08d}"
            if not to.exists():
                to.write_bytes(spool.sealed(seq))
                safefile.synced(to)
    except (FolderError, OSError):
        raise BackupRefused(f"What waits in the spool cannot be saved into {bag}: it may be of rows that the backup lacks.") from None
    return len(waiting)


def _put_aside(path: Path) -> Path:
    """The store that was there, whole, under a name that nobody opens; never deleted."""
    aside = path.with_name(f"{path.name}.before-{secrets.token_hex(4)}")
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(aside.with_name(aside.name + suffix))
    return aside
