"""All money that is paid and not credited, as cases: what `seeds` finds, held against all that is known of its meter."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, select

from kiosk.hq.log.mark import Marks
from kiosk.hq.orders.book import Order
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.settlement import sources
from kiosk.hq.settlement.chain import Chains
from kiosk.hq.settlement.known import STRANGE, Home, Known, TagOf
from kiosk.hq.settlement.rule import Case, Doubt
from kiosk.hq.settlement.seeds import Seed, on_cards, seeds
from kiosk.hq.settlement.sources import Cards, Issued, Machine, issued_empty
from kiosk.hq.settlement.untrue import untrue
from kiosk.hq.store import Store
from kiosk.vend import code, slot
from kiosk.vend.slot import Verified

WAITING_MAX = 20
NEXT_CARD = "the next card"  # of a meter: a serial that no card has


class Here(NamedTuple):
    """What every case is held against: the kiosks, (kiosk, sale) of claims that ended at their own kiosk, and the time."""

    machines: dict[str, Machine]
    settled: set[tuple[str, str]]
    now_ms: int


def _here(connection: Connection, now_ms: int) -> Here:
    return Here(sources.machines(connection), sources.settled(connection), now_ms)


class Cases:
    """Reads them. `cards`: a meter's serials, oldest first; `tag_of`: what the vault says of an order's record, None without a vault;
    `replaced`: the meters that have had more than one card; `issued`: what a meter's newest card was issued with; `beside`: what of the
    registry and the floats is not as the office wrote it; `marks`: of the office's log, kept from one check to the next."""

    def __init__(
        self,
        store: Store,
        cards: Cards,
        tag_of: TagOf | None = None,
        replaced: Callable[[], Iterable[str]] = tuple,
        beside: Callable[[], Iterable[str]] = tuple,
        *,
        issued: Issued = issued_empty,
        marks: Marks | None = None,
    ) -> None:
        self._store, self._cards, self._tag_of, self._replaced, self._beside = store, cards, tag_of, replaced, beside
        self._issued, self._marks = issued, marks or Marks()

    def all(self, now_ms: int, *, whole: bool = True) -> list[Case]:
        """Every case, the oldest first; without `whole` not claims that their own kiosk settled: nearly all. Raises StoreError."""

        def work(connection: Connection) -> list[Case]:
            here, chains = _here(connection, now_ms), Chains(connection)
            return self._all(connection, self._seeds(connection, here, chains, whole=whole), here, chains)

        return self._store.read(work)

    def one(self, value: str, now_ms: int) -> Case | None:
        """By its value's name; a sale that a code paid for is its order's money. Raises StoreError."""

        def work(connection: Connection) -> Case | None:
            here, chains, meter = _here(connection, now_ms), Chains(connection), ""
            if "/" not in value:
                meter = connection.execute(select(ORDER.c.meter).where(ORDER.c.name == value)).scalar() or ""
            found = self._seeds(connection, here, chains, value, meter)
            seeds = [seed for seed in found if seed.value == value or (seed.meter == meter and "/" not in value)]
            cases = [case for case in self._all(connection, seeds, here, chains) if "/" in value or case.value == value]
            return cases[0] if cases else None

        return self._store.read(work)

    def stranded(self, meter: str, now_ms: int) -> list[Case]:
        """What a new card for this meter would leave uncredited: verified on a card of it, shown taken by no reading, and not what the new
        card carries. It is settled before that card is written. Raises StoreError."""

        def work(connection: Connection) -> list[Case]:
            cards = self._cards(meter)
            here, chains = _here(connection, now_ms), Chains(connection)
            orders = sources.orders_of(connection, meter)
            known = self._known(connection, meter, here.machines, orders, chains)
            carried = {(each.n, each.tag) for each in self.carried(known)}
            kept = {entry.value for entry in known.entries if (entry.n, entry.tag) in carried}
            after = replace(known, cards=(*known.cards, NEXT_CARD))
            cases = [_case(seed, after, orders, here) for seed in on_cards(connection, here.machines, chains, meter, cards)]
            return [case for case in cases if not case.landed and case.value not in kept]

        return self._store.read(work)

    def carried(self, known: Known) -> tuple[Verified, ...]:
        """What the replacement of this meter's newest card carries: any one of these, or a purchase of nothing."""
        evidence = (each.evidence for each in known.told)
        return slot.carried(known.meter, known.newest, self._issued(known.meter), evidence, kept=known.kept)

    def _seeds(
        self, connection: Connection, here: Here, chains: Chains, only: str = "", meter: str = "", *, whole: bool = True
    ) -> list[Seed]:
        found = seeds(connection, here.machines, chains, here.now_ms, only, whole=whole)
        sale = only if "/" in only else ""
        for each in self._replaced():
            if meter in ("", each):
                found += on_cards(connection, here.machines, chains, each, self._cards(each)[:-1], sale)
        return found

    def untrue(self, case: Case) -> str:
        """What a decision about it would rest on and is not as it was written; "" where all is. Raises StoreError."""
        cards = self._cards(case.meter) if case.meter else ()
        return next(iter(self._beside()), "") or self._store.read(lambda connection: untrue(connection, case, cards, self._marks))

    def known(self, meter: str) -> Known:
        """All that is known of a meter. Raises StoreError."""

        def work(connection: Connection) -> Known:
            machines = sources.machines(connection)
            return self._known(connection, meter, machines, sources.orders_of(connection, meter), Chains(connection))

        return self._store.read(work)

    def _known(self, connection: Connection, meter: str, machines: dict[str, Machine], orders: tuple[Order, ...], chains: Chains) -> Known:
        cards = self._cards(meter)
        return sources.of_meter(connection, meter, cards=cards, machines=machines, orders=orders, tag_of=self._tag_of, chains=chains)

    def _all(self, connection: Connection, seeds: list[Seed], here: Here, chains: Chains) -> list[Case]:
        meters: dict[str, tuple[Known, tuple[Order, ...]]] = {}
        found: dict[str, Case] = {}
        for seed in seeds:
            if seed.meter and seed.meter not in meters:
                orders = sources.orders_of(connection, seed.meter)
                meters[seed.meter] = self._known(connection, seed.meter, here.machines, orders, chains), orders
            known, orders = meters.get(seed.meter, (Known(""), ()))
            case = _case(seed, known, orders, here)
            if case.kind == "stranded" and case.landed:
                continue  # a purchase like any other
            found[case.value] = _merged(found[case.value], case) if case.value in found else case
        return sorted(found.values(), key=lambda case: (case.at_ms, case.value))


