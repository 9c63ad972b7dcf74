"""Reports on paper, in a spreadsheet and as values: 80 columns, nothing cut off, nothing that runs, and sums that come out."""

import csv
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.hq.report import selling
from kiosk.hq.report.period import NoPeriod, Period, day_before, period_of, shown_moment, zone_ms
from kiosk.hq.report.selling import Absent, Late, Selling, books, parted
from kiosk.hq.report.sheet import Account, Entry, Money, Sheet, Table, Warned, columns, shown
from kiosk.hq.report.spreadsheet import MARK, csv_of, text_of_cell
from kiosk.hq.report.text import FORM_FEED, text_of
from tests.house.tree import HOUSE

NOVEMBER = period_of("2026-11")
EXPONENTS = {"CNY": 2, "UGX": 0, "KWD": 3}


def row(of: str, tender: str = "cash", currency: str = "CNY", **sums: int) -> tuple[object, ...]:
    """A line whose money went on cards, but for what is said otherwise."""
    given_minor = {name: sums.get(name, 0) for name in ("fee_minor", "debt_minor", "returned_minor", "claim_minor")}
    paid = sums.get("tender_minor", 100_00)
    credit = sums.get("credit_minor", paid - sum(given_minor.values()))
    tail = (sums.get("late", 0), sums.get("late_minor", 0))
    return (
        of,
        tender,
        currency,
        sums.get("sales", 1),
        paid,
        credit,
        0,
        *list(given_minor.values())[:3],
        0,
        given_minor["claim_minor"],
        *tail,
    )


def report(*rows: tuple[object, ...], **more: object) -> Selling:
    made = books(parted(rows), EXPONENTS.__getitem__)
    whole = Selling(NOVEMBER, "kiosk", None, running=False, absent=(), books=made, late=())
    return msgspec.structs.replace(whole, **more)


def printed(whole: Selling, page: int = 0) -> str:
    return text_of(selling.sheet_of(whole), page=page)


def test_a_report_is_so_on_paper() -> None:
    late = Late(20261028, 20261101, "K08", "cash", "CNY", 17, "landed", 20_00, 19_00, 0)
    whole = report(
        row("K07", tender_minor=1234_50, sales=30, fee_minor=30_00, late=1, late_minor=20_00),
        row("K07", "bank", tender_minor=200_00, sales=2, debt_minor=50_00),
        row("K08", tender_minor=500_00, sales=9, claim_minor=100_00),
        row("K08", "orphan", tender_minor=10_00, sales=1, credit_minor=0),
        absent=(Absent("K09", "never"), Absent("K10", "gap", 1_795_000_000_000)),
        late=(late,),
        closed_ms=1_796_000_000_000,
    )
    assert printed(whole) == PAPER


PAPER = """\
SELLING REPORT                                                     November 2026
by kiosk and tender                                  closed 2026-11-30 00:53 UTC
================================================================================
NOT IN YET: 2 kiosks. What was done there since is missing below.
  K09  was never heard
  K10  is complete until 2026-11-18 11:06 UTC; a batch in between is missing

CNY
kiosk  tender                  sales  tendered  on cards  deducted  back  claims
--------------------------------------------------------------------------------
K07    cash                       30  1 234.50  1 204.50     30.00  0.00    0.00
K07    bank                        2    200.00    150.00     50.00  0.00    0.00
K08    cash                        9    500.00    400.00      0.00  0.00  100.00
K08    orphan                      1     10.00      0.00      0.00  0.00    0.00
--------------------------------------------------------------------------------
all    cash                       39  1 734.50  1 604.50     30.00  0.00  100.00
all    bank                        2    200.00    150.00     50.00  0.00    0.00
all    orphan                      1     10.00      0.00      0.00  0.00    0.00
all    all                        41  1 944.50  1 754.50     80.00  0.00  100.00

CNY: where the money went
--------------------------------------------------------------------------------
tendered                                                                1 944.50
  on cards                                                              1 754.50
+ fees                                                                     30.00
+ old debt                                                                 50.00
+ given back                                                                0.00
+ open claims (0 slips)                                                   100.00
+ orphans: cash that no sale explains                                      10.00
                                                                        --------
together                                                                1 944.50
late: 1 sale of closed days, in these sums                                 20.00

LATE: came after its own day was closed
own day     posted      kiosk  tender  outcome                 receipt  tendered
--------------------------------------------------------------------------------
2026-10-28  2026-11-01  K08    cash    landed   CNY                 17     20.00
"""


