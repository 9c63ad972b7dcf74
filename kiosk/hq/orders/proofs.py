"""Count proofs: ten digits by which a customer's machine says over the telephone which record took an order's slot."""

import hmac

import msgspec
from sqlalchemy import Connection, select, update

from kiosk.hq.cards.registry import Binding
from kiosk.hq.orders.book import Made, Order, OrderRefused, Orders, Wanted, find, found
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.store import Store

PROOF_TRIES = 5


class Proved(msgspec.Struct, frozen=True):
    """What a count proof says. `said`: this | another | wrong | shut (its five tries are over). `reissue`: the same money may be ordered
    again at once: the order settles no claim, and nothing else was ever made of its money for its slot."""

    order: Order
    said: str
    reissue: bool = False


def prove(orders: Orders, store: Store, name: str, digits: str, *, by: str, now_ms: int) -> Proved:
    """Ten digits that a customer reads to the office. Raises OrderRefused, StoreError, NoSuchKey."""
    held = find(store, name)
    if held is None:
        raise OrderRefused("order", "There is no such order.")
    this, another = orders.proofs(held)
    given = digits.replace(" ", "")
    right = [hmac.compare_digest(given.encode(), each.encode()) for each in (this, another)]
    said = "this" if right[0] else "another" if right[1] else "wrong"

    def work(connection: Connection) -> Proved:
        order = found(connection, name, hold=True)
        if order is None or order.proof_tries >= PROOF_TRIES:
            return Proved(order or held, "shut")
        changes: dict[str, object] = {"proof_tries": order.proof_tries + 1}
        if said != "wrong" and order.state == "open":
            changes |= {"state": "collected" if said == "this" else "passed", "done_ms": now_ms, "done_by": by}
        connection.execute(update(ORDER).where(ORDER.c.name == name).values(**changes))
        return Proved(found(connection, name) or order, said, said == "another" and _alone(connection, order))

    return store.transact(work)


def _alone(connection: Connection, order: Order) -> bool:
    """Nothing else was ever made of this order's money for its slot: no claim that it settles, no order that settles it but `reissue`'s."""
    others = select(ORDER.c.name).where(ORDER.c.settles == order.name, ORDER.c.reference != _again(order))
    return not order.settles and order.state in ("open", "passed") and connection.execute(others).first() is None


def reissue(orders: Orders, proved: Proved, binding: Binding, now_ms: int) -> Made:
    """The same money in the next slot, on the strength of a count proof that another record took this one. Raises OrderRefused.

    The slot is the next one, whatever else is ordered there: an office that was restored and has forgotten this makes the same order again.
    """
    old = proved.order
    if proved.said != "another" or not proved.reissue:
        raise OrderRefused("proof", "The office waits for the rows that name the record in this order's slot.")
    twin = orders.twin(binding, old.n + 1, old, now_ms)
    if twin:  # one code cannot stand for two values: nobody could tell whose it was
        raise OrderRefused("twin", f"Order {twin} for other money has the same card, slot and amount: it is collected first.")
    wanted = Wanted(binding, old.amount_minor, old.currency, old.n, old.source, _again(old), old.name, old.n + 1, moved=True)
    return orders.make(wanted, now_ms)


def _again(order: Order) -> str:
    """The reference of the same money in the next slot: whoever settles the order finds what was done."""
    return f"{order.name} again"
