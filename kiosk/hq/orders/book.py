"""Transfer orders: money that was paid elsewhere, for one card and one purchase count, and the code that its customer takes to any machine.

An order is durable before its code leaves, here and wherever `off_site` says; the code itself is stored nowhere, the vault makes it again.
No message undoes a code that is out: an order ends collected, or passed (another record took its slot), or when its generation is in no
kiosk any more. Two new orders never share a slot; one that settles a claim keeps the claim's.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError

from kiosk.devices.vault.hq import MasterVault
from kiosk.devices.vault.suite import Role
from kiosk.hq.cards.registry import Binding, Bindings, OfMeter
from kiosk.hq.orders import slots
from kiosk.hq.orders.least import least
from kiosk.hq.orders.record import SENTENCE, SHORT, short
from kiosk.hq.orders.slots import AHEAD
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.store import Store
from kiosk.vend import code, damm
from kiosk.vend.codes import Order as Listed
from kiosk.vend.evidence import NotGenuine
from kiosk.vend.limits import CEILINGS
from kiosk.vend.money import CURRENCIES

NAMES, NAME_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 10  # 50 bits, nothing to mistake for a digit
REFERENCE_MAX = 64
MOST_MINOR = CEILINGS["sale_max_minor"]  # above it no vault makes a MAC
LAST_GENERATION = 0xFFFF  # two bytes where keys are derived: the year 7353


class OrderRefused(Exception):
    """The order is not made; the text is one sentence for whoever asked. `why`: one word for a program."""

    def __init__(self, why: str, sentence: str) -> None:
        self.why = why
        super().__init__(sentence)


class _Taken(Exception):
    """Another order took the slot or the reference in this very moment: look again."""


class Wanted(msgspec.Struct, frozen=True):
    """What somebody paid for. `purchase`: the number on the customer's last receipt, its check digit taken off; `slot`: of the claim that
    this settles, 0 for the next one that is free; `moved`: it is not the slot in which that money was first. `receipt`: the text of that
    receipt's code, where it was read; `least_minor`: the least amount that was agreed with whoever orders, None for the office's."""

    binding: Binding
    amount_minor: int
    currency: str
    purchase: int
    source: str
    reference: str
    settles: str = ""
    slot: int = 0
    moved: bool = False
    receipt: str = ""
    least_minor: int | None = None


class Order(msgspec.Struct, frozen=True):
    """As it stands. See `order_tables.OrderTable`."""

    name: str
    region: int
    version: int
    card: str
    meter: str
    n: int
    amount_minor: int
    currency: str
    generation: int
    made_ms: int
    until_ms: int
    source: str
    reference: str
    settles: str = ""
    state: str = "open"
    proof_tries: int = 0
    done_ms: int | None = None
    done_by: str = ""

    def terms(self, utility: int) -> code.Terms:
        """What its code is about."""
        number = CURRENCIES[self.currency].numeric
        return code.Terms(utility, self.generation, self.card, self.meter, self.n, self.amount_minor, number)

    def counts(self, now_ms: int) -> bool:
        """It was collected, or its code may be: what comes for this meter goes behind it."""
        return self.state == "collected" or (self.state in {"open", "held"} and self.until_ms > now_ms)


class _OnlyAsked(Exception):
    """The order was only to be looked at: nothing of it stays."""

    def __init__(self, order: Order, after: tuple[str, ...]) -> None:
        self.said = order, after


class Made(msgspec.Struct, frozen=True):
    """An order and its code. `after`: names of orders that have to be collected first; `anew`: it was made just now, not found again."""

    order: Order
    code: str
    after: tuple[str, ...]
    anew: bool

    def __repr__(self) -> str:
        return f"Made({self.order.name}, hidden)"


def nowhere_else(_order: Order) -> None:
    """There is no other site: the store's own disk is all."""


def drawn() -> str:
    """A name that no order has."""
    return "".join(secrets.choice(NAMES) for _ in range(NAME_LETTERS))


