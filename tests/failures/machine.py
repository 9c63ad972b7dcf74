"""A whole kiosk on a bench: the real desk with its journal, the real drivers, and simulated devices at the other end of their lines.

Its time runs, and leaps where the test says so. `Machine.restart` is what a power cut leaves: the journal, and the devices.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from kiosk.app import LOST
from kiosk.core import machine_of
from kiosk.devices.card.driver import CardDriver
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.cctalk.acceptor import Acceptor
from kiosk.devices.cctalk.coins import CoinAcceptor
from kiosk.devices.cctalk.notes import NoteAcceptor
from kiosk.devices.cctalk.wire import Mode
from kiosk.devices.port import Port, PortLost, open_port, open_serial
from kiosk.devices.printer.driver import PrinterDriver
from kiosk.devices.printer.escpos import PAPER_80, PrinterProfile
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import TcpLine
from kiosk.devices.sim.zvt import TerminalSimulator
from kiosk.devices.vault.demo import DemoVault
from kiosk.devices.vault.signer import Signer
from kiosk.devices.vault.station import FileStation
from kiosk.devices.zvt.driver import ZvtTerminal
from kiosk.vend import sale
from kiosk.vend.desk import Desk, recover
from kiosk.vend.journal import Journal
from kiosk.vend.money import CNY
from kiosk.vend.ports import DeskDied, Published
from kiosk.vend.rows import Recorded
from kiosk.vend.rules import Now, Rules
from kiosk.vend.seen import Choice, Tick
from kiosk.vend.state import State
from kiosk.vend.view import View
from tests.card.kit import PROFILE, used_card
from tests.cash.conftest import QUICK as PACE
from tests.cash.desk import eventually
from tests.paper.shop import QUICK as WAITS
from tests.sale.shop import rules as rules_of
from tests.zvt.kit import PACE as BANK_PACE
from tests.zvt.kit import QUICK

STATION = FileStation(bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34)))
NOON_MS = 1_795_536_000_000


class Driver(Protocol):
    """What is started with the machine and stopped with it."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


class LeapingClock:
    """The running time and what the test has added to it. `wall_ms`: by how much somebody moved the clock on the wall."""

    def __init__(self) -> None:
        self.boot, self.leap_ms, self.wall_ms, self._fresh = 0, 0, 0, 0
        self._began_ms = time.monotonic_ns() // 1_000_000

    def now(self) -> Now:
        self._fresh += 1
        mono_ms = time.monotonic_ns() // 1_000_000 - self._began_ms + self.leap_ms + 1_000_000
        return Now(NOON_MS + mono_ms + self.wall_ms, mono_ms, self.boot, f"{self._fresh:016x}")


