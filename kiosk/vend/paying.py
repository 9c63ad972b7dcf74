"""Paying by bank card: what `step` makes of the terminal.

    requested -> the customer follows the terminal; CLEAR calls it off
    approved  -> the electricity card is read anew, copied and armed while the terminal waits; what fails here takes the payment back
    final     -> money, as if it lay in the box: on the card, or a claim. Nothing is reversed from here on
    unknown   -> the terminal's own book is asked, with growing pauses. Its sale waits for a while. If the bank did take the money and the
                 card stands ready, the sale goes on; if the sale is over, the payment is reversed; if it cannot be, it is a claim

No answer of the terminal is believed for an attempt that is not open, and none twice: each job has an id.
"""

from msgspec.structs import replace

from kiosk.vend import bank, cash, handing_in, landing, risk, witness
from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.bank import Payment, PosDeclined, PosFinal, PosRequested, PosReversed, PosUnknown
from kiosk.vend.card.reading import Word
from kiosk.vend.facts import Fact
from kiosk.vend.limits import written_max_minor
from kiosk.vend.phase import bank_works, its_card_waits, phase, pos_due_ms, span_ms
from kiosk.vend.ports import PosJob
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import Sale, State
from kiosk.vend.tariff import bill, to_card_minor

Facts = tuple[Fact, ...]
PAUSE_MS, OPEN_PAUSE_MS, LONGEST_PAUSE_MS = 2_000, 5_000, 600_000  # between two questions about an unknown payment
DIGITS = 12  # of an amount
ALL_BITS = (1 << 64) - 1
LINES, CELLS = 60, 64  # the most that is kept of a terminal's receipt


# ---------------------------------------------------------------- the customer's words


def most_minor(state: State) -> int:
    """The most that may be paid by bank card on the card in the slot."""
    return max(min(cash.left(state)), 0)


def least_minor(rules: Rules) -> int:
    """The least: as much as the smallest note."""
    return min(rules.allowed.notes, default=1)


def presets(rules: Rules, state: State) -> tuple[int, ...]:
    """Up to four usual amounts that fit: the larger notes, and twice the largest."""
    notes = rules.allowed.notes
    usual = (*notes, 2 * max(notes)) if notes else ()
    return tuple(amount for amount in usual[-4:] if amount <= most_minor(state))


def amount_minor(rules: Rules, state: State) -> int:
    """What is chosen, or would be: the last usual amount but one."""
    usual, most = presets(rules, state), most_minor(state)
    chosen = state.here.pos.amount_minor
    if chosen and chosen <= most:
        return chosen
    return usual[-2:][0] if usual else most


def offered(rules: Rules, state: State) -> bool:
    """May a bank card be chosen now, on the card in the slot?"""
    verdict = state.here.verdict
    buys = verdict is not None and verdict.word == Word.READY and not state.here.refused
    return buys and bank_works(state) and most_minor(state) >= least_minor(rules)


def chosen(rules: Rules, state: State, seen: s.Choice, now: Now) -> Facts:
    """A bank card, how much, and what to do at the terminal; () for what is said on other screens."""
    match phase(state), seen.arg:
        case "account", "bank":
            return (p.Asked("bank"),)
        case "amount", _:
            return _at_amount(rules, state, seen.do, seen.arg, now)
        case "bank", _:
            return _at_terminal(rules, state, seen.do, seen.arg, now)
    return ()


def _at_amount(rules: Rules, state: State, do: str, arg: str, now: Now) -> Facts:
    match do, arg:
        case "tender", "cash":
            return cash.opened(rules, state, now)
        case "amount", "other":
            return (p.Asked("other"),)
        case "amount", _:
            amount = int(arg) if arg.isdecimal() and len(arg) <= DIGITS else 0
            fits = least_minor(rules) <= amount <= most_minor(state)
            return (p.AmountChosen(amount),) if fits else (p.Ignored("amount"),)
        case "finish", _:
            return asked(rules, state, now)
    return (p.Asked("bank"),) if state.here.asked == "other" else (p.Asked(""),)


def asked(rules: Rules, state: State, now: Now) -> Facts:
    """The terminal is going to be asked: for a sale that begins with it, or once more for the one that is open."""
    amount = amount_minor(rules, state)
    if not offered(rules, state) or amount < least_minor(rules) or risk.stopped(rules, state, now):
        return (p.Ignored("bank"),)
    sale = state.sale
    opening = () if sale else cash.opened(rules, state, now)
    if not sale and not opening:
        return (p.Ignored("bank"),)
    return (*opening, PosRequested(sale.id if sale else now.fresh, _attempt(now), amount))


