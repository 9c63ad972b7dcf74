"""The head office's tables: what its kiosks did, and what that adds up to. One schema for PostgreSQL and SQLite.

Rows lead with (kiosk_no, seq): small numbers, spread over kiosks, the key by which a table is divided over machines. No sequence numbers
rows, no trigger, temporary table or advisory lock, no foreign key of a fact: what divides tables (Citus, YugabyteDB) takes it as it is.
A room that keeps tables of its own declares them on `Schema` in its own module and adds a migration; docs/hq-import.md says how.
"""

from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, SmallInteger, Table, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

# 64, 32 and 16 bits in PostgreSQL; SQLite has one kind of integer
Big = BigInteger().with_variant(Integer(), "sqlite")
Int = Integer()
Small = SmallInteger().with_variant(Integer(), "sqlite")

STRICT: dict[str, Any] = {"sqlite_strict": True}
LOGGED = STRICT | {"info": {"held": "log"}}
"""Of a table that the office itself writes and decides about money with: each row is in its log, `hq.log`."""
SIGNED = STRICT | {"info": {"held": "signed"}}
"""Of a table that follows from what kiosks signed: `copies.proof` makes it again."""


def free(why: str) -> dict[str, Any]:
    """Of a table from which no money is decided. `why`: in a few words."""
    return STRICT | {"info": {"held": why}}


DIVIDED = ("fact", "sale", "batch", "original")
"""The tables that grow without end; in PostgreSQL they may be divided by the hash of kiosk_no when the store is made."""

NOT_POSTED = 0
"""The posted day of a sale that stands in no sum: no money moved, or its currency or its date is not known."""


class Schema(SQLModel, registry=registry()):
    """All tables of the head office's store; the registry of cards has a file of its own."""


# ---------------------------------------------------------------- who


class UtilityTable(Schema, table=True):
    """Whose store this is. `epoch`: a store that was restored from its backup begins a new one."""

    __tablename__ = "utility"
    __table_args__ = LOGGED
    utility: int = Field(primary_key=True, sa_type=Big, sa_column_kwargs={"autoincrement": False})
    epoch: int = Field(sa_type=Int)
    made_ms: int = Field(sa_type=Big)


class KioskTable(Schema, table=True):
    """A kiosk's id names one store's life. `no` stands for it everywhere else; 0 is nobody's.

    `state`: open | frozen (two histories were seen) | closed (its life is over) | revoked (nothing above `accepted_seq` is believed).
    `durable_seq`: the last batch that lies in a backup at another place.
    """

    __tablename__ = "kiosk"
    __table_args__ = LOGGED
    no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    id: str = Field(sa_type=Text, unique=True)
    sign: bytes = Field(sa_type=LargeBinary)
    region: int = Field(sa_type=Big)
    state: str = Field(default="open", sa_type=Text)
    accepted_seq: int | None = Field(default=None, sa_type=Big)
    durable_seq: int = Field(default=0, sa_type=Big)


class HeadTable(Schema, table=True):
    """How far a kiosk's journal has come here; each import moves it from just where it was, or does not happen.

    `seq`, `hash`: of the last batch, SHA-256 of its header; `row_seq`, `row_hash`: of the journal's last row. The rest is what its header
    said: `applied` and `totals` as JSON.
    """

    __tablename__ = "head"
    __table_args__ = SIGNED
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    store: str = Field(sa_type=Text)
    seq: int = Field(sa_type=Big)
    hash: str = Field(sa_type=Text)
    row_seq: int = Field(sa_type=Big)
    row_hash: str = Field(sa_type=Text)
    made_ms: int = Field(sa_type=Big)
    taken_ms: int = Field(sa_type=Big)
    clock: str = Field(sa_type=Text)
    software: str = Field(sa_type=Text)
    applied: str = Field(sa_type=Text)
    totals: str = Field(sa_type=Text)


class KindTable(Schema, table=True):
    """The names of facts. The numbers below 100 are `facts.SOUGHT`'s, which an index finds."""

    __tablename__ = "kind"
    __table_args__ = SIGNED
    no: int = Field(primary_key=True, sa_type=Small, sa_column_kwargs={"autoincrement": False})
    name: str = Field(sa_type=Text, unique=True)


# ---------------------------------------------------------------- what came


