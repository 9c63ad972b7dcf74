"""Everything that can have happened. Past tense, frozen, versioned; each lasting fact is one journal row.

Money is in minor units, energy in watt-hours, tags and hashes in lower hex. A fact never carries a person, a PIN, a key or a rejected code.
`barrier`: it is on disk, with its own fsync, before anything that follows from it may happen. The others ride with the next barrier
or within 100 ms. `passing` facts have a module of their own. Kinds are never renamed. A new optional field keeps `v`; a changed
meaning is v + 1 with an upcaster in `rows`.
"""

from typing import ClassVar

import msgspec


class Fact(msgspec.Struct, frozen=True):
    """The root of all facts."""

    v: ClassVar[int] = 1
    barrier: ClassVar[bool] = False
    passing: ClassVar[bool] = False

    @property
    def kind(self) -> str:
        """The journal's name for it."""
        return type(self).__name__


class Row(msgspec.Struct, frozen=True):
    """Where in the journal a fact stands. Passing facts have the seq and hash of the last row."""

    seq: int
    at_ms: int
    boot: int
    mono_ms: int
    hash: str


class SaleFact(Fact, frozen=True):
    """A fact about one sale: 16 random hex digits, the journal row's own column."""

    sale: str


class RoomFact(Fact, frozen=True):
    """A fact of one subject that has a room of its own beside the sale: `room` is its field in the state, and its fold stands there."""

    room: ClassVar[str] = ""


# ---------------------------------------------------------------- values inside facts


class PriceLine(msgspec.Struct, frozen=True):
    """One ordered line of a bill. Lines with `summed` add up to the tender exactly; the others are notes (energy on a money card)."""

    code: str  # fixed_fee | old_debt | to_card | energy
    amount_minor: int
    summed: bool
    basis: int = 0  # what the rate is taken of: minor units or watt-hours
    rate: str = ""  # a decimal, its meaning given by the code
    left_minor: int | None = None  # old_debt: what remains


class Tender(msgspec.Struct, frozen=True):
    """Pieces of one denomination through one device."""

    device: str  # notes | coins | codes (one of the code's amount)
    denomination: int
    pieces: int


class Quote(msgspec.Struct, frozen=True):
    """The terms of one sale, frozen when it opens: what it costs and how far it may go."""

    currency: str
    exponent: int
    tariff: str  # "flat/1"
    price: str  # major units per kWh, 4 places
    fixed_fee_minor: int
    debt_minor: int
    room_minor: int  # the most that may still be paid in, by the tightest limit
    room_rule: str  # which limit that is
    hard_minor: int  # the most that the meter could take at all
    balance_minor: int | None  # what was left in the meter
    balance_at: str | None
    fee_share_pct: int = 50  # the most of a tender that the fee may take
    debt_share_pct: int = 50  # the most of what is left that old debt may take


# ---------------------------------------------------------------- the machine


class Started(Fact, frozen=True):
    """The core came up and replayed its journal."""

    boot: int
    kiosk: str
    software: str
    demo: bool


class AcceptorRead(Fact, frozen=True):
    """An acceptor's counters, read before enabling and at every start."""

    device: str
    serial: str
    counter: int
    accepted: int | None


class DeviceFault(Fact, frozen=True):
    """A device stopped doing its work."""

    device: str
    code: str


class DeviceRecovered(Fact, frozen=True):
    """It works again."""

    device: str


class ClockStepped(Fact, frozen=True):
    """The wall clock moved against the monotonic one by more than five seconds."""

    by_ms: int


class HeadSigned(Fact, frozen=True):
    """The station's signature over the chain head: an unkeyed chain proves nothing against whoever holds the disk."""

    at_seq: int
    head: str
    signature: str


class Checkpointed(Fact, frozen=True):
    """The state up to the row before this one is stored beside the journal."""

    state_sha256: str


# ---------------------------------------------------------------- card and sale


class CardPresented(Fact, frozen=True):
    """A card was read and judged."""

    card: str
    meter: str
    profile: str
    authentic: bool
    count: int
    taken: int | None
    word: str
    why: str | None
    amount_minor: int = 0  # with tag and fits: which record stands on the card, evidence for head office
    tag: str | None = None
    fits: bool = False
    ahead_ms: int | None = None  # how much later than this clock the meter wrote the return file; None where it says no time


class SaleOpened(SaleFact, frozen=True):
    """A customer is going to pay for slot (meter, n). All start conditions hold."""

    card: str
    meter: str
    n: int
    quote: Quote
    language: str = ""  # the one that its customer had chosen: after a power cut they are spoken to in it
    customer_tail: str = ""  # the last four digits of the customer number: all of it that a paper may say


class NoteEscrowed(SaleFact, frozen=True):
    """A note is held and will be stacked. Not credit yet."""

    device: str
    serial: str
    denomination: int
    counter: int
    barrier: ClassVar[bool] = True