class Also(Protocol):
    """What is written down in the same transaction as an order, new or found again; what it raises undoes both."""

    def __call__(self, connection: Connection, order: Order, *, anew: bool) -> None:
        """`anew`: it was made in this transaction."""


def nothing_more(connection: Connection, order: Order, *, anew: bool) -> None:
    """An order alone."""


class _NoRegistry:
    """Codes can be told without a registry; an order cannot be made."""

    def held(self) -> AbstractContextManager[OfMeter]:
        raise OrderRefused("registry", "No order is made without the registry of cards.")


NO_REGISTRY = _NoRegistry()


class Orders:
    """`off_site`: returns when the order is safe at another site, too; raises OrderRefused, and the code stays here. `name`: a new one.

    `cards`: the registry, which is held while an order is made.
    """

    def __init__(
        self,
        store: Store,
        vault: MasterVault,
        off_site: Callable[[Order], None] = nowhere_else,
        name: Callable[[], str] = drawn,
        *,
        cards: Bindings = NO_REGISTRY,
    ) -> None:
        self._store, self._vault, self._off_site, self._name, self.cards = store, vault, off_site, name, cards

    def make(self, wanted: Wanted, now_ms: int, also: Also = nothing_more, *, leaves: bool = True) -> Made:
        """A new order, or the one that was made under this reference.

        It is held, and on no machine's list, until it is safe at the other site. `leaves`: from then on it is open; without it, it stays
        held, and whoever asked says when.

        Raises OrderRefused, StoreError, RegistryError, NoSuchKey, and what `also` does.
        """
        _possible(wanted, self._store.utility, now_ms)
        state = "open" if leaves and self._off_site is nowhere_else else "held"
        for _ in range(AHEAD):
            try:
                with self.cards.held() as of_meter:  # until the order is committed
                    order, anew = self._store.transact(
                        lambda connection: _begun(connection, wanted, self._name(), now_ms, also, of_meter, state)
                    )
                break
            except _Taken:
                continue
        else:
            raise OrderRefused("busy", "Other orders for this card are being made; try again.")
        self._off_site(order)
        if leaves and order.state == "held":
            order = self._store.transact(lambda connection: _opened(connection, order))
        after = self._store.read(lambda connection: slots.waiting_before(connection, order.card, order.n, now_ms))
        return Made(order, self.code_of(order), after, anew)

    def quoted(self, wanted: Wanted, now_ms: int, also: Also = nothing_more) -> tuple[Order, tuple[str, ...]]:
        """Just what `make` would do now, and what is collected before it; nothing is written. Raises as `make` does."""

        def look(connection: Connection, order: Order, *, anew: bool) -> None:
            also(connection, order, anew=anew)
            raise _OnlyAsked(order, slots.waiting_before(connection, order.card, order.n, now_ms))

        try:
            self.make(wanted, now_ms, look)
        except _OnlyAsked as asked:
            return asked.said
        raise AssertionError("a quote makes no order")

    def code_of(self, order: Order) -> str:
        """Its twenty digits. Raises NoSuchKey."""
        return code.written(order.terms(self._store.utility), self._mac(order))

    def listed(self, region: int, now_ms: int, most: int) -> tuple[Listed, ...]:
        """The open orders of a region as its kiosks get them, the newest where there are too many. Raises NoSuchKey."""
        newest = sorted(standing(self._store, region=region, now_ms=now_ms), key=lambda order: order.made_ms)[-most:]
        return tuple(Listed(o.name, o.card, o.meter, o.n, o.amount_minor, o.generation, self._mac(o)) for o in newest)

    def keep(self, order: Order) -> None:
        """At the other site, as it stands now. Raises OrderRefused."""
        self._off_site(order)

    def _mac(self, order: Order) -> int:
        return code.ten_digits(self._cmac(order, code.message(order.terms(self._store.utility))))

    def _cmac(self, order: Order, message: bytes) -> bytes:
        keys = self._vault.keyring(order.version, order.region)
        return keys.mac(Role.CODE, order.generation, bytes.fromhex(order.card), message)

    def proofs(self, order: Order) -> tuple[str, str]:
        """The two count proofs that its card's machine may show: this order took the slot, another record did."""
        terms, mac = order.terms(self._store.utility), self._mac(order)
        messages = (code.proof_message(terms, mac, another=another) for another in (False, True))
        this, another = (f"{code.ten_digits(self._cmac(order, message)):0{code.MAC_DIGITS}}" for message in messages)
        return this, another

    def twin(self, binding: Binding, n: int, old: Order, now_ms: int) -> str:
        """The order for other money that would have the code of `old`'s money in slot n; "" where there is none. Raises StoreError."""
        asked = select(ORDER.c.name).where(ORDER.c.card == binding.card, ORDER.c.n == n, ORDER.c.amount_minor == old.amount_minor)
        other = asked.where(ORDER.c.generation == code.generation_at(now_ms), ORDER.c.state != "void", ORDER.c.settles != old.name)
        return self._store.read(lambda connection: connection.execute(other).scalar()) or ""


