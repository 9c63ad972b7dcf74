"""The sale: `step` decides, `stance` and `next_job` derive. Pure: frozen values in, frozen values out, no clock, no key, no I/O.

A fact that is not legal in the present phase is ignored and counted: a second tap, a repeated event, an answer to a job that is over.
"""

from kiosk.vend import cash, clock, collect, counterfeits, fitted, landing, outage, paying, proof, risk, sent, sms, texting, trust, witness
from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.card.reading import Word
from kiosk.vend.facts import Fact
from kiosk.vend.operators import entry, orders, trials
from kiosk.vend.operators.session import OperatorLeft
from kiosk.vend.phase import due_ms, landed_shown, note_moves, phase, staff_here, wanted
from kiosk.vend.ports import CardJob, Stance
from kiosk.vend.rules import Now, Rules
from kiosk.vend.showing import offers
from kiosk.vend.state import Sale, State, find
from kiosk.vend.tariff import bill, to_card_minor
from kiosk.vend.view import Offer

Facts = tuple[Fact, ...]


def step(rules: Rules, state: State, seen: s.Seen, now: Now) -> Facts:
    """What has happened now that this was seen."""
    facts = _stepped(rules, state, seen, now)
    facts = (*facts, *texting.after(rules, state, facts, now))
    return (*facts, *trials.told(rules, state, seen)) if state.here.staff.test else facts


def _stepped(rules: Rules, state: State, seen: s.Seen, now: Now) -> Facts:  # noqa: C901, PLR0911, PLR0912 - one line a word, in the order of seen.py
    match seen:
        case s.Tick():
            by_itself = paying.due(rules, state, now) or _put_back(rules, state, now) or _tick(rules, state, now)
            return (*risk.looked(rules, state, now), *counterfeits.over(state, now), *by_itself)
        case s.DiskSeen():
            return (p.DiskSeen(seen.free, seen.total),)
        case s.Choice():
            return _choice(rules, state, seen, now)
        case s.CardIn():
            return _card_in(rules, state, seen)
        case s.CardOut():
            return _card_out(rules, state, seen, now)
        case s.CardBad():
            ours = seen.token == state.here.token
            return (p.CardFailed(seen.why), *paying.card_gone(state, now)) if ours else (p.Ignored("CardBad"),)
        case s.CardRead():
            return landing.card_read(rules, state, seen, now)
        case s.CardWorked():
            return landing.card_worked(state, seen, now)
        case s.ReaderUp():
            return (p.ReaderSeen(""), *((f.DeviceRecovered("reader"),) if "reader" in state.faults else ()))
        case s.ReaderDown():
            return _reader_down(rules, state, seen, now)
        case (
            s.NoteHeld() | s.NoteIn() | s.NoteBack() | s.NoteRejected() | s.CoinIn() | s.AcceptorReset() | s.AcceptorDown() | s.EventsLost()
        ):
            return cash.heard(rules, state, seen, now)
        case s.AcceptorUp():
            return (*(up := cash.acceptor_up(rules, state, seen)), *_recovered(rules, state, up, now))
        case s.DeviceUp():
            return fitted.up(state, seen)
        case s.DeviceDown():
            return (*fitted.down(state, seen), *paying.down(seen))
        case s.PosUp() | s.PosPrompt() | s.PosAnswered():
            return paying.heard(rules, state, seen, now)
        case s.PrinterState():
            return proof.printer(state, seen)
        case s.Printed():
            return proof.printed(state, seen)
        case s.Signed():
            return proof.signed(rules, state, seen)
        case s.SmsKept() | s.SmsAnswered() | s.SmsReported() | s.SmsArrived() | s.SimPin():
            return texting.heard(state, seen)
        case s.Ordered() | s.PinChecked() | s.Found() | s.RosterRead():
            return orders.heard(rules, state, seen, now)
        case s.BootCardLeft():
            return _boot_card(state, seen)
        case s.CodeChecked():
            return collect.checked(rules, state, seen, now)
        case s.OrdersRead():
            return collect.orders_read(state, seen)
        case s.HotlistRead() | s.PersonsRead() | s.Trusted() | s.BatchMade() | s.AckRead():
            return _of_the_office(state, seen)
    return (p.Ignored(type(seen).__name__),)


def _of_the_office(state: State, seen: s.Seen) -> Facts:
    """What came from the head office, and what goes there. A list counts if the journal says that it is the one."""
    match seen:
        case s.HotlistRead() if state.trust.hotlist and state.trust.hotlist.digest == seen.digest:
            return (p.HotlistHere(seen.cards),)
        case s.PersonsRead() if state.trust.persons and state.trust.persons.digest == seen.digest:
            return (p.PersonsHere(seen.masks),)
        case s.Trusted():
            return _trusted(state, seen)
        case s.BatchMade():
            return sent.sealing(state.sent, seen.batch, seen.first, seen.last, seen.header) or (p.Ignored("BatchMade"),)
        case s.AckRead():
            return _acknowledged(state, seen)
    return (p.Ignored(type(seen).__name__),)


