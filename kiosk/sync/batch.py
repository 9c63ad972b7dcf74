"""A batch: a contiguous slice of the journal in one envelope, signed by the station, boxed to the head office. docs/batch-format.md.

    HEADER \\n SIGNATURE \\n BODY     label "batch"; the body is one zstd frame of the journal's own lines, each with its line feed

These three are made once and kept: every attempt boxes the same bytes anew, so that a key of the head office's that was changed between
two attempts is no second history. Who reads checks everything here, limits before contents, and gets rows whose chain has been counted
again. Pure: no file, no clock. What a row means is not asked: an unknown kind is a line like any other.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
import zstandard
from msgspec import Meta

from kiosk import envelope
from kiosk.envelope import KIOSK_ID, Body, Box, EnvelopeRefused
from kiosk.vend.facts import Row
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.rows import Recorded, fact_of, kinds, line, link, linked

LABEL = "batch"
HQ = "HQ"  # whom every batch is boxed to
ROWS_MAX = 1_000
LINE_MAX = 1 << 20
TEXT_MAX = 2 << 20  # of all lines together
BODY_MAX = TEXT_MAX + (16 << 10)  # what zstd cannot make smaller grows by 1/256
LEVEL = 19  # off the desk's thread; half a step below zstd's "ultra", which wants more memory to read
SEQ_MAX = 99_999_999  # eight digits of a file's name
NO_BATCH = "0" * 64  # before the first

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
RowNumber = Annotated[int, Meta(ge=1, lt=1 << 53)]
Moment = Annotated[int, Meta(ge=0, lt=1 << 53)]
Column = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]  # what a database's integer holds
Name = Annotated[str, Meta(max_length=64)]
U32 = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]


class BatchHeader(msgspec.Struct, frozen=True):
    """The first line of every batch. Hashes are SHA-256 in hex; a field that this software does not know is passed over.

    `prev`: of the header before it, byte for byte; `before` and `head`: the journal's chain before row `first` and after row `last`.
    `applied`: (epoch, version) of everything of the head office's that holds at the kiosk; `totals`: the store's whole life up to `last`.
    """

    kiosk: Annotated[str, Meta(pattern=rf"^{KIOSK_ID}\Z")]
    store: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    utility: Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
    seq: Annotated[int, Meta(ge=1, le=SEQ_MAX)]
    prev: Digest
    first: RowNumber
    last: RowNumber
    before: Digest
    head: Digest
    rows: Annotated[int, Meta(ge=1, le=ROWS_MAX)]
    made_ms: Moment
    clock: Annotated[str, Meta(pattern=r"^[a-z_]{1,16}\Z")]
    software: Annotated[str, Meta(max_length=64)]
    applied: Annotated[dict[Annotated[str, Meta(max_length=16)], tuple[U32, U32]], Meta(max_length=32)] = {}
    totals: Lifetime = Lifetime()
    body: Body = Body(0, "")
    v: Literal[1] = 1


class Made(msgspec.Struct, frozen=True):
    """The bytes of one batch, for as long as it is not acknowledged: they are never made a second time."""

    header: bytes
    signature: bytes
    body: bytes

    @property
    def clear(self) -> bytes:
        """As one envelope."""
        return b"\n".join((self.header, self.signature, self.body))

    @property
    def hash(self) -> str:
        """By which the next header, and the acknowledgement's reader, name this one."""
        return sha256(self.header).hexdigest()


