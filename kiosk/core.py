"""The core: one desk, its journal, and the drivers that config names, wired together. Nothing else constructs a device or a store.

A core that loses its desk or its journal ends the process with exit 70; the service manager starts it again and replay resumes.
"""

import gc
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from hashlib import sha256

import msgspec

from kiosk import __version__
from kiosk.clerk import Clerk
from kiosk.config import Config, ConfigError
from kiosk.control import ControlServer
from kiosk.devices.card.driver import CardDriver
from kiosk.devices.card.pcsc import PcscReader
from kiosk.devices.card.reader import Reader
from kiosk.devices.contract import Driver
from kiosk.devices.curtain import Curtain
from kiosk.devices.disk import DiskWatch, Mark
from kiosk.devices.fitting import Outfit, Part, PartError
from kiosk.devices.gate import Gate, Watch
from kiosk.devices.glass import GlassWatch
from kiosk.devices.profiles import brought
from kiosk.devices.registry import driver_of
from kiosk.devices.supervise import within
from kiosk.devices.vault import wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.codes import CodeChecker
from kiosk.devices.vault.demo_roster import demo_roster
from kiosk.devices.vault.guard import Guard
from kiosk.devices.vault.pins import PinChecker
from kiosk.devices.vault.purse import Limits
from kiosk.devices.vault.signer import Signer
from kiosk.devices.vault.station import FileStation, open_station
from kiosk.devices.vault.store import BootRefused
from kiosk.keeping import Contents, Keeping, heights, mark_of
from kiosk.outbox import outbox_of
from kiosk.people import people_of
from kiosk.screens.speech import spoken
from kiosk.sending import Sender, courier_plan, sender_of, spool_folder
from kiosk.sync.child import CourierProcess
from kiosk.sync.counter import Counter
from kiosk.sync.customer import masks
from kiosk.sync.delta import hotlisted
from kiosk.sync.orders import orders_of
from kiosk.sync.spool import Spool
from kiosk.vend import collect, fitted, money, paying, proof, sale, texting
from kiosk.vend.clock import word as clock_word
from kiosk.vend.desk import Desk, Machine, SystemClock, recover
from kiosk.vend.facts import Fact
from kiosk.vend.fold import fold
from kiosk.vend.frozen import freeze, thaw
from kiosk.vend.journal import Journal
from kiosk.vend.limits import written_max_minor
from kiosk.vend.operators import entry
from kiosk.vend.operators.standing import Found
from kiosk.vend.operators.tables import moment
from kiosk.vend.operators.tree import roster_of
from kiosk.vend.phase import deadline_ms
from kiosk.vend.ports import Published
from kiosk.vend.rules import Now, Rules
from kiosk.vend.seen import Choice, HotlistRead, Ordered, OrdersRead, PersonsRead, RosterRead, Seen
from kiosk.vend.showing import view
from kiosk.vend.sms import Letter
from kiosk.vend.staff import order_of
from kiosk.vend.state import State
from kiosk.vend.trust import Locked, RosterInstalled
from kiosk.vend.view import View

SOFTWARE = f"kiosk {__version__}"
EXIT_DIED = 70
KEY_GENERATION = 1
DRIVER_STARTS_S, DRIVER_STOPS_S, HEARS_S = 2.0, 6.0, 0.1  # whatever a driver does then, the core goes on


def rules_of(config: Config) -> Rules:
    """What `step` decides by, from config."""
    return Rules(
        kiosk=config.kiosk.id,
        profile=config.card_profile(),
        utility=config.kiosk.utility,
        region=config.kiosk.region,
        allowed=config.allowed(),
        tariff=config.tariff_values(),
        currency=money.CURRENCIES[config.kiosk.currency],
        zone=config.kiosk.zone,
        acceptors={part.role: part.serial for part in config.device if part.role in ("notes", "coins")},
        key_generation=KEY_GENERATION,
        language=config.screen.language,
        languages=config.kiosk.languages,
        letterhead=config.letterhead_values(),
        demo=config.kiosk.demo,
        office=not config.kiosk.demo,
        lowers={name: value for name, value in config.limits.model_dump().items() if value is not None},
        place=config.place(),
        texts=config.texts(),
    )


