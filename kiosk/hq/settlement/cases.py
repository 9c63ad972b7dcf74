"""All money that is paid and not credited, as cases: claims by their rows, slips that people brought, orders that came too late, sales that
never ended at a kiosk whose life is over, and cash that no sale explains."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, select

from kiosk.hq.orders.book import Order
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.schema import FACT, KIOSK
from kiosk.hq.settlement import sources
from kiosk.hq.settlement.chain import Chains
from kiosk.hq.settlement.known import STRANGE, Known, TagOf, money_of, value_of
from kiosk.hq.settlement.rule import Case, Doubt
from kiosk.hq.settlement.sources import Cards, Claimed, Machine, numbers
from kiosk.hq.settlement.tables import PAPER, SETTLEMENT
from kiosk.hq.store import Store
from kiosk.vend import code, evidence, facts
from kiosk.vend.bank import PosFinal
from kiosk.vend.evidence import RESTORED, SLIP
from kiosk.vend.evidence import Evidence as Paper
from kiosk.vend.money import CURRENCIES

METER = re.compile(r"[0-9]{12}")
OPEN_ROWS = 5_000  # of a kiosk whose life is over, the newest: its last sale is among them
WAITING_MAX = 20
ORDERED, CLOSED = "ordered", "closed"


class Seed(msgspec.Struct, frozen=True):
    """Money before anything was looked up about its meter."""

    value: str
    kind: str
    kiosk: str
    meter: str
    n: int
    amount_minor: int
    currency: str
    exponent: int
    at_ms: int
    doubts: tuple[Doubt, ...] = ()
    over: str = ""
    number: int = 0


class Here(NamedTuple):
    """What every case is held against: the kiosks, (kiosk, sale) of claims that ended at their own kiosk, and the time."""

    machines: dict[str, Machine]
    settled: set[tuple[str, str]]
    now_ms: int


class Cases:
    """Reads them. `cards`: a meter's serials, oldest first; `tag_of`: what the vault says of an order's record, None without a vault."""

    def __init__(self, store: Store, cards: Cards, tag_of: TagOf | None = None) -> None:
        self._store, self._cards, self._tag_of = store, cards, tag_of

    def all(self, now_ms: int, *, whole: bool = True) -> list[Case]:
        """Every case, the oldest first; without `whole` not claims that their own kiosk settled: nearly all. Raises StoreError."""
        return self._store.read(lambda connection: self._all(connection, _seeds(connection, now_ms, whole=whole), now_ms))

    def one(self, value: str, now_ms: int) -> Case | None:
        """By its value's name; a claim of a sale that a code paid for is its order's money. Raises StoreError."""

        def work(connection: Connection) -> Case | None:
            seeds = [seed for seed in _seeds(connection, now_ms, value) if seed.value == value or seed.kind == "claim"]
            if "/" not in value:
                meter = connection.execute(select(ORDER.c.meter).where(ORDER.c.name == value)).scalar() or ""
                seeds = [seed for seed in seeds if seed.meter == meter or seed.value == value]
            found = [case for case in self._all(connection, seeds, now_ms) if "/" in value or case.value == value]
            return found[0] if found else None

        return self._store.read(work)

    def known(self, meter: str) -> Known:
        """All that is known of a meter. Raises StoreError."""

        def work(connection: Connection) -> Known:
            machines = sources.machines(connection)
            return self._known(connection, meter, machines, sources.orders_of(connection, meter), Chains(connection))

        return self._store.read(work)

    def _known(self, connection: Connection, meter: str, machines: dict[str, Machine], orders: tuple[Order, ...], chains: Chains) -> Known:
        cards = self._cards(meter)
        return sources.of_meter(connection, meter, cards=cards, machines=machines, orders=orders, tag_of=self._tag_of, chains=chains)

    def _all(self, connection: Connection, seeds: list[Seed], now_ms: int) -> list[Case]:
        here = Here(sources.machines(connection), sources.settled(connection), now_ms)
        meters: dict[str, tuple[Known, tuple[Order, ...]]] = {}
        chains = Chains(connection)
        found: dict[str, Case] = {}
        for seed in seeds:
            if seed.meter and seed.meter not in meters:
                orders = sources.orders_of(connection, seed.meter)
                meters[seed.meter] = self._known(connection, seed.meter, here.machines, orders, chains), orders
            known, orders = meters.get(seed.meter, (Known(""), ()))
            case = _case(seed, known, orders, here)
            found[case.value] = _merged(found[case.value], case) if case.value in found else case
        return sorted(found.values(), key=lambda case: (case.at_ms, case.value))


def _case(seed: Seed, known: Known, orders: tuple[Order, ...], here: Here) -> Case:
    value, doubts = known.coded.get(seed.value, seed.value), seed.doubts
    if value == STRANGE:
        value, doubts = seed.value, (*doubts, Doubt.CODE)
    roots = money_of(orders)
    mine = tuple(order for order in orders if roots[order.name] == value)
    n = max([seed.n, *(order.n for order in mine)])
    kiosk, _, sale = seed.value.partition("/")
    gone = known.gone(n) if n else None
    same = (known.newest, n, seed.amount_minor, code.generation_at(here.now_ms))
    twins = [o.name for o in orders if roots[o.name] != value and (o.card, o.n, o.amount_minor, o.generation) == same]
    return Case(
        value=value,
        kind=seed.kind,
        kiosk=seed.kiosk,
        meter=seed.meter,
        card=known.newest,
        n=n,
        amount_minor=seed.amount_minor,
        currency=seed.currency,
        exponent=seed.exponent,
        at_ms=seed.at_ms,
        doubts=doubts,
        orders=mine,
        landed=known.landed(value),
        proof=known.proof(value, n) if n else None,
        gone=gone,
        passed=any(order.n == n and order.state == "passed" for order in mine),
        twin=twins[0] if twins else "",
        settled=(kiosk, sale) in here.settled,
        over=seed.over,
        after=max([known.last_count(), *(order.n for order in orders)]),
        waiting=_waiting(here.machines, gone.at_ms if gone else 0),
        number=seed.number,
    )


def _merged(one: Case, other: Case) -> Case:
    """Two seeds of one value: what a row says goes before a paper, and that before an order."""
    ranks = ("claim", "open", "slip", "order", "orphan")
    first, second = sorted((one, other), key=lambda case: (ranks.index(case.kind), case.at_ms))
    return replace(first, settled=first.settled or second.settled, over=first.over and second.over, n=max(first.n, second.n))


def _waiting(machines: dict[str, Machine], since_ms: int) -> tuple[str, ...]:
    """Kiosks whose rows of that moment may still be on their way."""
    return tuple(name for name, each in machines.items() if each.state in ("open", "frozen") and each.made_ms < since_ms)[:WAITING_MAX]


# ---------------------------------------------------------------- where cases come from


def _seeds(connection: Connection, now_ms: int, only: str = "", *, whole: bool = True) -> list[Seed]:
    """`only`: where one value is looked for, and nothing else need be read. `whole`: with claims that their own kiosk settled."""
    machines = sources.machines(connection)
    kiosk, slash, sale = only.partition("/")
    claimed = sources.claims(connection, kiosk=kiosk if slash else "", sale=sale if slash else "")
    over, chains = sources.settled(connection), Chains(connection)
    ended = set() if whole else over
    found = [
        _claim(connection, each, machines[each.kiosk], changed=each.key not in over and not chains.signed(each.kiosk, each.seq))
        for each in claimed
        if each.key not in ended
    ]
    found += _slips(connection, machines, {seed.value for seed in found} | {value_of(*each) for each in ended}, only if slash else "")
    if not slash:
        found += _late_orders(connection, now_ms)
        found += _orphans(connection, machines)
    return found + list(_never_ended(connection, machines, {seed.value for seed in found}, only))


def _claim(connection: Connection, claimed: Claimed, machine: Machine, *, changed: bool) -> Seed:
    fact = claimed.fact
    ended = sources.sold(connection, machine.no, fact.sale)
    doubts = [Doubt.FROZEN] if machine.state == "frozen" else []
    if changed:
        doubts.append(Doubt.CHANGED)
    if not machine.believes(claimed.seq):
        doubts.append(Doubt.REVOKED)
    if fact.why == "restored" or (machine.restored is not None and claimed.seq > machine.restored):
        doubts.append(Doubt.RESTORED)
    amount = fact.amount_minor
    if not amount or fact.why == "disputed":
        doubts.append(Doubt.DISPUTED)
        amount += sources.in_doubt(connection, machine.no, fact.sale)
    elif ended is None or ended.flagged or (ended.outcome, ended.claim_minor) != ("claimed", amount):
        doubts.append(Doubt.SUMS)
    currency, exponent = (ended.currency, ended.exponent) if ended else sources.money(connection, machine.no)[:2]
    value = value_of(claimed.kiosk, fact.sale)
    meter = fact.meter if METER.fullmatch(fact.meter) else ""  # a machine may say anything
    head = (value, "claim", claimed.kiosk, meter, fact.n, amount, currency, exponent, claimed.at_ms)
    return Seed(*head, tuple(doubts), number=fact.number)


def _slips(connection: Connection, machines: dict[str, Machine], here: set[str], only: str) -> Iterator[Seed]:
    """Slips whose claims are in no row."""
    asked = select(PAPER.c.text, PAPER.c.value).where(PAPER.c.seq > 0).order_by(PAPER.c.at_ms, PAPER.c.sha256)
    asked = asked.where(PAPER.c.value == only) if only else asked
    for text, value in connection.execute(asked).all():
        paper = evidence.decode(text)[0]
        if value in here or paper.kind != SLIP or paper.kiosk not in machines:
            continue
        machine = machines[paper.kiosk]
        currency, exponent, left = sources.money(connection, machine.no)
        doubts = tuple(_slip_doubts(connection, paper, machine, left))
        over = _contradicted(connection, paper, machine)
        head = (value, "slip", paper.kiosk, paper.meter, paper.n, paper.amount_minor, currency, exponent, paper.time_s * 1000)
        yield Seed(*head, doubts, over, paper.number)


def _slip_doubts(connection: Connection, paper: Paper, machine: Machine, left_minor: int | None) -> Iterator[Doubt]:
    """On a slip alone the office pays up to what its kiosk may have sold unreported."""
    if machine.state in ("revoked", "frozen"):
        yield Doubt.REVOKED if machine.state == "revoked" else Doubt.FROZEN
    if paper.tender & RESTORED or machine.restored is not None:
        yield Doubt.RESTORED
    if not paper.amount_minor:
        yield Doubt.DISPUTED
    value = value_of(paper.kiosk, paper.sale)
    if left_minor is None or given_on_slips(connection, machine, but=value) + paper.amount_minor > left_minor:
        yield Doubt.FLOAT


def given_on_slips(connection: Connection, machine: Machine, *, but: str = "") -> int:
    """Minor units that were ordered on this kiosk's slips alone and that its rows still do not report, each value once."""
    unreported = select(PAPER.c.value).where(PAPER.c.kiosk == machine.kiosk, PAPER.c.seq > machine.row_seq)
    asked = select(SETTLEMENT.c.value, SETTLEMENT.c.amount_minor).where(
        SETTLEMENT.c.what == ORDERED, SETTLEMENT.c.value.in_(unreported), SETTLEMENT.c.value != but
    )
    return sum({row.value: row.amount_minor for row in connection.execute(asked)}.values())


