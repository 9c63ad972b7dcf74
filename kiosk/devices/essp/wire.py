"""SSP packets, bytes to values and back. Pure: no port, no clock.

    7F | sequence bit, address | length | data | CRC low | CRC high

Every 7F behind the first byte is sent twice; one that stands alone begins a packet, wherever it comes. The CRC (polynomial 8005, start
FFFF, not reflected) covers all between the first byte and itself, before the doubling. Source: ITL SSP Protocol Manual GA138, "Packet
description", "Packet sequencing", "CRC calculation".
"""

import msgspec

STX = b"\x7f"
_HEAD = 2  # sequence and address, length
_CRC = 2
MAX_DATA = 255


class Frame(msgspec.Struct, frozen=True):
    """One packet. `sequence`: the bit that a new packet of the host's turns over and its answer repeats; `address`: 0..125."""

    sequence: bool
    address: int
    data: bytes


def encode(frame: Frame) -> bytes:
    """The packet's bytes on the wire. ValueError when data is empty or longer than 255 bytes, or the address is none."""
    if not 0 < len(frame.data) <= MAX_DATA:
        raise ValueError(f"an SSP packet holds 1 to {MAX_DATA} bytes of data, not {len(frame.data)}")
    if not 0 <= frame.address <= 0x7D:
        raise ValueError(f"an SSP address is 0 to 125, not {frame.address}")
    body = bytes([frame.sequence << 7 | frame.address, len(frame.data)]) + frame.data
    return STX + (body + crc(body)).replace(STX, STX + STX)


class Decoder:
    """Finds the packets in what comes in, in bounded memory. `damaged` counts those whose CRC was wrong."""

    def __init__(self) -> None:
        self._packet: bytearray | None = None  # from the head on; None while no packet has begun
        self._half = False  # a 7F has come, and what follows decides what it was
        self.damaged = 0

    def reset(self) -> None:
        """Whatever was half received will never be finished."""
        self._packet, self._half = None, False

    def feed(self, data: bytes) -> list[Frame]:
        """Every true packet that `data` completes, in order."""
        frames = []
        for packet in self.packets(data):
            body = packet[:-_CRC]
            if body[1] and crc(body) == packet[-_CRC:]:
                frames.append(Frame(bool(body[0] & 0x80), body[0] & 0x7F, body[_HEAD:]))
            else:
                self.damaged += 1
        return frames

    def packets(self, data: bytes) -> list[bytes]:
        """The same without their first byte and the doubling, their CRC not yet looked at."""
        found: list[bytes] = []
        for place, part in enumerate(data.split(STX)):
            if place and self._half:
                self._half = False
                self._take(STX, found)
            elif place:
                self._half = True
            if part:
                if self._half:
                    self._half, self._packet = False, bytearray()
                self._take(part, found)
        return found

    def _take(self, part: bytes, found: list[bytes]) -> None:
        """Bytes of the packet; what comes behind its end is of none."""
        if self._packet is None:
            return
        self._packet += part[: _HEAD + MAX_DATA + _CRC]
        if len(self._packet) < _HEAD:
            return
        size = _HEAD + self._packet[1] + _CRC
        if len(self._packet) >= size:
            found.append(bytes(self._packet[:size]))
            self._packet = None


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        remainder = byte << 8
        for _ in range(8):
            remainder = (remainder << 1 ^ 0x8005 if remainder & 0x8000 else remainder << 1) & 0xFFFF
        rows.append(remainder)
    return tuple(rows)


_ROWS = _table()


def crc(covered: bytes) -> bytes:
    """Two bytes, low byte first."""
    rows, remainder = _ROWS, 0xFFFF
    for byte in covered:
        remainder = rows[remainder >> 8 ^ byte] ^ (remainder << 8 & 0xFF00)
    return remainder.to_bytes(2, "little")