def _attempt(now: Now) -> str:
    """A name that no sale has: the fresh one with every bit turned."""
    return f"{int(now.fresh, 16) ^ ALL_BITS:016x}"


def _at_terminal(rules: Rules, state: State, do: str, arg: str, now: Now) -> Facts:
    """On the screen of a payment: call it off, or after one that came to nothing go on in another way."""
    sale, payment = state.sale, state.bank.open
    if sale is None:
        return ()
    if payment and payment.stage == "requested":
        return (p.PosDo("abort", now.mono_ms),)
    match do, arg:
        case "tender", "bank":
            return asked(rules, state, now)
        case "tender", "cash" if payment is None:
            return (p.Asked("cash"),)
        case "tender", "cash":  # the unknown payment stays what this sale is about: cash opens one of its own
            return (*landing.given_up(rules, state, sale, now), *cash.opened(rules, state, now))
    return over(rules, state, sale, now)


def over(rules: Rules, state: State, sale: Sale, now: Now) -> Facts:
    """The sale brought no money: the card is given back. What is unknown stays to be found out."""
    return (*landing.given_up(rules, state, sale, now), p.Asked("leave"))


# ---------------------------------------------------------------- the electricity card meanwhile


def card_gone(state: State, now: Now) -> Facts:
    """It was pulled while it was being paid for: call the payment off, or take it back while that can be done."""
    payment, doing = state.bank.open, state.here.pos.doing
    if payment is None or state.sale is None or payment.sale != state.sale.id:
        return ()
    if payment.stage == "requested" and doing == "pay":
        return (p.PosDo("abort", now.mono_ms),)
    return (p.PosDo("refuse", now.mono_ms),) if payment.stage == "approved" and not doing else ()


def stands(state: State, sale: Sale) -> bool:
    """Its card is in the slot, as far as is known: it may just be read anew."""
    here = state.here
    return bool(here.token) and not here.failed and (here.reading is None or its_card_waits(state, sale))


# ---------------------------------------------------------------- the terminal


def heard(rules: Rules, state: State, seen: s.Seen, now: Now) -> Facts:
    """What the terminal tells."""
    match seen:
        case s.PosUp():
            return up(state, seen)
        case s.PosPrompt():
            return prompted(state, seen)
        case s.PosAnswered():
            return answered(rules, state, seen, now)
    return ()


def up(state: State, seen: s.PosUp) -> Facts:
    """It answers. What only the end of the day mends stays broken; what its book says is held against ours."""
    fault = state.faults.get(bank.DEVICE, "")
    well: Facts = (f.DeviceRecovered(bank.DEVICE),) if fault and fault not in bank.NIGHTLY else ()
    read = seen.receipt.isdecimal() and len(seen.receipt) <= DIGITS
    return (*well, *(_book(state, seen) if read else ()), p.TerminalSeen(fault if fault in bank.NIGHTLY else "", read))


def _book(state: State, seen: s.PosUp) -> Facts:
    """Receipts that this machine did not ask for, since the book was last read. Numbers turn over and begin anew, and an empty book says
    nothing of those before it: only growth from a number speaks.

    The first reading of a boot is a witness, too: a store that was put back knows nothing of what was asked for in its other life. While
    a payment is open the last number may be its own, and the one before it decides what became of it: that one is kept.
    """
    known, there = state.bank, int(seen.receipt)
    row = witness.Witness(bank.DEVICE, known.written, there)
    follows = known.serial == seen.serial and known.receipt > 0
    if state.witness.restored is None and follows and row.ahead and not state.here.pos.read:
        return (witness.Restored(row.name, row.here, row.there),)
    if state.witness.restored or known.open or (known.serial, known.receipt, known.asked) == (seen.serial, there, 0):
        return ()
    read = bank.TerminalRead(seen.serial, there)
    return (bank.PosUnexplained(seen.serial, there - row.here, there), read) if follows and there > row.here else (read,)


def down(seen: s.DeviceDown) -> Facts:
    """It does not. What it was asked is answered by its driver, or by time."""
    return (p.TerminalSeen(seen.code),) if seen.device == bank.DEVICE else ()


def prompted(state: State, seen: s.PosPrompt) -> Facts:
    """What it wants of the customer."""
    payment = state.bank.open
    fits = payment is not None and payment.id == seen.payment and payment.stage == "requested" and seen.key in PROMPTS
    return (p.PosPrompted(seen.key),) if fits else (p.Ignored("PosPrompt"),)


