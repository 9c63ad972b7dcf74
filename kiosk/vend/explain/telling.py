"""Rows -> Story: the journal's rows of one sale and of its card, walked once, in order. Pure.

What the rows of this machine leave open stays open: a place is named alone only where every way that the facts allow leads there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kiosk.vend import bank, outage, sms
from kiosk.vend import facts as f
from kiosk.vend.card.reading import Word
from kiosk.vend.explain import verdict
from kiosk.vend.explain import whereabouts as w
from kiosk.vend.explain.case import Case, Pieces
from kiosk.vend.explain.values import Counted, Episode, Params, Story
from kiosk.vend.facts import Row
from kiosk.vend.rows import Recorded

Told = tuple[str, Params] | None
"""What a row is called in the story, and what its sentence is filled with."""

_MACHINE = (f.Started, f.OrphanCredit, f.DeviceFault, f.DeviceRecovered, f.ClockStepped)


def story(rows: Iterable[Recorded], sale: str, kiosk: str) -> Story | None:
    """The story of that sale, from rows that hold all of its own, its card's and those in between: `lookup.gather`, or a whole journal.

    None when no sale of that id was ever opened here.
    """
    ordered = sorted(rows, key=lambda recorded: recorded.row.seq)
    opened = next((r.fact for r in ordered if r.sale == sale and isinstance(r.fact, f.SaleOpened)), None)
    if opened is None:
        return None
    teller = Teller(opened, kiosk)
    for recorded in ordered:
        teller.add(recorded)
    return teller.story()


@dataclass
class Teller(Case):
    """A case, and what is needed while its rows are walked."""

    begun: bool = False  # its first row was told
    ends: bool = False  # the next sale began: what is found in the box from here on is not this one's
    earlier: Row | None = None  # the row before
    before: tuple[Row, f.CardPresented] | None = None  # the card's last reading before the sale
    rivals: dict[str, int] = field(default_factory=dict)  # open claims of the same card and slot, with a record: when they were opened

    def add(self, recorded: Recorded) -> None:
        """One row more, if it is about this sale, its card, or the machine meanwhile."""
        fact, row = recorded.fact, recorded.row
        if recorded.sale == self.opened.sale:
            told = self._own(fact, row)
        elif isinstance(fact, f.CardPresented | f.ForeignSaleFinished) and fact.card == self.opened.card:
            told = self._reading(fact, row) if isinstance(fact, f.CardPresented) else self._beside(fact, row)
        elif isinstance(fact, f.SaleFact):
            told = self._other_sale(fact, row)
        else:
            told = self._machine(fact, row) if self.begun else None
        if told:
            self._tell(row, fact.kind, *told)
        self.earlier = row

    def _tell(self, row: Row, kind: str, key: str, params: Params) -> None:
        place, may_be = verdict.place(self)
        amount = self.tender_minor
        self.episodes.append(Episode(row.seq, row.at_ms, row.hash, kind, key, amount, place, may_be, params))

    # ------------------------------------------------------------ the sale's own rows

    def _own(self, fact: f.Fact, row: Row) -> Told:
        for part in (self._money, self._bank, self._onto_the_card, self._ending, self._paper, self._text):
            if told := part(fact, row):
                return told
        return None

    def _money(self, fact: f.Fact, row: Row) -> Told:
        match fact:
            case f.SaleOpened():
                return self._begin(row)
            case f.NoteEscrowed():
                self.held = (row.seq, fact.denomination)
                return "held", {"note_minor": fact.denomination, "counter": fact.counter}
            case f.NoteStacked() | f.CoinAccepted():
                self._credit(fact)
                late = isinstance(fact, f.NoteStacked) and fact.recovered
                key = "coin" if isinstance(fact, f.CoinAccepted) else "stacked_late" if late else "stacked"
                return key, {"note_minor": fact.denomination, "counter": fact.counter, "accepted": _count(fact.accepted)}
            case f.NoteReturned():
                self.held, self.returned[row.seq] = None, fact.denomination
                return "back_late" if fact.recovered else "back", {"note_minor": fact.denomination}
            case f.EscrowUnknown():
                self.held, self.disputed[row.seq] = None, fact.denomination
                return "in_doubt", {"note_minor": fact.denomination}
            case f.TransferCodeAccepted():
                self.coded, self.tender_minor = True, fact.amount_minor
                return "code", {"generation": fact.generation, "order": fact.order or "-"}
            case f.TenderClosed(why="code" | "bank"):
                return None
            case f.TenderClosed():
                return f"paid_{fact.why}", {}
        return None

    def _bank(self, fact: f.Fact, row: Row) -> Told:
        """An attempt is no money before it is final."""
        match fact:
            case bank.PosRequested():
                self.asked = (row.seq, fact.payment, fact.amount_minor)
                return "bank_asked", {"note_minor": fact.amount_minor}
            case bank.PosApproved():
                return "bank_approved", {"note_minor": fact.amount_minor, "receipt": fact.receipt, "approval": fact.approval}
            case bank.PosFinal():
                self.asked, self.banked, self.tender_minor = None, True, fact.amount_minor
                key = "bank_final_late" if fact.recovered else "bank_final"
                return key, {"note_minor": fact.amount_minor, "receipt": fact.receipt, "approval": fact.approval}
            case bank.PosDeclined():
                self.asked = None
                return "bank_declined", {"why": fact.why}
            case bank.PosUnknown():
                return "bank_unknown", {"why": fact.why}
            case bank.PosReversed():
                self.asked, self.reversed[row.seq] = None, fact.amount_minor
                return "bank_reversed", {"note_minor": fact.amount_minor, "receipt": fact.receipt}
        return None

    def _begin(self, row: Row) -> Told:
        self.begun, self.opened_ms = True, row.at_ms
        if self.before:
            at, seen = self.before
            self._tell(at, seen.kind, "presented", _said(seen))
        return "opened", {}

    def _credit(self, fact: f.NoteStacked | f.CoinAccepted) -> None:
        self.tender_minor += fact.denomination
        pieces = self.pieces.setdefault(fact.device, Pieces(fact.counter, fact.accepted))
        pieces.count, pieces.amount_minor = pieces.count + 1, pieces.amount_minor + fact.denomination
        pieces.last, pieces.last_accepted = fact.counter, fact.accepted
        if isinstance(fact, f.NoteStacked):
            self.held = None

    def _onto_the_card(self, fact: f.Fact, row: Row) -> Told:
        match fact:
            case f.ReturnFileArchived():
                return "copied", {}
            case f.WriteStarted():
                self.record, self.known, self.deciding = fact, w.UNWRITTEN | w.HALF | w.CARD, [row.seq]
                return "writing", {"tag": fact.tag}
            case f.CardVerified():
                self.known, self.verified = w.verified(self.known), True
                self.deciding.append(row.seq)
                return "verified", {"tag": fact.tag}
            case f.CardUnsure():
                self.unsure = fact.why
                if fact.why != "does_not_store":  # in all other cases nobody knows where the card is
                    self.known = w.away(self.known)
                return f"unsure_{fact.why}", {}
        return None

    def _ending(self, fact: f.Fact, row: Row) -> Told:
        match fact:
            case f.ClaimIssued():
                self.claimed, self.number, self.check = fact, fact.number, row.hash[:2].upper()
                if not self.restored:
                    return "claimed", {}
                self.known = w.ALL  # rows are missing: what this store would write may be written, paid back or settled long ago
                return "paid_restored", {}
            case f.BranchAsked():
                return "branch_asked", {}
            case f.ClaimSettled():
                self.settled = fact
                return fact.how, {}
            case f.SaleClosed():
                self.ended = fact
                return (fact.outcome, {}) if fact.outcome in ("cancelled", "returned") else None
        return None

    def _paper(self, fact: f.Fact, row: Row) -> Told:  # noqa: ARG002 - one signature
        match fact:
            case f.PrintStarted():
                self.number, self.paper = fact.number, "begun"
                if not fact.copy:
                    return "printing", {}
                self.known = w.away(self.known)  # perhaps days later
                return "printing_copy", {}
            case f.ReceiptPrinted():
                self.paper = fact.outcome
                return f"printed_{fact.outcome}", {}
            case f.ReceiptOffered():
                self.number, self.paper = fact.number, fact.how
                return f"offered_{fact.how}", {}
        return None

    def _text(self, fact: f.Fact, row: Row) -> Told:  # noqa: ARG002 - one signature
        match fact:
            case sms.SmsQueued():
                return "text_queued", {}
            case sms.SmsSent():
                return "text_sent", {}
            case sms.SmsUnknown():
                return "text_unknown", {}
            case sms.SmsFailed():
                return "text_failed", {"code": fact.why}
            case sms.SmsReported():
                return f"text_{fact.outcome}", {}
        return None

    # ------------------------------------------------------------ its card, in this machine

    def _reading(self, seen: f.CardPresented, row: Row) -> Told:
        if not self.begun:
            self.before = (row, seen)
            return None
        allowed = w.by_reading(seen, self.opened.n, self.record)
        before = w.away(self.known)
        self.known = w.narrowed(before, allowed)
        told = self._narrowed(before, row) or not self.over
        if not self.over:
            self.known = w.written(self.known, seen.word, due=self._due())
        return (_called(allowed, seen), _said(seen)) if told else None

    def _beside(self, fact: f.ForeignSaleFinished, row: Row) -> Told:
        """A purchase that was begun in another machine, finished in this one: perhaps this very record, found by its tag."""
        if not self.begun:
            return None
        ours = self.record is not None and (fact.n, fact.tag) == (self.record.n, self.record.tag)
        before = self.known
        self.known = w.verified(before) if ours else w.narrowed(w.away(before), w.beside(self.opened.n, fact.n))
        if not self._narrowed(before, row):
            return None
        return "finished_own" if ours else "finished_other", {"their_purchase": fact.n, "their_tag": fact.tag}

    def _other_sale(self, fact: f.SaleFact, row: Row) -> Told:
        """Another sale of this machine: on the same card it says something about the slot. Or it took over this one's payment."""
        if isinstance(fact, bank.PosFinal) and self.asked and fact.payment == self.asked[1]:
            self.asked = None
            return "bank_kept", {"note_minor": fact.amount_minor, "sale": fact.sale}
        if isinstance(fact, f.SaleOpened) and self.ended:
            self.ends = True
        if not isinstance(fact, f.CardVerified | f.SaleClosed) or fact.card != self.opened.card:
            return None
        if isinstance(fact, f.SaleClosed):
            if fact.outcome == "claimed" and fact.tag and fact.n == self.opened.n:
                self.rivals[fact.sale] = fact.opened_ms
            return None
        self.rivals.pop(fact.sale, None)
        before = self.known
        if self.begun:
            self.known = w.narrowed(w.away(before), w.beside(self.opened.n, fact.n))
        told = self.begun and self._narrowed(before, row)
        return ("verified_other", {"their_purchase": fact.n, "their_tag": fact.tag}) if told else None

    def _narrowed(self, before: w.Known, row: Row) -> bool:
        """Something is known now that was not; and that row is kept as the proof."""
        if self.known == before or w.away(self.known) == w.away(before):
            return False
        self.deciding.append(row.seq)
        return True

    def _due(self) -> bool:
        """Of the records that wait for this slot of this card, this is the one that the machine would write."""
        return not self.ended or all(self.opened_ms <= opened_ms for opened_ms in self.rivals.values())

    # ------------------------------------------------------------ the machine meanwhile

    def _machine(self, fact: f.Fact, row: Row) -> Told:
        if isinstance(fact, f.OrphanCredit) and not self.ends:
            self.orphans[row.seq] = fact
            if fact.amount_minor is None:
                return "orphan_unknown", {"pieces": fact.pieces, "device": fact.device}
            return "orphan", {"note_minor": fact.amount_minor, "device": fact.device}
        if (self.ended and not self._of_its_paper(fact)) or not isinstance(fact, _MACHINE):
            return None
        match fact:
            case f.Started():
                return "restarted", {"off_s": (row.at_ms - self.earlier.at_ms) // 1000 if self.earlier else 0}
            case f.DeviceFault() if fact.code.startswith("events-lost"):
                return "events_lost", {"device": fact.device, "code": fact.code}
            case f.DeviceFault():
                return f"fault{_beside(fact.device)}", {"device": fact.device, "code": fact.code}
            case f.DeviceRecovered():
                return f"recovered{_beside(fact.device)}", {"device": fact.device}
            case f.ClockStepped():
                return "clock", {"by_s": fact.by_ms // 1000}
        return None

    def _of_its_paper(self, fact: f.Fact) -> bool:
        """The printer fails, or is mended, while the sale's paper waits for it."""
        printer = isinstance(fact, f.DeviceFault | f.DeviceRecovered) and fact.device == "printer"
        return printer and not self.ends and self.paper in ("begun", "unknown", "failed")

    # ------------------------------------------------------------ the end

    def story(self) -> Story:
        """As it stands after the last row; the card may be anywhere by now."""
        self.known = w.away(self.known)
        return Story(
            sale=self.opened.sale,
            kiosk=self.kiosk,
            card=self.opened.card,
            meter=self.opened.meter,
            n=self.opened.n,
            tag=self.record.tag if self.record else None,
            currency=self.opened.quote.currency,
            exponent=self.opened.quote.exponent,
            number=self.number,
            check=self.check,
            opened_ms=self.opened_ms,
            tender_minor=self.tender_minor,
            credit_minor=self.credit_minor,
            episodes=tuple(self.episodes),
            holdings=verdict.holdings(self),
            counted=tuple(_counted(device, pieces) for device, pieces in self.pieces.items()),
            deciding=tuple(self.deciding),
            changes=verdict.changes(self),
            rules=verdict.rules(self),
            next=verdict.steps(self),
            params={"credit_minor": self.credit_minor, "purchase": self.opened.n, "tag": self.record.tag if self.record else ""},
        )


def _said(seen: f.CardPresented) -> Params:
    """What a reading showed."""
    return {
        "authentic": "yes" if seen.authentic else "no",
        "word": seen.word,
        "why": seen.why or "",
        "count": seen.count,
        "taken": _count(seen.taken),
        "their_minor": seen.amount_minor,
        "their_tag": seen.tag or "-",
        "fits": "yes" if seen.fits else "no",
    }


def _beside(device: str) -> str:
    """Of a device that nobody's money or paper waits for, staff alone are told."""
    return "_beside" if device in outage.COMFORTS or not outage.of(device).lost else ""


def _count(value: int | None) -> str | int:
    return "-" if value is None else value


def _called(allowed: w.Known, seen: f.CardPresented) -> str:
    """A reading's name, by what it leaves possible."""
    if allowed == w.ALL:
        return "reading_refused" if seen.word == Word.REFUSED else "reading_nothing"
    names = {
        w.METER: "taken",
        w.GIVEN: "released",
        w.HALF: "half",
        w.HALF | w.METER: "half",
        w.UNWRITTEN: "free",
        w.METER | w.GONE: "passed",
    }
    return f"reading_{names.get(allowed, 'other')}"


def _counted(device: str, pieces: Pieces) -> Counted:
    """Without a lifetime count only the numbers of its events are there to be compared."""
    first, last = pieces.first_accepted, pieces.last_accepted
    if first is None or last is None:
        return Counted(device, pieces.count, pieces.amount_minor, pieces.first, pieces.last, None)
    return Counted(device, pieces.count, pieces.amount_minor, first - 1, last, last - first + 1 == pieces.count)
