"""State -> View: what may be shown of the machine, as keys and values. A screen never sees a Sale."""

from typing import Any

from kiosk.vend import money_shown, notices, outage, paying
from kiosk.vend.card.reading import Word
from kiosk.vend.damm import purchase_number
from kiosk.vend.greeting import reference
from kiosk.vend.operators.showing import staff_view
from kiosk.vend.phase import MORE_TIME, bank_works, cash_works, codes_work, ends_ms, landed_shown, order_due, out_of_service, phase, span_ms
from kiosk.vend.proof import choices, number_of, paper_works
from kiosk.vend.rules import Now, Rules
from kiosk.vend.sms import spaced
from kiosk.vend.state import Sale, State
from kiosk.vend.tariff import bill, to_card_minor
from kiosk.vend.texting import offered as text_offered
from kiosk.vend.view import Line, Offer, Value, View
from kiosk.vend.wording import worded

Parts = dict[str, Any]


def view(rules: Rules, state: State, now: Now) -> View:
    """The present screen's values; `rev` is the turn that a choice must name. Whom to call is known on every screen."""
    name = phase(state)
    due_ms = ends_ms(state)
    parts = _PARTS[name](rules, state)
    language = state.here.language or rules.language
    phone = worded(rules, state.trust.texts).letterhead.spoken(language).phone
    params = {"phone": phone} | _outage(rules, state, now, language) | parts.pop("params", {})
    return View(
        phase=name,
        rev=state.here.turn,
        ends_in_ms=None if due_ms is None else max(due_ms - now.mono_ms, 0),
        span_ms=span_ms(state),
        language=language,
        languages=rules.languages,
        kiosk=rules.kiosk,
        currency=rules.currency.code,
        exponent=rules.currency.exponent,
        demo=rules.demo,
        params=params,
        staff=staff_view(rules, state, now) if name == "staff" else None,
        **parts,
    )


def _outage(rules: Rules, state: State, now: Now, language: str) -> dict[str, Value]:
    """When there will be no electricity here, by the kiosk's own clock, and the office's line about it."""
    told = notices.shown(state.trust.notices, now.at_ms)
    if told is None:
        return {}
    begins, ends = (f"{rules.local(at_ms):%Y-%m-%d %H:%M}" for at_ms in (told.from_ms, told.to_ms))
    return {"outage_from": begins, "outage_to": ends, "outage_words": notices.words_of(told, language)}


def offers(rules: Rules, state: State) -> tuple[Offer, ...]:
    """All that may be chosen now, beside a language."""
    found: tuple[Offer, ...] = _PARTS[phase(state)](rules, state).get("offers", ())
    return found


def tail(text: str, digits: int = 4) -> str:
    """The last digits of a number that is not to be shown whole."""
    return text[-digits:]


def _attract(rules: Rules, state: State) -> Parts:
    notes = tuple(d for d in rules.allowed.notes if outage.works(state, "notes") and d in outage.takes(state, "notes"))
    coins = tuple(d for d in rules.allowed.coins if outage.works(state, "coins") and d in outage.takes(state, "coins"))
    return {
        "params": {
            "notes": notes,
            "coins": coins,
            "printer": paper_works(state),
            "bank": bank_works(state),
            "asked": state.here.asked,
        },
        "offers": (*(Offer("language", code) for code in rules.languages), Offer("balance"), *_code_offer(state)),
    }


def _out(rules: Rules, state: State) -> Parts:
    works = ["balance"] if outage.works(state, "balance") else []
    codes = _code_offer(state)
    return {
        "place": "you",
        "told": tuple(f"works.{key}" for key in (*works, *(("code",) if codes else ()))),
        "params": {"why": out_of_service(state), "asked": state.here.asked},
        "offers": (*(Offer(key) for key in works), *codes),
    }


def _reading(rules: Rules, state: State) -> Parts:
    return {"offers": () if state.sale else (Offer("cancel"),)}


def _account(rules: Rules, state: State) -> Parts:
    reading, quote, verdict = state.here.reading, state.here.quote, state.here.verdict
    if reading is None or verdict is None:
        return {}
    may_pay = verdict.word == Word.READY and not state.here.refused and state.here.asked != "balance"
    cash, bank = may_pay and cash_works(state), may_pay and paying.offered(rules, state)
    may_buy = cash or bank
    params: dict[str, Value] = {
        "meter_tail": tail(reading.meter),
        "card_tail": tail(reading.serial),
        "customer_tail": tail(reading.customer),
        "name": state.here.masks.get(reference(rules.utility, reading.customer), ""),
        "as_of": reading.balance_at,
        "last_buy_minor": reading.amount_minor,
        "count": reading.count,
        "debt_minor": quote.debt_minor if quote else 0,
        "balance_only": not may_buy,
        "unproven": not reading.authentic,
        "begun_elsewhere": verdict.begun_elsewhere,
        "more_minor": quote.room_minor if quote else 0,
        "printer": paper_works(state),
    }
    order, may_collect = order_due(state), verdict.word == Word.READY and state.here.asked != "balance"
    if may_collect:
        params |= {"order_minor": order.amount_minor if order else 0, "balance_only": not (may_buy or codes_work(state))}
    offers = (
        *((Offer("order", order.order),) if may_collect and order else ()),
        *((Offer("tender", "cash"),) if cash else ()),
        *((Offer("tender", "bank"),) if bank else ()),
        *(_code_offer(state) if may_collect else ()),
        Offer("cancel"),
    )
    return {"place": "meter", "figure_minor": reading.balance_minor or 0, "params": params, "offers": offers}


