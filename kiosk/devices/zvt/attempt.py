"""One payment of this life of the driver: the table's state, the desk's jobs about it, and what the desk is told."""

from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt import table
from kiosk.devices.zvt.table import Heard, Payment, Phase
from kiosk.devices.zvt.wire import Apdu
from kiosk.vend.ports import PosJob, Tell
from kiosk.vend.seen import PosAnswered, PosPrompt

_OPEN = {Phase.ASKED, Phase.RUNNING}
_NO_MONEY = {"declined", "aborted", "busy"}


class Attempt:
    """`before`: the terminal's last receipt before it, as `book` has it; `last`: which transaction that was, `last_final`: one of ours,
    confirmed. `outcome`: how it ended, once that is known: declined, aborted, busy, reversed, final."""

    def __init__(
        self, job: PosJob, currency: int, before: str, tell: Tell, last: m.StatusInfo | None = None, *, last_final: bool = False
    ) -> None:
        self.name, self.before, self.outcome = job.payment, before, ""
        self.payment = Payment(job.amount_minor, currency, last=last.name if last else ("", "", ""), last_final=last_final)
        self._tell = tell
        self._asked = [job.id]  # pay and abort, until they are answered
        self._word: int | None = None  # goods or refuse, until it is answered
        self._given_up = False
        self._prompted = ""

    def takes(self, job: PosJob) -> Apdu | None:
        """A job about this payment: goods, refuse, abort. What to send now."""
        if job.do in {"goods", "refuse"}:
            self._word = job.id
            return self._after(table.decided(self.payment, job.do))
        if self.payment.phase in _OPEN:
            self._asked.append(job.id)
            return m.ABORT
        said = "approved" if self.payment.approval and not self.outcome else self.outcome or "unknown"
        self._tell(self.answer(job.id, said))
        return None

    def give_up(self) -> Apdu | None:
        """The desk does not wait any longer: whatever comes of it is not to become final. What to send now."""
        if self._given_up:
            return None
        self._given_up = True
        if self.payment.phase in _OPEN:
            return m.ABORT
        return self._after(table.decided(self.payment, "refuse")) if self.payment.phase is Phase.APPROVED else None

    def heard(self, message: Apdu, owed: int = 0) -> Apdu | None:
        """A message of the terminal's. What to answer. `owed`: see `link.Link`."""
        answer = self._after(table.heard(self.payment, message, owed))
        if self._given_up and self.payment.phase is Phase.APPROVED:
            return self._after(table.decided(self.payment, "refuse"))
        return answer

    def patience(self) -> Apdu | None:
        """No word of the desk yet. What to answer."""
        return self._after(table.patience(self.payment))

    def lost(self) -> None:
        """The line is gone, or the terminal silent."""
        self._after(table.lost(self.payment))

    def closed(self) -> None:
        """The terminal is through with it, and nobody wants to decide any more."""
        if self._given_up and self.payment.phase is not Phase.ENDED:
            self._after(table.decided(self.payment, "refuse"))

    @property
    def result(self) -> int | None:
        """The result with which the terminal ended it, if that was no approval."""
        return self.payment.result

    def answer(self, job: int, outcome: str, reason: str = "") -> PosAnswered:
        """An answer with all that is known of the approval."""
        approval = self.payment.approval
        if approval is None or outcome in _NO_MONEY:
            return PosAnswered(job, outcome, why=reason)
        amount_minor = self.payment.amount_minor if approval.amount_minor is None else approval.amount_minor
        lines = self.payment.lines
        return PosAnswered(job, outcome, amount_minor, approval.receipt, approval.trace, approval.approval, approval.tail, lines, reason)

    def _after(self, step: Heard) -> Apdu | None:
        self.payment = step.payment
        if step.prompt and step.prompt != self._prompted and self.payment.phase in _OPEN:
            self._prompted = step.prompt
            self._tell(PosPrompt(self.name, step.prompt))
        if step.said:
            self._say(step.said, step.why)
        return step.answer

    def _say(self, said: str, reason: str) -> None:
        if said not in {"approved", "unknown"}:
            self.outcome = said
        for_word = [] if self._word is None else [self._word]
        waiting = self._asked if said == "approved" or self.payment.approval is None else for_word
        self._asked = [] if waiting is self._asked else self._asked
        self._word = None if waiting is for_word else self._word
        for job in waiting:
            self._tell(self.answer(job, said, reason))
