"""A sale as the head office keeps it: the row of a SaleClosed or of a settled claim, and what it adds to which sums. Pure."""

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import msgspec

from kiosk.hq.intake.rules import day_of, money_known, tender_of
from kiosk.hq.intake.summary import SaleSums
from kiosk.hq.schema import NOT_POSTED
from kiosk.sync.batch import Line
from kiosk.vend import facts as f
from kiosk.vend.lifetime import split

ZONE = re.compile(r"[+-](0\d|1[0-4])[0-5]\d")
ELSEWHERE = "landed_elsewhere"
EPOCH_DAY = date(1970, 1, 1).toordinal()


class SaleRow(NamedTuple):
    """A row of the table `sale`, in the order of its columns."""

    kiosk_no: int
    seq: int
    sale: str
    outcome: str
    tender: str
    card: str
    meter: str
    n: int
    tag: str | None
    number: int | None
    currency: str
    exponent: int
    tender_minor: int
    credit_minor: int
    credit_wh: int
    fee_minor: int
    debt_minor: int
    returned_minor: int
    claim_minor: int
    float_minor: int | None
    tariff: str
    opened_ms: int
    closed_ms: int
    zone: str
    day: int
    hour: int
    posted_day: int


class Settled(msgspec.Struct, frozen=True):
    """A ClaimSettled, before it is known whose: of what, and what became of it. `elsewhere`: it had landed at another machine."""

    seq: int
    at_ms: int
    sale: str
    credit_minor: int
    fee_minor: int
    debt_minor: int
    credit_wh: int
    elsewhere: bool = False


class Odd(msgspec.Struct, frozen=True):
    """An OrphanCredit or CashBoxRemoved: it names neither its money nor its day, which are the kiosk's last sale's before it."""

    seq: int
    at_ms: int
    fact: f.Fact


def sale_row(kiosk_no: int, row: Line, fact: f.SaleClosed, hour: int | None) -> SaleRow:
    """A SaleClosed as its row; the day on which it is posted is its own, or none."""
    credit, fee, debt, _ = given(fact.lines) if fact.outcome == "landed" else (0, 0, 0, 0)
    day = day_of(fact.business_date)
    posted = day if day is not None and money_known(fact) else NOT_POSTED
    zone = fact.zone if hour is not None else "+0000"
    sold = SaleRow(
        kiosk_no, row.seq, fact.sale, fact.outcome, tender_of(fact), fact.card, fact.meter, fact.n, fact.tag, fact.number,
        fact.currency, min(max(fact.exponent, 0), 9), fact.tender_minor, credit, fact.credit_wh, fee, debt,
        fact.tender_minor if fact.outcome == "returned" else 0, fact.claim_minor if fact.outcome == "claimed" else 0, fact.float_minor,
        fact.tariff, fact.opened_ms, row.at_ms, zone, day or 0, (row.at_ms // 3_600_000) % 24 if hour is None else hour, posted,
    )  # fmt: skip
    return sold if any(_values(sold)) else sold._replace(posted_day=NOT_POSTED)


def settled_row(settled: Settled, claim: SaleRow) -> SaleRow:
    """A settled claim as its row: no tender of its own, its claim taken back, on the day when it was settled; on the claim's own where it
    landed elsewhere, which whoever says it first need not know the day of."""
    if settled.elsewhere:
        settled = msgspec.structs.replace(settled, seq=-claim.seq, at_ms=claim.closed_ms)
    day, hour = local(claim.zone, settled.at_ms) or (claim.day, claim.hour)
    paid = settled.credit_minor + settled.fee_minor + settled.debt_minor
    return claim._replace(
        seq=settled.seq, outcome="settled", tender_minor=0, credit_minor=settled.credit_minor, credit_wh=settled.credit_wh,
        fee_minor=settled.fee_minor, debt_minor=settled.debt_minor, returned_minor=0, claim_minor=-paid, opened_ms=settled.at_ms,
        closed_ms=settled.at_ms, day=day, hour=hour, posted_day=day if claim.posted_day else NOT_POSTED, float_minor=None,
    )  # fmt: skip


def elsewhere_row(claim: SaleRow, lines: tuple[f.PriceLine, ...]) -> SaleRow:
    """The same of a claim whose record another machine finished, by the terms of its own sale."""
    return settled_row(Settled(0, 0, claim.sale, *given(lines), elsewhere=True), claim)


def sums_of(row: SaleRow) -> SaleSums:
    """What a row adds, and where."""
    return SaleSums(row.day, row.hour, row.kiosk_no, row.tender, row.currency, row.posted_day, _values(row))


def _values(row: SaleRow) -> tuple[int, ...]:
    claims = {"claimed": 1, "settled": -1}.get(row.outcome, 0)
    sales = int(row.outcome not in ("cancelled", "settled"))
    became = row.credit_minor, row.credit_wh, row.fee_minor, row.debt_minor, row.returned_minor
    return sales, row.tender_minor, *became, claims, row.claim_minor


def given(lines: tuple[f.PriceLine, ...]) -> tuple[int, int, int, int]:
    """Credit, fees, debt in minor units, and watt-hours."""
    return *split(lines), sum([line.basis for line in lines if line.code == "energy"])


def hour_of(zone: str, at_ms: int) -> int | None:
    """Of the clock in that zone; None for a zone that is not known."""
    found = local(zone, at_ms)
    return found[1] if found else None


def local(zone: str, at_ms: int) -> tuple[int, int] | None:
    """(yyyymmdd, hour) where clocks are `zone`, "+0800", ahead of UTC."""
    ahead = _ahead(zone)
    if ahead is None:
        return None
    days, minute = divmod(at_ms // 60_000 + ahead, 1440)
    day = _day(days)
    return (day, minute // 60) if day else None


@lru_cache(maxsize=256)
def _ahead(zone: str) -> int | None:
    """Minutes; None for what is no zone."""
    if not ZONE.fullmatch(zone):
        return None
    minutes = int(zone[1:3]) * 60 + int(zone[3:])
    return minutes if zone[0] == "+" else -minutes


@lru_cache(maxsize=4096)
def _day(days: int) -> int | None:
    try:
        there = date.fromordinal(EPOCH_DAY + days)
    except (ValueError, OverflowError):
        return None
    return there.year * 10_000 + there.month * 100 + there.day
