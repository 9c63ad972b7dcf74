"""The receipt of a sale that landed."""

from kiosk.vend import damm, facts
from kiosk.vend.bank import Payment
from kiosk.vend.evidence import RECEIPT, Evidence
from kiosk.vend.paper.values import (
    Amount,
    Centred,
    Clock,
    Code,
    Day,
    Energy,
    Money,
    Note,
    Pair,
    Paper,
    PaperNumber,
    Pieces,
    Rate,
    Row,
    Rule,
    Said,
    Tail,
    Title,
    Value,
    card_tail,
    disputed,
    masked,
)
from kiosk.vend.rules import Letterhead

NARROW = 32  # columns of the narrow roll
CUSTOMER_DOTS = 6  # so that with a name behind it the number fits the narrow roll


def recharge(
    closed: facts.SaleClosed,
    quote: facts.Quote,
    letterhead: Letterhead,
    *,
    kiosk: str,
    number: int,
    at_ms: int,
    offline: bool = True,
    copy: int = 0,
    language: str = "en",
    customer_tail: str = "",
    name: str = "",
    disputed_minor: int = 0,
    payment: Payment | None = None,
    branch: bool = False,
) -> Paper:
    """The receipt of a sale that landed. Its summed lines add up to the tender; the others are notes between them.

    `customer_tail`: last digits of the customer number; `name` comes masked from head office (`A*** K***`), or not at all.
    `disputed_minor`: notes of which nobody knows yet where they are. `payment`: by bank card; the terminal's own lines end the paper.
    `branch`: drawn by chance to show the card at the office.
    """
    rows: list[Row] = [
        Centred(letterhead.utility),
        Centred(Said("paper.tax_number", {"number": letterhead.tax_number})),
        Title(Said("paper.recharge.title")),
        Centred(Said("paper.recharge.not_invoice")),
        Rule(),
        Pair(Said("paper.recharge.number", {"number": PaperNumber()}), Said("paper.offline") if offline else ""),
        Pair(Day(at_ms), Clock(at_ms)),
        *([Pair(Said("paper.customer_of", {"tail": Tail(customer_tail, CUSTOMER_DOTS)}), name)] if customer_tail else []),
        Pair(Said("paper.meter_of", {"tail": masked(closed.meter)}), Said("paper.card_of", {"tail": card_tail(closed.card)})),
        Rule(),
        *_tendered(closed.tenders),
        *(_paid_by(payment) if payment else ()),
        *(row for line in closed.lines for row in _price_rows(line)),
        Rule(heavy=True),
        Pair(Said("paper.purchase"), damm.purchase_number(closed.n)),
        *_new_balance(quote, closed),
        Pair(Said("paper.tariff"), closed.tariff),
        Rule(),
        *disputed(disputed_minor),
        *([Note(Said("paper.recharge.branch"))] if branch else []),
        Note(Said("paper.recharge.put_in_meter")),
        Note(Said("paper.recharge.wait_for_ok")),
        Note(Said("paper.no_change")),
        Code(),
        Pair(Said("paper.help"), letterhead.phone),
        *([Centred(letterhead.footer)] if letterhead.footer else []),
        *_of_terminal(payment.lines if payment else ()),
    ]
    evidence = Evidence(
        RECEIPT, kiosk, number, closed.credit_minor, closed.card[-4:], closed.meter, closed.n, closed.tag or "", at_ms // 1000
    )
    return Paper("recharge", number, kiosk, at_ms, closed.zone, tuple(rows), copy, "", closed.exponent, language, evidence=evidence)


def _tendered(tenders: tuple[facts.Tender, ...]) -> list[Row]:
    """One row a device, the largest pieces first."""
    rows: list[Row] = []
    for device in dict.fromkeys(tender.device for tender in tenders):
        items = sorted(((t.denomination, t.pieces) for t in tenders if t.device == device), reverse=True)
        total = Money(sum(denomination * pieces for denomination, pieces in items))
        rows.append(Pair(Said(f"paper.tender.{device}", {"pieces": Pieces(tuple(items))}), total))
    return rows


def _paid_by(payment: Payment) -> tuple[Row, ...]:
    """What the bank calls it: by that its holder finds it on the account."""
    known = (("card", Tail(payment.tail, 2) if payment.tail else ""), ("approval", payment.approval), ("receipt", payment.receipt))
    return tuple(Pair(Said(f"paper.bank.{key}"), value) for key, value in known if value)


def _of_terminal(lines: tuple[str, ...]) -> list[Row]:
    """The customer's receipt as the terminal words it."""
    rows: list[Row] = [Centred(line[:NARROW]) for line in lines]
    return [Rule(), *rows] if rows else []


def _price_rows(line: facts.PriceLine) -> list[Row]:
    """One price line. Energy that does not count in the sum is said without an amount: whoever adds up the column gets the tender."""
    match line.code:
        case "to_card":
            return [Amount(Said("paper.line.to_card"), Money(line.amount_minor))]
        case "energy":
            said: dict[str, Value] = {"energy": Energy(line.basis), "price": Rate(line.rate)}
            return [
                Pair(Said("paper.line.energy", said), Money(line.amount_minor)) if line.summed else Note(Said("paper.line.about", said))
            ]
        case "old_debt" if line.left_minor is not None:
            return [Pair(Said("paper.line.old_debt_left", {"left": Money(line.left_minor)}), Money(line.amount_minor))]
        case code:
            return [Pair(Said(f"paper.line.{code}", {"rate": Rate(line.rate)} if line.rate else {}), Money(line.amount_minor))]


def _new_balance(quote: facts.Quote, closed: facts.SaleClosed) -> list[Row]:
    """What the meter will show, where it said what was left in it."""
    if quote.balance_minor is None:
        return []
    label = Said("paper.new_balance", {"before": Money(quote.balance_minor), "added": Money(closed.credit_minor)})
    return [Pair(label, Money(quote.balance_minor + closed.credit_minor))]
