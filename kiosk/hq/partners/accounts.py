"""Partners: who may order for our customers, by which token, up to how much; and the account of each, a line for every movement.

A token is NAME.SECRET; only the secret's hash is kept. Whoever moves money of a partner holds its row until the transaction ends, so that
two orders at once never both fit into the room for one.
"""

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, RowMapping, func, insert, select, update

from kiosk.hq.intake.sold import local
from kiosk.hq.orders.book import MOST_MINOR as ORDER_MOST_MINOR
from kiosk.hq.orders.book import Order, OrderRefused
from kiosk.hq.orders.slots import AHEAD, live
from kiosk.hq.orders.tables import ORDER, PARTNERS
from kiosk.hq.partners.tables import ENTRY, PARTNER
from kiosk.hq.store import Store
from kiosk.vend.money import CURRENCIES, plain

NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
ACQUIRER = re.compile(r"[0-9]{1,11}")
PAYMENT_MAX = 64
SECRET_BYTES = 32
TOKEN_MAX = 128
MOST_MINOR = 1 << 43  # an amount above it stands in no sum anywhere in this office
ENTRIES_MAX = (1 << 31) - 1
OPEN_MOST = 1_000_000
NO_DIGEST = hashlib.sha256(b"").hexdigest()


class PartnerError(Exception):
    """It cannot be done; the text is one sentence."""


class Partner(msgspec.Struct, frozen=True):
    """Who orders. Money in minor units of `currency`; it may spend what it paid in and `credit_minor` more.

    `order_min_minor`: None for the office's least amount. `open_card_max`, `open_max`: how many orders may wait for one card, and in all.
    """

    name: str
    currency: str
    order_max_minor: int
    day_max_minor: int
    credit_minor: int = 0
    acquirer: str = ""
    zone: str = "+0000"
    state: str = "open"
    order_min_minor: int | None = None
    open_card_max: int = 3
    open_max: int = 2_000

    @property
    def source(self) -> str:
        """What its orders say of who ordered them."""
        return f"{PARTNERS}{self.name}"


class Account(msgspec.Struct, frozen=True):
    """How it stands: `balance_minor` of the last line, what was ordered on its day `day` less what was cancelled."""

    balance_minor: int
    day: int
    spent_minor: int
    lines: int


class Line(msgspec.Struct, frozen=True):
    """A movement of an account. See `partner_tables.PartnerEntryTable`."""

    what: str
    name: str
    amount_minor: int


# ---------------------------------------------------------------- who they are


def add(store: Store, partner: Partner, now_ms: int) -> str:
    """A new partner; its token, which is said this once. Raises PartnerError, StoreError."""
    _possible(partner)
    _below_ceiling(partner)
    secret = secrets.token_urlsafe(SECRET_BYTES)

    def work(connection: Connection) -> None:
        if connection.execute(select(PARTNER.c.name).where(PARTNER.c.name == partner.name)).first():
            raise PartnerError(f"There is a partner {partner.name} already.")
        _alone(connection, partner)
        token = {"token": _digest(secret), "token_before": "", "before_until_ms": 0, "made_ms": now_ms}
        connection.execute(insert(PARTNER).values(**msgspec.structs.asdict(partner), **token))

    store.transact(work)
    return f"{partner.name}.{secret}"


def change(store: Store, name: str, **changes: object) -> Partner:
    """Other limits, another acquirer's number, open or closed. Raises PartnerError, StoreError."""

    def work(connection: Connection) -> Partner:
        held = of_name(connection, name, hold=True)
        if held is None:
            raise PartnerError(f"There is no partner {name}.")
        changed = msgspec.structs.replace(held, **changes)
        _possible(changed)
        if changes.keys() & {"order_max_minor", "order_min_minor"}:  # a partner that an older version gave more can still be closed
            _below_ceiling(changed)
        _alone(connection, changed)
        connection.execute(update(PARTNER).where(PARTNER.c.name == name).values(**changes))
        return changed

    return store.transact(work)


