"""A small town whose money goes astray: real machines (step, fold, profile), a real importer, orders, and the desk that settles.

town = Town(store)
k07, k08 = town.kiosk("K07"), town.kiosk("K08")
claimed(k07, card)                  paid there, and the card did not store
bought(k08, card)                   another purchase in the same slot, which lands
town.hears(k07)                     its rows arrive at the office
town.case(k07)                      the case of its last claim
town.desk.decide(value, "anna", ..) anna of the staff decides, with her key; ben releases what she proposed
"""

import hashlib

import msgspec

from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq import kiosks
from kiosk.hq.cards.registry import Binding
from kiosk.hq.intake.importer import Importer
from kiosk.hq.orders.book import Order, Orders
from kiosk.hq.people.approvals import Approval
from kiosk.hq.settlement.cases import Cases
from kiosk.hq.settlement.deciding import Decided, Decision, Desk
from kiosk.hq.settlement.known import value_of
from kiosk.hq.settlement.papers import Removals
from kiosk.hq.settlement.rule import Case, Way, way
from kiosk.hq.store import IN_MEMORY, Store
from kiosk.sync.batch import boxed_batch
from kiosk.vend import code
from kiosk.vend import facts as f
from kiosk.vend.evidence import encode
from kiosk.vend.papers import paper_of
from kiosk.vend.state import find
from tests.codes.kit import CodeShop, code_cmac
from tests.hq.batches import OFFICE, ROOMY, UTILITY, Journaled, importer
from tests.hq.bound import Bound
from tests.hq.people.kit import Crew
from tests.sale.shop import METER, Card, tag_of

CARD = Card().serial


class Machine(CodeShop):
    """A kiosk with its key and its journal."""

    def __init__(self, name: str, **changes: object) -> None:
        self.journal, self.first = Journaled(name), int(hashlib.sha256(name.encode()).hexdigest()[:6], 16)
        super().__init__(kiosk=name, allowed=ROOMY, **changes)

    def start(self, *, acceptors: bool = True) -> None:
        """With sales and salts of its own."""
        self.fresh = self.fresh or self.first
        super().start(acceptors=acceptors)

    @property
    def name(self) -> str:
        return self.journal.name

    def written(self) -> Journaled:
        """With all that it did since."""
        for fact, row in self.rows[len(self.journal.lines) - 1 :]:
            self.journal.write(fact, (row.at_ms, row.boot, row.mono_ms))
        return self.journal

    def sale_of(self, kind: str = "ClaimIssued") -> str:
        """The sale of its last fact of this kind."""
        return str(self.facts(kind)[-1].sale)  # type: ignore[attr-defined]

    def slip(self, **changes: object) -> str:
        """The code on the slip of its last claim. `changes`: what it says otherwise, signed all the same."""
        issued = self.facts("ClaimIssued")[-1]
        assert isinstance(issued, f.ClaimIssued)
        sale = find(self.state, issued.sale)
        assert sale is not None
        said = paper_of(self.rules, sale, f.PrintStarted(sale.id, issued.number, "claim")).evidence
        assert said is not None
        place = next(
            place for place, (fact, _) in enumerate(self.rows, 2) if fact is issued
        )  # its row here: a journal begins with its name
        said = msgspec.structs.replace(said, seq=place)
        return encode(msgspec.structs.replace(said, **changes), self.journal.sign)

    def receipt(self, **changes: object) -> str:
        """The code on the receipt of the sale that ended last."""
        sale = self.state.ended
        assert sale is not None
        said = paper_of(self.rules, sale, f.PrintStarted(sale.id, 900 + len(self.rows), "recharge")).evidence
        assert said is not None
        return encode(msgspec.structs.replace(said, **changes), self.journal.sign)


class StaffedDesk:
    """The desk, where people are named: each acts with a key of their own."""

    def __init__(self, desk: Desk, crew: Crew) -> None:
        self.inner, self._crew = desk, crew

    def decide(self, value: str, who: str, now_ms: int, *, note: str = "") -> Decided:
        return self.inner.decide(value, self._crew(who), now_ms, note=note)

    def release(self, value: str, who: str, now_ms: int) -> Decided:
        return self.inner.release(self.waiting(value), self._crew(who), now_ms)

    def close(self, value: str, who: str, now_ms: int, *, note: str) -> Approval:
        return self.inner.close(value, self._crew(who), now_ms, note=note)

    def release_close(self, value: str, who: str, now_ms: int) -> Decision:
        return self.inner.release_close(self.waiting(value), self._crew(who), now_ms)

    def waiting(self, value: str) -> int:
        """The number of the newest proposal about it."""
        return max(each.no for each in self._crew.approvals.listed(0, whole=True) if each.deed.value == value)


