"""Cash boxes out of the store: the sessions that ended in a period, and what was counted in their bags."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from kiosk.hq.report.absent import absent
from kiosk.hq.report.cashbox import FACTS, Reconciled, Session, Told, sessions, table_of
from kiosk.hq.report.counts import last_count
from kiosk.hq.report.period import EARLIEST, HOUR_MS, LATEST, Period, local_day, midnight_ms
from kiosk.hq.report.selling import Absent, counted, silent
from kiosk.hq.report.sheet import Sheet, Warned
from kiosk.hq.schema import FACT, KIND, KIOSK, SALE
from kiosk.vend.rows import Unreadable, fact_of, kinds
from kiosk.vend.till import CASH

REMOVED = "CashBoxRemoved"


class Boxes(msgspec.Struct, frozen=True):
    """The cash-box reconciliation of a period: every box that was taken out in it, by kiosk, device and session."""

    period: Period
    absent: tuple[Absent, ...]
    boxes: tuple[Reconciled, ...]
    unreadable: int = 0
    only: str = ""


def sheet_of(report: Boxes) -> Sheet:
    """For paper and screen."""
    sort = "by kiosk and box" + (f", {report.only} alone" if report.only else "")
    unread = f"NOT READ: {counted(report.unreadable, 'row')} of the journals that say nothing; see the worklist."
    more = (Warned(unread),) if report.unreadable else ()
    here = silent(report.absent) if report.absent else Warned("All of it is in.")
    return Sheet("CASH BOXES", report.period.shown, sort, "", (here, *more, *table_of(report.boxes)))


class Place(NamedTuple):
    """Whose box, and in which money and zone, by the kiosk's last sale."""

    kiosk: str
    currency: str
    exponent: int
    zone: str


class _Removed(msgspec.Struct):
    device: str = ""


def boxes(connection: Connection, period: Period, *, now_ms: int, only: str = "") -> Boxes:
    """Each box's contents are added up from its rows: about 2,000 of them for a week of one kiosk."""
    found: list[Reconciled] = []
    unreadable = 0
    for no, name in connection.execute(_with_boxes(period, only)).tuples().all():
        rows, place = _Rows(connection, no, period), place_of(connection, no, name)
        for session in rows.sessions():
            if period.first <= local_day(session.out_ms, place.zone) <= period.last:
                count = last_count(connection, no, session.device, session.session)
                found.append(Reconciled(name, place.currency, place.exponent, session, count))
        unreadable += rows.unreadable
    found.sort(key=lambda one: (one.kiosk, one.session.device, one.session.session))
    return Boxes(period, absent(connection, period, now_ms, only), tuple(found), unreadable, only)


def _window(period: Period) -> tuple[int, int]:
    """In any zone on earth."""
    return midnight_ms(period.first) - EARLIEST * HOUR_MS, midnight_ms(period.last) + (24 + LATEST) * HOUR_MS


def _with_boxes(period: Period, only: str) -> Any:
    since_ms, until_ms = _window(period)
    removed = select(FACT.c.kiosk_no).where(FACT.c.kind == kind_no(REMOVED), FACT.c.at_ms.between(since_ms, until_ms))
    asked = select(KIOSK.c.no, KIOSK.c.id).where(KIOSK.c.no.in_(removed)).order_by(KIOSK.c.id)
    return asked.where(KIOSK.c.id == only) if only else asked


def kind_no(name: str) -> Any:
    """The number of a kind of fact, for a query."""
    return select(KIND.c.no).where(KIND.c.name == name).scalar_subquery()


def place_of(connection: Connection, no: int, name: str) -> Place:
    """By the kiosk's last sale; no money and no zone where it never sold anything."""
    asked = select(SALE.c.currency, SALE.c.exponent, SALE.c.zone).where(SALE.c.kiosk_no == no)
    row = connection.execute(asked.order_by(SALE.c.seq.desc()).limit(1)).first()
    return Place(name, *row) if row else Place(name, "", 0, "")


class _Rows:
    """The rows of one kiosk that make its boxes of that period: of each device from the session before on, for its counter's sake."""

    def __init__(self, connection: Connection, no: int, period: Period) -> None:
        self._connection, self._no, self._period = connection, no, period
        self.unreadable = 0
        self._kinds = kinds()

    def sessions(self) -> Iterator[Session]:
        first, last = self._range()
        asked = (
            select(FACT.c.seq, FACT.c.at_ms, FACT.c.sale, KIND.c.name, FACT.c.v, FACT.c.body)
            .join(KIND, KIND.c.no == FACT.c.kind)
            .where(FACT.c.kiosk_no == self._no, FACT.c.seq.between(first, last))
            .where(KIND.c.name.in_([form.__name__ for form in FACTS]))
            .order_by(FACT.c.seq)
        )
        yield from sessions(self._told(self._connection.execute(asked).tuples()), whole=first == 0)

    def _range(self) -> tuple[int, int]:
        """From the session before the first one that ended in the period, to the last row that took out a box in it."""
        since_ms, until_ms = _window(self._period)
        asked = select(FACT.c.seq, FACT.c.at_ms, FACT.c.body).where(FACT.c.kiosk_no == self._no)
        asked = asked.where(FACT.c.kind == kind_no(REMOVED), FACT.c.at_ms <= until_ms).order_by(FACT.c.seq)
        before: dict[str, list[int]] = {device: [] for device in CASH}
        last = 0
        for seq, at_ms, body in self._connection.execute(asked).tuples():
            device = _device(body)
            if at_ms >= since_ms:
                last = seq
            elif device in before:
                before[device].append(seq)
        return min((seqs[-2] if len(seqs) > 1 else 0) for seqs in before.values()), last

    def _told(self, rows: Iterable[Any]) -> Iterator[Told]:
        for seq, at_ms, sale, kind, v, body in rows:
            try:
                yield Told(seq, at_ms, fact_of(self._kinds, (sale, kind, v, body.encode())))
            except Unreadable:
                self.unreadable += 1


def _device(body: str) -> str:
    try:
        return msgspec.json.decode(body, type=_Removed).device
    except msgspec.MsgspecError:
        return ""
