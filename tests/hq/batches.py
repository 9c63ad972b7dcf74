"""Real journals as batches: kiosks whose customers buy, claim and come back, sealed as the product seals; and an office that reads them.

kiosk = Street("K07", sales=20)          what a machine wrote down: real step, fold, profile
kiosk.batches(250)                       its batches, boxed to OFFICE
importer(store, kiosk)                   an importer that knows this kiosk
"""

import hashlib
import random
from collections.abc import Iterable, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.devices.vault.station import FileStation
from kiosk.envelope import labelled
from kiosk.hq import kiosks
from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.rules import Known
from kiosk.hq.store import Store
from kiosk.sync.ack import Ack, read_ack
from kiosk.sync.batch import NO_BATCH, BatchHeader, Made, boxed_batch, made_batch
from kiosk.vend import lifetime
from kiosk.vend.facts import Fact, Row
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.limits import Allowed
from kiosk.vend.rows import StoreCreated, columns, line, link, origin
from tests.sale.shop import Card, Shop

UTILITY, NOW_MS = 1, 1_796_000_000_000
OFFICE = FileStation(b"\1" * 32, b"\3" * 32, bytes(32))  # boxes and acknowledges here, one key each
ROOMY = Allowed(day_max_sales=10_000, day_max_minor=10**9, hoard_minor=10**9, card_max_sales=10_000)


class Journaled:
    """A kiosk's journal as exact lines, and the key that signs its batches."""

    def __init__(self, name: str, *, life: int = 1) -> None:
        self.name = name
        self.key = hashlib.sha256(f"{name} sign".encode()).digest()
        self.store = hashlib.sha256(f"{name} store {life}".encode()).digest()[:16]
        self.lines: list[bytes] = []
        self.facts: list[Fact] = []
        self.write(StoreCreated(self.store.hex()), (1_790_000_000_000, 0, 0))

    @property
    def public_key(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.key).public_key().public_bytes_raw()

    def sign(self, label: str, data: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.key).sign(labelled(label, data))

    def write(self, fact: Fact, stamp: tuple[int, int, int]) -> None:
        """One row more. `stamp`: at_ms, boot, mono_ms."""
        self.lines.append(line((len(self.lines) + 1, *stamp), columns(fact)))
        self.facts.append(fact)

    def raw_row(self, rest: bytes, fact: Fact = StoreCreated("")) -> None:  # noqa: B008 - frozen
        """A row of any contents: what stands behind the number; the totals count it as `fact`."""
        self.lines.append(b"[%d,%s]" % (len(self.lines) + 1, rest))
        self.facts.append(fact)

    def made(self, rows: int = 250, **changes: object) -> list[Made]:
        """All of it in batches of so many rows. `changes`: of every header."""
        batches: list[Made] = []
        chained, prev, totals = origin(self.store), NO_BATCH, Lifetime()
        for first in range(0, len(self.lines), rows):
            part = self.lines[first : first + rows]
            before = chained
            for each, fact in zip(part, self.facts[first : first + rows], strict=True):
                chained, totals = link(chained, each), lifetime.add(totals, fact)
            header = BatchHeader(
                kiosk=self.name, store=self.store.hex(), utility=UTILITY, seq=len(batches) + 1, prev=prev, first=first + 1,
                last=first + len(part), before=before.hex(), head=chained.hex(), rows=len(part), made_ms=NOW_MS, clock="ok",
                software="kiosk 0.1.0", applied={"limits": (1, 3)}, totals=totals,
            )  # fmt: skip
            batches.append(made_batch(msgspec.structs.replace(header, **changes), part, self.sign))
            prev = batches[-1].hash
        return batches

    def batches(self, rows: int = 250, **changes: object) -> list[bytes]:
        """The same, boxed."""
        return [boxed_batch(made, OFFICE.box_key) for made in self.made(rows, **changes)]


class Street(Journaled):
    """A kiosk in a street: so many customers, one after another; some claim, some put back, some go without buying."""

    def __init__(self, name: str = "K07", sales: int = 12, *, life: int = 1, days: int = 1) -> None:
        super().__init__(name, life=life)
        self.shop = Shop(kiosk=name, allowed=ROOMY)
        self.number = 0
        for day in range(days):
            for _ in range(sales):
                self.customer()
            if day + 1 < days:
                self.shop.later(24)
        self.written()

    def customer(self) -> None:
        """The next one: with what they do, and then their card in their meter."""
        self.number += 1
        digits = int(hashlib.sha256(self.name.encode()).hexdigest()[:6], 16) % 10**6
        card = Card(serial=f"{digits * 10**6 + self.number:016x}")
        shop, kind = self.shop, self.number % 6
        shop.insert(card)
        if kind == 4:  # looks, and goes
            shop.press("cancel")
            shop.pull()
            return
        shop.feed((10_00, 20_00, 50_00, 100_00)[self.number % 4])
        if kind in (1, 2):
            shop.coin()
        if kind == 5:  # the card does not store: a claim
            card.stores = False
        shop.press("finish")
        if kind == 5:
            shop.wait(5)
            shop.pull()
            shop.press("no_card")
            shop.press("slip_taken")
            if self.number % 12 == 11:  # and it is found healed an hour later
                card.stores = True
                shop.later(1)
                shop.insert(card)
                shop.press("finish")
        shop.pull()
        shop.wait(2)
        card.into_meter()

    def written(self) -> None:
        """What the shop wrote since, as rows of this journal."""
        for fact, row in self.shop.rows[len(self.lines) - 1 :]:
            self.write(fact, _stamp(row))


def _stamp(row: Row) -> tuple[int, int, int]:
    return row.at_ms, row.boot, row.mono_ms


def importer(store: Store, *known: Journaled, rules: Known | None = None, copy: bool = True) -> Importer:
    """With these kiosks enrolled."""
    kiosks.enrolled(store, {each.name: (each.public_key, 1) for each in known})
    return Importer(store, [OFFICE], OFFICE.sign, rules, copy=copy)


def acked(raw: bytes | None) -> Ack:
    """What an acknowledgement says, which must be the office's."""
    assert raw is not None
    return read_ack(raw, [OFFICE.public_key])


def shuffled(several: Sequence[Sequence[bytes]], seed: int) -> list[bytes]:
    """All batches of all kiosks in some order, the same for a seed."""
    whole = [raw for each in several for raw in each]
    random.Random(seed).shuffle(whole)
    return whole


def street(names: Iterable[str], sales: int = 12) -> list[Street]:
    """Several kiosks."""
    return [Street(name, sales) for name in names]