def find(store: Store, name: str) -> Order | None:
    """By its name."""
    return store.read(lambda connection: found(connection, name))


def of_reference(store: Store, source: str, reference: str) -> Order | None:
    """By the name that whoever ordered it gave it."""
    asked = select(ORDER).where(ORDER.c.source == source, ORDER.c.reference == reference)
    row = store.read(lambda connection: connection.execute(asked).mappings().first())
    return _order(row) if row else None


def standing(store: Store, *, card: str = "", region: int = 0, now_ms: int = 0) -> list[Order]:
    """Open orders, the oldest slot first; with `now_ms` only those that a machine may still take."""
    asked = select(ORDER).where(ORDER.c.state == "open", ORDER.c.until_ms > now_ms).order_by(ORDER.c.meter, ORDER.c.n, ORDER.c.made_ms)
    asked = asked.where(ORDER.c.card == card) if card else asked
    asked = asked.where(ORDER.c.region == region) if region else asked
    return store.read(lambda connection: [_order(row) for row in connection.execute(asked).mappings()])


# ---------------------------------------------------------------- one transaction


def _possible(wanted: Wanted, utility: int, now_ms: int) -> None:
    """Everything that can be said without looking. Raises OrderRefused."""
    if wanted.binding.utility != utility or wanted.binding.state != "issued":
        raise OrderRefused("card", "This card is not one of ours, or it was not handed out yet.")
    if code.generation_at(now_ms) > LAST_GENERATION:
        raise OrderRefused("generation", "There is no generation of keys for this day.")
    if wanted.currency not in CURRENCIES:
        raise OrderRefused("currency", "This currency is not known here.")
    if wanted.amount_minor < 1:
        raise OrderRefused("amount", "An order is for an amount above 0.")
    if wanted.amount_minor > min(MOST_MINOR, code.MOST_MINOR):
        raise OrderRefused("order_max", f"An order is for at most {MOST_MINOR} in minor units.")
    if not 0 <= wanted.purchase < code.COUNT_MAX - AHEAD or not 0 <= wanted.slot <= code.COUNT_MAX:
        raise OrderRefused("purchase", "This is no purchase number.")
    if not 1 <= len(wanted.reference) <= REFERENCE_MAX or not wanted.reference.isprintable():
        raise OrderRefused("reference", f"A reference has 1 to {REFERENCE_MAX} characters that can be printed.")
    if wanted.slot and not wanted.settles:
        raise OrderRefused("settles", "Only an order that settles a claim has its slot given.")


