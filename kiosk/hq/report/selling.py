"""The selling report: a day or a month by kiosk and tender, or by hour and tender, and what became of the money. Pure.

All sums come from the summaries, which grow in the transaction of each import. Amounts of two currencies are never added together: each
currency is a book of its own, with a foot of its own:

    tendered = credited + fees + old debt + given back + open claims + orphans

A claim that was settled stands in its day as credit, and takes its claim back: "open claims" of a month may be below zero. Orphans are
cash that no sale explains; they are tendered, too, under a tender of their own. Pieces of which nobody knows the value are `unknown`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Literal

import msgspec

from kiosk.hq.report.period import Period, shown_day, shown_moment
from kiosk.hq.report.sheet import Account, Block, Cell, Entry, Money, Sheet, Table, Warned, columns

By = Literal["kiosk", "hour"]
ORPHAN, UNKNOWN = "orphan", "unknown"
ALL = "all"
TENDERS = {"cash": 0, "bank": 1, "code": 2, "none": 3, ORPHAN: 4, UNKNOWN: 5}
"""In this order, others behind them. `none`: nothing was paid, as where a claim is settled."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One row of a summary. `of`: a kiosk, or an hour "08" of its own clock. `late`: sales of days that were closed before they came."""

    of: str
    tender: str
    currency: str
    sales: int = 0
    tender_minor: int = 0
    credit_minor: int = 0
    credit_wh: int = 0
    fee_minor: int = 0
    debt_minor: int = 0
    returned_minor: int = 0
    claims: int = 0
    claim_minor: int = 0
    late: int = 0
    late_minor: int = 0

    @property
    def orphan_minor(self) -> int:
        """Cash without a sale: nothing was given for it."""
        return self.tender_minor if self.tender == ORPHAN else 0

    @property
    def given_minor(self) -> int:
        """What became of the money of sales."""
        return self.credit_minor + self.fee_minor + self.debt_minor + self.returned_minor + self.claim_minor


class Late(msgspec.Struct, frozen=True):
    """A sale that came after its own day was closed: it is in these sums, `day` is its own date, yyyymmdd, `posted_day` where it stands."""

    day: int
    posted_day: int
    kiosk: str
    tender: str
    currency: str
    number: int | None
    outcome: str
    tender_minor: int
    credit_minor: int
    claim_minor: int


class Twice(msgspec.Struct, frozen=True):
    """Money of an order that stands in the lines, and stood in the sums before: the foot is without it. `why`: again | settles."""

    kiosk: str
    order: str
    why: str
    currency: str
    tender_minor: int
    credit_minor: int
    fee_minor: int
    debt_minor: int
    returned_minor: int
    claim_minor: int


class Absent(msgspec.Struct, frozen=True):
    """A kiosk of which something is missing in this period. `why`: never | behind | gap | frozen | revoked. `heard_ms`: all that it did
    until then is here; None of one that was never heard."""

    kiosk: str
    why: str
    heard_ms: int | None = None


class Foot(msgspec.Struct, frozen=True):
    """Where the money went, but for what stands in the lines a second time (`twice_minor`). `difference_minor` is 0, or somebody has to
    look."""

    tendered_minor: int
    credited_minor: int
    fees_minor: int
    debt_minor: int
    given_back_minor: int
    claims_minor: int
    orphans_minor: int
    difference_minor: int
    orphans_unknown: int = 0
    twice_minor: int = 0


class Book(msgspec.Struct, frozen=True):
    """One currency: lines, their sums by tender (the last one `all`), and the foot."""

    currency: str
    exponent: int
    lines: tuple[Line, ...]
    tenders: tuple[Line, ...]
    foot: Foot


class Selling(msgspec.Struct, frozen=True):
    """A whole report. `closed_ms`: since when nothing in it changes any more; None while it is open. `running`: it has not ended yet.

    `unposted`: sales of any time that stand in no sum of the store, because their currency or date cannot be. `only`: of that kiosk alone.
    """

    period: Period
    by: By
    closed_ms: int | None
    running: bool
    absent: tuple[Absent, ...]
    books: tuple[Book, ...]
    late: tuple[Late, ...]
    unposted: int = 0
    only: str = ""
    twice: tuple[Twice, ...] = ()


# ---------------------------------------------------------------- adding up

Row = tuple[Any, ...]
"""A Line's fields, in their order."""

Columns = tuple[Sequence[str], Sequence[Sequence[int]]]
"""Of some lines of one tender and currency: what each is of, and their sums, a sequence for each field of a Line from `sales` on."""

Parts = Mapping[tuple[str, str], Columns]
"""By (currency, tender). Fifteen thousand lines are usual: as columns they come out of the store, and are added up, in half the time."""


def parted(rows: Iterable[Row]) -> Parts:
    """Rows as columns."""
    found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row[2], row[1]].append(row)
    turned = {key: list(zip(*part, strict=True)) for key, part in found.items()}
    return {key: (part[0], part[3:]) for key, part in turned.items()}


