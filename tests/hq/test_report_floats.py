"""Floats: granted = spent + lapsed + left, as the kiosk's own rule has it; and where the office's word and the kiosk's part."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.hq.report.floats import Arrived, FloatLine, Floats, Paid, line, records, sheet_of
from kiosk.hq.report.signed import FILE, SignedFloat, note_signed, signed_floats
from kiosk.hq.report.text import text_of
from kiosk.vend import limits
from kiosk.vend.lifetime import Lifetime

DAY_MS = 86_400_000
NOW_MS = 100 * DAY_MS


def made(
    arrived: Sequence[Arrived] = (),
    paid: Sequence[Paid] = (),
    *,
    signed: Sequence[SignedFloat] | None = None,
    totals: Lifetime | None = None,
) -> FloatLine:
    return line("K07", ("CNY", 2), signed=signed, arrived=arrived, paid=paid, totals=totals, said_left_minor=None, at_ms=NOW_MS)


def test_what_was_granted_is_spent_lapsed_or_left() -> None:
    arrived = [Arrived(1, 1, 1000_00, 50 * DAY_MS), Arrived(5, 2, 500_00, 130 * DAY_MS)]
    paid = [Paid(2, 10 * DAY_MS, 300_00), Paid(6, 20 * DAY_MS, 200_00), Paid(7, 60 * DAY_MS, 100_00)]
    told = made(arrived, paid)
    assert (told.arrived_minor, told.spent_minor, told.lapsed_minor, told.left_minor) == (1500_00, 600_00, 500_00, 400_00)


def test_cash_from_before_the_first_float_was_no_floats() -> None:
    told = made([Arrived(5, 1, 100_00, 130 * DAY_MS)], [Paid(2, DAY_MS, 70_00), Paid(6, DAY_MS, 30_00)])
    assert (told.spent_minor, told.spent_all_minor, told.left_minor) == (30_00, 100_00, 70_00)


GRANTS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10**6), st.integers(0, 140)), max_size=6)


@given(GRANTS, st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10**6)), max_size=20))
def test_it_is_the_kiosks_own_fold_and_the_account_always_comes_out(
    grants: list[tuple[int, int, int]], sales: list[tuple[int, int]]
) -> None:
    arrived = [Arrived(2 * seq, n, minor, day * DAY_MS) for n, (seq, minor, day) in enumerate(sorted(grants), 1)]
    paid = [Paid(2 * seq + 1, seq * DAY_MS, minor) for seq, minor in sorted(sales)]
    held = limits.Float()
    for _, event in sorted([*((one.seq, one) for one in arrived), *((one.seq, one) for one in paid)], key=lambda pair: pair[0]):
        match event:
            case Arrived():
                held = limits.granted(held, limits.Grant(event.number, event.amount_minor, event.until_ms))
            case Paid():
                held = limits.spent(held, event.minor, event.at_ms)
    told = made(arrived, paid)
    assert told.left_minor == held.left_minor(NOW_MS)
    assert told.arrived_minor == told.spent_minor + told.lapsed_minor + told.left_minor
    assert told.spent_all_minor == held.taken_minor


@pytest.mark.parametrize(
    ("signed", "finding"),
    [
        ([(1, 100_00)], ()),
        ([(1, 100_00), (2, 50_00)], ("on its way: float 2, 50.00",)),
        ([], ("NEVER SIGNED HERE: float 1",)),
        ([(1, 90_00)], ("SIGNED FOR ANOTHER AMOUNT: float 1",)),
        (None, ()),
    ],
)
def test_a_float_that_the_office_did_not_sign_is_found(signed: list[tuple[int, int]] | None, finding: tuple[str, ...]) -> None:
    ours = None if signed is None else [SignedFloat("K07", number, minor, NOW_MS) for number, minor in signed]
    assert made([Arrived(1, 1, 100_00, 2 * NOW_MS)], signed=ours).findings == finding


def test_what_the_kiosk_says_it_sold_is_held_against_its_rows() -> None:
    grant, paid = [Arrived(1, 1, 100_00, 2 * NOW_MS)], [Paid(2, 5, 30_00)]
    same = Lifetime(cash_minor=35_00, card_minor=7_00, codes_minor=3_00, tendered_minor=40_00)
    told = made(grant, paid, totals=same)
    assert (told.said_spent_minor, told.held_minor, told.findings) == (30_00, 5_00, ())
    other = made(grant, paid, totals=Lifetime(cash_minor=31_00, tendered_minor=31_00))
    assert other.findings == ("the kiosk says 31.00 of cash sales, its rows 30.00",)


def test_a_float_below_nothing_is_said() -> None:
    told = made([Arrived(1, 1, 10_00, 2 * NOW_MS)], [Paid(2, 5, 11_00)])
    assert (told.left_minor, told.findings) == (-1_00, ("overdrawn: a coin fell that the float had no room for",))


def test_floats_on_paper_and_as_records() -> None:
    lines = (made([Arrived(1, 1, 100_00, 2 * NOW_MS)], [Paid(2, 5, 30_00)]), made([Arrived(1, 1, 10_00, 2 * NOW_MS)], [Paid(2, 5, 11_00)]))
    text = text_of(sheet_of(Floats(NOW_MS, (), lines)))
    assert [line.split() for line in text.splitlines() if line.startswith("all")] == [["all", "110.00", "41.00", "0.00", "69.00"]]
    assert "overdrawn" in text
    assert max(map(len, text.splitlines())) <= 80
    assert len(list(records(Floats(NOW_MS, (), lines)))) == 2
    assert "No kiosk has a float." in text_of(sheet_of(Floats(NOW_MS, (), ())))


def test_what_was_signed_stands_in_a_file_and_a_torn_last_line_was_never_signed(tmp_path: Path) -> None:
    assert signed_floats(tmp_path) == ()
    first, second = SignedFloat("K08", 1, 100_00, 5), SignedFloat("K07", 1, 200_00, 6)
    note_signed(tmp_path, first)
    note_signed(tmp_path, second)
    note_signed(tmp_path, SignedFloat("K08", 1, 90_00, 7))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"kiosk":"K0')
    assert signed_floats(tmp_path) == (second, SignedFloat("K08", 1, 90_00, 7))
    note_signed(tmp_path, SignedFloat("K09", 1, 5, 8))
    assert [one.kiosk for one in signed_floats(tmp_path)] == ["K07", "K08", "K09"]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("bad", [b"\n", b"{}\n", b"\xff\n", b'{"kiosk":"K07","number":"1","amount_minor":1,"until_ms":1}\n'])
def test_a_line_that_says_nothing_is_an_error_and_no_missing_float(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / FILE).write_bytes(bad)
    with pytest.raises(ValueError, match=r"Line 1 of .* backup"):
        signed_floats(tmp_path)
