"""A second reader of a kiosk's store, made from docs/journal.md and docs/batch-format.md alone. It imports nothing of the kiosk's."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from sqlcipher3 import dbapi2

COLUMNS = "seq, at_ms, boot, mono_ms, sale, kind, v, body, hash"


def station(path: Path) -> dict[str, str]:
    return dict(json.loads(path.read_text()))


def rows(store: Path, database: str) -> Iterator[tuple[Any, ...]]:
    connection = dbapi2.connect(f"file:{store}?mode=ro", uri=True)
    connection.execute(f"PRAGMA key = \"x'{database}'\"")
    yield from connection.execute(f"SELECT {COLUMNS} FROM journal ORDER BY seq")  # noqa: S608 - a constant
    connection.close()


def line(row: tuple[Any, ...]) -> bytes:
    """The exact bytes that are hashed."""
    seq, at_ms, boot, mono_ms, sale, kind, v, body, _ = row
    text = body if isinstance(body, bytes) else str(body).encode()
    first = ",".join(json.dumps(each, ensure_ascii=False) for each in (seq, at_ms, boot, mono_ms, sale, kind, v))
    return b"[" + first.encode() + b"," + text + b"]"


def checked(store: Path, keys: dict[str, str]) -> tuple[int, int]:
    """How many rows are in the chain, and how many signatures of it hold. AssertionError where one does not."""
    public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(keys["sign"])).public_key()
    hashes, signed, name = {0: b""}, 0, b""
    for row in rows(store, keys["database"]):
        body = json.loads(row[7])
        if row[5] == "StoreCreated":
            name = bytes.fromhex(body["store"])
            hashes[0] = hashlib.sha256(b"kj1" + name).digest()
        leaf = hashlib.sha256(b"\0" + line(row)).digest()
        hashes[row[0]] = hashlib.sha256(hashes[row[0] - 1] + leaf).digest()
        assert hashes[row[0]] == row[8], f"row {row[0]}"
        if row[5] == "HeadSigned":
            head = hashes[body["at_seq"]]
            assert head.hex() == body["head"]
            public.verify(bytes.fromhex(body["signature"]), b"kvb1 head\0" + name + body["at_seq"].to_bytes(8, "big") + head)
            signed += 1
    return len(hashes) - 1, signed


def kept(raw: bytes, keys: dict[str, str], public: bytes) -> dict[str, Any]:
    """The header of a batch that waits on the kiosk's own disk."""
    outer, _, rest = raw.partition(b"\n")
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    clear = suite.decrypt(rest, X25519PrivateKey.from_private_bytes(bytes.fromhex(keys["box"])), info=b"kept" + outer)
    header, signature, _ = clear.split(b"\n", 2)
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signature, validate=True), b"kvb1 batch\0" + header)
    return dict(json.loads(header))
