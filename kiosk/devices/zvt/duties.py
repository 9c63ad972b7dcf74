"""What a terminal is asked apart from payments: its book, a reversal, the end of its day. Each raises DeviceTimeout, PortLost, Stopping."""

import msgspec

from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt.book import EMPTY, Sought, found
from kiosk.devices.zvt.codes import APPROVED, TROUBLES, Trouble, why
from kiosk.devices.zvt.service import Ended, Service
from kiosk.vend.ports import PosJob
from kiosk.vend.seen import PosAnswered

_BOOK_S = 20.0  # the book is in the terminal: no bank is asked
_REVERSED_ALREADY = 0xB4
_NOT_NOW = frozenset({0x66, 0x6B, 0x6C, 0x83, 0x9A, 0x9C, 0xA0, 0xA1, 0xA2, 0xA3, 0xCC, 0xFF, *TROUBLES})  # says nothing of the book


class Book(msgspec.Struct, frozen=True):
    """What 06 20 brought. `known` False: nothing; `busy`: it would not even begin. Known and no `last`: the book is empty."""

    known: bool = False
    busy: bool = False
    last: m.StatusInfo | None = None

    @property
    def receipt(self) -> str:
        """The number of the last receipt; EMPTY of an empty book, "" where it does not say."""
        if not self.known:
            return ""
        return self.last.receipt if self.last else EMPTY

    @property
    def before(self) -> str:
        """As `book.Sought.before` has it. What was declined may have no number: then there is none yet."""
        return EMPTY if self.last and not self.last.receipt and self.last.result != APPROVED else self.receipt


def read_book(service: Service, password: int, currency: int) -> Book:
    """The terminal's last transaction, printed nowhere. One in another currency is none that could be compared."""
    ended = service.run(m.repeat_receipt(password), end_s=_BOOK_S, strange=m.PROMPTS)
    if ended.refused is not None:
        return Book(busy=True)
    if ended.unreadable:
        return Book()
    if ended.status and ended.status.names_one:
        return Book(known=True, last=ended.status) if ended.status.currency in {None, currency} else Book()
    return Book(known=ended.aborted and ended.code is not None and ended.code not in _NOT_NOW)


def recovered(book: Book, job: PosJob, before: str) -> PosAnswered:
    """The answer to a recover job, from the book."""
    outcome = found(Sought(job.amount_minor, job.receipt, before), book.last) if book.known else "unknown"
    last = book.last
    if last is None or outcome not in {"final", "reversed"}:
        return PosAnswered(job.id, outcome, why="" if book.known else "book")
    amount_minor = job.amount_minor if last.amount_minor is None else last.amount_minor
    return PosAnswered(job.id, outcome, amount_minor, last.receipt, last.trace, last.approval, last.tail)


def reverse(service: Service, password: int, job: PosJob) -> PosAnswered:
    """06 30, once. What is lost on the way is unknown."""
    if not job.receipt.isdecimal() or len(job.receipt) > 4:
        return PosAnswered(job.id, "refused", why="no_receipt")
    ended = service.run(m.reversal(password, job.receipt), once=True)
    if ended.done or ended.code == _REVERSED_ALREADY:
        return PosAnswered(job.id, "reversed", job.amount_minor, job.receipt, lines=ended.lines)
    if ended.unreadable:
        return PosAnswered(job.id, "unknown", why="unreadable")
    return PosAnswered(job.id, "refused", why=why(ended.code))


def end_of_day(service: Service, password: int, trouble: Trouble | None) -> Ended:
    """06 50, and before it the diagnosis that the terminal asks for."""
    if trouble and trouble.cure == "diagnosis":
        diagnosed = service.run(m.DIAGNOSIS)
        if not diagnosed.done:
            return diagnosed
    return service.run(m.end_of_day(password), once=True)


def day_ended(job: PosJob, ended: Ended) -> PosAnswered:
    """The answer to a day_end job."""
    if ended.done:
        return PosAnswered(job.id, "done", lines=ended.lines)
    return PosAnswered(job.id, "unknown" if ended.unreadable else "refused", lines=ended.lines, why=why(ended.code))


def standing(service: Service, password: int) -> int | None:
    """05 01: the code of what is wrong, 00 for nothing, None where it does not say."""
    ended = service.run(m.status_enquiry(password), end_s=_BOOK_S)
    if ended.refused is not None:
        return ended.refused if ended.refused in TROUBLES else None
    if ended.end is not None and len(ended.end.data) == 1:
        return ended.end.data[0]  # a bare status byte
    return ended.result