class Line(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A row as it travels: the journal's columns, the body as its bytes stand."""

    seq: RowNumber
    at_ms: Column
    boot: Column
    mono_ms: Column
    sale: Name | None
    kind: Name
    v: Annotated[int, Meta(ge=0, le=0x7FFF)]
    body: msgspec.Raw


class Batch(msgspec.Struct, frozen=True):
    """A batch that holds by itself: signed, whole, its rows in order and chained. Whether it fits what came before is `hq.ledger`'s."""

    header: BatchHeader
    header_bytes: bytes
    clear: bytes  # the whole envelope: the original that is kept
    text: bytes  # all lines
    rows: list[Line]

    @property
    def hash(self) -> str:
        """Of the header's bytes."""
        return sha256(self.header_bytes).hexdigest()


class BatchRefused(Exception):
    """It is no batch that can be believed. `why`: unreadable (no box or envelope of ours) | key (boxed to a key that is not here) |
    unknown (of a kiosk that is not known) | newer (of a version that this software does not know) | tamper (signed or said wrongly)."""

    def __init__(self, why: str, sentence: str, kiosk: str = "", seq: int = 0) -> None:
        super().__init__(sentence)
        self.why, self.sentence, self.kiosk, self.seq = why, sentence, kiosk, seq


# ---------------------------------------------------------------- making


def made_batch(header: BatchHeader, lines: Iterable[bytes], signer: Callable[[str, bytes], bytes]) -> Made:
    """`lines`: the exact lines of rows `first` to `last`, without line feeds; what the header says of them is filled in."""
    held = list(lines)
    text = b"".join(each + b"\n" for each in held)
    if not 1 <= len(held) <= ROWS_MAX or len(text) > TEXT_MAX or max(map(len, held)) > LINE_MAX:
        raise ValueError("a batch has 1 to 1,000 rows, each of at most 1 MiB and all of at most 2 MiB")
    body = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True, write_checksum=False).compress(text)
    whole = msgspec.json.encode(msgspec.structs.replace(header, rows=len(held), body=envelope.body_of(body)))
    return taken_apart(envelope.sealed(signer, LABEL, whole, body))


def taken_apart(clear: bytes) -> Made:
    """The three parts of a batch that this kiosk made itself. Raises ValueError for bytes that are none."""
    header, _, rest = clear.partition(b"\n")
    signature, end, body = rest.partition(b"\n")
    if not end or len(signature) != envelope.SIGNATURE_CHARS:
        raise ValueError("this is no envelope")
    return Made(header, signature, body)


def boxed_batch(made: Made, hq_key: bytes) -> bytes:
    """For one attempt: the same bytes in a new box, to the X25519 key that the head office has now."""
    return envelope.boxed(made.clear, LABEL, HQ, hq_key)


# ---------------------------------------------------------------- reading


def opened_batch(raw: bytes, boxes: Iterable[Box], sign_key_of: Callable[[str], bytes | None]) -> Batch:
    """What came, unboxed and checked. `boxes`: every key of the head office's that may still be used; `sign_key_of`: a kiosk's id -> its
    32-byte Ed25519 key, None for one that is not known. Raises BatchRefused."""
    return checked_batch(_unboxed(raw, boxes), sign_key_of)


def checked_batch(clear: bytes, sign_key_of: Callable[[str], bytes | None]) -> Batch:
    """The same of an original that was kept, without its box. Raises BatchRefused."""
    header = _header(clear)
    key = sign_key_of(header.kiosk)
    if key is None:
        raise BatchRefused("unknown", f"There is no kiosk {header.kiosk} here.", header.kiosk, header.seq)
    try:
        opened = envelope.opened(clear, LABEL, (key,), BODY_MAX)
        text = _text(opened.body)
        return Batch(header, opened.header, clear, text, _rows(header, text))
    except EnvelopeRefused as error:
        raise BatchRefused("tamper", str(error), header.kiosk, header.seq) from None


def lines(batch: Batch) -> Iterator[Line]:
    """Its rows in order."""
    return iter(batch.rows)


def recorded(batch: Batch) -> Iterator[Recorded]:
    """Its rows as facts; an unknown kind is `Unknown`. Raises `rows.Unreadable` at a known kind that does not say what that kind says."""
    known, chained = kinds(), bytes.fromhex(batch.header.before)
    for row, exact in zip(batch.rows, batch.text.split(b"\n"), strict=False):
        chained = link(chained, exact)
        fact = fact_of(known, (row.sale, row.kind, row.v, bytes(row.body)))
        yield Recorded(Row(row.seq, row.at_ms, row.boot, row.mono_ms, chained.hex()), fact, row.sale)