def machine_of(rules: Rules) -> Machine[State]:
    """The sale's pure functions, as the desk takes them."""

    def publish(state: State, now: Now, rev: int) -> Published:
        return Published(
            rev=rev,
            view=view(rules, state, now),
            stance=sale.stance(rules, state),
            card_job=sale.next_job(rules, state),
            print_job=proof.print_job(rules, state),
            acceptors=state.acceptors,
            enrolled={device: fitted.serial_of(rules, state, device) for device in rules.acceptors},
            sign_job=proof.sign_job(rules, state),
            trust=state.trust,
            sent=state.sent,
            clock=clock_word(state.clock, now.at_ms),
            pin_job=entry.pin_job(state, now.at_ms),
            read_job=state.here.staff.read,
            code_job=collect.job(state),
            pos_job=paying.job(state),
            sms=state.sms,
            sms_job=texting.job(state),
            letter_job=state.here.letter,
            ending=state.here.staff.ending,
        )

    def step(state: State, seen: Seen, now: Now) -> tuple[Fact, ...]:
        generation = state.trust.generation(now.at_ms) or rules.key_generation
        return sale.step(msgspec.structs.replace(rules, key_generation=generation), state, seen, now)

    return Machine(
        blank=State(),
        step=step,
        fold=fold,
        publish=publish,
        deadline=deadline_ms,
        quiet=lambda state: state.sale is None and not state.here.token,
        freeze=freeze,
        thaw=thaw,
    )


def settle() -> None:
    """For a process that has opened its core: what is loaded stays, so the collector need not look at it again and again.

    One full look at it takes 30 ms and more, in the middle of a customer's paint.
    """
    gc.collect()
    gc.freeze()


def vault_limits(config: Config) -> Limits:
    """Those of a kiosk's vault, before the head office grants anything."""
    profile = config.card_profile()
    return Limits(profile.name, written_max_minor(), None, brought=brought(profile))


def vault_order(config: Config) -> wire.Orders:
    """A demo's vault of public test masters."""
    return wire.OpenDemo(region=config.kiosk.region, limits=vault_limits(config), utility=config.kiosk.utility)


class StartAgain(Exception):
    """An operator wanted the core to be started again: it has ended in good order, and the service manager does the rest."""


