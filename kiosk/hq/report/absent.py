"""Whose data is missing in a period: an accountant's first question.

A kiosk's data is complete until the moment at which its last batch in unbroken order was made. It is missing in a period that ended later,
by the kiosk's own clock and zone: nobody here can tell whether it was silent or there was nothing to tell. In a period that is still
running every kiosk would be missing; there it is one that was not heard for a day.
"""

from sqlalchemy import Connection, insert, or_, select

from kiosk.hq.report.period import EARLIEST, HOUR_MS, LATEST, Period
from kiosk.hq.report.selling import Absent
from kiosk.hq.report.tables import ABSENT
from kiosk.hq.schema import HEAD, KIOSK, PARKED, SALE

SILENT_MS = 24 * HOUR_MS


def absent(connection: Connection, period: Period, now_ms: int, only: str = "") -> tuple[Absent, ...]:
    """By the name of the kiosk. A kiosk whose life is over has told all that it will ever tell."""
    asked = select(
        KIOSK.c.no, KIOSK.c.id, KIOSK.c.state, HEAD.c.made_ms
    ).outerjoin(HEAD, HEAD.c.kiosk_no == KIOSK.c.no)  # fmt: skip
    late = or_(HEAD.c.made_ms.is_(None), HEAD.c.made_ms < min(period.ends_ms(""), now_ms - SILENT_MS))
    asked = asked.where(KIOSK.c.no != 0, KIOSK.c.state != "closed", late)
    if only:
        asked = asked.where(KIOSK.c.id == only)
    rows = connection.execute(asked.order_by(KIOSK.c.id)).all()
    parked = set(connection.execute(select(PARKED.c.kiosk_no).distinct()).scalars()) if rows else set()
    return tuple(
        Absent(name, _why(state, made_ms, gap=no in parked), made_ms or None)
        for no, name, state, made_ms in rows
        if not made_ms or made_ms < min(_ends_ms(connection, no, made_ms, period), now_ms - SILENT_MS)
    )


def is_known(connection: Connection, kiosk: str) -> bool:
    """Was there ever one of that name?"""
    return connection.execute(select(KIOSK.c.no).where(KIOSK.c.id == kiosk)).first() is not None


def keep_absent(connection: Connection, period: Period, now_ms: int) -> None:
    """In the transaction that closes the period: who was missing then is a part of the closed report."""
    rows = absent(connection, period, now_ms)
    numbers = dict(connection.execute(select(KIOSK.c.id, KIOSK.c.no)).tuples().all())
    if rows:
        kept = [{"period": period.number, "kiosk_no": numbers[one.kiosk], "why": one.why, "heard_ms": one.heard_ms} for one in rows]
        connection.execute(insert(ABSENT), kept)


def kept_absent(connection: Connection, period: Period, only: str = "") -> tuple[Absent, ...]:
    """The same of a closed period, as it was then."""
    asked = select(KIOSK.c.id, ABSENT.c.why, ABSENT.c.heard_ms).join(KIOSK, KIOSK.c.no == ABSENT.c.kiosk_no)
    asked = asked.where(ABSENT.c.period == period.number).order_by(KIOSK.c.id)
    if only:
        asked = asked.where(KIOSK.c.id == only)
    return tuple(Absent(*row) for row in connection.execute(asked))


def _ends_ms(connection: Connection, no: int, made_ms: int, period: Period) -> int:
    """By the kiosk's own zone, which its last sale names; asked only where it matters."""
    if made_ms < period.ends_ms("") - (EARLIEST + LATEST) * HOUR_MS:
        return period.ends_ms("")
    zone = connection.execute(select(SALE.c.zone).where(SALE.c.kiosk_no == no).order_by(SALE.c.seq.desc()).limit(1)).scalar()
    return period.ends_ms(zone or "")


def _why(state: str, made_ms: int | None, *, gap: bool) -> str:
    if not made_ms:
        return "never"
    if state in ("frozen", "revoked"):
        return state
    return "gap" if gap else "behind"