@pytest.mark.covers("field-71")
@pytest.mark.parametrize("exponent", [0, 2, 3])
@pytest.mark.parametrize("minor", [0, 1, -1, 10**9, 10**15, -(10**18), 2**63 - 1])
def test_no_line_is_longer_than_eighty_columns_and_no_digit_is_lost(minor: int, exponent: int) -> None:
    currency = next(name for name, digits in EXPONENTS.items() if digits == exponent)
    text = printed(report(row("K07.2345", tender_minor=minor, currency=currency), row("K08", "bank", currency=currency)))
    assert max(map(len, text.splitlines())) <= 80
    assert shown(Money(minor, exponent)) in text or shown(Money(minor, exponent), grouped=False) in text


@given(st.integers(-(2**63), 2**63), st.integers(0, 4))
def test_an_amount_reads_back_to_the_last_cent(minor: int, exponent: int) -> None:
    text = shown(Money(minor, exponent)).replace(" ", "")
    whole, _, rest = text.partition(".")
    assert len(rest) == exponent
    assert int(whole + rest) == minor


def test_thousands_stand_apart_and_what_nobody_knows_is_a_dash() -> None:
    assert [shown(cell) for cell in (Money(123456789, 2), Money(-100000, 2), Money(999, 0), 12345, Money(None, 2))] == [
        "1 234 567.89", "-1 000.00", "999", "12 345", "-",
    ]  # fmt: skip


def test_what_a_kiosk_calls_itself_moves_no_cursor() -> None:
    text = printed(report(row("K07\x1b[2J\u202e\n")))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "K07?[2J??" in text


def test_two_currencies_are_never_added_together() -> None:
    whole = report(row("K07", tender_minor=100), row("K07", currency="UGX", tender_minor=5000), row("K08", currency="UGX", tender_minor=1))
    assert [(book.currency, book.exponent, book.foot.tendered_minor) for book in whole.books] == [("CNY", 2, 100), ("UGX", 0, 5001)]
    assert "5 101" not in printed(whole)


AMOUNT = st.integers(-(10**9), 10**12)


@given(
    st.lists(
        st.tuples(st.sampled_from(["K01", "K02", "K03"]), st.sampled_from(["cash", "bank", "code", "none"]), *[AMOUNT] * 6), max_size=20
    )
)
def test_the_foot_is_the_sum_of_the_lines_and_a_difference_is_said(lines: list[tuple[str, str, int, int, int, int, int, int]]) -> None:
    rows = [
        (of, tender, "CNY", 1, paid, credit, 0, fee, debt, back, 1, claim, 0, 0)
        for of, tender, paid, credit, fee, debt, back, claim in lines
    ]
    whole = report(*rows)
    for book in whole.books:
        foot = book.foot
        assert foot.tendered_minor == sum(row[4] for row in rows)
        gone = foot.credited_minor + foot.fees_minor + foot.debt_minor + foot.given_back_minor + foot.claims_minor + foot.orphans_minor
        assert foot.tendered_minor == gone + foot.difference_minor
        assert ("DIFFERENCE" in printed(whole)) == bool(foot.difference_minor)
        assert sum(line.tender_minor for line in book.tenders[:-1]) == book.tenders[-1].tender_minor == foot.tendered_minor


