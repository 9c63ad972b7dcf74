"""Which card belongs to which customer and meter: one user, one card, one meter, and what left the vault for whom.

The database holds the rule, not the code: of the bindings that stand, no two share a card, a customer or a meter of one utility, and a
card is opened once in its life. There is no person in it. A binding carries a subject, a random reference; who that is stands elsewhere.

The registry is a file of its own beside the office's store, so a decision about money spans two databases. Two rules keep that safe:

- Whoever decides holds the registry (`held`) from before it reads a card until its store transaction has committed. Whoever opens, finishes
  or scraps a card waits for that, and the other way round. Decisions share the lock, so they do not wait for each other.
- The lock of the registry is taken first, the store's transaction begins under it. Nothing waits for the registry inside a transaction of
  the store, so two processes cannot wait for each other.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import sqlalchemy as core
from sqlalchemy import event, func
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlmodel import Session, col, create_engine, select

from kiosk.devices.vault.hq import Left
from kiosk.hq.cards.tables import LOG, BindingTable, LeftTable, Schema, ScrappedTable
from kiosk.hq.log.chain import Head
from kiosk.hq.log.check import Witness, faults
from kiosk.hq.log.mark import Marks
from kiosk.hq.log.recorded import LogError

REGISTRY = "registry.db"
"""Its file in the office's folder."""

APPLICATION_ID = 0x4B485131  # "KHQ1"
SETTINGS = {"journal_mode": "WAL", "synchronous": "FULL", "foreign_keys": "ON", "trusted_schema": "OFF"}

MADE_BY = "A new office has one from: kiosk hq init"
LOCK_WAIT_S, LOCK_ASK_S = 10.0, 0.005


class RegistryError(Exception):
    """The registry refuses, or cannot be used; the text is one sentence."""


class Bound(RegistryError):
    """Another binding stands in the way."""


class Binding(msgspec.Struct, frozen=True):
    """Customer, card and meter belong together. `state`: begun (the card may be half written) | issued | scrapped."""

    utility: int
    region: int
    customer: str  # 12 digits
    meter: str  # 12 digits
    card: str  # serial, 16 hex digits
    version: int  # of the key set
    generation: int  # the first of the card's three
    state: str = "begun"
    subject: str = ""
    begun_ms: int = 0


class Scrapped(msgspec.Struct, frozen=True):
    """See ScrappedTable."""

    at_ms: int
    who: str
    why: str


OfMeter = Callable[[int, str], Sequence[Binding]]
"""(utility, meter) -> every card that was opened for it and not scrapped, the oldest first."""


class Bindings(Protocol):
    """What a decision about money needs of the registry."""

    def held(self) -> AbstractContextManager[OfMeter]:
        """Until this ends no card is opened, finished or scrapped. Raises RegistryError when the lock is not free in time."""