class Core:
    """Implements the screen's source: it can be watched, and told what a customer chose."""

    def __init__(self, config: Config, *, reader: Reader | None = None, on_death: Callable[[BaseException], None] | None = None) -> None:
        """Open the stores and replay. Raises StationError, StoreRefused, StoreDamaged, ConfigError, each with one sentence."""
        rules, self._begun = rules_of(config), ExitStack()
        self.station: FileStation = open_station(config.store.station)
        self.journal = Journal.open(config.store.path, self.station.database_key(), create=False)
        self._begun.callback(self.journal.close)
        try:
            self._wire(config, rules, reader, on_death)
        except BaseException:
            self._begun.close()
            raise

    def _wire(self, config: Config, rules: Rules, reader: Reader | None, on_death: Callable[[BaseException], None] | None) -> None:
        machine = machine_of(rules)
        state = recover(self.journal, machine)
        clock = SystemClock(self.journal.next_boot())
        self.desk: Desk[State] = Desk(machine, state, self.journal, self.station, clock, on_death=on_death)
        self.desk.record(sale.started(rules, state, clock.now(), SOFTWARE, heights(config, self.station, self.journal)))
        self._disk = DiskWatch(self.desk.tell, config.store.path, config.store.mark, self._height)
        self.people = people_of(config, self.desk, self.station, open_journal=self._journal_to_read)
        self.outbox = outbox_of(config, self.desk, self.people, rules)
        self.vault, self.keeping, generation = self._keys(config)
        self.sender = self._sender(config, self.keeping) if self.keeping else None
        self._keeps_people = self.sender is not None or rules.texts is not None
        self._courier = CourierProcess(courier_plan(config)) if self.sender and config.sync.carries() else None
        self._card = CardDriver(self.desk, reader or PcscReader(config.card.reader), rules.profile, self.vault, generation=generation)
        self._signer = Signer(self.desk, self.station.sign)
        self._pins = PinChecker(self.desk)
        self._codes = CodeChecker(self.desk, self.vault)
        set_clock = _refuses if rules.demo else _set_clock
        self._clerk = Clerk(self.desk, rules, self._journal_to_read, set_clock, self._open_keys, post=self._post(config))
        self._on_death, self._demo, self._ending = on_death, rules.demo, False
        self._demo_roster(state, rules)
        self._ears: list[Callable[[str], None]] = []
        lent = Outfit(self.desk, self.station.sign, rules.currency, spoken, self._ears.append, self.outbox.letter)
        self.devices = tuple(_driven(part, lent) for part in config.device)
        self._watch = Watch(self.devices)
        self._glass = GlassWatch(self.desk.tell)
        self._curtain = Curtain(self.desk, (gate for _, gate in self.devices))
        self.desk.subscribe(self._curtain.changed)
        self.desk.subscribe(self._disk.changed)

    def start(self) -> None:
        """The desk first, then everything that tells it. Where one cannot start, those before it are stopped, and the store is closed."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        self.desk.subscribe(self._ends)
        if self._demo:
            self.use_roster(demo_roster())

    def _start(self) -> None:
        """They are stopped in reverse: acceptors shut first, and the mark is set when the desk has written all down."""
        begun = self._begun
        if self.keeping:
            self.keeping.start()
        self._disk.start()
        begun.callback(self._disk.stop)
        self.desk.start()
        begun.callback(self.desk.stop)
        parts = (self.outbox, self.people) if self._keeps_people else ()
        for part in (*parts, self.sender, self._courier, self.vault):
            if part:
                part.start()
                begun.callback(part.stop)
        if self.keeping:
            control = ControlServer(self.keeping.folder / "control", self.keeping, self.people)
            begun.callback(control.close)
        self._card.start()
        begun.callback(self._card.stop)
        for thread in (self._signer, self._pins, self._codes, self._clerk):
            thread.start()  # each ends with the desk
        self._curtain.start()
        begun.callback(self._curtain.stop)
        for device, gate in self.devices:
            begun.callback(partial(within, DRIVER_STOPS_S, device.stop, f"stop {gate.role}"))
            if not within(DRIVER_STARTS_S, device.start, f"start {gate.role}"):
                gate.broken()
        for watcher in (self._glass, self._watch):
            watcher.start()
            begun.callback(watcher.stop)

    def stop(self) -> None:
        """What was started ends, the last first; then the store is closed. Once more does nothing."""
        self._begun.close()

    def _keys(self, config: Config) -> tuple[VaultClient | Guard, Keeping | None, Callable[[], int]]:
        """A demo has keys that anyone can compute; every other machine is locked until its boot card opens them."""
        contents: Contents = {
            "hotlist": self.use_hotlist,
            "roster": self.use_roster,
            "persons": self.use_persons,
            "orders": self.use_orders,
            "erase": self.use_erasures,
        }
        keeping = (
            Keeping(config, self.desk, self.station, vault_limits(config), contents) if config.keys.root or not config.demo_keys() else None
        )
        if keeping is None or config.demo_keys():
            return VaultClient(vault_order(config)), keeping, lambda: KEY_GENERATION
        self.desk.record((Locked("start"),))
        return keeping.guard, keeping, keeping.guard.generation

    def use_hotlist(self, body: bytes) -> None:
        """The body of a hotlist whose signature holds; the desk takes it if the journal says that it is the one."""
        self.desk.tell(HotlistRead(hotlisted(body), sha256(body).hexdigest()))

    def use_orders(self, body: bytes) -> None:
        """The body of a list of orders whose signature holds; the desk takes it if the journal says that it is the one."""
        told = orders_of(body)
        self.desk.tell(OrdersRead(told.orders, told.code_float, sha256(body).hexdigest()))

    def use_erasures(self, body: bytes) -> None:
        """The body of a list of erasures whose signature holds."""
        self.people.use_erasures(body)

    def use_persons(self, body: bytes) -> None:
        """The body of a list of masks whose signature holds; the desk takes it if the journal says that it is the one."""
        self.desk.tell(PersonsRead(masks(body), sha256(body).hexdigest()))

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """The newest View at once, then each that differs from the one before."""
        self._curtain.subscribe(callback)

    def tell(self, choice: Choice) -> None:
        """What the customer chose, or staff ordered: a PIN goes no further than to who checks it, and what is to be spoken, or that the
        screen is alive, is no desk's business. Raises BadOrder."""
        if choice.pin is not None:
            self._pins.hold(choice.pin)
            self.desk.tell(Ordered(choice.rev, None))
        elif choice.do == "operator":
            self.desk.tell(Ordered(choice.rev, order_of(choice.arg)))
        elif choice.do == "speak":
            for hear in self._ears:
                within(HEARS_S, partial(hear, choice.arg), "hear")
        elif choice.do == "alive":
            self._glass.alive()
        else:
            self.desk.tell(choice)

    def use_roster(self, body: bytes) -> None:
        """The body of a roster whose signature holds; the desk takes it if the journal says that it is the one. Raises RosterRefused."""
        self.desk.tell(RosterRead(roster_of(body), sha256(body).hexdigest()))

    def _open_keys(self, operator: str) -> str:
        """The boot card in its reader and the PIN that was typed: opened, or why not, as `trust.BootCardRefused` has it."""
        pin = self._pins.taken()
        if self.keeping is None:
            return "no_store"
        try:
            self.keeping.unlock(pin, operator)
        except BootRefused as refused:
            return refused.why
        return "opened"

    def _demo_roster(self, state: State, rules: Rules) -> None:
        """A demo has operators without a head office."""
        body = demo_roster()
        digest = sha256(body).hexdigest()
        installed = state.trust.roster
        if not rules.demo or (installed and (installed.epoch or installed.digest == digest)):
            return
        self.desk.record((RosterInstalled(0, installed.version + 1 if installed else 1, digest),))

    def _height(self, before: Mark | None) -> Mark | None:
        with self._journal_to_read() as journal:
            return mark_of(journal, before)

    def _sender(self, config: Config, keeping: Keeping) -> Sender:
        return sender_of(config, self.desk, self.station, keeping, open_journal=self._journal_to_read, software=SOFTWARE)

    def _post(self, config: Config) -> Callable[[str], Found] | None:
        """The counter, where there is a head office."""
        rules = rules_of(config)
        return Counter(Spool(spool_folder(config), config.kiosk.id), partial(moment, rules)).answer if self.sender else None

    def _journal_to_read(self) -> Journal:
        return Journal.open(self.journal.path, self.station.database_key(), create=False, read_only=True)

    def _ends(self, published: Published) -> None:
        """On the desk's thread, which somebody else has to wait for."""
        if published.ending and not self._ending:
            self._ending = True
            threading.Thread(target=self._start_again, name="restart", daemon=True).start()

    def _start_again(self) -> None:
        self.stop()
        if self._on_death:
            self._on_death(StartAgain())


def _set_clock(at_s: float) -> None:
    time.clock_settime(time.CLOCK_REALTIME, at_s)


def _refuses(_at_s: float) -> None:
    """A demo never sets the clock of the machine that it runs on."""
    raise PermissionError


def _driven(part: Part, lent: Outfit) -> tuple[Driver, Gate]:
    """The driver of a `[[device]]`, behind its own gate, with no more than its role needs. Raises ConfigError."""
    gate = Gate(lent.desk, part.role)
    sign = lent.sign if part.role == "printer" else None
    letter = lent.letter if part.role == "modem" else _no_letter
    try:
        return driver_of(part, replace(lent, desk=gate, sign=sign, letter=letter)), gate
    except PartError as error:
        raise ConfigError(str(error)) from None


def _no_letter(_ref: str) -> Letter | None:
    """Numbers and texts are the modem's."""
    return None
