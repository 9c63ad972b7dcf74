"""What a day and a cash box add up to. Derived from the journal's rows whenever someone asks, stored nowhere. Pure.

Money that was taken and what became of it are counted apart: a report whose two sides differ says so, it does not balance itself.
A sale counts where it ended (SaleClosed), with all its money: HQ counts it there too.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from kiosk.vend import facts as f
from kiosk.vend.card.reading import Word
from kiosk.vend.rows import Recorded
from kiosk.vend.sent import BatchAcked
from kiosk.vend.tariff import amount_of
from kiosk.vend.till import CASH, CashBoxInstalled, CashBoxRemoved

TURNED_AWAY = (Word.REFUSED, Word.UNTAKEN, Word.UNREADABLE)  # no sale opens on a card with such a word
SEAL_HEX = 8  # the seal of a row is the first four bytes of its hash

DayOf = Callable[[int], str]
"""Epoch ms -> the business date in the kiosk's zone, "2026-11-03": `Rules.business_date`."""


class Taken(msgspec.Struct, frozen=True):
    """Money through one device: pieces of cash, or payments."""

    device: str  # notes | coins | bank | codes
    count: int
    minor: int


class Given(msgspec.Struct, frozen=True):
    """What became of the money of the sales that ended. Claims are the open ones; fees are all that is neither debt nor credit."""

    on_cards: int = 0  # sales and settled claims
    credit_minor: int = 0
    fees_minor: int = 0
    debt_minor: int = 0
    energy_wh: int = 0
    claims: int = 0
    claims_minor: int = 0
    earlier: int = 0  # claims of before that were settled now: their money was taken then
    earlier_minor: int = 0

    @property
    def minor(self) -> int:
        """All of it, earlier claims paid out of earlier money."""
        return self.credit_minor + self.fees_minor + self.debt_minor + self.claims_minor - self.earlier_minor


class Odd(msgspec.Struct, frozen=True):
    """Cash outside every sale that ended. A technician has to look at each."""

    orphans: int = 0  # pieces in the box that no sale explains, of known value
    orphans_minor: int = 0
    unknown: int = 0  # the same where the device named no value: the count of the box will tell
    disputed: int = 0  # notes that may be in the box or not; no money until the box is counted
    disputed_minor: int = 0


class DayTotals(msgspec.Struct, frozen=True):
    """One business day of one kiosk. Rows `first_seq` to `last_seq` are that day's, the seal is the last one's; 0 and "" without any."""

    date: str
    first_seq: int
    last_seq: int
    seal: str
    sales: int
    taken: tuple[Taken, ...]
    given: Given
    odd: Odd
    refused_cards: int
    refused_notes: int  # held, and given back
    float_minor: int | None  # what may still be sold offline, where there is such a limit
    unsent_minor: int  # taken and not yet acknowledged by HQ

    @property
    def taken_minor(self) -> int:
        """Every sale's money."""
        return sum(one.minor for one in self.taken)

    @property
    def difference_minor(self) -> int:
        """Taken and not given: zero, or someone has to look."""
        return self.taken_minor - self.given.minor


class BoxCount(msgspec.Struct, frozen=True):
    """What the cash boxes hold by the journal: all pieces since `in_ms`. `out_ms` is None while they are still in the machine.

    `seq` and `seal` are the last row that was counted.
    """

    session: int
    in_ms: int
    out_ms: int | None
    pieces: tuple[f.Tender, ...]  # notes first, the largest first
    given: Given
    odd: Odd
    unended_minor: int  # credit of a sale that has not ended
    seq: int
    seal: str
    operators: tuple[str, ...] = ()
    bag: str = ""
    acked_row: int = 0  # the last row that HQ had acknowledged by then, and the seal that it has there; 0 and "" before the first
    acked_seal: str = ""

    @property
    def count(self) -> int:
        """Pieces."""
        return sum(kind.pieces for kind in self.pieces)

    @property
    def minor(self) -> int:
        """Their sum."""
        return sum(kind.denomination * kind.pieces for kind in self.pieces)

    @property
    def difference_minor(self) -> int:
        """In the box, but neither given nor owed."""
        return self.minor - self.given.minor

    @property
    def unexplained_minor(self) -> int:
        """The part of the difference that is neither an orphan nor a sale that goes on: zero, or someone has to look."""
        return self.difference_minor - self.odd.orphans_minor - self.unended_minor


