"""How fast each wire codec reads what its device says: a day's traffic as it comes in, chunk by chunk, on one core.

A new codec is a line in the table. No line is fast enough to need any of this; a figure that falls by a tenth says that somebody put
something expensive into every byte.
"""

import time
from collections.abc import Callable
from statistics import median

import msgspec

from kiosk.bench.table import Measured, spread
from kiosk.devices.cctalk import wire as cctalk_wire
from kiosk.devices.essp import wire as essp_wire
from kiosk.devices.essp.crypto import Sealed
from kiosk.devices.zvt import messages as zvt_messages
from kiosk.devices.zvt import wire as zvt_wire

CHUNK = 64  # bytes that the system hands over at once
BYTES = 400_000
ROUNDS = 15
BAUD = 9600


class Codec(msgspec.Struct, frozen=True):
    """`said`: a stretch of what the device says. `reader`: makes a fresh reader, which returns how many messages a chunk completed."""

    said: bytes
    reader: Callable[[], Callable[[bytes], int]]


def essp() -> Codec:
    """Answers to polls, a long one and a sealed one, with bytes that have to be doubled."""
    answers = [b"\xf0\xe8", b"\xf0\xef\x03", b"\xf0\xcc\xee\x03", b"\xf0" + bytes(range(100, 148)), b"\x7e" + bytes(range(112, 128))]
    frames = [essp_wire.Frame(bool(place % 2), 0, data) for place, data in enumerate(answers)]

    def reader() -> Callable[[bytes], int]:
        decoder = essp_wire.Decoder()
        return lambda chunk: len(decoder.feed(chunk))

    return Codec(b"".join(map(essp_wire.encode, frames)), reader)


def essp_sealed() -> Codec:
    """The same with the encrypted layer: each answer is unsealed under its count."""
    key = bytes(range(16))
    device = Sealed(key)
    device.count = 1
    said = essp_wire.encode(essp_wire.Frame(sequence=True, address=0, data=device.seal(b"\xf0\xcc\xee\x03")))

    def reader() -> Callable[[bytes], int]:
        decoder, host = essp_wire.Decoder(), Sealed(key)

        def read(chunk: bytes) -> int:
            found = 0
            for frame in decoder.feed(chunk):
                host.count = 0
                found += bool(host.open(frame.data))
            return found

        return read

    return Codec(said, reader)


def cctalk() -> Codec:
    """Event buffers, identities and acknowledgements, protected by a checksum."""
    answers = [b"", bytes([18, 3, 1, 0, 1, 3, 1, 0, 0, 0, 0]), b"CN0050A", b"Bill Validator"]
    mode = cctalk_wire.Mode.CHECKSUM
    said = b"".join(cctalk_wire.encode(cctalk_wire.Frame(1, 40, 0, data), mode) for data in answers)

    def reader() -> Callable[[bytes], int]:
        decoder = cctalk_wire.Decoder(mode)
        return lambda chunk: len(decoder.feed(chunk))

    return Codec(said, reader)


def zvt() -> Codec:
    """A payment as a serial terminal tells it, its status read: states in between, the approval, the lines of its receipt."""

    def reader() -> Callable[[bytes], int]:
        decoder = zvt_wire.BlockDecoder()
        return lambda chunk: sum(map(_heard, decoder.feed(chunk)))

    return Codec(zvt_wire.ACK + b"".join(map(zvt_wire.encode_block, _PAYMENT)), reader)


def zvt_tcp() -> Codec:
    """The same payment over a socket."""

    def reader() -> Callable[[bytes], int]:
        decoder = zvt_wire.StreamDecoder()
        return lambda chunk: sum(map(_heard, decoder.feed(chunk)))

    return Codec(b"".join(map(zvt_wire.encode, _PAYMENT)), reader)


_STATUS = bytes.fromhex(
    "270004000000010000490156 0B0010410C2109160D1101 2929000274 870042 22F0F8EEEEEEEEEEEE4771 3B3132333435360000 8A06"
    " 8BF1F14D41535445524341524400"
)
_PAYMENT = (
    zvt_wire.Apdu(0x8000),
    zvt_wire.Apdu(0x04FF, b"\x0a\x01"),
    zvt_wire.Apdu(0x04FF, b"\x0e\x01"),
    zvt_wire.Apdu(0x040F, _STATUS),
    *(zvt_wire.Apdu(0x06D1, b"\0" + line) for line in (b"SIMULATED BANK", b"Amount 100.00", b"Card ############4771", b"", b"APPROVED")),
    zvt_wire.Apdu(0x060F, b"\x27\x00\x29\x29\x00\x02\x74"),
)


def _heard(told: zvt_wire.Apdu | zvt_wire.Sign) -> int:
    """One, for whatever could be read."""
    if isinstance(told, zvt_wire.Apdu) and told.command == zvt_messages.STATUS:
        return int(zvt_messages.status_info(told.data).result == 0)
    return 1


CODECS: dict[str, Callable[[], Codec]] = {"cctalk": cctalk, "essp": essp, "essp_sealed": essp_sealed, "zvt": zvt, "zvt_tcp": zvt_tcp}


def mb_per_s(name: str) -> Measured:
    """Megabytes a second that this codec reads. Raises RuntimeError where it does not read all that is said."""
    codec = CODECS[name]()
    repeated = codec.said * (BYTES // len(codec.said))
    chunks = [repeated[start : start + CHUNK] for start in range(0, len(repeated), CHUNK)]
    messages = codec.reader()(codec.said)
    seconds = []
    for _ in range(ROUNDS):
        read = codec.reader()
        began = time.perf_counter()
        found = sum(map(read, chunks))
        seconds.append(time.perf_counter() - began)
        if found != messages * (BYTES // len(codec.said)) or not messages:
            raise RuntimeError(f"the codec {name} read {found} messages")
    rate = len(repeated) / median(seconds)
    note = f"{rate / (BAUD / 10):,.0f} times as fast as a line of {BAUD} baud; {rate * messages / len(codec.said):,.0f} messages a second"
    return Measured(rate / 1e6, spread=spread(seconds), note=note)
