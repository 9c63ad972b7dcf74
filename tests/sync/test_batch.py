"""The bytes of a batch: what was made is read, by another implementation too, and whatever was changed on the way is refused."""

import random
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk import envelope
from kiosk.sync import batch as b
from kiosk.sync.ack import read_ack
from kiosk.sync.batch import (
    BatchHeader,
    BatchRefused,
    Made,
    boxed_batch,
    checked_batch,
    lines,
    made_batch,
    opened_batch,
    recorded,
    taken_apart,
)
from kiosk.vend import rows
from kiosk.vend.facts import DeviceFault
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.rows import Unknown
from tests.sync import reader
from tests.sync.golden import ACK, ACK_SEED, ACKED, BOXED, CLEAR, HQ_PRIVATE, LINES, OFFICE, STATION, header_of, lines_of

KNOWN: Callable[[str], bytes | None] = {"K07": STATION.public_key}.get
FEW = lines_of([DeviceFault("printer", "low"), DeviceFault("notes", "jammed"), DeviceFault("printer", "out")])


def signed(header: BatchHeader, body: bytes) -> bytes:
    """A batch that a station with a bad mind signs, whatever is in it; clear."""
    whole = msgspec.structs.replace(header, body=envelope.body_of(body))
    return envelope.sealed(STATION.sign, b.LABEL, msgspec.json.encode(whole), body)


def packed(text: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(text)


def refusal(clear: bytes) -> BatchRefused:
    """What HQ says to it; sent boxed, as it would come."""
    with pytest.raises(BatchRefused) as refused:
        opened_batch(envelope.boxed(clear, b.LABEL, b.HQ, OFFICE.box_key), [OFFICE], KNOWN)
    assert "\n" not in refused.value.sentence
    assert refused.value.sentence.endswith(".")
    return refused.value


# ---------------------------------------------------------------- golden


def test_the_golden_batch_of_version_1_reads_as_ever() -> None:
    batch = opened_batch(BOXED.read_bytes(), [OFFICE], KNOWN)
    assert batch.clear == CLEAR.read_bytes()
    assert batch.text == LINES.read_bytes()
    assert (batch.header.kiosk, batch.header.seq, batch.header.rows) == ("K07", 1, len(list(lines(batch))))
    assert not any(isinstance(each.fact, Unknown) for each in recorded(batch))
    assert list(recorded(batch))[-1].row.hash == batch.header.head
    assert read_ack(ACKED.read_bytes(), [OFFICE.public_key]) == ACK


def test_another_implementation_reads_the_golden_files() -> None:
    batch = opened_batch(BOXED.read_bytes(), [OFFICE], KNOWN)
    header, told, name = reader.batch(BOXED.read_bytes(), HQ_PRIVATE, STATION.public_key)
    assert msgspec.convert(header, BatchHeader) == batch.header
    assert [tuple(row[:7]) for row in told] == [(r.seq, r.at_ms, r.boot, r.mono_ms, r.sale, r.kind, r.v) for r in lines(batch)]
    assert [row[7] for row in told] == [msgspec.json.decode(row.body) for row in lines(batch)]
    assert name == batch.hash
    assert reader.ack(ACKED.read_bytes(), OFFICE.public_key)["contiguous_seq"] == ACK.contiguous_seq
    assert len(ACK_SEED) == 32


def test_the_same_rows_make_the_golden_bytes_again() -> None:
    """A lost batch is made again from the journal: whoever changes the packer, or how it is called, breaks that for batches under way."""
    golden = taken_apart(CLEAR.read_bytes())
    header = msgspec.json.decode(golden.header, type=BatchHeader)
    assert made_batch(header, LINES.read_bytes().splitlines(), STATION.sign) == golden


def test_every_attempt_boxes_the_same_bytes_anew() -> None:
    made = made_batch(header_of(FEW), FEW, STATION.sign)
    one, other = (boxed_batch(made, OFFICE.box_key) for _ in range(2))
    assert one != other
    assert opened_batch(one, [OFFICE], KNOWN) == opened_batch(other, [STATION, OFFICE], KNOWN)
    assert checked_batch(made.clear, KNOWN).hash == made.hash


# ---------------------------------------------------------------- changed on the way


def test_every_byte_of_a_sealed_batch_counts() -> None:
    raw = BOXED.read_bytes()
    for place in range(len(raw)):
        changed = raw[:place] + bytes((raw[place] ^ (1 << place % 8),)) + raw[place + 1 :]
        with pytest.raises(BatchRefused):
            opened_batch(changed, [OFFICE], KNOWN)


def test_every_byte_inside_the_box_counts_too() -> None:
    clear = CLEAR.read_bytes()
    for place in range(len(clear)):
        changed = clear[:place] + bytes((clear[place] ^ (1 << place % 8),)) + clear[place + 1 :]
        with pytest.raises(BatchRefused):
            checked_batch(changed, KNOWN)


@given(cut=st.integers(0, 3000), more=st.binary(max_size=64))
@settings(max_examples=200, deadline=None)
def test_whatever_is_cut_or_added_is_refused(cut: int, more: bytes) -> None:
    raw = BOXED.read_bytes()
    changed = raw[:cut] + more
    if changed != raw:
        with pytest.raises(BatchRefused):
            opened_batch(changed, [OFFICE], KNOWN)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_bytes_at_all_crash_the_reader(raw: bytes) -> None:
    for start in (
        b"",
        b'{"boxed":"X25519","to":"HQ","key":"' + envelope.key_name(OFFICE.box_key).encode() + b'"}\n',
        CLEAR.read_bytes()[:300],
    ):
        with pytest.raises(BatchRefused):
            opened_batch(start + raw, [OFFICE], KNOWN)
        with pytest.raises(BatchRefused):
            checked_batch(start + raw, KNOWN)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "unreadable"),
        (envelope.boxed(CLEAR.read_bytes(), b.LABEL, b.HQ, STATION.box_key), "key"),
        (envelope.boxed(CLEAR.read_bytes(), "down", b.HQ, OFFICE.box_key), "unreadable"),
        (envelope.boxed(CLEAR.read_bytes(), b.LABEL, "K07", OFFICE.box_key), "unreadable"),
        (envelope.boxed(b"{}", b.LABEL, b.HQ, OFFICE.box_key), "unreadable"),
        (CLEAR.read_bytes(), "unreadable"),
        (b"\0" * (b.BODY_MAX + 4 * envelope.HEADER_MAX), "unreadable"),
    ],
)
def test_what_is_no_batch_for_this_office_is_told_apart(raw: bytes, why: str) -> None:
    with pytest.raises(BatchRefused) as refused:
        opened_batch(raw, [OFFICE], KNOWN)
    assert refused.value.why == why


