"""An office whose disk burns and that is put back: real keys, a real backup, the other site's folder, and the machines of `settle_kit`.

branch = Branch(tmp_path, "K07", "K08")
made = branch.backed_up()            last night's
branch.decided(branch.claim("K07"))  an order and its code
branch.restored(made)                the newest backup, in a new epoch; the other site's orders are read
branch.hears()                       the kiosks send everything again
"""

from copy import copy
from pathlib import Path

from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq.cards.registry import REGISTRY, Binding, Registry
from kiosk.hq.copies.backup import Restored, back_up, copy_keys, restore
from kiosk.hq.intake.importer import Importer
from kiosk.hq.kiosks import enrolled
from kiosk.hq.office import Office
from kiosk.hq.orders import off_site
from kiosk.hq.orders.book import Made, Orders, find
from kiosk.hq.orders.proofs import prove, reissue
from kiosk.hq.partners.till import Till
from kiosk.hq.people.approvals import Approvals
from kiosk.hq.people.staff import People
from kiosk.hq.settlement.cases import Cases
from kiosk.hq.settlement.deciding import Decided, Desk
from kiosk.hq.settlement.known import value_of
from kiosk.hq.settlement.rule import Case
from kiosk.hq.store import Store
from kiosk.sync.backup import Backup
from kiosk.sync.batch import boxed_batch
from tests.backup.kit import ROOT, House
from tests.codes.kit import CodeShop
from tests.hq.batches import UTILITY
from tests.hq.people.kit import Crew
from tests.hq.settle_kit import CARD, Machine, order_tag
from tests.sale.shop import METER, Card


class Branch:
    """One office and its kiosks. `site`: the other site's folder of orders."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder, self.site = folder, folder / "site"
        self.site.mkdir()
        self.machines = {name: Machine(name) for name in names}
        self.house = House(folder, streets=tuple(each.journal for each in self.machines.values()))
        self.now_ms = CodeShop().wall_ms() + 3_600_000
        self.backups = 0
        self.crew = Crew(self.house.store)
        self.crew.add("anna")
        self._work_in(self.house.office, self.house.store)
        self.book.begin(Binding(UTILITY, 1, "000098765432", METER, CARD, 1, 1))
        self.book.issued(CARD)
        copy_keys(self.office, self.house.keys)

    def _work_in(self, office: Office, store: Store) -> None:
        self.office, self.store = office, store
        keys = {name: (each.journal.public_key, 1) for name, each in self.machines.items()}
        enrolled(store, keys)
        self.importer = Importer(store, office.batch_boxes(), office.signer("ack"))
        self.book = Registry(office.folder / REGISTRY, lambda: self.now_ms)
        self.orders = Orders(store, DemoMasters(UTILITY), off_site.folder(self.site, UTILITY, office.signer("ack")), cards=self.book)
        self.cases = Cases(store, self._cards, order_tag)
        approvals = Approvals(store, People(store, [self.crew.root_key]))
        self.desk = Desk(store, self.cases, approvals, self.orders, self.book.of_card)
        self.till = Till(store, self.orders, self.book)

    def _cards(self, meter: str) -> list[str]:
        return [held.card for held in self.book.of_meter(UTILITY, meter)]

    def hears(self, *names: str) -> None:
        """All rows of these kiosks, or of all: what the store has is seen and passed over."""
        key = self.office.batch_boxes()[0].box_key
        for name in names or tuple(self.machines):
            for each in self.machines[name].written().made(1):
                taken = self.importer.take(boxed_batch(each, key), self.now_ms)
                assert str(taken.verdict) in ("OK", "REPLAY", "EXCEPTION"), taken

    def backed_up(self) -> Backup:
        """At another place, proved."""
        self.backups += 1
        return back_up(self.office, self.store, self.house.medium, now_ms=self.now_ms + 1000 * self.backups)[0]

    def restored(self, backup: Backup, *, site: bool = True, complete: bool = True, epoch: int = 0) -> Restored:
        """The office's disk is gone; that backup is put back, with the other site's orders if there is that `site`; `complete`: two people
        say that no order is missing."""
        self.close()
        to = self.folder / f"office after {self.backups} {self.store.epoch}"
        orders = self.site if site else None
        named = {"orders": orders, "complete": complete, "epoch": epoch}
        done = restore(backup.folder, to, "", self.house.keys, ROOT, **named, now_ms=lambda: self.now_ms)  # type: ignore[arg-type]
        office = Office(to)
        self._work_in(office, Store.open(str(to / "hq.db"), UTILITY))
        return done

    def claim(self, name: str) -> str:
        """The money of that kiosk's last claim."""
        return value_of(name, self.machines[name].sale_of())

    def case(self, value: str) -> Case:
        found = self.cases.one(value, self.now_ms)
        assert found is not None
        return found

    def decided(self, value: str, who: str = "anna") -> Decided:
        return self.desk.decide(value, self.crew(who), self.now_ms)

    def held(self) -> Binding:
        """The newest card."""
        found = self.book.of_card(self._cards(METER)[-1])
        assert found is not None
        return found

    def proved_again(self, name: str) -> Made:
        """The customer reads to the office that another record took this order's slot, and it is ordered again."""
        order = find(self.store, name)
        assert order is not None
        another = self.orders.proofs(order)[1]
        proved = prove(self.orders, self.store, name, another, by="014", now_ms=self.now_ms)
        return reissue(self.orders, proved, self.held(), self.now_ms)

    def beside(self) -> "Branch":
        """This office as it goes on, while `restored` makes another one of the same backup."""
        other = copy(self)
        other._work_in(self.office, Store.open(self.store.name, UTILITY))
        return other

    def close(self) -> None:
        self.book.close()
        self.store.close()


def collect(branch: Branch, name: str, card: Card, code: str) -> None:
    """The code is typed there, and the card goes into its meter."""
    machine = branch.machines[name]
    machine.insert(card)
    machine.type(code)
    machine.wait(1)
    machine.pull()
    machine.wait(5)
    card.into_meter()
