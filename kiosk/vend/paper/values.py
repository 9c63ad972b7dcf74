"""A paper as values: what it says, in order.

A `Paper` is rows; a row has sentences by key and typed values, never text that was put together here. `devices/printer/layout` turns them
into lines for any row and value below, so a new kind of paper is a new builder beside `recharge` and touches nothing else.
No full number of a person, meter or card is in a row: at most its last four digits. The signed code names the slot in full (evidence).
"""

from collections.abc import Callable

import msgspec

from kiosk.vend.evidence import Evidence, encode

# ---------------------------------------------------------------- values


class Money(msgspec.Struct, frozen=True):
    """`150.00`: minor units of the paper's currency."""

    minor: int


class Energy(msgspec.Struct, frozen=True):
    """`241.93`: kWh, truncated to two places."""

    wh: int


class Rate(msgspec.Struct, frozen=True):
    """`0.5700`: a decimal as it was agreed, in the language's own marks."""

    decimal: str


class Pieces(msgspec.Struct, frozen=True):
    """`100 x 2 + 50`: (denomination in minor units, pieces), largest first."""

    items: tuple[tuple[int, int], ...]


class Stack(msgspec.Struct, frozen=True):
    """` 50 x 33`: all pieces of one denomination, set flush with the widest of the column."""

    denomination: int
    pieces: int
    widest: int


class Tail(msgspec.Struct, frozen=True):
    """`......4410`: the last four digits of a longer number, the others as dots. Made by `masked`."""

    digits: str
    dots: int


class Day(msgspec.Struct, frozen=True):
    """`3 Nov 2026`, in the paper's zone."""

    at_ms: int


class Month(msgspec.Struct, frozen=True):
    """`Nov 2026`, in the paper's zone."""

    at_ms: int


class Clock(msgspec.Struct, frozen=True):
    """`14:33 +0800`, in the paper's zone."""

    at_ms: int


class Moment(msgspec.Struct, frozen=True):
    """`3 Nov 15:02`, in the paper's zone."""

    at_ms: int


class PaperNumber(msgspec.Struct, frozen=True):
    """`K07-000123`, on a slip with its check: `K07-000123-9F`."""


class Said(msgspec.Struct, frozen=True):
    """A sentence of the catalogue with values in its places."""

    key: str
    params: dict[str, "Value"] = {}


Value = Money | Energy | Rate | Pieces | Stack | Tail | Day | Month | Clock | Moment | PaperNumber | Said | str | int


# ---------------------------------------------------------------- rows


class Title(msgspec.Struct, frozen=True):
    """Centred and bold. A copy says so under it."""

    said: Said


class Centred(msgspec.Struct, frozen=True):
    """Centred text."""

    value: Value


class Pair(msgspec.Struct, frozen=True):
    """Label left, value flush right. `part`: a part of the sum that stands above or below, set in a little."""

    label: Value
    value: Value
    part: bool = False


class Sum(msgspec.Struct, frozen=True):
    """What the lines above add up to: bold."""

    label: Said
    value: Money


class Amount(msgspec.Struct, frozen=True):
    """Double height: the sum that the paper is about."""

    label: Said | None
    value: Money


class Note(msgspec.Struct, frozen=True):
    """A sentence for whoever holds the paper, on as many lines as it needs."""

    said: Said


class Rule(msgspec.Struct, frozen=True):
    """A line across the paper; heavy under the sum."""

    heavy: bool = False


class Gap(msgspec.Struct, frozen=True):
    """An empty line: room for a pen."""


class Code(msgspec.Struct, frozen=True):
    """The place of the signed QR."""


Row = Title | Centred | Pair | Sum | Amount | Note | Rule | Gap | Code


class Paper(msgspec.Struct, frozen=True):
    """One paper, whole. `number` is gapless per kiosk and kept for copies, 0 where the paper has none; `copy` 0 is the original;
    `code` the QR's text once signed.
    """

    kind: str  # recharge | claim | box | day | month | test
    number: int
    kiosk: str
    at_ms: int
    zone: str  # "+0800"
    rows: tuple[Row, ...]
    copy: int = 0
    check: str = ""
    exponent: int = 2
    language: str = "en"
    evidence: Evidence | None = None
    code: str = ""


def masked(number: str) -> Tail:
    """A number of which only the last four digits may be seen, at its full length."""
    return Tail(number[-4:], max(0, len(number) - 4))


def card_tail(card: str) -> Tail:
    """`..7730`: how a card is called everywhere."""
    return Tail(card[-4:], 2)


def disputed(amount_minor: int) -> tuple[Note, ...]:
    """The customer's word for a note that nobody can find, on receipt and slip."""
    return (Note(Said("paper.disputed", {"amount": Money(amount_minor)})),) if amount_minor else ()


def signed(paper: Paper, sign: Callable[[str, bytes], bytes]) -> Paper:
    """The paper with the code that this station signs; `sign(label, data)` is Station.sign. A paper that proves nothing stays as it is."""
    return msgspec.structs.replace(paper, code=encode(paper.evidence, sign)) if paper.evidence else paper
