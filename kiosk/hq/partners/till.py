"""What partners may do, whichever door they come through: look a card up, ask for a quote, order, see what became of it, take it back.

An order and the partner's money are one transaction. The order is `held` until it is safe at the other site; then it is `open`, and only
then its code leaves. So there are two kinds of orders for a partner that heard nothing: a held one can be cancelled, for nobody has its
code, and no list that kiosks get has it; an open one cannot, for nobody knows who heard the code. Ask again: the answer is the same.
"""

import contextlib
import hashlib
from collections.abc import Callable
from typing import Protocol

import msgspec
from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.devices.vault.suite import NoSuchKey
from kiosk.hq.cards.registry import Binding, RegistryError
from kiosk.hq.office import OfficeError
from kiosk.hq.orders.book import REFERENCE_MAX, Order, OrderRefused, Orders, Wanted, find, of_reference
from kiosk.hq.orders.record import SHORT
from kiosk.hq.orders.slots import waiting_before
from kiosk.hq.orders.tables import ORDER, ORDER_USE
from kiosk.hq.partners.accounts import Line, Partner, enter, of_name, spend
from kiosk.hq.partners.reversals import Days, around_now, bar, barred
from kiosk.hq.partners.tables import REQUEST
from kiosk.hq.schema import KIOSK
from kiosk.hq.store import Store, StoreError
from kiosk.vend.damm import purchase_number, purchase_of
from kiosk.vend.ports import VaultError

KEY_MAX = 64
PASSING = frozenset({"busy", "changed", "off_site", SHORT})
"""Refusals that another try may not meet: they are not kept."""


CANNOT = (StoreError, RegistryError, OfficeError, NoSuchKey, VaultError)
"""What a till raises when the office itself cannot: a door says that, and nothing of the reason."""


class Cards(Protocol):
    """The office's registry, as far as it is asked here."""

    def of_card(self, card: str) -> Binding | None:
        """By its serial, 16 hex digits."""

    def standing(self, utility: int, *, customer: str = "", meter: str = "") -> Binding | None:
        """By the customer's number or the meter's, 12 digits."""


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which card: one of the three. `card`: 16 hex digits; the others 12 digits."""

    card: str = ""
    meter: str = ""
    customer: str = ""


class Payment(Named, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a customer paid for. `purchase`: as printed on the last receipt, "18-2"; `reference`: the partner's name for this payment;
    `receipt`: the text of that receipt's code, "K1:...", needed where the number is far above what the office knows."""

    amount_minor: int
    currency: str
    purchase: str
    reference: str
    receipt: str = ""


class Seen(msgspec.Struct, frozen=True):
    """A card as a partner sees it: enough to ask the customer whether it is theirs. `waiting`: orders that are not collected yet."""

    card: str
    meter: str
    customer: str
    waiting: int


class Quote(msgspec.Struct, frozen=True):
    """What an order would be now. All of the amount goes on the card; `until_ms`: as long as machines take its code; `after`: orders that
    have to be collected before it."""

    amount_minor: int
    currency: str
    purchase: str
    until_ms: int
    after: tuple[str, ...]


class Sold(msgspec.Struct, frozen=True):
    """An order and its code, 20 digits. `after`: orders that have to be collected before it."""

    order: str
    reference: str
    card: str
    purchase: str
    amount_minor: int
    currency: str
    made_ms: int
    until_ms: int
    after: tuple[str, ...]
    code: str

    def __repr__(self) -> str:
        return f"Sold({self.order}, hidden)"


class Standing(msgspec.Struct, frozen=True):
    """How an order stands. `state`: held (no code left yet) | made | collected | passed (another purchase took its place) | expired |
    cancelled. `kiosk` and `collected_ms` of the first machine that took it, "" and None before."""

    order: str
    reference: str
    card: str
    purchase: str
    amount_minor: int
    currency: str
    made_ms: int
    until_ms: int
    state: str
    collected_ms: int | None
    kiosk: str


class _Refusal(msgspec.Struct, frozen=True, tag="refused"):
    why: str
    sentence: str


class _Kept(msgspec.Struct, frozen=True, tag="sold"):
    sold: Sold


_REVERSED = _Refusal("cancelled", "This was cancelled before it was ordered.")


