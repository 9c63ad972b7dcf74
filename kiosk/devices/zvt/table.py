"""One payment as ZVT has it, from 06 01 to its end: what is answered to each message, and what has become of the money. Pure.

    ASKED      06 01 is sent                                  RUNNING    the terminal took it: card, PIN, bank
    APPROVED   it said 04 0F with result 00 and waits         ISSUING    we said 80 00 00: the goods are given
    REFUSING   we said 84 66 00: no goods                     COMPLETED  it ended without waiting for our word
    REVERSED   it took the approval back by itself            ENDED      nothing more will come

The terminal repeats 04 0F until it has our word; each is answered, and an approval is said once. Whatever cannot be read as a status is
refused while no word was given: nothing that decides about money is guessed. An approval of another amount than was asked for is told like
any other: the desk decides. Source: PA00P015 13.08, 06 01 with issue of goods.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt.codes import APPROVED, CUT_SHORT, prompt, why
from kiosk.devices.zvt.wire import Apdu, WireError


class Phase(StrEnum):
    """Where a payment stands; see above."""

    ASKED = "asked"
    RUNNING = "running"
    APPROVED = "approved"
    ISSUING = "issuing"
    REFUSING = "refusing"
    COMPLETED = "completed"
    REVERSED = "reversed"
    ENDED = "ended"


class Payment(msgspec.Struct, frozen=True):
    """The whole of it. `owes`: the last 04 0F has no answer yet. `result`: of a status that was no approval."""

    amount_minor: int
    currency: int
    phase: Phase = Phase.ASKED
    approval: m.StatusInfo | None = None
    owes: bool = False
    result: int | None = None
    last: tuple[str, str, str] = ("", "", "")  # StatusInfo.name of the transaction before it
    last_final: bool = False  # it was ours, and was confirmed
    odd: str = ""  # what was wrong with the approval that we refused: currency | unreadable
    lines: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """The terminal awaits nothing, and neither do we."""
        return self.phase in {Phase.COMPLETED, Phase.REVERSED, Phase.ENDED}


class Heard(msgspec.Struct, frozen=True):
    """What follows from a message or a word.

    `said`: what has become of the payment, as PosAnswered has it, once that is known: approved | declined | aborted | busy | unknown |
    final | reversed; `why` goes with it. `prompt`: for the customer.
    """

    payment: Payment
    answer: Apdu | None = None
    said: str = ""
    why: str = ""
    prompt: str = ""


def heard(payment: Payment, message: Apdu, owed: int = 0) -> Heard:
    """A message of the terminal's, answered. `owed`: see `link.Link`."""
    command = message.command
    if m.is_yes(message):
        return Heard(_in(payment, Phase.RUNNING) if payment.phase is Phase.ASKED else payment)
    if command >> 8 == 0x84:
        return _no(payment, m.refusal_of(message), owed)
    if payment.phase is Phase.ASKED:
        return Heard(payment, stray(message))  # it may be an old message, told again: only its yes begins a payment
    if command == m.STATUS:
        return _status(payment, message.data)
    if command == m.INTERMEDIATE:
        return Heard(payment, m.YES, prompt=prompt(message.data[0] if message.data else None))
    if command in {m.PRINT_LINE, m.PRINT_BLOCK}:
        lines = (payment.lines + m.printed(message))[: m.LINES_LIMIT]
        return Heard(msgspec.structs.replace(payment, lines=lines), m.YES)
    if command == m.COMPLETION:
        return _completed(payment)
    if command == m.ABORTED:
        return _aborted(payment, m.result_of(message))
    return Heard(payment, m.CANNOT)


def _no(payment: Payment, code: int | None, owed: int) -> Heard:
    """It is busy, or will not, and nothing was taken; but where it may be another's answer, only the terminal's book can say that."""
    if payment.phase is Phase.ASKED:
        return _ended(_with(payment, code), "unknown" if owed else "busy", why(code))
    if payment.phase is Phase.RUNNING and owed < 0:
        return _ended(payment, "unknown", why(code))  # the yes may have been another's, and this be ours
    return Heard(payment)  # about our 06 B0, or an order said twice: the payment goes on


def decided(payment: Payment, word: str) -> Heard:
    """The desk's word about an approval, goods | refuse. The answer waits for the next 04 0F where none is owed."""
    goods = word == "goods"
    match payment.phase:
        case Phase.APPROVED:
            fresh = _in(payment, Phase.ISSUING if goods else Phase.REFUSING)
            return Heard(fresh, _word(fresh) if payment.owes else None)
        case Phase.COMPLETED:
            return _ended(payment, "final")
        case Phase.REVERSED:
            return _ended(payment, "reversed", why(payment.result))
    return _ended(payment, "unknown")


def patience(payment: Payment) -> Heard:
    """The desk has no word yet, and the terminal must not wait longer."""
    return Heard(msgspec.structs.replace(payment, owes=False), m.GOODS_WAIT if payment.owes else None)


