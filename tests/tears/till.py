"""Two kiosks, a card and a meter in one process: the real step, fold, session and profile against the virtual card and the virtual meter.

No thread and no clock, so that a hundred thousand histories can be told. A card may be pulled at any command and inside any write, in a
kiosk and in the meter.
"""

import datetime as dt
import random
from copy import copy
from functools import cache
from typing import NamedTuple

import msgspec

from kiosk.devices.card.apdu import CardGone
from kiosk.devices.card.session import CardSession, perform
from kiosk.devices.sim import crypto, meter_state
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import OPEN, PURCHASE, Parameters, Returned
from kiosk.devices.sim.faults import NONE, CardPulled, Cut, Faults
from kiosk.devices.sim.image import CardImage, personalise
from kiosk.devices.sim.meter import MeterModel
from kiosk.devices.vault.demo import DemoVault
from kiosk.vend import facts as f
from kiosk.vend import proof, seen, slot
from kiosk.vend.card.gdw1365 import PROFILE
from kiosk.vend.limits import Allowed
from kiosk.vend.tariff import Tariff
from tests.oracle.kiosks import Record, Slot
from tests.oracle.shops import ShopTable
from tests.sale.shop import Shop

METER, CUSTOMER, SERIAL = "000012345678", "000098765432", bytes.fromhex("1122334455667788")
MASTERS, VAULT = crypto.Masters.demo(), DemoVault()
LIMITS = Allowed(day_max_sales=99, day_max_minor=10**8, hoard_minor=10**8)
A_DAY = dt.datetime(2026, 11, 3, 8, 15)  # noqa: DTZ001 - a meter's own local time


class Contact:
    """The reader's end of a card in this process."""

    protocol = 0

    def __init__(self, card: CardModel) -> None:
        self.card = card
        self.sent: list[bytes] = []

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        try:
            return self.card.process(apdu)
        except CardPulled:
            return b""

    def reset(self) -> None:
        try:
            self.card.reset()
        except CardPulled:
            raise CardGone from None

    def check(self) -> None:
        if not self.card.present:
            raise CardGone

    def close(self) -> None:
        pass


class Till(Shop):
    """A kiosk whose reader holds the virtual card."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name, self.rng = name, rng
        self.contact: Contact | None = None
        self.session: CardSession | None = None
        self.evidence: list[slot.Evidence] = []
        super().__init__(allowed=LIMITS)

    def put_in(self, card: CardModel) -> Contact:
        """The card goes in, and the machine does what it wants with it."""
        card.insert()
        self.contact = contact = Contact(card)
        self.session = CardSession(contact, PROFILE, VAULT, rng=self.rng.randbytes)
        self.tokens += 1
        self.tell(seen.CardIn(f"{self.name}{self.tokens}", card.atr.hex()))
        self.work()
        return contact

    def take_out(self) -> None:
        """The customer takes the card, or what came out of it is told."""
        if self.contact:
            self.contact.card.pull()
            self.contact = self.session = None
            self.tell(seen.CardOut(self.state.here.token))

    def work(self) -> None:
        """Do card and print jobs until there is none, or the card is gone."""
        for _ in range(30):
            job, paper = self.job(), proof.print_job(self.rules, self.state)
            if paper:
                self.print(paper)
            elif job and self.session and self.contact:
                self.tell(perform(job, self.session))
                if not self.contact.card.present:
                    self.take_out()
            else:
                return
        raise AssertionError("the machine never comes to rest")

    def pay(self, amount_minor: int) -> None:
        """The customer whose card is in buys for this much, if the machine lets them; asked, they go on."""
        if not self.session or self.state.sale:
            return
        if self.view.phase == "account":
            self.press("tender", "cash")
        if self.state.sale:
            self.feed(amount_minor)
            self.press("finish")

    def give_up(self) -> None:
        """The customer takes the slip."""
        self.press("no_card")

    def restart(self) -> None:
        """The kiosk's own power cut: only the journal is left."""
        self.take_out()
        self.start()

    def tell(self, what: seen.Seen) -> tuple[f.Fact, ...]:
        """Readings are kept: each is evidence for HQ."""
        if isinstance(what, seen.CardRead) and (shown := slot.shown(what.reading)):
            self.evidence.append(shown)
        return super().tell(what)


class Credit(NamedTuple):
    """What the meter took: slot, amount, and the tag that stood beside it."""

    n: int
    amount_minor: int
    tag: str


@cache
def _switched_on(name: str) -> Till:
    return Till(name, random.Random(0))


