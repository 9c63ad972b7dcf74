"""The ends of the finite fields (docs/finite-fields.md) that are decided by pure values; the devices' tests carry the others."""

import contextlib
import json
import socket
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from kiosk.config import ConfigError, checked
from kiosk.devices.cctalk import events, wire
from kiosk.devices.printer.wording import said
from kiosk.devices.sim.control import LINE_LIMIT, ControlServer
from kiosk.vend import evidence, rows
from kiosk.vend.card.gdw1365 import PROFILE, armed, checksum, digits, moment
from kiosk.vend.card.reading import Reading, Record, Word
from kiosk.vend.cash import acceptor_up
from kiosk.vend.facts import AcceptorRead, DeviceFault
from kiosk.vend.limits import Allowed, DayOfCard, room
from kiosk.vend.money import energy_wh
from kiosk.vend.paper.values import PaperNumber
from kiosk.vend.ports import AcceptorMemory
from kiosk.vend.rules import Rules
from kiosk.vend.seen import AcceptorUp
from kiosk.vend.state import State
from tests.paper.shop import recharge

U32 = 0xFFFF_FFFF
FILE1 = bytes.fromhex("68010027008F00000000260701000000000020000000050000000100000100001234567800009876543202D216")
DEMO = {"id": "K1", "demo": True}
SERIAL, METER, TODAY = "1122334455667788", "000012345678", "2026-11-03"
SLIP = evidence.Evidence(evidence.SLIP, "K07", 1, 10_00, "7788", METER, 8, "0102a1b2", 1_790_000_000, evidence.CASH, "00" * 8, 1, "00" * 8)


def card(taken: int, wallet: bytes = bytes(8), file1: bytes = FILE1, **returned: bytes) -> Reading:
    """A genuine purchase card that the meter wrote last, its count `taken`; `returned` puts other bytes into the return file."""
    frame = bytearray(armed(file1, taken))
    for place, value in returned.items():
        start = {"money": 23, "overdraft": 31, "illegal": 39, "time": 42}[place]
        frame[start : start + len(value)] = value
    frame[47] = checksum(bytes(frame[1:47]))
    return PROFILE.parse(SERIAL, {1: mended(file1), 2: wallet, 5: bytes(frame)}, authentic=True, tag_of=lambda *_: b"\xa1\xb2")


def mended(file1: bytes) -> bytes:
    return file1[:43] + bytes((checksum(file1[1:43]), 0x16))


@pytest.mark.covers("field-1", "field-24")
def test_a_wallet_holds_the_largest_purchase_and_the_receipt_says_it() -> None:
    reading = card(taken=7)
    space = room(Allowed(sale_max_minor=U32, day_max_minor=U32, hoard_minor=U32), reading, DayOfCard(), TODAY)
    assert (space.rule, space.minor) == ("wallet", 999_999_99)
    (load,) = [u for u in PROFILE.plan(reading, Record(SERIAL, METER, 8, space.minor, "0102a1b2"), "arm") if u.step == "load"]
    assert load.data == (999_999_99).to_bytes(4) + (8).to_bytes(4)
    assert len(evidence.signed_bytes(msgspec.structs.replace(SLIP, amount_minor=space.minor))) == 59


@pytest.mark.covers("abuse-16", "field-2")
def test_a_card_at_its_last_count_is_not_sold_to() -> None:
    assert PROFILE.judge(card(taken=U32 - 1), None, 0).n == U32
    assert PROFILE.judge(card(taken=U32, wallet=bytes(4) + bytes([0xFF] * 4)), None, 0).word is Word.REFUSED


@pytest.mark.covers("abuse-16", "field-3")
def test_a_meter_full_to_its_last_cent_takes_nothing_more() -> None:
    reading = card(taken=7, money=(999_999_99).to_bytes(4), time=bytes.fromhex("2607011230"))
    assert reading.balance_minor == 999_999_99
    assert room(Allowed(hoard_minor=999_999_99), reading, DayOfCard(), TODAY) == (space := room(Allowed(), reading, DayOfCard(), TODAY))
    assert (space.minor, space.rule, space.hard_minor) == (0, "hoard", 0)


