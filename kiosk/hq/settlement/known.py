"""Rows, orders and papers about one meter -> its records with the money behind each, and the evidence with its sources. Pure.

A value is money: a sale by KIOSK/SALE, or an order by its name; an order that settles something is that money again, and so is the sale in
which its code was used. A record whose money nobody here knows may be any value's: it proves nothing for anybody.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from kiosk.hq.orders.book import Order
from kiosk.vend import facts as f
from kiosk.vend import slot
from kiosk.vend.evidence import SLIP
from kiosk.vend.evidence import Evidence as Paper
from kiosk.vend.explain.whereabouts import DISBELIEVED
from kiosk.vend.slot import Entry, Evidence, Shown, Slot, Verified

STRANGE = "?"
UNMARKED = "00000000"

TagOf = Callable[[Order], str]
"""The tag of an order's record, 8 hex digits: its vault knows."""


class Line(msgspec.Struct, frozen=True):
    """An imported row about a card."""

    kiosk: str
    seq: int
    at_ms: int
    sale: str
    fact: f.Fact

    @property
    def value(self) -> str:
        """The money of its own sale."""
        return value_of(self.kiosk, self.sale)


class Told(msgspec.Struct, frozen=True):
    """A piece of evidence, and where it comes from. `source`: a fact's kind | receipt | removal."""

    evidence: Evidence
    source: str
    kiosk: str = ""
    seq: int = 0
    at_ms: int = 0


class Home(msgspec.Struct, frozen=True):
    """See slot.Home: the same with the sources of the evidence."""

    n: int
    proofs: tuple[Told, ...] = ()
    removed: Told | None = None


class Known(msgspec.Struct, frozen=True):
    """All that is known here of one meter. `cards`: its serials, oldest first. `untagged`: slots of orders whose tags are not known here,
    where therefore nothing can be told apart; `strange`: records whose money is not known."""

    meter: str
    cards: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    strange: tuple[Entry, ...] = ()
    told: tuple[Told, ...] = ()
    untagged: frozenset[int] = frozenset()
    kept: frozenset[Verified] = frozenset()  # verified records that have served as proof
    coded: dict[str, str] = {}  # a sale that a code paid for -> the value behind the code, STRANGE where no order has it
    roots: dict[str, str] = {}  # an order's name -> the value that it stands for

    @property
    def newest(self) -> str:
        """The newest card's serial; "" where no card of this meter was ever opened here."""
        return self.cards[-1] if self.cards else ""

    def home(self, value: str, first: int) -> Home:
        """The slot that this value belongs in, from its first slot on. The rule itself is vend/slot's.

        A slot of an order whose tag is not known here ends the way up: nothing can be told apart in it.
        """
        perhaps = (*self.entries, *(replace(entry, value=value) for entry in self.strange))
        evidence = [told.evidence for told in self.told]
        found = slot.home(value, Slot(self.meter, first), perhaps, evidence, self.newest, kept=self.kept)
        last = min((n for n in self.untagged if first <= n <= found.n), default=found.n)
        proofs = tuple(self._told(proof) for proof in found.proofs[: last - first])
        return Home(last, proofs, self._told(found.removed) if found.removed and last == found.n and last not in self.untagged else None)

    def _told(self, evidence: Evidence) -> Told:
        return next(told for told in self.told if told.evidence == evidence)

    def landed(self, value: str) -> Told | None:
        """What shows that this value is on the meter's newest card, ready to be taken, or was taken. Two values with one tag: neither's."""
        everybody = (*self.entries, *(replace(entry, value=STRANGE) for entry in self.strange))
        for told in self.told:
            named = _named(told.evidence, self.newest)
            if named and {entry.value for entry in everybody if _record(entry) == named} == {value}:
                return told
        return None

    def gone(self, n: int) -> Told | None:
        """What shows that slot n was passed, by whatever record: a same-slot order would only be refused by the card."""
        for told in self.told:
            item = told.evidence
            taken = item.taken if isinstance(item, Shown) else None
            passed = isinstance(item, Verified) and item.card == self.newest and item.n >= n
            if item.meter == self.meter and (passed or (taken is not None and taken >= n)):
                return told
        return None

    def last_count(self) -> int:
        """The highest purchase count that anything here shows of this meter."""
        counts = [0]
        for told in self.told:
            item = told.evidence
            counts += [item.n] if isinstance(item, Verified) else [item.taken or 0] if isinstance(item, Shown) else []
        return max(counts)

    def last_taken(self) -> int:
        """The highest purchase count that the meter itself has written on a card."""
        return max((told.evidence.taken or 0 for told in self.told if isinstance(told.evidence, Shown)), default=0)