def _contradicted(connection: Connection, paper: Paper, machine: Machine) -> str:
    """Why the rows say that nothing is owed for a slip; "" where they do not. At or below the last row that is here, the rows decide."""
    ended = sources.sold(connection, machine.no, paper.sale)
    if ended and ended.outcome != "claimed":
        return f"The rows of {machine.kiosk} say that this sale ended otherwise: {ended.outcome}."
    if paper.seq <= machine.row_seq and not paper.tender & RESTORED:
        return f"The rows of {machine.kiosk} up to {machine.row_seq} are here, and row {paper.seq} is not this slip's: two histories."
    return ""


def _late_orders(connection: Connection, now_ms: int) -> Iterator[Seed]:
    """Orders whose slot another record took, by a count proof, and orders that no machine takes any more."""
    late = (ORDER.c.state == "passed") | ((ORDER.c.state == "open") & (ORDER.c.until_ms <= now_ms))
    asked = select(ORDER).where(late, ORDER.c.settles == "").order_by(ORDER.c.made_ms, ORDER.c.name)
    for row in connection.execute(asked).mappings():
        order = sources.order_of(row)
        money = (order.amount_minor, order.currency, CURRENCIES[order.currency].exponent if order.currency in CURRENCIES else 2)
        yield Seed(order.name, "order", "", order.meter, order.n, *money, order.made_ms)


