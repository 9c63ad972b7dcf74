"""Onto the card: what `step` makes of readings and of finished card jobs.

One rule carries it: what the card shows in a fresh authenticated reading decides, and `judge` is the only one who reads it. A write
that was answered and a write that was torn are followed by the same reading, the same word, the same way on.
"""

from msgspec.structs import replace

from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend import pricelist, risk
from kiosk.vend import seen as s
from kiosk.vend.bank import Payment
from kiosk.vend.binding import bound
from kiosk.vend.card.reading import Reading, Record, Returned, Verdict, Word
from kiosk.vend.facts import Fact
from kiosk.vend.limits import DayOfCard, Room, drawn, refusal, room, written_max_minor
from kiosk.vend.phase import TRIES, its_card_waits, wanted
from kiosk.vend.proof import paper_works, spoken
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import CardMemory, Sale, State, find
from kiosk.vend.tariff import amount_of, bill, to_card_minor

Facts = tuple[Fact, ...]
LANDS = (Word.LANDED, Word.RESUME, Word.NEVER, Word.FOREIGN, Word.UNREADABLE)  # words under which an own record has not lost its slot


def card_read(rules: Rules, state: State, seen: s.CardRead, now: Now) -> Facts:
    """A reading: judge it for what this kiosk owes the card, then for a new sale."""
    if seen.token != state.here.token or wanted(state) != "read":
        return (p.Ignored("CardRead"),)
    reading = seen.reading
    due, verdict = whose(rules, state, reading)
    if due and due.record and due.stage == "claimed" and verdict.word == Word.LANDED and not state.here.reset:
        return (*landed(rules, state, due, due.record, now, here=False), *card_read(rules, _without(state, due), seen, now))
    facts: list[Fact] = []
    if not (due and state.here.reset):
        facts.append(_presented(rules, reading, verdict, now))
    facts += _finished_foreign(state, reading)
    refused = "" if due or state.sale else _refusal(rules, state, reading, now)
    quote = quoted(rules, state, reading, now) if verdict.word == Word.READY else None
    looked = p.CardLooked(reading, verdict, due.id if due else "", refused, quote)
    facts += _end_untold(state, reading, verdict)
    facts += _named(rules, state, reading, verdict, now)
    return (*facts, looked, *(_onward(rules, state, due, looked, now) if due else ()))


def _without(state: State, claim: Sale) -> State:
    """As the state will be when this claim is settled: it is owed no more, and its part of an old debt is paid."""
    others = {key: other for key, other in state.claims.items() if key != claim.id}
    paid = state.debts_paid.get(claim.meter, 0) + debt_minor(claim)
    return replace(state, claims=others, debts_paid={**state.debts_paid, claim.meter: paid})


def _refusal(rules: Rules, state: State, reading: Reading, now: Now) -> str:
    """Why no sale may open on this card, or ""."""
    date, limits = risk.day(rules, state, now), risk.allowed(rules, state, now)
    return refusal(limits, _room(rules, state, reading, now), _day(state, reading), date, risk.since_heard(state, reading.serial)) or ""


def _room(rules: Rules, state: State, reading: Reading, now: Now) -> Room:
    limits, date = risk.allowed(rules, state, now), risk.day(rules, state, now)
    return room(limits, reading, _day(state, reading), date, risk.float_minor(rules, state, now))


def _presented(rules: Rules, reading: Reading, verdict: Verdict, now: Now) -> f.CardPresented:
    return f.CardPresented(
        card=reading.serial,
        meter=reading.meter,
        profile=reading.profile,
        authentic=reading.authentic,
        count=reading.count,
        taken=reading.taken,
        word=str(verdict.word),
        why=verdict.why,
        amount_minor=reading.amount_minor,
        tag=reading.tag,
        fits=reading.fits,
        ahead_ms=rules.ahead_ms(reading.balance_at, now.at_ms),
    )


def whose(rules: Rules, state: State, reading: Reading) -> tuple[Sale | None, Verdict]:
    """What stands to be put on this card: the open sale, else the lowest claim whose slot is not gone; and the word for it."""
    known = state.cards.get(reading.serial, CardMemory()).known

    def judged(record: Record | None) -> Verdict:
        return bound(rules, state, reading, rules.profile.judge(reading, record, known))

    if state.sale:
        own = _ordered(state.sale, reading) if state.sale.card == reading.serial else None
        return own, judged(own.record if own else None)
    for claim in sorted(state.claims.values(), key=lambda c: (c.n, c.opened_ms)):
        if claim.card != reading.serial or not claim.tender_minor:
            continue
        ordered = _ordered(claim, reading)
        verdict = judged(ordered.record)
        if verdict.word in LANDS or (claim.record is None and verdict.word == Word.READY and verdict.n == claim.n):
            return ordered, verdict
    return None, judged(None)


