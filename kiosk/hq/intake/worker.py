"""Shaping in a process of its own, so that the database and the decoding keep a core each. Batches go in and come out in order.

The process knows what an importer knew when it began: the kiosks' keys, the kinds, which days are closed. What has changed since is seen
where it counts, in the transaction. Should the process die, the rest is shaped here.
"""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cached_property

import msgspec

from kiosk.hq.batch_keys import KeyBox
from kiosk.hq.intake.importer import RAW_MAX, Importer
from kiosk.hq.intake.rules import Known
from kiosk.hq.intake.shape import Shaped, Shaper
from kiosk.hq.kiosks import Listed
from kiosk.sync.batch import BatchRefused, opened_batch

CHUNK_BYTES, CHUNK_BATCHES = 32 << 10, 16  # that go in and come out together: a message costs as much as shaping a small batch
DEPTH = 24  # chunks that are under way: as many as keep both busy, and no more memory than that
Outcome = Shaped | BatchRefused


class Brief(msgspec.Struct, frozen=True):
    """All that the process is told."""

    boxes: tuple[KeyBox, ...]
    utility: int
    kiosks: dict[str, Listed]
    numbers: dict[str, int]
    known: Known
    copy: bool
    closed_through: int


class Refusal(msgspec.Struct, frozen=True):
    """A BatchRefused on its way between processes."""

    why: str
    sentence: str
    kiosk: str
    seq: int


class _Desk:
    """The one who shapes, in whichever process."""

    def __init__(self, brief: Brief) -> None:
        self.brief = brief

    @cached_property
    def shaper(self) -> Shaper:
        brief = self.brief
        return Shaper(brief.numbers, brief.known, copy=brief.copy, closed_through=brief.closed_through)

    def shape(self, raw: bytes) -> Shaped | Refusal:
        kiosks = self.brief.kiosks
        try:
            if len(raw) > RAW_MAX:
                raise BatchRefused("unreadable", f"It has {len(raw)} bytes, and no batch has more than {RAW_MAX}.")
            batch = opened_batch(raw, self.brief.boxes, lambda name: kiosks[name].sign if name in kiosks else None)
            if batch.header.utility != self.brief.utility:
                raise BatchRefused("tamper", "It is of another utility's kiosk.", batch.header.kiosk, batch.header.seq)
            return self.shaper.shape(kiosks[batch.header.kiosk].no, batch)
        except BatchRefused as refused:
            return Refusal(refused.why, refused.sentence, refused.kiosk, refused.seq)


_desk: list[_Desk] = []


def _begin(brief: Brief) -> None:
    _desk[:] = [_Desk(brief)]


def _shape(raws: Sequence[bytes]) -> list[Shaped | Refusal]:
    return [_desk[0].shape(raw) for raw in raws]


class Worker:
    """Shapes for one importer; see `beside`."""

    def __init__(self, importer: Importer, pool: ProcessPoolExecutor, desk: _Desk) -> None:
        self._importer, self._pool, self._desk = importer, pool, desk
        self._waiting: deque[tuple[list[bytes], Future[list[Shaped | Refusal]] | None]] = deque()
        self._left = 0  # of a chunk that has come

    @property
    def pid(self) -> int:
        """Of its process; 0 before it has begun."""
        return next(iter(self._pool._processes or {}), 0)  # noqa: SLF001 - the library tells it nowhere else

    def shaped(self, raws: Iterable[bytes]) -> Iterator[tuple[bytes, Outcome]]:
        """Each with what became of it, in order; DEPTH chunks of them are under way while the caller writes."""
        for chunk in _chunks(raws):
            self._waiting.append((chunk, self._begun(chunk)))
            if len(self._waiting) >= DEPTH:
                yield from self._next()
        while self._waiting:
            yield from self._next()

    def ready(self) -> bool:
        """Whether the next one would come without waiting for it."""
        if self._left:
            return True
        under_way = self._waiting[0][1] if self._waiting else None
        return bool(under_way and under_way.done())

    def _next(self) -> Iterator[tuple[bytes, Outcome]]:
        """The next chunk. Whoever would only wait for it shapes the last one meanwhile, as long as there is one that was not begun."""
        first = self._waiting[0][1]
        while first is not None and not first.done() and self._helped():
            pass
        return self._done(*self._waiting.popleft())

    def _helped(self) -> bool:
        for place in range(len(self._waiting) - 1, 0, -1):
            chunk, under_way = self._waiting[place]
            if under_way is not None and under_way.cancel():
                shaped: Future[list[Shaped | Refusal]] = Future()
                shaped.set_result([self._desk.shape(raw) for raw in chunk])
                self._waiting[place] = chunk, shaped
                return True
        return False

    def _begun(self, chunk: Sequence[bytes]) -> "Future[list[Shaped | Refusal]] | None":
        try:
            return self._pool.submit(_shape, chunk)
        except BrokenProcessPool:
            return None

    def _done(self, chunk: Sequence[bytes], under_way: "Future[list[Shaped | Refusal]] | None") -> Iterator[tuple[bytes, Outcome]]:
        try:
            outcomes: Sequence[Shaped | Refusal | None] = under_way.result() if under_way else [None] * len(chunk)
        except BrokenProcessPool:
            outcomes = [None] * len(chunk)
        for left, raw, outcome in zip(range(len(chunk) - 1, -1, -1), chunk, outcomes, strict=True):
            self._left = left
            yield raw, self._outcome(raw, outcome)

    def _outcome(self, raw: bytes, outcome: Shaped | Refusal | None) -> Outcome:
        if outcome is None or (isinstance(outcome, Refusal) and outcome.why == "unknown"):  # enrolled since?
            return self._importer.shaped(raw)
        if isinstance(outcome, Refusal):
            return BatchRefused(outcome.why, outcome.sentence, outcome.kiosk, outcome.seq)
        return outcome


def _chunks(raws: Iterable[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for raw in raws:
        chunk.append(raw)
        size += len(raw)
        if size >= CHUNK_BYTES or len(chunk) >= CHUNK_BATCHES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@contextmanager
def beside(importer: Importer, boxes: Iterable[KeyBox]) -> Iterator[Worker]:
    """A worker for this importer; its process ends with the block."""
    shaper = importer.shaper
    brief = Brief(
        tuple(boxes), importer.store.utility, importer.kiosks, shaper.numbers, importer.known, importer.copy, shaper.closed_through
    )
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=(brief,)) as pool:
        yield Worker(importer, pool, _Desk(brief))
        pool.shutdown(cancel_futures=True)
