"""Bugs planted in the office's memory: what it settles without proof, and what it forgets when it is put back."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from kiosk.hq.copies import reported
from kiosk.hq.orders import record
from kiosk.hq.settlement import cases, known
from kiosk.hq.settlement.known import Home, Known, Told
from kiosk.vend.slot import Shown


def _up(mp: pytest.MonkeyPatch, gone: Callable[[Known, str, int], bool]) -> None:
    """A value goes up one slot where this says that another record took its own."""
    home = Known.home
    nothing = Told(Shown("", "", 0, 0, None, None, fits=False), "nothing")

    def one_up(self: Known, value: str, first: int) -> Home:
        found = home(self, value, first)
        return found if found.proofs or not gone(self, value, first) else Home(first + 1, (nothing,))

    mp.setattr(Known, "home", one_up)


def proof_by_absence(mp: pytest.MonkeyPatch) -> None:
    _up(mp, lambda known, _value, n: not any(told.evidence.meter == known.meter and n <= 3 for told in known.told))


def proof_by_intent(mp: pytest.MonkeyPatch) -> None:
    _up(mp, lambda known, value, n: any(entry.n == n and entry.value != value for entry in known.entries))


def order_that_paid_for_nothing(mp: pytest.MonkeyPatch) -> None:
    """The record of an order that settles a sale is taken for other money than the sale."""
    money_of = known.money_of
    mp.setattr(known, "money_of", lambda orders, _coded: money_of([replace(order, settles="") for order in orders], {}))


def _not_short(mp: pytest.MonkeyPatch) -> None:
    """An office that was put back takes new payments at once."""
    mp.setattr(record, "put_back", lambda *_: None)


def orders_forgotten(mp: pytest.MonkeyPatch) -> None:
    """As it was once: a restore takes no order in, the office is not short, and what goes up goes behind all that is known here."""
    _not_short(mp)
    mp.setattr(reported, "orders", lambda *_: reported.Orders())
    case_of = cases._case

    def behind(seed: Any, known: Known, orders: Any, here: Any) -> Any:
        case = case_of(seed, known, orders, here)
        return replace(case, n=max(case.n, case.after + 1)) if case.proofs else case

    mp.setattr(cases, "_case", behind)


def never_short(mp: pytest.MonkeyPatch) -> None:
    _not_short(mp)


def held_again(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(reported, "_out", lambda order: order)