def seal_of(row_hash: str) -> str:
    """`7C1E-90A4`: first four bytes of a row's hash, for people. By it a paper and a journal are held against each other."""
    head = row_hash[:SEAL_HEX].upper()
    return f"{head[:4]}-{head[4:]}" if head else ""


# ---------------------------------------------------------------- a day


def day_totals(rows: Iterable[Recorded], date: str, day_of: DayOf) -> DayTotals:
    """Adds up the whole journal's rows, from the first on, as they stood at the end of that day."""
    ledger, refused, tendered_minor, acked_minor = _Ledger(), _Refused(), 0, 0
    float_minor: int | None = None
    first_seq, last_seq, seal = 0, 0, ""
    for recorded in rows:
        day, fact = day_of(recorded.row.at_ms), recorded.fact
        if day > date:
            continue
        if isinstance(fact, f.SaleClosed):
            tendered_minor += fact.tender_minor
            float_minor = fact.float_minor
        elif isinstance(fact, BatchAcked):
            acked_minor = fact.tendered_minor
        if day == date:
            ledger.add(fact)
            refused.add(fact)
            first_seq, last_seq, seal = first_seq or recorded.row.seq, recorded.row.seq, seal_of(recorded.row.hash)
    taken = tuple(Taken(device, count, minor) for device, (count, minor) in ledger.taken.items())
    given, odd, unsent_minor = ledger.given(), ledger.odd, tendered_minor - acked_minor
    return DayTotals(
        date, first_seq, last_seq, seal, ledger.sales, taken, given, odd, refused.cards, refused.notes, float_minor, unsent_minor
    )


@dataclass
class _Refused:
    """Who went away with what they came with."""

    cards: int = 0
    notes: int = 0
    last: str = ""  # the card of the last reading, if it was turned away by it

    def add(self, fact: f.Fact) -> None:
        match fact:
            case f.CardPresented(card=card, word=word):
                self.last = card if word in TURNED_AWAY else ""
                self.cards += bool(self.last)
            case f.ForeignSaleFinished(card=self.last):
                self.cards -= 1  # that reading was the proof of another machine's purchase, finished here: the customer was helped
            case f.NoteReturned():
                self.notes += 1


# ---------------------------------------------------------------- sales that ended


@dataclass
class _Ledger:
    """Adds up sales that ended, and what is odd."""

    sales: int = 0
    taken: dict[str, tuple[int, int]] = field(default_factory=lambda: dict.fromkeys(CASH, (0, 0)))
    claims: dict[str, int] = field(default_factory=dict)
    settled: Given = field(default_factory=Given)
    odd: Odd = field(default_factory=Odd)

    def given(self) -> Given:
        return msgspec.structs.replace(self.settled, claims=len(self.claims), claims_minor=sum(self.claims.values()))

    def add(self, fact: f.Fact) -> None:
        match fact:
            case f.SaleClosed(outcome="landed"):
                self._tendered(fact)
                self._landed(fact.credit_minor, fact.lines)
            case f.SaleClosed(outcome="claimed"):
                self._tendered(fact)
                self.claims[fact.sale] = fact.claim_minor
            case f.ClaimSettled():
                if self.claims.pop(fact.sale, None) is None:
                    self._earlier(fact.lines)
                self._landed(fact.credit_minor, fact.lines)
            case f.OrphanCredit() | f.EscrowUnknown():
                self.odd = _odder(self.odd, fact)

    def settle_part(self, fact: f.ClaimSettled) -> None:
        """Of a claim whose money was in several boxes, this one's share counts as credit."""
        part = self.claims.pop(fact.sale)
        if part == sum(line.amount_minor for line in fact.lines if line.summed):
            self._landed(fact.credit_minor, fact.lines)
        else:
            self._landed(part, ())

    def _tendered(self, closed: f.SaleClosed) -> None:
        self.sales += 1
        for tender in closed.tenders:
            count, minor = self.taken.get(tender.device, (0, 0))
            self.taken[tender.device] = count + tender.pieces, minor + tender.denomination * tender.pieces

    def _landed(self, credit_minor: int, lines: tuple[f.PriceLine, ...]) -> None:
        had, debt_minor = self.settled, amount_of(lines, "old_debt")
        fees = (line.amount_minor for line in lines if line.summed and line.code not in ("to_card", "energy", "old_debt"))
        self.settled = msgspec.structs.replace(
            had,
            on_cards=had.on_cards + 1,
            credit_minor=had.credit_minor + credit_minor,
            fees_minor=had.fees_minor + sum(fees),
            debt_minor=had.debt_minor + debt_minor,
            energy_wh=had.energy_wh + sum(line.basis for line in lines if line.code == "energy"),
        )

    def _earlier(self, lines: tuple[f.PriceLine, ...]) -> None:
        paid = sum(line.amount_minor for line in lines if line.summed)
        had = self.settled
        self.settled = msgspec.structs.replace(had, earlier=had.earlier + 1, earlier_minor=had.earlier_minor + paid)


