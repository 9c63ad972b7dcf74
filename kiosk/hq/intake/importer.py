"""Batches come in: each becomes rows once, or nothing, whoever brings it how often, in whatever order, beside however many others.

One transaction takes a group: the heads of its kiosks move from just where they were, and with them come ledger, facts, sales, sums and
originals. Where one batch of a group is not simply the next one, nothing of the group happens, and each is taken by itself.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, delete, select

from kiosk.envelope import Box
from kiosk.hq import kiosks
from kiosk.hq.intake.ledger import Judged, Verdict, followed, judged
from kiosk.hq.intake.rules import Known
from kiosk.hq.intake.shape import Shaped, Shaper
from kiosk.hq.intake.writing import LOUD, Flagged, Miss, closed_through, forked, keep_apart, park, write
from kiosk.hq.log.office import LOG
from kiosk.hq.schema import BATCH, HEAD, KIOSK, PARKED
from kiosk.hq.store import Store
from kiosk.sync.ack import LISTED_MAX, Ack, made_ack
from kiosk.sync.batch import BODY_MAX, NO_BATCH, Batch, BatchRefused, checked_batch, opened_batch

RAW_MAX = BODY_MAX + (32 << 10)
GROUP_ROWS, GROUP_BATCHES = 10_000, 64  # of one transaction, at most
GROUP_WORTH = 2_000  # rows for which no transaction waits longer
UNPARKED_AT_ONCE = 16
NOBODY = ""
IMPORTED = (Verdict.OK, Verdict.EXCEPTION)
HERE = (*IMPORTED, Verdict.REPLAY)

# every batch asks these: they are made once, and not for each
_NUMBER: BindParameter[int] = bindparam("number")
_NUMBERS: BindParameter[list[int]] = bindparam("numbers", expanding=True)
_SEQS: BindParameter[list[int]] = bindparam("seqs", expanding=True)
_WAITED_FOR = select(PARKED.c.kiosk_no).where(PARKED.c.kiosk_no.in_(_NUMBERS)).distinct().order_by(PARKED.c.kiosk_no)
_LEDGER = select(BATCH.c.kiosk_no, BATCH.c.seq, BATCH.c.hash).where(BATCH.c.kiosk_no.in_(_NUMBERS) & BATCH.c.seq.in_(_SEQS))
_HEAD = select(HEAD.c.seq, HEAD.c.hash).where(HEAD.c.kiosk_no == _NUMBER)
_PARKED = select(PARKED.c.raw).where(PARKED.c.kiosk_no == _NUMBER, PARKED.c.seq <= bindparam("seq"))
_NEXT_PARKED = _PARKED.order_by(PARKED.c.seq, PARKED.c.hash).limit(UNPARKED_AT_ONCE)
_ACKNOWLEDGED = select(HEAD, KIOSK.c.durable_seq).join(KIOSK, KIOSK.c.no == HEAD.c.kiosk_no).where(KIOSK.c.id == bindparam("kiosk"))
_WAITING = select(PARKED.c.seq).where(PARKED.c.kiosk_no == _NUMBER).distinct().order_by(PARKED.c.seq).limit(LISTED_MAX)
_RECENT = (BATCH.c.kiosk_no == _NUMBER) & (BATCH.c.seq > bindparam("seq")) & (BATCH.c.flagged > 0)
_EXCEPTIONS = select(BATCH.c.seq).where(_RECENT).order_by(BATCH.c.seq)

Signer = Callable[[str, bytes], bytes]
"""Label and bytes -> 64 bytes."""


class Taken(msgspec.Struct, frozen=True):
    """What became of one file. `ack`: for the kiosk, None where nothing is acknowledged; `sentence`: for whoever looks after it.

    `kiosk` and `seq` are what the file says, "" and 0 where it says nothing that can be read; `store` is its kiosk's where there is
    something to acknowledge. `rows` were imported; `also`: what became of batches that had waited for this one.
    """

    verdict: Verdict
    kiosk: str
    seq: int
    ack: bytes | None = None
    sentence: str = ""
    store: str = ""
    rows: int = 0
    also: tuple[Verdict, ...] = ()

    @property
    def more(self) -> int:
        """How many that had waited were imported with it."""
        return sum(verdict in IMPORTED for verdict in self.also)


class Importer:
    """Takes batches into one store. `boxes`: every key of the head office's that a batch may be boxed to; `signer`: the ACK key's."""

    def __init__(self, store: Store, boxes: Sequence[Box], signer: Signer, known: Known | None = None, *, copy: bool = True) -> None:
        """`copy`: whether PostgreSQL's COPY may be used. Raises StoreError."""
        self.store, self.boxes, self._signer, self.known = store, tuple(boxes), signer, known or Known()
        self.numbers = kiosks.numbered(store)
        self.kiosks = store.read(kiosks.listed)
        self.copy = copy and store.postgresql
        self.shaper = Shaper(self.numbers, self.known, copy=self.copy, closed_through=store.read(closed_through))

    # ------------------------------------------------------------ one file

    def take(self, raw: bytes, now_ms: int) -> Taken:
        """One file, as a courier brought it, with its acknowledgement. Raises StoreError; whatever the file holds is a verdict."""
        (taken,) = self.take_all([self.shaped(raw)], [raw], now_ms)
        if not taken.store:
            return taken
        return msgspec.structs.replace(taken, ack=self.ack(taken.kiosk, taken.store, now_ms))

    def take_all(self, shaped: Sequence[Shaped | BatchRefused], raws: Sequence[bytes], now_ms: int) -> list[Taken]:
        """Several that were shaped, in this order, without acknowledgements; in one transaction if all is as it should be."""
        good = [each for each in shaped if isinstance(each, Shaped)]
        together = self._together(good, now_ms)
        if good and not together:
            together = {id(each): _taken(each, Judged(Verdict.REPLAY), 0) for each in self._here(good)}
            together |= self._together([each for each in good if id(each) not in together], now_ms) if together else {}
        taken, closing = [], dict[int, int]()
        for each, raw in zip(shaped, raws, strict=True):
            if isinstance(each, BatchRefused):
                taken.append(self._refused(raw, each, now_ms))
                continue
            taken.append(together.get(id(each)) or self._alone(each, now_ms))
            if taken[-1].verdict in HERE:  # a replay, too: whoever imported it may have died before it looked at what waits
                closing[each.kiosk_no] = len(taken) - 1  # the last one here: whatever still waits is taken after it
        for kiosk_no in self._waited_for(closing):
            at = closing[kiosk_no]
            taken[at] = msgspec.structs.replace(taken[at], also=self._unpark(kiosk_no, now_ms))
        return taken

    def _waited_for(self, numbers: Iterable[int]) -> list[int]:
        """Those of these kiosks of which anything is parked."""
        asked = {"numbers": list(numbers)}
        return self.store.read(lambda connection: list(connection.execute(_WAITED_FOR, asked).scalars())) if numbers else []

    def _here(self, good: Sequence[Shaped]) -> list[Shaped]:
        """Those that the ledger has already: it never changes, so no transaction need be asked again."""
        asked = {"numbers": list({each.kiosk_no for each in good}), "seqs": list({each.header.seq for each in good})}
        here = {tuple(row) for row in self.store.read(lambda connection: connection.execute(_LEDGER, asked).all())}
        return [each for each in good if (each.kiosk_no, each.header.seq, each.hash) in here]

    def shaped(self, raw: bytes) -> Shaped | BatchRefused:
        """Opened, checked and shaped, or why not."""
        try:
            if len(raw) > RAW_MAX:
                raise BatchRefused("unreadable", f"It has {len(raw)} bytes, and no batch has more than {RAW_MAX}.")
            return self._shape(opened_batch(raw, self.boxes, self._sign_key))
        except BatchRefused as refused:
            return refused

    def _shape(self, batch: Batch) -> Shaped:
        """Raises BatchRefused."""
        header = batch.header
        if header.utility != self.store.utility:
            raise BatchRefused("tamper", "It is of another utility's kiosk.", header.kiosk, header.seq)
        return self.shaper.shape(self.kiosks[header.kiosk].no, batch)

    def _sign_key(self, kiosk: str) -> bytes | None:
        if kiosk not in self.kiosks:  # enrolled since this importer began?
            self.kiosks = self.store.read(kiosks.listed)
        found = self.kiosks.get(kiosk)
        return found.sign if found else None

    # ------------------------------------------------------------ transactions

    def _together(self, group: Sequence[Shaped], now_ms: int) -> dict[int, Taken]:
        """All of them in one transaction, by the identity of each; nothing where one is not simply the next of its kiosk."""

        def work(connection: Connection) -> Flagged | None:
            heads = kiosks.heads(connection, {each.kiosk_no for each in fresh}, lock=True)
            at = {number: head for number, (head, _) in heads.items()}
            for each in fresh:
                if judged(at[each.kiosk_no], each.header, each.hash, None).verdict is not Verdict.OK:
                    return None
                at[each.kiosk_no] = followed(at[each.kiosk_no], each.header, each.hash)
            return write(connection, fresh, heads, now_ms)

        if not group:
            return {}
        fresh = [self._numbered(each) for each in group]
        try:
            flagged = self.store.transact(work)
        except Miss:
            flagged = None
        if flagged is None:
            return {}
        return {id(old): _taken(new, _verdict(flagged, new), new.header.rows) for old, new in zip(group, fresh, strict=True)}

    def _alone(self, shaped: Shaped, now_ms: int, *, parked: bool = False) -> Taken:
        """One batch in its own transaction, with its verdict; one that was parked is so no more."""

        def work(connection: Connection) -> Judged:
            number, seq = fresh.kiosk_no, fresh.header.seq
            heads = kiosks.heads(connection, [number], lock=True)
            if parked:
                connection.execute(delete(PARKED).where(PARKED.c.kiosk_no == number, PARKED.c.seq == seq, PARKED.c.hash == fresh.hash))
            here = connection.execute(select(BATCH.c.hash).where(BATCH.c.kiosk_no == number, BATCH.c.seq == seq)).scalar()
            verdict = judged(heads[number][0], fresh.header, fresh.hash, here)
            if verdict.verdict is Verdict.OK:
                return _verdict(write(connection, [fresh], heads, now_ms), fresh)
            if verdict.verdict is Verdict.GAP:
                return park(connection, fresh, verdict, now_ms)
            if verdict.verdict is not Verdict.REPLAY:
                forked(connection, fresh, verdict, now_ms)
            return verdict

        fresh = self._numbered(shaped)
        verdict = self.store.transact(work)
        return _taken(fresh, verdict, fresh.header.rows if verdict.verdict in IMPORTED else 0)

    def _numbered(self, shaped: Shaped) -> Shaped:
        """With a number for every kind: a name that was never heard before gets one first."""
        if not set(shaped.named) - self.numbers.keys():
            return shaped if not shaped.named else self._again(shaped)
        self.numbers = kiosks.numbered(self.store, shaped.named)
        self.shaper.numbers = dict(self.numbers)
        return self._again(shaped)

    def _again(self, shaped: Shaped) -> Shaped:
        return self._shape(checked_batch(shaped.clear, self._sign_key))

    def _unpark(self, kiosk_no: int, now_ms: int) -> tuple[Verdict, ...]:
        """Whatever waited for what has just come, and what became of it. Of two under one number the one that follows goes first."""

        def waiting(connection: Connection) -> list[bytes]:
            head = connection.execute(_HEAD, {"number": kiosk_no}).one()
            found = connection.execute(_NEXT_PARKED, {"number": kiosk_no, "seq": head.seq + 1}).scalars()
            return sorted(map(bytes, found), key=lambda raw: f'"prev":"{head.hash}"'.encode() not in raw)

        verdicts = []
        while raws := self.store.read(waiting):
            taken = self._alone(self._shape(checked_batch(raws[0], self._sign_key)), now_ms, parked=True)
            verdicts.append(taken.verdict)
        return tuple(verdicts)

    def _refused(self, raw: bytes, refused: BatchRefused, now_ms: int) -> Taken:
        """Nobody may believe it: kept apart, if it is no larger than a batch may be. A kiosk's name in it counts where there is that kiosk.

        One of a version that this software does not know waits at its kiosk, which is not acknowledged.
        """
        kiosk = refused.kiosk if refused.kiosk in self.kiosks else NOBODY
        if refused.why == "newer":
            return Taken(Verdict.GAP, kiosk, refused.seq, None, refused.sentence)
        verdict = Judged(Verdict.TAMPER, refused.sentence)
        kept = raw if len(raw) <= RAW_MAX else b""
        self.store.transact(lambda connection: keep_apart(connection, kept, (kiosk, refused.seq), verdict, now_ms))
        return Taken(Verdict.TAMPER, kiosk, refused.seq, None, refused.sentence)

    # ------------------------------------------------------------ acknowledgements

    def ack(self, kiosk: str, store: str, now_ms: int) -> bytes | None:
        """How far the journal of this kiosk's store has come, signed; None where another store's stands here. Raises StoreError."""

        def work(connection: Connection) -> Ack | None:
            head = connection.execute(_ACKNOWLEDGED, {"kiosk": kiosk}).first()
            if head is None or head.store not in ("", store):
                return None
            mine = {"number": head.kiosk_no}
            return Ack(
                kiosk=kiosk,
                store=store,
                hq_epoch=self.store.epoch,
                contiguous_seq=head.seq,
                head_hash=head.row_hash or NO_BATCH,
                durable_through=min(head.durable_seq, head.seq),
                at_ms=now_ms,
                parked=tuple(connection.execute(_WAITING, mine).scalars()),
                exceptions=tuple(connection.execute(_EXCEPTIONS, mine | {"seq": head.seq - LISTED_MAX}).scalars()),
                log=msgspec.structs.astuple(LOG.head(connection)),
            )

        ack = self.store.read(work)
        return made_ack(ack, self._signer) if ack else None


