"""A private key in a file, under passphrases: the 32-byte seed of an Ed25519 key under AES key wrap (RFC 3394).

The wrapping key comes by scrypt (RFC 7914) of all the passphrases together. The office's own keys and those of its staff are kept so.
"""

import contextlib
import hashlib
import secrets
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from msgspec import Meta

SEED_BYTES, SALT_BYTES = 32, 16
COST = 1 << 17  # 128 MiB and about half a second
PASSPHRASE_MIN, PASSPHRASE_MAX = 12, 1024


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What such a file holds, as JSON."""

    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    n: Annotated[int, Meta(ge=1 << 10, le=1 << 18)]
    wrapped: Annotated[str, Meta(pattern=r"^[0-9a-f]{80}\Z")]
    v: Literal[1] = 1


def sealed(passphrases: Sequence[str], cost: int = COST) -> tuple[Sealed, str]:
    """A new key, and its public half as hex."""
    seed, salt = secrets.token_bytes(SEED_BYTES), secrets.token_bytes(SALT_BYTES)
    kept = Sealed(salt.hex(), cost, aes_key_wrap(_wrapping(passphrases, salt, cost), seed).hex())
    return kept, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()


def opened(kept: Sealed, passphrases: Sequence[str]) -> Ed25519PrivateKey | None:
    """The key; None where these are not its passphrases. No error of the library travels with the answer."""
    with contextlib.suppress(InvalidUnwrap, ValueError):
        seed = aes_key_unwrap(_wrapping(passphrases, bytes.fromhex(kept.salt), kept.n), bytes.fromhex(kept.wrapped))
        return Ed25519PrivateKey.from_private_bytes(seed)
    return None


def fits(passphrase: str) -> bool:
    """Is it long enough, and not too long?"""
    return PASSPHRASE_MIN <= len(passphrase) <= PASSPHRASE_MAX


def _wrapping(passphrases: Sequence[str], salt: bytes, cost: int) -> bytes:
    """None of them alone is worth anything; a key without a passphrase is as safe as its file."""
    together = b"".join(hashlib.sha256(each.encode()).digest() for each in passphrases)
    return Scrypt(salt=salt, length=32, n=cost, r=8, p=1).derive(together)
