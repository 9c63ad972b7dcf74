"""The card layout gdw1365, byte by byte: the images of the standard's tables, what a tear leaves, and what a second write heals."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kiosk.devices.sim.card_files import Parameters, is_empty
from kiosk.devices.sim.card_files import Returned as MeterFile
from kiosk.devices.sim.card_files import wallet as wallet_bytes
from kiosk.vend.card.gdw1365 import PROFILE
from kiosk.vend.card.reading import Profile, Reading, Record, Returned, Update, Word

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "gdw1365.json").read_text())
SERIAL, METER, CUSTOMER = "1122334455667788", "000012345678", "000098765432"
OPEN_CARD, PURCHASE_CARD = bytes.fromhex(VECTORS["open_card"]), bytes.fromhex(VECTORS["purchase_card"])
TAKEN = bytes.fromhex(VECTORS["returned"][0]["bytes"])
SALT = b"\x12\x34"
profile: Profile = PROFILE


def tag_of(meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
    """A stand-in for the vault's CMAC that anyone can check by hand."""
    return (int(meter) + 7 * n + amount_minor + int.from_bytes(salt)).to_bytes(8)[-2:]


def record(n: int, amount_minor: int = 95_00) -> Record:
    return Record(SERIAL, METER, n, amount_minor, (SALT + tag_of(METER, n, amount_minor, SALT)).hex())


def files(parameters: bytes = PURCHASE_CARD, purse: bytes = bytes.fromhex("0000271000000001"), returned: bytes = TAKEN) -> dict[int, bytes]:
    return {1: parameters, 2: purse, 5: returned}


def read(card: dict[int, bytes]) -> Reading:
    return profile.parse(SERIAL, card, authentic=True, tag_of=tag_of)


def put(card: dict[int, bytes], update: Update, upto: int | None = None, rest: bytes | None = None) -> dict[int, bytes]:
    """The card after an update; torn after `upto` bytes, the rest old or as given."""
    old = card[update.file]
    end = update.offset + len(update.data)
    data = update.data if upto is None else update.data[:upto] + (rest or old[update.offset : end])[upto : len(update.data)]
    return {**card, update.file: old[: update.offset] + data + old[end:]}


def test_the_images_of_the_tables_read_as_what_they_say() -> None:
    assert (read(files(OPEN_CARD)).kind, read(files()).kind) == (1, 2)
    for wallet in VECTORS["wallets"]:
        reading = read(files(purse=bytes.fromhex(wallet["bytes"])))
        assert (reading.amount_minor, reading.count) == (wallet["amount_minor"], wallet["count"])
    for returned in VECTORS["returned"]:
        reading = read(files(returned=bytes.fromhex(returned["bytes"])))
        assert reading.returned is Returned.FRAME
        assert (reading.meter, reading.customer, reading.agrees) == (METER, CUSTOMER, True)
        for name in ("balance_minor", "taken", "balance_at", "illegal"):
            assert getattr(reading, name) == returned[name]


def test_the_bytes_of_a_first_recharge() -> None:
    card = files(OPEN_CARD, bytes(8), bytes(49))
    sale = Record(SERIAL, METER, 1, 95_00, "12345678")
    updates = profile.plan(read(card), sale, "arm")
    wanted = VECTORS["first_recharge"]
    assert {update.step: update.data.hex().upper() for update in updates} == {k: v for k, v in wanted.items() if k != "what"}
    assert [(update.file, update.offset) for update in updates] == [(5, 0), (1, 5), (2, 0), (5, 0)]


def test_an_open_card_keeps_what_it_was_issued_with_and_later_sales_carry_nothing_over() -> None:
    for update in profile.plan(read(files(OPEN_CARD, bytes(8), bytes(49))), record(1), "arm"):
        if update.step == "mark":
            assert (update.data[0], update.data[5:10].hex()) == (0x8F, "2607010000")
    second = profile.plan(read(files(OPEN_CARD)), record(2), "type")
    assert [update.step for update in second] == ["type", "mark", "load", "commit"]
    assert (second[1].data[0], second[1].data[5:10]) == (0, bytes(5))


@pytest.mark.parametrize("flags", [0xFF, 0x00])
def test_on_old_cards_flags_of_ff_mean_none(flags: int) -> None:
    card = files(Parameters(METER, CUSTOMER, kind=1, flags=flags, tou_switch="2607010000").encode(), bytes(8), bytes(49))
    (mark,) = [update for update in profile.plan(read(card), record(1), "arm") if update.step == "mark"]
    assert mark.data[0] == 0


def test_arming_writes_what_the_meter_would_and_only_where_nothing_stands() -> None:
    arm = profile.arm(read(files(OPEN_CARD, returned=bytes(49))), 4)
    assert arm is not None
    assert MeterFile.decode(arm.data) == MeterFile(METER, CUSTOMER, 3)
    armed = read(put(files(OPEN_CARD), arm))
    assert (armed.taken, armed.balance_minor, armed.balance_at) == (3, None, None)
    assert profile.arm(armed, 4) is None


@pytest.mark.parametrize("upto", range(9))
def test_a_commit_torn_after_any_byte_reads_as_the_frame_it_was_or_as_empty(upto: int) -> None:
    card = put(files(), profile.commit(read(files())), upto)
    reading = read(card)
    if is_empty(card[5]):
        assert (reading.returned, reading.taken) == (Returned.EMPTY, None)
    else:
        assert (reading.returned, reading.taken, reading.balance_minor) == (Returned.FRAME, 1, 108_32)
    assert is_empty(card[5]) == (upto == 8)


