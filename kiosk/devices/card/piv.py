"""A PIV card (NIST SP 800-73-4): certificates, its PIN, key agreement with key 9D (boot cards), signatures with key 9C (office staff).

What the card says is believed in nothing: every length is checked against what was really received, the certificate must hold a point of
P-256, and whether an agreed secret is right is shown by what it unwraps. The card counts wrong PINs; we stop at the last but one.
"""

import contextlib

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.devices.card.apdu import CLA_PLAIN, INS_SELECT, ApduError, CardError, CardForeign, CardTorn, Command, Connection, exchange

APPLICATION = bytes.fromhex("A000000308")
INS_VERIFY, INS_GENERAL_AUTHENTICATE, INS_GET_DATA = 0x20, 0x87, 0xCB
PIN_REFERENCE, P256, KEY_MANAGEMENT, SIGNATURE = 0x80, 0x11, 0x9D, 0x9C
CERTIFICATES = {KEY_MANAGEMENT: bytes.fromhex("5FC10B"), SIGNATURE: bytes.fromhex("5FC10A")}  # SP 800-73-4 part 1, table 3
SW_BLOCKED, SW_NONE_LEFT = 0x6983, 0x63C0
CERTIFICATE_MAX = 3072  # SP 800-73-4 part 1, table 10: 1,856 and room
PIN_MIN, PIN_MAX = 6, 8
POINT_BYTES, SECRET_BYTES, DIGEST_BYTES = 65, 32, 32
TRIES_KEPT = 1  # tries that are not spent unless somebody says so


class PinRefused(CardError):
    """The PIN is wrong, or trying it would spend the last try. `left`: the card's own count, None where it did not say."""

    def __init__(self, why: str, left: int | None) -> None:
        self.why, self.left = why, left  # pin | last_try | blocked
        super().__init__(why)


def select(connection: Connection) -> None:
    """Raises CardForeign for anything that is no PIV card."""
    try:
        exchange(connection, Command(CLA_PLAIN, INS_SELECT, 4, 0, APPLICATION, 256))
    except ApduError as error:
        raise CardForeign(f"no PIV application: {error}") from None


def certificate(connection: Connection, key: int = KEY_MANAGEMENT) -> bytes:
    """DER of the certificate of a key. Raises CardForeign where there is none that fits."""
    try:
        whole = exchange(connection, Command(CLA_PLAIN, INS_GET_DATA, 0x3F, 0xFF, b"\x5c\x03" + CERTIFICATES[key], 256))
    except ApduError as error:
        raise CardForeign(f"no certificate of key {key:02X}: {error}") from None
    der = inside(inside(whole, 0x53), 0x70)
    if len(der) > CERTIFICATE_MAX:
        raise CardForeign("a certificate that is too long")
    public_point(der)
    return der


def public_point(der: bytes) -> bytes:
    """65 bytes: the certificate's P-256 key, on the curve. Raises CardForeign."""
    key = None
    # Whatever the parser says, InvalidVersion among it, this is no boot card's. It is said outside: a cause quotes what was read.
    with contextlib.suppress(Exception):
        key = x509.load_der_x509_certificate(der).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CardForeign("a certificate without a P-256 key")
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def tries(connection: Connection) -> int | None:
    """How many wrong PINs the card still takes; None where it does not say."""
    answer = connection.transmit(bytes((CLA_PLAIN, INS_VERIFY, 0, PIN_REFERENCE)))
    if len(answer) < 2:
        raise CardTorn
    sw = int.from_bytes(answer[-2:])
    if sw == SW_BLOCKED:
        return 0
    return sw & 0xF if sw & 0xFFF0 == 0x63C0 else None


def verify(connection: Connection, pin: str, *, last_try: bool = False) -> None:
    """Show the PIN. Raises PinRefused; without `last_try` it is not even shown to a card that has only one try left."""
    code = pin.encode()
    left = tries(connection)
    if left == 0:
        raise PinRefused("blocked", 0)
    if left is not None and left <= TRIES_KEPT and not last_try:
        raise PinRefused("last_try", left)
    if not (PIN_MIN <= len(code) <= PIN_MAX and pin.isascii() and pin.isdecimal()):
        raise PinRefused("pin", left)  # it cannot be right, and costs no try
    try:
        exchange(connection, Command(CLA_PLAIN, INS_VERIFY, 0, PIN_REFERENCE, code.ljust(PIN_MAX, b"\xff")))
    except ApduError as error:
        sw = error.sw
    else:
        return
    if sw in {SW_BLOCKED, SW_NONE_LEFT}:
        raise PinRefused("blocked", 0)
    if sw & 0xFFF0 == 0x63C0:
        raise PinRefused("pin", sw & 0xF)
    raise CardForeign(f"the PIN was answered {sw:04X}")


def agree(connection: Connection, point: bytes) -> bytes:
    """32 bytes: ECDH of the card's key 9D with this uncompressed point. Raises CardForeign."""
    secret = _authenticated(connection, KEY_MANAGEMENT, b"\x82\0\x85" + bytes((POINT_BYTES,)) + point)
    if len(secret) != SECRET_BYTES:
        raise CardForeign("a shared secret of another length")
    return secret


def sign(connection: Connection, digest: bytes) -> bytes:
    """DER: ECDSA of a SHA-256 with the card's key 9C, which wants the PIN immediately before. Raises CardForeign."""
    if len(digest) != DIGEST_BYTES:
        raise ValueError("a digest has 32 bytes")
    return _authenticated(connection, SIGNATURE, b"\x82\0\x81" + bytes((DIGEST_BYTES,)) + digest)


def _authenticated(connection: Connection, key: int, template: bytes) -> bytes:
    """What GENERAL AUTHENTICATE answers. Raises CardForeign."""
    asked = bytes((0x7C, len(template))) + template
    try:
        answer = exchange(connection, Command(CLA_PLAIN, INS_GENERAL_AUTHENTICATE, P256, key, asked, 256))
    except ApduError as error:
        raise CardForeign(f"key {key:02X} of the card refuses: {error}") from None
    return inside(inside(answer, 0x7C), 0x82)


def inside(raw: bytes, tag: int) -> bytes:
    """The value of the BER-TLV that `raw` begins with. Raises CardForeign for another tag and for a length beyond what is there."""
    if len(raw) < 2 or raw[0] != tag:
        raise CardForeign(f"no object {tag:02X}")
    size, start = raw[1], 2
    if size in {0x81, 0x82}:
        start = 2 + size - 0x80
        size = int.from_bytes(raw[2:start])
    elif size >= 0x80:
        raise CardForeign("a length that no card needs")
    if len(raw) < start or len(raw) - start < size:
        raise CardForeign("a length beyond the answer")
    return raw[start : start + size]
