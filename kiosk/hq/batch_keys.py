"""The keys that batches are boxed to: X25519, one in use, the earlier ones kept for what is still on its way.

    keys/batch-3.json    {"v":1,"private":hex32}: opens without anyone, because batches come at all hours; as safe as its file

A batch may come months after it was boxed, so no key is ever thrown away while a kiosk may have batches that were boxed to it.
"""

import re
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Meta

from kiosk import envelope, safefile

NAME = re.compile(r"batch-([1-9][0-9]{0,5})\.json")
FILE_MAX = 1024
LISTED = 4  # of the newest the public halves stand in the root's list


class BatchKeyError(Exception):
    """A key cannot be made or read; the text is one sentence."""


class KeyBox(msgspec.Struct, frozen=True):
    """One of them, as whoever opens batches has it: 32 bytes, private. An `envelope.Box` that can be handed to another process."""

    private: bytes

    def __repr__(self) -> str:
        return "KeyBox(hidden)"

    @property
    def box_key(self) -> bytes:
        """See envelope.Box."""
        return _public(self.private)

    def open_box(self, info: bytes, ciphertext: bytes) -> bytes:
        """See envelope.Box."""
        return envelope.unbox(ciphertext, _opened(self.private), info)


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    private: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    v: Literal[1] = 1

    def __repr__(self) -> str:
        return "_Stored(hidden)"


def new_key(folder: Path) -> None:
    """One more in the office's folder. Raises BatchKeyError."""
    number = max(_numbers(folder), default=0) + 1
    try:
        safefile.write(folder / "keys" / f"batch-{number}.json", msgspec.json.encode(_Stored(secrets.token_bytes(32).hex())), anew=True)
    except OSError as error:
        raise BatchKeyError(f"The key batch-{number} cannot be written: {error.strerror}.") from None


def boxes(folder: Path) -> tuple[KeyBox, ...]:
    """All of them, the newest first. Raises BatchKeyError."""
    return tuple(_read(folder, number) for number in sorted(_numbers(folder), reverse=True))


def listed(folder: Path) -> tuple[str, ...]:
    """The public halves of the newest, as the root's list has them. Raises BatchKeyError."""
    return tuple(box.box_key.hex() for box in boxes(folder)[:LISTED])


def _numbers(folder: Path) -> list[int]:
    return [int(fits[1]) for path in (folder / "keys").glob("batch-*.json") if (fits := NAME.fullmatch(path.name))]


def _read(folder: Path, number: int) -> KeyBox:
    stored = None
    try:
        stored = msgspec.json.decode(safefile.read(folder / "keys" / f"batch-{number}.json", FILE_MAX), type=_Stored)
    except safefile.UnsafeFile as why:
        raise BatchKeyError(f"The key batch-{number} {why}.") from None
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        pass
    if stored is None:  # said outside of the handler: the cause may quote what was read
        raise BatchKeyError(f"The key batch-{number} cannot be used: restore it from its backup, for batches may still come that need it.")
    return KeyBox(bytes.fromhex(stored.private))


@lru_cache(maxsize=16)
def _opened(private: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(private)


@lru_cache(maxsize=16)
def _public(private: bytes) -> bytes:
    return _opened(private).public_key().public_bytes_raw()
