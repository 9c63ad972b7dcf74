"""Texts to telephones: the outbox as the journal has it, and which text is due.

No fact has a number or a text. A customer's stand in the side table (`persons`) under the reference that the facts name, and are erased
when the text has come, or nobody waits for that any more; technicians' numbers are the machine's own file's, by their place in it.

    SmsQueued --> SmsStarted --> SmsSent ----> SmsReported (delivered | lost | none): over
                     ^  |------> SmsFailed  -- again in 1, 5, 15, 60, 60 .. minutes, or given up
                     +--+------> SmsUnknown -- once again under the same reference; then it stays unknown

A text is begun on disk before its first byte, as a paper is: what a power cut interrupted is unknown, not forgotten. A receipt waits while
a sale is open; an alarm does not. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from kiosk.vend.facts import Fact, RoomFact, Row
from kiosk.vend.passing import Passing

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AGAIN_S = (60, 300, 900, 3600)  # after the first failure, the second ..., and then every hour
ANSWER_MS = 600_000  # a modem's thread that has not answered by then is not going to
RECEIPT_MS, ALARM_MS = 2 * DAY_MS, 6 * HOUR_MS  # a text that comes later helps nobody
REPORT_MS = 2 * DAY_MS  # for so long a report is waited for
OUTBOX_MAX = 200  # texts at one time
LAST_KEPT, ALARMS_KEPT = 8, 64
DIGITS_LEAST, DIGITS_MOST = 7, 15  # ITU-T E.164: at most 15


class Texts(msgspec.Struct, frozen=True):
    """What the machine's file says of texts. `country`: the digits before a national number, "" sends it as it was typed."""

    receipts: bool = True
    country: str = ""
    alarms: int = 0  # how many numbers are told of alarms
    day_max: int = 300  # customers' texts of one day


class Letter(msgspec.Struct, frozen=True):
    """A number and what is said to it. Stands in no message."""

    number: str
    text: str

    def __repr__(self) -> str:
        return "Letter(hidden)"


class LetterJob(msgspec.Struct, frozen=True):
    """A customer's text that is to be written and put into the side table under `ref`. The answer is a `seen.SmsKept`.

    `about`: receipt | claim; `values`: what its sentence is filled with, amounts by names that end in `_minor`.
    """

    ref: str
    sale: str
    about: str
    number: str
    until_ms: int
    language: str
    currency: str
    exponent: int
    values: Mapping[str, str | int]

    def __repr__(self) -> str:
        return f"LetterJob({self.ref})"


class SmsJob(msgspec.Struct, frozen=True):
    """One text for the modem, once per id. SmsStarted is on disk before this is published; the answer is a `seen.SmsAnswered`."""

    id: int
    ref: str


# ---------------------------------------------------------------- facts


class SmsQueued(RoomFact, frozen=True):
    """A text waits to be sent until `until_ms`. about: receipt | claim (of `sale`) | alarm (`what`, to the file's number `to`, from 0)."""

    ref: str
    about: str
    until_ms: int
    what: str = ""
    to: int = 0
    sale: str | None = None
    room: ClassVar[str] = "sms"


class SmsStarted(RoomFact, frozen=True):
    """It is given to the modem; what comes of it may be never known."""

    ref: str
    sale: str | None = None
    room: ClassVar[str] = "sms"
    barrier: ClassVar[bool] = True


class SmsSent(RoomFact, frozen=True):
    """The network took all of its parts, under these message references (TP-MR)."""

    ref: str
    mr: tuple[int, ...]
    sale: str | None = None
    room: ClassVar[str] = "sms"


class SmsUnknown(RoomFact, frozen=True):
    """It may have been sent: lost | restart | silent. `wait_s`: until it is sent again under the same reference, 0 never."""

    ref: str
    why: str
    wait_s: int
    sale: str | None = None
    room: ClassVar[str] = "sms"


class SmsFailed(RoomFact, frozen=True):
    """It was not sent: a word, or the network's number, `cms-38`. `wait_s`: until it is tried again, 0 never."""

    ref: str
    why: str
    wait_s: int
    sale: str | None = None
    room: ClassVar[str] = "sms"


