"""Sales against consumption: meters that somebody should go and look at. A suspicion, never a proof.

Each card that was about to be written was copied into its kiosk's journal, with what its meter had left on it: the balance, when that was,
how many purchases it has taken, how many wrong cards it has seen. Between two such copies a meter used what it had, and what was credited
meanwhile, less what was left. A span whose purchases are not all known here says nothing.

    gained   it holds more than was ever sold to it
    low      for 30 days and more it used less than a tenth of what half of its peers, of the same tariff, use at least
    illegal  it has seen wrong cards since
    owing    it was used far below zero: its switch does not open
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median_low
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from kiosk.hq.report.period import shown_moment
from kiosk.hq.report.selling import counted
from kiosk.hq.report.sheet import Block, Cell, Money, Sheet, Table, Warned, columns
from kiosk.hq.schema import FACT, KIND, KIOSK, SALE
from kiosk.hq.settlement.sources import decoded
from kiosk.vend.card.gdw1365 import PROFILE
from kiosk.vend.facts import BranchAsked, ReturnFileArchived

DAY_MS = 86_400_000
LOW_DAYS = 30
LOW_PART = 10  # of the middle one of its peers
PEERS = 5  # with fewer there is no middle to speak of
OWING_MINOR = 50_00


class Left(NamedTuple):
    """What a meter left on its card. `taken`: purchases; `at`: the meter's own time; minor units."""

    meter: str
    taken: int
    balance_minor: int
    illegal: int
    at: datetime


class Sold(NamedTuple):
    """What is credited to a meter in slot n; `tariff` by which it was sold."""

    credit_minor: int
    tariff: str
    currency: str
    exponent: int


class Suspect(msgspec.Struct, frozen=True):
    """One meter, over the days between its first and its last copy. `used_minor` None where its purchases are not all known; `gained`: in
    some span that is known it used less than nothing."""

    meter: str
    tariff: str
    currency: str
    exponent: int
    days: int
    bought_minor: int
    used_minor: int | None
    left_minor: int
    illegal: int
    gained: bool
    findings: tuple[str, ...] = ()

    @property
    def a_day_minor(self) -> int | None:
        """Used in a day; None where that is not known or no day has passed."""
        return None if self.used_minor is None or not self.days else self.used_minor // self.days


class Asked(msgspec.Struct, frozen=True):
    """Whoever holds this card was asked to show it at the office, by chance."""

    kiosk: str
    meter: str
    card: str
    at_ms: int


class Suspects(msgspec.Struct, frozen=True):
    """`lines`: those with a finding, by meter; `meters`: how many were looked at, `days` back. `asked`: by chance, the oldest first."""

    at_ms: int
    days: int
    meters: int
    lines: tuple[Suspect, ...]
    asked: tuple[Asked, ...] = ()


def judged(left: Iterable[Left], sold: Mapping[str, Mapping[int, Sold]]) -> list[Suspect]:
    """Every meter of which there are two copies or more. `left` in any order; `sold`: meter -> slot -> what was credited."""
    by_meter: dict[str, dict[int, Left]] = {}
    for one in left:
        known = by_meter.setdefault(one.meter, {})
        if one.taken not in known or known[one.taken].at < one.at:
            known[one.taken] = one
    looked_at = [_spanned(copies, sold.get(meter, {})) for meter, copies in sorted(by_meter.items()) if len(copies) > 1]
    peers: dict[tuple[str, str], list[int]] = {}
    for each in looked_at:
        if each.days >= LOW_DAYS and each.a_day_minor is not None:
            peers.setdefault((each.tariff, each.currency), []).append(each.a_day_minor)
    whose = [(each, peers.get((each.tariff, each.currency), [])) for each in looked_at]
    return [msgspec.structs.replace(each, findings=tuple(_findings(each, theirs))) for each, theirs in whose]


def _spanned(copies: Mapping[int, Left], sold: Mapping[int, Sold]) -> Suspect:
    in_order = [copies[taken] for taken in sorted(copies)]
    first, last = in_order[0], in_order[-1]
    used = [_used(before, after, sold) for before, after in pairwise(in_order)]
    known = [minor for minor in used if minor is not None]
    newest = sold.get(last.taken, Sold(0, "", "", 2))
    return Suspect(
        meter=first.meter,
        tariff=newest.tariff,
        currency=newest.currency,
        exponent=newest.exponent,
        days=max((last.at - first.at).days, 0),
        bought_minor=sum(sold[n].credit_minor for n in range(first.taken + 1, last.taken + 1) if n in sold),
        used_minor=sum(known) if len(known) == len(used) else None,
        left_minor=last.balance_minor,
        illegal=max(last.illegal - first.illegal, 0),
        gained=any(minor < 0 for minor in known),
    )


def _used(before: Left, after: Left, sold: Mapping[int, Sold]) -> int | None:
    """Between two copies; None where a purchase in between is not known."""
    slots = range(before.taken + 1, after.taken + 1)
    if not all(n in sold for n in slots):
        return None
    return before.balance_minor + sum(sold[n].credit_minor for n in slots) - after.balance_minor


