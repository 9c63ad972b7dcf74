"""The five papers of an invented machine: what translators and technicians look at, and what the tests hold against the drawings.

Their codes are signed with a key that everybody has (RFC 8032, 7.1, test 1): no kiosk's public key calls them genuine.
"""

from kiosk import envelope
from kiosk.vend import facts
from kiosk.vend.paper.box import box_slip
from kiosk.vend.paper.claim import claim
from kiosk.vend.paper.day import day_report
from kiosk.vend.paper.recharge import recharge
from kiosk.vend.paper.values import Paper, signed
from kiosk.vend.rules import Letterhead
from kiosk.vend.totals import BoxCount, DayTotals, Given, Odd, Taken

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC_KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
KIOSK, ZONE = "K07", "+0800"
AT_MS = 1793687580000  # 3 Nov 2026 14:33 +0800
CARD, METER, CUSTOMER_TAIL, NAME = "1122334455667730", "314159264821", "4410", "A*** K***"
HEAD = "9f3ac07712e4d865" * 4
SALE, TAG, N = "5a1e" * 4, "a1b2c3d4", 18

QUOTE = facts.Quote("CNY", 2, "R1 v12", "0.6200", 500, 500, 35000, "hoard", 100000, 1240, "2026-11-02 08:15")
NOTES = (facts.Tender("notes", 5000, 1), facts.Tender("notes", 10000, 1))
NOTES_AND_COINS = (facts.Tender("coins", 100, 10), facts.Tender("notes", 10000, 1), facts.Tender("notes", 2000, 2))
ENERGY_CARD = (
    facts.PriceLine("fixed_fee", 500, summed=True),
    facts.PriceLine("old_debt", 500, summed=True, left_minor=0),
    facts.PriceLine("energy", 11400, summed=True, basis=200000, rate="0.5700"),
    facts.PriceLine("energy", 2600, summed=True, basis=41930, rate="0.6200"),
    facts.PriceLine("to_card", 14000, summed=False),
    facts.PriceLine("tax", 1611, summed=False, rate="13"),
)
MONEY_CARD = (
    facts.PriceLine("fixed_fee", 500, summed=True),
    facts.PriceLine("old_debt", 500, summed=True, left_minor=0),
    facts.PriceLine("to_card", 14000, summed=True),
    facts.PriceLine("energy", 14000, summed=False, basis=225800, rate="0.6200"),
)
BOX = BoxCount(
    session=31,
    in_ms=AT_MS - (7 * 24 * 60 + 6 * 60 + 23) * 60_000,
    out_ms=AT_MS + 29 * 60_000,
    pieces=(
        facts.Tender("notes", 10000, 21),
        facts.Tender("notes", 5000, 33),
        facts.Tender("notes", 2000, 24),
        facts.Tender("notes", 1000, 9),
        facts.Tender("coins", 100, 30),
    ),
    given=Given(credit_minor=402500, fees_minor=12000, debt_minor=5500, claims=1, claims_minor=15000),
    odd=Odd(),
    unended_minor=0,
    seq=48213,
    seal="7C1E-90A4",
    operators=("014", "022"),
    bag="B0048812",
)
DAY = DayTotals(
    date="2026-11-03",
    first_seq=48013,
    last_seq=48377,
    seal="02D9-11BC",
    sales=41,
    taken=(Taken("notes", 41, 187000), Taken("coins", 30, 3000), Taken("bank", 6, 60000), Taken("codes", 3, 30000)),
    given=Given(40, 247500, 12000, 5500, 4291300, 1, 15000),
    odd=Odd(),
    refused_cards=1,
    refused_notes=1,
    float_minor=720000,
    unsent_minor=231000,
)


def closed(lines: tuple[facts.PriceLine, ...] = MONEY_CARD, tenders: tuple[facts.Tender, ...] = NOTES, n: int = N) -> facts.SaleClosed:
    """A sale that landed, with these lines and this money."""
    return facts.SaleClosed(
        sale=SALE,
        outcome="landed",
        card=CARD,
        meter=METER,
        n=n,
        tenders=tenders,
        tender_minor=sum(tender.denomination * tender.pieces for tender in tenders),
        approval=None,
        lines=lines,
        currency="CNY",
        exponent=2,
        credit_minor=sum(line.amount_minor for line in lines if line.code == "to_card"),
        credit_wh=sum(line.basis for line in lines if line.code == "energy"),
        claim_minor=0,
        tag=TAG,
        tariff=QUOTE.tariff,
        key_generation=7,
        float_minor=None,
        business_date="2026-11-03",
        zone=ZONE,
        number=122,
        opened_ms=AT_MS - 60000,
    )


def _recharge(language: str) -> Paper:
    head = Letterhead()
    sale = closed(ENERGY_CARD)
    return recharge(sale, QUOTE, head, kiosk=KIOSK, number=122, at_ms=AT_MS, language=language, customer_tail=CUSTOMER_TAIL, name=NAME)


def _copy(language: str) -> Paper:
    """Of a card that the meter prices; paid with notes and coins."""
    head = Letterhead()
    sale = closed(MONEY_CARD, NOTES_AND_COINS)
    return recharge(
        sale, QUOTE, head, kiosk=KIOSK, number=122, at_ms=AT_MS, copy=1, language=language, customer_tail=CUSTOMER_TAIL, name=NAME
    )


def _claim(language: str) -> Paper:
    issued = facts.ClaimIssued(SALE, 123, CARD, METER, N, 15000, TAG, "gone")
    at_ms = AT_MS + 3 * 60_000
    return claim(issued, NOTES, Letterhead(), kiosk=KIOSK, at_ms=at_ms, zone=ZONE, seq=4711, head=HEAD, language=language)


def _box(language: str) -> Paper:
    return box_slip(BOX, kiosk=KIOSK, printed_ms=AT_MS, zone=ZONE, exponent=2, language=language)


def _day(language: str) -> Paper:
    printed_ms = AT_MS + (3 * 60 + 27) * 60_000
    return day_report(DAY, kiosk=KIOSK, day_ms=AT_MS, printed_ms=printed_ms, zone=ZONE, exponent=2, language=language)


KINDS = {"recharge": _recharge, "copy": _copy, "claim": _claim, "box": _box, "day": _day}


def sample(kind: str, language: str) -> Paper:
    """One of the five, signed where it carries a code."""
    return signed(KINDS[kind](language), lambda label, data: envelope.sign(SEED, label, data))
