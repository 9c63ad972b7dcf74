"""What stands in a ZVT message: bitmaps (a tag and a value of known length), BCD numbers, and the TLV container of bitmap 06.

A tag that is not in the table ends the reading with FieldError: what stands behind it would be a guess, and it may be an amount.
Source: PA00P015 13.08, sections "Summary of utilised BMPs" and "TLV-container".
"""

from collections.abc import Iterator

import msgspec

from kiosk.devices.zvt.wire import WireError

_TLV, _LL, _LLL = 0, -2, -3
_LENGTHS = {
    0x01: 1, 0x02: 1, 0x03: 1, 0x04: 6, 0x05: 1, 0x06: _TLV, 0x0B: 3, 0x0C: 3, 0x0D: 2, 0x0E: 2, 0x17: 2, 0x19: 1, 0x22: _LL, 0x23: _LL,
    0x24: _LLL, 0x27: 1, 0x29: 4, 0x2A: 15, 0x2D: _LL, 0x37: 3, 0x3A: 2, 0x3B: 8, 0x3C: _LLL, 0x49: 2, 0x60: _LLL, 0x87: 2, 0x88: 3,
    0x8A: 1, 0x8B: _LL, 0x8C: 1, 0xA0: 1, 0xAA: 3, 0xBA: 5,
}  # fmt: skip
_DEPTH = 4  # of containers in containers
_TAG_BYTES = 3

AMOUNT, CONTAINER, TRACE, PAN, RESULT, TERMINAL, ORIGINAL, APPROVAL, CURRENCY, RECEIPT = (
    4,
    6,
    0x0B,
    0x22,
    0x27,
    0x29,
    0x37,
    0x3B,
    0x49,
    0x87,
)


class FieldError(WireError):
    """A bitmap that is not known, not whole, twice there, or no number where there has to be one. The text never quotes a value."""


class Tlv(msgspec.Struct, frozen=True):
    """One object of a container. `inner` are those inside it, where its tag says that there are."""

    tag: int
    value: bytes
    inner: tuple["Tlv", ...] = ()

    def __repr__(self) -> str:
        return f"Tlv({self.tag:X}, {len(self.value)} bytes)"


def bitmaps(data: bytes) -> dict[int, bytes]:
    """Tag -> value. A container's value is what is in it. Raises FieldError."""
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data):
        tag = data[place]
        length = _LENGTHS.get(tag)
        if length is None:
            raise FieldError(f"bitmap {tag:02X} is not known")
        if tag in found:
            raise FieldError(f"bitmap {tag:02X} is there twice")
        start, size = _value(data, place + 1, tag, length)
        if start + size > len(data):
            raise FieldError(f"bitmap {tag:02X} is not whole")
        found[tag] = data[start : start + size]
        place = start + size
    return found


def _value(data: bytes, place: int, tag: int, length: int) -> tuple[int, int]:
    """Where the value begins, and its size."""
    if length > 0:
        return place, length
    if length == _TLV:
        return _ber_length(data, place)
    size = 0
    digits = data[place : place - length]
    if len(digits) < -length:
        raise FieldError(f"bitmap {tag:02X} is not whole")
    for digit in digits:
        if digit & 0xF0 != 0xF0 or digit & 0x0F > 9:
            raise FieldError(f"the length of bitmap {tag:02X} is no number")
        size = size * 10 + (digit & 0x0F)
    return place - length, size


def _ber_length(data: bytes, place: int) -> tuple[int, int]:
    """Where the value behind a BER length begins, and its size: one byte, or 81 and one, or 82 and two."""
    more = {0x81: 1, 0x82: 2}.get(data[place], 0 if data[place] < 0x80 else None) if place < len(data) else None
    if more is None or place + more >= len(data):
        raise FieldError("the length of a TLV object is none")
    if not more:
        return place + 1, data[place]
    return place + 1 + more, int.from_bytes(data[place + 1 : place + 1 + more], "big")


def objects(data: bytes, depth: int = _DEPTH) -> tuple[Tlv, ...]:
    """The objects of a container, in order, and those inside them. Raises FieldError."""
    found = []
    place = 0
    while place < len(data):
        tag, place, constructed = _tag(data, place)
        start, size = _ber_length(data, place)
        place = start + size
        if place > len(data):
            raise FieldError(f"TLV object {tag:X} is not whole")
        if constructed and not depth:
            raise FieldError("TLV objects are nested too deep")
        value = data[start:place]
        found.append(Tlv(tag, value, objects(value, depth - 1) if constructed else ()))
    return tuple(found)


def _tag(data: bytes, place: int) -> tuple[int, int, bool]:
    """Tag, where its length begins, and whether there are objects inside."""
    first = data[place]
    end = place + 1
    if first & 0x1F == 0x1F:
        while end < len(data) and data[end] & 0x80 and end - place < _TAG_BYTES:
            end += 1
        end += 1
    if end > len(data) or end - place > _TAG_BYTES:
        raise FieldError("the tag of a TLV object is not whole")
    return int.from_bytes(data[place:end], "big"), end, bool(first & 0x20)


def every(inside: tuple[Tlv, ...], tag: int) -> Iterator[Tlv]:
    """All objects with this tag, at whatever depth, in order."""
    for one in inside:
        if one.tag == tag:
            yield one
        yield from every(one.inner, tag)


def digits(value: bytes) -> str:
    """A BCD value as digits, with its leading noughts. Raises FieldError."""
    text = value.hex()
    if not text.isdecimal():
        raise FieldError("a number is none")
    return text


def bcd(number: int, size: int) -> bytes:
    """A number as `size` bytes of BCD. ValueError when it does not fit."""
    text = f"{number:0{2 * size}d}"
    if number < 0 or len(text) > 2 * size:
        raise ValueError(f"{number} has no {2 * size} digits")
    return bytes.fromhex(text)