def _unboxed(raw: bytes, boxes: Iterable[Box]) -> bytes:
    """By the key that its outer line names. Raises BatchRefused."""
    outer = raw[: envelope.HEADER_MAX].partition(b"\n")[0]
    box = next((each for each in boxes if envelope.key_name(each.box_key).encode() in outer), None)
    if box is None:
        raise BatchRefused("key" if envelope.is_boxed(raw) else "unreadable", "It is no box for a key that the head office has.")
    try:
        return envelope.unboxed(raw, LABEL, HQ, box, BODY_MAX)
    except EnvelopeRefused as error:
        raise BatchRefused("unreadable", str(error)) from None


class _Version(msgspec.Struct, frozen=True):
    v: int


def _header(clear: bytes) -> BatchHeader:
    """What the first line says, not believed yet. Raises BatchRefused."""
    header = clear[: envelope.HEADER_MAX + 1].partition(b"\n")[0]
    try:
        if msgspec.json.decode(header, type=_Version).v > 1:
            raise BatchRefused("newer", "It is of a version that this software does not know.")
        return msgspec.json.decode(header, type=BatchHeader)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BatchRefused("unreadable", "Its header is not that of a batch.") from None


def _text(body: bytes) -> bytes:
    """What is packed in one frame that says how long it is: no more is ever unpacked. Raises EnvelopeRefused."""
    try:
        frame = zstandard.get_frame_parameters(body)
        if not 0 < frame.content_size <= TEXT_MAX or frame.window_size > TEXT_MAX or frame.dict_id:
            raise EnvelopeRefused(f"Its rows are not one frame of at most {TEXT_MAX} bytes.")
        unpack = zstandard.ZstdDecompressor(max_window_size=TEXT_MAX)
        return unpack.decompress(body, allow_extra_data=False)
    except zstandard.ZstdError:
        raise EnvelopeRefused("Its rows cannot be unpacked.") from None


_decode = msgspec.json.Decoder(Line).decode_lines
_encode = msgspec.json.Encoder().encode_lines


def _rows(header: BatchHeader, text: bytes) -> list[Line]:
    """Every line, the very one that the journal makes of what it says, numbered and chained as the header says. Raises EnvelopeRefused."""
    exact = text.split(b"\n")
    if exact.pop() or not len(exact) == header.rows == header.last - header.first + 1:
        raise EnvelopeRefused("It does not have the rows that its header says.")
    if max(map(len, exact)) > LINE_MAX:
        raise EnvelopeRefused(f"A row has more than {LINE_MAX} bytes.")
    try:
        rows = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise EnvelopeRefused("A row is not a line of a journal.") from None
    if len(rows) != len(exact) or not _exact(header, rows, text):
        raise EnvelopeRefused(f"Row {_unlike(header, rows, exact)} is not a line of a journal.")
    if linked(bytes.fromhex(header.before), exact).hex() != header.head:
        raise EnvelopeRefused("Its rows are not chained as its header says.")
    return rows


def _exact(header: BatchHeader, rows: list[Line], text: bytes) -> bool:
    """All at once: a row's own encoding is what `vend.rows.line` makes of it."""
    return [row.seq for row in rows] == list(range(header.first, header.last + 1)) and _encode(rows) == text


def _unlike(header: BatchHeader, rows: list[Line], exact: list[bytes]) -> int:
    """The number of the first line that is not what it should be."""
    for seq, row, said in zip(range(header.first, header.last + 1), rows, exact, strict=False):
        if row.seq != seq or line((row.seq, row.at_ms, row.boot, row.mono_ms), (row.sale, row.kind, row.v, row.body)) != said:
            return seq
    return header.first + len(rows)