PROMPTS = ("card", "pin", "wait", "remove")


def answered(rules: Rules, state: State, seen: s.PosAnswered, now: Now) -> Facts:
    """The answer to the job that it has; to an older one it is none."""
    payment, pos = state.bank.open, state.here.pos
    if pos.doing == "day_end" and seen.job == pos.jobs:
        return handing_in.ended(rules, state, seen, now)
    asked_for = payment is not None and payment.stage == "requested" and seen.job == pos.pay
    if payment is None or not pos.doing or not (seen.job == pos.jobs or asked_for):
        return (p.Ignored("PosAnswered"),)
    match pos.doing, seen.outcome:
        case (("pay" | "abort"), "approved"):
            return _approved(state, payment, seen, now)
        case (("pay" | "abort"), ("declined" | "aborted" | "busy")):
            return (*_unpaid(rules, state, payment, PosDeclined(payment.sale, payment.id, _declined(seen)), now), *_broken(state, seen))
        case (("pay" | "abort" | "goods" | "refuse"), "final"):
            return final(rules, state, payment, seen, now)
        case "recover", "final":
            return _found(rules, state, payment, seen, now)
        case _, "reversed":
            why = {"reverse": "asked", "refuse": "refused"}.get(pos.doing, "terminal")
            back = PosReversed(payment.sale, payment.id, payment.amount_minor, seen.receipt or payment.receipt, why)
            return _unpaid(rules, state, payment, back, now)
        case "recover", "none":
            return _unpaid(rules, state, payment, PosDeclined(payment.sale, payment.id, "none"), now)
        case "reverse", "refused":
            return _kept(rules, state, payment, seen, now)
        case (("recover" | "reverse"), _):
            return later(state, now)
    return (PosUnknown(payment.sale, payment.id, seen.why or "silent"),)


def _declined(seen: s.PosAnswered) -> str:
    return seen.outcome if seen.outcome in ("aborted", "busy") else seen.why or "declined"


def _broken(state: State, seen: s.PosAnswered) -> Facts:
    """It takes no more until its day is ended."""
    if seen.why not in bank.NIGHTLY or state.faults.get(bank.DEVICE) == seen.why:
        return ()
    return (f.DeviceFault(bank.DEVICE, seen.why), p.TerminalSeen(seen.why))


def _approved(state: State, payment: Payment, seen: s.PosAnswered, now: Now) -> Facts:
    """The card is looked at anew, while the terminal waits; where that cannot come to anything the money goes back at once."""
    yes = bank.PosApproved(payment.sale, payment.id, seen.amount_minor, seen.receipt, seen.trace, seen.approval, seen.tail[-4:])
    sale = state.sale
    fits = sale is not None and sale.id == payment.sale and its_card_waits(state, sale)
    if state.here.pos.doing == "abort" or seen.amount_minor != payment.amount_minor or not fits:
        return (yes, p.PosDo("refuse", now.mono_ms))
    return (yes, p.CardCame(state.here.token))


def _unpaid(rules: Rules, state: State, payment: Payment, fact: Fact, now: Now) -> Facts:
    """Nothing was taken. Who still stands there may go on; otherwise the sale is over."""
    sale = state.sale
    if sale is None or sale.id != payment.sale or (sale.boot == state.boot and stands(state, sale)):
        return (fact,)
    return (fact, *over(rules, state, sale, now))


def final(rules: Rules, state: State, payment: Payment, seen: s.PosAnswered, now: Now) -> Facts:
    """Money, and onto the card: armed while the terminal waited, only its record is missing; otherwise as with any other money."""
    sale = state.sale
    if sale is None or sale.id != payment.sale:
        return _kept(rules, state, payment, seen, now)
    fact = _final(payment, payment.sale, seen, recovered=state.here.pos.doing == "recover")
    paid, here = replace(sale, **bank.sale_changes(payment, fact)), state.here
    if here.armed and here.pos.tag and fact.amount_minor == payment.amount_minor and its_card_waits(state, sale):
        credit = to_card_minor(bill(sale.quote, fact.amount_minor))
        record = f.WriteStarted(sale.id, sale.card, sale.meter, sale.n, credit, here.pos.tag)
        return (fact, f.TenderClosed(sale.id, fact.amount_minor, "bank"), record)
    if fact.amount_minor > written_max_minor():  # more than was asked, and than any card takes: owed, if the bank's own books say so
        return (fact, f.TenderClosed(sale.id, fact.amount_minor, "bank"), *landing.claim(rules, state, paid, "too_much", now))
    return (fact, *landing.close_tender(state, paid, "bank"))


