"""Floats: what was granted to each kiosk, spent there and left, as the kiosk reports it and as the head office knows it. Pure.

Granted: what the office signed, against the grants that the kiosk's journal took in. Spent: the cash of the sales that were imported,
against the total that the kiosk says in each batch. Left: the grants that still hold less what was spent, oldest first, by the kiosk's own
rule (vend/limits), against what the kiosk said at its last sale. A grant that ended unspent has lapsed:

    granted = spent + lapsed + left
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from kiosk.hq.report.period import shown_moment
from kiosk.hq.report.selling import Absent, counted, silent
from kiosk.hq.report.sheet import Block, Cell, Money, Sheet, Table, Warned, columns
from kiosk.hq.report.signed import SignedFloat
from kiosk.vend import limits
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.money import plain


class Arrived(msgspec.Struct, frozen=True):
    """A FloatGranted of the kiosk's journal."""

    seq: int
    number: int
    amount_minor: int
    until_ms: int


class Paid(msgspec.Struct, frozen=True):
    """The cash of one imported sale."""

    seq: int
    at_ms: int
    minor: int


class FloatLine(msgspec.Struct, frozen=True):
    """One kiosk. `signed_minor`: None where the office keeps no record. `said_spent_minor`: cash of ended sales, by the kiosk's totals of
    its whole life; `spent_all_minor`: the same by its rows. `said_left_minor`: by its last sale; `held_minor`: cash of a sale that goes on.
    """

    kiosk: str
    currency: str
    exponent: int
    signed_minor: int | None
    arrived_minor: int
    spent_minor: int
    lapsed_minor: int
    left_minor: int
    until_ms: int
    spent_all_minor: int
    said_spent_minor: int | None
    held_minor: int
    said_left_minor: int | None
    findings: tuple[str, ...] = ()


class Floats(msgspec.Struct, frozen=True):
    """All kiosks at one moment."""

    at_ms: int
    absent: tuple[Absent, ...]
    lines: tuple[FloatLine, ...]
    only: str = ""


def line(
    kiosk: str,
    money: tuple[str, int],
    *,
    signed: Sequence[SignedFloat] | None,
    arrived: Sequence[Arrived],
    paid: Iterable[Paid],
    totals: Lifetime | None,
    said_left_minor: int | None,
    at_ms: int,
) -> FloatLine:
    """`money`: currency and exponent. `arrived` and `paid` in the order of their rows; `totals` at the last of them; `at_ms` is now."""
    held, spent_minor, all_minor = _folded(arrived, paid)
    arrived_minor = sum(grant.amount_minor for grant in arrived)
    left_minor = held.left_minor(at_ms)
    said_minor = totals.tendered_minor - totals.card_minor - totals.codes_minor if totals else None
    return FloatLine(
        kiosk=kiosk,
        currency=money[0],
        exponent=money[1],
        signed_minor=None if signed is None else sum(one.amount_minor for one in signed),
        arrived_minor=arrived_minor,
        spent_minor=spent_minor,
        lapsed_minor=arrived_minor - spent_minor - left_minor,
        left_minor=left_minor,
        until_ms=max((grant.until_ms for grant in arrived), default=0),
        spent_all_minor=all_minor,
        said_spent_minor=said_minor,
        held_minor=totals.cash_minor - said_minor if totals and said_minor is not None else 0,
        said_left_minor=said_left_minor,
        findings=(*_grants(signed, arrived, money[1]), *_sums(all_minor, said_minor, left_minor, money[1])),
    )


def _folded(arrived: Sequence[Arrived], paid: Iterable[Paid]) -> tuple[limits.Float, int, int]:
    """The float as the kiosk folds it; what was spent since the first grant, and in all."""
    held, waiting, spent_minor, all_minor = limits.Float(), list(arrived), 0, 0
    for one in paid:
        while waiting and waiting[0].seq < one.seq:
            held = _granted(held, waiting.pop(0))
        all_minor += one.minor
        if held.grants:
            spent_minor += one.minor
            held = limits.spent(held, one.minor, one.at_ms)
    for grant in waiting:
        held = _granted(held, grant)
    return held, spent_minor, all_minor


