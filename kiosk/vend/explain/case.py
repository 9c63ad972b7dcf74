"""What the rows of one case have added up to so far."""

from dataclasses import dataclass, field

from kiosk.vend import facts as f
from kiosk.vend.explain import whereabouts as w
from kiosk.vend.explain.values import Episode


@dataclass
class Pieces:
    """What fell through one device, and that device's own counters at the first piece and at the last."""

    first: int
    first_accepted: int | None
    count: int = 0
    amount_minor: int = 0
    last: int = 0
    last_accepted: int | None = None


@dataclass
class Case:
    """One sale. `known` is where its record can be; amounts by row where a row is one piece's only trace."""

    opened: f.SaleOpened
    kiosk: str
    opened_ms: int = 0
    known: w.Known = w.UNWRITTEN
    record: f.WriteStarted | None = None
    ended: f.SaleClosed | None = None
    settled: f.ClaimSettled | None = None
    claimed: f.ClaimIssued | None = None
    verified: bool = False
    unsure: str = ""
    coded: bool = False  # paid elsewhere, by transfer code
    banked: bool = False  # paid by bank card
    asked: tuple[int, str, int] | None = None  # the open attempt by bank card: row, its name, amount
    reversed: dict[int, int] = field(default_factory=dict)  # what went back to the bank card
    pieces: dict[str, Pieces] = field(default_factory=dict)  # by device
    tender_minor: int = 0
    held: tuple[int, int] | None = None  # the note in escrow: row, amount
    returned: dict[int, int] = field(default_factory=dict)
    disputed: dict[int, int] = field(default_factory=dict)
    orphans: dict[int, f.OrphanCredit] = field(default_factory=dict)
    number: int | None = None
    check: str = ""
    paper: str = ""  # how the last paper ended
    episodes: list[Episode] = field(default_factory=list)
    deciding: list[int] = field(default_factory=list)

    @property
    def credit_minor(self) -> int:
        """What is, or would be, on the card."""
        return self.record.amount_minor if self.record else 0

    @property
    def restored(self) -> bool:
        """The slip is of a store that was put back: its rows since then are missing."""
        return self.claimed is not None and self.claimed.why == "restored"

    @property
    def over(self) -> bool:
        """This machine writes nothing of it any more."""
        return self.verified or bool(self.ended and self.ended.outcome in ("cancelled", "returned"))