def value_of(kiosk: str, sale: str) -> str:
    """A sale's money."""
    return f"{kiosk}/{sale}"


def known(
    meter: str,
    cards: Sequence[str],
    lines: Iterable[Line],
    *,
    disbelieved: Iterable[Line] = (),
    orders: Sequence[Order] = (),
    tag_of: TagOf | None = None,
    papers: Sequence[Paper] = (),
    removals: Iterable[Told] = (),
    kept: Iterable[Verified] = (),
) -> Known:
    """`orders`: all of this meter's; `papers`: genuine ones of kiosks that are believed. Rows that are not (`disbelieved`) prove nothing: a
    record that one of them names may be anybody's. `kept`: the verified records that earlier decisions rest on."""
    rows = list(lines)
    codes = {line.value: line.fact for line in rows if isinstance(line.fact, f.TransferCodeAccepted)}
    alone = money_of(orders, {})
    coded = {value: _order_of(value, fact, orders, alone) for value, fact in codes.items()}
    roots = money_of(orders, coded)
    coded = {value: roots.get(name, STRANGE) for value, name in coded.items()}
    records = {line.value: line.fact for line in rows if isinstance(line.fact, f.WriteStarted)}
    whole = [Entry(coded.get(value, value), r.meter, r.n, r.amount_minor, r.tag) for value, r in records.items()]
    whole += [Entry(roots[o.name], o.meter, o.n, o.amount_minor, tag_of(o)) for o in orders] if tag_of else []
    whole += [Entry(STRANGE, r.meter, r.n, r.amount_minor, r.tag) for line in disbelieved if isinstance(r := line.fact, f.WriteStarted)]
    told = [*_told(rows, records), *removals]
    slips, receipts = _papers(papers, cards, whole, told)
    whole += slips
    for receipt, verified in receipts:
        whole += [receipt] if receipt else []
        told.append(verified)
    return Known(
        meter,
        tuple(cards),
        tuple(entry for entry in whole if entry.value != STRANGE),
        tuple(entry for entry in whole if entry.value == STRANGE),
        tuple(each for each in told if each.evidence.meter == meter),
        frozenset() if tag_of else frozenset(order.n for order in orders),
        frozenset(kept),
        coded,
        roots,
    )


def money_of(orders: Iterable[Order], coded: Mapping[str, str]) -> dict[str, str]:
    """An order's name -> the value that it stands for: its own, or at the end of what it settles.

    `coded`: a sale that a code paid for -> an order with that code. An order may settle such a sale under the sale's own name: it was made
    while the office had lost the order of the code.
    """
    settles = {order.name: order.settles for order in orders}

    def root(name: str) -> str:
        seen = set[str]()
        while name not in seen:
            seen.add(name)
            behind = coded.get(name, STRANGE)
            name = settles.get(name) or (name if behind == STRANGE else behind)
        return name

    return {name: root(name) for name in settles}


def _order_of(value: str, fact: f.TransferCodeAccepted, orders: Iterable[Order], roots: dict[str, str]) -> str:
    """A code's terms name its order, which is none that settles the sale itself; STRANGE where none has them, or different money does."""
    wanted = (fact.card, fact.meter, fact.n, fact.amount_minor, fact.generation)
    same = [o for o in orders if o.settles != value and (o.card, o.meter, o.n, o.amount_minor, o.generation) == wanted]
    return same[0].name if len({roots[order.name] for order in same}) == 1 else STRANGE


