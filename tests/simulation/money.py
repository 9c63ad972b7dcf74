"""What the world knows of its own money: each value, each slot that it was ordered in, and each credit. No restore touches it.

A value is a payment: a sale by (kiosk, sale), or what somebody paid elsewhere by ("paid", source and reference). An order that settles
something is that money again, and so is the sale in which its code was used. The office knows none of this but by its own store.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from kiosk.hq.orders.book import Order
from kiosk.vend import facts as f

if TYPE_CHECKING:
    from tests.simulation.world import World

Value = tuple[str, str]
Terms = tuple[str, str, int, int, int]  # card, meter, slot, amount, generation: they name a code


class Credited(NamedTuple):
    """A credit whose value is known: the slot, and whose money it was."""

    n: int
    value: Value


def paid(source: str, reference: str) -> Value:
    """The value of a payment elsewhere."""
    return "paid", f"{source} {reference}"


def terms_of(order: Order) -> Terms:
    """What names its code."""
    return order.card, order.meter, order.n, order.amount_minor, order.generation


class Money:
    """See the module. `orders`: each order whose code may have left the office, by its name."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.orders: dict[str, Order] = {}
        self.codes: dict[Terms, list[Order]] = {}
        self.coded: dict[Value, Order] = {}  # a sale that a code paid for
        self.ordered: dict[Value, set[int]] = {}
        self.moved = 0  # orders in a later slot than another order or record of the same money

    # ------------------------------------------------------------ whose money

    def of(self, name: str) -> Value:
        """Whose money the office means by this name: a sale's KIOSK/SALE, or an order's name."""
        kiosk, slash, sale = name.partition("/")
        return self.of_sale(kiosk, sale) if slash else self.of_order(self.orders[name])

    def of_order(self, order: Order) -> Value:
        """The money of an order: at the end of what it settles."""
        return self.of(order.settles) if order.settles else paid(order.source, order.reference)

    def of_sale(self, kiosk: str, sale: str) -> Value:
        """The money of a sale: an order's, or its own."""
        order = self.coded.get((kiosk, sale))
        return self.of_order(order) if order else (kiosk, sale)

    def whose(self, kiosk: str, sale: str) -> set[Value]:
        """The same; of two orders with one code each."""
        order = self.coded.get((kiosk, sale))
        return {self.of_order(each) for each in self.codes[terms_of(order)]} if order else {(kiosk, sale)}

    # ------------------------------------------------------------ what happened

    def made(self, order: Order) -> str:
        """Its code may leave the office from now on; why it must not, or ""."""
        if order.name in self.orders:
            return ""
        value = self.of_order(order)
        self.moved += order.n > min(self.slots(order.meter, value), default=order.n)
        self.orders[order.name] = order
        self.codes.setdefault(terms_of(order), []).append(order)
        self.ordered.setdefault(value, set()).add(order.n)
        taken = [credit.n for credit in self.credits(order.meter) if credit.value == value and credit.n < order.n]
        return f"{name_of(value)} was credited in slot {taken[0]}, and the office orders it again in slot {order.n}" if taken else ""

    def accepted(self, kiosk: str, fact: f.TransferCodeAccepted) -> bool:
        """A kiosk took a code; whether anybody paid for it."""
        orders = self.codes.get((fact.card, fact.meter, fact.n, fact.amount_minor, fact.generation))
        if orders:
            self.coded[kiosk, fact.sale] = orders[0]
        return bool(orders)

    # ------------------------------------------------------------ where it is

    def slots(self, meter: str, value: Value) -> set[int]:
        """Each slot in which a record of it was begun, or an order made."""
        return self.ordered.get(value, set()) | {key[1] for key, whose in self.world.records.items() if key[0] == meter and value in whose}

    def credits(self, meter: str) -> Iterator[Credited]:
        """What a meter took, with the money behind it. Where two values have one record, the first that has not been credited."""
        home = next(home for home in self.world.homes if home.number == meter)
        seen: set[Value] = set()
        found = [(credit, self.world.records.get((meter, credit.n, credit.tag, credit.amount_minor), set())) for credit in home.credits]
        for credit, whose in sorted(found, key=lambda each: len(each[1])):
            if whose:
                value = next((each for each in sorted(whose) if each not in seen), min(whose))
                seen.add(value)
                yield Credited(credit.n, value)

    def credited(self, value: Value) -> bool:
        """It is in a meter."""
        return any(credit.value == value for home in self.world.homes for credit in self.credits(home.number))

    def shut_out(self, meter: str, value: Value) -> bool:
        """The meter has passed each slot that it could have been credited in, and never took it: two people who look at it see that."""
        home = next(home for home in self.world.homes if home.number == meter)
        return not self.credited(value) and all(n <= home.meter.state.count for n in self.slots(meter, value))


def name_of(value: Value) -> str:
    """For people."""
    return "/".join(value)


def names_of(values: Iterable[Value]) -> str:
    """Some of them."""
    return ", ".join(name_of(value) for value in sorted(values))
