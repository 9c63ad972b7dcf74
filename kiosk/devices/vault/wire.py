"""What may be said to the vault's process, and what it answers: a closed set of words, each field with its bounds.

MessagePack over a private SOCK_SEQPACKET pair: one packet a word, and no length that anyone could lie about. The first word opens the
vault, once; a word outside the set, or one too long, ends the process.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.devices.vault.purse import Limits
from kiosk.vend.code import MAC_RANGE, Terms

PACKET_MAX = 4096
PIN_MAX = 16  # bytes; a PIV card's has eight
MESSAGE_MAX = 320  # "R", eight bytes, a header and 251 of data

Serial = Annotated[bytes, Meta(min_length=8, max_length=8)]
Number = Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
Count = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Generation = Annotated[int, Meta(ge=0, le=0xFFFF)]
Message = Annotated[bytes, Meta(min_length=1, max_length=MESSAGE_MAX)]
Secret = Annotated[str, Meta(max_length=1024)]


class Word(msgspec.Struct, frozen=True, tag=str.lower, forbid_unknown_fields=True):
    """Anything that is said on this socket."""


# ---------------------------------------------------------------- the first word


class Order(Word, frozen=True):
    """From what the vault opens, for which utility's region, within which limits. `floats`: what float grants are checked by."""

    region: Number
    limits: Limits
    floats: "Floats | None" = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"


class Floats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may grant to whom: the head office's Ed25519 key and this kiosk's id."""

    key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    kiosk: Annotated[str, Meta(max_length=8)]


class OpenDemo(Order, frozen=True, kw_only=True):
    """Public test masters."""

    utility: Number


class OpenFile(Order, frozen=True, kw_only=True):
    """A file vault."""

    path: Annotated[str, Meta(max_length=1024)]
    passphrase: Secret


class OpenToken(Order, frozen=True, kw_only=True):
    """A PKCS#11 vault."""

    module: Annotated[str, Meta(max_length=1024)]
    token: Annotated[str, Meta(max_length=64)]
    pin: Secret


class OpenPsam(Order, frozen=True, kw_only=True):
    """A security module card: the utility's masters and cipher are in it."""

    reader: Annotated[str, Meta(max_length=128)]
    pin: Secret


class OfStore(Order, frozen=True, kw_only=True):
    """A trading store in a folder: of which kiosk, by whose signature, no older than (epoch, version)."""

    folder: Annotated[str, Meta(max_length=512)]
    kiosk: Annotated[str, Meta(max_length=8)]
    utility: Number
    signers: Annotated[tuple[Annotated[bytes, Meta(min_length=32, max_length=32)], ...], Meta(max_length=4)]
    least: tuple[Count, Count]
    warm_key: Annotated[bytes, Meta(max_length=32)] = b""  # given where it may be kept over a restart


class OpenStore(OfStore, frozen=True, kw_only=True):
    """With the boot card in that reader; its PIN is the next packet, as it was typed."""

    reader: Annotated[str, Meta(max_length=128)]
    last_try: bool = False


class OpenWarm(OfStore, frozen=True, kw_only=True):
    """As it was kept."""


Orders = OpenDemo | OpenFile | OpenToken | OpenPsam | OpenStore | OpenWarm


# ---------------------------------------------------------------- and then


class Cryptogram(Word, frozen=True):
    """EXTERNAL AUTHENTICATE."""

    serial: Serial
    generation: Generation
    challenge: Annotated[bytes, Meta(min_length=8, max_length=8)]


class CardMac(Word, frozen=True):
    """Secure messaging of an UPDATE."""

    serial: Serial
    generation: Generation
    message: Message


class CheckReading(Word, frozen=True):
    """A READ with MAC."""

    serial: Serial
    message: Message
    mac: Annotated[bytes, Meta(max_length=16)]


class Tag(Word, frozen=True):
    """Whose purchase stands on a card."""

    meter: Annotated[str, Meta(pattern=r"^[0-9]{12}\Z")]
    n: Count
    amount_minor: Count
    salt: Annotated[bytes, Meta(min_length=2, max_length=2)]


Digits = Annotated[int, Meta(ge=0, lt=MAC_RANGE)]


class Code(Word, frozen=True):
    """Are these the ten digits of that code? Answered with the record's salt, or with nothing. A wrong one is counted."""

    terms: Terms
    mac: Digits


class CountProof(Word, frozen=True):
    """Which record took the slot of a code that is right; ten digits as 8 bytes."""

    terms: Terms
    mac: Digits
    another: bool


class Grant(Word, frozen=True):
    """A float from the head office: the exact bytes and their signature under the label "down"."""

    item: Annotated[bytes, Meta(max_length=1024)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


class Ask(Word, frozen=True):
    """How it stands."""


Words = Cryptogram | CardMac | CheckReading | Tag | Code | CountProof | Grant | Ask


# ---------------------------------------------------------------- answers


class Made(Word, frozen=True):
    """A cryptogram, MAC or tag; a code's salt or proof."""

    mac: bytes


class Holds(Word, frozen=True):
    """Whether a reading's MAC is the card's."""

    yes: bool


class Refused(Word, frozen=True):
    """No, and why in a few words. Of a trading store also the word for the journal, the card's count of tries, and which card it was."""

    why: str
    word: str = ""
    left: int | None = None
    certificate: str = ""


class Status(Word, frozen=True):
    """How the vault stands. `memory`: "locked", or why it may reach the swap."""

    demo: bool
    memory: str
    spent_minor: int
    granted_minor: int | None


Answers = Made | Holds | Refused | Status


class Float(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A float grant, as the head office signs it (JSON)."""

    kiosk: str
    grant: Annotated[int, Meta(ge=1, lt=1 << 53)]
    amount_minor: Annotated[int, Meta(ge=1, lt=1 << 53)]
    until_ms: Annotated[int, Meta(ge=0, lt=1 << 53)]
    v: Annotated[int, Meta(ge=1, le=1)] = 1
