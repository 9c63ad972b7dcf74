"""The table finds each of the ways in which money can be wrong, and names value and place; what is right leaves nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.vend import facts as f
from kiosk.vend.bank import PosFinal
from kiosk.vend.facts import PriceLine, Tender
from tests.oracle.said import closes, holds, priced, says
from tests.oracle.strips import Strip, read, strip_wrong
from tests.oracle.table import BOOKS, IN, OUT, PLACES, SAID, Table
from tests.oracle.terms import Terms

TERMS = Terms()
LINES = (
    PriceLine("fixed_fee", 5_00, summed=True, basis=50_00, rate="5.00"),
    PriceLine("old_debt", 22_50, summed=True, basis=30_00, rate="1", left_minor=7_50),
    PriceLine("to_card", 22_50, summed=True, basis=50_00, rate="1"),
    PriceLine("energy", 22_50, summed=False, basis=38_790, rate="0.5800"),
)
CLOSED = f.SaleClosed(
    sale="5f", outcome="landed", card="c", meter="m", n=2, tenders=(Tender("notes", 50_00, 1),), tender_minor=50_00, approval=None,
    lines=LINES, currency="CNY", exponent=2, credit_minor=22_50, credit_wh=38_790, claim_minor=0, tag=None, tariff="flat/1",
    key_generation=1, float_minor=None, business_date="2026-11-03", zone="+0800", number=None, opened_ms=0,
)  # fmt: skip
NOTE = f.NoteStacked("5f", "notes", "SN", 50_00, 1, 1)
SETTLED = f.ClaimSettled("5f", "landed", 22_50, LINES)


def sold(*facts: f.Fact, note_minor: int = 50_00, outcome: str = "landed", debt_minor: int = 30_00) -> str:
    """A sale by the acceptor's book and the terms, and by these rows."""
    table = Table()
    table.book("K1/5f", "notes", note_minor)
    holds(table, "K1/5f")
    closes(table, "K1/5f", outcome, TERMS, debt_minor)
    wrong = [told for fact in facts if (told := says(table, "K1", fact))]
    return next(iter(wrong), "") or table.wrong()


def test_a_sale_that_is_right_leaves_nothing() -> None:
    assert sold(NOTE, CLOSED) == ""


def lined(code: str, by: int) -> tuple[PriceLine, ...]:
    return tuple(replace(line, amount_minor=line.amount_minor + by) if line.code == code else line for line in LINES)


