"""What the settlement rule is fed from: imported rows by card, orders, papers, kiosks and how far each has come. Reads only."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from kiosk.envelope import holds
from kiosk.hq.intake.shape import SOUGHT
from kiosk.hq.orders.book import Order
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.schema import BATCH, FACT, HEAD, KIND, KIOSK, SALE, WORK
from kiosk.hq.settlement.chain import Chains
from kiosk.hq.settlement.known import Known, Line, TagOf, Told, known
from kiosk.hq.settlement.tables import PAPER, REMOVAL, SETTLEMENT
from kiosk.vend import evidence, facts
from kiosk.vend.evidence import Evidence as Paper
from kiosk.vend.facts import Fact
from kiosk.vend.rows import Unreadable, fact_of, kinds
from kiosk.vend.slot import Removed, Verified

ABOUT_CARDS = ("CardPresented", "WriteStarted", "CardVerified", "ForeignSaleFinished", "TransferCodeAccepted")
ENDS_READ = 20  # ends of sales, the newest: one that cannot be read is passed over
BELIEVED = ("open", "closed")
"""States of a kiosk whose papers and rows are taken as they are."""

Cards = Callable[[str], Sequence[str]]
"""A meter -> the serials of its cards, oldest first. The registry's."""

Issued = Callable[[str], Verified | None]
"""A meter -> the record that its newest card was issued with; None: a purchase of nothing. The registry's."""


def issued_empty(_meter: str) -> None:
    """Every card was issued with a purchase of nothing: `kiosk hq card` opens no other kind yet."""


class Machine(msgspec.Struct, frozen=True):
    """A kiosk as settlement sees it. `row_seq`: the last row that is here, of a batch that was made at `made_ms`; `restored`: its store was
    put back, at that row; `believed_row`: of a revoked kiosk the last one that counts."""

    no: int
    kiosk: str
    sign: bytes
    state: str
    row_seq: int
    made_ms: int
    restored: int | None
    believed_row: int

    def believes(self, seq: int) -> bool:
        """Whether a row of it counts: of a revoked kiosk only up to the batch that is named as its last true one."""
        return self.state != "revoked" or seq <= self.believed_row


class Sold(msgspec.Struct, frozen=True):
    """How a sale ended, by its own row."""

    outcome: str
    tender: str
    tender_minor: int
    claim_minor: int
    currency: str
    exponent: int
    flagged: bool


@cache
def _kinds() -> dict[str, type[Fact]]:
    return kinds()


def numbers(*names: str) -> list[int]:
    """The numbers of kinds that an index finds."""
    return [SOUGHT.index(name) + 1 for name in names]


def decoded(sale: str | None, kind: str, v: int, body: str) -> Fact | None:
    """The fact of a row; None for one that says nothing. It was flagged when it was imported."""
    try:
        return fact_of(_kinds(), (sale, kind, v, body.encode()))
    except Unreadable:
        return None


# ---------------------------------------------------------------- kiosks


def machines(connection: Connection) -> dict[str, Machine]:
    """Every kiosk, by its id."""
    both = select(KIOSK, HEAD.c.row_seq, HEAD.c.made_ms).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no).where(KIOSK.c.no != 0)
    back = _restored(connection)
    ends = select(KIOSK.c.no, BATCH.c.last).join(BATCH, (BATCH.c.kiosk_no == KIOSK.c.no) & (BATCH.c.seq == KIOSK.c.accepted_seq))
    last = {row.no: row.last for row in connection.execute(ends)}
    return {
        row.id: Machine(row.no, row.id, bytes(row.sign), row.state, row.row_seq, row.made_ms, back.get(row.no), last.get(row.no, 0))
        for row in connection.execute(both.order_by(KIOSK.c.id))
    }


def _restored(connection: Connection) -> dict[int, int]:
    asked = select(FACT.c.kiosk_no, FACT.c.seq).where(FACT.c.kind.in_(numbers("Restored"))).order_by(FACT.c.seq.desc())
    return {row.kiosk_no: row.seq for row in connection.execute(asked)}