def _ordered(sale: Sale, reading: Reading) -> Sale:
    """The sale; one of a code that was never begun here with the record of its order, where that is ready for the meter or taken: another
    machine landed it."""
    whole = reading.fits and reading.tag is not None and reading.tag[:4] == sale.salt
    released = reading.returned is Returned.EMPTY or reading.taken == sale.n
    if sale.record or not whole or not released or (reading.count, reading.amount_minor) != (sale.n, sale.tender_minor):
        return sale
    return replace(sale, record=Record(sale.card, sale.meter, sale.n, sale.tender_minor, reading.tag or ""))


def _day(state: State, reading: Reading) -> DayOfCard:
    return state.cards.get(reading.serial, CardMemory()).day


def _named(rules: Rules, state: State, reading: Reading, verdict: Verdict, now: Now) -> list[Fact]:
    """A card of the hotlist: its holder takes a slip to the office, once a presentation."""
    if verdict.why != "hotlisted" or state.here.reading is not None or state.here.printing or not paper_works(state):
        return []
    language = state.here.language or rules.language
    named = p.CardNamed(now.fresh, reading.serial, now.at_ms)
    return [named, f.PrintStarted(now.fresh, 0, "blocked", language=language)]


def _end_untold(state: State, reading: Reading, verdict: Verdict) -> list[Fact]:
    """The power failed between the verified card and the customer's eyes: the end is shown now, and the receipt offered."""
    ended = state.ended
    if verdict.word != Word.UNTAKEN or ended is None or ended.stage != "landed" or ended.number or not ended.record:
        return []
    same = (ended.card, ended.record.n, ended.record.tag) == (reading.serial, reading.count, reading.tag)
    return [p.EndShown(ended.id)] if same else []


def _finished_foreign(state: State, reading: Reading) -> list[Fact]:
    """The commit of another machine's purchase, proved by the reading after it."""
    foreign = state.here.foreign
    if foreign is None or not reading.authentic or not reading.fits or reading.tag is None:
        return []
    if (reading.count, reading.amount_minor, reading.returned) != (foreign.n, foreign.amount_minor, Returned.EMPTY):
        return []
    return [f.ForeignSaleFinished(reading.serial, reading.meter, reading.count, reading.amount_minor, reading.tag)]


def quoted(rules: Rules, state: State, reading: Reading, now: Now) -> f.Quote:
    """The terms that a sale on this card would have at this moment."""
    space = _room(rules, state, reading, now)
    tariff = pricelist.in_force(rules.tariff, state.trust.tariff, now.at_ms)
    claimed = sum(debt_minor(claim) for claim in state.claims.values() if claim.meter == reading.meter and claim.card != reading.serial)
    debt = tariff.debts.get(reading.customer, 0) - state.debts_paid.get(reading.meter, 0) - claimed
    return f.Quote(
        currency=rules.currency.code,
        exponent=rules.currency.exponent,
        tariff=tariff.id,
        price=tariff.price,
        fixed_fee_minor=tariff.fixed_fee_minor,
        debt_minor=max(debt, 0),
        room_minor=space.minor,
        room_rule=space.rule,
        hard_minor=space.hard_minor,
        balance_minor=reading.balance_minor,
        balance_at=reading.balance_at,
        fee_share_pct=tariff.fee_share_pct,
        debt_share_pct=tariff.debt_share_pct,
    )


def debt_minor(claim: Sale) -> int:
    """The part of an old debt that a claim takes when it lands. A sale on another card of its meter does not take it meanwhile. One on
    the same card finds its slot behind it: there the claim never lands."""
    return amount_of(bill(claim.quote, claim.tender_minor), "old_debt")


def _onward(rules: Rules, state: State, due: Sale, looked: p.CardLooked, now: Now) -> Facts:
    """What follows at once from the word about a sale or claim of ours."""
    verdict, reading = looked.verdict, looked.reading
    if payment := state.bank.of(due.id):
        return _checked(state, due, looked, payment, now)
    if due.stage == "paying" and (due.escrow or not due.tender_minor or not _gone(verdict, due)):
        return ()
    if due.record is None and due.tender_minor > written_max_minor():
        return () if due.stage == "claimed" else claim(rules, state, due, "too_much", now)
    if due.record is None:
        if verdict.word == Word.READY and verdict.n == due.n:
            return (archived(due, reading),) if due.stage != "archived" else ()
        return claim(rules, state, due, "slot_taken", now) if due.stage != "claimed" and _gone(verdict, due) else ()
    if verdict.word == Word.LANDED:
        return landed(rules, state, due, due.record, now)
    if due.stage == "claimed":
        return ()
    if verdict.word == Word.SPENT:
        return claim(rules, state, due, "slot_taken", now)
    if state.here.tries >= TRIES and not due.unsure:
        return (f.CardUnsure(due.id, "does_not_store"),)
    return ()


def _checked(state: State, due: Sale, looked: p.CardLooked, payment: Payment, now: Now) -> Facts:
    """The bank has said yes and its terminal waits for this reading: the card is copied, to be armed; or the payment goes back."""
    if payment.stage != "approved" or state.here.pos.doing:
        return ()
    if looked.verdict.word == Word.READY and looked.verdict.n == due.n:
        return (archived(due, looked.reading),)
    return (p.PosDo("refuse", now.mono_ms),)


