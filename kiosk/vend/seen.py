"""What devices, screen and clock tell the desk. Not journaled: what `step` makes of it is.

Money in minor units. `counter` is the acceptor's event counter at that very event, `accepted` its lifetime count of accepted pieces.
A `token` names one presentation of a card: a card that is pulled and put back has a new one.
"""

import msgspec

from kiosk.vend import staff
from kiosk.vend.card.reading import Reading
from kiosk.vend.codes import CodeFloat, Order
from kiosk.vend.facts import Fact
from kiosk.vend.operators.standing import Found as Answer
from kiosk.vend.operators.tree import Roster
from kiosk.vend.sent import Acknowledged


class Seen(msgspec.Struct, frozen=True):
    """Anything that can be told."""


class Tick(Seen, frozen=True):
    """Time has passed."""


class Choice(Seen, frozen=True):
    """A customer's or operator's word, from a closed set.

    `pin`: of do "pin" alone, the digits of a secret field in a buffer which is wiped by whoever it goes to; no desk sees it.
    """

    rev: int
    do: str
    arg: str = ""
    pin: bytearray | None = None

    def __repr__(self) -> str:
        return f"Choice({self.rev}, {self.do!r})"  # what customers type is theirs


class BootCardLeft(Seen, frozen=True):
    """A boot card still lies in its reader long after it was needed; `left` False: it is out."""

    left: bool


class DiskSeen(Seen, frozen=True):
    """Bytes of the store's disk: free for the core, and in all."""

    free: int
    total: int


class HotlistRead(Seen, frozen=True):
    """A hotlist whose signature holds: serials of 8 bytes; `digest` is its body's SHA-256, hex."""

    cards: frozenset[bytes]
    digest: str


class PersonsRead(Seen, frozen=True):
    """A list of masks whose signature holds: reference -> mask (`vend.greeting`); `digest` is its body's SHA-256, hex."""

    masks: dict[str, str]
    digest: str

    def __repr__(self) -> str:
        return f"PersonsRead({len(self.masks)})"


class OrdersRead(Seen, frozen=True):
    """A list of orders whose signature holds; `digest` is its body's SHA-256, hex."""

    orders: tuple[Order, ...]
    code_float: CodeFloat
    digest: str


class CodeChecked(Seen, frozen=True):
    """The answer to a code job. `why`: "" | no_key (the vault gives no answer to it); `salt`: of the record, "" for wrong digits;
    `proofs`: the count proof for this order and for another record, where they were asked for."""

    job: int
    why: str = ""
    salt: str = ""
    proofs: tuple[str, str] = ("", "")


class Trusted(Seen, frozen=True):
    """What the keeper of the trading keys, or whoever installs the head office's items, says has happened (`vend.trust`)."""

    fact: Fact


class BatchMade(Seen, frozen=True):
    """A batch's bytes are kept on the disk, and nobody sends them before its fact is written: `header` is the exact text of its header."""

    batch: int
    first: int
    last: int
    header: str


class AckRead(Seen, frozen=True):
    """An acknowledgement for this store whose signature holds."""

    said: Acknowledged


# ---------------------------------------------------------------- card


class CardIn(Seen, frozen=True):
    """A card is in the slot and has answered to reset."""

    token: str
    atr: str  # hex


class CardOut(Seen, frozen=True):
    """That presentation is over."""

    token: str


class CardBad(Seen, frozen=True):
    """The thing in the slot cannot be read: mute | unknown | unissued | foreign | torn."""

    token: str
    why: str


class CardRead(Seen, frozen=True):
    """The answer to a read job."""

    token: str
    job: int
    reading: Reading


class CardWorked(Seen, frozen=True):
    """The answer to an arm, write or finish job. `done`: every update was answered 9000. Not done may still have happened."""

    token: str
    job: int
    done: bool
    why: str = ""  # "" | torn | gone | refused:SW | no_key
    tag: str = ""  # arm: the tag that the vault made for (meter, n, amount)


class ReaderUp(Seen, frozen=True):
    """The reader answers."""

    name: str


class ReaderDown(Seen, frozen=True):
    """No service, no reader, or no access: why in one word."""

    why: str


# ---------------------------------------------------------------- cash


class AcceptorUp(Seen, frozen=True):
    """An acceptor has been identified and all that it still remembered has been told; from here on `counter` and `accepted` are in step."""

    device: str  # the role: notes | coins
    serial: str
    counter: int
    accepted: int | None
    denominations: tuple[int, ...]
    reset: bool = False  # its counter started again since the journal last heard of it


class AcceptorReset(Seen, frozen=True):
    """Its event counter began again at 0: whatever is told next is new, however small its counter."""

    device: str
    serial: str


