"""What is written down for settlement alone: decisions, papers that people brought, meters that were taken away, how far alarms looked."""

from sqlalchemy import Index, Text
from sqlmodel import Field

from kiosk.hq.schema import LOGGED, Big, Int, Schema, free, table


class SettlementTable(Schema, table=True):
    """The audit: each decision about one value, in its order, never changed.

    `what`: proposed | released | ordered | closed. `value`: the money, KIOSK/SALE, KIOSK#ROW of an orphan, or an order's name. `why` is
    one word of `rule.Way`, `proof` the evidence with its source, as JSON. `login`: whose session it was in which `who` decided.

    `line`: the exact text that `first`, and where it is for two people `second`, have signed with their keys as members of the staff. Rows
    of before the staff had keys have none of these.
    """

    __tablename__ = "settlement"
    __table_args__ = LOGGED
    value: str = Field(primary_key=True, sa_type=Text)
    no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    at_ms: int = Field(sa_type=Big)
    what: str = Field(sa_type=Text)
    who: str = Field(sa_type=Text)
    login: str = Field(sa_type=Text)
    why: str = Field(sa_type=Text)
    basis: str = Field(sa_type=Text)
    card: str = Field(sa_type=Text)
    meter: str = Field(sa_type=Text)
    n: int = Field(sa_type=Big)
    amount_minor: int = Field(sa_type=Big)
    currency: str = Field(sa_type=Text)
    order_name: str = Field(default="", sa_type=Text)
    proof: str = Field(default="", sa_type=Text)
    note: str = Field(default="", sa_type=Text)
    line: str = Field(default="", sa_type=Text)
    first: str = Field(default="", sa_type=Text)
    first_signature: str = Field(default="", sa_type=Text)
    second: str = Field(default="", sa_type=Text)
    second_signature: str = Field(default="", sa_type=Text)


class PaperTable(Schema, table=True):
    """A genuine slip or receipt that somebody brought, by its code's own text. `seq`: a slip's journal row, 0 of a receipt."""

    __tablename__ = "paper"
    __table_args__ = (Index("paper_meter", "meter"), Index("paper_kiosk", "kiosk", "seq"), LOGGED)
    sha256: str = Field(primary_key=True, sa_type=Text)
    kiosk: str = Field(sa_type=Text)
    value: str = Field(sa_type=Text)
    meter: str = Field(sa_type=Text)
    seq: int = Field(sa_type=Big)
    text: str = Field(sa_type=Text)
    at_ms: int = Field(sa_type=Big)
    who: str = Field(sa_type=Text)


class RemovalTable(Schema, table=True):
    """A meter was taken away with this as its last purchase count; two people have read it, and signed `line`."""

    __tablename__ = "removal"
    __table_args__ = LOGGED
    meter: str = Field(primary_key=True, sa_type=Text)
    count: int = Field(primary_key=True, sa_type=Big, sa_column_kwargs={"autoincrement": False})
    at_ms: int = Field(sa_type=Big)
    who: str = Field(sa_type=Text)
    second: str = Field(sa_type=Text)
    line: str = Field(default="", sa_type=Text)
    first_signature: str = Field(default="", sa_type=Text)
    second_signature: str = Field(default="", sa_type=Text)


class WatchedTable(Schema, table=True):
    """How far the alarms have looked at a kiosk's rows, and what they remember of them, as JSON."""

    __tablename__ = "watched"
    __table_args__ = free("looking again from the first row finds the same")
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(sa_type=Big)
    memory: str = Field(sa_type=Text)


SETTLEMENT, PAPER, REMOVAL, WATCHED = table(SettlementTable), table(PaperTable), table(RemovalTable), table(WatchedTable)
