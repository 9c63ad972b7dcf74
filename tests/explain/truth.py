"""Where the money of a sale really is, asked of the virtual card and the virtual meter; and what explain says of it at that moment."""

from collections import Counter
from collections.abc import Iterator

from kiosk.devices.sim.card_files import is_empty
from kiosk.vend import facts as f
from kiosk.vend.explain.telling import story
from kiosk.vend.explain.values import Holding, Place, Story
from kiosk.vend.rows import Recorded
from tests.sale.shop import Shop
from tests.tears.histories import HOME, A, B, Event, History, happen
from tests.tears.till import Till, Town

REST = (A, HOME, B, HOME, A, HOME, B, HOME)
OWED, CARD, METER = "owed", "card", "meter"
NAMES = {Place.MACHINE: OWED, Place.CLAIM: OWED, Place.CARD: CARD, Place.METER: METER}


def recorded(shop: Shop) -> list[Recorded]:
    return [Recorded(row, fact, getattr(fact, "sale", None)) for fact, row in shop.rows]


def truth(town: Town, till: Till, sale: str) -> str:
    """owed | card | meter. The tests of tears hold the card and the meter to it that a record is never in two places."""
    record = town.begun.get(till.name + sale)
    if record is None:
        return OWED
    mine = (record.n, record.amount_minor, record.tag)
    if mine in town.credits:
        return METER
    files = town.card.files
    shown = (int.from_bytes(files[2][4:]), int.from_bytes(files[2][:4]), files[1][6:10].hex())
    return CARD if shown == mine and is_empty(files[5]) else OWED


def credited(told: Story) -> Holding | None:
    """Where explain says that the sale's own money is; None without any."""
    return next((each for each in told.holdings if each.place in (*NAMES, Place.BETWEEN)), None)


def named(holding: Holding) -> set[str]:
    """All places that it may be at."""
    return {NAMES[place] for place in holding.may_be or (holding.place,)}


class Watch:
    """Explain is asked about every sale of both kiosks whenever something has happened."""

    def __init__(self, history: History) -> None:
        self.history, self.town = history, Town(history.start, history.seed)
        self.told: dict[tuple[str, int, str], Story] = {}
        self.answers: Counter[tuple[Place, str]] = Counter()
        self.wrong = ""

    def run(self) -> "Watch":
        for event in (*self.history.events, *REST):
            happen(self.town, event)
            if not self.twins():
                for till, sale in self.sales():
                    self.ask(till, sale, event)
        return self

    def twins(self) -> bool:
        """Two records with one tag, one in 65,536: no machine can tell them apart (`wrong_twins`)."""
        marks = {(record.n, record.tag, record.amount_minor) for record in self.town.begun.values()}
        return len(marks) < len(self.town.begun)

    def sales(self) -> Iterator[tuple[Till, str]]:
        for till in self.town.tills:
            for fact in till.facts("SaleOpened"):
                assert isinstance(fact, f.SaleOpened)
                yield till, fact.sale

    def story(self, till: Till, sale: str) -> Story:
        key = (till.name, len(till.rows), sale)
        if key not in self.told:
            told = story(recorded(till), sale, till.rules.kiosk)
            assert told is not None
            self.told[key] = told
        return self.told[key]

    def ask(self, till: Till, sale: str, event: Event) -> None:
        told = self.story(till, sale)
        money = sum(each.amount_minor for each in told.holdings if each.place in (*NAMES, Place.BETWEEN, Place.UTILITY))
        if money != told.tender_minor:
            self.wrong = self.wrong or f"after {event}: {told.tender_minor} went in, {money} is told of: {told.holdings}"
        holding, really = credited(told), truth(self.town, till, sale)
        if holding is None:
            return
        self.answers[holding.place, really] += 1
        if really not in named(holding):
            self.wrong = self.wrong or f"after {event}: {till.name} says {holding}, really {really}"
