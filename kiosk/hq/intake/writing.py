"""What one transaction of an import writes. Every function here works inside a transaction that its caller began, and may see again."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, func, insert, select, update

from kiosk import safetext
from kiosk.hq.intake.elsewhere import cards_of, landed_elsewhere, one_at_a_time
from kiosk.hq.intake.ledger import FROZEN, OPEN, Head, Judged, Verdict, followed
from kiosk.hq.intake.rules import Flag
from kiosk.hq.intake.shape import Shaped, copied_sales
from kiosk.hq.intake.sold import SaleRow, Settled, local, settled_row, sums_of
from kiosk.hq.intake.summary import INSERT, Added, later, merged, post, summed
from kiosk.hq.log.chain import HELD, IN_LOG
from kiosk.hq.report.posting import post_odd
from kiosk.hq.schema import BATCH, FACT, HEAD, KIOSK, NOT_POSTED, ORIGINAL, PARKED, PERIOD, QUARANTINE, SALE, WORK
from kiosk.vend.lifetime import Lifetime

PARKED_MAX = 1_000  # batches of one kiosk that may wait: ten days of quarters of an hour
QUARANTINE_MAX = 100  # files of one kiosk and kind that are kept apart, and of all that are nobody's
FIRST_ZONE = "+1400"  # where a day begins first
ALIKE_MAX = 10  # rows of one batch and rule that have a line each in the worklist
LOUD = frozenset({"unreadable", "name", "sums", "money", "date", "zone", "hotlist", "tariff", "totals", "claim"})
"""Rules that make a batch an EXCEPTION. A kind that this software does not know waits for the next one."""


class Miss(Exception):
    """A head was not where it was expected: nothing of this transaction may happen."""


Heads = Mapping[int, tuple[Head, str]]
Flagged = dict[tuple[int, int], list[Flag]]
"""By (kiosk_no, batch seq)."""


def closed_through(connection: Connection, *, lock: bool = False) -> int:
    """All days up to this one are closed; locked, none is closed before this transaction ends."""
    asked = select(PERIOD.c.closed_through)
    return int(connection.execute(asked.with_for_update(read=True) if lock else asked).scalar_one())


def write(connection: Connection, group: Sequence[Shaped], heads: Heads, now_ms: int) -> Flagged:
    """Import these, each the next one of its kiosk after `heads` and those before it here. What is flagged, by batch. Raises Miss."""
    closed = closed_through(connection, lock=True)
    group = each_sale_once(connection, group)
    flagged = _move(connection, group, heads, now_ms)
    facts: list[Any] = [shaped.facts for shaped in group]
    put(connection, FACT, b"".join(facts) if isinstance(facts[0], bytes) else [row for part in facts for row in part])
    sold = [_as_closed(shaped, closed) for shaped in group]
    sales = [row for part, _ in sold for row in part]
    if sales:
        put(connection, SALE, copied_sales(sales) if isinstance(facts[0], bytes) else sales)
    settled = settle_claims(connection, group, closed, flagged)
    odd = post_odd(connection, [(shaped.kiosk_no, each) for shaped in group for each in shaped.odd], closed)
    post(connection, merged([*(sums for _, sums in sold), settled, odd]))
    _ledger(connection, group, flagged, now_ms)
    return flagged


def _move(connection: Connection, group: Sequence[Shaped], heads: Heads, now_ms: int) -> Flagged:
    """Each head from just where it was to its last batch of the group, or Miss."""
    at: dict[int, tuple[Head, Lifetime]] = {}
    moved: dict[int, dict[str, Any]] = {}
    flagged: Flagged = {}
    for shaped in group:
        number, header = shaped.kiosk_no, shaped.header
        if number in at:
            head, totals = at[number]
        else:
            head, totals = heads[number][0], msgspec.json.decode(heads[number][1], type=Lifetime)
            moved[number] = {"at_no": number, "at_seq": head.seq, "at_hash": head.hash}
        flags = [*shaped.flags, *_of_days_to_come(shaped, now_ms)]
        if flag := sums_differ(totals, shaped):
            flags.append(flag)
        if flags:
            flagged[number, header.seq] = flags
        at[number] = followed(head, header, shaped.hash), header.totals
        told = {"made_ms": header.made_ms, "taken_ms": now_ms, "clock": header.clock, "software": safetext.line(header.software)}
        said = {"applied": msgspec.json.encode(header.applied).decode(), "totals": msgspec.json.encode(header.totals).decode()}
        new = {"store": header.store, "seq": header.seq, "hash": shaped.hash, "row_seq": header.last, "row_hash": header.head}
        moved[number] |= {f"new_{name}": value for name, value in (told | said | new).items()}
    columns = [name.removeprefix("new_") for name in next(iter(moved.values())) if name.startswith("new_")]
    where = (HEAD.c.kiosk_no == bindparam("at_no")) & (HEAD.c.seq == bindparam("at_seq")) & (HEAD.c.hash == bindparam("at_hash"))
    step = update(HEAD).where(where).values({name: bindparam(f"new_{name}") for name in columns})
    if connection.execute(step, [moved[number] for number in sorted(moved)]).rowcount != len(moved):
        raise Miss
    return flagged


def sums_differ(before: Lifetime, shaped: Shaped) -> Flag | None:
    """Whether the totals that a batch says are not those of the batch before it and what its rows add."""
    added = Lifetime(*map(int.__add__, msgspec.structs.astuple(before), msgspec.structs.astuple(shaped.grown)))
    if added == shaped.header.totals:
        return None
    return Flag(shaped.header.last, "totals", "The totals that it says are not those before it and what its rows add.")


def _of_days_to_come(shaped: Shaped, now_ms: int) -> list[Flag]:
    """Sales of days that have begun nowhere: a clock is ahead, and until then their money is missing from every report that is read."""
    said = local(FIRST_ZONE, now_ms)
    today = said[0] if said else 0
    return [
        Flag(row.seq, "date", f"Sale {row.sale}: its business date has not begun anywhere: the clock of its machine is ahead.")
        for row in shaped.sales
        if row.day > today and row.posted_day != NOT_POSTED
    ]


def each_sale_once(connection: Connection, group: Sequence[Shaped]) -> Sequence[Shaped]:
    """Without the sales that ended before, in an earlier batch: there they stand in the sums. Only what was opened earlier is asked for."""
    asked = sorted({name for shaped in group for name in shaped.carried})
    if not asked:
        return group
    mine = SALE.c.kiosk_no.in_({shaped.kiosk_no for shaped in group if shaped.carried}) & (SALE.c.outcome != "settled")
    found = connection.execute(select(SALE.c.kiosk_no, SALE.c.sale).where(SALE.c.sale.in_(asked), mine))
    ended = {(number, name) for number, name in found}
    parts = []
    for shaped in group:
        number = shaped.kiosk_no
        again = [row for row in shaped.sales if row.sale in shaped.carried and (number, row.sale) in ended]
        ended |= {(number, row.sale) for row in shaped.sales}
        parts.append(_without(shaped, again) if again else shaped)
    return parts


def _without(shaped: Shaped, again: list[SaleRow]) -> Shaped:
    flags = [Flag(row.seq, "sums", f"Sale {row.sale} ended before; this end of it stands in no sum.") for row in again]
    sales, sums = posted([row for row in shaped.sales if row not in again], shaped.closed_through)
    return msgspec.structs.replace(shaped, sales=sales, sums=sums, flags=[*shaped.flags, *flags])


def _as_closed(shaped: Shaped, closed: int) -> tuple[list[SaleRow], Added]:
    """Its sales and sums with the days up to `closed` closed, which may be more than when it was shaped."""
    return (shaped.sales, shaped.sums) if closed == shaped.closed_through else posted(shaped.sales, closed)


def posted(sales: Sequence[SaleRow], closed: int) -> tuple[list[SaleRow], Added]:
    """Each on its own day again, then where it is posted while the days up to `closed` are closed; and the sums of that."""
    own = [row._replace(posted_day=row.day if row.posted_day else NOT_POSTED) for row in sales]
    return [later(row, closed) for row in own], summed(map(sums_of, own), closed)


def settle_claims(connection: Connection, group: Sequence[Shaped], closed: int, flagged: Flagged) -> Added:
    """Claims that were settled, here or elsewhere: each has a row beside its sale's."""
    waiting = [(shaped, each) for shaped in group for each in shaped.settled]
    cards = cards_of(group)
    if waiting or cards:
        one_at_a_time(connection)
    own = _settled(connection, waiting, closed, flagged) if waiting else {}
    return merged([own, landed_elsewhere(connection, cards, closed)]) if cards else own


