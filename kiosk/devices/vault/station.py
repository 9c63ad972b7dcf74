"""The station store: the kiosk's own identity, one file that only its user can read. It opens by itself at boot.

`{"v":1,"sign":hex32,"box":hex32,"database":hex32}`: Ed25519 and X25519 private keys and the database key. Whoever is root on this machine
can read it: the threat model says so. Its loss makes the journal unreadable, so it is never overwritten.
"""

import hmac
import secrets
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from kiosk import envelope, safefile

LABEL_PREFIX = b"kvb1 "
FILE_MAX = 4096


class StationError(Exception):
    """The station store cannot be made or opened; the text is a sentence for whoever runs the kiosk."""


class _Stored(msgspec.Struct, frozen=True):
    sign: str
    box: str
    database: str
    v: int = 1

    def __repr__(self) -> str:
        return "_Stored(hidden)"


class FileStation:
    """Implements `kiosk.vend.ports.Station` from three 32-byte secrets."""

    def __init__(self, sign: bytes, box: bytes, database: bytes) -> None:
        self._sign = Ed25519PrivateKey.from_private_bytes(sign)
        self._box = X25519PrivateKey.from_private_bytes(box)
        self._database = database

    @property
    def public_key(self) -> bytes:
        """32 bytes, Ed25519: who signs this kiosk's batches, slips, receipts and chain heads."""
        return self._sign.public_key().public_bytes_raw()

    @property
    def box_key(self) -> bytes:
        """32 bytes, X25519: whom a downlink meant for this kiosk alone is sealed to."""
        return self._box.public_key().public_bytes_raw()

    def sign(self, label: str, data: bytes) -> bytes:
        """64 bytes over "kvb1 " + label || 00 || data: a signature for one purpose is none for another."""
        return self._sign.sign(LABEL_PREFIX + label.encode("ascii") + b"\0" + data)

    def open_box(self, info: bytes, ciphertext: bytes) -> bytes:
        """What was sealed to the box key for this purpose. Raises EnvelopeRefused."""
        return envelope.unbox(ciphertext, self._box, info)

    def database_key(self) -> bytes:
        """32 bytes."""
        return self._database

    def warm_key(self) -> bytes:
        """32 bytes, that what is kept open over a restart is sealed under."""
        return hmac.digest(self._database, b"kiosk-warm", "sha256")


def create_station(path: Path) -> FileStation:
    """Make a new store at `path`, whole or not at all. Raises StationError when anything is there already or it cannot be written."""
    sign, box, database = (secrets.token_bytes(32).hex() for _ in range(3))
    try:
        safefile.write(path, msgspec.json.encode(_Stored(sign, box, database)), anew=True)
    except FileExistsError:
        raise StationError(
            f"{path} exists already. A station store is never overwritten: the journal could not be read without it."
        ) from None
    except OSError as error:
        raise StationError(f"Cannot write the station store {path}: {error.strerror}.") from None
    return open_station(path)


def open_station(path: Path, owner: int | None = None) -> FileStation:
    """Open the store, ours or that user's. Raises StationError for a missing, readable-by-others, linked, foreign or damaged file."""
    try:
        raw = safefile.read(path, FILE_MAX, owner)
    except FileNotFoundError:
        raise StationError(f"There is no station store at {path}. Make it once with: kiosk init") from None
    except safefile.UnsafeFile as why:
        raise StationError(f"The station store {path} {why}.") from None
    return _decode(raw, path)


def _decode(raw: bytes, path: Path) -> FileStation:
    try:
        stored = msgspec.json.decode(raw, type=_Stored)
        keys = [bytes.fromhex(key) for key in (stored.sign, stored.box, stored.database)]
    except (msgspec.MsgspecError, ValueError):
        keys = []
    if [len(key) for key in keys] != [32, 32, 32]:  # said outside of the handler: the cause may quote what was read
        raise StationError(f"The station store {path} is damaged. Restore it from its backup.")
    if stored.v != 1:
        raise StationError(f"The station store {path} is of version {stored.v}, which this software does not know.")
    return FileStation(*keys)
