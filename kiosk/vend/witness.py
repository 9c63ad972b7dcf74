"""Second witnesses: heights that stand outside of this store. One that is ahead of the journal says that the disk was put back.

| name | height here | height there |
|---|---|---|
| notes, coins | accepted pieces by the journal | the acceptor's own count of its life |
| terminal | the last receipt by the journal, and what it asked for since | the last receipt in the bank terminal's book |
| keys, limits, tariff and all else that was sent | the version that the journal knows | the version of the file that is installed |
| mark | the journal's last row | the number in a file that lies on another disk, and that row's hash |
| ack | the journal's last batch | the batch that the head office acknowledges (`sent`) |

What one power cut explains is no restore: the note in escrow, coins in fall, a payment that went back, one installed
item. A note is stacked only after its escrow is on disk. So a note that was stacked while the journal has none in escrow, none whose end
nobody saw, and no jam (`Here.doubtful`) is of another history. A RESTORED store takes no money and writes no card; it prints marked slips
until its life is over.
"""

from typing import ClassVar

import msgspec

from kiosk.vend.facts import RoomFact, Row
from kiosk.vend.trust import KINDS, Trust, Version

SLACK = {"coins": 8, "terminal": 1}  # in fall when the power failed; a reversal without its row
ITEMS = tuple(KINDS.values())
ITEMS_AT_ONCE = 1  # the file comes before the fact, and the next item after it


class Restored(RoomFact, frozen=True):
    """A witness knows more than this journal, by more than a power cut takes away."""

    witness: str
    here: int
    there: int
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "witness"


Height = tuple[str, int]
"""(name, how far the journal was by that witness): "mark" and a row number; "history" and a row number where that row is not the one that
was marked; or an item's kind and `height` of its version, once a file."""


class Witness(msgspec.Struct, frozen=True):
    """One row: how far the journal is, and how far the witness says that it was. `explained`: so much more the journal itself explains."""

    name: str
    here: int
    there: int
    explained: int = 0

    @property
    def ahead(self) -> bool:
        """By more than a power cut explains, where this row can tell alone."""
        return self.there > self.here + self.explained + SLACK.get(self.name, 0)


class Witnesses(msgspec.Struct, frozen=True):
    """`restored`: the first that was ahead; nothing in this store's life takes it back. `at_ms`: when that was seen."""

    restored: Restored | None = None
    at_ms: int = 0


def fold(held: Witnesses, fact: RoomFact, row: Row) -> Witnesses:
    """The first one decides."""
    match fact:
        case Restored() if held.restored is None:
            return Witnesses(fact, row.at_ms)
    return held


def rows(seq: int, trust: Trust, heights: tuple[Height, ...]) -> tuple[Witness, ...]:
    """The heights that were found, against the journal's own."""
    return tuple(_row(seq, trust, name, there) for name, there in heights)


def _row(seq: int, trust: Trust, name: str, there: int) -> Witness:
    if name == "history":  # it has at most the rows before that one
        return Witness("mark", there - 1, there)
    return Witness(name, seq if name == "mark" else height(trust.version(name)), there)


def found(rows: tuple[Witness, ...]) -> Restored | None:
    """What the rows prove. One item ahead is the one that the power cut interrupted; two are not."""
    items = [row for row in rows if row.name in ITEMS and row.there > row.here]
    proving = [row for row in rows if row.name not in ITEMS and row.ahead] or items[ITEMS_AT_ONCE:]
    return Restored(proving[0].name, proving[0].here, proving[0].there) if proving else None


def height(version: Version) -> int:
    """(epoch, version) as one number."""
    return (version[0] << 32) + version[1]
