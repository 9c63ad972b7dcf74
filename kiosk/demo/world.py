"""The demo's town: customers with cards, their meters at home, and the kiosks in the street. Everything that it is stands in one folder.

registry.db (the office's), kiosks/ID/ (store, station key), cards/*.json, meters/*.json, receipts/NNN.{bin,txt,png}, screens/*.png,
summary.json; where the kiosks have a head office: office/, stick/, report-DAY.txt; where they have more devices: see `extras`
"""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.demo.site import Site
from kiosk.devices.sim import meter_state, pcscd
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.image import save
from kiosk.devices.sim.meter import MeterModel, Outcome
from kiosk.devices.sim.vpcd import VpcdSlot

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from kiosk.demo.bank import Bank
    from kiosk.demo.door import Door
    from kiosk.demo.office import HeadOffice

MORNING = dt.datetime(2026, 11, 24, 8, 0)  # noqa: DTZ001 - a meter's clock is local and simulated
EVENING_LOAD_KW = 2.0
CUSTOMERS = {  # card -> (serial, meter, customer)
    "A": ("4b10000000000a01", "000012345678", "000098765432"),
    "B": ("4b10000000000b02", "000023456789", "000098760002"),
    "C": ("4b10000000000c03", "000034567890", "000098760003"),
    "D": ("4b10000000000d04", "000045678901", "000098760004"),
    "E": ("4b10000000000e05", "000056789012", "000098760005"),
    "F": ("4b10000000000f06", "000067890123", "000098760006"),
}


class World:
    """Cards A to F, one meter each, and one or two kiosks. `stack` is pcsc where a pcscd of our own can run, otherwise in-process.

    `office`: with a head office, to which the first kiosk has a line and the others have none. `full`: every kiosk has every device, and
    notes come in by ccTalk at the first, by eSSP at the others.
    """

    def __init__(
        self, folder: Path, kiosks: tuple[str, ...] = ("K07",), *, stack: str = "auto", office: bool = False, full: bool = False
    ) -> None:
        self.folder, self._full = folder, full
        for name in ("cards", "meters", "receipts", "screens", "kiosks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._pcscd = pcscd.Pcscd(folder / "pcscd")
        real = stack != "in-process" and pcscd.possible() and self._pcscd.take(wait=stack == "pcsc")
        self.stack = "pcsc" if real else "in-process"
        if real:
            self._pcscd.start()
        self._open_cards()
        self.cards = {name: CardModel.open(self._path(name)) for name in CUSTOMERS}
        self.meters = {name: self._meter(name, Masters.demo()) for name in CUSTOMERS}
        self.sites = {kiosk: self._site(kiosk, number) for number, kiosk in enumerate(kiosks)}
        self.office: HeadOffice | None = None
        self._bank: Bank | None = None
        self._doors: list[Door] = []
        if office:
            self._join_office()

    def _path(self, name: str) -> Path:
        return self.folder / "cards" / f"{name}.json"

    def _open_cards(self) -> None:
        """Where there are none yet, the office opens them: blanks become the customers', bound to their meters."""
        new = {name: who for name, who in CUSTOMERS.items() if not self._path(name).exists()}
        if new:
            from kiosk.demo.office import open_cards

            for name, card in open_cards(self.folder, new).items():
                save(self._path(name), card)

    def _meter(self, name: str, masters: Masters) -> MeterModel:
        path = self.folder / "meters" / f"{name}.json"
        if not path.exists():
            save(path, meter_state.new(masters, CUSTOMERS[name][1], MORNING))
        return MeterModel.open(path)

    def _site(self, kiosk: str, number: int) -> Site:
        folder = self.folder / "kiosks" / kiosk
        papers = self.folder / "receipts" if number == 0 else folder / "receipts"
        slot = VpcdSlot(pcscd.PORTS[number]) if self.stack == "pcsc" else None
        reader = pcscd.READERS[number]
        if not self._full:
            return Site(folder, kiosk, papers, slot, reader)
        from kiosk.demo.extras import Extras

        extras = Extras(folder, self.folder / "telephones", keeps=number > 0)
        return Site(folder, kiosk, papers, slot, reader, extras=extras, essp=number > 0)

    def _join_office(self) -> None:
        """Before the kiosks start: they have its roots in their configuration, it has their public keys."""
        office = self._found_office()
        door = self._open("kiosks", office.for_kiosks())
        for number, (kiosk, site) in enumerate(self.sites.items()):
            office.enrol(kiosk, site.folder / "station.json")
            site.sends(office.roots, *(() if number else (door.url, door.ca)))

    def _found_office(self) -> "HeadOffice":
        from kiosk.demo.office import HeadOffice

        self.office = self.office or HeadOffice(self.folder)
        return self.office

    def bank(self) -> "Bank":
        """Where customers pay without a kiosk. It opens when somebody goes there, and with it the office, if it was not open yet."""
        from kiosk.demo.bank import Bank

        if self._bank is None:
            office = self._found_office()
            door = self._open("partners", office.for_partners())
            self._bank = Bank(door.url, door.ca, office.token())
        return self._bank

    def _open(self, name: str, app: "Starlette") -> "Door":
        from kiosk.demo.door import Door

        door = Door(self.folder / "office" / "doors" / name, app)
        door.open()
        self._doors.append(door)
        return door

    def start(self) -> None:
        """Power for every kiosk."""
        for site in self.sites.values():
            site.start()

    def stop(self) -> None:
        """Night."""
        for site in self.sites.values():
            site.stop()
        if self._bank:
            self._bank.close()
        for door in self._doors:
            door.close()
        if self.office:
            self.office.close()
        self._pcscd.give()

    # ------------------------------------------------------------ at home

    def to_meter(self, name: str) -> Outcome:
        """The customer puts the card into the meter and waits until it says OK."""
        card = self.cards[name]
        card.insert()
        outcome = self.meters[name].insert(card)
        card.pull()
        return outcome

    def live(self, name: str, days: int, load_kw: float = EVENING_LOAD_KW) -> None:
        """Days go by at home."""
        for _ in range(days):
            self.meters[name].advance(24, load_kw)

    def until_dark(self, name: str, days: int = 60) -> int:
        """Live until the meter trips; how many days that took."""
        for day in range(days):
            if not self.meters[name].display()["supply"]:
                return day
            self.live(name, 1)
        return days
