"""The imported rows of one kiosk as vend/explain asks for a journal's: found by an index, decoded, and hashed again.

A row's hash stands in no table: `chain` makes it again, and finds where these are not the rows that were signed.
"""

import re
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, or_, select

from kiosk.envelope import holds
from kiosk.hq.schema import BATCH, FACT, HEAD, KIOSK, SALE
from kiosk.hq.settlement.chain import Chain, Damaged, lines_of
from kiosk.hq.settlement.sources import decoded
from kiosk.vend.evidence import PREFIX, NotGenuine, decode
from kiosk.vend.explain.lookup import Found, NoCase, find
from kiosk.vend.facts import Row
from kiosk.vend.rows import Recorded

LAST_ROW = (1 << 53) - 1
PAPER_NUMBER = re.compile(r"[A-Z0-9.]+-\d{6,10}(-[0-9A-F]{2})?")
CARD_DIGITS = re.compile(r"[0-9a-f]{4,16}")

__all__ = ["Case", "Damaged", "History", "explained"]


class History:
    """Implements vend/explain's `Rows` over one kiosk's imported rows. Raises Damaged."""

    def __init__(self, connection: Connection, kiosk: str) -> None:
        self._connection, self.kiosk = connection, kiosk
        asked = select(KIOSK.c.no, KIOSK.c.sign, HEAD.c.store).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no)
        row = connection.execute(asked.where(KIOSK.c.id == kiosk)).first()
        self._no: int = row.no if row else 0
        self._chain = Chain(connection, self._no, kiosk, row.store if row else "")
        self.holds: Callable[[str, bytes, bytes], bool] = partial(holds, bytes(row.sign)) if row else lambda *_: False

    def rows(self, first: int = 1, last: int = LAST_ROW) -> Iterator[Recorded]:
        """From row to row, read a batch at a time."""
        ledger = select(BATCH.c.first, BATCH.c.last).where(BATCH.c.kiosk_no == self._no, BATCH.c.last >= first, BATCH.c.first <= last)
        for begin, end in self._connection.execute(ledger.order_by(BATCH.c.seq)).all():
            yield from self._read(FACT.c.seq.between(max(begin, first), min(end, last)))

    def sought(self, text: str = "", sales: Collection[str] = ()) -> Iterator[Recorded]:
        """Rows of these sales, and rows whose body says `text`. A whole serial is found by its index."""
        wanted: list[ColumnElement[bool]] = [FACT.c.sale.in_(list(sales))] if sales else []
        if len(text) == 16 and text.isalnum():
            wanted.append(FACT.c.card == text)
        elif text:
            wanted.append(FACT.c.body.contains(text, autoescape=True))
        return self._read(or_(*wanted)) if wanted else iter(())

    def _read(self, wanted: ColumnElement[bool]) -> Iterator[Recorded]:
        asked = lines_of(self._no).where(wanted).order_by(FACT.c.seq)
        for row in self._connection.execute(asked).all():
            fact = decoded(row.sale, row.name, row.v, row.body)
            if fact is not None:
                stamp = Row(row.seq, row.at_ms, row.boot, row.mono_ms, self._chain.hash(row.seq))
                yield Recorded(stamp, fact, row.sale)


class Case(NamedTuple):
    """What one kiosk's rows say of what was asked; `zone` and money are its last sale's."""

    kiosk: str
    found: Found
    zone: str
    exponent: int


def explained(connection: Connection, asked: str) -> list[Case]:
    """A sale, a paper or a card, over everything imported: a paper at its own kiosk, a card wherever it was. Raises NoCase, Damaged."""
    text = asked.strip()
    cases, why = [], NoCase("")
    for kiosk in _where(connection, text):
        history = History(connection, kiosk)
        try:
            found = find(history, text, kiosk, history.holds)
        except NoCase as error:
            why = error
            continue
        cases.append(Case(kiosk, found, *_zone(connection, kiosk)))
    if not cases:
        raise why if str(why) else NoCase("No kiosk of this office has rows about that.")
    return cases


def _where(connection: Connection, text: str) -> list[str]:
    """The kiosks that can know: who printed it, or whose rows name the sale or the card."""
    names = list(connection.execute(select(KIOSK.c.id).where(KIOSK.c.no != 0).order_by(KIOSK.c.id)).scalars())
    if text.startswith(PREFIX):
        try:
            return [name for name in names if name == decode(text)[0].kiosk]
        except NotGenuine as error:
            raise NoCase(str(error)) from None
    if PAPER_NUMBER.fullmatch(text.upper()):
        return [name for name in names if text.upper().rpartition("-")[0].upper().startswith(name.upper())]
    tail = text.lower().removeprefix("..")
    if not CARD_DIGITS.fullmatch(tail):
        raise NoCase("Ask for a sale (16 hex digits), a paper (K07-000123-9F or K1:...) or a card (its serial or its last four digits).")
    whole = len(tail) == 16
    of_card = FACT.c.card == tail if whole else FACT.c.card.endswith(tail, autoescape=True)
    kiosks = set(connection.execute(select(FACT.c.kiosk_no).where(of_card).distinct()).scalars())
    if whole:
        kiosks |= set(connection.execute(select(SALE.c.kiosk_no).where(SALE.c.sale == tail)).scalars())
        kiosks = kiosks or set(connection.execute(select(FACT.c.kiosk_no).where(FACT.c.sale == tail).distinct()).scalars())
    return list(connection.execute(select(KIOSK.c.id).where(KIOSK.c.no.in_(kiosks)).order_by(KIOSK.c.id)).scalars())


def _zone(connection: Connection, kiosk: str) -> tuple[str, int]:
    asked = select(SALE.c.zone, SALE.c.exponent).join(KIOSK, KIOSK.c.no == SALE.c.kiosk_no).where(KIOSK.c.id == kiosk)
    row = connection.execute(asked.order_by(SALE.c.seq.desc()).limit(1)).first()
    return (row.zone, row.exponent) if row else ("+0000", 2)
