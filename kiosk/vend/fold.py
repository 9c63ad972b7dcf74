"""Facts add up to the state. No rule lives here and nothing is refused, so that a later rule never changes what the past meant.

Replay is fold alone. What stands in `here` begins anew at every start; passing facts, which add up to it too, have a room of their own.
"""

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

from msgspec.structs import replace

from kiosk.vend import bank, clock, codes, limits, sent, service, sms, till, trust, witness
from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend.card.reading import Record, Word
from kiosk.vend.facts import Row
from kiosk.vend.limits import DayOfCard
from kiosk.vend.operators import session
from kiosk.vend.operators.standing import StaffAt, StaffKept
from kiosk.vend.phase import phase, staff_here
from kiosk.vend.ports import AcceptorMemory
from kiosk.vend.standing import begun, here_with, shown, stand
from kiosk.vend.state import CardMemory, Disputed, Escrow, Sale, State, find
from kiosk.vend.zones import FIXED, date_of

# what an offline rule may rest on
RULED = (
    f.ClockStepped, f.CardPresented, f.SaleClosed, session.OperatorDid, witness.Restored, trust.Unlocked, trust.Locked, trust.TamperSeen,
    clock.TimeSigned, *trust.KINDS,
)  # fmt: skip
ORPHANS_KEPT = 1_000  # the newest, until their box is taken out; every one is in the journal
CARDS_KEPT = 5_000  # the newest; older cards lose only their roll-back memory and day limit
# the customer did something, or money moved: the screen's time begins anew
ACTIVITY = (
    f.NoteEscrowed, f.NoteStacked, f.CoinAccepted, p.NoteDeclined, f.NoteReturned, f.EscrowUnknown, p.Asked, p.CodeWanted, p.CodeFailed,
    p.CodeSent, p.CodeAnswered, p.AmountChosen, sms.TextAt,
)  # fmt: skip
KEYS = (StaffAt, StaffKept)  # of a maintenance screen: its time is about whoever stands there, not about a device


def fold(state: State, fact: f.Fact, row: Row) -> State:
    """One fact more. A new phase, or the customer's own doing, starts the screen's time anew."""
    after = stand(fact, state) if isinstance(fact, p.Passing) else _lasting(fact, state, row)
    turned = phase(after) != phase(state) or isinstance(fact, StaffAt | p.CodeAnswered | bank.PosFact)
    if turned or isinstance(fact, KEYS if staff_here(after) else ACTIVITY):
        return here_with(after, turn=after.here.turn + turned, touched_ms=row.mono_ms)
    return after


def _lasting(fact: f.Fact, state: State, row: Row) -> State:
    """Every row tells the time; after some the offline rules are asked again."""
    after = _fold(fact, state, row)
    after = replace(after, seq=row.seq, clock=clock.fold(state.clock, fact, row), sent=sent.follow(after.sent, fact, row))
    return here_with(after, look_ms=0) if isinstance(fact, RULED) else after


# what has a room of its own: the state's field, and who adds up its facts
ROOMS: Mapping[str, Callable[[Any, f.RoomFact, Row], Any]] = {
    "service": service.fold, "trust": trust.fold, "operators": session.fold, "till": till.fold, "sent": sent.fold,
    "codes": codes.fold, "sms": sms.fold, "bank": bank.fold,
}  # fmt: skip


@singledispatch
def _fold(fact: f.Fact, state: State, row: Row) -> State:
    # a kind that nobody adds up changes nothing
    return state


@_fold.register
def _(fact: codes.TransferCodeRefused, state: State, row: Row) -> State:
    return replace(state, codes=codes.refused(state.codes, fact, state.clock.ran_at_ms(row.boot, row.mono_ms)))


@_fold.register
def _(fact: trust.FloatGranted, state: State, row: Row) -> State:
    grant = limits.Grant(fact.number, fact.amount_minor, fact.until_ms)
    return replace(state, trust=trust.fold(state.trust, fact, row), float_held=limits.granted(state.float_held, grant))


@_fold.register
def _(fact: sent.BatchAcked, state: State, row: Row) -> State:
    """The head office was heard, on whatever way."""
    return replace(state, sent=sent.fold(state.sent, fact, row), trust=replace(state.trust, heard_ms=row.at_ms))


@_fold.register
def _(fact: witness.Restored, state: State, row: Row) -> State:
    """Whatever is open or owed here may be settled already: every slip from here on says so."""
    sale = replace(state.sale, restored=True) if state.sale else None
    claims = {key: replace(claim, restored=True) for key, claim in state.claims.items()}
    return replace(state, sale=sale, claims=claims, witness=witness.fold(state.witness, fact, row))


