"""Wrong passphrases are slowed: five, then ten minutes. A row of the store counts them, so that no restart begins anew.

A try is written down before the passphrase is looked at: whoever ends the program in between, or starts many at once, has tried all the
same.
"""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, delete, select

from kiosk.hq.intake.summary import INSERT
from kiosk.hq.intake.writing import todo
from kiosk.hq.people.staff import StaffError
from kiosk.hq.people.tables import PASSPHRASE_TRY
from kiosk.hq.store import Store

TRIES, SHUT_MS = 5, 600_000
WORK = "passphrase"

T = TypeVar("T")


def tried(store: Store, name: str, now_ms: int, opens: Callable[[], T | None]) -> T:
    """What the passphrase opens. `opens` gives None where it is wrong. Raises StaffError, StoreError."""
    left = store.transact(lambda connection: _begun(connection, name, now_ms))
    found = opens()
    if found is not None:
        store.transact(lambda connection: connection.execute(delete(PASSPHRASE_TRY).where(PASSPHRASE_TRY.c.id == name)))
        return found
    if not left:
        store.transact(lambda connection: todo(connection, [("", WORK, now_ms, _told(name), now_ms)]))
    again = f"{left} more tries" if left > 1 else "one more try" if left else f"none for {SHUT_MS // 60_000} minutes"
    raise StaffError(f"This passphrase does not open the key of {name}; {again}.")


def _begun(connection: Connection, name: str, now_ms: int) -> int:
    """Count a try; how many are left after it. Raises StaffError."""
    of_it = PASSPHRASE_TRY.c.id == name
    first = INSERT[connection.dialect.name](PASSPHRASE_TRY).on_conflict_do_nothing()
    connection.execute(first, {"id": name, "wrong": 0, "last_ms": now_ms})
    wrong, last_ms = connection.execute(select(PASSPHRASE_TRY.c.wrong, PASSPHRASE_TRY.c.last_ms).where(of_it).with_for_update()).one()
    if wrong >= TRIES:
        if now_ms < last_ms + SHUT_MS:
            minutes = -((now_ms - last_ms - SHUT_MS) // 60_000)
            raise StaffError(f"Too many wrong passphrases for {name}: try again in {min(minutes, SHUT_MS // 60_000)} minutes.")
        wrong = 0
    connection.execute(PASSPHRASE_TRY.update().where(of_it).values(wrong=wrong + 1, last_ms=now_ms))
    return TRIES - int(wrong) - 1


def _told(name: str) -> str:
    return f"Five wrong passphrases were tried for the key of {name}. Ask {name}, and see who worked at the office then."