def _odder(odd: Odd, fact: f.OrphanCredit | f.EscrowUnknown) -> Odd:
    match fact:
        case f.EscrowUnknown():
            return msgspec.structs.replace(odd, disputed=odd.disputed + 1, disputed_minor=odd.disputed_minor + fact.denomination)
        case f.OrphanCredit(pieces=1, amount_minor=int(minor)):
            return msgspec.structs.replace(odd, orphans=odd.orphans + 1, orphans_minor=odd.orphans_minor + minor)
        case _:
            return msgspec.structs.replace(odd, unknown=odd.unknown + fact.pieces)


# ---------------------------------------------------------------- a box


def box_count(rows: Iterable[Recorded], devices: tuple[str, ...] = CASH) -> BoxCount:
    """Adds up the whole journal's rows: what is in these devices' boxes, each since it was put in, the first since the first row."""
    boxes = {device: _Box() for device in devices}
    for recorded in rows:
        for device, box in boxes.items():
            box.add(device, recorded)
        if isinstance(recorded.fact, CashBoxRemoved) and recorded.fact.device in boxes:
            boxes[recorded.fact.device] = _next(boxes[recorded.fact.device], recorded.fact)
    return _counted(boxes, None)


def box_closed(rows: Iterable[Recorded], device: str, session: int) -> BoxCount | None:
    """The same of one session that is over, up to its CashBoxRemoved; None when the rows know no such one."""
    box = _Box()
    for recorded in rows:
        box.add(device, recorded)
        fact = recorded.fact
        if isinstance(fact, CashBoxRemoved) and fact.device == device:
            if fact.session == session:
                return _counted({device: box}, fact)
            box = _next(box, fact)
    return None


def _next(box: "_Box", removed: CashBoxRemoved) -> "_Box":
    """The next one; what HQ has is no box's own."""
    return _Box(session=removed.session + 1, acked_row=box.acked_row, acked_seal=box.acked_seal)


def _counted(boxes: Mapping[str, "_Box"], removed: CashBoxRemoved | None) -> BoxCount:
    """The boxes of all devices as one, or the one that was taken out."""
    first = next(iter(boxes.values()))
    pieces = tuple(
        f.Tender(device, face, count) for device, box in boxes.items() for face, count in sorted(box.pieces.items(), reverse=True)
    )
    ledgers = [box.ledger for box in boxes.values()]
    given = _added([ledger.settled for ledger in ledgers])
    claims = {sale for ledger in ledgers for sale in ledger.claims}
    claims_minor = sum(sum(ledger.claims.values()) for ledger in ledgers)
    return BoxCount(
        session=first.session,
        in_ms=min((box.in_ms for box in boxes.values() if box.in_ms), default=0),
        out_ms=first.at_ms if removed else None,
        pieces=pieces,
        given=msgspec.structs.replace(given, claims=len(claims), claims_minor=claims_minor),
        odd=_added([ledger.odd for ledger in ledgers]),
        unended_minor=sum(sum(box.unended.values()) for box in boxes.values()),
        seq=first.seq,
        seal=first.seal,
        operators=removed.operators if removed else (),
        bag=removed.bag if removed else "",
        acked_row=first.acked_row,
        acked_seal=first.acked_seal,
    )


