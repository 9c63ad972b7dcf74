"""The bank terminal beside a machine: a book of its own, answers that are lost, and silence. The kiosk's power cuts are not its own."""

from random import Random

from kiosk.vend import seen
from kiosk.vend.ports import PosJob
from tests.bank import counter
from tests.bank.counter import Entry

WAYS = {  # how a job may end, as it does now and then
    "pay": ("declined", "aborted", "busy", "lost", "unknown", "nothing"),
    "abort": ("approved", "unknown", "nothing"),
    "goods": ("lost", "lost_reversed", "nothing"),
    "refuse": ("lost", "final", "nothing"),
    "recover": ("unknown", "nothing"),
    "reverse": ("refused", "lost", "nothing"),
    "day_end": ("refused", "unknown", "nothing"),
}


class Terminal(counter.Terminal):
    """Whose payment each is stands in `stores`: the store that asked for it."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.chance, self.stores = chance, dict[str, str]()

    def asked(self, job: PosJob, store: str, *, faults: bool) -> seen.PosAnswered | None:
        """What the kiosk hears of a job, None for silence; what was done stands in the book all the same."""
        if faults and job.id not in self.done and self.chance.random() < 0.15:
            self.script = {job.do: [self.chance.choice(WAYS[job.do])]}
        if job.payment and not self.silent:
            self.stores.setdefault(job.payment, store)
        answer = self.answer(job)
        return None if faults and self.chance.random() < 0.05 else answer

    def of(self, store: str) -> list[Entry]:
        """What that store asked for."""
        return [entry for entry in self.book if self.stores[entry.payment] == store]

    def _abort(self, job: PosJob, said: str) -> seen.PosAnswered:
        entry = self.entry(job.payment)
        return self._said(job, "approved", entry) if entry else super()._abort(job, said)

    def up(self) -> seen.PosUp:
        """Who it is, and its last receipt's number."""
        return seen.PosUp("terminal", "SN-terminal", receipt=f"{self.receipts:04}")
