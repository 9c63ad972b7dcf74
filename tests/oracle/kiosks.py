"""The kiosks, cards and meters of one world in one table: what the journals say, beside what the simulators have written down themselves.

    world = World(taken, on_cards)            # what the meters have credited, and the purchases that stand on cards
    kiosk = world.add("K07", Machine(pieces)) # the acceptors' own lists of what fell into their boxes
    kiosk.read(fact)                          # each row of its journal, in its order
    assert not world.wrong()                  # after any step
    assert not world.at_rest()                # when nothing goes on any more

Pieces have no names. The journal's rows about a device come in the order in which its pieces fell, so the n-th piece of which a row
speaks is the n-th piece of the acceptor's list, and it is worth what that list says.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kiosk.vend import facts as f
from kiosk.vend.bank import PosFinal
from kiosk.vend.facts import Fact
from tests.oracle.said import closes, holds, orphan_of, priced, says, value_of
from tests.oracle.table import BOOKS, Table
from tests.oracle.terms import Terms

CASH = ("notes", "coins")
UNKNOWN = "unknown "  # before the device, in the row of orphans of which it named no value
UNSAID = ", piece "  # after the device, in the row of a piece of which no row speaks


class Slot(NamedTuple):
    """Where a purchase was written: the record that a meter takes once."""

    meter: str
    n: int
    tag: str


Record = tuple[Slot, int]  # and its amount, as a card or a meter has it


@dataclass
class Machine:
    """What stands around one kiosk and keeps books of its own.

    `pieces`: all that ever fell into the boxes, by device; `charged`: what the bank has charged and not given back, by receipt; `paid`:
    what was paid for codes elsewhere, by card; `debts`: what customers owe that this kiosk recovers, by meter.
    """

    pieces: Mapping[str, Sequence[int]]
    charged: Callable[[], Mapping[int, int]] = dict
    paid: Mapping[str, Sequence[int]] = field(default_factory=dict)
    debts: Mapping[str, int] = field(default_factory=dict)


class World:
    """`taken`: what the meters have credited, in their order; `on_cards`: what stands on the cards now."""

    def __init__(self, taken: Callable[[], Sequence[Record]], on_cards: Callable[[], Iterable[Record]], terms: Terms = Terms()) -> None:  # noqa: B008 - frozen
        self.table, self.terms = Table(), terms
        self.kiosks: list[Kiosk] = []
        self.wrote = ""  # the first thing that is wrong by itself
        self.begun: dict[Slot, str] = {}  # the value that a record is of
        self.credited: dict[Slot, int] = {}
        self.finished: set[Slot] = set()  # put on a card by another kiosk than its own
        self.landed: dict[Slot, str] = {}
        self.waiting: dict[Slot, int] = {}  # landed, and in no meter yet: the amount on its card, 0 where it stands on none
        self._taken, self._on_cards, self._heard = taken, on_cards, 0

    def add(self, name: str, machine: Machine) -> "Kiosk":
        """One more."""
        self.kiosks.append(Kiosk(self, name, machine))
        return self.kiosks[-1]

    def wrong(self) -> str:
        """The first difference since the last look, or ""."""
        self.place()
        return self.wrote or self.table.wrong()

    def at_rest(self, unknown_minor: int = 0) -> str:
        """The same over everything; and nothing lies in a box or at a bank that no row speaks of. `unknown_minor`: but for notes of so
        much in each kiosk, where nobody can tell what became of them."""
        found = self.wrong() or next((found for kiosk in self.kiosks if (found := kiosk.unsaid(unknown_minor))), "")
        return found or self.table.wrong(every=True)

    def as_the_office_knows(self) -> None:
        """From here on a claim has landed by the books where another kiosk has put its record on the card: its own may not know yet."""
        for kiosk in self.kiosks:
            for slot, value in self.begun.items():
                if slot in self.finished and value in kiosk.meters and self.table.cell(BOOKS, value, "claims"):
                    kiosk.lands(value, "settled", slot)
        self.place()

    def says_wrong(self, what: str) -> None:
        """Keep the first."""
        self.wrote = self.wrote or what

    def lands(self, value: str, slot: Slot) -> None:
        """The product says that this value can be credited, or was: where it is, and by what amount, is asked of meters and cards."""
        self.table.book(value, "cards", -self.table.cell(BOOKS, value, "cards"))
        if slot in self.landed:
            self.says_wrong(f"{value} landed with the record of {self.landed[slot]}")
        self.landed[slot], self.waiting[slot] = value, 0

    def place(self) -> None:
        """Hear of the meters, and find on the cards what landed."""
        taken = self._taken()
        for slot, minor in taken[self._heard :]:
            if slot in self.credited:
                self.says_wrong(f"{self.begun.get(slot)}: {slot} is credited twice")
            if slot not in self.begun:
                self.says_wrong(f"a meter credited {minor} for {slot}, and nobody paid for it")
            self.credited[slot] = minor
        self._heard = len(taken)
        here = dict(self._on_cards()) if self.waiting else {}
        for slot, there in list(self.waiting.items()):
            value, self.waiting[slot] = self.landed[slot], here.get(slot, 0)
            if slot in self.credited:
                self.table.book(value, "meters", self.credited[slot])
                self.waiting[slot] = 0
            self.table.book(value, "cards", self.waiting[slot] - there)
            if slot in self.credited:
                del self.waiting[slot]


class Kiosk:
    """One journal, row by row."""

    def __init__(self, world: World, name: str, machine: Machine) -> None:
        self.world, self.table, self.name, self.machine = world, world.table, name, machine
        self.meters: dict[str, str] = {}  # value -> its meter
        self.verified: dict[str, Slot] = {}
        self.numbers: dict[int, str] = {}  # of papers -> the value that each is about
        self.recovered = Counter[str]()  # debts, by meter
        self.boxed: dict[str, Counter[str]] = {device: Counter() for device in CASH}  # as `State.boxes`: "0" for pieces without a name
        self._named, self._codes = Counter[str](), Counter[str]()

    def read(self, fact: Fact) -> None:
        """One row more."""
        told = READS.get(type(fact))
        if told:
            told(self, fact)
            self.world.says_wrong(says(self.table, self.name, fact))

    def unsaid(self, unknown_minor: int = 0) -> str:
        """Pieces of which no row speaks are posted, and may differ by so much; what a bank has beside all payments, or ""."""
        for device, pieces in self.machine.pieces.items():
            for place in range(self._named[device], len(pieces)):
                value, minor = f"{self.name}/{device}{UNSAID}{place + 1}", pieces[place]
                for where in (device, "orphans"):
                    self.table.book(value, where, minor)
                    self.table.allow(value, where, min(minor, unknown_minor))
                unknown_minor -= min(minor, unknown_minor)
        return self.table.total(BOOKS, "bank", sum(self.machine.charged().values()), f"{self.name}/")

    # ------------------------------------------------------------ money comes in

    def _opened(self, fact: f.SaleOpened) -> None:
        self.meters[self._value(fact)] = fact.meter

    def _piece(self, fact: f.NoteStacked | f.CoinAccepted) -> None:
        (minor,) = self._next(fact.device, 1)
        self.boxed[fact.device][str(minor)] += 1
        self._came(self._value(fact), fact.device, minor)

    def _orphan(self, fact: f.OrphanCredit) -> None:
        known, found = fact.pieces == 1 and fact.amount_minor, self._next(fact.device, fact.pieces)
        value = orphan_of(self.name, fact.device if known else UNKNOWN + fact.device, fact.accepted)
        self.boxed[fact.device].update(map(str, found) if known else {"0": fact.pieces})
        for place in (fact.device, "orphans"):
            self.table.book(value, place, sum(found))
            if not known:
                self.table.say(value, place, sum(found))

    def _next(self, device: str, pieces: int) -> list[int]:
        first = self._named[device]
        self._named[device] += pieces
        fell = list(self.machine.pieces[device][first : first + pieces])
        return fell + [0] * (pieces - len(fell))

    def _bank(self, fact: PosFinal) -> None:
        self._came(self._value(fact), "bank", self.machine.charged().get(int(fact.receipt), 0))

    def _code(self, fact: f.TransferCodeAccepted) -> None:
        place = self._codes[fact.card]
        self._codes[fact.card] += 1
        paid = self.machine.paid.get(fact.card, ())
        self._came(self._value(fact), "partner", paid[place] if place < len(paid) else 0)

    def _came(self, value: str, place: str, minor: int) -> None:
        self.table.book(value, place, minor)
        holds(self.table, value)

    # ------------------------------------------------------------ what became of it

    def _begun(self, fact: f.WriteStarted) -> None:
        self.world.begun[Slot(fact.meter, fact.n, fact.tag)] = self._value(fact)

    def _verified(self, fact: f.CardVerified) -> None:
        value = self._value(fact)
        self.verified[value] = Slot(self.meters.get(value, ""), fact.n, fact.tag)

    def _closed(self, fact: f.SaleClosed) -> None:
        self._ends(self._value(fact), fact.outcome, fact.lines)

    def _settled(self, fact: f.ClaimSettled) -> None:
        self._ends(self._value(fact), "settled", fact.lines)

    def _ends(self, value: str, outcome: str, lines: tuple[f.PriceLine, ...]) -> None:
        if outcome in ("landed", "settled"):
            self.lands(value, outcome, self.verified.get(value, Slot("", 0, "")))
            self.world.says_wrong(priced(value, lines, self._terms(value)))
        else:
            closes(self.table, value, outcome, self._terms(value))

    def lands(self, value: str, outcome: str, slot: Slot) -> None:
        """By the books: what must become of the money, with the old debt that is left, and the credit as meter or card have it."""
        meter = self.meters.get(value, "")
        owed = max(self.machine.debts.get(meter, 0) - self.recovered[meter], 0)
        closes(self.table, value, outcome, self._terms(value), owed)
        self.recovered[meter] += self.table.cell(BOOKS, value, "debt")
        self.world.lands(value, slot)

    def _terms(self, value: str) -> Terms:
        """Who paid for a code has paid everything else where it was paid."""
        code = self.table.cell(BOOKS, value, "partner")
        return self.world.terms._replace(fee_minor=0, debt_pct=0) if code else self.world.terms

    def _finished(self, fact: f.ForeignSaleFinished) -> None:
        self.world.finished.add(Slot(fact.meter, fact.n, fact.tag))

    # ------------------------------------------------------------ papers

    def _numbered(self, fact: f.PrintStarted | f.ReceiptOffered | f.ClaimIssued) -> None:
        self.numbers[fact.number] = self._value(fact)

    def _value(self, fact: f.SaleFact) -> str:
        return value_of(self.name, fact.sale)


READS: dict[type[Fact], Callable[[Kiosk, Any], None]] = {
    f.SaleOpened: Kiosk._opened,
    f.NoteStacked: Kiosk._piece,
    f.CoinAccepted: Kiosk._piece,
    f.OrphanCredit: Kiosk._orphan,
    PosFinal: Kiosk._bank,
    f.TransferCodeAccepted: Kiosk._code,
    f.WriteStarted: Kiosk._begun,
    f.CardVerified: Kiosk._verified,
    f.SaleClosed: Kiosk._closed,
    f.ClaimSettled: Kiosk._settled,
    f.ForeignSaleFinished: Kiosk._finished,
    f.PrintStarted: Kiosk._numbered,
    f.ReceiptOffered: Kiosk._numbered,
    f.ClaimIssued: Kiosk._numbered,
}