def test_a_kiosk_that_is_not_known_and_one_that_signs_for_another_are_told_apart() -> None:
    made = made_batch(header_of(FEW, kiosk="K08"), FEW, STATION.sign)
    assert refusal(made.clear).why == "unknown"
    with pytest.raises(BatchRefused) as refused:
        checked_batch(made.clear, lambda _: OFFICE.public_key)
    assert (refused.value.why, refused.value.kiosk, refused.value.seq) == ("tamper", "K08", 1)


# ---------------------------------------------------------------- a station with a bad mind


HOSTILE_HEADERS: dict[str, object] = {
    "kiosk": "../../etc", "store": "AB" * 16, "seq": 0, "prev": "0" * 63, "rows": 0, "first": 0, "last": -1, "utility": 0, "made_ms": -1,
    "clock": "ok; rm", "software": "x" * 65, "applied": {"keys": [1]}, "totals": {"cash_minor": -1}, "before": None, "head": 7,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_HEADERS)
def test_a_header_that_says_what_cannot_be_is_none(name: str) -> None:
    said = msgspec.json.decode(taken_apart(CLEAR.read_bytes()).header)
    header = msgspec.json.encode({**said, name: HOSTILE_HEADERS[name]})
    clear = envelope.sealed(STATION.sign, b.LABEL, header, taken_apart(CLEAR.read_bytes()).body)
    assert refusal(clear).why == "unreadable"


@pytest.mark.parametrize("header", [b"[" * 4000, b'{"a":' * 800, b"null", b"\xff\xfe", b'{"v":1e999}', b'{"v":1}', b"{" + b'"v":1,' * 500])
def test_a_header_of_deep_or_broken_json_is_none(header: bytes) -> None:
    assert refusal(envelope.sealed(STATION.sign, b.LABEL, header, b"")).why == "unreadable"


def test_a_later_version_is_known_as_such_and_new_fields_are_passed_over() -> None:
    golden = taken_apart(CLEAR.read_bytes())
    said = msgspec.json.decode(golden.header)
    newer = envelope.sealed(STATION.sign, b.LABEL, msgspec.json.encode({**said, "v": 2}), golden.body)
    assert refusal(newer).why == "newer"
    more = msgspec.json.encode({**said, "weather": "rain"})
    batch = checked_batch(envelope.sealed(STATION.sign, b.LABEL, more, golden.body), KNOWN)
    assert (batch.header_bytes, batch.header.seq) == (more, 1)


