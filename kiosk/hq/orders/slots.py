"""Which purchase count an order gets: how far a meter's cards are known to have come, which slots are taken, and receipts that prove more.

A purchase number is what somebody says. Its check digit finds a slip of the finger; it proves nothing. So it is taken up to `AHEAD` counts
above what is known here, and further only with the signed code of the receipt on which it is printed.
"""

import hashlib
from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.envelope import holds
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.schema import BATCH, FACT, KIND, KIOSK
from kiosk.hq.settlement.tables import PAPER
from kiosk.vend import code, evidence
from kiosk.vend.evidence import RECEIPT, Evidence, NotGenuine

AHEAD = 5  # orders of one card that may wait: a kiosk knows a count by its last digit
ROWS_LOOKED_AT = 200  # of a meter's cards, the newest
BELIEVED = ("open", "closed")
"""States of a kiosk whose receipts are believed."""

COUNTED = {"CardVerified": ("n",), "ForeignSaleFinished": ("n",), "CardPresented": ("taken",)}


def live(now_ms: int) -> ColumnElement[bool]:
    """SQL: a machine may still take the order's code, or its code may still leave the office."""
    return and_(ORDER.c.state.in_(("open", "held")), ORDER.c.until_ms > now_ms)


def alone(connection: Connection, meter: str) -> None:
    """Orders of one meter are made one after another, until the transaction ends. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"order {meter}", 0))))


def free(connection: Connection, meter: str, base: int, now_ms: int) -> int:
    """The slot for a new order of a card whose count is `base` at least; 0 where `AHEAD` slots are taken.

    It is the one behind every order that is live or was collected. Where that is too far ahead it is the nearest that is free.
    """
    counted = or_(live(now_ms), ORDER.c.state == "collected")
    asked = select(ORDER.c.n).where(ORDER.c.meter == meter, ORDER.c.n > base, counted)
    taken = set(connection.execute(asked).scalars())
    behind = max(taken, default=base) + 1
    near = range(base + 1, base + AHEAD + 1)
    return behind if behind in near else next((n for n in near if n not in taken), 0)


def waiting_before(connection: Connection, card: str, n: int, now_ms: int) -> tuple[str, ...]:
    """The names of live orders that are collected before slot n, the nearest slot first."""
    asked = select(ORDER.c.name).where(ORDER.c.card == card, live(now_ms), ORDER.c.n < n)
    return tuple(connection.execute(asked.order_by(ORDER.c.n, ORDER.c.name)).scalars())


def known(connection: Connection, meter: str, cards: Sequence[str]) -> int:
    """The highest purchase count that anything here proves of a meter and its cards. Newer rows may be on their way."""
    passed = select(func.max(ORDER.c.n)).where(ORDER.c.meter == meter, ORDER.c.state == "passed")
    return max(_in_rows(connection, cards), _on_papers(connection, meter), connection.execute(passed).scalar() or 0)


def _in_rows(connection: Connection, cards: Sequence[str]) -> int:
    """Of a revoked kiosk the rows up to its last true batch count, as they do in the settlement."""
    last = select(BATCH.c.last).where(BATCH.c.kiosk_no == FACT.c.kiosk_no, BATCH.c.seq == KIOSK.c.accepted_seq).scalar_subquery()
    asked = (
        select(KIND.c.name, FACT.c.body)
        .join(KIND, KIND.c.no == FACT.c.kind)
        .join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        .where(
            FACT.c.card.in_(list(cards)), KIND.c.name.in_(COUNTED), or_(KIOSK.c.state != "revoked", FACT.c.seq <= func.coalesce(last, 0))
        )
        .order_by(FACT.c.at_ms.desc())
        .limit(ROWS_LOOKED_AT)
    )
    return max((_count_in(COUNTED[kind], body) for kind, body in connection.execute(asked)), default=0)


def _count_in(names: tuple[str, ...], body: str) -> int:
    try:
        said = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError:
        return 0
    counts = [value for name in names if isinstance(value := said.get(name), int) and 0 <= value <= code.COUNT_MAX]
    return max(counts, default=0) if said.get("authentic", True) is True else 0


def _on_papers(connection: Connection, meter: str) -> int:
    """A receipt says that its purchase is on the card; a slip only that the one before it was."""
    asked = select(PAPER.c.text).join(KIOSK, KIOSK.c.id == PAPER.c.kiosk).where(PAPER.c.meter == meter, KIOSK.c.state.in_(BELIEVED))
    papers = [evidence.decode(text)[0] for text in connection.execute(asked).scalars()]
    return max((paper.n if paper.kind == RECEIPT else paper.n - 1 for paper in papers), default=0)


def take_in(connection: Connection, text: str, meter: str, who: str, now_ms: int) -> None:
    """A receipt of this meter, checked with its kiosk's key and kept. Raises NotGenuine."""
    text = text.strip()
    paper = evidence.decode(text)[0]
    sign = connection.execute(select(KIOSK.c.sign).where(KIOSK.c.id == paper.kiosk, KIOSK.c.no != 0)).scalar()
    if sign is None:
        raise NotGenuine(f"The code names kiosk {paper.kiosk!r}, which is not known here.")
    evidence.verify(text, lambda label, data, signature: holds(bytes(sign), label, data, signature))
    if (paper.kind, paper.meter) != (RECEIPT, meter):
        raise NotGenuine("The code is of no receipt of this meter.")
    keep(connection, paper, text, value="", who=who, now_ms=now_ms)


def keep(connection: Connection, paper: Evidence, text: str, *, value: str, who: str, now_ms: int) -> bool:
    """A paper that was found genuine. False where it was here before."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {
        "sha256": hashlib.sha256(text.encode()).hexdigest(), "kiosk": paper.kiosk, "value": value, "meter": paper.meter, "seq": paper.seq,
        "text": text, "at_ms": now_ms, "who": who,
    }  # fmt: skip
    return connection.execute(make(PAPER).values(**row).on_conflict_do_nothing().returning(PAPER.c.sha256)).first() is not None