def _taken(shaped: Shaped, verdict: Judged, rows: int) -> Taken:
    believed = verdict.verdict not in (Verdict.TAMPER, Verdict.FORK)
    header = shaped.header
    return Taken(verdict.verdict, header.kiosk, header.seq, None, verdict.sentence, header.store if believed else "", rows)


def _verdict(flagged: Flagged, shaped: Shaped) -> Judged:
    """Of a batch that was imported."""
    loud = [flag for flag in flagged.get((shaped.kiosk_no, shaped.header.seq), ()) if flag.rule in LOUD]
    return Judged(Verdict.EXCEPTION, f"Row {loud[0].seq}: {loud[0].sentence}") if loud else Judged(Verdict.OK)


def grouped(
    shaped: Iterable[tuple[bytes, Shaped | BatchRefused]], ready: Callable[[], bool] = lambda: True
) -> Iterator[list[tuple[bytes, Shaped | BatchRefused]]]:
    """As many at a time as one transaction takes. `ready`: whether the next one is there; else what is worth a transaction goes at once."""
    group: list[tuple[bytes, Shaped | BatchRefused]] = []
    rows = 0
    for raw, each in shaped:
        group.append((raw, each))
        rows += each.header.rows if isinstance(each, Shaped) else 0
        if rows >= GROUP_ROWS or len(group) >= GROUP_BATCHES or (rows >= GROUP_WORTH and not ready()):
            yield group
            group, rows = [], 0
    if group:
        yield group
