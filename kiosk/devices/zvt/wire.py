"""ZVT messages, bytes to values and back. Pure: no port, no clock.

    APDU          class | instruction | length | data          length FF: two more bytes follow, low byte first
    serial block  10 02 | APDU, each 10 doubled | 10 03 | CRC low | CRC high          answered by one byte: 06 ACK, 15 NAK
    TCP           APDUs, one after the other

The CRC (16 bits, polynomial 1021 reflected, start 0) is over the APDU, undoubled, and 03. Sources: PA00P016_04 (transport, sections on
blocks and on TCP), PA00P015 13.08 (application, section on APDUs).
"""

import binascii
from enum import Enum

import msgspec

ACK, NAK = b"\x06", b"\x15"

_DLE, _STX, _ETX = 0x10, 0x02, 0x03
_LONG = 0xFF  # in place of a length: two more bytes
_DATA_LIMIT = 0xFFFF
_BLOCK_LIMIT = 2 * (_DATA_LIMIT + 5) + 6  # bytes of the longest block, all doubled
_CLASSES = frozenset({0x04, 0x05, 0x06, 0x08, 0x80, 0x84})  # what a message begins with
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


class WireError(Exception):
    """These bytes are no ZVT. The text never quotes them: there may be a card number in them."""


class Apdu(msgspec.Struct, frozen=True):
    """One message: `command` is class and instruction, 040F for a status information."""

    command: int
    data: bytes = b""

    def __repr__(self) -> str:
        return f"Apdu({self.command:04X}, {len(self.data)} bytes)"


class Sign(Enum):
    """What a serial line says beside messages. BROKEN: a block came that is not whole, and wants a NAK."""

    ACK = "ack"
    NAK = "nak"
    BROKEN = "broken"


def encode(apdu: Apdu) -> bytes:
    """The message as TCP carries it. ValueError when data is longer than 65535 bytes or the command is no two bytes."""
    size = len(apdu.data)
    if size > _DATA_LIMIT:
        raise ValueError(f"a ZVT message holds {_DATA_LIMIT} bytes of data, not {size}")
    length = bytes([size]) if size < _LONG else bytes([_LONG]) + size.to_bytes(2, "little")
    return apdu.command.to_bytes(2, "big") + length + apdu.data


def encode_block(apdu: Apdu) -> bytes:
    """The message as a serial line carries it. ValueError as `encode`."""
    body = encode(apdu)
    return b"\x10\x02" + body.replace(b"\x10", b"\x10\x10") + b"\x10\x03" + crc(body)


def decode(raw: bytes) -> Apdu:
    """Exactly one message. Raises WireError."""
    size = _size(raw)
    if size is None or size != len(raw):
        raise WireError(f"{len(raw)} bytes are no ZVT message")
    return _apdu(raw)


def crc(body: bytes) -> bytes:
    """The two bytes behind a block: CRC-16 over `body` and 03, low byte first, each bit the other way round than binascii has it."""
    value = binascii.crc_hqx((body + b"\x03").translate(_REVERSED), 0)
    return bytes([_REVERSED[value >> 8], _REVERSED[value & 0xFF]])


class BlockDecoder:
    """Finds blocks and signs in what a serial line brings. A byte that belongs to neither is skipped and counted in `skipped`."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._looked = 2  # bytes of a begun block that hold no end
        self.skipped = 0

    @property
    def inside(self) -> bool:
        """Half a block is there: the rest has to come soon."""
        return bool(self._pending)

    def reset(self) -> None:
        """Silence: whatever was half received will never be finished."""
        self._pending.clear()
        self._looked = 2

    def feed(self, data: bytes) -> list[Apdu | Sign]:
        """Everything that `data` completes, in order."""
        self._pending += data
        found: list[Apdu | Sign] = []
        while self._pending:
            if self._pending[0] != _DLE:
                self._between(found)
            elif len(self._pending) < 2:
                break
            elif self._pending[1] != _STX:
                self._skip(1)
            else:
                end = self._end()
                if end is None:
                    break
                found.append(end)
        return found

    def _between(self, found: list[Apdu | Sign]) -> None:
        first = bytes(self._pending[:1])
        if first in {ACK, NAK}:
            found.append(Sign.ACK if first == ACK else Sign.NAK)
            del self._pending[0]
        else:
            start = self._pending.find(_DLE)
            signs = [place for place in (self._pending.find(ACK), self._pending.find(NAK), start) if place > 0]
            self._skip(min(signs, default=len(self._pending)))

    def _end(self) -> Apdu | Sign | None:
        """The block at the front, once it is whole or cannot be; None as long as more has to come."""
        pending = self._pending
        while (mark := pending.find(_DLE, self._looked)) >= 0 and mark + 1 < len(pending):
            after = pending[mark + 1]
            if after == _DLE:
                self._looked = mark + 2
            elif after == _ETX:
                if len(pending) < mark + 4:
                    self._looked = mark
                    return None
                return self._whole(mark)
            else:  # another block begins, or a byte was lost
                self._drop(mark if after == _STX else mark + 2)
                return Sign.BROKEN
        self._looked = mark if mark >= 0 else len(pending)
        if len(pending) > _BLOCK_LIMIT:
            self._drop(len(pending))
            return Sign.BROKEN
        return None

    def _whole(self, mark: int) -> Apdu | Sign:
        body = bytes(self._pending[2:mark]).replace(b"\x10\x10", b"\x10")
        told = bytes(self._pending[mark + 2 : mark + 4])
        self._drop(mark + 4)
        return _apdu(body) if crc(body) == told and _size(body) == len(body) else Sign.BROKEN

    def _drop(self, count: int) -> None:
        del self._pending[:count]
        self._looked = 2

    def _skip(self, count: int) -> None:
        self.skipped += count
        self._drop(count)


class StreamDecoder:
    """Finds messages in a TCP stream. What stands before the first one (some terminals greet) is skipped; later nothing can be."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._met = False
        self.skipped = 0

    def feed(self, data: bytes) -> list[Apdu]:
        """Every message that `data` completes, in order. Raises WireError when the stream is not ZVT any more: hang up."""
        self._pending += data
        found: list[Apdu] = []
        while self._pending:
            if self._pending[0] not in _CLASSES:
                if found:
                    break  # they were true, and come first
                if self._met:
                    raise WireError("the stream is out of step")
                del self._pending[0]
                self.skipped += 1
                continue
            size = _size(self._pending)
            if size is None or len(self._pending) < size:
                break
            found.append(_apdu(bytes(self._pending[:size])))
            del self._pending[:size]
            self._met = True
        return found


def _size(raw: bytes | bytearray) -> int | None:
    """Bytes of the message that begins here; None where not even its length is there."""
    if len(raw) < 3:
        return None
    if raw[2] != _LONG:
        return 3 + raw[2]
    return 5 + int.from_bytes(raw[3:5], "little") if len(raw) >= 5 else None


def _apdu(raw: bytes) -> Apdu:
    return Apdu(int.from_bytes(raw[:2], "big"), raw[5:] if raw[2] == _LONG else raw[3:])
