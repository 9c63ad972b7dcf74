"""A folder that survives the plug, and one that somebody else made: nothing in it leads out of it, and nothing is read without end.

A folder is held open by its handle, and what is below it is opened from there, never through a link: a stick whose `up` points into this
machine's own disk is refused instead of followed. A file comes whole or not at all: a draft, fsync, rename, fsync of the folder.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import Self

from kiosk import safefile

PRIVATE, SHARED = 0o700, 0o770  # SHARED: the core and the courier are two users of one group
_FILE, _BELOW = 0o660, 0o770  # what is made in a folder is as open to the group as the folder is, and to others never, whatever the umask
_NOT_FOLLOWED = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_DRAFT = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
NAMES_MAX = 10_000


class FolderError(Exception):
    """The folder does not give or take this; the text is one sentence."""


class Folder:
    """One open folder. Every method raises FolderError; close it, or use it in a `with`."""

    def __init__(self, handle: int, name: str) -> None:
        self._handle, self._name = handle, name

    @classmethod
    def at(cls, path: Path, *, create: bool = False, mode: int = PRIVATE) -> Self:
        """The path itself may be a link: whoever configured it chose it. `mode`: of a folder that is made; a SHARED one of ours is made so
        again where it is not."""
        try:
            if create:
                made = not path.is_dir()
                safefile.folder(path)
                if made or (mode == SHARED and path.stat().st_uid == os.geteuid()):
                    path.chmod(mode | (path.stat().st_mode & stat.S_ISGID))
            return cls(os.open(path, _FOLDER), str(path))
        except OSError as error:
            raise FolderError(f"{path} cannot be used: {_why(error)}.") from None

    def below(self, *names: str, create: bool = False) -> Self:
        """A folder inside this one, by the names on the way; no link is followed."""
        try:
            handle, name = os.dup(self._handle), self._name
        except OSError as error:
            raise FolderError(f"{self._name} cannot be used: {_why(error)}.") from None
        for step in names:
            above, name = handle, f"{name}/{step}"
            try:
                made = create and _made(step, above)
                handle = os.open(step, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
                if made:
                    _as_open(handle, above, _BELOW)
            except OSError as error:
                raise FolderError(f"{name} cannot be used: {_why(error)}.") from None
            finally:
                os.close(above)
        return type(self)(handle, name)

    def close(self) -> None:
        """It is not used any more."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ read

    def names(self, most: int = NAMES_MAX) -> list[str]:
        """What is there, sorted; of a folder with more the first so many that it tells, so that listing ends."""
        found = []
        try:
            with os.scandir(self._handle) as entries:
                for entry in entries:
                    found.append(entry.name)
                    if len(found) == most:
                        break
        except OSError as error:
            raise FolderError(f"{self._name} cannot be listed: {_why(error)}.") from None
        return sorted(found)

    def stat(self, name: str) -> os.stat_result | None:
        """Of a regular file; None for anything else, and for nothing."""
        try:
            found = os.stat(name, dir_fd=self._handle, follow_symlinks=False)
        except OSError:
            return None
        return found if stat.S_ISREG(found.st_mode) else None

    def has(self, name: str) -> bool:
        """Is there anything of that name, even a link that leads nowhere?"""
        try:
            os.stat(name, dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FolderError(f"{self._name} cannot be read: {_why(error)}.") from None
        return True

    def read(self, name: str, most: int) -> bytes:
        """A regular file of at most so many bytes."""
        try:
            handle = os.open(name, _NOT_FOLLOWED, dir_fd=self._handle)
        except OSError as error:
            raise FolderError(f"{self._name}/{name} cannot be read: {_why(error)}.") from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise FolderError(f"{self._name}/{name} is no file.")
        with os.fdopen(handle, "rb") as file:
            try:
                raw = file.read(most + 1)
            except OSError as error:
                raise FolderError(f"{self._name}/{name} cannot be read to its end: {_why(error)}.") from None
        if len(raw) > most:
            raise FolderError(f"{self._name}/{name} has more than {most} bytes.")
        return raw

    # ------------------------------------------------------------ write

    def create(self, name: str, raw: bytes) -> bool:
        """Durably, and only where nothing of that name is; True when it lies there, False when another one did before, which stays.

        There is no rename on a stick's file system that refuses to replace, so one writer a folder is the rule; HQ's has one a kiosk.
        """
        if self.has(name):
            found = self.stat(name)
            return found is not None and found.st_size == len(raw) and self.read(name, len(raw)) == raw
        self.replace(name, raw)
        return True

    def replace(self, name: str, raw: bytes) -> None:
        """Durably, in place of whatever had that name: a draft is written whole before it gets it."""
        draft = draft_of(name)
        try:
            handle = os.open(draft, _DRAFT, 0o600, dir_fd=self._handle)
            try:
                _as_open(handle, self._handle, _FILE)
                _write_all(handle, raw)
                os.fsync(handle)
            finally:
                os.close(handle)
            os.rename(draft, name, src_dir_fd=self._handle, dst_dir_fd=self._handle)
            os.fsync(self._handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=self._handle)
            raise FolderError(f"{self._name} does not take {name}: {_why(error)}.") from None

    def append(self, name: str, offset: int, raw: bytes) -> None:
        """Put bytes behind the first `offset` of a file, made where it is not: for what comes in parts and is checked as a whole."""
        try:
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._handle)
            try:
                _as_open(handle, self._handle, _FILE)
                os.ftruncate(handle, offset)
                os.lseek(handle, offset, os.SEEK_SET)
                _write_all(handle, raw)
            finally:
                os.close(handle)
        except OSError as error:
            raise FolderError(f"{self._name} does not take {name}: {_why(error)}.") from None

    def rename(self, old: str, new: str) -> None:
        """Durably; whatever had the new name is gone."""
        try:
            os.rename(old, new, src_dir_fd=self._handle, dst_dir_fd=self._handle)
            os.fsync(self._handle)
        except OSError as error:
            raise FolderError(f"{self._name}/{old} cannot be renamed: {_why(error)}.") from None

    def remove(self, name: str) -> bool:
        """Durably; was there one?"""
        try:
            os.unlink(name, dir_fd=self._handle)
            os.fsync(self._handle)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FolderError(f"{self._name}/{name} cannot be removed: {_why(error)}.") from None
        return True


def draft_of(name: str) -> str:
    """The name that a file has until it is whole; no mail has one that begins with a point."""
    return f".{name}.part"


def _made(name: str, above: int) -> bool:
    """A folder; False where it was there. OSError."""
    try:
        os.mkdir(name, 0o700, dir_fd=above)
    except FileExistsError:
        return False
    os.fsync(above)
    return True


def _as_open(handle: int, above: int, most: int) -> None:
    """For the group what the folder above allows it. Another user's file stays as it is, and so does one on a stick without modes."""
    kept = os.fstat(handle).st_mode & stat.S_ISGID  # what is made in such a folder has its group
    with contextlib.suppress(PermissionError):
        os.fchmod(handle, kept | (os.fstat(above).st_mode & most) | (most & 0o700))


def _write_all(handle: int, raw: bytes) -> None:
    rest = memoryview(raw)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _why(error: OSError) -> str:
    return (error.strerror or "it failed").lower()
