"""Whether the office's record of orders is complete.

An office that was put back from a backup has lost the orders that it made afterwards, and their codes may be out. Until its record is
complete again the office is short. A short office still orders a claim in the claim's own slot, which is safe for anybody. It takes no new
payment: the payer may be asking again for an order that was lost, and a second one in another slot would be paid twice. And it moves
nothing to another slot. Two people end this, once the orders of the other site were taken in (`copies.reported`).
"""

from sqlalchemy import Connection, select, update

from kiosk.hq.intake.summary import INSERT
from kiosk.hq.orders.tables import RECORD
from kiosk.hq.schema import WORK
from kiosk.hq.store import Store

SHORT = "short"
SENTENCE = "This office was put back from a backup, and its record of orders is not complete yet: ask again later."
TO_DO = (
    "Orders that were made after the backup may be missing. Take them in with: kiosk hq order take. When none is missing, two people say "
    "so with: kiosk hq order complete. Until then the office takes no new payments and moves no money to another purchase."
)


def short(connection: Connection) -> bool:
    """Orders may be missing."""
    return connection.execute(select(RECORD.c.epoch).where(RECORD.c.complete_ms.is_(None)).limit(1)).first() is not None


def put_back(connection: Connection, epoch: int, now_ms: int) -> None:
    """The office was put back, and this is its new epoch."""
    insert = INSERT[connection.dialect.name]
    connection.execute(insert(RECORD).on_conflict_do_nothing(), {"epoch": epoch, "since_ms": now_ms, "note": ""})
    line = {"kiosk": "", "what": SHORT, "seq": epoch, "sentence": TO_DO, "came_ms": now_ms, "done_by": ""}
    connection.execute(insert(WORK).on_conflict_do_nothing(), line)


def completed(store: Store, now_ms: int, *, note: str) -> bool:
    """No order is missing; False where the office was not short. Raises StoreError."""

    def work(connection: Connection) -> bool:
        ended = connection.execute(update(RECORD).where(RECORD.c.complete_ms.is_(None)).values(complete_ms=now_ms, note=note))
        lines = (WORK.c.kiosk == "", WORK.c.what == SHORT, WORK.c.done_ms.is_(None))
        connection.execute(update(WORK).where(*lines).values(done_ms=now_ms, done_by="two people"))
        return ended.rowcount > 0

    return store.transact(work)
