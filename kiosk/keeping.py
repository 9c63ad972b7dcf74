"""What a kiosk keeps of its head office: the trading store and who guards it, the lists and floats that came, and how more is taken in.

Composed here, because installing a store needs the vault's files and everything else only the courier's.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from kiosk.config import Config
from kiosk.devices.card.pcsc import PcscReader
from kiosk.devices.card.reader import Slot, State
from kiosk.devices.disk import Mark, read_mark
from kiosk.devices.vault import store
from kiosk.devices.vault.guard import Grant, Guard, Plan
from kiosk.devices.vault.purse import Limits
from kiosk.devices.vault.station import FileStation
from kiosk.devices.vault.store import BootRefused, Delivered, Expected
from kiosk.sync.bodies import READERS, FloatBody
from kiosk.sync.install import Cupboard
from kiosk.sync.item import WAYS, Item, ItemRefused, Kind, Me
from kiosk.vend.clock import TimeSigned
from kiosk.vend.journal import Journal
from kiosk.vend.operators.tree import roster_of
from kiosk.vend.ports import Desk
from kiosk.vend.pricelist import coming
from kiosk.vend.seen import Trusted
from kiosk.vend.trust import NEVER, Installed, StoreInstalled, Trust, Version, numbered
from kiosk.vend.witness import Height, height

HEARD_S = 10.0

Contents = Mapping[Kind, Callable[[bytes], None]]
"""Who is given the body of what is installed, at every start and when it changes. Raises ValueError in one sentence before it is kept."""


class Keeping:
    """`contents`: see above; `checks`: kinds whose body another room must be able to read. Any thread."""

    def __init__(self, config: Config, desk: Desk, station: FileStation, limits: Limits, contents: Contents | None = None) -> None:
        self._desk, self._station = desk, station
        self.folder = config.keys_folder()
        self._me = me_of(config)
        self._contents = contents or {}
        self.cupboard = Cupboard(self.folder, self._me, station, {"store": self._store, "roster": _roster})
        self._boot_reader = PcscReader(config.card.boot_reader)
        self._slot: Slot | None = None
        plan = Plan(
            self.folder,
            self._me.kiosk,
            self._me.utility,
            self._me.region,
            config.card.boot_reader,
            limits,
            station.warm_key(),
        )
        self.guard = Guard(desk, plan, self.cupboard.signers, self._grants, self._inside)

    def start(self) -> None:
        """Tell what is installed: the desk leaves out what its journal knows already."""
        fact = self._standing_store()
        if fact:
            self._desk.tell(Trusted(fact))
        for each, item in self.cupboard.standing():
            self._desk.tell(Trusted(each))
            self._deliver(item)

    def take_in(self, bag: Path) -> Iterator[str]:
        """Install what a bag has for this kiosk; one sentence a file, each when the journal has it."""
        for outcome in self.cupboard.install(bag, self._desk.published().trust, _now_ms()):
            if outcome.fact and outcome.item:
                self._installed(outcome.fact, outcome.item)
            yield outcome.sentence

    def _installed(self, fact: Installed, item: Item) -> None:
        self._desk.tell(Trusted(TimeSigned(item.header.made_ms)))
        self._desk.tell(Trusted(fact))
        until_s, rev = time.monotonic() + HEARD_S, -1
        while time.monotonic() < until_s:
            published = self._desk.wait(rev, 1.0)
            rev = published.rev
            if published.trust.version(item.header.kind) >= numbered(fact):
                break
        self._deliver(item)
        if item.header.kind == "float":
            self.guard.granted(_grant(item))

    def _deliver(self, item: Item) -> None:
        take = self._contents.get(item.header.kind)
        if take:
            take(item.body)

    # ------------------------------------------------------------ what operators ask

    def unlock(self, pin: bytearray, operator: str = "", *, last_try: bool = False) -> str:
        """Open the trading store with the boot card in its reader; a sentence. The PIN is wiped. Raises BootRefused, written down."""
        return self.guard.unlock(pin, operator, last_try=last_try)

    def lock(self, operator: str = "") -> str:
        """End the trading keys; a sentence."""
        self.guard.lock("operator", operator)
        return "The trading keys are locked."

    def tampered(self, where: str) -> str:
        """The door or a loop opened without leave; a sentence."""
        self.guard.tamper(where)
        return "The trading store is deleted; the head office sends another one."

    def status(self) -> list[str]:
        """How the keys, lists and floats stand, a line each."""
        trust = self._desk.published().trust
        opened = trust.opened
        keys = f"open by {opened.how}, to {opened.may}, until {_day(opened.until_ms)}" if opened else f"locked: {trust.locked or 'demo'}"
        store_line = f"{named(trust.store.version)}, until {_day(trust.store.until_ms)}" if trust.store else "none"
        lists = [f"{kind}: {named(trust.version(kind))}" for kind in WAYS if kind not in ("store", "delta")]
        following = coming(trust.tariff, _now_ms())
        ahead = [f"next tariff: {following.id}, from {_day(following.from_ms)}"] if following else []
        return [f"trading keys: {keys}", f"trading store: {store_line}", *lists, *ahead]

    # ------------------------------------------------------------ the store

    def _store(self, item: Item) -> Installed:
        """Put a store's two files where they belong. Raises ItemRefused."""
        try:
            delivered = msgspec.json.decode(item.body, type=Delivered)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ItemRefused("Its body is not a store.") from None
        try:
            fact = self._examined(delivered.file, self._desk.published().trust)
            if (fact.epoch, fact.version) != item.header.number:
                raise ItemRefused("It is a store of another number.")
            store.install(self.folder, delivered, fact.store)
        except BootRefused as refused:
            raise ItemRefused(str(refused)) from None
        except OSError as error:
            raise ItemRefused(f"The disk does not take it: {error.strerror}.") from None
        return fact

    def _examined(self, file: store.StoreFile, trust: Trust) -> StoreInstalled:
        me = self._me
        expected = Expected(me.kiosk, me.utility, me.region, self.cupboard.signers(), trust.store_version, _now_ms())
        said = store.examined(file, expected)
        return StoreInstalled(said.epoch, said.version, said.store, said.certificate, said.until_ms)

    def _standing_store(self) -> StoreInstalled | None:
        try:
            return self._examined(store.read_store(self.folder), self._desk.published().trust)
        except BootRefused:
            return None

    # ------------------------------------------------------------ what the guard asks

    def _grants(self) -> Iterator[Grant]:
        for _, item in self.cupboard.standing():
            if item.header.kind == "float":
                yield _grant(item)

    def _inside(self) -> bool:
        self._slot = self._boot_reader.watch(self._slot, 0)
        return self._slot.state in {State.PRESENT, State.MUTE}