class Registry:
    """One SQLite file, 0600. `now_ms` is the clock of its rows; without `create` it must be there. Raises RegistryError."""

    def __init__(self, path: Path, now_ms: Callable[[], int], *, create: bool = True) -> None:
        self._path, self._now_ms = path, now_ms
        self._lock = path.with_name(f"{path.name}.lock")
        try:
            os.close(os.open(path, os.O_RDWR | (os.O_CREAT if create else 0) | os.O_CLOEXEC, 0o600))
        except OSError as error:
            if not create and isinstance(error, FileNotFoundError):
                raise RegistryError(f"There is no registry {path}: put it back from a backup. {MADE_BY}") from None
            raise RegistryError(f"The registry {path} cannot be opened: {error.strerror}.") from None
        self._engine = create_engine(f"sqlite:///{path.absolute()}")
        event.listen(self._engine, "connect", _set)
        LOG.listen(self._engine)
        with self._session() as session:
            marked = session.connection().exec_driver_sql("PRAGMA application_id").scalar()
            if marked not in {0, APPLICATION_ID}:
                raise RegistryError(f"{path} is a database of another program.")
            Schema.metadata.create_all(session.connection())
            has_log = session.connection().execute(core.select(LOG.ends.c.no)).first()
            session.connection().exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        if has_log is None:
            self._take_in()

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    # ------------------------------------------------------------ bindings

    def begin(self, wanted: Binding) -> Binding:
        """This binding stands from here on; or the one that was begun for just these three, to be finished. Raises Bound."""
        held = self.of_card(wanted.card)
        if held:
            return self._same(held, wanted)
        given = {"subject": secrets.token_hex(8), "begun_ms": self._now_ms()}
        row = BindingTable(**msgspec.structs.asdict(wanted) | given)
        try:
            with self._changing() as session:
                session.add(row)
                session.flush()
                return _binding(row)
        except IntegrityError:
            raise Bound(self._in_the_way(wanted)) from None

    def issued(self, card: str) -> None:
        """The card was read back, whole: it can be handed out."""
        with self._changing() as session:
            row = session.exec(select(BindingTable).where(BindingTable.card == card)).one()
            row.state, row.issued_ms = "issued", row.issued_ms or self._now_ms()

    def scrap(self, card: str, who: str, why: str) -> Binding:
        """A card that broke half written is thrown away: customer and meter are free for another one, its serial never is. Raises Bound."""
        with self._changing() as session:
            row = session.exec(select(BindingTable).where(BindingTable.card == card)).one_or_none()
            if row is None:
                raise Bound(f"No card {card} was opened here.")
            if row.state != "begun" or row.ended_ms is not None:
                raise Bound(f"Only a card that was begun and not finished is scrapped: {told(_binding(row))}.")
            row.state, row.ended_ms = "scrapped", self._now_ms()
            session.add(ScrappedTable(card=card, at_ms=row.ended_ms, who=who, why=why))
            return _binding(row)

    def scrapped(self, card: str) -> Scrapped | None:
        """When, by whom and why, if it was."""
        with self._session() as session:
            row = session.get(ScrappedTable, card)
            return Scrapped(row.at_ms, row.who, row.why) if row else None

    def of_card(self, card: str) -> Binding | None:
        """The binding of a serial, if it was ever opened here."""
        with self._session() as session:
            row = session.exec(select(BindingTable).where(BindingTable.card == card)).one_or_none()
            return _binding(row) if row else None

    def standing(self, utility: int, *, customer: str = "", meter: str = "") -> Binding | None:
        """The binding of a customer, or else of a meter, that stands now."""
        of = BindingTable.customer == customer if customer else BindingTable.meter == meter
        with self._session() as session:
            asked = select(BindingTable).where(BindingTable.utility == utility, of, col(BindingTable.ended_ms).is_(None))
            row = session.exec(asked).first()
            return _binding(row) if row else None

    def issued_in(self, region: int) -> list[Binding]:
        """Every binding of a region that stands and whose card is in somebody's hands, by their customers."""
        with self._session() as session:
            mine = select(BindingTable).where(BindingTable.region == region, BindingTable.state == "issued")
            stands = mine.where(col(BindingTable.ended_ms).is_(None)).order_by(col(BindingTable.customer))
            return [_binding(row) for row in session.exec(stands)]

    def of_meter(self, utility: int, meter: str) -> list[Binding]:
        """Every card that was ever opened for a meter and not scrapped, the oldest first."""
        with self._session() as session:
            rows = session.connection().execute(_OF_METER, {"utility": utility, "meter": meter})
            return [Binding(*row) for row in rows]

    def replaced(self, utility: int) -> list[str]:
        """The meters for which more than one card was opened and not scrapped."""
        with self._session() as session:
            mine = select(BindingTable.meter).where(BindingTable.utility == utility, BindingTable.state != "scrapped")
            many = mine.group_by(col(BindingTable.meter)).having(func.count() > 1).order_by(col(BindingTable.meter))
            return list(session.exec(many).all())

    def _same(self, held: Binding, wanted: Binding) -> Binding:
        three = (held.utility, held.customer, held.meter) == (wanted.utility, wanted.customer, wanted.meter)
        if not three or held.state != "begun":
            raise Bound(f"This card is bound already: {told(held)}.")
        return held

    def _in_the_way(self, wanted: Binding) -> str:
        with self._session() as session:
            stands = select(BindingTable).where(BindingTable.utility == wanted.utility, col(BindingTable.ended_ms).is_(None))
            for what, mine in (("customer", BindingTable.customer == wanted.customer), ("meter", BindingTable.meter == wanted.meter)):
                row = session.exec(stands.where(mine)).first()
                if row:
                    return f"This {what} has a card already: {told(_binding(row))}."
        return "This card is being opened by another program."

    # ------------------------------------------------------------ what left the vault

    def witness(self, left: Left) -> None:
        """Write it down; only then it leaves (devices.vault.hq.Witness)."""
        said = msgspec.structs.asdict(left) | {"generations": " ".join(str(number) for number in left.generations)}
        with self._changing() as session:
            session.add(LeftTable(**said, at_ms=self._now_ms()))

    def left(self, card: str) -> list[tuple[int, Left]]:
        """(when, what) left for a card, oldest first."""
        with self._session() as session:
            rows = session.exec(select(LeftTable).where(LeftTable.serial == card).order_by(col(LeftTable.id))).all()
            return [(row.at_ms, _left(row)) for row in rows]

    # ------------------------------------------------------------ the file

    @contextmanager
    def held(self) -> Iterator[OfMeter]:
        """Implements Bindings."""
        with self._locked(fcntl.LOCK_SH):
            yield self.of_meter

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        """A transaction that writes: alone, and while nobody decides."""
        try:
            with self._locked(fcntl.LOCK_EX), self._session() as session, LOG.noting(session.connection()):
                yield session
                session.flush()
                LOG.append(session.connection())
        except LogError as error:
            raise RegistryError(f"The registry {self._path} cannot be used: {error}") from None

    def _take_in(self) -> None:
        """Of a new registry, or of one that had no log yet."""
        with self._locked(fcntl.LOCK_EX), self._session() as session, LOG.noting(session.connection()):
            if session.connection().execute(core.select(LOG.ends.c.no)).first() is None:
                LOG.begin(session.connection())

    def faults(self, witnesses: Sequence[Witness] = (), marks: Marks | None = None, *, anew: bool = False) -> list[str]:
        """What in it is not as the office wrote it, a sentence each. `witnesses`: heads of its log that lie somewhere else. `marks` and
        `anew`: see `log.check`."""
        with self._session() as session:
            session.connection().exec_driver_sql("BEGIN")  # the driver begins before it writes only: the log and its rows are of one moment
            return faults(session.connection(), LOG, witnesses, marks, anew=anew)

    def head(self) -> Head:
        """Where its log ends."""
        with self._session() as session:
            return LOG.head(session.connection())

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """A lock file beside the registry; the kernel lets go of it when its process dies."""
        try:
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RegistryError(f"The registry {self._path} cannot be locked: {error.strerror}.") from None
        try:
            ends_s = time.monotonic() + LOCK_WAIT_S
            while True:
                try:
                    fcntl.flock(handle, how | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= ends_s:
                        raise RegistryError(f"The registry {self._path} is in use by another program; try again.") from None
                    time.sleep(LOCK_ASK_S)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """One transaction, on disk when it ends."""
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except IntegrityError:
            raise
        except DatabaseError as error:
            raise RegistryError(f"The registry {self._path} cannot be used: {error.orig}.") from None


_BOUND = Schema.metadata.tables["binding"].c
_OF_METER = (
    core.select(*(_BOUND[name] for name in Binding.__struct_fields__))
    .where(_BOUND.utility == core.bindparam("utility"), _BOUND.meter == core.bindparam("meter"), _BOUND.state != "scrapped")
    .order_by(_BOUND.id)
)  # each order asks this


def told(binding: Binding) -> str:
    """The three that belong together, for whoever stands at the counter."""
    state = {"begun": ", begun and not finished", "scrapped": ", scrapped"}.get(binding.state, "")
    return f"card {binding.card}, customer {binding.customer}, meter {binding.meter}{state}"


def _binding(row: BindingTable) -> Binding:
    return Binding(**{name: getattr(row, name) for name in Binding.__struct_fields__})


def _left(row: LeftTable) -> Left:
    numbers = tuple(int(number) for number in row.generations.split())
    return Left(row.what, row.utility, row.region, row.version, row.serial, row.meter, row.kiosk, numbers)


def _set(raw: Any, _record: object) -> None:
    for name, value in SETTINGS.items():
        raw.execute(f"PRAGMA {name} = {value}")
