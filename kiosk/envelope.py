"""What our own signatures are over: a label, a zero byte, the exact bytes.

The label keeps a signature made for one purpose from serving another: receipt, slip, head, batch, down, ack, keys, store, roll.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def labelled(label: str, data: bytes) -> bytes:
    """The message that is signed: "kvb1 " + label || 00 || data."""
    if "\0" in label:
        raise ValueError("a label has no zero byte: it ends at the first")
    return b"kvb1 " + label.encode("ascii") + b"\0" + data


def sign(private_key: bytes, label: str, data: bytes) -> bytes:
    """64 bytes, Ed25519 (RFC 8032). `private_key` is the 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(labelled(label, data))


def holds(public_key: bytes, label: str, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is that key's. False for anything else; ValueError if `public_key` is not 32 bytes of a key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, labelled(label, data))
    except InvalidSignature:
        return False
    return True
