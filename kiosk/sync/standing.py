"""How the courier stands, in one file of the spool: what it says of its ways and of each batch. Read by people; nothing is decided by it.

{"v":1,"at_ms":..,"ways":{"https":{"worked_ms":..,"tried_ms":..,"next_ms":..,"failures":3,"why":"..."}},
 "batches":{"12":{"state":"refused","way":"https","at_ms":..,"why":"..."}},"stick":{"what":"export","at_ms":..,"says":["..."]}}
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.spool import Spool, Waiting

FILE = "standing.json"
MOST_BYTES = 1 << 20
SENTENCE = 240  # characters of one that came from elsewhere

Moment = Annotated[int, Meta(ge=0, lt=1 << 53)]


class Way(msgspec.Struct, frozen=True):
    """One transport. `why` and `code`: what its last failure was (`carrier.CarryFailed`), "" after it worked; times are 0 for never."""

    worked_ms: Moment = 0
    tried_ms: Moment = 0
    next_ms: Moment = 0
    failures: int = 0
    why: str = ""
    code: Annotated[str, Meta(pattern=r"^[a-z_]{0,16}\Z")] = ""


class Carried(msgspec.Struct, frozen=True):
    """What became of one batch. sent: it lies there, or was answered with an acknowledgement that the core has to look at."""

    state: Literal["sent", "refused"]
    way: str
    at_ms: Moment
    why: str = ""


class Stick(msgspec.Struct, frozen=True):
    """What was done at the stick last, a sentence a file; `over_ms` is 0 while it is being done."""

    what: Literal["export", "import"]
    at_ms: Moment
    over_ms: Moment = 0
    ok: bool = True
    says: tuple[str, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """Everything."""

    at_ms: Moment
    ways: dict[str, Way] = {}
    batches: dict[str, Carried] = {}
    stick: Stick | None = None
    v: Literal[1] = 1


class Queued(msgspec.Struct, frozen=True):
    """One batch in the queue, for people. state: waiting | sent | refused."""

    seq: int
    size: int
    since_ms: int
    state: str
    why: str = ""


def said(text: str) -> str:
    """A sentence that came from elsewhere, as one that may be shown: one line of printable characters, and not long."""
    line = "".join(c if c.isprintable() else " " for c in text[: 4 * SENTENCE])
    line = " ".join(line.split())
    return line if len(line) <= SENTENCE else line[: SENTENCE - 3] + "..."


def reason(error: BaseException) -> str:
    """What a library says of it, for the end of a sentence."""
    return said(str(error)).rstrip(". ") or type(error).__name__


def tell(spool: Spool, standing: Standing) -> None:
    """Write it. Raises FolderError."""
    with Folder.at(spool.path) as root:
        root.replace(FILE, msgspec.json.encode(standing))


def told(spool: Spool) -> Standing | None:
    """Read it; None where there is none that can be read."""
    try:
        with Folder.at(spool.path) as root:
            return msgspec.json.decode(root.read(FILE, MOST_BYTES), type=Standing)
    except (FolderError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def queue(waiting: list[Waiting], standing: Standing | None) -> list[Queued]:
    """The oldest batch first, each with why it is still here."""
    told_of = standing.batches if standing else {}
    lines = []
    for one in waiting:
        carried = told_of.get(str(one.seq))
        fits = carried is not None and carried.at_ms >= one.since_ms
        lines.append(Queued(one.seq, one.size, one.since_ms, carried.state, carried.why) if carried and fits else _new(one))
    return lines


def _new(one: Waiting) -> Queued:
    return Queued(one.seq, one.size, one.since_ms, "waiting")
