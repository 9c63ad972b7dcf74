"""A machine small enough to see through: it counts notes and remembers what it folded. The desk does not know the difference."""

import msgspec

from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.desk import Clock, Desk, Machine
from kiosk.vend.facts import Row
from kiosk.vend.journal import Journal
from kiosk.vend.ports import Published, Stance
from kiosk.vend.rules import Now
from kiosk.vend.view import View

SALE = "00112233445566aa"
KEEP = 50


class Till(msgspec.Struct, frozen=True):
    money_minor: int = 0
    folded: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    alarm_ms: int | None = None


def step(till: Till, seen: s.Seen, now: Now) -> tuple[f.Fact, ...]:
    match seen:
        case s.NoteIn():
            return (f.NoteStacked(SALE, seen.device, seen.serial, seen.denomination, seen.counter, seen.accepted),)
        case s.NoteHeld():
            return (p.NoteDeclined("notes", seen.counter, "shut"), f.DeviceRecovered("notes"))
        case s.PrinterState(state="explode"):
            raise ZeroDivisionError("the till exploded")
        case s.PrinterState():
            return (f.DeviceFault("printer", seen.state),)
        case s.CardOut():
            return (f.CardVerified(SALE, "11", 1, "aa"),)
        case s.Choice(do="alarm"):
            return (p.Asked(str(now.mono_ms + int(seen.arg))),)
        case s.Tick():
            return (p.Waited("alarm"),) if till.alarm_ms is not None and now.mono_ms >= till.alarm_ms else ()
    return ()


def fold(till: Till, fact: f.Fact, row: Row) -> Till:
    till = msgspec.structs.replace(till, folded=(*till.folded, fact.kind)[-KEEP:], rows=(*till.rows, row.seq)[-KEEP:])
    match fact:
        case f.NoteStacked():
            return msgspec.structs.replace(till, money_minor=till.money_minor + fact.denomination)
        case p.Asked():
            return msgspec.structs.replace(till, alarm_ms=int(fact.what))
        case p.Waited():
            return msgspec.structs.replace(till, alarm_ms=None)
    return till


def publish(till: Till, _now: Now, rev: int) -> Published:
    return Published(rev, View("attract", rev=rev, figure_minor=till.money_minor), Stance(), None, None, {})


def thaw(frozen: bytes) -> Till | None:
    return msgspec.json.decode(frozen, type=Till) if frozen.startswith(b"{") else None


TILL = Machine(Till(), step, fold, publish, lambda till: till.alarm_ms, lambda _till: True, msgspec.json.encode, thaw)


class HandClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.at_ms, self.mono_ms = 1_700_000_000_000, 1_000_000

    def now(self) -> Now:
        return Now(self.at_ms, self.mono_ms, 1, "0" * 16)

    def move(self, by_ms: int) -> None:
        self.at_ms += by_ms
        self.mono_ms += by_ms


class Seal:
    """A station that signs so that a test can see it."""

    public_key = bytes(32)

    def sign(self, label: str, data: bytes) -> bytes:
        return label.encode() + data

    def database_key(self) -> bytes:
        return bytes(range(32))


def sat(journal: Journal, clock: Clock, machine: Machine[Till] = TILL, state: Till | None = None) -> Desk[Till]:
    return Desk(machine, machine.blank if state is None else state, journal, Seal(), clock)


def note(counter: int, minor: int = 1_000) -> s.NoteIn:
    return s.NoteIn("notes", "N1", minor, counter)