def _case(seed: Seed, known: Known, orders: tuple[Order, ...], here: Here) -> Case:
    value, doubts = known.coded.get(seed.value, seed.value), seed.doubts
    if value == STRANGE:
        value, doubts = seed.value, (*doubts, Doubt.CODE)
    mine = tuple(order for order in orders if known.roots[order.name] == value)
    # An order of its own was made by this very rule, or by two people, and its code may be out: the way up goes on from there.
    home = known.home(value, max([seed.n, *(order.n for order in mine)])) if seed.n else Home(0)
    n = home.n
    kiosk, _, sale = seed.value.partition("/")
    gone = known.gone(n) if n else None
    same = (known.newest, n, seed.amount_minor, code.generation_at(here.now_ms))
    twins = [o.name for o in orders if known.roots[o.name] != value and (o.card, o.n, o.amount_minor, o.generation) == same]
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
        proofs=home.proofs,
        removed=home.removed,
        gone=gone,
        passed=any(order.n == n and order.state == "passed" for order in mine),
        twin=twins[0] if twins else "",
        settled=(kiosk, sale) in here.settled and seed.kind != "stranded",
        over=seed.over,
        after=max([known.last_count(), *(order.n for order in orders if order.counts(here.now_ms))]),
        waiting=_waiting(here.machines, gone.at_ms if gone else 0),
        number=seed.number,
    )


def _merged(one: Case, other: Case) -> Case:
    """Two seeds of one value: what a row says goes before a paper, and that before an order.

    A claim that its kiosk settled is on a card. If that card is lost and no meter took the record, what was on it is owed.
    """
    for each, beside in ((one, other), (other, one)):
        if each.kind == "stranded" and beside.settled:
            return each
    ranks = ("claim", "open", "slip", "stranded", "order", "orphan")
    first, second = sorted((one, other), key=lambda case: (ranks.index(case.kind), case.at_ms))
    return replace(first, settled=first.settled or second.settled, over=first.over and second.over, n=max(first.n, second.n))


def _waiting(machines: dict[str, Machine], since_ms: int) -> tuple[str, ...]:
    """Kiosks whose rows of that moment may still be on their way."""
    return tuple(name for name, each in machines.items() if each.state in ("open", "frozen") and each.made_ms < since_ms)[:WAITING_MAX]


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
