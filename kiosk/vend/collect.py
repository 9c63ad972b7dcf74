"""Collecting what was paid elsewhere: what `step` makes of transfer codes and of the orders that wait for their cards.

A code is the whole tender of its sale, and its amount goes on the card as it is: fee and debt were the office's to take. Its record has the
same tag at every machine, and its slot is the lock that they share: so it needs no message from anywhere that it was used.
"""

from msgspec.structs import replace

from kiosk.vend import code, codes, risk
from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.card.reading import Reading
from kiosk.vend.code import Terms
from kiosk.vend.facts import Fact
from kiosk.vend.phase import codes_work, order_due, phase
from kiosk.vend.ports import CodeJob
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import State

Facts = tuple[Fact, ...]


# ---------------------------------------------------------------- the customer's words


def asked(rules: Rules, state: State, now: Now) -> Facts:
    """The customer has a code. Before a card is in there is nothing more to say; on one that has had its tries that is said at once."""
    reading = state.here.reading
    if reading is None or _may_try(rules, state, reading, now):
        return (p.Asked("code"),)
    return (p.Asked("code"), p.CodeAnswered("shut"))


def typed(rules: Rules, state: State, digits: str, now: Now) -> Facts:
    """Twenty digits. A wrong check digit is no try, and the screen has said so; a count that the card never had cannot be right."""
    here, told = state.here, code.typed(digits)
    if told is None or here.reading is None or here.verdict is None or here.verdict.n is None or here.code_sent:
        return (p.Ignored("code"),)
    if not _may_try(rules, state, here.reading, now):
        return (p.CodeAnswered("shut"),)
    generation, n = code.generation(told.generation_digit, now.at_ms), code.count(told.count_digit, here.verdict.n)
    if age := _age(rules, state, generation, now):
        return (p.CodeAnswered(age, amount_minor=told.amount_minor),)
    if not 1 <= n <= code.COUNT_MAX:
        return _wrong(rules, state, here.reading, now)
    terms = _terms(rules, here.reading, generation, n, told.amount_minor)
    return (p.CodeSent(terms, told.mac, _listed(state, terms, told.mac)),)


def collected(rules: Rules, state: State, name: str, now: Now) -> Facts:
    """The order that waits for this card: its code, without typing it."""
    order, reading = order_due(state), state.here.reading
    if order is None or reading is None or order.order != name or state.here.code_sent:
        return (p.Ignored("order"),)
    if age := _age(rules, state, order.generation, now):
        return (p.CodeAnswered(age, amount_minor=order.amount_minor),)
    terms = _terms(rules, reading, order.generation, order.n, order.amount_minor)
    return (p.CodeSent(terms, order.mac, order.order),)


def _terms(rules: Rules, reading: Reading, generation: int, n: int, amount_minor: int) -> Terms:
    return Terms(rules.utility, generation, reading.serial, reading.meter, n, amount_minor, rules.currency.numeric)


def _listed(state: State, terms: Terms, mac: int) -> str:
    """The name of the order whose code this is, "" where no list has it."""
    same = (terms.serial, terms.meter, terms.n, terms.amount_minor, terms.generation, mac)
    found = (o.order for o in state.here.orders.values() if (o.card, o.meter, o.n, o.amount_minor, o.generation, o.mac) == same)
    return next(found, "")


def _may_try(rules: Rules, state: State, reading: Reading, now: Now) -> bool:
    return codes.may_try(state.codes, reading.serial, _moment(rules, state, now))


def _moment(rules: Rules, state: State, now: Now) -> codes.Moment:
    return codes.Moment(risk.day(rules, state, now), state.clock.ran_at_ms(now.boot, now.mono_ms))


def _age(rules: Rules, state: State, generation: int, now: Now) -> str:
    """old | behind (it is this machine that is) | "" for a generation whose keys are here and that the office has not closed."""
    present, opened = code.generation_at(now.at_ms), state.trust.opened
    first, last = present - code.HELD_BEFORE, present + code.HELD_AFTER
    if opened and opened.codes:
        first, last = max(first, min(opened.codes)), min(last, max(opened.codes))
    first = max(first, risk.signed(rules, state).code_generation_min)
    return "old" if generation < first else "behind" if generation > last else ""


# ---------------------------------------------------------------- the vault's answer


def job(state: State) -> CodeJob | None:
    """The code that is being checked; one that came too late with its count proofs."""
    sent, verdict = state.here.code_sent, state.here.verdict
    if sent is None or verdict is None:
        return None
    return CodeJob(state.here.jobs, sent.terms, sent.mac, proofs=sent.terms.n < (verdict.n or 0))


