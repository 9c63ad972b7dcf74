"""What staff may see and say: a `StaffView` goes out, one of a closed set of orders comes back.

A maintenance screen is a header line, one table, and what may be pressed: keys and typed values, never a sentence. Out: `View.staff`,
while `View.phase` is "staff"; `View.ends_in_ms` is the time that the session has left. Back: `Choice(rev, "operator", said(order))`:

    {"op":"enter","args":{}}                                 on attract and out only: the hidden sequence was typed
    {"op":"digits","args":{"digits":"014"}}                  ENTER on a field
    {"op":"go","args":{"to":"cash","of":""}}                 another screen; `of` is what it is about
    {"op":"do","args":{"operation":"device.test","on":"printer"}}
    {"op":"yes","args":{}}   {"op":"no","args":{}}           ENTER and CLEAR on a question, and on a test that is looked at
    {"op":"leave","args":{}} {"op":"here","args":{}}         the end of the session; a key that told the desk nothing else was pressed

ENTER on a secret field says nothing of this kind: a PIN is no text (`Choice.pin`). Anything else is refused where it comes in. What an
operator may do is decided by the desk alone, whatever a screen offers.
"""

from typing import Annotated, Literal, get_args

import msgspec

from kiosk.vend.explain.values import Story

FIELD_DIGITS = 20  # the longest number that is typed anywhere
PIN_DIGITS, BOOT_PIN_DIGITS = 6, 8  # of an operator; at most, of a boot card
OPERATOR_DIGITS = 3
ROWS_A_PAGE = 8

To = Literal[
    "home", "tests", "counters", "cash", "cases", "case", "receipts", "reports", "report", "journal", "service", "keys", "rules",
    "post",
]  # fmt: skip
SCREENS: tuple[To, ...] = get_args(To)
Operation = Literal[
    "device.enrol", "device.test", "counters.reset", "cash.box.swap", "cash.box.install", "cash.box.slip", "paper.change",
    "receipt.reprint", "report.day", "report.month", "service.close", "service.open", "clock.set", "restart", "keys.unlock", "sync.now",
    "sync.export", "sync.import", "terminal.day_end", "terminal.settle",
]  # fmt: skip

# ---------------------------------------------------------------- shown


class Word(msgspec.Struct, frozen=True, tag="word"):
    """A sentence or word of the catalogue: `staff.` before the key."""

    key: str
    params: dict[str, str | int] = {}


class Money(msgspec.Struct, frozen=True, tag="money"):
    """Minor units of the view's currency."""

    minor: int


class Count(msgspec.Struct, frozen=True, tag="count"):
    """A number of things."""

    n: int


class Energy(msgspec.Struct, frozen=True, tag="energy"):
    """Watt-hours."""

    wh: int


class Moment(msgspec.Struct, frozen=True, tag="moment"):
    """`at` is the kiosk's own wall time, "2026-11-24 14:32": today's needs no date on the screen."""

    at: str


class Plain(msgspec.Struct, frozen=True, tag="plain"):
    """A number or name that is the same in every language: a card's tail, a box, a fact's kind."""

    text: str


class Status(msgspec.Struct, frozen=True, tag="status"):
    """The plate of a row."""

    word: Literal["OK", "LOW", "WAIT", "JAM", "OFF", "FULL", "OUT", "BAD"]


Cell = Word | Money | Count | Energy | Moment | Plain | Status


