"""The least amount of an order, by currency: what the office says, else a default. An order that settles a claim may be for less."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.hq.orders.tables import ORDER_LEAST
from kiosk.hq.store import Store
from kiosk.vend.money import CURRENCIES


def usual(currency: str) -> int:
    """One major unit, and at least 100 minor units: 1.00 CNY, 1.000 of a currency with three decimals, 100 UGX."""
    return int(max(100, 10 ** CURRENCIES[currency].exponent))


def least(connection: Connection, currency: str) -> int:
    """In minor units."""
    said = connection.execute(select(ORDER_LEAST.c.amount_minor).where(ORDER_LEAST.c.currency == currency)).scalar()
    return usual(currency) if said is None else int(said)


def set_least(store: Store, currency: str, amount_minor: int) -> None:
    """From now on. Raises StoreError."""
    make = postgresql.insert if store.postgresql else sqlite.insert
    row = make(ORDER_LEAST).values(currency=currency, amount_minor=amount_minor)
    store.transact(
        lambda connection: connection.execute(row.on_conflict_do_update(index_elements=["currency"], set_={"amount_minor": amount_minor}))
    )
