"""Transfer codes at this machine: the orders that wait here, wrong codes and how many more may be tried, and what codes may still be worth.

What a card's slot is due stands in the card: an order that was collected anywhere finds its slot taken. So nothing here remembers which
codes were used. A rejected code's digits are in no fact; a fact about a code that was right says what it was about.
"""

from typing import Annotated, ClassVar, NamedTuple

import msgspec
from msgspec import Meta

from kiosk.vend import code
from kiosk.vend.code import Meter, Serial
from kiosk.vend.facts import RoomFact, Row
from kiosk.vend.limits import Float, Grant, granted, spent

CARD_TRIES = 5  # wrong codes on one card and day
KIOSK_TRIES, SLOWER_MS = 20, 600_000  # on a day; from then on one in ten minutes: slower, never closed
NIGHT_MS = 6 * 3_600_000  # the machine has run for so long since the last wrong code before tries begin anew, whatever date its clock says
LISTED_KEPT = 5_000  # names of orders that were written down; an older one is written down again

Version = tuple[int, int]


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order as the head office lists it for a kiosk: what its code is about, and the code's own ten digits."""

    order: Annotated[str, Meta(pattern=r"^[0-9A-Z-]{1,16}\Z")]
    card: Serial
    meter: Meter
    n: Annotated[int, Meta(ge=1, le=code.COUNT_MAX)]
    amount_minor: Annotated[int, Meta(ge=1, le=code.MOST_MINOR)]
    generation: Annotated[int, Meta(ge=1, le=0xFFFF)]
    mac: Annotated[int, Meta(ge=0, lt=code.MAC_RANGE)]

    def __repr__(self) -> str:
        return f"Order({self.order}, hidden)"


class CodeFloat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So much more may be collected with codes that no list has, until then. Its number is that of the list it came with."""

    amount_minor: Annotated[int, Meta(ge=0, lt=1 << 53)] = 0
    until_ms: Annotated[int, Meta(ge=0, lt=1 << 53)] = 0


# ---------------------------------------------------------------- facts


class OrderListed(RoomFact, frozen=True):
    """An order waits here for its card. Without its digits."""

    order: str
    card: str
    meter: str
    n: int
    amount_minor: int
    generation: int
    room: ClassVar[str] = "codes"


class CodeFloatGranted(RoomFact, frozen=True):
    """Codes that are on no list may take so much more, until then. A number serves once."""

    epoch: int
    number: int
    amount_minor: int
    until_ms: int
    room: ClassVar[str] = "codes"
    barrier: ClassVar[bool] = True


class TransferCodeRefused(RoomFact, frozen=True):
    """A code did nothing. why: card (wrong digits, a try of the day) | early | passed | used | room | shut.

    Of wrong digits nothing else is said. `another`: the count proof that was shown says that another record took the slot, None where there
    was none to show.
    """

    card: str
    why: str
    business_date: str
    meter: str = ""
    n: int = 0
    amount_minor: int = 0
    generation: int = 0
    another: bool | None = None
    room: ClassVar[str] = "codes"
    barrier: ClassVar[bool] = True


# ---------------------------------------------------------------- what they add up to


class Codes(msgspec.Struct, frozen=True):
    """`wrong`: by card, on the day `date`; `ran_ms`: how long the machine had run at the last one (`Clock.ran_ms`)."""

    date: str = ""
    wrong: dict[str, int] = {}
    ran_ms: int = 0
    listed: dict[str, int] = {}  # order -> the row that says so
    float_held: Float = Float()
    granted: Version = (0, 0)


def fold(codes: Codes, fact: RoomFact, row: Row) -> Codes:
    """One fact more."""
    change = msgspec.structs.replace
    match fact:
        case OrderListed():
            listed = {**codes.listed, fact.order: row.seq}
            if len(listed) > LISTED_KEPT:
                del listed[next(iter(listed))]
            return change(codes, listed=listed)
        case CodeFloatGranted():
            grant = Grant(fact.number, fact.amount_minor, fact.until_ms)
            return change(codes, float_held=granted(codes.float_held, grant), granted=(fact.epoch, fact.number))
    return codes


def accepted(codes: Codes, amount_minor: int, at_ms: int, *, listed: bool) -> Codes:
    """A code was accepted: one that no list has spends the float of codes."""
    if listed:
        return codes
    return msgspec.structs.replace(codes, float_held=spent(codes.float_held, amount_minor, at_ms))


# ---------------------------------------------------------------- may one more be tried


class Moment(NamedTuple):
    """When a code is tried: the date by which limits count, and how long the machine has run."""

    date: str
    ran_ms: int


def refused(codes: Codes, fact: TransferCodeRefused, ran_ms: int) -> Codes:
    """One wrong code more; any other refusal is no try."""
    if fact.why != "card":
        return codes
    today = _today(codes, Moment(fact.business_date, ran_ms))
    wrong = {**today, fact.card: today.get(fact.card, 0) + 1}
    return msgspec.structs.replace(codes, date=fact.business_date, wrong=wrong, ran_ms=ran_ms)


def tries_left(codes: Codes, card: str, now: Moment) -> int:
    """Wrong codes that this card may still bring today."""
    return max(CARD_TRIES - _today(codes, now).get(card, 0), 0)


def may_try(codes: Codes, card: str, now: Moment) -> bool:
    """By the card's tries and by the machine's."""
    if not tries_left(codes, card, now):
        return False
    slow = sum(_today(codes, now).values()) >= KIOSK_TRIES
    return not (slow and now.ran_ms - codes.ran_ms < SLOWER_MS)


def _today(codes: Codes, now: Moment) -> dict[str, int]:
    """Wrong codes that still count. Another date alone is no new day: a clock can be put forward while the machine is off."""
    over = now.date != codes.date and now.ran_ms - codes.ran_ms >= NIGHT_MS
    return {} if over else codes.wrong
