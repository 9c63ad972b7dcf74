"""The slip of a claim: the customer's proof of money that is not on the card yet."""

from kiosk.vend import damm, facts
from kiosk.vend.evidence import BANK, CASH, CODE, RESTORED, SLIP, Evidence
from kiosk.vend.paper.values import (
    Amount,
    Centred,
    Clock,
    Code,
    Day,
    Money,
    Note,
    Pair,
    Paper,
    PaperNumber,
    Row,
    Rule,
    Said,
    Title,
    card_tail,
    disputed,
    masked,
)
from kiosk.vend.rules import Letterhead


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
    copy: int = 0,
    language: str = "en",
    disputed_minor: int = 0,
    restored: bool = False,
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
        *disputed(disputed_minor),
        *([Note(Said("paper.claim.restored"))] if restored else []),
        Note(Said("paper.claim.first_way", {"card": tail})),
        Note(Said("paper.claim.second_way")),
        Note(Said("paper.claim.not_cash")),
        Code(),
        Pair(Said("paper.help"), letterhead.phone),
        *([Centred(letterhead.footer)] if letterhead.footer else []),
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
        tender=(CODE if "codes" in devices else BANK if "bank" in devices else CASH) | (RESTORED if restored else 0),
        sale=issued.sale,
        seq=seq,
        head=head[:16],
    )
    check = head[:2].upper()
    return Paper("claim", issued.number, kiosk, at_ms, zone, tuple(rows), copy, check, exponent, language, evidence=evidence)
