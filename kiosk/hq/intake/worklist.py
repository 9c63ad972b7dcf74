"""The worklist: what an import found that somebody has to look at, until somebody has."""

import msgspec
from sqlalchemy import Connection, select, update

from kiosk.hq.schema import WORK
from kiosk.hq.store import Store


class Waiting(msgspec.Struct, frozen=True):
    """A line. `what`: fork, tamper, or a rule's name; `seq`: of the batch or, for a rule, the journal row. `kiosk` is "" for nobody's."""

    kiosk: str
    what: str
    seq: int
    sentence: str
    came_ms: int


def waiting(store: Store) -> list[Waiting]:
    """Everything that nobody has looked at, the oldest first. Raises StoreError."""

    def work(connection: Connection) -> list[Waiting]:
        columns = [WORK.c[name] for name in Waiting.__struct_fields__]
        asked = select(*columns).where(WORK.c.done_ms.is_(None)).order_by(WORK.c.came_ms, WORK.c.kiosk, WORK.c.what, WORK.c.seq)
        return [Waiting(*row) for row in connection.execute(asked)]

    return store.read(work)


def settle(store: Store, kiosk: str, what: str, seq: int, *, by: str, now_ms: int) -> bool:
    """Somebody has looked at it; False where there is no such line. The first who says so stays. Raises StoreError."""

    def work(connection: Connection) -> bool:
        line = (WORK.c.kiosk == kiosk) & (WORK.c.what == what) & (WORK.c.seq == seq)
        connection.execute(update(WORK).where(line, WORK.c.done_ms.is_(None)).values(done_ms=now_ms, done_by=by))
        return connection.execute(select(WORK.c.seq).where(line)).first() is not None

    return store.transact(work)
