"""What a printer says is told apart, byte by byte, and what it does not say is not made up."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.devices.printer import escpos
from kiosk.devices.printer.status import (
    Answer,
    Cleared,
    Condition,
    Done,
    Queued,
    RealTime,
    Status,
    StatusReader,
    after_answer,
    after_status,
)
from tests.seeds import Seeds

GOOD = Condition(offline=False, cover=False, stopped=False, error=False, cutter=False, fatal=False, hot=False, low=False, out=False)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "escpos.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["real_time"], ids=[f"{vector['question']}-{vector['byte']}" for vector in VECTORS["real_time"]])
def test_each_real_time_answer_means_what_the_table_says(vector: dict[str, Any]) -> None:
    byte = int(vector["byte"], 16)
    assert StatusReader().feed(bytes([byte])) == [RealTime(byte)]
    assert after_answer(GOOD, vector["question"], byte).word == vector["word"]


@pytest.mark.parametrize("vector", VECTORS["reports"], ids=[vector["bytes"] for vector in VECTORS["reports"]])
def test_each_automatic_report_means_what_the_table_says(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["bytes"])
    assert StatusReader().feed(raw) == [Status(raw)]
    assert after_status(raw).word == vector["word"]


def test_what_is_asked_and_the_sign_of_the_end_are_the_tables_bytes() -> None:
    orders = {vector["name"]: bytes.fromhex(vector["bytes"]) for vector in VECTORS["orders"]}
    (done,) = VECTORS["done"]
    mark = bytes.fromhex(done["mark"])
    assert [escpos.question(n) for n in (1, 2, 3, 4)] == list(orders.values())[:4]
    assert escpos.job_bytes((), escpos.PAPER_80).startswith(escpos.INITIALIZE + orders["tell every change"])
    assert escpos.ask_done(mark) == orders["tell when this is printed"]
    assert orders["answer when the buffer gets here"] == escpos.ASK_QUEUED
    assert StatusReader().feed(bytes.fromhex(done["bytes"])) == [Done(mark)]


def test_no_answer_is_never_no_paper() -> None:
    assert Condition().word == "unknown"
    assert after_answer(Condition(), 1, 0x12).word == "unknown"  # on-line, but nobody knows about the paper
    assert after_answer(after_answer(Condition(), 1, 0x12), 4, 0x12).word == "ok"


def test_only_a_hot_head_goes_away_by_itself() -> None:
    hot = after_answer(GOOD, 3, 0x52)
    assert hot.passing
    assert not after_answer(hot, 3, 0x5A).passing
    assert not after_answer(hot, 2, 0x16).passing


def test_a_new_report_replaces_everything_that_was_known_before() -> None:
    assert after_status(bytes.fromhex("10000000")) == GOOD


WHOLE: list[tuple[bytes, Answer]] = [
    (b"\x12", RealTime(0x12)),
    (b"\x7e", RealTime(0x7E)),
    (b"\x18\x00\x0f\x00", Status(b"\x18\x00\x0f\x00")),
    (b"\x10\x00\x00\x00", Status(b"\x10\x00\x00\x00")),
    (b"\x37\x22\x60\x6f\x61\x62\x00", Done(b"\x60\x6f\x61\x62")),
    (b"\x37\x25\x00", Cleared()),
    (b"\x00", Queued(0)),
    (b"\x0f", Queued(0x0F)),
]


@given(st.lists(st.sampled_from(WHOLE), max_size=12), st.data())
def test_answers_are_told_apart_however_the_line_cuts_them(answers: list[tuple[bytes, Answer]], data: st.DataObject) -> None:
    stream = b"".join(raw for raw, _ in answers)
    reader, heard = StatusReader(), []
    while stream:
        length = data.draw(st.integers(1, len(stream)))
        heard += reader.feed(stream[:length])
        stream = stream[length:]
    assert heard == [answer for _, answer in answers]
    assert reader.dropped == 0


@given(st.sampled_from([whole for whole in WHOLE if len(whole[0]) > 1]), st.integers(1, 6), st.sampled_from([0x12, 0x1A, 0x7E]))
def test_a_real_time_answer_in_the_middle_of_another_harms_neither(whole: tuple[bytes, Answer], place: int, byte: int) -> None:
    raw, answer = whole
    place = min(place, len(raw) - 1)
    assert StatusReader().feed(raw[:place] + bytes([byte]) + raw[place:]) == [RealTime(byte), answer]


@given(st.binary(max_size=40))
def test_after_any_noise_and_a_silence_the_next_report_is_heard(noise: bytes) -> None:
    reader = StatusReader()
    reader.feed(noise)
    reader.forget_half()
    assert reader.feed(b"\x18\x00\x0f\x00") == [Status(b"\x18\x00\x0f\x00")]


def test_a_torn_report_is_dropped_byte_by_byte_until_it_fits() -> None:
    reader = StatusReader()
    assert reader.feed(b"\x10\x00\x18\x00\x00\x00") == [Queued(0), Status(b"\x18\x00\x00\x00")]
    assert reader.feed(b"\x37\x22\x60\x37\x25\x00") == [Queued(0x22), Queued(0x60), Cleared()]
    assert reader.dropped == 2


# ---------------------------------------------------------------- whatever comes in


def survive(count: int, chance: random.Random) -> None:
    """Answers torn, joined and damaged, and noise: nothing raises, no more is kept than an answer has bytes, every answer has a word."""
    reader, found = StatusReader(), 0
    raws = [raw for raw, _ in WHOLE]
    words = {"ok", "low", "out", "cover", "error", "offline", "unknown"}
    for _ in range(count):
        raw = bytearray(chance.choice(raws))
        match chance.randrange(4):
            case 0:
                raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            case 1:
                del raw[chance.randrange(len(raw)) :]
            case 2:
                raw += chance.choice(raws)[: chance.randrange(7)]
            case _:
                raw = bytearray(chance.randbytes(chance.randrange(1, 16)))
        for answer in reader.feed(bytes(raw)):
            found += 1
            if isinstance(answer, Status):
                assert after_status(answer.block).word in words
            elif isinstance(answer, RealTime):
                assert after_answer(GOOD, chance.randrange(1, 5), answer.byte).word in words
        assert len(reader._block) < 7
    assert count < found + reader.dropped
    reader.forget_half()
    assert reader.feed(b"\x18\x00\x0f\x00") == [Status(b"\x18\x00\x0f\x00")]


def test_a_hundred_thousand_broken_answers_do_no_harm(seeds: Seeds) -> None:
    survive(100_000, seeds.random("printer status"))


@pytest.mark.deep("a million broken inputs")
def test_a_million_broken_answers_do_no_harm(seeds: Seeds) -> None:
    survive(1_000_000, seeds.random("printer status, a million"))