def rotate(store: Store, name: str, now_ms: int, overlap_ms: int) -> str:
    """A new token; the one before is good for `overlap_ms` more, and no older one. Raises PartnerError, StoreError."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    token = {"token": _digest(secret), "token_before": PARTNER.c.token, "before_until_ms": now_ms + overlap_ms}
    changed = store.transact(lambda connection: connection.execute(update(PARTNER).where(PARTNER.c.name == name).values(**token)).rowcount)
    if not changed:
        raise PartnerError(f"There is no partner {name}.")
    return f"{name}.{secret}"


def believed(store: Store, token: str, now_ms: int) -> Partner | None:
    """Whose token this is; None for nobody's and for a closed partner's. Raises StoreError."""
    name, dot, secret = token.partition(".")
    if not dot or len(token) > TOKEN_MAX or not NAME.fullmatch(name):
        return None
    row = store.read(lambda connection: connection.execute(select(PARTNER).where(PARTNER.c.name == name)).mappings().first())
    given = _digest(secret)
    right = hmac.compare_digest(given, row["token"] if row else NO_DIGEST)
    before = hmac.compare_digest(given, (row["token_before"] if row else "") or NO_DIGEST)
    if not row or not secret or not (right or (before and now_ms < row["before_until_ms"])) or row["state"] != "open":
        return None
    return _partner(row)


def listed(store: Store) -> list[Partner]:
    """All of them, by name."""
    asked = select(PARTNER).order_by(PARTNER.c.name)
    return store.read(lambda connection: [_partner(row) for row in connection.execute(asked).mappings()])


def of_name(connection: Connection, name: str, *, hold: bool = False) -> Partner | None:
    """`hold`: nobody else moves its money until this transaction is over."""
    asked = select(PARTNER).where(PARTNER.c.name == name)
    row = connection.execute(asked.with_for_update() if hold else asked).mappings().first()
    return _partner(row) if row else None


def _partner(row: RowMapping) -> Partner:
    return Partner(**{name: row[name] for name in Partner.__struct_fields__})


def _possible(partner: Partner) -> None:
    if not NAME.fullmatch(partner.name):
        raise PartnerError("A partner's name has 1 to 16 small letters, digits and hyphens, and begins with a letter.")
    if partner.currency not in CURRENCIES:
        raise PartnerError(f"{partner.currency} is not known here; known are {', '.join(CURRENCIES)}.")
    if partner.acquirer and not ACQUIRER.fullmatch(partner.acquirer):
        raise PartnerError("An acquirer's number has 1 to 11 digits.")
    if local(partner.zone, 0) is None:
        raise PartnerError("A zone is written like +0800.")
    limits = partner.order_max_minor, partner.day_max_minor, partner.credit_minor, partner.order_min_minor or 0
    if not all(0 <= limit <= MOST_MINOR for limit in limits):
        raise PartnerError(f"A limit is at most {MOST_MINOR} in minor units.")
    if not 1 <= partner.open_card_max <= AHEAD or not 1 <= partner.open_max <= OPEN_MOST:
        raise PartnerError(f"From 1 to {AHEAD} orders may wait for one card, and from 1 to {OPEN_MOST} in all.")


def _below_ceiling(partner: Partner) -> None:
    """No limit of one order is above what a kiosk writes on a card: such an order would be refused whatever was promised."""
    if max(partner.order_max_minor, partner.order_min_minor or 0) > ORDER_MOST_MINOR:
        most = plain(ORDER_MOST_MINOR, CURRENCIES[partner.currency].exponent)
        raise PartnerError(f"One order is for at most {most} {partner.currency}: no kiosk writes more on a card.")


def _alone(connection: Connection, partner: Partner) -> None:
    other = select(PARTNER.c.name).where(PARTNER.c.acquirer == partner.acquirer, PARTNER.c.name != partner.name)
    found = connection.execute(other).scalar() if partner.acquirer else None
    if found:
        raise PartnerError(f"The partner {found} has this acquirer's number.")


def _digest(secret: str) -> str:
    """32 random bytes need no slow hash: nobody guesses them."""
    return hashlib.sha256(secret.encode()).hexdigest()


# ---------------------------------------------------------------- their accounts


def pay_in(store: Store, name: str, amount_minor: int, payment: str, now_ms: int) -> Account:
    """What a partner paid; `payment` names it, and is entered once. Raises PartnerError, OrderRefused, StoreError."""
    if not 0 < amount_minor <= MOST_MINOR:
        raise PartnerError(f"A payment is for something, and for at most {MOST_MINOR} in minor units.")
    if not 1 <= len(payment) <= PAYMENT_MAX or not payment.isprintable():
        raise PartnerError(f"A payment's name has 1 to {PAYMENT_MAX} characters that can be printed.")

    def work(connection: Connection) -> Account:
        partner = of_name(connection, name, hold=True)
        if partner is None:
            raise PartnerError(f"There is no partner {name}.")
        same = select(ENTRY.c.amount_minor).where(ENTRY.c.partner == name, ENTRY.c.what == "deposit", ENTRY.c.name == payment)
        before = connection.execute(same).scalar()
        if before is not None and before != amount_minor:
            raise PartnerError(f"The payment {payment} was entered already, with another amount.")
        if before is None:
            enter(connection, partner, Line("deposit", payment, amount_minor), now_ms)
        return account(connection, partner, now_ms)

    return store.transact(work)


def spend(connection: Connection, partner: Partner, order: Order, now_ms: int) -> None:
    """For an order that was just made; its row is held. Raises OrderRefused where a limit is in the way."""
    stands, amount_minor = account(connection, partner, now_ms), order.amount_minor
    if amount_minor > partner.order_max_minor:
        raise OrderRefused("order_max", f"One order is for at most {partner.order_max_minor} in minor units.")
    if stands.spent_minor + amount_minor > partner.day_max_minor:
        left = max(partner.day_max_minor - stands.spent_minor, 0)
        raise OrderRefused("day_max", f"Orders for {left} in minor units are left for today.")
    if stands.balance_minor + partner.credit_minor < amount_minor:
        left = max(stands.balance_minor + partner.credit_minor, 0)
        raise OrderRefused("float", f"What was paid in is spent but for {left} in minor units.")
    _few_enough(connection, partner, order, now_ms)
    enter(connection, partner, Line("order", order.name, -amount_minor), now_ms)


def _few_enough(connection: Connection, partner: Partner, order: Order, now_ms: int) -> None:
    """The new order is among those that are counted. Raises OrderRefused."""
    mine = select(func.count()).select_from(ORDER).where(ORDER.c.source == partner.source, live(now_ms))
    if int(connection.execute(mine.where(ORDER.c.meter == order.meter)).scalar_one()) > partner.open_card_max:
        raise OrderRefused("open_card", f"{partner.open_card_max} orders of yours wait for this card already; they are collected first.")
    if int(connection.execute(mine).scalar_one()) > partner.open_max:
        raise OrderRefused("open_max", f"{partner.open_max} orders of yours are not collected yet, which is as many as may wait.")


def enter(connection: Connection, partner: Partner, line: Line, now_ms: int) -> None:
    """The next line; its row is held. Raises OrderRefused when the account is full."""
    stands = account(connection, partner, now_ms)
    if stands.lines >= ENTRIES_MAX or abs(stands.balance_minor + line.amount_minor) >= 1 << 62:
        raise OrderRefused("full", "This account is full: go on with a new partner's name.")
    balance_minor = stands.balance_minor + line.amount_minor
    row = {"partner": partner.name, "no": stands.lines + 1, "at_ms": now_ms, "day": stands.day, "balance_minor": balance_minor}
    connection.execute(insert(ENTRY).values(**row, **msgspec.structs.asdict(line)))


def account(connection: Connection, partner: Partner, now_ms: int) -> Account:
    """How it stands now."""
    lines = select(ENTRY.c.no, ENTRY.c.day, ENTRY.c.balance_minor).where(ENTRY.c.partner == partner.name)
    last = connection.execute(lines.order_by(ENTRY.c.no.desc()).limit(1)).first()
    number, last_day, balance = last or (0, 0, 0)
    day = max(day_at(partner, now_ms), last_day)  # a clock that was set back opens no day again
    # what was ordered today and cancelled today is room again; what was ordered before is no room of today's
    today = select(ENTRY.c.name).where(ENTRY.c.partner == partner.name, ENTRY.c.day == day, ENTRY.c.what == "order").scalar_subquery()
    orders = select(func.sum(ENTRY.c.amount_minor)).where(
        ENTRY.c.partner == partner.name, ENTRY.c.day == day, ENTRY.c.what != "deposit", ENTRY.c.name.in_(today)
    )
    return Account(balance, day, -int(connection.execute(orders).scalar() or 0), number)


def day_at(partner: Partner, now_ms: int) -> int:
    """yyyymmdd where the partner is."""
    found = local(partner.zone, now_ms)
    return found[0] if found else int(f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%d}")
