"""One kiosk of the demo, and the devices behind its ports. The kiosk is the product: nothing in it knows that this is a demo.

Through pcscd the kiosk is a process of its own, its screen's socket is ours, and a power cut is kill -9. Without pcscd it runs in this
process, and a power cut is its disk as it was at that instant.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.cash import CashSimulator
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.essp import EsspSimulator
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import PtyLine
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.link import LinkClient
from kiosk.vend.seen import Choice
from kiosk.vend.view import Offer, View

if TYPE_CHECKING:
    from kiosk.demo.extras import Extras

START_S = 20.0
STOP_S = 10.0
HAND_S = 0.6  # nobody changes a card faster; the virtual reader looks every 0.4 s
CONFIG = """[kiosk]
id = "{kiosk}"
demo = true

[store]
path = "{folder}/store.db"
station = "{folder}/station.json"

[card]
reader = "{reader}"

[tariff]
debts = {{ "000098765432" = 500 }}
debts_at = "K07"     # one kiosk recovers old debts
"""


class DemoError(Exception):
    """The demo cannot go on; one sentence."""


class Running(Protocol):
    """A kiosk that runs."""

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """The newest View, then each new one."""

    def tell(self, choice: Choice) -> None:
        """What the customer chose."""

    def stop(self) -> None:
        """In good order."""

    def cut(self) -> None:
        """The power fails."""


class ProcessKiosk:
    """`kiosk run --core`, and this end of its link."""

    def __init__(self, folder: Path, program: tuple[str, ...] = ("-m", "kiosk")) -> None:
        socket = folder / "screen.sock"
        socket.unlink(missing_ok=True)
        command = [sys.executable, *program, "run", "--core", str(socket), "--config", str(folder / "kiosk.toml")]
        with (folder / "core.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: S603
        self._client = LinkClient(socket)

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """See Running."""
        self._client.subscribe(callback)

    def tell(self, choice: Choice) -> None:
        """See Running."""
        self._client.tell(choice)

    def stop(self) -> None:
        """See Running."""
        self._client.close()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_S)

    def cut(self) -> None:
        """kill -9."""
        self._client.close()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class LocalKiosk:
    """The core in this process, with a card reader that is an object."""

    def __init__(self, folder: Path, reader: InProcessReader) -> None:
        from kiosk.config import load
        from kiosk.core import Core

        self._folder = folder
        self._core = Core(load(folder / "kiosk.toml"), reader=reader)
        self._core.start()

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """See Running."""
        self._core.subscribe(callback)

    def tell(self, choice: Choice) -> None:
        """See Running."""
        self._core.tell(choice)

    def stop(self) -> None:
        """See Running."""
        self._core.stop()

    def cut(self) -> None:
        """Whatever is not on disk now never will be."""
        image = self._folder / "disk"
        image.mkdir(exist_ok=True)
        for name in ("store.db", "store.db-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(self._folder / name, image / name)
        self._core.stop()
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            (self._folder / name).unlink(missing_ok=True)
        for left in image.iterdir():
            shutil.move(left, self._folder / left.name)


class Site:
    """A place in the street: acceptors, printer, a card slot, `extras` where it has more, and the kiosk that owns them.

    `essp`: its note validator speaks eSSP, not ccTalk.
    """

    def __init__(
        self,
        folder: Path,
        kiosk: str,
        papers: Path,
        slot: VpcdSlot | None,
        reader: str = "",
        *,
        extras: "Extras | None" = None,
        essp: bool = False,
    ) -> None:
        """Devices with power, a kiosk without."""
        from kiosk.devices.vault.station import create_station
        from kiosk.vend.journal import Journal

        self.folder, self.kiosk = folder, kiosk
        dev = folder / "dev"
        dev.mkdir(parents=True, exist_ok=True)
        self.notes: NoteSimulator | EsspSimulator
        self.notes = (EsspSimulator if essp else NoteSimulator)(dev / "notes", state=folder / "notes.json", route_s=0.3)
        self.coins = CoinSimulator(dev / "coins", state=folder / "coins.json")
        self.printer = PrinterSimulator(PtyLine(dev / "printer"), papers, line_s=0.005)
        self._extras, self._slot, self._reader = extras, slot, InProcessReader()
        self._changed = threading.Condition()
        self._view: View | None = None
        self._subscribers: list[Callable[[View], None]] = []
        self.running: Running | None = None
        if not (folder / "station.json").exists():
            station = create_station(folder / "station.json")
            Journal.open(folder / "store.db", station.database_key()).close()
        from kiosk.config import DEVICES  # behind the first paint

        devices = DEVICES.replace("cctalk", "essp", 1) if essp else DEVICES
        config = (CONFIG + devices).format(kiosk=kiosk, folder=folder.absolute(), reader=reader)
        (folder / "kiosk.toml").write_text(config + (extras.config if extras else ""))
        for device in (self.notes, self.coins, self.printer, *((extras,) if extras else ())):
            device.start()

    @property
    def extras(self) -> "Extras":
        """What it has more. DemoError where it has nothing."""
        if self._extras is None:
            raise DemoError(f"{self.kiosk} has no bank terminal, display, modem or voice.")
        return self._extras

    # ------------------------------------------------------------ the kiosk

    def sends(self, roots: tuple[str, str], url: str = "", ca: Path | None = None) -> None:
        """From its next start on there is a head office; `url`: and a line to it."""
        line = f'\n[sync]\nurl = "{url}"\nca = "{ca}"\n' if url else ""
        with (self.folder / "kiosk.toml").open("a") as config:
            config.write(f"\n[keys]\nroot = {list(roots)}\n{line}")

    def start(self) -> None:
        """Power comes."""
        self.running = ProcessKiosk(self.folder) if self._slot else LocalKiosk(self.folder, self._reader)
        self.running.subscribe(self._show)

    def stop(self) -> None:
        """The day is over."""
        if self.running:
            self.running.stop()
        if self._slot:
            self._slot.pull()
        for device in (self.notes, self.coins, self.printer, *((self._extras,) if self._extras else ())):
            device.stop()

    def cut(self, *, dark_s: float = 0.3) -> None:
        """The power fails, for everything on this site, and comes back."""
        if self.running:
            self.running.cut()
        self._view = None
        devices = (self.notes, self.coins, self.printer, *(self._extras.all if self._extras else ()))
        for device in devices:
            device.do({"do": "power", "to": "off"})
        time.sleep(dark_s)
        for device in devices:
            device.do({"do": "power", "to": "on"})
        self.start()

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """A screen: the newest View, then each new one, whichever kiosk process it comes from."""
        self._subscribers.append(callback)
        if self._view:
            callback(self._view)

    def tell(self, choice: Choice) -> None:
        """What the customer chose."""
        if self.running:
            self.running.tell(choice)

    def _show(self, view: View) -> None:
        with self._changed:
            self._view = view
            self._changed.notify_all()
        for callback in self._subscribers:
            callback(view)

    # ------------------------------------------------------------ the customer

    def until(self, what: Callable[[View], object], timeout_s: float = START_S, why: str = "") -> View:
        """The first View of which `what` is true. DemoError when there is none in time."""
        with self._changed:
            if self._changed.wait_for(lambda: bool(self._view and what(self._view)), timeout_s) and self._view:
                return self._view
            shown = self._view and (self._view.phase, self._view.params)
            raise DemoError(f"{self.kiosk}: waited for {why or 'the screen'}, but it shows {shown}")

    def phase(self, *names: str, timeout_s: float = START_S) -> View:
        """Wait for one of these phases."""
        return self.until(lambda view: view.phase in names, timeout_s, " or ".join(names))

    def press(self, do: str, arg: str = "") -> None:
        """A key, as soon as the screen offers it: a printer that has just got its power back takes a moment to say that it has paper."""
        wanted = {Offer(do, arg), Offer(do, "typed")}
        offered = self.until(lambda view: wanted & set(view.offers), why=f"the key {do} {arg}".rstrip())
        self.tell(Choice(offered.rev, do, arg))

    def insert(self, card: CardModel) -> None:
        """Into the slot, once it is empty for the kiosk, too."""
        self.phase("attract", "out", "unsure", "claim")
        self.push(card)

    def push(self, card: CardModel) -> None:
        """Into the slot, whatever the screen says."""
        if self._slot:
            self._slot.insert(card)
        else:
            self._reader.insert(card)

    def pull(self) -> None:
        """Out of the slot, and a hand's time until the next card could come."""
        if self._slot:
            self._slot.pull()
            time.sleep(HAND_S)
        else:
            self._reader.pull()

    def feed(self, amount_minor: int, *, wait: bool = True) -> None:
        """A note, when the acceptor is open for it; then until it is stacked."""
        before = self._view.figure_minor if self._view and self._view.phase == "insert" else 0
        self._offer(self.notes, {"do": "insert_note", "value_minor": amount_minor})
        if wait:
            self.until(lambda view: view.phase == "insert" and view.figure_minor == before + amount_minor, why=f"a note of {amount_minor}")

    def coin(self, amount_minor: int) -> None:
        """A coin."""
        before = self._view.figure_minor if self._view and self._view.phase == "insert" else 0
        self._offer(self.coins, {"do": "insert_coin", "value_minor": amount_minor})
        self.until(lambda view: view.phase == "insert" and view.figure_minor == before + amount_minor, why=f"a coin of {amount_minor}")

    def _offer(self, device: CashSimulator, verb: dict[str, object]) -> None:
        """As people do: try until the machine takes it."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            state = device.do({"do": "state"})
            if state["accepting"] and not state.get("held") and not state.get("moving"):
                device.do(verb)
                return
            time.sleep(0.02)
        raise DemoError(f"{self.kiosk}: the acceptor never opened for {verb}")