def _settled(connection: Connection, waiting: Sequence[tuple[Shaped, Settled]], closed: int, flagged: Flagged) -> Added:
    """What their own kiosks say of claims. Of one that landed elsewhere another machine may have told already."""
    names = sorted({each.sale for _, each in waiting})
    found = connection.execute(select(SALE).where(SALE.c.sale.in_(names), SALE.c.outcome.in_(("claimed", "settled")))).all()
    claims = {(row.kiosk_no, row.sale): SaleRow(*row) for row in found if row.outcome == "claimed"}
    done = {(row.kiosk_no, row.sale): row.seq for row in found if row.outcome == "settled"}
    rows = []
    for shaped, each in waiting:
        key = shaped.kiosk_no, each.sale
        claim = claims.get(key)
        paid = each.credit_minor + each.fee_minor + each.debt_minor
        if claim is None or done.get(key, -1) > 0 or paid != claim.claim_minor:
            flags = flagged.setdefault((shaped.kiosk_no, shaped.header.seq), [])
            flags.append(Flag(each.seq, "claim", f"Sale {each.sale}: what was settled is not the claim that it left."))
        if claim is not None and key not in done:
            rows.append(settled_row(each, claim))
            done[key] = rows[-1].seq
    if rows:
        posted = [later(row, closed) for row in rows]
        connection.execute(insert(SALE), [row._asdict() for row in posted])
    return summed(map(sums_of, rows), closed)


