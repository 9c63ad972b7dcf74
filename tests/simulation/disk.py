"""A kiosk's disk and the journal upon it: the product's own `Journal` over blocks that may be torn, lost, misdirected, or put back.

One block is one transaction and knows its place, as a page of the store carries its number under its HMAC: what is torn or stands in a
wrong place is seen when it is read. A write is safe when it returns, unless the disk lies. A power cut comes before a write, inside it, or
after it, before anybody knows.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self

from kiosk.vend.journal import INSERT, Journal
from kiosk.vend.rows import STORE_ID_BYTES, StoreCreated, kinds, origin
from kiosk.vend.store import StoreDamaged

KNOWN = kinds()

Values = tuple[int, int, int, int, str | None, str, int, bytes, bytes]
"""A row's columns, its hash last."""


class PowerCut(BaseException):
    """The machine is off: nothing of it runs on, whatever it would catch."""


class Block(NamedTuple):
    """What one transaction wrote, and where: rows, and the state that was stored with them."""

    place: int
    rows: tuple[Values, ...]
    state: bytes | None = None


TORN = Block(-1, ())
NOTHING = Block(-2, ())


class Disk:
    """Blocks in order. Its image is everything that could be copied off it."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.kept = 0  # blocks that are on the plate; the others are lost when a disk that lied loses power
        self.cut = ""  # before | torn | after: what becomes of the next write
        self.lies = 0  # so many syncs from now are answered and not done
        self.astray = False  # the next write lands on an older block

    def write(self, rows: tuple[Values, ...], state: bytes | None) -> None:
        """One transaction, durable on return. Raises PowerCut."""
        cut, self.cut = self.cut, ""
        if cut == "before":
            raise PowerCut
        block = Block(len(self.blocks), rows, state)
        if cut == "torn":
            self.blocks.append(TORN)
            raise PowerCut
        if self.astray and len(self.blocks) > 2:
            self.astray = False
            self.blocks[len(self.blocks) // 2] = block
            block = NOTHING
        self.blocks.append(block)
        if self.lies:
            self.lies -= 1
        elif self.kept == len(self.blocks) - 1:
            self.kept = len(self.blocks)
        if cut == "after":
            raise PowerCut

    def fail(self, chance: Random) -> bool:
        """The power is gone: of what the disk only said it had, a beginning is there. True if something is not as it said."""
        had, torn = len(self.blocks), NOTHING in self.blocks
        if self.kept < had and self.blocks[self.kept] is not TORN:
            del self.blocks[chance.randint(self.kept, had) :]
        lost = len(self.blocks) < had
        self.cut, self.lies, self.astray, self.kept = "", 0, False, len(self.blocks)
        return lost or torn

    def read(self) -> Iterator[Block]:
        """Every whole transaction. A last one that is torn was never committed; anything else that is not as written is damage."""
        if self.blocks and self.blocks[-1] is TORN:
            self.blocks.pop()
            self.kept = len(self.blocks)
        for place, block in enumerate(self.blocks):
            if block.place != place:
                raise StoreDamaged(f"Block {place} is not as it was written.")
            yield block

    def image(self) -> list[Block]:
        """A copy of the plate."""
        return list(self.blocks[: self.kept])

    def put_back(self, image: list[Block]) -> None:
        """Somebody wrote an old copy over it."""
        self.blocks, self.kept = list(image), len(image)


class DiskJournal(Journal):
    """The product's journal: only its three ways to the database go to the blocks instead."""

    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(Path(name), None, None)  # type: ignore[arg-type]
        self.disk = disk
        self._stored: list[Values] = []
        self.written = 0  # rows that are in a block
        self._state: bytes | None = None
        self._states: list[tuple[int, bytes]] = []
        self._known = KNOWN

    @classmethod
    def on(cls, name: str, disk: Disk, at_ms: int, chance: Random) -> Self:
        """Open what is there, or make a new store. Raises StoreDamaged, PowerCut."""
        journal = cls(name, disk)
        for block in disk.read():
            journal._stored += block.rows
            journal._checkpointed(block.state)
        journal.written = len(journal._stored)
        if journal._stored:
            first = next(journal.rows(1, 1)).fact
            if not isinstance(first, StoreCreated):
                raise StoreDamaged("The journal has lost its first row.", 1)
            journal.store_id = bytes.fromhex(first.store)
            journal._head = (journal._stored[-1][0], journal._stored[-1][8])
        else:
            journal.store_id = chance.randbytes(STORE_ID_BYTES)
            journal._head = (0, origin(journal.store_id))
            journal.append(at_ms, 0, 0, (StoreCreated(journal.store_id.hex()),))
            journal.commit()
        return journal

    def _checkpointed(self, state: bytes | None) -> None:
        if state is not None:
            self._states = [(self._stored[-1][0], state), *self._states[:1]]

    def _write(self, statement: str, values: list[tuple[Any, ...]] | None = None) -> None:
        if self._failed:
            raise StoreDamaged("The store failed before; start the kiosk again.")
        self._pending = True
        if statement == INSERT:
            self._stored += values or ()
        elif statement.startswith("INSERT INTO checkpoint") and values:
            self._state = values[0][1]
        elif statement == "COMMIT":
            state, self._state, self._failed = self._state, None, True
            self.disk.write(tuple(self._stored[self.written :]), state)
            self._failed, self.written = False, len(self._stored)
            self._checkpointed(state)

    def _value(self, statement: str, *values: int) -> Any:
        if statement.startswith("SELECT boot"):
            return self._stored[-1][2]
        if statement.startswith("SELECT hash"):
            return self._stored[values[0] - 1][8] if 0 < values[0] <= len(self._stored) else None
        if statement.startswith("SELECT max(seq) FROM checkpoint"):
            return self._states[0][0] if self._states else None
        raise NotImplementedError(statement)

    def _batches(self, statement: str, *values: object) -> Iterator[Sequence[Sequence[Any]]]:
        if "kind = ?" in statement:
            yield [row for row in self._stored if row[5] == values[0]]
            return
        if "seq BETWEEN" not in statement:
            raise NotImplementedError(statement)
        first, last = values
        assert isinstance(first, int)
        assert isinstance(last, int)
        yield self._stored[first - 1 : last]

    def beside(self) -> "DiskJournal":
        """The same to read from: what is committed."""
        other = DiskJournal(str(self.path), self.disk)
        other.store_id, other._stored = self.store_id, self._stored[: self.written]
        if other._stored:
            other._head = (other._stored[-1][0], other._stored[-1][8])
        other._failed = True
        return other

    def checkpoints(self) -> list[tuple[int, bytes]]:
        """(seq, state), newest first."""
        return list(self._states)

    def close(self) -> None:
        """Commit what is pending."""
        if not self._failed:
            self.commit()
