"""Money in: what `step` makes of the acceptors.

Credit on stacked, never on escrowed. The devices' own counters decide how many credits there are; an event that the journal has
already is ignored, growth that no event explains is an orphan, and a held note that nobody can speak for waits for the box count.
"""

from kiosk.vend import counterfeits, fitted, landing, outage, pricelist, risk, till, witness
from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.facts import Fact
from kiosk.vend.limits import coins_that_fit, notes_that_fit
from kiosk.vend.phase import phase
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import Sale, State

Facts = tuple[Fact, ...]
DEPTH = 5  # an acceptor remembers five events: what lies further back cannot be told twice


def is_news(state: State, device: str, serial: str, counter: int) -> bool:
    """Was this event not told before? Counters run 1..255 and around; 0 is only ever a device's first breath."""
    memory = state.acceptors.get(device)
    if memory is None or memory.serial != serial or memory.counter == 0:
        return True
    return (memory.counter - counter) % 255 >= DEPTH


def open_for_cash(state: State) -> bool:
    """May money come in now? A genuine card that may buy is in the slot, and the customer has been told what there is to know."""
    here = state.here
    name = phase(state)
    if not state.trust.trades or here.stop:
        return False
    if state.sale is None and here.refused:
        return False  # the account screen stands for the order that waits for this card, and no other money is taken
    if name in ("account", "amount") and not state.service.closed:
        return here.asked != "balance" and here.verdict is not None and not here.verdict.begun_elsewhere and not here.leaving
    return name in ("insert", "still") and (state.sale is not None or not here.asked)


def stopped(rules: Rules, state: State) -> str:
    """What of this machine's own takes nothing now: notes | coins | cash, where all of it does not; "" where all of it works."""
    if state.here.stop:
        return "cash"
    own = [device for device in till.CASH if device in rules.acceptors]
    down = [device for device in own if outage.word(state, device)]
    unpaid = state.sale is not None and not state.sale.tender_minor
    if unpaid and not any(outage.works(state, device) for device in own):
        return "cash"  # closed, locked or at a rule's end: who has put nothing in is told so
    return "" if not down else "cash" if down == own else down[0]


def left(state: State) -> tuple[int, int]:
    """How much more may come in: by the tightest limit, and by the meter's own. Minor units; held notes count as in."""
    sale, granted = state.sale, state.float_held.whole_minor
    quote = sale.quote if sale else state.here.quote
    if quote is None:
        return 0, 0
    held = sale.escrow.denomination if sale and sale.escrow else 0
    taken = held + (sale.tender_minor if sale else 0)
    soft = quote.room_minor - taken
    return soft if granted is None else min(soft, granted - held), quote.hard_minor - taken