def test_unknown_kinds_and_later_versions_of_kinds_are_rows_like_any_other() -> None:
    told = [*FEW, b'[4,1,1,1,"00112233445566aa","FlyingSaucerSeen",7,{"crew":[1,2,{"x":"\\u00e9"}]}]', b'[5,1,1,1,null,"DeviceFault",2,{}]']
    batch = checked_batch(made_batch(header_of(told), told, STATION.sign).clear, KNOWN)
    assert [type(each.fact) for each in recorded(batch)][3:] == [Unknown, Unknown]
    assert bytes(batch.rows[3].body) == b'{"crew":[1,2,{"x":"\\u00e9"}]}'
    assert batch.rows[3].sale == "00112233445566aa"


def frame_of(size: int, *, says: int | None = None) -> bytes:
    """A frame of so many zeros; `says`: the length in its header, another one than it has."""
    whole = zstandard.ZstdCompressor(level=1, write_content_size=True).compress(bytes(size))
    if says is None:
        return whole
    assert whole[4] >> 6 == 2, "four bytes of content size"
    start = 5 if whole[4] & 0x20 else 6
    return whole[:start] + says.to_bytes(4, "little") + whole[start + 4 :]


TEXT = b"".join(line + b"\n" for line in FEW)
DICTIONARY = zstandard.train_dictionary(512, [bytes([number]) * 40 + b"row" * number for number in range(200)])
BOMBS: dict[str, bytes] = {
    "a gigabyte that says so": frame_of(1 << 30),
    "a gigabyte that says it were small": frame_of(1 << 30, says=100_000),
    "small, and says it were two megabytes": frame_of(100_000, says=b.TEXT_MAX),
    "a length that is not said": zstandard.ZstdCompressor(write_content_size=False).compress(TEXT),
    "two frames": packed(TEXT) + packed(TEXT),
    "a frame and something": packed(TEXT) + b"\0",
    "a frame to be skipped": b"\x50\x2a\x4d\x18\x10\0\0\0" + bytes(16),
    "a skipped one before it": b"\x50\x2a\x4d\x18\x04\0\0\0" + bytes(4) + packed(TEXT),
    "nothing": b"",
    "an empty frame": packed(b""),
    "no frame": b"\x28\xb5\x2f\xfd" + bytes(30),
    "cut": packed(TEXT)[:-3],
    "a dictionary that is not here": zstandard.ZstdCompressor(dict_data=DICTIONARY).compress(TEXT),
    "one byte too much": packed(bytes(b.TEXT_MAX + 1)),
}  # fmt: skip


@pytest.mark.covers("field-42")
@pytest.mark.parametrize("name", BOMBS)
def test_no_frame_is_unpacked_beyond_what_a_batch_may_have(name: str) -> None:
    clear = signed(header_of(FEW), BOMBS[name])
    tracemalloc.start()
    try:
        assert refusal(clear).why == "tamper"
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


ROW = b'[1,1795000001000,1,1000,null,"DeviceFault",1,{"device":"printer","code":"low"}]'
BAD_ROWS: dict[str, bytes] = {
    "a space": ROW.replace(b",1000,", b", 1000,") + b"\n",
    "two rows in a line": ROW + ROW + b"\n",
    "a row over two lines": ROW.replace(b",null", b",\nnull") + b"\n",
    "an empty line": ROW + b"\n\n",
    "no end": ROW,
    "no rows": b"\n",
    "another number": ROW.replace(b"[1,", b"[2,") + b"\n",
    "a number with a point": ROW.replace(b",1000,", b",1000.0,") + b"\n",
    "a number below zero": ROW.replace(b",1000,", b",-1000,") + b"\n",
    "a kind without end": ROW.replace(b"DeviceFault", b"D" * 65) + b"\n",
    "a version that is no number of ours": ROW.replace(b'",1,{', b'",32768,{') + b"\n",
    "a number beyond 64 bits": ROW.replace(b",1000,", b",99999999999999999999999,") + b"\n",
    "too few": b'[1,1,1,1,null,"DeviceFault",1]\n',
    "too many": ROW[:-1] + b",1]\n",
    "an object": b'{"seq":1}\n',
    "deep": ROW.replace(b'"low"', b"[" * 90_000 + b"]" * 90_000) + b"\n",
    "not text": ROW.replace(b"low", b"l\xffw").replace(b"DeviceFault", b"Dev\xff") + b"\n",
    "an escape that is not needed": ROW.replace(b"DeviceFault", b"\\u0044eviceFault") + b"\n",
    "a raw line feed in a word": ROW.replace(b"DeviceFault", b"Device\nFault") + b"\n",
    "a long one": ROW.replace(b"low", b"l" * (b.LINE_MAX + 1)) + b"\n",
}