WRONG: dict[str, tuple[Callable[[], str], str]] = {
    "note value x10": (
        lambda: sold(replace(NOTE, denomination=500_00), replace(CLOSED, tender_minor=500_00, tenders=(Tender("notes", 500_00, 1),))),
        "K1/5f, notes: the books have 5000, the product says 50000",
    ),
    "a stacked note forgotten": (sold, "K1/5f, notes: the books have 5000, the product says 0"),
    "fee not taken": (
        lambda: sold(NOTE, replace(CLOSED, lines=lined("to_card", 5_00)[1:], credit_minor=27_50)),
        "K1/5f, fees: the books have 500, the product says 0",
    ),
    "debt taken that nobody owes": (lambda: sold(NOTE, CLOSED, debt_minor=0), "K1/5f, debt: the books have 0, the product says 2250"),
    "credit off by a cent": (
        lambda: sold(NOTE, replace(CLOSED, lines=lined("to_card", 1), credit_minor=22_51)),
        "K1/5f, cards: the books have 2250, the product says 2251",
    ),
    "a line and the credit": (
        lambda: sold(NOTE, replace(CLOSED, credit_minor=22_51)),
        "K1/5f: the line to_card is 2250, and the credit 2251",
    ),
    "a line lost": (lambda: sold(NOTE, replace(CLOSED, lines=LINES[1:])), "K1/5f, fees: the books have 500, the product says 0"),
    "a tax that nobody levied": (
        lambda: sold(NOTE, replace(CLOSED, lines=(*LINES, PriceLine("levy", 1, summed=True)))),
        "K1/5f, taxes: the books have 0, the product says 1",
    ),
    "tenders and rows": (
        lambda: sold(NOTE, replace(CLOSED, tenders=(Tender("coins", 50_00, 1),))),
        "K1/5f, notes: it closes with 0, and its rows are 5000",
    ),
    "a claim for another amount": (
        lambda: sold(NOTE, replace(CLOSED, outcome="claimed", lines=(), credit_minor=0, claim_minor=49_99), outcome="claimed"),
        "K1/5f, claims: the books have 5000, the product says 4999",
    ),
    "money twice": (lambda: sold(NOTE, NOTE, CLOSED), "K1/5f, notes: it closes with 5000, and its rows are 10000"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_difference_names_value_and_place(name: str) -> None:
    made, sentence = WRONG[name]
    assert made().startswith(sentence)


def test_a_claim_that_lands_is_credit_of_the_same_money() -> None:
    claimed = replace(CLOSED, outcome="claimed", lines=(), credit_minor=0, claim_minor=50_00)
    assert sold(NOTE, claimed, SETTLED, outcome="settled") == ""
    assert sold(NOTE, claimed, SETTLED, SETTLED, outcome="settled").startswith("K1/5f, fees: the books have 500, the product says 1000")


def test_a_row_that_is_crooked_on_its_own_side_is_found_though_both_sides_agree() -> None:
    table = Table()
    for post in (table.book, table.say):
        post("K1/5f", "bank", 50_00)
        post("K1/5f", "cards", 45_00)
    assert table.wrong().startswith("K1/5f, row: for the books 5000 came in, and 4500 is somewhere: bank 5000, cards 4500")


def test_what_is_on_a_card_for_the_product_may_be_in_its_meter() -> None:
    table = Table()
    for post, place in ((table.book, "meters"), (table.say, "cards")):
        post("K1/5f", "coins", 50_00)
        post("K1/5f", place, 50_00)
    assert table.wrong() == ""
    table.move(BOOKS, "K1/5f", "meters", "back", 50_00)
    assert "cards: the books have 0, the product says 5000" in table.wrong()


def test_currencies_are_rows_of_their_own() -> None:
    table = Table()
    table.book("K1/5f", "notes", 10_00, "CNY")
    table.book("K1/5f", "held", 10_00, "CNY")
    table.say("K1/5f", "notes", 10_00, "KES")
    table.say("K1/5f", "held", 10_00, "KES")
    assert len(table.differences()) == 4


def test_a_total_that_was_counted_apart() -> None:
    table = Table()
    for value, minor in (("K1/a", 10_00), ("K1/b", 20_00), ("K2/c", 50_00)):
        table.book(value, "notes", minor)
    assert table.total(BOOKS, "notes", 30_00, "K1/") == ""
    assert table.total(BOOKS, "notes", 80_00) == ""
    assert table.total(BOOKS, "notes", 40_00, "K1/") == "K1/, notes: the books add up to 3000, and 4000 was counted (minor units, CNY)"


def test_a_row_that_is_dropped_is_posted_anew_from_what_is_left() -> None:
    table = Table()
    table.book("K1/5f", "notes", 50_00)
    holds(table, "K1/5f")
    says(table, "K1", NOTE)
    says(table, "K1", NOTE)
    assert table.wrong()
    table.drop("K1/5f")
    assert table.wrong() == ""
    assert table.rows == {}
    table.book("K1/5f", "notes", 50_00)
    holds(table, "K1/5f")
    assert table.wrong().startswith("K1/5f, notes: the books have 5000, the product says 0")
    says(table, "K1", NOTE)
    assert table.wrong() == ""


def test_a_bound_allows_its_own_amount_in_its_own_place_and_no_more() -> None:
    table = Table()
    table.allow("K1/5f", "notes", 10_00)
    table.allow("K1/5f", "held", 10_00)
    table.book("K1/5f", "notes", 10_00)
    holds(table, "K1/5f")
    assert table.wrong() == ""
    assert table.allowed_minor == 20_00
    table.book("K1/5f", "notes", 1)
    holds(table, "K1/5f")
    assert table.wrong().startswith("K1/5f, notes: the books have 1001, the product says 0")
    table.say("K1/5f", "notes", 10_01)
    table.say("K1/5f", "held", 10_01)
    assert table.wrong() == ""
    assert table.allowed_minor == 0


def test_a_look_is_at_what_was_posted_since_the_last_one_and_every_row_is_looked_at_when_asked() -> None:
    table = Table()
    table.book("K1/5f", "notes", 10_00)
    assert table.wrong()
    assert table.wrong(), "a difference that was told once is not forgotten"
    table.say("K1/5f", "notes", 10_00)
    holds(table, "K1/5f")
    table.say("K1/5f", "held", 10_00)
    assert table.wrong() == ""
    table.rows["K1/5f", "CNY"][SAID]["notes"] = 0
    assert table.wrong() == ""
    assert table.wrong(every=True)


def test_no_money_is_in_a_place_that_has_no_column() -> None:
    with pytest.raises(ValueError, match="'pocket' is no place where money can be"):
        Table().book("K1/5f", "pocket", 1)
    assert len(PLACES) == len(IN) + len(OUT)


def test_bank_cards_codes_and_orphans_have_places_of_their_own() -> None:
    table = Table()
    bank = PosFinal("b", "p1", 50_00, "1", "2", "3", "1234")
    code = f.TransferCodeAccepted("c", "card", "m", 2, 20_00, 1, "0001")
    orphan, unknown = f.OrphanCredit("coins", "SN", 1, 1_00, 4, 9), f.OrphanCredit("coins", "SN", 3, None, 4, 12)
    for fact in (bank, code, orphan, unknown):
        says(table, "K1", fact)
    assert [table.column(SAID, place) for place in ("bank", "partner", "coins", "orphans", "held")] == [50_00, 20_00, 1_00, 1_00, 70_00]


def test_terms_are_worked_out_apart_from_the_product() -> None:
    assert TERMS.split(50_00, 30_00) == (5_00, 22_50, 22_50)
    assert TERMS.split(1, 30_00) == (0, 0, 1), "the odd cent is the customer's"
    assert TERMS.split(9_99) == (4_99, 0, 5_00)
    assert priced("K1/5f", LINES, TERMS) == ""
    assert priced("K1/5f", (*LINES[:3], replace(LINES[3], rate="0.5900")), TERMS).startswith("K1/5f, energy: the price is 0.5900")
    assert priced("K1/5f", (*LINES[:3], replace(LINES[3], basis=38_800)), TERMS).startswith("K1/5f, energy: 2250 minor units buy 38800 Wh")


GOLDEN = Path(__file__).parents[1] / "paper" / "golden"


@pytest.mark.parametrize("kind", ["recharge", "claim"])
def test_a_paper_that_was_given_up_and_the_next_on_the_same_strip_are_read_as_two(kind: str) -> None:
    """Its amounts are not added to the next one's."""
    text = (GOLDEN / f"{kind}-en-48.txt").read_text("utf-8")
    (alone,) = read(text)
    begun = text[: text.index("No change" if kind == "recharge" else "Help ")]
    first, second = read(begun + text)
    assert (first.whole, second) == (False, alone)
    assert first.amounts == alone.amounts


def test_a_paper_that_was_given_up_says_nothing_else_than_the_books() -> None:
    table = Table()
    for place, minor in (("bank", 100_00), ("fees", 5_00), ("cards", 95_00)):
        table.book("K07/1", place, minor)
    whole = Strip("K07", 1, slip=False, amounts={"bank": 100_00, "fees": 5_00, "cards": 95_00}, energy=None, whole=False)
    half = whole._replace(amounts={"bank": 100_00})
    assert strip_wrong(table, "K07/1", whole, TERMS) == strip_wrong(table, "K07/1", half, TERMS) == ""
    for wrong in ({"bank": 200_00}, {"bank": 100_00, "notes": 1_00}, {"cards": 96_00}):
        assert "it says" in strip_wrong(table, "K07/1", half._replace(amounts=wrong), TERMS)
    assert "it says" in strip_wrong(table, "K07/1", half._replace(whole=True), TERMS), "a whole one says all of it"
