"""A backup is a folder that comes whole or not at all, and says what is in it: a signed list of its files, and what they add up to.

    K07-9f3c01d2-0000001207/       made under a draft's name beside it, put on the disk, and only then given this one
        manifest                   clear envelope, label "backup": whose, when, the sums, and each file's length and hash
        store.db ...               the files themselves

An earlier backup is never touched until a later one has been proved. Nothing is read without end, and no link is followed.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kiosk import envelope, safefile
from kiosk.envelope import Body, EnvelopeRefused

LABEL, MANIFEST = "backup", "manifest"
MANIFEST_MAX = 64 << 20
FILES_MAX = 200_000
CHUNK = 1 << 20
DRAFT = ".draft-"
PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,4}")

Signer = Callable[[str, bytes], bytes]


class BackupRefused(Exception):
    """This backup is not made, or not put back; the text is one sentence."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup says of itself. `what`: kiosk | hq; `of`: the kiosk's id, or the utility's number; `files`: by their path in it.

    `sums`: what it adds up to, as whoever made it read it from the living store; another room knows its shape.
    """

    what: Literal["kiosk", "hq"]
    of: Annotated[str, Meta(max_length=16)]
    store: Annotated[str, Meta(max_length=32)]
    at_ms: Annotated[int, Meta(ge=0, lt=1 << 53)]
    software: Annotated[str, Meta(max_length=64)]
    sums: dict[str, Any]
    files: Annotated[dict[str, Body], Meta(max_length=FILES_MAX)]
    v: Literal[1] = 1


class _Header(msgspec.Struct, frozen=True):
    body: Body
    kind: Literal["backup"] = "backup"
    v: Literal[1] = 1


class Backup(msgspec.Struct, frozen=True):
    """One that was read: its files are there, each as long as its list says; their hashes are taken when they are copied."""

    folder: Path
    manifest: Manifest

    def copy(self, name: str, to: Path) -> None:
        """One of its files, durably, to a place where nothing is. Raises BackupRefused where it is not the file that was backed up."""
        safefile.folder(to.parent)
        source = self.folder / name
        with _sentences(to):
            said = _copied(source, to)
        if said != self.manifest.files[name]:
            to.unlink()
            raise BackupRefused(f"{source} is not the file that was backed up: it was cut or changed. Take another backup.")


# ---------------------------------------------------------------- made


class Draft:
    """A backup that is being made; see `drafted`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, source: Path, name: str) -> None:
        """A copy of a file that is somewhere else. Raises BackupRefused."""
        to = self.folder / name
        with _sentences(to):
            safefile.folder(to.parent)
            _copied(source, to)

    def write(self, name: str, raw: bytes) -> None:
        """A small file. Raises BackupRefused."""
        with _sentences(self.folder / name), os.fdopen(os.open(self.folder / name, _ANEW, 0o600), "wb") as file:
            file.write(raw)

    def seal(self, signer: Signer, manifest: Manifest) -> Backup:
        """All that is in it, listed, signed and on the disk. Raises BackupRefused."""
        with _sentences(self.folder):
            found = sorted(path for path in self.folder.rglob("*") if path.is_file())
            files = {str(path.relative_to(self.folder)): _hashed(path) for path in found}
            strange = next((name for name in files if not PATH.fullmatch(name)), None)
            if strange is not None or len(files) > FILES_MAX:
                raise BackupRefused(f"{strange or f'{len(files)} files'} cannot stand in a backup.")
            whole = msgspec.structs.replace(manifest, files=files)
            body = msgspec.json.encode(whole)
            header = msgspec.json.encode(_Header(envelope.body_of(body)))
            self.write(MANIFEST, envelope.sealed(signer, LABEL, header, body))
            for path in self.folder.rglob("*"):
                safefile.synced(path)
            safefile.synced(self.folder)
        return Backup(self.folder, whole)


