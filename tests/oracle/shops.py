"""The shops of tests/sale and tests/tears in the table of `kiosks`: rows, papers, codes and the state, after every step."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tests.bank.counter import Counter
from tests.oracle.kiosks import CASH, Kiosk, Machine, Record, Slot, World
from tests.oracle.papers import evidence_wrong, paper_wrong
from tests.oracle.reports import days_wrong
from tests.oracle.said import value_of
from tests.oracle.table import BOOKS
from tests.sale.shop import Card, Shop


class ShopTable:
    """`debts`: what customers owe that the shop of that place recovers, by meter."""

    def __init__(
        self,
        shops: Sequence[Shop],
        taken: Callable[[], Sequence[Record]],
        on_cards: Callable[[], Iterable[Record]],
        debts: Mapping[int, Mapping[str, int]] | None = None,
    ) -> None:
        self.world, self.counters = World(taken, on_cards), []
        for place, shop in enumerate(shops):
            machine = Machine(shop.pieces, charged_of(shop), debts=(debts or {}).get(place, {}))
            self.counters.append(_Counter(shop, self.world.add(f"K{place + 1:02}", machine)))

    def wrong(self) -> str:
        """The first difference since the last look, or ""."""
        for counter in self.counters:
            counter.read()
        return self.world.wrong() or next((found for counter in self.counters if (found := counter.papers_wrong() or counter.wrong())), "")

    def at_rest(self) -> str:
        """The same over everything, and what the kiosks' day reports say; nothing that landed is on a card still."""
        if found := self.wrong() or self.world.at_rest():
            return found
        if self.world.waiting:
            return f"it landed, and no meter has it: {self.world.waiting}"
        return next((found for counter in self.counters if (found := counter.reported())), "")


class _Counter:
    """One shop, and how far it was read."""

    def __init__(self, shop: Shop, kiosk: Kiosk) -> None:
        self.shop, self.kiosk = shop, kiosk
        self._rows = self._papers = self._codes = 0

    def read(self) -> None:
        """The rows that are new."""
        for fact, _ in self.shop.rows[self._rows :]:
            self.kiosk.read(fact)
        self._rows = len(self.shop.rows)

    def papers_wrong(self) -> str:
        """What those that were printed since the last look say otherwise, and the codes that were signed."""
        shop, kiosk = self.shop, self.kiosk
        papers, codes = shop.papers[self._papers :], shop.codes[self._codes :]
        self._papers, self._codes = len(shop.papers), len(shop.codes)
        found = [paper_wrong(kiosk.table, kiosk.numbers.get(job.number, ""), job.paper) for job in papers if job.number]
        found += [evidence_wrong(kiosk.table, kiosk.numbers.get(said.number, ""), said) for said in codes]
        return next(filter(None, found), "")

    def wrong(self) -> str:
        """What the state says otherwise than the books."""
        state, kiosk, table = self.shop.state, self.kiosk, self.kiosk.table
        for device in CASH:
            box, told = kiosk.boxed[device], state.boxes.get(device, {})
            if +box != {face: pieces for face, pieces in told.items() if pieces}:
                return f"{kiosk.name}, {device}: the acceptor's box holds {dict(box)}, the state says {told}"
        held = table.cell(BOOKS, value_of(kiosk.name, state.sale.id), "held") if state.sale else 0
        owed, claims = table.column(BOOKS, "claims", f"{kiosk.name}/"), sum(claim.tender_minor for claim in state.claims.values())
        if state.sale and state.sale.tender_minor != held:
            return f"{kiosk.name}: the open sale holds {held}, the state says {state.sale.tender_minor}"
        return "" if owed == claims else f"{kiosk.name}: {owed} is owed to claims, the state says {claims}"

    def reported(self) -> str:
        """The day reports, added up."""
        return days_wrong(self.kiosk.table, self.kiosk.name, self.shop.recorded(), self.shop.rules.business_date)


def charged_of(shop: Shop) -> Callable[[], Mapping[int, int]]:
    """By receipt, by the book of the terminal on the counter, where one stands there."""
    if not isinstance(shop, Counter):
        return dict
    book = shop.terminal.book
    return lambda: {int(entry.receipt): entry.amount_minor for entry in book if entry.state == "final"}


def taken_by(card: Card) -> list[Record]:
    """What the meter of this card has credited."""
    return [(Slot(card.meter, n, tag), minor) for n, tag, minor in zip(card.slots, card.tags, card.credited, strict=True)]


def on(card: Card) -> list[Record]:
    """The purchase that stands on this card."""
    money, tag = card.files[2], card.files[1][6:10].hex()
    return [(Slot(card.meter, int.from_bytes(money[4:]), tag), int.from_bytes(money[:4]))]