@pytest.mark.parametrize("rest", [b"\xff" * 8, b"\xa5" * 8], ids=["ff", "a5"])
@pytest.mark.parametrize("upto", range(8))
def test_a_commit_torn_into_noise_is_torn_and_is_never_taken_for_empty(upto: int, rest: bytes) -> None:
    card = put(files(), profile.commit(read(files())), upto, rest)
    assert read(card).returned is (Returned.EMPTY if is_empty(card[5]) else Returned.TORN)


@given(
    start=st.sampled_from([1, 2, 3]),
    n=st.integers(2, 9),
    step=st.integers(0, 1),
    upto=st.integers(0, 11),
    noise=st.binary(min_size=11, max_size=11),
)
def test_whatever_a_torn_type_or_mark_left_the_next_sale_heals_it(start: int, n: int, step: int, upto: int, noise: bytes) -> None:
    frame = MeterFile(METER, CUSTOMER, n - 1, time="2611030815").encode()
    card = files(Parameters(METER, CUSTOMER, kind=start).encode(), wallet_bytes(10_00, n - 1), frame)
    first = [update for update in profile.plan(read(card), record(n), "type") if update.file == 1]
    torn = first[min(step, len(first) - 1)]
    for update in first[: first.index(torn)]:
        card = put(card, update)
    card = put(card, torn, min(upto, len(torn.data)), noise)
    again = record(n, 20_00)
    verdict = profile.judge(read(card), again, 0)
    assert (verdict.word, verdict.n) == (Word.NEVER, n)
    for update in profile.plan(read(card), again, "arm"):
        card = put(card, update)
    healed = Parameters.decode(card[1])
    assert (healed.kind, healed.flags, healed.tou_switch, healed.meter) == (2, 0, "0000000000", METER)
    assert profile.judge(read(card), again, 0).word is Word.LANDED


@given(st.integers(0, 11), st.sampled_from([b"", bytes(11), b"\xff" * 11]))
def test_a_torn_first_mark_heals_without_touching_what_the_card_was_issued_with(upto: int, rest: bytes) -> None:
    card = files(OPEN_CARD, bytes(8), bytes(49))
    arm, mark, *_ = profile.plan(read(card), record(1), "arm")
    card = put(put(card, arm), mark, upto, rest)
    for update in profile.plan(read(card), record(1), "type"):
        card = put(card, update)
    healed, issued = Parameters.decode(card[1]), Parameters.decode(OPEN_CARD)
    assert (healed.kind, healed.alarm1_minor, healed.alarm2_minor) == (issued.kind, issued.alarm1_minor, issued.alarm2_minor)
    if healed.tou_switch == issued.tou_switch:
        assert healed.flags in (issued.flags, 0)
    else:  # the switch time is lost, so the standby set stays out
        assert (healed.tou_switch, healed.flags & 0x02) == ("0000000000", 0)


@pytest.mark.covers("rule-16")
def test_a_card_is_refused_with_its_reason() -> None:
    other = Parameters("000000000001", CUSTOMER, kind=2).encode()
    genuine = read(files())
    for reading, known, why in [
        (replace(genuine, authentic=False), 0, "unproven"),
        (read(files(other)), 0, "other_meter"),
        (read(files(bytes(45))), 0, "other_meter"),
        (genuine, 2, "went_back"),
        (profile.parse(SERIAL, files(), authentic=True, tag_of=None), 0, "locked"),
    ]:
        verdict = profile.judge(reading, None, known)
        assert (verdict.word, verdict.why) == (Word.REFUSED, why)
    assert profile.judge(genuine, replace(record(2), meter="000000000001"), 0).why == "other_meter"


def test_a_meter_that_was_never_opened_names_no_customer_and_that_is_no_disagreement() -> None:
    unopened = MeterFile(METER, "0" * 12, 0, time="2611030815").encode()
    reading = read(files(OPEN_CARD, bytes(8), unopened))
    assert (reading.agrees, reading.customer, profile.judge(reading, None, 0).n) == (True, CUSTOMER, 1)
    assert not read(files(OPEN_CARD, bytes(8), MeterFile(METER, "000000000001", 0).encode())).agrees


def test_without_the_tag_key_ones_own_purchase_is_still_known() -> None:
    card = files()
    for update in profile.plan(read(card), record(2), "type"):
        card = put(card, update)
    locked = profile.parse(SERIAL, card, authentic=True, tag_of=None)
    assert profile.judge(locked, record(2), 0).word is Word.LANDED
    assert profile.judge(locked, None, 0).why == "locked"


def test_counts_that_no_tear_explains_are_refused() -> None:
    jumped = record(5)
    card = files(Parameters(METER, CUSTOMER, kind=2, reserved=bytes.fromhex(jumped.tag)).encode(), wallet_bytes(jumped.amount_minor, 5))
    verdict = profile.judge(read(card), None, 0)
    assert (verdict.word, verdict.why) == (Word.REFUSED, "counts")


def test_a_file_of_another_length_is_another_layout() -> None:
    with pytest.raises(ValueError, match="file 5 has 48 bytes"):
        read(files(returned=bytes(48)))


@pytest.mark.covers("abuse-13")
@given(st.binary(min_size=45, max_size=45), st.binary(min_size=8, max_size=8), st.binary(min_size=49, max_size=49))
def test_any_bytes_get_a_word(parameters: bytes, purse: bytes, returned: bytes) -> None:
    for card in (files(parameters, purse, returned), files(purse=purse, returned=returned), files(parameters, purse)):
        assert profile.judge(read(card), record(2), 0).word in Word
