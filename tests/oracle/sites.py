"""Kiosks that are off, with real stores and simulated devices: journals, papers and reports in the table, against the devices' books."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from kiosk.demo.account import journals
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.cash_book import CashBook
from kiosk.devices.sim.meter_state import MeterState
from kiosk.devices.sim.zvt_book import Book
from kiosk.vend.facts import ReceiptPrinted
from kiosk.vend.rows import Recorded
from tests.oracle.kiosks import Machine, Record, Slot, World
from tests.oracle.office import reported
from tests.oracle.reports import days_wrong, sold_wrong
from tests.oracle.said import value_of
from tests.oracle.strips import strip_wrong, strips

ZONE = timedelta(hours=8)


class Home(NamedTuple):
    """A card and its meter."""

    card: CardModel
    meter: MeterState


class Sites:
    """`kiosks`: the folder of their folders; `papers`: where their printers' papers lie; `debts`: what customers owe, by meter;
    `paid`: what was paid for codes elsewhere, by card."""

    def __init__(
        self,
        kiosks: Path,
        homes: Iterable[Home],
        papers: Iterable[Path],
        *,
        debts: Mapping[str, int] | None = None,
        paid: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self.homes, self.papers = list(homes), list(papers)
        self.rows: dict[str, list[Recorded]] = {name: list(journal.rows()) for name, journal in journals(kiosks)}
        self.world = World(self._taken, self._on_cards)
        for name, rows in self.rows.items():
            folder = kiosks / name
            pieces = {device: CashBook(folder / f"{device}.book").stacked for device in ("notes", "coins")}
            self.kiosk = self.world.add(name, Machine(pieces, charged_by(folder / "terminal.jsonl"), paid or {}, debts or {}))
            for recorded in rows:
                self.kiosk.read(recorded.fact)

    def wrong(self, sold: Iterable[str] = (), unknown_minor: int = 0) -> str:
        """The first difference, or "". `sold`: the office's selling reports as texts; without any, an office of its own makes them."""
        return self.world.at_rest(unknown_minor) or self._papers() or self._reports(sold or reported(self.rows))

    def _papers(self) -> str:
        numbers = {kiosk.name: kiosk.numbers for kiosk in self.world.kiosks}
        came_out = [strip for folder in self.papers for strip in strips(folder)]
        whole = {(strip.kiosk, strip.number) for strip in came_out if strip.whole}
        for name, rows in self.rows.items():
            facts = [row.fact for row in rows]
            printed = {(name, fact.number) for fact in facts if isinstance(fact, ReceiptPrinted) and fact.outcome == "printed"}
            missing = sorted(number for _, number in printed - whole if number)
            if self.papers and missing:
                return f"{name}, paper {missing[0]}: the journal has it as printed, and no whole one came out"
        for strip in came_out:
            value = numbers[strip.kiosk].get(strip.number, value_of(strip.kiosk, "nobody"))
            if found := strip_wrong(self.world.table, value, strip, self.world.terms):
                return found
        return ""

    def _reports(self, sold: Iterable[str]) -> str:
        table = self.world.table
        found = next((wrong for name, rows in self.rows.items() if (wrong := days_wrong(table, name, rows, business_date))), "")
        self.world.as_the_office_knows()
        return found or sold_wrong(table, self.rows, sold)

    def _taken(self) -> list[Record]:
        return [(Slot(home.meter.number, n, mark), minor) for home in self.homes for n, minor, mark in home.meter.credits]

    def _on_cards(self) -> list[Record]:
        files = [(home.meter.number, home.card.files) for home in self.homes]
        return [(Slot(meter, int.from_bytes(two[2][4:]), two[1][6:10].hex()), int.from_bytes(two[2][:4])) for meter, two in files]


def charged_by(book: Path) -> Callable[[], Mapping[int, int]]:
    """By receipt, by the book of a bank terminal, where there is one."""
    if not book.exists():
        return dict
    entries = Book(book).entries
    return lambda: {entry.receipt: entry.amount_minor for entry in entries if entry.state != "reversed" and not entry.of}


def business_date(at_ms: int) -> str:
    """A kiosk's own date, in the zone in which all of these stand."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC) + ZONE:%Y-%m-%d}"
