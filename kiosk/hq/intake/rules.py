"""What a well-signed row may still have wrong. It is imported all the same, for the money has moved, and somebody looks at it. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache

import msgspec

from kiosk.vend.facts import SaleClosed
from kiosk.vend.money import CURRENCIES

TENDERS = {"notes": "cash", "coins": "cash", "bank": "bank", "codes": "code", "code": "code"}
OUTCOMES = ("landed", "claimed", "returned", "cancelled")

Number = tuple[int, int]
"""(epoch, version) of what the head office sent."""


class Known(msgspec.Struct, frozen=True):
    """What the head office itself has decided. `hotlist`: card -> the list that blocked it; a kiosk that has only older lists may serve it.
    `tariffs`: every one that was ever in force, None where that is not kept."""

    hotlist: Mapping[str, Number] = {}
    tariffs: frozenset[str] | None = None


class Flag(msgspec.Struct, frozen=True):
    """A row that somebody has to look at. `rule`: unreadable | unknown | name | sums | money | date | zone | hotlist | tariff | totals |
    claim.
    """

    seq: int
    rule: str
    sentence: str


def broken(seq: int, sale: SaleClosed, known: Known, listed: Number | None) -> Iterator[Flag]:
    """What is wrong with a sale, as its machine tells it. `listed`: the hotlist that held there, None where that is not said."""
    summed = sum([line.amount_minor for line in sale.lines if line.summed])
    returned = sale.tender_minor if sale.outcome == "returned" else 0
    if sale.outcome not in OUTCOMES or summed + sale.claim_minor + returned != sale.tender_minor:
        yield Flag(seq, "sums", f"Sale {sale.sale}: what was paid and what became of it differ.")
    if sum([tender.denomination * tender.pieces for tender in sale.tenders]) != sale.tender_minor or tender_of(sale) == "mixed":
        yield Flag(seq, "sums", f"Sale {sale.sale}: its money does not add up to what was paid.")
    if not money_known(sale):
        yield Flag(seq, "money", f"Sale {sale.sale}: its currency is not known here, so it stands in no sum.")
    if day_of(sale.business_date) is None:
        yield Flag(seq, "date", f"Sale {sale.sale}: its business date is none, so it stands in no sum.")
    if sale.outcome == "landed" and listed and sale.card in known.hotlist and known.hotlist[sale.card] <= listed:
        yield Flag(seq, "hotlist", f"Sale {sale.sale}: card {sale.card} is blocked, and was served.")
    if known.tariffs is not None and sale.tariff not in known.tariffs:
        yield Flag(seq, "tariff", f"Sale {sale.sale}: it was made at a tariff that was never in force.")


def money_known(sale: SaleClosed) -> bool:
    """Whether its amounts may be added to others."""
    currency = CURRENCIES.get(sale.currency)
    return currency is not None and currency.exponent == sale.exponent


def tender_of(sale: SaleClosed) -> str:
    """cash | bank | code | none; mixed where it is several, which no machine takes."""
    if len(sale.tenders) == 1:
        return TENDERS.get(sale.tenders[0].device, "mixed")
    kinds = {TENDERS.get(tender.device, "mixed") for tender in sale.tenders}
    return "none" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"


@lru_cache(maxsize=256)
def day_of(business_date: str) -> int | None:
    """`2026-11-03` as 20261103, None for what is no day."""
    try:
        day = date.fromisoformat(business_date)
    except ValueError:
        return None
    return day.year * 10_000 + day.month * 100 + day.day
