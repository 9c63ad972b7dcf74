"""The cash boxes: each device has its own, each box a session, from CashBoxInstalled to CashBoxRemoved. What is in it is the sale's to say.

A box is taken out by an operator with a bag number, or it leaves by itself, which is an alarm. While there is none, nothing may come in:
the session "no box" must be 0.
"""

from typing import ClassVar

import msgspec
from msgspec.structs import replace

from kiosk.vend.facts import RoomFact, Row, Tender

CASH = ("notes", "coins")
ALARMS_KEPT = 100
BAGS_KEPT = 20_000  # five a day for ten years
COUNTER_BACK = "counter-back"  # the fault of an acceptor that counts less than it told


class CashBoxRemoved(RoomFact, frozen=True):
    """A session is over; the box leaves with `bag`, a number typed twice. `pieces` and `minor` are what it must hold by this journal.

    `unknown`: pieces of which the device named no value; `disputed_minor`: notes that may be in it or not.
    """

    device: str
    session: int
    box: str
    bag: str
    operators: tuple[str, ...]
    pieces: tuple[Tender, ...]
    minor: int
    unknown: int = 0
    disputed_minor: int = 0
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "till"


class CashBoxInstalled(RoomFact, frozen=True):
    """The next box is in. `session` is one above the last; `stray` pieces came in while there was none, which are not in this one."""

    device: str
    session: int
    box: str
    operators: tuple[str, ...]
    stray: int = 0
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "till"


class CashBoxMissing(RoomFact, frozen=True):
    """A box left by itself: nobody had closed its session. An alarm; `minor` is what was in it by this journal."""

    device: str
    session: int
    minor: int
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "till"


class CashBoxBack(RoomFact, frozen=True):
    """It is there again, and nobody knows what was done with it meanwhile."""

    device: str
    session: int
    room: ClassVar[str] = "till"


class AcceptorEnrolled(RoomFact, frozen=True):
    """From here on this serial is the machine's own: staff stood before another acceptor than the one that was known, and said so."""

    device: str
    serial: str
    operators: tuple[str, ...]
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "till"


class Box(msgspec.Struct, frozen=True):
    """The session of one device. `out`: the box was taken by an operator; `missing`: it left by itself. `since_ms`: of the last change."""

    session: int = 1
    box: str = ""
    out: bool = False
    missing: bool = False
    since_ms: int = 0

    @property
    def gone(self) -> bool:
        """Nothing may come in."""
        return self.out or self.missing


class Alarm(msgspec.Struct, frozen=True):
    """A box that left by itself, and for how long."""

    device: str
    session: int
    minor: int
    seq: int
    at_ms: int
    back_ms: int = 0


class Till(msgspec.Struct, frozen=True):
    """`bags`: every number that was ever used; `doubted`: acceptors that count less than they told, until staff enrol them again."""

    boxes: dict[str, Box] = {}
    bags: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    last: dict[str, CashBoxRemoved] = {}  # by device, for its slip
    enrolled: dict[str, str] = {}  # device -> the serial that staff enrolled last
    doubted: tuple[str, ...] = ()

    def box(self, device: str) -> Box:
        """The session that runs, or "no box"."""
        return self.boxes.get(device, Box())


def fold(till: Till, fact: RoomFact, row: Row) -> Till:
    """Sessions follow each other; an alarm stays known."""
    match fact:
        case CashBoxRemoved():
            box = replace(till.box(fact.device), session=fact.session, out=True, missing=False, since_ms=row.at_ms)
            last = {**till.last, fact.device: fact}
            return replace(_with(till, fact.device, box), bags=(*till.bags, fact.bag)[-BAGS_KEPT:], last=last)
        case CashBoxInstalled():
            return _with(till, fact.device, Box(fact.session, fact.box, since_ms=row.at_ms))
        case CashBoxMissing():
            alarm = Alarm(fact.device, fact.session, fact.minor, row.seq, row.at_ms)
            gone = _with(till, fact.device, replace(till.box(fact.device), missing=True))
            return replace(gone, alarms=(*till.alarms, alarm)[-ALARMS_KEPT:])
        case CashBoxBack():
            back = _with(till, fact.device, replace(till.box(fact.device), missing=False))
            alarms = tuple(replace(a, back_ms=row.at_ms) if a.device == fact.device and not a.back_ms else a for a in till.alarms)
            return replace(back, alarms=alarms)
        case AcceptorEnrolled():
            doubted = tuple(device for device in till.doubted if device != fact.device)
            return replace(till, enrolled={**till.enrolled, fact.device: fact.serial}, doubted=doubted)
    return till


def doubts(till: Till, device: str) -> Till:
    """What this acceptor tells is not what it counts: somebody may be making credits."""
    return replace(till, doubted=tuple({*till.doubted, device}))


def _with(till: Till, device: str, box: Box) -> Till:
    return replace(till, boxes={**till.boxes, device: box})


def bag_used(till: Till, bag: str) -> bool:
    """Was a box ever taken away in it? Leading zeros make no other bag."""
    return bag.lstrip("0") in {used.lstrip("0") for used in till.bags}


def gone(till: Till, device: str, minor: int) -> tuple[RoomFact, ...]:
    """The device says that its box is out: nothing new where an operator has closed the session, otherwise an alarm, once."""
    box = till.box(device)
    return () if box.out or box.missing else (CashBoxMissing(device, box.session, minor),)


def back(till: Till, device: str) -> tuple[RoomFact, ...]:
    """The device works, so a box is in."""
    box = till.box(device)
    return (CashBoxBack(device, box.session),) if box.missing else ()