class Till:
    """`blocked`: whether a card is on the hotlist. Every call takes its own time in the database and may be made by any thread."""

    def __init__(self, store: Store, orders: Orders, cards: Cards, blocked: Callable[[str], bool] = lambda _card: False) -> None:
        self._store, self._orders, self._cards, self._blocked = store, orders, cards, blocked

    def look_up(self, named: Named) -> Seen:
        """Raises OrderRefused, StoreError."""
        held = self._binding(named)
        asked = select(func.count()).select_from(ORDER).where(ORDER.c.card == held.card, ORDER.c.state == "open")
        waiting = int(self._store.read(lambda connection: connection.execute(asked).scalar_one()))
        return Seen(_tail(held.card), _tail(held.meter), _tail(held.customer), waiting)

    def quote(self, partner: Partner, payment: Payment, now_ms: int) -> Quote:
        """Just what ordering it now would say; nothing is written. Raises OrderRefused, StoreError."""

        def look(connection: Connection, order: Order, *, anew: bool) -> None:
            if anew:
                spend(connection, self._held(connection, partner), order, now_ms)

        order, after = self._orders.quoted(self._wanted(partner, payment), now_ms, look)
        return Quote(order.amount_minor, order.currency, purchase_number(order.n), order.until_ms, after)

    def order(self, partner: Partner, key: str, payment: Payment, now_ms: int, days: Days = frozenset()) -> Sold:
        """Once for each key and for each reference; the same again is answered the same.

        `days`: see `reversals`. Raises OrderRefused, StoreError, NoSuchKey."""
        _possible_key(key)
        digest = _digest(payment)
        while True:
            before = self._request(partner, key)
            if before:
                _same(before, digest)
                if before["answer"]:
                    return self._said(before["answer"])
            try:
                order = self._ordered(partner, key, digest, payment, now_ms, days)
            except OrderRefused as refused:
                if refused.why in PASSING or before or self._refused(partner, key, digest, refused, now_ms):
                    raise
                continue  # the same was asked at the same time, and ordered: it is answered alike
            return self._said(self._release(partner, key, order, now_ms))

    def state(self, partner: Partner, name: str = "", reference: str = "", *, now_ms: int) -> Standing:
        """By the order's name, or by the partner's. Raises OrderRefused, StoreError."""
        order = self._own(partner, name, reference)
        used = select(KIOSK.c.id, ORDER_USE.c.at_ms).join(KIOSK, KIOSK.c.no == ORDER_USE.c.kiosk_no)
        used = used.where(ORDER_USE.c.name == order.name).order_by(ORDER_USE.c.at_ms, KIOSK.c.id)
        first = self._store.read(lambda connection: connection.execute(used).first())
        state = {"open": "expired" if order.until_ms <= now_ms else "made", "void": "cancelled"}.get(order.state, order.state)
        at_ms = (first[1] if first else order.done_ms) if order.state == "collected" else None
        return Standing(
            order.name, order.reference, _tail(order.card), purchase_number(order.n), order.amount_minor, order.currency,
            order.made_ms, order.until_ms, state, at_ms, first[0] if first and at_ms is not None else "",
        )  # fmt: skip

    def cancel(self, partner: Partner, name: str, now_ms: int) -> Standing:
        """An order that is held: its money is the partner's again. Raises OrderRefused, StoreError."""
        order = self._own(partner, name)
        self._store.transact(lambda connection: undone(connection, self._held(connection, partner), order.name, now_ms))
        self._void(order.name)
        return self.state(partner, name, now_ms=now_ms)

    def reverse(self, partner: Partner, key: str, reference: str, now_ms: int, days: Days = frozenset()) -> None:
        """Whatever was asked under this key, or by this reference on these days, shall not be.

        It is cancelled if it is held, and if it never came it is refused when it comes.

        Raises OrderRefused where its code was given out, StoreError.
        """
        _possible_key(key)

        def work(connection: Connection) -> str:
            held = self._held(connection, partner)
            before = _asked(connection, partner, key)
            named = (before["name"] if before else "") or _name_of(connection, partner, reference)
            if named:
                undone(connection, held, named, now_ms)
            else:
                bar(connection, partner.name, reference, days or around_now(now_ms))
            if before is None:
                _write(connection, partner, key, digest="", name=named, answer=msgspec.json.encode(_REVERSED).decode(), now_ms=now_ms)
            return named

        if named := self._store.transact(work):
            self._void(named)

    def _void(self, name: str) -> None:
        """Tell the other site, if it answers, that this order was cancelled: an office that is put back takes it in as void."""
        order = find(self._store, name)
        if order is not None and order.state == "void":
            with contextlib.suppress(OrderRefused):  # cancelled it is: the partner never waits for the other site
                self._orders.keep(order)

    # ------------------------------------------------------------ one order

    def _binding(self, named: Named) -> Binding:
        given = [value for value in (named.card, named.meter, named.customer) if value]
        if len(given) != 1 or not given[0].isascii() or not given[0].isalnum() or len(given[0]) > 16:
            raise OrderRefused("card", "Name the card by its serial, or its meter, or its customer: by one of them.")
        if named.card:
            found = self._cards.of_card(named.card.lower())
        else:
            found = self._cards.standing(self._store.utility, customer=named.customer, meter=named.meter)
        if found is None or found.utility != self._store.utility or found.state != "issued":
            raise OrderRefused("card", "This card is not one of ours, or it was not handed out yet.")
        if self._blocked(found.card):
            raise OrderRefused("card", "This card is blocked.")
        return found

    def _wanted(self, partner: Partner, payment: Payment) -> Wanted:
        count = purchase_of(payment.purchase)
        if count is None:
            raise OrderRefused("purchase", "This is no purchase number: it stands on the last receipt, like 18-2, with its check digit.")
        if payment.currency != partner.currency:
            raise OrderRefused("currency", f"Your account is in {partner.currency}.")
        terms = (payment.amount_minor, payment.currency, count, partner.source, payment.reference)
        return Wanted(self._binding(payment), *terms, receipt=payment.receipt, least_minor=partner.order_min_minor)

    def _held(self, connection: Connection, partner: Partner) -> Partner:
        """As it is now, and nobody else moves its money meanwhile."""
        held = of_name(connection, partner.name, hold=True)
        if held is None or held.state != "open":
            raise OrderRefused("partner", "This partner orders nothing here any more.")
        return held

    def _ordered(  # noqa: PLR0917
        self, partner: Partner, key: str, digest: str, payment: Payment, now_ms: int, days: Days
    ) -> Order:
        """Order, money and request in one transaction; it is safe at the other site when this returns."""

        def also(connection: Connection, order: Order, *, anew: bool) -> None:
            held = self._held(connection, partner)
            before = _asked(connection, partner, key)
            if before:
                _same(before, digest)
            reversed_first = anew and barred(connection, partner.name, payment.reference, days or around_now(now_ms))
            if reversed_first or (before and not before["digest"]):
                raise OrderRefused(_REVERSED.why, _REVERSED.sentence)
            if order.state == "void":
                raise OrderRefused("cancelled", f"The order {order.name} was cancelled.")
            if anew:
                spend(connection, held, order, now_ms)
            if not before:
                _write(connection, partner, key, digest=digest, name=order.name, answer="", now_ms=now_ms)

        return self._orders.make(self._wanted(partner, payment), now_ms, also, leaves=False).order

    def _release(self, partner: Partner, key: str, order: Order, now_ms: int) -> str:
        """The answer, kept: from here on its code may leave."""
        return self._store.transact(lambda connection: _released(connection, partner, key, order, now_ms))

    def _refused(self, partner: Partner, key: str, digest: str, refused: OrderRefused, now_ms: int) -> bool:
        """Keep the answer; False where the key has another by now."""
        answer = msgspec.json.encode(_Refusal(refused.why, str(refused))).decode()
        return self._store.transact(
            lambda connection: _write(connection, partner, key, digest=digest, name="", answer=answer, now_ms=now_ms)
        )

    def _request(self, partner: Partner, key: str) -> RowMapping | None:
        return self._store.read(lambda connection: _asked(connection, partner, key))

    def _said(self, answer: str) -> Sold:
        """The kept answer, with its code."""
        kept: _Refusal | _Kept = msgspec.json.decode(answer, type=_Refusal | _Kept)
        if isinstance(kept, _Refusal):
            raise OrderRefused(kept.why, kept.sentence)
        order = find(self._store, kept.sold.order)
        if order is None:
            raise OrderRefused("order", "There is no such order.")
        return msgspec.structs.replace(kept.sold, code=self._orders.code_of(order))

    def _own(self, partner: Partner, name: str, reference: str = "") -> Order:
        if not (name or reference).isprintable() or len(name or reference) > REFERENCE_MAX:
            raise OrderRefused("order", "You have no such order.")
        found = find(self._store, name) if name else of_reference(self._store, partner.source, reference)
        if found is None or found.source != partner.source:
            raise OrderRefused("order", "You have no such order.")
        return found


