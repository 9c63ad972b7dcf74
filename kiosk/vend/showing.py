"""State -> View: what may be shown of the machine, as keys and values. A screen never sees a Sale."""

from kiosk.vend import cash
from kiosk.vend.card.reading import Word
from kiosk.vend.damm import purchase_number
from kiosk.vend.facts import PriceLine
from kiosk.vend.phase import AGAIN, MORE_TIME, cash_works, deadline_ms, out_of_service, phase, span_ms
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import Sale, State
from kiosk.vend.tariff import bill, to_card_minor
from kiosk.vend.view import Line, Offer, Value, View

Parts = dict[str, object]


def view(rules: Rules, state: State, now: Now) -> View:
    """The present screen's values; `rev` is the turn that a choice must name."""
    name = phase(state)
    due_ms = deadline_ms(state)
    parts = _PARTS[name](rules, state)
    return View(
        phase=name,
        rev=state.here.turn,
        ends_in_ms=None if due_ms is None else max(due_ms - now.mono_ms, 0),
        span_ms=span_ms(state),
        language=state.here.language or rules.language,
        kiosk=rules.kiosk,
        currency=rules.currency.code,
        exponent=rules.currency.exponent,
        demo=rules.demo,
        **parts,  # type: ignore[arg-type]
    )


def tail(text: str, digits: int = 4) -> str:
    """The last digits of a number that is not to be shown whole."""
    return text[-digits:]


def _paper(state: State) -> bool:
    return state.here.printer in ("ok", "low")


def _bill_lines(lines: tuple[PriceLine, ...]) -> tuple[Line, ...]:
    return tuple(
        Line(line.code, line.amount_minor, summed=True) if line.summed else Line(line.code, line.basis, unit="wh") for line in lines
    )


def _attract(rules: Rules, state: State) -> Parts:
    up = {device: seen.denominations for device, seen in state.here.acceptors.items() if not seen.code}
    notes = tuple(d for d in rules.allowed.notes if d in up.get("notes", ()))
    coins = tuple(d for d in rules.allowed.coins if d in up.get("coins", ()))
    return {
        "params": {"notes": notes, "coins": coins, "printer": _paper(state), "phone": rules.letterhead.phone, "asked": state.here.asked},
        "offers": (*(Offer("language", code) for code in rules.languages), Offer("balance")),
    }


def _out(rules: Rules, state: State) -> Parts:
    works = ["balance"] if not state.here.reader else []
    return {
        "place": "you",
        "told": tuple(f"works.{key}" for key in works),
        "params": {"why": out_of_service(state), "phone": rules.letterhead.phone, "asked": state.here.asked},
        "offers": tuple(Offer(key) for key in works),
    }


def _reading(rules: Rules, state: State) -> Parts:
    return {"offers": (Offer("cancel"),)}


def _account(rules: Rules, state: State) -> Parts:
    reading, quote, verdict = state.here.reading, state.here.quote, state.here.verdict
    if reading is None or verdict is None:
        return {}
    may_buy = verdict.word == Word.READY and not state.here.refused and state.here.asked != "balance" and cash_works(state)
    params: dict[str, Value] = {
        "meter_tail": tail(reading.meter),
        "card_tail": tail(reading.serial),
        "customer_tail": tail(reading.customer),
        "as_of": reading.balance_at,
        "last_buy_minor": reading.amount_minor,
        "count": reading.count,
        "debt_minor": quote.debt_minor if quote else 0,
        "balance_only": not may_buy,
        "begun_elsewhere": verdict.begun_elsewhere,
        "more_minor": quote.room_minor if quote else 0,
        "printer": _paper(state),
    }
    offers = (*((Offer("tender", "cash"),) if may_buy else ()), Offer("cancel"))
    return {"place": "meter", "figure_minor": reading.balance_minor or 0, "params": params, "offers": offers}


def _insert(rules: Rules, state: State) -> Parts:
    sale = state.sale
    if sale is None:
        return {}
    paid = sale.tender_minor
    lines = bill(rules.tariff, sale.quote, paid)
    soft, _ = cash.left(state)
    params: dict[str, Value] = {
        "tiles": sale.newest,
        "checking": sale.escrow.denomination if sale.escrow else None,
        "refused": bool(state.here.came_back),
        "why_refused": state.here.came_back,
        "more_minor": soft,
        "to_card_minor": to_card_minor(lines),
        "ask_stop": state.here.asked == "stop",
    }
    if sale.escrow:
        offers: tuple[Offer, ...] = ()
    elif not paid:
        offers = (Offer("cancel"),)
    else:
        offers = (Offer("finish"), Offer("add_more") if state.here.asked == "stop" else Offer("stop"))
    shown = _bill_lines(lines) if paid else ()
    return {"place": "machine" if paid else "you", "figure_minor": paid, "lines": shown, "params": params, "offers": offers}


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
    amount = to_card_minor(bill(rules.tariff, due.quote, due.tender_minor)) if due else 0
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
        Line("purchase_no", text=number),
    )
    asking = not state.here.printing and state.here.printed in ("", *AGAIN)
    receipt = "printing" if state.here.printing else state.here.printed or ("asking" if _paper(state) else "no_paper")
    offers = (
        *((Offer("receipt", "paper"),) if asking and _paper(state) else ()),
        *((Offer("receipt", "none"),) if asking and not sale.copies else ()),
    )
    return {
        "place": "card",
        "figure_minor": closed.credit_minor,
        "lines": lines,
        "params": {"foreign": False, "receipt": receipt, "purchase_no": number, "paid_minor": sale.tender_minor},
        "offers": (*offers, Offer("finish")),
    }


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
    return {"place": "machine", "held": True, "figure_minor": state.sale.tender_minor if state.sale else 0}


def _claim(rules: Rules, state: State) -> Parts:
    sale = state.ended
    if sale is None:
        return {}
    params: dict[str, Value] = {
        "slip": f"{rules.kiosk}-{sale.number or 0:06d}-{sale.check}",
        "check": sale.check,
        "phone": rules.letterhead.phone,
        "card_tail": tail(sale.card),
        "printed": state.here.printed in ("printed", "assumed"),
        "printing": state.here.printing is not None,
        "printer": _paper(state),
        "disputed_minor": sale.disputed_minor,
    }
    offers = (*((Offer("receipt", "again"),) if _paper(state) and not state.here.printing else ()), Offer("slip_taken"))
    return {"place": "machine", "held": True, "figure_minor": sale.tender_minor, "params": params, "offers": offers}


def _refused(rules: Rules, state: State) -> Parts:
    reading, verdict = state.here.reading, state.here.verdict
    if reading is None or verdict is None:
        return {"params": {"why": state.here.failed or "unreadable"}, "offers": (Offer("cancel"),)}
    why = (
        state.here.refused
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
    "insert": _insert,
    "still": _still,
    "writing": _writing,
    "done": _done,
    "unsure": _unsure,
    "interrupted": _interrupted,
    "claim": _claim,
    "refused": _refused,
    "take_card": _take_card,
}
