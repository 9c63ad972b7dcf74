"""What may be shown: keys and values, never a sentence and never a Sale."""

import msgspec

from kiosk.vend.staff import StaffView

Value = str | int | bool | None | tuple[int, ...]


class Line(msgspec.Struct, frozen=True):
    """A ledger line. `minor` is money unless `unit` says wh or count; `text` is a value that is neither (a card's tail)."""

    key: str
    minor: int | None = None
    summed: bool = False
    unit: str = "money"
    text: str = ""


class Offer(msgspec.Struct, frozen=True):
    """Something that may be chosen now; a screen turns it into a key in its fixed place."""

    choice: str
    arg: str = ""


class View(msgspec.Struct, frozen=True):
    """Everything that a screen knows.

    `place` is where the figure's money is; `held` marks money in doubt or claimed; `params` are the phase's own values;
    `told` are keys of at most three plain lines. `languages` may be chosen on every screen.
    `ends_in_ms` counts from when the view was made; `span_ms` is the whole time it had. `staff`: the maintenance screen, in phase "staff".
    """

    phase: str
    rev: int = 0
    place: str = "you"
    held: bool = False
    figure_minor: int = 0
    lines: tuple[Line, ...] = ()
    offers: tuple[Offer, ...] = ()
    told: tuple[str, ...] = ()
    params: dict[str, Value] = {}
    ends_in_ms: int | None = None
    span_ms: int | None = None
    language: str = "en"
    languages: tuple[str, ...] = ()
    kiosk: str = ""
    currency: str = "CNY"
    exponent: int = 2
    demo: bool = False
    staff: StaffView | None = None