def _told(rows: Iterable[Line], records: dict[str, f.WriteStarted]) -> Iterator[Told]:
    for line in rows:
        evidence = _evidence(line, records)
        if evidence:
            yield Told(evidence, line.fact.kind, line.kiosk, line.seq, line.at_ms)


def _evidence(line: Line, records: dict[str, f.WriteStarted]) -> Evidence | None:
    """Only readings that the card itself proved, and records that were read back by one. Nothing that is missing proves anything."""
    match line.fact:
        case f.CardVerified() as seen if line.value in records:
            record = records[line.value]
            same = (record.n, record.tag) == (seen.n, seen.tag)
            return Verified(seen.card, record.meter, seen.n, record.amount_minor, seen.tag) if same else None
        case f.ForeignSaleFinished() as done:
            return Verified(done.card, done.meter, done.n, done.amount_minor, done.tag)
        case f.CardPresented(authentic=True) as seen if seen.why not in DISBELIEVED:
            return Shown(seen.card, seen.meter, seen.count, seen.amount_minor, seen.taken, seen.tag, seen.fits)
    return None


# ---------------------------------------------------------------- papers

Receipt = tuple[Entry | None, Told]


def _papers(papers: Iterable[Paper], cards: Sequence[str], whole: list[Entry], told: list[Told]) -> tuple[list[Entry], list[Receipt]]:
    """A paper says what was paid, which need not be what was written: its record is the one with the same tag in the same slot, whatever
    amount that has. So a receipt of the very money in question never looks like another's."""
    slips: list[Entry] = []
    for paper in papers:
        if paper.kind == SLIP and paper.tag != UNMARKED:
            amounts = {paper.amount_minor, *_amounts(paper, whole, told)}
            slips += [Entry(value_of(paper.kiosk, paper.sale), paper.meter, paper.n, amount, paper.tag) for amount in sorted(amounts)]
    receipts: list[Receipt] = []
    for paper in papers:
        ending = [card for card in cards if card.endswith(paper.card_tail)]
        if paper.kind == SLIP or paper.tag == UNMARKED or len(ending) != 1:
            continue
        amounts = {e.amount_minor for e in (*whole, *slips) if (e.meter, e.n, e.tag) == (paper.meter, paper.n, paper.tag)}
        named = f"{paper.kiosk}-{paper.number}"
        fresh = None if amounts else Entry(named, paper.meter, paper.n, paper.amount_minor, paper.tag)
        for amount in sorted(amounts) or [paper.amount_minor]:
            seen = Verified(ending[0], paper.meter, paper.n, amount, paper.tag)
            receipts.append((fresh, Told(seen, "receipt", paper.kiosk, paper.number, paper.time_s * 1000)))
    return slips, receipts


def _amounts(paper: Paper, whole: Iterable[Entry], told: Iterable[Told]) -> Iterator[int]:
    wanted = (paper.meter, paper.n, paper.tag)
    yield from (entry.amount_minor for entry in whole if (entry.meter, entry.n, entry.tag) == wanted)
    for each in told:
        item = each.evidence
        if isinstance(item, Verified) and (item.meter, item.n, item.tag) == wanted:
            yield item.amount_minor
        if isinstance(item, Shown) and (item.meter, item.count, item.tag) == wanted:
            yield item.amount_minor


def _record(entry: Entry) -> tuple[str, int, str, int]:
    return entry.meter, entry.n, entry.tag, entry.amount_minor


def _named(item: Evidence, newest: str) -> tuple[str, int, str, int] | None:
    """The record that this shows as landed."""
    if isinstance(item, Verified) and item.card == newest:
        return item.meter, item.n, item.tag, item.amount_minor
    if isinstance(item, Shown) and item.tag and slot.names_taken(item):
        return item.meter, item.count, item.tag, item.amount_minor
    return None