class Table(msgspec.Struct, frozen=True):
    """Rows of the present page, worst or newest first, at most ROWS_A_PAGE. `columns` under `staff.column.`; numbers stand right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    page: int = 1
    pages: int = 1


class Key(msgspec.Struct, frozen=True):
    """Something that may be pressed now. `cap`: 1..9, clear, enter; `label` under `staff.key.`; `told` is the order, as `said` made it."""

    cap: str
    label: Word
    told: str


class Line(msgspec.Struct, frozen=True):
    """A label under `staff.line.` and its value."""

    label: str
    value: Cell


class Question(msgspec.Struct, frozen=True):
    """ENTER or CLEAR. `what` under `staff.question.`; `journaled`: the fact that ENTER writes, and its values; "" where none is."""

    what: Word
    journaled: str = ""
    lines: tuple[Line, ...] = ()


class Field(msgspec.Struct, frozen=True):
    """Digits are typed; `name` under `staff.field.`. ENTER tells `Typed`, or hands over a PIN; CLEAR takes one back, then is its Key."""

    name: Word
    least: int
    most: int
    secret: bool = False


class Owed(msgspec.Struct, frozen=True):
    """The header line: the machine's own money, and how many slips and facts that is.

    `box_minor`, `unsent_minor`: None for whoever may not know what is in the box.
    """

    box_minor: int | None = 0
    sale_minor: int = 0
    claims_minor: int = 0
    claims: int = 0
    unsent_minor: int | None = 0
    unsent_rows: int = 0


class StaffView(msgspec.Struct, frozen=True):
    """One maintenance screen.

    `screen`: number, pin, second, second_pin, wait, or one of `To`, or test, bag, bag_again, box, clock, boot.
    `owed` is None before somebody is
    logged in. `notice` under `staff.notice.`, None without. `busy`: something is being read or printed, the table is that of before.
    `look`: the screen itself shows what is tested: grid | sound. `service`: "" while the machine is open, or why it is closed.
    `story`: a case as the journal tells it, masked, in place of the table; its times are of `zone`, "+0800".
    """

    screen: str
    operator: str = ""
    service: str = ""
    owed: Owed | None = None
    table: Table | None = None
    keys: tuple[Key, ...] = ()
    question: Question | None = None
    field: Field | None = None
    notice: Word | None = None
    busy: bool = False
    look: str = ""
    story: Story | None = None
    zone: str = "+0000"


# ---------------------------------------------------------------- said

Digits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+\Z", max_length=FIELD_DIGITS)]
Of = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9._-]*\Z", max_length=32)]


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Anything that a maintenance screen can say."""


class Enter(_Order, frozen=True):
    """The hidden sequence."""


class Typed(_Order, frozen=True):
    """A field was filled."""

    digits: Digits


class Go(_Order, frozen=True):
    """To another screen."""

    to: To
    of: Of = ""


class Do(_Order, frozen=True):
    """An operation of the resource tree, on a device, a receipt, a day."""

    operation: Operation
    on: Of = ""


class Yes(_Order, frozen=True):
    """ENTER on a question."""


class No(_Order, frozen=True):
    """CLEAR on it."""


class Leave(_Order, frozen=True):
    """The session is over."""


class Here(_Order, frozen=True):
    """A key was pressed that told nothing else: the session goes on."""


Order = Enter | Typed | Go | Do | Yes | No | Leave | Here
ORDERS: dict[str, type[Order]] = {
    "enter": Enter, "digits": Typed, "go": Go, "do": Do, "yes": Yes, "no": No, "leave": Leave, "here": Here,
}  # fmt: skip
_NAMES = {kind: name for name, kind in ORDERS.items()}
LONGEST = 200  # bytes of the longest order, with room


class BadOrder(ValueError):
    """It is not in the set."""


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    op: str
    args: msgspec.Raw


def said(order: Order) -> str:
    """The order as a screen says it."""
    args = msgspec.Raw(msgspec.json.encode(order))
    return msgspec.json.encode(_Said(_NAMES[type(order)], args)).decode()


def is_pin(digits: bytearray) -> bool:
    """Could it be an operator's or a boot card's?"""
    return PIN_DIGITS <= len(digits) <= BOOT_PIN_DIGITS and digits.isascii() and digits.isdigit()


def order_of(arg: str) -> Order:
    """What was said. Raises BadOrder, which never repeats it."""
    try:
        if len(arg) <= LONGEST:
            heard = msgspec.json.decode(arg, type=_Said)
            return msgspec.json.decode(heard.args, type=ORDERS[heard.op])
    except (msgspec.MsgspecError, KeyError, UnicodeError):
        pass
    raise BadOrder("this is no order of a maintenance screen")
