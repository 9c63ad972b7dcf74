"""What can only be seen over all kiosks: purchase counts that repeat, go back or have a gap, paper numbers, acceptors' own counters.

Each new row is looked at once, in its order, with what is remembered of its kiosk; what is wrong stands on the worklist. A gap is often
only a kiosk that was not heard yet: its line goes when the rows come.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select, update

from kiosk.hq.intake.summary import INSERT
from kiosk.hq.schema import FACT, HEAD, KIND, KIOSK, WORK
from kiosk.hq.settlement import sources
from kiosk.hq.settlement.known import Line
from kiosk.hq.settlement.tables import WATCHED
from kiosk.hq.store import Store
from kiosk.vend import facts as f
from kiosk.vend.explain.whereabouts import DISBELIEVED
from kiosk.vend.till import CASH

ROWS_AT_ONCE = 20_000
PAPERS_KEPT = 64
CLOCKS_MS = 3_600_000  # two kiosks' clocks are told apart by no less
WATCHED_KINDS = (
    "CardPresented", "CardVerified", "ForeignSaleFinished", "PrintStarted", "ReceiptOffered", "ClaimIssued", "AcceptorRead", "NoteStacked",
    "CoinAccepted", "OrphanCredit",
)  # fmt: skip


class Meter(msgspec.Struct):
    """An acceptor: its own count of its life less the credits of the journal, which is always the same; None before it was known."""

    serial: str = ""
    accepted: int = 0
    credited: int = 0
    ahead: int | None = None


class Memory(msgspec.Struct):
    """What is remembered of a kiosk. `papers`: the last numbers and their sales."""

    last: int = 0
    papers: dict[int, str] = {}
    meters: dict[str, Meter] = {}


class Alarm(NamedTuple):
    """A line for the worklist. `what`: paper | counter | repeat | back | gap."""

    kiosk: str
    what: str
    seq: int
    sentence: str


class Seen(NamedTuple):
    """A purchase count that a row shows of a card: `verified` there, or at least passed."""

    line: Line
    n: int
    verified: bool
    tag: str = ""


def watch(store: Store, now_ms: int) -> list[Alarm]:
    """Look at all rows that nobody has looked at; what is new on the worklist. Raises StoreError."""
    found: list[Alarm] = []
    for no in store.read(lambda connection: list(connection.execute(select(HEAD.c.kiosk_no).order_by(HEAD.c.kiosk_no)).scalars())):
        while True:
            rows, alarms = store.transact(lambda connection, no=no: _some(connection, no, now_ms))  # type: ignore[misc]
            found += alarms
            if rows < ROWS_AT_ONCE:
                break
    store.transact(_close_gaps_at(now_ms))
    return found


def _some(connection: Connection, no: int, now_ms: int) -> tuple[int, list[Alarm]]:
    """The next rows of one kiosk; its place is held meanwhile, so that two who watch do not look twice."""
    connection.execute(INSERT[connection.dialect.name](WATCHED).on_conflict_do_nothing(), {"kiosk_no": no, "seq": 0, "memory": "{}"})
    held = connection.execute(select(WATCHED).where(WATCHED.c.kiosk_no == no).with_for_update()).one()
    memory = msgspec.json.decode(held.memory, type=Memory)
    asked = (
        select(FACT.c.seq, FACT.c.at_ms, FACT.c.sale, FACT.c.v, FACT.c.body, KIND.c.name, KIOSK.c.id)
        .join(KIND, KIND.c.no == FACT.c.kind)
        .join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        .where(FACT.c.kiosk_no == no, FACT.c.seq > held.seq, KIND.c.name.in_(WATCHED_KINDS))
        .order_by(FACT.c.seq)
        .limit(ROWS_AT_ONCE)
    )
    rows = connection.execute(asked).all()
    lines = [
        Line(kiosk, seq, at_ms, sale or "", fact)
        for seq, at_ms, sale, v, body, kind, kiosk in rows
        if (fact := sources.decoded(sale, kind, v, body)) is not None
    ]
    alarms = [*of_machine(lines, memory)]
    cards = sorted({seen.line.fact.card for line in lines if (seen := shown(line))})  # type: ignore[attr-defined]
    for card in cards:
        alarms += of_card(seen for line in sources.card_rows(connection, [card]) if (seen := shown(line)))
    fresh = [alarm for alarm in alarms if _to_look_at(connection, alarm, now_ms)]
    last = rows[-1].seq if rows else held.seq
    said = msgspec.json.encode(memory).decode()
    connection.execute(update(WATCHED).where(WATCHED.c.kiosk_no == no).values(seq=last, memory=said))
    return len(rows), fresh


def _to_look_at(connection: Connection, alarm: Alarm, now_ms: int) -> bool:
    row = alarm._asdict() | {"came_ms": now_ms, "done_by": ""}
    fresh = INSERT[connection.dialect.name](WORK).on_conflict_do_nothing().returning(WORK.c.seq)
    return connection.execute(fresh, row).first() is not None


def _close_gaps_at(now_ms: int) -> Any:
    """Gaps that rows have filled since."""

    def work(connection: Connection) -> None:
        for row in connection.execute(select(WORK.c.kiosk, WORK.c.seq).where(WORK.c.what == "gap", WORK.c.done_ms.is_(None))).all():
            card = select(FACT.c.card).join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no).where(KIOSK.c.id == row.kiosk, FACT.c.seq == row.seq)
            serial = connection.execute(card).scalar()
            seen = [each for line in sources.card_rows(connection, [serial or ""]) if (each := shown(line))]
            if not any((alarm.what, alarm.kiosk, alarm.seq) == ("gap", row.kiosk, row.seq) for alarm in of_card(seen)):
                line = (WORK.c.kiosk == row.kiosk) & (WORK.c.what == "gap") & (WORK.c.seq == row.seq)
                connection.execute(update(WORK).where(line).values(done_ms=now_ms, done_by="rows"))

    return work


# ---------------------------------------------------------------- one machine's own counts


def of_machine(lines: Iterable[Line], memory: Memory) -> Iterator[Alarm]:
    """Paper numbers, one after another, each for one sale; and acceptors that count what the journal credits. `memory` is changed."""
    for line in lines:
        match line.fact:
            case f.PrintStarted(copy=0, number=number) | f.ReceiptOffered(number=number) | f.ClaimIssued(number=number) if number:
                yield from _paper(line, number, memory)
            case f.AcceptorRead() | f.NoteStacked() | f.CoinAccepted() | f.OrphanCredit() if line.fact.device in CASH:
                yield from _counter(line, line.fact, memory.meters.setdefault(line.fact.device, Meter()))


def _paper(line: Line, number: int, memory: Memory) -> Iterator[Alarm]:
    if memory.papers.get(number) == line.sale:
        return
    last, memory.last = memory.last, max(memory.last, number)
    if number <= last:
        yield Alarm(
            line.kiosk, "paper", line.seq, f"Paper {number} of {line.kiosk} stands for two sales, or its numbers went back from {last}."
        )
    elif number > last + 1:
        yield Alarm(line.kiosk, "paper", line.seq, f"{line.kiosk} gave paper {number} after {last}: the numbers between are in no row.")
    memory.papers[number] = line.sale
    while len(memory.papers) > PAPERS_KEPT:
        del memory.papers[next(iter(memory.papers))]


def _counter(line: Line, fact: f.AcceptorRead | f.NoteStacked | f.CoinAccepted | f.OrphanCredit, meter: Meter) -> Iterator[Alarm]:
    pieces = 0 if isinstance(fact, f.AcceptorRead) else fact.pieces if isinstance(fact, f.OrphanCredit) else 1
    meter.credited += pieces
    if fact.accepted is None or (isinstance(fact, f.NoteStacked) and fact.recovered):
        return  # it has no count of its life, or this is told later than it was
    if meter.serial != fact.serial:
        meter.serial, meter.ahead, meter.accepted = fact.serial, None, fact.accepted
    if fact.accepted < meter.accepted:
        said = f"The {fact.device} acceptor of {line.kiosk} counted {meter.accepted} in its life, and {fact.accepted} later: it went back."
        yield Alarm(line.kiosk, "counter", line.seq, said)
        meter.ahead = None
    meter.accepted = fact.accepted
    if not pieces:
        return  # what it counted more is explained by the rows that follow
    ahead = fact.accepted - meter.credited
    if meter.ahead not in (None, ahead):
        more = ahead - (meter.ahead or 0)
        said = f"The {fact.device} acceptor of {line.kiosk} counts {abs(more)} pieces {'more' if more > 0 else 'less'} than the journal."
        yield Alarm(line.kiosk, "counter", line.seq, said)
    meter.ahead = ahead


# ---------------------------------------------------------------- one card at all machines


def shown(line: Line) -> Seen | None:
    """The count that a row shows, if it is one that counts as evidence."""
    match line.fact:
        case f.CardVerified() as fact:
            return Seen(line, fact.n, verified=True, tag=fact.tag)
        case f.ForeignSaleFinished() as fact:
            return Seen(line, fact.n, verified=True, tag=fact.tag)
        case f.CardPresented(authentic=True) as fact if fact.why not in DISBELIEVED and fact.taken is not None:
            return Seen(line, fact.taken, verified=False)
    return None


def of_card(seen: Iterable[Seen]) -> Iterator[Alarm]:
    """Two records in one slot, a count that went back, a purchase of which nobody tells."""
    rows = sorted(seen, key=lambda each: (each.line.at_ms, each.line.kiosk, each.line.seq))
    records: dict[int, Seen] = {}
    highest: Seen | None = None
    for each in rows:
        line, tail = each.line, f"..{each.line.fact.card[-4:]}"  # type: ignore[attr-defined]
        first = records.setdefault(each.n, each) if each.verified else None
        if first and first.tag != each.tag:
            said = f"Purchase {each.n} of card {tail} was two: {_at(first)} and {_at(each)}. The meter takes one."
            yield Alarm(line.kiosk, "repeat", line.seq, said)
        if highest and each.n < highest.n and _surely_later(highest, each):
            yield Alarm(line.kiosk, "back", line.seq, f"Card {tail} was at purchase {highest.n} ({_at(highest)}), and at {each.n} later.")
        if highest is None or each.n > highest.n:
            highest = each
    yield from _gaps(rows, set(records))


def _surely_later(one: Seen, other: Seen) -> bool:
    """By the rows of one journal, or by clocks that are further apart than clocks are wrong."""
    if one.line.kiosk == other.line.kiosk:
        return one.line.seq < other.line.seq
    return other.line.at_ms - one.line.at_ms > CLOCKS_MS


def _gaps(rows: list[Seen], told: set[int]) -> Iterator[Alarm]:
    """Purchases between the first that is known of a card and each verified one, of which no row tells."""
    lowest = min((each.n for each in rows), default=0)
    for each in rows:
        before = each.n - 1
        if each.verified and before > lowest and before not in told:
            tail = f"..{each.line.fact.card[-4:]}"  # type: ignore[attr-defined]
            said = (
                f"Purchase {before} of card {tail} is in no row, and purchase {each.n} is: a kiosk was not heard, or somebody else sold it."
            )
            yield Alarm(each.line.kiosk, "gap", each.line.seq, said)


def _at(seen: Seen) -> str:
    return f"{seen.line.kiosk} row {seen.line.seq}"
