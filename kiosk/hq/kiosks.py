"""Who the kiosks are: their numbers and keys, their state, and how each of them stands. Kinds of facts have their numbers here, too."""

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, func, insert, select, update

from kiosk.hq.intake.ledger import OPEN, REVOKED, Head
from kiosk.hq.intake.shape import SOUGHT, UNNAMED
from kiosk.hq.intake.summary import INSERT
from kiosk.hq.schema import HEAD, KIND, KIOSK, PARKED, SALE, WORK
from kiosk.hq.store import Store, StoreError
from kiosk.sync.batch import NO_BATCH
from kiosk.vend.rows import kinds

FIRST_FREE = 100  # the numbers below are SOUGHT's
KINDS_MAX = 1_000  # names that no software of ours has ever used may fill no table


class Listed(msgspec.Struct, frozen=True):
    """A kiosk as the importer knows it. `sign`: its Ed25519 key."""

    no: int
    sign: bytes


class NoSuchKiosk(StoreError):
    """There is no kiosk of that id here."""


def enrolled(store: Store, kiosks: Mapping[str, tuple[bytes, int]]) -> None:
    """Make these known: id -> (Ed25519 key, region). One that is here keeps its number and its key. Raises StoreError."""

    def work(connection: Connection) -> None:
        here = set(connection.execute(select(KIOSK.c.id)).scalars())
        number = connection.execute(select(func.coalesce(func.max(KIOSK.c.no), 0))).scalar_one()
        for name in sorted(set(kiosks) - here):
            number += 1
            sign, region = kiosks[name]
            new = {"no": number, "id": name, "sign": sign, "region": region, "state": OPEN, "durable_seq": 0}
            connection.execute(insert(KIOSK), new)
            connection.execute(insert(HEAD), _nothing(number))

    store.transact(work)


def _nothing(number: int) -> dict[str, object]:
    """The head of a kiosk of which nothing came yet."""
    told = {"made_ms": 0, "taken_ms": 0, "clock": "", "software": "", "applied": "{}", "totals": "{}"}
    return {"kiosk_no": number, "store": "", "seq": 0, "hash": NO_BATCH, "row_seq": 0, "row_hash": "", **told}


def listed(connection: Connection) -> dict[str, Listed]:
    """Every kiosk, by its id."""
    return {row.id: Listed(row.no, bytes(row.sign)) for row in connection.execute(select(KIOSK.c.id, KIOSK.c.no, KIOSK.c.sign))}


def heads(connection: Connection, numbers: Iterable[int], *, lock: bool) -> dict[int, tuple[Head, str]]:
    """By number: the head, and the totals that its last header said; locked in the order of their numbers until the transaction ends."""
    wanted = {"numbers": sorted(numbers)}
    found = connection.execute(_HEADS_HELD if lock else _HEADS, wanted).all()
    states = {row.no: (row.state, row.accepted_seq) for row in connection.execute(_STATES, wanted)}
    return {
        row.kiosk_no: (Head(row.store, row.seq, row.hash, row.row_seq, row.row_hash, *states[row.kiosk_no]), row.totals) for row in found
    }


_NUMBERS: BindParameter[list[int]] = bindparam("numbers", expanding=True)
_HEADS = select(HEAD).where(HEAD.c.kiosk_no.in_(_NUMBERS)).order_by(HEAD.c.kiosk_no)
_HEADS_HELD = _HEADS.with_for_update()
_STATES = select(KIOSK.c.no, KIOSK.c.state, KIOSK.c.accepted_seq).where(KIOSK.c.no.in_(_NUMBERS))


def changed(store: Store, kiosk: str, state: str, accepted_seq: int | None = None) -> None:
    """Freeze, close, revoke (from `accepted_seq` on nothing is believed) or open a kiosk again. Raises NoSuchKiosk, StoreError."""
    if (state == REVOKED) != (accepted_seq is not None):
        raise ValueError("a revoked kiosk, and no other, has a last batch that is believed")

    def work(connection: Connection) -> int:
        values = {"state": state, "accepted_seq": accepted_seq}
        return connection.execute(update(KIOSK).where(KIOSK.c.id == kiosk).values(values)).rowcount

    if not store.transact(work):
        raise NoSuchKiosk(f"There is no kiosk {kiosk} here.")


