"""What an office that was put back is told before it signs again: what kiosks report, and the orders that another site keeps.

The backup does not know what happened after it. A batch that follows is imported; one that waits for a lost one is parked, and says all the
same which epochs hold at its kiosk. An order that is not in the store may have a code in somebody's hand. If this office signed its file,
the order is taken into the store; otherwise it is put on the worklist.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from kiosk.envelope import HEADER_MAX
from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.known import known
from kiosk.hq.intake.mail import letters, taken
from kiosk.hq.intake.writing import todo
from kiosk.hq.office import Office
from kiosk.hq.orders.book import Order
from kiosk.hq.orders.off_site import FILE_MAX, VOID, believed, unsigned
from kiosk.hq.orders.tables import ORDER, ORDER_USE, PARTNERS
from kiosk.hq.partners.accounts import Line, enter, of_name
from kiosk.hq.partners.till import undone
from kiosk.hq.schema import HEAD, PARKED, WORK
from kiosk.hq.store import Store
from kiosk.sync.folder import Folder, FolderError

ORDERS_MAX = 10_000_000  # files of the other site's folder
LOST = "order"
TERMS = ("card", "meter", "n", "amount_minor", "currency", "generation", "settles")
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


class Orders(msgspec.Struct, frozen=True):
    """What became of another site's folder of orders. `taken`: they are in the store now; `listed`: they are on the worklist."""

    taken: int = 0
    listed: int = 0


def orders(store: Store, place: Path, keys: Sequence[bytes], now_ms: int) -> Orders:
    """Take the orders of the other site's folder into the store, each once. `keys`: the office's ACK keys, by which it signed them.

    An order that cannot be taken in is a line of the worklist. Raises FolderError, StoreError.
    """
    here = store.read(lambda connection: set(connection.execute(select(ORDER.c.name).where(ORDER.c.state != "held")).scalars()))
    signed: dict[str, Order] = {}
    sentences: list[str] = []
    with Folder.at(place) as folder:
        names = [name for name in folder.names(ORDERS_MAX) if not name.startswith(".") and name.removesuffix(VOID) not in here]
        for name in names:
            raw = _read(folder, name)
            if order := believed(raw, name, store.utility, keys):
                signed[order.name] = order if order.state == "void" else signed.get(order.name, _out(order))
            elif order := unsigned(raw, name):
                sentences.append(_sentence(order, "Its file is not signed, so that it was not taken in."))
    taken = 0
    for order in sorted(signed.values(), key=lambda order: (order.made_ms, order.name)):
        why = store.transact(partial(_taken, order=order, now_ms=now_ms))
        taken += not why
        sentences += [_sentence(order, why)] if why else []
    store.transact(lambda connection: _listed(connection, sentences, now_ms))
    return Orders(taken, len(sentences))


def _out(order: Order) -> Order:
    """A file that was written at a second try says that its order was held; its code may have left right after that."""
    return msgspec.structs.replace(order, state="open")


def _taken(connection: Connection, order: Order, now_ms: int) -> str:
    """One order, with the money of its partner: its code may be out, so that it cannot be taken back. Why it is not taken in, or ""."""
    held = connection.execute(select(ORDER).where(ORDER.c.source == order.source, ORDER.c.reference == order.reference)).mappings().first()
    if held is not None:
        if any(held[name] != getattr(order, name) for name in TERMS):
            return f"Its reference stands for order {held['name']} here, which has another code."
        if held["state"] == "held":
            _went_on(connection, order, now_ms)
        return ""
    if not order.settles and order.state != "void":
        slot = (ORDER.c.meter == order.meter, ORDER.c.n == order.n, ORDER.c.settles == "", ORDER.c.state != "void")
        live = ORDER.c.until_ms > order.made_ms  # one whose code was taken no more had left its place
        other = connection.execute(select(ORDER.c.name).where(*slot, live)).scalar()
        if other:
            return f"Order {other} has its place on the card."
    connection.execute(insert(ORDER).values(**msgspec.structs.asdict(order)))
    connection.execute(delete(ORDER_USE).where(ORDER_USE.c.name == ""))  # codes that no order had are looked at again
    connection.execute(delete(WORK).where(WORK.c.what == "code", WORK.c.done_ms.is_(None)))
    if not order.source.startswith(PARTNERS) or order.settles or order.state == "void":
        return ""
    partner = of_name(connection, order.source.removeprefix(PARTNERS), hold=True)
    if partner is not None:
        enter(connection, partner, Line("order", order.name, -order.amount_minor), order.made_ms)
    return "" if partner else f"It was taken in, and on no account: {order.source} is not known here."


def _went_on(connection: Connection, order: Order, now_ms: int) -> None:
    """The backup is of a moment at which an order was held: since then it was cancelled, or its code may be out."""
    partner = of_name(connection, order.source.removeprefix(PARTNERS), hold=True)
    if order.state == "void" and partner is not None:
        undone(connection, partner, order.name, now_ms)
    else:
        connection.execute(update(ORDER).where(ORDER.c.name == order.name).values(state=order.state))


def _listed(connection: Connection, sentences: Sequence[str], now_ms: int) -> None:
    """On the worklist, each once however often the folder is read."""
    asked = select(WORK.c.sentence, WORK.c.seq).where(WORK.c.kiosk == "", WORK.c.what == LOST)
    there = {row.sentence: row.seq for row in connection.execute(asked)}
    new = [sentence for sentence in sentences if sentence not in there]
    todo(connection, [("", LOST, number, sentence, now_ms) for number, sentence in enumerate(new, max(there.values(), default=0) + 1)])


def _read(folder: Folder, name: str) -> bytes:
    try:
        return folder.read(name, FILE_MAX)
    except FolderError:
        return b""


def _sentence(order: Order, why: str) -> str:
    reference = "".join(letter for letter in order.reference[:64] if letter.isprintable())
    return (
        f"Order {order.name} of {order.source[:32]}, reference {reference}, {order.amount_minor} {order.currency[:3]} in minor units, "
        f"card ...{order.card[-TAIL:]}, purchase {order.n}, was made after the backup, and its code may be out. {why}"
    )
