"""Payments by bank card: what the journal knows of them, apart from the sales that they pay for.

    requested ---> approved ---> final          the money is a sale's, and stays it: on the card, or a claim
        |             |
        +-- declined  +-- reversed              nothing was taken
        |             |
        +-- unknown --+---> any of the three    the terminal's own book says which

At most one payment is open. As long as it is, no other is asked for: an unknown one bars bank cards, never cash, even when its sale is
long over. Who turns an answer of the terminal into one of these facts is `paying`.
"""

from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from kiosk.vend.facts import Quote, RoomFact, Row, SaleFact, Tender

DEVICE = "terminal"  # the role
TENDER = "bank"  # what its money is called in tenders and reports
UNEXPLAINED_KEPT = 100
NIGHTLY = ("full", "diagnosis")  # faults that the end of the day mends


class PosFact(SaleFact, frozen=True):
    """About one attempt to pay: 16 hex digits, no other attempt's."""

    payment: str
    barrier: ClassVar[bool] = True


class PosRequested(PosFact, frozen=True):
    """The terminal is going to be asked for this. No cash comes in from here on, until nothing was taken."""

    amount_minor: int


class PosApproved(PosFact, frozen=True):
    """The bank says yes, and the terminal waits for the electricity card. Not money yet: it can still be taken back."""

    amount_minor: int
    receipt: str
    trace: str
    approval: str
    tail: str  # the last four digits of the bank card


class PosFinal(PosFact, frozen=True):
    """The terminal has completed it, or says so from its own book: credit. Nothing takes it back from here on. `lines`: of its receipt."""

    amount_minor: int
    receipt: str
    trace: str
    approval: str
    tail: str
    lines: tuple[str, ...] = ()
    recovered: bool = False  # from the book, not from the completion


class PosDeclined(PosFact, frozen=True):
    """Nothing was taken. why: aborted | busy | none (the terminal knows of no such payment) | people (two of them, by the bank's word about
    one that no terminal can tell of) | the bank's own word."""

    why: str


class PosUnknown(PosFact, frozen=True):
    """Nobody here can say whether the bank card was charged. why: power | silent | the driver's word."""

    why: str


class PosReversed(PosFact, frozen=True):
    """What was approved has been taken back. why: refused (a check failed) | asked (its sale was over) | terminal (by itself)."""

    amount_minor: int
    receipt: str
    why: str


class PosDayEnded(RoomFact, frozen=True):
    """The terminal handed in what it had collected, or did not. outcome: done | refused | unknown. `payments` and sum by this journal."""

    outcome: str
    date: str
    payments: int
    amount_minor: int
    why: str = ""
    room: ClassVar[str] = "bank"


class TerminalRead(RoomFact, frozen=True):
    """What the terminal's own book says its last receipt is. A number that no row explains is PosUnexplained."""

    serial: str
    receipt: int
    room: ClassVar[str] = "bank"


class PosUnexplained(RoomFact, frozen=True):
    """The terminal has written more receipts than this machine asked for: `receipts` payments or reversals that no row explains."""

    serial: str
    receipts: int
    receipt: int
    room: ClassVar[str] = "bank"


class Terms(msgspec.Struct, frozen=True):
    """What the payment is for, kept with it: its sale may be over when the bank's answer comes."""

    card: str
    meter: str
    n: int
    quote: Quote
    language: str = ""
    customer_tail: str = ""


class Payment(msgspec.Struct, frozen=True):
    """One attempt. stage: requested | approved | unknown | final."""

    id: str
    sale: str
    amount_minor: int
    terms: Terms
    at_ms: int
    boot: int
    stage: str = "requested"
    receipt: str = ""
    trace: str = ""
    approval: str = ""
    tail: str = ""
    lines: tuple[str, ...] = ()


class Bank(msgspec.Struct, frozen=True):
    """`open`: the attempt that has no end yet; `payments`, `amount_minor`: final ones since the end of the last day, which was on `ended`.

    `serial`, `receipt`: of the terminal when its book was last read; `asked`: how many receipts it may have written since then.
    """

    open: Payment | None = None
    payments: int = 0
    amount_minor: int = 0
    ended: str = ""
    serial: str = ""
    receipt: int = 0
    asked: int = 0
    unexplained: tuple[tuple[int, int, int], ...] = ()  # row, time, receipts

    @property
    def written(self) -> int:
        """The number that the terminal's last receipt may have by what this machine asked for."""
        return self.receipt + self.asked

    def of(self, sale: str) -> Payment | None:
        """The open attempt, if it is that sale's."""
        return self.open if self.open and self.open.sale == sale else None


