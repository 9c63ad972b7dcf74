"""The signed code on a paper: what a receipt or a slip proves when nothing else is left.

One form, `K1:` + base32 (RFC 4648, no padding, so that a QR stays in alphanumeric mode), integers big-endian (docs: formats, "Receipt QR"):

    38 bytes  version u8, kind u8, kiosk 8 NUL-padded, number u32, amount u32, card tail 2, meter 6 BCD, n u32, tag 4, time_s u32
    21 bytes  a slip adds tender u8, sale 8, journal row u32, head 8
    64 bytes  Ed25519 over "kvb1 " + label || 00 || all of that

The label is "receipt" or "slip", by kind: neither can pass as the other even if a byte of it is changed.
A receipt is 167 characters (version 6, 41 modules), a slip 200 (version 7, 45 modules), at error correction L.
"""

import base64
import binascii
import struct
from collections.abc import Callable

import msgspec

RECEIPT = 1
SLIP = 2
LABELS = {RECEIPT: "receipt", SLIP: "slip"}

CASH, BANK, CODE = 1, 2, 3  # the slip's tender
RESTORED = 0x80  # beside it: the store had been put back, two people look at the first life's rows before they pay

PREFIX = "K1:"
_VERSION = 1
_BODY = struct.Struct(">BB8sII2s6sI4sI")
_SLIP = struct.Struct(">B8sI8s")
_SIGNATURE_BYTES = 64
_LONGEST = 256


class NotGenuine(ValueError):
    """The text is no code of ours, or not as it was signed. The message says which, in one sentence."""


class Evidence(msgspec.Struct, frozen=True):
    """What is signed. Money in minor units, hex in lower case, `card_tail` the last four hex digits of the card's serial.

    `tender` says how it was paid, and RESTORED where that is so. `sale`, `seq` and `head` are a slip's:
    sale id (16 hex), the journal row of its ClaimIssued and the first 8 bytes of the chain there.
    """

    kind: int
    kiosk: str
    number: int
    amount_minor: int
    card_tail: str
    meter: str
    n: int
    tag: str
    time_s: int
    tender: int = 0
    sale: str = ""
    seq: int = 0
    head: str = ""


def signed_bytes(evidence: Evidence) -> bytes:
    """The bytes behind the label. ValueError when a field does not fit its place (a kiosk id above 8 bytes, for one)."""
    kiosk = evidence.kiosk.encode("ascii")
    if len(kiosk) > 8:
        raise ValueError(f"kiosk id {evidence.kiosk!r} is longer than the 8 bytes that a receipt has for it")
    try:
        data = _BODY.pack(
            _VERSION,
            evidence.kind,
            kiosk,
            evidence.number,
            evidence.amount_minor,
            _exactly(evidence.card_tail, 2),
            _exactly(evidence.meter, 6),
            evidence.n,
            _exactly(evidence.tag, 4),
            evidence.time_s,
        )
        if evidence.kind == SLIP:
            data += _SLIP.pack(evidence.tender, _exactly(evidence.sale, 8), evidence.seq, _exactly(evidence.head, 8))
    except struct.error as error:
        raise ValueError(f"a number does not fit the receipt's code: {error}") from None
    return data


def encode(evidence: Evidence, sign: Callable[[str, bytes], bytes]) -> str:
    """The QR's text. `sign(label, data)` is the station's."""
    data = signed_bytes(evidence)
    return PREFIX + _base32(data + sign(LABELS[evidence.kind], data))


def decode(text: str) -> tuple[Evidence, bytes]:
    """The text's content and its signature, not checked yet. Raises NotGenuine unless `text` is exactly what `encode` writes."""
    if not text.startswith(PREFIX) or len(text) > _LONGEST:
        raise NotGenuine("This is not a receipt code: it does not start with K1: and a plausible length.")
    raw = _bytes_of(text.removeprefix(PREFIX))
    data, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if len(data) not in {_BODY.size, _BODY.size + _SLIP.size}:
        raise NotGenuine("The code is cut short or too long.")
    version, kind, kiosk, number, amount_minor, tail, meter, n, tag, time_s = _BODY.unpack_from(data)
    if version != _VERSION or kind not in LABELS or (kind == SLIP) != (len(data) > _BODY.size):
        raise NotGenuine("The code is of a version or kind that is not known here.")
    name, padding, rest = kiosk.partition(b"\0")
    if not name.isascii() or not name.decode("ascii").isprintable() or rest.strip(b"\0") or not (padding or len(name) == 8):
        raise NotGenuine("The code names no kiosk.")
    evidence = Evidence(kind, name.decode("ascii"), number, amount_minor, tail.hex(), meter.hex(), n, tag.hex(), time_s)
    if kind == SLIP:
        tender, sale, seq, head = _SLIP.unpack_from(data, _BODY.size)
        evidence = msgspec.structs.replace(evidence, tender=tender, sale=sale.hex(), seq=seq, head=head.hex())
    return evidence, signature


def verify(text: str, holds: Callable[[str, bytes, bytes], bool]) -> Evidence:
    """What a genuine code says. `holds(label, data, signature)` checks with the kiosk's public key. Raises NotGenuine."""
    evidence, signature = decode(text)
    if not holds(LABELS[evidence.kind], signed_bytes(evidence), signature):
        raise NotGenuine("The signature is not that kiosk's: the code was changed, or another key made it.")
    return evidence


def _exactly(digits: str, length: int) -> bytes:
    """Hex (or BCD, which looks the same) of `length` bytes; all zero where there is none."""
    if not digits:
        return bytes(length)
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raw = b""
    if len(raw) != length:
        raise ValueError(f"{digits!r} is not {length} bytes in hex: it does not fit the receipt's code")
    return raw


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").rstrip("=")


def _bytes_of(letters: str) -> bytes:
    """The inverse of `_base32`, for its own output only: spare bits at the end must be zero, or one code would have many spellings."""
    try:
        raw = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError):
        raise NotGenuine("The code has a character that no receipt code has.") from None
    if _base32(raw) != letters:
        raise NotGenuine("The code was changed at its end.")
    return raw