def started(rules: Rules, state: State, now: Now, software: str, heights: tuple[witness.Height, ...] = ()) -> Facts:
    """The first facts of a boot, from the replayed state: an open sale without money ends, a paper of unknown fate is said to be so.

    `heights`: what stands outside of the store, to hold against it before anything is added.
    """
    facts: list[Fact] = [f.Started(now.boot, rules.kiosk, software, rules.demo)]
    put_back = None if state.witness.restored else witness.found(witness.rows(state.seq, state.trust, heights))
    if put_back:
        facts.append(put_back)
    if state.operators.operator:
        facts.append(OperatorLeft(state.operators.operator, "restart"))
    if state.unprinted:
        facts.append(f.ReceiptPrinted(state.unprinted.sale, state.unprinted.number, "unknown", state.unprinted.copy))
    sale = state.sale
    facts.extend(paying.interrupted(state))
    if sale and state.bank.of(sale.id):
        pass  # its terminal says what becomes of it
    elif sale and not sale.tender_minor and not sale.escrow:
        facts.extend(landing.given_up(rules, state, sale, now))
    elif sale and sale.record and not sale.unsure:
        facts.append(f.CardUnsure(sale.id, "power"))
    return (*facts, *sms.interrupted(state.sms))


# ---------------------------------------------------------------- the card comes and goes


def _card_in(rules: Rules, state: State, seen: s.CardIn) -> Facts:
    """A customer's card ends a maintenance session; one that staff were asked for does not."""
    staff = state.here.staff
    over = entry.left(state, "card") if staff_here(state) and staff.test != "reader" and staff.screen not in ("keys", "boot") else ()
    return (*over, *proof.untold(rules, state), p.CardCame(seen.token))


def _card_out(rules: Rules, state: State, seen: s.CardOut, now: Now) -> Facts:
    if seen.token != state.here.token:
        return (p.Ignored("CardOut"),)
    waits = state.here.qr == "wanted"  # its code comes to the screen all the same
    return (*(() if waits else proof.untold(rules, state)), *_without_card(rules, state, now), p.CardLeft())


def _without_card(rules: Rules, state: State, now: Now) -> Facts:
    """The open sale when its card is pulled: no money in, and it never was; a record begun, and it is in doubt."""
    sale, here = state.sale, state.here
    if sale and state.bank.of(sale.id):
        return paying.card_gone(state, now)  # also while it is read once more
    if sale is None or not (here.reading or here.reset or sale.record):
        return ()
    if sale.stage == "paying" and not sale.tender_minor and not sale.escrow:
        return (*landing.given_up(rules, state, sale, now),)
    if sale.record and not sale.unsure:
        return (f.CardUnsure(sale.id, "torn" if wanted(state) == "write" else "gone"),)  # as the broken job says it, were it told first
    return ()


def _reader_down(rules: Rules, state: State, seen: s.ReaderDown, now: Now) -> Facts:
    fault = () if state.faults.get("reader") == seen.why else (f.DeviceFault("reader", seen.why),)
    gone = (*_without_card(rules, state, now), p.CardLeft()) if state.here.token else ()
    return (*fault, *gone, p.ReaderSeen(seen.why))


def _boot_card(state: State, seen: s.BootCardLeft) -> Facts:
    """Whoever finds it needs only the PIN: that is a fault."""
    if seen.left == ("boot_card" in state.faults):
        return (p.Ignored("BootCardLeft"),)
    return (f.DeviceFault("boot_card", "left"),) if seen.left else (f.DeviceRecovered("boot_card"),)


def _trusted(state: State, seen: s.Trusted) -> Facts:
    """Once, and never backwards. A card that was read without keys is read again when they come."""
    late = isinstance(seen.fact, clock.TimeSigned) and seen.fact.at_ms <= state.clock.floor_ms
    if late or not trust.heard(state.trust, seen.fact):
        return (p.Ignored("Trusted"),)
    reading = state.here.reading
    again = isinstance(seen.fact, trust.Unlocked) and reading is not None and not reading.authentic
    return (seen.fact, p.CardCame(state.here.token)) if again else (seen.fact,)


def _acknowledged(state: State, seen: s.AckRead) -> Facts:
    """A store that was put back is told so once, and nothing that the head office has of its other life counts for it."""
    known = state.witness.restored is not None
    return () if known else sent.acknowledged(state.sent, state.trust, seen.said) or (p.Ignored("AckRead"),)