@_fold.register
def _(fact: f.RoomFact, state: State, row: Row) -> State:
    return replace(state, **{fact.room: ROOMS[fact.room](getattr(state, fact.room), fact, row)})


def _sale(state: State, sale_id: str, **changes: Any) -> State:
    """Change the open sale, a claim, or the ended sale of that id, wherever it stands."""
    if state.sale and state.sale.id == sale_id:
        return replace(state, sale=replace(state.sale, **changes))
    if sale_id in state.claims:
        state = replace(state, claims={**state.claims, sale_id: replace(state.claims[sale_id], **changes)})
    if state.ended and state.ended.id == sale_id:
        state = replace(state, ended=replace(state.ended, **changes))
    return state


# ---------------------------------------------------------------- the machine


@_fold.register
def _(fact: f.Started, state: State, row: Row) -> State:
    here = begun(state, row)
    since_ms = {**state.since_ms, "": row.at_ms}
    return replace(state, boot=fact.boot, here=here, since_ms=since_ms, operators=session.restarted(state.operators, row))


@_fold.register
def _(fact: f.AcceptorRead, state: State, row: Row) -> State:
    memory = AcceptorMemory(fact.serial, fact.counter, fact.accepted, fact.accepted)
    return replace(state, acceptors={**state.acceptors, fact.device: memory})


@_fold.register
def _(fact: f.DeviceFault, state: State, row: Row) -> State:
    kept = till.doubts(state.till, fact.device) if fact.code == till.COUNTER_BACK else state.till
    return replace(state, faults={**state.faults, fact.device: fact.code}, since_ms={**state.since_ms, fact.device: row.at_ms}, till=kept)


@_fold.register
def _(fact: f.DeviceRecovered, state: State, row: Row) -> State:
    faults = {k: v for k, v in state.faults.items() if k != fact.device}
    return replace(state, faults=faults, since_ms={**state.since_ms, fact.device: row.at_ms})


# ---------------------------------------------------------------- card


@_fold.register
def _(fact: f.CardPresented, state: State, row: Row) -> State:
    memory = state.cards.get(fact.card, CardMemory())
    if fact.authentic and fact.word != Word.REFUSED:
        memory = replace(memory, known=max(memory.known, fact.taken or 0), meter=memory.meter or fact.meter)
    return _remember(state, fact.card, memory)


@_fold.register
def _(fact: f.CardVerified, state: State, row: Row) -> State:
    return _sold(state, fact.card, fact.n)


def _sold(state: State, card: str, n: int) -> State:
    memory = state.cards.get(card, CardMemory())
    return _remember(state, card, replace(memory, sold=max(memory.sold, n)))


def _remember(state: State, card: str, memory: CardMemory) -> State:
    cards = {k: v for k, v in state.cards.items() if k != card}
    cards[card] = memory
    if len(cards) > CARDS_KEPT:
        del cards[next(iter(cards))]
    return replace(state, cards=cards)


# ---------------------------------------------------------------- money in


@_fold.register
def _(fact: f.SaleOpened, state: State, row: Row) -> State:
    sale = Sale(fact.sale, fact.card, fact.meter, fact.n, fact.quote, opened_ms=row.at_ms, boot=row.boot)
    sale = replace(sale, language=fact.language, customer_tail=fact.customer_tail, restored=state.witness.restored is not None)
    return shown(replace(state, sale=sale), "", came_back="", asked="", pos=replace(state.here.pos, said=""))


@_fold.register
def _(fact: f.NoteEscrowed, state: State, row: Row) -> State:
    escrow = Escrow(fact.device, fact.serial, fact.denomination, fact.counter, row.boot)
    return here_with(_sale(_heard(state, fact, pieces=0), fact.sale, escrow=escrow), came_back="")


def _heard(state: State, fact: Any, pieces: int) -> State:
    """The acceptor's memory moves with the credit, in the credit's own row."""
    memory = state.acceptors.get(fact.device)
    same = memory is not None and memory.serial == fact.serial
    told = getattr(fact, "accepted", None)
    accepted = memory.accepted + pieces if memory and same and memory.accepted is not None else told
    told = memory.told if memory and same and told is None else told
    return replace(state, acceptors={**state.acceptors, fact.device: AcceptorMemory(fact.serial, fact.counter, accepted, told)})


def _credit(state: State, fact: f.NoteStacked | f.CoinAccepted, row: Row) -> State:
    state = _heard(state, fact, pieces=1)
    state = _fell(state, fact.device, fact.denomination, 1)
    state = replace(state, float_held=limits.spent(state.float_held, fact.denomination, row.at_ms))
    sale = find(state, fact.sale)
    if sale is None:
        return state
    pieces = {(t.device, t.denomination): t.pieces for t in sale.tenders}
    kind = (fact.device, fact.denomination)
    pieces[kind] = pieces.get(kind, 0) + 1
    tenders = tuple(f.Tender(device, denomination, count) for (device, denomination), count in pieces.items())
    escrow = sale.escrow if isinstance(fact, f.CoinAccepted) else None
    state = _sale(state, fact.sale, tenders=tenders, escrow=escrow, newest=(fact.denomination, *sale.newest)[:6])
    return here_with(state, came_back="", still=False)


