"""The post at the counter: the queue and the ways as maintenance screens show them, and what staff want of the courier.

Whoever asks waits a while for what comes of it, never for ever: the courier is another process, and it may be dead.
"""

import time
from collections.abc import Callable

from kiosk.sync.folder import FolderError
from kiosk.sync.spool import Ask, Spool
from kiosk.sync.standing import Queued, Standing, Way, queue, told
from kiosk.vend.operators.standing import Found
from kiosk.vend.staff import Cell, Count, Plain, Status, Table, Word

SEAL_S, TRIP_S = 10.0, 30.0
LOOK_S = 0.1
ASKED: dict[str, Ask] = {"sync.now": "now", "sync.export": "export", "sync.import": "import"}

Row = tuple[Cell, ...]


class Counter:
    """`moment`: a time as the kiosk's own wall shows it. Any thread, which waits."""

    def __init__(self, spool: Spool, moment: Callable[[int], Cell], *, seal_s: float = SEAL_S, trip_s: float = TRIP_S) -> None:
        self._spool, self._moment = spool, moment
        self._seal_s, self._trip_s = seal_s, trip_s

    def answer(self, operation: str) -> Found:
        """The post as it stands, "" for no more than that; or after what was asked of the courier, and what came of it."""
        try:
            notice = self._asked(ASKED[operation]) if operation else ""
            return Found(table(self._spool, self._moment), notice=notice)
        except FolderError:
            return Found(notice="post_disk")

    def _asked(self, what: Ask) -> str:
        if what != "import":
            self._spool.ask_to_seal()
            waits(lambda: not self._spool.wants_seal(), self._seal_s)
        began_ms = time.time_ns() // 1_000_000
        self._spool.ask(what)
        if not waits(lambda: _over(told(self._spool), what, began_ms), self._trip_s):
            return "post_no_courier"
        standing = told(self._spool)
        if what != "now":
            return f"post_{what}" if standing and standing.stick and standing.stick.ok else f"post_not_{what}"
        return "post_not_now" if standing and any(way.code for way in standing.ways.values()) else "post_now"


def waits(holds: Callable[[], bool], most_s: float) -> bool:
    """Whether it came to hold in that time."""
    until_s = time.monotonic() + most_s
    while not holds():
        if time.monotonic() >= until_s:
            return False
        time.sleep(LOOK_S)
    return True


def _over(standing: Standing | None, what: Ask, began_ms: int) -> bool:
    if standing is None:
        return False
    if what == "now":
        return all(way.tried_ms >= began_ms for way in standing.ways.values()) and standing.at_ms >= began_ms
    return standing.stick is not None and standing.stick.what == what and standing.stick.over_ms >= began_ms


def table(spool: Spool, moment: Callable[[int], Cell]) -> Table:
    """The queue in one line, and whether the core does its half; the ways, the stick, then each batch with its reason. Its money stands in
    the head of the screen."""
    standing, waiting = told(spool), spool.waiting()
    lines = queue(waiting, standing)
    note: Cell = Word("post.why.core") if spool.trouble() else Plain("")
    whole: Row = (Word("post.queue"), Count(len(lines)), moment(lines[0].since_ms if lines else 0), note)
    ways = [_way(name, way, moment) for name, way in (standing.ways if standing else {}).items()]
    return Table(("post", "state", "since", "note"), (whole, *ways, *_stick(standing, moment), *(_batch(line, moment) for line in lines)))


def _way(name: str, way: Way, moment: Callable[[int], Cell]) -> Row:
    state = Status("BAD" if way.code else "OK" if way.worked_ms else "WAIT")
    return Word(f"post.{name}"), state, moment(way.worked_ms), Word(f"post.why.{way.code}") if way.code else Plain("")


def _stick(standing: Standing | None, moment: Callable[[int], Cell]) -> tuple[Row, ...]:
    trip = standing.stick if standing else None
    if trip is None:
        return ()
    state = Status("WAIT" if not trip.over_ms else "OK" if trip.ok else "BAD")
    return ((Word("post.stick"), state, moment(trip.over_ms or trip.at_ms), Word(f"post.{trip.what}")),)


def _batch(line: Queued, moment: Callable[[int], Cell]) -> Row:
    state = Status("BAD" if line.state == "refused" else "OK" if line.state == "sent" else "WAIT")
    return Plain(f"{line.seq:08d}"), state, moment(line.since_ms), Word(f"post.{line.state}")
