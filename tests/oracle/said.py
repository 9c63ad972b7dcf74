"""What a kiosk's journal says of money, as postings of the table's second side; and what its sales must become by the terms.

`says` reads one fact. It adds up nothing by the product's own fold. `closes` is the books' side of the same moment: it splits what the
books know to have come in. A piece of unknown value is not said here: whoever knows the box posts it on both sides.
"""

from collections.abc import Callable
from typing import Any

from kiosk.vend import facts as f
from kiosk.vend.bank import PosFinal
from kiosk.vend.facts import Fact
from tests.oracle.table import BOOKS, IN, SAID, Table
from tests.oracle.terms import Terms

LINES = {"fixed_fee": "fees", "old_debt": "debt", "to_card": "cards"}  # any other line that is summed is a tax
TENDERS = {"notes": "notes", "coins": "coins", "bank": "bank", "codes": "partner"}


def value_of(kiosk: str, sale: str) -> str:
    """A sale's row."""
    return f"{kiosk}/{sale}"


def orphan_of(kiosk: str, device: str, accepted: int | None) -> str:
    """The row of pieces that no sale explains, by the acceptor's lifetime count after them."""
    return f"{kiosk}/{device} {accepted}"


def says(table: Table, kiosk: str, fact: Fact) -> str:
    """Post what this fact says; what it says wrongly of itself, or ""."""
    told = SAYS.get(type(fact))
    return told(table, kiosk, fact) or "" if told else ""


def _came(table: Table, value: str, place: str, minor: int) -> None:
    table.say(value, place, minor)
    table.say(value, "held", minor)


def _piece(table: Table, kiosk: str, fact: f.NoteStacked | f.CoinAccepted) -> None:
    _came(table, value_of(kiosk, fact.sale), fact.device, fact.denomination)


def _bank(table: Table, kiosk: str, fact: PosFinal) -> None:
    _came(table, value_of(kiosk, fact.sale), "bank", fact.amount_minor)


def _code(table: Table, kiosk: str, fact: f.TransferCodeAccepted) -> None:
    _came(table, value_of(kiosk, fact.sale), "partner", fact.amount_minor)


def _orphan(table: Table, kiosk: str, fact: f.OrphanCredit) -> None:
    if fact.pieces == 1 and fact.amount_minor:
        value = orphan_of(kiosk, fact.device, fact.accepted)
        table.say(value, fact.device, fact.amount_minor)
        table.say(value, "orphans", fact.amount_minor)


def _lines(table: Table, value: str, fact: f.SaleClosed | f.ClaimSettled, currency: str) -> str:
    """Every line goes to its place; the credit as the row itself says it."""
    for line in fact.lines:
        place = LINES.get(line.code, "taxes") if line.summed else ""
        if place == "cards" and line.amount_minor != fact.credit_minor:
            return f"{value}: the line {line.code} is {line.amount_minor}, and the credit {fact.credit_minor}"
        if place:
            table.say(value, place, line.amount_minor, currency)
    return ""


def _closed(table: Table, kiosk: str, fact: f.SaleClosed) -> str:
    value = value_of(kiosk, fact.sale)
    table.say(value, "held", -fact.tender_minor, fact.currency)
    told: dict[str, int] = {}
    for tender in fact.tenders:
        place = TENDERS.get(tender.device, "till")
        told[place] = told.get(place, 0) + tender.denomination * tender.pieces
    for place in IN:
        if told.get(place, 0) != table.cell(SAID, value, place, fact.currency):
            came = table.cell(SAID, value, place, fact.currency)
            return f"{value}, {place}: it closes with {told.get(place, 0)}, and its rows are {came}"
    if fact.outcome == "claimed":
        table.say(value, "claims", fact.claim_minor, fact.currency)
    elif fact.outcome == "returned":
        table.say(value, "back", fact.tender_minor, fact.currency)
    return _lines(table, value, fact, currency=fact.currency)


def _settled(table: Table, kiosk: str, fact: f.ClaimSettled) -> str:
    value = value_of(kiosk, fact.sale)
    currency = next((of for row, of in table.rows if row == value), "CNY")
    table.say(value, "claims", -table.cell(SAID, value, "claims", currency), currency)
    return _lines(table, value, fact, currency=currency)


SAYS: dict[type[Fact], Callable[[Table, str, Any], str | None]] = {
    f.NoteStacked: _piece,
    f.CoinAccepted: _piece,
    f.OrphanCredit: _orphan,
    f.TransferCodeAccepted: _code,
    PosFinal: _bank,
    f.SaleClosed: _closed,
    f.ClaimSettled: _settled,
}


# ---------------------------------------------------------------- the books' side of an end


def holds(table: Table, value: str, currency: str = "CNY") -> None:
    """By the books, all of this value that is nowhere else is held by its open sale."""
    gone = sum(table.cell(BOOKS, value, place, currency) for place in ("cards", "claims", "fees", "debt", "taxes", "back", "orphans"))
    held = table.cell(BOOKS, value, "held", currency)
    table.book(value, "held", table.came_in(BOOKS, value, currency) - gone - held, currency)


def closes(table: Table, value: str, outcome: str, terms: Terms, debt_minor: int = 0, *, currency: str = "CNY") -> None:
    """By the books, what must become of all that came in. outcome: landed | claimed | returned | cancelled | settled (a claim
    that landed)."""
    came = table.came_in(BOOKS, value, currency)
    for place in ("held", "claims"):
        table.book(value, place, -table.cell(BOOKS, value, place, currency), currency)
    if outcome in ("landed", "settled"):
        split = terms.split(came, debt_minor)
        for place, minor in zip(("fees", "debt", "cards"), split, strict=True):
            table.book(value, place, minor, currency)
    elif outcome in ("claimed", "returned"):
        table.book(value, "claims" if outcome == "claimed" else "back", came, currency)


def priced(value: str, lines: tuple[f.PriceLine, ...], terms: Terms) -> str:
    """Rates and quantities that the lines name, against the terms; what is wrong, or ""."""
    credit = sum(line.amount_minor for line in lines if LINES.get(line.code) == "cards")
    for line in lines:
        if line.code != "energy":
            continue
        whole, part = divmod(line_price(line.rate), 10_000)
        if line_price(line.rate) != terms.price:
            return f"{value}, energy: the price is {whole}.{part:04}, and the tariff's {terms.price} ten-thousandths"
        if line.basis != terms.energy_wh(credit):
            return f"{value}, energy: {credit} minor units buy {line.basis} Wh, and by the tariff {terms.energy_wh(credit)}"
    return ""


def line_price(rate: str) -> int:
    """`0.5800` in ten-thousandths."""
    whole, _, part = rate.partition(".")
    return int(whole) * 10_000 + int(part.ljust(4, "0")[:4])