# ---------------------------------------------------------------- the customer's words


def _choice(rules: Rules, state: State, seen: s.Choice, now: Now) -> Facts:
    """What was chosen counts on the screen that it was made for, and where that screen offers it. Languages may be changed on all."""
    if seen.rev != state.here.turn:
        return (p.Ignored("Choice"),)
    if seen.do == "language":
        return (p.Asked("language", seen.arg),) if seen.arg in rules.languages else (p.Ignored("language"),)
    offered = offers(rules, state)
    what = "typed" if seen.arg.isdecimal() and Offer(seen.do, "typed") in offered else seen.arg
    if Offer(seen.do, what) not in offered:
        return (p.Ignored(seen.do),)
    return paying.chosen(rules, state, seen, now) or _in_phase(rules, state, phase(state), seen, now) or (p.Ignored(seen.do),)


def _in_phase(rules: Rules, state: State, name: str, seen: s.Choice, now: Now) -> Facts:
    match name, seen.do:
        case (("attract" | "out"), "balance"):
            return (p.Asked("balance"),)
        case (("account" | "code" | "attract" | "out"), "tender"):
            return collect.asked(rules, state, now) if seen.arg == "code" else cash.opened(rules, state, now)
        case "account", "order":
            return collect.collected(rules, state, seen.arg, now)
        case "code", "code":
            return (p.Asked("code"),) if seen.arg == "again" else collect.typed(rules, state, seen.arg, now)
        case "code", "cancel":
            return (p.Asked(""),)
        case (("account" | "refused" | "reading"), "cancel"):
            return (p.Asked("leave"),)
        case "insert", _:
            return _at_insert(rules, state, seen, now)
        case "still", "more_time":
            return (p.Asked("more_time"),)
        case "unsure", "no_card":
            return _give_up(rules, state, now)
        case (("done" | "qr" | "claim"), _):
            return _at_the_end(rules, state, name, seen, now)
        case "phone", _:
            return texting.chosen(rules, state, seen.do, seen.arg, now)
    return ()


def _at_insert(rules: Rules, state: State, seen: s.Choice, now: Now) -> Facts:
    sale = state.sale
    match seen.do:
        case "finish" if sale:
            return landing.close_tender(state, sale, "customer")
        case "cancel" if sale:
            return _abandoned(rules, state, sale, now)
        case "stop":
            return (p.Asked("stop"),)
    return (p.Asked(""),)


def _abandoned(rules: Rules, state: State, sale: Sale, now: Now) -> Facts:
    """Nothing was paid: the card is given back, unless a slip has to be shown first."""
    return (*landing.given_up(rules, state, sale, now), *(() if sale.disputed_minor else (p.Asked("leave"),)))


def _give_up(rules: Rules, state: State, now: Now) -> Facts:
    """The card does not come back: the slip."""
    sale = state.sale
    if sale is None:
        return ()
    closing = (f.TenderClosed(sale.id, sale.tender_minor, "card_gone"),) if sale.stage == "paying" else ()
    lost = (f.EscrowUnknown(sale.id, sale.escrow.device, sale.escrow.denomination),) if sale.escrow else ()
    return (*lost, *closing, *landing.claim(rules, state, sale, sale.unsure or "no_card", now))


def _at_the_end(rules: Rules, state: State, name: str, seen: s.Choice, now: Now) -> Facts:
    """The proof, and the way out."""
    match name, seen.do:
        case (("done" | "claim"), "receipt"):
            return proof.chosen(rules, state, seen.arg)
        case ("done", "finish") | ("claim", "slip_taken"):
            return (*proof.untold(rules, state), p.Asked("leave"))
        case (("done" | "claim"), "sms"):
            return texting.chosen(rules, state, seen.do, seen.arg, now)
        case "qr", "finish":
            return _code_seen(state)
    return (p.CodeSeen(),)


def _code_seen(state: State) -> Facts:
    """On: a receipt's holder takes the card, a slip's still has to be told where the money is."""
    return (p.Asked("leave"),) if landed_shown(state) else (p.CodeSeen(),)


# ---------------------------------------------------------------- time


def _recovered(rules: Rules, state: State, just_now: Facts, now: Now) -> Facts:
    """After a power cut: once every acceptor has said what it knows, an interrupted sale takes no more money."""
    sale = state.sale
    if sale is None or sale.stage != "paying" or sale.boot == state.boot or state.bank.of(sale.id):
        return ()
    heard = {*state.here.acceptors, *(fact.device for fact in just_now if isinstance(fact, p.AcceptorSeen))}
    resolved = not sale.escrow or any(isinstance(fact, f.NoteStacked | f.NoteReturned | f.EscrowUnknown) for fact in just_now)
    return _end_interrupted(rules, state, sale, just_now, now) if heard >= set(rules.acceptors) and resolved else ()


