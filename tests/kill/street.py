"""A street corner for power cuts: a kiosk that is a real process, its simulated devices, a customer who behaves like a person, the books.

The customer looks at the screen and does what it says: puts the card in, pays while there is money in the hand, presses what is offered,
puts the card back when asked, waits for the receipt. What is in the hand is what was brought less what is in the boxes and in escrow.
"""

import queue
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kiosk.config import load
from kiosk.core import Core
from kiosk.demo.account import Summary, account
from kiosk.demo.site import DemoError, ProcessKiosk, Running, Site
from kiosk.demo.world import MORNING
from kiosk.devices.sim import meter_state
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import OPEN, PURCHASE, Parameters, Returned
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.image import personalise, save
from kiosk.devices.sim.meter import MeterModel
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.vault.station import open_station
from kiosk.vend import facts as f
from kiosk.vend.journal import Journal
from kiosk.vend.seen import Choice
from kiosk.vend.view import View
from tests.kill.hatch import HatchedKiosk
from tests.oracle.sites import Home, Sites
from tests.pcscd import PLACES

LOOK_S = 0.02
PATIENCE_S = 90.0  # of a customer; a sale with a restart in it takes five seconds on an idle machine
READS_S = 0.2  # before paying: a glance at the screen
MASTERS = Masters.demo()