def _code_offer(state: State) -> tuple[Offer, ...]:
    return (Offer("tender", "code"),) if codes_work(state) else ()


def _code(rules: Rules, state: State) -> Parts:
    """Twenty digits to type; or, of a code that did nothing, why, and where its money is."""
    here, said = state.here, state.here.code_said
    if here.code_sent:
        amount = here.code_sent.terms.amount_minor
        return {"figure_minor": amount, "params": {"state": "checking"}, "offers": ()}
    if said is None:
        return {"params": {"state": ""}, "offers": (Offer("code", "typed"), Offer("cancel"))}
    params: dict[str, Value] = {
        "state": said.state,
        "tries": said.tries,
        "room_minor": said.room_minor,
        "purchase": str(said.n or ""),
        "following": str(said.following or ""),
        "proof": said.proof,
    }
    again = () if said.state == "shut" else (Offer("code", "again"),)
    cash_too = (Offer("tender", "cash"),) if cash_works(state) and not here.refused else ()
    return {
        "place": "meter" if said.state == "used" else "you",
        "figure_minor": said.amount_minor,
        "params": params,
        "offers": (*again, *cash_too, Offer("cancel")),
    }


def _still(rules: Rules, state: State) -> Parts:
    paid = state.sale.tender_minor if state.sale else 0
    offers = (Offer("more_time"),) if state.here.extended < MORE_TIME else ()
    return {
        "place": "machine" if paid else "you",
        "figure_minor": paid,
        "params": {"phase_before": "insert" if state.sale else "account", "tender": paid},
        "offers": offers,
    }


def _due(state: State) -> Sale | None:
    return state.sale or state.claims.get(state.here.due)


def _writing(rules: Rules, state: State) -> Parts:
    foreign = state.here.foreign
    if foreign:
        return {"place": "machine", "figure_minor": foreign.amount_minor or 0, "params": {"foreign": True}}
    due = _due(state)
    amount = to_card_minor(bill(due.quote, due.tender_minor)) if due else 0
    return {"place": "machine", "figure_minor": amount, "params": {"foreign": False}}


def _done(rules: Rules, state: State) -> Parts:
    finished = state.here.finished
    if finished and not (state.ended and state.here.shown == state.ended.id):
        params: dict[str, Value] = {"foreign": True, "receipt": "none", "purchase_no": purchase_number(finished.n)}
        lines = (Line("purchase_no", text=purchase_number(finished.n)),)
        return {"place": "card", "figure_minor": finished.amount_minor, "lines": lines, "params": params, "offers": (Offer("finish"),)}
    sale = state.ended
    if sale is None or sale.closed is None:
        return {}
    closed, number = sale.closed, purchase_number(sale.n)
    deducted = sum(line.amount_minor for line in closed.lines if line.summed and line.code != "to_card")
    lines = (
        Line("paid", sale.tender_minor),
        *((Line("deductions", -deducted),) if deducted else ()),
        *(Line("energy", line.basis, unit="wh") for line in closed.lines if line.code == "energy"),
        *money_shown.odd_lines(sale),
        *((Line("branch"),) if sale.branch else ()),
        Line("purchase_no", text=number),
    )
    return {
        "place": "card",
        "figure_minor": closed.credit_minor,
        "lines": lines,
        "params": {"foreign": False, "receipt": _receipt(state), "purchase_no": number, "paid_minor": sale.tender_minor},
        "offers": (*_proofs(state), *_text_offer(rules, state), Offer("finish")),
    }


def _text_offer(rules: Rules, state: State) -> tuple[Offer, ...]:
    return (Offer("sms"),) if text_offered(rules, state) else ()


def _phone(rules: Rules, state: State) -> Parts:
    """A number to type, then to be looked at. The money stays where it is."""
    sale, text = state.ended, state.here.text
    typing = (Offer("phone", "typed"), Offer("cancel"))
    offers = (Offer("sms", "send"), Offer("sms", "again"), Offer("cancel")) if text.state == "confirm" else typing
    landed = landed_shown(state)
    credit = sale.closed.credit_minor if sale and sale.closed else 0
    return {
        "place": "card" if landed else "machine",
        "held": not landed,
        "figure_minor": credit if landed else sale.tender_minor if sale else 0,
        "params": {"state": text.state, "to": spaced(text.number, rules.texts.country if rules.texts else "")},
        "offers": offers,
    }


def _receipt(state: State) -> str:
    """How the receipt fares: printing, the paper's outcome, none, qr, no_qr, texted, no_text, asking, or no_paper to ask for."""
    here = state.here
    if here.printing or here.printed:
        return "printing" if here.printing else here.printed
    if here.text.state in ("keeping", "queued", "failed"):
        return "no_text" if here.text.state == "failed" else "texted"
    if here.qr in ("seen", "failed"):
        return "qr" if here.qr == "seen" else "no_qr"
    return "asking" if paper_works(state) else "no_paper"