class BatchTable(Schema, table=True):
    """The ledger: a batch that stands here was imported, once, with all of its rows. `flagged`: how many of them break a rule."""

    __tablename__ = "batch"
    __table_args__ = SIGNED
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_type=Big)
    hash: str = Field(sa_type=Text)
    first: int = Field(sa_type=Big)
    last: int = Field(sa_type=Big)
    row_hash: str = Field(sa_type=Text)
    made_ms: int = Field(sa_type=Big)
    taken_ms: int = Field(sa_type=Big)
    flagged: int = Field(sa_type=Int)


class OriginalTable(Schema, table=True):
    """The batch itself, as it was signed: header, signature and body."""

    __tablename__ = "original"
    __table_args__ = SIGNED
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_type=Big)
    raw: bytes = Field(sa_type=LargeBinary)


class FactTable(Schema, table=True):
    """A journal row. With `body`, which is the line's own text, all of its line can be made again."""

    __tablename__ = "fact"
    __table_args__ = (
        Index("fact_card", "card", sqlite_where=text("card IS NOT NULL"), postgresql_where=text("card IS NOT NULL")),
        Index("fact_kind", "kind", "at_ms", sqlite_where=text("kind < 100"), postgresql_where=text("kind < 100")),
        SIGNED,
    )
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_type=Big)
    at_ms: int = Field(sa_type=Big)
    kind: int = Field(sa_type=Small)
    v: int = Field(sa_type=Small)
    boot: int = Field(sa_type=Big)
    mono_ms: int = Field(sa_type=Big)
    sale: str | None = Field(default=None, sa_type=Text)
    card: str | None = Field(default=None, sa_type=Text)
    amount_minor: int | None = Field(default=None, sa_type=Big)
    body: str = Field(sa_type=Text)


class SaleTable(Schema, table=True):
    """A SaleClosed, or a ClaimSettled (outcome `settled`): every row that moves a sum. The three summaries are these, added up.

    tender_minor = credit_minor + fee_minor + debt_minor + returned_minor + claim_minor; a settled claim has no tender and takes its claim
    back. `day` is the kiosk's own business date, `posted_day` where it stands in the sums: later where its day was closed. yyyymmdd.
    """

    __tablename__ = "sale"
    __table_args__ = (Index("sale_id", "sale"), Index("sale_day", "posted_day", "kiosk_no"), SIGNED)
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_type=Big)
    sale: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)  # landed | claimed | returned | cancelled | settled
    tender: str = Field(sa_type=Text)  # cash | bank | code | none
    card: str = Field(sa_type=Text)
    meter: str = Field(sa_type=Text)
    n: int = Field(sa_type=Big)
    tag: str | None = Field(default=None, sa_type=Text)
    number: int | None = Field(default=None, sa_type=Big)
    currency: str = Field(sa_type=Text)
    exponent: int = Field(sa_type=Small)
    tender_minor: int = Field(sa_type=Big)
    credit_minor: int = Field(sa_type=Big)
    credit_wh: int = Field(sa_type=Big)
    fee_minor: int = Field(sa_type=Big)
    debt_minor: int = Field(sa_type=Big)
    returned_minor: int = Field(sa_type=Big)
    claim_minor: int = Field(sa_type=Big)
    float_minor: int | None = Field(default=None, sa_type=Big)
    tariff: str = Field(sa_type=Text)
    opened_ms: int = Field(sa_type=Big)
    closed_ms: int = Field(sa_type=Big)
    zone: str = Field(sa_type=Text)
    day: int = Field(sa_type=Int)
    hour: int = Field(sa_type=Small)
    posted_day: int = Field(sa_type=Int)


# ---------------------------------------------------------------- what it adds up to


class Sums(SQLModel):
    """What every summary adds up, of the sales posted there. `late`: how many of them were of an earlier, closed day."""

    sales: int = Field(sa_type=Big)
    tender_minor: int = Field(sa_type=Big)
    credit_minor: int = Field(sa_type=Big)
    credit_wh: int = Field(sa_type=Big)
    fee_minor: int = Field(sa_type=Big)
    debt_minor: int = Field(sa_type=Big)
    returned_minor: int = Field(sa_type=Big)
    claims: int = Field(sa_type=Big)
    claim_minor: int = Field(sa_type=Big)
    late: int = Field(sa_type=Big)
    late_minor: int = Field(sa_type=Big)


