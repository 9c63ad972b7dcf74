"""What was counted in sealed bags, by two people: one proposes the figures with a staff key, another who counted too releases them.

Nobody is named by a file. Who counted is who signed.
"""

import hashlib

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from kiosk.hq.people.approvals import OPEN, Approval, Approvals, Deed, seen
from kiosk.hq.people.staff import Acting
from kiosk.hq.report.counts import BadCount, Count, check, counts_of, enter
from kiosk.hq.store import Store

COUNTED = "box.counted"
BAGS_MAX = 500


class Counting:
    """The counting room of an office."""

    def __init__(self, store: Store, approvals: Approvals) -> None:
        self._store, self._approvals = store, approvals

    def propose(self, text: str, acting: Acting, now_ms: int) -> Approval:
        """The first person's figures, a CSV file. The same figures that wait already are one proposal.

        Raises BadCount, StaffError, StoreError.
        """
        counts = counts_of(text)
        if not 0 < len(counts) <= BAGS_MAX:
            raise BadCount(f"A file has 1 to {BAGS_MAX} bags; this one has {len(counts)}.")
        self._store.read(lambda connection: check(connection, counts))
        figures = msgspec.json.encode(counts).decode()
        value = f"{len(counts)} bags {hashlib.sha256(figures.encode()).hexdigest()[:16]}"
        for waiting in self._approvals.about(COUNTED, value, now_ms):
            if waiting.state == OPEN and waiting.deed.body == {"counts": figures}:
                return waiting
        shown = "\n".join(f"{each.kiosk} {each.device}, bag {each.bag}: {each.pieces} pieces, {each.amount}" for each in counts)
        return self._approvals.propose(Deed(self._store.utility, COUNTED, value, now_ms, {"counts": figures}, seen(shown)), shown, acting)

    def release(self, no: int, acting: Acting, now_ms: int) -> tuple[int, int]:
        """The second person's word: the counts are entered under both names. How many of them are new, and how many there are.

        Raises BadCount, StaffError, StoreError.
        """
        deed = self._approvals.open(no, now_ms).deed
        figures = deed.body.get("counts")
        if deed.kind != COUNTED or not isinstance(figures, str):
            raise BadCount(f"Proposal {no} is about {deed.kind}.")
        try:
            counts, new = msgspec.json.decode(figures, type=tuple[Count, ...]), 0
        except msgspec.DecodeError:
            raise BadCount(f"Proposal {no} has no figures of bags.") from None

        def written(connection: Connection, done: Approval) -> None:
            nonlocal new
            new = enter(connection, [replace(each, people=(done.first, done.second)) for each in counts], now_ms)

        self._approvals.release(no, acting, now_ms, written)
        return new, len(counts)
