"""A virtual PIV card (NIST SP 800-73-4): it plugs into a slot of the virtual reader, wants its PIN, agrees keys and signs.

    00 A4 04 00 A000000308...   SELECT, by the whole name or its beginning; answers the application property template
    00 CB 3F FF 5C tag          GET DATA: CHUID 5FC102, CCC 5FC107, discovery 7E, certificates of 9D 5FC10B and 9C 5FC10A
    00 20 00 80 [PIN]           VERIFY, eight bytes padded with FF; without data the tries that are left: 63Cx, 6983, 9000
    00 24 00 80 PIN PIN         CHANGE REFERENCE DATA: the old one and the new one; a wrong old one costs a try
    00 87 11 9D 7C..85 point    GENERAL AUTHENTICATE: ECDH with P-256 (SP 800-73-4 part 2, 3.2.4)
    00 87 11 9C 7C..81 hash     the same: ECDSA of a SHA-256, if the PIN was shown immediately before (part 1, 3.2.2)
    00 C0 00 00 len             GET RESPONSE; what is longer than Le, or without Le than 256 bytes, waits behind 61xx

The answer to reset is one that OpenSC does not take for a PIVKEY, whose driver knows no elliptic curves.
"""

import datetime as dt
import hmac
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding

from kiosk.devices.sim.inserted import Inserted

