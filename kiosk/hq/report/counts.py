"""The counting room: what people found in the bags, entered as a CSV file, nothing ever overwritten."""

import csv
from collections.abc import Iterable

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, insert, select

from kiosk.hq.report.cashbox import Counted
from kiosk.hq.report.period import Period, day_before
from kiosk.hq.report.tables import BAG_COUNT, BOX
from kiosk.hq.schema import KIOSK, PERIOD, SALE
from kiosk.vend.till import CASH

COUNT_MAX = 1 << 53
FIELDS = ("kiosk", "device", "bag", "pieces", "amount")


class BadCount(ValueError):
    """A count cannot be entered; the text is one sentence."""


class Count(msgspec.Struct, frozen=True):
    """One line of the counting room: what was in the bag that this kiosk's box left in. `people`: the two who signed it."""

    kiosk: str
    device: str
    bag: str
    pieces: int
    amount: str  # major units, 1234.50
    people: tuple[str, ...] = ()


def counts_of(text: str) -> tuple[Count, ...]:
    """A CSV file with the heads kiosk, device, bag, pieces, amount. Raises BadCount."""
    lines = csv.reader(text.removeprefix("\ufeff").splitlines(), strict=True)
    try:
        rows = [row for row in lines if row]
    except csv.Error as error:
        raise BadCount(f"Line {lines.line_num} is no CSV: {error}.") from None
    heads = tuple(cell.strip().lower() for cell in rows[0]) if rows else ()
    if heads == (*FIELDS, "people"):
        raise BadCount("Leave out the column people: the two who counted sign with their staff keys.")
    if heads != FIELDS:
        raise BadCount(f"The first line has to be {','.join(FIELDS)}.")
    return tuple(_count(row, place) for place, row in enumerate(rows[1:], 2))


def _count(row: list[str], place: int) -> Count:
    cells = [cell.strip() for cell in row]
    if len(cells) != len(FIELDS):
        raise BadCount(f"Line {place} has {len(cells)} cells, not {len(FIELDS)}.")
    kiosk, device, bag, pieces, amount = cells
    if device not in CASH:
        raise BadCount(f"Line {place}: a device is {' or '.join(CASH)}.")
    if not (pieces.isascii() and pieces.isdecimal() and len(pieces) <= 9):
        raise BadCount(f"Line {place}: pieces are a whole number.")
    return Count(kiosk, device, bag, int(pieces), amount)


def enter(connection: Connection, counts: Iterable[Count], now_ms: int) -> int:
    """Write down what was counted; how many counts are new. The same count twice is one; another count of a bag is its next time.

    Raises BadCount, and then none of them is entered.
    """
    return sum(_enter(connection, count, now_ms) for count in counts)


def check(connection: Connection, counts: Iterable[Count]) -> None:
    """Whether each could be entered. Writes nothing. Raises BadCount."""
    for count in counts:
        _found(connection, count)


def _found(connection: Connection, count: Count) -> tuple[int, int, int]:
    """Number of its kiosk, session of its box, amount in minor units. Raises BadCount."""
    no = connection.execute(select(KIOSK.c.no).where(KIOSK.c.id == count.kiosk)).scalar()
    if no is None:
        raise BadCount(f"There is no kiosk {count.kiosk!r}.")
    return no, _session_of(connection, no, count), _minor(count.amount, _exponent(connection, no), count.bag)


def _enter(connection: Connection, count: Count, now_ms: int) -> bool:
    no, session, minor = _found(connection, count)
    key = {"kiosk_no": no, "device": count.device, "session": session}
    had = last_count(connection, no, count.device, session)
    people = " ".join(count.people)
    if had and (had.minor, had.pieces, " ".join(had.people)) == (minor, count.pieces, people):
        return False
    closed = connection.execute(select(PERIOD.c.closed_through).with_for_update(read=True)).scalar_one()
    row = {"bag": count.bag, "pieces": count.pieces, "minor": minor, "people": people, "at_ms": now_ms, "closed_through": closed}
    connection.execute(insert(BAG_COUNT), {**key, "time": had.times + 1 if had else 1, **row})
    return True


def _session_of(connection: Connection, no: int, count: Count) -> int:
    """The last session of that device that left in that bag; leading zeros make no other bag."""
    asked = select(BOX.c.session, BOX.c.bag).where(BOX.c.kiosk_no == no, BOX.c.device == count.device).order_by(BOX.c.seq.desc())
    for session, bag in connection.execute(asked):
        if bag.lstrip("0") == count.bag.lstrip("0"):
            return int(session)
    raise BadCount(f"No box of {count.kiosk}, {count.device}, that is known here left in bag {count.bag!r}.")


def _exponent(connection: Connection, no: int) -> int:
    """Of the kiosk's money, by its last sale."""
    asked = select(SALE.c.exponent).where(SALE.c.kiosk_no == no).order_by(SALE.c.seq.desc()).limit(1)
    return connection.execute(asked).scalar() or 0


def _minor(amount: str, exponent: int, bag: str) -> int:
    whole, point, rest = amount.partition(".")
    good = whole.isascii() and whole.isdecimal() and (not point or (rest.isascii() and rest.isdecimal() and len(rest) == exponent))
    minor = int(whole + rest.ljust(exponent, "0")) if good and len(amount) < 17 else COUNT_MAX
    if minor >= COUNT_MAX:
        raise BadCount(f"Bag {bag!r}: {amount!r} is no amount with {exponent} places.")
    return minor


def last_count(connection: Connection, no: int, device: str, session: int, *, before: int | None = None) -> Counted | None:
    """The count that holds, None where there is none. `before`: only what was entered before that day was closed."""
    here = select(BAG_COUNT).where(BAG_COUNT.c.kiosk_no == no, BAG_COUNT.c.device == device, BAG_COUNT.c.session == session)
    if before is not None:
        here = here.where(BAG_COUNT.c.closed_through < before)
    row = connection.execute(here.order_by(BAG_COUNT.c.time.desc()).limit(1)).first()
    return Counted(row.minor, row.pieces, tuple(row.people.split()), row.at_ms, row.time) if row else None


def counted_late(period: Period) -> ColumnElement[bool]:
    """Of a box: was it counted in this period, after its own day was closed?"""
    same = and_(BAG_COUNT.c.kiosk_no == BOX.c.kiosk_no, BAG_COUNT.c.device == BOX.c.device, BAG_COUNT.c.session == BOX.c.session)
    came = BAG_COUNT.c.closed_through.between(day_before(period.first), day_before(period.last))
    return select(BAG_COUNT.c.time).where(same, came, BAG_COUNT.c.closed_through >= BOX.c.posted_day).exists()
