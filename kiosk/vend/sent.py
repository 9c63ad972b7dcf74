"""What of this journal has been sealed for the head office, and how far it has acknowledged it. No file, no network: numbers and hashes.

A batch is a run of rows; the runs follow each other without a gap. Rows that only keep these books open no batch: an acknowledgement
would breed the next one for ever. An acknowledgement counts when the head of its batch is the one that this journal has there. It goes down
only in a new epoch of the head office's, which the root has opened: then a backup was put back there, and what it lost is sent again.
"""

from hashlib import sha256
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from kiosk.vend.facts import Checkpointed, Fact, HeadSigned, RoomFact, Row, SaleClosed
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.trust import Trust
from kiosk.vend.witness import Restored

ROWS_MAX = 1_000
ONLINE_MS = 15 * 60_000
OFFLINE_MS = 24 * 60 * 60_000
FEW = 4  # batches that wait: from then on nobody listens every quarter of an hour
NOTHING = "0" * 64


class BatchSealed(RoomFact, frozen=True):
    """Rows `first` to `last` are batch number `batch`, whose header is exactly this text.

    From it, the rows and the station's key, which signs the same bytes the same way, the very batch can be made again.
    """

    batch: int
    first: int
    last: int
    header: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "sent"


class BatchAcked(RoomFact, frozen=True):
    """The head office has all batches up to `batch`, and up to `durable` on another site, too. `row`: the last row of that batch;
    `tendered_minor`: all money of sales that had ended by then; `at_ms`: by the head office's clock."""

    hq_epoch: int
    batch: int
    head: str
    durable: int
    row: int
    tendered_minor: int
    at_ms: int
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "sent"


class AckDisputed(RoomFact, frozen=True):
    """An alarm: the head office acknowledges something that this journal does not say. `why`: head (it has another history under that
    number) | durable (it calls durable what it has not)."""

    why: str
    hq_epoch: int
    batch: int
    head: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "sent"


BOOKKEEPING = (HeadSigned, Checkpointed, BatchSealed, BatchAcked)
"""Rows that alone never open a batch."""


class Sealed(msgspec.Struct, frozen=True):
    """One batch by its numbers. `hash`: of its header; `head`: the chain after row `last`; `totals`: the store's whole life up to there."""

    batch: int
    first: int
    last: int
    hash: str
    head: str
    totals: Lifetime = Lifetime()


class Acked(msgspec.Struct, frozen=True):
    """How far the head office has it; `heard_ms`: by this machine's clock."""

    hq_epoch: int = 0
    batch: int = 0
    row: int = 0
    head: str = NOTHING
    durable: int = 0
    tendered_minor: int = 0
    heard_ms: int = 0


class Sent(msgspec.Struct, frozen=True):
    """`last`: the newest batch; `waiting`: those that were sealed since the last acknowledgement, oldest first.

    `news`: the last row that is worth a batch; `since_ms`: when the oldest such row that is in none was written, 0 without any.
    """

    last: Sealed | None = None
    waiting: tuple[Sealed, ...] = ()
    acked: Acked = Acked()
    news: int = 0
    since_ms: int = 0
    tendered_minor: int = 0  # of all sales that ended
    disputed: AckDisputed | None = None

    @property
    def batch(self) -> int:
        """The number of the newest batch; 0 without any."""
        return self.last.batch if self.last else 0

    @property
    def row(self) -> int:
        """The last row that is in one."""
        return self.last.last if self.last else 0

    @property
    def unsent_rows(self) -> int:
        """Rows that the head office has not acknowledged, 0 where only books are kept in them."""
        return max(self.news - self.acked.row, 0)

    @property
    def unsent_minor(self) -> int:
        """Money of ended sales of which it has not acknowledged the end."""
        return self.tendered_minor - self.acked.tendered_minor


def follow(sent: Sent, fact: Fact, row: Row) -> Sent:
    """Every row but the books' own is news."""
    if isinstance(fact, BOOKKEEPING):
        return sent
    tendered_minor = sent.tendered_minor + (fact.tender_minor if isinstance(fact, SaleClosed) else 0)
    return replace(sent, news=row.seq, since_ms=sent.since_ms or row.at_ms or 1, tendered_minor=tendered_minor)


