"""The trading keys kept over a restart, where the head office allows it: sealed under a key of the station store.

    warm.json   {"v":1, "statement": text, "signature": hex, "sealed": hex}

AES-256-GCM over the masters, the statement with it. Whoever is root on this machine can open it as long as it lies there: that is the price
of a kiosk which comes back by itself. How long it may serve is not written in it: that is the head office's policy, and the keeper's watch.
"""

import contextlib
import secrets
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta

from kiosk import safefile
from kiosk.devices.vault import store
from kiosk.devices.vault.store import BootRefused, Expected, Masters, Statement, StoreFile

NONCE_BYTES = 12


class _Warm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    statement: Annotated[str, Meta(max_length=store.STATEMENT_MAX)]
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z")]
    sealed: Annotated[str, Meta(pattern=r"^([0-9a-f]{2})+\Z", max_length=store.FILE_MAX)]
    v: Literal[1] = 1

    def __repr__(self) -> str:
        return "_Warm(hidden)"


def keep(folder: Path, file: StoreFile, masters: Masters, key: bytes) -> None:
    """Seal what has just been opened. Raises BootRefused when the disk does not take it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    plain = msgspec.json.encode({name: master.hex() for name, master in masters.by_name.items()})
    sealed = nonce + AESGCM(key).encrypt(nonce, plain, file.statement.encode())
    try:
        safefile.write(folder / store.WARM, msgspec.json.encode(_Warm(file.statement, file.signature, sealed.hex())))
    except OSError:
        raise BootRefused("disk") from None


def opened(folder: Path, expected: Expected, key: bytes) -> tuple[Statement, Masters]:
    """The same checks as with the boot card, but for the card. Raises BootRefused; "no_store" where nothing was kept."""
    try:
        raw = safefile.read(folder / store.WARM, 2 * store.FILE_MAX)
    except FileNotFoundError:
        raise BootRefused("no_store") from None
    except safefile.UnsafeFile:
        raise BootRefused("damaged") from None
    kept, plain = None, None
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        kept = msgspec.json.decode(raw, type=_Warm)
    if kept is None:
        raise BootRefused("damaged")
    said = store.examined(StoreFile(kept.statement, kept.signature, "", {}), expected)
    sealed = bytes.fromhex(kept.sealed)
    with contextlib.suppress(InvalidTag, ValueError):
        plain = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], kept.statement.encode())
    if plain is None:
        raise BootRefused("damaged")
    masters = Masters({name: bytes.fromhex(master) for name, master in msgspec.json.decode(plain, type=dict[str, str]).items()})
    if set(masters.by_name) != {f"{each.version}/{name}" for each in said.sets for name in each.checks}:
        raise BootRefused("damaged")
    store.checked(said, masters)
    return said, masters
