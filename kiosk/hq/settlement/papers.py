"""Slips and receipts that people bring to the counter: typed or scanned codes, checked with their kiosk's key, kept as they are."""

import hashlib

import msgspec
from sqlalchemy import Connection

from kiosk.devices.vault.hq import MasterVault, suite_of
from kiosk.devices.vault.keyset import find
from kiosk.devices.vault.suite import Role, bcd_meter, meter_diversifier
from kiosk.hq.intake.summary import INSERT
from kiosk.hq.orders.book import Order
from kiosk.hq.settlement import sources
from kiosk.hq.settlement.known import Known, TagOf, value_of
from kiosk.hq.settlement.tables import PAPER, REMOVAL
from kiosk.hq.store import Store
from kiosk.vend import code, evidence
from kiosk.vend.evidence import SLIP
from kiosk.vend.evidence import Evidence as Paper

TEXT_MAX = 256


class Brought(msgspec.Struct, frozen=True):
    """A genuine paper. `value`: whose money a slip is about, "" of a receipt; `anew`: it was not here before."""

    paper: Paper
    value: str
    anew: bool


def bring(store: Store, text: str, who: str, now_ms: int) -> Brought:
    """Take a paper in. A slip that is brought twice is one. Raises evidence.NotGenuine, StoreError."""
    text = text.strip()
    if len(text) > TEXT_MAX:
        raise evidence.NotGenuine("This is not a receipt code: it is too long.")

    def work(connection: Connection) -> Brought:
        paper = sources.genuine(text, sources.machines(connection))
        value = value_of(paper.kiosk, paper.sale) if paper.kind == SLIP else ""
        digest = hashlib.sha256(text.encode()).hexdigest()
        row = {"sha256": digest, "kiosk": paper.kiosk, "value": value, "meter": paper.meter, "seq": paper.seq}
        fresh = INSERT[connection.dialect.name](PAPER).on_conflict_do_nothing().returning(PAPER.c.sha256)
        anew = connection.execute(fresh, row | {"text": text, "at_ms": now_ms, "who": who}).first() is not None
        return Brought(paper, value, anew)

    return store.transact(work)


class BadRemoval(ValueError):
    """A meter's removal is not written down so; the text is one sentence."""


def removed(store: Store, meter: str, count: int, *, people: tuple[str, str], now_ms: int, known: Known | None = None) -> None:
    """A meter was taken away with this as its last purchase count, which two people read. Raises BadRemoval, StoreError.

    `known`: what the cards showed of it; no meter has a count below what it took.
    """
    who, second = people
    if not (len(meter) == 12 and meter.isascii() and meter.isdecimal()) or not 0 <= count <= code.COUNT_MAX:
        raise BadRemoval("A meter has 12 digits, and its purchase count is a whole number.")
    if not who or not second or who == second:
        raise BadRemoval("Two people read the count of a meter that is taken away, and both are named.")
    if known and count < known.last_taken():
        raise BadRemoval(f"A card shows that this meter has taken purchase {known.last_taken()}: it was misread, or it is another meter.")

    def work(connection: Connection) -> None:
        row = {"meter": meter, "count": count, "at_ms": now_ms, "who": who, "second": second}
        connection.execute(INSERT[connection.dialect.name](REMOVAL).on_conflict_do_nothing(), row)

    store.transact(work)


def tags(vault: MasterVault) -> TagOf:
    """The tag of an order's record, as any machine of its region makes it from the order's code. Raises NoSuchKey when it is asked."""

    def tag_of(order: Order) -> str:
        keyring = vault.keyring(order.version, order.region)
        message = code.message(order.terms(vault.utility))
        salt = code.salt(keyring.mac(Role.CODE, order.generation, bytes.fromhex(order.card), message))
        said = b"T" + bcd_meter(order.meter) + order.n.to_bytes(4) + order.amount_minor.to_bytes(4) + salt
        suite = suite_of(find(vault.sets, order.version), keyring)
        return (salt + suite.mac(Role.TAG, meter_diversifier(order.meter), said, 2)).hex()

    return tag_of
