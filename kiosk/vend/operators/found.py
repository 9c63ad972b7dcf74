"""What is looked up in the journal for a maintenance screen: from rows to a table, a paper, a receipt that may be printed again. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Protocol, TypedDict

from msgspec.structs import replace

from kiosk.vend import facts as f
from kiosk.vend.damm import purchase_number
from kiosk.vend.explain.lookup import gather
from kiosk.vend.explain.says import masked
from kiosk.vend.explain.telling import story
from kiosk.vend.explain.values import Story
from kiosk.vend.fold import fold
from kiosk.vend.operators import session
from kiosk.vend.operators.standing import Found, ReadJob
from kiosk.vend.operators.tables import moment, report_table
from kiosk.vend.paper.box import box_slip
from kiosk.vend.paper.day import day_report, month_report
from kiosk.vend.papers import paper_of
from kiosk.vend.rows import Recorded
from kiosk.vend.rules import Rules
from kiosk.vend.staff import Cell, Count, Energy, Money, Plain, Table, Word
from kiosk.vend.state import Sale, State
from kiosk.vend.totals import box_closed, day_totals

TAIL, DEEP = 200, 20_000  # rows shown, rows looked at for them
STRIDE = 1_000
EPISODES, FIRST = 200, 20  # of a case that are shown, and how many of them from its begin
ABOUT = {
    "money": ("NoteStacked", "CoinAccepted", "NoteReturned", "EscrowUnknown", "OrphanCredit", "TenderClosed", "SaleClosed", "ClaimIssued",
              "ClaimSettled", "CashBoxRemoved", "CashBoxInstalled", "CashBoxMissing", "CashBoxBack", "PosRequested", "PosApproved",
              "PosFinal", "PosDeclined", "PosUnknown", "PosReversed", "PosDayEnded", "PosUnexplained"),
    "card": ("CardPresented", "ReturnFileArchived", "WriteStarted", "CardVerified", "CardUnsure", "ForeignSaleFinished"),
    "device": ("Started", "DeviceFault", "DeviceRecovered", "AcceptorRead", "AcceptorEnrolled", "TerminalRead", "ClockStepped",
               "ReceiptPrinted"),
    "staff": ("OperatorTried", "OperatorEntered", "OperatorLeft", "OperatorRefused", "OperatorDid", "ServiceOpened", "ServiceClosed",
              "Unlocked", "Locked", "BootCardRefused", "TamperSeen"),
}  # fmt: skip


class Rows(Protocol):
    """The journal, for reading."""

    def rows(self, first: int = ..., last: int = ...) -> Iterator[Recorded]:
        """Rows `first` to `last`, both included."""

    def sought(self, text: str = ..., sales: Collection[str] = ...) -> Iterator[Recorded]:
        """Rows of these sales, and rows whose body says `text`."""

    def head(self) -> tuple[int, bytes]:
        """(seq, hash) of the last row."""


def look_up(rules: Rules, job: ReadJob, journal: Rows, now_ms: int) -> Found:
    """The answer to a read job. Raises what the journal raises."""
    return _LOOKS[job.what](rules, job.of, journal, now_ms)


def _backwards(journal: Rows) -> Iterator[Recorded]:
    """The newest first."""
    last = journal.head()[0]
    while last > 0:
        yield from reversed(list(journal.rows(max(1, last - STRIDE + 1), last)))
        last -= STRIDE


# ---------------------------------------------------------------- the journal's end


def _journal(rules: Rules, of: str, journal: Rows, _now_ms: int) -> Found:
    """The last two hundred rows of a filter. A row says what happened and to which device or amount; never a card or a person."""
    kinds = ABOUT.get(of, ())
    newest = (recorded for recorded in islice(_backwards(journal), DEEP) if not kinds or recorded.fact.kind in kinds)
    return Found(Table(("seq", "at", "fact", "about"), tuple(_row(rules, recorded) for recorded in islice(newest, TAIL))))


def _row(rules: Rules, recorded: Recorded) -> tuple[Cell, ...]:
    row, fact = recorded.row, recorded.fact
    return Plain(str(row.seq)), moment(rules, row.at_ms), Plain(fact.kind), about(fact)


def about(fact: f.Fact) -> Cell:
    """What a row is about, in one cell."""
    for name in ("denomination", "tender_minor", "amount_minor", "minor"):
        if isinstance(value := getattr(fact, name, None), int):
            return Money(value)
    for name in ("operation", "code", "word", "operator", "outcome", "why", "device"):
        if isinstance(value := getattr(fact, name, None), str) and value:
            return Plain(value)
    return Plain("")


# ---------------------------------------------------------------- reports


def _day(rules: Rules, of: str, journal: Rows, now_ms: int) -> Found:
    """Of "2026-11-24"."""
    totals = day_totals(journal.rows(), of, rules.business_date)
    return Found(report_table(totals), day_report(totals, day_ms=rules.noon_ms(of), **_form(rules, now_ms)))


def _month(rules: Rules, of: str, journal: Rows, now_ms: int) -> Found:
    """Of "2026-11"."""
    totals = day_totals(journal.rows(), of, lambda at_ms: rules.business_date(at_ms)[: len(of)])
    return Found(report_table(totals), month_report(totals, month_ms=rules.noon_ms(f"{of}-15"), **_form(rules, now_ms)))


def _box(rules: Rules, of: str, journal: Rows, now_ms: int) -> Found:
    """The slip of a session that is over, of "notes.31"."""
    device, _, session = of.partition(".")
    count = box_closed(journal.rows(), device, int(session))
    return Found(paper=box_slip(count, **_form(rules, now_ms))) if count else Found(notice="not_found")


class _Form(TypedDict):
    """What every report needs to become a paper."""

    kiosk: str
    printed_ms: int
    zone: str
    exponent: int
    language: str


def _form(rules: Rules, now_ms: int) -> _Form:
    return _Form(kiosk=rules.kiosk, printed_ms=now_ms, zone=rules.offset(now_ms), exponent=rules.currency.exponent, language=rules.language)


# ---------------------------------------------------------------- counters


def _counters(_rules: Rules, _of: str, journal: Rows, _now_ms: int) -> Found:
    """Since they were last reset, and since the first row."""
    total, since = Counter[str](), Counter[str]()
    for recorded in journal.rows():
        if isinstance(recorded.fact, session.OperatorDid) and recorded.fact.operation == "counters.reset":
            since.clear()
        counted = _counted(recorded.fact)
        total.update(counted)
        since.update(counted)
    rows = tuple((Word(f"counter.{name}"), kind(since[name]), kind(total[name])) for name, kind in COUNTERS.items())
    return Found(Table(("counter", "since_reset", "total"), rows))


COUNTERS: dict[str, Callable[[int], Cell]] = {
    "notes": Count, "coins": Count, "sales": Count, "money": Money, "energy": Energy, "papers": Count, "faults": Count, "restarts": Count,
}  # fmt: skip


def _counted(fact: f.Fact) -> dict[str, int]:
    match fact:
        case f.NoteStacked():
            return {"notes": 1}
        case f.CoinAccepted():
            return {"coins": 1}
        case f.SaleClosed(outcome="landed" | "claimed"):
            energy = sum(line.basis for line in fact.lines if line.code == "energy")
            return {"sales": 1, "money": fact.tender_minor, "energy": energy}
        case f.PrintStarted():
            return {"papers": 1}
        case f.DeviceFault():
            return {"faults": 1}
        case f.Started():
            return {"restarts": 1}
    return {}


# ---------------------------------------------------------------- receipts


def _receipt(rules: Rules, of: str, journal: Rows, _now_ms: int) -> Found:
    """The receipt or slip of that number, as a copy that may be printed."""
    number, sale_id = int(of), ""
    for recorded in _backwards(journal):
        if isinstance(recorded.fact, f.PrintStarted | f.ReceiptOffered | f.ClaimIssued) and number and recorded.fact.number == number:
            sale_id = recorded.fact.sale
            break
    own = [recorded for recorded in journal.rows() if recorded.sale == sale_id] if sale_id else []
    state = State()
    for recorded in own:
        state = fold(state, recorded.fact, recorded.row)
    sale = state.claims.get(sale_id) or state.ended
    if sale is None or sale.closed is None:
        return Found(notice="no_receipt")
    copies = sum(isinstance(recorded.fact, f.PrintStarted) for recorded in own)
    had = any(isinstance(recorded.fact, f.PrintStarted | f.ReceiptOffered) for recorded in own)
    paper = "recharge" if sale.stage == "landed" else "claim"
    again = f.PrintStarted(sale_id, number, paper, max(copies, int(had)), sale.language)
    return Found(_receipt_table(rules, sale, number, copies), paper_of(rules, sale, again), again)


def _case(rules: Rules, of: str, journal: Rows, now_ms: int) -> Found:
    """A sale's case, as the journal tells it, and its slip."""
    told = story(gather(journal, (of,)), of, rules.kiosk)
    slip = _receipt(rules, str(told.number), journal, now_ms) if told and told.number else Found()
    return Found(paper=slip.paper, again=slip.again, story=_for_staff(told) if told else None)