def books(parts: Parts, exponent_of: Callable[[str], int], twice: Sequence[Twice] = ()) -> tuple[Book, ...]:
    """By currency; the feet are without `twice`."""
    found: defaultdict[str, dict[str, Columns]] = defaultdict(dict)
    for (currency, tender), part in parts.items():
        found[currency][tender] = part
    for each in twice:
        found.setdefault(each.currency, {})  # a book without lines, where nothing else was sold
    out = {currency: [each for each in twice if each.currency == currency] for currency in found}
    return tuple(_book(currency, exponent_of(currency), found[currency], out[currency]) for currency in sorted(found))


def _book(currency: str, exponent: int, by_tender: Mapping[str, Columns], twice: Sequence[Twice]) -> Book:
    """Lines in order of kiosk or hour, then of tender; their sums; the foot."""
    names = sorted(by_tender, key=lambda tender: (TENDERS.get(tender, len(TENDERS)), tender))
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for tender in names:
        of, sums = by_tender[tender]
        for line in map(Line, of, repeat(tender), repeat(currency), *sums):
            lines[line.of].append(line)
    tenders = tuple(Line(ALL, tender, currency, *map(sum, by_tender[tender][1])) for tender in names)
    whole = Line(ALL, ALL, currency, *map(sum, list(zip(*map(msgspec.structs.astuple, tenders), strict=True))[3:]))
    whole = msgspec.structs.replace(whole, sales=sum(line.sales for line in tenders if line.tender not in (ORPHAN, UNKNOWN)))
    orphans_minor = sum(line.orphan_minor for line in tenders)
    foot = Foot(
        tendered_minor=whole.tender_minor - sum(each.tender_minor for each in twice),
        credited_minor=whole.credit_minor - sum(each.credit_minor for each in twice),
        fees_minor=whole.fee_minor - sum(each.fee_minor for each in twice),
        debt_minor=whole.debt_minor - sum(each.debt_minor for each in twice),
        given_back_minor=whole.returned_minor - sum(each.returned_minor for each in twice),
        claims_minor=whole.claim_minor - sum(each.claim_minor for each in twice),
        orphans_minor=orphans_minor,
        difference_minor=whole.tender_minor - whole.given_minor - orphans_minor,
        orphans_unknown=sum(line.sales for line in tenders if line.tender == UNKNOWN),
        twice_minor=sum(each.tender_minor for each in twice),
    )
    return Book(currency, exponent, tuple([line for of in sorted(lines) for line in lines[of]]), (*tenders, whole), foot)


# ---------------------------------------------------------------- on a sheet

HEADS = ("tender", "sales", "tendered", "on cards", "deducted", "back", "claims")
WHY: Mapping[str, str] = {
    "never": "was never heard",
    "behind": "is complete until {moment}",
    "gap": "is complete until {moment}; a batch in between is missing",
    "frozen": "is complete until {moment}; it has two histories and is frozen",
    "revoked": "is complete until {moment}; it is revoked, nothing later is believed",
}


def sheet_of(report: Selling) -> Sheet:
    """For paper and screen."""
    state = "still running" if report.running else "still open"
    if report.closed_ms is not None:
        state = f"closed {shown_moment(report.closed_ms)}"
    sort = f"by {report.by} and tender" + (f", {report.only} alone" if report.only else "")
    return Sheet("SELLING REPORT", report.period.shown, sort, state, tuple(_blocks(report)))


def _blocks(report: Selling) -> Iterator[Block]:
    yield _absent(report)
    if report.unposted:
        yield Warned(f"IN NO SUM: {counted(report.unposted, 'sale')}, because of a currency or a date that cannot be. See the worklist.")
    for each in report.books:
        yield _table(each, report.by)
        yield _account(each)
    if not report.books:
        yield Warned("Nothing was sold.")
    if report.late:
        yield _late(report)
    if report.twice:
        yield _twice(report)


def _absent(report: Selling) -> Warned:
    if not report.absent:
        return Warned("Every kiosk was heard within the last day." if report.running else "All of it is in.")
    return silent(report.absent)


def silent(absent: tuple[Absent, ...]) -> Warned:
    """Whose data is missing, and since when."""
    if not absent:
        return Warned("Every kiosk was heard within the last day.")
    says = f"NOT IN YET: {counted(len(absent), 'kiosk')}. What was done there since is missing below."
    return Warned(says, tuple((one.kiosk, WHY[one.why].format(moment=shown_moment(one.heard_ms or 0))) for one in absent))


def _table(book: Book, by: By) -> Table:
    heads = columns((by, HEADS[0]), HEADS[1:])
    rows = tuple(_row(line, book.exponent) for line in book.lines)
    return Table(book.currency, heads, rows, tuple(_row(line, book.exponent) for line in book.tenders))


def _row(line: Line, exponent: int) -> tuple[Cell, ...]:
    amounts = (line.tender_minor, line.credit_minor, line.fee_minor + line.debt_minor, line.returned_minor, line.claim_minor)
    return (line.of, line.tender, line.sales, *(Money(minor, exponent) for minor in amounts))


