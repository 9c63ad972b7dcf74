"""Accepted codes against orders: every TransferCodeAccepted row that was imported is one order's, or somebody made a code without one.

A code is the same wherever it is typed, so its slot, amount and generation name its order. A row is held against the orders once. An order
that several machines landed is collected once, at the first; the sales of the others move no money of anybody, and reports take them out.
"""

import msgspec
from sqlalchemy import Connection, and_, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.hq.orders.tables import ORDER, ORDER_USE
from kiosk.hq.orders.twice import mark
from kiosk.hq.schema import FACT, KIND, KIOSK, WORK
from kiosk.hq.store import Store
from kiosk.vend.code import COUNT_MAX

ACCEPTED = "TransferCodeAccepted"
AT_ONCE = 1_000


class Unmatched(msgspec.Struct, frozen=True):
    """An accepted code that no order has: its generation is to be closed."""

    kiosk: str
    seq: int
    card: str
    amount_minor: int
    generation: int

    @property
    def sentence(self) -> str:
        """For the worklist."""
        return (
            f"A code of generation {self.generation} for card {self.card}, {self.amount_minor} in minor units, was accepted, and no order "
            f"has it: close the generation (limits: code_generation_min = {self.generation + 1})."
        )


class _Said(msgspec.Struct, frozen=True):
    meter: str
    n: int
    generation: int


class Matched(msgspec.Struct, frozen=True):
    """`rows` were new; of them `again` are of orders that another row collected before."""

    rows: int
    again: int
    without: tuple[Unmatched, ...]


def match(store: Store, now_ms: int) -> Matched:
    """All new rows. Safe to run at any time, and by two at once. Raises StoreError."""
    found = Matched(0, 0, ())
    while True:
        step = store.transact(lambda connection: _some(connection, now_ms))
        found = Matched(found.rows + step.rows, found.again + step.again, (*found.without, *step.without))
        if step.rows < AT_ONCE:
            store.transact(mark)
            return found


def uses(store: Store, name: str) -> list[tuple[str, int]]:
    """(kiosk, when) of each machine that accepted an order's code, the first first; the sale of the first counts, the others' do not."""
    asked = select(KIOSK.c.id, ORDER_USE.c.at_ms).join(KIOSK, KIOSK.c.no == ORDER_USE.c.kiosk_no).where(ORDER_USE.c.name == name)
    asked = asked.order_by(ORDER_USE.c.at_ms, KIOSK.c.id)
    return store.read(lambda connection: [(row[0], row[1]) for row in connection.execute(asked)])


def _some(connection: Connection, now_ms: int) -> Matched:
    held = and_(ORDER_USE.c.kiosk_no == FACT.c.kiosk_no, ORDER_USE.c.seq == FACT.c.seq)
    asked = (
        select(FACT.c.kiosk_no, FACT.c.seq, FACT.c.at_ms, FACT.c.card, FACT.c.amount_minor, FACT.c.body, KIOSK.c.id)
        .join(KIND, KIND.c.no == FACT.c.kind)
        .join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        .outerjoin(ORDER_USE, held)
        .where(KIND.c.name == ACCEPTED, ORDER_USE.c.name.is_(None))
        .order_by(FACT.c.at_ms, FACT.c.kiosk_no, FACT.c.seq)
        .limit(AT_ONCE)
    )
    rows = connection.execute(asked).all()
    again, without = 0, []
    for kiosk_no, seq, at_ms, card, amount_minor, body, kiosk in rows:
        said = _said(body)
        name = _named(connection, card, amount_minor, said) if said else ""
        row = {"kiosk_no": kiosk_no, "seq": seq, "name": name, "at_ms": at_ms, "amount_minor": amount_minor or 0}
        new = _held(connection, row)
        if not name:
            lost = Unmatched(kiosk, seq, card or "", amount_minor or 0, said.generation if said else 0)
            without.append(lost)
            _to_look_at(connection, lost, now_ms)
        elif new and not _collected(connection, name, kiosk, at_ms):
            again += 1
    return Matched(len(rows), again, tuple(without))


def _said(body: str) -> _Said | None:
    try:
        said = msgspec.json.decode(body, type=_Said)
    except msgspec.MsgspecError:
        return None
    return said if 0 <= said.n <= COUNT_MAX and 0 <= said.generation <= COUNT_MAX else None


def _named(connection: Connection, card: str | None, amount_minor: int | None, said: _Said) -> str:
    """Terms name a code; of two orders with the same terms the first."""
    same = (
        ORDER.c.card == card,
        ORDER.c.meter == said.meter,
        ORDER.c.n == said.n,
        ORDER.c.amount_minor == amount_minor,
        ORDER.c.generation == said.generation,
    )
    return connection.execute(select(ORDER.c.name).where(*same).order_by(ORDER.c.made_ms, ORDER.c.name)).scalar() or ""


def _held(connection: Connection, row: dict[str, object]) -> bool:
    """Held against the orders from now on; False where somebody else was faster."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made = make(ORDER_USE).values(**row).on_conflict_do_nothing().returning(ORDER_USE.c.seq)
    return connection.execute(made).first() is not None


def _collected(connection: Connection, name: str, kiosk: str, at_ms: int) -> bool:
    """Whether this row is the one that collects it."""
    first = connection.execute(
        update(ORDER).where(ORDER.c.name == name, ORDER.c.state != "collected").values(state="collected", done_ms=at_ms, done_by=kiosk)
    )
    return first.rowcount == 1


def _to_look_at(connection: Connection, lost: Unmatched, now_ms: int) -> None:
    line = (WORK.c.kiosk == lost.kiosk) & (WORK.c.what == "code") & (WORK.c.seq == lost.seq)
    if connection.execute(select(WORK.c.seq).where(line)).first() is None:
        row = {"kiosk": lost.kiosk, "what": "code", "seq": lost.seq, "sentence": lost.sentence, "came_ms": now_ms}
        connection.execute(insert(WORK).values(**row))