ATR = bytes.fromhex("3b8680014b494f534b3163")
APPLICATION = bytes.fromhex("a000000308000010000100")
PIN_TRIES, PIN_BYTES = 3, 8
KEY_MANAGEMENT, SIGNATURE, P256 = 0x9D, 0x9C, 0x11
CHUID, CCC, DISCOVERY, CERTIFICATE_9D, CERTIFICATE_9C = "5fc102", "5fc107", "7e", "5fc10b", "5fc10a"
OK, WRONG_LENGTH, NO_RIGHT, BLOCKED = b"\x90\x00", b"\x67\x00", b"\x69\x82", b"\x69\x83"
NOT_NOW, WRONG_DATA, NOT_FOUND, WRONG_P1P2 = b"\x69\x85", b"\x6a\x80", b"\x6a\x82", b"\x6a\x86"
NO_REFERENCE, NO_INSTRUCTION, NO_CLASS = b"\x6a\x88", b"\x6d\x00", b"\x6e\x00"
VALID_DAYS = 3650
ISSUED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class PivModel(Inserted):
    """One card. `process` and `reset` are its contacts, `insert` and `pull` the hand. One owner, or a lock around it."""

    atr = ATR
    name = "boot card"
    _chained: bytes
    _just_shown: bool

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: bytes, pin: str, *, tries: int = PIN_TRIES) -> None:
        self._key, self.certificate, self._pin = key, certificate, pin.encode()
        self._signs = ec.generate_private_key(ec.SECP256R1())
        self.tries = tries
        self.agreed = self.signed = 0  # in its life
        self._objects = {
            CHUID: tlv(
                0x53, bytes.fromhex("3019") + bytes(25) + bytes.fromhex("3410") + certificate[-16:] + b"\x35\x0820360101\x3e\0\xfe\0"
            ),
            CCC: tlv(
                0x53,
                bytes.fromhex("f015a000000116ff02") + bytes(14) + bytes.fromhex("f10121f20121f300f400f50110f600f700fa00fb00fc00fd00fe00"),
            ),
            DISCOVERY: tlv(0x7E, tlv(0x4F, APPLICATION) + bytes.fromhex("5f2f024000")),
            CERTIFICATE_9D: _filed(certificate),
            CERTIFICATE_9C: _filed(_certified(self._signs, "Signature", SIGNATURE)),
        }
        super().__init__()

    def __repr__(self) -> str:
        return "PivModel(hidden)"

    @classmethod
    def issue(cls, pin: str, name: str = "Boot card") -> Self:
        """A new card: its keys, and certificates that they signed themselves."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _certified(key, name, KEY_MANAGEMENT), pin)

    # ------------------------------------------------------------ the contacts

    def process(self, apdu: bytes) -> bytes:
        """One command, one answer. CardPulled when the card is out."""
        self._touched()
        pending, self._pending = self._pending, b""
        if len(apdu) < 4:
            return WRONG_LENGTH
        if apdu[:2] == b"\x00\xc0":
            return self._given(pending, (apdu[4] or 256) if len(apdu) == 5 else 0) if pending else NOT_NOW
        try:
            data, expected = _body(apdu)
        except ValueError:
            return WRONG_LENGTH
        if apdu[0] == 0x10 and apdu[1] == 0x87:  # command chaining
            self._chained += data
            return OK
        data, self._chained = self._chained + data, b""
        just_shown, self._just_shown = self._just_shown, False
        answer = self._command(apdu, data, just_shown=just_shown)
        return self._given(answer[:-2], expected) if answer[-2:] == OK and len(answer) > 2 else answer

    def _given(self, answer: bytes, expected: int) -> bytes:
        now, self._pending = answer[:expected], answer[expected:]
        return now + (bytes((0x61, min(len(self._pending), 256) % 256)) if self._pending else OK)

    # ------------------------------------------------------------ commands

    def _command(self, apdu: bytes, data: bytes, *, just_shown: bool) -> bytes:
        if apdu[0] != 0x00:
            return NO_CLASS
        match apdu[1]:
            case 0xA4:
                return self._select(apdu, data)
            case 0xCB if self._selected:
                return self._get_data(apdu, data)
            case 0x20 if self._selected:
                return self._verify(apdu, data)
            case 0x24 if self._selected:
                return self._change_pin(apdu, data)
            case 0x87 if self._selected:
                return self._authenticate(apdu, data, just_shown=just_shown)
        return NO_INSTRUCTION

    def _select(self, apdu: bytes, name: bytes) -> bytes:
        if apdu[2:4] != b"\x04\x00":
            return WRONG_P1P2
        if len(name) < 5 or not APPLICATION.startswith(name):
            return NOT_FOUND
        if not self._selected:
            self._right = False
        self._selected = True
        return tlv(0x61, tlv(0x4F, APPLICATION[5:]) + tlv(0x79, tlv(0x4F, APPLICATION[:5]))) + OK

    def _get_data(self, apdu: bytes, data: bytes) -> bytes:
        if apdu[2:4] != b"\x3f\xff":
            return WRONG_P1P2
        if len(data) < 3 or data[0] != 0x5C or data[1] != len(data) - 2:
            return WRONG_DATA
        found = self._objects.get(data[2:].hex())
        return found + OK if found else NOT_FOUND

    def _verify(self, apdu: bytes, pin: bytes) -> bytes:
        if apdu[2] != 0x00 or apdu[3] != 0x80:
            return NO_REFERENCE
        if not pin:
            left = OK if self._right else bytes((0x63, 0xC0 | self.tries))
            return BLOCKED if self.tries == 0 else left
        return self._tried(pin)

    def _tried(self, pin: bytes) -> bytes:
        self._right = False
        if self.tries == 0:
            return BLOCKED
        if len(pin) != PIN_BYTES:
            return WRONG_DATA
        self.tries -= 1  # before the comparison, so that a power cut in it costs a try
        if not hmac.compare_digest(pin, self._pin.ljust(PIN_BYTES, b"\xff")):
            return bytes((0x63, 0xC0 | self.tries)) if self.tries else BLOCKED
        self.tries, self._right, self._just_shown = PIN_TRIES, True, True
        return OK

    def _change_pin(self, apdu: bytes, data: bytes) -> bytes:
        """Six to eight digits. Whoever has changed it has shown it, but has not unlocked a signature."""
        if apdu[2] != 0x00 or apdu[3] != 0x80:
            return NO_REFERENCE
        old, new = data[:PIN_BYTES], data[PIN_BYTES:].rstrip(b"\xff")
        if len(data) != 2 * PIN_BYTES or not (6 <= len(new) <= PIN_BYTES and new.isdigit()):
            return WRONG_DATA
        answer = self._tried(old)
        self._just_shown = False
        if answer == OK:
            self._pin = new
        return answer

    def _authenticate(self, apdu: bytes, data: bytes, *, just_shown: bool) -> bytes:
        if apdu[2] != P256 or apdu[3] not in {KEY_MANAGEMENT, SIGNATURE}:
            return WRONG_P1P2
        if not (self._right if apdu[3] == KEY_MANAGEMENT else just_shown):
            return NO_RIGHT
        return self._agree(data) if apdu[3] == KEY_MANAGEMENT else self._sign(data)

    def _agree(self, data: bytes) -> bytes:
        if len(data) != 71 or data[:6] != bytes.fromhex("7c4582008541"):
            return WRONG_DATA
        try:
            other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data[6:])
        except ValueError:
            return WRONG_DATA
        self.agreed += 1
        return tlv(0x7C, tlv(0x82, self._key.exchange(ec.ECDH(), other))) + OK

    def _sign(self, data: bytes) -> bytes:
        if len(data) != 38 or data[:6] != bytes.fromhex("7c2482008120"):
            return WRONG_DATA
        self.signed += 1
        return tlv(0x7C, tlv(0x82, self._signs.sign(data[6:], ec.ECDSA(Prehashed(hashes.SHA256()))))) + OK

    def _forget(self) -> None:
        self._selected = self._right = self._just_shown = False
        self._pending = self._chained = b""


def _certified(key: ec.EllipticCurvePrivateKey, name: str, slot: int) -> bytes:
    """DER: a certificate of a key by itself, for the use of its slot."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(ISSUED)
    builder = builder.not_valid_after(ISSUED + dt.timedelta(days=VALID_DAYS))
    agrees = slot == KEY_MANAGEMENT
    usage = x509.KeyUsage(not agrees, not agrees, False, False, agrees, False, False, False, False)  # noqa: FBT003 - agreement, or signatures
    return builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _filed(certificate: bytes) -> bytes:
    """As a data object of the card holds it."""
    return tlv(0x53, tlv(0x70, certificate) + bytes.fromhex("710100fe00"))


def tlv(tag: int, value: bytes) -> bytes:
    """BER-TLV with the shortest length."""
    size = len(value)
    length = bytes((size,)) if size < 0x80 else b"\x81" + bytes((size,)) if size < 0x100 else b"\x82" + size.to_bytes(2)
    return bytes((tag,)) + length + value


def _body(apdu: bytes) -> tuple[bytes, int]:
    """Data and Le of a short command, 256 where there is none. ValueError."""
    if len(apdu) <= 5:
        return b"", (apdu[4] or 256) if len(apdu) == 5 else 256
    size = apdu[4]
    rest = apdu[5:]
    if len(rest) not in {size, size + 1} or not size:
        raise ValueError("Lc is wrong")
    return rest[:size], (rest[size] or 256) if len(rest) > size else 256
