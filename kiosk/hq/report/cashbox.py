"""Cash boxes: what people counted, what the journal says, what the acceptor's own counter says. Pure.

A box is a session of one device, from CashBoxInstalled (or the first row) to CashBoxRemoved. Its contents are added up here, piece by
piece, from the rows as they were imported; what the kiosk itself said when the box left is held against that. The acceptor counts pieces
over its whole life and knows no sums: its growth over the session is compared in pieces. The bag's count is a person's, entered later.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from kiosk.hq.report.period import shown_day, shown_moment
from kiosk.hq.report.sheet import Block, Cell, Money, Table, Warned, columns
from kiosk.vend import facts as f
from kiosk.vend.money import plain
from kiosk.vend.till import CASH, CashBoxInstalled, CashBoxMissing, CashBoxRemoved

FACTS: tuple[type[f.Fact], ...] = (
    f.NoteStacked, f.CoinAccepted, f.OrphanCredit, f.EscrowUnknown, f.AcceptorRead, CashBoxRemoved, CashBoxInstalled, CashBoxMissing,
)  # fmt: skip


class Told(msgspec.Struct, frozen=True):
    """One row of a kiosk's journal."""

    seq: int
    at_ms: int
    fact: f.Fact


class Session(msgspec.Struct, frozen=True):
    """One box of one device, taken out. `pieces` largest first; `minor` is their sum, of the rows.

    `said_minor`: the kiosk's own sum when the box left. `grew`: pieces by the acceptor's counter, None where it has none or was changed
    in between. `unknown`: pieces without a value; `disputed_minor`: notes that may be in it or not; `stray`: pieces that came in while
    there was no box before it; `alarms`: how often it left by itself.
    """

    device: str
    session: int
    box: str
    bag: str
    operators: tuple[str, ...]
    first_seq: int
    last_seq: int
    in_ms: int
    out_ms: int
    pieces: tuple[f.Tender, ...]
    minor: int
    said_minor: int
    orphans_minor: int
    grew: int | None
    unknown: int = 0
    disputed_minor: int = 0
    stray: int = 0
    alarms: int = 0

    @property
    def count(self) -> int:
        """All pieces that fell in, those without a value too."""
        return sum(kind.pieces for kind in self.pieces) + self.unknown


class Counted(msgspec.Struct, frozen=True):
    """What people found in a bag. `at_ms`: when it was entered at the office; of several counts of one bag the last one holds."""

    minor: int
    pieces: int
    people: tuple[str, ...]
    at_ms: int
    times: int = 1


class Reconciled(msgspec.Struct, frozen=True):
    """A session and its count, to the cent. `day`: when it was taken out, yyyymmdd; `posted_day`: a later one where that was closed."""

    kiosk: str
    currency: str
    exponent: int
    day: int
    posted_day: int
    session: Session
    counted: Counted | None

    @property
    def difference_minor(self) -> int | None:
        """Counted less journal: below 0 money is missing; None until it is counted."""
        return self.counted.minor - self.session.minor if self.counted else None

    @property
    def explained(self) -> bool:
        """Is the difference one that the journal has foretold: a disputed note more, or pieces of which it knows no value?"""
        more, session = self.difference_minor, self.session
        if more is None or more <= 0:
            return not more
        return bool(session.unknown) or more == session.disputed_minor

    @property
    def findings(self) -> tuple[str, ...]:
        """Why somebody has to look at this box, each in a few words; empty where all agree."""
        session, more = self.session, self.difference_minor
        told = [
            ("not counted", self.counted is None),
            ("missing", more is not None and more < 0),
            ("surplus", more is not None and more > 0 and not self.explained),
            ("counter", session.grew is not None and session.grew != session.count),
            ("kiosk's sum", session.said_minor != session.minor),
            ("left by itself", session.alarms > 0),
            ("stray", session.stray > 0),
        ]
        return tuple(says for says, is_so in told if is_so)


# ---------------------------------------------------------------- from rows