def _fell(state: State, device: str, denomination: int, pieces: int) -> State:
    box, key = state.boxes.get(device, {}), str(denomination)
    return replace(state, boxes={**state.boxes, device: {**box, key: box.get(key, 0) + pieces}})


@_fold.register
def _(fact: till.CashBoxRemoved | till.CashBoxInstalled, state: State, row: Row) -> State:
    """An empty box, and whoever counts the full one decides what was in doubt."""
    boxes = {device: box for device, box in state.boxes.items() if device != fact.device}
    disputed = tuple(one for one in state.disputed if one.device != fact.device)
    orphans = tuple(one for one in state.orphans if one.device != fact.device)
    return replace(state, boxes=boxes, disputed=disputed, orphans=orphans, till=till.fold(state.till, fact, row))


@_fold.register
def _(fact: f.NoteStacked, state: State, row: Row) -> State:
    return _credit(state, fact, row)


@_fold.register
def _(fact: f.CoinAccepted, state: State, row: Row) -> State:
    return _credit(state, fact, row)


@_fold.register
def _(fact: f.NoteReturned, state: State, row: Row) -> State:
    return here_with(_sale(state, fact.sale, escrow=None), came_back="device")


@_fold.register
def _(fact: f.EscrowUnknown, state: State, row: Row) -> State:
    sale = find(state, fact.sale)
    lost = (sale.disputed_minor if sale else 0) + fact.denomination
    disputed = Disputed(fact.sale, fact.device, fact.denomination, row.seq, row.at_ms)
    return _sale(replace(state, disputed=(*state.disputed, disputed)), fact.sale, escrow=None, disputed_minor=lost)


@_fold.register
def _(fact: f.OrphanCredit, state: State, row: Row) -> State:
    named = fact.amount_minor if fact.pieces == 1 and fact.amount_minor else 0
    state = _fell(state, fact.device, named, fact.pieces)
    state = replace(_heard(state, fact, pieces=fact.pieces), orphans=(*state.orphans, fact)[-ORPHANS_KEPT:])
    if state.sale is None:
        return state
    beside, minor = state.sale.beside, state.sale.beside_minor
    return _sale(state, state.sale.id, beside=beside if named else beside + fact.pieces, beside_minor=minor + named)


@_fold.register
def _(fact: f.TransferCodeAccepted, state: State, row: Row) -> State:
    """Its money is elsewhere: no box, no float of cash."""
    tenders = (f.Tender("codes", fact.amount_minor, 1),)
    spent = codes.accepted(state.codes, fact.amount_minor, row.at_ms, listed=bool(fact.order))
    return here_with(_sale(replace(state, codes=spent), fact.sale, tenders=tenders, salt=fact.salt), code_sent=None, code_said=None)


@_fold.register
def _(fact: bank.PosFact, state: State, row: Row) -> State:
    """The attempt, what it means for its sale, and what is wanted of the terminal next. Its money is in no box."""
    sale, held = find(state, fact.sale), state.bank.open
    if isinstance(fact, bank.PosRequested) and sale:
        terms = bank.Terms(sale.card, sale.meter, sale.n, sale.quote, sale.language, sale.customer_tail)
        known = bank.begun(state.bank, fact, row, terms)
    else:
        known = bank.moved(state.bank, fact)
    if isinstance(fact, bank.PosFinal):
        state = replace(state, float_held=limits.spent(state.float_held, fact.amount_minor, row.at_ms))
    state = _sale(replace(state, bank=known), fact.sale, **bank.sale_changes(held, fact))
    return here_with(state, pos=bank.now_after(state.here.pos, fact, row), still=False)


@_fold.register
def _(fact: f.TenderClosed, state: State, row: Row) -> State:
    return here_with(_sale(state, fact.sale, stage="closed"), still=False, asked="")


# ---------------------------------------------------------------- onto the card


@_fold.register
def _(fact: f.ReturnFileArchived, state: State, row: Row) -> State:
    sale = find(state, fact.sale)
    pays = sale is not None and state.bank.of(sale.id) is not None
    return _sale(state, fact.sale, stage="archived") if sale and (sale.stage == "closed" or pays) else state


@_fold.register
def _(fact: f.WriteStarted, state: State, row: Row) -> State:
    sale = find(state, fact.sale)
    stage = "started" if sale and sale.stage != "claimed" else "claimed"
    return _sale(state, fact.sale, stage=stage, record=Record(fact.card, fact.meter, fact.n, fact.amount_minor, fact.tag))