def _gone(verdict: Verdict, due: Sale) -> bool:
    """The card's slot moved on without this sale."""
    return verdict.word == Word.UNTAKEN or (verdict.word == Word.READY and verdict.n is not None and verdict.n > due.n)


def archived(due: Sale, reading: Reading) -> f.ReturnFileArchived:
    """The whole card, before anything of this sale is written."""
    return f.ReturnFileArchived(due.id, reading.serial, reading.files)


def close_tender(state: State, sale: Sale, why: str) -> Facts:
    """No more money; and if its card is in the slot as it was read, on to the card."""
    closing = f.TenderClosed(sale.id, sale.tender_minor, why)
    here = state.here
    if here.reading is None or here.verdict is None or not its_card_waits(state, sale):
        return (closing,)
    return (closing, archived(sale, here.reading), p.CardLooked(here.reading, here.verdict, sale.id, "", here.quote))


def card_worked(state: State, seen: s.CardWorked, now: Now) -> Facts:
    """A job that wrote is over. After arming the record is bound, before anything is marked; after all else the card is read again."""
    do = wanted(state)
    if seen.token != state.here.token or seen.job != state.here.jobs or do not in ("arm", "write", "finish"):
        return (p.Ignored("CardWorked"),)
    ended = p.JobEnded(seen.job, do, seen.done)
    due = find(state, state.here.due)
    if do == "arm" and due and state.bank.of(due.id):
        bare = state.here.reading is not None and state.here.reading.returned is not Returned.FRAME
        return (ended, p.PosDo("goods" if seen.done else "refuse", now.mono_ms, tag=seen.tag, bare=bare and seen.done))
    if do == "arm" and seen.done and due:
        amount = to_card_minor(bill(due.quote, due.tender_minor))
        return (ended, f.WriteStarted(due.id, due.card, due.meter, due.n, amount, seen.tag))
    if not seen.done and due and do == "write" and due.stage == "started" and not due.unsure:
        return (ended, f.CardUnsure(due.id, "torn"))
    return (ended,)


def landed(rules: Rules, state: State, due: Sale, record: Record, now: Now, *, here: bool = True) -> Facts:
    """The record stands on the card, ready for the meter (or already taken by it)."""
    verified = f.CardVerified(due.id, due.card, record.n, record.tag)
    lines = bill(due.quote, due.tender_minor)
    if due.stage == "claimed":
        how = "landed" if here else "landed_elsewhere"
        return (verified, f.ClaimSettled(due.id, how, record.amount_minor, lines))
    asked = drawn(due.id, risk.allowed(rules, state, now).branch_per_mille)
    branch = (f.BranchAsked(due.id, due.card, due.meter),) if asked else ()
    return (verified, closed(rules, state, due, "landed", now), *branch)


def closed(rules: Rules, state: State, sale: Sale, outcome: str, now: Now, *, number: int | None = None) -> f.SaleClosed:
    """The whole sale in one row, and what may still be sold after it."""
    lines = bill(sale.quote, sale.tender_minor) if outcome == "landed" else ()
    energy = next((line.basis for line in lines if line.code == "energy"), 0)
    return f.SaleClosed(
        sale=sale.id,
        outcome=outcome,
        card=sale.card,
        meter=sale.meter,
        n=sale.n,
        tenders=sale.tenders,
        tender_minor=sale.tender_minor,
        approval=(sale.payment.approval or sale.payment.receipt) if sale.payment else None,
        lines=lines,
        currency=sale.quote.currency,
        exponent=sale.quote.exponent,
        credit_minor=to_card_minor(lines) if lines else 0,
        credit_wh=energy,
        claim_minor=sale.tender_minor if outcome == "claimed" else 0,
        tag=sale.record.tag if sale.record else None,
        tariff=sale.quote.tariff,
        key_generation=rules.key_generation if sale.record else None,
        float_minor=risk.float_minor(rules, state, now),
        business_date=rules.business_date(now.at_ms),
        zone=rules.offset(now.at_ms),
        number=number,
        opened_ms=sale.opened_ms,
    )


def given_up(rules: Rules, state: State, sale: Sale, now: Now, *, lost_minor: int = 0) -> Facts:
    """A sale without credit ends; a note of which nobody knows where it is still gets its slip, also one that was lost just now."""
    if sale.disputed_minor or lost_minor:
        return claim(rules, state, sale, "disputed", now)
    return (closed(rules, state, sale, "cancelled", now),)


def claim(rules: Rules, state: State, sale: Sale, why: str, now: Now) -> Facts:
    """The money of this sale waits for its card: a slip, and the sale is over."""
    number = state.number + 1
    issued = f.ClaimIssued(sale.id, number, sale.card, sale.meter, sale.n, sale.tender_minor, sale.record.tag if sale.record else None, why)
    paper = (f.PrintStarted(sale.id, number, "claim", language=spoken(rules, state, sale)),) if paper_works(state) else ()
    return (issued, closed(rules, state, sale, "claimed", now, number=number), *paper)