def fold(sent: Sent, fact: RoomFact, row: Row) -> Sent:
    """The last word counts; whoever tells it has compared it."""
    match fact:
        case BatchSealed():
            sealed = sealed_by(fact)
            return replace(sent, last=sealed, waiting=(*sent.waiting, sealed), since_ms=(row.at_ms or 1) if sent.news > fact.last else 0)
        case BatchAcked():
            acked = Acked(fact.hq_epoch, fact.batch, fact.row, fact.head, fact.durable, fact.tendered_minor, row.at_ms)
            return replace(sent, acked=acked, waiting=tuple(one for one in sent.waiting if one.batch > fact.batch), disputed=None)
        case AckDisputed():
            return replace(sent, disputed=fact)
    return sent


class _Header(msgspec.Struct, frozen=True):
    head: str = NOTHING
    totals: Lifetime = Lifetime()


def sealed_by(fact: BatchSealed) -> Sealed:
    """What the fact says of its batch; adding up refuses nothing, so a header that is none says that it knows nothing."""
    text = fact.header.encode()
    try:
        said = msgspec.json.decode(text, type=_Header)
    except msgspec.MsgspecError:
        said = _Header()
    return Sealed(fact.batch, fact.first, fact.last, sha256(text).hexdigest(), said.head, said.totals)


# ---------------------------------------------------------------- when, and whether to believe


def due(sent: Sent, now_ms: int) -> bool:
    """Shall a batch be made of what is in none: a thousand rows, a quarter of an hour, or where nobody answers a day."""
    if sent.news <= sent.row:
        return False
    age_ms = abs(now_ms - sent.since_ms)  # a clock that was set back must not hold anything up
    return sent.news - sent.row >= ROWS_MAX or age_ms >= (ONLINE_MS if len(sent.waiting) < FEW else OFFLINE_MS)


def sealing(sent: Sent, batch: int, first: int, last: int, header: str) -> tuple[Fact, ...]:
    """The fact of a batch whose bytes are kept; none where it is not the next one."""
    follows = batch == sent.batch + 1 and sent.row + 1 == first <= last
    return (BatchSealed(batch, first, last, header),) if follows else ()


class Acknowledged(msgspec.Struct, frozen=True):
    """What a signed acknowledgement says, and `own`: what this journal says of that batch, None where it made none of that number."""

    hq_epoch: int
    batch: int
    head: str
    durable: int
    at_ms: int
    own: Sealed | None = None


def acknowledged(sent: Sent, trust: Trust, said: Acknowledged) -> tuple[Fact, ...]:
    """What it comes to; nothing where it says nothing new, or is of an epoch that the root has not opened to this kiosk."""
    held = sent.acked
    if said.hq_epoch > (trust.keys.epoch if trust.keys else 0) or said.hq_epoch < held.hq_epoch:
        return ()
    if said.batch > sent.batch:
        return (Restored("ack", sent.batch, said.batch),)
    own = said.own if said.batch else Sealed(0, 0, 0, NOTHING, NOTHING)
    if own is None or own.head != said.head:
        return _disputed(sent, "head", said)
    if said.durable > said.batch:
        return _disputed(sent, "durable", said)
    durable = said.durable
    if said.hq_epoch == held.hq_epoch:
        durable = max(durable, held.durable)
        if (said.hq_epoch, said.batch, durable) <= progress(sent) or said.batch < held.batch:
            return ()
    return (BatchAcked(said.hq_epoch, said.batch, said.head, durable, own.last, own.totals.tendered_minor, said.at_ms),)


def progress(sent: Sent) -> tuple[int, int, int]:
    """(epoch, batch, durable): no acknowledgement of the same epoch that is at or below it says anything new."""
    return sent.acked.hq_epoch, sent.acked.batch, sent.acked.durable


def _disputed(sent: Sent, why: str, said: Acknowledged) -> tuple[Fact, ...]:
    """Once, as long as nothing else comes."""
    fact = AckDisputed(why, said.hq_epoch, said.batch, said.head)
    return () if sent.disputed == fact else (fact,)