def _digest(payment: Payment) -> str:
    """Of what was asked. Without a receipt it is what it was before payments could have one."""
    said = msgspec.to_builtins(payment)
    if not payment.receipt:
        del said["receipt"]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def _possible_key(key: str) -> None:
    if not 1 <= len(key) <= KEY_MAX or not (key.isascii() and key.isprintable()):
        raise OrderRefused("key", f"An idempotency key has 1 to {KEY_MAX} characters that can be printed.")


def _same(before: RowMapping, digest: str) -> None:
    """Raises OrderRefused where the key stands for something else; what was reversed before it came is answered as it is kept."""
    if before["digest"] not in ("", digest):
        raise OrderRefused("key", "This key stands for something else that you asked.")


def _tail(number: str) -> str:
    return f"..{number[-4:]}"


def held_orders(store: Store, partner: Partner) -> list[str]:
    """Those that the partner heard no code of: it asks again, or cancels. The oldest first."""
    asked = select(ORDER.c.name).where(ORDER.c.source == partner.source, ORDER.c.state == "held").order_by(ORDER.c.made_ms, ORDER.c.name)
    return store.read(lambda connection: [row[0] for row in connection.execute(asked)])


# ---------------------------------------------------------------- within a transaction


def _asked(connection: Connection, partner: Partner, key: str) -> RowMapping | None:
    found = select(REQUEST).where(REQUEST.c.partner == partner.name, REQUEST.c.key == key)
    return connection.execute(found).mappings().first()


