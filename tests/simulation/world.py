"""The whole of it from one seed: kiosks, customers with their cards and meters, the mail between, and the head office.

    world = World(4711); world.run(5_000); world.settle()

Every step does one thing somewhere and is followed by every invariant (`invariants`). Nothing here knows the time or draws by chance but
through `world.time` and `world.chance`.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from kiosk.devices.sim import crypto, meter_state
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import OPEN, PURCHASE, REPLACEMENT, Parameters, Returned, is_empty
from kiosk.devices.sim.faults import NONE, Cut, Faults
from kiosk.devices.sim.image import personalise
from kiosk.devices.sim.meter import MeterModel
from kiosk.envelope import sign
from kiosk.hq.intake.importer import Taken
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.orders import record
from kiosk.sync.ack import Ack
from kiosk.vend import facts as f
from kiosk.vend import slot
from kiosk.vend.bank import PosFinal, PosRequested
from kiosk.vend.tariff import Tariff
from tests.simulation import errands, invariants, platter, rest, street
from tests.simulation.counter import Counter
from tests.simulation.homes import customer_of, debts, meter_of
from tests.simulation.kiosk import Kiosk
from tests.simulation.mail import Letter, Mail
from tests.simulation.money import Money, Value
from tests.simulation.mood import Mood, Size
from tests.simulation.office import Office
from tests.simulation.parts import EPOCH_MS, Acceptor, Station, Time
from tests.simulation.post import Post
from tests.simulation.settling import Settling
from tests.simulation.site import Site
from tests.simulation.terminal import Terminal

MASTERS = crypto.Masters.demo()
A_DAY = dt.datetime(2026, 11, 3, 8, 15)  # noqa: DTZ001 - a meter's own local time


class Wrong(AssertionError):
    """An invariant does not hold."""


class Credit(NamedTuple):
    """What a meter took: slot, amount, and the tag that stood beside it."""

    n: int
    amount_minor: int
    tag: str


@dataclass
class Home:
    """A customer: a meter, and its cards, the newest last."""

    number: str
    customer: str
    meter: MeterModel
    cards: list[CardModel]
    serials: list[str]  # of all cards that it ever had, the newest last: as the registry has them
    credits: list[Credit] = field(default_factory=list)
    replaced: bool = False
    issued: slot.Verified | None = None  # the record that the newest card was issued with: as the registry has it


class Platter:
    """Whether the head office's disk has faults in this world; with chance of its own, so that a world without them stays as it is."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(f"the office's disk {seed}")
        self.trouble = self.chance.choice((0.0, 0.0, 0.01, 0.03))
        self.looked: dict[str, int] = {}  # where the journal of a kiosk stood when somebody last saw that its batches wait


