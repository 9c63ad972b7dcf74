"""A shop with a bank terminal on its counter: a book of its own, and a script of how it behaves."""

from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.vend import paying, proof, seen
from kiosk.vend.ports import PosJob
from tests.sale.shop import Shop


@dataclass
class Entry:
    """One payment in the terminal's own book. state: waiting (for goods or refuse) | final | reversed."""

    payment: str
    amount_minor: int
    receipt: str
    state: str


@dataclass
class Terminal:
    """Does each job once. `script`: how the next jobs of a kind end, else as one that works."""

    script: dict[str, list[str]] = field(default_factory=dict)
    book: list[Entry] = field(default_factory=list)
    done: set[int] = field(default_factory=set)
    told: list[PosJob] = field(default_factory=list)
    silent: bool = False
    decline: str = ""
    receipts: int = 0  # the number of its last one
    lines: tuple[str, ...] = ("CARD ..1234", "APPROVED")

    def entry(self, payment: str) -> Entry | None:
        return next((each for each in self.book if each.payment == payment), None)

    def taken_minor(self) -> int:
        """What the bank has charged and not given back."""
        return sum(each.amount_minor for each in self.book if each.state == "final")

    def answer(self, job: PosJob) -> seen.PosAnswered | None:
        """What it tells of a job; None for one that it has done, or where it keeps silent."""
        if self.silent or job.id in self.done:
            return None
        self.done.add(job.id)
        self.told.append(job)
        how = self.script.get(job.do, [])
        said = how.pop(0) if how else ""
        if said == "nothing":
            return None
        return self._deed(job.do)(job, said)

    def _deed(self, do: str) -> Callable[[PosJob, str], seen.PosAnswered]:
        return {
            "pay": self._pay,
            "abort": self._abort,
            "goods": self._goods,
            "refuse": self._refuse,
            "recover": self._recover,
            "reverse": self._reverse,
            "day_end": self._day_end,
        }[do]

    def _said(self, job: PosJob, outcome: str, entry: Entry | None = None, why: str = "") -> seen.PosAnswered:
        if entry is None:
            return seen.PosAnswered(job.id, outcome, why=why)
        return seen.PosAnswered(job.id, outcome, entry.amount_minor, entry.receipt, "000042", "123456", "1234", self.lines, why)

    def _written(self, job: PosJob) -> Entry:
        self.receipts += 1
        self.book.append(Entry(job.payment, job.amount_minor, f"{self.receipts:04}", "waiting"))
        return self.book[-1]

    def _pay(self, job: PosJob, said: str) -> seen.PosAnswered:
        if said in ("declined", "aborted", "busy", "unknown"):
            return self._said(job, said, why=self.decline)
        entry = self._written(job)
        return self._said(job, "unknown" if said == "lost" else "approved", entry if said != "lost" else None)

    def _abort(self, job: PosJob, said: str) -> seen.PosAnswered:
        if said == "approved":  # the bank was quicker
            return self._said(job, "approved", self._written(job))
        return self._said(job, said or "aborted")

    def _goods(self, job: PosJob, said: str) -> seen.PosAnswered:
        entry = self.entry(job.payment)
        assert entry
        assert entry.state == "waiting", "goods for what is over"
        entry.state = "reversed" if said == "lost_reversed" else "final"
        return self._said(job, "unknown" if said.startswith("lost") else "final", None if said.startswith("lost") else entry)

    def _refuse(self, job: PosJob, said: str) -> seen.PosAnswered:
        entry = self.entry(job.payment)
        assert entry
        entry.state = "final" if said == "final" else "reversed"
        return self._said(job, "unknown" if said == "lost" else entry.state, entry)

    def _recover(self, job: PosJob, said: str) -> seen.PosAnswered:
        entry = self.entry(job.payment)
        if said == "unknown":
            return self._said(job, said)
        if entry and entry.state == "waiting":
            entry.state = "reversed"  # nobody issued the goods
        return self._said(job, entry.state, entry) if entry else self._said(job, "none")

    def _reverse(self, job: PosJob, said: str) -> seen.PosAnswered:
        entry = next(each for each in self.book if each.receipt == job.receipt)
        if said in ("refused", "unknown"):
            return self._said(job, said)
        assert entry.state == "final"
        entry.state = "reversed"
        return self._said(job, "unknown" if said == "lost" else "reversed", entry)

    def _day_end(self, job: PosJob, said: str) -> seen.PosAnswered:
        return self._said(job, said or "done")


class Counter(Shop):
    """The shop whose customers may pay by bank card. The terminal lives on when the kiosk's power fails."""

    def __init__(self, terminal: Terminal | None = None, **changes: object) -> None:
        self.terminal = terminal or Terminal()
        self.budget: int | None = None
        super().__init__(**changes)  # type: ignore[arg-type]

    def start(self, *, acceptors: bool = True) -> None:
        self.terminal.done = set()  # its driver is a new one
        super().start(acceptors=acceptors)
        self.up()

    def up(self) -> None:
        self.tell(seen.PosUp("terminal", "SN-terminal", receipt=f"{self.terminal.receipts:04}"))
        self.work()

    @property
    def pos_job(self) -> PosJob | None:
        return paying.job(self.state)

    def pay(self) -> bool:
        """One job for the terminal; False when there is none, or no answer."""
        job = self.pos_job
        said = self.terminal.answer(job) if job else None
        if said is None:
            return False
        self.tell(said)
        return True

    def work(self) -> None:
        """Every job of anybody, one after the other; with a `budget` only so many."""
        for _ in range(80):
            if self.budget == 0 or not self._one():
                return
            self.budget = None if self.budget is None else self.budget - 1
        raise AssertionError("the machine never comes to rest")

    def _one(self) -> bool:
        job, paper, code = self.job(), proof.print_job(self.rules, self.state), proof.sign_job(self.rules, self.state)
        if paper:
            self.print(paper)
        elif code:
            self.sign(code)
        elif job and self.card:
            self.do(job, self.card)
        else:
            return self.pay()
        return True