def money(connection: Connection, no: int) -> tuple[str, int, int | None]:
    """Currency and exponent of a kiosk's last sale; and what it may have sold since unreported: its float there and what was granted since,
    None where no float of its own is known."""
    last = select(FACT.c.seq, FACT.c.sale, FACT.c.v, FACT.c.body).join(KIND, KIND.c.no == FACT.c.kind)
    asked = last.where(FACT.c.kiosk_no == no, KIND.c.name == facts.SaleClosed.__name__).order_by(FACT.c.seq.desc())
    for seq, sale, v, body in connection.execute(asked.limit(ENDS_READ)):
        ended = decoded(sale, facts.SaleClosed.__name__, v, body)
        if isinstance(ended, facts.SaleClosed):
            left = ended.float_minor
            return ended.currency, ended.exponent, None if left is None else max(left, 0) + _granted(connection, no, seq)
    return "", 2, _granted(connection, no, 0) or None


def _granted(connection: Connection, no: int, after: int) -> int:
    """What came in floats after this row."""
    asked = select(FACT.c.amount_minor).where(FACT.c.kiosk_no == no, FACT.c.seq > after, FACT.c.kind.in_(numbers("FloatGranted")))
    return sum(amount or 0 for amount in connection.execute(asked).scalars())


# ---------------------------------------------------------------- a meter


def of_meter(
    connection: Connection,
    meter: str,
    *,
    cards: Sequence[str],
    machines: dict[str, Machine],
    orders: Sequence[Order],
    tag_of: TagOf | None,
    chains: Chains,
) -> Known:
    """Everything about one meter. A paper is proof only of a kiosk that is believed, a row only if it stands here as it was signed."""
    papers = [paper for paper in papers_of(connection, meter) if paper.kiosk in machines and machines[paper.kiosk].state in BELIEVED]
    removals = [
        Told(Removed(meter, count), "removal", "", 0, at_ms)
        for count, at_ms in connection.execute(
            select(REMOVAL.c.count, REMOVAL.c.at_ms).where(REMOVAL.c.meter == meter).order_by(REMOVAL.c.count)
        )
    ]
    lines, disbelieved = list[Line](), list[Line]()
    for line in card_rows(connection, cards):
        believed = machines[line.kiosk].believes(line.seq) and chains.signed(line.kiosk, line.seq)
        (lines if believed else disbelieved).append(line)
    return known(
        meter,
        cards,
        lines,
        disbelieved=disbelieved,
        orders=orders,
        tag_of=tag_of,
        papers=papers,
        removals=removals,
        kept=kept_of(connection, meter),
    )


class _Proof(msgspec.Struct):
    kind: str = ""
    evidence: msgspec.Raw = msgspec.Raw()


def kept_of(connection: Connection, meter: str) -> list[Verified]:
    """The verified records that the orders of this office rest on."""
    asked = select(SETTLEMENT.c.proof).where(SETTLEMENT.c.meter == meter, SETTLEMENT.c.order_name != "", SETTLEMENT.c.proof.startswith("["))
    proofs = [each for text in connection.execute(asked).scalars() for each in msgspec.json.decode(text, type=list[_Proof])]
    return [msgspec.json.decode(each.evidence, type=Verified) for each in proofs if each.kind == "Verified"]


def card_rows(connection: Connection, cards: Sequence[str]) -> Iterator[Line]:
    """The rows about these cards of all kiosks, by kiosk and row."""
    asked = (
        select(FACT.c.seq, FACT.c.at_ms, FACT.c.sale, FACT.c.v, FACT.c.body, KIND.c.name, KIOSK.c.id)
        .join(KIND, KIND.c.no == FACT.c.kind)
        .join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        .where(FACT.c.card.in_(list(cards)), KIND.c.name.in_(ABOUT_CARDS))
        .order_by(FACT.c.kiosk_no, FACT.c.seq)
    )
    for seq, at_ms, sale, v, body, kind, kiosk in connection.execute(asked):
        fact = decoded(sale, kind, v, body)
        if fact is not None:
            yield Line(kiosk, seq, at_ms, sale or "", fact)


def papers_of(connection: Connection, meter: str) -> list[Paper]:
    """The papers of this meter that people brought; each was genuine when it was."""
    asked = select(PAPER.c.text).where(PAPER.c.meter == meter).order_by(PAPER.c.at_ms, PAPER.c.sha256)
    return [evidence.decode(text)[0] for text in connection.execute(asked).scalars()]


def orders_of(connection: Connection, meter: str) -> tuple[Order, ...]:
    """All orders of a meter that were ever made and not taken back, the oldest first."""
    asked = select(ORDER).where(ORDER.c.meter == meter, ORDER.c.state != "void").order_by(ORDER.c.made_ms, ORDER.c.name)
    return tuple(order_of(row) for row in connection.execute(asked).mappings())


