"""Which phase the machine is in, what the card in the slot needs next, and when the phase's time is over. All derived."""

from kiosk.vend import outage, sms
from kiosk.vend.bank import NIGHTLY
from kiosk.vend.card.reading import Returned, Word
from kiosk.vend.codes import Order
from kiosk.vend.limits import written_max_minor
from kiosk.vend.state import Here, Sale, State, find

TRIES = 2  # writes of one record in one presentation; then the card "does not store"
MORE_TIME = 10  # how often a customer may ask for it (WCAG 2.2.1)

SPAN_MS = {  # how long a phase may last without the customer doing anything
    "reading": 10_000,
    "account": 45_000,
    "code": 90_000,
    "code_said": 30_000,
    "amount": 45_000,
    "bank_requested": 240_000,  # the terminal's own limits are below that
    "bank_approved": 120_000,
    "bank_unknown": 180_000,
    "bank_said": 30_000,
    "insert": 45_000,
    "insert_paid": 60_000,
    "still": 20_000,
    "interrupted": 30_000,
    "unsure": 180_000,
    "claim": 60_000,
    "done": 30_000,
    "qr": 60_000,
    "phone": 60_000,
    "refused": 30_000,
    "staff_door": 30_000,
    "staff": 120_000,
}
IDLE_MS = 30_000  # nobody there for so long, and what the last customer chose is forgotten
SIGN_MS = 3_000  # a code that takes longer is not waited for
CHECK_MS = 10_000  # nor is a vault that says nothing of a transfer code
ESCROW_MS = 60_000  # a note that neither arrives nor returns for so long is nobody's knowledge


def wanted(state: State) -> str:
    """What the card in the slot needs now: read | arm | write | finish, or nothing."""
    here = state.here
    if not here.token or here.failed or staff_here(state):
        return ""
    if state.sale is None and here.pos.bare:
        return _undone(here)
    if here.leaving:
        return ""
    if here.reading is None or here.verdict is None:
        return "read" if here.tries <= TRIES else ""
    if state.witness.restored:
        return ""  # whatever this store would write may be written, paid back or settled long ago
    if here.tries >= TRIES or (state.sale and state.sale.card != here.reading.serial):
        return ""
    if here.verdict.word == Word.FOREIGN:
        return "finish"
    due = find(state, here.due) if here.due else None
    if due is None or due.stage not in ("archived", "started", "claimed"):
        return ""
    if due.record is None:
        if (payment := state.bank.of(due.id)) and (payment.stage != "approved" or here.pos.doing):
            return ""  # armed for it once, while the terminal waits
        if due.tender_minor > written_max_minor():
            return ""  # no vault makes a MAC for it: it is the office's
        return "arm" if here.verdict.word == Word.READY and here.verdict.n == due.n else ""
    return "write" if here.verdict.word in (Word.READY, Word.NEVER, Word.RESUME) else ""


def _undone(here: Here) -> str:
    """We wrote the frame that is to be cleared, for a sale that is over without a record: the card gets back what it had."""
    reading = here.reading
    if reading is None or reading.returned is not Returned.FRAME:
        return "read"  # the reading is from before
    empty = reading.authentic and not reading.count and not reading.amount_minor
    return "finish" if empty else ""


def phase(state: State) -> str:
    """One word; each has its own screen."""
    here = state.here
    if state.sale is not None:
        return _of_sale(state, state.sale)
    if staff_here(state):
        return "staff"
    if here.pos.bare and wanted(state):
        return "reading"
    if wanted(state) in ("arm", "write", "finish") or (here.token and here.reset and here.reading is None and not here.failed):
        return "writing"
    if here.shown and state.ended and state.ended.id == here.shown:
        if here.text.state in ("typing", "wrong", "confirm"):
            return "phone"
        return "qr" if here.qr == "shown" else "done" if landed_shown(state) else "claim"
    if here.leaving:
        return "take_card"
    if here.finished:
        return "done"
    if here.token:
        return _of_card(state)
    return "out" if out_of_service(state) else "attract"


def staff_here(state: State) -> bool:
    """A maintenance screen stands. Never while a sale does."""
    return state.sale is None and state.here.staff.screen != ""


def landed_shown(state: State) -> bool:
    """The end on the screen, or behind its code, is a purchase; otherwise it is a claim."""
    return state.ended is not None and state.ended.id == state.here.shown and state.ended.stage == "landed"


def _of_sale(state: State, sale: Sale) -> str:
    here = state.here
    if state.bank.of(sale.id) or (here.pos.said and not sale.tender_minor):
        return "bank"
    if sale.stage == "paying":
        if sale.boot != state.boot:
            return "interrupted"
        if here.still:
            return "still"
        if its_card_waits(state, sale):
            return "insert"
        return "reading" if here.token and here.reading is None and not here.failed else "unsure"
    return "writing" if wanted(state) else "unsure"


