"""Whether imported rows are the ones that their kiosk signed: the hash of any of them, made again.

A row's hash stands in no table. The chain goes on from the end of the batch before, which the ledger has, so that a few hundred rows are
hashed for one that is wanted; where the chain does not end as the ledger says, these are not the rows that were signed. The ledger is held
to the header of the batch's original, which bears the kiosk's signature, and the columns that rows are found by to what the rows say.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from kiosk.envelope import holds
from kiosk.hq.intake.shape import UNNAMED, Columns
from kiosk.hq.schema import BATCH, FACT, HEAD, KIND, KIOSK, ORIGINAL, WORK
from kiosk.sync.batch import LABEL, BatchHeader, taken_apart
from kiosk.vend.rows import line, link, origin

COLUMNS = ("card", "amount_minor")
"""Of a row of `fact`: what follows from its body."""


class Damaged(Exception):
    """The rows that are here are not the ones that were signed; the text is one sentence."""


class Chain:
    """One kiosk's. `store`: its journal's id, 32 hex digits, where its first row begins."""

    def __init__(self, connection: Connection, no: int, kiosk: str, store: str) -> None:
        self._connection, self._no, self._kiosk, self._store = connection, no, kiosk, store
        self._columns = Columns()
        self._hashed: dict[int, dict[int, str]] = {}  # batch -> row -> its hash
        self._damaged: list[tuple[int, int, str]] = []  # rows from, to, and why

    def hash(self, seq: int) -> str:
        """64 hex digits; "" in a batch of which the table cannot have a line as it was. Raises Damaged."""
        for rows in self._hashed.values():
            if seq in rows:
                return rows[seq]
        for first, last, why in self._damaged:
            if first <= seq <= last:
                raise Damaged(why)
        ledger = select(BATCH).where(BATCH.c.kiosk_no == self._no, BATCH.c.first <= seq, BATCH.c.last >= seq)
        batch = self._connection.execute(ledger).first()
        if batch is None:
            raise Damaged(f"Row {seq} of {self._kiosk} is here, and no batch in the ledger has it.")
        asked = lines_of(self._no).add_columns(FACT.c.card, FACT.c.amount_minor).where(FACT.c.seq.between(batch.first, batch.last))
        lines = self._connection.execute(asked.order_by(FACT.c.seq)).all()
        found, why = self._rows(batch, lines), ""
        if not self._signed(batch):
            why = f"The ledger's batch {batch.seq} of {self._kiosk} is not the one that it signed."
        elif seq not in found:
            why = f"The rows of batch {batch.seq} of {self._kiosk} are not the ones that it signed: restore them from its original."
        why = why or self._misfiled(batch, lines)
        if why:
            self._damaged.append((batch.first, batch.last, why))
            raise Damaged(why)
        self._hashed[batch.seq] = found
        return found[seq]

    def _rows(self, batch: Any, rows: Sequence[Any]) -> dict[int, str]:
        """Row -> hash; nothing where the chain does not end as the ledger says."""
        before = select(BATCH.c.row_hash).where(BATCH.c.kiosk_no == self._no, BATCH.c.seq == batch.seq - 1)
        chained = self._connection.execute(before).scalar()
        at = bytes.fromhex(chained) if chained else origin(bytes.fromhex(self._store))
        found: dict[int, str] = {}
        unnamed = False
        for row in rows:
            at = link(at, line((row.seq, row.at_ms, row.boot, row.mono_ms), (row.sale, row.name, row.v, row.body.encode())))
            found[row.seq] = at.hex()
            unnamed |= row.kind == UNNAMED  # a name that is none is not in the tables: the original alone has that line
        if unnamed:
            return dict.fromkeys(found, "")
        return found if found.get(batch.last) == batch.row_hash else {}

    def _signed(self, batch: Any) -> bool:
        """Whether the ledger says of this batch what the header of its original does."""
        mine = (ORIGINAL.c.kiosk_no == self._no) & (ORIGINAL.c.seq == batch.seq)
        asked = select(ORIGINAL.c.raw, KIOSK.c.sign).join(KIOSK, KIOSK.c.no == ORIGINAL.c.kiosk_no).where(mine)
        row = self._connection.execute(asked).first()
        try:
            made = taken_apart(bytes(row.raw)) if row else None
            if row is None or made is None or not holds(bytes(row.sign), LABEL, made.header, base64.b64decode(made.signature)):
                return False
            said = msgspec.json.decode(made.header, type=BatchHeader)
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            return False
        listed = (self._kiosk, self._store, batch.seq, batch.first, batch.last, batch.row_hash)
        return (said.kiosk, said.store, said.seq, said.first, said.last, said.head) == listed

    def _misfiled(self, batch: Any, rows: Sequence[Any]) -> str:
        """The first row of the batch whose columns are not what it says; "" where there is none."""
        for row in rows:
            said = self._columns.of(row.name, row.v, row.sale, row.body)
            names = [name for name, kept, now in zip(COLUMNS, (row.card, row.amount_minor), said, strict=True) if kept != now]
            if names and not (row.card is None and row.amount_minor is None and self._waits(batch)):
                return f"Row {row.seq} of {self._kiosk} in table fact: {' and '.join(names)} is not what the row says."
        return ""

    def _waits(self, batch: Any) -> bool:
        """Whether there are rows in it that were not known when they came, and were not read again."""
        mine = (WORK.c.kiosk == self._kiosk) & (WORK.c.what == "unknown") & WORK.c.seq.between(batch.first, batch.last)
        return self._connection.execute(select(WORK.c.seq).where(mine, WORK.c.done_by != "hq reread").limit(1)).first() is not None


class Chains:
    """Of all kiosks, for as long as one looks at one state of the store: each batch is hashed once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._chains: dict[str, Chain] = {}

    def signed(self, kiosk: str, seq: int) -> bool:
        """Whether that row stands here as its kiosk signed it."""
        return not self.damage(kiosk, seq)

    def damage(self, kiosk: str, seq: int) -> str:
        """Why it does not, in one sentence; "" where it does."""
        if kiosk not in self._chains:
            asked = select(KIOSK.c.no, HEAD.c.store).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no).where(KIOSK.c.id == kiosk)
            row = self._connection.execute(asked).one()
            self._chains[kiosk] = Chain(self._connection, row.no, kiosk, row.store)
        try:
            self._chains[kiosk].hash(seq)
        except Damaged as why:
            return str(why)
        return ""


def lines_of(no: int) -> Select[Any]:
    """What a line of a journal is made of, of one kiosk's rows."""
    columns = (FACT.c.seq, FACT.c.at_ms, FACT.c.boot, FACT.c.mono_ms, FACT.c.sale, FACT.c.v, FACT.c.body, FACT.c.kind, KIND.c.name)
    return select(*columns).join(KIND, KIND.c.no == FACT.c.kind).where(FACT.c.kiosk_no == no)
