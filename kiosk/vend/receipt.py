"""Papers as values: what a receipt or a slip says, in order, before anyone knows how wide the paper is or in which language it speaks.

A `Paper` is rows; a row has sentences by key and typed values, never text that was put together here. `devices/printer/layout` turns them
into lines for any row and value below, so a new kind of paper (cash box, day report) is a new builder and touches nothing else.
No full number of a person, meter or card is in a row: at most its last four digits. The signed code names the slot in full (evidence).
"""

from collections.abc import Callable

import msgspec

from kiosk.vend import damm, facts
from kiosk.vend.evidence import CASH, RECEIPT, SLIP, Evidence, encode
from kiosk.vend.rules import Letterhead

# ---------------------------------------------------------------- values


class Money(msgspec.Struct, frozen=True):
    """`150.00`: minor units of the paper's currency."""

    minor: int


class Energy(msgspec.Struct, frozen=True):
    """`241.93`: kWh, truncated to two places."""

    wh: int


class Pieces(msgspec.Struct, frozen=True):
    """`100 x 2 + 50`: (denomination in minor units, pieces), largest first."""

    items: tuple[tuple[int, int], ...]


class Tail(msgspec.Struct, frozen=True):
    """`......4410`: the last four digits of a longer number, the others as dots. Made by `masked`."""

    digits: str
    dots: int


class Day(msgspec.Struct, frozen=True):
    """`3 Nov 2026`, in the paper's zone."""

    at_ms: int


class Clock(msgspec.Struct, frozen=True):
    """`14:33 +0800`, in the paper's zone."""

    at_ms: int


class PaperNumber(msgspec.Struct, frozen=True):
    """`K07-000123`, on a slip with its check: `K07-000123-9F`."""


class Said(msgspec.Struct, frozen=True):
    """A sentence of the catalogue with values in its places."""

    key: str
    params: dict[str, "Value"] = {}


Value = Money | Energy | Pieces | Tail | Day | Clock | PaperNumber | Said | str | int


# ---------------------------------------------------------------- rows


class Title(msgspec.Struct, frozen=True):
    """Centred and bold. A copy says so under it."""

    said: Said


class Centred(msgspec.Struct, frozen=True):
    """Centred text."""

    value: Value


class Pair(msgspec.Struct, frozen=True):
    """Label left, value flush right."""

    label: Value
    value: Value


class Amount(msgspec.Struct, frozen=True):
    """The same at double height: the sum that the paper is about."""

    label: Said | None
    value: Money


class Note(msgspec.Struct, frozen=True):
    """A sentence for the customer, on as many lines as it needs."""

    said: Said


class Rule(msgspec.Struct, frozen=True):
    """A line across the paper; heavy under the sum."""

    heavy: bool = False


class Code(msgspec.Struct, frozen=True):
    """The place of the signed QR."""


Row = Title | Centred | Pair | Amount | Note | Rule | Code


class Paper(msgspec.Struct, frozen=True):
    """One paper, whole. `number` is gapless per kiosk and kept for copies; `copy` 0 is the original; `code` the QR's text once signed."""

    kind: str  # recharge | claim
    number: int
    kiosk: str
    at_ms: int
    zone: str  # "+0800"
    rows: tuple[Row, ...]
    offline: bool = True
    copy: int = 0
    check: str = ""
    exponent: int = 2
    language: str = "en"
    evidence: Evidence | None = None
    code: str = ""


def masked(number: str) -> Tail:
    """A number of which only the last four digits may be seen, at its full length."""
    return Tail(number[-4:], max(0, len(number) - 4))


def card_tail(card: str) -> Tail:
    """`..7730`: how a card is called everywhere."""
    return Tail(card[-4:], 2)


def with_code(paper: Paper, text: str) -> Paper:
    """The paper with its QR."""
    return msgspec.structs.replace(paper, code=text)


def signed(paper: Paper, sign: Callable[[str, bytes], bytes]) -> Paper:
    """The paper with the code that this station signs; `sign(label, data)` is Station.sign. A paper that proves nothing stays as it is."""
    return with_code(paper, encode(paper.evidence, sign)) if paper.evidence else paper


# ---------------------------------------------------------------- recharge


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
    customer: str = "",
    disputed_minor: int = 0,
) -> Paper:
    """The receipt of a sale that landed. Its summed lines add up to the tender; the others are notes between them.

    `customer` is the customer number from the card, masked here. `disputed_minor`: notes of which nobody knows yet where they are.
    """
    rows: list[Row] = [
        Centred(letterhead.utility),
        Centred(Said("paper.tax_number", {"number": letterhead.tax_number})),
        Title(Said("paper.recharge.title")),
        Centred(Said("paper.recharge.not_invoice")),
        Rule(),
        Pair(Said("paper.recharge.number", {"number": PaperNumber()}), Said("paper.offline") if offline else ""),
        Pair(Day(at_ms), Clock(at_ms)),
        *([Pair(Said("paper.customer_of", {"tail": masked(customer)}), "")] if customer else []),
        Pair(Said("paper.meter_of", {"tail": masked(closed.meter)}), Said("paper.card_of", {"tail": card_tail(closed.card)})),
        Rule(),
        *_tendered(closed.tenders),
        *(row for line in closed.lines for row in _price_rows(line)),
        Rule(heavy=True),
        Pair(Said("paper.purchase"), damm.purchase_number(closed.n)),
        *_new_balance(quote, closed),
        Pair(Said("paper.tariff"), closed.tariff),
        Rule(),
        *_disputed(disputed_minor),
        Note(Said("paper.recharge.put_in_meter")),
        Note(Said("paper.recharge.wait_for_ok")),
        Note(Said("paper.no_change")),
        Code(),
        Pair(Said("paper.help"), letterhead.phone),
    ]
    evidence = Evidence(
        RECEIPT, kiosk, number, closed.credit_minor, closed.card[-4:], closed.meter, closed.n, closed.tag or "", at_ms // 1000
    )
    return Paper(
        "recharge", number, kiosk, at_ms, closed.zone, tuple(rows), offline, copy, "", closed.exponent, language, evidence=evidence
    )


