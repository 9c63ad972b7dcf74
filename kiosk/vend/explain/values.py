"""A story as values: where a sale's money was and is, what decided, what would change the answer, who must act. Keys, never sentences."""

from enum import StrEnum

import msgspec

Params = dict[str, str | int]
"""What a sentence is filled with: `..._minor` is money, `purchase` a count, all else is said as it is."""


class Place(StrEnum):
    """Where money can be. `between` is never alone: `may_be` says what it can turn out to be."""

    YOU = "you"
    MACHINE = "machine"
    BETWEEN = "between"
    CARD = "card"
    METER = "meter"
    RETURNED = "returned"
    CLAIM = "claim"  # in the cash box, owed by slip
    UNKNOWN = "unknown"  # in the cash box or in somebody's hand: only a count of the box tells
    UTILITY = "utility"  # fee and debt: paid, and not for the card


class Episode(msgspec.Struct, frozen=True):
    """One row of the journal, and where the sale's money (`amount_minor`) was after it. `key` under `explain.<audience>.was.`"""

    seq: int
    at_ms: int
    hash: str
    kind: str
    key: str
    amount_minor: int
    place: Place
    may_be: tuple[Place, ...] = ()
    params: Params = {}


class Holding(msgspec.Struct, frozen=True):
    """Some money, and where it is now. `because`: the rows that say so. `key` under `explain.<audience>.now.`

    A card that has left the machine may have been in its meter since: such money has the place card and `may_be` (card, meter).
    """

    place: Place
    amount_minor: int
    key: str
    because: tuple[int, ...]
    may_be: tuple[Place, ...] = ()
    params: Params = {}


class Counted(msgspec.Struct, frozen=True):
    """What an acceptor says of its own about the credited pieces. `agrees` is None where it has no lifetime count, only its events'."""

    device: str
    pieces: int
    amount_minor: int
    first: int
    last: int
    agrees: bool | None


class Step(msgspec.Struct, frozen=True):
    """What is to be done, and by whom: customer | technician | office | machine | nobody. `key` under `explain.<audience>.next.`"""

    who: str
    key: str


class Story(msgspec.Struct, frozen=True):
    """One sale. All money in minor units of `currency`.

    `number` is its paper's, None before there is one; `check` the slip's. `deciding`: the rows that tell where the record is.
    `changes` and `rules` are keys under `explain.<audience>.change.` and `.rule.`; all keys are filled with `params`.
    """

    sale: str
    kiosk: str
    card: str
    meter: str
    n: int
    tag: str | None
    currency: str
    exponent: int
    number: int | None
    check: str
    opened_ms: int
    tender_minor: int
    credit_minor: int
    episodes: tuple[Episode, ...]
    holdings: tuple[Holding, ...]
    counted: tuple[Counted, ...]
    deciding: tuple[int, ...]
    changes: tuple[str, ...]
    rules: tuple[str, ...]
    next: tuple[Step, ...]
    params: Params

    @property
    def open(self) -> bool:
        """Somebody still has to do something about this sale's money."""
        return any(step.who in ("technician", "office", "machine") for step in self.next)


class Visit(msgspec.Struct, frozen=True):
    """A card in the slot outside every sale: nothing was paid. `key` under `explain.<audience>.visit.`"""

    seq: int
    at_ms: int
    hash: str
    kind: str
    key: str
    params: Params