def _write(connection: Connection, partner: Partner, key: str, *, digest: str, name: str, answer: str, now_ms: int) -> bool:
    """False where the key is there already."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"partner": partner.name, "key": key, "digest": digest, "at_ms": now_ms, "name": name, "answer": answer}
    return connection.execute(make(REQUEST).values(**row).on_conflict_do_nothing().returning(REQUEST.c.key)).first() is not None


def _name_of(connection: Connection, partner: Partner, reference: str) -> str:
    asked = select(ORDER.c.name).where(ORDER.c.source == partner.source, ORDER.c.reference == reference)
    return connection.execute(asked).scalar() or ""


def _released(connection: Connection, partner: Partner, key: str, order: Order, now_ms: int) -> str:
    """From here on the order is open and its code may leave; the answer, which is kept. Raises OrderRefused."""
    held = (ORDER.c.name == order.name, ORDER.c.state == "held")
    if connection.execute(update(ORDER).where(*held, ORDER.c.until_ms > now_ms).values(state="open")).rowcount == 0:
        state = connection.execute(select(ORDER.c.state).where(ORDER.c.name == order.name)).scalar()
        if state == "void":
            raise OrderRefused("cancelled", f"The order {order.name} was cancelled.")
        if state == "held":
            raise OrderRefused("late", f"Machines take the code of order {order.name} no more: cancel it, and order anew.")
    after = waiting_before(connection, order.card, order.n, now_ms)
    sold = Sold(
        order.name, order.reference, _tail(order.card), purchase_number(order.n), order.amount_minor, order.currency,
        order.made_ms, order.until_ms, after, "",
    )  # fmt: skip
    mine = (REQUEST.c.partner == partner.name, REQUEST.c.key == key)
    answer = msgspec.json.encode(_Kept(sold)).decode()
    connection.execute(update(REQUEST).where(*mine, REQUEST.c.answer == "").values(answer=answer))
    return str(connection.execute(select(REQUEST.c.answer).where(*mine)).scalar_one())


def undone(connection: Connection, partner: Partner, name: str, now_ms: int) -> None:
    """A held order is void, and its money the partner's again; a void one stays so. Raises OrderRefused."""
    held = (ORDER.c.name == name, ORDER.c.source == partner.source, ORDER.c.state == "held")
    amount = connection.execute(update(ORDER).where(*held).values(state="void", done_ms=now_ms).returning(ORDER.c.amount_minor)).scalar()
    if amount is not None:
        enter(connection, partner, Line("cancelled", name, amount), now_ms)
    elif connection.execute(select(ORDER.c.state).where(ORDER.c.name == name)).scalar() != "void":
        raise OrderRefused("given", "The code of this order was given out: it cannot be taken back.")