def _tendered(tenders: tuple[facts.Tender, ...]) -> list[Row]:
    """One row a device, the largest pieces first."""
    rows: list[Row] = []
    for device in dict.fromkeys(tender.device for tender in tenders):
        items = sorted(((t.denomination, t.pieces) for t in tenders if t.device == device), reverse=True)
        total = Money(sum(denomination * pieces for denomination, pieces in items))
        rows.append(Pair(Said(f"paper.tender.{device}", {"pieces": Pieces(tuple(items))}), total))
    return rows


def _price_rows(line: facts.PriceLine) -> list[Row]:
    """One price line. Energy that does not count in the sum is said without an amount: whoever adds up the column gets the tender."""
    match line.code:
        case "to_card":
            return [Amount(Said("paper.line.to_card"), Money(line.amount_minor))]
        case "energy":
            said: dict[str, Value] = {"energy": Energy(line.basis), "price": line.rate}
            return [
                Pair(Said("paper.line.energy", said), Money(line.amount_minor)) if line.summed else Note(Said("paper.line.about", said))
            ]
        case "old_debt" if line.left_minor is not None:
            return [Pair(Said("paper.line.old_debt_left", {"left": Money(line.left_minor)}), Money(line.amount_minor))]
        case code:
            return [Pair(Said(f"paper.line.{code}", {"rate": line.rate}), Money(line.amount_minor))]


def _new_balance(quote: facts.Quote, closed: facts.SaleClosed) -> list[Row]:
    """What the meter will show, where it said what was left in it."""
    if quote.balance_minor is None:
        return []
    label = Said("paper.new_balance", {"before": Money(quote.balance_minor), "added": Money(closed.credit_minor)})
    return [Pair(label, Money(quote.balance_minor + closed.credit_minor))]


def _disputed(amount_minor: int) -> list[Row]:
    return [Note(Said("paper.disputed", {"amount": Money(amount_minor)}))] if amount_minor else []


# ---------------------------------------------------------------- claim


def claim(
    issued: facts.ClaimIssued,
    tenders: tuple[facts.Tender, ...],
    letterhead: Letterhead,
    *,
    kiosk: str,
    at_ms: int,
    zone: str,
    seq: int,
    head: str,
    exponent: int = 2,
    offline: bool = True,
    copy: int = 0,
    language: str = "en",
    disputed_minor: int = 0,
) -> Paper:
    """The slip of a claim. `seq` and `head` (hex) are ClaimIssued's journal row and hash; the slip's check is the hash's first byte."""
    tail = card_tail(issued.card)
    devices = dict.fromkeys(tender.device for tender in tenders)
    rows: list[Row] = [
        Centred(letterhead.utility),
        Title(Said("paper.claim.title")),
        Rule(heavy=True),
        Note(Said("paper.claim.safe")),
        Amount(None, Money(issued.amount_minor)),
        Note(Said("paper.claim.not_yet")),
        Rule(heavy=True),
        Pair(Said("paper.claim.number"), PaperNumber()),
        Pair(Day(at_ms), Clock(at_ms)),
        Pair(Said("paper.claim.only_card"), tail),
        Pair(Said("paper.meter"), masked(issued.meter)),
        Pair(Said("paper.purchase"), damm.purchase_number(issued.n)),
        *([Pair(Said("paper.claim.paid_by"), Said("paper.claim.by_" + "_".join(sorted(devices, reverse=True))))] if devices else []),
        Rule(),
        *_disputed(disputed_minor),
        Note(Said("paper.claim.first_way", {"card": tail})),
        Note(Said("paper.claim.second_way")),
        Note(Said("paper.claim.not_cash")),
        Code(),
        Pair(Said("paper.help"), letterhead.phone),
    ]
    evidence = Evidence(
        kind=SLIP,
        kiosk=kiosk,
        number=issued.number,
        amount_minor=issued.amount_minor,
        card_tail=issued.card[-4:],
        meter=issued.meter,
        n=issued.n,
        tag=issued.tag or "",
        time_s=at_ms // 1000,
        tender=CASH,
        sale=issued.sale,
        seq=seq,
        head=head[:16],
    )
    check = head[:2].upper()
    return Paper("claim", issued.number, kiosk, at_ms, zone, tuple(rows), offline, copy, check, exponent, language, evidence=evidence)