def _proofs(state: State) -> tuple[Offer, ...]:
    return tuple(Offer("receipt", how) for how in choices(state))


def _qr(rules: Rules, state: State) -> Parts:
    """The code, and in plain what it says, for a screen too small for it."""
    sale = state.ended
    if sale is None or sale.closed is None:
        return {}
    receipt = landed_shown(state)
    params: dict[str, Value] = {
        "code": state.here.code,
        "kind": "receipt" if receipt else "slip",
        "number": paper_number(rules, state, sale),
        "at": f"{rules.local(sale.closed_ms if receipt else sale.claim_ms):%Y-%m-%d %H:%M}",
        "card_tail": tail(sale.card),
        "purchase_no": purchase_number(sale.n),
    }
    paid, number = Line("paid", sale.tender_minor), Line("purchase_no", text=purchase_number(sale.n))
    if not receipt:
        return {
            "place": "machine",
            "held": True,
            "figure_minor": sale.tender_minor,
            "lines": (paid, number),
            "params": params,
            "offers": (Offer("finish"),),
        }
    credit = sale.closed.credit_minor
    lines = (paid, Line("to_card", credit), number)
    return {"place": "card", "figure_minor": credit, "lines": lines, "params": params, "offers": (Offer("finish"), Offer("cancel"))}


def paper_number(rules: Rules, state: State, sale: Sale) -> str:
    """`K07-000122`, on a claim with its check: `K07-000123-9F`."""
    number = f"{rules.kiosk}-{number_of(state, sale):06d}"
    return number if sale.stage == "landed" else f"{number}-{sale.check}"


def _unsure(rules: Rules, state: State) -> Parts:
    sale, reading = state.sale, state.here.reading
    if sale is None:
        return {}
    other = tail(reading.serial) if reading and reading.serial != sale.card else None
    word = state.here.verdict.word if state.here.verdict and not other else None
    why = "meter_first" if word == Word.UNREADABLE else sale.unsure or "gone"
    params: dict[str, Value] = {
        "card_tail": tail(sale.card),
        "meter_tail": tail(sale.meter),
        "purchase_no": purchase_number(sale.n),
        "other_tail": other,
        "why": why,
        "power": sale.boot != state.boot,
    }
    return {"place": "between", "held": True, "figure_minor": sale.tender_minor, "params": params, "offers": (Offer("no_card"),)}


def _interrupted(rules: Rules, state: State) -> Parts:
    sale = state.sale
    checking = sale.escrow.denomination if sale and sale.escrow else None
    return {"place": "machine", "held": True, "figure_minor": sale.tender_minor if sale else 0, "params": {"checking": checking}}


def _claim(rules: Rules, state: State) -> Parts:
    sale = state.ended
    if sale is None:
        return {}
    params: dict[str, Value] = {
        "slip": paper_number(rules, state, sale),
        "check": sale.check,
        "card_tail": tail(sale.card),
        "printed": state.here.printed in ("printed", "assumed"),
        "printing": state.here.printing is not None,
        "copies": sale.copies,
        "printer": paper_works(state),
        "qr": state.here.qr,
        "text": state.here.text.state,
        "disputed_minor": sale.disputed_minor,
    }
    offers = (*_proofs(state), *_text_offer(rules, state), Offer("slip_taken"))
    return {"place": "machine", "held": True, "figure_minor": sale.tender_minor, "params": params, "offers": offers}


def _refused(rules: Rules, state: State) -> Parts:
    reading, verdict = state.here.reading, state.here.verdict
    if reading is None or verdict is None:
        return {"params": {"why": state.here.failed or "unreadable"}, "offers": (Offer("cancel"),)}
    why = (
        "keys"
        if state.trust.locked and verdict.word == Word.REFUSED
        else state.here.refused
        if verdict.word == Word.READY
        else (verdict.why or "refused")
        if verdict.word == Word.REFUSED
        else str(verdict.word)
    )
    untaken = verdict.word == Word.UNTAKEN
    old = reading.amount_minor if untaken else reading.balance_minor or 0
    params: dict[str, Value] = {"why": why, "bought": None, "card_tail": tail(reading.serial), "claim": bool(state.here.due)}
    return {
        "place": "card" if untaken else "meter",
        "figure_minor": old if reading.authentic else 0,
        "params": params,
        "offers": (Offer("cancel"),),
    }


def _take_card(rules: Rules, state: State) -> Parts:
    return {}


_PARTS = {
    "attract": _attract,
    "out": _out,
    "reading": _reading,
    "account": _account,
    "code": _code,
    "insert": money_shown.insert,
    "amount": money_shown.amount,
    "bank": money_shown.bank,
    "still": _still,
    "writing": _writing,
    "done": _done,
    "qr": _qr,
    "phone": _phone,
    "unsure": _unsure,
    "interrupted": _interrupted,
    "claim": _claim,
    "refused": _refused,
    "take_card": _take_card,
    "staff": _take_card,
}