def _findings(one: Suspect, peers: Sequence[int]) -> Iterator[str]:
    if one.gained:
        yield "gained"
    elif one.days >= LOW_DAYS and one.a_day_minor is not None and len(peers) >= PEERS and one.a_day_minor * LOW_PART < median_low(peers):
        yield "low"
    if one.illegal:
        yield "illegal"
    if one.left_minor < -OWING_MINOR:
        yield "owing"


# ---------------------------------------------------------------- out of the store


def suspects(connection: Connection, *, days: int, now_ms: int) -> Suspects:
    """Of the cards that were copied in the last `days`."""
    since_ms = now_ms - days * DAY_MS
    left = list(_left(connection, since_ms))
    found = judged(left, _sold(connection, {one.meter for one in left}))
    return Suspects(now_ms, days, len(found), tuple(one for one in found if one.findings), tuple(_asked(connection, since_ms)))


def _asked(connection: Connection, since_ms: int) -> Iterator[Asked]:
    asked = select(KIOSK.c.id, FACT.c.at_ms, FACT.c.sale, FACT.c.v, FACT.c.body).join(KIND, KIND.c.no == FACT.c.kind)
    asked = asked.join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no).where(KIND.c.name == "BranchAsked", FACT.c.at_ms >= since_ms)
    for kiosk, at_ms, sale, v, body in connection.execute(asked.order_by(FACT.c.at_ms, FACT.c.kiosk_no, FACT.c.seq)):
        fact = decoded(sale, "BranchAsked", v, body)
        if isinstance(fact, BranchAsked):
            yield Asked(kiosk, fact.meter, fact.card, at_ms)


def _left(connection: Connection, since_ms: int) -> Iterator[Left]:
    """One a copy that says when its meter wrote it."""
    asked = select(FACT.c.sale, FACT.c.v, FACT.c.body).join(KIND, KIND.c.no == FACT.c.kind)
    rows: Any = connection.execute(asked.where(KIND.c.name == "ReturnFileArchived", FACT.c.at_ms >= since_ms))
    for sale, v, body in rows:
        fact = decoded(sale, "ReturnFileArchived", v, body)
        if isinstance(fact, ReturnFileArchived) and (one := left_on(fact)):
            yield one


def left_on(fact: ReturnFileArchived) -> Left | None:
    """What the copied card says of its meter; None where it says nothing, or is of another layout."""
    try:
        files = {int(number): bytes.fromhex(raw) for number, raw in fact.files.items()}
        card = PROFILE.parse(fact.card, files, authentic=True, tag_of=None)
        at = datetime.fromisoformat(card.balance_at or "")
    except ValueError:
        return None
    if card.taken is None or card.balance_minor is None or not card.meter:
        return None
    return Left(card.meter, card.taken, card.balance_minor, card.illegal, at)


def _sold(connection: Connection, meters: set[str]) -> dict[str, dict[int, Sold]]:
    """What landed in each slot. Two records of one slot: the meter took one of them, and nobody here knows which, so neither counts."""
    asked = select(SALE.c.meter, SALE.c.n, SALE.c.credit_minor, SALE.c.tariff, SALE.c.currency, SALE.c.exponent)
    found: dict[str, dict[int, Sold]] = {}
    twice: set[tuple[str, int]] = set()
    for meter, n, credit_minor, tariff, currency, exponent in connection.execute(asked.where(SALE.c.outcome.in_(("landed", "settled")))):
        if meter not in meters:
            continue
        if n in found.setdefault(meter, {}):
            twice.add((meter, n))
        found[meter][n] = Sold(credit_minor, tariff, currency, exponent)
    for meter, n in twice:
        del found[meter][n]
    return found


# ---------------------------------------------------------------- on a sheet

RECORD = ("meter", "tariff", "currency", "days", "bought", "used", "left", "wrong_cards", "findings")


def sheet_of(report: Suspects) -> Sheet:
    """For paper and screen."""
    about = f"{counted(report.meters, 'meter')} of the last {counted(report.days, 'day')}"
    return Sheet("SUSPECTS", shown_moment(report.at_ms), "by meter", about, tuple(_blocks(report)))


def _blocks(report: Suspects) -> Iterator[Block]:
    if report.asked:
        drawn = tuple((one.meter, f"..{one.card[-4:]}", one.kiosk, shown_moment(one.at_ms)) for one in report.asked)
        yield Table("Drawn by chance, and asked to come.", columns(("meter", "card", "kiosk", "when"), ()), drawn)
    if not report.lines:
        yield Warned("No meter has to be looked at.")
        return
    heads = columns(("meter", "why"), ("days", "bought", "used", "left"))
    rows: tuple[tuple[Cell, ...], ...] = tuple((one.meter, ", ".join(one.findings), one.days, *_amounts(one)) for one in report.lines)
    yield Table("A suspicion is no proof: somebody goes and looks.", heads, rows)


def _amounts(one: Suspect) -> tuple[Money, ...]:
    return tuple(Money(minor, one.exponent) for minor in (one.bought_minor, one.used_minor, one.left_minor))


def records(report: Suspects) -> Iterator[tuple[Cell, ...]]:
    """One a suspect, then one a card that was drawn by chance."""
    for one in report.lines:
        yield (one.meter, one.tariff, one.currency, one.days, *_amounts(one), one.illegal, "; ".join(one.findings))
    for drawn in report.asked:
        yield (drawn.meter, "", "", "", "", "", "", "", "drawn by chance")
