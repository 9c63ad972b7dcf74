"""What the facts add up to: the open sale, the claims, the acceptors' memory, the cards seen, and what stands before the machine now."""

import msgspec

from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend.bank import Bank, Payment, PosNow
from kiosk.vend.card.reading import Reading, Record, Verdict
from kiosk.vend.clock import Clock
from kiosk.vend.codes import Codes, Order
from kiosk.vend.limits import DayOfCard, Float
from kiosk.vend.operators.session import Operators
from kiosk.vend.operators.standing import Staff
from kiosk.vend.operators.tree import Roster
from kiosk.vend.ports import AcceptorMemory
from kiosk.vend.sent import Sent
from kiosk.vend.service import Service
from kiosk.vend.sms import LetterJob, Sms, TextAt
from kiosk.vend.till import Till
from kiosk.vend.trust import Trust
from kiosk.vend.witness import Witnesses


class Escrow(msgspec.Struct, frozen=True):
    """A note that is held and will be stacked."""

    device: str
    serial: str
    denomination: int
    counter: int
    boot: int


class Sale(msgspec.Struct, frozen=True):
    """One customer's money, from the first choice until it is on the card; a claim is a sale that waits.

    stage: paying, closed (no more money), archived (the card as it was is on disk), started (a record exists), landed, claimed.
    """

    id: str
    card: str
    meter: str
    n: int
    quote: f.Quote
    opened_ms: int
    boot: int
    stage: str = "paying"
    tenders: tuple[f.Tender, ...] = ()
    newest: tuple[int, ...] = ()  # the last pieces, newest first
    escrow: Escrow | None = None
    disputed_minor: int = 0  # notes of which nobody knows where they are
    beside: int = 0  # pieces that fell in meanwhile and are no credit of it: so many without a value, and what the others are worth
    beside_minor: int = 0
    record: Record | None = None
    unsure: str = ""
    closed: f.SaleClosed | None = None
    number: int | None = None
    copies: int = 0  # papers begun, and the code where it came first
    language: str = ""  # of its customer; its papers and their copies speak it
    customer_tail: str = ""  # last digits of the customer number
    check: str = ""  # the slip's check: first byte of the journal hash at ClaimIssued
    closed_ms: int = 0  # when it landed or was claimed: every copy of its paper says so
    claim_seq: int = 0
    claim_head: str = ""
    claim_ms: int = 0
    salt: str = ""  # of a transfer code's record, 4 hex digits; with it the sale's money is the code's, and no other comes in
    payment: Payment | None = None  # by bank card, once it is final
    branch: bool = False  # its holder is asked to show the card at the office
    restored: bool = False  # this store had been put back: what it says of it may be long over

    @property
    def tender_minor(self) -> int:
        """All credit so far."""
        return sum(t.denomination * t.pieces for t in self.tenders)


class CardMemory(msgspec.Struct, frozen=True):
    """What this kiosk knows of a card from before."""

    known: int = 0  # the highest return-file count that it ever showed
    day: DayOfCard = DayOfCard()
    meter: str = ""  # the only one that it ever serves
    sold: int = 0  # the highest slot that was verified on it here
    run: int = 0  # sales since the head office was heard at `heard_ms`
    heard_ms: int = 0


class Wary(msgspec.Struct, frozen=True):
    """Pieces in a row that were no money (`counterfeits`), since when, and what had been taken then; `until_ms`: cash is shut for it."""

    pieces: int = 0
    since_ms: int = 0
    taken: int = 0
    until_ms: int = 0