class Town:
    """The office of these kiosks."""

    def __init__(self, store: Store | None = None) -> None:
        self.now_ms = CodeShop().wall_ms() + 3_600_000
        self.store = store or Store.make(IN_MEMORY, UTILITY, now_ms=self.now_ms)
        self.cards: dict[str, list[str]] = {METER: [CARD]}
        self.taking: Importer | None = None
        self.told: dict[str, int] = {}
        self.orders = Orders(self.store, DemoMasters(UTILITY), cards=Bound(found=self.bindings))
        self.cases = Cases(self.store, lambda meter: self.cards.get(meter, []), order_tag)
        self.crew = Crew(self.store)
        self.desk = StaffedDesk(Desk(self.store, self.cases, self.crew.approvals, self.orders, self.binding), self.crew)
        self.removals = Removals(self.store, self.crew.approvals, self.cases.known)
        self.machines: dict[str, Machine] = {}

    def kiosk(self, name: str, **changes: object) -> Machine:
        """One more."""
        made = Machine(name, **changes)
        self.machines[name] = made
        self.taking = importer(self.store, *(each.journal for each in self.machines.values()))
        return made

    def binding(self, card: str) -> Binding | None:
        """As the registry holds it."""
        of = next((meter for meter, cards in self.cards.items() if card in cards), None)
        return Binding(UTILITY, 1, "000098765432", of, card, 1, 1, state="issued") if of else None

    def bindings(self) -> list[Binding]:
        """All of them."""
        return [found for cards in self.cards.values() for card in cards if (found := self.binding(card))]

    def hears(self, *machines: Machine, rows: int | None = None) -> None:
        """Their new rows arrive, a batch for each. `rows`: no more than so many of the journal."""
        assert self.taking is not None
        for machine in machines:
            batches = machine.written().made(1)[self.told.get(machine.name, 0) : rows]
            self.told[machine.name] = self.told.get(machine.name, 0) + len(batches)
            raws = [boxed_batch(each, OFFICE.box_key) for each in batches]
            for taken in self.taking.take_all([self.taking.shaped(raw) for raw in raws], raws, self.now_ms):
                assert str(taken.verdict) in ("OK", "EXCEPTION"), taken

    def state(self, machine: Machine, state: str) -> None:
        """Freeze, close or revoke a kiosk."""
        accepted = self.told[machine.name] if state == "revoked" else None
        kiosks.changed(self.store, machine.name, state, accepted)

    def taken_away(self, meter: str, count: int) -> None:
        """Two people have read its last purchase count."""
        self.removals.release(self.removals.propose(meter, count, self.crew("anna"), self.now_ms).no, self.crew("ben"), self.now_ms)

    def case(self, machine: Machine) -> Case:
        """Of its last claim."""
        found = self.cases.one(value_of(machine.name, machine.sale_of()), self.now_ms)
        assert found is not None
        return found

    def way(self, machine: Machine) -> Way:
        """What may be done about its last claim."""
        return way(self.case(machine), self.now_ms)


def order_tag(order: Order) -> str:
    """As the shop's machines make it: the salt is the code's, the rest the shop's own tag."""
    cmac = code_cmac(order.card, order.meter, order.n, order.amount_minor, order.generation)
    salt = code.salt(cmac)
    return (salt + tag_of(order.meter, order.n, order.amount_minor, salt)).hex()


def claimed(shop: CodeShop, card: Card, minor: int = 100_00) -> None:
    """Paid, and the card did not store: a claim with a record."""
    shop.insert(card)
    shop.feed(minor)
    card.stores = False
    shop.press("finish")
    shop.wait(5)
    shop.pull()
    card.stores = True
    shop.wait(300)


def bought(shop: CodeShop, card: Card, minor: int = 50_00, *, meter: bool = True) -> None:
    """A purchase that lands; `meter`: which then takes it."""
    shop.insert(card)
    shop.feed(minor)
    shop.press("finish")
    shop.wait(1)
    shop.pull()
    shop.wait(5)
    if meter:
        card.into_meter()


def looked(shop: CodeShop, card: Card) -> None:
    """The card in the slot, and out again."""
    shop.insert(card)
    shop.wait(1)
    shop.press("cancel")
    shop.pull()
    shop.wait(2)


def collected(machine: Machine, card: Card, code: str) -> None:
    """The customer types it, and puts the card in the meter."""
    machine.insert(card)
    machine.type(code)
    machine.wait(1)
    machine.pull()
    machine.wait(5)
    card.into_meter()