def sessions(rows: Iterable[Told], *, whole: bool = True) -> Iterator[Session]:
    """Every session that has ended, in the order of the rows, which are one kiosk's, by `seq`.

    `whole`: the rows begin with the journal. Otherwise a device's first session is not known to be complete, and is not told.
    """
    boxes: dict[str, _Box] = {}
    for told in rows:
        device = getattr(told.fact, "device", "")
        if device not in CASH:
            continue
        box = boxes.setdefault(device, _Box(device, told.at_ms, told.seq, known=whole))
        box.add(told)
        if isinstance(told.fact, CashBoxRemoved):
            if box.known:
                yield box.closed(told, told.fact)
            boxes[device] = _Box(device, told.at_ms, told.seq + 1, meter=box.meter.begun())


@dataclass
class _Meter:
    """An acceptor's lifetime counter: how much it grew, as long as it is the same device and never went back."""

    serial: str = ""
    last: int | None = None
    grew: int = 0
    whole: bool = True

    def begun(self) -> "_Meter":
        return _Meter(self.serial, self.last)

    def read(self, serial: str, accepted: int | None, *, fell: int) -> None:
        """`fell`: pieces that this very row is about; 0 where the counter itself was read.

        A piece that is told after a later reading (it fell while the power was off) moves nothing.
        """
        if accepted is None:
            self.whole = False
            return
        before = accepted - fell if self.last is None else self.last
        if self.serial not in ("", serial) or (accepted < before and not fell):
            self.whole, before = False, accepted
        self.serial, self.last, self.grew = serial, max(accepted, before), self.grew + max(accepted - before, 0)

    @property
    def growth(self) -> int | None:
        return self.grew if self.whole and self.last is not None else None


@dataclass
class _Box:
    """Fills up."""

    device: str
    in_ms: int
    first_seq: int
    known: bool = True
    meter: _Meter = field(default_factory=_Meter)
    pieces: dict[int, int] = field(default_factory=dict)
    orphans_minor: int = 0
    unknown: int = 0
    disputed_minor: int = 0
    stray: int = 0
    alarms: int = 0

    def add(self, told: Told) -> None:
        match told.fact:
            case CashBoxInstalled() as fact:
                self.in_ms, self.stray, self.pieces, self.unknown, self.orphans_minor = told.at_ms, fact.stray, {}, 0, 0
                self.disputed_minor, self.meter = 0, self.meter.begun()
            case CashBoxMissing():
                self.alarms += 1
            case f.AcceptorRead() as fact:
                self.meter.read(fact.serial, fact.accepted, fell=0)
            case f.NoteStacked() | f.CoinAccepted() as fact:
                self._fell(fact.denomination, 1)
                self.meter.read(fact.serial, fact.accepted, fell=1)
            case f.OrphanCredit() as fact:
                self._orphan(fact)
                self.meter.read(fact.serial, fact.accepted, fell=fact.pieces)
            case f.EscrowUnknown() as fact:
                self.disputed_minor += fact.denomination

    def _orphan(self, fact: f.OrphanCredit) -> None:
        if fact.amount_minor is None or fact.pieces != 1:
            self.unknown += fact.pieces
        else:
            self._fell(fact.amount_minor, 1)
            self.orphans_minor += fact.amount_minor

    def _fell(self, denomination: int, pieces: int) -> None:
        self.pieces[denomination] = self.pieces.get(denomination, 0) + pieces

    def closed(self, told: Told, fact: CashBoxRemoved) -> Session:
        pieces = tuple(f.Tender(self.device, face, count) for face, count in sorted(self.pieces.items(), reverse=True))
        return Session(
            device=self.device,
            session=fact.session,
            box=fact.box,
            bag=fact.bag,
            operators=fact.operators,
            first_seq=self.first_seq,
            last_seq=told.seq,
            in_ms=self.in_ms,
            out_ms=told.at_ms,
            pieces=pieces,
            minor=sum(face * count for face, count in self.pieces.items()),
            said_minor=fact.minor,
            orphans_minor=self.orphans_minor,
            grew=self.meter.growth,
            unknown=self.unknown,
            disputed_minor=self.disputed_minor,
            stray=self.stray,
            alarms=self.alarms,
        )