def checked(rules: Rules, state: State, seen: s.CodeChecked, now: Now) -> Facts:
    """Right or wrong; and what is right is put on the card in its own slot, or nowhere."""
    here, sent = state.here, state.here.code_sent
    if sent is None or seen.job != here.jobs or here.reading is None or here.verdict is None or here.verdict.n is None:
        return (p.Ignored("CodeChecked"),)
    if seen.why:
        return (p.CodeAnswered("shut"),)
    if not seen.salt:
        return _wrong(rules, state, here.reading, now)
    if sent.terms.n < here.verdict.n:
        return _too_late(rules, state, sent, seen, now)
    why = "early" if sent.terms.n > here.verdict.n else _unfit(rules, state, sent, now)
    if why:
        room_minor = here.quote.hard_minor if here.quote else 0
        said = p.CodeAnswered(why, room_minor=room_minor, amount_minor=sent.terms.amount_minor, n=sent.terms.n)
        return (_refused(rules, sent.terms, why, now), said)
    return _accepted(state, sent, seen.salt, here.reading, now)


def _wrong(rules: Rules, state: State, reading: Reading, now: Now) -> Facts:
    moment = _moment(rules, state, now)
    left = codes.tries_left(state.codes, reading.serial, moment) - 1
    return (codes.TransferCodeRefused(reading.serial, "card", moment.date), p.CodeAnswered("card" if left > 0 else "shut", tries=left))


def _refused(rules: Rules, terms: Terms, why: str, now: Now, another: bool | None = None) -> codes.TransferCodeRefused:
    date = rules.business_date(now.at_ms)
    return codes.TransferCodeRefused(terms.serial, why, date, terms.meter, terms.n, terms.amount_minor, terms.generation, another)


def _too_late(rules: Rules, state: State, sent: p.CodeSent, seen: s.CodeChecked, now: Now) -> Facts:
    """Its slot is behind the card. Where the card still shows who took it, so do ten digits for the office's telephone."""
    terms, another = sent.terms, _another(state, sent, seen.salt)
    following = state.here.verdict.n if state.here.verdict and state.here.verdict.n else 0
    why = "used" if another is False else "passed"
    proof = "" if another is None else seen.proofs[another]
    said = p.CodeAnswered(why, amount_minor=terms.amount_minor, n=terms.n, following=following, proof=proof)
    return (_refused(rules, terms, why, now, another), said)


def _another(state: State, sent: p.CodeSent, salt: str) -> bool | None:
    """Did another record take the slot of this code, by the card? None where it does not say."""
    reading, terms = state.here.reading, sent.terms
    if reading is None or not reading.authentic or reading.count != terms.n or not reading.fits or reading.tag is None:
        return None
    if reading.taken is None or reading.taken < terms.n:
        return None
    return (reading.amount_minor, reading.tag[:4]) != (terms.amount_minor, salt)


def _unfit(rules: Rules, state: State, sent: p.CodeSent, now: Now) -> str:
    """room (the meter would refuse the card) | shut (above what codes are worth here, or a rule stopped them meanwhile) | ""."""
    quote, allowed = state.here.quote, risk.signed(rules, state)
    amount_minor = sent.terms.amount_minor
    if quote is None or not codes_work(state) or risk.stopped(rules, state, now, but=risk.OF_CASH):
        return "shut"
    if amount_minor > quote.hard_minor:
        return "room"
    if sent.order:
        return "shut" if amount_minor > allowed.sale_max_minor else ""
    left = risk.code_float_minor(rules, state, now)
    return "shut" if amount_minor > allowed.code_max_minor or (left is not None and amount_minor > left) else ""


def _accepted(state: State, sent: p.CodeSent, salt: str, reading: Reading, now: Now) -> Facts:
    """Opened, paid and closed at once, on disk before the card is touched."""
    here, terms, sale = state.here, sent.terms, now.fresh
    if here.quote is None or here.verdict is None:
        return ()
    quote = replace(here.quote, fixed_fee_minor=0, debt_minor=0)
    return (
        f.SaleOpened(sale, terms.serial, terms.meter, terms.n, quote, here.language, reading.customer[-4:]),
        f.TransferCodeAccepted(sale, terms.serial, terms.meter, terms.n, terms.amount_minor, terms.generation, salt, sent.order),
        f.TenderClosed(sale, terms.amount_minor, "code"),
        f.ReturnFileArchived(sale, reading.serial, reading.files),
        p.CardLooked(reading, here.verdict, sale, "", quote),
    )


def waited(state: State) -> Facts:
    """The time of the code's screen is over: the vault is silent, an answer was read, or the customer is asked whether to go on."""
    if state.here.code_sent:
        return (p.CodeAnswered("shut"),)
    return (p.Asked(""),) if state.here.code_said else (p.Waited(phase(state)),)


# ---------------------------------------------------------------- the head office's list


def orders_read(state: State, seen: s.OrdersRead) -> Facts:
    """The list that the journal says is installed: what is new on it is written down, its float for codes once."""
    installed = state.trust.orders
    if installed is None or installed.digest != seen.digest:
        return (p.Ignored("OrdersRead"),)
    number = installed.epoch, installed.version
    float_minor, until_ms = seen.code_float.amount_minor, seen.code_float.until_ms
    grant = (codes.CodeFloatGranted(*number, float_minor, until_ms),) if float_minor and number > state.codes.granted else ()
    fresh = (each for each in seen.orders if each.order not in state.codes.listed)
    listed = (codes.OrderListed(o.order, o.card, o.meter, o.n, o.amount_minor, o.generation) for o in fresh)
    return (*grant, *listed, p.OrdersHere(seen.orders))
