"""The day's account: all journals of a folder added up, every row of them checked."""

from pathlib import Path

import msgspec

from kiosk.devices.vault.station import open_station
from kiosk.vend.facts import (
    ClaimSettled,
    CoinAccepted,
    Fact,
    ForeignSaleFinished,
    NoteStacked,
    OrphanCredit,
    PriceLine,
    SaleClosed,
    WriteStarted,
)
from kiosk.vend.journal import Journal


class Step(msgspec.Struct):
    """One story: what it moved, how it ended, the picture of its last screen."""

    step: str
    card: str
    tendered_minor: int = 0
    credited_minor: int = 0
    claim_minor: int = 0
    outcome: str = ""
    screen: str = ""


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

    @property
    def balanced(self) -> bool:
        """Every cent is somewhere."""
        gone = self.credited_minor + self.deductions_minor + self.given_back_minor + self.claims_minor + self.orphans_minor
        return self.tendered_minor == gone


def account(kiosks: Path) -> Summary:
    """All stores below a folder, each kiosk's in its own. StoreError where one cannot be read."""
    total, claims, records, finished = Summary(), dict[str, SaleClosed](), dict[str, WriteStarted](), set[str]()
    for folder in sorted(kiosks.iterdir()):
        for fact in _facts(folder, total):
            _add(fact, total, claims)
            if isinstance(fact, WriteStarted):
                records[fact.sale] = fact
            if isinstance(fact, ForeignSaleFinished):
                finished.add(fact.tag)
    for claim in claims.values():
        record = records.get(claim.sale)
        if record and record.tag in finished:
            total.sales += 1
            total.credited_minor += record.amount_minor
            total.deductions_minor += claim.claim_minor - record.amount_minor
        else:
            total.claims_minor += claim.claim_minor
    return total


def _facts(folder: Path, total: Summary) -> list[Fact]:
    key = open_station(folder / "station.json").database_key()
    with Journal.open(folder / "store.db", key, create=False, read_only=True) as journal:
        bad = journal.verify().bad_seq
        if bad is not None:
            total.journal = bad
        return [recorded.fact for recorded in journal.rows()]


def _add(fact: Fact, total: Summary, claims: dict[str, SaleClosed]) -> None:
    match fact:
        case NoteStacked() | CoinAccepted():
            total.tendered_minor += fact.denomination
        case SaleClosed(outcome="claimed"):
            claims[fact.sale] = fact
        case SaleClosed(outcome="landed"):
            total.sales += 1
            _credit(fact, total)
        case ClaimSettled():
            claims.pop(fact.sale, None)
            total.sales += 1
            _credit(fact, total)
        case OrphanCredit():
            total.tendered_minor += fact.amount_minor or 0
            total.orphans_minor += fact.amount_minor or 0


def _credit(fact: SaleClosed | ClaimSettled, total: Summary) -> None:
    total.credited_minor += fact.credit_minor
    total.deductions_minor += _deducted(fact.lines)


def _deducted(lines: tuple[PriceLine, ...]) -> int:
    return sum(line.amount_minor for line in lines if line.summed and line.code != "to_card")
