"""One kiosk without threads and without time of its own: the product's desk, step, fold, judge and card session over simulated things.

Only what is told, and when, is the simulation's. A `PowerCut` may come at every write to the disk and at every command to a card.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from kiosk.devices.card.session import CardSession, perform
from kiosk.devices.sim.card import CardModel
from kiosk.devices.vault.codes import answered
from kiosk.devices.vault.demo import DemoVault
from kiosk.vend import collect, paying, proof, sale, seen
from kiosk.vend import facts as f
from kiosk.vend.card.gdw1365 import PROFILE
from kiosk.vend.desk import Desk, Machine, recover
from kiosk.vend.evidence import encode
from kiosk.vend.fold import fold
from kiosk.vend.frozen import freeze, thaw
from kiosk.vend.limits import Allowed
from kiosk.vend.phase import deadline_ms
from kiosk.vend.ports import CardJob, PosJob, Published, Stance
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import State
from kiosk.vend.store import StoreDamaged
from kiosk.vend.tariff import Tariff
from kiosk.vend.view import View
from tests.simulation.books import Books
from tests.simulation.disk import Block, Disk, DiskJournal, PowerCut
from tests.simulation.ledger import Ledger
from tests.simulation.parts import Acceptor, Clocks, CutContact, Station, Time
from tests.simulation.post import Post
from tests.simulation.terminal import Terminal

VALUES = {"notes": (10_00, 20_00, 50_00, 100_00), "coins": (50, 1_00)}
LIMITS = Allowed(day_max_sales=99, day_max_minor=10**8, hoard_minor=10**8, card_max_sales=99, coins=VALUES["coins"])
CHECKPOINT_ROWS = 60  # sooner than the desk would, so that starts read from many of them
VAULT = DemoVault()


class Kiosk:
    """A machine in the street. `id` names one store's life; acceptors, their boxes and the bank terminal outlive it."""

    def __init__(  # noqa: PLR0917 - what it is made of
        self,
        name: str,
        station: Station,
        time: Time,
        chance: Random,
        acceptors: dict[str, Acceptor],
        terminal: Terminal,
        tariff: Tariff,
    ) -> None:
        self.id, self.station, self.chance = name, station, chance
        self.acceptors, self.terminal = acceptors, terminal
        self.base = {device: one.accepted for device, one in acceptors.items()}
        self.clock = Clocks(time, chance)
        self.rules = Rules(name, PROFILE, allowed=LIMITS, tariff=tariff, acceptors=dict.fromkeys(acceptors, ""))
        self.disk = Disk()
        self.ledger = Ledger(name, acceptors, self.base, terminal)
        self.branched = False  # another history stands on the disk than the one that was followed
        self.books, self._beside = Books(), dict[bytes, Books]()
        self.witnessed: Callable[[f.Fact, int], None] = lambda _fact, _seq: None
        self.linked = (0, b"")  # up to which row the chain was counted again
        self.marked = ""  # the tag that the last job put on a card, whole
        self.betrayed = False  # the disk lost or changed what it had said that it kept
        self.mark: tuple[bytes, int] | None = None  # on another disk: (store, row)
        self.images: list[list[Block]] = []
        self.desk: Desk[State] | None = None
        self.journal = DiskJournal(name, self.disk)
        self.damaged = self.closed = False
        self.card: CardModel | None = None
        self._contact: CutContact | None = None
        self._session: CardSession | None = None
        self._tokens = 0
        self.printer = "ok"
        self.post: Post | None = None
        self.listed: seen.OrdersRead | None = None  # the list of orders that lies in its folder

    # ------------------------------------------------------------ power

    @property
    def on(self) -> bool:
        """It runs."""
        return self.desk is not None

    @property
    def state(self) -> State:
        """The desk's."""
        assert self.desk
        return self.desk._state

    def guarded(self, act: Callable[[], Any]) -> None:
        """Whatever it does, the power may fail in it."""
        try:
            act()
        except PowerCut:
            self.power_off()

    def power_on(self) -> None:
        """Replay; then the devices say what they know. A store that is damaged is told, and nothing is sold from it."""
        self.guarded(self._power_on)

    def _power_on(self) -> None:
        now, self.linked = self.clock.now(), (0, b"")
        try:
            journal = DiskJournal.on(self.id, self.disk, now.at_ms, self.chance)
            self.books = Books()
            if self.branched:
                self.ledger.read_again((one.row.seq, one.fact) for one in journal.rows(1, journal.head()[0]))
            else:
                self.ledger.back_to(journal.head()[0])
            machine = self._machine()
            state = recover(journal, machine)
        except StoreDamaged:
            self.damaged = True
            return
        if self.betrayed:  # by an image from before it met an acceptor: what that one counts now is this store's beginning
            self.base |= {device: one.accepted for device, one in self.acceptors.items() if device not in state.acceptors}
        self.journal = journal
        self.branched = False
        self.clock.boot = journal.next_boot()
        desk = Desk(machine, state, journal, self.station, self.clock)
        heights = (("mark", self.mark[1]),) if self.mark and self.mark[0] == journal.store_id else ()
        desk.record(sale.started(self.rules, state, self.clock.now(), "simulation", heights))
        self.desk = desk
        self.tell(seen.ReaderUp("bench"))
        self.tell(seen.PrinterState(self.printer))
        for device in self.acceptors:
            self.acceptor_up(device)
        self.terminal.done = set()  # its driver is a new one
        self.terminal_up()
        self.tell_list()
        if self.post:
            self.post.start()
        if self.card:
            self.insert(self.card)

    def power_off(self) -> None:
        """At once. A note that the acceptor was told to stack may still fall; another one goes back, or is held until somebody asks."""
        notes = self.acceptors["notes"]
        if notes.held:
            fate = self.chance.random()
            if self.desk and sale.stance(self.rules, self.state).escrow == "stack" and fate < 0.4:
                notes.take(notes.held)
            elif fate < 0.7:
                notes.held = 0
        self.desk = self._session = self._contact = None
        if self.post:
            self.post.power_off()
        self.betrayed = self.disk.fail(self.chance) or self.betrayed

    def put_back(self, image: list[Block]) -> None:
        """An old copy of the disk is written over it, while it is off."""
        self.betrayed = self.branched = self.betrayed or image != self.disk.blocks
        self.disk.put_back(image)

    def _machine(self) -> Machine[State]:
        return Machine(
            blank=State(),
            step=partial(sale.step, self.rules),
            fold=self._fold,
            publish=_published,
            deadline=deadline_ms,
            quiet=quiet,
            freeze=self._freeze,
            thaw=self._thaw,
        )

    def _fold(self, state: State, fact: f.Fact, row: f.Row) -> State:
        if not fact.passing:
            if row.seq > self.books.seq:
                self.books.add(fact, row)
            self.ledger.add(fact, row.seq)
            self.witnessed(fact, row.seq)
        return fold(state, fact, row)

    def _freeze(self, state: State) -> bytes:
        frozen = freeze(state)
        self._beside[frozen] = self.books.copy()
        return frozen

    def _thaw(self, frozen: bytes) -> State | None:
        state = thaw(frozen)
        if state:
            self.books = self._beside[frozen].copy()
        return state

    # ------------------------------------------------------------ what is told

    def tell(self, what: seen.Seen) -> None:
        """Told, heard, and whatever is due by itself."""
        assert self.desk
        self.desk.tell(what)
        self.desk.drain()
        if self.journal.head()[0] - self.journal.checkpointed() >= CHECKPOINT_ROWS and quiet(self.state):
            self.desk._checkpoint(self.clock.now())

    def press(self, do: str, arg: str = "") -> None:
        """A choice on the screen that stands."""
        self.tell(seen.Choice(self.state.here.turn, do, arg))

    def acceptor_up(self, device: str, *, reset: bool = False) -> None:
        """It has been identified and tells its counters."""
        one = self.acceptors[device]
        one.unheard = None
        self.tell(seen.AcceptorUp(device, f"SN-{device}", one.counter, one.accepted, VALUES[device], reset))

    def terminal_up(self) -> None:
        """The terminal answers, unless it is silent."""
        if not self.terminal.silent:
            self.tell(self.terminal.up())

    def tell_list(self) -> None:
        """The list of orders, as `keeping` reads it at a start and when another came."""
        if self.listed:
            self.tell(self.listed)

    def stance(self) -> Stance:
        """What the acceptors should be doing."""
        return sale.stance(self.rules, self.state)

    def published(self) -> Published:
        """What the sender may know."""
        state = self.state
        return Published(0, NO_VIEW, Stance(), None, None, {}, trust=state.trust, sent=state.sent)

    # ------------------------------------------------------------ money

    def offer_note(self, value: int) -> None:
        """A note is pushed in: the acceptor holds it and says so. Events are told in their order: one that was not heard comes first."""
        notes = self.acceptors["notes"]
        if not notes.held:
            if late := notes.unheard:
                notes.unheard = None
                self.tell(late)
            notes.held = value
            notes.last = seen.NoteHeld("notes", "SN-notes", value, notes.event())
            self.tell(notes.last)

    def resolve_note(self, *, heard: bool = True, obeys: bool = True) -> None:
        """It obeys the stance, or gives a note back that it should have stacked; what it then says may be lost."""
        notes, word = self.acceptors["notes"], self.stance().escrow
        word = word if obeys or word == "hold" else "return"
        value = notes.held
        if word == "hold" or not value:
            return
        counter = notes.event()
        if word == "stack":
            notes.take(value)
            notes.last = seen.NoteIn("notes", "SN-notes", value, counter, notes.accepted)
        else:
            notes.held = 0
            notes.last = seen.NoteBack("notes", "SN-notes", counter)
        if heard:
            self.tell(notes.last)
        else:
            notes.unheard = notes.last

    def repeat(self, device: str) -> None:
        """The acceptor tells its last event once more."""
        one = self.acceptors[device]
        if one.unheard is not None and one.unheard is one.last:
            one.unheard = None
        if one.last:
            self.tell(one.last)

    def drop_coin(self, value: int, *, heard: bool = True) -> None:
        """A coin falls, whether or not the gate was open a moment ago."""
        coins = self.acceptors["coins"]
        coins.take(value)
        coins.last = seen.CoinIn("coins", "SN-coins", value, coins.event(), coins.accepted)
        if heard:
            self.tell(coins.last)

    # ------------------------------------------------------------ the card

    def insert(self, card: CardModel) -> None:
        """Into the slot."""
        self.card = card
        card.insert()
        self._contact = CutContact(card)
        self._session = CardSession(self._contact, PROFILE, VAULT, rng=self.chance.randbytes)
        self._tokens += 1
        self.tell(seen.CardIn(f"{self.id}-{self.clock.boot}-{self._tokens}", card.atr.hex()))

    def pull(self) -> CardModel | None:
        """Out of it."""
        card, self.card = self.card, None
        if card:
            card.pull()
        if self.desk and self._contact:
            self._contact = self._session = None
            self.tell(seen.CardOut(self.state.here.token))
        return card

    def job(self) -> CardJob | None:
        """What the card needs."""
        return sale.next_job(self.rules, self.state) if self._session else None

    def pos_job(self) -> PosJob | None:
        """What the bank terminal is to do, and has not done."""
        job = paying.job(self.state)
        return job if job and not self.terminal.silent and job.id not in self.terminal.done else None

    def pay(self, job: PosJob, *, faults: bool, dies: bool) -> None:
        """The terminal does what it is asked for; it may be silent, or the power fail before anybody hears of it. Raises PowerCut."""
        answer = self.terminal.asked(job, self.id, faults=faults)
        if dies:
            raise PowerCut
        if answer:
            self.tell(answer)

    def work(self, *, dies_after: int = -1, faults: bool = False) -> bool:
        """One job of the terminal, the card, the printer, the signing key or the vault; False where there is none.

        `dies_after` so many commands to the card, or one answer of the terminal, the power fails.
        """
        job, session, contact = self.job(), self._session, self._contact
        self.marked = ""
        if (asked := self.pos_job()) and (job is None or self.chance.random() < 0.5):
            self.pay(asked, faults=faults, dies=dies_after >= 0)
            return True
        if job and session and contact:
            answer = self._performed(job, session, contact, dies_after)
            self.tell(answer)
            if not contact.card.present and self.card:
                self.pull()
            return True
        if paper := proof.print_job(self.rules, self.state):
            if self.state.here.printing:
                self.ledger.printed(self.state.here.printing.sale, paper.paper)
            self.tell(seen.Printed(paper.id, self.chance.choice(("printed", "printed", "printed", "unknown"))))
            return True
        if code := proof.sign_job(self.rules, self.state):
            if self.state.ended:
                self.ledger.signed(self.state.ended.id, code.evidence)
            self.tell(seen.Signed(code.id, encode(code.evidence, self.station.sign)))
            return True
        if checked := collect.job(self.state):
            silent = faults and self.chance.random() < 0.05
            self.tell(seen.CodeChecked(checked.id, why="no_key") if silent else answered(checked, VAULT))
            return True
        return False

    def _performed(self, job: CardJob, session: CardSession, contact: CutContact, dies_after: int) -> seen.Seen:
        card = contact.card
        before, whole = tag_on(card), card.faults.cut is None or card.faults.cut.update is None
        contact.left = dies_after
        try:
            return perform(job, session)
        finally:
            contact.left = -1
            self.marked = tag_on(card) if whole and tag_on(card) != before else ""


def quiet(state: State) -> bool:
    """A good moment for a checkpoint."""
    return state.sale is None and not state.here.token


def tag_on(card: CardModel) -> str:
    """What stands in file 1 where a mark goes."""
    return card.files[1][6:10].hex()


NO_VIEW = View("attract")


def _published(_state: State, _now: Now, rev: int) -> Published:
    """Nobody watches: what is derived is asked for when it is needed."""
    return Published(rev, NO_VIEW, Stance(), None, None, {})
