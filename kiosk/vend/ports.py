"""What the shop asks of the world. Devices implement these; nothing here knows one."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from kiosk.vend.card.reading import Record
from kiosk.vend.code import Terms
from kiosk.vend.evidence import Evidence
from kiosk.vend.operators.standing import PinJob, ReadJob
from kiosk.vend.paper.values import Paper
from kiosk.vend.seen import Seen
from kiosk.vend.sent import Sent
from kiosk.vend.sms import LetterJob, Sms, SmsJob
from kiosk.vend.trust import Trust
from kiosk.vend.view import View


class CardJob(msgspec.Struct, frozen=True):
    """One visit to the card. It is done once per id; the answer is a CardRead (read) or a CardWorked (arm, write, finish)."""

    id: int
    do: str  # read | arm | write | finish
    token: str  # the presentation it is meant for
    reset: bool = False  # read: reset the card first, so that nothing is believed from before
    n: int = 0  # arm: the slot
    amount_minor: int = 0  # arm: what will be marked
    salt: str = ""  # arm: of the tag that will be marked, 4 hex digits; "" where a random one is drawn
    record: Record | None = None  # write
    start: str = ""  # write: the step to begin with


class PrintJob(msgspec.Struct, frozen=True):
    """One paper, whole. PrintStarted is on disk before this is published."""

    id: int
    number: int
    copy: int  # 0 the original
    paper: Paper


class SignJob(msgspec.Struct, frozen=True):
    """What the station is to sign for the customer's eyes. It is done once per id; the answer is a Signed."""

    id: int
    evidence: Evidence


class CodeJob(msgspec.Struct, frozen=True):
    """A transfer code whose ten digits the vault is to check; `proofs`: with both count proofs. The answer is a CodeChecked."""

    id: int
    terms: Terms
    mac: int
    proofs: bool = False

    def __repr__(self) -> str:
        return f"CodeJob({self.id}, hidden)"


class PosJob(msgspec.Struct, frozen=True):
    """What the bank terminal is to do. It is done once per id; the answer is one PosAnswered for each.

    pay        ask the bank for `amount_minor`; `payment` is this attempt's own name, 16 hex digits. An approval waits for goods or refuse
    abort      the customer left before an approval
    goods      the card is checked and armed: the payment becomes final
    refuse     a check failed: the approval is taken back
    recover    what became of `payment`? By the terminal's own book; `receipt`: the number of it, where the terminal had said one, and
               `before`: terminal and number of the last receipt that is not its own, 29000274/0041, "" where that is not known
    reverse    take a final payment back: `receipt` is the terminal's number of it
    day_end    hand in what the terminal has collected. Never while a payment is unknown
    """

    id: int
    do: str
    payment: str = ""
    amount_minor: int = 0
    receipt: str = ""
    before: str = ""


class Stance(msgspec.Struct, frozen=True):
    """What the machine should be doing, level-triggered: right again after any restart of anybody."""

    notes: tuple[int, ...] = ()  # denominations that may come in now, minor units
    coins: tuple[int, ...] = ()
    escrow: str = "hold"  # hold | stack | return: the word for the note that is held now
    escrow_counter: int | None = None  # the event that the word is about; a driver obeys for that note only
    lamps: tuple[str, ...] = ()  # notes | coins | card | printer: where the customer's hand goes next


class AcceptorMemory(msgspec.Struct, frozen=True):
    """What the journal knows of an acceptor."""

    serial: str
    counter: int  # ccTalk event counter (0..255) of the last event that is on disk
    accepted: int | None  # the device's lifetime count of accepted pieces, where it has one, by the pieces that rows speak of
    told: int | None = None  # the same as the device said it in a row: more, where an event was lost and its piece has no row yet

    @property
    def height(self) -> int | None:
        """How far its life was by this journal."""
        return self.accepted if self.accepted is None or self.told is None else max(self.accepted, self.told)


class Published(msgspec.Struct, frozen=True):
    """All that anyone outside the desk may know."""

    rev: int
    view: View
    stance: Stance
    card_job: CardJob | None
    print_job: PrintJob | None
    acceptors: dict[str, AcceptorMemory]
    enrolled: dict[str, str] = {}  # role -> the only serial that may take money; "" while any may
    sign_job: SignJob | None = None
    pin_job: PinJob | None = None
    read_job: ReadJob | None = None
    code_job: CodeJob | None = None
    pos_job: PosJob | None = None
    ending: bool = False  # an operator wants the core to be started again
    trust: Trust = Trust()
    sent: Sent = Sent()
    clock: str = "ok"  # as `clock.word` has it
    sms: Sms = Sms()
    sms_job: SmsJob | None = None
    letter_job: LetterJob | None = None


class DeskDied(Exception):
    """The desk has ended: nothing that it published holds any more. An acceptor shuts, a screen says so."""


class DeskBusy(Exception):
    """The inbox stayed full: what was told has not been heard."""


class VaultError(Exception):
    """The vault gives no answer to this. Nothing was computed."""


class VaultLocked(VaultError):
    """There are no trading keys: locked, ended, or it never opened."""


class Desk(Protocol):
    """The two crossings, as devices and screens see them."""

    def tell(self, seen: Seen) -> None:
        """From any thread. Bounded: waits when the inbox is full."""

    def published(self) -> Published:
        """The newest; never blocks."""

    def wait(self, rev: int, timeout_s: float) -> Published:
        """The newest, as soon as its rev is not `rev`, or after the timeout."""


class Station(Protocol):
    """The kiosk's own identity: opens by itself at boot."""

    @property
    def public_key(self) -> bytes:
        """32 bytes, Ed25519."""

    def sign(self, label: str, data: bytes) -> bytes:
        """Ed25519 over "kvb1 " + label || 00 || data; 64 bytes."""

    def database_key(self) -> bytes:
        """32 bytes, for the store."""


class Vault(Protocol):
    """Trading keys: answers, never key bytes. Serials are 8 bytes, meters 12 digits, counts and amounts integers.

    Each call may raise VaultLocked, and VaultError where the vault refuses: an amount above its limits, a write that no sale makes.
    """

    demo: bool  # these are public test keys

    def card_cryptogram(self, serial: bytes, generation: int, challenge: bytes) -> bytes:
        """EXTERNAL AUTHENTICATE with the kiosk key of that generation; 8 bytes."""

    def card_mac(self, serial: bytes, generation: int, message: bytes) -> bytes:
        """Secure messaging for an UPDATE: 4 bytes over "M" || challenge || header || data, which the caller lays out."""

    def check_reading(self, serial: bytes, message: bytes, mac: bytes) -> bool:
        """A READ with MAC: is `mac` the card's over "R" || r8 || header || data? Constant time."""

    def tag(self, meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
        """2 bytes: whose purchase stands on a card."""

    def check_code(self, terms: Terms, mac: int) -> bytes:
        """2 bytes: the salt of the record, where these are the ten digits of that transfer code; b"" where not. Constant time, counted."""

    def count_proof(self, terms: Terms, mac: int, *, another: bool) -> int:
        """Ten digits that say over the telephone which record took the slot of a code that is right."""


Tell = Callable[[Seen], None]
