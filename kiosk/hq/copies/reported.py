"""What an office that was put back is told before it signs again: what kiosks report, and the orders that another site keeps.

The backup does not know what happened after it. A batch that follows is imported; one that waits for a lost one is parked, and says all the
same which epochs hold at its kiosk. An order that is not in the store may have a code in somebody's hand: it is put on the worklist, and
not into the store, for nobody has signed its file.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select

from kiosk.envelope import HEADER_MAX
from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.known import known
from kiosk.hq.intake.mail import letters, taken
from kiosk.hq.intake.writing import todo
from kiosk.hq.office import Office
from kiosk.hq.orders.book import Order
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.schema import HEAD, PARKED
from kiosk.hq.store import Store
from kiosk.sync.folder import Folder, FolderError

ORDER_MAX = 4096
LOST = "order"
TAIL = 4
APPLIED = dict[str, tuple[int, int]]


class _Reported(msgspec.Struct, frozen=True):
    applied: APPLIED = {}


def mail(office: Office, store: Store, paths: Sequence[Path], now_ms: Callable[[], int]) -> dict[str, int]:
    """How many files there became what. Raises OfficeError, StoreError, FolderError."""
    boxes = office.batch_boxes()
    found = [letter for path in paths for letter in letters(path)]
    verdicts: dict[str, int] = {}
    if found:
        importer = Importer(store, boxes, office.signer("ack"), known(office))
        for _, one in taken(importer, boxes, found, now_ms):
            word = "unread" if isinstance(one, str) else str(one.verdict)
            verdicts[word] = verdicts.get(word, 0) + 1
    return verdicts


def epochs(connection: Connection) -> list[int]:
    """Every epoch of which a header, imported or parked, says that something of it holds at its kiosk."""
    said = [msgspec.json.decode(text, type=APPLIED) for text in connection.execute(select(HEAD.c.applied)).scalars()]
    for raw in connection.execute(select(PARKED.c.raw)).scalars():
        header = bytes(raw)[: HEADER_MAX + 1].partition(b"\n")[0]
        said.append(msgspec.json.decode(header, type=_Reported).applied)
    return [epoch for applied in said for epoch, _ in applied.values()]


def orders(store: Store, place: Path, now_ms: int) -> int:
    """How many orders of the other site's folder the store has not; a line of the worklist each. Raises FolderError, StoreError."""
    with Folder.at(place) as folder:
        kept = [_order(folder, name) for name in folder.names() if not name.startswith(".")]
    here = store.read(lambda connection: set(connection.execute(select(ORDER.c.name)).scalars()))
    lost = [each for each in kept if each and each.name not in here]
    lines = [("", LOST, number, _sentence(each), now_ms) for number, each in enumerate(lost, 1)]
    if lines:
        store.transact(lambda connection: todo(connection, lines))
    return len(lost)


def _order(folder: Folder, name: str) -> Order | None:
    try:
        found = msgspec.json.decode(folder.read(name, ORDER_MAX), type=Order)
    except (FolderError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.name == name else None


def _sentence(order: Order) -> str:
    reference = "".join(letter for letter in order.reference[:64] if letter.isprintable())
    return (
        f"Order {order.name} of {order.source[:32]}, reference {reference}, {order.amount_minor} {order.currency[:3]} in minor units, "
        f"card ...{order.card[-TAIL:]}, purchase {order.n}, was made after the backup, and its code may be out."
    )
