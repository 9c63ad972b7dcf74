"""Every page of a kiosk's store and of its WAL, decrypted without SQLite: what lies there, in a row, a free page or an older state.

SQLCipher 4 with a raw key: a page is AES-256-CBC, its last 80 bytes are the IV (16) and an HMAC; the file begins with 16 bytes of salt.
"""

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

PAGE, RESERVED, SALT = 4096, 80, 16
WAL_HEADER, FRAME_HEADER = 32, 24


def plain_pages(store: Path, key: bytes) -> Iterator[bytes]:
    """Of the file, then of the WAL's frames, whether they are still of use or not."""
    raw = store.read_bytes()
    for at in range(0, len(raw) - PAGE + 1, PAGE):
        yield _plain(raw[at : at + PAGE], key, first=at == 0)
    wal = store.with_name(store.name + "-wal")
    raw = wal.read_bytes() if wal.exists() else b""
    for at in range(WAL_HEADER, len(raw) - PAGE - FRAME_HEADER + 1, FRAME_HEADER + PAGE):
        number = int.from_bytes(raw[at : at + 4])
        page = raw[at + FRAME_HEADER : at + FRAME_HEADER + PAGE]
        yield _plain(page, key, first=number == 1)


def _plain(page: bytes, key: bytes, *, first: bool) -> bytes:
    held = page[SALT if first else 0 : PAGE - RESERVED]
    opened = Cipher(AES(key), CBC(page[PAGE - RESERVED : PAGE - RESERVED + 16])).decryptor()
    return opened.update(held) + opened.finalize()


def lies_in(store: Path, key: bytes, text: str) -> bool:
    """Is it in any page? False means something only where the test has seen it there before."""
    return any(text.encode() in page for page in plain_pages(store, key))