class SmsReported(RoomFact, frozen=True):
    """The network says what became of it: delivered | lost | none (it said nothing)."""

    ref: str
    outcome: str
    sale: str | None = None
    room: ClassVar[str] = "sms"


class SimPinTried(RoomFact, frozen=True):
    """The PIN of the file's `number`-th try was given to the SIM card: it is not given again, or three starts would lock the card."""

    number: int
    room: ClassVar[str] = "sms"
    barrier: ClassVar[bool] = True


class TextAt(Passing, frozen=True):
    """Where the customer is who wants a text: "" | typing | wrong | confirm | keeping | queued | failed."""

    state: str
    number: str = ""

    def __repr__(self) -> str:
        return f"TextAt({self.state})"


class LetterWanted(Passing, frozen=True):
    """It is being written; None: it has been."""

    job: LetterJob | None = None


class SmsDropped(Passing, frozen=True):
    """So many texts came in and were deleted unread."""

    messages: int


# ---------------------------------------------------------------- what they add up to


class Text(msgspec.Struct, frozen=True):
    """One text. stage: queued | started | sent; `due_ms` on the monotonic clock of `boot`."""

    about: str
    until_ms: int
    what: str
    to: int
    sale: str | None
    queued_ms: int
    stage: str = "queued"
    tries: int = 0
    unknowns: int = 0
    due_ms: int = 0
    boot: int = 0
    job: int = 0  # the row of SmsStarted
    mr: tuple[int, ...] = ()
    why: str = ""


class Ended(msgspec.Struct, frozen=True):
    """A text that is over: delivered | lost | none | unknown | failed."""

    about: str
    what: str
    outcome: str
    at_ms: int
    why: str = ""


class Sms(msgspec.Struct, frozen=True):
    """The outbox; `alarms`: when each was last told of; `day`: days since 1970 (UTC) of `customers`, that day's texts."""

    texts: dict[str, Text] = {}
    last: tuple[Ended, ...] = ()  # the newest first
    alarms: dict[str, int] = {}
    day: int = 0
    customers: int = 0
    pin_tried: int = 0


def fold(sms: Sms, fact: RoomFact, row: Row) -> Sms:
    """One fact more."""
    match fact:
        case SmsQueued():
            return _queued(sms, fact, row)
        case SmsStarted(ref=ref) if ref in sms.texts:
            return _with(sms, ref, stage="started", tries=sms.texts[ref].tries + 1, job=row.seq, due_ms=row.mono_ms, boot=row.boot)
        case SmsSent(ref=ref) if ref in sms.texts:
            return _with(sms, ref, stage="sent", mr=fact.mr, why="")
        case SmsFailed(ref=ref) | SmsUnknown(ref=ref) if ref in sms.texts:
            unknown = isinstance(fact, SmsUnknown)
            if not fact.wait_s:
                return _over(sms, ref, "unknown" if unknown else "failed", row, fact.why)
            due_ms, unknowns = row.mono_ms + fact.wait_s * 1000, sms.texts[ref].unknowns + unknown
            return _with(sms, ref, stage="queued", due_ms=due_ms, boot=row.boot, unknowns=unknowns, why=fact.why)
        case SmsReported(ref=ref) if ref in sms.texts:
            return _over(sms, ref, fact.outcome, row)
        case SimPinTried():
            return replace(sms, pin_tried=fact.number)
    return sms


def _queued(sms: Sms, fact: SmsQueued, row: Row) -> Sms:
    text = Text(fact.about, fact.until_ms, fact.what, fact.to, fact.sale, row.at_ms, due_ms=row.mono_ms, boot=row.boot)
    sms = replace(sms, texts={**sms.texts, fact.ref: text})
    if fact.about == "alarm":
        alarms = {what: at_ms for what, at_ms in sms.alarms.items() if what != fact.what} | {fact.what: row.at_ms}
        return replace(sms, alarms=dict(list(alarms.items())[-ALARMS_KEPT:]))
    day = row.at_ms // DAY_MS
    return replace(sms, day=day, customers=sms.customers + 1 if day == sms.day else 1)


