"""The day's account: all journals of a folder added up, every row of them checked."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from kiosk.devices.vault.station import open_station
from kiosk.vend.bank import PosFinal
from kiosk.vend.facts import (
    ClaimSettled,
    CoinAccepted,
    Fact,
    ForeignSaleFinished,
    NoteStacked,
    OrphanCredit,
    PriceLine,
    Quote,
    SaleClosed,
    SaleOpened,
    TransferCodeAccepted,
    WriteStarted,
)
from kiosk.vend.journal import Journal
from kiosk.vend.tariff import bill


class Step(msgspec.Struct):
    """One story: what it moved, how it ended, the picture of its last screen."""

    step: str
    card: str
    tendered_minor: int = 0
    credited_minor: int = 0
    claim_minor: int = 0
    outcome: str = ""
    screen: str = ""


class Side(msgspec.Struct):
    """A kiosk's money, as the journals have it or as the head office reports it. A claim is one until it is on the card, wherever."""

    tendered_minor: int = 0
    credited_minor: int = 0
    fees_minor: int = 0
    debt_minor: int = 0
    given_back_minor: int = 0
    claims_minor: int = 0
    orphans_minor: int = 0

    @property
    def balanced(self) -> bool:
        """Every cent is somewhere."""
        gone = self.credited_minor + self.fees_minor + self.debt_minor + self.given_back_minor + self.claims_minor + self.orphans_minor
        return self.tendered_minor == gone


class Ordered(msgspec.Struct):
    """Money that was paid elsewhere, and the kiosk that accepted its code."""

    name: str
    amount_minor: int
    state: str
    done_by: str


class BankCards(msgspec.Struct):
    """What was paid by bank card at one kiosk: by its terminal's own book, by its journal, by the head office's report."""

    terminal_minor: int = 0
    kiosk_minor: int = 0
    office_minor: int = 0

    @property
    def agree(self) -> bool:
        """All three say the same."""
        return self.terminal_minor == self.kiosk_minor == self.office_minor


class Hq(msgspec.Struct):
    """What the head office took in. `acknowledged`: each kiosk's last batch that it has, by the kiosk's own journal.

    `kiosks` and `office`: the two sides, by kiosk. `recomputed`: its summaries are what its sales add up to.
    """

    batches: int = 0
    rows: int = 0
    verdicts: dict[str, int] = {}
    acknowledged: dict[str, int] = {}
    kiosks: dict[str, Side] = {}
    office: dict[str, Side] = {}
    recomputed: bool = False
    bank_cards: dict[str, BankCards] = {}
    orders: list[Ordered] = []
    reports: list[str] = []

    @property
    def agrees(self) -> bool:
        """Nothing is lost between the two sides, nor doubled, and on each of them every cent is somewhere."""
        sound = set(self.verdicts) <= {"OK", "REPLAY"} and bool(self.acknowledged) and all(self.acknowledged.values())
        same = self.recomputed and self.kiosks == self.office and all(cards.agree for cards in self.bank_cards.values())
        return sound and same and all(side.balanced for side in self.office.values())


class Summary(msgspec.Struct):
    """tendered = credited + deductions + given back + claims + orphans. A claim that another kiosk finished counts as credited."""

    sales: int = 0
    tendered_minor: int = 0
    credited_minor: int = 0
    deductions_minor: int = 0
    given_back_minor: int = 0
    claims_minor: int = 0
    orphans_minor: int = 0
    journal: str | int = "ok"
    stack: str = ""
    seconds: float = 0.0
    steps: list[Step] = []
    hq: Hq | None = None

    @property
    def balanced(self) -> bool:
        """Every cent is somewhere."""
        gone = self.credited_minor + self.deductions_minor + self.given_back_minor + self.claims_minor + self.orphans_minor
        return self.tendered_minor == gone


def account(kiosks: Path) -> Summary:
    """All stores below a folder, each kiosk's in its own. StoreError where one cannot be read."""
    total = Summary()
    for kiosk, journal in journals(kiosks):
        bad = journal.verify().bad_seq
        if bad is not None:
            total.journal = bad
        for fact in (*(recorded.fact for recorded in journal.rows()), *finished_elsewhere(kiosks).get(kiosk, ())):
            _add(fact, total)
    return total


def finished_elsewhere(kiosks: Path) -> dict[str, list[ClaimSettled]]:
    """By kiosk: what it will say of its claims whose record another machine has put on the card. The office knows it from both rows."""
    terms, records, claims, finished = dict[str, Quote](), dict[str, WriteStarted](), dict[str, tuple[str, SaleClosed]](), set[str]()
    for kiosk, journal in journals(kiosks):
        for fact in (recorded.fact for recorded in journal.rows()):
            match fact:
                case SaleOpened():
                    terms[fact.sale] = fact.quote
                case WriteStarted():
                    records[fact.sale] = fact
                case SaleClosed(outcome="claimed"):
                    claims[fact.sale] = kiosk, fact
                case ClaimSettled():
                    claims.pop(fact.sale, None)
                case ForeignSaleFinished():
                    finished.add(fact.tag)
    said = dict[str, list[ClaimSettled]]()
    for sale, (kiosk, claim) in claims.items():
        if sale in records and records[sale].tag in finished:
            lines = bill(terms[sale], claim.claim_minor)
            said.setdefault(kiosk, []).append(ClaimSettled(sale, "landed_elsewhere", records[sale].amount_minor, lines))
    return said


def journals(kiosks: Path) -> Iterator[tuple[str, Journal]]:
    """Every kiosk's id and its journal, to be read. StoreError."""
    for folder in sorted(kiosks.iterdir()):
        key = open_station(folder / "station.json").database_key()
        with Journal.open(folder / "store.db", key, create=False, read_only=True) as journal:
            yield folder.name, journal


def _add(fact: Fact, total: Summary) -> None:
    match fact:
        case NoteStacked() | CoinAccepted():
            total.tendered_minor += fact.denomination
        case TransferCodeAccepted() | PosFinal():
            total.tendered_minor += fact.amount_minor
        case SaleClosed(outcome="claimed"):
            total.claims_minor += fact.claim_minor
        case SaleClosed(outcome="landed"):
            total.sales += 1
            _credit(fact, total)
        case ClaimSettled():
            total.sales += 1
            total.claims_minor -= fact.credit_minor + _deducted(fact.lines)
            _credit(fact, total)
        case OrphanCredit():
            total.tendered_minor += fact.amount_minor or 0
            total.orphans_minor += fact.amount_minor or 0


def _credit(fact: SaleClosed | ClaimSettled, total: Summary) -> None:
    total.credited_minor += fact.credit_minor
    total.deductions_minor += _deducted(fact.lines)


def _deducted(lines: tuple[PriceLine, ...]) -> int:
    return sum(line.amount_minor for line in lines if line.summed and line.code != "to_card")
