"""What the vault allows by itself: the amount is read out of the very bytes that the MAC is made for."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.devices.card.session import perform
from kiosk.devices.vault import purse
from kiosk.devices.vault.purse import Limits, OverLimit, Purse
from kiosk.vend.card.gdw1365 import PROFILE
from kiosk.vend.card.reading import Record, Returned, Update
from tests.card.kit import METER, SERIAL, Bay, read_job, reading_of, used_card

OTHER = SERIAL[::-1]


def message(update: Update, challenge: bytes = b"1234") -> bytes:
    """As a session lays it out."""
    return b"M" + challenge + bytes((0x04, 0xD6, 0x80 | update.file, update.offset, len(update.data) + 4)) + update.data


def load(amount_minor: int, n: int = 8) -> bytes:
    return message(Update("load", 2, 0, amount_minor.to_bytes(4) + n.to_bytes(4)))


def a_purse(sale_max_minor: int = 1000_00, granted_minor: int | None = 2500_00) -> Purse:
    return Purse(Limits("gdw1365", sale_max_minor, granted_minor))


def test_every_write_that_the_layout_plans_is_one_that_the_vault_knows() -> None:
    """From every step on, on an open card, a used one and one whose return file is empty."""
    seen = set[purse.Write]()
    reading = reading_of(perform(read_job(), Bay(used_card()).session))
    for n, kind, returned, start in itertools.product((1, 8), ("01", "02"), Returned, PROFILE.steps):
        record = Record(reading.serial, METER, n, 100_00, "0102a1b2")
        files = reading.files | {"01": reading.files["01"][:84] + kind + reading.files["01"][86:]}
        card = msgspec.structs.replace(reading, files=files, returned=returned)
        for update in (*PROFILE.plan(card, record, start), PROFILE.commit(card)):
            a_purse().spend(SERIAL, message(update))
            seen.add((update.file, update.offset, len(update.data)))
    assert seen == purse.LAYOUTS["gdw1365"].writes


def test_only_the_wallet_carries_an_amount_and_it_is_counted() -> None:
    kept = a_purse()
    for update in (Update("arm", 5, 0, bytes([0xFF] * 49)), Update("mark", 1, 5, bytes([0xFF] * 11)), Update("commit", 5, 0, bytes(8))):
        kept.spend(SERIAL, message(update))
    assert kept.spent_minor == 0
    kept.spend(SERIAL, load(100_00))
    assert kept.spent_minor == 100_00


def test_an_amount_above_one_sales_limit_gets_no_mac() -> None:
    kept = a_purse()
    kept.spend(SERIAL, load(1000_00))
    with pytest.raises(OverLimit, match="one sale"):
        kept.spend(OTHER, load(1000_01))
    assert kept.spent_minor == 1000_00


def test_the_amounts_of_all_sales_stop_at_what_was_granted() -> None:
    kept = a_purse()
    for n in range(1, 3):
        kept.spend(SERIAL, load(1000_00, n))
    kept.spend(OTHER, load(500_00))
    with pytest.raises(OverLimit, match="granted"):
        kept.spend(OTHER, load(1, 9))
    kept.grant(1)
    kept.spend(OTHER, load(1, 9))
    assert (kept.spent_minor, kept.granted_minor) == (2500_01, 2500_01)


def test_a_purchase_that_is_written_again_is_counted_once_and_more_of_it_is_counted() -> None:
    """A torn load is loaded again; a second amount for one slot can credit only once, so the larger counts."""
    kept = a_purse()
    for amount_minor, spent_minor in ((100_00, 100_00), (100_00, 100_00), (50_00, 100_00), (300_00, 300_00), (100_00, 300_00)):
        kept.spend(SERIAL, load(amount_minor))
        assert kept.spent_minor == spent_minor


def test_another_card_and_another_slot_are_other_money() -> None:
    kept = a_purse()
    for serial, n in ((SERIAL, 8), (OTHER, 8), (SERIAL, 9)):
        kept.spend(serial, load(100_00, n))
    assert kept.spent_minor == 300_00


def test_until_a_float_is_granted_nothing_is_sold_and_where_nobody_grants_all_is() -> None:
    with pytest.raises(OverLimit, match="granted"):
        a_purse(granted_minor=0).spend(SERIAL, load(1))
    free = a_purse(granted_minor=None)
    for n in range(1, 100):
        free.spend(SERIAL, load(1000_00, n))
    assert free.spent_minor == 99_000_00


@pytest.mark.parametrize(
    "disguised",
    [
        message(Update("half a wallet", 2, 0, (999).to_bytes(4))),
        message(Update("its lower bytes", 2, 2, bytes(6))),
        message(Update("and more", 2, 0, bytes(9))),
        message(Update("tariffs", 3, 0, bytes(8))),
        message(Update("standby tariffs", 4, 0, bytes(8))),
        message(Update("commands", 6, 0, bytes(8))),
        message(Update("the meter number", 1, 30, bytes(6))),
        b"M1234" + bytes((0x04, 0xD6, 0x02, 0x00, 12)) + bytes(8),  # the current file, which a card may have chosen before
        b"M1234" + bytes((0x04, 0xD6, 0xC2, 0x00, 12)) + bytes(8),
        b"M1234" + bytes((0x00, 0xD6, 0x82, 0x00, 12)) + bytes(8),  # another class
        b"M1234" + bytes((0x04, 0xDC, 0x82, 0x00, 12)) + bytes(8),  # UPDATE RECORD
        b"M1234" + bytes((0x04, 0xD6, 0x85, 0x00, 12)) + bytes(9),  # Lc says less
        b"M1234" + bytes((0x04, 0xD6, 0x85, 0x00, 13)) + bytes(8),  # and more
        b"E1234" + bytes((0x04, 0xD6, 0x85, 0x00, 12)) + bytes(8),
        b"R1234" + bytes((0x04, 0xD6, 0x85, 0x00, 12)) + bytes(8),
        b"M",
        b"",
    ],
)
@pytest.mark.covers("rule-22")
def test_a_write_that_no_sale_makes_gets_no_mac(disguised: bytes) -> None:
    with pytest.raises(OverLimit, match="no sale makes"):
        a_purse().spend(SERIAL, disguised)


@given(st.binary(max_size=80))
def test_whatever_is_signed_was_read_first(data: bytes) -> None:
    """Either it is refused, or it is one of the five writes; and a wallet among them was counted."""
    kept = a_purse()
    try:
        kept.spend(SERIAL, data)
    except OverLimit:
        return
    file, offset, length = data[7] & 0x1F, data[8], len(data) - 10
    assert (file, offset, length) in purse.LAYOUTS["gdw1365"].writes
    assert kept.spent_minor == (int.from_bytes(data[10:14]) if file == 2 else 0)


@pytest.mark.covers("field-29")
def test_a_slot_that_was_forgotten_is_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purse, "SLOTS_MAX", 3)
    kept = a_purse(granted_minor=None)
    for n in (1, 2, 3, 4, 1):
        kept.spend(SERIAL, load(100, n))
    assert kept.spent_minor == 500
    kept.spend(SERIAL, load(100, 4))
    assert kept.spent_minor == 500
