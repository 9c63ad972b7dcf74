"""Which paper a PrintStarted is about: from the sale as it ended to the values of its receipt or slip."""

from kiosk.vend import facts
from kiosk.vend.paper.blocked import blocked
from kiosk.vend.paper.claim import claim
from kiosk.vend.paper.recharge import recharge
from kiosk.vend.paper.values import Paper
from kiosk.vend.passing import CardNamed
from kiosk.vend.rules import Rules
from kiosk.vend.state import Sale


def paper_of(rules: Rules, sale: Sale, job: facts.PrintStarted) -> Paper:
    """The paper, in the language that the fact names."""
    return (claim_paper if job.paper == "claim" else recharge_paper)(rules, sale, job, sale.closed_ms)


def blocked_paper(rules: Rules, named: CardNamed, job: facts.PrintStarted) -> Paper:
    """The slip of a card of the hotlist."""
    return blocked(
        named.card,
        rules.letterhead.spoken(job.language or rules.language),
        kiosk=rules.kiosk,
        at_ms=named.at_ms,
        zone=rules.offset(named.at_ms),
        exponent=rules.currency.exponent,
        language=job.language or rules.language,
    )


def recharge_paper(rules: Rules, sale: Sale, job: facts.PrintStarted, at_ms: int) -> Paper:
    """The receipt that PrintStarted is about."""
    if sale.closed is None:
        raise ValueError("a sale that is not closed has no receipt")
    return recharge(
        sale.closed,
        sale.quote,
        rules.letterhead.spoken(job.language or rules.language),
        kiosk=rules.kiosk,
        number=job.number,
        at_ms=at_ms,
        copy=job.copy,
        language=job.language or rules.language,
        customer_tail=sale.customer_tail,
        disputed_minor=sale.disputed_minor,
        payment=sale.payment,
        branch=sale.branch,
    )


def claim_paper(rules: Rules, sale: Sale, job: facts.PrintStarted, at_ms: int) -> Paper:
    """The slip that PrintStarted is about: the same for every copy, so its time is the claim's where that is known."""
    tag = sale.record.tag if sale.record else None
    return claim(
        facts.ClaimIssued(sale.id, job.number, sale.card, sale.meter, sale.n, sale.tender_minor, tag, ""),
        sale.tenders,
        rules.letterhead.spoken(job.language or rules.language),
        kiosk=rules.kiosk,
        at_ms=sale.claim_ms or at_ms,
        zone=rules.offset(sale.claim_ms or at_ms),
        seq=sale.claim_seq,
        head=sale.claim_head,
        restored=sale.restored,
        exponent=sale.quote.exponent,
        copy=job.copy,
        language=job.language or rules.language,
        disputed_minor=sale.disputed_minor,
    )
