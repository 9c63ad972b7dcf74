"""A store of the head office that real batches came into, and what is asked of it for a report."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.report import boxes as box_rooms
from kiosk.hq.report import reading
from kiosk.hq.report.counts import Count, enter
from kiosk.hq.report.period import period_of
from kiosk.hq.report.selling import By, Selling
from kiosk.hq.store import Store
from kiosk.vend import facts as f
from kiosk.vend.till import CashBoxInstalled, CashBoxRemoved
from tests.hq.batches import UTILITY, Journaled, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures

HOUR_MS = 3_600_000


def at(day: str, hour: int = 12) -> int:
    """That hour of the kiosks' day, +0800."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000) + (hour - 8) * HOUR_MS


class Machine(Journaled):
    """A kiosk that writes down what it is told to."""

    def __init__(self, name: str = "K07", zone: str = "+0800") -> None:
        super().__init__(name)
        self.zone, self.sales, self.accepted, self.now_ms = zone, 0, 0, at("2026-11-01")

    def fact(self, fact: f.Fact) -> "Machine":
        self.now_ms += 1000
        self.write(fact, (self.now_ms, 1, self.now_ms % 10**9))
        return self

    def to(self, day: str, hour: int = 12) -> "Machine":
        self.now_ms = at(day, hour)
        return self

    def sale(self, minor: int = 100_00, tender: str = "notes", outcome: str = "landed", currency: str = "CNY", *, fee: int = 5_00) -> str:
        """One sale with its notes, on the present day."""
        self.sales += 1
        name = f"{self.sales:016x}"
        if tender == "notes" and minor:
            self.accepted += 1
            self.fact(f.NoteStacked(name, "notes", "N1", minor, 1, self.accepted))
        lines = (f.PriceLine("fixed_fee", fee, summed=True), f.PriceLine("to_card", minor - fee, summed=True))
        self.fact(
            f.SaleClosed(
                sale=name, outcome=outcome, card="1122334455667788", meter="000012345678", n=self.sales,
                tenders=(f.Tender(tender, minor, 1),) if minor else (), tender_minor=minor, approval=None,
                lines=lines if outcome == "landed" else (), currency=currency, exponent=2 if currency == "CNY" else 0,
                credit_minor=minor - fee if outcome == "landed" else 0, credit_wh=0, claim_minor=minor if outcome == "claimed" else 0,
                tag=None, tariff="flat/1", key_generation=1, float_minor=None,
                business_date=f"{datetime.fromtimestamp(self.now_ms / 1000 + 8 * 3600, UTC):%Y-%m-%d}", zone=self.zone, number=self.sales,
                opened_ms=self.now_ms,
            )
        )  # fmt: skip
        return name

    def settle(self, sale: str, minor: int, fee: int = 5_00) -> "Machine":
        lines = (f.PriceLine("fixed_fee", fee, summed=True), f.PriceLine("to_card", minor - fee, summed=True))
        return self.fact(f.ClaimSettled(sale, "landed", minor - fee, lines))

    def orphan(self, minor: int | None) -> "Machine":
        self.accepted += 1
        return self.fact(f.OrphanCredit("notes", "N1", 1, minor, 1, self.accepted))

    def out(self, minor: int, session: int = 1) -> "Machine":
        self.fact(CashBoxRemoved("notes", session, f"B{session}", f"{session:012}", ("014", "027"), (), minor))
        return self.fact(CashBoxInstalled("notes", session + 1, f"B{session + 1}", ("014", "027")))

    def batch(self, now_ms: int | None = None) -> bytes:
        """The newest batch: a batch for each call, made `now`."""
        return self.batches_until(now_ms)[-1]

    def batches_until(self, now_ms: int | None = None) -> list[bytes]:
        return self.batches(1000, made_ms=now_ms or self.now_ms)


@pytest.fixture(name="store", params=["sqlite", "postgresql"])
def a_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    where = str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database")
    made = Store.make(where, UTILITY, now_ms=0)
    yield made
    made.close()


def send(store: Store, *machines: Journaled, rows: int = 1000, made_ms: int | None = None, only: range | None = None) -> None:
    """All that they have written, as batches; those that are here already are replays."""
    office = importer(store, *machines)
    for machine in machines:
        raws = machine.batches(rows, **({"made_ms": made_ms} if made_ms else {}))
        for raw in raws if only is None else [raws[place] for place in only]:
            taken = office.take(raw, made_ms or at("2026-12-20"))
            assert taken.verdict in (Verdict.OK, Verdict.REPLAY, Verdict.EXCEPTION, Verdict.GAP), taken


def selling(store: Store, period: str, by: By = "kiosk", only: str = "", now_ms: int = at("2026-12-24")) -> Selling:
    return store.read(lambda connection: reading.selling(connection, period_of(period), now_ms=now_ms, by=by, only=only))


def anew(store: Store, period: str, by: By = "kiosk", only: str = "", now_ms: int = at("2026-12-24")) -> Selling:
    return store.read(lambda connection: reading.recomputed(connection, period_of(period), now_ms=now_ms, by=by, only=only))


def boxes(store: Store, period: str, now_ms: int = at("2026-12-24")) -> box_rooms.Boxes:
    return store.read(lambda connection: box_rooms.boxes(connection, period_of(period), now_ms=now_ms))


def counted(store: Store, *counts: Count, now_ms: int = at("2026-12-20")) -> int:
    return store.transact(lambda connection: enter(connection, counts, now_ms))


def foot(report: Selling) -> dict[str, int]:
    (book,) = report.books
    return {name: value for name, value in msgspec.structs.asdict(book.foot).items() if value}