class Here(msgspec.Struct, frozen=True):
    """What stands before the machine now. Forgotten by a restart."""

    token: str = ""
    reading: Reading | None = None
    verdict: Verdict | None = None
    due: str = ""  # the sale or claim that the verdict speaks of
    failed: str = ""  # why the thing in the slot cannot be used
    foreign: Verdict | None = None  # another machine's purchase that is being committed
    finished: f.ForeignSaleFinished | None = None
    armed: bool = False
    tries: int = 0  # writes of the due record in this presentation
    reset: bool = False  # the next reading follows a card reset
    jobs: int = 1  # the id of the next job
    reader: str = "starting"
    acceptors: dict[str, p.AcceptorSeen] = {}
    met: frozenset[str] = frozenset()  # acceptors that have told their counters
    at_start: dict[str, AcceptorMemory] = {}  # where the journal stood with each when this boot began
    boxed: int = 0  # the notes in the box then
    doubtful: int = 0  # the notes then that may be in it, too: 1 where one was in escrow, had left it unseen, or was stuck
    printer: str = "unknown"
    declined: p.NoteDeclined | None = None
    came_back: str = ""  # why the last note went back
    wary: Wary = Wary()
    language: str = ""
    asked: str = ""  # balance | stop | cash
    still: bool = False
    extended: int = 0
    shown: str = ""  # the sale whose end is on the screen
    printing: f.PrintStarted | None = None
    printed: str = ""  # outcome of the paper of `shown`
    qr: str = ""  # its code on the screen: wanted | shown | seen | failed
    code: str = ""  # the signed text, once there is one
    quote: f.Quote | None = None  # the terms of a sale on this card
    refused: str = ""  # why no sale may open on this card: day | hoard
    leaving: bool = False  # the customer is asked to take the card
    turn: int = 0  # counts changes of phase: a choice made on an older screen is ignored
    touched_ms: int = 0  # when the phase began or the customer last did something
    ignored: int = 0
    masks: dict[str, str] = {}  # by which names customers are greeted
    hotlist: frozenset[bytes] | None = None  # serials; None as long as the installed list was not read
    named: p.CardNamed | None = None  # the last card of it that was in the slot, for its slip
    stop: str = ""  # the offline rule that takes no new money
    code_stop: str = ""  # the one that takes no code
    orders: dict[str, Order] = {}  # on the head office's list, by name
    code_sent: p.CodeSent | None = None  # a code whose digits are being checked
    code_said: p.CodeAnswered | None = None  # what became of the last one
    look_ms: int = 0  # when the rules are asked again
    disk: p.DiskSeen | None = None
    pos: PosNow = PosNow()
    staff: Staff = Staff()
    roster: Roster | None = None
    text: TextAt = TextAt("")  # where the customer is who wants the end on the screen as a text
    letter: LetterJob | None = None  # one that is being written
    dropped: int = 0  # texts that came in


class Disputed(msgspec.Struct, frozen=True):
    """A note of which nobody knows where it is, until its box is counted."""

    sale: str
    device: str
    denomination: int
    seq: int
    at_ms: int


class State(msgspec.Struct, frozen=True):
    """Everything. All but `here` is what the journal says."""

    seq: int = 0
    boot: int = 0
    sale: Sale | None = None
    claims: dict[str, Sale] = {}
    ended: Sale | None = None  # the last sale that landed or was claimed: for its paper and its screen
    acceptors: dict[str, AcceptorMemory] = {}
    boxes: dict[str, dict[str, int]] = {}  # device -> denomination, "0" where it has no name -> pieces since the box was put in
    disputed: tuple[Disputed, ...] = ()
    since_ms: dict[str, int] = {}  # device -> when it last failed or was mended; "" -> when this boot began
    sent: Sent = Sent()
    faults: dict[str, str] = {}
    cards: dict[str, CardMemory] = {}
    debts_paid: dict[str, int] = {}  # by meter
    orphans: tuple[f.OrphanCredit, ...] = ()
    number: int = 0  # the last paper number
    unprinted: f.PrintStarted | None = None  # begun, its outcome not on disk
    service: Service = Service()
    operators: Operators = Operators()
    till: Till = Till()
    bank: Bank = Bank()
    trust: Trust = Trust()
    codes: Codes = Codes()
    float_held: Float = Float()
    day_zone: str = ""  # by which limits of a day count: that of the first sale
    clock: Clock = Clock()
    witness: Witnesses = Witnesses()
    sms: Sms = Sms()
    here: Here = Here()

    @property
    def unsent_minor(self) -> int:
        """Taken by sales that ended, and not acknowledged by the head office."""
        return self.sent.unsent_minor


def find(state: State, sale_id: str) -> Sale | None:
    """The sale, claim or ended sale of that id."""
    if state.sale and state.sale.id == sale_id:
        return state.sale
    return state.claims.get(sale_id) or (state.ended if state.ended and state.ended.id == sale_id else None)
