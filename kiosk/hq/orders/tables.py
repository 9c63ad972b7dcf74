"""The tables of transfer orders: what was paid elsewhere, and which machines say that its code was used."""

from sqlalchemy import Index, Text, text
from sqlmodel import Field

from kiosk.hq.schema import LOGGED, Big, Int, Schema, table

ALONE = text("settles = '' AND state <> 'void'")
PARTNERS = "partner "
"""How the source of a partner's order begins."""


class OrderTable(Schema, table=True):
    """An order. Its code is in no table: the vault makes it again from these columns.

    `state`: held (its code has not left the office: it is not safe at the other site yet, or its partner was not answered) | open |
    collected (a machine accepted it, or its count proof says so) | passed (its count proof says that another record took its slot) | void
    (cancelled while it was held; or two people, and never while a machine may still take it). `settles`: the claim or order whose slot it
    keeps.
    `source` and `reference`: who ordered it, and by what name of theirs: twice is once.
    `order_slot`: no two live new orders share a slot. One whose generation is over keeps its row and bars nothing.
    """

    __tablename__ = "transfer_order"
    __table_args__ = (
        Index("order_slot", "meter", "n", "generation", unique=True, sqlite_where=ALONE, postgresql_where=ALONE),
        Index("order_reference", "source", "reference", unique=True),
        Index("order_card", "card"),
        Index("order_open", "region", "state", "until_ms"),
        Index("order_source", "source", "state", "until_ms"),
        LOGGED,
    )
    name: str = Field(primary_key=True, sa_type=Text)
    region: int = Field(sa_type=Big)
    version: int = Field(sa_type=Int)
    card: str = Field(sa_type=Text)
    meter: str = Field(sa_type=Text)
    n: int = Field(sa_type=Big)
    amount_minor: int = Field(sa_type=Big)
    currency: str = Field(sa_type=Text)
    generation: int = Field(sa_type=Int)
    made_ms: int = Field(sa_type=Big)
    until_ms: int = Field(sa_type=Big)
    source: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text)
    settles: str = Field(default="", sa_type=Text)
    state: str = Field(default="open", sa_type=Text)
    proof_tries: int = Field(default=0, sa_type=Int)
    done_ms: int | None = Field(default=None, sa_type=Big)
    done_by: str = Field(default="", sa_type=Text)


class OrderUseTable(Schema, table=True):
    """A TransferCodeAccepted row that was held against the orders; `name` is "" where no order has such a code."""

    __tablename__ = "order_use"
    __table_args__ = (Index("order_use_name", "name"), LOGGED)
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_type=Big)
    name: str = Field(sa_type=Text)
    at_ms: int = Field(sa_type=Big)
    amount_minor: int = Field(sa_type=Big)


class OrderTwiceTable(Schema, table=True):
    """A use of an order whose money stood in the sums before: reports take it out again, from `posted_day` on (yyyymmdd).

    `what`: again (another sale of this money counts, this `sale` does not) | settles (the order stands for a claim: it was
    tendered where the claim was left, and the claim is owed no more).
    """

    __tablename__ = "order_twice"
    __table_args__ = LOGGED
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_type=Big)
    name: str = Field(sa_type=Text)
    sale: str = Field(sa_type=Text)
    what: str = Field(sa_type=Text)
    amount_minor: int = Field(sa_type=Big)
    currency: str = Field(sa_type=Text)
    posted_day: int = Field(sa_type=Int)


class OrderLeastTable(Schema, table=True):
    """The least amount of an order in a currency, where the office said one."""

    __tablename__ = "order_least"
    __table_args__ = LOGGED
    currency: str = Field(primary_key=True, sa_type=Text)
    amount_minor: int = Field(sa_type=Big)


class OrderRecordTable(Schema, table=True):
    """An office that was put back, by its new epoch. `complete_ms`: when two people said that no order was missing any more."""

    __tablename__ = "order_record"
    __table_args__ = LOGGED
    epoch: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    since_ms: int = Field(sa_type=Big)
    complete_ms: int | None = Field(default=None, sa_type=Big)
    note: str = Field(default="", sa_type=Text)


ORDER, ORDER_USE, ORDER_TWICE, ORDER_LEAST = table(OrderTable), table(OrderUseTable), table(OrderTwiceTable), table(OrderLeastTable)
RECORD = table(OrderRecordTable)
