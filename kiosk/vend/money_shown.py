"""What the screens of money coming in are shown: notes and coins, the amount of a bank payment, and how that one fares."""

from typing import Any

from kiosk.vend import cash, paying
from kiosk.vend.facts import PriceLine
from kiosk.vend.phase import cash_works
from kiosk.vend.proof import paper_works
from kiosk.vend.rules import Rules
from kiosk.vend.state import Sale, State
from kiosk.vend.tariff import bill, to_card_minor
from kiosk.vend.view import Line, Offer, Value

Parts = dict[str, Any]


def bill_lines(lines: tuple[PriceLine, ...]) -> tuple[Line, ...]:
    """The split of a tender, for the ledger."""
    return tuple(
        Line(line.code, line.amount_minor, summed=True) if line.summed else Line(line.code, line.basis, unit="wh") for line in lines
    )


def odd_lines(sale: Sale) -> tuple[Line, ...]:
    """Notes of which nobody knows whether they fell in; what fell in beside this sale, by pieces where the value of some is not known."""
    doubt = (Line("doubt", sale.disputed_minor),) if sale.disputed_minor else ()
    if sale.beside:
        return (*doubt, Line("pieces", sale.beside, unit="count"))
    return (*doubt, Line("beside", sale.beside_minor)) if sale.beside_minor else doubt


def insert(rules: Rules, state: State) -> Parts:
    """Notes and coins."""
    sale = state.sale
    if sale is None:
        return {}
    paid = sale.tender_minor
    lines = bill(sale.quote, paid)
    soft, _ = cash.left(state)
    params: dict[str, Value] = {
        "tiles": sale.newest,
        "checking": sale.escrow.denomination if sale.escrow else None,
        "stopped": cash.stopped(rules, state),
        "beside": bool(sale.beside or sale.beside_minor),
        "refused": bool(state.here.came_back),
        "why_refused": "limit" if state.here.came_back == "inhibited" else state.here.came_back,  # the one reason to shut one note
        "more_minor": soft if cash_works(state) else 0,
        "to_card_minor": to_card_minor(lines),
        "ask_stop": state.here.asked == "stop",
        "printer": paper_works(state),
    }
    if sale.escrow:
        offers: tuple[Offer, ...] = ()
    elif not paid:
        offers = (Offer("cancel"),)
    else:
        offers = (Offer("finish"), Offer("add_more") if state.here.asked == "stop" else Offer("stop"))
    shown = (*(bill_lines(lines) if paid else ()), *odd_lines(sale))
    return {"place": "machine" if paid else "you", "figure_minor": paid, "lines": shown, "params": params, "offers": offers}


def amount(rules: Rules, state: State) -> Parts:
    """How much by bank card: the usual amounts that fit, what of the chosen one goes on the card; or digits for another one."""
    quote, cash_too = state.here.quote, (Offer("tender", "cash"),) if cash_works(state) else ()
    if state.here.asked == "other":
        least, most = paying.least_minor(rules), paying.most_minor(state)
        params: dict[str, Value] = {"typing": True, "by": "bank", "least_minor": least, "most_minor": most}
        return {"params": params, "offers": (Offer("amount", "typed"), Offer("cancel"))}
    usual, chosen = paying.presets(rules, state), paying.amount_minor(rules, state)
    offers = (*(Offer("amount", str(each)) for each in usual), Offer("amount", "other"), *cash_too, Offer("finish"), Offer("cancel"))
    lines = bill_lines(bill(quote, chosen)) if quote else ()
    return {"figure_minor": chosen, "lines": lines, "params": {"presets": usual, "by": "bank"}, "offers": offers}


REFERENCE = 6  # hex digits of an attempt's name: enough to find its rows
BANK_PLACES = {"approved": "machine", "back": "between", "silent": "between"}


def bank(rules: Rules, state: State) -> Parts:
    """Where the payment is: asked for, approved, being called off or given back, unknown, or come to nothing."""
    sale, payment, pos = state.sale, state.bank.open, state.here.pos
    if sale is None:
        return {}
    said = bank_state(state)
    reference = payment.id[:REFERENCE].upper() if payment else ""
    minor = payment.amount_minor if payment else pos.amount_minor
    cash_too = (Offer("tender", "cash"),) if cash_works(state) else ()
    offers: tuple[Offer, ...] = ()
    if said == "follow":
        offers = (Offer("cancel"),)
    elif payment is None:
        again = (Offer("tender", "bank"),) if paying.offered(rules, state) else ()
        offers = (*cash_too, Offer("cancel"), *again)
    elif said == "silent":
        offers = (*(cash_too if state.here.quote else ()), Offer("cancel"))
    return {
        "place": BANK_PLACES.get(said, "you"),
        "held": said in ("back", "silent"),
        "figure_minor": minor,
        "lines": bill_lines(bill(sale.quote, minor)) if said in ("follow", "approved") else (),
        "params": {"state": said, "prompt": pos.prompt, "reference": reference},
        "offers": offers,
    }


def bank_state(state: State) -> str:
    """While it is open: follow | off | approved | back | silent; come to nothing: declined | aborted | busy | reversed | none."""
    payment, pos = state.bank.open, state.here.pos
    match payment.stage if payment else "":
        case "requested":
            return "off" if pos.doing == "abort" else "follow"
        case "approved":
            return "back" if pos.doing == "refuse" else "approved"
        case "unknown":
            return "silent"
    return pos.said
