"""One round of a way to the head office: what waits goes up, what lies there for us comes down. Whatever the way is.

Nothing is lost by a round that ends anywhere: a batch waits until its acknowledgement has been believed by the core, and goes again if it
has to; a letter is kept when it is whole, and goes on from where it was cut. The other end may lie: whatever it tells has a limit.
"""

import hashlib
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kiosk.sync.folder import FolderError
from kiosk.sync.spool import ACK, ACK_MAX, EVERYBODY, ITEM_MAX, KEPT_A_KIND, Spool, Waiting, ack_name, letter_name
from kiosk.sync.standing import Carried

AGAIN_S = 900.0  # a batch that was carried and still waits goes again: its acknowledgement was lost, or not believed
ACKS_SOUGHT = 3  # an acknowledgement says everything that an older one says
ROUND_S = 600.0  # for what comes down; the rest comes in the next round


class CarryFailed(Exception):
    """This way does not work now; the text is one sentence. It is tried again later.

    `code`, for a screen that speaks other languages: unreachable | silent | stranger (it is another server) | not_let_in |
    server (it refuses) | garbled (it says what makes no sense) | setup (the configuration) | broken (the connection broke) | disk (ours).
    """

    def __init__(self, sentence: str, code: str = "garbled") -> None:
        super().__init__(sentence)
        self.code = code


class NotTaken(Exception):
    """This one batch is not taken there; the text is one sentence. The others may be."""


class Offered(msgspec.Struct, frozen=True):
    """A letter that lies there: where, its name and bytes, and its hash where this way knows one."""

    place: Annotated[str, Meta(max_length=8)]
    name: Annotated[str, Meta(max_length=64)]
    size: Annotated[int, Meta(ge=0, le=ITEM_MAX)]
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = ""


class Carrier(Protocol):
    """An open way. Methods raise CarryFailed, and all of them end."""

    async def put(self, seq: int, raw: bytes) -> bytes | None:
        """Bring a batch there; the acknowledgement where it is answered with one. Raises NotTaken."""

    async def offered(self) -> list[Offered]:
        """What lies there for everybody and for this kiosk."""

    def fetched(self, letter: Offered, offset: int) -> AsyncGenerator[bytes, None]:
        """Its bytes from there on, in parts."""


class Memory:
    """What a courier knows of a way until it ends: what it brought there, what was not taken. A new one brings everything again."""

    def __init__(self) -> None:
        self.batches: dict[int, Carried] = {}
        self._marks: dict[int, tuple[tuple[int, int], float]] = {}
        self._acks: dict[str, tuple[str, float]] = {}

    def due(self, waiting: list[Waiting], now_s: float) -> list[Waiting]:
        """What is to be carried now; and what is gone is forgotten."""
        here = {one.seq for one in waiting}
        for seq in set(self._marks) - here:
            del self._marks[seq], self.batches[seq]
        return [one for one in waiting if not self._carried(one, now_s)]

    def _carried(self, one: Waiting, now_s: float) -> bool:
        mark, at_s = self._marks.get(one.seq, (None, 0.0))
        return mark == one.mark and now_s - at_s < AGAIN_S

    def note(self, one: Waiting, carried: Carried) -> None:
        """What became of a batch."""
        self.batches[one.seq], self._marks[one.seq] = carried, (one.mark, time.monotonic())

    def again(self) -> None:
        """Everything that waits goes again."""
        self._marks, self._acks = dict.fromkeys(self._marks, ((0, 0), 0.0)), {}

    def new_ack(self, name: str, raw: bytes) -> bool:
        """The core takes acknowledgements away: one that lies there for weeks need not come with every round."""
        digest, now_s = hashlib.sha256(raw).hexdigest(), time.monotonic()
        before, at_s = self._acks.get(name, ("", 0.0))
        if before == digest and now_s - at_s < AGAIN_S:
            return False
        self._acks = {**dict(list(self._acks.items())[-ACKS_SOUGHT:]), name: (digest, now_s)}
        return True


async def exchange(spool: Spool, carrier: Carrier, way: str, memory: Memory) -> None:
    """One round. Raises CarryFailed, FolderError (the spool's own disk)."""
    for one in memory.due(spool.waiting(), time.monotonic()):
        await _up(spool, carrier, way, memory, one)
    until_s = time.monotonic() + ROUND_S
    for letter in wanted(spool, await carrier.offered()):
        if time.monotonic() > until_s:
            return
        await _down(spool, carrier, memory, letter)


async def _up(spool: Spool, carrier: Carrier, way: str, memory: Memory, one: Waiting) -> None:
    try:
        raw = spool.sealed(one.seq)
    except FolderError:  # the core took it away meanwhile
        return
    try:
        ack = await carrier.put(one.seq, raw)
    except NotTaken as refused:
        memory.note(one, Carried("refused", way, _now_ms(), str(refused)))
        return
    if ack is not None:
        name = ack_name(ack)
        if name is None:
            raise CarryFailed("The other end answers with something that is no acknowledgement.")
        spool.came(spool.kiosk, name, ack)
    memory.note(one, Carried("sent", way, _now_ms()))


def wanted(spool: Spool, offered: list[Offered]) -> list[Offered]:
    """What of it is for this kiosk, well named, and not here: acknowledgements first, then the small ones."""
    kinds: dict[tuple[str, str], list[tuple[tuple[int, int], Offered]]] = {}
    for letter in offered:
        said = letter_name(letter.name)
        if said and letter.place in (EVERYBODY, spool.kiosk) and letter.size <= ITEM_MAX:
            kinds.setdefault((letter.place, said.kind), []).append((said.number, letter))
    found = []
    for (_, kind), letters in kinds.items():
        newest = sorted(letters, key=lambda one: one[0])[-(ACKS_SOUGHT if kind == ACK else KEPT_A_KIND) :]
        found += [letter for _, letter in newest if kind == ACK or not spool.here(letter.place, letter.name, letter.size)]
    return sorted(found, key=lambda letter: (not letter.name.startswith(f"{ACK}-"), letter.size))


async def _down(spool: Spool, carrier: Carrier, memory: Memory, letter: Offered) -> None:
    is_ack = letter.name.startswith(f"{ACK}-")
    if is_ack and letter.size > ACK_MAX:
        return
    held = bytearray(b"" if is_ack else spool.part(letter.place, letter.name, letter.size))
    if len(held) < letter.size:
        async with aclosing(carrier.fetched(letter, len(held))) as parts:  # closed while the other end still answers
            async for more in parts:
                if len(held) + len(more) > letter.size:
                    spool.forget(letter.place, letter.name)
                    raise CarryFailed(f"{letter.name} has more bytes than the other end said.")
                if not is_ack:
                    spool.more(letter.place, letter.name, len(held), more)
                held += more
    whole = bytes(held)
    if len(whole) < letter.size:
        raise CarryFailed(f"{letter.name} ended early; the rest comes next time.", "broken")
    if letter.sha256 and hashlib.sha256(whole).hexdigest() != letter.sha256:
        spool.forget(letter.place, letter.name)
        raise CarryFailed(f"{letter.name} is not what the other end said.")
    if not is_ack or memory.new_ack(letter.name, whole):
        spool.came(letter.place, letter.name, whole)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