def order_of(row: Any) -> Order:
    """Of its row."""
    return Order(**{name: row[name] for name in Order.__struct_fields__})


def genuine(text: str, machines: dict[str, Machine]) -> Paper:
    """What a code on a paper says, if it is that kiosk's. Raises evidence.NotGenuine."""
    said = evidence.decode(text)[0]
    machine = machines.get(said.kiosk)
    if machine is None:
        raise evidence.NotGenuine(f"The code names kiosk {said.kiosk!r}, which is not known here.")
    return evidence.verify(text, lambda label, data, signature: holds(machine.sign, label, data, signature))


# ---------------------------------------------------------------- claims


class Claimed(msgspec.Struct, frozen=True):
    """A ClaimIssued that was imported."""

    kiosk: str
    seq: int
    at_ms: int
    fact: facts.ClaimIssued

    @property
    def key(self) -> tuple[str, str]:
        """By which its end is found."""
        return self.kiosk, self.fact.sale


def claims(connection: Connection, *, kiosk: str = "", sale: str = "", meter: str = "") -> list[Claimed]:
    """The claims that were imported, the oldest first."""
    asked = (
        select(FACT.c.seq, FACT.c.at_ms, FACT.c.sale, FACT.c.v, FACT.c.body, KIOSK.c.id)
        .join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        .where(FACT.c.kind.in_(numbers("ClaimIssued")))
        .order_by(FACT.c.at_ms, FACT.c.kiosk_no, FACT.c.seq)
    )
    asked = asked.where(KIOSK.c.id == kiosk) if kiosk else asked
    asked = asked.where(FACT.c.sale == sale) if sale else asked
    found = []
    for seq, at_ms, of_sale, v, body, name in connection.execute(asked):
        fact = decoded(of_sale, "ClaimIssued", v, body)
        if isinstance(fact, facts.ClaimIssued) and meter in ("", fact.meter):
            found.append(Claimed(name, seq, at_ms, fact))
    return found


def settled(connection: Connection) -> set[tuple[str, str]]:
    """(kiosk, sale) of the claims that their own kiosk found landed."""
    asked = select(KIOSK.c.id, FACT.c.sale).join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no).where(FACT.c.kind.in_(numbers("ClaimSettled")))
    return {(row[0], row[1] or "") for row in connection.execute(asked)}


def in_doubt(connection: Connection, no: int, sale: str) -> int:
    """Minor units of notes of a sale of which nobody knows where they are."""
    asked = select(FACT.c.amount_minor).where(FACT.c.kiosk_no == no, FACT.c.kind.in_(numbers("EscrowUnknown")), FACT.c.sale == sale)
    return sum(amount or 0 for amount in connection.execute(asked).scalars())


def sold(connection: Connection, no: int, sale: str) -> Sold | None:
    """How the sale ended; None where its end is not here."""
    asked = select(SALE).where(SALE.c.sale == sale, SALE.c.kiosk_no == no, SALE.c.outcome != "settled").order_by(SALE.c.seq).limit(1)
    row = connection.execute(asked).first()
    if row is None:
        return None
    kiosk = select(KIOSK.c.id).where(KIOSK.c.no == no).scalar_subquery()
    odd = select(WORK.c.seq).where(WORK.c.kiosk == kiosk, WORK.c.seq == row.seq, WORK.c.what.in_(("sums", "money", "unreadable")))
    flagged = connection.execute(odd).first() is not None
    return Sold(row.outcome, row.tender, row.tender_minor, row.claim_minor, row.currency, row.exponent, flagged)


def newest_rows(connection: Connection, no: int, most: int) -> Iterator[Line]:
    """The last rows of a kiosk, the newest first."""
    asked = (
        select(FACT.c.seq, FACT.c.at_ms, FACT.c.sale, FACT.c.v, FACT.c.body, KIND.c.name)
        .join(KIND, KIND.c.no == FACT.c.kind)
        .where(FACT.c.kiosk_no == no)
        .order_by(FACT.c.seq.desc())
        .limit(most)
    )
    for seq, at_ms, sale, v, body, kind in connection.execute(asked):
        fact = decoded(sale, kind, v, body)
        if fact is not None:
            yield Line("", seq, at_ms, sale or "", fact)