class NoteStacked(SaleFact, frozen=True):
    """A note is in the box: credit."""

    device: str
    serial: str
    denomination: int
    counter: int
    accepted: int | None
    recovered: bool = False  # learnt after a restart, from the device's own memory
    barrier: ClassVar[bool] = True


class NoteReturned(SaleFact, frozen=True):
    """The escrowed note went back to the customer."""

    device: str
    denomination: int
    recovered: bool = False
    barrier: ClassVar[bool] = True


class EscrowUnknown(SaleFact, frozen=True):
    """Nobody can say where the escrowed note is. Not credit; the box count decides. Shown to staff and on the slip."""

    device: str
    denomination: int
    barrier: ClassVar[bool] = True


class CoinAccepted(SaleFact, frozen=True):
    """A coin is in the box: credit."""

    device: str
    serial: str
    denomination: int
    counter: int
    accepted: int | None
    barrier: ClassVar[bool] = True


class OrphanCredit(Fact, frozen=True):
    """Money in the box that no open sale explains. `amount_minor` is None until the box is counted where the device names no value."""

    device: str
    serial: str
    pieces: int
    amount_minor: int | None
    counter: int
    accepted: int | None
    barrier: ClassVar[bool] = True


class TransferCodeAccepted(SaleFact, frozen=True):
    """A transfer code is this sale's whole tender: what was paid elsewhere for this slot. `salt` (4 hex digits) makes its record the same
    at every machine; `order`: its name on the head office's list, "" where no list has it. The slot and the generation name its order."""

    card: str
    meter: str
    n: int
    amount_minor: int
    generation: int
    salt: str
    order: str = ""
    barrier: ClassVar[bool] = True


class TenderClosed(SaleFact, frozen=True):
    """No more money comes into this sale. why: customer | time | power | card_gone | restored | code."""

    tender_minor: int
    why: str


class ReturnFileArchived(SaleFact, frozen=True):
    """The whole card as it was before anything of this sale was written on it."""

    card: str
    files: dict[str, str]
    barrier: ClassVar[bool] = True


class WriteStarted(SaleFact, frozen=True):
    """The exact record that the card is going to be marked with."""

    card: str
    meter: str
    n: int
    amount_minor: int
    tag: str
    barrier: ClassVar[bool] = True


class CardVerified(SaleFact, frozen=True):
    """A fresh authenticated reading after a reset shows the record, ready for the meter. CardVerified means: can be credited."""

    card: str
    n: int
    tag: str
    barrier: ClassVar[bool] = True


class CardUnsure(SaleFact, frozen=True):
    """The card was written, or may have been, and could not be verified. why: gone | torn | does_not_store | power."""

    why: str
    barrier: ClassVar[bool] = True


class ForeignSaleFinished(Fact, frozen=True):
    """Another machine's torn purchase was committed here. Moves no money of this kiosk."""

    card: str
    meter: str
    n: int
    amount_minor: int
    tag: str


class PrintStarted(SaleFact, frozen=True):
    """A paper is about to be printed. number: gapless per kiosk; copy 0 is the original."""

    number: int
    paper: str  # recharge | claim | blocked (number 0: it is about no sale, and `sale` is only its own name)
    copy: int = 0
    language: str = ""  # the customer's when it was begun; "" in rows from before there were several
    barrier: ClassVar[bool] = True


class ReceiptPrinted(SaleFact, frozen=True):
    """outcome: printed | assumed | unknown | failed."""

    number: int
    outcome: str
    copy: int = 0


class ReceiptOffered(SaleFact, frozen=True):
    """The receipt was given without paper. how: qr | none | sms. On disk before a code or text with its number leaves."""

    number: int
    how: str
    barrier: ClassVar[bool] = True


class ClaimIssued(SaleFact, frozen=True):
    """The money of this sale is owed to this card in this slot. tag is None when nothing was ever marked."""

    number: int
    card: str
    meter: str
    n: int
    amount_minor: int
    tag: str | None
    why: str
    barrier: ClassVar[bool] = True


class BranchAsked(SaleFact, frozen=True):
    """Drawn by chance (rule 27): whoever holds this card is asked to show it at the office."""

    card: str
    meter: str


class ClaimSettled(SaleFact, frozen=True):
    """A claim of this kiosk was found landed, or landed here. how: landed | landed_elsewhere."""

    how: str
    credit_minor: int
    lines: tuple[PriceLine, ...]


class SaleClosed(SaleFact, frozen=True):
    """The whole sale in one row: HQ reports from it alone. outcome: landed | claimed | returned | cancelled."""

    outcome: str
    card: str
    meter: str
    n: int
    tenders: tuple[Tender, ...]
    tender_minor: int
    approval: str | None
    lines: tuple[PriceLine, ...]
    currency: str
    exponent: int
    credit_minor: int
    credit_wh: int
    claim_minor: int
    tag: str | None
    tariff: str
    key_generation: int | None
    float_minor: int | None
    business_date: str
    zone: str
    number: int | None
    opened_ms: int
