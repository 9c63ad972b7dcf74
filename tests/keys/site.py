"""A kiosk that is no demo, between two readers of a real pcscd: customers' cards in one, the boot card in the other."""

import subprocess
import sys
import time
from pathlib import Path

import msgspec

from kiosk.config import DEVICES
from kiosk.demo.site import CONFIG, HAND_S, ProcessKiosk, Site
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.image import CardImage, CardKeys
from kiosk.devices.sim.pcscd import PORTS, READERS
from kiosk.devices.sim.piv import PivModel
from kiosk.devices.sim.vpcd import Plugged, VpcdSlot
from kiosk.devices.vault import hq as vault_hq
from kiosk.devices.vault.hq import MasterVault
from kiosk.devices.vault.station import FileStation, open_station
from kiosk.vend.facts import Fact
from kiosk.vend.journal import Journal
from kiosk.vend.trust import Locked
from tests.card.kit import METER, SERIAL, used_card
from tests.keys.kit import KIOSK, PIN, REGION, HeadOffice

WAIT_S = 20.0


def issued(vault: MasterVault, now_ms: int, generation: int = 1) -> CardImage:
    """A used card with the keys that this vault gives out for it."""
    keys = vault_hq.export_card_keys_for_personalisation(
        vault, lambda _: None, region=REGION, serial=SERIAL, meter=METER, generation=generation, now_ms=now_ms, version=1
    )
    written = CardKeys(
        keys.admin.hex(), keys.auth.hex(), {str(number): key.hex() for number, key in keys.kiosk.items()}, keys.meterkey.hex()
    )
    tries = {"admin": 10, "meterkey": 10} | {f"kiosk.{number}": 10 for number in keys.kiosk}
    return msgspec.structs.replace(used_card(), keys=written, utility=vault.utility, region=REGION, tries=tries)


class Street:
    """One head office, one kiosk, one boot card, one customer."""

    def __init__(self, folder: Path, *, restart: str = "none") -> None:
        self.hq = HeadOffice(folder)
        self.boot_card, self.boot_slot = PivModel.issue(PIN), VpcdSlot(PORTS[1])
        self.customer = CardModel(issued(self.hq.vault, self.hq.now_ms))
        self.folder = folder / KIOSK
        self.site = Site(self.folder, KIOSK, folder / "papers", VpcdSlot(PORTS[0]), READERS[0])
        self.config = self.folder / "kiosk.toml"
        root = ", ".join(f'"{key}"' for key in self.hq.office.record.roots)
        text = (CONFIG + DEVICES).format(kiosk=KIOSK, folder=self.folder.absolute(), reader=READERS[0])
        text = text.replace("demo = true", f"region = {REGION}")
        text = text.replace("[tariff]", f'boot_reader = "{READERS[1]}"\n\n[keys]\nroot = [{root}]\n\n[tariff]')
        self.config.write_text(text)
        self.hq.know(self.station)
        self.hq.send_limits(restart)
        self.hq.send_hotlist()
        self.hq.send_float(50_000_00)
        self.hq.send_store(self.boot_card)

    @property
    def station(self) -> FileStation:
        return open_station(self.folder / "station.json")

    def kiosk(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """One command, as staff types it."""
        order = [sys.executable, "-m", "kiosk", *words, "--config", str(self.config)]
        return subprocess.run(order, capture_output=True, text=True, input=typed, timeout=60, check=False)

    def unlock(self, pin: str = PIN, *words: str) -> subprocess.CompletedProcess[str]:
        """The boot card goes in, the PIN is typed, the card goes out."""
        self.show(self.boot_card)
        done = self.kiosk("boot", "unlock", *words, typed=f"{pin}\n")
        self.boot_slot.pull()
        return done

    def show(self, card: Plugged) -> None:
        """Into the boot reader; nobody changes a card faster than the reader looks."""
        self.boot_slot.pull()
        time.sleep(HAND_S)
        self.boot_slot.insert(card)
        time.sleep(HAND_S)

    def restart(self) -> None:
        """The service manager's doing."""
        assert self.site.running
        self.site.running.stop()
        self.site._view = None
        self.site.start()

    def buy(self, amount_minor: int = 100_00) -> int:
        """One whole purchase; what is in the wallet then."""
        self.site.insert(self.customer)
        self.site.press("tender", "cash")
        self.site.feed(amount_minor)
        self.site.press("finish")
        self.site.phase("done")
        self.site.pull()
        return int.from_bytes(self.customer.files[2][:4])

    @property
    def core(self) -> int:
        """The kiosk's process."""
        assert isinstance(self.site.running, ProcessKiosk)
        return self.site.running.process.pid

    def vault(self) -> int:
        """The process that has the keys."""
        pid = self.core
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
        return next(int(child) for child in children if Path(f"/proc/{child}/comm").read_text() == "kiosk-vault\n")

    def facts(self) -> list[Fact]:
        """The journal of the kiosk, which may be running."""
        with Journal.open(self.folder / "store.db", self.station.database_key(), create=False, read_only=True) as journal:
            assert journal.verify().bad_seq is None
            return [recorded.fact for recorded in journal.rows()]

    def is_locked(self) -> None:
        """The customers' screen says so."""
        self.site.until(lambda view: view.phase == "out" and view.params["why"] == "keys", why="a locked machine")

    def locks(self, count: int) -> list[str]:
        """Why it was locked, once so many are written down: what is no barrier is on disk within 100 ms."""
        until_s = time.monotonic() + WAIT_S
        while len(found := [fact.why for fact in self.facts() if isinstance(fact, Locked)]) < count and time.monotonic() < until_s:
            time.sleep(0.1)
        return found

    def stop(self) -> None:
        self.boot_slot.pull()
        self.site.stop()