class PosNow(msgspec.Struct, frozen=True):
    """What stands between desk and terminal in this boot; no money rests on it.

    `up`: None before it was heard, "" while it works, else the code of its fault. `read`: its book was held against ours. `doing`: the job
    that it has; `jobs` that one's id, `pay` the id of the attempt's own. `tag`: of the record to come, once the card is armed for it.
    `bare`: the card in the slot had nothing to clear before we armed it. `said`: why the last attempt of the open sale brought nothing.
    """

    up: str | None = None
    read: bool = False
    jobs: int = 1
    pay: int = 0
    doing: str = ""
    receipt: str = ""
    since_ms: int = 0
    tag: str = ""
    bare: bool = False
    prompt: str = ""
    said: str = ""
    amount_minor: int = 0
    tries: int = 0
    next_ms: int = 0


def begun(bank: Bank, fact: PosRequested, row: Row, terms: Terms) -> Bank:
    """A new attempt."""
    payment = Payment(fact.payment, fact.sale, fact.amount_minor, terms, row.at_ms, row.boot)
    return replace(bank, open=payment, asked=bank.asked + 1)


def fold(bank: Bank, fact: RoomFact, row: Row) -> Bank:
    """The terminal's own matters."""
    match fact:
        case PosDayEnded(outcome="done"):
            return replace(bank, payments=0, amount_minor=0, ended=fact.date, asked=bank.asked + 1)
        case PosDayEnded():
            return replace(bank, ended=fact.date, asked=bank.asked + 1)
        case TerminalRead():
            return replace(bank, serial=fact.serial, receipt=fact.receipt, asked=0)
        case PosUnexplained():
            return replace(bank, unexplained=(*bank.unexplained, (row.seq, row.at_ms, fact.receipts))[-UNEXPLAINED_KEPT:])
    return bank


def moved(bank: Bank, fact: PosFact) -> Bank:
    """The open attempt after one more fact about it; one that is none of its own changes nothing."""
    held = bank.open
    if held is None or held.id != fact.payment:
        return bank
    match fact:
        case PosApproved():
            known = {"receipt": fact.receipt, "trace": fact.trace, "approval": fact.approval, "tail": fact.tail}
            return replace(bank, open=replace(held, stage="approved", **known))
        case PosUnknown():
            return replace(bank, open=replace(held, stage="unknown"))
        case PosFinal():
            return replace(bank, open=None, payments=bank.payments + 1, amount_minor=bank.amount_minor + fact.amount_minor)
        case PosReversed() | PosDeclined(why="none" | "people"):  # it may have been taken back under a number of its own
            return replace(bank, open=None, asked=bank.asked + 1)
    return replace(bank, open=None)


def sale_changes(held: Payment | None, fact: PosFact) -> dict[str, Any]:
    """What a fact about its payment changes in a sale."""
    match fact:
        case PosFinal() if held:
            known = {name: getattr(fact, name) for name in ("amount_minor", "receipt", "trace", "approval", "tail", "lines")}
            return {"tenders": (Tender(TENDER, fact.amount_minor, 1),), "payment": replace(held, stage="final", **known)}
        case PosDeclined() | PosReversed():
            return {"stage": "paying"}
    return {}


def now_after(now: PosNow, fact: PosFact, row: Row) -> PosNow:
    """What the desk wants of the terminal after a fact. Each has its own job id: an answer to an older job is no answer."""
    now = replace(now, jobs=now.jobs + 1, doing="", receipt="", since_ms=row.mono_ms, prompt="", said="")
    match fact:
        case PosRequested():
            return replace(now, doing="pay", pay=now.jobs, tag="", amount_minor=fact.amount_minor)
        case PosDeclined():
            broken = fact.why in ("busy", "no_line", *NIGHTLY) or fact.why.startswith("fault")
            return replace(now, said="busy" if broken else fact.why if fact.why in ("aborted", "none") else "declined", tag="")
        case PosReversed():
            return replace(now, said="reversed", tag="")
        case PosUnknown():
            return replace(now, tries=0, next_ms=row.mono_ms)
        case PosFinal():
            return replace(now, tag="")
    return now