def _begun(  # noqa: PLR0917
    connection: Connection, wanted: Wanted, name: str, now_ms: int, also: Also, of_meter: OfMeter, state: str
) -> tuple[Order, bool]:
    """The order that has this reference, or a new one in the next free slot. The registry is held."""
    held = wanted.binding
    asked = select(ORDER).where(ORDER.c.source == wanted.source, ORDER.c.reference == wanted.reference)
    before = connection.execute(asked).mappings().first()
    if before:
        held_before = _same(_order(before), wanted)
        also(connection, held_before, anew=False)
        return held_before, False
    _still_bound(held, of_meter)
    if (wanted.moved or not wanted.settles) and short(connection):
        raise OrderRefused(SHORT, SENTENCE)
    slots.alone(connection, held.meter)
    floor_minor = least(connection, wanted.currency) if wanted.least_minor is None else wanted.least_minor
    if wanted.amount_minor < floor_minor and not wanted.settles:  # a claim is settled whatever it is for
        raise OrderRefused("order_min", f"One order is for at least {floor_minor} in minor units.")
    generation = code.generation_at(now_ms)
    order = Order(
        name=name,
        region=held.region,
        version=held.version,
        card=held.card,
        meter=held.meter,
        n=wanted.slot or _next_slot(connection, wanted, [each.card for each in of_meter(held.utility, held.meter)], now_ms),
        amount_minor=wanted.amount_minor,
        currency=wanted.currency,
        generation=generation,
        made_ms=now_ms,
        until_ms=code.until_ms(generation),
        source=wanted.source,
        reference=wanted.reference,
        settles=wanted.settles,
        state=state,
    )
    try:
        connection.execute(insert(ORDER).values(**msgspec.structs.asdict(order)))
    except IntegrityError:
        raise _Taken from None
    also(connection, order, anew=True)
    return order, True


def _opened(connection: Connection, order: Order) -> Order:
    """Its code may leave now, unless somebody else has said otherwise meanwhile."""
    connection.execute(update(ORDER).where(ORDER.c.name == order.name, ORDER.c.state == "held").values(state="open"))
    return found(connection, order.name) or order


def _still_bound(held: Binding, of_meter: OfMeter) -> None:
    """The card is its meter's newest, and bound as it was when it was looked up. Raises OrderRefused."""
    cards = of_meter(held.utility, held.meter)
    if not cards or cards[-1] != held:
        raise OrderRefused("changed", "The registry of cards has changed since this card was looked up, or a newer card stands: try again.")


def _same(order: Order, wanted: Wanted) -> Order:
    """Raises OrderRefused where the reference stands for something else."""
    told = order.card, order.meter, order.amount_minor, order.currency, order.settles
    if told != (wanted.binding.card, wanted.binding.meter, wanted.amount_minor, wanted.currency, wanted.settles):
        raise OrderRefused("reference", f"The reference {order.reference} stands for another order already.")
    return order


def _next_slot(connection: Connection, wanted: Wanted, cards: Sequence[str], now_ms: int) -> int:
    """Behind the purchase that the customer named, and behind all that is known of the meter's cards. Raises OrderRefused."""
    if wanted.receipt:
        try:
            slots.take_in(connection, wanted.receipt, wanted.binding.meter, wanted.source, now_ms)
        except NotGenuine as error:
            raise OrderRefused("receipt", str(error)) from None
    known = slots.known(connection, wanted.binding.meter, cards)
    if wanted.purchase > known + AHEAD:
        last = damm.purchase_number(known)
        raise OrderRefused("receipt", f"The office knows purchases up to {last}: this number is taken with the code on its receipt.")
    found = slots.free(connection, wanted.binding.meter, max(wanted.purchase, known), now_ms)
    if not found:
        raise OrderRefused("waiting", f"{AHEAD} orders wait for this card already; they are collected first.")
    return found


def found(connection: Connection, name: str, *, hold: bool = False) -> Order | None:
    """`hold`: nobody else changes it until this is over."""
    asked = select(ORDER).where(ORDER.c.name == name)
    row = connection.execute(asked.with_for_update() if hold else asked).mappings().first()
    return _order(row) if row else None


def _order(row: RowMapping) -> Order:
    return Order(**{name: row[name] for name in Order.__struct_fields__})
