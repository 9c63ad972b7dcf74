"""The two alphabets of a short message, and how a text is cut into parts. Pure.

GSM 7 bit default alphabet with its extension table (3GPP TS 23.038, 6.2.1 and 6.2.1.1): 160 characters in one message, 153 in each part of
a longer one; an extension character counts as two. Any other text is UCS-2 (6.2.3): 70 and 67 units of 16 bits. No character is cut.
"""

from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import normalize

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
ESCAPE = 0x1B
_SEPTETS = {character: bytes([code]) for code, character in enumerate(BASIC) if code != ESCAPE}
_SEPTETS |= {character: bytes([ESCAPE, code]) for code, character in EXTENSION.items()}

_LIKE = {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u00b7": ".", "°": "o", "œ": "oe"}

ONE_GSM, PART_GSM = 160, 153  # septets
ONE_UCS2, PART_UCS2 = 70, 67  # units
PARTS_MAX = 8  # a text of more is nobody's receipt


class Parts(NamedTuple):
    """A text as it is sent: septets of a part, one a byte, or UCS-2 octets, big-endian."""

    seven: bool
    parts: tuple[bytes, ...]


class TextTooLong(ValueError):
    """It needs more parts than a message may have."""


def cut(text: str) -> Parts:
    """One part or several; a text without characters is one empty part. Raises TextTooLong."""
    septets = [_SEPTETS.get(character) for character in text]
    if None not in septets:
        return Parts(seven=True, parts=_filled([one for one in septets if one is not None], ONE_GSM, PART_GSM))
    units = [character.encode("utf-16-be", "replace") for character in text.encode("utf-16", "replace").decode("utf-16")]
    return Parts(seven=False, parts=_filled(units, ONE_UCS2 * 2, PART_UCS2 * 2))


def plain(text: str) -> str:
    """The same text without the accents that the GSM alphabet lacks, if it can be sent in that alphabet then: `reçu` -> `recu`.

    A receipt in one message rather than in three; what is not written in Latin letters stays as it is.
    """
    bare = "".join(each if each in _SEPTETS else _LIKE.get(each, normalize("NFKD", each)[0]) for each in text)
    return bare if all(each in _SEPTETS for each in bare) else text


def _filled(characters: Sequence[bytes], one: int, part: int) -> tuple[bytes, ...]:
    """Characters into as few parts as hold them, none of them cut."""
    whole = b"".join(characters)
    if len(whole) <= one:
        return (whole,)
    parts, last = [], bytearray()
    for character in characters:
        if len(last) + len(character) > part:
            parts.append(bytes(last))
            last.clear()
        last += character
    parts.append(bytes(last))
    if len(parts) > PARTS_MAX:
        raise TextTooLong(f"A text may have at most {PARTS_MAX} parts.")
    return tuple(parts)


def packed(septets: bytes, fill: int = 0) -> bytes:
    """Septets, one a byte, into octets; `fill` zero bits come first, where a header has to end on a septet."""
    bits, at = 0, fill
    for septet in septets:
        bits |= septet << at
        at += 7
    return bits.to_bytes((at + 7) // 8, "little")


def unpacked(octets: bytes, count: int, fill: int = 0) -> bytes:
    """`count` septets out of octets; those that are not there are left out."""
    bits = int.from_bytes(octets, "little") >> fill
    count = min(count, max(len(octets) * 8 - fill, 0) // 7)
    return bytes((bits >> 7 * place) & 0x7F for place in range(count))


def spelled(septets: bytes) -> str:
    """Septets as text; an escape that leads to nothing is a space, as 6.2.1 says."""
    said, escaped = [], False
    for septet in septets:
        if escaped:
            said.append(EXTENSION.get(septet, BASIC[septet] if septet != ESCAPE else " "))
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            said.append(BASIC[septet])
    return "".join(said)