def _till(name: str, rng: random.Random) -> Till:
    """Every history begins at two kiosks that have just been switched on: that is lived through once, and copied."""
    one = copy(_switched_on(name))
    one.rng, one.rows, one.evidence = rng, one.rows.copy(), []
    one.counters, one.accepted = one.counters.copy(), one.accepted.copy()
    one.pieces, one.papers, one.codes = {"notes": [], "coins": []}, [], []
    return one


NEW, SECOND, USED = "new", "second", "used"  # never met its meter; an open card after its first purchase; a purchase card in use


class Town:
    """One customer's world, from a seed. `owed_minor`: an old debt, which the first kiosk recovers."""

    def __init__(self, start: str, seed: int = 0, owed_minor: int = 0) -> None:
        rng = random.Random(seed)
        self.card = CardModel(_card(start), rng=rng.randbytes)
        self.meter = _meter(start, rng)
        self.tills = (_till("A", rng), _till("B", rng))
        self.owed_minor = owed_minor
        if owed_minor:
            self.tills[0].rules = msgspec.structs.replace(self.tills[0].rules, tariff=Tariff(debts={CUSTOMER: owed_minor}))
        self.credits: list[Credit] = []
        self.sent: list[bytes] = []  # commands of the last visit to a kiosk

    def visit(self, till: int, cut: Cut | None = None, pay_minor: int = 0) -> None:
        """The card goes into a kiosk, money perhaps, and comes out again."""
        kiosk = self.tills[till]
        self.card.arm(Faults(cut=cut) if cut else NONE)
        contact = kiosk.put_in(self.card)
        if pay_minor:
            kiosk.pay(pay_minor)
        self.card.arm(NONE)
        kiosk.take_out()
        self.sent = contact.sent

    def home(self, cut: Cut | None = None) -> None:
        """The card goes into its meter."""
        tag, n = self.card.files[1][6:10].hex(), int.from_bytes(self.card.files[2][4:])
        self.card.arm(Faults(cut=cut) if cut else NONE)
        outcome = self.meter.insert(self.card)
        self.card.arm(NONE)
        self.card.pull()
        if outcome.credited_minor:
            self.credits.append(Credit(n, outcome.credited_minor, tag))

    def table_wrong(self) -> str:
        """What is not zero in the table of all money, now that everything has come to rest."""
        return ShopTable(self.tills, self._taken, self._on_card, {0: {METER: self.owed_minor}}).at_rest()

    def _taken(self) -> list[Record]:
        return [(Slot(METER, credit.n, credit.tag), credit.amount_minor) for credit in self.credits]

    def _on_card(self) -> list[Record]:
        money = self.card.files[2]
        return [(Slot(METER, int.from_bytes(money[4:]), self.card.files[1][6:10].hex()), int.from_bytes(money[:4]))]

    @property
    def begun(self) -> dict[str, f.WriteStarted]:
        """Records by till and sale."""
        return {till.name + fact.sale: fact for till in self.tills for fact in till.facts() if isinstance(fact, f.WriteStarted)}

    def may_move(self, owed: str, n: int) -> bool:
        """Would HQ, with every row and every reading there is, owe this claim in another slot?"""
        entries = [slot.Entry(value, w.meter, w.n, w.amount_minor, w.tag) for value, w in self.begun.items()]
        evidence = [item for till in self.tills for item in till.evidence]
        for till in self.tills:
            for fact in till.facts():
                if isinstance(fact, f.CardVerified):
                    amount = self.begun[till.name + fact.sale].amount_minor
                    evidence.append(slot.Verified(fact.card, METER, fact.n, amount, fact.tag))
                elif isinstance(fact, f.ForeignSaleFinished):
                    evidence.append(slot.Verified(fact.card, METER, fact.n, fact.amount_minor, fact.tag))
        return slot.may_move(owed, slot.Slot(METER, n), entries, evidence, SERIAL.hex()) is not None


def _card(start: str) -> CardImage:
    if start == NEW:
        return personalise(MASTERS, SERIAL, Parameters(METER, CUSTOMER, kind=OPEN, flags=0x8F, tou_switch="2701010000"))
    one = Parameters(METER, CUSTOMER, kind=OPEN if start == SECOND else PURCHASE)
    returned = Returned(METER, CUSTOMER, 1, remaining_minor=12_40, time="2611030815")
    return personalise(MASTERS, SERIAL, one, amount_minor=50_00, count=1, returned=returned)


def _meter(start: str, rng: random.Random) -> MeterModel:
    state = meter_state.new(MASTERS, METER, A_DAY)
    if start != NEW:
        state.opened, state.customer, state.bound, state.count, state.balance_micro = True, CUSTOMER, SERIAL.hex(), 1, 12_400_000
    return MeterModel(state, rng=rng.randbytes)
