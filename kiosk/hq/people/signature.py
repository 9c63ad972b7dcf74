"""Signatures of the staff: Ed25519 by a key in a file, or ECDSA with P-256 by a key that never leaves a PIV card. Both are 64 bytes."""

import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk import envelope

IN_A_FILE = re.compile(r"[0-9a-f]{64}")
ON_A_CARD = re.compile(r"0[23][0-9a-f]{64}")
"""A compressed point (SEC 1, 2.3.3)."""
HALF_BYTES = 32


def holds(key: str, label: str, line: bytes, signature: str) -> bool:
    """Whether `signature` is that key's, both in hex; False for anything that is no key or no signature."""
    try:
        public, signed = bytes.fromhex(key), bytes.fromhex(signature)
        if IN_A_FILE.fullmatch(key):
            return envelope.holds(public, label, line, signed)
        return ON_A_CARD.fullmatch(key) is not None and _by_card(public, envelope.labelled(label, line), signed)
    except ValueError:
        return False


def _by_card(point: bytes, message: bytes, signed: bytes) -> bool:
    if len(signed) != 2 * HALF_BYTES:
        return False
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    r, s = int.from_bytes(signed[:HALF_BYTES]), int.from_bytes(signed[HALF_BYTES:])
    try:
        public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def of_card(der: bytes) -> bytes:
    """A card's signature in 64 bytes. ValueError."""
    try:
        return b"".join(each.to_bytes(HALF_BYTES) for each in decode_dss_signature(der))
    except OverflowError:
        raise ValueError("not a signature with P-256") from None


def on_card(point: bytes) -> str:
    """The key of an uncompressed point, as the list of staff has it."""
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()
