"""Money that two people may move, and what proposes, releases and forges it."""

from collections.abc import Callable

from sqlalchemy import select, update

from kiosk.hq.orders.tables import ORDER
from kiosk.hq.people.tables import APPROVAL
from kiosk.hq.store import Store
from tests.hq.settle_kit import Town, bought, claimed, looked
from tests.sale.shop import Card


def two_peoples_town(where: str) -> Town:
    """K07's claim is for two people: its slot was passed, and nobody knows by whose record."""
    made = Town(Store.make(where, 1, now_ms=1))
    k07, k08, k09, card = made.kiosk("K07"), made.kiosk("K08"), made.kiosk("K09"), Card()
    claimed(k07, card)
    bought(k08, card)
    looked(k09, card)
    made.hears(k07, k09)
    return made


def value(town: Town) -> str:
    return town.case(town.machines["K07"]).value


def proposed(town: Town, who: str = "anna") -> int:
    """The number of a proposal to move it, which nobody made in the same millisecond."""
    town.now_ms += 1
    made = town.desk.decide(value(town), who, town.now_ms).proposed
    assert made is not None
    return made.no


def orders(town: Town) -> int:
    return len(town.store.read(lambda connection: connection.execute(select(ORDER.c.name)).all()))


def row(town: Town, no: int) -> dict[str, object]:
    return dict(town.store.read(lambda connection: connection.execute(select(APPROVAL).where(APPROVAL.c.no == no)).mappings().one()))


def becomes(town: Town, no: int, **values: object) -> None:
    """Somebody writes into the database by hand."""
    town.store.transact(lambda connection: connection.execute(update(APPROVAL).where(APPROVAL.c.no == no).values(values)))


def releases(town: Town, no: int, who: str) -> Callable[[], object]:
    return lambda: town.desk.inner.release(no, town.crew(who), town.now_ms)


def died(*_: object, **__: object) -> object:
    raise KeyboardInterrupt
