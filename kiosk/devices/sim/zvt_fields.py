"""The fields of a message to the simulated terminal, by their tags; written from PA00P015's table, apart from the driver.

A field is a tag and its bytes. How many: the table says it, or two digits `Fx Fy`, or three, or the BER length behind 06.
"""

TIMEOUT, WAITS, SERVICE, AMOUNT, TLV, CURRENCY, RECEIPT = 0x01, 0x02, 0x03, 0x04, 0x06, 0x49, 0x87
FIXED = {
    TIMEOUT: 1, WAITS: 1, SERVICE: 1, AMOUNT: 6, 0x05: 1, 0x0B: 3, 0x0C: 3, 0x0D: 2, 0x0E: 2, 0x17: 2, 0x19: 1, 0x27: 1, 0x29: 4, 0x2A: 15,
    0x37: 3, 0x3A: 2, 0x3B: 8, 0x3D: 3, CURRENCY: 2, RECEIPT: 2, 0x88: 3, 0x8A: 1, 0x8C: 1, 0xA0: 1, 0xAA: 3, 0xBA: 5,
}  # fmt: skip
LENGTHS = {0x22: 2, 0x23: 2, 0x2D: 2, 0x8B: 2, 0xA7: 2, 0x24: 3, 0x2E: 3, 0x3C: 3, 0x60: 3, 0x92: 3, 0xAF: 3}  # digits of a length


class Malformed(ValueError):
    """No message of this protocol."""


def fields(data: bytes) -> dict[int, bytes]:
    """Every field by its tag. Raises Malformed."""
    found, at = dict[int, bytes](), 0
    while at < len(data):
        tag = data[at]
        begin, size = _extent(tag, data, at + 1)
        if begin + size > len(data):
            raise Malformed(f"field {tag:02X} is cut off")
        found[tag], at = data[begin : begin + size], begin + size
    return found


def number(digits: bytes) -> int:
    """Of BCD. Raises Malformed."""
    if not digits.hex().isdecimal():
        raise Malformed(f"{digits.hex()} is no number")
    return int(digits.hex())


def _extent(tag: int, data: bytes, at: int) -> tuple[int, int]:
    """Where its bytes begin, and how many they are."""
    if tag in FIXED:
        return at, FIXED[tag]
    if tag == TLV:
        return _ber(data, at)
    count = LENGTHS.get(tag)
    digits = data[at : at + count] if count else b""
    if not count or len(digits) < count or any(each >> 4 != 0xF or each & 0xF > 9 for each in digits):
        raise Malformed(f"field {tag:02X} is not known, or has no length")
    return at + count, int("".join(str(each & 0xF) for each in digits))


def _ber(data: bytes, at: int) -> tuple[int, int]:
    first = data[at] if at < len(data) else 0xFF
    if first < 0x80:
        return at + 1, first
    more = first & 0x7F
    if more not in (1, 2) or at + 1 + more > len(data):
        raise Malformed("a container has no length")
    return at + 1 + more, int.from_bytes(data[at + 1 : at + 1 + more])