@pytest.mark.covers("field-42")
@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_row_that_is_not_the_journals_own_line_is_refused(name: str) -> None:
    text = BAD_ROWS[name]
    chained = [line for line in text.split(b"\n") if line] or [b""]
    header = msgspec.structs.replace(header_of(chained), rows=1, last=1)
    assert refusal(signed(header, packed(text))).why == "tamper"


def test_rows_that_are_missing_moved_or_of_another_chain_are_refused() -> None:
    true = header_of(FEW)
    for changed in (FEW[:-1], [FEW[1], FEW[0], FEW[2]], [*FEW, FEW[2]]):
        text = b"".join(line + b"\n" for line in changed)
        assert refusal(signed(true, packed(text))).why == "tamper"
    text = b"".join(line + b"\n" for line in FEW)
    for change in ({"before": "00" * 32}, {"head": "00" * 32}, {"first": 2, "last": 4}, {"rows": 2}, {"last": 4}):
        assert refusal(signed(msgspec.structs.replace(true, **change), packed(text))).why == "tamper"
    assert checked_batch(signed(true, packed(text)), KNOWN).header.rows == 3


# ---------------------------------------------------------------- the ends of its fields


@pytest.mark.covers("field-41")
def test_a_batch_has_a_thousand_rows_at_most() -> None:
    many = lines_of([DeviceFault("printer", "low")] * (b.ROWS_MAX + 1))
    full = made_batch(header_of(many[:-1]), many[:-1], STATION.sign)
    assert checked_batch(full.clear, KNOWN).header.rows == b.ROWS_MAX
    with pytest.raises(ValueError, match="1 to 1,000 rows"):
        made_batch(header_of(many[:-1]), many, STATION.sign)
    with pytest.raises(ValueError, match="1 to 1,000 rows"):
        made_batch(header_of(FEW), [], STATION.sign)


@pytest.mark.covers("field-42")
def test_the_largest_rows_travel_even_where_they_cannot_be_packed() -> None:
    """Two megabytes of noise, which zstd makes longer: a batch that was sealed can always be read."""
    noise = random.Random(7)
    letters = [chr(letter) for letter in (*range(0x20, 0x22), *range(0x23, 0x5C), *range(0x5D, 0x7F), *range(0xA1, 0x250))]
    told = []
    for seq in (1, 2):
        text = "".join(noise.choices(letters, k=560_000))
        told.append(rows.line((seq, 1, 1, 1), rows.columns(DeviceFault("printer", text))))
    told = [line for line in told if len(line) <= b.LINE_MAX][:2]
    made = made_batch(header_of(told), told, STATION.sign)
    assert opened_batch(boxed_batch(made, OFFICE.box_key), [OFFICE], KNOWN).text == b"".join(line + b"\n" for line in told)
    with pytest.raises(ValueError, match="1 MiB"):
        made_batch(header_of(FEW), [b"[" + b"1" * b.LINE_MAX + b"]"], STATION.sign)


@pytest.mark.covers("field-35")
def test_the_last_number_of_a_batch_has_eight_digits() -> None:
    last = made_batch(header_of(FEW, seq=b.SEQ_MAX), FEW, STATION.sign)
    assert checked_batch(last.clear, KNOWN).header.seq == 99_999_999
    beyond = made_batch(header_of(FEW, seq=b.SEQ_MAX + 1), FEW, STATION.sign)
    assert refusal(beyond.clear).why == "unreadable"


def test_a_full_header_fits_into_its_line() -> None:
    """32 kinds of 16 letters, every number at its end."""
    many = {f"{number:016d}": (0xFFFFFFFF, 0xFFFFFFFF) for number in range(32)}
    big = 2**53 - 1
    totals = msgspec.convert(dict.fromkeys(Lifetime.__struct_fields__, big), Lifetime)
    header = header_of(FEW, totals, applied=many, software="x" * 64, made_ms=big, utility=0xFFFFFFFF)
    made = made_batch(header, FEW, STATION.sign)
    assert len(made.header) < envelope.HEADER_MAX
    assert isinstance(made, Made)
    assert checked_batch(made.clear, KNOWN).header.totals == totals