def _granted(held: limits.Float, grant: Arrived) -> limits.Float:
    return limits.granted(held, limits.Grant(grant.number, grant.amount_minor, grant.until_ms))


def _grants(signed: Sequence[SignedFloat] | None, arrived: Sequence[Arrived], exponent: int) -> Iterator[str]:
    """Where the kiosk's grants are not the office's."""
    if signed is None:
        return
    ours, theirs = ({one.number: one.amount_minor for one in grants} for grants in (signed, arrived))
    if waiting := sorted(set(ours) - set(theirs)):
        yield f"on its way: float {', '.join(map(str, waiting))}, {plain(sum(ours[number] for number in waiting), exponent)}"
    if strange := sorted(set(theirs) - set(ours)):
        yield f"NEVER SIGNED HERE: float {', '.join(map(str, strange))}"
    if other := sorted(number for number in ours.keys() & theirs if ours[number] != theirs[number]):
        yield f"SIGNED FOR ANOTHER AMOUNT: float {', '.join(map(str, other))}"


def _sums(spent_minor: int, said_minor: int | None, left_minor: int, exponent: int) -> Iterator[str]:
    """Where its money is not what it says."""
    if said_minor is not None and said_minor != spent_minor:
        yield f"the kiosk says {plain(said_minor, exponent)} of cash sales, its rows {plain(spent_minor, exponent)}"
    if left_minor < 0:
        yield "overdrawn: a coin fell that the float had no room for"


# ---------------------------------------------------------------- on a sheet

HEADS = ("granted", "spent", "lapsed", "left")


def sheet_of(report: Floats) -> Sheet:
    """For paper and screen."""
    sort = "by kiosk" + (f", {report.only} alone" if report.only else "")
    return Sheet("FLOATS", shown_moment(report.at_ms), sort, "", (silent(report.absent), *_blocks(report)))


def _blocks(report: Floats) -> tuple[Block, ...]:
    """A table for each currency, and below it what somebody has to look at."""
    if not report.lines:
        return (Warned("No kiosk has a float."),)
    monies = sorted({(one.currency, one.exponent) for one in report.lines})
    tables = [_table(currency, by, [one for one in report.lines if one.currency == currency]) for currency, by in monies]
    about = tuple((one.kiosk, "; ".join(one.findings)) for one in report.lines if one.findings)
    return (*tables, Warned(f"TO BE LOOKED AT: {counted(len(about), 'kiosk')}", about) if about else Warned("Nothing has to be looked at."))


def _table(currency: str, by: int, lines: list[FloatLine]) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple((one.kiosk, shown_moment(one.until_ms), *_amounts(one, by)) for one in lines)
    totals = (
        sum(one.arrived_minor for one in lines), sum(one.spent_minor for one in lines), sum(one.lapsed_minor for one in lines),
        sum(one.left_minor for one in lines),
    )  # fmt: skip
    return Table(currency, columns(("kiosk", "until"), HEADS), rows, (("all", "", *(Money(minor, by) for minor in totals)),))


def _amounts(one: FloatLine, by: int) -> tuple[Money, ...]:
    return tuple(Money(minor, by) for minor in (one.arrived_minor, one.spent_minor, one.lapsed_minor, one.left_minor))


RECORD = (
    "kiosk", "currency", "signed", "arrived", "spent", "lapsed", "left", "until", "all_cash_sales", "kiosk_says_cash_sales",
    "held_by_open_sale", "kiosk_says_left", "findings",
)  # fmt: skip


def records(report: Floats) -> Iterator[tuple[Cell, ...]]:
    """One a kiosk."""
    for one in report.lines:
        by = one.exponent
        said = (Money(one.spent_all_minor, by), Money(one.said_spent_minor, by), Money(one.held_minor, by), Money(one.said_left_minor, by))
        amounts = (Money(one.signed_minor, by), *_amounts(one, by))
        yield (one.kiosk, one.currency, *amounts, shown_moment(one.until_ms), *said, "; ".join(one.findings))
