"""The tables of partners: who may order for our customers, what they paid in and spent, and what they were answered."""

from sqlalchemy import Index, Text, text
from sqlmodel import Field

from kiosk.hq.schema import LOGGED, Big, Int, Schema, table

NAMED = text("acquirer <> ''")


class PartnerTable(Schema, table=True):
    """A bank, an app, a shop. Its token stands here only as SHA-256; `token_before` is good until `before_until_ms`.

    `order_min_minor`: none is the office's least amount. `open_card_max`, `open_max`: orders that may wait, for one card and in all.
    `state`: open | closed. `acquirer`: its number in ISO 8583 (field 32), "" for none. `zone`: whose days are its days, "+0800".
    """

    __tablename__ = "partner"
    __table_args__ = (Index("partner_acquirer", "acquirer", unique=True, sqlite_where=NAMED, postgresql_where=NAMED), LOGGED)
    name: str = Field(primary_key=True, sa_type=Text)
    token: str = Field(sa_type=Text)
    token_before: str = Field(sa_type=Text)
    before_until_ms: int = Field(sa_type=Big)
    acquirer: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    currency: str = Field(sa_type=Text)
    zone: str = Field(sa_type=Text)
    order_max_minor: int = Field(sa_type=Big)
    day_max_minor: int = Field(sa_type=Big)
    credit_minor: int = Field(sa_type=Big)
    made_ms: int = Field(sa_type=Big)
    order_min_minor: int | None = Field(default=None, sa_type=Big)
    open_card_max: int = Field(default=3, sa_type=Int)
    open_max: int = Field(default=2000, sa_type=Int)


class PartnerEntryTable(Schema, table=True):
    """A line of a partner's account, numbered without a gap. `balance_minor`: after it; the account's balance is the last line's.

    `what`: deposit | order | cancelled; `amount_minor` has its sign; `day`: yyyymmdd, never before the day of the line above;
    `name`: the order's, or the payment's that was paid in.
    """

    __tablename__ = "partner_entry"
    __table_args__ = (
        Index("partner_entry_day", "partner", "day"),
        Index("partner_entry_once", "partner", "what", "name", unique=True),
        LOGGED,
    )
    partner: str = Field(primary_key=True, sa_type=Text)
    no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    at_ms: int = Field(sa_type=Big)
    day: int = Field(sa_type=Int)
    what: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    amount_minor: int = Field(sa_type=Big)
    balance_minor: int = Field(sa_type=Big)


class PartnerRequestTable(Schema, table=True):
    """What a partner asked for under a key of its own, and the answer without the code: asked again, it is answered the same.

    `digest`: SHA-256 of what was asked, "" where only its reversal came; `answer`: "" while there is none.
    """

    __tablename__ = "partner_request"
    __table_args__ = LOGGED
    partner: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    digest: str = Field(sa_type=Text)
    at_ms: int = Field(sa_type=Big)
    name: str = Field(sa_type=Text)
    answer: str = Field(sa_type=Text)


class PartnerReversedTable(Schema, table=True):
    """A payment whose reversal came before it: its reference, and a local day that it may be of (yyyymmdd)."""

    __tablename__ = "partner_reversed"
    __table_args__ = LOGGED
    partner: str = Field(primary_key=True, sa_type=Text)
    reference: str = Field(primary_key=True, sa_type=Text)
    day: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})


PARTNER, ENTRY, REQUEST, REVERSED = table(PartnerTable), table(PartnerEntryTable), table(PartnerRequestTable), table(PartnerReversedTable)