def denominations(rules: Rules, state: State) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(notes, coins) that may come in now."""
    if not open_for_cash(state):
        return (), ()
    soft, hard = left(state)
    notes, coins = notes_that_fit(rules.allowed, soft), coins_that_fit(rules.allowed, soft, hard)
    return notes if outage.works(state, "notes") else (), coins if outage.works(state, "coins") else ()


def heard(rules: Rules, state: State, seen: s.Seen, now: Now) -> Facts:
    """What an acceptor tells, beside that it is up."""
    match seen:
        case s.NoteHeld():
            return note_held(rules, state, seen, now)
        case s.NoteIn():
            return note_in(rules, state, seen)
        case s.NoteBack():
            return note_back(state, seen)
        case s.NoteRejected():
            gone = (p.NoteGone(seen.device, seen.code),) if seen.device == "notes" else ()
            return (*gone, *counterfeits.rejected(rules, state, seen.code, now))
        case s.CoinIn():
            return coin_in(rules, state, seen, now)
        case s.AcceptorReset():
            return acceptor_reset(state, seen)
        case s.AcceptorDown():
            return acceptor_down(state, seen)
        case s.EventsLost():
            return (f.DeviceFault(seen.device, f"events-lost-{seen.events}"),)
    return ()


def note_held(rules: Rules, state: State, seen: s.NoteHeld, now: Now) -> Facts:
    """Escrow it if it fits; otherwise it goes back at once and was never ours."""
    sale = state.sale
    if sale and sale.escrow:
        return ()  # told again: the stance still says what to do with it
    notes, _ = denominations(rules, state)
    granted = risk.float_minor(rules, state, now)
    if seen.denomination not in notes or (granted is not None and seen.denomination > granted):
        why = "limit" if open_for_cash(state) else "shut"
        return (p.NoteDeclined(seen.device, seen.counter, why),)
    opening = () if sale else opened(rules, state, now)
    if not sale and not opening:
        return (p.NoteDeclined(seen.device, seen.counter, "shut"),)
    sale_id = sale.id if sale else now.fresh
    return (*opening, f.NoteEscrowed(sale_id, seen.device, seen.serial, seen.denomination, seen.counter))


def opened(rules: Rules, state: State, now: Now) -> Facts:
    """SaleOpened for the card in the slot: the first note, the first coin or the word "cash" opens a sale, where no rule stops it."""
    here = state.here
    if here.refused:
        return ()
    if risk.stopped(rules, state, now) or here.reading is None or here.quote is None or here.verdict is None or here.verdict.n is None:
        return ()
    card, tail, quote = here.reading.serial, here.reading.customer[-4:], here.quote
    if pricelist.in_force(rules.tariff, state.trust.tariff, now.at_ms).id != quote.tariff:  # it changed while the card lay in the slot
        quote = landing.quoted(rules, state, here.reading, now)
    return (f.SaleOpened(now.fresh, card, here.reading.meter, here.verdict.n, quote, here.language, tail),)


def note_in(rules: Rules, state: State, seen: s.NoteIn) -> Facts:
    """Stacked: credit of the open sale, though its escrow was not seen if it would have been let in; without a sale an orphan.

    After a power cut a device may say only that it stacked a note, not which: then it is the one that it held.
    """
    if not is_news(state, seen.device, seen.serial, seen.counter):
        return (p.Ignored("NoteIn"),)
    if unseen := _of_another_life(state, seen):
        return unseen
    sale = state.sale
    held = sale.escrow.denomination if sale and sale.escrow and sale.escrow.device == seen.device else 0
    denomination = seen.denomination or held
    # no note is stacked before its escrow is on disk: of what is replayed only that one is ours, as of what is not believed
    believed = seen.device in state.here.met and seen.device not in state.till.doubted
    expected = held == denomination or (believed and denomination in notes_that_fit(rules.allowed, left(state)[0]))
    if sale and takes_credit(sale) and not state.bank.of(sale.id) and denomination and expected:
        recovered = sale.boot != state.boot
        return (f.NoteStacked(sale.id, seen.device, seen.serial, denomination, seen.counter, seen.accepted, recovered),)
    return (f.OrphanCredit(seen.device, seen.serial, 1, denomination or None, seen.counter, seen.accepted),)


def _of_another_life(state: State, seen: s.NoteIn | s.CoinIn | s.AcceptorUp) -> Facts:
    """What the device remembers, told for the first time in this boot, of a time that this store does not know: it was put back."""
    before = state.here.at_start.get(seen.device)
    if seen.device in state.here.met or before is None or before.serial != seen.serial:
        return ()
    if state.witness.restored:
        return (p.Ignored(seen.device),)
    here, there = before.height, seen.accepted
    if isinstance(seen, s.NoteIn) and (here is None or there is None):  # it counts no life, and remembers one that the box does not hold
        here, there = state.here.boxed, sum(state.boxes.get(seen.device, {}).values()) + 1
    if here is None or there is None:
        return ()
    # a note is stacked only after its escrow is on disk
    row = witness.Witness(seen.device, here, there, state.here.doubtful if seen.device == "notes" else 0)
    return (witness.Restored(row.name, row.here, row.there),) if row.ahead else ()


def takes_credit(sale: Sale) -> bool:
    """Until the amount is bound into a record's tag, a piece that still falls belongs to the sale. A code bound it elsewhere."""
    return sale.stage in ("paying", "closed") and not sale.salt and not sale.payment


def coin_in(rules: Rules, state: State, seen: s.CoinIn, now: Now) -> Facts:
    """A coin is in the box: a soft limit never sends it to the orphans, the meter's own limit does."""
    if not is_news(state, seen.device, seen.serial, seen.counter):
        return (p.Ignored("CoinIn"),)
    if unseen := _of_another_life(state, seen):
        return unseen
    orphan = f.OrphanCredit(seen.device, seen.serial, 1, seen.denomination or None, seen.counter, seen.accepted)
    sale = state.sale
    if not seen.denomination or seen.device in state.till.doubted:
        return (orphan,)
    if sale is None and not (open_for_cash(state) and opened(rules, state, now)):
        return (orphan,)
    if sale and (not takes_credit(sale) or state.bank.of(sale.id)):
        return (orphan,)
    if seen.denomination > left(state)[1]:
        return (orphan,)
    opening = () if sale else opened(rules, state, now)
    sale_id = sale.id if sale else now.fresh
    return (*opening, f.CoinAccepted(sale_id, seen.device, seen.serial, seen.denomination, seen.counter, seen.accepted))