def _orphans(connection: Connection, machines: dict[str, Machine]) -> Iterator[Seed]:
    """Cash that no sale explains, as long as nobody has closed it."""
    asked = (
        select(FACT.c.seq, FACT.c.at_ms, FACT.c.amount_minor, KIOSK.c.id)
        .join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        .where(FACT.c.kind.in_(numbers("OrphanCredit")))
        .order_by(FACT.c.at_ms, FACT.c.kiosk_no, FACT.c.seq)
    )
    over = set(connection.execute(select(SETTLEMENT.c.value).where(SETTLEMENT.c.what == CLOSED)).scalars())
    for seq, at_ms, amount, kiosk in connection.execute(asked).all():
        value = f"{kiosk}#{seq}"
        currency, exponent, _ = sources.money(connection, machines[kiosk].no)
        closed = "It was closed." if value in over else ""
        yield Seed(value, "orphan", kiosk, "", 0, amount or 0, currency, exponent, at_ms, (Doubt.ORPHAN,), closed)


def _never_ended(connection: Connection, machines: dict[str, Machine], here: set[str], only: str) -> Iterator[Seed]:
    """The sale that was open when the journal of a kiosk stopped whose life is over: there is at most one."""
    for machine in machines.values():
        if machine.state == "open" or (only and not only.startswith(f"{machine.kiosk}/")):
            continue
        opened, paid, at_ms = _last_sale(connection, machine.no)
        value = value_of(machine.kiosk, opened.sale) if opened else ""
        if opened and paid and value not in here:
            quote = opened.quote
            meter = opened.meter if METER.fullmatch(opened.meter) else ""
            head = (value, "open", machine.kiosk, meter, opened.n, paid, quote.currency, quote.exponent, at_ms)
            yield Seed(*head, (Doubt.OPEN,))


def _last_sale(connection: Connection, no: int) -> tuple[facts.SaleOpened | None, int, int]:
    """The last sale if it did not end, what was paid into it, and when it was opened."""
    paid = 0
    for line in sources.newest_rows(connection, no, OPEN_ROWS):
        match line.fact:
            case facts.SaleClosed() | facts.ClaimIssued():
                return None, 0, 0
            case facts.NoteStacked() | facts.CoinAccepted() as piece:
                paid += piece.denomination
            case facts.TransferCodeAccepted() | PosFinal() as accepted:
                paid += accepted.amount_minor
            case facts.SaleOpened() as opened:
                return opened, paid, line.at_ms
    return None, 0, 0


def matching(cases: Iterable[Case], asked: str) -> list[Case]:
    """Those that somebody means: a value's name, a sale, a paper's number, a card's or meter's last digits, a kiosk."""
    text = asked.strip().lower()
    return [
        case
        for case in cases
        if text in (case.value.lower(), case.value.lower().partition("/")[2], case.kiosk.lower(), f"{case.kiosk}-{case.number:06d}".lower())
        or (len(text) >= 4 and (case.card.endswith(text.removeprefix("..")) or case.meter.endswith(text)))
        or text in (order.name.lower() for order in case.orders)
    ]