def test_orphans_are_money_and_no_sales() -> None:
    (book,) = report(
        row("K07", sales=3), row("K07", "orphan", tender_minor=5_00, credit_minor=0), row("K07", "unknown", tender_minor=0)
    ).books
    assert (book.tenders[-1].sales, book.foot.orphans_minor, book.foot.orphans_unknown, book.foot.difference_minor) == (3, 5_00, 1, 0)


def test_kiosks_stand_in_order_and_cash_before_cards() -> None:
    (book,) = report(row("K08", "bank"), row("K08"), row("K07", "none"), row("K07", "mixed"), row("K07")).books
    places = [(line.of, line.tender) for line in book.lines]
    assert places == [("K07", "cash"), ("K07", "none"), ("K07", "mixed"), ("K08", "cash"), ("K08", "bank")]


def test_an_empty_day_says_so() -> None:
    whole = report()
    assert "Nothing was sold." in printed(whole)
    assert "All of it is in." in printed(whole)
    assert list(selling.records(whole)) == []


def test_pages_have_so_many_lines_each_with_its_heading_and_all_the_lines_of_the_long_page() -> None:
    whole = report(*(row(f"K{number:04}") for number in range(200)))
    pages = printed(whole, page=60).split(FORM_FEED)
    assert all(len(page.splitlines()) <= 60 and page.startswith("SELLING REPORT") for page in pages)
    assert pages[0].splitlines()[-1].strip() == f"page 1 of {len(pages)}"
    inner = [line for page in pages for line in page.splitlines()[3:-1]]
    assert inner == printed(whole).splitlines()[3:]


# ---------------------------------------------------------------- a spreadsheet


def cells(text: str, delimiter: str = ",") -> list[list[str]]:
    assert text.startswith(MARK)
    return list(csv.reader(io.StringIO(text.removeprefix(MARK), newline=""), delimiter=delimiter))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =cmd|' /C calc'!A0", "\uff1d1", "\uff201", "\x00=1"]
)
def test_no_cell_that_a_kiosk_named_is_a_formula(text: str) -> None:
    (_, (cell,)) = cells(csv_of(["a"], [(text,)]))
    assert cell.startswith("'")
    assert cell[1:] == text


@pytest.mark.parametrize("sign", ["\ufe66", "\ufe62", "\ufe63", "\ufe6b", "\u207a", "\u207b", "\u2212", "\u200b=", "\u3000+", "\u202e-"])
def test_another_form_of_a_formula_sign_is_one(sign: str) -> None:
    (_, (cell,)) = cells(csv_of(["a"], [(sign + "1",)]))
    assert cell == "'" + sign + "1"


@pytest.mark.parametrize("mark", [";", ","])
def test_no_part_of_a_cell_is_a_formula_where_the_other_separator_is_read(mark: str) -> None:
    for text in (f"x{mark}=1+1{mark}", f"x{mark} +1", f'x"{mark}@SUM(A1)', f"x{mark}\uff1d1"):
        for comma in (False, True):
            seen = csv_of(["a", "b"], [("K07", text)], comma=comma).removeprefix(MARK)
            for delimiter in ",;":
                for row in csv.reader(io.StringIO(seen, newline=""), delimiter=delimiter):
                    assert not [cell for cell in row if cell.strip()[:1] in {"=", "+", "-", "@", "\uff1d"}], (text, comma, delimiter)


@pytest.mark.parametrize(
    "text", ["=1", "'=1", "''", "'K07", "x;=1", "x;'=1", "x,'a", "  -1", "\t=1", "a\n=1", "O'Brien", "", "x;y", "\n'+"]
)
@pytest.mark.parametrize("comma", [False, True])
def test_a_cell_that_is_read_back_is_the_text(text: str, *, comma: bool) -> None:
    (_, (cell, _)) = cells(csv_of(["a", "b"], [(text, "z")], comma=comma), ";" if comma else ",")
    assert text_of_cell(cell) == text


