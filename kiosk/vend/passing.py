"""Facts that pass: what stands before the machine now.

They fold, are never journaled, and are forgotten by a restart; no money rests on them.
"""

from typing import ClassVar

from kiosk.vend.card.reading import Reading, Verdict
from kiosk.vend.code import Terms
from kiosk.vend.codes import Order
from kiosk.vend.facts import Fact, Quote


class Passing(Fact, frozen=True):
    """Not journaled."""

    passing: ClassVar[bool] = True


class CardCame(Passing, frozen=True):
    """A presentation began."""

    token: str


class CardLeft(Passing, frozen=True):
    """It ended."""


class CardLooked(Passing, frozen=True):
    """A reading and what it means, for the screen and the next job. `due`: the sale or claim that the verdict speaks of; `refused`: why no
    new sale may open."""

    reading: Reading
    verdict: Verdict
    due: str = ""
    refused: str = ""
    quote: Quote | None = None


class EndShown(Passing, frozen=True):
    """The card in the slot is that of a sale which ended before its customer was told so."""

    sale: str


class CardFailed(Passing, frozen=True):
    """The thing in the slot cannot be used; why in one word."""

    why: str


class JobEnded(Passing, frozen=True):
    """A card job that writes is over: arm | write | finish. Not ok may still have happened."""

    job: int
    do: str
    ok: bool


class ReaderSeen(Passing, frozen=True):
    """The card reader works (why is "") or does not."""

    why: str


class AcceptorSeen(Passing, frozen=True):
    """An acceptor works with these denominations, or does not (code); `serial`: of one that is not this machine's."""

    device: str
    denominations: tuple[int, ...]
    code: str = ""
    serial: str = ""


class PrinterSeen(Passing, frozen=True):
    """The printer's state."""

    state: str


class NoteDeclined(Passing, frozen=True):
    """A held note goes back at once: it was never ours. why: limit | shut | busy."""

    device: str
    counter: int
    why: str


class NoteGone(Passing, frozen=True):
    """A declined or rejected note left the device. `why` where the device rejected it by itself."""

    device: str
    why: str = ""


class Asked(Passing, frozen=True):
    """The customer chose what only changes the screen: language | balance | cash | stop | more_time | leave; "" takes it back."""

    what: str
    arg: str = ""


class CodeWanted(Passing, frozen=True):
    """The customer wants the signed code of the paper on the screen; it is being signed."""


class CodeShown(Passing, frozen=True):
    """The code is on the screen."""

    code: str


class CodeSeen(Passing, frozen=True):
    """The customer has it, and goes back to where it was asked for."""


class CodeFailed(Passing, frozen=True):
    """It could not be signed, or not in time: no code for this paper."""


class OrdersHere(Passing, frozen=True):
    """The list of orders that the journal says is installed has been read."""

    orders: tuple[Order, ...]


class CodeSent(Passing, frozen=True):
    """A transfer code, typed or listed (`order`), whose digits are being checked."""

    terms: Terms
    mac: int
    order: str = ""

    def __repr__(self) -> str:
        return "CodeSent(hidden)"


class CodeAnswered(Passing, frozen=True):
    """What became of a code that did nothing. state: card | used | old | behind | passed | early | room | shut; `tries` more today;
    `room_minor` that the meter takes; `amount_minor` and slot `n` of the code, the card's next slot `following`; `proof`: ten digits."""

    state: str
    tries: int = 0
    room_minor: int = 0
    amount_minor: int = 0
    n: int = 0
    following: int = 0
    proof: str = ""


class AmountChosen(Passing, frozen=True):
    """How much the customer wants to pay by bank card, minor units."""

    amount_minor: int


class TerminalSeen(Passing, frozen=True):
    """The bank terminal works (code is "") or does not. `read`: its book was held against the journal."""

    code: str
    read: bool = False


class PosDo(Passing, frozen=True):
    """The terminal's next job, as `ports.PosJob` names them; "" none, before `next_ms`. `tag`: of the record that the armed card waits for;
    `bare`: we wrote the frame that is to be cleared on it; `receipt`: what is to be reversed."""

    do: str
    at_ms: int
    tag: str = ""
    bare: bool = False
    receipt: str = ""
    next_ms: int = 0


class PosPrompted(Passing, frozen=True):
    """What the terminal wants of the customer now."""

    key: str


class RulesLooked(Passing, frozen=True):
    """What the offline rules said of new money: the name of the one that stops it, or "", and of the one that stops transfer codes. They
    are asked again at `next_ms`."""

    stop: str
    next_ms: int
    code_stop: str = ""


class DiskSeen(Passing, frozen=True):
    """Bytes of the store's disk: free for the core, and in all."""

    free: int
    total: int


class Waited(Passing, frozen=True):
    """The time of `phase` ran out: the customer is asked whether to go on, or the next one is waited for."""

    phase: str


class HotlistHere(Passing, frozen=True):
    """The list that the journal says is installed has been read: serials of 8 bytes."""

    cards: frozenset[bytes]


class PersonsHere(Passing, frozen=True):
    """The list of masks that the journal says is installed has been read."""

    masks: dict[str, str]

    def __repr__(self) -> str:
        return f"PersonsHere({len(self.masks)})"


class CardNamed(Passing, frozen=True):
    """A card of the hotlist is in the slot: nothing is written on it, and a slip says so. `slip`: 16 hex digits, its PrintStarted's."""

    slip: str
    card: str
    at_ms: int


class Ignored(Passing, frozen=True):
    """Something was told that is not legal in this phase: a second tap, a repeated event."""

    what: str
