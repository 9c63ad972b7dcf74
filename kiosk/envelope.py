"""What our own signatures are over: a label, a zero byte, the exact bytes; and the envelopes that carry what is signed.

The label keeps a signature made for one purpose from serving another: receipt, slip, head, batch, down, ack, keys, store, roll,
order.
"""

import base64
import contextlib
import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Annotated, Literal, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec import Meta


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


# ---------------------------------------------------------------- what travels
#
#   clear   HEADER \n SIGNATURE \n BODY     header: one line of JSON that says the body's length and hash; signature: base64, over the
#                                           header's exact bytes under the label
#   boxed   OUTER \n CIPHERTEXT             outer: one line of JSON that begins {"boxed":; HPKE (RFC 9180, base mode) of a clear one to
#                                           X25519, info = label || outer line. Who wrote it is said by the signature inside alone


KIOSK_ID = r"[A-Z0-9][A-Z0-9.]{0,7}"
"""What a kiosk may be called. Its mail lies in a folder of that name, so no id leads anywhere else."""


class EnvelopeRefused(Exception):
    """This cannot be believed or cannot be read; the text is one sentence."""


class Body(msgspec.Struct, frozen=True):
    """What every header says of its body."""

    size: Annotated[int, Meta(ge=0, lt=1 << 53)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class _Named(msgspec.Struct, frozen=True):
    body: Body


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a boxed envelope is for, and with which key: what a courier may see."""

    boxed: Literal["X25519"]
    to: Annotated[str, Meta(max_length=16)]
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]


class Opened(msgspec.Struct, frozen=True):
    """A header and a body whose signature held."""

    header: bytes
    body: bytes


class Box(Protocol):
    """Whoever has the X25519 key."""

    @property
    def box_key(self) -> bytes:
        """32 bytes, public."""

    def open_box(self, info: bytes, ciphertext: bytes) -> bytes:
        """What was sealed to that key for this purpose. Raises EnvelopeRefused."""


HEADER_MAX = 4096
SIGNATURE_CHARS = 88  # 64 bytes in base64
OVERHEAD = 2 * HEADER_MAX  # the two lines, and what HPKE adds
BOXED = b'{"boxed":'
HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def body_of(body: bytes) -> Body:
    """What a header has to say of this body."""
    return Body(len(body), hashlib.sha256(body).hexdigest())


def sealed(signer: Callable[[str, bytes], bytes], label: str, header: bytes, body: bytes) -> bytes:
    """A clear envelope. `header` is one line that says `body_of(body)`; `signer`: label, header -> 64 bytes."""
    if len(header) > HEADER_MAX or b"\n" in header:
        raise ValueError("a header is one line of at most 4096 bytes")
    return b"\n".join((header, base64.b64encode(signer(label, header)), body))


def opened(raw: bytes, label: str, public_keys: Iterable[bytes], body_max: int) -> Opened:
    """The header and body of a clear envelope that one of these keys signed. Raises EnvelopeRefused."""
    if len(raw) > body_max + OVERHEAD:
        raise EnvelopeRefused(f"It has {len(raw)} bytes and at most {body_max} are read.")
    header, end, _ = raw[: HEADER_MAX + 1].partition(b"\n")
    rest = raw[len(header) + 1 :]
    if not end or rest[SIGNATURE_CHARS : SIGNATURE_CHARS + 1] != b"\n":
        raise EnvelopeRefused("It is no envelope: the header and the signature are two lines.")
    try:
        signature = base64.b64decode(rest[:SIGNATURE_CHARS], validate=True)
    except ValueError:
        signature = b""
    if base64.b64encode(signature) != rest[:SIGNATURE_CHARS]:  # unused bits that say nothing: one envelope has one form
        signature = b""
    body = rest[SIGNATURE_CHARS + 1 :]
    if len(signature) != 64 or not any(holds(key, label, header, signature) for key in public_keys):
        raise EnvelopeRefused(f"It is not signed as {label} by a key that this machine believes.")
    try:
        said = msgspec.json.decode(header, type=_Named).body
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EnvelopeRefused("Its header does not say what its body is.") from None
    if said.size != len(body) or not hmac.compare_digest(hashlib.sha256(body).hexdigest(), said.sha256):
        raise EnvelopeRefused("Its body is not the one that was signed.")
    return Opened(header, body)


def key_name(public_key: bytes) -> str:
    """16 hex digits by which an outer line names a box key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def boxed(clear: bytes, label: str, to: str, public_key: bytes) -> bytes:
    """For the holder of this X25519 key alone. Raises EnvelopeRefused for 32 bytes that are no key to be alone with."""
    outer = msgspec.json.encode(Outer("X25519", to, key_name(public_key)))
    try:
        return outer + b"\n" + HPKE.encrypt(clear, X25519PublicKey.from_public_bytes(public_key), info=label.encode() + outer)
    except ValueError:
        raise EnvelopeRefused(f"What it would be boxed to is no key: {public_key.hex()[:16]}...") from None


def is_boxed(raw: bytes) -> bool:
    """Whether it has to be unboxed before it can be opened."""
    return raw.startswith(BOXED)


def unbox(ciphertext: bytes, private_key: X25519PrivateKey, info: bytes) -> bytes:
    """HPKE's answer. Raises EnvelopeRefused."""
    with contextlib.suppress(InvalidTag, ValueError):
        return HPKE.decrypt(ciphertext, private_key, info=info)
    raise EnvelopeRefused("The box does not open: it was changed, or was made for another purpose.")


def unboxed(raw: bytes, label: str, to: str, box: Box, body_max: int) -> bytes:
    """The clear envelope inside a boxed one. Raises EnvelopeRefused."""
    if len(raw) > body_max + OVERHEAD:
        raise EnvelopeRefused(f"It has {len(raw)} bytes and at most {body_max} are read.")
    outer, _, ciphertext = raw[: HEADER_MAX + 1].partition(b"\n")
    ciphertext = raw[len(outer) + 1 :]
    try:
        said = msgspec.json.decode(outer, type=Outer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EnvelopeRefused("It is no box: its first line does not say for whom it is.") from None
    if said.to != to or said.key != key_name(box.box_key):
        raise EnvelopeRefused(f"It is a box for {said.to if said.to.isprintable() else 'another kiosk'}, not for {to} as it is now.")
    return box.open_box(label.encode() + outer, ciphertext)