# ---------------------------------------------------------------- on a sheet

HEADS = ("pieces", "journal", "counted", "difference")


def table_of(boxes: Iterable[Reconciled]) -> tuple[Block, ...]:
    """A table of all boxes, and below it each one that somebody has to look at, with what is known of it."""
    held = list(boxes)
    if not held:
        return (Warned("No box was taken out."),)
    currencies = sorted({(one.currency, one.exponent) for one in held})
    tables = [_table(currency, exponent, [one for one in held if one.currency == currency]) for currency, exponent in currencies]
    looked_at = [one for one in held if one.findings]
    about = tuple((f"{one.kiosk} {one.session.device} {one.session.session}", _told(one)) for one in looked_at)
    notes = (Warned(f"SOMEBODY HAS TO LOOK AT {len(looked_at)} OF {len(held)}:", about),) if looked_at else (Warned("All of them agree."),)
    return (*tables, *notes)


def _table(currency: str, exponent: int, boxes: list[Reconciled]) -> Table:
    rows = tuple(
        (
            one.kiosk,
            one.session.device,
            str(one.session.session),
            one.session.bag,
            one.session.count,
            Money(one.session.minor, exponent),
            Money(one.counted.minor if one.counted else None, exponent),
            Money(one.difference_minor, exponent),
        )
        for one in boxes
    )
    counted = [one for one in boxes if one.counted]
    total = (
        "all", "", "", "", sum(one.session.count for one in boxes), Money(sum(one.session.minor for one in boxes), exponent),
        Money(sum(one.counted.minor for one in counted if one.counted), exponent),
        Money(sum(one.difference_minor or 0 for one in counted), exponent),
    )  # fmt: skip
    return Table(currency, columns(("kiosk", "box", "no", "bag"), HEADS), rows, (total,))


def _told(one: Reconciled) -> str:
    """What is known of a box that does not agree, in words."""
    session, by = one.session, one.exponent
    counter = "no counter" if session.grew is None else f"the counter says {session.grew} pieces, the journal {session.count}"
    more = [
        f"taken out on {shown_day(one.day)}" if one.day != one.posted_day else "",
        f"the kiosk said {plain(session.said_minor, by)}" if session.said_minor != session.minor else "",
        f"{session.unknown} pieces of unknown value" if session.unknown else "",
        f"{plain(session.disputed_minor, by)} in doubt" if session.disputed_minor else "",
        f"{plain(session.orphans_minor, by)} orphans" if session.orphans_minor else "",
        f"{session.stray} stray before it" if session.stray else "",
        f"out of its place {session.alarms} times" if session.alarms else "",
        f"counted {one.counted.times} times" if one.counted and one.counted.times > 1 else "",
    ]
    return "; ".join((", ".join(one.findings), counter, *filter(None, more)))


RECORD = (
    "kiosk", "device", "session", "box", "bag", "day", "posted", "taken_out", "operators", "currency", "pieces", "journal", "kiosk_said",
    "counter_pieces", "counted_pieces", "counted", "difference", "unknown_pieces", "in_doubt", "orphans", "stray", "alarms", "counted_by",
    "findings",
)  # fmt: skip


def records(boxes: Iterable[Reconciled]) -> Iterator[tuple[Cell, ...]]:
    """One a box."""
    for one in boxes:
        session, by, counted = one.session, one.exponent, one.counted
        yield (
            one.kiosk, session.device, session.session, session.box, session.bag, shown_day(one.day), shown_day(one.posted_day),
            shown_moment(session.out_ms), " ".join(session.operators),
            one.currency, session.count, Money(session.minor, by), Money(session.said_minor, by),
            "" if session.grew is None else session.grew, counted.pieces if counted else "", Money(counted.minor if counted else None, by),
            Money(one.difference_minor, by), session.unknown, Money(session.disputed_minor, by), Money(session.orphans_minor, by),
            session.stray, session.alarms, " ".join(counted.people) if counted else "", ", ".join(one.findings),
        )  # fmt: skip