class AcceptorDown(Seen, frozen=True):
    """It cannot take money now.

    `code` in XFS4IoT's words with a number where the device gave one: jammed, full, removed, swapped, offline, fault-38.
    `serial`: of a swapped one that staff may enrol.
    """

    device: str
    code: str
    serial: str = ""


class NoteHeld(Seen, frozen=True):
    """A note is in escrow and waits for the stance's word."""

    device: str
    serial: str
    denomination: int
    counter: int


class NoteIn(Seen, frozen=True):
    """A note is stacked: past recovery, money."""

    device: str
    serial: str
    denomination: int
    counter: int
    accepted: int | None = None


class NoteBack(Seen, frozen=True):
    """A note went back out of the front."""

    device: str
    serial: str
    counter: int


class NoteRejected(Seen, frozen=True):
    """The device gave a note back by itself, before escrow; or a coin went through it to the customer."""

    device: str
    code: str


class CoinIn(Seen, frozen=True):
    """A coin fell into the box."""

    device: str
    serial: str
    denomination: int
    counter: int
    accepted: int | None = None
    path: int = 0


class EventsLost(Seen, frozen=True):
    """More events than the device can remember: money may be uncredited."""

    device: str
    events: int


# ---------------------------------------------------------------- what the sale can do without


class DeviceUp(Seen, frozen=True):
    """A terminal, display, modem or voice works. `detail`: what a technician may want to know of it."""

    device: str  # the role
    serial: str = ""
    detail: str = ""


class DeviceDown(Seen, frozen=True):
    """It does not; `code` as AcceptorDown has it."""

    device: str
    code: str


# ---------------------------------------------------------------- bank card


class PosUp(Seen, frozen=True):
    """The bank terminal answers. `open_payments`: names of attempts of which its driver knows no end; `receipt`: the number of the last
    receipt in the terminal's own book, "" where it does not say."""

    device: str  # the role: terminal
    serial: str
    open_payments: tuple[str, ...] = ()
    receipt: str = ""


class PosPrompt(Seen, frozen=True):
    """What the terminal wants of the customer now: card | pin | wait | remove. No text of the terminal's own."""

    payment: str
    key: str


class PosAnswered(Seen, frozen=True):
    """The one answer to a pos job.

    pay, abort  approved | declined | aborted | unknown | busy (nothing was begun); the first of the two answers ends the attempt
    goods       final | unknown               refuse   reversed | final | unknown
    recover     final | reversed | none (it never was, or was declined) | unknown
    reverse     reversed | refused | unknown  day_end  done | refused | unknown

    Of an approval: what was approved in minor units, the terminal's receipt number and trace, the bank's approval code, the last four
    digits of the bank card, the lines of the customer's receipt. `why`: a word for staff (declined-05, full, diagnosis, no_line).
    """

    job: int
    outcome: str
    amount_minor: int = 0
    receipt: str = ""
    trace: str = ""
    approval: str = ""
    tail: str = ""
    lines: tuple[str, ...] = ()
    why: str = ""


# ---------------------------------------------------------------- paper


class PrinterState(Seen, frozen=True):
    """ok | low | out | cover | error | offline | unknown."""

    state: str


class Printed(Seen, frozen=True):
    """The end of a print job: printed | assumed | unknown | failed."""

    job: int
    outcome: str


class Signed(Seen, frozen=True):
    """The answer to a sign job: the code's text, `K1:...`; "" when it could not be signed."""

    job: int
    code: str


# ---------------------------------------------------------------- texts


class SmsKept(Seen, frozen=True):
    """The answer to a letter job: number and text are in the side table, or not."""

    ref: str
    kept: bool


class SmsAnswered(Seen, frozen=True):
    """The answer to an SMS job: sent (`mr`: each part's message reference) | unknown | failed (`final`: it never can be). `why`: a word."""

    job: int
    outcome: str
    mr: tuple[int, ...] = ()
    why: str = ""
    final: bool = False


class SmsReported(Seen, frozen=True):
    """The network says what became of a text: delivered | lost."""

    ref: str
    outcome: str


class SmsArrived(Seen, frozen=True):
    """So many texts came in and were deleted unread."""

    messages: int


class SimPin(Seen, frozen=True):
    """The SIM card asks for its PIN, and the file's `number`-th try is about to be given to it."""

    number: int


# ---------------------------------------------------------------- staff


class Ordered(Seen, frozen=True):
    """A maintenance screen's order. Of a PIN only that one was typed: it is held where it can be checked."""

    rev: int
    order: staff.Order | None  # None: a PIN


class PinChecked(Seen, frozen=True):
    """The answer to a PIN job."""

    job: int
    right: bool


class Found(Seen, frozen=True):
    """The answer to a read job."""

    job: int
    found: Answer


class RosterRead(Seen, frozen=True):
    """A roster whose signature holds; `digest` is its body's SHA-256, hex."""

    roster: Roster
    digest: str
