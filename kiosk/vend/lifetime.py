"""What a store has taken and given in its whole life: sums that only grow and that nothing resets. An auditor's first question. Pure.

The kiosk says them in every batch; the head office adds up the rows that came and holds them against it. Both do it here.
"""

from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from kiosk.vend import facts as f
from kiosk.vend.tariff import amount_of

CREDIT = ("to_card", "energy")  # on an energy card the energy lines are the credit

Minor = Annotated[int, Meta(ge=0, lt=1 << 53)]


class Lifetime(msgspec.Struct, frozen=True):
    """Minor units and counts, from the store's first row on.

    `cash_minor`: notes stacked and coins taken, at that moment; `card_minor`, `codes_minor`: of sales that ended, by tender;
    `tendered_minor`: all money of sales that ended; it went to `credited_minor` + `fees_minor` + `debt_minor` + `returned_minor` +
    `claims_minor`, of which `settled_minor` was credited since; `orphans_minor`: cash that no sale explains, of known value.
    """

    sales: Minor = 0
    cash_minor: Minor = 0
    card_minor: Minor = 0
    codes_minor: Minor = 0
    tendered_minor: Minor = 0
    credited_minor: Minor = 0
    fees_minor: Minor = 0
    debt_minor: Minor = 0
    returned_minor: Minor = 0
    claims_minor: Minor = 0
    settled_minor: Minor = 0
    orphans_minor: Minor = 0


def add(sums: Lifetime, fact: f.Fact) -> Lifetime:
    """With one fact more."""
    match fact:
        case f.NoteStacked() | f.CoinAccepted():
            return replace(sums, cash_minor=sums.cash_minor + fact.denomination)
        case f.OrphanCredit(pieces=1, amount_minor=int(minor)):
            return replace(sums, orphans_minor=sums.orphans_minor + minor)
        case f.SaleClosed():
            return _closed(sums, fact)
        case f.ClaimSettled():
            credit, fees, debt = split(fact.lines)
            return replace(
                sums,
                credited_minor=sums.credited_minor + credit,
                fees_minor=sums.fees_minor + fees,
                debt_minor=sums.debt_minor + debt,
                settled_minor=sums.settled_minor + credit + fees + debt,
            )
    return sums


def _closed(sums: Lifetime, fact: f.SaleClosed) -> Lifetime:
    paid = {"bank": 0, "codes": 0}
    for tender in fact.tenders:
        if tender.device in paid:
            paid[tender.device] += tender.denomination * tender.pieces
    credit, fees, debt = split(fact.lines) if fact.outcome == "landed" else (0, 0, 0)
    return replace(
        sums,
        sales=sums.sales + (fact.outcome != "cancelled"),
        card_minor=sums.card_minor + paid["bank"],
        codes_minor=sums.codes_minor + paid["codes"],
        tendered_minor=sums.tendered_minor + fact.tender_minor,
        credited_minor=sums.credited_minor + credit,
        fees_minor=sums.fees_minor + fees,
        debt_minor=sums.debt_minor + debt,
        returned_minor=sums.returned_minor + (fact.tender_minor if fact.outcome == "returned" else 0),
        claims_minor=sums.claims_minor + (fact.claim_minor if fact.outcome == "claimed" else 0),
    )


def split(lines: tuple[f.PriceLine, ...]) -> tuple[int, int, int]:
    """The lines that sum to the tender: credit in money or energy, all that is a fee, and an old debt."""
    credit = whole = 0
    for line in lines:
        if line.summed:
            whole += line.amount_minor
            if line.code in CREDIT:
                credit += line.amount_minor
    debt = amount_of(lines, "old_debt")
    return credit, whole - credit - debt, debt
