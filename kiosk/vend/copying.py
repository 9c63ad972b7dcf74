"""One moment of a store, in another file, while the store is in use. Errors are `store`'s."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlcipher3 import dbapi2 as sqlcipher

from kiosk.vend.store import StoreDamaged, StoreFull, StoreRefused, check_file, sentences

MALFORMED = "malformed"  # in what SQLite says of a page


def copy_store(source: Path, key: bytes, to: Path) -> int:
    """Under the same key, and nobody's name in it; how many rows. The copy is one file, which the caller puts on the disk."""
    check_file(source, create=False)
    check_file(to, create=True)
    living, copy = _dial(source, key, "ro"), _dial(to, key, "rw")
    try:
        with sentences(source):
            living.execute("SELECT count(*) FROM sqlite_master")
        with _of_the_copy(source, to):
            copy.execute("PRAGMA journal_mode = OFF")  # a copy that is not finished is thrown away
        _backed_up(living, copy, source, to)
        with _of_the_copy(source, to):
            if copy.execute("DELETE FROM person").rowcount:
                copy.execute("VACUUM")  # no page of it remembers a name
            copy.execute("PRAGMA journal_mode = DELETE")  # and it needs no other file beside it
            return int(copy.execute("SELECT count(*) FROM journal").fetchone()[0])
    finally:
        living.close()
        copy.close()


def _dial(path: Path, key: bytes, mode: str) -> Any:
    """Keyed before anything is read or written: SQLCipher copies between two files of one key."""
    raw = sqlcipher.connect(f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, isolation_level=None)
    raw.execute("PRAGMA cipher_log_level = NONE")
    raw.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    raw.execute("PRAGMA busy_timeout = 5000")
    raw.execute("PRAGMA secure_delete = 1")
    return raw


def _backed_up(living: Any, copy: Any, source: Path, to: Path) -> None:
    """Its errors have a text and no number."""
    try:
        living.backup(copy)
    except sqlcipher.Error as error:
        if MALFORMED in str(error):
            raise StoreDamaged(f"The store {source} is damaged: a page of it is not as it was written.") from None
        if "full" in str(error):
            raise StoreFull(f"The disk under {to} is full.") from None
        raise StoreRefused(f"The store {source} cannot be copied to {to}: {error}.") from None


@contextmanager
def _of_the_copy(source: Path, to: Path) -> Iterator[None]:
    """What its disk refuses says nothing about the store; but a bad page was copied as it is."""
    try:
        with sentences(to):
            yield
    except StoreDamaged as error:
        if MALFORMED in str(error):
            raise StoreDamaged(f"The store {source} is damaged: a page of it is not as it was written.") from None
        raise StoreRefused(f"The copy cannot be made. {error}") from None