@contextmanager
def drafted(medium: Path) -> Iterator[Draft]:
    """A draft on that medium, which is gone afterwards unless it was `kept`; those that a power cut left are gone before.

    Raises BackupRefused where the medium does not take it, or another backup is being made there.
    """
    with _sentences(medium), _alone(medium):
        for old in medium.glob(f"{DRAFT}*"):
            shutil.rmtree(old, ignore_errors=True)
        folder = medium / f"{DRAFT}{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        try:
            yield Draft(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(medium: Path) -> Iterator[None]:
    """One at a time: the next one takes away what looks like a draft that was left."""
    if not medium.is_dir():
        raise BackupRefused(f"There is no folder {medium}: is the medium mounted?")
    handle = os.open(medium, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(f"Another backup is being made in {medium}.") from None
        yield
    finally:
        os.close(handle)


def kept(backup: Backup, name: str) -> Backup:
    """From now on it is there, under this name, whole. Raises BackupRefused."""
    to = backup.folder.with_name(name)
    with _sentences(to):
        if to.exists():
            raise BackupRefused(f"There is a backup {to} already; none is ever overwritten.")
        backup.folder.rename(to)
        safefile.synced(to.parent)
    return Backup(to, backup.manifest)


def prune(medium: Path, prefix: str, keep: int) -> list[str]:
    """Take the oldest of a series away, by their names; which they were."""
    gone = sorted(path for path in medium.glob(f"{prefix}-*") if path.is_dir() and not path.is_symlink())[: -max(keep, 1)]
    for path in gone:
        draft = path.with_name(f"{DRAFT}{secrets.token_hex(4)}")  # gone at once, or not at all
        path.rename(draft)
        shutil.rmtree(draft, ignore_errors=True)
    return [path.name for path in gone]


# ---------------------------------------------------------------- read


def read(folder: Path, keys: Iterable[bytes] | None, what: Literal["kiosk", "hq"]) -> Backup:
    """A backup that one of these keys signed; `keys` None: whose signature it must bear is found in it, and asked of later.

    Raises BackupRefused.
    """
    with _sentences(folder):
        raw = _read(folder / MANIFEST, MANIFEST_MAX)
    try:
        body = (
            raw.split(b"\n", 2)[2] if keys is None and raw.count(b"\n") >= 2 else envelope.opened(raw, LABEL, keys or (), MANIFEST_MAX).body
        )
        manifest = msgspec.json.decode(body, type=Manifest)
    except EnvelopeRefused as error:
        raise BackupRefused(f"The list of files of {folder} is not to be believed. {error}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BackupRefused(f"The list of files of {folder} cannot be read: it was cut or changed. Take another backup.") from None
    if manifest.what != what:
        raise BackupRefused(f"{folder} is the backup of a {'kiosk' if manifest.what == 'kiosk' else 'head office'}.")
    for name, said in manifest.files.items():
        _there(folder, name, said)
    return Backup(folder, manifest)


def _body(raw: bytes) -> bytes:
    """Of an envelope whose signature is not asked for yet; its hash must hold all the same. Raises EnvelopeRefused."""
    header, _, rest = raw.partition(b"\n")
    body = rest.partition(b"\n")[2]
    try:
        said = msgspec.json.decode(header, type=_Header).body
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = None
    if said != envelope.body_of(body):
        raise EnvelopeRefused("It was cut or changed.")
    return body


def signed_by(folder: Path, key: bytes) -> bool:
    """Whether its list of files bears this key's signature."""
    with _sentences(folder):
        raw = _read(folder / MANIFEST, MANIFEST_MAX)
    try:
        envelope.opened(raw, LABEL, [key], MANIFEST_MAX)
    except (EnvelopeRefused, ValueError):
        return False
    return True


def _there(folder: Path, name: str, said: Body) -> None:
    if not PATH.fullmatch(name):
        raise BackupRefused(f"The list of files of {folder} names a path that is none.")
    path = folder
    for step in name.split("/"):
        path = path / step
        if path.is_symlink():
            raise BackupRefused(f"{path} is a link; a backup has none.")
    if not path.is_file():
        raise BackupRefused(f"{path} is missing: this backup is not whole. Take another one.")
    if path.stat().st_size != said.size:
        raise BackupRefused(f"{path} has {path.stat().st_size} bytes and had {said.size}: it was cut or changed. Take another backup.")


# ---------------------------------------------------------------- bytes


_ANEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def _copied(source: Path, to: Path) -> Body:
    """Durably, and what was read."""
    told, size = sha256(), 0
    with os.fdopen(os.open(source, _READ), "rb") as reader, os.fdopen(os.open(to, _ANEW, 0o600), "wb") as writer:
        while chunk := reader.read(CHUNK):
            told.update(chunk)
            size += len(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return Body(size, told.hexdigest())


def _hashed(path: Path) -> Body:
    told, size = sha256(), 0
    with os.fdopen(os.open(path, _READ), "rb") as reader:
        while chunk := reader.read(CHUNK):
            told.update(chunk)
            size += len(chunk)
    return Body(size, told.hexdigest())


def _read(path: Path, most: int) -> bytes:
    with os.fdopen(os.open(path, _READ), "rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise BackupRefused(f"{path} is longer than {most} bytes.")
    return raw


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise BackupRefused(f"There is no {error.filename or path}.") from None
    except OSError as error:
        raise BackupRefused(f"{path} cannot be read or written: {error.strerror or 'the disk refuses'}.") from None
