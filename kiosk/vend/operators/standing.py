"""Where staff stand at the machine now: passing facts, forgotten by a restart, and with it every session. No money rests on them."""

import msgspec

from kiosk.vend import staff as st
from kiosk.vend.explain.values import Story
from kiosk.vend.facts import PrintStarted
from kiosk.vend.operators.tree import Roster
from kiosk.vend.paper.values import Paper
from kiosk.vend.passing import Passing


class ReadJob(msgspec.Struct, frozen=True):
    """What somebody with the journal is to look up, once per id; the answer is a `seen.Found`.

    what: journal (of: a filter) | day | month (of: "2026-11-24", "2026-11") | counters | receipt (of: its number) | box (of: "notes.31") |
    case (of: a sale) | boot (of: an operator whose card in the boot reader opens the keys) |
    clock (of: "202611241430", which is set, not read) | post (of: "", or an operation that the courier is asked for)
    """

    id: int
    what: str
    of: str


class PinJob(msgspec.Struct, frozen=True):
    """The PIN that came last is to be held against this string; "" is nobody's, which takes as long. The answer is a `seen.PinChecked`."""

    id: int
    pin: str

    def __repr__(self) -> str:
        return f"PinJob({self.id})"


class Found(msgspec.Struct, frozen=True):
    """What was looked up: a table, a paper, a case and, of a receipt, the fact that prints it again. `notice`: why there is nothing."""

    table: st.Table | None = None
    paper: Paper | None = None
    again: PrintStarted | None = None
    notice: str = ""
    story: Story | None = None


NOTHING = Found()


class Staff(msgspec.Struct, frozen=True):
    """One maintenance screen's state; `screen` is "" while no staff are there.

    `of` is what the screen is about, `number` whose PIN is awaited, `checking` the id of the PIN job, `asked` what waits for ENTER or for a
    second person, `typed` a bag's number before it is typed again, `test` the device under test and `heard` what it has said.
    """

    screen: str = ""
    of: str = ""
    page: int = 1
    number: str = ""
    checking: int = 0
    asked: st.Do | None = None
    second: str = ""
    typed: str = ""
    test: str = ""
    heard: str = ""
    read: ReadJob | None = None
    found: Found = NOTHING
    paper: Paper | None = None  # of the PrintStarted that is about no sale of the state
    paper_of: str = ""
    notice: st.Word | None = None
    jobs: int = 0
    ending: bool = False  # the core is to be started again


class StaffAt(Passing, frozen=True):
    """A key was pressed, and this is where it led: the session's time begins anew and older screens' keys count no more."""

    staff: Staff


class StaffTold(Passing, frozen=True):
    """Something was found, checked, printed or tested. It is nobody's key: the session's time goes on."""

    staff: Staff


class StaffKept(Passing, frozen=True):
    """A key was pressed that only the screen needs."""


class RosterHere(Passing, frozen=True):
    """The roster that the journal says is installed has been read."""

    roster: Roster
