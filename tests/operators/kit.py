"""A shop with staff: a roster, orders as a screen says them, PINs that cost nothing, and a clerk who reads the shop's own rows."""

from collections.abc import Collection, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from kiosk.vend import facts as f
from kiosk.vend import seen
from kiosk.vend import staff as st
from kiosk.vend.operators import entry
from kiosk.vend.operators.found import look_up
from kiosk.vend.operators.standing import Found
from kiosk.vend.operators.tree import Grant, Operator, Roster
from kiosk.vend.rows import Recorded
from kiosk.vend.staff import Order, StaffView
from kiosk.vend.trust import RosterInstalled
from tests.sale.shop import Shop

F = TypeVar("F", bound=f.Fact)
PINS = {"014": "271828", "007": "314159", "021": "161803", "099": "577215"}
PHC = "$argon2id$v=19$m=65536,t=3,p=1$" + "A" * 22 + "$" + "B" * 43
PLACE = "u1/r2/k07"
ROSTER = Roster(
    (
        Operator("014", PHC, ("technician",)),
        Operator("007", PHC, ("collector",)),
        Operator("021", PHC, ("technician", "supervisor")),
        Operator("099", PHC, ("elsewhere",)),
    ),
    (
        Grant("technician", "", "u1/r2"),
        Grant("collector", "cash.box", PLACE),
        Grant("collector", "paper", PLACE),
        Grant("elsewhere", "", "u1/r3"),
    ),
)


def journaled(shop: Shop) -> list[Recorded]:
    return [Recorded(row, fact, getattr(fact, "sale", None)) for fact, row in shop.rows]


class Pin(NamedTuple):
    """A secret field was filled."""

    digits: str


class Rows:
    """The shop's rows, as the clerk reads a journal."""

    def __init__(self, shop: Shop) -> None:
        self._rows = journaled(shop)

    def rows(self, first: int = 1, last: int = 1 << 62) -> Iterator[Recorded]:
        return (one for one in self._rows if first <= one.row.seq <= last)

    def head(self) -> tuple[int, bytes]:
        return len(self._rows), b""

    def sought(self, text: str = "", sales: Collection[str] = ()) -> Iterator[Recorded]:
        return (one for one in self._rows if one.sale in sales or (text and text in msgspec.json.encode(one.fact).decode()))


class Staffed(Shop):
    """The shop whose head office has sent a roster."""

    def __init__(self, roster: Roster | None = ROSTER, *, printer: str = "ok", **changes: object) -> None:
        self.roster, self.pin = roster, ""
        super().__init__(printer=printer, place=PLACE, **changes)
        if roster:
            self._add((RosterInstalled(1, 1, "aa"),))
            self.read_roster()

    def start(self, *, acceptors: bool = True) -> None:
        super().start(acceptors=acceptors)
        self.read_roster()

    def read_roster(self) -> None:
        if self.roster:
            self.tell(seen.RosterRead(self.roster, "aa"))

    @property
    def staff(self) -> StaffView:
        found = self.view.staff
        assert found, self.view.phase
        return found

    @property
    def screen(self) -> str:
        return self.staff.screen

    def shown(self) -> tuple[tuple[st.Cell, ...], ...]:
        """The rows of the table on the screen."""
        return self.staff.table.rows if self.staff.table else ()

    def asked(self) -> st.Question:
        """What ENTER or CLEAR is asked for."""
        assert self.staff.question, self.screen
        return self.staff.question

    def notice(self) -> str:
        return self.staff.notice.key if self.staff.notice else ""

    # ------------------------------------------------------------ what staff do

    def order(self, order: Order | Pin, *, rev: int | None = None, work: bool = True) -> None:
        """As the core hears it."""
        turn = self.state.here.turn if rev is None else rev
        if isinstance(order, Pin):
            self.pin = order.digits
        self.tell(seen.Ordered(turn, None if isinstance(order, Pin) else order))
        if work:
            self.work()

    def key(self, cap: str) -> None:
        """A key that the screen offers."""
        told = next(key.told for key in self.staff.keys if key.cap == cap)
        self.order(st.order_of(told))

    def choose(self, label: str) -> None:
        """The key of that word."""
        self.key(next(key.cap for key in self.staff.keys if key.label.key == label))

    def caps(self) -> str:
        return "".join(key.cap[0] for key in self.staff.keys)

    def fill(self, digits: str) -> None:
        self.order(st.Typed(digits))

    def enter(self, number: str = "014", pin: str = "") -> None:
        self.order(st.Enter())
        self.identify(number, pin)

    def wait_at_the_door(self, ms: int) -> None:
        """Time passes, the screen goes, and somebody knocks again."""
        self.ms += ms
        self.tell(seen.Tick())
        self.order(st.Enter())

    def identify(self, number: str, pin: str = "") -> None:
        """A number and its PIN, on the first screen or as the second person."""
        self.fill(number)
        if self.view.staff and self.staff.field and self.staff.field.secret:
            self.order(Pin(pin or PINS[number]))

    # ------------------------------------------------------------ who works for the desk

    def work(self) -> None:
        for _ in range(20):
            super().work()
            job, read = entry.pin_job(self.state, self.now().at_ms), self.state.here.staff.read
            if job:
                right = bool(job.pin) and PINS.get(self.state.here.staff.number) == self.pin
                self.tell(seen.PinChecked(job.id, right))
            elif read and read.what == "post":
                self.tell(seen.Found(read.id, Found(notice="no_office")))
            elif read and read.what != "clock":
                self.tell(seen.Found(read.id, look_up(self.rules, read, Rows(self), self.now().at_ms)))
            else:
                return
        raise AssertionError("the machine never comes to rest")

    def last(self, kind: type[F]) -> F:
        """The last fact of a kind."""
        return next(fact for fact, _ in reversed(self.rows) if isinstance(fact, kind))

    def why(self, kind: str) -> str:
        """Why the last fact of a kind was."""
        return str(getattr(self.facts(kind)[-1], "why", ""))

    def minutes(self) -> object:
        """How long a pause still is."""
        return self.staff.notice and self.staff.notice.params.get("minutes")
