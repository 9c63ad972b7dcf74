"""The demo's head office: a real one over public test keys. It opens cards, takes orders, and takes in what the kiosks did.

    office/              its folder, as `kiosk hq` has it: keys, downlink, hq.db
    office/doors/        certificates of its two HTTPS doors, for kiosks and for partners, on this machine only
    registry.db          who has which card

Its passphrases are below: nothing here keeps anything secret.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from starlette.applications import Starlette

from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.image import CardImage, blank
from kiosk.devices.vault.demo import DemoMasters
from kiosk.devices.vault.station import open_station
from kiosk.hq import kiosks
from kiosk.hq.cards.issue import open_card
from kiosk.hq.cards.layout import Opening
from kiosk.hq.cards.registry import Registry
from kiosk.hq.intake import mail
from kiosk.hq.intake.importer import Importer, Taken
from kiosk.hq.intake.ingest import ingest
from kiosk.hq.intake.known import known
from kiosk.hq.office import Enrolled, Office
from kiosk.hq.orders import book, matching
from kiosk.hq.partners import accounts
from kiosk.hq.partners.api import Doors, api
from kiosk.hq.partners.pace import Pace
from kiosk.hq.partners.settlement_file import Settlements
from kiosk.hq.partners.till import Till
from kiosk.hq.store import Store

UTILITY, REGION = 1, 1
ROOT, DECISION = ("the demo has no", "secrets at all"), "nor has its office"
BANK = accounts.Partner("bank", "CNY", order_max_minor=500_00, day_max_minor=5_000_00, credit_minor=5_000_00)
QUICK = 1 << 10  # of scrypt: a passphrase that stands in a source need not be hard to guess


def open_cards(folder: Path, customers: dict[str, tuple[str, str, str]]) -> dict[str, CardImage]:
    """name -> (serial, meter, customer) -> the card, as it is handed out. The registry is the folder's."""
    vault, registry, reader = DemoMasters(), Registry(folder / "registry.db", now_ms), InProcessReader()
    cards = {}
    for name, (serial, meter, customer) in customers.items():
        card = CardModel(blank(bytes.fromhex(serial)))
        reader.insert(card)
        open_card(reader.open(reader.watch(None, 0)), vault, registry, Opening(customer, meter), region=REGION, now_ms=now_ms())
        reader.pull()
        cards[name] = card.image()
    registry.close()
    return cards


class HeadOffice:
    """One folder, with all that it has to say to kiosks, and one store."""

    def __init__(self, town: Path) -> None:
        self.folder, self._registry = town / "office", Registry(town / "registry.db", now_ms)
        if not (self.folder / "office.json").exists():
            Office.create(self.folder, UTILITY, ROOT, DECISION, now_ms=now_ms(), cost=QUICK)
        self._office = Office(self.folder)
        self.store = Store.make(self.folder / "hq.db", UTILITY, now_ms=now_ms())
        self._importer: Importer | None = None
        self._one = Lock()  # batches come by wire and by stick
        self.verdicts: Counter[str] = Counter()
        self.rows = 0

    @property
    def roots(self) -> tuple[str, str]:
        """Ed25519, hex: pinned in the kiosks."""
        return self._office.record.roots

    def for_kiosks(self) -> Starlette:
        """What `kiosk hq serve` answers them."""
        return ingest(self.take, self.folder)

    def for_partners(self) -> Starlette:
        """Their API."""
        till = Till(self.store, book.Orders(self.store, DemoMasters(UTILITY), cards=self._registry), self._registry)
        return api(Doors(self.store, till, Settlements(self.folder / "settlements"), pace=Pace(), now_ms=now_ms))

    def token(self) -> str:
        """A new one for the bank, which may order up to its credit."""
        if BANK.name in {each.name for each in accounts.listed(self.store)}:
            return accounts.rotate(self.store, BANK.name, now_ms(), 0)
        return accounts.add(self.store, BANK, now_ms())

    @property
    def batches(self) -> int:
        """That came, one that came twice counted twice."""
        return self.verdicts.total()

    def close(self) -> None:
        """Its books are closed."""
        self._registry.close()
        self.store.close()

    def enrol(self, kiosk: str, station: Path) -> None:
        """Make a kiosk known by its station's public keys."""
        own = open_station(station)
        self._office.enrol(kiosk, Enrolled(own.public_key.hex(), own.box_key.hex(), REGION))
        kiosks.enrolled(self.store, {kiosk: (own.public_key, REGION)})

    # ------------------------------------------------------------ what the kiosks did

    @contextmanager
    def _taking(self) -> Iterator[Importer]:
        """One batch after the other."""
        with self._one:
            if self._importer is None:
                self._importer = Importer(self.store, self._office.batch_boxes(), self._office.signer("ack"), known(self._office))
            yield self._importer

    def take(self, raw: bytes) -> Taken:
        """One batch, as the wire brings it."""
        with self._taking() as importer:
            return self._count(importer.take(raw, now_ms()))

    def take_bag(self, bag: Path) -> None:
        """A stick, as `kiosk hq import` takes it: the acknowledgements go back on it."""
        with self._taking() as importer:
            heard = {}
            for _, one in mail.taken(importer, self._office.batch_boxes(), mail.letters(bag), now_ms):
                if isinstance(one, Taken) and self._count(one).store:
                    heard[one.kiosk] = one.store
            for kiosk, store in heard.items():
                ack = importer.ack(kiosk, store, now_ms())
                if ack:
                    mail.acknowledge(bag, kiosk, ack)

    def _count(self, taken: Taken) -> Taken:
        self.verdicts[str(taken.verdict)] += 1
        self.rows += taken.rows
        return taken

    def match(self) -> None:
        """Hold the codes that machines accepted against the orders."""
        matching.match(self.store, now_ms())

    def order(self, name: str) -> book.Order | None:
        """As it stands."""
        return book.find(self.store, name)


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