A = TypeVar("A", Given, Odd)


def _added(parts: list[A]) -> A:
    """Field by field."""
    return type(parts[0])(*(sum(values) for values in zip(*map(msgspec.structs.astuple, parts), strict=True)))


@dataclass
class _Box:
    """What fell into one device's box, piece by piece, and the part of each sale that was paid with it."""

    session: int = 1
    in_ms: int = 0
    at_ms: int = 0
    seq: int = 0
    seal: str = ""
    acked_row: int = 0
    acked_seal: str = ""
    pieces: dict[int, int] = field(default_factory=dict)
    unended: dict[str, int] = field(default_factory=dict)  # by sale
    ledger: _Ledger = field(default_factory=_Ledger)

    def add(self, device: str, recorded: Recorded) -> None:
        self.in_ms = self.in_ms or recorded.row.at_ms
        self.at_ms, self.seq, self.seal = recorded.row.at_ms, recorded.row.seq, seal_of(recorded.row.hash)
        match recorded.fact:
            case BatchAcked() as fact:
                self.acked_row, self.acked_seal = fact.row, seal_of(fact.head) if fact.row else ""
            case CashBoxInstalled(device=where) if where == device:
                self.in_ms, self.session = recorded.row.at_ms, recorded.fact.session
            case f.NoteStacked() | f.CoinAccepted() as fact if fact.device == device:
                self._piece(fact.denomination)
                self.unended[fact.sale] = self.unended.get(fact.sale, 0) + fact.denomination
            case f.OrphanCredit() | f.EscrowUnknown() as fact if fact.device == device:
                if isinstance(fact, f.OrphanCredit) and fact.pieces == 1 and fact.amount_minor is not None:
                    self._piece(fact.amount_minor)
                self.ledger.add(fact)
            case f.SaleClosed() as fact:
                self.unended.pop(fact.sale, None)
                self.ledger.add(_part(fact, device))
            case f.ClaimSettled() as fact if fact.sale in self.ledger.claims:
                self.ledger.settle_part(fact)

    def _piece(self, denomination: int) -> None:
        self.pieces[denomination] = self.pieces.get(denomination, 0) + 1


def _part(closed: f.SaleClosed, device: str) -> f.SaleClosed:
    """What a sale owes to this box: the whole of it, or of one that was paid in several ways the lines that this money reaches.

    What it gave beyond its money is the last box's to explain, and of a sale without any the notes'.
    """
    mine = tuple(tender for tender in closed.tenders if tender.device == device)
    if len(mine) == len(closed.tenders) and (mine or device == CASH[0]):
        return closed
    others = [tender.device for tender in closed.tenders if tender.device in CASH and tender.device != device]
    before = _paid(closed, [other for other in others if CASH.index(other) < CASH.index(device)])
    upto = before + _paid(closed, [device])
    if mine and not any(CASH.index(other) > CASH.index(device) for other in others):
        given = sum(line.amount_minor for line in closed.lines if line.summed)
        upto += max(0, given - sum(tender.denomination * tender.pieces for tender in closed.tenders))
    lines, at = [], 0
    for one in closed.lines:
        if one.summed:
            reached = max(0, min(at + one.amount_minor, upto) - max(at, before))
            lines.append(msgspec.structs.replace(one, amount_minor=reached))
            at += one.amount_minor
    return msgspec.structs.replace(
        closed,
        tenders=mine,
        lines=tuple(lines),
        credit_minor=amount_of(tuple(lines), "to_card"),
        claim_minor=min(closed.claim_minor, upto - before),
    )


def _paid(closed: f.SaleClosed, devices: list[str]) -> int:
    return sum(tender.denomination * tender.pieces for tender in closed.tenders if tender.device in devices)
