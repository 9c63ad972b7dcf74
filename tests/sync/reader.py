"""Another implementation of docs/batch-format.md, written from it alone: nothing of ours is imported, HPKE is done step by step (RFC 9180).

`hq_private`: 32 bytes, X25519; `station_public`: 32 bytes, Ed25519. ValueError, InvalidSignature or InvalidTag for what is not right.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEM, SUITE = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"


def extract(salt: bytes, suite: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def expand(prk: bytes, suite: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return hmac.digest(prk, length.to_bytes(2) + b"HPKE-v1" + suite + label + info + b"\x01", "sha256")[:length]


def unboxed(raw: bytes, hq_private: bytes) -> bytes:
    """The clear envelope in a box."""
    outer, _, sealed = raw.partition(b"\n")
    mine = X25519PrivateKey.from_private_bytes(hq_private)
    public = mine.public_key().public_bytes_raw()
    said = json.loads(outer)
    if said != {"boxed": "X25519", "to": "HQ", "key": hashlib.sha256(public).hexdigest()[:16]}:
        raise ValueError("not for this key")
    share, ciphertext = sealed[:32], sealed[32:]
    shared = mine.exchange(X25519PublicKey.from_public_bytes(share))
    secret = expand(extract(b"", KEM, b"eae_prk", shared), KEM, b"shared_secret", share + public, 32)
    context = b"\0" + extract(b"", SUITE, b"psk_id_hash", b"") + extract(b"", SUITE, b"info_hash", b"batch" + outer)
    prk = extract(secret, SUITE, b"secret", b"")
    key, nonce = expand(prk, SUITE, b"key", context, 32), expand(prk, SUITE, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, b"")


def parts(clear: bytes, label: bytes, public: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the body of a clear envelope whose signature and body hash hold."""
    header, signature, body = clear.split(b"\n", 2)
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signature, validate=True), b"kvb1 " + label + b"\0" + header)
    said = json.loads(header)
    if said["body"] != {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}:
        raise ValueError("another body")
    return said, body


def batch(raw: bytes, hq_private: bytes, station_public: bytes) -> tuple[dict[str, Any], list[list[Any]], str]:
    """Header, rows, and by what the next batch and nobody else calls this one."""
    clear = unboxed(raw, hq_private)
    header, body = parts(clear, b"batch", station_public)
    lines = zstandard.ZstdDecompressor().stream_reader(body).read().split(b"\n")
    if lines.pop() != b"" or len(lines) != header["rows"]:
        raise ValueError("not so many rows")
    chained = bytes.fromhex(header["before"])
    rows = []
    for number, line in enumerate(lines, header["first"]):
        rows.append(json.loads(line))
        if rows[-1][0] != number:
            raise ValueError("a gap")
        chained = hashlib.sha256(chained + hashlib.sha256(b"\0" + line).digest()).digest()
    if (chained.hex(), number) != (header["head"], header["last"]):
        raise ValueError("another chain")
    return header, rows, hashlib.sha256(clear.split(b"\n", 1)[0]).hexdigest()


def ack(raw: bytes, ack_public: bytes) -> dict[str, Any]:
    """What an acknowledgement says."""
    said: dict[str, Any] = json.loads(parts(raw, b"ack", ack_public)[1])
    return said