class Household:
    """One customer's card and the meter at home: an open card as it leaves the office, or one in use, `bought` times taken by its meter."""

    def __init__(self, folder: Path, number: int = 1, bought: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        serial, meter, customer = bytes.fromhex(f"4b1000{number:010x}"), f"{number:012d}", f"{90_000_000 + number:012d}"
        state = meter_state.new(MASTERS, meter, MORNING)
        card = personalise(MASTERS, serial, Parameters(meter, customer, flags=0x8D))
        if bought:
            kind = OPEN if bought == 1 else PURCHASE  # the first purchase leaves the type as issued
            used = Parameters(meter, customer, kind=kind)
            back = Returned(meter, customer, bought, remaining_minor=40, time="2607011230")
            card = personalise(MASTERS, serial, used, amount_minor=50_00, count=bought, returned=back)
            state.opened, state.customer, state.bound, state.count = True, customer, serial.hex(), bought
        save(folder / "card.json", card)
        save(folder / "meter.json", state)
        self.card, self.meter = CardModel.open(folder / "card.json"), MeterModel.open(folder / "meter.json")

    def home(self) -> int:
        """The card goes into the meter until it says OK; what the meter credited."""
        self.card.insert()
        outcome = self.meter.insert(self.card)
        self.card.pull()
        return outcome.credited_minor


class CoreHere:
    """The whole core, as `run` wires it."""

    def __init__(self, folder: Path) -> None:
        self._core = Core(load(folder / "kiosk.toml"))
        self._core.start()
        self.subscribe, self.tell, self.stop = self._core.subscribe, self._core.tell, self._core.stop
        self.cut = self.stop


class Corner(Site):
    """A site whose first kiosk process may be a mortal one, and whose note acceptor can be any model."""

    def __init__(self, folder: Path, slot: VpcdSlot, reader: str, *, kiosk: str = "K07", **notes: object) -> None:
        self.place = folder / "kiosks" / kiosk
        super().__init__(self.place, kiosk, folder / "receipts", slot, reader)
        self.slot, self.trace = slot, folder / "trace"
        self.debts: dict[str, int] = {}  # what customers owe, by meter
        self.hatched = (
            True  # its processes are forked from one that has read the program; False: each starts from nothing, as in the street
        )
        if notes:
            self.notes.stop()
            self.notes = NoteSimulator(self.place / "dev" / "notes", state=self.place / "notes.json", route_s=0.3, **notes)  # type: ignore[arg-type]
            self.notes.start()

    @property
    def view(self) -> View | None:
        """What the screen shows; None while it is dark."""
        return self._view

    def start_mortal(self, death: str = "never") -> None:
        """A kiosk that dies at this instant."""
        fate = (str(self.trace), death)
        self._run(HatchedKiosk(self.place, fate) if self.hatched else ProcessKiosk(self.place, ("-m", "tests.kill.mortal", *fate)))

    def start(self) -> None:
        """The product as it is."""
        self._run(HatchedKiosk(self.place) if self.hatched else ProcessKiosk(self.place))

    def start_here(self) -> None:
        """The core in this process, with pcscd's own reader: quicker, for stories in which no kiosk dies."""
        self._run(CoreHere(self.place))

    def _run(self, kiosk: Running) -> None:
        self.running = kiosk
        kiosk.subscribe(self._show)

    def dead(self) -> bool:
        """The process has ended. Only by its own kill -9: anything else fails."""
        process = self.running.process if isinstance(self.running, ProcessKiosk) else None
        if process is None or process.poll() is None:
            return False
        assert process.returncode == -signal.SIGKILL, (self.place / "core.log").read_text()[-2000:]
        return True

    def bury(self) -> None:
        """Let go of a dead kiosk; the screen is dark."""
        if self.running:
            self.running.cut()
        self.running = self._view = None

    def start_again(self, *, power: bool) -> None:
        """After a death; `power`: the devices were without power meanwhile, too."""
        if power:
            self.power("off")
            self.power("on")
        self.start()

    def power(self, to: str) -> None:
        """Of the acceptors."""
        for device in (self.notes, self.coins):
            device.do({"do": "power", "to": to})

    def in_box(self) -> Counter[int]:
        """What is really in the two boxes."""
        boxes = [device.do({"do": "state"})["box"] for device in (self.notes, self.coins)]
        return Counter({int(minor): pieces for box in boxes for minor, pieces in box.items()})

    def facts(self) -> list[f.Fact]:
        """The journal, once the kiosk is off."""
        key = open_station(self.place / "station.json").database_key()
        with Journal.open(self.place / "store.db", key, create=False, read_only=True) as journal:
            return [recorded.fact for recorded in journal.rows()]


class Person:
    """A customer at a corner. `restart` is what happens when the kiosk's process has died."""

    def __init__(self, corner: Corner, home: Household, brought: tuple[int, ...], restart: Callable[[], None] | None = None) -> None:
        self.corner, self.home, self.brought = corner, home, Counter(brought)
        self._restart = restart
        self.before_finish: Callable[[], None] = lambda: None  # called once, when all is paid, before the key is pressed
        self.deaths = 0
        self.screens: list[str] = []  # every phase that was seen, in order

    def recharge(self, patience_s: float = PATIENCE_S) -> None:
        """Until the card is charged and in the hand again. Fails when that does not come to pass."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            if self.corner.dead():
                self.deaths += 1
                self.corner.bury()
                assert self._restart, "the kiosk died"
                self._restart()
            view = self.corner.view
            if view and (not self.screens or self.screens[-1] != view.phase):
                self.screens.append(view.phase)
            if view and self._act(view):
                return
            time.sleep(LOOK_S)
        raise DemoError(f"nothing came of it; screens {self.screens}, now {self.corner.view}")

    def until(self, what: Callable[[View], bool], patience_s: float = PATIENCE_S) -> View:
        """Go on until this is true."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            view = self.corner.view
            if view and what(view):
                return view
            if view:
                self._act(view)
            time.sleep(LOOK_S)
        raise DemoError(f"it never came to that, but to {self.corner.view}")

    def until_phase(self, *phases: str) -> View:
        """Go on until the screen shows one of these."""
        return self.until(lambda view: view.phase in phases)

    def give_up(self) -> None:
        """At "put your card back": the card stays in the hand, the slip is taken."""
        view = self.until_phase("unsure")
        self._take()
        self._press(view, "no_card")
        self._press(self.corner.until(lambda view: view.phase == "claim" and view.params["printed"], why="the slip"), "slip_taken")
        self.corner.phase("attract")

    def show_card(self) -> View:
        """Put the card in without money, wait for what the machine makes of it, take the card; what it said."""
        self.corner.phase("attract")
        self.corner.slot.insert(self.home.card)
        said = self.corner.phase("done", "account", "refused", timeout_s=PATIENCE_S)
        self._press(said, "finish" if said.phase == "done" else "cancel")
        self.corner.phase("take_card")
        self._take()
        self.corner.phase("attract")
        return said

    @property
    def charged(self) -> bool:
        """The card shows a purchase that the meter will take."""
        files = self.home.card.files
        return int.from_bytes(files[2][4:]) == self.home.meter.state.count + 1 and files[5][0] != 0x68

    def hand(self) -> Counter[int]:
        """The money that is not in the machine."""
        held = self.corner.notes.do({"do": "state"})["held_minor"]
        return self.brought - self.corner.in_box() - Counter([held] if held else [])

    def _act(self, view: View) -> bool:
        """One look at the screen, one deed. True when there is nothing more to do."""
        offered = {offer.choice for offer in view.offers}
        inside = self.corner.slot.card is not None
        match view.phase:
            case "attract":
                if not inside and self.charged:
                    return True
                if not inside:
                    self.corner.slot.insert(self.home.card)
                    self._until_it_changes(view)
            case "account" | "insert":
                time.sleep(READS_S)
                self._pay(view, offered)
            case "still":
                self._press(view, "more_time")
            case "unsure":
                self._take()
                self.corner.slot.insert(self.home.card)
                self._until_it_changes(view)
            case "done" if view.params.get("receipt") == "asking" and "receipt" in offered:
                self._press(view, "receipt", "paper")
            case "done" if view.params.get("receipt") != "printing":
                self._press(view, "finish")
            case "refused":
                self._press(view, "cancel")
            case "claim":
                self._press(view, "slip_taken")
            case "take_card" if inside:
                self._take()
        return False

    def _pay(self, view: View, offered: set[str]) -> None:
        hand = self.hand()
        notes = self.corner.notes.do({"do": "state"})
        if notes["held"] or notes["moving"] or self.corner.dead():
            return
        for minor in hand:
            device, verb = (self.corner.notes, "insert_note") if minor >= 10_00 else (self.corner.coins, "insert_coin")
            if device.do({"do": "state"})["accepting"]:
                device.do({"do": verb, "value_minor": minor})
                self._until_it_changes(view)
                return
        if not hand and "finish" in offered:
            self.before_finish()
            self.before_finish = lambda: None
            self._press(view, "finish")
        elif view.phase == "account" and not hand:
            self._press(view, "cancel")

    def _press(self, view: View, do: str, arg: str = "") -> None:
        self.corner.tell(Choice(view.rev, do, arg))
        self._until_it_changes(view)

    def _take(self) -> None:
        self.corner.pull()

    def _until_it_changes(self, view: View, timeout_s: float = 2.0) -> None:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until and self.corner.view == view and not self.corner.dead():
            time.sleep(LOOK_S)


def books(*corners: Corner, unknown_minor: int = 0) -> Summary:
    """The kiosks are off: journals are whole, every cent is somewhere, the boxes hold what the rows say, the paper numbers have no gap; and
    by value journals, papers and reports say what acceptors, bank, cards and meters have written down."""
    total = account(corners[0].place.parent)
    assert total.journal == "ok"
    assert total.balanced, total
    for corner in corners:
        _box_and_papers(corner, unknown_minor)
    assert not (wrong := table_wrong(*corners, unknown_minor=unknown_minor)), wrong
    return total


def table_wrong(*corners: Corner, unknown_minor: int = 0) -> str:
    """What is not zero in the table of all money, of these corners and all households beside them."""
    kiosks, town = corners[0].place.parent, corners[0].place.parent.parent
    homes = [Home(CardModel.open(home / "card.json"), MeterModel.open(home / "meter.json").state) for home in sorted(town.glob("home*"))]
    return Sites(kiosks, homes, [town / "receipts"], debts=corners[0].debts).wrong(unknown_minor=unknown_minor)


def _box_and_papers(corner: Corner, unknown_minor: int) -> None:
    facts = corner.facts()
    credited = Counter(fact.denomination for fact in facts if isinstance(fact, f.NoteStacked | f.CoinAccepted))
    orphans = [fact for fact in facts if isinstance(fact, f.OrphanCredit)]
    box_minor = sum(minor * pieces for minor, pieces in corner.in_box().items())
    named_minor = sum(minor * pieces for minor, pieces in credited.items()) + sum(fact.amount_minor or 0 for fact in orphans)
    assert box_minor == named_minor + unknown_minor, (corner.in_box(), credited, orphans)
    numbers = {fact.number for fact in facts if isinstance(fact, f.PrintStarted | f.ReceiptOffered | f.ClaimIssued)}
    assert numbers == set(range(1, len(numbers) + 1))


def dies_at_each(deaths: Sequence[str], die: Callable[[int, str], object]) -> None:
    """`die(place, death)` for all of them, as many at once as there are readers; all are tried, and all that failed are told."""
    free: queue.Queue[int] = queue.Queue()
    for place in range(len(PLACES)):
        free.put(place)

    def tried(death: str) -> str:
        place = free.get()
        try:
            die(place, death)
        except Exception as error:  # noqa: BLE001 - told with the others
            return f"{death}: {type(error).__name__} {error}"
        finally:
            free.put(place)
        return ""

    with ThreadPoolExecutor(len(PLACES)) as corners:
        failed = [sentence for sentence in corners.map(tried, deaths) if sentence]
    assert not failed, "\n".join(failed)
