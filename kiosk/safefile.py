"""Files that are whole or not there: only their owner may read them, and a power cut leaves the old one or the new one."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path


class UnsafeFile(Exception):
    """Such a file cannot be trusted or not be read; the text goes on after its name: "is a symbolic link"."""


def read(path: Path, size_max: int, owner: int | None = None) -> bytes:
    """At most `size_max` bytes of a regular file that is ours alone, or `owner`'s. Raises UnsafeFile; FileNotFoundError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnsafeFile("is a symbolic link" if path.is_symlink() else f"cannot be opened: {error.strerror}") from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UnsafeFile("is not a regular file")
        if found.st_uid != (os.geteuid() if owner is None else owner):
            raise UnsafeFile("belongs to another user")
        if found.st_mode & 0o077:
            raise UnsafeFile(f"can be read by others; check who did, then: chmod 600 {path}")
        whole = os.read(handle, size_max + 1)
    finally:
        os.close(handle)
    if len(whole) > size_max:
        raise UnsafeFile(f"is longer than {size_max} bytes")
    return whole


def write(path: Path, whole: bytes, *, anew: bool = False) -> None:
    """Durably, mode 0600. `anew`: raise FileExistsError when anything is there already. OSError when it cannot be written."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            file.write(whole)
            file.flush()
            os.fsync(handle)
        if anew:
            os.link(draft, path)  # unlike rename, this fails when the name is taken
        else:
            draft.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    synced(path.parent)


def folder(path: Path) -> None:
    """A folder of ours alone, and those above it that are missing: 0700 whatever the umask. One that is there stays as it is. OSError."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:
            if not each.is_dir():
                raise
        else:
            each.chmod(0o700)


def too_open(top: Path, shared: Path | None = None) -> Iterator[tuple[Path, str]]:
    """Each path at and below `top` that more people reach than its owner, with the reason. What lies at and below `shared` is its group's,
    too. Links are not followed. What cannot be looked at is left out."""
    owner = top.stat().st_uid
    waiting = [top]
    while waiting:
        path = waiting.pop()
        try:
            found = path.lstat()
            if stat.S_ISDIR(found.st_mode):
                waiting += sorted(path.iterdir(), reverse=True)
        except OSError:
            continue
        if stat.S_ISLNK(found.st_mode):
            continue
        ours = shared is not None and path.is_relative_to(shared)
        mode = stat.S_IMODE(found.st_mode)
        if mode & (0o007 if ours else 0o077):
            yield path, f"is open to other users (mode {mode:04o})"
        if found.st_uid != owner and not ours:
            yield path, f"belongs to another user (number {found.st_uid}) than {top}"


def synced(path: Path) -> None:
    """What a folder lists, or a file that others wrote holds, is on the disk when this returns. OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
