"""Both sides of the day: what the kiosks' journals add up to, and what the head office reports of them. They are the same, to the cent.

Of bank cards there is a third: the terminals' own books.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from kiosk.demo.account import BankCards, Hq, Ordered, Side, finished_elsewhere, journals
from kiosk.demo.office import HeadOffice, now_ms
from kiosk.devices.sim.zvt_book import Book
from kiosk.hq.report.period import Period, period_of
from kiosk.hq.report.reading import recomputed, selling
from kiosk.hq.report.selling import Line, Selling, sheet_of
from kiosk.hq.report.text import text_of
from kiosk.vend.bank import TENDER
from kiosk.vend.facts import SaleClosed
from kiosk.vend.lifetime import Lifetime, add
from kiosk.vend.sent import BatchAcked


def books(kiosks: Path, office: HeadOffice, reports: Path, ordered: Iterable[str]) -> tuple[Hq, str]:
    """The two sides, and the office's reports of the day as people read them; they are files of the folder `reports`, too.

    `ordered`: names of orders that partners made. StoreError.
    """
    made = Hq(office.batches, office.rows, dict(office.verdicts), recomputed=True)
    days, elsewhere = set(), finished_elsewhere(kiosks)  # a demo at midnight has two
    for kiosk, journal in journals(kiosks):
        sums, made.acknowledged[kiosk] = Lifetime(), 0
        for fact in (recorded.fact for recorded in journal.rows()):
            sums = add(sums, fact)
            if isinstance(fact, BatchAcked):
                made.acknowledged[kiosk] = fact.batch
            elif isinstance(fact, SaleClosed):
                days.add(fact.business_date)
        for settled in elsewhere.get(kiosk, ()):
            sums = add(sums, settled)
        made.kiosks[kiosk], made.office[kiosk] = _of_kiosk(sums), Side()
        terminal = Book(kiosks / kiosk / "terminal.jsonl")
        made.bank_cards[kiosk] = BankCards(terminal.charged_minor, sums.card_minor)
    texts = []
    for period in (period_of(day) for day in sorted(days)):
        report, again = _read(office, selling, period), _read(office, recomputed, period)
        made.recomputed = made.recomputed and again.books == report.books
        for line in (line for book in report.books for line in book.lines):
            _add(made.office.setdefault(line.of, Side()), line)
            if line.tender == TENDER:
                made.bank_cards.setdefault(line.of, BankCards()).office_minor += line.tender_minor
        text, path = text_of(sheet_of(report)), reports / f"report-{period.first}.txt"
        path.write_text(text, "utf-8")
        texts.append(text)
        made.reports.append(path.name)
    made.orders = [Ordered(one.name, one.amount_minor, one.state, one.done_by) for one in map(office.order, ordered) if one]
    return made, "\n".join(texts)


def _read(office: HeadOffice, reading: Callable[..., Selling], period: Period) -> Selling:
    return office.store.read(lambda connection: reading(connection, period, now_ms=now_ms()))


def _of_kiosk(sums: Lifetime) -> Side:
    claims_minor = sums.claims_minor - sums.settled_minor
    tendered_minor = sums.tendered_minor + sums.orphans_minor
    return Side(
        tendered_minor, sums.credited_minor, sums.fees_minor, sums.debt_minor, sums.returned_minor, claims_minor, sums.orphans_minor
    )


def _add(side: Side, line: Line) -> None:
    side.tendered_minor += line.tender_minor
    side.credited_minor += line.credit_minor
    side.fees_minor += line.fee_minor
    side.debt_minor += line.debt_minor
    side.given_back_minor += line.returned_minor
    side.claims_minor += line.claim_minor
    side.orphans_minor += line.orphan_minor