def lost(payment: Payment) -> Heard:
    """The line is gone, or the terminal is silent for too long. An approval that has no word yet says nothing: the word will."""
    match payment.phase:
        case Phase.APPROVED:
            return Heard(_in(payment, Phase.ENDED))
        case Phase.REFUSING if payment.result is not None:
            return _ended(payment, *_refused(payment))
        case Phase.RUNNING if payment.result is not None:
            return _ended(payment, *_declined(payment.result))
        case Phase.COMPLETED | Phase.REVERSED | Phase.ENDED:
            return Heard(payment)
    return _ended(payment, "unknown")


def stray(message: Apdu, ours: Callable[[m.StatusInfo], bool] = lambda _info: False) -> Apdu | None:
    """The answer to a message that belongs to no dialogue of ours. An approval that nobody asked for is never confirmed, but for one
    that is known to be final (`ours`)."""
    if m.is_yes(message) or m.refusal_of(message):
        return None
    if message.command != m.STATUS:
        return m.YES if message.command in m.TOLD else m.CANNOT
    try:
        info = m.status_info(message.data)
    except WireError:
        return m.GOODS_FAILED
    return m.YES if info.result != APPROVED or ours(info) else m.GOODS_FAILED


# ---------------------------------------------------------------- 04 0F


def _status(payment: Payment, data: bytes) -> Heard:
    try:
        info = m.status_info(data)
    except WireError:
        return _strange(payment, "unreadable")
    if info.result != APPROVED:
        return Heard(msgspec.structs.replace(_with(payment, info.result), owes=False), m.YES)
    if payment.phase is Phase.RUNNING:
        if info.currency not in {None, payment.currency}:
            return _strange(payment, "currency")
        if info.receipt and info.name == payment.last:
            return Heard(payment, m.YES if payment.last_final else m.GOODS_FAILED)  # the payment before ours, told again
        fresh = msgspec.structs.replace(payment, phase=Phase.APPROVED, approval=info, owes=True)
        return Heard(fresh, said="approved")
    if payment.approval is not None and payment.approval.name != info.name:
        return Heard(payment, m.GOODS_FAILED)  # whosever that is, we asked for one payment
    if payment.phase is Phase.APPROVED:
        return Heard(msgspec.structs.replace(payment, owes=True))
    return Heard(payment, _word(payment))


def _strange(payment: Payment, odd: str) -> Heard:
    """A status that we cannot go along with: refused before our word, and answered with our word after it."""
    if payment.phase is Phase.RUNNING:
        payment = msgspec.structs.replace(payment, phase=Phase.REFUSING, odd=odd)
    return Heard(payment, m.GOODS_WAIT if payment.phase is Phase.APPROVED else _word(payment))


def _word(payment: Payment) -> Apdu:
    """What a repeated 04 0F is told: what was told before."""
    return m.YES if payment.phase in {Phase.ISSUING, Phase.COMPLETED} else m.GOODS_FAILED


# ---------------------------------------------------------------- the end


def _completed(payment: Payment) -> Heard:
    match payment.phase:
        case Phase.RUNNING if payment.result is not None:
            return _ended(payment, *_declined(payment.result), answer=m.YES)
        case Phase.APPROVED:
            return Heard(_in(payment, Phase.COMPLETED if payment.result is None else Phase.REVERSED), m.YES)
        case Phase.ISSUING if payment.result is None:
            return _ended(payment, "final", answer=m.YES)
        case Phase.REFUSING if payment.result is not None:
            return _ended(payment, *_refused(payment), answer=m.YES)
        case Phase.COMPLETED | Phase.REVERSED | Phase.ENDED:
            return Heard(payment, m.YES)
    return _ended(payment, "unknown", answer=m.YES)


def _aborted(payment: Payment, result: int | None) -> Heard:
    match payment.phase:
        case Phase.RUNNING:
            code = payment.result if result is None else result
            return _ended(_with(payment, code), *_declined(code), answer=m.YES)
        case Phase.APPROVED:
            return Heard(_in(_with(payment, result), Phase.REVERSED), m.YES)
        case Phase.REFUSING:
            return _ended(payment, *_refused(payment), answer=m.YES)
        case Phase.COMPLETED | Phase.REVERSED | Phase.ENDED:
            return Heard(payment, m.YES)
    return _ended(payment, "unknown", why(result), m.YES)  # after our 80 00 00: the terminal's book knows


def _declined(result: int | None) -> tuple[str, str]:
    return ("aborted" if result == CUT_SHORT else "declined"), why(result)


def _refused(payment: Payment) -> tuple[str, str]:
    """Our refusal was carried out. An approval that nobody was told of was none."""
    return ("reversed", why(payment.result)) if payment.approval else ("declined", payment.odd)


def _ended(payment: Payment, said: str, reason: str = "", answer: Apdu | None = None) -> Heard:
    return Heard(_in(payment, Phase.ENDED), answer, said, reason)


def _with(payment: Payment, result: int | None) -> Payment:
    return msgspec.structs.replace(payment, result=result)


def _in(payment: Payment, phase: Phase) -> Payment:
    return msgspec.structs.replace(payment, phase=phase, owes=payment.owes and phase is Phase.APPROVED)