def _for_staff(told: Story) -> Story:
    """Masked, without hashes, and of very many pieces the first and the last: a screen's link carries 64 KiB."""
    kept = told.episodes if len(told.episodes) <= EPISODES else (*told.episodes[:FIRST], *told.episodes[FIRST - EPISODES :])
    return replace(masked(told, "technician"), episodes=tuple(replace(each, hash="") for each in kept))


def _receipt_table(rules: Rules, sale: Sale, number: int, copies: int) -> Table:
    """Whose it is by its tail, and what stands on it."""
    landed = sale.stage == "landed"
    closed = sale.closed
    lines: list[tuple[str, Cell]] = [
        ("receipt" if landed else "slip", Plain(f"{rules.kiosk}-{number:06d}" + ("" if landed else f"-{sale.check}"))),
        ("at", moment(rules, sale.closed_ms)),
        ("card", Plain(sale.card[-4:])),
        ("purchase_no", Plain(purchase_number(sale.n))),
        ("paid", Money(sale.tender_minor)),
    ]
    if landed and closed:
        lines.append(("to_card", Money(closed.credit_minor)))
        lines += [("energy", Energy(line.basis)) for line in closed.lines if line.code == "energy"]
    else:
        lines += [("where", Word("case.claim.where")), ("next", Word("case.claim.next"))]
    lines.append(("copies", Count(copies)))
    return Table(("line", "value"), tuple((Word(f"line.{key}"), cell) for key, cell in lines))


_LOOKS: dict[str, Callable[[Rules, str, Rows, int], Found]] = {
    "journal": _journal, "day": _day, "month": _month, "box": _box, "counters": _counters, "receipt": _receipt, "case": _case,
}  # fmt: skip
