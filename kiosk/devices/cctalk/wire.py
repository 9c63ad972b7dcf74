"""ccTalk frames, bytes to values and back. Pure: no port, no clock.

    checksum mode   destination | length | source  | header | data | checksum     all bytes sum to 0 modulo 256
    CRC mode        destination | length | CRC low | header | data | CRC high     CRC-16/XMODEM over all but its own two bytes

A device speaks one of the two. In CRC mode a frame does not say who sent it. Nothing marks where a frame begins: silence does,
so whoever sends a request first calls `Decoder.reset`. Source: ccTalk Generic Specification 4.7, part 1 and part 3 (CRC).
"""

import binascii
from enum import StrEnum

import msgspec

HOST = 1  # the address of the machine's controller

REPLY = 0  # headers of answers
NAK = 5
BUSY = 6

_OVERHEAD = 5  # bytes of a frame without data


class Mode(StrEnum):
    """How a device's frames are protected."""

    CHECKSUM = "checksum"
    CRC = "crc"


class Frame(msgspec.Struct, frozen=True):
    """One message. `source` is 0 where the wire did not say (CRC mode)."""

    destination: int
    source: int
    header: int
    data: bytes = b""


def encode(frame: Frame, mode: Mode) -> bytes:
    """The frame's bytes on the wire. ValueError when data is longer than 252 bytes or a field is no byte."""
    if len(frame.data) > 252:
        raise ValueError(f"a ccTalk frame holds 252 bytes of data, not {len(frame.data)}")
    if mode is Mode.CRC:
        low, high = _crc(bytes([frame.destination, len(frame.data), frame.header]) + frame.data)
        return bytes([frame.destination, len(frame.data), low, frame.header]) + frame.data + bytes([high])
    body = bytes([frame.destination, len(frame.data), frame.source, frame.header]) + frame.data
    return body + bytes([-sum(body) & 0xFF])


class Decoder:
    """Finds the frames in what comes in. A byte that starts no true frame is skipped and counted in `skipped`."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._pending = bytearray()
        self.skipped = 0

    def reset(self) -> None:
        """Silence: whatever was half received will never be finished."""
        self._pending.clear()

    def feed(self, data: bytes) -> list[Frame]:
        """Every frame that `data` completes, in order."""
        self._pending += data
        frames = []
        while len(self._pending) >= _OVERHEAD:
            size = self._pending[1] + _OVERHEAD
            if len(self._pending) < size:
                break
            frame = _parse(bytes(self._pending[:size]), self._mode)
            if frame is None:
                del self._pending[0]
                self.skipped += 1
            else:
                del self._pending[:size]
                frames.append(frame)
        return frames


def _parse(raw: bytes, mode: Mode) -> Frame | None:
    destination, length, third, header = raw[:4]
    data = raw[4:-1]
    if mode is Mode.CRC:
        if _crc(bytes([destination, length, header]) + data) != (third, raw[-1]):
            return None
        return Frame(destination, 0, header, data)
    return None if sum(raw) & 0xFF else Frame(destination, third, header, data)


def _crc(covered: bytes) -> tuple[int, int]:
    """CRC-16/XMODEM: polynomial 1021, start 0000, not reflected. Low byte first."""
    crc = binascii.crc_hqx(covered, 0)
    return crc & 0xFF, crc >> 8
