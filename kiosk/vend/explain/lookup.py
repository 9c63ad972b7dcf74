"""SALE, SLIP or CARD, as people type it -> the rows that tell the case. Two passes over the journal, whatever its length.

SALE   16 hex digits
SLIP   a paper's number, K07-000123, on a slip with its check, K07-000123-9F; or the text of its QR, K1:...
CARD   a serial of 16 hex digits, or its last four and more, ..7730
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Protocol

import msgspec

from kiosk.vend import evidence
from kiosk.vend import facts as f
from kiosk.vend.bank import PosRequested
from kiosk.vend.rows import Recorded

SALE_HEX = 16
_SLIP = re.compile(r"(?P<kiosk>[A-Z0-9.]+)-(?P<number>\d{6,10})(?:-(?P<check>[0-9A-F]{2}))?")
_CARD = re.compile(r"(?:\.\.)?(?P<tail>[0-9a-f]{4,16})")

Holds = Callable[[str, bytes, bytes], bool]
"""(label, data, signature) -> whether the station's key made it."""


class Rows(Protocol):
    """What is asked of a journal."""

    def rows(self, first: int = ..., last: int = ...) -> Iterator[Recorded]:
        """From row to row."""

    def sought(self, text: str = ..., sales: Collection[str] = ...) -> Iterator[Recorded]:
        """Rows of these sales, and rows whose body says `text`."""


class NoCase(ValueError):
    """Nothing is found, or not one thing. The message is one sentence for whoever asked."""


class Found(msgspec.Struct, frozen=True):
    """The sales that were asked for, newest first, their rows, and the card where that was asked for."""

    sales: tuple[str, ...]
    rows: tuple[Recorded, ...]
    card: str = ""


def find(journal: Rows, asked: str, kiosk: str, holds: Holds) -> Found:
    """The case. Raises NoCase."""
    text = asked.strip()
    if text.startswith(evidence.PREFIX):
        return _by_code(journal, text, kiosk, holds)
    if slip := _SLIP.fullmatch(text.upper()):
        return _by_number(journal, slip, kiosk)
    if card := _CARD.fullmatch(text.lower()):
        tail = card["tail"]
        found = gather(journal, (tail,)) if len(tail) == SALE_HEX else ()
        return Found((tail,), found) if found else _by_card(journal, tail)
    raise NoCase("Ask for a sale (16 hex digits), a paper (K07-000123-9F or K1:...) or a card (its serial or its last four digits).")


def gather(journal: Rows, sales: Collection[str]) -> tuple[Recorded, ...]:
    """All rows that `telling.story` needs for these sales of one card; () where there is none."""
    own = list(journal.sought(sales=sales))
    cards = {recorded.fact.card for recorded in own if isinstance(recorded.fact, f.SaleOpened)}
    attempts = {recorded.fact.payment for recorded in own if isinstance(recorded.fact, PosRequested)}
    named = (*cards, *attempts)
    return _joined(own, *(journal.sought(name) for name in named), _meanwhile(journal, own)) if cards else ()


def _joined(*parts: Iterable[Recorded]) -> tuple[Recorded, ...]:
    by_seq = {recorded.row.seq: recorded for part in parts for recorded in part}
    return tuple(by_seq[seq] for seq in sorted(by_seq))


def _meanwhile(journal: Rows, own: list[Recorded]) -> Iterator[Recorded]:
    """The machine's rows while each of these sales was open, and from its end up to the next one: what is found in the box then."""
    opened = {r.sale: r.row.seq for r in own if isinstance(r.fact, f.SaleOpened)}
    closed = {r.sale: r.row.seq for r in own if isinstance(r.fact, f.SaleClosed)}
    for sale, first in opened.items():
        for recorded in journal.rows(max(first - 1, 1)):
            yield recorded
            if sale in closed and recorded.row.seq > closed[sale] and isinstance(recorded.fact, f.SaleOpened):
                break


# ---------------------------------------------------------------- papers


def _by_number(journal: Rows, slip: re.Match[str], kiosk: str) -> Found:
    number, check = int(slip["number"]), slip["check"]
    if slip["kiosk"] != kiosk.upper():
        raise NoCase(f"That paper is of kiosk {slip['kiosk']}; this is {kiosk}.")
    papers = list(_papers(journal, number))
    checks = {paper.row.hash[:2].upper() for paper in papers if isinstance(paper.fact, f.ClaimIssued)}
    if not papers:
        raise NoCase(f"This kiosk has given no paper the number {number}.")
    if check and not checks:
        raise NoCase(f"Paper {number} is a receipt, and a receipt's number has no check: the number is not as it was printed.")
    if check and check not in checks:
        raise NoCase("The check does not fit the number: it was misread, or this machine did not print that slip.")
    return _of_paper(journal, papers[0])


def _papers(journal: Rows, number: int) -> Iterator[Recorded]:
    """Rows that give a sale this number."""
    for recorded in journal.sought(f'"number":{number},'):
        if isinstance(recorded.fact, f.PrintStarted | f.ReceiptOffered | f.ClaimIssued) and recorded.fact.number == number:
            yield recorded


def _of_paper(journal: Rows, paper: Recorded) -> Found:
    sale = paper.sale or ""
    return Found((sale,), gather(journal, (sale,)))


def _by_code(journal: Rows, text: str, kiosk: str, holds: Holds) -> Found:
    """The code proves itself; then the journal has to say the same."""
    try:
        said = evidence.decode(text)[0]
        if said.kiosk != kiosk:
            raise NoCase(f"That code is of kiosk {said.kiosk}; this is {kiosk}.")
        said = evidence.verify(text, holds)
    except evidence.NotGenuine as why:
        raise NoCase(str(why)) from None
    papers = list(_papers(journal, said.number))
    found = _of_paper(journal, papers[0]) if papers else Found((), ())
    if not _agrees(found, said):
        raise NoCase("The code is genuine, and the journal does not say the same: rows are lost, or this journal is an older copy.")
    return found


def _agrees(found: Found, said: evidence.Evidence) -> bool:
    for recorded in found.rows:
        fact = recorded.fact
        if isinstance(fact, f.SaleOpened) and recorded.sale in found.sales:
            sale = said.sale or fact.sale
            return (fact.sale, fact.meter, fact.n, fact.card[-len(said.card_tail) :]) == (sale, said.meter, said.n, said.card_tail)
    return False


# ---------------------------------------------------------------- a card


def _by_card(journal: Rows, tail: str) -> Found:
    seen = [r for r in journal.sought(tail + '"') if _card_of(r.fact).endswith(tail)]
    cards = sorted({_card_of(recorded.fact) for recorded in seen})
    if not cards:
        raise NoCase("No sale and no card of that name was ever seen here.")
    if len(cards) > 1:
        raise NoCase(f"{len(cards)} cards end in {tail}: ask with more of the serial's digits.")
    sales = [r.fact.sale for r in seen if isinstance(r.fact, f.SaleOpened)]
    rows = gather(journal, sales) if sales else tuple(seen)
    return Found(tuple(reversed(sales)), rows, cards[0])


def _card_of(fact: f.Fact) -> str:
    return fact.card if isinstance(fact, f.CardPresented | f.SaleOpened | f.ForeignSaleFinished) else ""