@pytest.mark.covers("field-4")
def test_an_overdraft_is_nine_nines_at_most_and_never_a_guess() -> None:
    at = bytes.fromhex("2607011230")
    assert card(7, overdraft=bytes.fromhex("99999999"), time=at).balance_minor == -999_999_99
    assert card(7, overdraft=bytes.fromhex("9999999A"), time=at).balance_minor is None


@pytest.mark.covers("field-5")
def test_illegal_cards_are_counted_to_a_million() -> None:
    assert card(7, illegal=bytes.fromhex("999999")).illegal == 999_999
    assert card(7, illegal=bytes.fromhex("FFFFFF")).illegal == 0


@pytest.mark.covers("field-6")
def test_a_date_on_a_card_ends_with_the_century_and_none_is_none() -> None:
    assert moment(bytes.fromhex("9912312359")) == "2099-12-31 23:59"
    assert [moment(bytes.fromhex(none)) for none in ("0000000000", "9999999999", "FFFFFFFFFF", "2613010000")] == [None] * 4


@pytest.mark.covers("field-7")
def test_twelve_digits_name_a_meter_and_a_nibble_more_names_none() -> None:
    assert digits(bytes.fromhex("999999999999")) == "999999999999"
    assert digits(bytes.fromhex("99999999999A")) == ""
    with pytest.raises(ValueError, match="6 bytes"):
        evidence.signed_bytes(msgspec.structs.replace(SLIP, meter="00" * 7))


@pytest.mark.covers("field-8")
def test_a_mark_that_fits_by_chance_says_whose_and_never_how_much() -> None:
    begun = FILE1[:6] + bytes.fromhex("0102A1B2") + FILE1[10:]
    verdict = PROFILE.judge(card(taken=7, wallet=(10_00).to_bytes(4) + (8).to_bytes(4), file1=begun), None, 0)
    assert (verdict.word, verdict.amount_minor, verdict.n) == (Word.FOREIGN, 10_00, 8)


@pytest.mark.covers("abuse-13", "field-9")
@pytest.mark.parametrize(("file", "length"), [(1, 45), (2, 8), (5, 49)])
def test_a_file_of_another_length_is_of_another_layout(file: int, length: int) -> None:
    for wrong in (0, length - 1, length + 1, 256):
        files = {1: FILE1, 2: bytes(8), 5: bytes(49), file: bytes(wrong)}
        with pytest.raises(ValueError, match=f"{wrong} bytes"):
            PROFILE.parse(SERIAL, files, authentic=True, tag_of=None)


def buffer(counter: int) -> events.Buffer:
    return events.Buffer.parse(bytes([counter]) + bytes([1, 1]) * 5)


@pytest.mark.covers("field-13")
def test_after_event_255_comes_event_1() -> None:
    assert [event.counter for event in events.news(254, buffer(2)).events] == [255, 1, 2]


@pytest.mark.covers("field-14")
@pytest.mark.parametrize("last", [7, 250, 255])
def test_the_sixth_event_between_two_polls_is_told_as_lost(last: int) -> None:
    for happened, lost in ((5, 0), (6, 1), (250, 245)):
        told = events.news(last, buffer((last + happened - 1) % 255 + 1))
        assert (len(told.events), told.lost, told.reset) == (5, lost, False)


@pytest.mark.covers("field-15")
def test_a_lifetime_counter_that_starts_again_is_a_fault_and_no_credit() -> None:
    last = 2**24 - 1
    state = State(acceptors={"coins": AcceptorMemory("17", 200, last)})
    told = acceptor_up(Rules("K07", PROFILE), state, AcceptorUp("coins", "17", 201, 0, (1_00,)))
    assert told[:2] == (DeviceFault("coins", "counter-back"), AcceptorRead("coins", "17", 201, 0))
    assert [fact.kind for fact in told[2:]] == ["AcceptorSeen"]