class DayKioskTable(Sums, Schema, table=True):
    """By day, kiosk and tender. Amounts of two currencies are never added together."""

    __tablename__ = "day_kiosk"
    __table_args__ = SIGNED
    day: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    kiosk_no: int = Field(primary_key=True, sa_type=Int)
    tender: str = Field(primary_key=True, sa_type=Text)
    currency: str = Field(primary_key=True, sa_type=Text)


class DayHourTable(Sums, Schema, table=True):
    """By day, hour of the kiosk's own clock and zone, and tender."""

    __tablename__ = "day_hour"
    __table_args__ = SIGNED
    day: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    hour: int = Field(primary_key=True, sa_type=Small)
    tender: str = Field(primary_key=True, sa_type=Text)
    currency: str = Field(primary_key=True, sa_type=Text)


class MonthKioskTable(Sums, Schema, table=True):
    """By month (yyyymm), kiosk and tender."""

    __tablename__ = "month_kiosk"
    __table_args__ = SIGNED
    month: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    kiosk_no: int = Field(primary_key=True, sa_type=Int)
    tender: str = Field(primary_key=True, sa_type=Text)
    currency: str = Field(primary_key=True, sa_type=Text)


class PeriodTable(Schema, table=True):
    """One row: all days up to this one are closed. Who imports shares it, who closes holds it alone."""

    __tablename__ = "period"
    __table_args__ = LOGGED
    one: int = Field(primary_key=True, sa_type=Small, sa_column_kwargs={"autoincrement": False})
    closed_through: int = Field(sa_type=Int)


class CloseTable(Schema, table=True):
    """A day (yyyymmdd) or month (yyyymm) that was closed. `sha256`: of its summary rows then; they are the same for ever."""

    __tablename__ = "close"
    __table_args__ = LOGGED
    period: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    closed_ms: int = Field(sa_type=Big)
    sha256: str = Field(sa_type=Text)


# ---------------------------------------------------------------- what has to wait, and what has to be looked at


class ParkedTable(Schema, table=True):
    """A true batch that came before one that is missing. It is taken when the gap closes."""

    __tablename__ = "parked"
    __table_args__ = free("its batch is checked when it is taken")
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_type=Big)
    hash: str = Field(primary_key=True, sa_type=Text)
    came_ms: int = Field(sa_type=Big)
    raw: bytes = Field(sa_type=LargeBinary)


class QuarantineTable(Schema, table=True):
    """A file that was not imported, as it came. `why`: tamper | fork; `kiosk` and `seq` as it says, which may be a lie."""

    __tablename__ = "quarantine"
    __table_args__ = free("nobody believes it")
    sha256: str = Field(primary_key=True, sa_type=Text)
    kiosk: str = Field(sa_type=Text)
    seq: int = Field(sa_type=Big)
    why: str = Field(sa_type=Text)
    sentence: str = Field(sa_type=Text)
    came_ms: int = Field(sa_type=Big)
    raw: bytes = Field(sa_type=LargeBinary)


class WorkTable(Schema, table=True):
    """The worklist: what somebody has to look at. `seq` is a journal row for a rule, a batch for a fork or a tampered file.

    `done_by` is empty until somebody has.
    """

    __tablename__ = "work"
    __table_args__ = LOGGED
    kiosk: str = Field(primary_key=True, sa_type=Text)
    what: str = Field(primary_key=True, sa_type=Text)
    seq: int = Field(primary_key=True, sa_type=Big)
    sentence: str = Field(sa_type=Text)
    came_ms: int = Field(sa_type=Big)
    done_ms: int | None = Field(default=None, sa_type=Big)
    done_by: str = Field(default="", sa_type=Text)


# ---------------------------------------------------------------- for statements


def table(of: type[Schema]) -> Table:
    """The table of a class, with its columns in `.c`."""
    return Schema.metadata.tables[str(of.__tablename__)]


UTILITY, KIOSK, HEAD, KIND = table(UtilityTable), table(KioskTable), table(HeadTable), table(KindTable)
BATCH, ORIGINAL, FACT, SALE = table(BatchTable), table(OriginalTable), table(FactTable), table(SaleTable)
DAY_KIOSK, DAY_HOUR, MONTH_KIOSK = table(DayKioskTable), table(DayHourTable), table(MonthKioskTable)
PERIOD, CLOSE = table(PeriodTable), table(CloseTable)
PARKED, QUARANTINE, WORK = table(ParkedTable), table(QuarantineTable), table(WorkTable)
