"""Faults of money, planted in the product one at a time, each as a small patch. Every oracle whose world can meet one must find it.

    FAULTS["note x10"].patch(monkeypatch)

The tests beside the oracles (`test_planted.py` in tests/sale, tests/tears, tests/kill, tests/demo and tests/simulation) live through a
story or worlds that meet the fault, with it and without it. docs/proof.md has the table of faults and of the proofs that find them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from kiosk.hq.report import selling
from kiosk.vend import cash, landing
from kiosk.vend import facts as f
from kiosk.vend import seen as s
from kiosk.vend.paper import day
from kiosk.vend.paper.recharge import recharge
from kiosk.vend.paper.values import Pair, Paper, Row, Said


class Fault(NamedTuple):
    """What is wrong, and the patch that makes it so."""

    what: str
    patch: Callable[[pytest.MonkeyPatch], None]


Heard = tuple[f.Fact, ...]


def _note_x10(mp: pytest.MonkeyPatch) -> None:
    heard = cash.heard

    def ten_times(rules: Any, state: Any, seen: s.Seen, now: Any) -> Heard:
        if isinstance(seen, s.NoteHeld | s.NoteIn) and seen.denomination == 10_00:
            seen = replace(seen, denomination=100_00)
        return heard(rules, state, seen, now)

    mp.setattr(cash, "heard", ten_times)


def _coins_swapped(mp: pytest.MonkeyPatch) -> None:
    heard, other = cash.heard, {50: 1_00, 1_00: 50}

    def swapped(rules: Any, state: Any, seen: s.Seen, now: Any) -> Heard:
        if isinstance(seen, s.CoinIn):
            seen = replace(seen, denomination=other.get(seen.denomination, seen.denomination))
        return heard(rules, state, seen, now)

    mp.setattr(cash, "heard", swapped)


def _quoted(mp: pytest.MonkeyPatch, **terms: object) -> None:
    quoted = landing.quoted
    mp.setattr(landing, "quoted", lambda *given: replace(quoted(*given), **terms))


def _no_fee(mp: pytest.MonkeyPatch) -> None:
    _quoted(mp, fixed_fee_minor=0)


def _another_price(mp: pytest.MonkeyPatch) -> None:
    _quoted(mp, price="0.5900")


def _debt_twice(mp: pytest.MonkeyPatch) -> None:
    quoted = landing.quoted
    mp.setattr(landing, "quoted", lambda rules, state, *rest: quoted(rules, replace(state, debts_paid={}), *rest))


def _another_receipt(mp: pytest.MonkeyPatch) -> None:
    def more(closed: f.SaleClosed, *given: Any, **named: Any) -> Paper:
        lines = tuple(replace(line, amount_minor=line.amount_minor + (line.code == "to_card") * 1_00) for line in closed.lines)
        paper = recharge(replace(closed, lines=lines), *given, **named)
        return replace(paper, evidence=recharge(closed, *given, **named).evidence)

    mp.setattr("kiosk.vend.papers.recharge", more)


def _another_code(mp: pytest.MonkeyPatch) -> None:
    def more(*given: Any, **named: Any) -> Paper:
        paper = recharge(*given, **named)
        assert paper.evidence
        return replace(paper, evidence=replace(paper.evidence, amount_minor=paper.evidence.amount_minor + 1_00))

    mp.setattr("kiosk.vend.papers.recharge", more)


def _no_fees_in_the_day(mp: pytest.MonkeyPatch) -> None:
    rows = day._rows

    def without(*given: Any) -> tuple[Row, ...]:
        return tuple(row for row in rows(*given) if not (isinstance(row, Pair) and row.label == Said("paper.day.fees")))

    mp.setattr(day, "_rows", without)


def _no_line_in_the_office(mp: pytest.MonkeyPatch) -> None:
    made = selling._book

    def without(*given: Any) -> selling.Book:
        book = made(*given)
        return replace(book, lines=book.lines[1:])

    mp.setattr(selling, "_book", without)


FAULTS: dict[str, Fault] = {
    "note x10": Fault("a note of 10.00 is credited as 100.00", _note_x10),
    "coins swapped": Fault("a coin of 1.00 is credited as 0.50, and one of 0.50 as 1.00", _coins_swapped),
    "no fee": Fault("the fee is not taken", _no_fee),
    "debt twice": Fault("an old debt that was paid is taken again", _debt_twice),
    "price": Fault("the price of one kWh is a cent too high", _another_price),
    "receipt": Fault("the receipt says 1.00 more than was credited", _another_receipt),
    "signed code": Fault("the receipt's signed code says 1.00 more than was credited", _another_code),
    "day report": Fault("the kiosk's day report leaves out the line of the fees", _no_fees_in_the_day),
    "selling report": Fault("the office's selling report leaves out its first line", _no_line_in_the_office),
}