@_fold.register
def _(fact: f.CardUnsure, state: State, row: Row) -> State:
    return _sale(state, fact.sale, unsure=fact.why)


@_fold.register
def _(fact: f.ForeignSaleFinished, state: State, row: Row) -> State:
    return here_with(_sold(state, fact.card, fact.n), finished=fact, foreign=None)


@_fold.register
def _(fact: f.ClaimIssued, state: State, row: Row) -> State:
    state = _sale(
        state, fact.sale, number=fact.number, check=row.hash[:2].upper(), claim_seq=row.seq, claim_head=row.hash[:16], claim_ms=row.at_ms
    )
    return replace(state, number=fact.number)


@_fold.register
def _(fact: f.ClaimSettled, state: State, row: Row) -> State:
    claim = state.claims.get(fact.sale)
    if claim is None:
        return state
    claims = {k: v for k, v in state.claims.items() if k != fact.sale}
    closed = replace(claim.closed, lines=fact.lines, credit_minor=fact.credit_minor) if claim.closed else None
    ended = replace(claim, stage="landed", closed=closed, closed_ms=row.at_ms)
    state = _paid_debt(replace(state, claims=claims, ended=ended), claim.meter, fact.lines)
    return shown(state, fact.sale) if fact.how == "landed" else state


@_fold.register
def _(fact: f.SaleClosed, state: State, row: Row) -> State:
    sale = state.sale
    if sale is None or sale.id != fact.sale:
        return state
    landed = fact.outcome == "landed"
    ended = replace(sale, stage="landed" if landed else "claimed", closed=fact, closed_ms=row.at_ms, escrow=None)
    state = replace(state, sale=None)
    if fact.outcome == "cancelled":
        return here_with(state, asked="", still=False)
    if fact.outcome == "claimed":
        state = replace(state, claims={**state.claims, sale.id: ended})
    state = state if sale.salt else _counted(state, sale.card, fact, row.at_ms)
    return shown(_paid_debt(replace(state, ended=ended), sale.meter, fact.lines), sale.id, still=False)


@_fold.register
def _(fact: f.BranchAsked, state: State, row: Row) -> State:
    ended = state.ended
    return replace(state, ended=replace(ended, branch=True)) if ended and ended.id == fact.sale else state


def _counted(state: State, card: str, fact: f.SaleClosed, at_ms: int) -> State:
    """What a card bought today, and since the head office was heard. What was paid elsewhere is the office's to count.

    A limit's day is the one of the clock by which the first sale here was closed: a zone that somebody changes begins no new day.
    """
    memory = state.cards.get(card, CardMemory())
    zone = state.day_zone or (fact.zone if FIXED.fullmatch(fact.zone) else "+0000")
    date = date_of(zone, at_ms)
    day = memory.day if memory.day.date == date else DayOfCard(date)
    day = replace(day, sales=day.sales + 1, tender_minor=day.tender_minor + fact.tender_minor)
    state = replace(state, day_zone=zone)
    run = memory.run + 1 if memory.heard_ms == state.trust.heard_ms else 1
    return _remember(state, card, replace(memory, day=day, run=run, heard_ms=state.trust.heard_ms))


def _paid_debt(state: State, meter: str, lines: tuple[f.PriceLine, ...]) -> State:
    paid = sum(line.amount_minor for line in lines if line.code == "old_debt")
    return replace(state, debts_paid={**state.debts_paid, meter: state.debts_paid.get(meter, 0) + paid}) if paid else state


# ---------------------------------------------------------------- paper


@_fold.register
def _(fact: f.PrintStarted, state: State, row: Row) -> State:
    spoken = {"language": fact.language} if fact.language else {}
    state = _sale(state, fact.sale, number=fact.number, copies=fact.copy + 1, **spoken)
    state = replace(state, number=max(state.number, fact.number), unprinted=fact)
    return here_with(state, printing=fact, printed="", qr="" if state.here.qr == "wanted" else state.here.qr)


@_fold.register
def _(fact: f.ReceiptPrinted, state: State, row: Row) -> State:
    return here_with(replace(state, unprinted=None), printing=None, printed=fact.outcome)


@_fold.register
def _(fact: f.ReceiptOffered, state: State, row: Row) -> State:
    state = replace(state, number=max(state.number, fact.number))
    if fact.how == "sms":
        return _sale(state, fact.sale, number=fact.number)
    if fact.how == "none":
        return here_with(_sale(state, fact.sale, number=fact.number), printed="none")
    sale = find(state, fact.sale)
    return _sale(state, fact.sale, number=fact.number, copies=max(sale.copies if sale else 0, 1))
