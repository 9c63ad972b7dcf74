"""What becomes of a batch: the verdict, from how far its kiosk's journal has come here and what its header says. Pure.

OK         it is the next one                                      imported, acknowledged
EXCEPTION  the same, and a row of it breaks a rule                 imported, flagged, acknowledged: the money has moved
REPLAY     it is here already, byte for byte                       nothing is written, acknowledged again
GAP        one before it is missing                                parked, acknowledged up to the gap
FORK       there is another history of this store, or another store   kept, the kiosk is frozen, not acknowledged
TAMPER     it is not what a kiosk may have signed                  kept apart, not acknowledged
"""

from enum import StrEnum

import msgspec

from kiosk.sync.batch import NO_BATCH, BatchHeader
from kiosk.vend.rows import origin


class Verdict(StrEnum):
    """See the module. In the order of how bad they are."""

    OK = "OK"
    REPLAY = "REPLAY"
    GAP = "GAP"
    EXCEPTION = "EXCEPTION"
    TAMPER = "TAMPER"
    FORK = "FORK"


WORST = tuple(Verdict)
OPEN, FROZEN, CLOSED, REVOKED = "open", "frozen", "closed", "revoked"


class Head(msgspec.Struct, frozen=True):
    """How far a kiosk's journal has come. `hash`: of the last batch's header; `row_seq`, `row_hash`: the last row, and the chain there.

    `accepted_seq`: of a revoked kiosk, the last batch that is believed.
    """

    store: str = ""
    seq: int = 0
    hash: str = NO_BATCH
    row_seq: int = 0
    row_hash: str = ""
    state: str = OPEN
    accepted_seq: int | None = None


class Judged(msgspec.Struct, frozen=True):
    """A verdict and one sentence for whoever looks after the kiosks; empty where nothing has to be said."""

    verdict: Verdict
    sentence: str = ""


def judged(head: Head, header: BatchHeader, digest: str, known: str | None) -> Judged:
    """`digest`: of this header's bytes; `known`: that of the batch which is here under its number, None where there is none."""
    if known is not None and known == digest and header.store == head.store:
        return Judged(Verdict.REPLAY)
    if head.state == REVOKED and header.seq > (head.accepted_seq or 0):
        return Judged(Verdict.TAMPER, f"This kiosk is revoked, and nothing above batch {head.accepted_seq or 0} is believed.")
    if head.store and header.store != head.store:
        return Judged(Verdict.FORK, "It comes from another store than before: a new or restored disk needs a new kiosk id.")
    if known is not None:
        return Judged(Verdict.FORK, f"Another batch {header.seq} of this kiosk is here already: its journal was written twice.")
    if head.state in (FROZEN, CLOSED):
        return Judged(Verdict.FORK, f"This kiosk is {head.state}: nothing new of it is taken in.")
    if header.seq > head.seq + 1:
        return Judged(Verdict.GAP, f"Batch {head.seq + 1} is missing; this one waits for it.")
    if header.prev != head.hash:
        return Judged(Verdict.FORK, f"It does not follow the batch {head.seq} that is here: its journal was written twice.")
    before = head.row_hash or origin(bytes.fromhex(header.store)).hex()
    if header.first != head.row_seq + 1 or header.before != before:
        return Judged(Verdict.TAMPER, f"Its rows do not follow row {head.row_seq}, which the batch before it ended with.")
    return Judged(Verdict.OK)


def followed(head: Head, header: BatchHeader, digest: str) -> Head:
    """The head after this batch, which was the next one."""
    return msgspec.structs.replace(head, store=header.store, seq=header.seq, hash=digest, row_seq=header.last, row_hash=header.head)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Of several, the one that somebody has to hear of first; OK for none."""
    return max(verdicts, key=WORST.index, default=Verdict.OK)
