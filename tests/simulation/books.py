"""What one store's rows add up to, counted apart from the product's own fold: the simulation's side of every sum."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from kiosk.vend import bank
from kiosk.vend import facts as f
from kiosk.vend.facts import Fact, Row
from kiosk.vend.trust import FloatGranted
from kiosk.vend.witness import Restored

CASH = ("notes", "coins")


@dataclass
class Sums:
    """Money of sales that ended, minor units. What head office has to say of the same rows."""

    sales: int = 0
    tendered: int = 0
    credited: int = 0
    deducted: int = 0
    claims: int = 0  # all that were ever issued
    settled: int = 0  # of them, since
    returned: int = 0  # given back to the customer


@dataclass
class Books:
    """One store, from its first row on; `copy` is kept beside each checkpoint, because a start folds from there."""

    seq: int = 0
    cash: int = 0  # credit, at the moment when it fell
    asked: dict[str, int] = field(default_factory=dict)  # payments by bank card -> minor units
    paid: dict[str, int] = field(default_factory=dict)  # of them, those that are final
    unpaid: dict[str, str] = field(default_factory=dict)  # and those that came to nothing: how
    codes: dict[str, int] = field(default_factory=dict)  # sales -> what their codes were worth
    paid_for: dict[str, str] = field(default_factory=dict)  # sales -> the final payment that they are paid with
    pieces: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CASH, 0))  # with credit or as orphans
    orphans: int = 0  # of known value
    sums: Sums = field(default_factory=Sums)
    history: list[tuple[int, Sums]] = field(default_factory=list)  # (row, sums up to it), each time that they changed
    ended: dict[str, f.SaleClosed] = field(default_factory=dict)
    claims: dict[str, f.ClaimIssued] = field(default_factory=dict)
    settled: dict[str, f.ClaimSettled] = field(default_factory=dict)
    begun: dict[str, f.WriteStarted] = field(default_factory=dict)
    restored: bool = False
    numbers: int = 0  # papers
    fell: int = 0  # what no escrow let in: coins, and notes that were not the one held
    held: dict[str, int] = field(default_factory=dict)  # the note in escrow, by sale
    let_in: int = 0  # notes that were in escrow when a grant came
    unbegun: str = ""  # a sale that landed without a row of its write
    wrong: str = ""  # the first row that cannot be

    def copy(self) -> "Books":
        """Apart from this one from now on."""
        lists = {"history": list(self.history), "sums": replace(self.sums)}
        names = ("codes", "asked", "paid", "unpaid", "paid_for", "pieces", "ended", "claims", "settled", "begun", "held")
        return replace(self, **lists, **{name: dict(getattr(self, name)) for name in names})  # type: ignore[arg-type]

    def add(self, fact: Fact, row: Row) -> None:
        """One row more."""
        if row.seq != self.seq + 1:
            self.wrong = self.wrong or f"row {row.seq} follows row {self.seq}"
        self.seq = row.seq
        counted = COUNTED.get(type(fact))
        if counted:
            counted(self, fact)

    def up_to(self, seq: int) -> Sums:
        """The sums that rows 1 to `seq` make."""
        found = Sums()
        for at, sums in reversed(self.history):
            if at <= seq:
                return sums
        return found

    def _changed(self) -> None:
        self.history.append((self.seq, replace(self.sums)))

    def _escrowed(self, fact: f.NoteEscrowed) -> None:
        self.held[fact.sale] = fact.denomination

    def _returned(self, fact: f.NoteReturned | f.EscrowUnknown) -> None:
        self.held.pop(fact.sale, None)

    def _stacked(self, fact: f.NoteStacked) -> None:
        if self.held.pop(fact.sale, None) != fact.denomination:
            self.fell += fact.denomination
        self._fell(fact)

    def _coin(self, fact: f.CoinAccepted) -> None:
        self.fell += fact.denomination
        self._fell(fact)

    def _fell(self, fact: f.NoteStacked | f.CoinAccepted) -> None:
        self.cash += fact.denomination
        self.pieces[fact.device] += 1
        if fact.sale in self.ended:
            self.wrong = f"money for a sale that was over: {fact}"

    @property
    def tendered(self) -> int:
        """All that came in for sales."""
        return self.cash + sum(self.paid.values()) + sum(self.codes.values())

    def _coded(self, fact: f.TransferCodeAccepted) -> None:
        self.codes[fact.sale] = fact.amount_minor

    def _requested(self, fact: bank.PosRequested) -> None:
        self.asked[fact.payment] = fact.amount_minor

    def _final(self, fact: bank.PosFinal) -> None:
        if fact.payment not in self.asked or fact.payment in self.paid or fact.payment in self.unpaid:
            self.wrong = f"payment {fact.payment} was never asked for, or has ended: {fact}"
        self.paid[fact.payment], self.paid_for[fact.sale] = fact.amount_minor, fact.payment

    def _came_to_nothing(self, fact: bank.PosDeclined | bank.PosReversed) -> None:
        if fact.payment in self.paid:
            self.wrong = f"payment {fact.payment} is money, and then is none: {fact}"
        self.unpaid[fact.payment] = fact.kind

    def _orphan(self, fact: f.OrphanCredit) -> None:
        self.pieces[fact.device] += fact.pieces
        self.orphans += fact.amount_minor if fact.pieces == 1 and fact.amount_minor else 0

    def _granted(self, _fact: FloatGranted) -> None:
        self.let_in += sum(self.held.values())

    def _write(self, fact: f.WriteStarted) -> None:
        self.begun[fact.sale] = fact

    def _claim(self, fact: f.ClaimIssued) -> None:
        self._numbered(fact.number)
        self.claims[fact.sale] = fact

    def _printed(self, fact: f.PrintStarted | f.ReceiptOffered) -> None:
        self._numbered(fact.number)

    def _numbered(self, number: int) -> None:
        if number > self.numbers + 1:
            self.wrong = f"paper {number} follows paper {self.numbers}"
        self.numbers = max(self.numbers, number)

    def _closed(self, fact: f.SaleClosed) -> None:
        summed = sum(line.amount_minor for line in fact.lines if line.summed)
        if fact.sale in self.ended:
            self.wrong = f"sale {fact.sale} closes twice"
        if fact.outcome == "landed" and summed != fact.tender_minor:
            self.wrong = f"the lines of {fact.sale} are {summed} and its tender {fact.tender_minor}"
        if fact.outcome == "landed" and fact.sale not in self.begun:
            self.unbegun = fact.sale
        if fact.outcome == "cancelled" and fact.tender_minor:
            self.wrong = f"sale {fact.sale} is cancelled with money in it"
        self.ended[fact.sale] = fact
        sums = self.sums
        sums.sales += fact.outcome != "cancelled"
        sums.tendered += fact.tender_minor
        sums.credited += fact.credit_minor
        sums.deducted += summed - fact.credit_minor
        sums.claims += fact.claim_minor
        sums.returned += fact.tender_minor if fact.outcome == "returned" else 0
        self._changed()

    def _settled(self, fact: f.ClaimSettled) -> None:
        if fact.sale in self.settled or fact.sale not in self.claims:
            self.wrong = f"claim {fact.sale} is settled twice, or never was one"
        self.settled[fact.sale] = fact
        paid = sum(line.amount_minor for line in fact.lines if line.summed)
        self.sums.credited += fact.credit_minor
        self.sums.deducted += paid - fact.credit_minor
        self.sums.settled += paid
        self._changed()

    def _restored(self, _fact: Restored) -> None:
        self.restored = True


COUNTED: dict[type[Fact], Callable[[Books, Any], None]] = {
    f.NoteEscrowed: Books._escrowed,
    f.NoteReturned: Books._returned,
    f.EscrowUnknown: Books._returned,
    f.NoteStacked: Books._stacked,
    f.CoinAccepted: Books._coin,
    f.TransferCodeAccepted: Books._coded,
    bank.PosRequested: Books._requested,
    bank.PosFinal: Books._final,
    bank.PosDeclined: Books._came_to_nothing,
    bank.PosReversed: Books._came_to_nothing,
    f.OrphanCredit: Books._orphan,
    FloatGranted: Books._granted,
    f.WriteStarted: Books._write,
    f.ClaimIssued: Books._claim,
    f.PrintStarted: Books._printed,
    f.ReceiptOffered: Books._printed,
    f.SaleClosed: Books._closed,
    f.ClaimSettled: Books._settled,
    Restored: Books._restored,
}