def test_there_is_one_writer_of_csv() -> None:
    found = {path.name for path in (HOUSE / "kiosk").rglob("*.py") if "csv.writer" in path.read_text() or "DictWriter" in path.read_text()}
    assert found == {"spreadsheet.py"}


@pytest.mark.parametrize("text", ["K07", "a=b", "2026-11-03", 'a "b", c', "", "12\n13"])
def test_any_other_text_is_as_it_was(text: str) -> None:
    (_, (cell,)) = cells(csv_of(["a"], [(text or "x",)]))
    assert cell == (text or "x")


def test_an_amount_below_nothing_is_a_number_and_none_that_is_unknown() -> None:
    assert cells(csv_of(["a", "b", "c"], [(Money(-1_50, 2), Money(None, 2), 7)]))[1] == ["-1.50", "", "7"]
    assert cells(csv_of(["a", "b"], [(Money(1234_50, 2), Money(7, 0))], comma=True), ";")[1] == ["1234,50", "7"]


def test_the_records_add_up_to_the_foot_and_name_whom_they_miss() -> None:
    whole = report(
        row("K07", tender_minor=300_00), row("K08", "orphan", tender_minor=1_00, credit_minor=0), absent=(Absent("K09", "never"),)
    )
    heads, *lines = cells(csv_of(selling.RECORD, selling.records(whole)))
    records = [dict(zip(heads, line, strict=True)) for line in lines]
    assert sum(round(float(one["tendered"]) * 100) for one in records if one["part"] == "sold") == whole.books[0].foot.tendered_minor
    assert [(one["part"], one["of"], one["note"]) for one in records][-1] == ("absent", "K09", "was never heard")


def test_json_is_the_report_itself() -> None:
    whole = report(row("K07"), absent=(Absent("K09", "frozen", 5),))
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Selling) == whole


# ---------------------------------------------------------------- days and moments


def test_a_month_is_all_its_days() -> None:
    assert period_of("2028-02") == Period(20280201, 20280229, 202802, "2028-02")
    assert period_of("2026-11-03") == Period(20261103, 20261103, 20261103, "2026-11-03")
    assert (period_of("2026-11-03").shown, NOVEMBER.shown) == ("3 November 2026", "November 2026")
    assert day_before(20260101) == 20251231


@pytest.mark.covers("field-73")
@pytest.mark.parametrize(
    "text", ["", "2026", "3000-01", "2026-13", "2026-02-30", "26-11-03", "2026-11-3", "2026-11-03\n", "\u0662026-11", "1999-01", "x" * 99]
)
def test_what_is_no_day_is_said(text: str) -> None:
    with pytest.raises(NoPeriod, match=r"\.$"):
        period_of(text)


def test_a_day_ends_by_the_clock_of_the_kiosk_and_where_that_is_not_known_last_of_all() -> None:
    day = Period(19700101, 19700101, 19700101, "1970-01-01")
    hour_ms = 3_600_000
    assert [day.ends_ms(zone) // hour_ms for zone in ("+0000", "+0800", "-0500", "+1400", "", "CEST")] == [24, 16, 29, 10, 36, 36]
    assert [zone_ms(zone) for zone in ("+0530", "-0030", "+1500", "0800")] == [19_800_000, -1_800_000, None, None]


@pytest.mark.parametrize("at_ms", [2**53, -(2**53), 2**63])
def test_a_moment_that_no_calendar_has_is_told_as_a_number(at_ms: int) -> None:
    assert shown_moment(at_ms) == f"{at_ms} ms"


def test_words_that_do_not_fit_go_to_the_next_line() -> None:
    blocks = (
        Warned("word " * 40, (("K07", "why " * 40),)),
        Account("account " * 20, (Entry("says " * 30, 1), Entry("part", 2, part=True))),
        Table("table " * 20, columns(("a" * 60,), ("b" * 30, "c")), (("x" * 60, 1, 2),)),
    )
    text = text_of(Sheet("TITLE " * 20, "of " * 20, "sort", "state", blocks))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("word") == 40
    assert text.count("says") == 30
