"""The body of kind "orders": the transfer orders that wait for their cards, as a kiosk gets them; and its float for codes on no list.

    {"orders":[{"order":"A7","card":"1122334455667788","meter":"000012345678","n":8,"amount_minor":10000,"generation":690,"mac":5288620654}],
     "code_float":{"amount_minor":200000,"until_ms":1797000000000},"v":1}

Every list is whole: an order that is not on the newest one is not offered any more, though its code stays good. It has codes in it, so it
is boxed to its kiosk like all that is one kiosk's.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.sync.item import decoded
from kiosk.vend.codes import CodeFloat, Order

ORDERS_MAX = 2_000


class OrdersBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See above."""

    orders: Annotated[tuple[Order, ...], Meta(max_length=ORDERS_MAX)] = ()
    code_float: CodeFloat = CodeFloat()
    v: Literal[1] = 1


def orders_of(body: bytes) -> OrdersBody:
    """Raises ItemRefused, in one sentence."""
    return decoded(body, OrdersBody)