def _with(sms: Sms, ref: str, **changes: object) -> Sms:
    return replace(sms, texts={**sms.texts, ref: replace(sms.texts[ref], **changes)})


def _over(sms: Sms, ref: str, outcome: str, row: Row, why: str = "") -> Sms:
    text = sms.texts[ref]
    ended = Ended(text.about, text.what, outcome, row.at_ms, why)
    texts = {other: one for other, one in sms.texts.items() if other != ref}
    return replace(sms, texts=texts, last=(ended, *sms.last)[:LAST_KEPT])


# ---------------------------------------------------------------- which is due


def started(sms: Sms) -> tuple[str, Text] | None:
    """The text that the modem has now. There is never more than one."""
    return next(((ref, text) for ref, text in sms.texts.items() if text.stage == "started"), None)


def waiting(sms: Sms, boot: int, *, selling: bool) -> tuple[str, Text, int] | None:
    """The text that goes next and when, on this boot's monotonic clock: the earliest, an alarm before a receipt."""
    ready = [
        (0 if text.boot != boot else text.due_ms, text.about != "alarm", ref)
        for ref, text in sms.texts.items()
        if text.stage == "queued" and not (selling and text.about != "alarm")
    ]
    if not ready:
        return None
    due_ms, _, ref = min(ready)
    return ref, sms.texts[ref], due_ms


def deadline_ms(sms: Sms, boot: int, *, selling: bool, down: bool) -> int | None:
    """When something is to be done with a text; None while nothing can be. `down`: the modem does not work."""
    if busy := started(sms):
        return busy[1].due_ms + ANSWER_MS
    if down or (following := waiting(sms, boot, selling=selling)) is None:
        return None
    return following[2]


def over(sms: Sms, at_ms: int) -> Iterable[Fact]:
    """Texts that are too late for anybody, and those of which the network will say nothing any more."""
    for ref, text in sms.texts.items():
        if text.stage == "queued" and at_ms >= text.until_ms:
            yield SmsFailed(ref, "late", 0, text.sale)
        elif text.stage == "sent" and at_ms >= text.queued_ms + RECEIPT_MS + REPORT_MS:
            yield SmsReported(ref, "none", text.sale)


def failed(ref: str, text: Text, why: str, *, final: bool) -> SmsFailed:
    """It was not sent."""
    return SmsFailed(ref, why, 0 if final else AGAIN_S[min(max(text.tries, 1), len(AGAIN_S)) - 1], text.sale)


def unknown(ref: str, text: Text, why: str) -> SmsUnknown:
    """It may have been: one more try, and no third."""
    return SmsUnknown(ref, why, 0 if text.unknowns else AGAIN_S[0], text.sale)


def interrupted(sms: Sms) -> tuple[Fact, ...]:
    """At a start: what the modem had then."""
    busy = started(sms)
    return (unknown(*busy, "restart"),) if busy else ()


# ---------------------------------------------------------------- a number as it is typed


def dialled(typed: str, country: str) -> str:
    """Digits of a pad -> "+254712345678"; as they were typed where no country is known; "" for what is no number.

    00 begins an international number, 0 a national one, which is written without it after the country's digits.
    """
    if not (typed.isascii() and typed.isdecimal()):
        return ""
    if typed.startswith("00"):
        digits, plus = typed[2:], "+"
    elif country:
        digits, plus = country + typed.removeprefix("0"), "+"
    else:
        digits, plus = typed, ""
    return plus + digits if DIGITS_LEAST <= len(digits) <= DIGITS_MOST and not digits.startswith("00") else ""


def spaced(number: str, country: str = "") -> str:
    """As it was typed, in threes behind the country's digits: `+254 712 345 678`, `+86 138 001 380 00`."""
    front = f"+{country}" if country and number.startswith(f"+{country}") else number[: number.startswith("+")]
    digits = number.removeprefix(front)
    threes = " ".join(digits[at : at + 3] for at in range(0, len(digits), 3))
    return f"{front} {threes}" if len(front) > 1 else front + threes