def backed_up(store: Store, through: Mapping[str, int]) -> None:
    """Batches up to these lie in a backup at another place: what a kiosk may forget. Never goes back. Raises StoreError."""

    def work(connection: Connection) -> None:
        for kiosk, seq in sorted(through.items()):
            higher = (KIOSK.c.id == kiosk) & (KIOSK.c.durable_seq < seq)
            connection.execute(update(KIOSK).where(higher).values(durable_seq=seq))

    store.transact(work)


# ---------------------------------------------------------------- kinds


def numbered(store: Store, names: Iterable[str] = ()) -> dict[str, int]:
    """The numbers of all kinds, of these too. New ones get theirs in the order of their names; past KINDS_MAX they get none."""

    def work(connection: Connection) -> dict[str, int]:
        here = {row.name: row.no for row in connection.execute(select(KIND.c.name, KIND.c.no))}
        fixed = {"?": UNNAMED, **{name: number for number, name in enumerate(SOUGHT, 1)}}
        new = {name: number for name, number in fixed.items() if name not in here}
        free = max([FIRST_FREE - 1, *here.values()]) + 1
        for name in sorted({*kinds(), *names} - fixed.keys() - here.keys()):
            if free < KINDS_MAX:
                new[name], free = free, free + 1
        if new:
            # another importer may have been first: its number holds
            statement = INSERT[connection.dialect.name](KIND).on_conflict_do_nothing()
            connection.execute(statement, [{"no": number, "name": name} for name, number in new.items()])
        return {row.name: row.no for row in connection.execute(select(KIND.c.name, KIND.c.no)) if row.no != UNNAMED}

    found = store.transact(work)
    return found if {*kinds(), *names} <= found.keys() or max(found.values()) >= KINDS_MAX - 1 else numbered(store, names)


# ---------------------------------------------------------------- how they stand


class Standing(msgspec.Struct, frozen=True):
    """How a kiosk stands. `parked`: batches that wait for one that is missing; `work`: what somebody has to look at.

    `seen_ms`: when its last batch was taken in, `made_ms`: when it was made, by the kiosk's own clock; 0 for none. `float_minor`: what it
    may still sell by itself, as its last sale said; None where there is no such limit.
    """

    kiosk: str
    region: int
    state: str
    store: str
    seq: int
    row_seq: int
    durable_seq: int
    seen_ms: int
    made_ms: int
    clock: str
    software: str
    parked: tuple[int, ...]
    work: int
    float_minor: int | None
    applied: dict[str, tuple[int, int]]
    totals: dict[str, int]


def standings(store: Store) -> list[Standing]:
    """Every kiosk, by its id."""

    def work(connection: Connection) -> list[Standing]:
        parked: dict[int, list[int]] = {}
        for row in connection.execute(select(PARKED.c.kiosk_no, PARKED.c.seq).distinct().order_by(PARKED.c.seq)):
            parked.setdefault(row.kiosk_no, []).append(row.seq)
        open_work = select(WORK.c.kiosk, func.count().label("lines")).where(WORK.c.done_ms.is_(None)).group_by(WORK.c.kiosk)
        todo = {row.kiosk: row.lines for row in connection.execute(open_work)}
        floats = _floats(connection)
        both = select(KIOSK, HEAD).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no).order_by(KIOSK.c.id)
        return [
            Standing(
                row.id, row.region, row.state, row.store, row.seq, row.row_seq, row.durable_seq, row.taken_ms, row.made_ms, row.clock,
                row.software, tuple(parked.get(row.no, ())), todo.get(row.id, 0), floats.get(row.no),
                msgspec.json.decode(row.applied, type=dict[str, tuple[int, int]]), msgspec.json.decode(row.totals, type=dict[str, int]),
            )
            for row in connection.execute(both)
        ]  # fmt: skip

    return store.read(work)


def _floats(connection: Connection) -> dict[int, int | None]:
    last = (
        select(SALE.c.kiosk_no, func.max(SALE.c.seq).label("seq")).where(SALE.c.outcome != "settled").group_by(SALE.c.kiosk_no).subquery()
    )
    asked = select(SALE.c.kiosk_no, SALE.c.float_minor).join(last, (SALE.c.kiosk_no == last.c.kiosk_no) & (SALE.c.seq == last.c.seq))
    return {row.kiosk_no: row.float_minor for row in connection.execute(asked)}