@pytest.mark.covers("field-16")
@pytest.mark.parametrize("mode", list(wire.Mode))
def test_a_frame_holds_252_bytes_and_not_one_more(mode: wire.Mode) -> None:
    frame = wire.Frame(2, 0 if mode is wire.Mode.CRC else 1, 231, bytes(252))
    assert wire.Decoder(mode).feed(wire.encode(frame, mode)) == [frame]
    with pytest.raises(ValueError, match="252"):
        wire.encode(msgspec.structs.replace(frame, data=bytes(253)), mode)


@pytest.mark.covers("field-17")
def test_a_piece_without_a_whole_value_has_none() -> None:
    assert (events.coin_minor("XX999A"), events.coin_minor("XX99KA"), events.coin_minor("XX1m5A")) == (999, 99_000, None)
    assert events.bill_minor("XX9999A", 100, 2, 2) == 9_999_00
    assert (events.bill_minor("XX0001A", 1, 3, 2), events.bill_minor("XX0001A", 0, 0, 2)) == (None, None)


@pytest.mark.covers("field-18")
def test_a_line_without_end_is_not_waited_for(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "control", lambda verb: verb)
    server.start()
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(str(tmp_path / "control"))
            with contextlib.suppress(ConnectionError):
                line.sendall(b" " * (LINE_LIMIT + 1))
                assert line.recv(1) == b""
    finally:
        server.stop()


@pytest.mark.covers("field-19", "field-20")
def test_a_row_number_and_a_time_of_63_bits_are_hashed_as_they_are() -> None:
    last = 2**63 - 1
    assert json.loads(rows.line((last, last, 1, last), (None, "Started", 1, b"{}"))) == [last, last, 1, last, None, "Started", 1, {}]
    assert rows.head_message(bytes(16), last, bytes(32))[16:24] == last.to_bytes(8)


@pytest.mark.covers("field-22")
def test_a_kiosk_has_a_name_of_eight_characters_or_none_at_all() -> None:
    assert checked({"kiosk": {"id": "K07.2345", "demo": True}}).kiosk.id == "K07.2345"
    with pytest.raises(ConfigError, match=r"kiosk\.id"):
        checked({"kiosk": {"id": "K07.23456", "demo": True}})
    with pytest.raises(ValueError, match="8 bytes"):
        evidence.signed_bytes(msgspec.structs.replace(SLIP, kiosk="K07.23456"))


@pytest.mark.covers("field-23", "field-25", "field-26")
@pytest.mark.parametrize("field", ["number", "time_s", "seq"])
def test_a_number_that_the_code_cannot_hold_is_never_signed_as_another(field: str) -> None:
    text = evidence.encode(msgspec.structs.replace(SLIP, **{field: U32}), lambda _label, _data: bytes(64))
    assert getattr(evidence.decode(text)[0], field) == U32
    with pytest.raises(ValueError, match="does not fit"):
        evidence.signed_bytes(msgspec.structs.replace(SLIP, **{field: U32 + 1}))


@pytest.mark.covers("field-23")
@pytest.mark.parametrize(("number", "printed"), [(1, "K07-000001"), (999_999, "K07-999999"), (1_000_000, "K07-1000000")])
def test_a_paper_number_has_six_digits_and_more_from_the_millionth_on(number: int, printed: str) -> None:
    assert said(PaperNumber(), msgspec.structs.replace(recharge(), number=number)) == printed


@pytest.mark.covers("field-27")
@pytest.mark.parametrize("price", ["1000000.0000", "0.58000", "0.580", "0.0000", "-0.5800", "1e3"])
def test_a_price_of_another_form_is_refused(price: str) -> None:
    assert checked({"kiosk": DEMO, "tariff": {"price": "999999.9999"}}).tariff.price == "999999.9999"
    with pytest.raises(ConfigError, match=r"tariff\.price"):
        checked({"kiosk": DEMO, "tariff": {"price": price}})


@pytest.mark.covers("field-28")
def test_energy_is_never_rounded_up() -> None:
    assert energy_wh(100_00, Decimal("0.5800")) == 172_410
    assert energy_wh(1, Decimal("999999.9999")) == 0
    assert energy_wh(999_999_99, Decimal("0.0001")) == 9_999_999_900_000