def _account(book: Book) -> Account:
    foot, whole, by = book.foot, book.tenders[-1], book.exponent

    def entry(says: str, minor: int) -> Entry:
        return Entry(says, Money(minor, by))

    unknown = [Entry("and pieces of which nobody knows the value", foot.orphans_unknown, part=True)] if foot.orphans_unknown else []
    entries = (
        entry("tendered", foot.tendered_minor),
        entry("  on cards", foot.credited_minor),
        entry("+ fees", foot.fees_minor),
        entry("+ old debt", foot.debt_minor),
        entry("+ given back", foot.given_back_minor),
        entry(f"+ open claims ({counted(whole.claims, 'slip')})", foot.claims_minor),
        entry("+ orphans: cash that no sale explains", foot.orphans_minor),
        *unknown,
        Entry("together", Money(foot.tendered_minor - foot.difference_minor, by), sum=True),
        *([entry("DIFFERENCE: somebody has to look", foot.difference_minor)] if foot.difference_minor else []),
        *([entry(f"late: {counted(whole.late, 'sale')} of closed days, in these sums", whole.late_minor)] if whole.late else []),
        *([entry("counted before: of orders, in the lines and not in this account", foot.twice_minor)] if foot.twice_minor else []),
    )
    return Account(f"{book.currency}: where the money went", entries)


def _twice(report: Selling) -> Table:
    exponents = {each.currency: each.exponent for each in report.books}
    why = {"again": "another sale of this money counts", "settles": "was tendered where its claim was left"}
    rows = tuple(
        (each.kiosk, each.order, why.get(each.why, each.why), each.currency, Money(each.tender_minor, exponents.get(each.currency, 0)))
        for each in report.twice
    )
    return Table("COUNTED BEFORE: orders whose money stands in the sums twice", columns(("kiosk", "order", "why", ""), ("tendered",)), rows)


def _late(report: Selling) -> Table:
    exponents = {each.currency: each.exponent for each in report.books}
    heads = columns(("own day", "posted", "kiosk", "tender", "outcome", ""), ("receipt", "tendered"))
    rows = tuple(
        (
            shown_day(one.day),
            shown_day(one.posted_day),
            one.kiosk,
            one.tender,
            one.outcome,
            one.currency,
            "" if one.number is None else str(one.number),
            Money(one.tender_minor, exponents.get(one.currency, 0)),
        )
        for one in report.late
    )
    return Table("LATE: came after its own day was closed", heads, rows)


def counted(many: int, what: str) -> str:
    """`1 kiosk`, `5 kiosks`."""
    return f"{many} {what}" if many == 1 else f"{many} {what}s"


# ---------------------------------------------------------------- as records

RECORD = (
    "part", "period", "own_day", "currency", "of", "tender", "sales", "tendered", "credited", "energy_wh", "fees", "old_debt", "given_back",
    "claims", "open_claims", "orphans", "late_sales", "late_tendered", "note",
)  # fmt: skip


def records(report: Selling) -> Iterator[tuple[Cell, ...]]:
    """One a line of the report, no sums, so that a pivot adds nothing twice.

    `part`: sold | late (a sale that is in the line of its posted day already) | twice (what is taken out again, below zero) | absent.
    """
    period = report.period.name
    for book in report.books:
        for line in book.lines:
            yield _record(period, book, line)
    exponents = {each.currency: each.exponent for each in report.books}
    for one in report.late:
        by = exponents.get(one.currency, 0)
        amounts = (Money(one.tender_minor, by), Money(one.credit_minor, by), "", "", "", "", "", Money(one.claim_minor, by))
        posted = f"posted {shown_day(one.posted_day)}, {one.outcome}, receipt {'-' if one.number is None else one.number}"
        yield ("late", period, shown_day(one.day), one.currency, one.kiosk, one.tender, 1, *amounts, "", "", "", posted)
    for each in report.twice:
        by = exponents.get(each.currency, 0)
        out = [Money(-minor, by) for minor in (each.tender_minor, each.credit_minor)]
        back = [Money(-minor, by) for minor in (each.fee_minor, each.debt_minor, each.returned_minor)]
        head = ("twice", period, "", each.currency, each.kiosk, "code", "")
        yield (*head, *out, "", *back, "", Money(-each.claim_minor, by), "", "", "", f"{each.why}, order {each.order}")
    for absent in report.absent:
        why = WHY[absent.why].format(moment=shown_moment(absent.heard_ms or 0))
        yield ("absent", period, "", "", absent.kiosk, *("",) * 13, why)


def _record(period: str, book: Book, line: Line) -> tuple[Cell, ...]:
    def money(minor: int) -> Money:
        return Money(minor, book.exponent)

    given = (money(line.fee_minor), money(line.debt_minor), money(line.returned_minor), line.claims, money(line.claim_minor))
    head = ("sold", period, "", book.currency, line.of, line.tender, line.sales)
    orphans = money(line.orphan_minor)
    late = (line.late, money(line.late_minor))
    return (*head, money(line.tender_minor), money(line.credit_minor), line.credit_wh, *given, orphans, *late, "")