class Machine:
    """Notes, coins and card; a printer and what else a test adds before `start`."""

    def __init__(self, place: Path, stack: ExitStack, rules: Rules | None = None, **notes: Any) -> None:
        self.place, self._stack = place, stack
        self.rules = rules or rules_of()
        self.clock = LeapingClock()
        self.notes = self._plugged(NoteSimulator(place / "notes", state=place / "notes.json", **notes))
        self.coins = self._plugged(CoinSimulator(place / "coins", state=place / "coins.json"))
        self.slot, self.card = InProcessReader(), CardModel(used_card())
        self.terminal: TerminalSimulator | None = None
        self.pace = PACE
        self.wires: dict[str, Callable[[Port], Port]] = {}
        self.deaths: list[BaseException] = []
        self._made: list[Callable[[Desk[State]], Driver]] = [self._note_driver, self._coin_driver, self._card_driver]
        self.drivers: dict[str, Driver] = {}
        self.wallet = self.on_card()
        self.profile = PAPER_80

    def _plugged(self, simulator: Any) -> Any:
        simulator.start()
        self._stack.callback(simulator.stop)
        return simulator

    def adds(self, make: Callable[[Desk[State]], Driver], simulator: Any = None) -> Any:
        """One device more, before `start`: its driver, and its simulator, which is plugged in."""
        self._made.append(make)
        return self._plugged(simulator) if simulator else None

    def prints(self, profile: PrinterProfile = PAPER_80, **options: Any) -> PrinterSimulator:
        """It has a printer."""
        line, self.profile = TcpLine(), profile
        paper = PrinterSimulator(line, self.place / "papers", **options)

        def make(desk: Desk[State]) -> Driver:
            return PrinterDriver(desk, lambda: _opened(line), profile, STATION.sign, WAITS)

        found: PrinterSimulator = self.adds(make, paper)
        return found

    def takes_bank_cards(self, *, keep: bool = False) -> TerminalSimulator:
        """It has a bank terminal, on a socket."""
        line = TcpLine()
        self.terminal = TerminalSimulator(line, self.place / "book", blocks=False, keep=keep, **QUICK)
        self.adds(lambda desk: ZvtTerminal(lambda: _opened(line), desk, CNY, blocks=False, pace=BANK_PACE), self.terminal)
        return self.terminal

    # ---------------------------------------------------------------- power

    def start(self) -> "Machine":
        """Power comes: replay, then the devices say what they know."""
        fresh = not (self.place / "store.db").exists()
        self.journal = Journal.open(self.place / "store.db", STATION.database_key(), create=fresh, at_ms=NOON_MS)
        self.clock.boot = self.journal.next_boot()
        machine = machine_of(self.rules)
        state = recover(self.journal, machine)
        self.desk: Desk[State] = Desk(machine, state, self.journal, STATION, self.clock, on_death=self.deaths.append)
        self.desk.record(sale.started(self.rules, state, self.clock.now(), "test"))
        self.desk.start()
        Signer(self.desk, STATION.sign).start()  # it ends with the desk
        for make in self._made:
            driver = make(self.desk)
            driver.start()
            self.drivers[getattr(driver, "role", type(driver).__name__)] = driver
        self._stack.callback(self.stop)
        return self

    def stop(self) -> None:
        """It goes."""
        for driver in self.drivers.values():
            driver.stop()
        self.drivers.clear()
        self.desk.stop()
        self.journal.close()

    def restart(self, off_s: float = 90) -> None:
        """The kiosk's power goes and comes; its devices' stays, unless the test says otherwise meanwhile."""
        self.stop()
        self.clock.leap_ms += int(off_s * 1000)
        self.start()

    def _note_driver(self, desk: Desk[State]) -> Driver:
        return self._acceptor(NoteAcceptor, "notes", desk)

    def _coin_driver(self, desk: Desk[State]) -> Driver:
        return self._acceptor(CoinAcceptor, "coins", desk)

    def _acceptor(self, kind: type[Acceptor], role: str, desk: Desk[State]) -> Acceptor:
        port = str(self.place / role)
        enrolled = self.rules.acceptors.get(role, "")
        wire: Callable[[Port], Port] = self.wires.get(role, lambda port: port)
        return kind(role, lambda: wire(open_serial(port)), desk, country="CN", mode=Mode.CHECKSUM, pace=self.pace, enrolled=enrolled)

    def _card_driver(self, desk: Desk[State]) -> Driver:
        return CardDriver(desk, self.slot, PROFILE, DemoVault(), watch_s=0.05)

    # ---------------------------------------------------------------- what is seen

    @property
    def view(self) -> View:
        """What the glass shows, also of a core that has ended."""
        try:
            return self.desk.published().view
        except DeskDied:
            return LOST

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """As a core lets a screen watch it."""
        callback(self.view)
        self.desk.subscribe(lambda published: callback(published.view))

    def tell(self, choice: Choice) -> None:
        """What a screen says."""
        self.desk.tell(choice)

    def until(self, what: Callable[[View], object], timeout_s: float = 8.0) -> View:
        """The first screen of which that is true."""
        end = time.monotonic() + timeout_s
        shown: Published = self.desk.published()
        while not what(shown.view):
            assert time.monotonic() < end, f"it never came to that, but to {shown.view}"
            shown = self.desk.wait(shown.rev, 0.2)
        return shown.view

    def open(self) -> "Machine":
        """Power comes, and all that takes money is there."""
        self.start().ready()
        return self

    def ready(self) -> None:
        """All that takes money is there."""
        self.until(lambda view: view.phase == "attract" and view.params["notes"] and view.params["coins"])

    def phase(self, *names: str) -> View:
        """Waits for one of these screens."""
        return self.until(lambda view: view.phase in names)

    def stops(self, what: str) -> None:
        """The paying screen knows that it has stopped: notes | coins | cash."""
        self.until(lambda view: view.params.get("stopped") == what)

    def rows(self) -> list[Recorded]:
        """As they are on disk."""
        with Journal.open(self.place / "store.db", STATION.database_key(), create=False, read_only=True) as journal:
            return list(journal.rows())

    def state(self) -> State:
        """What the rows on disk add up to."""
        with Journal.open(self.place / "store.db", STATION.database_key(), create=False, read_only=True) as journal:
            return recover(journal, machine_of(self.rules))

    def booked(self, state: str) -> int:
        """By the bank terminal's own book: payments that are open, completed or reversed, in minor units."""
        entries = self.terminal.book.entries if self.terminal else []
        return sum(entry.amount_minor for entry in entries if entry.state == state and not entry.of)

    def on_card(self) -> tuple[int, int]:
        """(amount, count) of the wallet."""
        raw = self.card.files[2]
        return int.from_bytes(raw[:4]), int.from_bytes(raw[4:])

    # ---------------------------------------------------------------- the customer

    def insert(self) -> View:
        """The card goes in, and is read."""
        self.slot.insert(self.card)
        return self.until(lambda view: view.phase not in ("attract", "out", "reading", "unsure"))

    def pull(self) -> None:
        self.slot.pull()

    def press(self, do: str, arg: str = "") -> None:
        """A key of the screen that stands now, which must offer it; until the screen has changed."""
        view = self.view
        assert do in {offer.choice for offer in view.offers}, f"{do} is not offered by {view}"
        self.desk.tell(Choice(view.rev, do, arg))
        self.until(lambda now: now.rev != view.rev or now != view)

    def feed(self, minor: int) -> None:
        """A note goes in as soon as the slot takes one."""
        eventually(lambda: self.notes.do({"do": "state"})["accepting"] and self._wants(minor))
        self.notes.do({"do": "insert_note", "value_minor": minor})

    def _wants(self, minor: int) -> bool:
        places = {value: place for place, (_, value) in self.notes.notes.items()} if hasattr(self.notes, "notes") else {}
        return not self.notes.open_to(places[minor]) if minor in places else True

    def coin(self, minor: int, *, falling: bool = False) -> None:
        if not falling:
            eventually(lambda: self.coins.do({"do": "state"})["accepting"])
        self.coins.do({"do": "insert_coin", "value_minor": minor, "falling": falling})

    def pays(self, *notes: int) -> None:
        """Each note is counted before the next one goes in."""
        for minor in notes:
            before = self.view.figure_minor if self.view.phase == "insert" else 0
            self.feed(minor)
            self.until(lambda view, due=before + minor: view.phase == "insert" and view.figure_minor == due)  # type: ignore[misc]

    def wait(self, seconds: float) -> None:
        """Time goes by for the desk, half a second at a time."""
        for _ in range(int(seconds * 2)):
            self.clock.leap_ms += 500
            self.desk.tell(Tick())
            eventually(self.desk._inbox.empty)


def _opened(line: TcpLine) -> Port:
    if not line.plugged:
        raise PortLost("unplugged")
    return open_port(line.address)