def _ledger(connection: Connection, group: Sequence[Shaped], flagged: Flagged, now_ms: int) -> None:
    ledger, originals = [], []
    for shaped in group:
        number, header = shaped.kiosk_no, shaped.header
        loud = sum(flag.rule in LOUD for flag in flagged.get((number, header.seq), ()))
        ledger.append((number, header.seq, shaped.hash, header.first, header.last, header.head, header.made_ms, now_ms, loud))
        originals.append((number, header.seq, shaped.clear))
    put(connection, BATCH, ledger)
    put(connection, ORIGINAL, originals)
    kiosk_of = {shaped.kiosk_no: shaped.header.kiosk for shaped in group}
    work = [each for (number, _), flags in flagged.items() for each in worklist_lines(kiosk_of[number], flags, now_ms)]
    todo(connection, work)


def put(connection: Connection, table: Table, rows: bytes | Sequence[tuple[Any, ...]]) -> None:
    """Rows in the order of the table's columns; as COPY's text where the server is PostgreSQL. Not of a table under the office's log, which
    would not see them."""
    if table.info.get(HELD) == IN_LOG:
        raise ValueError(f"{table.name} is under the office's log")
    if isinstance(rows, bytes):
        raw: Any = connection.connection.driver_connection
        with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
            copy.write(rows)
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql(str(insert(table).compile(dialect=connection.dialect)), list(rows))
    else:
        names = [column.name for column in table.columns]
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])


# ---------------------------------------------------------------- kept, but no part of the sums


def park(connection: Connection, shaped: Shaped, verdict: Judged, now_ms: int) -> Judged:
    """Kept until the gap before it closes."""
    mine = PARKED.c.kiosk_no == shaped.kiosk_no
    if connection.execute(select(func.count()).select_from(PARKED).where(mine)).scalar_one() >= PARKED_MAX:
        return Judged(verdict.verdict, f"{verdict.sentence} So many wait already that this one is not kept; the kiosk sends it again.")
    row = {"kiosk_no": shaped.kiosk_no, "seq": shaped.header.seq, "hash": shaped.hash, "came_ms": now_ms, "raw": shaped.clear}
    connection.execute(INSERT[connection.dialect.name](PARKED).values(row).on_conflict_do_nothing())
    return verdict


def forked(connection: Connection, shaped: Shaped, verdict: Judged, now_ms: int) -> None:
    """A FORK freezes its kiosk; the other file is in `original` already. A TAMPER does not: whoever has no key must not stop a kiosk."""
    if verdict.verdict is Verdict.FORK:
        connection.execute(update(KIOSK).where(KIOSK.c.no == shaped.kiosk_no, KIOSK.c.state == OPEN).values(state=FROZEN))
    keep_apart(connection, shaped.clear, (shaped.header.kiosk, shaped.header.seq), verdict, now_ms)


def keep_apart(connection: Connection, raw: bytes, whose: tuple[str, int], verdict: Judged, now_ms: int) -> None:
    """A file that nobody may believe, and a line in the worklist. `whose`: kiosk and batch that it names. No kiosk has more than
    QUARANTINE_MAX of a kind here: anybody can send what names a kiosk, and must not push out what that kiosk has signed."""
    kiosk, seq = whose
    why = verdict.verdict.lower()
    mine = (QUARANTINE.c.kiosk == kiosk) & (QUARANTINE.c.why == why)
    if connection.execute(select(func.count()).select_from(QUARANTINE).where(mine)).scalar_one() >= QUARANTINE_MAX:
        return
    row = {"sha256": sha256(raw).hexdigest(), "kiosk": kiosk, "seq": seq, "why": why, "sentence": verdict.sentence, "came_ms": now_ms}
    connection.execute(INSERT[connection.dialect.name](QUARANTINE).values(**row, raw=raw).on_conflict_do_nothing())
    todo(connection, [(kiosk, why, seq, verdict.sentence, now_ms)])


def todo(connection: Connection, lines: Sequence[tuple[str, str, int, str, int]]) -> None:
    """Lines of the worklist: kiosk, what, seq, sentence, when. One that stands there stays as it is."""
    if lines:
        names = ("kiosk", "what", "seq", "sentence", "came_ms")
        rows = [dict(zip(names, line, strict=True), done_by="") for line in lines]
        connection.execute(INSERT[connection.dialect.name](WORK).on_conflict_do_nothing(), rows)


def worklist_lines(kiosk: str, flags: Iterable[Flag], now_ms: int) -> list[tuple[str, str, int, str, int]]:
    """A line a flag, as long as there are few of one rule; the last line says how many more."""
    lines, seen, held = [], Counter[str](), list(flags)
    count = Counter(flag.rule for flag in held)
    for flag in held:
        seen[flag.rule] += 1
        most = 1 if flag.rule not in LOUD else ALIKE_MAX
        if seen[flag.rule] <= most:
            more = f" So do {count[flag.rule] - most} more rows of this batch." if seen[flag.rule] == most < count[flag.rule] else ""
            lines.append((kiosk, flag.rule, flag.seq, flag.sentence + more, now_ms))
    return lines