def note_back(state: State, seen: s.NoteBack) -> Facts:
    """The note left by the front."""
    sale = state.sale
    if sale and sale.escrow and sale.escrow.device == seen.device and is_news(state, seen.device, seen.serial, seen.counter):
        returned = f.NoteReturned(sale.id, seen.device, sale.escrow.denomination, recovered=sale.escrow.boot != state.boot)
        return (returned, f.AcceptorRead(seen.device, seen.serial, seen.counter, _accepted(state, seen.device)))
    return (p.NoteGone(seen.device),) if state.here.declined else ()


def acceptor_reset(state: State, seen: s.AcceptorReset) -> Facts:
    """Remember the new beginning before the events that follow it."""
    return (f.AcceptorRead(seen.device, seen.serial, 0, _accepted(state, seen.device)),)


def _accepted(state: State, device: str) -> int | None:
    memory = state.acceptors.get(device)
    return memory.accepted if memory else None


def acceptor_up(rules: Rules, state: State, seen: s.AcceptorUp) -> Facts:
    """Identified, everything that it remembered is told: compare its lifetime growth with the credits."""
    memory = state.acceptors.get(seen.device)
    if fitted.serial_of(rules, state, seen.device) not in ("", seen.serial):
        return acceptor_down(state, s.AcceptorDown(seen.device, "swapped", seen.serial))
    facts: list[Fact] = []
    if memory and memory.serial == seen.serial:
        facts += _growth(state, seen)
    said = (seen.serial, seen.counter, seen.accepted, seen.accepted)
    if memory is None or (memory.serial, memory.counter, memory.accepted, memory.told) != said:
        facts.append(f.AcceptorRead(seen.device, seen.serial, seen.counter, seen.accepted))
    if seen.device in state.faults and seen.device not in state.till.doubted:
        facts.append(f.DeviceRecovered(seen.device))
    return (*facts, *till.back(state.till, seen.device), p.AcceptorSeen(seen.device, seen.denominations))


def _growth(state: State, seen: s.AcceptorUp) -> list[Fact]:
    """Accepted pieces that no row explains: first the open escrow's, the rest orphans. No growth: the escrowed note went back."""
    memory = state.acceptors[seen.device]
    sale, before = state.sale, state.here.acceptors.get(seen.device)
    lost = seen.reset or (before is not None and before.code != "")  # it may have let go of the note while it was away
    escrow = sale.escrow if sale and sale.escrow and sale.escrow.device == seen.device else None
    facts: list[Fact] = []
    if seen.accepted is None or memory.accepted is None:
        if sale and escrow and lost:
            facts.append(f.EscrowUnknown(sale.id, seen.device, escrow.denomination))
        return facts
    grown = seen.accepted - memory.accepted
    unseen = _of_another_life(state, seen)
    if unseen and grown:
        unknown = [f.EscrowUnknown(sale.id, seen.device, escrow.denomination)] if sale and escrow else []
        return [*(fact for fact in unseen if not fact.passing), *unknown]
    if grown < 0:
        return [f.DeviceFault(seen.device, till.COUNTER_BACK)]  # credits without growth: no more of them until staff have looked
    if sale and escrow and (grown or lost):
        if grown:
            facts.append(
                f.NoteStacked(sale.id, seen.device, seen.serial, escrow.denomination, seen.counter, memory.accepted + 1, recovered=True)
            )
            grown -= 1
        else:
            facts.append(f.NoteReturned(sale.id, seen.device, escrow.denomination, recovered=True))
    if grown:
        facts.append(f.OrphanCredit(seen.device, seen.serial, grown, None, seen.counter, seen.accepted))
    return facts


def acceptor_down(state: State, seen: s.AcceptorDown) -> Facts:
    """It takes no money now; the fault is a row once, not once a poll."""
    fault = () if state.faults.get(seen.device) == seen.code else (f.DeviceFault(seen.device, seen.code),)
    alarm = till.gone(state.till, seen.device, box_minor(state, seen.device)) if seen.code == "removed" else ()
    return (*fault, *alarm, p.AcceptorSeen(seen.device, (), seen.code, seen.serial))


def box_minor(state: State, device: str) -> int:
    """What is in a device's box by the journal."""
    return sum(int(denomination) * pieces for denomination, pieces in state.boxes.get(device, {}).items())


def escrow_word(state: State) -> tuple[str, int | None]:
    """What the acceptor is to do with the note it holds, and which event that is about.

    A note found held after a restart goes back: whoever put it in may be gone, and it is not credit.
    """
    sale = state.sale
    if sale and sale.escrow:
        return ("stack" if sale.escrow.boot == state.boot else "return"), sale.escrow.counter
    if state.here.declined:
        return "return", state.here.declined.counter
    return "hold", None
