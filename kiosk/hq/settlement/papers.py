"""Slips and receipts that people bring to the counter: typed or scanned codes, checked with their kiosk's key, kept as they are."""

from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from kiosk.devices.vault.hq import MasterVault, suite_of
from kiosk.devices.vault.keyset import find
from kiosk.devices.vault.suite import Role, bcd_meter, meter_diversifier
from kiosk.hq.intake.summary import INSERT
from kiosk.hq.orders.book import Order
from kiosk.hq.orders.slots import keep
from kiosk.hq.people.approvals import OPEN, Approval, Approvals, Deed, seen
from kiosk.hq.people.staff import Acting
from kiosk.hq.settlement import sources
from kiosk.hq.settlement.known import Known, TagOf, value_of
from kiosk.hq.settlement.tables import REMOVAL
from kiosk.hq.store import Store
from kiosk.vend import code, evidence
from kiosk.vend.evidence import SLIP
from kiosk.vend.evidence import Evidence as Paper

TEXT_MAX = 256
BRING, REMOVE = "settle.paper", "settle.removed"


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
        return Brought(paper, value, keep(connection, paper, text, value=value, who=who, now_ms=now_ms))

    return store.transact(work)


class BadRemoval(ValueError):
    """A meter's removal is not written down so; the text is one sentence."""


class Removals:
    """Meters that were taken away. Two people read the last purchase count: the first proposes it, the second releases it."""

    def __init__(self, store: Store, approvals: Approvals, known: Callable[[str], Known]) -> None:
        """`known`: what the cards showed of a meter; no meter has a count below what it took."""
        self._store, self._approvals, self._known = store, approvals, known

    def propose(self, meter: str, count: int, acting: Acting, now_ms: int) -> Approval:
        """The first who read it. Raises BadRemoval, StaffError, StoreError."""
        if not (len(meter) == 12 and meter.isascii() and meter.isdecimal()) or not 0 <= count <= code.COUNT_MAX:
            raise BadRemoval("A meter has 12 digits, and its purchase count is a whole number.")
        taken = self._taken(meter, count)
        for waiting in self._approvals.about(REMOVE, meter, now_ms):
            if waiting.state == OPEN and waiting.deed.body == {"count": count}:
                return waiting
        shown = f"Meter {meter} was taken away with purchase count {count}. Its cards show that it has taken purchase {taken}."
        return self._approvals.propose(Deed(self._store.utility, REMOVE, meter, now_ms, {"count": count}, seen(shown)), shown, acting)

    def release(self, no: int, acting: Acting, now_ms: int) -> tuple[str, int]:
        """The second who read it: meter and count are written down. Raises BadRemoval, StaffError, StoreError."""
        approval = self._approvals.open(no, now_ms)
        deed = approval.deed
        count = deed.body.get("count")
        if deed.kind != REMOVE or not isinstance(count, int):
            raise BadRemoval(f"Proposal {no} is about {deed.kind}.")
        try:
            self._taken(deed.value, count)
        except BadRemoval:
            self._approvals.end(approval, now_ms, "a card shows a higher count by now")
            raise

        def written(connection: Connection, done: Approval) -> None:
            row = {"meter": deed.value, "count": count, "at_ms": now_ms, "who": done.first, "second": done.second, "line": done.line}
            row |= {"first_signature": done.first_signature, "second_signature": done.second_signature}
            connection.execute(INSERT[connection.dialect.name](REMOVAL).on_conflict_do_nothing(), row)

        self._approvals.release(no, acting, now_ms, written)
        return deed.value, count

    def _taken(self, meter: str, count: int) -> int:
        """The highest purchase that the cards show as taken. Raises BadRemoval where the count is below it."""
        taken = self._known(meter).last_taken()
        if count < taken:
            raise BadRemoval(f"A card shows that this meter has taken purchase {taken}: it was misread, or it is another meter.")
        return taken


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
