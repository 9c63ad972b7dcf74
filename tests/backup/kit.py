"""An office with real keys, two kiosks whose batches are boxed to it, and a store of either kind."""

import secrets
from functools import cache
from pathlib import Path

import psycopg

from kiosk.hq.cards.registry import REGISTRY, Registry
from kiosk.hq.copies.copying import Sums, summed
from kiosk.hq.intake.importer import Importer
from kiosk.hq.kiosks import enrolled
from kiosk.hq.office import Enrolled, Office
from kiosk.hq.store import Store
from kiosk.sync.batch import boxed_batch
from tests.hq.batches import NOW_MS, UTILITY, Journaled, Street

ROOT = ("the first person's phrase", "the second person's phrase")
DECISION = "the decision's phrase"
QUICK = 1 << 10
ROWS = 40


@cache
def town() -> tuple[Journaled, ...]:
    """Nobody changes them."""
    return Street("K07", 16), Street("K08", 9)


class House:
    """The office in `folder`, its store at `where` ("" for a file in it), and the streets that it knows."""

    def __init__(self, folder: Path, where: str = "", streets: tuple[Journaled, ...] = (), partitions: int = 0) -> None:
        self.folder, self.medium, self.keys = folder / "office", folder / "medium", folder / "safe" / "keys"
        self.medium.mkdir()
        self.office = Office.create(self.folder, UTILITY, ROOT, DECISION, now_ms=NOW_MS, cost=QUICK)
        self.where = where or str(self.folder / "hq.db")
        self.streets = streets or town()
        for street in self.streets:
            self.office.enrol(street.name, Enrolled(street.public_key.hex(), "11" * 32, 1))
        Registry(self.folder / REGISTRY, lambda: NOW_MS).close()
        self.store = Store.make(self.where, UTILITY, now_ms=NOW_MS, partitions=partitions)

    def secrets(self) -> list[str]:
        """For a command: the two people's files."""
        words = []
        for option, phrase in zip(("--first-secret", "--second-secret"), ROOT, strict=True):
            path = self.folder.parent / option.strip("-")
            path.write_text(phrase)
            path.chmod(0o600)
            words += [option, str(path)]
        return words

    def importer(self, office: Office | None = None, store: Store | None = None) -> Importer:
        office, store = office or self.office, store or self.store
        enrolled(store, {name: (bytes.fromhex(each.sign), each.region) for name, each in office.record.kiosks.items()})
        return Importer(store, office.batch_boxes(), office.signer("ack"))

    def batches(self, street: Journaled, office: Office | None = None) -> list[bytes]:
        """All of it, boxed to the key that the office has now."""
        return [boxed_batch(made, (office or self.office).batch_boxes()[0].box_key) for made in street.made(ROWS)]

    def takes(self, upto: dict[str, int] | None = None) -> None:
        """All batches, or each kiosk's up to that number."""
        importer = self.importer()
        for street in self.streets:
            for raw in self.batches(street)[: (upto or {}).get(street.name)]:
                assert importer.take(raw, NOW_MS).verdict in {"OK", "REPLAY", "EXCEPTION"}

    def sums(self) -> Sums:
        return self.store.read(summed)


def empty_database(postgres_url: str) -> str:
    """One more on the tests' server, which ends with it."""
    name = f"kiosk_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_url.replace("/postgres?", f"/{name}?")