class World:
    """See the module."""

    def __init__(self, seed: int, size: Size | None = None) -> None:
        self.seed, self.steps = seed, 0
        self.chance = Random(seed)
        self.time = Time()
        self.platter = Platter(seed)
        self.faults, self.mood = True, Mood(self.chance)
        self.size = size or self.mood.size
        self.hears: Callable[[str], object] | None = None
        self.forgets = Random(f"what the office forgets {seed}")
        self.records: dict[tuple[str, int, str, int], set[Value]] = {}  # (meter, n, tag, amount) -> whose money
        self.tags: dict[str, tuple[str, int]] = {}  # tag -> the kiosk and the row that spoke of it first
        self.past: list[Kiosk] = []
        self.mail = Mail(self.chance)
        self.office = Office(self.chance, lambda: EPOCH_MS + self.time.ms, self.told)
        self.suspects: set[str] = set()  # kiosks of which the office has seen two histories
        self.returned: set[tuple[str, str]] = set()  # values that a customer had back
        self.charged: dict[tuple[str, str], set[str]] = {}  # (kiosk, sale) -> its payments by bank card
        self.in_cash: set[tuple[str, str]] = set()  # sales that notes or coins came into
        self.filed: dict[str, tuple[int, bytes]] = {}  # how far the office's rows were chained again
        self._touched: list[Kiosk] = []
        self.debts = debts(seed, self.size.homes)  # recovered at the first kiosk alone
        self.kiosks: list[Kiosk] = []
        self.kiosks += [self._kiosk(f"K{place + 1}") for place in range(self.size.kiosks)]
        self.homes = [self._home(place) for place in range(self.size.homes)]
        self._found = ""  # what an errand found wrong
        self.money: Money = Money(self)
        self.site = Site(self.office.store.utility, partial(sign, self.office.ack_key))
        self.counter: Counter = Counter(self)
        self.settling = Settling(self)
        self.office.back_up()
        for kiosk in self.kiosks:
            kiosk.power_on()

    # ------------------------------------------------------------ making it

    def _kiosk(self, name: str, before: Kiosk | None = None) -> Kiosk:
        key = self.chance.randbytes(32)
        station = Station(key, Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw())
        boxes = before.acceptors if before else {device: Acceptor(device) for device in ("notes", "coins")}
        debts = {meter: self.owed(meter) for meter in self.debts} if name.partition(".")[0] == "K1" else {}
        tariff = Tariff(debts={customer_of(meter): minor for meter, minor in debts.items() if minor})
        kiosk = Kiosk(name, station, self.time, self.chance, boxes, before.terminal if before else Terminal(self.chance), tariff)
        kiosk.ledger.debts = debts
        kiosk.ledger.order_minor = lambda fact: self.counter.paid_minor(fact)  # noqa: PLW0108 - the counter is made after the kiosks
        kiosk.post = Post(kiosk, self.office.keys, lambda: EPOCH_MS + self.time.ms + kiosk.clock.moved_ms)
        self.office.enrol(name, station.public_key)
        kiosk.witnessed = lambda fact, seq: self._witnessed(kiosk, fact, seq)
        return kiosk

    def _witnessed(self, kiosk: Kiosk, fact: f.Fact, seq: int) -> None:
        if isinstance(fact, f.SaleClosed) and fact.outcome == "returned":
            self.returned.add((kiosk.id, fact.sale))
        if isinstance(fact, PosRequested | PosFinal):
            self.charged.setdefault((kiosk.id, fact.sale), set()).add(fact.payment)
        if isinstance(fact, f.NoteStacked | f.CoinAccepted):
            self.in_cash.add((kiosk.id, fact.sale))
        if isinstance(fact, f.WriteStarted):
            self.tags[fact.tag] = (kiosk.id, seq)
            key = (fact.meter, fact.n, fact.tag, fact.amount_minor)
            self.records.setdefault(key, set()).update(self.money.whose(kiosk.id, fact.sale))
            kiosk.books.wrong = kiosk.books.wrong or self.counter.begun(kiosk, fact)
        if isinstance(fact, f.TransferCodeAccepted):
            kiosk.books.wrong = kiosk.books.wrong or self.counter.accepted(kiosk, fact)

    def owed(self, meter: str) -> int:
        """What is left of an old debt, by the books of all stores."""
        lives = (kiosk for kiosk in (*self.past, *self.kiosks) if kiosk.ledger.debts)
        return max(self.debts[meter] - sum(kiosk.ledger.took(meter) for kiosk in lives), 0)

    def _home(self, place: int) -> Home:
        number = meter_of(place)
        customer = customer_of(number)
        serial = (0x1122334455660000 + place * 256).to_bytes(8)
        state = meter_state.new(MASTERS, number, A_DAY)
        fresh = self.chance.random() < 0.3
        if fresh:
            card = personalise(MASTERS, serial, Parameters(number, customer, kind=OPEN, flags=0x8F, tou_switch="2701010000"))
        else:
            returned = Returned(number, customer, 1, remaining_minor=12_40, time="2611030815")
            one = Parameters(number, customer, kind=self.chance.choice((OPEN, PURCHASE)))
            card = personalise(MASTERS, serial, one, amount_minor=50_00, count=1, returned=returned)
            state.opened, state.customer, state.bound, state.count, state.balance_micro = True, customer, serial.hex(), 1, 12_400_000
        meter = MeterModel(state, rng=self.chance.randbytes)
        return Home(number, customer, meter, [CardModel(card, rng=self.chance.randbytes)], [serial.hex()])

    # ------------------------------------------------------------ a step

    def told(self, what: str) -> None:
        """For whoever follows it."""
        if self.hears:
            self.hears(f"{self.steps:7d} {what}")

    def run(self, steps: int) -> None:
        """So many steps more. Raises Wrong."""
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        """One thing happens, and everything still holds. Raises Wrong."""
        self.steps += 1
        self.advance(self.chance.choice((20, 20, 200, 700, 2_000)))
        fate = self.chance.random()
        if fate < 0.12:
            self.told(platter.fails(self) or errands.errand(self))
            self._hold(self.found())
        elif fate < 0.2:
            home = self.chance.choice(self.homes)
            self.told(f"{home.number[-4:]} {self.at_home(home)}")
            self._hold(invariants.of_home(self, home))
        else:
            kiosk = self.chance.choice(self.kiosks)
            self.told(f"{kiosk.id} {street.visit(self, kiosk)}")
            self._hold(invariants.of_kiosk(self, kiosk))
        if self.steps % 250 == 0:
            self._hold(invariants.of_all(self))

    def settle(self) -> None:
        """Faults off. Raises Wrong where something does not end."""
        self._hold(rest.come_to_rest(self))

    def _held_by_touched(self) -> str:
        touched, self._touched = self._touched, []
        return next((wrong for kiosk in touched if (wrong := invariants.of_kiosk(self, kiosk))), "")

    def _hold(self, wrong: str) -> None:
        if wrong:
            raise Wrong(f"seed {self.seed}, step {self.steps}: {wrong}")

    def advance(self, by_ms: int) -> None:
        """Time passes everywhere."""
        self.time.ms += by_ms

    # ------------------------------------------------------------ kiosks and the office

    def touched(self, kiosk: Kiosk) -> None:
        """Something happened to it in this step."""
        self._touched.append(kiosk)

    def named(self, name: str) -> Kiosk | None:
        """The one of that id, its life over or not."""
        return next((kiosk for kiosk in (*self.kiosks, *self.past) if kiosk.id == name), None)

    def senders(self) -> list[Kiosk]:
        """Whose mail may still be collected."""
        return [*self.kiosks, *self.past[-2:]]

    def imported(self, name: str) -> None:
        """Something of that kiosk's came to the office."""
        kiosk = self.named(name)
        if kiosk and kiosk.id not in self.office.damaged:
            self._found = self._found or invariants.of_import(self, kiosk)

    def acknowledged(self, ack: Ack) -> None:
        """The office has said how far it is."""
        self._found = self._found or invariants.of_ack(self, ack)

    def suspected(self, letter: Letter, taken: Taken) -> None:
        """The office calls a kiosk's mail forked or forged: that has a reason, or the office is wrong."""
        kiosk = self.named(taken.kiosk)
        if kiosk is None or kiosk.id in self.office.damaged:
            return
        if taken.verdict == Verdict.FORK:
            self.suspects.add(kiosk.id)
            if not kiosk.betrayed and not kiosk.closed:
                self._found = self._found or f"{kiosk.id} {letter.name} is called a fork: {taken.sentence}"
        elif letter.raw in (kiosk.post.up.lying.values() if kiosk.post else ()):
            self._found = self._found or f"{kiosk.id} {letter.name} is called forged: {taken.sentence}"

    def backed_up(self, refused: str) -> None:
        """A backup was called one, or was not."""
        self._found = self._found or invariants.of_backup(self, refused)

    def wrong(self, what: str) -> None:
        """Somebody at the office sees what cannot be."""
        self._found = self._found or what

    def found(self) -> str:
        """What an errand found wrong, and what it touched."""
        return self._found or self._held_by_touched()

    def is_over(self, kiosk: Kiosk) -> bool:
        """This store's life is over: it is damaged, was put back, or has two histories."""
        return kiosk.damaged or kiosk.id in self.suspects or (kiosk.on and kiosk.state.witness.restored is not None)

    def enrolled_anew(self, kiosk: Kiosk) -> str:
        """The same machine, with a new store under a new id. What its old one owes is the office's from now on."""
        card = kiosk.card
        kiosk.guarded(kiosk.pull)
        kiosk.power_off()
        kiosk.closed = True
        self.office.close(kiosk.id)
        station, _, life = kiosk.id.partition(".")
        anew = self._kiosk(f"{station}.{int(life or 1) + 1}", kiosk)
        self.past.append(kiosk)
        self.kiosks[self.kiosks.index(kiosk)] = anew
        self.took(card)
        anew.power_on()
        return anew.id

    @property
    def short(self) -> bool:
        """By its own store the office may lack orders."""
        return self.office.store.read(record.short)

    # ------------------------------------------------------------ the registry of cards

    def serials(self, meter: str) -> list[str]:
        """All cards of a meter, the oldest first."""
        return next((list(home.serials) for home in self.homes if home.number == meter), [])

    def replaced_meters(self) -> list[str]:
        """Those that have had more than one card."""
        return [home.number for home in self.homes if len(home.serials) > 1]

    def issued(self, meter: str) -> slot.Verified | None:
        """What the newest card of a meter was issued with; None: a purchase of nothing."""
        return next((home.issued for home in self.homes if home.number == meter), None)

    def replaced(self, home: Home) -> str:
        """A new card with the last verified record, or with a purchase of nothing; the old one may be found again."""
        if not home.meter.state.opened or len(home.cards) > 4:
            return ""
        inside = {id(kiosk.card) for kiosk in self.kiosks}
        if any(id(card) in inside and card.files[1][42] != PURCHASE for card in home.cards):
            return ""  # an open or replacement card that is found again opens the meter anew (docs/simulation.md: left out)
        known = self.settling.cases.known(home.number)
        evidence = [told.evidence for told in known.told]
        if not self.office.explains(dict.fromkeys(each.card for each in evidence if not isinstance(each, slot.Removed))):
            return ""
        carried = self.settling.cases.carried(known)
        last = self.chance.choice(carried) if carried else None
        n, amount, tag = (last.n, last.amount_minor, bytes.fromhex(last.tag)) if last else (1, 0, bytes(4))
        serial = (int.from_bytes(home.cards[-1].serial) + 1).to_bytes(8)
        one = Parameters(home.number, home.customer, kind=OPEN if n == 1 else REPLACEMENT, reserved=tag)
        image = personalise(MASTERS, serial, one, amount_minor=amount, count=n)
        found = [card for card in home.cards if id(card) in inside or (card.files[1][42] == PURCHASE and self.chance.random() < 0.5)]
        home.replaced, home.issued = True, last and replace(last, card=serial.hex())
        home.cards = [*found, CardModel(image, rng=self.chance.randbytes)]
        home.serials.append(serial.hex())
        return f"{serial.hex()[-4:]} carries {n}"

    def bank_has(self, value: tuple[str, str]) -> bool:
        """A sale that only a bank card could pay for: by the terminals' own books, is it charged and not given back?

        A disk that lost what it said it had may have lost the record, too: then the terminal is told that nothing became of the payment.
        """
        payments, whose = self.charged.get(value), self.named(value[0])
        if payments is None or value in self.in_cash or (whose and whose.betrayed):
            return True
        books = (entry for kiosk in self.kiosks for entry in kiosk.terminal.book)
        return any(entry.payment in payments and entry.state == "final" for entry in books)

    # ------------------------------------------------------------ cards and meters

    def card_in_hand(self, _kiosk: Kiosk) -> CardModel | None:
        """A card that is in no machine."""
        home = self.chance.choice(self.homes)
        free = self._in_hand(home)
        if not free:
            return None
        card = free[-1] if self.chance.random() < 0.85 else self.chance.choice(free)
        bought = int.from_bytes(card.files[2][4:])
        return card if bought <= home.meter.state.count or self.chance.random() < 0.15 else None

    def _in_hand(self, home: Home) -> list[CardModel]:
        inside = {id(kiosk.card) for kiosk in self.kiosks}
        return [card for card in home.cards if id(card) not in inside]

    def took(self, card: CardModel | None) -> None:
        """A customer has the card in hand again."""

    def at_home(self, home: Home) -> str:
        """The card goes into its meter, energy is used."""
        free = self._in_hand(home)
        home.meter.advance(self.chance.randint(0, 20), 1.0)
        if not free:
            return "uses energy"
        return self.into_meter(home, free[-1] if self.chance.random() < 0.85 else self.chance.choice(free))

    def into_meter(self, home: Home, card: CardModel) -> str:
        """As it says; it may be torn out there too."""
        tag, n = card.files[1][6:10].hex(), int.from_bytes(card.files[2][4:])
        if self.faults and self.chance.random() < 0.08:
            rest = self.chance.choice(street.RESTS)
            cut = Cut(update=0, byte=self.chance.randrange(49), rest=rest, seed=self.chance.getrandbits(16))
            cut = cut if self.chance.random() < 0.6 else Cut(apdu=self.chance.randrange(16), after=self.chance.random() < 0.5)
            card.arm(Faults(cut=self.harmless(card, cut)))
        outcome = home.meter.insert(card)
        card.arm(NONE)
        card.pull()
        if outcome.credited_minor:
            home.credits.append(Credit(n, outcome.credited_minor, tag))
        return f"card {card.serial.hex()[-4:]} meets its meter: {outcome.row}"

    def harmless(self, card: CardModel, cut: Cut) -> Cut:
        """A return file torn in the meter's write never reads as empty (tests/tears says why)."""
        if cut.rest != "zero" or cut.byte != 0 or is_empty(card.files[5]):
            return cut
        return Cut(update=cut.update, byte=0, rest="ff")