def its_card_waits(state: State, sale: Sale) -> bool:
    """The sale's own card is in the slot and its slot is still the next one."""
    reading, verdict = state.here.reading, state.here.verdict
    if reading is None or verdict is None or reading.serial != sale.card:
        return False
    return verdict.word == Word.READY and verdict.n == sale.n


def _of_card(state: State) -> str:
    here = state.here
    if here.failed:
        return "refused"
    if here.reading is None or here.verdict is None:
        return "reading"
    if here.still:
        return "still"
    if here.asked == "balance" and (here.reading.authentic or state.trust.locked):
        return "account"
    if here.verdict.word != Word.READY:
        return "refused"
    if here.asked in ("bank", "other") and bank_works(state) and not here.refused:
        return "amount"
    if codes_work(state) and (here.asked == "code" or here.code_sent or here.code_said):
        return "code"
    return "account" if not here.refused or order_due(state) else "refused"


def out_of_service(state: State) -> str:
    """Why no money can go in now, by the first row of the table that says so; "cash" where nothing is left that takes any, "" otherwise."""
    why = next((row.why for row in outage.rows(state, outage.STOPPERS) if row.why), "")
    return why or ("" if cash_works(state) or bank_works(state) else "cash")


def note_moves(state: State) -> bool:
    """A note of the open sale is in escrow, on its way into the box or back."""
    return state.sale is not None and state.sale.escrow is not None and state.sale.escrow.boot == state.boot


def cash_works(state: State) -> bool:
    """Some acceptor is ready to take money, and nothing stops it."""
    return outage.works(state, "notes") or outage.works(state, "coins")


def bank_works(state: State) -> bool:
    """The bank terminal is ready to be asked, and nothing stops it. An attempt without an end bars the next one."""
    return outage.works(state, "bank") and not state.here.pos.doing and state.bank.open is None


def pos_due_ms(state: State) -> int | None:
    """When the terminal's book is asked again about an attempt of which nothing is known; None while nobody can ask."""
    payment, now = state.bank.open, state.here.pos
    if payment is None or payment.stage != "unknown" or now.up not in ("", *NIGHTLY) or state.witness.restored:
        return None
    if state.sale and state.sale.id != payment.sale:
        return None  # who pays now has the terminal's customer's place
    return now.since_ms + SPAN_MS["bank_requested"] if now.doing else max(now.next_ms, now.since_ms, 1)  # a moment of its own


def codes_work(state: State) -> bool:
    """Transfer codes can be checked and put on cards: nothing stops it, and there are keys of some generation of them."""
    opened = state.trust.opened
    keyed = opened is None or opened.how == "demo" or bool(opened.codes)
    return keyed and outage.works(state, "code")


def order_due(state: State) -> Order | None:
    """The listed order that waits for the card in the slot, in just its next slot."""
    reading, verdict = state.here.reading, state.here.verdict
    if reading is None or verdict is None or verdict.word != Word.READY or not codes_work(state):
        return None
    wanted_by = (reading.serial, reading.meter, verdict.n)
    return next((each for each in state.here.orders.values() if (each.card, each.meter, each.n) == wanted_by), None)


def span_ms(state: State) -> int | None:
    """The whole time of the present phase, or None where it has no end."""
    name = phase(state)
    if name == "insert" and state.sale and state.sale.tender_minor:
        name = "insert_paid"
    if name == "code" and state.here.code_said:
        name = "code_said"
    if name == "bank":
        name = f"bank_{state.bank.open.stage if state.bank.open else 'said'}"
    if name == "staff" and not state.operators.operator:
        name = "staff_door"
    return SPAN_MS.get(name)


def ends_ms(state: State) -> int | None:
    """When it ends, on the monotonic clock. While a note is moving only that is waited for."""
    span = ESCROW_MS if note_moves(state) else span_ms(state)
    return None if span is None else state.here.touched_ms + span


def deadline_ms(state: State) -> int:
    """When the machine does something by itself: goes on, asks the terminal, sends a text, or asks the offline rules again."""
    texts_ms = sms.deadline_ms(state.sms, state.boot, selling=state.sale is not None, down="modem" in state.faults)
    moments = (due_ms(state), pos_due_ms(state), texts_ms, state.here.wary.until_ms or None, state.here.look_ms)
    return min(moment for moment in moments if moment is not None)


def due_ms(state: State) -> int | None:
    """When it goes on: at the end of the phase, or before it, in a wait that no screen shows."""
    here = state.here
    if here.qr == "wanted":
        return here.touched_ms + SIGN_MS
    if here.code_sent:
        return here.touched_ms + CHECK_MS
    if (here.language or here.asked) and not here.printing and phase(state) in ("attract", "out"):
        return here.touched_ms + IDLE_MS
    return ends_ms(state)
