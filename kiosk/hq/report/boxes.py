"""Cash boxes out of the store: the sessions that ended in a period, and what was counted in their bags.

A box that came after its day was closed is posted to the first open day, like a sale. A closed report knows no count that came after the
close; such a count stands in the report of the period in which it came, with its box.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, or_, select

from kiosk.hq.report.absent import standing
from kiosk.hq.report.cashbox import FACTS, Reconciled, Session, Told, sessions, table_of
from kiosk.hq.report.counts import counted_late, last_count
from kiosk.hq.report.period import Period, shown_moment
from kiosk.hq.report.selling import Absent, counted, silent
from kiosk.hq.report.sheet import Sheet, Warned
from kiosk.hq.report.tables import BOX
from kiosk.hq.schema import FACT, KIND, KIOSK, SALE
from kiosk.vend.rows import Unreadable, fact_of, kinds
from kiosk.vend.till import CASH


class Boxes(msgspec.Struct, frozen=True):
    """The cash-box reconciliation of a period, by kiosk, device and session. `unreadable`: rows about money that say nothing."""

    period: Period
    closed_ms: int | None
    absent: tuple[Absent, ...]
    boxes: tuple[Reconciled, ...]
    unreadable: int = 0
    only: str = ""


def boxes(connection: Connection, period: Period, *, now_ms: int, only: str = "") -> Boxes:
    """Each box's contents are added up from its rows: about 2,000 of them for a week of one kiosk."""
    stands = standing(connection, period, now_ms, only)
    found: list[Reconciled] = []
    unreadable = 0
    for (no, name), wanted in _wanted(connection, period, only).items():
        rows = _Rows(connection, no)
        for session in rows.sessions(wanted):
            day, posted_day = wanted[session.last_seq]
            money = money_of(connection, no, session.last_seq)
            before = None if stands.closed_ms is None else period.last
            count = last_count(connection, no, session.device, session.session, before=before)
            found.append(Reconciled(name, *money, day, posted_day, session, count))
        unreadable += rows.unreadable
    found.sort(key=lambda one: (one.kiosk, one.session.device, one.session.last_seq))
    return Boxes(period, stands.closed_ms, stands.absent, tuple(found), unreadable, only)


def sheet_of(report: Boxes) -> Sheet:
    """For paper and screen."""
    sort = "by kiosk and box" + (f", {report.only} alone" if report.only else "")
    state = "still open" if report.closed_ms is None else f"closed {shown_moment(report.closed_ms)}"
    here = silent(report.absent) if report.absent else Warned("All of it is in.")
    unread = Warned(f"NOT READ: {counted(report.unreadable, 'row')} that should be about money and say nothing. See the worklist.")
    return Sheet("CASH BOXES", report.period.shown, sort, state, (here, *([unread] if report.unreadable else []), *table_of(report.boxes)))


Wanted = dict[int, tuple[int, int]]
"""Row of a CashBoxRemoved -> its own day, and the day to which it is posted."""


def _wanted(connection: Connection, period: Period, only: str) -> dict[tuple[int, str], Wanted]:
    """By kiosk: the boxes that are posted to this period, and those of before whose count came in it."""
    late = counted_late(period)
    asked = (
        select(KIOSK.c.no, KIOSK.c.id, BOX.c.seq, BOX.c.day, BOX.c.posted_day)
        .join(KIOSK, KIOSK.c.no == BOX.c.kiosk_no)
        .where(or_(BOX.c.posted_day.between(period.first, period.last), and_(BOX.c.posted_day < period.first, late)))
        .order_by(KIOSK.c.id, BOX.c.seq)
    )
    found: dict[tuple[int, str], Wanted] = {}
    for no, name, seq, day, posted_day in connection.execute(asked.where(KIOSK.c.id == only) if only else asked):
        found.setdefault((no, name), {})[seq] = day, posted_day
    return found


class Money(NamedTuple):
    """Currency and digits after its point."""

    currency: str
    exponent: int


def money_of(connection: Connection, no: int, before: int | None = None) -> Money:
    """Of the kiosk's last sale, before that row; "" where it had sold nothing yet."""
    asked = select(SALE.c.currency, SALE.c.exponent).where(SALE.c.kiosk_no == no, SALE.c.currency != "")
    if before is not None:
        asked = asked.where(SALE.c.seq.between(1, before - 1))
    row = connection.execute(asked.order_by(SALE.c.seq.desc()).limit(1)).first()
    return Money(*row) if row else Money("", 0)


def kind_no(name: str) -> Any:
    """The number of a kind of fact, for a query."""
    return select(KIND.c.no).where(KIND.c.name == name).scalar_subquery()


class _Rows:
    """The rows of one kiosk that make some of its boxes: of each device from the session before on, for its counter's sake."""

    def __init__(self, connection: Connection, no: int) -> None:
        self._connection, self._no = connection, no
        self.unreadable = 0
        self._kinds = kinds()

    def sessions(self, wanted: Wanted) -> Iterator[Session]:
        first = self._first(min(wanted))
        asked = (
            select(FACT.c.seq, FACT.c.at_ms, FACT.c.sale, KIND.c.name, FACT.c.v, FACT.c.body)
            .join(KIND, KIND.c.no == FACT.c.kind)
            .where(FACT.c.kiosk_no == self._no, FACT.c.seq.between(first, max(wanted)))
            .where(KIND.c.name.in_([form.__name__ for form in FACTS]))
            .order_by(FACT.c.seq)
        )
        ended = sessions(self._told(self._connection.execute(asked)), whole=first == 0)
        return (session for session in ended if session.last_seq in wanted)

    def _first(self, seq: int) -> int:
        """Two boxes of the same device back: one begins there, and the next is known from its beginning."""
        earliest = []
        for device in CASH:
            mine = select(BOX.c.seq).where(BOX.c.kiosk_no == self._no, BOX.c.device == device, BOX.c.seq < seq)
            back = list(self._connection.execute(mine.order_by(BOX.c.seq.desc()).limit(2)).scalars())
            earliest.append(back[1] if len(back) == 2 else 0)
        return min(earliest)

    def _told(self, rows: Iterable[Any]) -> Iterator[Told]:
        for seq, at_ms, sale, kind, v, body in rows:
            try:
                yield Told(seq, at_ms, fact_of(self._kinds, (sale, kind, v, body.encode())))
            except Unreadable:
                self.unreadable += 1