def heights(config: Config, station: FileStation, journal: Journal) -> tuple[Height, ...]:
    """How far the journal was, by what stands outside of it: the mark, if it is this store's, and every item that is installed."""
    mark = read_mark(config.store.mark) if config.store.mark else None
    marked: tuple[Height, ...] = ()
    if mark and mark.store == journal.store_id.hex():
        marked = (("history" if _of_another_history(journal, mark) else "mark", mark.seq),)
    if not config.keys.root:
        return marked
    standing = Cupboard(config.keys_folder(), me_of(config), station).standing()
    return (*marked, *((item.header.kind, height(item.header.number)) for _, item in standing))


def mark_of(journal: Journal, before: Mark | None) -> Mark | None:
    """How far this journal is on disk. None where `before`, the mark that lies there, is of another history of this store: it stays."""
    if before is not None and _of_another_history(journal, before):
        return None
    seq, head = journal.head()
    return Mark(journal.store_id.hex(), seq, head.hex())


def _of_another_history(journal: Journal, mark: Mark) -> bool:
    """The journal has a row of that number, and it is not the one that was marked: an older copy has gone on since."""
    if mark.store != journal.store_id.hex() or not mark.head:
        return False
    row = next(journal.rows(mark.seq, mark.seq), None)
    return row is not None and row.row.hash != mark.head


def me_of(config: Config) -> Me:
    """This kiosk, where it stands, what it takes, and the roots that its configuration pins."""
    roots = tuple(bytes.fromhex(key) for key in config.keys.root)
    return Me(config.kiosk.id, config.kiosk.utility, config.kiosk.region, roots, config.place(), config.kiosk.currency)


def _roster(item: Item) -> Installed:
    """A roster that this kiosk can read. Raises RosterRefused, a ValueError in one sentence."""
    roster_of(item.body)
    return READERS["roster"](item)


def _grant(item: Item) -> Grant:
    body = msgspec.json.decode(item.body, type=FloatBody)
    return Grant(body.item.encode(), bytes.fromhex(body.signature))


def named(version: Version) -> str:
    """As people write it."""
    return f"{version[0]}.{version[1]}" if version != NEVER else "none"


def _day(moment_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment_ms / 1000))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