def _end_interrupted(rules: Rules, state: State, sale: Sale, just_now: Facts, now: Now) -> Facts:
    stacked = sum(fact.denomination for fact in just_now if isinstance(fact, f.NoteStacked))
    if not sale.tender_minor + stacked:
        lost = sum(fact.denomination for fact in just_now if isinstance(fact, f.EscrowUnknown))
        return landing.given_up(rules, state, sale, now, lost_minor=lost)
    return landing.close_tender(state, sale, "power")


def _put_back(rules: Rules, state: State, now: Now) -> Facts:
    """A store that was put back finishes nothing: what is open becomes a slip, once no note is awaited and the printer was heard."""
    sale = state.sale
    if state.witness.restored is None or sale is None or sale.escrow or state.here.printer == "unknown":
        return ()
    if not sale.tender_minor:
        return landing.given_up(rules, state, sale, now)
    closing = (f.TenderClosed(sale.id, sale.tender_minor, "restored"),) if sale.stage == "paying" else ()
    return (*closing, *landing.claim(rules, state, sale, "restored", now))


def _tick(rules: Rules, state: State, now: Now) -> Facts:
    """The phase's time is over: what is paid is vended, what cannot be vended is claimed, what was never paid is over."""
    due = due_ms(state)
    if due is None or now.mono_ms < due:
        return ()
    name, sale = phase(state), state.sale
    if state.here.qr == "wanted":
        return (p.CodeFailed(),)
    if note_moves(state) and sale and sale.escrow:
        return (f.EscrowUnknown(sale.id, sale.escrow.device, sale.escrow.denomination),)
    if name in ("account", "amount", "insert", "attract", "out"):
        return (p.Waited(name),)
    if name in ("staff", "code"):
        return collect.waited(state) if name == "code" else entry.left(state, "time")
    if name == "still":
        if sale and sale.tender_minor:
            return landing.close_tender(state, sale, "time")
        return _abandoned(rules, state, sale, now) if sale else (p.Asked("leave"),)
    if name == "interrupted" and sale:
        lost = (f.EscrowUnknown(sale.id, sale.escrow.device, sale.escrow.denomination),) if sale.escrow else ()
        return (*lost, *_end_interrupted(rules, state, sale, (), now))
    if name in ("unsure", "bank"):
        return _give_up(rules, state, now) if name == "unsure" else paying.waited(rules, state, now)
    if name == "done":
        return (*proof.untold(rules, state), p.Asked("leave"))
    if name in ("qr", "phone"):
        return _code_seen(state) if name == "qr" else (sms.TextAt(""),)
    return (p.CardFailed("mute"),) if name == "reading" else (p.Asked("leave"),)


# ---------------------------------------------------------------- derived


def stance(rules: Rules, state: State) -> Stance:
    """What the acceptors and lamps should be doing."""
    notes, coins = cash.denominations(rules, state)
    notes = rules.allowed.notes if state.here.staff.test == "notes" else notes  # each is held, read and given back
    word, counter = cash.escrow_word(state)
    lamps = {"attract": ("card",), "account": ("notes", "coins"), "insert": ("notes", "coins"), "unsure": ("card",), "take_card": ("card",)}
    return Stance(
        notes=tuple(d for d in notes if d in outage.takes(state, "notes")),
        coins=tuple(d for d in coins if d in outage.takes(state, "coins")),
        escrow=word,
        escrow_counter=counter,
        lamps=lamps.get(phase(state), ()),
    )


def next_job(rules: Rules, state: State) -> CardJob | None:
    """What the card in the slot needs next; the same job has the same id until its answer is folded."""
    do, here = wanted(state), state.here
    if not do:
        return None
    if do in ("read", "finish"):
        return CardJob(here.jobs, do, here.token, reset=here.reset)
    due = find(state, here.due)
    if due is None:
        return None
    if do == "arm":
        payment = state.bank.of(due.id)
        amount = to_card_minor(bill(due.quote, payment.amount_minor if payment else due.tender_minor))
        return CardJob(here.jobs, do, here.token, n=due.n, amount_minor=amount, salt=due.salt)
    after_arm = rules.profile.steps[1] if here.armed else rules.profile.steps[0]
    start = here.verdict.step if here.verdict and here.verdict.word == Word.RESUME and here.verdict.step else after_arm
    return CardJob(here.jobs, do, here.token, record=due.record, start=start)