def _final(payment: Payment, sale: str, seen: s.PosAnswered, *, recovered: bool) -> PosFinal:
    """What the terminal says of it; what it does not repeat, as it was approved."""
    lines = tuple(line[:CELLS] for line in seen.lines[:LINES])
    return PosFinal(
        sale,
        payment.id,
        seen.amount_minor or payment.amount_minor,
        seen.receipt or payment.receipt,
        seen.trace or payment.trace,
        seen.approval or payment.approval,
        seen.tail[-4:] or payment.tail,
        lines,
        recovered,
    )


# ---------------------------------------------------------------- an unknown payment


def due(rules: Rules, state: State, now: Now) -> Facts:
    """The terminal's book is asked, where that is due; a question that is never answered is asked again."""
    due_ms = pos_due_ms(state)
    if due_ms is None or now.mono_ms < due_ms:
        return handing_in.due(rules, state, now)
    return later(state, now) if state.here.pos.doing else (p.PosDo("recover", now.mono_ms),)


def later(state: State, now: Now) -> Facts:
    """Not known yet: again after a pause, which grows once nobody waits before the machine."""
    pause = min(PAUSE_MS << min(state.here.pos.tries, 16), OPEN_PAUSE_MS if state.sale else LONGEST_PAUSE_MS)
    return (p.PosDo("", now.mono_ms, next_ms=now.mono_ms + pause),)


def _found(rules: Rules, state: State, payment: Payment, seen: s.PosAnswered, now: Now) -> Facts:
    """The bank has charged it. With its card ready the sale goes on; while that is awaited, so is this; after it the money goes back."""
    sale = state.sale
    if sale is not None:
        return final(rules, state, payment, seen, now) if sale.id == payment.sale and its_card_waits(state, sale) else later(state, now)
    receipt = seen.receipt or payment.receipt
    return (p.PosDo("reverse", now.mono_ms, receipt=receipt),) if receipt else _kept(rules, state, payment, seen, now)


def _kept(rules: Rules, state: State, payment: Payment, seen: s.PosAnswered, now: Now) -> Facts:
    """It cannot be given back, and its sale is over: a sale of its own that is claimed at once, for that card in that slot.

    Once nobody is at the machine, whose screen it would take; no paper comes out for whoever passes by: the card brings it up, or staff do.
    """
    if state.sale is not None or state.here.token or state.here.staff.screen or state.here.shown:
        return later(state, now)
    terms, sale_id = payment.terms, now.fresh
    opened = f.SaleOpened(sale_id, terms.card, terms.meter, terms.n, terms.quote, terms.language, terms.customer_tail)
    fact = _final(payment, sale_id, seen, recovered=True)
    amount = fact.amount_minor
    held = Sale(sale_id, terms.card, terms.meter, terms.n, terms.quote, opened_ms=now.at_ms, boot=now.boot)
    held = replace(held, **bank.sale_changes(payment, fact))
    ending = tuple(each for each in landing.claim(rules, state, held, "not_reversed", now) if not isinstance(each, f.PrintStarted))
    return (opened, fact, f.TenderClosed(sale_id, amount, "bank"), *ending, p.Asked("leave"))


def waited(rules: Rules, state: State, now: Now) -> Facts:
    """The time of a payment's screen is over."""
    sale, payment, pos = state.sale, state.bank.open, state.here.pos
    if sale is None:
        return ()
    if payment is None or payment.stage == "unknown":
        return over(rules, state, sale, now)
    if now.mono_ms < pos.since_ms + (span_ms(state) or 0):
        return ()
    if payment.stage == "approved" and not pos.doing:
        return (p.PosDo("refuse", now.mono_ms),)
    return (PosUnknown(payment.sale, payment.id, "silent"),)


def interrupted(state: State) -> Facts:
    """The power failed in the middle: only the terminal can say."""
    payment = state.bank.open
    return (PosUnknown(payment.sale, payment.id, "power"),) if payment and payment.stage != "unknown" else ()


# ---------------------------------------------------------------- derived


def job(state: State) -> PosJob | None:
    """What the terminal is to do now; the same job has the same id until its answer is folded."""
    pos, payment = state.here.pos, state.bank.open
    if not pos.doing:
        return None
    if payment is None:
        return PosJob(pos.jobs, pos.doing) if pos.doing == "day_end" else None
    before = f"{state.bank.serial}/{state.bank.receipt:04d}" if state.bank.serial else ""
    return PosJob(pos.jobs, pos.doing, payment.id, payment.amount_minor, pos.receipt or payment.receipt, before)
