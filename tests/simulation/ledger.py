"""One store's money by value: its rows in the table of `tests.oracle`, beside what acceptors, bank terminal and tariff say apart from it.

A piece of money has a number of its own: how many the acceptor had taken, with it. A row that speaks of a piece names that number, so
that the acceptor's own book decides what the piece was worth. Where only growth was told, the row is given the first pieces that none has.

Rows that a disk lost are taken out again by value; a store that was put back is read again from its first row.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kiosk.vend import facts as f
from kiosk.vend.bank import PosFinal
from kiosk.vend.evidence import Evidence
from kiosk.vend.facts import Fact
from kiosk.vend.paper.values import Paper
from kiosk.vend.state import State
from tests.oracle.papers import evidence_wrong, paper_wrong
from tests.oracle.said import closes, holds, orphan_of, priced, says, value_of
from tests.oracle.table import BOOKS, SAID, Table
from tests.oracle.terms import Terms
from tests.simulation.parts import Acceptor
from tests.simulation.terminal import Terminal

TERMS = Terms()
FREE = Terms(fee_minor=0)  # what was paid elsewhere has paid its fee there
CASH = ("notes", "coins")


class Ledger:
    """`debts`: what the utility says that its customers owe, by meter, of those whose debts this kiosk recovers. `order_minor`: what was
    paid for the order behind a code."""

    def __init__(self, kiosk: str, boxes: Mapping[str, Acceptor], base: dict[str, int], terminal: Terminal) -> None:
        self.kiosk, self.boxes, self.base, self.terminal = kiosk, boxes, base, terminal
        self.debts: dict[str, int] = {}
        self.order_minor: Callable[[f.TransferCodeAccepted], int] = lambda fact: fact.amount_minor
        self.clear()

    def clear(self) -> None:
        """Nothing was read yet."""
        self.table, self.seq, self.looked = Table(), 0, -1
        self.wrote = ""  # the first row that is wrong by itself
        self.meters: dict[str, str] = {}  # value -> its meter
        self.owed: dict[str, int] = {}  # value -> the old debt that its sale was opened with
        self.taken: dict[str, int] = {}  # value -> the debt that went with it, by the terms
        self.open_claims: dict[str, int] = {}  # value -> what is owed to its card
        self.explained: dict[str, dict[int, str]] = {device: {} for device in CASH}  # piece -> the value that it is
        self._facts: dict[str, list[tuple[int, Fact]]] = {}
        self._order: list[tuple[int, str]] = []

    # ------------------------------------------------------------ rows

    def add(self, fact: Fact, seq: int) -> None:
        """One row more; one that was read before is passed over."""
        if seq <= self.seq:
            return
        self.seq = seq
        told = POSTS.get(type(fact))
        if told is None:
            return
        value = self._value(fact)
        self._facts.setdefault(value, []).append((seq, fact))
        self._order.append((seq, value))
        self._wrong(told(self, value, fact))

    def _value(self, fact: Any) -> str:
        """Its row; pieces whose value nobody named have one of their own."""
        if not isinstance(fact, f.OrphanCredit):
            return value_of(self.kiosk, fact.sale)
        named = fact.pieces == 1 and fact.amount_minor
        return orphan_of(self.kiosk, fact.device, fact.accepted) if named else f"{self.kiosk}/{fact.device} up to {fact.accepted}"

    def back_to(self, seq: int) -> None:
        """The store has lost its rows behind this one."""
        lost: dict[str, None] = {}
        while self._order and self._order[-1][0] > seq:
            lost[self._order.pop()[1]] = None
        self.seq = min(self.seq, seq)
        for value in lost:
            self.table.drop(value)
            for held in (self.meters, self.owed, self.taken, self.open_claims):
                held.pop(value, None)
            for pieces in self.explained.values():
                for piece in [piece for piece, of in pieces.items() if of == value]:
                    del pieces[piece]
            left = self._facts[value] = [(at, fact) for at, fact in self._facts[value] if at <= seq]
            for _, fact in left:
                self._wrong(POSTS[type(fact)](self, value, fact))

    def read_again(self, rows: Iterable[tuple[int, Fact]]) -> None:
        """Another history stands on the disk."""
        self.clear()
        for seq, fact in rows:
            self.add(fact, seq)

    def _wrong(self, what: str) -> None:
        self.wrote = self.wrote or what

    def left(self, meter: str, *, claims: bool = False) -> int:
        """What a customer still owes by the books of this kiosk; `claims`: but for what would go with a claim that lands yet."""
        return max(self.debts.get(meter, 0) - self.took(meter, claims=claims), 0)

    def took(self, meter: str, *, claims: bool = False) -> int:
        """The part of an old debt that went with this store's sales, or may go with its claims."""
        mine = (value for value, of in self.meters.items() if of == meter and (claims or value not in self.open_claims))
        return sum(self.taken.get(value, 0) for value in mine)

    # ------------------------------------------------------------ what a row is about

    def _opened(self, value: str, fact: f.SaleOpened) -> str:
        self.meters[value] = fact.meter
        quote, fee = fact.quote, fact.quote.fixed_fee_minor
        self.owed[value] = quote.debt_minor
        asked = (fee, quote.fee_share_pct, quote.debt_share_pct, quote.price)
        terms = (TERMS.fee_minor, TERMS.fee_pct, TERMS.debt_pct, f"{TERMS.price // 10_000}.{TERMS.price % 10_000:04}")
        if asked[1:] != terms[1:]:
            return f"{value} opens at {asked}; the tariff says {terms}"
        most, least = self.left(fact.meter), self.left(fact.meter, claims=True)
        code = (fee, quote.debt_minor) == (0, 0)  # known when its code is accepted
        if not code and (fee != TERMS.fee_minor or not least <= quote.debt_minor <= most):
            owed = f"{most} is owed, {most - least} of it with claims"
            return f"{value} opens with a fee of {fee} and an old debt of {quote.debt_minor}; the fee is {TERMS.fee_minor}, and {owed}"
        return ""

    def _piece(self, value: str, fact: f.NoteStacked | f.CoinAccepted) -> str:
        recovered = isinstance(fact, f.NoteStacked) and fact.recovered
        piece = self._recovered(fact.device, fact.denomination) if recovered else fact.accepted or 0
        minor = self._explain(fact.device, piece, value)
        self.table.book(value, fact.device, minor)
        holds(self.table, value)
        return says(self.table, self.kiosk, fact)

    def _recovered(self, device: str, denomination: int) -> int:
        """A note that fell while nobody was told: of the pieces that no row has, one of that value, else the first."""
        missing = self.missing(device)
        return next((piece for piece in missing if self.boxes[device].worth(piece) == denomination), missing[0] if missing else 0)

    def _explain(self, device: str, piece: int, value: str) -> int:
        pieces = self.explained[device]
        if piece in pieces:
            self._wrong(f"{value}: piece {piece} of {device} is {pieces[piece]} already")
            return 0
        pieces[piece] = value
        return self.boxes[device].worth(piece)

    def missing(self, device: str) -> list[int]:
        """Pieces of which no row speaks, in their order."""
        pieces, acceptor, first = self.explained[device], self.boxes[device], self.base[device] + 1
        return [piece for piece in range(first, acceptor.accepted + 1) if piece not in pieces]

    def _orphan(self, value: str, fact: f.OrphanCredit) -> str:
        """Of pieces without a value the box says it."""
        named = fact.pieces == 1 and fact.amount_minor
        found = [fact.accepted or 0] if named else self.missing(fact.device)[: fact.pieces]
        minor = sum(self._explain(fact.device, piece, value) for piece in found)
        for place in (fact.device, "orphans"):
            self.table.book(value, place, minor)
            if not named:
                self.table.say(value, place, minor)
        return says(self.table, self.kiosk, fact) or (
            "" if len(found) == fact.pieces else f"{value}: {fact.pieces} pieces, and {len(found)} fell"
        )

    def _bank(self, value: str, fact: PosFinal) -> str:
        entry = self.terminal.entry(fact.payment)
        self.table.book(value, "bank", entry.amount_minor if entry and entry.state == "final" else 0)
        holds(self.table, value)
        return says(self.table, self.kiosk, fact)

    def _code(self, value: str, fact: f.TransferCodeAccepted) -> str:
        self.table.book(value, "partner", self.order_minor(fact))
        holds(self.table, value)
        return says(self.table, self.kiosk, fact)

    def _terms(self, value: str) -> Terms:
        return FREE if self.table.cell(BOOKS, value, "partner") else TERMS

    def _begun(self, value: str, fact: f.WriteStarted) -> str:
        due = self._terms(value).split(self.table.came_in(BOOKS, value), self.owed.get(value, 0)).cards
        return "" if fact.amount_minor == due else f"{value}, cards: the record is of {fact.amount_minor}, and {due} is due"

    def _closed(self, value: str, fact: f.SaleClosed) -> str:
        terms, owed = self._terms(value), self.owed.get(value, 0)
        came = self.table.came_in(BOOKS, value)
        closes(self.table, value, fact.outcome, terms, owed)
        if fact.outcome in ("landed", "claimed"):  # a claim takes its part of the debt when it lands: nothing else may take it meanwhile
            self.taken[value] = terms.split(came, owed).debt
        if fact.outcome == "claimed":
            self.open_claims[value] = came
        return says(self.table, self.kiosk, fact) or priced(value, fact.lines, terms)

    def _settled(self, value: str, fact: f.ClaimSettled) -> str:
        self.open_claims.pop(value, None)
        closes(self.table, value, "settled", self._terms(value), self.owed.get(value, 0))
        return says(self.table, self.kiosk, fact) or priced(value, fact.lines, TERMS)

    def _claimed(self, value: str, fact: f.ClaimIssued) -> str:
        came = self.table.came_in(BOOKS, value)
        return "" if fact.amount_minor == came else f"{value}, claims: its slip is for {fact.amount_minor}, and {came} came in"

    # ------------------------------------------------------------ papers

    def printed(self, sale: str, paper: Paper) -> None:
        """A paper comes out: every amount on it is the books'."""
        self._wrong(paper_wrong(self.table, value_of(self.kiosk, sale), paper))

    def signed(self, sale: str, evidence: Evidence) -> None:
        """Its code is on the screen."""
        self._wrong(evidence_wrong(self.table, value_of(self.kiosk, sale), evidence))

    # ------------------------------------------------------------ after every step

    def wrong(self, state: State) -> str:
        """What does not add up since the last look, "" when all does."""
        if self.wrote or self.looked == self.seq:
            return self.wrote
        found = self.table.wrong() or self._held(state) or self._boxes(state) or self._debts(state)
        if not found:
            self.looked = self.seq
        return found

    def _held(self, state: State) -> str:
        sale, claims = state.sale, state.claims
        if sale:
            value = value_of(self.kiosk, sale.id)
            if sale.tender_minor != self.table.cell(BOOKS, value, "held"):
                return f"{value}, held: the sale has {sale.tender_minor}, the books {self.table.cell(BOOKS, value, 'held')}"
        owed = sum(claim.tender_minor for claim in claims.values())
        if owed != sum(self.open_claims.values()):
            return f"{self.kiosk}, claims: the machine owes {owed}, the books {self.open_claims}"
        return ""

    def _boxes(self, state: State) -> str:
        """Each box by denomination; pieces that only a count will tell have no name in it."""
        for device in CASH:
            known, unknown = dict[str, int](), 0
            for piece, value in self.explained[device].items():
                if " up to " in value:
                    unknown += 1
                    continue
                worth = str(self.boxes[device].worth(piece))
                known[worth] = known.get(worth, 0) + 1
            box = {name: count for name, count in state.boxes.get(device, {}).items() if count}
            if box != ({**known, "0": unknown} if unknown else known):
                return f"{self.kiosk}, {device}: in the box are {known} and {unknown} that nobody named; the machine says {box}"
        return ""

    def _debts(self, state: State) -> str:
        paid = dict[str, int]()
        for value in self.taken:
            if minor := self.table.cell(SAID, value, "debt"):
                paid[self.meters[value]] = paid.get(self.meters[value], 0) + minor
        if paid != state.debts_paid:
            return f"{self.kiosk}, debt: the rows took {paid}, the machine remembers {state.debts_paid}"
        over = {meter: minor for meter, minor in paid.items() if minor > self.debts.get(meter, 0)}
        return f"{self.kiosk}, debt: {over} was taken, and {self.debts} is owed" if over else ""


POSTS: dict[type[Fact], Callable[[Ledger, str, Any], str]] = {
    f.SaleOpened: Ledger._opened,
    f.NoteStacked: Ledger._piece,
    f.CoinAccepted: Ledger._piece,
    f.OrphanCredit: Ledger._orphan,
    f.TransferCodeAccepted: Ledger._code,
    PosFinal: Ledger._bank,
    f.WriteStarted: Ledger._begun,
    f.ClaimIssued: Ledger._claimed,
    f.SaleClosed: Ledger._closed,
    f.ClaimSettled: Ledger._settled,
}
